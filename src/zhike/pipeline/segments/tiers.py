"""Tiers that are set, beside those into which the money of the published day falls by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput
from zhike.kernel.terms import PartyKind
from zhike.pipeline.catalogue import Opened, opened
from zhike.pipeline.project import Project
from zhike.segments.discovery.learned_tiers import Tier, TierComparison, compare_tiers
from zhike.warehouse.contracts import Kind

Row = dict[str, Any]
TIER_PARAMETER = re.compile(r"^tier_[a-z0-9_]+_amount$")
USUAL_FIELD = "aum_mavg_amount"


def compare(
    project: Project, *, field: str = USUAL_FIELD, thresholds: Sequence[float] = (), n_tiers: int | None = None,
    subjects: Sequence[PartyKind] = (PartyKind.PERSON, PartyKind.SOLE_TRADER),
) -> Row:  # fmt: skip
    """Return the tiers that are set beside learned ones, with figures by which people can judge.

    Parameters
    ----------
    field : an amount of the profile.
    thresholds : ascending; those of the parameters ``tier_…_amount`` when left out.

    Raises
    ------
    BadInput : the field is no amount, or there are no thresholds.
    NotEstimable : there are too few customers.
    """
    with opened(project) as o:
        _check_amount(o, field)
        limits = sorted(thresholds) or sorted(
            float(v) for k, v in o.compiled.definitions.parameters.items() if TIER_PARAMETER.match(k)
        )
        if not limits:
            raise BadInput(
                "segment.no_tiers", zh="没有给出分层门槛", en="no thresholds of tiers are given",
                todo_zh="用 --thresholds 给出，或在 parameters.yaml 中写 tier_…_amount", todo_en="give --thresholds, or write tier_…_amount into parameters.yaml",
            )  # fmt: skip
        profile, earlier = o.tables["profile"], field.replace("_amount", "_1m_ago_amount")
        has_earlier = earlier in profile.columns
        mine = profile.filter(profile.party_kind.isin([s.value for s in subjects]) & profile[field].notnull())
        before = (
            mine[earlier].cast("float64")
            if has_earlier
            else mine[field].cast("float64").nullif(mine[field].cast("float64"))
        )
        rows = o.tables.engine.fetch(mine.select(amount=mine[field].cast("float64"), before=before))
    amounts = rows["amount"].to_numpy().astype(np.float64)
    then = rows["before"].to_numpy(zero_copy_only=False).astype(np.float64)
    found = compare_tiers(amounts, limits, before=then, n_tiers=n_tiers)
    return _told(found, o, field)


def _check_amount(o: Opened, field: str) -> None:
    contract = o.compiled.contracts["profile"]
    amounts = [c.name for c in contract.columns if c.kind is Kind.AMOUNT]
    if field not in amounts:
        near = suggest(field, amounts)
        raise BadInput(
            "segment.not_an_amount", zh=f"{field} 不是画像中的金额", en=f"{field} is no amount of the profile",
            todo_zh=f"是否要写 {near}？" if near else "见 docs/reference/features.md", todo_en=f"did you mean {near}?" if near else "see docs/reference/features.md",
        )  # fmt: skip


def _told(found: TierComparison, o: Opened, field: str) -> Row:
    return {
        "as_of": o.manifest.as_of.isoformat(), "field": field, "n_customers": sum(t.n for t in found.set_),
        "fit_set": round(found.fit_set, 4), "fit_learned": round(found.fit_learned, 4), "agreement": round(found.agreement, 4),
        "moved_set": None if found.moved_set is None else round(found.moved_set, 4),
        "moved_learned": None if found.moved_learned is None else round(found.moved_learned, 4),
        "set": [_row(t) for t in found.set_], "learned": [_row(t) for t in found.learned], "table": [list(row) for row in found.table],
    }  # fmt: skip


def _row(tier: Tier) -> Row:
    told: Row = {
        "from": round(tier.from_amount, 2),
        "customers": tier.n,
        "share": round(tier.share_rate, 4),
        "money_share": round(tier.amount_share_rate, 4),
    }
    if tier.low is not None and tier.high is not None:
        told |= {"low": round(tier.low, 2), "high": round(tier.high, 2)}
    return told


def rows_of(told: Row) -> list[Row]:
    """Return the comparison as rows to be printed, lowest tier first."""
    set_, learned = told["set"], told["learned"]
    found = []
    for i in range(max(len(set_), len(learned))):
        a, b = (side[i] if i < len(side) else {} for side in (set_, learned))
        found.append({
            "tier": i + 1, "set_from": a.get("from"), "set_customers": a.get("customers"), "set_money_share": a.get("money_share"),
            "learned_from": b.get("from"), "between": f"{b['low']:,.0f} – {b['high']:,.0f}" if "low" in b else None,
            "learned_customers": b.get("customers"), "learned_money_share": b.get("money_share"),
        })  # fmt: skip
    return found


__all__ = ["compare", "rows_of"]

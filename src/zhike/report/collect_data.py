"""Sections about data: what came in, reconciliation, tiers, segments, seconds per step."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ibis.expr.types as ir

from zhike.identity.anonymous import Left
from zhike.kernel.terms import Text
from zhike.report.inputs import ReportSource, has_table, rows_of, tell
from zhike.report.terms import (
    Absent,
    AnonymousEvents,
    CheckRow,
    LoadRow,
    QualityAlert,
    QualitySection,
    QuarantineRow,
    ReconciliationSection,
    StepRow,
    StepSection,
    TierRow,
    TierSection,
    Unit,
)

LEFT = tuple(w.value for w in (Left.NOBODY_IDENTIFIED, Left.SEVERAL_PEOPLE, Left.NO_KEY, Left.PLACEHOLDER))
TIER_TAG = "customer_tier"
TIER_SEGMENT = "value_tiers"


def collect_quality(source: ReportSource) -> QualitySection | Absent:
    """Return counts per table, reasons of quarantine and quality alerts of the day of planning."""
    tables = source.planned
    if not has_table(tables, "load_count", "quarantine", "quality_result"):
        return Absent(tell("absent_no_sources"))
    counts = (
        tables["load_count"]
        .group_by("table_name")
        .aggregate(
            n_files=lambda t: t.count().cast("int64"),
            n_read=lambda t: t.n_read.sum().cast("int64"),
            n_loaded=lambda t: t.n_loaded.sum().cast("int64"),
            n_quarantined=lambda t: t.n_quarantined.sum().cast("int64"),
        )
    )
    loads = sorted(rows_of(counts), key=lambda r: (-r["n_loaded"], r["table_name"]))
    if not loads:
        return Absent(tell("absent_no_sources"))
    held = rows_of(
        tables["quarantine"]
        .group_by("table_name", "rule", "column_name")
        .aggregate(n_rows=lambda t: t.count().cast("int64"))
    )
    held.sort(key=lambda r: (-r["n_rows"], r["table_name"], r["rule"], r["column_name"]))
    alerts = rows_of(
        tables["quality_result"].filter(lambda t: t.is_alert).order_by("table_name", "column_name", "dimension")
    )
    return QualitySection(
        tuple(
            LoadRow(r["table_name"], _table_name(source, r["table_name"]), r["n_files"], r["n_read"], r["n_loaded"], r["n_quarantined"])
            for r in loads
        ),
        tuple(QuarantineRow(r["table_name"], r["rule"], r["column_name"], r["n_rows"]) for r in held),
        tuple(QualityAlert(r["table_name"], r["column_name"], r["dimension"], r["value"] or 0.0) for r in alerts),
        source.planned_on,
        _anonymous(source),
    )  # fmt: skip


def _anonymous(source: ReportSource) -> AnonymousEvents | None:
    """Return how many events without a user are somebody's and how many nobody's; None where there are none."""
    if not has_table(source.planned, "event_party"):
        return None
    events = source.planned["event_party"]
    found = rows_of(events.group_by(why=events.left_because).aggregate(n=events.count().cast("int64")))
    left = {r["why"]: int(r["n"]) for r in found if r["why"] in LEFT}
    n_attributed = sum(int(r["n"]) for r in found if r["why"] is None)
    return AnonymousEvents(n_attributed, {w: left[w] for w in LEFT if w in left}) if n_attributed or left else None


def _table_name(source: ReportSource, table: str) -> Text:
    contract: Any = source.planned.contracts.get(table)
    return Text(table, table) if contract is None else Text(contract.zh, contract.en)


UNITS = {"amount": Unit.AMOUNT, "count": Unit.COUNT, "days": Unit.COUNT}


def collect_reconciliation(source: ReportSource) -> ReconciliationSection | Absent:
    """Return each check with its latest day: totals compared, beyond tolerance, sums, largest difference."""
    if not has_table(source.planned, "reconciliation"):
        return Absent(tell("absent_no_reconciliation"))
    table = source.planned["reconciliation"]
    last = table.group_by("check_key").aggregate(on=lambda t: t.on.max())
    latest = table.semi_join(last, ["check_key", "on"])
    found = rows_of(
        latest.group_by("check_key", "on", "unit")
        .aggregate(
            n=lambda t: t.count().cast("int64"),
            n_red=lambda t: t.is_red.ifelse(1, 0).sum().cast("int64"),
            ours=lambda t: t.ours_amount.sum(),
            theirs=lambda t: t.theirs_amount.sum(),
            highest=lambda t: t.difference_amount.max(),
            lowest=lambda t: t.difference_amount.min(),
        )
        .order_by("check_key", "unit")
    )
    if not found:
        return Absent(tell("absent_no_reconciliation"))
    return ReconciliationSection(
        tuple(
            CheckRow(
                r["check_key"], tell(f"check_{r['check_key']}") if _is_known(f"check_{r['check_key']}") else Text(r["check_key"], r["check_key"]),
                r["on"], r["n"], r["n_red"], UNITS[r["unit"]], _amount(r["ours"]), _amount(r["theirs"]),
                max((_amount(r["highest"]), _amount(r["lowest"])), key=abs),
            )
            for r in found
        ),
        source.planned_on,
    )  # fmt: skip


def _is_known(word: str) -> bool:
    from zhike.report.speech import read_words

    return word in read_words()


def _amount(value: Decimal | None) -> Decimal:
    return Decimal(0) if value is None else value


def _tiers_now(source: ReportSource) -> ir.Table | None:
    """Return customer_id and tier: by the tag of value tiers, else by the segment of that name."""
    if has_table(source.planned, "tag_value"):
        tags = source.planned.part("tag_value", TIER_TAG)
        found = tags.filter(lambda t: t.to_on.isnull() & t.value_text.notnull()).select(
            "customer_id", tier="value_text"
        )
        if found.count().to_pyarrow().as_py():
            return found
    if has_table(source.planned, "segment_member"):
        members = source.planned.part("segment_member", TIER_SEGMENT)
        return members.filter(lambda t: t.to_on.isnull() & t.bucket.notnull()).select("customer_id", tier="bucket")
    return None


def collect_tiers(source: ReportSource) -> TierSection | Absent:
    """Return customers and their AUM at the close of the day by value tier, richest tier (by mean) first."""
    tiers = _tiers_now(source)
    if tiers is None or not has_table(source.planned, "profile"):
        return Absent(tell("absent_no_tiers"))
    profile = source.planned["profile"]
    if "aum_point_amount" not in profile.columns:
        return Absent(tell("absent_no_tiers"))
    joined = tiers.inner_join(profile.select("customer_id", "aum_point_amount"), "customer_id")
    found = rows_of(
        joined.group_by("tier").aggregate(n=lambda t: t.count().cast("int64"), aum=lambda t: t.aum_point_amount.sum())
    )
    if not found:
        return Absent(tell("absent_no_tiers"))
    found.sort(key=lambda r: -float(_amount(r["aum"])) / r["n"])
    return TierSection(
        tuple(TierRow(r["tier"], _tier_name(source, r["tier"]), r["n"], _amount(r["aum"])) for r in found),
        tell("tiers_meaning"),
        source.planned_on,
    )


def _tier_name(source: ReportSource, tier: str) -> Text:
    """Return the name of a tier from the definition of the tag or segment, its code when there is none."""
    bodies = [d.body for kind, key in (("tag", TIER_TAG), ("segment", TIER_SEGMENT)) for d in source.definitions.of_kind(kind) if d.key == key]  # fmt: skip
    for body in bodies:
        for entry in _entries(body):
            if str(entry.get("key", entry.get("value", ""))) == tier and "zh" in entry:
                return Text(str(entry["zh"]), str(entry.get("en", tier)))
    return Text(tier, tier)


def _entries(value: Any) -> list[dict[str, Any]]:
    """Return every mapping inside a definition that could name a value; a mapping's own key becomes ``key``."""
    found: list[dict[str, Any]] = []
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict):
                found.append({"key": name, **inner})
            found += _entries(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            if isinstance(inner, dict):
                found.append(inner)
            found += _entries(inner)
    return found


def collect_steps(source: ReportSource) -> StepSection | Absent:
    """Return what every step of every run took, slowest first; a step run twice is shown twice."""
    steps = [
        StepRow(s["key"], s["state"], float(s.get("seconds", 0.0)), sum(int(n) for n in s.get("rows", {}).values()))
        for run in source.runs
        for s in run.get("steps", ())
    ]
    if not steps:
        return Absent(tell("absent_no_steps"))
    peaks = [int(run["peak_memory_mb"]) for run in source.runs if run.get("peak_memory_mb")]
    return StepSection(
        tuple(sorted(steps, key=lambda s: -s.seconds)), sum(float(run.get("seconds", 0.0)) for run in source.runs), max(peaks, default=None)
    )  # fmt: skip


__all__ = ["collect_quality", "collect_reconciliation", "collect_steps", "collect_tiers"]

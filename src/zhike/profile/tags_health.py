"""How tags stand: coverage, spread of values, who gained and lost them since the last run, how far they have shifted.

All tags are measured in one pass over ``tag_value`` when the last of them is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.kernel.errors import NotEstimable
from zhike.profile.tables import TAG_HEALTH
from zhike.profile.tags import Tag
from zhike.statistics.stability import stability_index

NO_VALUE = ""
SHOWN_VALUES = 50  # more values than this are no classes: their shares say nothing


@dataclass(frozen=True, slots=True)
class _Spread:
    """Customers that hold a tag, by value ("" without a text), and how many it is for."""

    by_value: Mapping[str, float]
    n_subjects: int

    @property
    def n_tagged(self) -> float:
        return sum(self.by_value.values())

    def shares(self) -> dict[str, float]:
        """Return the share of each value among those tagged; of none where values are no classes."""
        if not self.n_tagged or len(self.by_value) > SHOWN_VALUES or set(self.by_value) == {NO_VALUE}:
            return {}
        return {v: round(n / self.n_tagged, 6) for v, n in sorted(self.by_value.items())}

    def psi_from(self, before: _Spread) -> float | None:
        """Return the PSI over the values and "not tagged" against ``before``; None when nothing can be compared."""
        values = sorted(self.by_value.keys() | before.by_value.keys())
        counts = [[*(s.by_value.get(v, 0) for v in values), s.n_subjects - s.n_tagged] for s in (before, self)]
        try:
            return stability_index(counts[0], counts[1])
        except NotEstimable:
            return None


def _spread_of(row: Mapping[str, Any]) -> _Spread:
    """Return the spread that a row of ``tag_health`` tells of."""
    shares = json.loads(row["value_shares"] or "{}")
    by_value = {v: s * row["n_tagged"] for v, s in shares.items()} or {NO_VALUE: row["n_tagged"]}
    return _Spread(by_value, row["n_subjects"])


def _rows(table: ir.Table) -> list[dict[str, Any]]:
    return list(table.to_pyarrow().to_pylist())


def count_values(tag_value: ir.Table, as_of: date) -> ir.Table:
    """Return, per tag and value: customers that hold it, intervals that began today or ended by today, the latest start."""
    is_open = tag_value.to_on.isnull()
    is_new = is_open & (tag_value.from_on == ibis.literal(as_of))
    is_gone = (tag_value.to_on == ibis.literal(as_of - timedelta(days=1))).fill_null(False)  # noqa: FBT003 - a constant
    started = is_open.ifelse(tag_value.from_on, ibis.null("date"))
    return tag_value.group_by("tag", value=tag_value.value_text.fill_null(NO_VALUE)).aggregate(
        n_open=is_open.ifelse(1, 0).sum().cast("int64"),
        n_new=is_new.ifelse(1, 0).sum().cast("int64"),
        n_gone=is_gone.ifelse(1, 0).sum().cast("int64"),
        last_on=started.max(),
    )


def count_changed(tag_value: ir.Table, as_of: date) -> ir.Table:
    """Return, per tag, the customers whose value changed today: one interval ended and another began."""
    gone = tag_value.filter(tag_value.to_on == ibis.literal(as_of - timedelta(days=1))).select("customer_id", "tag")
    begun = tag_value.filter(tag_value.from_on == ibis.literal(as_of)).select("customer_id", "tag")
    both = gone.semi_join(begun, ["customer_id", "tag"])
    return both.group_by("tag").aggregate(n_changed=both.count().cast("int64"))


def _health(tag: Tag, counts: Sequence[Mapping[str, Any]], n_subjects: int, n_changed: int) -> dict[str, Any]:
    held = {c["value"]: c["n_open"] for c in counts if c["n_open"]}
    spread = _Spread(held, n_subjects)
    shares = spread.shares()
    return {
        "tag": tag.key,
        "n_subjects": n_subjects,
        "n_tagged": int(spread.n_tagged),
        "coverage_rate": spread.n_tagged / n_subjects if n_subjects else None,
        "n_values": len(held.keys() - {NO_VALUE}),
        "n_gained": sum(c["n_new"] for c in counts) - n_changed,
        "n_lost": sum(c["n_gone"] for c in counts) - n_changed,
        "n_changed": n_changed,
        "top_value_share_rate": max(shares.values(), default=None),
        "last_change_on": max((c["last_on"] for c in counts if c["last_on"]), default=None),
        "value_shares": json.dumps(shares, ensure_ascii=False) if shares else None,
    }


def measure_health(
    tags: Mapping[str, Tag], tag_value: ir.Table, profile: ir.Table, before: ir.Table, as_of: date
) -> list[dict[str, Any]]:
    """Return one row of ``tag_health`` per tag.

    Parameters
    ----------
    tag_value : the intervals of all tags as of the day.
    profile : one row per customer, for how many each tag is.
    before : ``tag_health`` of the last run of an earlier day; empty when there is none.
    """
    kinds = {r["party_kind"]: r["n"] for r in _rows(profile.group_by("party_kind").aggregate(n=profile.count()))}
    changed = {r["tag"]: r["n_changed"] for r in _rows(count_changed(tag_value, as_of))}
    earlier = {r["tag"]: r for r in _rows(before)}
    by_tag: dict[str, list[dict[str, Any]]] = {key: [] for key in tags}
    for row in _rows(count_values(tag_value, as_of)):
        if row["tag"] in by_tag:
            by_tag[row["tag"]].append(row)
    found = []
    for key, counts in by_tag.items():
        n_subjects = sum(kinds.get(k.value, 0) for k in tags[key].definition.subjects)
        row = _health(tags[key], counts, n_subjects, changed.get(key, 0))
        old = earlier.get(key)
        psi = _spread_of(row).psi_from(_spread_of(old)) if old else None
        found.append({**row, "measured_on": as_of, "shift_psi": psi})
    return found


def health_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows of ``tag_health`` as a table of its contract."""
    return pa.Table.from_pylist([dict(r) for r in rows], ibis.schema(TAG_HEALTH.schema()).to_pyarrow())


__all__ = ["count_changed", "count_values", "health_table", "measure_health"]

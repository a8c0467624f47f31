"""How a tag stands: coverage, spread of its values, who gained and lost it since the last run, how far it has shifted."""

from __future__ import annotations

import json
from collections.abc import Mapping
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

NO_VALUE, NOT_TAGGED = "", "~"
SHOWN_VALUES = 50  # more values than this are no classes: their shares say nothing


@dataclass(frozen=True, slots=True)
class Counts:
    """Customers that hold the tag by value ("" without a text), and how many it is for."""

    by_value: Mapping[str, int]
    n_subjects: int

    @property
    def n_tagged(self) -> int:
        """Customers that hold the tag."""
        return sum(self.by_value.values())

    def shares(self) -> dict[str, float]:
        """Return the share of each value among those tagged; of none where values are no classes."""
        if not self.n_tagged or len(self.by_value) > SHOWN_VALUES or set(self.by_value) == {NO_VALUE}:
            return {}
        return {v: round(n / self.n_tagged, 6) for v, n in sorted(self.by_value.items())}


def _by_value(rows: ir.Table, as_of: date) -> ir.Table:
    open_rows = rows.filter(rows.to_on.isnull())
    is_new = open_rows.from_on == ibis.literal(as_of)
    return open_rows.group_by(value=open_rows.value_text.fill_null(NO_VALUE)).aggregate(
        n=open_rows.count().cast("int64"),
        n_new=is_new.ifelse(1, 0).sum().cast("int64"),
        last_on=open_rows.from_on.max(),
    )


def _n_gone(rows: ir.Table, as_of: date) -> tuple[int, int]:
    """Return how many intervals ended by today, and of them how many customers still hold the tag, with another value."""
    gone = rows.filter(rows.to_on == ibis.literal(as_of - timedelta(days=1)))
    begun = rows.filter(rows.from_on == ibis.literal(as_of)).select(still="customer_id")
    changed = gone.semi_join(begun, gone.customer_id == begun.still)
    counts = gone.aggregate(n=gone.count()).cross_join(changed.aggregate(m=changed.count())).to_pyarrow().to_pylist()[0]
    return int(counts["n"]), int(counts["m"])


def _shift(now: Counts, before: Mapping[str, Any] | None) -> float | None:
    """PSI over "not tagged" and the values, against the last run; missing when there is nothing to compare with."""
    if before is None or not before["n_subjects"]:
        return None
    old_shares = json.loads(before["value_shares"] or "{}")
    new_shares = now.shares()
    old = {v: s * before["n_tagged"] for v, s in old_shares.items()} or {NO_VALUE: before["n_tagged"]}
    new = {v: s * now.n_tagged for v, s in new_shares.items()} or {NO_VALUE: now.n_tagged}
    values = sorted(old.keys() | new.keys())
    counts = [
        [*(side.get(v, 0) for v in values), n - tagged]
        for side, n, tagged in ((old, before["n_subjects"], before["n_tagged"]), (new, now.n_subjects, now.n_tagged))
    ]
    try:
        return stability_index(*counts)
    except NotEstimable:
        return None


def measure_health(
    tag: Tag, intervals: ir.Table, n_subjects: int, before: Mapping[str, Any] | None, as_of: date
) -> dict[str, Any]:
    """Return one row of ``tag_health``.

    Parameters
    ----------
    intervals : the tag's rows of ``tag_value`` as of the day.
    n_subjects : customers that the tag is for.
    before : the tag's row of the last run of an earlier day, when there is one.
    """
    rows = _by_value(intervals, as_of).to_pyarrow().to_pylist()
    counts = Counts({r["value"]: r["n"] for r in rows}, n_subjects)
    n_gone, n_changed = _n_gone(intervals, as_of)
    shares = counts.shares()
    return {
        "tag": tag.key,
        "measured_on": as_of,
        "n_subjects": n_subjects,
        "n_tagged": counts.n_tagged,
        "coverage_rate": counts.n_tagged / n_subjects if n_subjects else None,
        "n_values": len(set(counts.by_value) - {NO_VALUE}),
        "n_gained": sum(r["n_new"] for r in rows) - n_changed,
        "n_lost": n_gone - n_changed,
        "n_changed": n_changed,
        "top_value_share_rate": max(shares.values(), default=None),
        "last_change_on": max((r["last_on"] for r in rows), default=None),
        "value_shares": json.dumps(shares, ensure_ascii=False) if shares else None,
        "shift_psi": _shift(counts, before),
    }


def health_rows(row: Mapping[str, Any]) -> pa.Table:
    """Return a row of ``tag_health`` as a table of its contract."""
    return pa.Table.from_pylist([dict(row)], ibis.schema(TAG_HEALTH.schema()).to_pyarrow())


__all__ = ["Counts", "health_rows", "measure_health"]

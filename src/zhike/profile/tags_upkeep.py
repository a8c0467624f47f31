"""Intervals of tags: what holds today is laid over what held at the last run of an earlier day.

``from_on`` and ``to_on`` both belong to the interval; ``to_on`` is missing while it holds, and is the day before the run
that found it gone. A change of a value begins a new interval, unless that part is only ``refreshed``.
"""

from __future__ import annotations

import operator
from datetime import date, timedelta
from functools import reduce
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.profile.tags import PARTS, Tag
from zhike.profile.tags_values import ENDED, HOLDS, PART_COLUMNS

HISTORY_DAYS = 1100  # closed intervals are kept this long: three years and a bit
VALUES = tuple(PART_COLUMNS.values())
COLUMNS = ("customer_id", "tag", *VALUES, "from_on", "to_on", "met_on", "definition_hash")
_DAY = "date"


def _same(now: ir.Table, tag: Tag) -> Any:
    """Whether every part that is tracked has kept its value; missing equals missing."""
    tracked = [PART_COLUMNS[p] for p in PARTS if p in tag.parts or (p.value == "text" and tag.cases)]
    tracked = [c for c in tracked if c not in {PART_COLUMNS[p] for p in PARTS if p.value in tag.definition.refreshed}]
    kept = [now[c].identical_to(now[f"before_{c}"]) for c in tracked]
    return reduce(operator.and_, kept, now.before_from_on.notnull())


def _open_before(previous: ir.Table) -> ir.Table:
    rows = previous.filter(previous.to_on.isnull())
    return rows.select(
        before_id=rows.customer_id,
        **{f"before_{c}": rows[c] for c in (*VALUES, "from_on", "met_on", "definition_hash")},
    )


def _shaped(rows: ir.Table, tag: Tag, columns: dict[str, Any]) -> ir.Table:
    whole = {"customer_id": rows.customer_id, "tag": ibis.literal(tag.key), **columns}
    return rows.select(**{c: whole[c] for c in COLUMNS})


def _alive(joined: ir.Table, tag: Tag, as_of: date) -> Any:
    """Whether a tag that is no longer met lives on: it has a time to live, that is not over, and it was not ended."""
    if tag.definition.lives_days is None:
        return ibis.literal(False)  # noqa: FBT003 - a constant column
    last = ibis.literal(as_of - timedelta(days=tag.definition.lives_days))
    return joined.before_from_on.notnull() & (joined.before_met_on > last).fill_null(False) & ~joined[ENDED]  # noqa: FBT003 - a constant


def _begun(tag: Tag, current: ir.Table, as_of: date) -> ir.Table:
    """The intervals of a tag that has no past."""
    today, never = ibis.literal(as_of), ibis.null(_DAY)
    rows = current.filter(current[HOLDS] & ~current[ENDED])
    met_on = never if tag.definition.lives_days is None else today
    constants = {"from_on": today, "to_on": never, "met_on": met_on, "definition_hash": ibis.literal(tag.hash)}
    return _shaped(rows, tag, {**{c: rows[c] for c in VALUES}, **constants})


def keep_intervals(tag: Tag, current: ir.Table, previous: ir.Table | None, as_of: date) -> ir.Table:
    """Return the tag's intervals as of the day.

    Parameters
    ----------
    current : :func:`zhike.profile.tags_values.current_values`.
    previous : this tag's rows of ``tag_value`` as the last run of an earlier day published them; None at the first.

    Returns
    -------
    rows of ``tag_value``: the intervals that hold (at most one per customer), those that ended by today, and those that
    ended earlier, back to ``HISTORY_DAYS``.
    """
    if previous is None:
        return _begun(tag, current, as_of)
    today, lives = ibis.literal(as_of), tag.definition.lives_days
    before = _open_before(previous)
    both = current.left_join(before, current.customer_id == before.before_id)
    is_same, holds = _same(both, tag), both[HOLDS] & ~both[ENDED]
    alive = ~holds & _alive(both, tag, as_of)
    both = both.mutate(_keep=is_same, _now=holds, _alive=alive)
    stays = both.filter(both["_now"] | both["_alive"])
    open_rows = _shaped(
        stays, tag,
        {
            **{c: ibis.ifelse(stays["_now"], stays[c], stays[f"before_{c}"]) for c in VALUES},
            "from_on": ibis.ifelse(stays["_alive"] | stays["_keep"], stays.before_from_on, today),
            "to_on": ibis.null(_DAY),
            "met_on": ibis.null(_DAY) if lives is None else ibis.ifelse(stays["_now"], today, stays.before_met_on),
            "definition_hash": ibis.literal(tag.hash),
        },
    )  # fmt: skip
    kept = stays.filter(stays["_alive"] | stays["_keep"]).select(kept_id="customer_id")
    ended = before.anti_join(kept, before.before_id == kept.kept_id)
    closed = ended.select(
        customer_id="before_id",
        tag=ibis.literal(tag.key),
        **{c: ended[f"before_{c}"] for c in (*VALUES, "from_on")},
        to_on=ibis.literal(as_of - timedelta(days=1)),
        met_on=ended.before_met_on,
        definition_hash=ended.before_definition_hash,
    )
    horizon = ibis.literal(as_of - timedelta(days=HISTORY_DAYS))
    earlier = previous.filter(previous.to_on >= horizon).select(*COLUMNS)
    return ibis.union(open_rows, closed.select(*COLUMNS), earlier)


__all__ = ["COLUMNS", "HISTORY_DAYS", "keep_intervals"]

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

from zhike.profile.tags_values import FIXED, HOLDS, PART_COLUMNS, TRACKED

HISTORY_DAYS = 1100  # closed intervals are kept this long: three years and a bit
VALUES = tuple(PART_COLUMNS.values())
COLUMNS = ("customer_id", "tag", *VALUES, "from_on", "to_on", "met_on", "definition_hash")
_DAY = "date"
_NO = False


def _same(both: ir.Table) -> Any:
    """Whether every part that is tracked has kept its value; missing equals missing."""
    kept = [both[c].identical_to(both[f"before_{c}"]) | ~both[TRACKED[part]] for part, c in PART_COLUMNS.items()]
    return reduce(operator.and_, kept, both.before_from_on.notnull())


def _open_before(previous: ir.Table) -> ir.Table:
    rows = previous.filter(previous.to_on.isnull())
    return rows.select(
        before_tag=rows.tag, before_id=rows.customer_id,
        **{f"before_{c}": rows[c] for c in (*VALUES, "from_on", "met_on", "definition_hash")},
    )  # fmt: skip


def _begun(current: ir.Table, as_of: date) -> ir.Table:
    """The intervals of tags that have no past."""
    today, never = ibis.literal(as_of), ibis.null(_DAY)
    rows = current.filter(current[HOLDS])
    return rows.select(
        "customer_id", "tag", *VALUES, from_on=today, to_on=never,
        met_on=ibis.ifelse(lives_of(rows), today, never), definition_hash=FIXED["definition_hash"],
    )  # fmt: skip


def keep_intervals(current: ir.Table, previous: ir.Table | None, as_of: date) -> ir.Table:
    """Return the intervals of some tags as of the day.

    Parameters
    ----------
    current : :func:`zhike.profile.tags_values.current_values` of these tags.
    previous : their rows of ``tag_value`` as the last run of an earlier day published them; None when there are none.

    Returns
    -------
    rows of ``tag_value``: the intervals that hold (at most one per tag and customer), those that ended by today, and those
    that ended earlier, back to ``HISTORY_DAYS``. A tag that is no longer met lives on when it has a time to live that is
    not over and it was not ended.
    """
    if previous is None:
        return _begun(current, as_of)
    today = ibis.literal(as_of)
    before = _open_before(previous)
    both = current.left_join(before, (current.tag == before.before_tag) & (current.customer_id == before.before_id))
    lives = both[FIXED["lives_days"]]
    lasts = (today.delta(both.before_met_on, unit="day").cast("int64") < lives).fill_null(_NO)
    alive = ~both[HOLDS] & both.before_from_on.notnull() & lasts
    both = both.mutate(_stays=alive | _same(both), _alive=alive)
    stays = both.filter(both[HOLDS] | both["_alive"])
    open_rows = stays.select(
        "customer_id", "tag",
        **{c: ibis.ifelse(stays[HOLDS], stays[c], stays[f"before_{c}"]) for c in VALUES},
        from_on=ibis.ifelse(stays["_stays"], stays.before_from_on, today),
        to_on=ibis.null(_DAY),
        met_on=ibis.ifelse(lives_of(stays), ibis.ifelse(stays[HOLDS], today, stays.before_met_on), ibis.null(_DAY)),
        definition_hash=FIXED["definition_hash"],
    )  # fmt: skip
    kept = stays.filter(stays["_stays"]).select(kept_tag="tag", kept_id="customer_id")
    ended = before.anti_join(kept, (before.before_tag == kept.kept_tag) & (before.before_id == kept.kept_id))
    closed = ended.select(
        customer_id="before_id",
        tag="before_tag",
        **{c: ended[f"before_{c}"] for c in (*VALUES, "from_on")},
        to_on=ibis.literal(as_of - timedelta(days=1)),
        met_on=ended.before_met_on,
        definition_hash=ended.before_definition_hash,
    )
    horizon = ibis.literal(as_of - timedelta(days=HISTORY_DAYS))
    earlier = previous.filter(previous.to_on >= horizon).select(*COLUMNS)
    return ibis.union(open_rows.select(*COLUMNS), closed.select(*COLUMNS), earlier)


def lives_of(rows: ir.Table) -> Any:
    """Return whether the tag of a row lives on for a while when it is no longer met."""
    return rows[FIXED["lives_days"]].notnull()


__all__ = ["COLUMNS", "HISTORY_DAYS", "keep_intervals"]

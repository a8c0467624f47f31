"""Who belongs to which segment today, laid over who belonged at the last run of an earlier day; and what changed.

``from_on`` and ``to_on`` both belong to an interval; ``to_on`` is missing while it holds, and is the day before the run that
found it gone. Moving to another bucket ends one interval and begins another.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import reduce

import ibis
import ibis.expr.types as ir

from zhike.profile.observation import unkept
from zhike.rules import Bound, RuleScope, bind
from zhike.segments.definition import Segment

HISTORY_DAYS = 1100  # closed intervals are kept this long: three years and a bit
COLUMNS = ("segment", "customer_id", "bucket", "from_on", "to_on", "definition_hash")
ENTERED, LEFT, MOVED = "entered", "left", "moved"


def _is_subject(segment: Segment, table: ir.Table) -> ir.BooleanValue:
    return table.party_kind.isin(sorted(k.value for k in segment.definition.subjects))


def _belongs(segment: Segment, bound: Bound) -> dict[str, ir.Value]:
    """Return whether a customer belongs and, for a segment with buckets, to which."""
    tests = [_is_subject(segment, bound.table)]
    if segment.when is not None:
        tests.append(bound.flag(segment.when))
    columns: dict[str, ir.Value] = {}
    otherwise = segment.definition.otherwise
    if segment.buckets:
        flags = [(bound.flag(rule), key) for key, rule in segment.buckets]
        columns["bucket"] = ibis.cases(*flags, else_=otherwise.key if otherwise else None).cast("string")
        if otherwise is None:
            tests.append(reduce(operator.or_, [flag for flag, _ in flags]))
    return {**columns, "belongs": reduce(operator.and_, tests)}


def current_members(
    segments: Sequence[Segment],
    profile: ir.Table,
    scope: RuleScope,
    *,
    keep: Callable[[ir.Table], ir.Table] = unkept,
) -> ir.Table:
    """Return segment, customer_id and bucket (missing without buckets) of those who belong on the day of ``scope``.

    Parameters
    ----------
    profile : one row per customer as of the day, with ``party_kind``; scanned once for all segments.
    keep : computes the wide table of all segments once (see ``profile.keeping``).
    """
    rules = [r for s in segments for r in (*([s.when] if s.when else []), *(rule for _, rule in s.buckets))]
    bound = bind(profile, list(dict.fromkeys(rules)), scope)
    columns = {f"{i}_{name}": v for i, s in enumerate(segments) for name, v in _belongs(s, bound).items()}
    wide = keep(bound.table.select("customer_id", **columns))
    each = []
    for i, segment in enumerate(segments):
        rows = wide.filter(wide[f"{i}_belongs"])
        bucket = rows[f"{i}_bucket"] if segment.buckets else ibis.null("string")
        each.append(
            rows.select(
                segment=ibis.literal(segment.key),
                customer_id="customer_id",
                bucket=bucket,
                _hash=ibis.literal(segment.hash),
            )
        )
    return each[0] if len(each) == 1 else ibis.union(*each)


def _open_before(previous: ir.Table) -> ir.Table:
    rows = previous.filter(previous.to_on.isnull())
    return rows.select(
        before_segment="segment", before_id="customer_id", before_bucket="bucket", before_from_on="from_on",
        before_hash="definition_hash",
    )  # fmt: skip


def _one_customer(current: ir.Table, before: ir.Table) -> list[ir.BooleanValue]:
    return [current.segment == before.before_segment, current.customer_id == before.before_id]


def keep_intervals(current: ir.Table, previous: ir.Table | None, as_of: date) -> ir.Table:
    """Return the intervals of some segments as of the day.

    Parameters
    ----------
    current : :func:`current_members` of these segments.
    previous : their rows of ``segment_member`` as the last run of an earlier day published them; None when there are none.

    Returns
    -------
    rows of ``segment_member``: those that hold (at most one per segment and customer), those that ended by today, and those
    that ended earlier, back to ``HISTORY_DAYS``.
    """
    today, never = ibis.literal(as_of), ibis.null("date")
    if previous is None:
        return current.select(
            "segment", "customer_id", "bucket", from_on=today, to_on=never, definition_hash=current["_hash"]
        )
    before = _open_before(previous)
    both = current.left_join(before, _one_customer(current, before))
    stays = both.before_id.notnull() & both.bucket.identical_to(both.before_bucket)
    holding = both.select(
        segment=both.segment, customer_id=both.customer_id, bucket=both.bucket,
        from_on=ibis.ifelse(stays, both.before_from_on, today), to_on=never, definition_hash=both["_hash"],
    )  # fmt: skip
    kept = both.filter(stays).select(kept_segment="segment", kept_id="customer_id")
    gone = before.anti_join(kept, [before.before_segment == kept.kept_segment, before.before_id == kept.kept_id])
    closed = gone.select(
        segment=gone.before_segment, customer_id=gone.before_id, bucket=gone.before_bucket,
        from_on=gone.before_from_on, to_on=ibis.literal(as_of - timedelta(days=1)), definition_hash=gone.before_hash,
    )  # fmt: skip
    horizon = ibis.literal(as_of - timedelta(days=HISTORY_DAYS))
    earlier = previous.filter(previous.to_on >= horizon).select(*COLUMNS)
    return ibis.union(holding.select(*COLUMNS), closed.select(*COLUMNS), earlier)


def find_changes(current: ir.Table, previous: ir.Table, as_of: date) -> ir.Table:
    """Return who entered, left or moved since the last run of an earlier day: rows of ``segment_change``.

    Parameters
    ----------
    current : segment, customer_id, bucket of members now, of segments that have a run before: the first run of a segment
        makes no changes, since nobody entered, they were always there.
    """
    before = _open_before(previous)
    both = current.outer_join(before, _one_customer(current, before))
    change = ibis.cases((both.before_id.isnull(), ENTERED), (both.customer_id.isnull(), LEFT), else_=MOVED)
    rows = both.select(
        segment=ibis.coalesce(both.segment, both.before_segment), customer_id=ibis.coalesce(both.customer_id, both.before_id),
        changed_on=ibis.literal(as_of), change=change, bucket_from=both.before_bucket, bucket_to=both.bucket,
    )  # fmt: skip
    return rows.filter((rows.change != MOVED) | ~rows.bucket_from.identical_to(rows.bucket_to))


__all__ = ["ENTERED", "HISTORY_DAYS", "LEFT", "MOVED", "current_members", "find_changes", "keep_intervals"]

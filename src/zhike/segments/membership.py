"""Who belongs to a segment today, laid over who belonged at the last run of an earlier day; and what changed.

``from_on`` and ``to_on`` both belong to an interval; ``to_on`` is missing while it holds, and is the day before the run that
found it gone. Moving to another bucket ends one interval and begins another.
"""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from zhike.rules import RuleScope
from zhike.rules.batch import bind
from zhike.segments.definition import Segment

HISTORY_DAYS = 1100  # closed intervals are kept this long: three years and a bit
COLUMNS = ("segment", "customer_id", "bucket", "from_on", "to_on", "definition_hash")
ENTERED, LEFT, MOVED = "entered", "left", "moved"


def subjects_of(segment: Segment, profile: ir.Table) -> ir.Table:
    """Return the customers that a segment is for."""
    kinds = [k.value for k in segment.definition.subjects]
    return profile.filter(profile.party_kind.isin(kinds))


def current_members(segment: Segment, profile: ir.Table, scope: RuleScope) -> ir.Table:
    """Return customer_id and bucket (missing for a segment without buckets) of those who belong on the day of ``scope``.

    Parameters
    ----------
    profile : one row per customer as of the day, with ``party_kind``.
    """
    rules = [*([segment.when] if segment.when else []), *(rule for _, rule in segment.buckets)]
    bound = bind(subjects_of(segment, profile), rules, scope)
    table = bound.table
    otherwise = segment.definition.otherwise
    rest = otherwise.key if otherwise else None
    bucket: ir.Value = ibis.null("string")
    if segment.buckets:
        bucket = ibis.cases(*((bound.flag(rule), key) for key, rule in segment.buckets), else_=rest).cast("string")
    belongs = table.mutate(_bucket=bucket)
    if segment.when is not None:
        belongs = belongs.filter(bound.flag(segment.when))
    if segment.buckets and rest is None:
        belongs = belongs.filter(belongs["_bucket"].notnull())
    return belongs.select("customer_id", bucket=belongs["_bucket"])


def _open_before(previous: ir.Table) -> ir.Table:
    rows = previous.filter(previous.to_on.isnull())
    return rows.select(
        before_id="customer_id", before_bucket="bucket", before_from_on="from_on", before_hash="definition_hash"
    )


def keep_intervals(segment: Segment, current: ir.Table, previous: ir.Table, as_of: date) -> ir.Table:
    """Return the segment's intervals as of the day.

    Parameters
    ----------
    current : :func:`current_members`.
    previous : this segment's rows of ``segment_member`` as the last run of an earlier day published them; may be empty.

    Returns
    -------
    rows of ``segment_member``: those that hold (at most one per customer), those that ended by today, and those that ended
    earlier, back to ``HISTORY_DAYS``.
    """
    before = _open_before(previous)
    both = current.left_join(before, current.customer_id == before.before_id)
    stays = both.before_id.notnull() & both.bucket.identical_to(both.before_bucket)
    holding = both.select(
        segment=ibis.literal(segment.key), customer_id=both.customer_id, bucket=both.bucket,
        from_on=ibis.ifelse(stays, both.before_from_on, ibis.literal(as_of)), to_on=ibis.null("date"),
        definition_hash=ibis.literal(segment.hash),
    )  # fmt: skip
    kept = both.filter(stays).select(kept_id="customer_id")
    gone = before.anti_join(kept, before.before_id == kept.kept_id)
    closed = gone.select(
        segment=ibis.literal(segment.key), customer_id=gone.before_id, bucket=gone.before_bucket,
        from_on=gone.before_from_on, to_on=ibis.literal(as_of - timedelta(days=1)), definition_hash=gone.before_hash,
    )  # fmt: skip
    horizon = ibis.literal(as_of - timedelta(days=HISTORY_DAYS))
    earlier = previous.filter(previous.to_on >= horizon).select(*COLUMNS)
    return ibis.union(holding.select(*COLUMNS), closed.select(*COLUMNS), earlier)


def find_changes(segment: Segment, current: ir.Table, previous: ir.Table, as_of: date) -> ir.Table:
    """Return who entered, left or moved since the last run of an earlier day: rows of ``segment_change``.

    The first run of a segment makes no changes: nobody entered, they were always there. Whoever calls must not ask then.
    """
    before = _open_before(previous)
    both = current.outer_join(before, current.customer_id == before.before_id)
    change = ibis.cases((both.before_id.isnull(), ENTERED), (both.customer_id.isnull(), LEFT), else_=MOVED)
    rows = both.select(
        segment=ibis.literal(segment.key), customer_id=ibis.coalesce(both.customer_id, both.before_id),
        changed_on=ibis.literal(as_of), change=change, bucket_from=both.before_bucket, bucket_to=both.bucket,
    )  # fmt: skip
    return rows.filter((rows.change != MOVED) | ~rows.bucket_from.identical_to(rows.bucket_to))


__all__ = [
    "ENTERED",
    "HISTORY_DAYS",
    "LEFT",
    "MOVED",
    "current_members",
    "find_changes",
    "keep_intervals",
    "subjects_of",
]

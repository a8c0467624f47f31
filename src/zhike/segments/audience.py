"""Audiences: who matches a rule now, without those whom a pinned segment takes out; how many, and how far two overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from zhike.kernel.errors import NotEstimable
from zhike.rules import Rule, RuleScope, holding_on, matching
from zhike.segments.definition import Segment


def pinned(segments: Mapping[str, Segment]) -> tuple[str, ...]:
    """Return the keys of the segments that are taken out of every audience, in order."""
    return tuple(sorted(k for k, s in segments.items() if s.definition.is_pinned))


def build_audience(
    rule: Rule, profile: ir.Table, scope: RuleScope, *, segments: Mapping[str, Segment], exclude: Sequence[str] = ()
) -> ir.Table:
    """Return the customer_id of those who match ``rule`` and are in no pinned segment and in none of ``exclude``.

    There is no argument that lets a pinned segment in.

    Parameters
    ----------
    scope : must hold ``segment_member``; its day says who is a member.
    """
    if scope.segment_member is None:
        raise ValueError("an audience needs scope.segment_member, to take out the pinned segments")
    members = holding_on(scope.segment_member, scope.as_of)
    out = members.filter(members.segment.isin((*pinned(segments), *exclude))).select(out_id="customer_id").distinct()
    matched = matching(rule, profile, scope)
    return matched.anti_join(out, matched.customer_id == out.out_id)


def count(audience: ir.Table) -> int:
    """Return how many customers an audience or a membership has."""
    return int(audience.customer_id.nunique().to_pyarrow().as_py())


@dataclass(frozen=True, slots=True)
class Overlap:
    """How far two segments share members; ``jaccard_rate`` is shared over either."""

    left: str
    right: str
    n_left: int
    n_right: int
    n_both: int

    @property
    def jaccard_rate(self) -> float:
        """Shared members over members of either, in [0, 1]; NotEstimable when both are empty."""
        either = self.n_left + self.n_right - self.n_both
        if not either:
            raise NotEstimable("segment.both_empty", zh="两个客群都为空", en="both segments are empty")
        return self.n_both / either


def overlap(members: ir.Table, keys: Iterable[str], *, scope: RuleScope) -> tuple[Overlap, ...]:
    """Return the overlap of each pair of the segments ``keys`` on the day of ``scope``, in order of the pairs.

    Parameters
    ----------
    members : ``segment_member`` with all of the segments.
    """
    wanted = list(dict.fromkeys(keys))
    held = (
        holding_on(members.filter(members.segment.isin(wanted)), scope.as_of)
        .select("segment", "customer_id")
        .distinct()
    )
    other = held.select(other="segment", other_id="customer_id")
    pairs = held.inner_join(other, held.customer_id == other.other_id)
    counted = pairs.group_by("segment", "other").aggregate(n=pairs.count().cast("int64"))
    found = {(r["segment"], r["other"]): r["n"] for r in counted.to_pyarrow().to_pylist()}
    return tuple(
        Overlap(a, b, found.get((a, a), 0), found.get((b, b), 0), found.get((a, b), 0))
        for i, a in enumerate(wanted)
        for b in wanted[i + 1 :]
    )


def bucket_sizes(members: ir.Table, segment: str, *, scope: RuleScope) -> dict[str, int]:
    """Return how many members each bucket of a segment has on the day; "" for a segment without buckets."""
    held = holding_on(members.filter(members.segment == segment), scope.as_of)
    counted = held.group_by(bucket=held.bucket.fill_null("")).aggregate(n=held.count().cast("int64"))
    return {r["bucket"]: r["n"] for r in counted.order_by(ibis.desc("n"), "bucket").to_pyarrow().to_pylist()}


__all__ = ["Overlap", "bucket_sizes", "build_audience", "count", "overlap", "pinned"]

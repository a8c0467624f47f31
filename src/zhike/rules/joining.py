"""Bringing leaves that look outside the subject table to one row per customer, and joining each table once.

All counts of events are one aggregation over one scan of the events that any rule wants.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import reduce
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from zhike.rules.scope import RuleScope, holding_on
from zhike.rules.terms import (
    Compare,
    CountEvents,
    EventPattern,
    Field,
    FollowedBy,
    HasTag,
    InSegment,
    Related,
    Rule,
    ScoreValue,
    TagPart,
    TagValue,
)
from zhike.rules.walking import Part, parts_of

TAG_COLUMNS: Mapping[TagPart, str] = {
    TagPart.TEXT: "value_text",
    TagPart.NUMBER: "value_number",
    TagPart.AMOUNT: "value_amount",
    TagPart.DAY: "value_on",
    TagPart.SINCE: "from_on",
}
Outside = TagValue | HasTag | ScoreValue | InSegment | CountEvents | FollowedBy | Related
Columns = dict[Part, tuple[str, ...]]
WhereMatches = Callable[[Rule, RuleScope], ir.Table]


def _needed(table: ir.Table | None, name: str) -> ir.Table:
    if table is None:
        raise ValueError(f"a rule needs scope.{name}")
    return table


def _leaves(parts: Sequence[Part]) -> tuple[Outside, ...]:
    """Return the leaves that look outside, each once, in order; those inside a relation's where are its own business."""
    found = dict.fromkeys(
        p for part in parts for p in parts_of(part, into_relations=False) if isinstance(p, Outside)
    )
    return tuple(found)


def _join(subject: ir.Table, side: ir.Table) -> ir.Table:
    """Left-join one row per customer; ``side`` names its key ``_key``."""
    return subject.left_join(side, subject["customer_id"] == side["_key"]).drop("_key")


def _join_tags(subject: ir.Table, leaves: Sequence[Outside], scope: RuleScope, columns: Columns) -> ir.Table:
    used = [leaf for leaf in leaves if isinstance(leaf, TagValue | HasTag)]
    for i, tag in enumerate(dict.fromkeys(leaf.tag for leaf in used)):
        rows = _needed(scope.tag_value, "tag_value")
        held = holding_on(rows.filter(rows.tag == tag), scope.as_of)
        wanted = {}
        for leaf in used:
            if leaf.tag == tag:
                source = TAG_COLUMNS[leaf.part] if isinstance(leaf, TagValue) else "from_on"
                wanted[f"_tag{i}_{source}"] = held[source]
                columns[leaf] = (f"_tag{i}_{source}",)
        subject = _join(subject, held.select(_key=held.customer_id, **wanted))
    return subject


def _join_segments(subject: ir.Table, leaves: Sequence[Outside], scope: RuleScope, columns: Columns) -> ir.Table:
    used = [leaf for leaf in leaves if isinstance(leaf, InSegment)]
    for i, segment in enumerate(dict.fromkeys(leaf.segment for leaf in used)):
        rows = _needed(scope.segment_member, "segment_member")
        held = holding_on(rows.filter(rows.segment == segment), scope.as_of)
        names = (f"_segment{i}_held", f"_segment{i}_bucket", f"_segment{i}_from")
        side = held.select(
            _key=held.customer_id, **dict(zip(names, (held.from_on, held.bucket, held.from_on), strict=True))
        )
        subject = _join(subject, side)
        columns.update({leaf: names for leaf in used if leaf.segment == segment})
    return subject


def _join_scores(subject: ir.Table, leaves: Sequence[Outside], scope: RuleScope, columns: Columns) -> ir.Table:
    used = [leaf for leaf in leaves if isinstance(leaf, ScoreValue)]
    for i, model in enumerate(dict.fromkeys(leaf.model for leaf in used)):
        rows = _needed(scope.score_value, "score_value")
        own = rows.filter(rows.model == model)
        wanted = {}
        for leaf in used:
            if leaf.model == model:
                wanted[f"_score{i}_{leaf.part}"] = own[leaf.part]
                columns[leaf] = (f"_score{i}_{leaf.part}",)
        subject = _join(subject, own.select(_key=own.customer_id, **wanted))
    return subject


# ---- events ----------------------------------------------------------------------------------------------------------


def _matches(event: ir.Table, pattern: EventPattern) -> Any:
    """Return the boolean column of the events that fit a pattern."""
    from zhike.rules.batch import Bound  # the comparisons of filters are those of rules

    tests = [event.event_kind.isin(pattern.kinds)]
    if pattern.filters:
        bound = Bound(event, RuleScope(_ANY_DAY), {})
        tests += [bound.flag(test) for test in pattern.filters]
    return reduce(operator.and_, tests)


def _recent(scope: RuleScope, n_days: int, kinds: Iterable[str]) -> ir.Table:
    event = _needed(scope.event, "event")
    after = ibis.literal(scope.as_of - timedelta(days=n_days))
    return event.filter(
        (event.on > after) & (event.on <= ibis.literal(scope.as_of)) & event.event_kind.isin(sorted(set(kinds)))
    )


def _join_counts(subject: ir.Table, leaves: Sequence[Outside], scope: RuleScope, columns: Columns) -> ir.Table:
    used = [leaf for leaf in leaves if isinstance(leaf, CountEvents)]
    if not used:
        return subject
    event = _recent(scope, max(u.within_days for u in used), (k for u in used for k in u.pattern.kinds))
    counts = {}
    for i, leaf in enumerate(used):
        after = ibis.literal(scope.as_of - timedelta(days=leaf.within_days))
        fits = _matches(event, leaf.pattern) & (event.on > after)
        number = event.on.nunique(where=fits) if leaf.per_day else fits.ifelse(1, 0).sum()
        counts[f"_events{i}"] = number.cast(dt.int64)
        columns[leaf] = (f"_events{i}",)
    return _join(subject, event.group_by(_key=event.customer_id).aggregate(**counts))


def _join_sequences(subject: ir.Table, leaves: Sequence[Outside], scope: RuleScope, columns: Columns) -> ir.Table:
    used = [leaf for leaf in leaves if isinstance(leaf, FollowedBy)]
    for i, leaf in enumerate(used):
        event = _recent(scope, leaf.in_last_days, (*leaf.first.kinds, *leaf.second.kinds))
        first = event.filter(_matches(event, leaf.first)).select("customer_id", "on", "at")
        second = event.filter(_matches(event, leaf.second)).select(
            second_customer_id="customer_id", second_on="on", second_at="at"
        )
        after = [
            first.customer_id == second.second_customer_id,
            second.second_at > first.at,
            second.second_on.delta(first.on, unit="day") <= leaf.within_days,
        ]
        followed = first.semi_join(second, after).select("customer_id").distinct()
        name = f"_sequence{i}"
        pairs = first.select("customer_id").distinct()
        marked = pairs.left_join(followed, pairs.customer_id == followed.customer_id)
        side = marked.select(_key=pairs.customer_id, **{name: marked["customer_id_right"].notnull()})
        subject = _join(subject, side)
        columns[leaf] = (name,)
    return subject


# ---- relations -------------------------------------------------------------------------------------------------------


def _join_relations(
    subject: ir.Table, leaves: Sequence[Outside], scope: RuleScope, columns: Columns, where_matches: WhereMatches
) -> ir.Table:
    for i, leaf in enumerate(leaf for leaf in leaves if isinstance(leaf, Related)):
        rows = _needed(scope.customer_relation, "customer_relation")
        own, other = ("to_customer_id", "from_customer_id") if leaf.is_inverse else ("from_customer_id", "to_customer_id")
        valid = holding_on(rows.filter(rows.kind == leaf.relation), scope.as_of, first="valid_from_on", last="valid_to_on")
        pairs = valid.select(_key=valid[own], _other=valid[other])
        if leaf.where is not None:
            matched = where_matches(leaf.where, scope)
            pairs = pairs.semi_join(matched, pairs["_other"] == matched["customer_id"])
        name = f"_related{i}"
        side = pairs.select("_key").distinct()
        subject = _join(subject, side.mutate(**{name: ibis.literal(True)}))  # noqa: FBT003 - a constant column
        columns[leaf] = (name,)
    return subject


def join_leaves(
    subject: ir.Table, parts: Sequence[Part], scope: RuleScope, *, where_matches: WhereMatches
) -> tuple[ir.Table, Columns]:
    """Return ``subject`` with the columns that its leaves need, and which columns belong to which leaf.

    Parameters
    ----------
    where_matches : gives the ``customer_id`` of all customers that match a relation's ``where``.
    """
    leaves, columns = _leaves(parts), Columns()
    for join in (_join_tags, _join_segments, _join_scores, _join_counts, _join_sequences):
        subject = join(subject, leaves, scope, columns)
    return _join_relations(subject, leaves, scope, columns, where_matches), columns


__all__ = ["TAG_COLUMNS", "WhereMatches", "join_leaves"]

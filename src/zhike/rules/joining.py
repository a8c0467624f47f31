"""Bringing leaves that look outside the subject table to one row per customer, and joining each table once.

All counts of events are one aggregation over one scan of the events that any rule wants.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import reduce
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from zhike.rules.meaning import event_days
from zhike.rules.scope import RuleScope, holding_on
from zhike.rules.terms import (
    Compare,
    Contactable,
    EventPattern,
    EventStat,
    EventValue,
    FollowedBy,
    HasTag,
    InSegment,
    OnList,
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
Outside = TagValue | HasTag | ScoreValue | InSegment | EventValue | OnList | FollowedBy | Related | Contactable
Columns = dict[Part, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the evaluator lends to joining: who matches a rule, and which events fit a filter."""

    matching: Callable[[Rule, RuleScope], ir.Table]
    flag: Callable[[ir.Table, Compare], Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """The leaves to be joined, where they look, who evaluates; ``columns`` is filled with the names given to each leaf."""

    leaves: tuple[Outside, ...]
    scope: RuleScope
    evaluation: Evaluation
    columns: Columns = field(default_factory=dict)

    def of(self, *kinds: type) -> list[Any]:
        """Return the leaves of these kinds, in order."""
        return [leaf for leaf in self.leaves if isinstance(leaf, kinds)]


def _needed(table: ir.Table | None, name: str) -> ir.Table:
    if table is None:
        raise ValueError(f"a rule needs scope.{name}")
    return table


def _leaves(parts: Sequence[Part]) -> tuple[Outside, ...]:
    """Return the leaves that look outside, each once, in order; those inside a relation's where are its own business."""
    found = dict.fromkeys(p for part in parts for p in parts_of(part, into_relations=False) if isinstance(p, Outside))
    return tuple(found)


def _join(subject: ir.Table, side: ir.Table) -> ir.Table:
    """Left-join one row per customer; ``side`` names its key ``_key``."""
    return subject.left_join(side, subject["customer_id"] == side["_key"]).drop("_key")


def _join_tags(subject: ir.Table, asked: Asked) -> ir.Table:
    used = asked.of(TagValue, HasTag)
    for i, tag in enumerate(dict.fromkeys(leaf.tag for leaf in used)):
        rows = _needed(asked.scope.tag_value, "tag_value")
        held = holding_on(rows.filter(rows.tag == tag), asked.scope.as_of)
        wanted = {}
        for leaf in used:
            if leaf.tag == tag:
                source = TAG_COLUMNS[leaf.part] if isinstance(leaf, TagValue) else "from_on"
                wanted[f"_tag{i}_{source}"] = held[source]
                asked.columns[leaf] = (f"_tag{i}_{source}",)
        subject = _join(subject, held.select(_key=held.customer_id, **wanted))
    return subject


def _join_segments(subject: ir.Table, asked: Asked) -> ir.Table:
    used = asked.of(InSegment)
    for i, segment in enumerate(dict.fromkeys(leaf.segment for leaf in used)):
        rows = _needed(asked.scope.segment_member, "segment_member")
        held = holding_on(rows.filter(rows.segment == segment), asked.scope.as_of)
        names = (f"_segment{i}_held", f"_segment{i}_bucket", f"_segment{i}_from")
        side = held.select(
            _key=held.customer_id, **dict(zip(names, (held.from_on, held.bucket, held.from_on), strict=True))
        )
        subject = _join(subject, side)
        asked.columns.update({leaf: names for leaf in used if leaf.segment == segment})
    return subject


def _join_scores(subject: ir.Table, asked: Asked) -> ir.Table:
    used = asked.of(ScoreValue)
    for i, model in enumerate(dict.fromkeys(leaf.model for leaf in used)):
        rows = _needed(asked.scope.score_value, "score_value")
        own = rows.filter(rows.model == model)
        wanted = {}
        for leaf in used:
            if leaf.model == model:
                wanted[f"_score{i}_{leaf.part}"] = own[leaf.part]
                asked.columns[leaf] = (f"_score{i}_{leaf.part}",)
        subject = _join(subject, own.select(_key=own.customer_id, **wanted))
    return subject


# ---- events ----------------------------------------------------------------------------------------------------------


def _matches(event: ir.Table, pattern: EventPattern, evaluation: Evaluation) -> Any:
    """Return the boolean column of the events that fit a pattern."""
    tests = [event.event_kind.isin(pattern.kinds), *(evaluation.flag(event, f) for f in pattern.filters)]
    return reduce(operator.and_, tests)


def _recent(scope: RuleScope, n_days: int, kinds: Iterable[str]) -> ir.Table:
    event = _needed(scope.event, "event")
    after = ibis.literal(scope.as_of - timedelta(days=n_days))
    return event.filter(
        (event.on > after) & (event.on <= ibis.literal(scope.as_of)) & event.event_kind.isin(sorted(set(kinds)))
    )


def _join_event_values(subject: ir.Table, asked: Asked) -> ir.Table:
    """Join all numbers about events, made in one aggregation."""
    used = asked.of(EventValue)
    if not used:
        return subject
    days = {leaf.window: event_days(leaf.window, asked.scope.as_of) for leaf in used}
    event, first = _needed(asked.scope.event, "event"), min(d for d, _ in days.values())
    kinds = sorted({k for u in used for k in u.pattern.kinds})
    last = ibis.literal(max(d for _, d in days.values()))
    event = event.filter((event.on >= ibis.literal(first)) & (event.on <= last) & event.event_kind.isin(kinds))
    values = {}
    for i, leaf in enumerate(used):
        begins, ends = days[leaf.window]
        fits = _matches(event, leaf.pattern, asked.evaluation)
        fits &= (event.on >= ibis.literal(begins)) & (event.on <= ibis.literal(ends))
        values[f"_events{i}"] = _of_events(leaf.stat, event, fits)
        asked.columns[leaf] = (f"_events{i}",)
    return _join(subject, event.group_by(_key=event.customer_id).aggregate(**values))


def _of_events(stat: EventStat, event: ir.Table, fits: Any) -> Any:
    """Return a number about the events that fit; sums are made of whole millionths, so that no order of adding changes them."""
    match stat:
        case EventStat.COUNT:
            return fits.ifelse(1, 0).sum().cast(dt.int64)
        case EventStat.DAYS:
            return event.on.nunique(where=fits).cast(dt.int64)
        case EventStat.DAYS_SINCE:
            return ibis.ifelse(fits, event.on, None).max()
        case EventStat.SUM:
            millionths = (event.value * MILLION).round().cast(dt.int64)
            return ibis.ifelse(fits, millionths, 0).sum().cast(dt.float64) / MILLION


MILLION = 1_000_000.0


def _join_lists(subject: ir.Table, asked: Asked) -> ir.Table:
    used = asked.of(OnList)
    for i, name in enumerate(dict.fromkeys(leaf.list for leaf in used)):
        rows = _needed(asked.scope.customer_list, "customer_list")
        held = holding_on(rows.filter(rows.list == name), asked.scope.as_of)
        side = held.group_by(_key=held.customer_id).aggregate(**{f"_list{i}": held.from_on.max()})
        subject = _join(subject, side)
        asked.columns.update({leaf: (f"_list{i}",) for leaf in used if leaf.list == name})
    return subject


def _join_sequences(subject: ir.Table, asked: Asked) -> ir.Table:
    used = asked.of(FollowedBy)
    for i, leaf in enumerate(used):
        event = _recent(asked.scope, leaf.in_last_days, (*leaf.first.kinds, *leaf.second.kinds))
        first = event.filter(_matches(event, leaf.first, asked.evaluation)).select("customer_id", "on", "at")
        second = event.filter(_matches(event, leaf.second, asked.evaluation)).select(
            second_customer_id="customer_id", second_on="on", second_at="at"
        )
        after = [
            first.customer_id == second.second_customer_id,
            second.second_at > first.at,
            second.second_on.delta(first.on, unit="day") <= leaf.within_days,
        ]
        followed = first.semi_join(second, after).select(_followed="customer_id").distinct()
        name = f"_sequence{i}"
        pairs = first.select(_key="customer_id").distinct()
        marked = pairs.left_join(followed, pairs["_key"] == followed["_followed"])
        subject = _join(subject, marked.select("_key", **{name: marked["_followed"].notnull()}))
        asked.columns[leaf] = (name,)
    return subject


def _join_contactability(subject: ir.Table, asked: Asked) -> ir.Table:
    used = asked.of(Contactable)
    if not used:
        return subject
    rows = _needed(asked.scope.contactability, "contactability")
    rows = rows.filter(rows.is_allowed & rows.purpose.isin(sorted({u.purpose for u in used})))
    counts = {}
    for i, leaf in enumerate(used):
        fits = rows.purpose == leaf.purpose
        if leaf.channels:
            fits &= rows.channel.isin(leaf.channels)
        if leaf.product_lines:
            fits &= rows.product_line.isin(leaf.product_lines)
        counts[f"_contact{i}"] = fits.ifelse(1, 0).max().cast(dt.int64)
        asked.columns[leaf] = (f"_contact{i}",)
    return _join(subject, rows.group_by(_key=rows.customer_id).aggregate(**counts))


# ---- relations -------------------------------------------------------------------------------------------------------


def _edges(leaf: Related, scope: RuleScope) -> ir.Table:
    """Return ``_key`` → ``_other`` of the relations that a leaf reads, those that hold on the day."""
    rows = _needed(scope.customer_relation, "customer_relation")
    asked = rows.filter(rows.kind.isin(leaf.relations))
    if leaf.is_declared is not None:
        asked = asked.filter(asked.is_declared == leaf.is_declared)
    valid = holding_on(asked, scope.as_of, first="valid_from_on", last="valid_to_on")
    one, other = valid.from_customer_id, valid.to_customer_id
    read = [valid.select(_key=other, _other=one) if way else valid.select(_key=one, _other=other) for way in leaf.ways]
    return read[0] if len(read) == 1 else read[0].union(read[1])


def _within(edges: ir.Table, matched: ir.Table, hops: int) -> ir.Table:
    """Return the ``_key`` of those who reach somebody else among ``matched`` within so many edges.

    Who is reached is not listed, for through a company of ten thousand employees that would be a hundred million pairs. Each
    customer only hands on the first and the last id of those it reaches: one of the two is another's than the customer's own
    exactly when somebody else is reached. So the cost is the number of edges times the hops, whatever hubs there are.
    """
    own = matched.select(_node="customer_id", _first="customer_id", _last="customer_id")
    known = own
    for hop in range(hops):
        seen = edges.inner_join(known, edges["_other"] == known["_node"])
        reached = seen.group_by("_key").aggregate(_first=seen["_first"].min(), _last=seen["_last"].max())
        if hop < hops - 1:
            both = own.union(reached.select(_node="_key", _first="_first", _last="_last"))
            known = both.group_by("_node").aggregate(_first=both["_first"].min(), _last=both["_last"].max())
    return reached.filter((reached["_first"] != reached["_key"]) | (reached["_last"] != reached["_key"])).select("_key")


def _join_relations(subject: ir.Table, asked: Asked) -> ir.Table:
    for i, leaf in enumerate(asked.of(Related)):
        pairs = _edges(leaf, asked.scope)
        if leaf.where is None:
            side = pairs.select("_key").distinct()
        else:
            matched = asked.evaluation.matching(leaf.where, asked.scope)
            if leaf.hops > 1:
                side = _within(pairs, matched, leaf.hops)
            else:
                side = pairs.semi_join(matched, pairs["_other"] == matched["customer_id"]).select("_key").distinct()
        name = f"_related{i}"
        subject = _join(subject, side.mutate(**{name: ibis.literal(True)}))  # noqa: FBT003 - a constant column
        asked.columns[leaf] = (name,)
    return subject


def join_leaves(
    subject: ir.Table, parts: Sequence[Part], scope: RuleScope, evaluation: Evaluation
) -> tuple[ir.Table, Columns]:
    """Return ``subject`` with the columns that the leaves of ``parts`` need, and which columns belong to which leaf."""
    asked = Asked(_leaves(parts), scope, evaluation)
    joins = (
        _join_tags,
        _join_segments,
        _join_scores,
        _join_event_values,
        _join_lists,
        _join_sequences,
        _join_contactability,
        _join_relations,
    )
    return reduce(lambda table, join: join(table, asked), joins, subject), asked.columns


__all__ = ["TAG_COLUMNS", "Evaluation", "join_leaves"]

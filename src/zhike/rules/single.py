"""The evaluator for one customer: a rule compiled once to nested closures, called with facts.

It means the same as the batch evaluator (``tests/property/test_rules_agree.py`` holds them equal); no code is generated
from text, so that a definition can never become a program.
"""

# ruff: noqa: PLR0911, PLR0912 - one return per kind of term

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from zhike.rules.facts import CustomerFacts, EventFact, RelationKey, ScoreFact
from zhike.rules.joining import MILLION, TAG_COLUMNS
from zhike.rules.meaning import (
    anniversaries,
    calendar_value,
    codes_matching,
    day_window,
    event_days,
    month_start,
    to_exact,
)
from zhike.rules.terms import (
    DAY_WINDOWS,
    FLOAT_KINDS,
    AllOf,
    AnyOf,
    Arithmetic,
    AtLeastOf,
    Compare,
    Comparison,
    Computed,
    Contactable,
    DaysUntil,
    EventPattern,
    EventStat,
    EventValue,
    Everyone,
    Expression,
    Field,
    FollowedBy,
    HasTag,
    InSegment,
    Literal,
    Lookup,
    Measure,
    MonthStart,
    Negated,
    OnCalendar,
    OnList,
    Provided,
    Related,
    Rule,
    ScoreValue,
    TagValue,
)
from zhike.warehouse.contracts import Kind

C = Comparison
Predicate = Callable[[CustomerFacts], bool]
Getter = Callable[[CustomerFacts], Any]
_NO_SCORE = ScoreFact()
_TESTS: Mapping[Comparison, Callable[[Any, Any], bool]] = {
    C.IS: operator.eq,
    C.IS_NOT: operator.ne,
    C.AT_LEAST: operator.ge,
    C.AT_MOST: operator.le,
    C.ABOVE: operator.gt,
    C.BELOW: operator.lt,
}


# ---- expressions -----------------------------------------------------------------------------------------------------


def compile_expression(expression: Expression) -> Getter:
    """Return a function from one customer's facts to the value of ``expression``; None where it has none."""
    match expression:
        case Field(name):
            return lambda facts: facts.fields.get(name)
        case Literal(value):
            return lambda facts: value
        case TagValue(tag, part):
            column = TAG_COLUMNS[part]
            return lambda facts: getattr(facts.tags[tag], column) if tag in facts.tags else None
        case ScoreValue(model, part):
            return lambda facts: getattr(facts.scores.get(model, _NO_SCORE), part)
        case Measure(_, of, _):
            return compile_expression(of)
        case DaysUntil(of):
            day = compile_expression(of)
            return lambda facts: None if (d := day(facts)) is None else (d - facts.as_of).days
        case MonthStart(months):
            return lambda facts: month_start(months, facts.as_of)
        case EventValue():
            return _compile_event_value(expression)
        case Provided(of, where):
            given, holds = compile_expression(of), compile_rule(where)
            return lambda facts: given(facts) if holds(facts) else None
        case Lookup(of, table, _):
            text, values = compile_expression(of), dict(table)
            return lambda facts: values.get(text(facts))
        case Computed():
            return _compile_computed(expression)


def _compile_computed(computed: Computed) -> Getter:
    getters = [compile_expression(e) for e in computed.of]
    convert = _converter(computed)
    match computed.by:
        case Arithmetic.GREATEST:
            return lambda facts: max((convert(v) for g in getters if (v := g(facts)) is not None), default=None)
        case Arithmetic.LEAST:
            return lambda facts: min((convert(v) for g in getters if (v := g(facts)) is not None), default=None)
        case Arithmetic.OR_ELSE:
            return lambda facts: next((convert(v) for g in getters if (v := g(facts)) is not None), None)
        case Arithmetic.DIVIDED_BY:
            return lambda facts: _divide([g(facts) for g in getters])
        case _:
            return _chain(computed, getters, convert)


def _converter(computed: Computed) -> Callable[[Any], Any]:
    if computed.kind in FLOAT_KINDS:
        return float
    if computed.kind is Kind.AMOUNT and computed.by is not Arithmetic.TIMES:
        return to_exact
    return lambda value: value


def _chain(computed: Computed, getters: Sequence[Getter], convert: Callable[[Any], Any]) -> Getter:
    step = {Arithmetic.PLUS: operator.add, Arithmetic.MINUS: operator.sub, Arithmetic.TIMES: operator.mul}[computed.by]
    is_exact = computed.by is Arithmetic.TIMES and computed.kind is Kind.AMOUNT

    def get(facts: CustomerFacts) -> Any:
        total: Any = None
        for getter in getters:
            value = getter(facts)
            if value is None:
                return None
            total = convert(value) if total is None else step(total, convert(value))
        return to_exact(total) if is_exact else total

    return get


def _divide(values: Sequence[Any]) -> float | None:
    result: float | None = None
    for i, value in enumerate(values):
        if value is None or (i and float(value) == 0.0):
            return None
        result = float(value) if result is None else result / float(value)
    return result


# ---- comparisons -----------------------------------------------------------------------------------------------------


def _test(get: Getter, holds: Callable[[Any], bool]) -> Predicate:
    return lambda facts: (value := get(facts)) is not None and holds(value)


def _compile_compare(test: Compare) -> Predicate:
    get = compile_expression(test.left)
    if test.by is C.IS_MISSING:
        return lambda facts: get(facts) is None
    if test.by is C.IS_PRESENT:
        return lambda facts: get(facts) is not None
    if test.by in DAY_WINDOWS:
        return _compile_window(get, test)
    if test.order:
        codes = frozenset(codes_matching(test.by, _constants(test), test.order))
        return _test(get, codes.__contains__)
    if test.by is C.STARTS_WITH:
        starts = tuple(_constants(test))
        return _test(get, lambda value: value.startswith(starts))
    if test.by is C.BETWEEN:
        low, high = (_compile_pair(test.left, r, by) for r, by in zip(test.right, (C.AT_LEAST, C.AT_MOST), strict=True))
        return lambda facts: low(facts) and high(facts)
    if test.by is C.IN:
        same = [_compile_pair(test.left, r, C.IS) for r in test.right]
        return lambda facts: any(s(facts) for s in same)
    if test.by is C.NOT_IN:
        other = [_compile_pair(test.left, r, C.IS_NOT) for r in test.right]
        return lambda facts: all(o(facts) for o in other)
    return _compile_pair(test.left, test.right[0], test.by)


def _compile_pair(left: Expression, right: Expression, by: Comparison) -> Predicate:
    one, other, holds = compile_expression(left), compile_expression(right), _TESTS[by]
    is_float = bool({left.kind, right.kind} & FLOAT_KINDS)
    if isinstance(right, Literal):
        value = float(right.value) if is_float else right.value  # type: ignore[arg-type]  # a number, as its kind says
        if is_float:
            return _test(one, lambda v: holds(float(v), value))
        return _test(one, lambda v: holds(v, value))

    def compare(facts: CustomerFacts) -> bool:
        a, b = one(facts), other(facts)
        if a is None or b is None:
            return False
        return holds(float(a), float(b)) if is_float else holds(a, b)

    return compare


def _compile_window(get: Getter, test: Compare) -> Predicate:
    n = int(_constants(test)[0])
    if test.by is C.ANNIVERSARY_WITHIN_NEXT_DAYS:
        return lambda facts: (
            (day := get(facts)) is not None and day.month * 100 + day.day in anniversaries(n, facts.as_of)
        )

    def within(facts: CustomerFacts) -> bool:
        day: date | None = get(facts)
        if day is None:
            return False
        first, last = day_window(test.by, n, facts.as_of)
        return (first is None or day >= first) and (last is None or day <= last)

    return within


def _constants(test: Compare) -> list[Any]:
    return [r.value for r in test.right if isinstance(r, Literal)]


# ---- events ----------------------------------------------------------------------------------------------------------


def _compile_pattern(pattern: EventPattern) -> Callable[[EventFact], bool]:
    kinds = frozenset(pattern.kinds)
    filters = [_compile_compare(f) for f in pattern.filters]
    if not filters:
        return lambda event: event.event_kind in kinds

    def fits(event: EventFact) -> bool:
        facts = CustomerFacts(event.on, event.fields)
        return event.event_kind in kinds and all(f(facts) for f in filters)

    return fits


def _recent(facts: CustomerFacts, fits: Callable[[EventFact], bool], n_days: int) -> list[EventFact]:
    after = facts.as_of - timedelta(days=n_days)
    return [e for e in facts.events if after < e.on <= facts.as_of and fits(e)]


def _compile_event_value(leaf: EventValue) -> Getter:
    fits = _compile_pattern(leaf.pattern)

    def found(facts: CustomerFacts) -> list[EventFact]:
        first, last = event_days(leaf.window, facts.as_of)
        return [e for e in facts.events if first <= e.on <= last and fits(e)]

    match leaf.stat:
        case EventStat.COUNT:
            return lambda facts: len(found(facts))
        case EventStat.DAYS:
            return lambda facts: len({e.on for e in found(facts)})
        case EventStat.SUM:
            return lambda facts: sum(round((e.fields.get("value") or 0.0) * MILLION) for e in found(facts)) / MILLION
        case EventStat.DAYS_SINCE:
            return lambda facts: min(((facts.as_of - e.on).days for e in found(facts)), default=None)


def _compile_list(leaf: OnList) -> Predicate:
    days = leaf.entered_within_days

    def holds(facts: CustomerFacts) -> bool:
        since = facts.lists.get(leaf.list)
        return since is not None and (days is None or since > facts.as_of - timedelta(days=days))

    return holds


def _compile_sequence(leaf: FollowedBy) -> Predicate:
    is_first, is_second = _compile_pattern(leaf.first), _compile_pattern(leaf.second)

    def holds(facts: CustomerFacts) -> bool:
        first = _recent(facts, is_first, leaf.in_last_days)
        second = _recent(facts, is_second, leaf.in_last_days)
        followed = any(b.at > a.at and (b.on - a.on).days <= leaf.within_days for a in first for b in second)
        return bool(first) and followed == leaf.is_followed

    return holds


# ---- rules -----------------------------------------------------------------------------------------------------------


def _compile_segment(leaf: InSegment) -> Predicate:
    buckets, days = frozenset(leaf.buckets), leaf.entered_within_days

    def holds(facts: CustomerFacts) -> bool:
        member = facts.segments.get(leaf.segment)
        if member is None or (buckets and member.bucket not in buckets):
            return False
        since = member.from_on
        return days is None or (since is not None and since > facts.as_of - timedelta(days=days))

    return holds


def _compile_related(leaf: Related) -> Predicate:
    declared = (True, False) if leaf.is_declared is None else (leaf.is_declared,)
    keys = [(r, way, d) for r in leaf.relations for way in leaf.ways for d in declared]
    where = compile_rule(leaf.where) if leaf.where is not None else None

    def is_met(other: CustomerFacts) -> bool:
        return where is None or (other.has_profile and where(other))

    if leaf.hops == 1:
        return lambda facts: any(is_met(other) for key in keys for other in facts.related.get(key, ()))
    return lambda facts: _is_met_within(facts, keys, leaf.hops, is_met)


def _is_met_within(
    facts: CustomerFacts, keys: Sequence[RelationKey], hops: int, is_met: Callable[[CustomerFacts], bool]
) -> bool:
    """Return whether somebody else who can be reached within so many relations fulfils a condition; each is met once."""
    seen: set[str | int] = {facts.customer_id or id(facts)}
    reached = [facts]
    for _ in range(hops):
        nearer, reached = reached, []
        for one in nearer:
            for other in (o for key in keys for o in one.related.get(key, ())):
                name = other.customer_id or id(other)
                if name in seen:
                    continue
                seen.add(name)
                if is_met(other):
                    return True
                reached.append(other)
    return False


def _compile_contactable(leaf: Contactable) -> Predicate:
    channels, lines = frozenset(leaf.channels), frozenset(leaf.product_lines)
    return lambda facts: any(
        purpose == leaf.purpose and (not channels or channel in channels) and (not lines or line in lines)
        for channel, purpose, line in facts.contactable
    )


def compile_rule(rule: Rule) -> Predicate:
    """Return a function that says whether one customer matches ``rule``; compile once, call often."""
    match rule:
        case Compare():
            return _compile_compare(rule)
        case AllOf(of):
            every = [compile_rule(c) for c in of]
            return lambda facts: all(c(facts) for c in every)
        case AnyOf(of):
            some = [compile_rule(c) for c in of]
            return lambda facts: any(c(facts) for c in some)
        case AtLeastOf(n, of):
            counted = [compile_rule(c) for c in of]
            return lambda facts: sum(c(facts) for c in counted) >= n
        case Negated(of):
            inside = compile_rule(of)
            return lambda facts: not inside(facts)
        case Everyone():
            return lambda facts: True
        case OnCalendar(unit, values):
            return lambda facts: calendar_value(unit, facts.as_of) in values
        case HasTag(tag):
            return lambda facts: tag in facts.tags
        case InSegment():
            return _compile_segment(rule)
        case OnList():
            return _compile_list(rule)
        case FollowedBy():
            return _compile_sequence(rule)
        case Related():
            return _compile_related(rule)
        case Contactable():
            return _compile_contactable(rule)


def matches(rule: Rule, facts: CustomerFacts) -> bool:
    """Return whether one customer matches ``rule``; compile the rule instead where it is asked often."""
    return compile_rule(rule)(facts)


__all__ = ["Predicate", "compile_expression", "compile_rule", "matches"]

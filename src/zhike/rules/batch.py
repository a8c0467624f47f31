"""The batch evaluator: many rules over one subject table as Ibis expressions, portable between engines.

Leaves that look outside the subject table (tags, segments, scores, events, relations) are first brought to one row per
customer and joined once, however many rules use them; after that each rule is a boolean expression over one scan.
"""

# ruff: noqa: PLR0911 - one return per kind of term

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from zhike.rules.joining import Evaluation, join_leaves
from zhike.rules.meaning import EXACT_SCALE, anniversaries, calendar_value, codes_matching, day_window, month_start
from zhike.rules.scope import RuleScope
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
    Condition,
    Contactable,
    DaysUntil,
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
from zhike.rules.walking import Part
from zhike.warehouse.contracts import DATATYPES, Kind

C = Comparison
EXACT = dt.Decimal(28, EXACT_SCALE)
CENTS = DATATYPES[Kind.AMOUNT]
FACTOR = dt.Decimal(10, 4)
FACTOR_OF_CENTS = dt.Decimal(18, 4)
PRODUCT = dt.Decimal(38, 10)
CONSTANT = dt.Decimal(20, 4)
_TESTS: Mapping[Comparison, Callable[[Any, Any], Any]] = {
    C.IS: operator.eq,
    C.IS_NOT: operator.ne,
    C.AT_LEAST: operator.ge,
    C.AT_MOST: operator.le,
    C.ABOVE: operator.gt,
    C.BELOW: operator.lt,
}


def _holds(test: Any) -> Any:
    """A comparison with a missing value does not hold."""
    return test.fill_null(False)  # noqa: FBT003 - a constant column


def _constant(literal: Literal) -> Any:
    value = literal.value
    if not isinstance(value, Decimal):
        return ibis.literal(value, type=DATATYPES[literal.kind])
    if literal.kind is Kind.INTEGER and value == int(value):
        return ibis.literal(int(value), type=dt.int64)
    is_cents = value == round(value, 2)
    return ibis.literal(value, type=CENTS if is_cents else CONSTANT)


def _common_type(kind: Kind, values: Sequence[Any]) -> dt.DataType:
    """Return the type in which values are combined: cents in 64 bits where all are cents, more decimals only where needed."""
    if kind in FLOAT_KINDS:
        return dt.float64
    if kind is not Kind.AMOUNT:
        return DATATYPES[kind]
    types = [v.type() for v in values]
    return CENTS if all(t.is_integer() or t.copy(nullable=True) == CENTS for t in types) else EXACT


@dataclass(frozen=True, slots=True)
class Bound:
    """A subject table to which all that some rules need is joined: ``table`` and what they mean over it.

    ``columns`` names, for each leaf that looks outside, the columns that were joined for it.
    """

    table: ir.Table
    scope: RuleScope
    columns: Mapping[Part, tuple[str, ...]]

    def flag(self, rule: Rule) -> Any:
        """Return the boolean column of ``rule`` over ``table``: never missing."""
        match rule:
            case Compare():
                return self._compare(rule)
            case AllOf(of):
                return reduce(operator.and_, [self.flag(c) for c in of])
            case AnyOf(of):
                return reduce(operator.or_, [self.flag(c) for c in of])
            case Negated(of):
                return ~self.flag(of)
            case AtLeastOf(n, of):
                return reduce(operator.add, [self.flag(c).cast(dt.int64) for c in of]) >= n
            case Everyone():
                return ibis.literal(True)  # noqa: FBT003 - a constant column
            case OnCalendar(unit, values):
                return ibis.literal(calendar_value(unit, self.scope.as_of) in values)
            case _:
                return self._outside(rule)

    def value(self, expression: Expression) -> Any:
        """Return the column of ``expression`` over ``table``; missing where it has no value."""
        match expression:
            case Field(name):
                return self.table[name]
            case Literal():
                return _constant(expression)
            case TagValue() | ScoreValue():
                return self.table[self.columns[expression][0]]
            case Measure(_, of, _):
                return self.value(of)
            case DaysUntil(of):
                return self.value(of).delta(ibis.literal(self.scope.as_of), unit="day").cast(dt.int64)
            case MonthStart(months):
                return ibis.literal(month_start(months, self.scope.as_of))
            case EventValue(_, stat):
                return self._of_events(stat, self.table[self.columns[expression][0]])
            case Provided(of, where):
                return ibis.ifelse(self.flag(where), self.value(of), None)
            case Lookup(of, table, kind):
                text = self.value(of)
                rows = [(text == key, _constant(Literal(value, kind))) for key, value in table]
                return ibis.cases(*rows, else_=ibis.null(rows[0][1].type()))
            case Computed():
                return self._computed(expression)

    # ---- comparisons

    def _compare(self, test: Compare) -> Any:
        left = self.value(test.left)
        if test.by is C.IS_MISSING:
            return left.isnull()
        if test.by is C.IS_PRESENT:
            return left.notnull()
        if test.by in DAY_WINDOWS:
            return self._window(left, test)
        if test.order:
            return _holds(left.isin(codes_matching(test.by, _literals(test), test.order)))
        if test.by is C.STARTS_WITH:
            return _holds(reduce(operator.or_, [left.startswith(v) for v in _literals(test)]))
        if test.by in (C.IN, C.NOT_IN):
            return self._among(left, test)
        if test.by is C.BETWEEN:
            low, high = test.right
            return self._pair(test.left, low, C.AT_LEAST) & self._pair(test.left, high, C.AT_MOST)
        return self._pair(test.left, test.right[0], test.by)

    def _pair(self, left: Expression, right: Expression, by: Comparison) -> Any:
        is_float = {left.kind, right.kind} & FLOAT_KINDS
        one, other = self.value(left), self.value(right)
        if is_float:
            one, other = one.cast(dt.float64), other.cast(dt.float64)
        return _holds(_TESTS[by](one, other))

    def _among(self, left: Any, test: Compare) -> Any:
        if test.left.kind not in FLOAT_KINDS and all(isinstance(r, Literal) for r in test.right):
            values = [_constant(r) for r in test.right if isinstance(r, Literal)]
            return _holds(left.isin(values) if test.by is C.IN else left.notin(values))
        if test.by is C.IN:
            return reduce(operator.or_, [self._pair(test.left, r, C.IS) for r in test.right])
        return reduce(operator.and_, [self._pair(test.left, r, C.IS_NOT) for r in test.right])

    def _window(self, left: Any, test: Compare) -> Any:
        n = int(_literals(test)[0])
        if test.by is C.ANNIVERSARY_WITHIN_NEXT_DAYS:
            day = (left.month().cast(dt.int64) * 100 + left.day().cast(dt.int64)).cast(dt.int64)
            return _holds(day.isin(anniversaries(n, self.scope.as_of)))
        first, last = day_window(test.by, n, self.scope.as_of)
        ends = [left >= ibis.literal(first)] if first is not None else []
        ends += [left <= ibis.literal(last)] if last is not None else []
        return _holds(reduce(operator.and_, ends))

    # ---- arithmetic

    def _computed(self, computed: Computed) -> Any:
        if computed.by is Arithmetic.TIMES and computed.kind is Kind.AMOUNT:
            one, other = sorted(computed.of, key=lambda e: isinstance(e, Literal))
            value, factor = self.value(one), self.value(other)
            if _common_type(computed.kind, [value]) == CENTS:  # cents times four decimals have six: nothing to round
                return value.cast(CENTS) * factor.cast(FACTOR_OF_CENTS)
            product = value.cast(EXACT) * factor.cast(FACTOR)
            return product.cast(PRODUCT).cast(EXACT)  # Ibis takes the product for EXACT: one cast it would leave out
        values = [self.value(e) for e in computed.of]
        target = _common_type(computed.kind, values)
        values = [v.cast(target) for v in values]
        match computed.by:
            case Arithmetic.GREATEST:
                return ibis.greatest(*values)
            case Arithmetic.LEAST:
                return ibis.least(*values)
            case Arithmetic.OR_ELSE:
                return ibis.coalesce(*values)
            case Arithmetic.PLUS:
                return reduce(operator.add, values).cast(target)
            case Arithmetic.MINUS:
                return reduce(operator.sub, values).cast(target)
            case Arithmetic.TIMES:
                return reduce(operator.mul, values)
            case Arithmetic.DIVIDED_BY:
                return reduce(lambda a, b: a / b.nullif(0), values)

    # ---- leaves that were joined

    def _of_events(self, stat: EventStat, column: Any) -> Any:
        if stat is EventStat.DAYS_SINCE:
            return ibis.literal(self.scope.as_of).delta(column, unit="day").cast(dt.int64)
        return column.fill_null(0)

    def _outside(self, leaf: Condition) -> Any:
        columns = [self.table[c] for c in self.columns[leaf]]
        match leaf:
            case HasTag() | Related():
                return columns[0].notnull()
            case InSegment(_, buckets, days):
                held, bucket, since = columns
                tests = [held.notnull()]
                if buckets:
                    tests.append(_holds(bucket.isin(buckets)))
                if days is not None:
                    first, _ = day_window(C.WITHIN_LAST_DAYS, days, self.scope.as_of)
                    tests.append(_holds(since >= ibis.literal(first)))
                return reduce(operator.and_, tests)
            case OnList(_, days):
                if days is None:
                    return columns[0].notnull()
                first, _ = day_window(C.WITHIN_LAST_DAYS, days, self.scope.as_of)
                return _holds(columns[0] >= ibis.literal(first))
            case Contactable():
                return _holds(columns[0] == 1)
            case FollowedBy(is_followed=is_followed):
                return _holds(columns[0] == is_followed)
            case _:
                raise AssertionError(f"not a leaf: {leaf}")


def _literals(test: Compare) -> list[Any]:
    return [r.value for r in test.right if isinstance(r, Literal)]


def _where_matches(rule: Rule, scope: RuleScope) -> ir.Table:
    if scope.subjects is None:
        raise ValueError("a relation's where needs scope.subjects")
    return matching(rule, scope.subjects, scope)


def bind(subject: ir.Table, parts: Sequence[Part], scope: RuleScope) -> Bound:
    """Return ``subject`` with all that ``parts`` (rules and expressions) look up joined to it; its rows stay as they are.

    Parameters
    ----------
    subject : one row per ``customer_id``, holding the fields that the parts use.
    scope : the tables beside it; those that the parts use must be given.

    Raises
    ------
    ValueError : a table that is needed was left out of ``scope``.
    """
    evaluation = Evaluation(_where_matches, lambda event, test: Bound(event, scope, {}).flag(test))
    table, columns = join_leaves(subject, parts, scope, evaluation)
    return Bound(table, scope, columns)


def evaluate(subject: ir.Table, rules: Mapping[str, Rule], scope: RuleScope) -> ir.Table:
    """Return ``customer_id`` and one boolean column per rule, named by its key; one row per row of ``subject``."""
    bound = bind(subject, list(rules.values()), scope)
    return bound.table.select("customer_id", **{key: bound.flag(rule) for key, rule in rules.items()})


def matching(rule: Rule, subject: ir.Table, scope: RuleScope) -> ir.Table:
    """Return the ``customer_id`` of the rows of ``subject`` that match ``rule``."""
    bound = bind(subject, [rule], scope)
    return bound.table.filter(bound.flag(rule)).select("customer_id")


__all__ = ["Bound", "bind", "evaluate", "matching"]

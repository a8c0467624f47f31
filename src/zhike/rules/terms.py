"""The nouns of the rule language: expressions (what has a value) and conditions (what holds or not).

A tree of frozen, hashable dataclasses, already checked against a vocabulary by the parser: evaluators never meet an unknown
name or a wrong type. Nothing here knows an engine. Two-valued: a missing value matches nothing, and :class:`Negated` is the
exact complement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from zhike.warehouse.contracts import Kind

Scalar: TypeAlias = bool | int | Decimal | float | str | date


class Comparison(StrEnum):
    """How a value is tested. Windows in days count from the as-of day."""

    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    ABOVE = "above"
    BELOW = "below"
    BETWEEN = "between"  # both ends belong to it
    STARTS_WITH = "starts_with"
    IS_MISSING = "is_missing"
    IS_PRESENT = "is_present"
    WITHIN_NEXT_DAYS = "within_next_days"  # as_of + 1 … as_of + n
    WITHIN_LAST_DAYS = "within_last_days"  # as_of - n + 1 … as_of
    AT_LEAST_DAYS_AGO = "at_least_days_ago"  # … as_of - n
    AT_LEAST_DAYS_AHEAD = "at_least_days_ahead"  # as_of + n …
    ANNIVERSARY_WITHIN_NEXT_DAYS = "anniversary_within_next_days"  # day and month fall into as_of … as_of + n


ORDERINGS = frozenset({Comparison.AT_LEAST, Comparison.AT_MOST, Comparison.ABOVE, Comparison.BELOW, Comparison.BETWEEN})
DAY_WINDOWS = frozenset(
    {
        Comparison.WITHIN_NEXT_DAYS,
        Comparison.WITHIN_LAST_DAYS,
        Comparison.AT_LEAST_DAYS_AGO,
        Comparison.AT_LEAST_DAYS_AHEAD,
        Comparison.ANNIVERSARY_WITHIN_NEXT_DAYS,
    }
)
EXACT_KINDS = frozenset({Kind.AMOUNT, Kind.INTEGER})
FLOAT_KINDS = frozenset({Kind.RATE, Kind.NUMBER})
NUMERIC_KINDS = EXACT_KINDS | FLOAT_KINDS
TEXT_KINDS = frozenset({Kind.TEXT, Kind.CODE})


class TagPart(StrEnum):
    """Which part of a tag's value is read; ``SINCE`` is the day on which it began to hold."""

    TEXT = "text"
    NUMBER = "number"
    AMOUNT = "amount"
    DAY = "day"  # not "on", which YAML reads as true
    SINCE = "since"


TAG_PART_KINDS: dict[TagPart, Kind] = {
    TagPart.TEXT: Kind.CODE,
    TagPart.NUMBER: Kind.NUMBER,
    TagPart.AMOUNT: Kind.AMOUNT,
    TagPart.DAY: Kind.DAY,
    TagPart.SINCE: Kind.DAY,
}


class Arithmetic(StrEnum):
    """What is computed from values. A missing value makes the result missing, except in greatest, least and or_else."""

    PLUS = "plus"
    MINUS = "minus"
    TIMES = "times"
    DIVIDED_BY = "divided_by"  # missing when divided by zero
    GREATEST = "greatest"  # of those present
    LEAST = "least"
    OR_ELSE = "or_else"  # the first present


# ---- expressions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the subject table."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class TagValue:
    """A part of a tag that holds on the as-of day; missing when it does not hold."""

    tag: str
    part: TagPart
    kind: Kind


@dataclass(frozen=True, slots=True)
class ScoreValue:
    """What a model says of the customer: the calibrated ``score`` in [0, 1], or its ``decile`` (1 = highest)."""

    model: str
    part: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the definition, converted to its kind."""

    value: Scalar
    kind: Kind


@dataclass(frozen=True, slots=True)
class Computed:
    """An arithmetic of expressions."""

    by: Arithmetic
    of: tuple[Expression, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Lookup:
    """The value which a small table of the definition gives for a text; missing for a text that is not in it."""

    of: Expression
    table: tuple[tuple[str, Scalar], ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class DaysUntil:
    """Whole days from the as-of day to a day; negative when it is past."""

    of: Expression
    kind: Kind = Kind.INTEGER


@dataclass(frozen=True, slots=True)
class MonthStart:
    """The first day of the month ``months_ahead`` months after the month of the as-of day."""

    months_ahead: int
    kind: Kind = Kind.DAY


@dataclass(frozen=True, slots=True)
class Measure:
    """An expression that the definition has given a name."""

    name: str
    of: Expression
    kind: Kind


class EventStat(StrEnum):
    """What is said of the events of a window."""

    COUNT = "count"  # how many; none is 0
    DAYS = "days"  # days with one; none is 0
    SUM = "sum"  # of their values, a missing one counting as 0; none is 0
    DAYS_SINCE = "days_since"  # from the last one to the as-of day; missing when there is none


class WindowUnit(StrEnum):
    """In what a window counts; all end on the as-of day but the complete and the single ones."""

    DAYS = "days"
    TRADING_DAYS = "trading_days"
    COMPLETE_MONTHS = "complete_months"
    MONTH_TO_DATE = "month_to_date"
    MONTH_AGO = "month_ago"  # the n-th complete month before, alone
    WEEK_AGO = "week_ago"  # the n-th complete week (Monday to Sunday) before, alone


@dataclass(frozen=True, slots=True)
class EventWindow:
    """The days that are looked at; ``years_ago`` moves them to the same days of an earlier year."""

    unit: WindowUnit
    n: int
    years_ago: int = 0


@dataclass(frozen=True, slots=True)
class EventPattern:
    """Events of some kinds that pass all filters; a filter compares a :class:`Field` of the event table."""

    kinds: tuple[str, ...]
    filters: tuple[Compare, ...] = ()


@dataclass(frozen=True, slots=True)
class EventValue:
    """A number about the events of a customer in a window."""

    pattern: EventPattern
    stat: EventStat
    window: EventWindow

    @property
    def kind(self) -> Kind:
        """A sum is a number, all else are whole."""
        return Kind.NUMBER if self.stat is EventStat.SUM else Kind.INTEGER


@dataclass(frozen=True, slots=True)
class Provided:
    """The value of ``of`` where a condition holds, else missing: «no value: sample too small»."""

    of: Expression
    where: Condition
    kind: Kind


Expression: TypeAlias = (
    Field
    | TagValue
    | ScoreValue
    | Literal
    | Computed
    | Lookup
    | DaysUntil
    | MonthStart
    | Measure
    | EventValue
    | Provided
)

# ---- conditions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compare:
    """A test of one expression. ``order`` (lowest first) gives codes their order; empty for all others."""

    left: Expression
    by: Comparison
    right: tuple[Expression, ...] = ()
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HasTag:
    """The tag holds on the as-of day, whatever its value."""

    tag: str


@dataclass(frozen=True, slots=True)
class InSegment:
    """Member on the as-of day, in one of ``buckets`` when given, since at most ``entered_within_days`` days when given."""

    segment: str
    buckets: tuple[str, ...] = ()
    entered_within_days: int | None = None


@dataclass(frozen=True, slots=True)
class OnList:
    """On a list of the bank on the as-of day, since at most ``entered_within_days`` days when given."""

    list: str
    entered_within_days: int | None = None


@dataclass(frozen=True, slots=True)
class FollowedBy:
    """A first event in the last ``in_last_days`` days, and a later second one at most ``within_days`` days after it.

    ``is_followed`` false is "the first happened, and none of them was so followed": a customer without the first does not match.
    """

    first: EventPattern
    second: EventPattern
    within_days: int
    in_last_days: int
    is_followed: bool = True


@dataclass(frozen=True, slots=True)
class Related:
    """Some other party in one of ``relations`` matches ``where``, or stands there at all.

    ``ways`` says how each is read: False from the one who … to the one to whom, True the other way round; both: either way.
    ``is_declared`` keeps to what sources declare, or to what was inferred; None takes both. With ``hops`` above 1 the other party
    may be reached over so many relations, one after another, by whomever they lead through; the customer itself does not count.
    """

    relations: tuple[str, ...]
    where: Condition | None = None
    ways: tuple[bool, ...] = (False,)
    is_declared: bool | None = None
    hops: int = 1


@dataclass(frozen=True, slots=True)
class Contactable:
    """Policy allows contact for ``purpose`` on at least one of ``channels`` for one of ``product_lines`` (empty = any)."""

    purpose: str
    channels: tuple[str, ...] = ()
    product_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OnCalendar:
    """The as-of day itself: ``unit`` is one of ``meaning.CALENDAR_UNITS``; its number is one of ``values``."""

    unit: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Everyone:
    """Holds for every customer."""


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one holds."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AtLeastOf:
    """At least ``n`` of them hold."""

    n: int
    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """The exact complement."""

    of: Condition


Condition: TypeAlias = (
    Compare
    | HasTag
    | InSegment
    | OnList
    | FollowedBy
    | Related
    | Contactable
    | OnCalendar
    | Everyone
    | AllOf
    | AnyOf
    | AtLeastOf
    | Negated
)
Rule: TypeAlias = Condition

__all__ = [
    "DAY_WINDOWS",
    "EXACT_KINDS",
    "FLOAT_KINDS",
    "NUMERIC_KINDS",
    "ORDERINGS",
    "TAG_PART_KINDS",
    "TEXT_KINDS",
    "AllOf",
    "AnyOf",
    "Arithmetic",
    "AtLeastOf",
    "Compare",
    "Comparison",
    "Computed",
    "Condition",
    "Contactable",
    "DaysUntil",
    "EventPattern",
    "EventStat",
    "EventValue",
    "EventWindow",
    "Everyone",
    "Expression",
    "Field",
    "FollowedBy",
    "HasTag",
    "InSegment",
    "Literal",
    "Lookup",
    "Measure",
    "MonthStart",
    "Negated",
    "OnCalendar",
    "OnList",
    "Provided",
    "Related",
    "Rule",
    "Scalar",
    "ScoreValue",
    "TagPart",
    "TagValue",
    "WindowUnit",
]

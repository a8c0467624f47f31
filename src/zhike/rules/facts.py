"""What is known of one customer at a moment: what the single evaluator looks at instead of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

RelationKey = tuple[str, bool, bool]


@dataclass(frozen=True, slots=True)
class TagFact:
    """A tag that holds, with its value."""

    value_text: str | None = None
    value_number: float | None = None
    value_amount: Decimal | None = None
    value_on: date | None = None
    from_on: date | None = None


@dataclass(frozen=True, slots=True)
class SegmentFact:
    """A membership that holds."""

    bucket: str | None = None
    from_on: date | None = None


@dataclass(frozen=True, slots=True)
class ScoreFact:
    """What a model says."""

    score: float | None = None
    decile: int | None = None


@dataclass(frozen=True, slots=True)
class EventFact:
    """One event; ``fields`` holds the columns that filters ask for."""

    event_kind: str
    on: date
    at: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """One customer as of a day.

    Parameters
    ----------
    as_of : the day; events after it are not counted.
    fields : column of the profile → value (amounts Decimal, counts int, ratios float, days date); absent = missing.
    tags, segments, scores : those that hold on the day.
    events : this customer's events, in any order.
    lists : list → the latest day from which the customer is on it, of those on which it is on the day.
    contactable : (channel, purpose, product line) that policy allows.
    related : (relation, read inversely, declared by a source) → facts of the parties in that relation on the day.
    customer_id : needed of those whom relations lead through, so that nobody is met twice.
    has_profile : false for a party of whom only relations are known: it matches no ``where``.
    """

    as_of: date
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, TagFact] = field(default_factory=dict)
    segments: Mapping[str, SegmentFact] = field(default_factory=dict)
    scores: Mapping[str, ScoreFact] = field(default_factory=dict)
    events: Sequence[EventFact] = ()
    related: Mapping[RelationKey, Sequence[CustomerFacts]] = field(default_factory=dict)
    contactable: frozenset[tuple[str, str, str]] = frozenset()
    lists: Mapping[str, date] = field(default_factory=dict)
    customer_id: str = ""
    has_profile: bool = True


__all__ = ["CustomerFacts", "EventFact", "RelationKey", "ScoreFact", "SegmentFact", "TagFact"]

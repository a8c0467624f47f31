"""Walking a rule: its parts, and the names it uses. A run derives the reads of a step from these names."""

# ruff: noqa: PLR0911 - one return per kind of term

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zhike.rules.meaning import days_read
from zhike.rules.terms import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Compare,
    Computed,
    Condition,
    Contactable,
    DaysUntil,
    EventValue,
    Expression,
    Field,
    FollowedBy,
    HasTag,
    InSegment,
    Lookup,
    Measure,
    Negated,
    OnList,
    Provided,
    Related,
    ScoreValue,
    TagValue,
)

Part = Condition | Expression


@dataclass(frozen=True, slots=True)
class UsedNames:
    """What rules read: fields of the subject table, tags, segments, models, kinds of events, relations.

    ``event_days`` is how far back events are read. Names used inside a relation's ``where`` are included: they are read
    of the related party; ``relation_ways`` says which relation is read which way (True: inversely), ``relation_hops`` how far they
    lead at most. ``contactability`` says whether policy's answers are read.
    """

    fields: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    relations: frozenset[str] = frozenset()
    event_days: int = 0
    contactability: bool = False
    relation_ways: frozenset[tuple[str, bool]] = frozenset()
    relation_hops: int = 0
    lists: frozenset[str] = frozenset()

    def __or__(self, other: UsedNames) -> UsedNames:
        """Return what either reads."""
        return UsedNames(
            self.fields | other.fields, self.tags | other.tags, self.segments | other.segments, self.models | other.models,
            self.events | other.events, self.relations | other.relations, max(self.event_days, other.event_days),
            self.contactability or other.contactability, self.relation_ways | other.relation_ways,
            max(self.relation_hops, other.relation_hops), self.lists | other.lists,
        )  # fmt: skip


def inner_parts(part: Part, *, into_relations: bool = True) -> tuple[Part, ...]:
    """Return the parts directly inside ``part``; filters of events are not walked into."""
    match part:
        case AllOf(of) | AnyOf(of) | AtLeastOf(_, of):
            return of
        case Computed(_, of, _):
            return of
        case Negated(of) | DaysUntil(of) | Measure(_, of, _) | Lookup(of):
            return (of,)
        case Compare(left, _, right):
            return (left, *right)
        case Provided(of, where):
            return (of, where)
        case Related(where=where) if where is not None and into_relations:
            return (where,)
        case _:
            return ()


def parts_of(part: Part, *, into_relations: bool = True) -> Iterator[Part]:
    """Return ``part`` and every part inside it, outer ones first."""
    yield part
    for inner in inner_parts(part, into_relations=into_relations):
        yield from parts_of(inner, into_relations=into_relations)


def used_names(*rules: Part) -> UsedNames:
    """Return the names that ``rules`` (conditions or expressions) use."""
    parts = [p for rule in rules for p in parts_of(rule)]
    return UsedNames(
        fields=frozenset(p.name for p in parts if isinstance(p, Field)),
        tags=frozenset(p.tag for p in parts if isinstance(p, TagValue | HasTag)),
        segments=frozenset(p.segment for p in parts if isinstance(p, InSegment)),
        models=frozenset(p.model for p in parts if isinstance(p, ScoreValue)),
        events=frozenset(_event_kinds(parts)),
        relations=frozenset(r for p in parts if isinstance(p, Related) for r in p.relations),
        relation_ways=frozenset((r, w) for p in parts if isinstance(p, Related) for r in p.relations for w in p.ways),
        relation_hops=max((_hops(rule) for rule in rules), default=0),
        lists=frozenset(p.list for p in parts if isinstance(p, OnList)),
        contactability=any(isinstance(p, Contactable) for p in parts),
        event_days=max((_event_days(p) for p in parts), default=0),
    )


def _event_kinds(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, EventValue):
            yield from part.pattern.kinds
        elif isinstance(part, FollowedBy):
            yield from (*part.first.kinds, *part.second.kinds)


def _hops(part: Part) -> int:
    own = part.hops if isinstance(part, Related) else 0
    return own + max((_hops(inner) for inner in inner_parts(part)), default=0)


def _event_days(part: Part) -> int:
    if isinstance(part, EventValue):
        return days_read(part.window)
    return part.in_last_days if isinstance(part, FollowedBy) else 0


__all__ = ["Part", "UsedNames", "inner_parts", "parts_of", "used_names"]

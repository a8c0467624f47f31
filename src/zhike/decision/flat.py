"""Rules made to look at one flat row: tags, segments and scores become fields of their own.

The funnel joins what a campaign's rules look up once, under plain names; the same row, kept as JSON, is all that is needed
to take a decision again years later. Both evaluators of the rule language then see nothing but fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zhike.decision.terms import Campaign, Offer
from zhike.rules.terms import (
    TAG_PART_KINDS,
    AllOf,
    Compare,
    Comparison,
    Everyone,
    Field,
    HasTag,
    InSegment,
    Literal,
    Rule,
    ScoreValue,
    TagPart,
    TagValue,
)
from zhike.rules.walking import Part, UsedNames, used_names
from zhike.warehouse.contracts import Kind

SCORE_KINDS = {"score": Kind.RATE, "decile": Kind.INTEGER}


def tag_column(tag: str, part: TagPart) -> str:
    """Return the flat name of a part of a tag."""
    return f"tag__{tag}__{part}"


def segment_column(segment: str, part: str) -> str:
    """Return the flat name of a membership's ``bucket`` or ``since``."""
    return f"segment__{segment}__{part}"


def score_column(model: str, part: str = "score") -> str:
    """Return the flat name of a model's ``score`` or ``decile``."""
    return f"score__{model}__{part}"


def _segment_rule(leaf: InSegment) -> Rule:
    since = Field(segment_column(leaf.segment, "since"), Kind.DAY)
    tests: list[Rule] = [Compare(since, Comparison.IS_PRESENT)]
    if leaf.buckets:
        bucket = Field(segment_column(leaf.segment, "bucket"), Kind.CODE)
        tests.append(Compare(bucket, Comparison.IN, tuple(Literal(b, Kind.CODE) for b in leaf.buckets)))
    if leaf.entered_within_days is not None:
        days = Literal(leaf.entered_within_days, Kind.INTEGER)
        tests.append(Compare(since, Comparison.WITHIN_LAST_DAYS, (days,)))
    return AllOf(tuple(tests))


def flatten(part: Any) -> Any:
    """Return a rule or expression that asks the same of a flat row."""
    match part:
        case TagValue(tag, which, kind):
            return Field(tag_column(tag, which), kind)
        case HasTag(tag):
            return Compare(Field(tag_column(tag, TagPart.SINCE), Kind.DAY), Comparison.IS_PRESENT)
        case ScoreValue(model, which, kind):
            return Field(score_column(model, which), kind)
        case InSegment():
            return _segment_rule(part)
        case _:
            return _rebuilt(part)


def _rebuilt(part: Any) -> Any:
    if isinstance(part, tuple):
        return tuple(flatten(p) for p in part)
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        return dataclasses.replace(part, **{f.name: flatten(getattr(part, f.name)) for f in dataclasses.fields(part)})
    return part


def offer_parts(offer: Offer) -> tuple[Part, ...]:
    """Return every rule and expression of an offer."""
    channels = [r for c in offer.channels for r in (c.usable, c.preferred or Everyone())]
    return (offer.eligible, offer.applicable, offer.value, *channels)


@dataclass(frozen=True, slots=True)
class Lookups:
    """What a campaign looks up of each customer, by kind of table."""

    fields: frozenset[str]
    tags: tuple[str, ...]
    segments: tuple[str, ...]
    models: tuple[str, ...]


def lookups(campaign: Campaign, *, further_fields: Iterable[str] = ()) -> Lookups:
    """Return what a campaign's offers, weights and reasons look up; the audience itself is not among it."""
    parts = [p for o in campaign.offers for p in offer_parts(o)] + [c.rule for c in campaign.context]
    used: UsedNames = used_names(*parts)
    model = campaign.definition.propensity.model
    return Lookups(
        fields=used.fields | frozenset(further_fields),
        tags=tuple(sorted(used.tags)),
        segments=tuple(sorted(used.segments)),
        models=tuple(sorted(used.models | ({model} if model else set()))),
    )


def flat_kinds(looked_up: Lookups) -> Mapping[str, Kind]:
    """Return the kinds of the flat columns that do not come from the profile."""
    kinds: dict[str, Kind] = {}
    for tag in looked_up.tags:
        kinds.update({tag_column(tag, part): kind for part, kind in TAG_PART_KINDS.items()})
    for segment in looked_up.segments:
        kinds[segment_column(segment, "bucket")] = Kind.CODE
        kinds[segment_column(segment, "since")] = Kind.DAY
    for model in looked_up.models:
        kinds.update({score_column(model, part): kind for part, kind in SCORE_KINDS.items()})
    return kinds


__all__ = [
    "SCORE_KINDS", "Lookups", "flat_kinds", "flatten", "lookups", "offer_parts", "score_column", "segment_column", "tag_column",
]  # fmt: skip

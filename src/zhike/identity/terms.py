"""Nouns of identity: rules by which records are linked, what an officer overrules, what changed and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from zhike.kernel.terms import Text
from zhike.warehouse.fields import end_of_day


class Action(StrEnum):
    """What an override does."""

    MERGE = "merge"
    SPLIT = "split"


class Change(StrEnum):
    """What can happen to a customer id."""

    CREATED = "created"
    MERGED = "merged"
    SPLIT = "split"
    MOVED = "moved"
    RETIRED = "retired"


class Refusal(StrEnum):
    """Why two records that share a key stay apart."""

    RESIDENT_ID = "resident_id"
    USCC = "uscc"
    BIRTH = "birth_on"
    BIRTH_AND_SEX = "birth_on_and_sex"
    KIND = "party_kind"
    OVERRIDE = "override"
    AMBIGUOUS = "ambiguous"
    SIZE = "size"


class MentionState(StrEnum):
    """What was made of a mention of a company."""

    LINKED = "linked"
    REVIEW = "review"
    UNLINKED = "unlinked"


@dataclass(frozen=True, slots=True)
class AsOf:
    """A business day and its last moment as tables carry it (UTC without zone): facts recorded later are not read."""

    on: date
    known_by: datetime


@dataclass(frozen=True, slots=True, order=True)
class RecordKey:
    """One record as its source knows it."""

    source: str
    source_key: str


@dataclass(frozen=True, slots=True)
class Override:
    """An officer's decision about two records: the same customer, or two different ones.

    A forced merge overrules differing birth dates, never two valid document numbers nor a person and a company. A forced split
    holds against every rule.
    """

    override_id: str
    action: Action
    left: RecordKey
    right: RecordKey
    reason: str
    decided_by: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which records are linked: they share a key. ``priority`` 1 is strongest.

    ``max_records`` : a key shared by more records than this is no key at all (a shop's phone, a teller's default).
    """

    name: str
    priority: int
    max_records: int
    meaning: Text


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Parameters of identity, filled from the definitions' parameters by the pipeline.

    ``source_priority`` ranks sources for the golden record, most trusted first; sources not named come after, by name.
    ``max_sharing`` limits, per rule, by how many records a key may be shared; ``default_max_sharing`` holds for the rest.
    ``placeholder_birth_on`` are dates that systems write for "unknown". ``timezone`` says when a business day ends. A customer of more than
    ``largest_cluster`` records is made only by numbers of the person or company itself.
    ``own_places`` (code → name) are places in company names that no official table has, besides those that addresses show. A mention of a
    company is linked by itself from the probability ``mention_link_from``, and shown to an officer from ``mention_review_from``.
    """

    source_priority: tuple[str, ...] = ("core",)
    default_max_sharing: int = 8
    max_sharing: Mapping[str, int] = field(default_factory=lambda: {"id_number": 20, "uscc": 20, "wechat_unionid": 20})
    placeholder_birth_on: tuple[date, ...] = (date(1900, 1, 1), date(1899, 12, 31), date(1901, 1, 1))
    timezone: str = "Asia/Shanghai"
    largest_cluster: int = 20
    own_places: Mapping[str, str] = field(default_factory=dict)
    mention_link_from: float = 0.99
    mention_review_from: float = 0.5

    def as_of(self, day: date) -> AsOf:
        """Return ``day`` with its last moment in the business zone."""
        return AsOf(day, end_of_day(day, self.timezone))

    def limit(self, rule: str) -> int:
        """Return by how many records a key of ``rule`` may be shared."""
        return self.max_sharing.get(rule, self.default_max_sharing)


__all__ = ["Action", "AsOf", "Change", "IdentitySettings", "MentionState", "Override", "RecordKey", "Refusal", "Rule"]

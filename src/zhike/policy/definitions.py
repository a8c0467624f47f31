"""What gate, contact-policy and regulation files may hold. Each rule is dated, has a source, and says if counsel checked it."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from zhike.kernel.terms import Channel, PartyKind, Purpose
from zhike.policy.terms import ProductLine, Stage, Subject

EVERYWHERE = "*"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dated(_Strict):
    """A rule of law or of the house: where it holds, from when to when, and where it is written.

    ``jurisdiction`` is an ISO country code, or ``*`` for a rule of the house that holds everywhere.
    """

    key: str
    zh: str
    en: str
    jurisdiction: str = Field(pattern=r"^(\*|[A-Z]{2}(-[A-Z0-9]{1,3})?)$")
    effective_from: date
    effective_to: date | None = None
    source: str = Field(min_length=1)
    article: str = ""
    verified: bool
    note: str = ""

    def holds(self, *, on: date, jurisdiction: str) -> bool:
        """Return whether the rule is in force on a business day, in a jurisdiction."""
        in_force = self.effective_from <= on and (self.effective_to is None or on <= self.effective_to)
        here = self.jurisdiction in (EVERYWHERE, jurisdiction) or jurisdiction.startswith(f"{self.jurisdiction}-")
        return in_force and here


class Until(_Strict):
    """When a refused question may be asked again: ``plus_days`` after today, or after the day that ``field`` holds."""

    plus_days: int = Field(ge=0)
    field: str = ""


class GateDefinition(Dated):
    """One gate: who is asked it, the condition under which it lets pass, and what is said when it does not.

    Empty ``channels``, ``product_lines`` or ``party_kinds`` mean all. A missing value matches nothing, so a gate whose facts
    are missing refuses. A purpose needs at least one gate in force with ``is_legal_basis``. ``order`` sorts gates within
    their stage. ``waived_because`` switches a gate off openly: it is listed wherever the rules are listed.
    """

    stage: Stage
    order: int = Field(default=50, ge=0)
    is_legal_basis: bool = False
    subject: Subject = Subject.CUSTOMER
    purposes: tuple[Purpose, ...] = (Purpose.MARKETING,)
    product_lines: tuple[ProductLine, ...] = ()
    channels: tuple[Channel, ...] = ()
    party_kinds: tuple[PartyKind, ...] = ()
    pass_when: dict[str, Any]
    reason_zh: str = Field(min_length=1)
    reason_en: str = Field(min_length=1)
    until: Until | None = None
    waived_because: str = ""

    @field_validator("stage")
    @classmethod
    def _is_a_rule_stage(cls, stage: Stage) -> Stage:
        if stage is Stage.CONTENT:
            raise ValueError("content is checked by regulations, not by gates")
        return stage


class Window(_Strict):
    """Over what a cap counts: the local calendar day, week (from Monday) or month, or the last ``rolling_days`` × 24 hours."""

    calendar: Literal["day", "week", "month"] | None = None
    rolling_days: int | None = Field(default=None, ge=1, le=366)

    @model_validator(mode="after")
    def _is_one_kind(self) -> Window:
        if (self.calendar is None) == (self.rolling_days is None):
            raise ValueError("give either calendar or rolling_days")
        return self


class Cap(_Strict):
    """At most ``at_most`` contacts to one recipient within a window, over ``channels`` together (empty = all).

    The last ``reserved`` of them are kept for requests of priority ``reserved_for_priority`` or higher (a smaller number).
    """

    key: str
    zh: str
    en: str
    at_most: int = Field(ge=0)
    window: Window
    channels: tuple[Channel, ...] = ()
    reserved: int = Field(default=0, ge=0)
    reserved_for_priority: int = Field(default=1, ge=1, le=9)

    def covers(self, channel: Channel) -> bool:
        """Return whether contacts on ``channel`` count towards this cap."""
        return not self.channels or channel in self.channels

    def limit_for(self, priority: int) -> int:
        """Return how many contacts a request of this priority finds the window full at."""
        return self.at_most if priority <= self.reserved_for_priority else max(0, self.at_most - self.reserved)


class QuietHours(_Strict):
    """Hours of the recipient's own clock in which nothing is sent; ``from`` after ``to`` runs over midnight.

    ``weekdays`` (1 = Monday … 7) is the local day of the moment itself; empty = every day.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    starts: time = Field(alias="from")
    ends: time = Field(alias="to")
    channels: tuple[Channel, ...] = ()
    weekdays: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _is_a_span(self) -> QuietHours:
        if self.starts == self.ends:
            raise ValueError("quiet hours must not start and end at the same time")
        if any(d not in range(1, 8) for d in self.weekdays):
            raise ValueError("weekdays are 1 (Monday) to 7")
        return self


class Holiday(_Strict):
    """Days on which nothing is sent on ``channels`` (empty = all): festivals, exam days."""

    zh: str
    en: str
    from_on: date
    to_on: date
    channels: tuple[Channel, ...] = ()

    @model_validator(mode="after")
    def _is_in_order(self) -> Holiday:
        if self.to_on < self.from_on:
            raise ValueError("a holiday ends on or after the day it starts")
        return self


class ContactPolicyDefinition(Dated):
    """How often and when recipients may be contacted for a purpose."""

    purposes: tuple[Purpose, ...] = (Purpose.MARKETING,)
    caps: tuple[Cap, ...] = ()
    quiet_hours: tuple[QuietHours, ...] = ()
    holidays: tuple[Holiday, ...] = ()


class ForbiddenPhrases(_Strict):
    """Phrases that may not be said; one that stands negated (非保本, 不保证收益) is not a find."""

    phrases: tuple[str, ...] = Field(min_length=1)
    is_negatable: bool = True


class ForbiddenPattern(_Strict):
    """A combination that may not be said, as a regular expression within one clause; ``unless`` excuses a find."""

    pattern: str
    unless: str = ""
    example_zh: str = ""

    @field_validator("pattern", "unless")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern


class RequiredText(_Strict):
    """Words of which at least one must stand in the text."""

    any_of: tuple[str, ...] = Field(min_length=1)


class RegulationDefinition(Dated):
    """A rule on what may be said. ``severity`` refuse stops the message; warn is shown to the approver.

    Empty ``product_lines`` or ``channels`` mean all; ``purposes`` as in gates.
    """

    severity: Literal["refuse", "warn"] = "refuse"
    purposes: tuple[Purpose, ...] = (Purpose.MARKETING,)
    product_lines: tuple[ProductLine, ...] = ()
    channels: tuple[Channel, ...] = ()
    forbidden_phrases: ForbiddenPhrases | None = None
    forbidden_patterns: tuple[ForbiddenPattern, ...] = ()
    required_text: RequiredText | None = None
    reason_zh: str = Field(min_length=1)
    reason_en: str = Field(min_length=1)


__all__ = [
    "Cap", "ContactPolicyDefinition", "Dated", "ForbiddenPattern", "ForbiddenPhrases", "GateDefinition", "Holiday", "QuietHours",
    "RegulationDefinition", "RequiredText", "Until", "Window",
]  # fmt: skip

"""What offer and campaign files may hold."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zhike.kernel.terms import Channel, ProductRisk, Purpose
from zhike.policy.terms import ProductLine


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChannelDefinition(_Strict):
    """One channel of an offer, in order of preference.

    ``when`` says for whom it can be used; ``prefer_when`` for whom it comes before channels that stand earlier.
    """

    channel: Channel
    cost_amount: Decimal = Field(ge=0, decimal_places=2)
    when: dict[str, Any] | list[Any] | None = None
    prefer_when: dict[str, Any] | list[Any] | None = None


class Words(_Strict):
    """The same words in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class ContentDefinition(_Strict):
    """What is said, by channel; ``is_approved`` is set by those who approve, not by those who write."""

    version: str = Field(min_length=1)
    is_approved: bool = False
    texts: dict[Channel, Words]


class OfferDefinition(_Strict):
    """A product or function as it is offered.

    ``issue`` and ``group`` are Pega's two levels above an action. ``value`` is an expression of the rule language: what one
    acceptance is worth, in base currency. ``acceptance_rate`` times the model's probability is the propensity.
    """

    key: str
    zh: str
    en: str
    issue: str
    group: str
    product_line: ProductLine
    product_class: str = ""
    product_grade: ProductRisk | None = None
    value: Any
    acceptance_rate: float = Field(default=1.0, gt=0, le=1)
    weight: float = Field(default=0, ge=-100, le=1000)
    eligible_when: dict[str, Any] | list[Any] | None = None
    applicable_when: dict[str, Any] | list[Any] | None = None
    channels: tuple[ChannelDefinition, ...] = Field(min_length=1)
    content: ContentDefinition
    talking_points_zh: tuple[str, ...] = ()
    talking_points_en: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_something_on_each_channel(self) -> OfferDefinition:
        channels = [c.channel for c in self.channels]
        if len(set(channels)) != len(channels):
            raise ValueError("a channel is listed twice")
        silent = [c.value for c in channels if c not in self.content.texts]
        if silent:
            raise ValueError(f"content has no text for {', '.join(silent)}")
        if self.product_line in (ProductLine.INVESTMENT, ProductLine.INSURANCE) and self.product_grade is None:
            raise ValueError("investments and insurance need a product_grade")
        if len(self.talking_points_zh) != len(self.talking_points_en):
            raise ValueError("talking points must be given in both languages")
        return self


class PropensityDefinition(_Strict):
    """Where the probability comes from: a model's calibrated score, or one rate for everybody.

    ``missing_rate`` is used for customers whom the model does not score; without it they drop out at arbitration.
    """

    model: str = ""
    rate: float | None = Field(default=None, ge=0, le=1)
    missing_rate: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _is_one_of_them(self) -> PropensityDefinition:
        if bool(self.model) == (self.rate is not None):
            raise ValueError("give either model or rate")
        return self


class ContextDefinition(_Strict):
    """A context weight: /100 + 1, added up over those that hold."""

    when: dict[str, Any] | list[Any]
    weight: float = Field(ge=-100, le=1000)
    issue: str = ""
    group: str = ""
    offer: str = ""


class Switches(_Strict):
    """Each factor of the priority can be switched off; it is then 1."""

    propensity: bool = True
    context: bool = True
    value: bool = True
    levers: bool = True


class OutcomeDefinition(_Strict):
    """What success is: a metric of ``measure`` over a window after assignment."""

    metric: str
    window_days: int = Field(ge=1, le=366)


class CampaignDefinition(_Strict):
    """Whom to offer what, in which order, at which limits, and how its effect is known; the first outcome is the headline."""

    key: str
    zh: str
    en: str
    objective_zh: str
    objective_en: str
    purpose: Purpose = Purpose.MARKETING
    audience: dict[str, Any] | list[Any]
    offers: tuple[str, ...] = Field(min_length=1)
    propensity: PropensityDefinition
    context: tuple[ContextDefinition, ...] = ()
    issue_weights: dict[str, float] = {}
    group_weights: dict[str, float] = {}
    switches: Switches = Switches()
    offers_per_customer: int = Field(default=1, ge=1, le=10)
    must_be_worth_it: bool = True
    priority: int = Field(default=5, ge=1, le=9)
    starts_on: date | None = None
    ends_on: date | None = None
    repeat_after_days: int = Field(default=30, ge=0)
    plan_after_days: int = Field(default=1, ge=0, le=30)
    plan_at: time = time(9, 30)
    capacity: dict[Channel, int] = {}
    budget_amount: Decimal | None = Field(default=None, ge=0)
    holdout_rate: float = Field(ge=0, lt=1)
    experiment: str = ""
    outcomes: tuple[OutcomeDefinition, ...] = Field(min_length=1)
    reason_zh: str = Field(min_length=1)
    reason_en: str = Field(min_length=1)

    @model_validator(mode="after")
    def _runs_forward(self) -> CampaignDefinition:
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValueError("a campaign ends on or after the day it starts")
        if len(set(self.offers)) != len(self.offers):
            raise ValueError("an offer is listed twice")
        return self

    def runs_on(self, day: date) -> bool:
        """Return whether the campaign runs on a business day."""
        return (self.starts_on is None or self.starts_on <= day) and (self.ends_on is None or day <= self.ends_on)


__all__ = [
    "CampaignDefinition", "ChannelDefinition", "ContentDefinition", "ContextDefinition", "OfferDefinition", "OutcomeDefinition",
    "PropensityDefinition", "Switches", "Words",
]  # fmt: skip

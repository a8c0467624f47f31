"""The nouns of decision: the stages of the funnel, an offer with its rules, a campaign, and the outcome for one customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from zhike.decision.definitions import CampaignDefinition, ChannelDefinition, OfferDefinition
from zhike.kernel.terms import Channel, ProductRisk
from zhike.policy.terms import Combination
from zhike.rules.terms import Expression, Rule


class FunnelStage(StrEnum):
    """Where a candidate fell out, in the field's own words; ``final`` are those that came through."""

    CATALOGUE = "catalogue"
    ELIGIBLE = "eligible"
    APPLICABLE = "applicable"
    SUITABLE = "suitable"
    CONTACT_POLICY = "contact_policy"
    ARBITRATION = "arbitration"
    FINAL = "final"


class Arm(StrEnum):
    """The two arms of an experiment."""

    TREATMENT = "treatment"
    CONTROL = "control"


RULES = {
    "offer.eligible_when": ("不满足产品准入条件", "the offer's own conditions of entry are not met"),
    "offer.applicable_when": ("产品与客户当前情况不相关", "the offer is not relevant to the customer now"),
    "offer.no_channel": ("没有可用渠道", "no channel of the offer can be used for this customer"),
    "campaign.repeated": ("该活动近期已触达", "contacted by this campaign recently"),
    "campaign.no_score": ("没有模型评分", "no score"),
    "campaign.not_worth": ("预期收益不高于触达成本", "expected value does not exceed the cost of contact"),
    "campaign.ranked_lower": ("优先级低于同客户的其他产品", "another offer ranks higher for this customer"),
    "campaign.over_capacity": ("超出渠道产能", "beyond the capacity of the channel"),
    "campaign.over_budget": ("超出预算", "beyond the budget"),
    "content.refused": ("文案未通过检查", "the words were refused"),
    "calendar.closed": ("计划日不可触达", "the channel is closed on the planned day"),
}  # fmt: skip
SCALE = 6


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """One channel of an offer: what a contact costs, when it can be used, and when it is preferred."""

    channel: Channel
    definition: ChannelDefinition
    usable: Rule
    preferred: Rule | None


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer with its rules compiled."""

    definition: OfferDefinition
    hash: str
    eligible: Rule
    applicable: Rule
    value: Expression
    channels: tuple[ChannelChoice, ...]

    @property
    def offer_id(self) -> str:
        """Key of the offer."""
        return self.definition.key

    @property
    def product_risk_level(self) -> int:
        """1 to 5 for R1 to R5, 0 where the product has no grade."""
        grade = self.definition.product_grade
        return 0 if grade is None else list(ProductRisk).index(grade) + 1


@dataclass(frozen=True, slots=True)
class ContextWeight:
    """A weight that counts when its rule holds, for offers of an issue or group, or for one offer."""

    rule: Rule
    weight: float
    issue: str
    group: str
    offer: str

    def concerns(self, offer: Offer) -> bool:
        """Return whether it counts for an offer."""
        written = offer.definition
        return (
            self.issue in ("", written.issue) and self.group in ("", written.group) and self.offer in ("", written.key)
        )


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign with its audience, offers and weights compiled."""

    definition: CampaignDefinition
    hash: str
    audience: Rule
    offers: tuple[Offer, ...]
    context: tuple[ContextWeight, ...]

    @property
    def key(self) -> str:
        """Key of the campaign."""
        return self.definition.key

    @property
    def experiment(self) -> str:
        """Key under which customers are assigned: the campaign's own, or the one it names."""
        return self.definition.experiment or self.definition.key

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Every channel of its offers, in the order of first mention."""
        return tuple(dict.fromkeys(c.channel for o in self.offers for c in o.channels))

    @property
    def combinations(self) -> tuple[Combination, ...]:
        """What policy is asked: every channel of every offer, for the campaign's purpose and the offer's line."""
        purpose = self.definition.purpose
        return tuple(
            dict.fromkeys(
                Combination(c.channel, purpose, o.definition.product_line) for o in self.offers for c in o.channels
            )
        )

    def combination(self, offer: Offer, channel: Channel) -> Combination:
        """Return what policy is asked for one offer on one channel."""
        return Combination(channel, self.definition.purpose, offer.definition.product_line)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What became of one offer for one customer. ``stage`` and ``rule`` say where and why it fell out."""

    offer_id: str
    stage: FunnelStage
    rule: str | None = None
    channel: str | None = None
    p_accept: float | None = None
    context_weight: float | None = None
    value_amount: float | None = None
    lever_weight: float | None = None
    priority: float | None = None
    rank: int | None = None


Outcome = Mapping[str, Candidate]

__all__ = [
    "RULES", "SCALE", "Arm", "Campaign", "Candidate", "ChannelChoice", "ContextWeight", "FunnelStage", "Offer", "Outcome",
]  # fmt: skip

"""The funnel for one customer: the same answers as the batch, from one flat row of inputs. Pure; used online and by explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from zhike.decision.arbitration import lever_weight, priority, rounded, weight_factor
from zhike.decision.calendar import PlannedDay
from zhike.decision.flat import flatten, score_column
from zhike.decision.funnel import Thresholds
from zhike.decision.terms import Campaign, Candidate, ChannelChoice, FunnelStage, Offer
from zhike.kernel.terms import Channel, Purpose
from zhike.policy.batch import NO_BASIS, NOBODY, PASSES
from zhike.policy.consent import consent_column
from zhike.policy.contactability import refusal_names
from zhike.policy.decide import InForce
from zhike.policy.gates import REVIEWS, first_place, has_legal_basis
from zhike.policy.terms import Combination, Subject
from zhike.rules.facts import CustomerFacts
from zhike.rules.single import compile_expression, compile_rule
from zhike.rules.terms import Rule

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What one decision is taken on.

    Parameters
    ----------
    fields : the customer's flat row: facts, ``consent__…``, ``tag__…``, ``segment__…``, ``score__…``, ``cap__<channel>``,
        ``is_repeated``. A name that is absent is missing.
    recipient : the same facts of the person who receives; None when it is the customer.
    has_recipient : whether anybody is authorised to receive.
    limits : offer_id → rule of a limit over all customers (capacity, budget) that the offer met; the batch decides those.
    """

    fields: Mapping[str, Any]
    recipient: Mapping[str, Any] | None = None
    has_recipient: bool = True
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OneCustomer:
    """Decides a campaign for single customers; compile once, ask often."""

    campaign: Campaign
    rules: InForce
    day: PlannedDay
    as_of: date

    def candidates(self, inputs: Inputs) -> dict[str, Candidate]:
        """Return what became of each offer, by offer_id: stage, rule, channel, factors, priority and rank."""
        judged = [self._candidate(offer, inputs) for offer in self.campaign.offers]
        standing = sorted(
            (c for c in judged if c.stage is FunnelStage.FINAL), key=lambda c: (-(c.priority or 0.0), c.offer_id)
        )
        ranks = {c.offer_id: i + 1 for i, c in enumerate(standing)}
        return {c.offer_id: self._ranked(c, ranks.get(c.offer_id), inputs) for c in judged}

    def _ranked(self, candidate: Candidate, rank: int | None, inputs: Inputs) -> Candidate:
        if rank is None:
            return candidate
        rule = inputs.limits.get(candidate.offer_id)
        if rank > self.campaign.definition.offers_per_customer:
            rule = "campaign.ranked_lower"
        stage = FunnelStage.FINAL if rule is None else FunnelStage.ARBITRATION
        return replace(candidate, rank=rank, stage=stage, rule=rule)

    # ---- one offer

    def _holds(self, rule: Rule, inputs: Inputs) -> bool:
        return compile_rule(flatten(rule))(CustomerFacts(self.as_of, inputs.fields))

    def _candidate(self, offer: Offer, inputs: Inputs) -> Candidate:
        places = {c.channel: self._place(offer, c.channel, inputs) for c in offer.channels}
        fell, rule, channel = self._judge(offer, places, inputs)
        p = self._propensity(offer, inputs)
        value = self._value(offer, inputs)
        context = weight_factor(
            c.weight for c in self.campaign.context if c.concerns(offer) and self._holds(c.rule, inputs)
        )
        levers = lever_weight(self.campaign, offer)
        score = None
        if p is not None or not self.campaign.definition.switches.propensity:
            score = priority(p or 0.0, context, float(value), levers, switches=self.campaign.definition.switches)
        if fell is None:
            rule = self._not_worth(offer, channel, p, value)
            fell = FunnelStage.FINAL if rule is None else FunnelStage.ARBITRATION
        return Candidate(offer.offer_id, fell, rule, channel, p, context, float(value), levers, score)

    def _propensity(self, offer: Offer, inputs: Inputs) -> float | None:
        written = self.campaign.definition.propensity
        p = inputs.fields.get(score_column(written.model)) if written.model else written.rate
        p = written.missing_rate if p is None else p
        return None if p is None else rounded(float(p) * offer.definition.acceptance_rate)

    def _value(self, offer: Offer, inputs: Inputs) -> Decimal:
        value = compile_expression(flatten(offer.value))(CustomerFacts(self.as_of, inputs.fields))
        return Decimal(0) if value is None else Decimal(str(value)).quantize(CENT, rounding=ROUND_HALF_UP)

    def _not_worth(self, offer: Offer, channel: str | None, p: float | None, value: Decimal) -> str | None:
        if p is None:
            return "campaign.no_score"
        cost = next(c.definition.cost_amount for c in offer.channels if c.channel == channel)
        is_worth = rounded(p * float(value)) > float(cost)
        return None if is_worth or not self.campaign.definition.must_be_worth_it else "campaign.not_worth"

    # ---- gates

    def _request_fields(self, offer: Offer, combination: Combination, facts: Mapping[str, Any]) -> dict[str, Any]:
        def consent(purpose: Purpose) -> Any:
            return facts.get(consent_column(combination.channel, purpose)) or "unknown"

        return {
            "channel": combination.channel.value,
            "purpose": combination.purpose.value,
            "product_line": combination.product_line.value,
            "consent_state": consent(combination.purpose),
            "profiling_consent_state": consent(Purpose.PROFILING),
            "product_class": offer.definition.product_class or None,
            "product_risk_level": offer.product_risk_level,
            **{f"has_review_{r}": False for r in REVIEWS},
        }

    def _place(self, offer: Offer, channel: Channel, inputs: Inputs) -> int:
        combination = self.campaign.combination(offer, channel)
        if not has_legal_basis(self.rules.gates, combination):
            return NO_BASIS
        if not inputs.has_recipient:
            return NOBODY
        recipient = inputs.fields if inputs.recipient is None else inputs.recipient
        told = {
            Subject.CUSTOMER: {**inputs.fields, **self._request_fields(offer, combination, recipient)},
            Subject.RECIPIENT: {**recipient, **self._request_fields(offer, combination, recipient)},
        }
        place = first_place(self.rules.gates, told, combination, as_of=self.as_of)
        return PASSES if place is None else place

    def _contact_refusal(self, offer: Offer, channel: Channel, place: int, inputs: Inputs) -> str | None:
        if place < PASSES:
            return refusal_names(self.rules)[place][1]
        full = inputs.fields.get(f"cap__{channel}")
        return f"cap.{full}" if full else self.day.closed.get((offer.offer_id, channel))

    def _judge(
        self, offer: Offer, places: Mapping[Channel, int], inputs: Inputs
    ) -> tuple[FunnelStage | None, str | None, str | None]:
        """Return stage and rule where it fell out, else the channel."""
        limits = Thresholds.of(self.rules)
        names = refusal_names(self.rules)
        legal = [c for c in offer.channels if places[c.channel] >= limits.eligible]
        usable = [c for c in legal if self._holds(c.usable, inputs)]
        suitable = [c for c in usable if places[c.channel] >= limits.suitable]
        refusals = {c.channel: self._contact_refusal(offer, c.channel, places[c.channel], inputs) for c in suitable}
        open_choices = [c for c in suitable if refusals[c.channel] is None]
        fell: tuple[FunnelStage, str | None] | None = None
        if not legal:
            fell = FunnelStage.ELIGIBLE, names[max(places.values())][1]
        elif not self._holds(offer.eligible, inputs):
            fell = FunnelStage.ELIGIBLE, "offer.eligible_when"
        elif not self._holds(offer.applicable, inputs):
            fell = FunnelStage.APPLICABLE, "offer.applicable_when"
        elif not usable:
            fell = FunnelStage.APPLICABLE, "offer.no_channel"
        elif not suitable:
            fell = FunnelStage.SUITABLE, names[max(places[c.channel] for c in usable)][1]
        elif inputs.fields.get("is_repeated"):
            fell = FunnelStage.CONTACT_POLICY, "campaign.repeated"
        elif not open_choices:
            fell = FunnelStage.CONTACT_POLICY, refusals[suitable[0].channel]
        if fell is not None:
            return *fell, None
        return None, None, self._choose(open_choices, inputs).value

    def _choose(self, choices: list[ChannelChoice], inputs: Inputs) -> Channel:
        wanted = [c for c in choices if c.preferred is not None and self._holds(c.preferred, inputs)]
        return (wanted or choices)[0].channel


__all__ = ["Inputs", "OneCustomer"]

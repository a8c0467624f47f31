"""What is decided once per campaign and day rather than per customer: closed channels, refused words, when contacts are planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from zhike.decision.inputs import planned_on
from zhike.decision.terms import Campaign, Offer
from zhike.kernel.clock import moment_on
from zhike.kernel.terms import Channel
from zhike.policy.contacts import closed_caps
from zhike.policy.decide import Policy
from zhike.policy.hours import closed_reason


@dataclass(frozen=True, slots=True)
class PlannedDay:
    """The day's answers that are the same for every customer.

    ``closed`` names, per (offer, channel), the rule that closes it for everybody: words refused or not approved, a holiday
    that fills the day, a cap of 0. ``moments`` is when contacts on a channel are planned.
    """

    closed: Mapping[tuple[str, Channel], str]
    moments: Mapping[Channel, datetime]


def _words(campaign: Campaign, offer: Offer, channel: Channel, policy: Policy, on: date) -> str | None:
    content = offer.definition.content
    if not content.is_approved:
        return "policy.content_not_approved"
    words = content.texts[channel]
    found = policy.check_texts(
        (words.zh, words.en),
        channel=channel,
        purpose=campaign.definition.purpose,
        product_line=offer.definition.product_line,
        on=on,
    )
    return next((f"content.{f.regulation.key}" for f in found if f.is_refusal), None)


def _moment(campaign: Campaign, channel: Channel, policy: Policy, on: date) -> datetime | None:
    """Return the first open moment from the planned time on, when it still falls on the planned day."""
    at: datetime | None = moment_on(
        on, policy.timezone, hour=campaign.definition.plan_at.hour, minute=campaign.definition.plan_at.minute
    )
    after = moment_on(date.fromordinal(on.toordinal() + 1), policy.timezone)
    policies = policy.on(on).policies_for(campaign.definition.purpose)
    for _ in range(len(policies) + 1):
        reasons = [
            closed_reason(
                at,
                channel=channel,
                timezone=policy.timezone,
                quiet_hours=p.definition.quiet_hours,
                holidays=p.definition.holidays,
            )
            for p in policies
            if at is not None
        ]
        shut = next((r for r in reasons if r is not None), None)
        if shut is None:
            break
        at = shut.until
    return at if at is not None and at < after else None


def plan_day(campaign: Campaign, policy: Policy, *, as_of: date) -> PlannedDay:
    """Return what holds for everybody on the day for which a campaign plans its contacts."""
    on = planned_on(campaign, as_of)
    caps = policy.on(on).caps(campaign.definition.purpose)
    has_policy = bool(policy.on(on).policies_for(campaign.definition.purpose))
    moments = {c: m for c in campaign.channels if (m := _moment(campaign, c, policy, on)) is not None}
    closed: dict[tuple[str, Channel], str] = {}
    for offer in campaign.offers:
        for choice in offer.channels:
            cap = closed_caps(caps, choice.channel, priority=campaign.definition.priority)
            rule = None if has_policy else "policy.no_contact_policy"
            rule = rule or (f"cap.{cap}" if cap else None)
            rule = rule or (None if choice.channel in moments else "calendar.closed")
            rule = rule or _words(campaign, offer, choice.channel, policy, on)
            if rule is not None:
                closed[(offer.offer_id, choice.channel)] = rule
    return PlannedDay(closed, moments)


__all__ = ["PlannedDay", "plan_day"]

"""The funnel for everybody: catalogue → eligible → applicable → suitable → contact policy → arbitration → final.

Every (customer, offer) of the audience stays in the result with the stage at which it fell out and the rule that did it, so
that counts add up to the catalogue. One scan of the input rows per offer; no loop over customers. ``one`` is the same for a
single customer.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from datetime import date
from functools import reduce

import ibis
import ibis.expr.types as ir

from zhike.decision.arbitration import lever_weight, priority_column
from zhike.decision.calendar import PlannedDay
from zhike.decision.flat import flatten, score_column
from zhike.decision.terms import SCALE, Campaign, FunnelStage, Offer
from zhike.kernel.terms import Channel
from zhike.policy.batch import PASSES, offer_refusal, refusal_columns
from zhike.policy.contactability import named, refusal_names
from zhike.policy.decide import InForce
from zhike.policy.terms import Stage
from zhike.rules.batch import Bound
from zhike.rules.scope import RuleScope

JUDGED_COLUMNS = (
    "customer_id", "recipient_id", "offer_id", "stage", "rule", "channel", "p_accept", "context_weight", "value_amount",
    "lever_weight", "cost_amount",
)  # fmt: skip
_TEXT = ibis.null("string")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the stages of the gates end in the order of all gates: places below are refusals of that stage or earlier."""

    eligible: int
    suitable: int

    @classmethod
    def of(cls, rules: InForce) -> Thresholds:
        """Return the thresholds of the gates in force."""
        stages = [g.definition.stage for g in rules.gates]
        eligible = sum(s in (Stage.CONSENT, Stage.HARD) for s in stages)
        return cls(eligible, eligible + sum(s in (Stage.SUITABILITY, Stage.RISK_REVIEW) for s in stages))


@dataclass(frozen=True, slots=True)
class Funnel:
    """What a campaign's funnel needs besides the rows: its rules, the gates in force, the day."""

    campaign: Campaign
    rules: InForce
    day: PlannedDay
    as_of: date

    # ---- one offer

    def offer_rows(self, rows: ir.Table, offer: Offer) -> ir.Table:
        """Return one row per customer for one offer, up to arbitration; ``stage`` is missing where it is still in."""
        asked = self._asked(rows, offer)
        judged = self._judged(asked, offer)
        written = offer.definition
        costs = [(c.channel.value, c.definition.cost_amount) for c in offer.channels]
        return judged.mutate(
            offer_id=ibis.literal(written.key),
            lever_weight=ibis.literal(lever_weight(self.campaign, offer), type="float64"),
            cost_amount=judged.channel.cases(*costs, else_=ibis.null("decimal(18,2)")).cast("decimal(18,2)"),
        )

    def _asked(self, rows: ir.Table, offer: Offer) -> ir.Table:
        """Add the answer to every question about an offer: rules, value, propensity, gates about the product."""
        written = offer.definition
        product = rows.mutate(
            product_line=ibis.literal(written.product_line.value),
            product_class=ibis.literal(written.product_class or None, type="string"),
            product_risk_level=ibis.literal(offer.product_risk_level, type="int64"),
        )
        bound = Bound(product, RuleScope(self.as_of), {})
        usable = {f"usable__{c.channel}": bound.flag(flatten(c.usable)) for c in offer.channels}
        preferred = {
            f"preferred__{c.channel}": bound.flag(flatten(c.preferred))
            for c in offer.channels
            if c.preferred is not None
        }
        weights = [
            bound.flag(flatten(c.rule)).ifelse(c.weight, 0.0) for c in self.campaign.context if c.concerns(offer)
        ]
        total = reduce(operator.add, weights) if weights else ibis.literal(0.0)
        return product.mutate(
            **usable,
            **preferred,
            is_eligible=bound.flag(flatten(offer.eligible)),
            is_applicable=bound.flag(flatten(offer.applicable)),
            value_amount=bound.value(flatten(offer.value)).cast("decimal(18,2)").fill_null(0),
            context_weight=ibis.greatest((total / 100.0 + 1.0).round(SCALE), 0.0),
            p_accept=self._propensity(product, offer),
            product_place=offer_refusal(
                product, self.rules.gates, purpose=self.campaign.definition.purpose, as_of=self.as_of
            ),
        )

    def _propensity(self, table: ir.Table, offer: Offer) -> ir.Value:
        written = self.campaign.definition.propensity
        if written.model:
            p = table[score_column(written.model)]
            p = p if written.missing_rate is None else p.fill_null(written.missing_rate)
        else:
            p = ibis.literal(written.rate, type="float64")
        return (p * offer.definition.acceptance_rate).round(SCALE)

    def _judged(self, asked: ir.Table, offer: Offer) -> ir.Table:
        """Add stage, rule and channel."""
        channels = [c.channel for c in offer.channels]
        limits = Thresholds.of(self.rules)
        placed = asked.mutate(
            **{
                f"place__{c}": ibis.least(asked[self.campaign.combination(offer, c).column], asked.product_place)
                for c in channels
            }
        )
        steps = {}
        for c in channels:
            steps[f"e__{c}"] = placed[f"place__{c}"] >= limits.eligible
            steps[f"u__{c}"] = steps[f"e__{c}"] & placed[f"usable__{c}"]
            steps[f"s__{c}"] = steps[f"u__{c}"] & (placed[f"place__{c}"] >= limits.suitable)
            steps[f"shut__{c}"] = self._shut(placed, offer, c)
        known = placed.mutate(**steps)
        known = known.mutate(
            **{
                f"k__{c}": known[f"s__{c}"] & (known[f"place__{c}"] == PASSES) & known[f"shut__{c}"].isnull()
                for c in channels
            },
            furthest=_furthest(known, channels, "e", limits.eligible),
            furthest_usable=_furthest(known, channels, "u", limits.suitable),
        )
        stage = self._stage(known, channels)
        return known.mutate(
            stage=stage,
            gate_place=self._gate_place(known, channels),
            rule=self._own_rule(known, channels),
            channel=stage.isnull().ifelse(self._channel(known, offer), _TEXT),
        )

    def _shut(self, table: ir.Table, offer: Offer, channel: Channel) -> ir.Value:
        """The cap, holiday or words that close a channel; missing when none does."""
        closed = ibis.literal(self.day.closed.get((offer.offer_id, channel)), type="string")
        return ibis.coalesce("cap." + table[f"cap__{channel}"], closed)

    def _stage(self, t: ir.Table, channels: list[Channel]) -> ir.Value:
        return ibis.cases(
            (~t.is_eligible | ~_any(t, "e", channels), FunnelStage.ELIGIBLE.value),
            (~t.is_applicable | ~_any(t, "u", channels), FunnelStage.APPLICABLE.value),
            (~_any(t, "s", channels), FunnelStage.SUITABLE.value),
            (t.is_repeated | ~_any(t, "k", channels), FunnelStage.CONTACT_POLICY.value),
            else_=_TEXT,
        )

    def _gate_place(self, t: ir.Table, channels: list[Channel]) -> ir.Value:
        """The place of the gate that dropped a candidate; missing when no gate did."""
        place = ibis.null("int16")
        resting = [(t[f"s__{c}"], (t[f"place__{c}"] < PASSES).ifelse(t[f"place__{c}"], place)) for c in channels]
        return ibis.cases(
            (~_any(t, "e", channels), t.furthest),
            (~t.is_eligible | ~t.is_applicable | ~_any(t, "u", channels), place),
            (~_any(t, "s", channels), t.furthest_usable),
            (~t.is_repeated & ~_any(t, "k", channels), ibis.cases(*resting, else_=place)),
            else_=place,
        )

    def _own_rule(self, t: ir.Table, channels: list[Channel]) -> ir.Value:
        """The rule that dropped a candidate where it is not a gate."""
        shut = [(t[f"s__{c}"], t[f"shut__{c}"]) for c in channels]
        return ibis.cases(
            (~_any(t, "e", channels), _TEXT),
            (~t.is_eligible, "offer.eligible_when"),
            (~t.is_applicable, "offer.applicable_when"),
            (~_any(t, "u", channels), "offer.no_channel"),
            (~_any(t, "s", channels), _TEXT),
            (t.is_repeated, "campaign.repeated"),
            (~_any(t, "k", channels), ibis.cases(*shut, else_=_TEXT)),
            else_=_TEXT,
        )

    def _channel(self, t: ir.Table, offer: Offer) -> ir.Value:
        """The first preferred channel that may be used, else the first that may be used."""
        wanted = [
            (t[f"k__{c.channel}"] & t[f"preferred__{c.channel}"], c.channel.value)
            for c in offer.channels
            if c.preferred is not None
        ]
        usable = [(t[f"k__{c.channel}"], c.channel.value) for c in offer.channels]
        return ibis.cases(*wanted, *usable, else_=_TEXT)

    # ---- all offers

    def candidates(self, rows: ir.Table, subjects: ir.Table) -> ir.Table:
        """Return one row per customer and offer up to arbitration.

        Parameters
        ----------
        rows : see ``inputs.input_rows``. subjects : see ``inputs.subject_rows``.
        """
        refusals = refusal_columns(subjects, self.rules.gates, self.campaign.combinations, as_of=self.as_of)
        places = refusals.drop("recipient_id").rename(_key="customer_id")
        known = rows.left_join(places, rows.customer_id == places["_key"]).drop("_key").cache()
        parts = [self.offer_rows(known, o).select("gate_place", *JUDGED_COLUMNS) for o in self.campaign.offers]
        together = ibis.union(*parts) if len(parts) > 1 else parts[0]
        gates = named(together.gate_place, refusal_names(self.rules), 1)
        return self._with_priority(together.mutate(rule=ibis.coalesce(gates, together.rule))).drop("gate_place")

    def _with_priority(self, rows: ir.Table) -> ir.Table:
        switches = self.campaign.definition.switches
        rows = rows.mutate(priority=priority_column(rows, switches))
        worth = (rows.p_accept * rows.value_amount.cast("float64")).round(SCALE)
        is_worth = worth > rows.cost_amount.cast("float64")
        is_in = rows.stage.isnull()
        no_score = is_in & rows.p_accept.isnull()
        not_worth = (
            is_in & rows.p_accept.notnull() & ~is_worth
            if self.campaign.definition.must_be_worth_it
            else ibis.literal(value=False)
        )
        return rows.mutate(
            rule=ibis.cases((no_score, "campaign.no_score"), (not_worth, "campaign.not_worth"), else_=rows.rule),
            stage=ibis.cases((no_score | not_worth, FunnelStage.ARBITRATION.value), else_=rows.stage),
        )

    def arbitrated(self, candidates: ir.Table) -> ir.Table:
        """Return the candidates with rank, the limits of capacity and budget, and the final stage.

        Returns
        -------
        the same rows; ``rank`` among a customer's offers that reached arbitration (1 = best; ties by offer_id);
        ``is_final``.
        """
        is_in = candidates.stage.isnull()
        order = [candidates.priority.desc(), candidates.offer_id]
        rank = (ibis.row_number().over(group_by=[candidates.customer_id, is_in], order_by=order) + 1).cast("int64")
        ranked = candidates.mutate(rank=is_in.ifelse(rank, ibis.null("int64")))
        lower = (ranked["rank"] > self.campaign.definition.offers_per_customer).fill_null(False)  # noqa: FBT003 - ibis
        ranked = _dropped(ranked, lower, "campaign.ranked_lower")
        for channel, most in sorted(self.campaign.definition.capacity.items()):
            ranked = _dropped(ranked, self._beyond_capacity(ranked, channel, most), "campaign.over_capacity")
        if self.campaign.definition.budget_amount is not None:
            ranked = _dropped(ranked, self._beyond_budget(ranked), "campaign.over_budget")
        final = ranked.stage.isnull()
        return ranked.mutate(is_final=final, stage=final.ifelse(FunnelStage.FINAL.value, ranked.stage))

    def _beyond_capacity(self, t: ir.Table, channel: Channel, most: int) -> ir.Value:
        competes = t.stage.isnull() & (t.channel == channel.value)
        place = ibis.row_number().over(group_by=competes, order_by=[t.priority.desc(), t.customer_id, t.offer_id])
        return (competes & (place >= most)).fill_null(False)  # noqa: FBT003 - ibis

    def _beyond_budget(self, t: ir.Table) -> ir.Value:
        is_in = t.stage.isnull()
        spent = t.cost_amount.sum().over(
            group_by=is_in, order_by=[t.priority.desc(), t.customer_id, t.offer_id], rows=(None, 0)
        )
        budget = ibis.literal(self.campaign.definition.budget_amount, type="decimal(18,2)")
        return (is_in & (spent > budget)).fill_null(False)  # noqa: FBT003 - ibis


def _any(table: ir.Table, step: str, channels: list[Channel]) -> ir.BooleanValue:
    return reduce(operator.or_, [table[f"{step}__{c}"] for c in channels])


def _furthest(table: ir.Table, channels: list[Channel], step: str, limit: int) -> ir.Value:
    """The refusal that the channel which got furthest met: the most telling of several first reasons.

    Counts channels that took the step before; ``e`` looks at all channels.
    """
    places = []
    for c in channels:
        place = table[f"place__{c}"]
        took = table[f"{step}__{c}"] if step != "e" else ibis.literal(value=True)
        places.append((took & (place < limit)).ifelse(place, ibis.literal(-9, type="int16")))
    return reduce(ibis.greatest, places).cast("int16")


def _dropped(table: ir.Table, where: ir.Value, rule: str) -> ir.Table:
    return table.mutate(
        stage=where.ifelse(FunnelStage.ARBITRATION.value, table.stage), rule=where.ifelse(rule, table.rule)
    )


def funnel_counts(candidate: ir.Table) -> ir.Table:
    """Return stage, rule, n_candidates, n_customers of a campaign's candidates: the counts add up to the catalogue."""
    return candidate.group_by("campaign", "stage", "rule").aggregate(
        n_candidates=candidate.count().cast("int64"), n_customers=candidate.customer_id.nunique().cast("int64")
    )


__all__ = ["Funnel", "Thresholds", "funnel_counts"]

"""Who was assigned, and what really reached them. The register of an experiment: once in it, always in it.

Assignment is read from today's run and from yesterday's register, so that a customer who has left the pool since stays
measured (intention to treat): dropping them would compare different kinds of people.
"""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

from zhike.measure.terms import ExperimentPlan

SENT_STATES = ("sent", "delivered", "unknown")
ANSWER_KINDS = ("clicked", "answered", "declined", "opted_out")
POSITIVE_KINDS = ("clicked", "answered")
_REGISTER = ("experiment", "customer_id", "arm", "holdout_rate", "assigned_on")


def register_assigned(plan: ExperimentPlan, *, assignment: ir.Table, before: ir.Table, as_of: date) -> ir.Table:
    """Return everyone ever assigned to the experiment, each with the arm and day of the first assignment.

    Parameters
    ----------
    assignment : today's ``assignment``. before : the ``exposure`` of the last earlier run (may be empty).
    """
    rows = ibis.union(before.select(*_REGISTER), assignment.select(*_REGISTER), distinct=True)
    rows = rows.filter(lambda t: (t.experiment == plan.experiment) & (t.assigned_on <= as_of))
    order = ibis.row_number().over(group_by="customer_id", order_by=["assigned_on", "arm"])
    return rows.mutate(nth=order).filter(lambda t: t.nth == 0).drop("nth")


def _contact_costs(contact: ir.Table, plan: ExperimentPlan) -> ir.Table:
    if not plan.contact_cost_amounts:
        return contact.mutate(cost=contact.cost_amount)
    cases = [
        (contact.channel == channel, ibis.literal(str(cost)).cast("decimal(18,2)"))
        for channel, cost in sorted(plan.contact_cost_amounts.items())
    ]
    listed = ibis.cases(*cases, else_=ibis.null("decimal(18,2)"))
    return contact.mutate(cost=ibis.coalesce(contact.cost_amount, listed))


def _reached(plan: ExperimentPlan, contact: ir.Table, receipt: ir.Table, as_of: date) -> ir.Table:
    """Return one row per (customer, contact) that was sent, with what came back by ``as_of``."""
    sent = contact.filter(
        lambda t: (t.campaign == plan.campaign) & t.state.isin(SENT_STATES) & t.sent_at.notnull() & (t.on <= as_of)
    )
    back = receipt.filter(lambda t: t.on <= as_of).group_by("contact_id").aggregate(
        got_delivered=lambda t: (t.receipt_kind.isin(("delivered", "opened", *ANSWER_KINDS))).ifelse(1, 0).max(),
        got_answer=lambda t: t.receipt_kind.isin(ANSWER_KINDS).ifelse(1, 0).max(),
        got_positive=lambda t: t.receipt_kind.isin(POSITIVE_KINDS).ifelse(1, 0).max(),
        got_refusal=lambda t: t.receipt_kind.isin(("declined", "opted_out")).ifelse(1, 0).max(),
    )  # fmt: skip
    joined = _contact_costs(sent, plan).left_join(back, "contact_id")
    return joined.select(
        "contact_id", "customer_id", "on", "sent_at", "channel", "cost",
        delivered=ibis.greatest(joined.got_delivered.fill_null(0), (joined.state == "delivered").ifelse(1, 0)),
        answer=joined.got_answer.fill_null(0),
        positive=(joined.got_positive.fill_null(0) == 1).ifelse((joined.got_refusal.fill_null(0) == 1).ifelse(0, 1), 0),
    )  # fmt: skip


def expose(plan: ExperimentPlan, *, assigned: ir.Table, contact: ir.Table, receipt: ir.Table, as_of: date) -> ir.Table:
    """Return ``exposure``: one row per customer of ``assigned`` with contacts sent since the day of assignment.

    A contact counts as sent when it left, also when the provider's answer is in doubt. An answer that was both positive
    and a refusal (clicked, then opted out) is not positive.
    """
    reached = _reached(plan, contact, receipt, as_of)
    nth = ibis.row_number().over(group_by="customer_id", order_by=["sent_at", "contact_id"])
    after = reached.inner_join(assigned.select("customer_id", "assigned_on"), "customer_id").filter(
        lambda t: t.on >= t.assigned_on
    )
    by_customer = (
        after.mutate(nth=nth)
        .group_by("customer_id")
        .aggregate(
            n_sent=lambda t: t.count().cast("int64"),
            first_contact_at=lambda t: t.sent_at.min(),
            first_channel=lambda t: t.channel.max(where=t.nth == 0),
            delivered=lambda t: t.delivered.max(),
            answer=lambda t: t.answer.max(),
            positive=lambda t: t.positive.max(),
            cost=lambda t: t.cost.sum(),
            n_cost_unknown=lambda t: t.cost.isnull().ifelse(1, 0).sum().cast("int64"),
        )
    )
    joined = assigned.left_join(by_customer, "customer_id")
    none = ibis.literal("0").cast("decimal(18,2)")
    cost = ibis.ifelse(joined.n_cost_unknown.fill_null(0) > 0, ibis.null("decimal(18,2)"), joined.cost.fill_null(none))
    return joined.select(
        *_REGISTER,
        n_contacts=joined.n_sent.fill_null(0),
        first_contact_at=joined.first_contact_at,
        first_channel=joined.first_channel,
        is_delivered=joined.delivered.fill_null(0) == 1,
        is_answered=joined.answer.fill_null(0) == 1,
        is_positive=joined.positive.fill_null(0) == 1,
        contact_cost_amount=cost,
    )


__all__ = ["ANSWER_KINDS", "POSITIVE_KINDS", "SENT_STATES", "expose", "register_assigned"]

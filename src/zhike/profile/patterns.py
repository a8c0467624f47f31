"""Features that look at groups of facts twice: first by day, month or channel, then by customer.

Each is a ``base`` recipe of one name. Nothing here is a base definition of the field (``base_definitions``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from zhike.profile.counterparties import counterparties, recurring_payments, rhythm
from zhike.profile.facts import FACTS
from zhike.profile.features import Base
from zhike.profile.money import cents
from zhike.profile.observation import Observation
from zhike.profile.plan import CUSTOMER, NO, YES
from zhike.profile.windows import Window

VALUE = "value"


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a recipe is computed, which fact table it reads, and what customers without a fact have.

    ``make`` gives one row per customer: customer_no and the columns of ``zeros``, which are ``value`` or one for each ``stat``.
    """

    make: Callable[[Base, Observation], ir.Table]
    table: str
    zeros: Mapping[str, int | None]


def largest_day_counterparty(base: Base, observation: Observation) -> ir.Table:
    """Return the kind of counterparty with most money on the day of ``days`` on which most moved in one direction.

    The earliest day on ties, then the kind that is listed first: the same day that ``largest_day_on`` gives.
    """
    rows = FACTS["transaction"].view(observation)
    first = observation.as_of - timedelta(days=base.days - 1)
    kind = rows.counterparty_kind
    rows = rows.filter(
        (rows.on >= ibis.literal(first)) & (rows.direction == base.direction) & kind.isin(base.counterparties)
    )
    sums = rows.group_by(CUSTOMER, "on", "counterparty_kind").aggregate(amount=cents(rows.amount).sum())
    place = ibis.cases(*((sums.counterparty_kind == k, i) for i, k in enumerate(base.counterparties)), else_=None)
    totals = sums.mutate(of_day=sums.amount.sum().over(group_by=[sums[CUSTOMER], sums.on]), place=place)
    order = [totals.of_day.desc(), totals.on, totals.amount.desc(), totals.place]
    ranked = totals.mutate(rank=ibis.row_number().over(group_by=totals[CUSTOMER], order_by=order))
    first_of = ranked.filter((ranked.rank == 0) & (ranked.amount > 0))
    return first_of.select(CUSTOMER, value="counterparty_kind")


def next_channel_answer_rate(base: Base, observation: Observation) -> ir.Table:
    """Return the greatest share of positive answers, over ``days``, among the channels that are not in ``channels``."""
    rows = FACTS["contact_history"].view(observation)
    first = observation.as_of - timedelta(days=base.days - 1)
    rows = rows.filter((rows.on >= ibis.literal(first)) & ~rows.channel.isin(base.channels))
    answered = (rows.answer == "positive").fill_null(NO).cast("float64")
    rates = rows.group_by(CUSTOMER, "channel").aggregate(rate=answered.mean())
    return rates.group_by(CUSTOMER).aggregate(value=rates.rate.max())


def _months(rows: ir.Table, base: Base, observation: Observation) -> ir.Table:
    """Return the rows of the last complete months, with ``month``."""
    days = Window(complete_months=base.months).on(observation.as_of)
    inside = rows.filter(rows.on.between(ibis.literal(days.first), ibis.literal(days.last)))
    return inside.mutate(month=inside.on.year() * 12 + inside.on.month())


def pay_day_months(base: Base, observation: Observation) -> ir.Table:
    """Return in how many of the last complete months many payees were paid around one and the same pay day.

    A month counts when, within ``around_days`` of one of ``days_of_month``, at least ``at_least`` different accounts of
    persons were paid. Payments whose counterparty is known to be no person are left out; one whose account is not known
    counts as a payee of its own. Windows end with their calendar month.
    """
    rows = _months(FACTS["transaction"].view(observation), base, observation)
    is_person = rows.is_counterparty_person.fill_null(YES)
    wanted = (
        (rows.direction == "out") & rows.txn_kind.isin(base.kinds) & rows.counterparty_kind.isin(base.counterparties)
    )
    rows = rows.filter(wanted & is_person)
    rows = rows.mutate(payee=ibis.coalesce(rows.counterparty_key, rows.txn_id), day=rows.on.day())
    near = {f"near_{d}": (rows.day - d).abs() <= base.around_days for d in base.days_of_month}
    counts = {name: rows.payee.nunique(where=test) for name, test in near.items()}
    by_month = rows.group_by(CUSTOMER, "month").aggregate(**counts)
    most = ibis.greatest(*(by_month[n] for n in counts)) if len(counts) > 1 else by_month[next(iter(counts))]
    return by_month.group_by(CUSTOMER).aggregate(value=(most >= base.at_least).cast("int64").sum())


def acquiring_months(base: Base, observation: Observation) -> ir.Table:
    """Return in how many of the last complete months all own merchants together took in enough, by count and by amount."""
    rows = _months(FACTS["acquiring_settlement"].view(observation), base, observation)
    sums = {"n": rows.n_transactions.sum(), "amount": cents(rows.gross_amount).sum()}
    by_month = rows.group_by(CUSTOMER, "month").aggregate(**sums)
    is_enough = (by_month.n >= base.at_least) & (by_month.amount >= round(base.at_least_amount * 100))
    return by_month.group_by(CUSTOMER).aggregate(value=is_enough.cast("int64").sum())


PATTERNS: Mapping[str, Pattern] = {
    "largest_day_counterparty": Pattern(largest_day_counterparty, "transaction", {VALUE: None}),
    "next_channel_answer_rate": Pattern(next_channel_answer_rate, "contact_history", {VALUE: None}),
    "pay_day_months": Pattern(pay_day_months, "transaction", {VALUE: 0}),
    "acquiring_months": Pattern(acquiring_months, "acquiring_settlement", {VALUE: 0}),
    "counterparties": Pattern(
        counterparties, "transaction", {"count": 0, "share": None, "concentration": None, "fresh": 0}
    ),
    "recurring_payments": Pattern(recurring_payments, "transaction", {"count": 0, "amount": 0}),
    "rhythm": Pattern(rhythm, "transaction", {"mean": None, "deviation": None}),
}

__all__ = ["PATTERNS", "VALUE", "Pattern"]

"""Who is on the other side and how regularly: regular counterparties, recurring bills, the rhythm of money coming in.

Each looks once at a few kinds of transactions and gives several figures; see ``patterns``. Sums are of whole numbers, so that no
order of rows shows in them.
"""

from __future__ import annotations

from datetime import timedelta

import ibis
import ibis.expr.types as ir

from zhike.profile.facts import FACTS
from zhike.profile.features import Base
from zhike.profile.money import cents, day_number, from_cents
from zhike.profile.observation import Observation
from zhike.profile.plan import CUSTOMER, NO, YES
from zhike.profile.windows import Window

PARTS = 1_000_000_000  # shares are squared and added up in billionths


def _moves(base: Base, observation: Observation) -> ir.Table:
    """Return the transactions of some kinds, in one direction, with others (those ``besides`` and known group members left out)."""
    rows = FACTS["transaction"].view(observation)
    wanted = (rows.direction == base.direction) & rows.txn_kind.isin(base.kinds)
    if base.besides:
        wanted = wanted & (~rows.counterparty_kind.isin(base.besides)).fill_null(YES)
    return rows.filter(wanted & ~rows.is_within_group.fill_null(NO))


def _lately(rows: ir.Table, base: Base, observation: Observation) -> ir.Table:
    return rows.filter(rows.on >= ibis.literal(observation.as_of - timedelta(days=base.days - 1)))


def counterparties(base: Base, observation: Observation) -> ir.Table:
    """Return how many counterparties there were in ``days``, how much hangs on the greatest, and on few of them.

    ``count`` of different accounts on the other side (payments without a known account are left out); ``share`` of the greatest in
    all their money; ``concentration`` = Σ share² (Herfindahl–Hirschman index, 1 = one counterparty, 1/n = n equal ones); ``fresh``:
    those first seen in the last ``fresh_days`` of the window.
    """
    rows = _lately(_moves(base, observation), base, observation)
    rows = rows.filter(rows.counterparty_key.notnull())
    each = rows.group_by(CUSTOMER, "counterparty_key").aggregate(money=cents(rows.amount).sum(), first_on=rows.on.min())
    total = each.money.sum().over(group_by=each[CUSTOMER])
    shared = each.mutate(share=each.money / total.nullif(0))
    is_fresh = shared.first_on > ibis.literal(observation.as_of - timedelta(days=base.fresh_days))
    found = shared.group_by(CUSTOMER).aggregate(
        count=shared.count(),
        share=shared.share.max(),
        squares=(shared.share * shared.share * float(PARTS)).round().cast("int64").sum(),
        fresh=is_fresh.cast("int64").sum(),
    )
    return found.select(CUSTOMER, "count", "share", "fresh", concentration=found.squares.cast("float64") / float(PARTS))


def recurring_payments(base: Base, observation: Observation) -> ir.Table:
    """Return how many bills a customer pays again and again, and how much they are a month.

    A bill is a payee who in the last complete ``months`` was paid in at least ``at_least`` of them, at most ``most_a_month`` times a
    month paid, the greatest payment at most ``similar_rate`` times the least. The payee is the account on the other side; where
    that is not known, kind and merchant category of the payment. A bill's ``amount`` is its money over the months in which it was paid.
    """
    rows = _moves(base, observation)
    days = Window(complete_months=base.months).on(observation.as_of)
    rows = rows.filter(rows.on.between(ibis.literal(days.first), ibis.literal(days.last)) & (rows.amount > 0))
    named = rows.txn_kind + ibis.literal("/") + rows.merchant_category.fill_null("")
    rows = rows.mutate(payee=rows.counterparty_key.fill_null(named), money=cents(rows.amount))
    back = days.last.year * 12 + days.last.month - (rows.on.year() * 12 + rows.on.month())
    months = (ibis.literal(1, "int64") << back.cast("int64")).bit_or()
    each = rows.group_by(CUSTOMER, "payee").aggregate(
        n=rows.count(), months=months, money=rows.money.sum(), most=rows.money.max(), least=rows.money.min()
    )
    n_months = sum((((each.months >> i) & 1) for i in range(1, base.months)), each.months & 1).cast("int64")
    each = each.mutate(n_months=n_months)
    is_bill = (
        (each.n_months >= base.at_least) & (each.n <= each.n_months * base.most_a_month)
        & (each.most <= each.least * base.similar_rate)
    )  # fmt: skip
    bills = each.filter(is_bill)
    monthly = (bills.money / bills.n_months.cast("float64")).round()
    found = bills.group_by(CUSTOMER).aggregate(count=bills.count(), monthly=monthly.sum())
    return found.select(CUSTOMER, "count", amount=from_cents(found.monthly))


def rhythm(base: Base, observation: Observation) -> ir.Table:
    """Return the days between one day with such a movement and the next, over ``days``: their mean and standard deviation.

    Missing for customers with fewer than ``at_least`` such days: of them no rhythm can be told.
    """
    rows = _lately(_moves(base, observation), base, observation)
    days = rows.group_by(CUSTOMER, "on").aggregate(n=rows.count())
    days = days.mutate(number=day_number(days.on))
    before = days.number.lag().over(group_by=days[CUSTOMER], order_by=days.number)
    gaps = days.mutate(gap=days.number - before)
    found = gaps.group_by(CUSTOMER).aggregate(
        n_days=gaps.count(), n=gaps.gap.count(), total=gaps.gap.sum(), squares=(gaps.gap * gaps.gap).sum()
    )
    enough = found.filter((found.n_days >= base.at_least) & (found.n > 0))
    n = enough.n.cast("float64")
    spread = (enough.squares * enough.n - enough.total * enough.total).cast("float64") / (n * n)
    return enough.select(CUSTOMER, mean=enough.total.cast("float64") / n, deviation=spread.sqrt())


__all__ = ["counterparties", "recurring_payments", "rhythm"]

"""Money of customers as runs of days: balances and holdings in one shape, by product class, joint accounts by share.

A run says "from ``first_day`` to ``last_day`` this much". Point balances and means are then plain conditional sums, however long
the window. Amounts are whole cents carried as doubles: sums of whole numbers below 2^53 are exact in any order, on every engine.
"""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

from zhike.profile.observation import Observation
from zhike.profile.plan import NO
from zhike.profile.windows import Days

HOLDERS = ("owner", "joint_owner")
EPOCH = date(1970, 1, 1)
HELD_ELSEWHERE = ("wealth", "fund", "insurance")  # account kinds whose money stands in holding_daily: counted once
CLASS_OF_KIND = {
    "demand": "demand",
    "term": "term",
    "settlement_basic": "demand",
    "settlement_general": "demand",
    "loan": "loan",
    "card": "credit_card",
}
SETTLEMENT_KINDS = ("settlement_basic", "settlement_general")


def day_number(day: ir.Value) -> ir.IntegerValue:
    """Return whole days since 1970-01-01."""
    return day.delta(ibis.literal(EPOCH), unit="day").cast("int64")


def number_of(day: date) -> int:
    """Return whole days since 1970-01-01 of a plain date."""
    return (day - EPOCH).days


def cents(amount: ir.Value) -> ir.FloatingValue:
    """Return an amount as whole cents in a double."""
    return (amount.cast("float64") * 100).round().cast("float64")


def from_cents(value: ir.Value) -> ir.DecimalValue:
    """Return whole cents as an amount."""
    return (value / 100).cast("decimal(18, 2)")


def mean_from_cents(cent_days: ir.Value, n_days: int) -> ir.DecimalValue:
    """Return cent-days over days as an amount, rounded to the cent, halves away from zero."""
    return from_cents((cent_days / float(n_days)).round().cast("float64"))


def holders(observation: Observation) -> ir.Table:
    """Return account_id, customer_no, share_rate of those whose money it is: owners and joint owners, not disponents."""
    return observation.once("holders", _holders)


def _holders(observation: Observation) -> ir.Table:
    roles = observation.tables["customer_account"]
    numbers = observation.tables["customer"].select("customer_id", "customer_no")
    own = roles.filter(roles.role.isin(HOLDERS))
    return own.inner_join(numbers, "customer_id").select("account_id", "customer_no", "share_rate")


def account_facts(observation: Observation) -> ir.Table:
    """Return account_id with kind, class, grade and rate (a loan's own); what an account is does not change after its opening."""
    return observation.once("account_facts", _account_facts)


def _account_facts(observation: Observation) -> ir.Table:
    accounts = observation.tables["account"]
    products = observation.tables["product"]
    opened = accounts.filter(accounts.opened_on <= ibis.literal(observation.as_of))
    loans = observation.known("loan", dated_by="drawn_on").select(loan_account="account_id", loan_rate="annual_rate")
    rates = loans.group_by("loan_account").aggregate(loan_rate=loans.loan_rate.max())
    joined = opened.left_join(products, opened.product_id == products.product_id)
    joined = joined.left_join(rates, opened.account_id == rates.loan_account)
    by_kind = ibis.cases(*((opened.account_kind == k, v) for k, v in CLASS_OF_KIND.items()), else_="other")
    is_settling = opened.account_kind.isin(SETTLEMENT_KINDS) & ~products.family.fill_null("corporate").isin(
        ("deposit",)
    )
    return joined.select(
        account_id=opened.account_id,
        account_kind=opened.account_kind,
        product_class=ibis.ifelse(is_settling, "demand", products.product_class.fill_null(by_kind)),
        risk_grade=products.risk_grade,
        annual_rate=ibis.coalesce(rates.loan_rate, products.annual_rate),
        is_excluded=(~products.counts_in_aum).fill_null(NO) & products.family.isin(("deposit", "wealth")),
    )


def _runs(observation: Observation, table: str) -> ir.Table:
    rows = observation.known(table, dated_by="on")
    day = ibis.literal(observation.as_of)
    until = ibis.least(ibis.coalesce(rows.until_on, day), day)
    return rows.mutate(first_day=day_number(rows.on), last_day=day_number(until))


def money_runs(observation: Observation) -> ir.Table:
    """Return one row per holder, account or holding, and run of days known on the day.

    Returns
    -------
    customer_no, product_class, account_kind, risk_grade, annual_rate, is_excluded (product does not count in AUM), amount
    (double, whole cents, the holder's share; loans as what is owed, positive), first_day, last_day (days since 1970-01-01,
    clipped to the day).
    """
    return observation.once("money_runs", _money_runs)


def _money_runs(observation: Observation) -> ir.Table:
    balances, holdings = _runs(observation, "balance_daily"), _runs(observation, "holding_daily")
    accounts, products = account_facts(observation), observation.tables["product"]
    on_account = balances.inner_join(accounts, "account_id")
    on_account = on_account.filter(~on_account.account_kind.isin(HELD_ELSEWHERE))
    of_balances = on_account.select(
        "account_id", "product_class", "account_kind", "risk_grade", "annual_rate", "is_excluded", "first_day", "last_day",
        value=ibis.ifelse(on_account.account_kind.isin(("loan", "card")), on_account.balance_amount.abs(), on_account.balance_amount),
    )  # fmt: skip
    joined = holdings.inner_join(products, holdings.product_id == products.product_id)
    of_holdings = joined.select(
        account_id=holdings.account_id, product_class=products.product_class, account_kind=ibis.literal("holding"),
        risk_grade=products.risk_grade, annual_rate=products.annual_rate,
        is_excluded=(~products.counts_in_aum).fill_null(NO), first_day=holdings.first_day, last_day=holdings.last_day,
        value=holdings.value_amount,
    )  # fmt: skip
    runs = of_balances.union(of_holdings)
    owned = runs.inner_join(holders(observation), "account_id")
    return owned.select(
        "customer_no", "product_class", "account_kind", "risk_grade", "annual_rate", "is_excluded",
        "first_day", "last_day", amount=(owned.value.cast("float64") * 100 * owned.share_rate).round().cast("float64"),
    )  # fmt: skip


def owed_by_account(observation: Observation) -> ir.Table:
    """Return o_account and owed_amount: what is owed on each loan account at the close of the day, by all its owners."""
    number = number_of(observation.as_of)
    runs = _runs(observation, "balance_daily")
    accounts = account_facts(observation).filter(lambda t: t.account_kind == "loan").select("account_id")
    loans = runs.filter(runs.last_day >= number).semi_join(accounts, "account_id")
    return loans.group_by(o_account="account_id").aggregate(
        owed_amount=loans.balance_amount.abs().sum().cast("decimal(18, 2)")
    )


def covers(runs: ir.Table, day: date) -> ir.BooleanValue:
    """Return whether a run covers a day."""
    number = number_of(day)
    return (runs.first_day <= number) & (runs.last_day >= number)


def cent_days(runs: ir.Table, days: Days) -> ir.FloatingValue:
    """Return the amount of a run times the days which it shares with ``days``."""
    first, last = number_of(days.first), number_of(days.last)
    shared = ibis.least(runs.last_day, last) - ibis.greatest(runs.first_day, first) + 1
    return runs.amount * shared.cast("float64")


def overlaps(runs: ir.Table, days: Days) -> ir.BooleanValue:
    """Return whether a run shares a day with ``days``."""
    return (runs.last_day >= number_of(days.first)) & (runs.first_day <= number_of(days.last))


__all__ = [
    "HOLDERS",
    "account_facts",
    "cent_days",
    "cents",
    "covers",
    "day_number",
    "from_cents",
    "holders",
    "mean_from_cents",
    "money_runs",
    "number_of",
    "overlaps",
    "owed_by_account",
]

"""Money of customers as runs of days: balances and holdings in one shape, by product class, joint accounts by share.

A run says "from ``first_day`` to ``last_day`` this much". Point balances and means are then plain conditional sums, however long
the window. Amounts are whole cents carried as doubles: sums of whole numbers below 2^53 are exact in any order, on every engine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from zhike.profile.observation import Observation
from zhike.profile.plan import NO
from zhike.profile.windows import Days
from zhike.sources.tables.money import ACCOUNT, PRODUCT

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
# What a run of money is, in one number: a bit each for class, grade and kind. Asked for every run many times over.
CLASSES = tuple(dict.fromkeys((*PRODUCT.column("product_class").allowed, *CLASS_OF_KIND.values(), "other")))
GRADES = PRODUCT.column("risk_grade").allowed
KINDS = (*ACCOUNT.column("account_kind").allowed, "holding")
CLASS_FIRST, GRADE_FIRST, KIND_FIRST, EXCLUDED = 0, 40, 46, 1 << 62
EVERY_CLASS = (1 << GRADE_FIRST) - 1


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
    """Return account_id, customer_no, share_rate of those whose money it is: owners and joint owners, not disponents.

    Once per customer, also where two records of one customer are owner and joint owner: what happens is counted once.
    """
    return observation.once("holders", _holders)


def _holders(observation: Observation) -> ir.Table:
    roles = observation.tables["customer_account"]
    numbers = observation.tables["customer"].select("customer_id", "customer_no")
    own = roles.filter(roles.role.isin(HOLDERS))
    linked = own.inner_join(numbers, "customer_id")
    return linked.group_by("account_id", "customer_no").aggregate(share_rate=linked.share_rate.sum())


def _bits(value: ir.Value, codes: Sequence[str], first: int) -> ir.IntegerValue:
    """Return a number with one bit set for the code, none for a missing or another one."""
    return ibis.cases(*((value == c, 1 << (first + i)) for i, c in enumerate(codes)), else_=0).cast("int64")


def _mask(wanted: Collection[str], codes: Sequence[str], first: int) -> int:
    return sum(1 << (first + i) for i, c in enumerate(codes) if c in wanted)


def class_bit(product_class: ir.Value) -> ir.IntegerValue:
    """Return the bit of a product class, as :func:`class_of` gives it for runs of money."""
    return _bits(product_class, CLASSES, CLASS_FIRST)


def class_of(runs: ir.Table) -> ir.IntegerValue:
    """Return the bit of the product class of each run."""
    return runs.traits & EVERY_CLASS


def is_of_class(runs: ir.Table, classes: Collection[str]) -> ir.BooleanValue:
    """Return whether each run is money of one of these product classes."""
    return (runs.traits & _mask(classes, CLASSES, CLASS_FIRST)) != 0


def counts(
    runs: ir.Table, classes: Collection[str], *, grades: Collection[str] = (), account_kinds: Collection[str] = ()
) -> ir.BooleanValue:
    """Return whether each run is of one of the classes and its product not switched off; and of the grades and kinds, if given."""
    wanted = is_of_class(runs, classes) & ((runs.traits & EXCLUDED) == 0)
    if grades:
        wanted = wanted & ((runs.traits & _mask(grades, GRADES, GRADE_FIRST)) != 0)
    if account_kinds:
        wanted = wanted & ((runs.traits & _mask(account_kinds, KINDS, KIND_FIRST)) != 0)
    return wanted


def millionths(rate: ir.Value) -> ir.IntegerValue:
    """Return a rate, which has six places, as a whole number in four bytes."""
    return (rate * 1_000_000).round().cast("int32")


def _products(observation: Observation) -> ir.Table:
    """Return p_id with the bits of class and grade, family, rate, and whether the product is switched off."""
    products = observation.tables["product"]
    return products.select(
        p_id="product_id", p_class=class_bit(products.product_class), p_grade=_bits(products.risk_grade, GRADES, GRADE_FIRST),
        p_family="family", p_rate="annual_rate", p_is_off=(~products.counts_in_aum).fill_null(NO),
    )  # fmt: skip


def account_facts(observation: Observation) -> ir.Table:
    """Return account_id with kind, traits and rate_millionths (a loan's own); what an account is does not change after its opening."""
    accounts, products = observation.tables["account"], _products(observation)
    opened = accounts.filter(accounts.opened_on <= ibis.literal(observation.as_of))
    loans = observation.known("loan", dated_by="drawn_on").select(loan_account="account_id", loan_rate="annual_rate")
    rates = loans.group_by("loan_account").aggregate(loan_rate=loans.loan_rate.max())
    joined = opened.left_join(products, opened.product_id == products.p_id)
    joined = joined.left_join(rates, opened.account_id == rates.loan_account)
    demand, other = (_mask((c,), CLASSES, CLASS_FIRST) for c in ("demand", "other"))
    of_kind = ((opened.account_kind == k, _mask((v,), CLASSES, CLASS_FIRST)) for k, v in CLASS_OF_KIND.items())
    by_kind = ibis.cases(*of_kind, else_=other)
    is_settling = opened.account_kind.isin(SETTLEMENT_KINDS) & ~products.p_family.fill_null("corporate").isin(
        ("deposit",)
    )
    its_class = ibis.ifelse(is_settling, demand, products.p_class.nullif(0).fill_null(by_kind))
    is_off = products.p_is_off.fill_null(NO) & products.p_family.isin(("deposit", "wealth")).fill_null(NO)
    traits = its_class + products.p_grade.fill_null(0) + _bits(opened.account_kind, KINDS, KIND_FIRST)
    return joined.select(
        account_id=opened.account_id,
        account_kind=opened.account_kind,
        traits=(traits + ibis.ifelse(is_off, EXCLUDED, 0)).cast("int64"),
        rate_millionths=ibis.coalesce(rates.loan_rate, products.p_rate).pipe(millionths),
    )


def _runs(observation: Observation, table: str) -> ir.Table:
    rows = observation.known(table, dated_by="on")
    day = ibis.literal(observation.as_of)
    until = ibis.least(ibis.coalesce(rows.until_on, day), day)
    return rows.mutate(first_day=day_number(rows.on).cast("int32"), last_day=day_number(until).cast("int32"))


def money_runs(observation: Observation) -> ir.Table:
    """Return one row per holder, account or holding, and run of days known on the day.

    Returns
    -------
    customer_no, traits (bits of product class, risk grade, kind of account, and whether the product does not count in AUM: asked
    by :func:`counts` and :func:`is_of_class`), rate_millionths (yearly), amount (double, whole cents, the holder's share; loans as what
    is owed, positive), first_day, last_day (days since 1970-01-01, clipped to the day). Narrow, since there are many.
    """
    return observation.once("money_runs", _money_runs)


def _owned_accounts(observation: Observation) -> ir.Table:
    """Return account_facts once per holder, those left out whose money stands in holding_daily."""
    facts = account_facts(observation)
    return facts.filter(~facts.account_kind.isin(HELD_ELSEWHERE)).inner_join(holders(observation), "account_id")


def _money_runs(observation: Observation) -> ir.Table:
    owned = _owned_accounts(observation)
    on_account = _runs(observation, "balance_daily").inner_join(owned, "account_id")
    value = on_account.balance_amount
    owed = ibis.ifelse(on_account.account_kind.isin(("loan", "card")), value.abs(), value)
    holdings, products = _runs(observation, "holding_daily"), _products(observation)
    held = holdings.inner_join(products, holdings.product_id == products.p_id)
    held = held.inner_join(holders(observation), "account_id")
    holding = _mask(("holding",), KINDS, KIND_FIRST)
    traits = held.p_class + held.p_grade + holding + ibis.ifelse(held.p_is_off, EXCLUDED, 0)

    def narrow(rows: ir.Table, amount: ir.Value, **columns: ir.Value) -> ir.Table:
        share = (amount.cast("float64") * 100 * rows.share_rate).round().cast("float64")
        return rows.select("customer_no", "first_day", "last_day", amount=share, **columns)

    of_accounts = narrow(on_account, owed, traits=on_account.traits, rate_millionths=on_account.rate_millionths)
    of_holdings = narrow(held, held.value_amount, traits=traits.cast("int64"), rate_millionths=millionths(held.p_rate))
    return of_accounts.union(of_holdings)


def owed_by_account(observation: Observation) -> ir.Table:
    """Return o_account and owed_amount: what is owed on each loan account at the close of the day, by all its owners."""
    number = number_of(observation.as_of)
    runs = _runs(observation, "balance_daily")
    accounts = observation.tables["account"]
    accounts = accounts.filter(
        (accounts.account_kind == "loan") & (accounts.opened_on <= ibis.literal(observation.as_of))
    )
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
    "class_bit",
    "class_of",
    "counts",
    "covers",
    "day_number",
    "from_cents",
    "holders",
    "is_of_class",
    "mean_from_cents",
    "money_runs",
    "number_of",
    "overlaps",
    "owed_by_account",
]

"""The base definitions everything stands on (requirement C7, standard pack §0), each stated once.

Shown with every number as its 口径: :data:`WORDS`. Which product classes count is a parameter (``aum_classes`` …), never code.
``maturity_kept_rate`` and ``retention_d7_rate`` take any list of contracts or pay days, so that ``measure`` computes outcomes with
the very definition that the profile shows. Nothing here decides who is contacted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from zhike.kernel.terms import Text
from zhike.profile.money import (
    cent_days,
    cents,
    class_bit,
    class_of,
    counts,
    day_number,
    from_cents,
    is_of_class,
    money_runs,
    overlaps,
)
from zhike.profile.observation import Observation
from zhike.profile.plan import NO
from zhike.profile.windows import Window

KEPT_BEFORE_DAYS, KEPT_AFTER_DAYS = 1, 7
WORDS: dict[str, Text] = {
    "aum_point_amount": Text(
        "时点AUM：观察日日终，本外币存款、理财、代销基金、代销保险、信托资管、储蓄国债、贵金属的市值之和；组成部分可在参数 aum_classes 中开关；联名账户按份额；不含贷款、信用卡溢缴款与保证金。",
        "AUM at the close of a day: deposits, wealth products, funds, insurance, trusts, savings bonds and gold at market value; components switch in the parameter aum_classes; joint accounts by share; without loans, card overpayments and margins.",
    ),
    "aum_mavg_amount": Text(
        "月日均AUM：最近一个完整自然月每日时点AUM的均值；季、年日均为最近三个、十二个完整自然月；历史不足时按已有天数。",
        "Monthly mean AUM: mean of the daily AUM over the last complete calendar month; quarterly and yearly over three and twelve; days before the bank's history do not count.",
    ),
    "external_net_inflow_amount": Text(
        "行外净流入：自他行、券商、钱包、现金的流入减流出；本行账户或产品之间的移动(搬家)计零。",
        "External net inflow: money from less money to other banks, brokers, wallets and cash; moves between own accounts or products count zero.",
    ),
    "customer_initiated": Text(
        "客户主动交易：不含结息、扣费、代扣、司法、冲正。",
        "Customer-initiated: without interest, fees, direct debits, judicial acts and reversals.",
    ),
    "retention_d7_rate": Text(
        "七日留存率：(发薪日+7的AUM − 发薪日−1的AUM) / 到账额，限于0至1。",
        "Seven-day retention: (AUM at pay day+7 − AUM at pay day−1) / amount received, clipped to 0…1.",
    ),
    "maturity_kept_rate": Text(
        "到期承接率：1 − max(0, 到期日−1的AUM − 到期日+7的AUM) / 到期本金，限于0至1；即到期后第7天本金仍在本行任一产品的比例。",
        "Kept at maturity: 1 − max(0, AUM at maturity−1 − AUM at maturity+7) / principal, clipped to 0…1: the share of the principal still in any own product seven days after.",
    ),
    "contribution_amount": Text(
        "综合贡献(年化)：存款×(FTP−利率) + 贷款×(利率−FTP) − 预期损失 − 资本占用 + 手续费 − 服务成本；无FTP价格则缺失。",
        "Contribution a year: deposit × (FTP − rate) + loan × (rate − FTP) − expected loss − capital charge + fees − servicing cost; missing without transfer prices.",
    ),
    "long_inactive_account": Text(
        "长期不动户(账户)：余额不高于给定金额，且给定天数内除结息外无交易；与睡眠客户(客户级)不同。",
        "Long-inactive account: balance at most a set amount and no movement but interest for a set number of days; another thing than a sleeping customer.",
    ),
    "first_loan_with_us": Text(
        "本行首贷：在本行首次放款；与监管口径首贷户(放款时人行征信无贷款记录)不是一回事，不混用。",
        "First loan with us: first drawdown at this bank; not the regulator's first-loan customer (no loan in the credit registry at first drawdown).",
    ),
    "effective_customer": Text(
        "有效户/价值户：月日均AUM不低于有效户/价值户门槛。",
        "Effective or value customer: monthly mean AUM at least the floor of an effective or of a value customer.",
    ),
}  # fmt: skip


def aum_rows(runs: ir.Table, classes: Sequence[str]) -> ir.Table:
    """Return the runs of money that count in AUM: their product class is one of ``classes``, their product not switched off."""
    return runs.filter(counts(runs, classes))


def aum_at(runs: ir.Table, points: ir.Table, days: dict[str, ir.Value]) -> ir.Table:
    """Return AUM of customers at the close of days that differ from row to row.

    Parameters
    ----------
    runs : money runs that count (:func:`aum_rows`).
    points : one row per question: ``point_id`` (unique), ``customer_no``.
    days : name → day of the question, an expression over ``points``.

    Returns
    -------
    ``point_id`` and one amount in whole cents (double) per name; customers without money have 0.
    """
    asked = points.select("point_id", "customer_no", **{f"day_{n}": day_number(d) for n, d in days.items()})
    some = [asked[f"day_{n}"] for n in days]
    near = [
        asked.customer_no == runs.customer_no,
        runs.first_day <= ibis.greatest(*some),
        runs.last_day >= ibis.least(*some),
    ]
    joined = asked.inner_join(runs, near)
    sums = {
        n: joined.amount.sum(where=(joined.first_day <= joined[f"day_{n}"]) & (joined.last_day >= joined[f"day_{n}"]))
        for n in days
    }
    found = joined.group_by(p_id="point_id").aggregate(**sums)
    full = asked.left_join(found, asked.point_id == found.p_id)
    return full.select("point_id", **{n: full[n].fill_null(0) for n in days})


def maturity_kept(observation: Observation, contracts: ir.Table, *, aum_classes: Sequence[str]) -> ir.Table:
    """Return what was kept of each matured contract, seven days after maturity.

    kept_rate = clip(1 − max(0, AUM(m−1) − AUM(m+7)) / principal, 0, 1)

    Parameters
    ----------
    observation : contracts whose seventh day after maturity is not over by its day are left out.
    contracts : any list: ``contract_id``, ``customer_no``, ``matures_on``, ``principal_amount`` (> 0).
    aum_classes : product classes of AUM.

    Returns
    -------
    contract_id, customer_no, matures_on, principal_amount, aum_before_amount, aum_after_amount, kept_rate in [0, 1].

    Source
    ------
    standard-pack §0 ``maturity_kept_rate``; hand calculation in tests/unit/profile/test_base_definitions.py.
    """
    last = observation.as_of - timedelta(days=KEPT_AFTER_DAYS)
    due = contracts.filter((contracts.matures_on <= ibis.literal(last)) & (contracts.principal_amount > 0))
    due = due.mutate(
        due_id=due.contract_id + "@" + due.customer_no.cast("string")
    )  # a joint contract is due to each owner
    points = due.select("customer_no", "matures_on", point_id="due_id")
    days = {
        "before": points.matures_on - ibis.interval(days=KEPT_BEFORE_DAYS),
        "after": points.matures_on + ibis.interval(days=KEPT_AFTER_DAYS),
    }
    found = aum_at(aum_rows(money_runs(observation), aum_classes), points, {n: d.cast("date") for n, d in days.items()})
    joined = due.inner_join(found, due.due_id == found.point_id)
    lost = ibis.greatest(joined.before - joined.after, 0.0)
    kept = 1.0 - lost / cents(joined.principal_amount)
    return joined.select(
        "contract_id", "customer_no", "matures_on", "principal_amount",
        aum_before_amount=from_cents(joined.before), aum_after_amount=from_cents(joined.after),
        kept_rate=ibis.greatest(ibis.least(kept, 1.0), 0.0).round(6),
    )  # fmt: skip


def pay_day_retention(observation: Observation, pay_days: ir.Table, *, aum_classes: Sequence[str]) -> ir.Table:
    """Return how much of each payment was still here seven days later.

    retention_d7_rate = clip((AUM(p+7) − AUM(p−1)) / amount, 0, 1)

    Parameters
    ----------
    pay_days : ``point_id`` (unique), ``customer_no``, ``on``, ``amount`` (> 0); days whose seventh day is not over are left out.

    Returns
    -------
    point_id, customer_no, on, retention_d7_rate in [0, 1].
    """
    due = pay_days.filter((pay_days.on <= ibis.literal(observation.as_of - timedelta(days=7))) & (pay_days.amount > 0))
    days = {
        "before": (due.on - ibis.interval(days=1)).cast("date"),
        "after": (due.on + ibis.interval(days=7)).cast("date"),
    }
    found = aum_at(aum_rows(money_runs(observation), aum_classes), due, days).rename(p_id="point_id")
    joined = due.inner_join(found, due.point_id == found.p_id)
    share = (joined.after - joined.before) / cents(joined.amount)
    kept = ibis.greatest(ibis.least(share, 1.0), 0.0).round(6)
    return joined.select("point_id", "customer_no", "on", retention_d7_rate=kept)


def interest_margin(
    observation: Observation, *, deposit_classes: Sequence[str], loan_classes: Sequence[str]
) -> ir.Table:
    """Return each customer's yearly interest margin at transfer prices, on the mean balances of the last complete month.

    deposit × (FTP − rate) + loan × (rate − FTP); a loan's rate is its own, a deposit's that of its product.

    Returns
    -------
    customer_no, interest_margin_amount: missing where a class that the customer holds has no transfer price.
    """
    window = Window(complete_month=1).on(observation.as_of)
    runs = money_runs(observation)
    runs = runs.filter(is_of_class(runs, (*deposit_classes, *loan_classes)))
    prices = observation.tables["ftp_rate"]
    prices = prices.filter(observation.in_force(prices))
    prices = prices.select(f_class=class_bit(prices.product_class), ftp="annual_rate")
    priced = runs.left_join(prices, class_of(runs) == prices.f_class)
    is_loan = is_of_class(priced, loan_classes)
    own, ftp = priced.rate_millionths.fill_null(0), (priced.ftp * 1_000_000).round()
    parts = ibis.ifelse(is_loan, own - ftp, ftp - own).cast("float64")
    shared = overlaps(priced, window)
    money = cent_days(priced, window) / float(window.n_days)
    rows = priced.filter(shared).select("customer_no", earned=money * parts / 1_000_000, ftp=priced.ftp)
    totals = rows.group_by("customer_no").aggregate(
        margin=rows.earned.round().sum(),
        n_unpriced=rows.ftp.isnull().cast("int64").sum(),
    )
    margin = ibis.ifelse(totals.n_unpriced == 0, from_cents(totals.margin), None)
    return totals.select("customer_no", interest_margin_amount=margin)


def long_inactive_accounts(observation: Observation, *, amount: float, days: int) -> ir.Table:
    """Return account_id of the accounts that are long inactive (长期不动户) on the day.

    Open for longer than ``days``, balance at most ``amount``, and nothing moved but interest in ``days`` days.
    """
    accounts = observation.known("account", dated_by="opened_on")
    start = observation.as_of - timedelta(days=days)
    old = accounts.filter(accounts.closed_on.isnull() & (accounts.opened_on <= ibis.literal(start)))
    moves = observation.known("transaction", dated_by="on")
    moved = moves.filter((moves.on > ibis.literal(start)) & (moves.txn_kind != "interest"))
    runs = observation.known("balance_daily", dated_by="on")
    now = runs.filter(runs.until_on.isnull() | (runs.until_on >= ibis.literal(observation.as_of)))
    rich = now.filter(now.balance_amount > ibis.literal(amount).cast("decimal(18, 2)"))
    quiet = old.anti_join(moved, old.account_id == moved.account_id)
    return quiet.anti_join(rich, quiet.account_id == rich.account_id).select("account_id")


def first_loan_with_us(observation: Observation) -> ir.Table:
    """Return customer_no and ``first_loan_on``: the first drawdown at this bank (本行首贷), whatever other banks lent before."""
    from zhike.profile.facts import fact_table

    loans = fact_table("loan").view(observation)
    return loans.group_by("customer_no").aggregate(first_loan_on=loans.drawn_on.min())


def first_loan_customer(observation: Observation) -> ir.Table:
    """Return customer_no, first_loan_on and ``is_first_loan_customer`` (首贷户, the regulator's).

    True where an authorised query within the year before the first drawdown found no loan on record; false where it found one;
    missing where no query is known: never guessed from our own books.
    """
    from zhike.profile.facts import by_source_key

    first = first_loan_with_us(observation)
    queries = by_source_key(observation.known("credit_record", dated_by="queried_on"), observation)
    queries = queries.select(q_customer="customer_no", queried_on="queried_on", n_loans="n_loans")
    joined = first.left_join(queries, first.customer_no == queries.q_customer)
    age = joined.first_loan_on.delta(joined.queried_on, unit="day")
    counts = (age >= 0) & (age <= 365) & joined.n_loans.notnull()
    grouped = joined.group_by("customer_no", "first_loan_on").aggregate(found=joined.n_loans.max(where=counts))
    return grouped.select("customer_no", "first_loan_on", is_first_loan_customer=grouped.found == 0)


def is_effective(aum_mavg_amount: ir.Value, floor_amount: float) -> ir.BooleanValue:
    """Return whether a customer is effective (有效户) or, with the higher floor, of value (价值户)."""
    return (aum_mavg_amount >= ibis.literal(floor_amount).cast("decimal(18, 2)")).fill_null(NO)


__all__ = [
    "WORDS",
    "aum_at",
    "aum_rows",
    "first_loan_customer",
    "first_loan_with_us",
    "interest_margin",
    "is_effective",
    "long_inactive_accounts",
    "maturity_kept",
    "money_runs",
    "pay_day_retention",
]

"""Tables that a bank does not deliver but that follow from those it does."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from zhike.warehouse.steps import Input, Output, Step, StepContext


def daily_balances(transaction: ir.Table) -> ir.Table:
    """Return closing balances of accounts as runs of days, from their movements.

    closing(day) = that running balance of the day's movements which is nearest to the sum of all movements until then

    The order of movements within a day is unknown, so the sum says which of the day's running balances is the last; it is not
    taken itself, since a bank's rounding of interest adds up over the years.

    Parameters
    ----------
    transaction : as the contract. Where a day has no running balance, the sum is taken. The balance before the first
        movement is known where its day has one movement; else it is taken to be nothing.

    Returns
    -------
    one row per (account_id, on): ``until_on`` is the day before the next movement, missing for the last;
    ``recorded_at`` is that of the day's last recorded movement.
    """
    signed = transaction.mutate(
        moved=ibis.cases((transaction.direction == "in", transaction.amount), else_=-transaction.amount)
    )
    totals = _running_totals(signed)
    rows = signed.join(totals, ["account_id", "on"])
    distance = (rows.balance_after_amount - rows.total_amount).abs()
    nearest = ibis.row_number().over(group_by=["account_id", "on"], order_by=[distance.fill_null(10**15), rows.txn_id])
    days = rows.mutate(_place=nearest).filter(lambda t: t._place == 0)
    by_account = ibis.window(group_by="account_id", order_by="on")
    return days.select(
        "account_id",
        "on",
        until_on=(days.on.lead().over(by_account).cast("timestamp") - ibis.interval(days=1)).cast("date"),
        balance_amount=ibis.coalesce(days.balance_after_amount, days.total_amount).cast("decimal(18,2)"),
        recorded_at=days.last_recorded_at,
    )


def _running_totals(signed: ir.Table) -> ir.Table:
    """Return per account and day the sum of all movements until the end of the day, with what the account began with."""
    days = signed.group_by("account_id", "on").aggregate(
        moved_amount=signed.moved.sum().cast("decimal(18,2)"),
        n_rows=signed.count().cast("int64"),
        running_amount=signed.balance_after_amount.max(),
        last_recorded_at=signed.recorded_at.max(),
    )
    until = ibis.window(group_by="account_id", order_by="on", preceding=None, following=0)
    nothing = ibis.literal(0).cast("decimal(18,2)")
    began = ibis.cases(
        (days.n_rows == 1, (days.running_amount - days.moved_amount).cast("decimal(18,2)")), else_=nothing
    )
    total = days.moved_amount.sum().over(until) + began.first().over(until).fill_null(0)
    return days.select("account_id", "on", "last_recorded_at", total_amount=total.cast("decimal(18,2)"))


def derive_balances() -> Step:
    """Return the step that fills ``balance_daily`` from ``transaction``."""

    def work(context: StepContext) -> dict[str, object]:
        rows = daily_balances(context.tables["transaction"])
        return {"n_rows": context.write("balance_daily", rows)}

    return Step(
        key="derive:balance_daily", writes=(Output("balance_daily"),), reads=(Input("transaction"),), work=work,
        is_dated=False,
    )  # fmt: skip


__all__ = ["daily_balances", "derive_balances"]

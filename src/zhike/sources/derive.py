"""Tables that a bank does not deliver but that follow from those it does."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from zhike.warehouse.steps import Input, Output, Step, StepContext


def daily_balances(transaction: ir.Table) -> ir.Table:
    """Return closing balances of accounts as runs of days, from their movements.

    closing(day) = balance before the first movement + sum of movements up to and including that day

    Parameters
    ----------
    transaction : as the contract. The order of movements within a day is unknown, so sums of whole days are used. The balance
        before the first movement is known where its day has one movement (running balance less amount); else it is taken
        to be nothing.

    Returns
    -------
    one row per (account_id, on): ``until_on`` is the day before the next movement, missing for the last;
    ``recorded_at`` is that of the day's last recorded movement.
    """
    signed = transaction.mutate(
        moved=ibis.cases((transaction.direction == "in", transaction.amount), else_=-transaction.amount)
    )
    days = signed.group_by("account_id", "on").aggregate(
        moved_amount=signed.moved.sum().cast("decimal(18,2)"),
        n_rows=signed.count().cast("int64"),
        running_amount=signed.balance_after_amount.max(),
        only_moved_amount=signed.moved.max(),
        recorded_at=signed.recorded_at.max(),
    )
    by_account = ibis.window(group_by="account_id", order_by="on")
    first = ibis.window(group_by="account_id", order_by="on", preceding=None, following=0)
    counted = days.mutate(
        total_amount=days.moved_amount.sum().over(first),
        opening_amount=ibis.cases(
            (days.n_rows == 1, (days.running_amount - days.only_moved_amount).cast("decimal(18,2)")),
            else_=ibis.literal(0).cast("decimal(18,2)"),
        ).first().over(first),
        next_on=days.on.lead().over(by_account),
    )  # fmt: skip
    return counted.select(
        "account_id",
        "on",
        until_on=(counted.next_on - ibis.interval(days=1)).cast("date"),
        balance_amount=(counted.total_amount + counted.opening_amount.fill_null(0)).cast("decimal(18,2)"),
        recorded_at=counted.recorded_at,
    )


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

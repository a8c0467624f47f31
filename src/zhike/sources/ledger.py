"""Does each account's ledger add up? Movements of a day come in any order, so each must start where another ended.

A row's *opening* is its running balance less its own amount. In a complete ledger every opening is the running balance of
another row of the account's same day, or of its day before; and the day before plus the day's net is the running balance
of one of the day's rows. A missing, doubled or altered movement breaks one or the other. Rows that follow the row before
them in file order are right by that alone, so that a ledger delivered in order costs one pass.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import ibis
import ibis.expr.types as ir

AMOUNT = "decimal(18,2)"


def prepare_movements(transaction: ir.Table, *, first_on: date | None = None) -> ir.Table:
    """Return the movements that can be checked, with signed amount, opening, and how they follow one another.

    Accounts with a movement that lacks its running balance are left out. Columns: account_id, on, txn_id, signed, ending,
    opening, last_on and last_ending of the row before in file order (missing for an account's first).
    """
    rows = transaction.filter(transaction.on >= first_on) if first_on is not None else transaction
    unchecked = rows.filter(rows.balance_after_amount.isnull()).select("account_id").distinct()
    rows = rows.anti_join(unchecked, "account_id")
    signed = (rows.direction == "in").ifelse(rows.amount, -rows.amount).cast(AMOUNT)
    by_file = ibis.window(group_by=rows.account_id, order_by=[rows.on, rows["at"], rows.txn_id])
    return rows.select(
        "account_id", "on", "txn_id", signed=signed, ending=rows.balance_after_amount,
        opening=(rows.balance_after_amount - signed).cast(AMOUNT),
        last_on=rows.on.lag().over(by_file), last_ending=rows.balance_after_amount.lag().over(by_file),
    )  # fmt: skip


def doubtful_days(movements: ir.Table, tolerance: Decimal) -> ir.Table:
    """Return [account_id, on] of the days on which a row does not start where the row before it in file order ended."""
    gap = (movements.opening - movements.last_ending).abs()
    return movements.filter(movements.last_ending.notnull() & (gap > tolerance)).select("account_id", "on").distinct()


def days_of(movements: ir.Table) -> ir.Table:
    """Return one row per account and day with the day before it: [account_id, on, net, n_rows, before_on]."""
    days = movements.group_by("account_id", "on").aggregate(
        net=movements.signed.sum().cast(AMOUNT),
        n_rows=movements.count().cast("int64"),
        before_on=movements.last_on.min(),
    )
    return days.mutate(before_on=(days.before_on < days.on).ifelse(days.before_on, ibis.null("date")))


def broken_days(movements: ir.Table, doubtful: ir.Table, tolerance: Decimal) -> ir.Table:
    """Return the days that do not add up in any order: [account_id, on, ours_amount, theirs_amount].

    Parameters
    ----------
    movements : from :func:`prepare_movements`.
    doubtful : from :func:`doubtful_days`; other days are known to be right.
    tolerance : by how much an opening may miss an ending; a day's net may miss by that much per movement.

    Returns
    -------
    ``ours_amount`` is the balance of the day before plus the day's net that comes nearest to a running balance of the day,
    ``theirs_amount`` that running balance; both missing on an account's first day.
    """
    days = days_of(movements).semi_join(doubtful, ["account_id", "on"])
    rows = movements.inner_join(days.select("account_id", "on", "before_on", "net", "n_rows"), ["account_id", "on"])
    rows = rows.select("account_id", "on", "txn_id", "opening", "ending", "before_on", "net", "n_rows")
    endings = movements.select(account_id="account_id", ended_on="on", ended_by="txn_id", ended_at="ending")
    totals = _totals(rows, endings)
    loose = _loose_rows(rows, endings, tolerance)
    summed = days.left_join(totals, ["account_id", "on"])
    summed = summed.select(*days.columns, "gap", "ours_amount", "theirs_amount")
    joined = summed.left_join(loose, ["account_id", "on"])
    judged = joined.select(*summed.columns, "n_loose")
    n_loose = judged.n_loose.fill_null(0) - judged.before_on.isnull().ifelse(
        1, 0
    )  # the first row starts from nothing known
    misses = (judged.gap > judged.n_rows * ibis.literal(tolerance)).fill_null(False)  # noqa: FBT003 - a literal value
    return judged.filter((n_loose > 0) | misses).select("account_id", "on", "ours_amount", "theirs_amount")


def _loose_rows(rows: ir.Table, endings: ir.Table, tolerance: Decimal) -> ir.Table:
    """Return how many rows of a day start where none of the others, and none of the day before, ended."""
    same_day = rows.select("account_id", "txn_id", "opening", ended_on="on")
    day_before = rows.select("account_id", "txn_id", "opening", ended_on="before_on").filter(
        lambda t: t.ended_on.notnull()
    )
    met = same_day.union(day_before).inner_join(endings, ["account_id", "ended_on"])
    fits = (met.opening - met.ended_at).abs() <= tolerance
    met = met.filter((met.ended_by != met.txn_id) & fits).select("txn_id")
    loose = rows.anti_join(met.distinct(), "txn_id")
    return loose.group_by("account_id", "on").aggregate(n_loose=loose.count().cast("int64"))


def _totals(rows: ir.Table, endings: ir.Table) -> ir.Table:
    """Return per day how near the day before plus the net comes to one of the day's running balances."""
    before = endings.select(account_id="account_id", before_on="ended_on", before_ending="ended_at")
    pairs = rows.inner_join(before, ["account_id", "before_on"])
    ours = (pairs.before_ending + pairs.net).cast(AMOUNT)
    pairs = pairs.select("account_id", "on", ours=ours, theirs=pairs.ending, gap=(ours - pairs.ending).abs())
    ranked = pairs.mutate(
        nearest=ibis.row_number().over(group_by=["account_id", "on"], order_by=[pairs.gap, pairs.ours, pairs.theirs])
    )
    best = ranked.filter(ranked.nearest == 0)
    return best.select("account_id", "on", "gap", ours_amount="ours", theirs_amount="theirs")


__all__ = ["broken_days", "days_of", "doubtful_days", "prepare_movements"]

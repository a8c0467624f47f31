"""总分核对 Reconciliation: our totals beside the bank's own, ledgers that add up, inputs that are fresh. Red blocks publishing.

Every compared total becomes a row of ``reconciliation``, red or not. A check with more red rows than it allows raises, so
that the run publishes nothing and the earlier version stays readable; the rows are then left in the run's folder
(``reconcile_report``). What a mapping may ask for stands in ``checks``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.kernel.errors import ContractBroken, Finding
from zhike.sources.checks import Check, ControlTotalCheck, MaximumAgeCheck, RunningBalanceCheck
from zhike.sources.ledger import broken_days, days_of, doubtful_days, prepare_movements
from zhike.sources.reconcile_report import LEDGER, NO_UNIT, write_reconciliation
from zhike.warehouse import Catalog, Contract, Engine, Input, Output, Step, StepContext
from zhike.warehouse.fields import end_of_day

AMOUNT = "decimal(18,2)"
COLUMNS = (
    "check_key",
    "on",
    "org_id",
    "product_class",
    "unit",
    "ours_amount",
    "theirs_amount",
    "difference_amount",
    "is_red",
)
SHOWN = 20
FAMILY_OF_MEASURE = {"deposit_amount": "deposit", "loan_amount": "credit"}
POSITION_TABLES = ("product", "account", "account_party", "balance_daily", "holding_daily", "control_total")
AUM_FAMILIES = ("deposit", "wealth")


@dataclass(frozen=True, slots=True)
class Facts:
    """The tables that checks read, with the day and its last moment (UTC without zone)."""

    tables: Catalog
    engine: Engine
    as_of: date
    known_by: datetime

    def known(self, table: str) -> ir.Table:
        """Return the rows of a table that had been recorded by the end of the day."""
        rows = self.tables[table]
        return rows.filter(rows.recorded_at <= self.known_by) if "recorded_at" in rows.columns else rows


def reconcile_step(
    checks: Sequence[Check], contracts: Mapping[str, Contract], *, timezone: str = "Asia/Shanghai", runs: Path | None = None
) -> Step:  # fmt: skip
    """Return the step that carries out the checks and writes ``reconciliation``.

    Its work raises ContractBroken when a check has more red rows than it allows; the error names the files, in the run's
    folder under ``runs``, that hold all rows. Without ``runs`` the rows are in the error only.
    """
    reads = {t: None for c in checks for t in _tables_of(c)}
    return Step(
        "sources:reconcile", writes=(Output("reconciliation"),), reads=tuple(Input(t) for t in reads),
        work=_Reconcile(tuple(checks), contracts, timezone, runs), material=(1, timezone, [c.model_dump(mode="json") for c in checks]),
    )  # fmt: skip


def _tables_of(check: Check) -> tuple[str, ...]:
    if isinstance(check, ControlTotalCheck):
        return POSITION_TABLES
    return (check.table,)


@dataclass(frozen=True, slots=True)
class _Reconcile:
    checks: tuple[Check, ...]
    contracts: Mapping[str, Contract]
    timezone: str
    runs: Path | None

    def __call__(self, context: StepContext) -> Mapping[str, Any]:
        facts = Facts(
            context.tables, context.engine.in_process, context.as_of, end_of_day(context.as_of, self.timezone)
        )
        parts = [self._rows(check, facts) for check in self.checks]
        found = pa.concat_tables(parts, promote_options="permissive") if parts else None
        if found is None:
            context.write("reconciliation", _empty())
            return {"n_rows": 0, "n_red": 0}
        context.write("reconciliation", found)
        refuse_red(found, self.checks, folder=self.runs / context.run_id if self.runs else None)
        return {
            "n_rows": found.num_rows,
            "n_red": _count_red(found),
            "red_by_check": {c.key: _count_red(found, c.key) for c in self.checks},
        }

    def _rows(self, check: Check, facts: Facts) -> pa.Table:
        if isinstance(check, ControlTotalCheck):
            return facts.engine.fetch(control_totals(check, facts))
        if isinstance(check, RunningBalanceCheck):
            return running_balances(check, facts)
        return maximum_age(check, facts, self.contracts[check.table].dated_by)


def _empty() -> ir.Table:
    schema = {"check_key": "string", "on": "date", "org_id": "string", "product_class": "string", "unit": "string", "ours_amount": AMOUNT,
              "theirs_amount": AMOUNT, "difference_amount": AMOUNT, "is_red": "bool"}  # fmt: skip
    return ibis.memtable([], schema=schema)


# ── control totals ───────────────────────────────────────────────────────────────────────────────────────────────────
def positions_on(facts: Facts, day: ir.DateScalar | date) -> ir.Table:
    """Return what every account holds on a day: [account_id, org_id, product_class, family, in_aum, amount].

    Balances carry their account's product, holdings their own.
    """
    accounts = facts.tables["account"].select("account_id", "org_id", account_product_id="product_id")
    kinds = facts.tables["product"]
    in_aum = ibis.coalesce(kinds.counts_in_aum, kinds.family.isin(AUM_FAMILIES))
    products = kinds.select("product_id", "product_class", "family", in_aum=in_aum)
    balances = _in_force(facts.known("balance_daily"), day).select("account_id", amount="balance_amount")
    balances = balances.inner_join(accounts, "account_id").select(
        "account_id", "org_id", "amount", product_id="account_product_id"
    )
    holdings = _in_force(facts.known("holding_daily"), day).select("account_id", "product_id", amount="value_amount")
    holdings = holdings.inner_join(accounts.drop("account_product_id"), "account_id").select(
        "account_id", "org_id", "amount", "product_id"
    )
    return balances.union(holdings).inner_join(products, "product_id")


def _in_force(runs: ir.Table, day: ir.DateScalar | date) -> ir.Table:
    return runs.filter((runs.on <= day) & (runs.until_on.isnull() | (runs.until_on >= day)))


def our_totals(check: ControlTotalCheck, facts: Facts, day: date) -> ir.Table:
    """Return our side of a control total: [org_id, product_class, ours_amount].

    ``n_customers`` counts the owners, as their sources know them, of accounts with a position on the day.
    """
    held = positions_on(facts, day)
    if check.measure == "n_customers":
        owners = (
            facts.tables["account_party"]
            .filter(lambda t: t.role == "owner")
            .select("account_id", "source", "source_key")
        )
        owned = (
            held.inner_join(owners, "account_id").select("org_id", "product_class", "source", "source_key").distinct()
        )
        return owned.group_by("org_id", "product_class").aggregate(ours_amount=owned.count().cast(AMOUNT))
    chosen = (
        held.filter(held.in_aum)
        if check.measure == "aum_amount"
        else held.filter(held.family == FAMILY_OF_MEASURE[check.measure])
    )
    return chosen.group_by("org_id", "product_class").aggregate(ours_amount=chosen.amount.sum().cast(AMOUNT))


def _unit_of(check: ControlTotalCheck) -> str:
    return "count" if check.measure == "n_customers" else "amount"


def control_totals(check: ControlTotalCheck, facts: Facts) -> ir.Table:
    """Return one row per unit and product class of the bank's latest report up to the day; what one side lacks counts 0.

    Where the bank sent no report at all there is one red row: what was asked for could not be checked.
    """
    written = facts.tables["control_total"]
    theirs = written.filter((written.measure == check.measure) & (written.on <= facts.as_of))
    day = theirs.on.max().to_pyarrow().as_py()
    if day is None:
        return ibis.memtable(
            _one_row(
                check.key,
                facts.as_of,
                org_id=NO_UNIT,
                product_class=check.measure,
                unit=_unit_of(check),
                ours=None,
                theirs=None,
                is_red=True,
            )
        )
    theirs = theirs.filter(theirs.on == day).select("org_id", "product_class", theirs_amount="value_amount")
    ours = our_totals(check, facts, day)
    both = ours.outer_join(theirs, ["org_id", "product_class"])
    both = both.select(
        org_id=ibis.coalesce(both.org_id, both.org_id_right, ibis.literal(NO_UNIT)),
        product_class=ibis.coalesce(both.product_class, both.product_class_right),
        ours_amount=both.ours_amount.fill_null(0).cast(AMOUNT), theirs_amount=both.theirs_amount.fill_null(0).cast(AMOUNT),
    )  # fmt: skip
    difference = (both.ours_amount - both.theirs_amount).cast(AMOUNT)
    return both.select(
        check_key=ibis.literal(check.key), on=ibis.literal(day), org_id=both.org_id, product_class=both.product_class,
        unit=ibis.literal(_unit_of(check)), ours_amount=both.ours_amount, theirs_amount=both.theirs_amount, difference_amount=difference,
        is_red=difference.abs() > check.tolerance_amount,
    )  # fmt: skip


# ── running balances ─────────────────────────────────────────────────────────────────────────────────────────────────
def running_balances(check: RunningBalanceCheck, facts: Facts) -> pa.Table:
    """Return one red row per account and day that does not add up, and one row that counts the days that do.

    In the counting row (unit ``*``) ours is how many account-days add up, theirs how many there are; it is red when more
    fail than the check allows.
    """
    rows = facts.known(check.table)
    rows = rows.filter(rows.on <= facts.as_of)
    first_on = facts.as_of - timedelta(days=check.last_days - 1) if check.last_days else None
    name = "reconcile_movements"
    connection = facts.engine.connection
    movements = connection.create_table(name, prepare_movements(rows, first_on=first_on), temp=True, overwrite=True)
    try:
        doubtful = doubtful_days(movements, check.tolerance_amount)
        broken = broken_days(movements, doubtful, check.tolerance_amount)
        shown = broken.select(
            check_key=ibis.literal(check.key), on=broken.on, org_id=broken.account_id, product_class=ibis.literal(LEDGER), unit=ibis.literal("amount"),
            ours_amount=broken.ours_amount.cast(AMOUNT), theirs_amount=broken.theirs_amount.cast(AMOUNT),
            difference_amount=(broken.ours_amount - broken.theirs_amount).cast(AMOUNT), is_red=ibis.literal(value=True),
        )  # fmt: skip
        exceptions = facts.engine.fetch(shown.order_by("on", "org_id"))
        n_days = int(days_of(movements).count().to_pyarrow().as_py())
    finally:
        connection.drop_table(name, force=True)
    count = _one_row(
        check.key, facts.as_of, org_id=NO_UNIT, product_class=LEDGER, unit="count", ours=n_days - exceptions.num_rows, theirs=n_days,
        is_red=exceptions.num_rows > check.exceptions_at_most,
    )  # fmt: skip
    return pa.concat_tables([exceptions.cast(count.schema), count])


# ── age ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def maximum_age(check: MaximumAgeCheck, facts: Facts, dated_by: str) -> pa.Table:
    """Return one row: ours is the age in days of the newest row known, theirs the most allowed; no row at all is red."""
    rows = facts.known(check.table)
    newest = rows.filter(rows[dated_by] <= facts.as_of)[dated_by].max().to_pyarrow().as_py()
    age_days = (facts.as_of - newest).days if newest is not None else None
    is_red = age_days is None or age_days > check.at_most_days
    return _one_row(
        check.key,
        facts.as_of,
        org_id=check.table,
        product_class="age_days",
        unit="days",
        ours=age_days,
        theirs=check.at_most_days,
        is_red=is_red,
    )


def _one_row(
    key: str,
    on: date,
    *,
    org_id: str,
    product_class: str,
    unit: str,
    ours: int | None,
    theirs: int | None,
    is_red: bool,
) -> pa.Table:
    difference = ours - theirs if ours is not None and theirs is not None else None
    decimal = pa.decimal128(18, 2)
    return pa.table({
        "check_key": pa.array([key], pa.string()), "on": pa.array([on], pa.date32()), "org_id": pa.array([org_id], pa.string()),
        "product_class": pa.array([product_class], pa.string()), "unit": pa.array([unit], pa.string()), "ours_amount": pa.array([ours], decimal),
        "theirs_amount": pa.array([theirs], decimal), "difference_amount": pa.array([difference], decimal),
        "is_red": pa.array([is_red], pa.bool_()),
    })  # fmt: skip


# ── red ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _reds(rows: pa.Table, key: str | None = None) -> list[dict[str, Any]]:
    """Return the red rows, without the counting rows of ledgers."""
    return [
        r for r in rows.to_pylist()
        if r["is_red"] and (key is None or r["check_key"] == key) and (r["product_class"], r["org_id"]) != (LEDGER, NO_UNIT)
    ]  # fmt: skip


def _count_red(rows: pa.Table, key: str | None = None) -> int:
    return len(_reds(rows, key))


def refuse_red(rows: pa.Table, checks: Sequence[Check], *, folder: Path | None = None) -> None:
    """Raise ContractBroken, naming check and row, when a check that holds publishing has more red rows than it allows.

    All rows are written into ``folder`` first, and the error says so.
    """
    findings: list[Finding] = []
    counts: dict[str, int] = {}
    for check in checks:
        red = _reds(rows, check.key)
        if len(red) <= check.exceptions_at_most or (isinstance(check, MaximumAgeCheck) and check.holds == "sends"):
            continue
        counts[check.key] = len(red)
        findings += [_finding(check, r) for r in red[:SHOWN]]
        if len(red) > SHOWN:
            findings.append(Finding(check.key, f"and {len(red) - SHOWN} more red rows"))
    if counts:
        left = write_reconciliation(rows.to_pylist(), folder) if folder is not None else ()
        where = "、".join(str(p) for p in left)
        raise ContractBroken(
            "sources.reconciliation_red",
            zh=f"总分核对未通过：{', '.join(f'{k} 有 {n} 项超容差' for k, n in counts.items())}",
            en=f"reconciliation is red: {', '.join(f'{k} has {n} rows beyond tolerance' for k, n in counts.items())}",
            todo_zh="请核对源文件；未发布任何结果，原版本仍可用" + (f"；全部核对结果见 {where}" if left else ""),
            todo_en="check the bank's files; nothing was published, the earlier version stays" + (f"; all rows are in {', '.join(map(str, left))}" if left else ""),
            findings=tuple(findings), facts={"red_by_check": counts, "files": [str(p) for p in left]},
        )  # fmt: skip


def _finding(check: Check, row: Mapping[str, Any]) -> Finding:
    if isinstance(check, RunningBalanceCheck):
        problem = f"the account's movements do not lead to its running balance (beyond {check.tolerance_amount})"
        return Finding(
            f"{check.key} {row['on']} account …{str(row['org_id'])[-4:]}",
            problem,
            _difference(row),
            "a movement is missing, doubled or altered",
        )
    if isinstance(check, MaximumAgeCheck):
        age = (
            "there are no rows"
            if row["ours_amount"] is None
            else f"the newest row is {int(row['ours_amount'])} days old"
        )
        return Finding(
            f"{check.key} {check.table}",
            f"{age}, at most {check.at_most_days} allowed",
            todo="deliver the missing days",
        )
    if row["theirs_amount"] is None:
        return Finding(
            f"{check.key} {row['on']}",
            f"the bank sent no {check.measure} to reconcile with",
            todo="map its report to control_total",
        )
    problem = f"ours {row['ours_amount']}, the bank's {row['theirs_amount']}"
    return Finding(
        f"{check.key} {row['on']} unit {row['org_id']} {row['product_class']}",
        problem,
        _difference(row),
        "compare the unit's files with the report",
    )


def _difference(row: Mapping[str, Any]) -> str:
    return "" if row["difference_amount"] is None else f"difference {row['difference_amount']}"


__all__ = ["COLUMNS", "control_totals", "maximum_age", "reconcile_step", "refuse_red", "running_balances"]

"""Totals beside the bank's own, and the freshness of inputs: green, red, and refused."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sources_quality.conftest import CONTRACTS, DAY, MOMENT, Row
from zhike.kernel.clock import VirtualClock
from zhike.kernel.errors import BadInput, ContractBroken
from zhike.sources.checks import read_checks
from zhike.sources.reconcile import reconcile_step
from zhike.warehouse import Engine, Output, RunPlan, Step, StepContext, Warehouse, run_steps
from zhike.warehouse.conform import rows_table
from zhike.warehouse.testing import run_step

DATED = ("transaction", "event")
PRODUCTS: list[Row] = [
    {"product_id": "D", "name": "活期", "family": "deposit", "product_class": "demand"},
    {"product_id": "W", "name": "基金", "family": "wealth", "product_class": "fund", "counts_in_aum": True},
    {"product_id": "T", "name": "信托", "family": "wealth", "product_class": "trust", "counts_in_aum": False},
    {"product_id": "L", "name": "消费贷", "family": "credit", "product_class": "consumer_loan"},
]  # fmt: skip


def account(account_id: str, product_id: str, org_id: str = "B1") -> Row:
    return {
        "account_id": account_id,
        "product_id": product_id,
        "org_id": org_id,
        "account_kind": "demand",
        "opened_on": date(2024, 1, 1),
        "recorded_at": MOMENT,
    }


def balance(account_id: str, amount: float, on: date = date(2025, 1, 1), until_on: date | None = None) -> Row:
    return {
        "account_id": account_id,
        "on": on,
        "until_on": until_on,
        "balance_amount": Decimal(str(amount)),
        "recorded_at": MOMENT,
    }


BANK: dict[str, list[Row]] = {
    "product": PRODUCTS,
    "account": [account("a", "D"), account("b", "D"), account("w", "W"), account("l", "L", "B2")],
    "account_party": [{"account_id": a, "source": "core", "source_key": k, "role": r} for a, k, r in (("a", "1", "owner"), ("b", "1", "owner"), ("b", "2", "disponent"), ("w", "1", "owner"), ("l", "2", "owner"))],
    "balance_daily": [balance("a", 100, until_on=date(2025, 2, 28)), balance("a", 70, on=DAY), balance("b", 30), balance("l", 500)],
    "holding_daily": [{"account_id": "w", "product_id": p, "on": date(2025, 1, 1), "value_amount": v, "recorded_at": MOMENT} for p, v in (("W", 40), ("T", 7))],
}  # fmt: skip


def report(measure: str, **values: float) -> list[Row]:
    return [
        {
            "on": DAY,
            "org_id": k.split("_", 1)[0],
            "product_class": k.split("_", 1)[1],
            "measure": measure,
            "value_amount": Decimal(str(v)),
        }
        for k, v in values.items()
    ]


def reconcile(engine: Engine, entries: list[dict[str, Any]], as_of: date = DAY, **tables: list[Row]) -> list[Row]:
    step = reconcile_step(read_checks(entries, dated_tables=DATED), CONTRACTS)
    written = run_step(step, engine, {**BANK, **tables}, as_of=as_of, contracts=CONTRACTS)
    return sorted(
        written[("reconciliation", "")].to_pylist(),
        key=lambda r: (r["check_key"], r["on"], r["org_id"], r["product_class"]),
    )


def check(measure: str, **more: Any) -> dict[str, Any]:
    return {"key": "total", "kind": "control_total", "measure": measure, **more}


@pytest.mark.requirement("A8")
@pytest.mark.parametrize(
    ("measure", "values"),
    [("aum_amount", {"B1_demand": 100, "B1_fund": 40}), ("deposit_amount", {"B1_demand": 100}), ("loan_amount", {"B2_consumer_loan": 500}),
     ("n_customers", {"B1_demand": 1, "B1_fund": 1, "B1_trust": 1, "B2_consumer_loan": 1})],
)  # fmt: skip
def test_totals_of_the_day_equal_the_banks_own(engine: Engine, measure: str, values: dict[str, float]) -> None:
    rows = reconcile(engine, [check(measure)], control_total=report(measure, **values))
    assert {(r["org_id"] + "_" + r["product_class"], float(r["ours_amount"]), r["is_red"]) for r in rows} == {
        (k, v, False) for k, v in values.items()
    }


@pytest.mark.requirement("A8")
def test_a_difference_beyond_tolerance_stops_the_run_and_names_unit_class_and_amounts(engine: Engine) -> None:
    with pytest.raises(ContractBroken) as caught:
        reconcile(
            engine,
            [check("deposit_amount", tolerance_amount=0.5)],
            control_total=report("deposit_amount", B1_demand=100.51),
        )
    assert caught.value.code == "sources.reconciliation_red"
    [finding] = caught.value.findings
    assert (
        str(finding)
        == "total 2025-03-01 unit B1 demand: ours 100.00, the bank's 100.51 [difference -0.51] → compare the unit's files with the report"
    )
    reconcile(
        engine,
        [check("deposit_amount", tolerance_amount=0.51)],
        control_total=report("deposit_amount", B1_demand=100.51),
    )


def test_a_total_that_only_one_side_has_counts_nothing_on_the_other(engine: Engine) -> None:
    rows = reconcile(
        engine, [check("deposit_amount", exceptions_at_most=2)], control_total=report("deposit_amount", B9_term=5)
    )
    assert [(r["org_id"], float(r["ours_amount"]), float(r["theirs_amount"]), r["is_red"]) for r in rows] == [
        ("B1", 100, 0, True),
        ("B9", 0, 5, True),
    ]


def test_a_report_that_never_came_is_red(engine: Engine) -> None:
    with pytest.raises(ContractBroken, match="the bank sent no aum_amount"):
        reconcile(engine, [check("aum_amount")], control_total=report("deposit_amount", B1_demand=100))


def test_the_banks_latest_report_is_compared_with_our_totals_of_its_own_day(engine: Engine) -> None:
    rows = [r | {"on": date(2025, 2, 28)} for r in report("deposit_amount", B1_demand=130)]
    assert [r["on"] for r in reconcile(engine, [check("deposit_amount")], control_total=rows)] == [date(2025, 2, 28)]


@pytest.mark.requirement("A8")
def test_inputs_that_are_too_old_stop_the_run_or_hold_sends(engine: Engine) -> None:
    events = [
        {
            "event_id": "e",
            "source": "app",
            "source_key": "1",
            "event_kind": "app_login",
            "channel": "app",
            "on": date(2025, 2, 26),
            "at": MOMENT,
            "recorded_at": MOMENT,
        }
    ]
    entry: dict[str, Any] = {"key": "fresh", "kind": "maximum_age", "table": "event", "at_most_days": 3}
    assert [(int(r["ours_amount"]), r["is_red"]) for r in reconcile(engine, [entry], event=events)] == [(3, False)]
    with pytest.raises(ContractBroken, match="the newest row is 3 days old, at most 2 allowed"):
        reconcile(engine, [entry | {"at_most_days": 2}], event=events)
    assert [r["is_red"] for r in reconcile(engine, [entry | {"at_most_days": 2, "holds": "sends"}], event=events)] == [
        True
    ]
    with pytest.raises(ContractBroken, match="there are no rows"):
        reconcile(engine, [entry], event=[])


def test_no_checks_make_an_empty_table(engine: Engine) -> None:
    assert reconcile(engine, []) == []


def test_mistakes_in_the_mapping_are_told_all_at_once_with_the_nearest_name() -> None:
    entries = [
        {"key": "a", "kind": "controll_total", "measure": "aum_amount"}, {"key": "b", "kind": "control_total", "measure": "aum_amount", "tolerence_amount": 1},
        {"key": "c", "kind": "maximum_age", "table": "transactions", "at_most_days": 1}, {"key": "d", "kind": "running_balance"},
        {"key": "d", "kind": "running_balance", "tolerance_amount": -1},
    ]  # fmt: skip
    with pytest.raises(BadInput) as caught:
        read_checks(entries, dated_tables=DATED)
    shown = "\n".join(str(f) for f in caught.value.findings)
    for hint in (
        "did you mean control_total?",
        "did you mean tolerance_amount?",
        "did you mean transaction?",
        "greater than or equal to 0",
    ):
        assert hint in shown


LEDGER_CHECK: dict[str, Any] = {"key": "ledger", "kind": "running_balance"}
LONG_ACCOUNT = "62280001230009876"


def movement(txn_id: str, on: date, amount: float, after: float) -> Row:
    return {
        "txn_id": txn_id, "account_id": LONG_ACCOUNT, "on": on, "direction": "in", "amount": Decimal(str(amount)), "recorded_at": MOMENT,
        "balance_after_amount": Decimal(str(after)), "txn_kind": "transfer_in",
    }  # fmt: skip


def red_night(folder: Path, engine: Engine) -> tuple[Warehouse, RunPlan]:
    """A warehouse and a run in which one unit differs by 0.5 and one account's second day does not add up."""
    tables = {
        **BANK, "control_total": report("deposit_amount", B1_demand=100.5, B9_term=0),
        "transaction": [movement("t1", date(2025, 2, 1), 10, 10), movement("t2", date(2025, 2, 2), 5, 99)],
    }  # fmt: skip
    checks = read_checks([check("deposit_amount"), LEDGER_CHECK], dated_tables=DATED)

    def fill(table: str, rows: list[Row]) -> Step:
        def work(context: StepContext) -> None:
            context.write(table, rows_table(CONTRACTS[table], rows))

        return Step(f"fill:{table}", (Output(table),), (), work)

    steps = [fill(t, rows) for t, rows in tables.items()]
    return Warehouse(folder / "warehouse"), RunPlan(
        [*steps, reconcile_step(checks, CONTRACTS, runs=folder / "runs")], CONTRACTS, DAY
    )


@pytest.mark.requirement("A8")
def test_a_red_run_publishes_nothing_and_leaves_every_compared_row_in_its_folder(
    engine: Engine, tmp_path: Path
) -> None:
    warehouse, plan = red_night(tmp_path, engine)
    with pytest.raises(ContractBroken) as caught:
        run_steps(
            warehouse, engine, plan, clock=VirtualClock(datetime(2025, 3, 2, tzinfo=UTC)), results=tmp_path / "runs"
        )
    assert warehouse.current() is None
    [folder] = (tmp_path / "runs").iterdir()
    table, page = folder / "reconciliation.csv", folder / "reconciliation.html"
    assert caught.value.facts["files"] == [str(table), str(page)]
    assert str(table) in str(caught.value)
    assert str(page) in caught.value.in_chinese()
    [failed] = [
        s for s in json.loads((folder / "run_results.json").read_text("utf-8"))["steps"] if s["state"] == "failed"
    ]
    assert str(page) in failed["error"]
    with table.open(encoding="utf-8-sig", newline="") as stream:
        rows = [
            (r["check_key"], r["org_id"], r["ours_amount"], r["difference_amount"], r["is_red"])
            for r in csv.DictReader(stream)
        ]
    assert rows == [
        ("ledger", "…9876", "15.00", "-84.00", "True"), ("ledger", "*", "1.00", "-1.00", "True"),
        ("total", "B1", "100.00", "-0.50", "True"), ("total", "B9", "0.00", "0.00", "False"),
    ]  # fmt: skip
    shown = page.read_text("utf-8")
    assert "-84.00" in shown
    assert "本次运行未发布任何结果" in shown
    for path in folder.iterdir():
        assert LONG_ACCOUNT not in path.read_text("utf-8")


def test_a_green_run_leaves_no_such_files(engine: Engine, tmp_path: Path) -> None:
    step = reconcile_step(read_checks([check("deposit_amount")], dated_tables=DATED), CONTRACTS, runs=tmp_path)
    tables = {**BANK, "control_total": report("deposit_amount", B1_demand=100)}
    run_step(step, engine, tables, as_of=DAY, contracts=CONTRACTS)
    assert not list(tmp_path.iterdir())

"""Ledgers that add up in any order within a day, and those with a missing, doubled or altered movement."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import ibis
import pytest

from tests.unit.sources_quality.conftest import CONTRACTS, DAY, MOMENT, Row
from zhike.kernel.errors import ContractBroken
from zhike.sources.checks import read_checks
from zhike.sources.ledger import broken_days, doubtful_days, prepare_movements
from zhike.sources.reconcile import reconcile_step
from zhike.warehouse import Engine
from zhike.warehouse.testing import rows_table, run_step

START = date(2025, 1, 1)


def ledger(*days: Sequence[int], account_id: str = "a", opening: int = 0) -> list[Row]:
    """Return movements of consecutive days with their running balances, in the order given."""
    rows: list[Row] = []
    balance = opening
    for offset, movements in enumerate(days):
        for amount in movements:
            balance += amount
            rows.append({
                "txn_id": f"{account_id}{len(rows):03d}", "account_id": account_id, "on": START + timedelta(days=offset), "direction": "in" if amount > 0 else "out",
                "amount": abs(amount), "balance_after_amount": balance, "txn_kind": "other", "recorded_at": MOMENT,
            })  # fmt: skip
    return rows


def broken(engine: Engine, rows: list[Row], tolerance: str = "0.01") -> list[date]:
    movements = prepare_movements(ibis.memtable(rows_table(CONTRACTS["transaction"], rows)))
    found = broken_days(movements, doubtful_days(movements, Decimal(tolerance)), Decimal(tolerance))
    return sorted(engine.fetch(found)["on"].to_pylist())


def renamed(rows: list[Row], seed: int) -> list[Row]:
    """Return the rows with transaction numbers in another order, so that file order says nothing."""
    names = [r["txn_id"] for r in rows]
    random.Random(seed).shuffle(names)
    return [r | {"txn_id": n} for r, n in zip(rows, names, strict=True)]


DAYS = ([100, 50], [-30, 20, 5], [-40], [10, 7, -3])


@pytest.mark.requirement("A8")
@pytest.mark.parametrize("seed", range(4))
def test_a_whole_ledger_adds_up_in_any_order_within_a_day(engine: Engine, seed: int) -> None:
    assert broken(engine, renamed(ledger(*DAYS), seed)) == []


@pytest.mark.requirement("A8")
def test_a_missing_movement_breaks_the_day_that_follows_it(engine: Engine) -> None:
    rows = ledger(*DAYS)
    for lost in range(2, len(rows) - 1):
        assert broken(engine, renamed(rows[:lost] + rows[lost + 1 :], lost)) == [rows[lost + 1]["on"]], lost


def test_a_doubled_or_altered_movement_breaks_its_day(engine: Engine) -> None:
    rows = ledger(*DAYS)
    doubled = [*rows, rows[3] | {"txn_id": "a999"}]
    assert broken(engine, doubled) == [rows[3]["on"]]
    altered = [r | {"amount": 21} if i == 3 else r for i, r in enumerate(rows)]
    assert rows[3]["on"] in broken(engine, altered)


def test_rounding_within_tolerance_is_no_exception_however_long_it_runs(engine: Engine) -> None:
    rows = ledger(*[[10]] * 40)
    drifting = [
        r | {"balance_after_amount": Decimal(r["balance_after_amount"]) + Decimal("0.09") * i}
        for i, r in enumerate(rows)
    ]
    assert broken(engine, drifting, "0.10") == []
    assert len(broken(engine, drifting, "0.08")) == 39


def test_a_ledger_that_begins_in_the_middle_is_taken_from_where_it_begins(engine: Engine) -> None:
    assert broken(engine, renamed(ledger([5, 6], [7], opening=1_000), 3)) == []


def test_accounts_without_running_balances_are_left_out(engine: Engine) -> None:
    rows = ledger(*DAYS)
    assert broken(engine, [*rows[:4], rows[4] | {"balance_after_amount": None}, *rows[6:]]) == []


@pytest.mark.requirement("A8")
def test_more_exceptions_than_allowed_stop_the_run_and_mask_the_account(engine: Engine) -> None:
    rows = ledger(*DAYS, account_id="6222020200112233")
    del rows[3]
    entry = {"key": "running_balance", "kind": "running_balance", "tolerance_amount": 0.01}
    contracts = {"contracts": CONTRACTS, "as_of": DAY}
    with pytest.raises(ContractBroken) as caught:
        run_step(
            reconcile_step(read_checks([entry], dated_tables=()), CONTRACTS), engine, {"transaction": rows}, **contracts
        )
    assert "account …2233" in str(caught.value)
    assert "6222020200112233" not in str(caught.value)
    step = reconcile_step(read_checks([entry | {"exceptions_at_most": 1}], dated_tables=()), CONTRACTS)
    written = run_step(step, engine, {"transaction": rows}, **contracts)[("reconciliation", "")].to_pylist()
    counting = next(r for r in written if r["org_id"] == "*")
    assert (int(counting["ours_amount"]), int(counting["theirs_amount"]), counting["is_red"]) == (3, 4, False)
    assert [(r["on"], float(r["difference_amount"]), r["is_red"]) for r in written if r["org_id"] != "*"] == [
        (START + timedelta(days=1), 5, True)
    ]


def test_only_the_last_days_are_looked_at_where_the_check_says_so(engine: Engine) -> None:
    rows = ledger(*DAYS)
    del rows[3]
    entry = {"key": "running_balance", "kind": "running_balance", "last_days": 2}
    step = reconcile_step(read_checks([entry], dated_tables=()), CONTRACTS)
    run_step(step, engine, {"transaction": rows}, as_of=START + timedelta(days=3), contracts=CONTRACTS)

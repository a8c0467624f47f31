"""The same plan gives the same bytes, file for file."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from zhike.kernel.errors import BadInput
from zhike.kernel.terms import Channel
from zhike.simulator import BankPlan, BankSummary, Contact, continue_with_contacts, simulate
from zhike.simulator.identifiers import as_text, core_numbers

LAST_DAY = date(2025, 6, 30)


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.mark.slow
@pytest.mark.requirement("L3")
@pytest.mark.parametrize("delivery", ["parquet", "bank_files"])
def test_two_runs_of_one_plan_write_the_same_bytes(delivery: str, tmp_path: Path) -> None:
    plan = BankPlan(120, 40, 3, LAST_DAY, delivery=delivery)  # type: ignore[arg-type]
    for name in ("a", "b"):
        simulate(plan, tmp_path / name)
        continue_with_contacts(
            tmp_path / name, [Contact("c1", "1001000003", "sms", date(2025, 7, 1))], date(2025, 7, 3)
        )
    assert fingerprints(tmp_path / "a") == fingerprints(tmp_path / "b")


@pytest.mark.slow
@pytest.mark.requirement("L3")
def test_the_number_of_workers_changes_no_byte(tmp_path: Path) -> None:
    plan = BankPlan(20_060, 40, 3, LAST_DAY, activity_rate=3.0)  # two chunks, of which the second is tiny
    keys = as_text(core_numbers(np.array([7, 20_001]))).to_pylist()  # one of each chunk
    contacts = [Contact(f"c{key}", key, Channel.SMS, date(2025, 7, 1)) for key in keys]
    for n_workers in (1, 2, 3):
        folder = tmp_path / str(n_workers)
        simulate(plan, folder, n_workers=n_workers)
        continue_with_contacts(folder, contacts, date(2025, 7, 3), n_workers=n_workers)
    one = fingerprints(tmp_path / "1")
    assert len([name for name in one if name.endswith("CORE_TXN.parquet")]) == 6
    assert pq.ParquetFile(tmp_path / "1/data/20250628/CORE_TXN.parquet").num_row_groups > 2
    assert fingerprints(tmp_path / "2") == one
    assert fingerprints(tmp_path / "3") == one


def test_another_seed_gives_another_bank(small_bank: BankSummary, tmp_path: Path) -> None:
    other = simulate(BankPlan(900, 75, 12, LAST_DAY), tmp_path / "other")
    mine, theirs = fingerprints(small_bank.data_folder), fingerprints(other.data_folder)
    assert mine["20250628/CORE_TXN.parquet"] != theirs["20250628/CORE_TXN.parquet"]


def test_the_text_of_the_plan_is_checked() -> None:
    with pytest.raises(BadInput, match="n_customers"):
        BankPlan(10, 60, 1, LAST_DAY)
    with pytest.raises(BadInput, match="n_days"):
        BankPlan(100, 10, 1, LAST_DAY)


def test_a_folder_with_a_bank_is_not_drawn_over(small_bank: BankSummary) -> None:
    with pytest.raises(BadInput, match="already holds"):
        simulate(BankPlan(120, 40, 3, LAST_DAY), small_bank.folder)

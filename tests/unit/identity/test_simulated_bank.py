"""Precision and recall against what the simulated bank knows to be true."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.unit.identity.conftest import CONTRACTS
from zhike.identity import IdentitySettings
from zhike.identity import steps as identity_steps
from zhike.kernel.clock import SystemClock
from zhike.simulator import BankPlan, simulate
from zhike.sources import open_mapping
from zhike.sources import steps as source_steps
from zhike.warehouse import Engine, RunPlan, Warehouse, open_catalog, run_steps

LAST_DAY = date(2025, 6, 30)


def pairs(counts: Counter[object]) -> int:
    return sum(n * (n - 1) // 2 for n in counts.values())


@pytest.mark.slow
@pytest.mark.requirement("B1")
@pytest.mark.requirement("L3")
def test_no_two_people_of_a_simulated_bank_are_merged_and_nearly_all_records_with_a_key_are_joined(
    engine: Engine, tmp_path: Path
) -> None:
    bank = simulate(BankPlan(n_customers=3_000, n_days=30, seed=11, last_day=LAST_DAY), tmp_path / "bank")
    mapping = open_mapping(bank.mapping_file, CONTRACTS)
    loading = source_steps(mapping, bank.data_folder, LAST_DAY, CONTRACTS)
    plan = [s for s in loading if s.key == "load:source_party"]
    plan += [
        s
        for s in identity_steps(settings=IdentitySettings(), overrides=[], key=b"secret")
        if s.key in ("identity:standardise", "identity:link", "identity:customer")
    ]
    warehouse = Warehouse(tmp_path / "warehouse")
    run_steps(warehouse, engine, RunPlan(plan, CONTRACTS, LAST_DAY), clock=SystemClock(), results=tmp_path / "runs")
    manifest = warehouse.current()
    assert manifest is not None
    tables = open_catalog(engine, warehouse, CONTRACTS, manifest.entries)
    truth = {
        (r["source"], r["source_key"]): r["true_party"]
        for r in pq.read_table(bank.truth_folder / "party.parquet").to_pylist()
    }
    found = [
        (r["customer_no"], truth[(r["source"], r["source_key"])])
        for r in engine.fetch(tables["identity_link"]).to_pylist()
        if (r["source"], r["source_key"]) in truth
    ]
    both = pairs(Counter(found))
    precision = both / pairs(Counter(c for c, _ in found))
    recall = both / pairs(Counter(p for _, p in found))
    assert precision >= 0.9995
    assert recall >= 0.88  # the rest are WeCom friends without a number, or whose number no other source knows
    customers = engine.fetch(tables["customer"])
    assert customers.num_rows == len({c for c, _ in found})

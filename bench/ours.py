"""Our side of the benches: steps of the night, run as ``zhike run`` runs them, with its default workers, threads and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from zhike.kernel.clock import SystemClock
from zhike.kernel.settings import Settings
from zhike.warehouse import Contract, Engine, RunPlan, RunResult, Step, Warehouse, open_engine, run_steps

# What features, tags and segments of the bench read, and what identity needs; the bank's small side tables are left out.
INGESTED = (
    "product", "rate_history", "staff", "source_party", "party_relation", "company_contact", "consent_record", "risk_assessment",
    "signing", "account", "account_party", "card", "credit_facility", "loan", "repayment_plan", "balance_daily", "holding_daily",
    "term_contract", "transaction", "payroll_item", "event", "loan_application", "contact_history",
)  # fmt: skip
TIMEZONE = "Asia/Shanghai"


def run(state: Path, steps: Sequence[Step], contracts: Mapping[str, Contract], as_of: date) -> RunResult:
    """Run steps on the warehouse under ``state``, sharing them among workers as a run by default does."""
    settings = Settings(folder=state)
    return run_steps(
        Warehouse(state / "warehouse"), partial(_worker_engine, settings), RunPlan(steps, contracts, as_of),
        clock=SystemClock(), results=state / "runs", workers=settings.run_workers,
    )  # fmt: skip


def _worker_engine(settings: Settings) -> Engine:
    size, unit = float(settings.engine_memory[:-2]), settings.engine_memory[-2:]
    memory = f"{size / settings.run_workers:g}{unit}"
    return open_engine(threads=settings.engine_threads, memory=memory, scratch=settings.folder / "scratch")


def published_files(state: Path) -> dict[str, list[Path]]:
    """Return table → Parquet files, in order of partition, as the last run under ``state`` published them."""
    warehouse = Warehouse(state / "warehouse")
    manifest = warehouse.current()
    found: dict[str, list[Path]] = {}
    for _, entry in sorted(manifest.entries.items() if manifest else ()):
        found.setdefault(entry.table, []).extend(warehouse.paths(entry))
    return found


def bench_mapping(bank: Path, target: Path, tables: Sequence[str] = INGESTED) -> Path:
    """Write the bank's mapping, cut to some tables; return its path."""
    text = (bank / "mapping.yaml").read_text(encoding="utf-8")
    mapping: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    mapping["tables"] = [t for t in mapping["tables"] if t["to"] in tables]
    mapping.pop("reconcile", None)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(yaml.safe_dump(mapping, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return target


def ingest_steps(bank: Path, state: Path, contracts: Mapping[str, Contract], as_of: date) -> list[Step]:
    """Return the steps that load the bench's tables."""
    from zhike.sources import open_mapping
    from zhike.sources.steps import steps

    mapping = open_mapping(bench_mapping(bank, state / "mapping.yaml"), dict(contracts))
    return steps(
        mapping, bank / "data", as_of, dict(contracts), timezone=TIMEZONE, fingerprints=state / "fingerprints.json"
    )


def ingest(bank: Path, state: Path, as_of: date) -> RunResult:
    """Load the bench's tables of a bank into the warehouse under ``state``."""
    from zhike.sources.tables import OWNS
    from zhike.warehouse.contracts import contract_by_name

    contracts = contract_by_name(OWNS)
    return run(state, ingest_steps(bank, state, contracts, as_of), contracts, as_of)


__all__ = ["INGESTED", "TIMEZONE", "bench_mapping", "ingest", "ingest_steps", "published_files", "run"]

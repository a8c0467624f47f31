"""A tiny bank's delivery in a folder, its mapping, and what a real run makes of it."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from zhike.kernel.clock import VirtualClock
from zhike.sources import open_mapping, steps
from zhike.sources.tables import OWNS
from zhike.warehouse import Engine, RunPlan, RunResult, Warehouse, open_catalog, open_engine, run_steps
from zhike.warehouse.contracts import contract_by_name

CONTRACTS = contract_by_name(OWNS)
DAY = date(2025, 1, 31)

ACCOUNT_COLUMNS = {
    "account_id": "account_id",
    "account_kind": {"constant": "demand"},
    "opened_on": "opened_on",
    "recorded_at": {"day_end": "opened_on"},
}
MOVEMENT_COLUMNS = {
    "txn_id": "txn_id",
    "account_id": "account_id",
    "on": "on",
    "direction": {"column": "direction", "values": {"C": "in", "D": "out"}},
    "amount": "amount",
    "txn_kind": {"constant": "payment"},
    "recorded_at": {"day_end": "on"},
}


@cache
def shared_engine() -> Engine:
    """The one engine of all deliveries of this process."""
    opened = open_engine(threads=2)
    atexit.register(opened.close)
    return opened


@dataclass
class Delivery:
    """A bank under ``folder``: write files, say the mapping, run, read what is published."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def file(self, name: str, content: str | bytes, *, encoding: str = "utf-8") -> Path:
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    def mapping(self, *tables: Mapping[str, Any], **options: Any) -> Path:
        body = {"version": 1, "calendar": {"first_day": "2025-01-01"}, **options, "tables": list(tables)}
        path = self.folder / "mapping.yaml"
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(body, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return path

    def run(self, as_of: date = DAY, *, timezone: str = "Asia/Shanghai") -> RunResult:
        self.data.mkdir(parents=True, exist_ok=True)
        mapping = open_mapping(self.folder / "mapping.yaml", CONTRACTS)
        planned = steps(
            mapping, self.data, as_of, CONTRACTS, timezone=timezone, fingerprints=self.folder / "fingerprints.json"
        )
        return run_steps(
            Warehouse(self.folder / "warehouse"), shared_engine(), RunPlan(planned, CONTRACTS, as_of),
            clock=VirtualClock(datetime(2025, 2, 1, tzinfo=UTC)), results=self.folder / "runs",
        )  # fmt: skip

    def rows(self, table: str, *columns: str) -> list[Any]:
        """The published rows of a table, in key order; of one column, its bare values."""
        warehouse = Warehouse(self.folder / "warehouse")
        manifest = warehouse.current()
        if manifest is None:
            return []
        engine = shared_engine()
        found = open_catalog(engine, warehouse, CONTRACTS, manifest.entries)[table]
        rows = engine.fetch(found.order_by(list(CONTRACTS[table].key))).to_pylist()
        if not columns:
            return rows
        return [r[columns[0]] if len(columns) == 1 else tuple(r[c] for c in columns) for r in rows]

    def bad(self) -> list[tuple[str, int, str, str]]:
        """The quarantine as (file, row, rule, column)."""
        return sorted(self.rows("quarantine", "file", "row_number", "rule", "column_name"))

    def counts(self) -> dict[str, tuple[int, int, int, int]]:
        """Per file: read, loaded, quarantined, left out."""
        rows = self.rows("load_count")
        return {r["file"]: (r["n_read"], r["n_loaded"], r["n_quarantined"], r["n_skipped"]) for r in rows}


def accounts(**changes: Any) -> dict[str, Any]:
    return {"name": "accounts", "to": "account", "file": "accounts.csv", "columns": ACCOUNT_COLUMNS, **changes}


def movements(**changes: Any) -> dict[str, Any]:
    return {"name": "movements", "to": "transaction", "file": "movements.csv", "columns": MOVEMENT_COLUMNS, **changes}


__all__ = ["ACCOUNT_COLUMNS", "CONTRACTS", "DAY", "MOVEMENT_COLUMNS", "Delivery", "accounts", "movements"]

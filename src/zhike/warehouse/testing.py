"""Tables from literal rows, and one step run on them: how steps are tested on a real engine without a run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from zhike.warehouse.catalog import Catalog
from zhike.warehouse.conform import rows_table
from zhike.warehouse.contracts import Contract
from zhike.warehouse.engine import TableEngine
from zhike.warehouse.steps import Step, StepContext

Rows = Sequence[Mapping[str, Any]]


def catalog(
    engine: TableEngine,
    tables: Mapping[str, Rows | Mapping[str, Rows]],
    contracts: Mapping[str, Contract],
    *,
    folder: Path | None = None,
) -> Catalog:
    """Return a catalog over literal rows: ``{"account": [...], "tag_value": {"customer_tier": [...]}}``."""
    place = folder or Path(tempfile.mkdtemp(dir=engine.scratch))
    files: dict[tuple[str, str], tuple[Path, ...]] = {}
    for table, content in tables.items():
        parts = content if isinstance(content, Mapping) else {"": content}
        for partition, rows in parts.items():
            path = place / table / f"{partition or '_'}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows_table(contracts[table], rows), path)
            files[(table, partition)] = (path,)
    return Catalog(engine, contracts, files)


def run_step(
    step: Step, engine: TableEngine, tables: Mapping[str, Rows | Mapping[str, Rows]], *,
    as_of: date, contracts: Mapping[str, Contract], previous: Mapping[str, Rows | Mapping[str, Rows]] | None = None,
) -> dict[tuple[str, str], pa.Table]:  # fmt: skip
    """Run one step on literal rows; return (table, partition) → rows written. Undeclared reads and writes fail."""
    return run_together([step], engine, tables, as_of=as_of, contracts=contracts, previous=previous)


def run_in_turn(
    steps: Sequence[Step], engine: TableEngine, tables: Mapping[str, Rows | Mapping[str, Rows]], *,
    as_of: date, contracts: Mapping[str, Contract], previous: Mapping[str, Rows | Mapping[str, Rows]] | None = None,
) -> dict[tuple[str, str], pa.Table]:  # fmt: skip
    """Run steps one after the other on literal rows, each reading what those before it wrote; return (table, partition) → rows written."""
    given: dict[str, Any] = dict(tables)
    written: dict[tuple[str, str], pa.Table] = {}
    for step in steps:
        found = run_step(step, engine, given, as_of=as_of, contracts=contracts, previous=previous)
        for (table, partition), rows in found.items():
            given[table] = {**(given.get(table) or {}), partition: rows.to_pylist()} if partition else rows.to_pylist()
        written |= found
    return written


def run_together(
    steps: Sequence[Step], engine: TableEngine, tables: Mapping[str, Rows | Mapping[str, Rows]], *,
    as_of: date, contracts: Mapping[str, Contract], previous: Mapping[str, Rows | Mapping[str, Rows]] | None = None,
) -> dict[tuple[str, str], pa.Table]:  # fmt: skip
    """Run the steps of a family in one go on literal rows; return (table, partition) → rows written."""
    place = Path(tempfile.mkdtemp(dir=engine.scratch))
    now, before = catalog(engine, tables, contracts), catalog(engine, previous or {}, contracts)
    contexts = []
    for step in steps:
        reads = {lag: {r.table for r in step.reads if bool(r.lag) == lag} for lag in (False, True)}
        context = StepContext(
            step=step, as_of=as_of, run_id="test", engine=engine, contracts=contracts,
            tables=Catalog(engine, contracts, now.files, reads[False]),
            previous=Catalog(engine, contracts, before.files, reads[True]),
            draft=lambda table, partition: place / table / f"{partition or '_'}.parquet",
        )  # fmt: skip
        contexts.append(context)
    family = steps[0].family
    if family is not None:
        family.work(contexts)
    else:
        (context,) = contexts
        context.step.work(context)
    return {
        (t, p): pa.concat_tables([pq.read_table(f) for f in c.files_of(t, p)]) for c in contexts for t, p in c.written
    }


__all__ = ["catalog", "rows_table", "run_in_turn", "run_step", "run_together"]

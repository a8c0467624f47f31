"""Steps: what a run is made of. Each says what it reads and writes, per definition, and does its work on a context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.kernel.errors import Bug
from zhike.warehouse.catalog import Catalog
from zhike.warehouse.conform import conform
from zhike.warehouse.contracts import Contract
from zhike.warehouse.engine import Engine
from zhike.warehouse.manifest import WHOLE


@dataclass(frozen=True, slots=True)
class Input:
    """A read: a whole table, or one partition. ``lag`` = 1 reads the last published run of an earlier day."""

    table: str
    partition: str | None = None
    lag: int = 0


@dataclass(frozen=True, slots=True)
class Output:
    """A write: a whole table, or one partition of a table that is written in parts."""

    table: str
    partition: str = WHOLE


@dataclass(frozen=True, slots=True)
class Step:
    """One unit of a run, skipped when nothing it depends on has changed.

    ``definition`` is the hash of the definition it carries out; ``material`` are further JSON values on which the result
    depends (file fingerprints, settings). ``is_dated`` is false where the result does not depend on the day of the run.
    ``work`` returns what is worth reporting (JSON values, no personal data).
    """

    key: str
    writes: tuple[Output, ...]
    reads: tuple[Input, ...]
    work: Callable[[StepContext], Mapping[str, Any] | None]
    definition: str = ""
    material: tuple[object, ...] = ()
    is_dated: bool = True


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step is handed: the day, the tables it declared, the last earlier run's tables, and where to write."""

    step: Step
    as_of: date
    run_id: str
    engine: Engine
    contracts: Mapping[str, Contract]
    tables: Catalog
    previous: Catalog
    draft: Callable[[str, str], Path]
    written: dict[tuple[str, str], int] = field(default_factory=dict)

    def write(self, table: str, rows: ir.Table | pa.Table, *, partition: str = WHOLE, check: bool = True) -> int:
        """Cast ``rows`` to the contract of ``table``, write them, check them, and return how many there are.

        ``check`` may be switched off only where the rows were just checked by other means (ingestion).

        Raises
        ------
        ContractBroken : a column is missing, a key is missing or double, a code is unknown.
        Bug : the step did not declare this output, or writes it twice.
        """
        if Output(table, partition) not in self.step.writes or (table, partition) in self.written:
            raise Bug(
                "warehouse.write_undeclared", zh=f"{self.step.key} 未声明写入 {table}/{partition}",
                en=f"{self.step.key} does not declare that it writes {table}/{partition}, or writes it twice",
            )  # fmt: skip
        contract = self.contracts[table]
        expression = ibis.memtable(rows) if isinstance(rows, pa.Table) else rows
        path = self.draft(table, partition)
        self.written[(table, partition)] = n_rows = self.engine.write(conform(expression, contract), path)
        if check and n_rows:
            self.engine.check(path, contract)
        return n_rows


__all__ = ["Input", "Output", "Step", "StepContext"]

"""Steps: what a run is made of. Each says what it reads and writes, per definition, and does its work on a context."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from zhike.kernel.errors import Bug
from zhike.warehouse.catalog import Catalog
from zhike.warehouse.conform import conform
from zhike.warehouse.contracts import Contract
from zhike.warehouse.engine import TableEngine, arrow_schema
from zhike.warehouse.manifest import WHOLE
from zhike.warehouse.store import part_paths


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
class Family:
    """Steps that are done in one go when they are ready at once: one scan and few large queries instead of many small ones.

    ``work`` is handed the contexts of the members that are due and returns what each has to report, in their order. Every
    member still writes its own outputs and keeps its own version.
    """

    name: str
    work: Callable[[Sequence[StepContext]], Sequence[Mapping[str, Any]]]

    def alone(self, context: StepContext) -> Mapping[str, Any]:
        """Do the work of a single member."""
        return self.work([context])[0]


@dataclass(frozen=True, slots=True)
class Step:
    """One unit of a run, skipped when nothing it depends on has changed.

    ``definition`` is the hash of the definition it carries out; ``material`` are further JSON values on which the result
    depends (file fingerprints, settings). ``is_dated`` is false where the result does not depend on the day of the run.
    ``work`` returns what is worth reporting (JSON values, no personal data). Members of a ``family`` are done together.
    ``is_intact`` is asked, with what the step reported, whether what it left outside the warehouse is still there: if not, it
    is done again. ``cost`` is a rough measure of work, 1 for an ordinary step: what is long, or has long work waiting, is begun first.
    ``is_portable`` says that ``work`` asks of its engine only what both engines do; any other step runs on DuckDB.
    """

    key: str
    writes: tuple[Output, ...]
    reads: tuple[Input, ...]
    work: Callable[[StepContext], Mapping[str, Any] | None]
    definition: str = ""
    material: tuple[object, ...] = ()
    is_dated: bool = True
    family: Family | None = None
    is_intact: Callable[[Mapping[str, Any]], bool] | None = None
    cost: float = 1.0
    is_portable: bool = False


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step is handed: the day, the tables it declared, the last earlier run's tables, and where to write."""

    step: Step
    as_of: date
    run_id: str
    engine: TableEngine
    contracts: Mapping[str, Contract]
    tables: Catalog
    previous: Catalog
    draft: Callable[[str, str], Path]
    written: dict[tuple[str, str], int] = field(default_factory=dict)
    n_files: dict[tuple[str, str], int] = field(default_factory=dict)

    def write(
        self, table: str, rows: ir.Table | pa.Table | Sequence[ir.Table], *, partition: str = WHOLE, check: bool = True
    ) -> int:
        """Cast ``rows`` to the contract of ``table``, write them, check them, and return how many there are.

        Several expressions are the parts of one table: made one after another, so that no more than one is held at a time.
        ``check`` may be switched off only where the rows were just checked by other means (ingestion).

        Raises
        ------
        ContractBroken : a column is missing, a key is missing or double, a code is unknown.
        Bug : the step did not declare this output, or writes it twice.
        """
        parts = [_expression(rows)] if isinstance(rows, ir.Table | pa.Table) else list(rows)
        self.n_files[(table, partition)] = len(parts)
        paths = part_paths(self.place(table, partition), len(parts))
        engine = self.engine.in_process if isinstance(rows, pa.Table) else self.engine
        for part, path in zip(parts, paths, strict=True):
            engine.write(conform(part, self.contracts[table]), path)
        return self.take(table, partition, check=check)

    def files_of(self, table: str, partition: str) -> tuple[Path, ...]:
        """Return the files of an output that has been written."""
        return part_paths(self.draft(table, partition), self.n_files.get((table, partition), 1))

    def place(self, table: str, partition: str) -> Path:
        """Return where an output is to be written; Bug when it is not declared, or is there already."""
        if Output(table, partition) not in self.step.writes or (table, partition) in self.written:
            raise Bug(
                "warehouse.write_undeclared", zh=f"{self.step.key} 未声明写入 {table}/{partition}",
                en=f"{self.step.key} does not declare that it writes {table}/{partition}, or writes it twice",
            )  # fmt: skip
        return self.draft(table, partition)

    def take(self, table: str, partition: str, *, check: bool = True) -> int:
        """Count and check what stands at the place of an output; return its number of rows.

        Raises
        ------
        ContractBroken : a key is missing or double, a code is unknown.
        Bug : a column has another type than the contract says.
        """
        paths, contract = self.files_of(table, partition), self.contracts[table]
        n_rows = 0
        for path in paths:
            with pq.ParquetFile(path) as found:
                n_rows, types = n_rows + int(found.metadata.num_rows), found.schema_arrow
            if not types.equals(arrow_schema(contract)):
                raise _other_types(contract, types)
        self.written[(table, partition)] = n_rows
        if check and n_rows:
            self.engine.check(paths, contract)
        return n_rows


def write_together(contexts: Sequence[StepContext], table: str, rows: ir.Table | pa.Table, *, by: str) -> list[int]:
    """Write the part of ``table`` of each context of a family in one query, check it, and return the numbers of rows.

    Parameters
    ----------
    rows : all rows of all members; a member's are those whose column ``by`` is the partition that its step declares.

    Raises
    ------
    ContractBroken, Bug : as ``StepContext.write``.
    """
    engine, contract = contexts[0].engine, contexts[0].contracts[table]
    partitions = [next(o.partition for o in c.step.writes if o.table == table) for c in contexts]
    paths = {p: c.place(table, p) for c, p in zip(contexts, partitions, strict=True)}
    writer = engine.in_process if isinstance(rows, pa.Table) else engine
    writer.write_parts(conform(_expression(rows), contract), paths, contract, by=by)
    return [c.take(table, p) for c, p in zip(contexts, partitions, strict=True)]


def _other_types(contract: Contract, found: pa.Schema) -> Bug:
    """Return what to raise when an engine made other types than its expressions said: days turned moments, moments with a zone."""
    wanted = arrow_schema(contract)
    other = [f"{f.name}: {f.type}" for f in found if f.name not in wanted.names or wanted.field(f.name).type != f.type]
    return Bug(
        "warehouse.types_differ", zh=f"写出的 {contract.name} 类型与契约不符：{', '.join(other)}",
        en=f"{contract.name} was written with other types than its contract's: {', '.join(other)}",
    )  # fmt: skip


def _expression(rows: ir.Table | pa.Table) -> ir.Table:
    return ibis.memtable(rows) if isinstance(rows, pa.Table) else rows


__all__ = ["Family", "Input", "Output", "Step", "StepContext", "write_together"]

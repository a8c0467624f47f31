"""The only place that opens an analytical engine. DuckDB in the process, through Ibis, with set threads and memory.

Everything above speaks Ibis expressions; raw SQL stays in this package. What a step may ask of either engine is
:class:`TableEngine`; the other engine is in ``warehouse.spark``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import unquote

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from zhike.kernel.errors import Bug
from zhike.warehouse.conform import breaches_query, conform, raise_breaches
from zhike.warehouse.contracts import Contract

COMPRESSION: Literal["zstd"] = "zstd"
BATCH, MOST_ROWS = 2048, 122_880  # rows that DuckDB handles at once, and that it puts into a row group by default
CELLS_OF_GROUP = 12_000_000
DISK = "kept_on_disk"  # database of tables that are kept in the scratch folder

# Nested selects are left to the engine's own optimiser: Ibis spends a third of a night's CPU on merging them first.
ibis.options.sql.fuse_selects = False


class QueryEngine(Protocol):
    """What both engines do for whoever only asks: DuckDB in the process (:class:`Engine`) and Spark (``warehouse.spark``)."""

    def fetch(self, expression: ir.Table) -> pa.Table:
        """Return the rows of an expression in memory."""
        ...

    def temporary(self, name: str, rows: ir.Table | pa.Table) -> AbstractContextManager[ir.Table]:
        """Keep rows in the engine while they are needed."""
        ...

    def holding(self, name: str, rows: pa.Table) -> AbstractContextManager[ir.Table]:
        """Let the engine read rows that lie in memory, while they are needed."""
        ...

    def splink(self) -> Any:
        """Return Splink's door to this engine: it reads the temporary tables by their names."""
        ...


class TableEngine(QueryEngine, Protocol):
    """What both engines do for a step that runs on either: read by contract, keep what is used again, write, check."""

    @property
    def name(self) -> str:
        """What the results of a run call the engine."""
        ...

    @property
    def scratch(self) -> Path:
        """Folder of what is there while the engine is open."""
        ...

    @property
    def in_process(self) -> Engine:
        """The DuckDB engine of this process: itself, or the one that stands beside Spark."""
        ...

    def read(self, paths: Sequence[Path], contract: Contract) -> ir.Table:
        """Return the rows of Parquet files as ``contract`` types them; an empty table when there are no files."""
        ...

    def read_file(self, path: Path) -> ir.Table:
        """Return the rows of one Parquet file as they lie there."""
        ...

    def write(self, expression: ir.Table, path: Path) -> int:
        """Write an expression to one Parquet file, durably; return its number of rows."""
        ...

    def write_parts(self, expression: ir.Table, paths: Mapping[str, Path], contract: Contract, *, by: str) -> None:
        """Write the rows of each value of the column ``by`` to the Parquet file named for it, durably, in one query."""
        ...

    def check(self, paths: Sequence[Path], contract: Contract) -> None:
        """Raise ContractBroken unless the rows of files keep the contract together."""
        ...

    def keep(self, name: str, rows: ir.Table, *, on_disk: bool = False) -> ir.Table:
        """Compute rows at once and return them as a table of the engine, until :meth:`drop`; ``on_disk`` when they are many."""
        ...

    def drop(self, name: str) -> None:
        """Give up what :meth:`keep` made; nothing happens when there is none."""
        ...

    def close(self) -> None:
        """Close the engine and remove its scratch folder."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """An open engine: its Ibis connection and its scratch folder."""

    connection: Backend
    scratch: Path
    name: str = "duckdb"
    _read: dict[tuple[object, ...], ir.Table] = field(default_factory=dict)
    _on_disk: set[str] = field(default_factory=set)

    @property
    def in_process(self) -> Engine:
        """The DuckDB engine of this process: itself."""
        return self

    def read(self, paths: Sequence[Path], contract: Contract) -> ir.Table:
        """Return the rows of Parquet files as ``contract`` types them; an empty table when there are no files."""
        names = [str(p) for p in paths]
        key = (contract.name, contract.column_names, *names)
        if key not in self._read:  # versions never change, so a table that was opened once serves every step
            found = (
                self.connection.read_parquet(names, union_by_name=True)
                if names
                else ibis.memtable(empty_rows(contract))
            )
            self._read[key] = conform(found, contract, fill_missing=True)
        return self._read[key]

    def read_file(self, path: Path) -> ir.Table:
        """Return the rows of one Parquet file as they lie there."""
        return self.connection.read_parquet(str(path))

    def write(self, expression: ir.Table, path: Path) -> int:
        """Write an expression to one Parquet file, durably; return its number of rows."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection.to_parquet(
            expression, str(path), compression=COMPRESSION, row_group_size=rows_of_group(len(expression.columns))
        )
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        return int(pq.read_metadata(path).num_rows)

    def write_parts(self, expression: ir.Table, paths: Mapping[str, Path], contract: Contract, *, by: str) -> None:
        """Write the rows of each value of the column ``by`` to the Parquet file named for it, durably, in one query.

        Parameters
        ----------
        expression : rows as ``contract`` types them.
        paths : value of ``by`` → file. A value without rows gets a file without rows.

        Raises
        ------
        Bug : there are rows of a value that has no file.
        """
        with tempfile.TemporaryDirectory(dir=self.scratch, prefix="parts-") as folder:
            self.connection.to_parquet(
                expression, folder, partition_by=by, write_partition_columns=True, compression=COMPRESSION
            )
            parts = {unquote(p.name.partition("=")[2]): p for p in Path(folder).iterdir()}
            if unknown := sorted(parts.keys() - paths.keys()):
                raise Bug(
                    "warehouse.part_unknown", zh=f"{contract.name} 有未声明的分区 {unknown}",
                    en=f"{contract.name} has rows of parts that were not declared: {unknown}",
                )  # fmt: skip
            for value, path in paths.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                self._gather(sorted(parts[value].iterdir()) if value in parts else [], path, contract)

    def _gather(self, files: Sequence[Path], path: Path, contract: Contract) -> None:
        if not files:
            pq.write_table(empty_rows(contract), path, compression=COMPRESSION)
        elif len(files) == 1:
            shutil.move(files[0], path)
        else:
            self.write(self.connection.read_parquet([str(f) for f in files]), path)
        with path.open("rb") as stream:
            os.fsync(stream.fileno())

    def check(self, paths: Sequence[Path], contract: Contract) -> None:
        """Raise ContractBroken unless the rows of files have unique and present keys, filled columns and known codes."""
        found = self.connection.raw_sql(breaches_query(contract), parameters=[[str(p) for p in paths]]).fetchone()
        raise_breaches(contract, found or ())

    def fetch(self, expression: ir.Table) -> pa.Table:
        """Return the rows of an expression in memory."""
        return self.connection.to_pyarrow(expression)

    def keep(self, name: str, rows: ir.Table, *, on_disk: bool = False) -> ir.Table:
        """Compute rows at once and return them as a table, until :meth:`drop`.

        In memory by default. ``on_disk`` puts them into a file of the scratch folder, compressed, a fifth of their size: what does
        not fit is then neither pushed out nor read back as a whole.
        """
        if not on_disk:
            return self.connection.create_table(name, rows, temp=True)
        if not self._on_disk:
            self.connection.raw_sql(f"ATTACH IF NOT EXISTS '{self.scratch / DISK}.duckdb' AS {DISK}")
        self._on_disk.add(name)
        return self.connection.create_table(name, rows, database=f"{DISK}.main")

    def drop(self, name: str) -> None:
        """Give up what :meth:`keep` made; nothing happens when there is none."""
        if name in self._on_disk:
            self._on_disk.remove(name)
            self.connection.drop_table(name, database=f"{DISK}.main")
        else:
            self.connection.drop_table(name, force=True)

    @contextmanager
    def temporary(self, name: str, rows: ir.Table | pa.Table) -> Iterator[ir.Table]:
        """Keep rows in the engine while they are needed."""
        yield self.connection.create_table(name, rows, temp=True, overwrite=True)
        self.connection.drop_table(name, force=True)

    @contextmanager
    def holding(self, name: str, rows: pa.Table) -> Iterator[ir.Table]:
        """Let the engine read rows where they lie in memory, while they are needed: nothing is copied."""
        self.connection.con.register(name, rows)
        yield self.connection.table(name)
        self.connection.con.unregister(name)

    def splink(self) -> Any:
        """Return Splink's door to this engine: it reads the temporary tables by their names."""
        from splink.backends.duckdb import DuckDBAPI

        return DuckDBAPI(self.connection.con)

    def close(self) -> None:
        """Close the connection and remove the scratch folder."""
        self.connection._drop_cached_table = lambda name: None  # what was cached ends with the connection, not after it
        self.connection.disconnect()
        shutil.rmtree(self.scratch, ignore_errors=True)


def rows_of_group(n_columns: int) -> int:
    """Return how many rows a row group of a file holds: fewer of a wide table, since each thread holds one before it is written."""
    return max(BATCH, min(MOST_ROWS, CELLS_OF_GROUP // n_columns) // BATCH * BATCH)


def arrow_schema(contract: Contract) -> pa.Schema:
    """Return the contract's columns and types as a Parquet file has them."""
    schema: pa.Schema = ibis.schema(contract.schema()).to_pyarrow()
    return schema


def empty_rows(contract: Contract) -> pa.Table:
    """Return a table without rows that has the contract's columns and types."""
    return arrow_schema(contract).empty_table()


def open_engine(*, threads: int = 2, memory: str = "3GB", scratch: Path | None = None) -> Engine:
    """Open a DuckDB engine in the process.

    Parameters
    ----------
    threads : worker threads.
    memory : the most that the engine's own buffers hold before they spill, e.g. ``3GB``.
    scratch : folder for spilling; a temporary one when not given. Removed by ``close``.
    """
    folder = Path(tempfile.mkdtemp(prefix="engine-", dir=_existing(scratch)))
    connection = ibis.duckdb.connect(":memory:", threads=threads, memory_limit=memory, temp_directory=str(folder))
    connection.raw_sql("SET TimeZone='UTC'")
    connection.raw_sql("SET enable_progress_bar=false")
    return Engine(connection, folder)


def _existing(folder: Path | None) -> Path | None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


__all__ = ["Engine", "QueryEngine", "TableEngine", "arrow_schema", "empty_rows", "open_engine"]

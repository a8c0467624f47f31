"""Spark as the second engine: the same Ibis expressions where the data outgrow one machine. Needs ``zhike[spark]`` and Java 17.

Spark computes and leaves its parts in the scratch folder; the DuckDB engine of the process beside it makes one Parquet file
per output of them, as it writes its own, and checks it. So a table looks the same whichever engine made it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from zhike.kernel.errors import Unavailable
from zhike.warehouse.conform import conform
from zhike.warehouse.contracts import Contract
from zhike.warehouse.engine import Engine, open_engine
from zhike.warehouse.spark_sql import SparkCompiler, with_doubles

PARTITIONS = 8


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """An open Spark session behind Ibis. Rows go in and intermediate results are kept as Parquet in the scratch folder."""

    connection: Any
    session: Any
    scratch: Path
    in_process: Engine
    name: str = "spark"
    _read: dict[tuple[object, ...], ir.Table] = field(default_factory=dict)

    def read(self, paths: Sequence[Path], contract: Contract) -> ir.Table:
        """Return the rows of Parquet files as ``contract`` types them; columns that a file lacks are missing values."""
        key = (contract.name, contract.column_names, *map(str, paths))
        if key not in self._read:
            schema = self._schema(contract)
            found = (
                self.session.read.schema(schema).parquet(*map(str, paths))
                if paths
                else self.session.createDataFrame([], schema)
            )
            view = f"read_{len(self._read)}_{contract.name}"
            found.createOrReplaceTempView(view)
            self._read[key] = conform(self.connection.table(view), contract, fill_missing=True)
        return self._read[key]

    def _schema(self, contract: Contract) -> Any:
        from ibis.backends.pyspark.datatypes import PySparkSchema

        return PySparkSchema.from_ibis(ibis.schema(contract.schema()))

    def read_file(self, path: Path) -> ir.Table:
        """Return the rows of one Parquet file as they lie there."""
        return self.connection.read_parquet(str(path))

    def write(self, expression: ir.Table, path: Path) -> int:
        """Write an expression to one Parquet file, durably; return its number of rows."""
        with self._computed(expression) as rows:
            return self.in_process.write(rows, path)

    def write_parts(self, expression: ir.Table, paths: Mapping[str, Path], contract: Contract, *, by: str) -> None:
        """Write the rows of each value of the column ``by`` to the Parquet file named for it, durably."""
        with self._computed(expression) as rows:
            self.in_process.write_parts(rows, paths, contract, by=by)

    @contextmanager
    def _computed(self, expression: ir.Table) -> Iterator[ir.Table]:
        """Give what Spark computed to the engine of the process, which reads it where it lies."""
        with tempfile.TemporaryDirectory(dir=self.scratch, prefix="parts-") as folder:
            place = Path(folder) / "rows"
            self.connection.to_parquet_dir(expression, str(place))
            yield _as_said(self.in_process.connection.read_parquet(str(place / "*.parquet")), expression)

    def check(self, paths: Sequence[Path], contract: Contract) -> None:
        """Raise ContractBroken unless the rows of files keep the contract: asked of the files as they will be read."""
        self.in_process.check(paths, contract)

    def keep(self, name: str, rows: ir.Table, *, on_disk: bool = True) -> ir.Table:
        """Compute rows at once and return them as a table, until :meth:`drop`; always in files of the scratch folder."""
        place = self.scratch / "kept" / name
        self.connection.to_parquet_dir(rows, str(place))
        return _as_said(self.connection.read_parquet(str(place), table_name=name), rows)

    def drop(self, name: str) -> None:
        """Give up what :meth:`keep` made; nothing happens when there is none."""
        self.session.catalog.dropTempView(name)
        shutil.rmtree(self.scratch / "kept" / name, ignore_errors=True)

    def fetch(self, expression: ir.Table) -> pa.Table:
        """Return the rows of an expression in memory."""
        return self.connection.to_pyarrow(expression)

    @contextmanager
    def temporary(self, name: str, rows: ir.Table | pa.Table) -> Iterator[ir.Table]:
        """Keep rows while they are needed."""
        folder = Path(tempfile.mkdtemp(dir=self.scratch, prefix=f"{name}-"))
        if isinstance(rows, pa.Table):
            pq.write_table(rows, folder / "part-0.parquet")
        else:
            self.connection.to_parquet_dir(rows, str(folder / "rows"))
        place = folder if isinstance(rows, pa.Table) else folder / "rows"
        yield self.connection.read_parquet(str(place), table_name=name)
        self.session.catalog.dropTempView(name)
        shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def holding(self, name: str, rows: pa.Table) -> Iterator[ir.Table]:
        """Let the engine read rows that lie in memory, while they are needed."""
        with self.temporary(name, rows) as table:
            yield table

    def splink(self) -> Any:
        """Return Splink's door to this engine: it reads the temporary tables by their names."""
        from splink.backends.spark import SparkAPI

        make: Any = SparkAPI
        api = make(spark_session=self.session, break_lineage_method="parquet")
        api._setup_for_execute_sql = lambda sql, _: with_doubles(
            sql
        )  # its own writer cannot be made: sqlglot is compiled
        return api

    def close(self) -> None:
        """Stop the session, close the engine beside it and remove the scratch folder."""
        self.session.stop()
        self.in_process.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


def _as_said(computed: ir.Table, expression: ir.Table) -> ir.Table:
    """Return what Spark computed with the types that Ibis told of the expression: Spark's sums of decimals are wider."""
    have = computed.schema()
    wanted = {n: t.copy(nullable=True) for n, t in expression.schema().items()}
    other = {n: t for n, t in wanted.items() if have[n].copy(nullable=True) != t}
    return computed.cast(other) if other else computed


def _put_in(session: Any, folder: Path, given: Any) -> None:
    """Let Spark read a table of literal rows as Parquet: Ibis would hand it over by pandas, where an integer beside nothing is lost."""
    from ibis.backends.pyspark.datatypes import PySparkSchema

    folder.mkdir(exist_ok=True)
    path = folder / f"{given.name}.parquet"
    pq.write_table(given.data.to_pyarrow(given.schema), path)
    session.read.schema(PySparkSchema.from_ibis(given.schema)).parquet(str(path)).createOrReplaceTempView(given.name)


def _missing() -> Unavailable:
    return Unavailable(
        "warehouse.spark_missing", zh="未安装 PySpark 或 Java", en="PySpark or Java is not installed",
        todo_zh="pip install 'zhike[spark]'，并安装 Java 17", todo_en="pip install 'zhike[spark]', and install Java 17",
    )  # fmt: skip


def open_spark_engine(
    *, master: str = "local[2]", memory: str = "4g", scratch: Path | None = None, beside: Engine | None = None
) -> SparkEngine:
    """Open a Spark session; ``master`` as Spark names it, ``memory`` of the driver.

    ``beside`` is the DuckDB engine that gathers and checks what is written, and is closed with this one; a small one is opened
    when not given.

    Raises
    ------
    Unavailable : PySpark or Java is not installed.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise _missing() from error
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        raise _missing()
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="spark-", dir=scratch))
    options = {
        "spark.driver.memory": memory, "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": str(PARTITIONS), "spark.default.parallelism": str(PARTITIONS),
        "spark.local.dir": str(folder), "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.timestampType": "TIMESTAMP_NTZ", "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS", "spark.sql.debug.maxToStringFields": "50",
    }  # fmt: skip
    builder = SparkSession.builder.master(master).appName("zhike")
    for key, value in options.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setCheckpointDir(str(folder / "steps"))  # where Splink keeps what it goes on from
    session.sparkContext.setLogLevel("ERROR")
    connection = ibis.pyspark.connect(session)
    connection.compiler = SparkCompiler()
    connection._register_in_memory_table = partial(_put_in, session, folder / "given")
    return SparkEngine(connection, session, folder, beside or open_engine(threads=1, memory="1GB"))


__all__ = ["SparkEngine", "open_spark_engine"]

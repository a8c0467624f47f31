"""Spark as the second engine: the same Ibis expressions where the data outgrow one machine. Needs ``zhike[spark]`` and Java 17."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

from zhike.kernel.errors import Unavailable

PARTITIONS = 8


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """An open Spark session behind Ibis. Rows go in and intermediate results are kept as Parquet in the scratch folder."""

    connection: Any
    session: Any
    scratch: Path

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
        """Stop the session and remove the scratch folder."""
        self.session.stop()
        shutil.rmtree(self.scratch, ignore_errors=True)


def with_doubles(sql: str) -> str:
    """Return Spark SQL in which numbers that are cast to double are doubles as they stand: a decimal has too few digits."""

    def as_double(node: exp.Expression) -> exp.Expression:
        is_cast = isinstance(node, exp.Cast) and node.to.is_type("double") and isinstance(node.this, exp.Literal)
        return exp.var(f"{node.name}D") if is_cast and node.name != "Infinity" else node

    return sqlglot.parse_one(sql, read="spark").transform(as_double).sql(dialect="spark", pretty=True)


def open_spark_engine(*, master: str = "local[2]", memory: str = "4g", scratch: Path | None = None) -> SparkEngine:
    """Open a Spark session; ``master`` as Spark names it, ``memory`` of the driver.

    Raises
    ------
    Unavailable : PySpark or Java is not installed.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise Unavailable(
            "warehouse.spark_missing", zh="未安装 PySpark", en="PySpark is not installed",
            todo_zh="pip install zhike[spark]，并安装 Java 17", todo_en="pip install zhike[spark], and install Java 17",
        ) from error  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="spark-", dir=scratch))
    options = {
        "spark.driver.memory": memory, "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": str(PARTITIONS), "spark.default.parallelism": str(PARTITIONS),
        "spark.local.dir": str(folder), "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }  # fmt: skip
    builder = SparkSession.builder.master(master).appName("zhike")
    for key, value in options.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setCheckpointDir(str(folder / "steps"))  # where Splink keeps what it goes on from
    session.sparkContext.setLogLevel("ERROR")
    return SparkEngine(ibis.pyspark.connect(session), session, folder)


__all__ = ["SparkEngine", "open_spark_engine"]

"""One suite over both engines: what steps ask of them, and that an expression means one number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zhike.kernel.errors import Bug, ContractBroken
from zhike.warehouse import Contract, TableEngine, open_engine
from zhike.warehouse.conform import conform, rows_table
from zhike.warehouse.contracts import amount, code, day, flag, integer, moment, number, text

PAID = Contract(
    "paid", "test", "付款", "Paid", key=("paid_id",),
    columns=(
        text("paid_id", "编号", "Id", required=True), code("kind", "种类", "Kind", allowed=("甲", "b/c", "d")),
        amount("paid_amount", "金额", "Amount"), day("on", "日", "On"), moment("at", "时刻", "At"), integer("n", "数", "N"),
        number("ratio", "比", "Ratio"), flag("is_new", "新", "New"),
    ),
)  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {"paid_id": "1", "kind": "甲", "paid_amount": Decimal("-10.05"), "on": date(2025, 1, 31), "at": datetime(2025, 1, 31, 16, 0, 0, 1), "n": 2**53 + 1, "ratio": 0.1234565, "is_new": True},
    {"paid_id": "2", "kind": "b/c", "paid_amount": Decimal("9999999999999999.99"), "on": date(1, 1, 1), "n": -3, "ratio": -1.0000005, "is_new": False},
    {"paid_id": "3", "kind": None},
]  # fmt: skip


@pytest.fixture(
    scope="module", params=["duckdb", pytest.param("spark", marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TableEngine]:
    scratch = tmp_path_factory.mktemp("scratch")
    if request.param == "spark":
        from zhike.warehouse.spark import open_spark_engine

        opened: TableEngine = open_spark_engine(scratch=scratch)
    else:
        opened = open_engine(threads=1, scratch=scratch)
    yield opened
    opened.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    pq.write_table(rows_table(PAID, ROWS), tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


def told(engine: TableEngine, table: ir.Table) -> list[dict[str, Any]]:
    return list(engine.fetch(table.order_by("paid_id")).to_pylist())


def test_rows_are_read_and_written_as_the_contract_types_them(engine: TableEngine, file: Path, tmp_path: Path) -> None:
    rows = engine.read([file], PAID)
    assert engine.write(conform(rows, PAID), tmp_path / "new" / "out.parquet") == 3
    written = pq.read_table(tmp_path / "new" / "out.parquet").sort_by("paid_id")
    assert written.schema.equals(ibis.schema(PAID.schema()).to_pyarrow())
    expected = [{**dict.fromkeys(PAID.column_names), **row} for row in ROWS]
    for row in expected:
        row["ratio"] = row["ratio"] and round(row["ratio"] * 1e6 + math.copysign(0.1, row["ratio"])) / 1e6
    assert [r | {"ratio": r["ratio"] and round(r["ratio"], 9)} for r in written.to_pylist()] == expected


def test_a_column_that_an_old_file_lacks_is_missing(engine: TableEngine, file: Path, tmp_path: Path) -> None:
    pq.write_table(pq.read_table(file).select(["kind", "paid_id"]).slice(0, 1), tmp_path / "old.parquet")
    found = told(engine, engine.read([tmp_path / "old.parquet"], PAID))
    assert found == [{**dict.fromkeys(PAID.column_names), "paid_id": "1", "kind": "甲"}]


def test_a_table_that_was_never_written_is_empty_and_typed(engine: TableEngine) -> None:
    assert engine.fetch(engine.read([], PAID)).num_rows == 0
    assert engine.read([], PAID).schema() == ibis.schema(PAID.schema())


def test_each_part_gets_its_file_also_without_rows(engine: TableEngine, file: Path, tmp_path: Path) -> None:
    rows = engine.read([file], PAID)
    paths = {kind: tmp_path / "parts" / f"{i}.parquet" for i, kind in enumerate(["甲", "b/c", "d"])}
    engine.write_parts(rows.filter(rows.kind.notnull()), paths, PAID, by="kind")
    found = {kind: pq.read_table(path) for kind, path in paths.items()}
    assert {kind: t["paid_id"].to_pylist() for kind, t in found.items()} == {"甲": ["1"], "b/c": ["2"], "d": []}
    assert {str(t.schema) for t in found.values()} == {str(ibis.schema(PAID.schema()).to_pyarrow())}
    with pytest.raises(Bug, match="warehouse.part_unknown"):
        engine.write_parts(rows.filter(rows.kind.notnull()), {"甲": tmp_path / "a.parquet"}, PAID, by="kind")


def test_a_double_key_and_an_unknown_code_break_the_contract(engine: TableEngine, tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    pq.write_table(rows_table(PAID, [{"paid_id": "1", "kind": "x"}, {"paid_id": "1"}]), path)
    with pytest.raises(ContractBroken) as caught:
        engine.check([path], PAID)
    assert {"unknown code in kind": 1, "duplicate key (paid_id)": 1}.items() <= caught.value.facts.items()


def test_what_is_kept_stays_until_it_is_dropped(engine: TableEngine, file: Path) -> None:
    rows = engine.read([file], PAID)
    kept = engine.keep("kept_here", rows.filter(rows.n.notnull()))
    assert [r["paid_id"] for r in told(engine, kept)] == ["1", "2"]
    engine.drop("kept_here")
    engine.drop("kept_here")
    assert [r["paid_id"] for r in told(engine, engine.keep("kept_here", rows.limit(0)))] == []


def test_an_expression_means_one_number(engine: TableEngine, tmp_path: Path) -> None:
    """Halves, and what lies a hair beside them, where engines are wont to differ."""
    values = [
        0.285,
        1.005,
        2.675,
        -0.285,
        10826.405,
        17573.295,
        0.5,
        2.5,
        -2.5,
        1e-7,
        0.0000005,
        0.1234565,
        123456.1234565,
        4.35,
    ]
    pq.write_table(
        pa.table({"at": pa.array(range(len(values)), pa.int64()), "x": values}), tmp_path / "numbers.parquet"
    )
    contract = Contract(
        "numbers", "test", "数", "Numbers", ("at",), (integer("at", "位", "At"), number("x", "数", "X"))
    )
    t = engine.read([tmp_path / "numbers.parquet"], contract)
    cases = t.select(
        "at", whole=t.x.round().cast("float64"), six=t.x.round(6), two=t.x.round(2), money=t.x.cast("decimal(18, 2)"),
        integer=t.x.cast("int64"), integer_of_money=t.x.cast("decimal(18, 2)").cast("int64"), cents=(t.x * 100).round().cast("int64"), bit=ibis.literal(1, "int64") << t.at, high=ibis.literal(1, "int64") << (t.at + 48), least=ibis.array([t.x, t.x * 0]).sort()[0],
    )  # fmt: skip
    found = engine.fetch(cases.order_by("at")).to_pydict()
    assert found["whole"] == [math.copysign(math.floor(abs(x) + 0.5), x) if abs(x) >= 0.5 else 0.0 for x in values]
    assert found["six"] == [math.copysign(math.floor(abs(x * 1e6) + 0.5), x) / 1e6 for x in values]
    assert found["two"] == [math.copysign(math.floor(abs(x * 100.0) + 0.5), x) / 100 for x in values]
    hundredths = [int(math.copysign(math.floor(abs(x * 100.0) + 0.5), x)) for x in values]
    assert found["money"] == [Decimal(c).scaleb(-2) for c in hundredths]
    assert found["integer"] == [round(x) for x in values]
    assert found["integer_of_money"] == [int(math.copysign((abs(c) + 50) // 100, c)) for c in hundredths]
    assert found["cents"] == [int(math.copysign(math.floor(abs(x * 100.0) + 0.5), x)) for x in values]
    assert found["bit"] == [1 << i for i in range(len(values))]
    assert found["high"] == [1 << (i + 48) for i in range(len(values))]
    assert found["least"] == [min(x, 0.0) for x in values]
    assert engine.fetch(cases.aggregate(all=cases.bit.bit_or()))["all"].to_pylist() == [(1 << len(values)) - 1]


def test_literal_rows_keep_integers_beside_missing_ones(engine: TableEngine) -> None:
    schema = ibis.schema({"paid_id": "string", "days": "int64", "is_new": "boolean", "on": "date"})
    given = [
        {"paid_id": "1", "days": 30, "is_new": None, "on": date(2025, 1, 1)},
        {"paid_id": "2", "days": None, "is_new": True, "on": None},
    ]
    rows = engine.read([], PAID).select("paid_id").union(ibis.memtable(given, schema=schema).select("paid_id"))
    joined = rows.inner_join(ibis.memtable(given, schema=schema), "paid_id")
    assert told(engine, joined.select(*schema)) == given


def test_sums_of_amounts_keep_the_type_that_was_said(engine: TableEngine, file: Path, tmp_path: Path) -> None:
    rows = engine.read([file], PAID)
    wider = rows.filter(rows.paid_id == "1").mutate(paid_amount=rows.paid_amount + rows.paid_amount)
    kept = engine.keep("kept_sums", wider)
    assert kept.schema()["paid_amount"] == wider.schema()["paid_amount"].copy(nullable=True)
    assert [r["paid_amount"] for r in told(engine, kept.union(kept).limit(1))] == [Decimal("-20.10")]
    engine.drop("kept_sums")

"""Cases in YAML: tables as literal rows, what is asked, and the same said in SQL by hand; both must give the same rows.

A case file ``tests/oracle/<subject>/<name>.yaml`` holds ``tables`` (name → rows; columns typed by ``types``), ``as_of``, and
``cases``: each a rule (over ``profile``), a standard tag or a standard segment beside ``sql``, hand-written DuckDB over the same tables; and, so
that neither side can be wrong in the same way, ``expect``: the rows as a person counts them.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pytest
import yaml

from zhike.kernel.definitions import read_definitions
from zhike.kernel.terms import Text
from zhike.profile.features import STANDARD
from zhike.profile.tables import OWNS as PROFILE_TABLES
from zhike.profile.tables import PROFILE
from zhike.profile.tags_reading import parse_tags
from zhike.profile.tags_steps import tag_step
from zhike.profile.tags_vocabulary import profile_vocabulary
from zhike.rules import FieldTerm, RuleScope, SegmentTerm, TagTerm, Vocabulary, evaluate, parse_rule
from zhike.rules.terms import TagPart
from zhike.segments import parse_segments
from zhike.segments.steps import segment_step
from zhike.segments.tables import OWNS as SEGMENT_TABLES
from zhike.warehouse import open_engine
from zhike.warehouse.contracts import DATATYPES, Contract, Kind
from zhike.warehouse.testing import rows_table, run_step

HERE = Path(__file__).parent
PARTS = {p.value: p for p in TagPart}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _files(subject: str) -> list[Any]:
    found = []
    for path in sorted((HERE / subject).glob("*.yaml")):
        body = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
        found += [pytest.param(body, case, id=f"{path.stem}-{case['name']}") for case in body["cases"]]
    return found


def _by_sql(tables: dict[str, pa.Table], sql: str, as_of: date) -> list[tuple[Any, ...]]:
    connection = duckdb.connect()
    for name, table in tables.items():
        connection.register(f"arrow_{name}", table)
        connection.execute(f'create table "{name}" as select * from arrow_{name}')
    connection.execute(f"create macro as_of() as date '{as_of}'")
    return sorted(connection.execute(sql).fetchall(), key=str)


def _exact(rows: list[dict[str, Any]], amounts: set[str]) -> list[dict[str, Any]]:
    """Amounts as people write them in YAML, to the cent."""
    return [{n: Decimal(str(v)) if n in amounts and v is not None else v for n, v in row.items()} for row in rows]


def _of_contract(rows: Any, contract: Contract) -> Any:
    amounts = {c.name for c in contract.columns if c.kind is Kind.AMOUNT}
    if isinstance(rows, dict):
        return {part: _exact(content, amounts) for part, content in rows.items()}
    return _exact(rows, amounts)


def _typed(rows: list[dict[str, Any]], types: dict[str, str]) -> pa.Table:
    schema = ibis.schema({"customer_id": "string", **{n: DATATYPES[Kind(k)] for n, k in types.items()}}).to_pyarrow()
    amounts = {n for n, k in types.items() if k == "amount"}
    return pa.Table.from_pylist([{n: row.get(n) for n in schema.names} for row in _exact(rows, amounts)], schema)


def _vocabulary(body: dict[str, Any]) -> Vocabulary:
    tags = {
        k: TagTerm(k, parts=tuple(PARTS[p] for p in t["parts"]), values={v: Text(v, v) for v in t.get("values", [])},
                   is_ordered=bool(t.get("values")))
        for k, t in body.get("tags", {}).items()
    }  # fmt: skip
    fields = {n: FieldTerm(n, Kind(k)) for n, k in body["types"]["profile"].items()}
    return Vocabulary(fields, tags, {s: SegmentTerm(s) for s in body.get("segments", [])})


@pytest.fixture(scope="module")
def connection():
    return ibis.duckdb.connect(threads=1)


@pytest.mark.requirement("D4")
@pytest.mark.parametrize(("body", "case"), _files("rules"))
def test_a_rule_gives_the_members_that_hand_written_sql_gives(body, case, connection):
    tables = {name: _typed(body["tables"].get(name, []), types) for name, types in body["types"].items()}
    views = {name: ibis.memtable(table) for name, table in tables.items()}
    scope = RuleScope(body["as_of"], subjects=views["profile"], **{n: t for n, t in views.items() if n != "profile"})
    rule = parse_rule(case["rule"], _vocabulary(body))
    found = connection.to_pyarrow(evaluate(views["profile"], {"hit": rule}, scope)).to_pylist()
    members = sorted(r["customer_id"] for r in found if r["hit"])
    assert members == sorted(case["expect"])
    assert members == [row[0] for row in _by_sql(tables, case["sql"], body["as_of"])]


@pytest.fixture(scope="module")
def standard_tags():
    definitions = read_definitions([STANDARD], kinds={"tag", "model"}).definitions
    return parse_tags(definitions, profile_vocabulary(PROFILE, definitions))


@pytest.fixture(scope="module")
def engine():
    opened = open_engine(threads=1)
    yield opened
    opened.close()


@pytest.mark.requirement("C4")
@pytest.mark.parametrize(("body", "case"), _files("tags"))
def test_a_standard_tag_gives_the_values_that_hand_written_sql_gives(body, case, standard_tags, engine):
    from zhike.scores.tables import OWNS as SCORE_TABLES

    contracts = {c.name: c for c in (*PROFILE_TABLES, *SCORE_TABLES)}
    numbered = [{"customer_no": i + 1, **row} for i, row in enumerate(body["tables"]["profile"])]
    literal = {n: _of_contract(t, contracts[n]) for n, t in {**body["tables"], "profile": numbered}.items()}
    written = run_step(tag_step(standard_tags[case["tag"]]), engine, literal, as_of=body["as_of"], contracts=contracts)
    rows = written[("tag_value", case["tag"])].to_pylist()
    columns = ["customer_id", *case.get("columns", ["value_text"])]
    found = sorted((tuple(r[c] for c in columns) for r in rows if r["to_on"] is None), key=str)
    flat = {
        name: pa.concat_tables(rows_table(contracts[name], part) for part in rows.values())
        if isinstance(rows, dict)
        else rows_table(contracts[name], rows)
        for name, rows in literal.items()
    }
    assert [str(v) for v in found] == [str(v) for v in _by_sql(flat, case["sql"], body["as_of"])]
    expected = sorted(([str(v) for v in row] for row in case["expect"]), key=str)
    assert sorted(([str(v) for v in row] for row in found), key=str) == expected


@pytest.fixture(scope="module")
def standard_segments():
    definitions = read_definitions([STANDARD], kinds={"tag", "model", "segment"}).definitions
    return parse_segments(definitions, profile_vocabulary(PROFILE, definitions))


@pytest.mark.requirement("D1")
@pytest.mark.parametrize(("body", "case"), _files("segments"))
def test_a_standard_segment_has_the_members_that_hand_written_sql_gives(body, case, standard_segments, engine):
    contracts = {c.name: c for c in (*PROFILE_TABLES, *SEGMENT_TABLES)}
    numbered = [{"customer_no": i + 1, **row} for i, row in enumerate(body["tables"]["profile"])]
    literal = {"profile": _of_contract(numbered, contracts["profile"])}
    step = segment_step(standard_segments[case["segment"]])
    written = run_step(step, engine, literal, as_of=body["as_of"], contracts=contracts)
    rows = written[("segment_member", case["segment"])].to_pylist()
    found = sorted(((r["customer_id"], r["bucket"]) for r in rows if r["to_on"] is None), key=str)
    assert found == _by_sql({"profile": rows_table(PROFILE, literal["profile"])}, case["sql"], body["as_of"])
    assert found == sorted(((who, bucket) for who, bucket in case["expect"]), key=str)

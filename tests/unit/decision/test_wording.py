"""Sentences with fields: how amounts, days and shares are shown in both languages."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import ibis
import pyarrow as pa
import pytest

from zhike.decision.wording import check_sentence, fields_in, sentence_column, shown, with_score_reasons
from zhike.kernel.errors import BadInput
from zhike.warehouse.contracts import Kind


@pytest.mark.parametrize(
    ("value", "datatype", "kind", "zh", "en"),
    [
        (Decimal("123456789.00"), "decimal(18,2)", Kind.AMOUNT, "1.2亿元", "CNY 123.5M"),
        (Decimal("300000.00"), "decimal(18,2)", Kind.AMOUNT, "30万元", "CNY 300K"),
        (Decimal("-12345.67"), "decimal(18,2)", Kind.AMOUNT, "-1.2万元", "CNY -12.3K"),
        (Decimal("999.99"), "decimal(18,2)", Kind.AMOUNT, "1000元", "CNY 1000"),
        (0.345, "float64", Kind.RATE, "35%", "35%"),
        (dt.date(2025, 7, 8), "date", Kind.DAY, "2025-07-08", "2025-07-08"),
        (True, "boolean", Kind.FLAG, "是", "yes"),
        (7, "int64", Kind.INTEGER, "7", "7"),
        (1.5, "float64", Kind.NUMBER, "1.50", "1.50"),
        (None, "decimal(18,2)", Kind.AMOUNT, "—", "—"),
    ],
)
def test_values_are_shown_as_people_write_them(engine, value, datatype, kind, zh, en):
    table = ibis.memtable(pa.table({"x": pa.array([value], ibis.dtype(datatype).to_pyarrow())}))
    row = engine.fetch(table.select(zh=shown(table.x, kind, "zh"), en=shown(table.x, kind, "en"))).to_pylist()[0]
    assert (row["zh"], row["en"]) == (zh, en)


def test_another_base_currency_is_named(engine):
    table = ibis.memtable({"x": [Decimal("52000.00")]}, schema={"x": "decimal(18,2)"})
    texts = [
        sentence_column(table, "贷款{x}", {"x": Kind.AMOUNT}, language="zh", currency="CZK"),
        sentence_column(table, "a loan of {x}", {"x": Kind.AMOUNT}, language="en", currency="CZK"),
    ]
    row = engine.fetch(table.select(zh=texts[0], en=texts[1])).to_pylist()[0]
    assert (row["zh"], row["en"]) == ("贷款5.2万 CZK", "a loan of CZK 52K")


def test_score_reasons_are_told_by_the_names_of_their_features(engine):
    customers = ibis.memtable({"customer_id": ["c1", "c2", "c3"]})
    rows = {
        "customer_id": ["c1", "c2"], "model": ["m", "m"], "reason_1": ["age=40", None], "reason_2": ["strange=a=b", None], "reason_3": [None, None],
    }  # fmt: skip
    text = dict.fromkeys(rows, "string")
    told = with_score_reasons(customers, ibis.memtable(rows, schema=text), {"age": ("年龄", "Age")}, model="m")
    found = {r["customer_id"]: r for r in engine.fetch(told).to_pylist()}
    assert found["c1"]["score_reasons_zh"] == "年龄 40、strange a=b"
    assert found["c1"]["score_reasons_en"] == "Age 40, strange a=b"
    assert found["c2"]["score_reasons_zh"] is None
    assert found["c3"]["score_reasons_zh"] is None


def test_a_sentence_with_an_unknown_field_names_the_nearest():
    assert fields_in("{a}与{b}，{a}") == ("a", "b")
    with pytest.raises(BadInput, match="maturing_amount"):
        check_sentence("{maturing_amont}", ["maturing_amount"], where="here")

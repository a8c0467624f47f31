"""Equal things become equal text; what is no value becomes missing."""

from __future__ import annotations

from datetime import date, datetime

import ibis
import ibis.expr.types as ir
import pytest

from tests.unit.identity.conftest import CONTRACTS, DAY, ID_ZHANG, party
from zhike.identity import IdentitySettings
from zhike.identity.standardise import (
    standard_email,
    standard_mobile,
    standard_name,
    standardise,
    versions_as_of,
)
from zhike.warehouse import Engine
from zhike.warehouse.testing import rows_table


@pytest.mark.parametrize(
    ("written", "standard"),
    [("13912345679", "13912345679"), ("+86 139-1234-5679", "13912345679"), ("008613912345679", "13912345679"),
     ("１３９１２３４５６７９", "13912345679"), ("139****5679", None), ("010-62345678", None), ("13900000000", None), ("", None)],
)  # fmt: skip
def test_mobiles_have_one_form_and_placeholders_none(engine: Engine, written: str, standard: str | None) -> None:
    table = ibis.memtable({"value": [written]})
    assert engine.fetch(table.select(out=standard_mobile(table.value)))["out"].to_pylist() == [standard]


@pytest.mark.parametrize(
    ("written", "standard"),
    [
        ("张 伟", "张伟"),
        ("张伟先生", "张伟"),
        ("古丽·阿依", "古丽阿依"),
        ("Wei  ZHANG", "WEIZHANG"),
        ("张*", None),
        ("未知", None),
        ("张", None),
        ("刘先生女士", None),
    ],
)
def test_names_have_one_form_and_masked_ones_none(engine: Engine, written: str, standard: str | None) -> None:
    table = ibis.memtable({"value": [written]})
    assert engine.fetch(table.select(out=standard_name(table.value)))["out"].to_pylist() == [standard]


def test_addresses_are_small_letters_and_broken_ones_missing(engine: Engine) -> None:
    table = ibis.memtable({"value": [" Wei.Zhang@QQ.com ", "wei@", "未填"]})
    assert engine.fetch(table.select(out=standard_email(table.value)))["out"].to_pylist() == [
        "wei.zhang@qq.com",
        None,
        None,
    ]


def test_the_birth_date_of_a_valid_number_beats_the_written_one_and_placeholders_are_missing(engine: Engine) -> None:
    rows = [
        party("core", "1", id_number=ID_ZHANG, birth_on=date(1980, 5, 5)), party("core", "2", birth_on=date(1900, 1, 1)),
        party("core", "3", birth_on=date(1980, 5, 5)),
    ]  # fmt: skip
    table = ibis.memtable(rows_table(CONTRACTS["source_party"], rows))
    ready = engine.fetch(
        standardise(versions_as_of(table, IdentitySettings().as_of(DAY)), (date(1900, 1, 1),)).order_by("record_no")
    )
    assert ready["birth_on"].to_pylist() == [date(1949, 12, 31), None, date(1980, 5, 5)]


def latest(engine: Engine, table: ir.Table) -> list[str]:
    versions = versions_as_of(table, IdentitySettings().as_of(DAY))
    return list(engine.fetch(versions.filter(versions.is_latest).order_by("record_no"))["name"].to_pylist())


def test_only_versions_known_by_the_end_of_the_day_count_and_ended_records_keep_their_last(engine: Engine) -> None:
    rows = [
        party("core", "1", name="旧名", valid_to_on=date(2025, 2, 1)),
        party("core", "1", name="新名", valid_from_on=date(2025, 2, 2), recorded_at=datetime(2025, 2, 2, 20)),
        party("core", "1", name="后名", valid_from_on=date(2025, 3, 1), recorded_at=datetime(2025, 3, 2, 1)),
        party("core", "2", name="已销户", valid_to_on=date(2025, 1, 31)),
    ]
    table = ibis.memtable(rows_table(CONTRACTS["source_party"], rows))
    assert latest(engine, table) == ["新名", "已销户"]

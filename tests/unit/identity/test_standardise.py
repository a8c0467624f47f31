"""Equal things become equal text; what is no value becomes missing, and says why."""

from __future__ import annotations

from datetime import date, datetime

import ibis
import ibis.expr.types as ir
import pytest

from tests.unit.identity.conftest import CONTRACTS, DAY, ID_ZHANG, party
from zhike.identity import IdentitySettings
from zhike.identity.standard import Flaw, standard_company_name, standard_person_name
from zhike.identity.standardise import standardised, versions_as_of
from zhike.warehouse import Engine
from zhike.warehouse.testing import rows_table


@pytest.mark.parametrize(
    ("written", "standard"),
    [
        ("张 伟", "张伟"),
        ("張偉", "张伟"),
        ("张伟先生", "张伟"),
        ("古丽·阿依", "古丽阿依"),
        ("Wei  ZHANG", "WEIZHANG"),
        ("张*", None),
        ("张某某", None),
        ("未知", None),
        ("张", None),
        ("刘先生女士", None),
        ("测试", None),
    ],
)
def test_names_have_one_form_and_masked_ones_none(written: str, standard: str | None) -> None:
    found = standard_person_name(written)
    assert found.key == standard
    assert (found.flaw is None) == (standard is not None)


def test_one_name_sounds_alike_in_both_scripts_and_either_order() -> None:
    chinese = standard_person_name("曾伟明").sound
    assert {standard_person_name(n).sound for n in ("ZENG WEI MING", "Weiming Zeng", "zeng, weiming", "曾偉明")} == {
        chinese
    }
    assert standard_person_name("欧阳娜娜").family == "欧阳"
    assert standard_person_name("José Álvarez") == standard_person_name("ALVAREZ, JOSE")


def test_a_hint_at_a_name_keeps_its_first_character() -> None:
    assert [standard_person_name(n).initial for n in ("王先生", "张*", "張某", "李总")] == ["王", "张", "张", "李"]
    assert standard_person_name("王先生").flaw is Flaw.HINT


def test_company_names_are_simplified_and_without_brackets() -> None:
    assert standard_company_name("杭州（阿里）網絡 有限公司").key == standard_company_name("杭州(阿里)网络有限公司").key


def test_rare_characters_are_kept() -> None:
    assert standard_person_name("㐂田𠮷").key == "㐂田𠮷"


def test_the_birth_date_of_a_valid_number_beats_the_written_one_and_placeholders_are_missing(engine: Engine) -> None:
    rows = [
        party("core", "1", id_number=ID_ZHANG, birth_on=date(1980, 5, 5), sex="male"), party("core", "2", birth_on=date(1900, 1, 1)),
        party("core", "3", birth_on=date(1980, 5, 5), sex="male"),
    ]  # fmt: skip
    table = ibis.memtable(rows_table(CONTRACTS["source_party"], rows))
    ready = standardised(engine, versions_as_of(table, IdentitySettings().as_of(DAY)), (date(1900, 1, 1),)).sort_by(
        "record_no"
    )
    assert ready["birth_on"].to_pylist() == [date(1949, 12, 31), None, date(1980, 5, 5)]
    assert ready["born"].to_pylist() == ["19491231", None, "19800505"]
    assert ready["written_born"].to_pylist() == ["19800505", None, "19800505"]
    assert ready["sex"].to_pylist() == ["female", None, "male"]


def test_a_flaw_is_told_beside_the_missing_value(engine: Engine) -> None:
    table = ibis.memtable(
        rows_table(
            CONTRACTS["source_party"], [party("core", "1", name="测试", mobile="13800000000", id_number="111111")]
        )
    )
    (row,) = standardised(engine, versions_as_of(table, IdentitySettings().as_of(DAY))).to_pylist()
    assert [row[f"{f}_flaw"] for f in ("name", "mobile", "document", "email")] == ["filler", "filler", "filler", None]
    assert [row[f] for f in ("name_key", "mobile", "resident_id")] == [None] * 3


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

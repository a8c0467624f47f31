"""What banks deliver and should not: each case has a defined outcome."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from tests.unit.identity.conftest import ID_LI, ID_ZHANG, Tables, groups, id_of, party
from zhike.identity import MatchModel

Link = Callable[..., Tables]
DAYS = [date(2025, 3, 1), date(2025, 3, 2), date(2025, 3, 3)]
A, B = "13912345679", "13677345621"


def changes(tables: Tables, day: date) -> list[tuple[str, str]]:
    return [(c["kind"], c["reason"]) for c in tables["identity_change"] if c["changed_on"] == day]


def test_records_without_any_usable_identifier_are_customers_of_their_own(link: Link) -> None:
    tables = link([party("core", "1"), party("core", "2", name="王先生"), party("core", "3", mobile="139****5679")])
    assert groups(tables) == {frozenset("1"), frozenset("2"), frozenset("3")}
    assert {(f["source_key"], f["field"], f["flaw"]) for f in tables["identity_flaw"]} == {
        ("2", "name", "hint_only"), ("3", "mobile", "masked"),
    }  # fmt: skip


def test_test_data_that_is_all_equal_is_nobody(link: Link, person_model: MatchModel) -> None:
    same: dict[str, Any] = {
        "name": "测试", "id_type": "resident_id", "id_number": "111111111111111111", "mobile": "13800000000", "email": "test@test.com",
        "birth_on": date(1900, 1, 1), "device_id": "0000000000", "wechat_unionid": "null",
    }  # fmt: skip
    tables = link([party("core", str(i), **same) for i in range(10)], models=[person_model])
    assert len(groups(tables)) == 10
    assert not tables["identity_edge"]
    assert not tables["identity_review"]
    assert {f["flaw"] for f in tables["identity_flaw"]} == {"filler"}


def test_a_branch_device_and_a_shop_telephone_glue_nobody_together(link: Link, person_model: MatchModel) -> None:
    names = ["张伟明", "李娜", "王芳芳", "刘洋", "陈静", "杨光", "赵磊", "黄海", "周杰", "吴敏", "徐丽", "孙浩"]
    rows = [party("core", f"{i:02d}", name=n, mobile=A, device_id="BRANCH-TERMINAL-7") for i, n in enumerate(names)]
    tables = link([*rows, party("web", "99", device_id="BRANCH-TERMINAL-7", mobile=A)], models=[person_model])
    assert all(len(g) == 1 for g in groups(tables))


def test_a_source_that_renumbers_its_keys_keeps_its_customers(link: Link) -> None:
    before = [party("core", "1", name="张伟", id_number=ID_ZHANG, mobile=A), party("core", "2", name="李娜", mobile=B)]
    after = [party("core", "A1", name="张伟", id_number=ID_ZHANG, mobile=A), party("core", "A2", name="李娜", mobile=B)]
    first = link(before, as_of=DAYS[0])
    second = link([*before, *after], as_of=DAYS[1], previous=first)
    third = link(after, as_of=DAYS[2], previous=second)
    for tables in (second, third):
        assert id_of(tables, "A1") == id_of(first, "1")
        assert id_of(tables, "A2") == id_of(first, "2")
    assert changes(third, DAYS[2]) == []


def test_a_prospect_that_becomes_a_customer_keeps_its_id(link: Link) -> None:
    lead = party("lead", "L1", name="张伟", mobile=A)
    first = link([lead], as_of=DAYS[0])
    core = party("core", "1", name="张伟", mobile=A, id_number=ID_ZHANG, valid_from_on=DAYS[1])
    second = link([lead, core], as_of=DAYS[1], previous=first)
    assert id_of(second, "1") == id_of(second, "L1") == id_of(first, "L1")
    assert changes(second, DAYS[1]) == []


def test_a_file_that_is_sent_again_changes_nothing(link: Link) -> None:
    rows = [party("core", "1", name="张伟", mobile=A), party("card", "2", name="张伟", mobile=A)]
    first = link(rows, as_of=DAYS[0])
    again = link(list(reversed(rows)), as_of=DAYS[1], previous=first)
    assert again["identity_link"] == first["identity_link"]
    assert changes(again, DAYS[1]) == []


def test_a_later_correction_of_a_number_moves_the_record_and_says_so(link: Link) -> None:
    zhang = party("core", "1", name="张伟", id_number=ID_ZHANG)
    wrong = party("card", "2", name="张三", id_number=ID_ZHANG, mobile=B)
    li = party("core", "3", name="张三", id_number=ID_LI, mobile=B)
    first = link([zhang, wrong, li], as_of=DAYS[0])
    assert id_of(first, "2") == id_of(first, "1")
    right = {**wrong, "id_number": ID_LI, "recorded_at": datetime(2025, 3, 2, 1)}
    second = link([zhang, right, li], as_of=DAYS[1], previous=first)
    assert id_of(second, "2") == id_of(second, "3") == id_of(first, "3")
    assert changes(second, DAYS[1]) == [("moved", "id_number")]


@pytest.mark.requirement("B2")
def test_a_swapped_day_is_one_person_and_another_sex_is_not(link: Link) -> None:
    core = party("core", "1", name="张伟明", mobile=A, birth_on=date(1980, 2, 1), sex="male")
    swapped = party("card", "2", name="张伟明", mobile=A, birth_on=date(1980, 1, 2), sex="male")
    other = party("web", "3", name="张伟明", mobile=A, birth_on=date(1980, 1, 2), sex="female")
    assert groups(link([core, swapped])) == {frozenset("12")}
    tables = link([core, other])
    assert groups(tables) == {frozenset("1"), frozenset("3")}
    assert [r["reason"] for r in tables["identity_review"]] == ["birth_on_and_sex"]


@pytest.mark.requirement("B2")
def test_twins_with_one_telephone_stay_two_and_are_shown(link: Link, person_model: MatchModel) -> None:
    home: dict[str, Any] = {
        "mobile": A,
        "birth_on": date(2001, 5, 6),
        "address": "光明路41号18号楼2单元203室",
        "district": "370102",
    }
    tables = link(
        [party("core", "1", name="王子涵", sex="male", **home), party("card", "2", name="王子轩", sex="male", **home)],
        models=[person_model],
    )
    assert groups(tables) == {frozenset("1"), frozenset("2")}
    assert [r["reason"] for r in tables["identity_review"]] == ["grey"]


@pytest.mark.requirement("B1")
def test_a_new_telephone_and_another_script_are_still_one_person(link: Link, person_model: MatchModel) -> None:
    core = party(
        "core",
        "1",
        name="张偉鵬",
        mobile=A,
        birth_on=date(1980, 5, 6),
        sex="male",
        address="光明路41号18号楼2单元203室",
    )
    card = party(
        "card", "2", name="ZHANG WEIPENG", mobile=B, birth_on=date(1980, 5, 6), address="光明路41号18号楼2单元203"
    )
    tables = link([core, card], models=[person_model])
    assert groups(tables) == {frozenset("12")}
    assert [(e["rule"], e["state"]) for e in tables["identity_edge"]] == [("match_model", "used")]
    assert tables["identity_edge"][0]["weight"] > 20


@pytest.mark.requirement("B2")
def test_a_record_that_fits_two_people_who_cannot_be_one_is_neither(link: Link, person_model: MatchModel) -> None:
    born = date(1980, 5, 6)
    rows = [
        party("core", "1", name="张伟明", id_number="110105198005060037", birth_on=born, district="370102"),
        party("core", "2", name="张伟明", id_number="110105198005060053", birth_on=born, district="370102"),
        party("card", "3", name="张伟明", birth_on=born, district="370102"),
    ]  # fmt: skip
    tables = link(rows, models=[person_model])
    assert len(groups(tables)) == 3
    assert {r["reason"] for r in tables["identity_review"]} == {"ambiguous"}

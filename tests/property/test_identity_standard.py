"""Standard forms: stable when standardised again, never raised over any text, and the same a column at a time as one by one."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.identity.standard import (
    standard_device,
    standard_document,
    standard_email,
    standard_person_name,
    standard_phone,
)
from zhike.identity.standard.names import standard_company_name
from zhike.identity.standard.numbers import door_of, resident_check_digit
from zhike.identity.standard.plain import plain_doors, plain_emails, plain_person_names, plain_phones, plain_residents

DIGITS = st.text("0123456789", min_size=1, max_size=12)
PHONES = st.one_of(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.builds("1{}{}".format, st.sampled_from("3589"), DIGITS), DIGITS,
    st.sampled_from(["13800138000", "13912345678", "13987654321", "13901234567", "13911111111", "13945678901", "13900000001"]),
)  # fmt: skip
USERS = st.one_of(
    st.from_regex(r"[a-z0-9][a-z0-9._+\-]{0,12}", fullmatch=True),
    DIGITS,
    st.sampled_from(
        [
            "test",
            "testing",
            "admin",
            "administrator",
            "user01",
            "12345",
            "1234567890",
            "0123456",
            "98765",
            "55555",
            "10101",
            "axxb12",
            "none1",
        ]
    ),
)
EMAILS = st.builds("{}@{}".format, USERS, st.sampled_from(["qq.com", "163.com", "a-b.cn", "x", "a..b"]))
RESIDENTS = st.builds(
    lambda head, year, month, day, order, wrong: (
        (body := f"{head}{year:04d}{month:02d}{day:02d}{order:03d}") + ("0" if wrong else resident_check_digit(body))
    ),
    st.sampled_from(["110105", "379901", "990105"]), st.integers(1795, 2101), st.integers(0, 13), st.integers(0, 32), st.integers(0, 999), st.booleans(),
)  # fmt: skip
NAMES = st.one_of(
    st.text("王张欧阳諸葛単单曾查解陳劉麗偉芳娜静生师总某一乐樂后後𠮷𪚥㐂豈﨑", min_size=1, max_size=5),
    st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=5),
    st.sampled_from(
        [
            "王先生",
            "李总",
            "王小姐",
            "未知",
            "测试用户",
            "游客",
            "欧阳",
            "欧阳锋",
            "尉遲恭",
            "张张张",
            "张张",
            "头发",
            "頭髮",
            "ZHANG WEI",
            "王 伟",
        ]
    ),
)


@pytest.mark.requirement("B1")
@given(st.lists(PHONES, max_size=20))
def test_plain_telephones_are_what_is_said_of_each(values: list[str]) -> None:
    for value, plain in zip(values, plain_phones(pa.array(values, pa.string())).to_pylist(), strict=True):
        assert plain is None or plain == standard_phone(value).value


@pytest.mark.requirement("B1")
@given(st.lists(EMAILS, max_size=20))
def test_plain_addresses_are_what_is_said_of_each(values: list[str]) -> None:
    for value, plain in zip(values, plain_emails(pa.array(values, pa.string())).to_pylist(), strict=True):
        assert plain is None or plain == standard_email(value).value


@pytest.mark.requirement("B1")
@given(st.lists(RESIDENTS, max_size=20))
def test_plain_resident_ids_are_what_is_said_of_each_and_none_is_overlooked(values: list[str]) -> None:
    for value, plain in zip(values, plain_residents(pa.array(values, pa.string())).to_pylist(), strict=True):
        assert plain == standard_document("person", "resident_id", value).resident_id


@pytest.mark.requirement("B1")
@given(st.lists(st.text("光明路号楼单元室0123456789 -，,３①㎡a\n", max_size=12), max_size=20))
def test_plain_doors_are_what_is_said_of_each(values: list[str]) -> None:
    doors, is_plain = plain_doors(pa.array(values, pa.string()))
    for value, door, plain in zip(values, doors.to_pylist(), is_plain.to_pylist(), strict=True):
        assert door == (door_of(value) if plain else None)
        assert plain is not ("３" in value or "①" in value or "㎡" in value or "，" in value)


@pytest.mark.requirement("B1")
@given(st.lists(NAMES, max_size=20, unique=True))
def test_plain_names_are_what_is_said_of_each(values: list[str]) -> None:
    found = plain_person_names(pa.array(values, pa.string()))
    for number, value in enumerate(values):
        parts = {column: texts[number].as_py() for column, texts in found.items()}
        said = standard_person_name(value)._asdict()
        said["name_key"] = said.pop("key")
        assert parts == dict.fromkeys(parts) or parts == {c: said[c] for c in parts}
        assert parts["name_key"] is None or said["flaw"] is None


@pytest.mark.requirement("B1")
@given(
    st.lists(st.text("王张欧阳諸葛劉偉芳娜乐𠮷", min_size=2, max_size=4).filter(lambda n: len(set(n)) > 1), max_size=20)
)
def test_no_ordinary_name_is_overlooked(values: list[str]) -> None:
    assert plain_person_names(pa.array(values, pa.string()))["name_key"].null_count == 0


@given(st.text(max_size=30))
def test_any_text_has_a_standard_form_or_a_flaw_and_a_standard_form_is_its_own(text: str) -> None:
    name = standard_person_name(text)
    assert name.key is None or name.flaw is None
    if name.key and not name.key.isascii():
        assert standard_person_name(name.key).key in {name.key, None}
    company = standard_company_name(text)
    assert company.key is None or standard_company_name(company.key).key in {company.key, None}
    for ask in (standard_phone, standard_email, standard_device):
        found = ask(text)
        assert found.value is None or ask(found.value) == found
    document = standard_document("person", "other", text)
    assert [document.resident_id, document.uscc, document.other, document.flaw].count(None) >= 3

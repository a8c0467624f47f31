"""Numbers that name somebody: check digits held against python-stdnum, telephones against the numbering plans, fillers by hand."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date

import pytest
from stdnum.cn import ric, uscc

from zhike.identity.standard import (
    Flaw,
    door_of,
    region_prefix,
    regions_of,
    standard_device,
    standard_document,
    standard_email,
    standard_phone,
    standard_wechat_id,
)

WOMAN = "11010519491231002X"


def resident_number(rng: random.Random) -> str:
    born = date(1930 + rng.randrange(80), 1 + rng.randrange(12), 1 + rng.randrange(28))
    body = f"{rng.choice(('110105', '310101', '440305', '510104'))}{born:%Y%m%d}{rng.randrange(1000):03d}"
    return body + ric.calc_check_digit(body + "0")


def credit_code(rng: random.Random) -> str:
    body = f"9111{rng.randrange(10_000):04d}" + "".join(rng.choice("0123456789ABCDEFGHJKLMNPQRTUWXY") for _ in range(9))
    return body + uscc.calc_check_digit(body)


def with_wrong_digit(number: str, rng: random.Random) -> str:
    at = rng.randrange(len(number))
    return number[:at] + rng.choice([c for c in "0123456789" if c != number[at]]) + number[at + 1 :]


def drawn(seed: int, draw: Callable[[random.Random], str]) -> list[str]:
    """A hundred good numbers and the same with one wrong digit."""
    rng = random.Random(seed)
    good = [draw(rng) for _ in range(100)]
    return good + [with_wrong_digit(n, rng) for n in good]


@pytest.mark.requirement("B1")
def test_resident_ids_are_valid_exactly_when_stdnum_says_so() -> None:
    for number in drawn(1, resident_number):
        found = standard_document("person", "resident_id", number)
        if found.resident_id is None:
            assert not ric.is_valid(number)
            assert found.flaw is not None
        else:
            assert number[-1] == ric.calc_check_digit(number)
            assert found.resident_id == number


@pytest.mark.requirement("B1")
def test_credit_codes_are_valid_exactly_when_stdnum_says_so() -> None:
    for number in [*drawn(2, credit_code), "91110000600037341L", "A1110000600037341L", "123456789012345678"]:
        assert (standard_document("company", "uscc", number).uscc is not None) == uscc.is_valid(number)


@pytest.mark.parametrize(
    "written", ["１１０１０５１９４９１２３１００２ｘ", " 110105 19491231 002x ", "110105491231002", WOMAN]
)
def test_a_resident_id_is_recognised_however_it_is_written(written: str) -> None:
    assert standard_document("person", None, written).resident_id == WOMAN


@pytest.mark.parametrize(
    ("kind", "id_type", "written", "flaw"),
    [
        ("person", "resident_id", "11010519990230002" + ric.calc_check_digit("110105199902300020"), Flaw.IMPOSSIBLE_DATE),
        ("person", "resident_id", "110105194912310021", Flaw.CHECK_DIGIT),
        ("person", "resident_id", "00010519491231002X", Flaw.MALFORMED), ("person", "resident_id", "110105********002X", Flaw.MASKED),
        ("person", "resident_id", "111111", Flaw.FILLER), ("person", "resident_id", "123456789", Flaw.FILLER), ("person", "other", "无", Flaw.FILLER),
        ("person", "passport", "E1", Flaw.MALFORMED), ("company", "resident_id", WOMAN, Flaw.CHECK_DIGIT),
        ("company", "uscc", "91110000600037341M", Flaw.CHECK_DIGIT),
    ],
)  # fmt: skip
def test_a_number_that_names_nobody_says_why(kind: str, id_type: str, written: str, flaw: Flaw) -> None:
    found = standard_document(kind, id_type, written)
    assert found == (None, None, None, flaw)


def test_passports_and_permits_carry_their_kind() -> None:
    assert standard_document("person", "passport", " e12345678").other == "passport:E12345678"
    assert standard_document("person", "hk_macau_permit", "H1234567801").other == "hk_macau_permit:H1234567801"
    assert standard_document("person", None, "") == (None, None, None, None)


@pytest.mark.parametrize(
    ("written", "standard"),
    [("13912345679", "+8613912345679"), ("+86 139-1234-5679", "+8613912345679"), ("008613912345679", "+8613912345679"),
     ("１３９１２３４５６７９", "+8613912345679"), ("(86)13912345679", "+8613912345679"), ("+85291234567", "+85291234567"), ("", None), (None, None)],
)  # fmt: skip
def test_mobiles_are_in_e164(written: str | None, standard: str | None) -> None:
    assert standard_phone(written) == (standard, None)


@pytest.mark.parametrize(
    ("written", "flaw"),
    [("139****5679", Flaw.MASKED), ("010-62345678", Flaw.NOT_MOBILE), ("13900000000", Flaw.FILLER), ("13800138000", Flaw.FILLER),
     ("13812345678", Flaw.FILLER), ("11111111111", Flaw.FILLER), ("12", Flaw.MALFORMED), ("1391234567", Flaw.MALFORMED), ("电话", Flaw.MALFORMED)],
)  # fmt: skip
def test_a_telephone_that_reaches_nobody_says_why(written: str, flaw: Flaw) -> None:
    assert standard_phone(written) == (None, flaw)


@pytest.mark.parametrize(
    ("written", "standard", "flaw"),
    [(" Wei.Zhang@QQ.com ", "wei.zhang@qq.com", None), ("wei@", None, Flaw.MALFORMED), ("未填", None, Flaw.MALFORMED), ("a..b@qq.com", None, Flaw.MALFORMED),
     ("test@qq.com", None, Flaw.FILLER), ("123456@qq.com", None, Flaw.FILLER), ("5790623068@qq.com", "5790623068@qq.com", None),
     ("zh**@qq.com", None, Flaw.MASKED), ("", None, None)],
)  # fmt: skip
def test_addresses_are_in_small_letters_and_fillers_none(written: str, standard: str | None, flaw: Flaw | None) -> None:
    assert standard_email(written) == (standard, flaw)


def test_devices_and_wechat_ids_that_many_share_by_mistake_are_fillers() -> None:
    fillers = ["00000000-0000-0000-0000-000000000000", "02:00:00:00:00:00", "9774d56d682e549c", "unknown", "null"]
    assert [standard_device(f) for f in fillers] == [(None, Flaw.FILLER)] * len(fillers)
    assert standard_device("ab-12-cd-34").value == "AB12CD34"
    assert standard_wechat_id("oX3_b").value == "oX3_b"
    assert standard_wechat_id("0000").flaw is Flaw.FILLER


def test_a_region_is_told_as_deep_as_it_is_certain() -> None:
    written = ["浙江省杭州市西湖区文三路100号", "杭州西湖文三路", "朝阳区建国路", "北京朝阳区建国路88号", "某处"]
    assert regions_of([region_prefix(w) for w in written]) == ["330106", "330100", None, "110105", None]
    assert regions_of([]) == []


def test_a_door_is_the_numbers_of_an_address() -> None:
    assert (
        door_of("山东省济南市历下区光明路41号18号楼2单元203室")
        == door_of("光明路４１号１８号楼2单元203")
        == "41-18-2-203"
    )
    assert [door_of(a) for a in ("光明路41号", "", None)] == [None] * 3

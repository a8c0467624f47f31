"""Checksums as expressions, held against python-stdnum."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import ibis
import pytest
from stdnum.cn import ric, uscc

from zhike.identity.document_numbers import (
    birth_of_resident_id,
    compact_number,
    resident_serial,
    sex_of_resident_id,
    valid_resident_id,
    valid_uscc,
)
from zhike.warehouse import Engine


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


RESIDENTS = drawn(1, resident_number)
COMPANIES = [*drawn(2, credit_code), "91110000600037341L", "A1110000600037341L", "123456789012345678"]
WRITTEN_WIDE, WRITTEN_LOOSE = "１１０１０５１９４９１２３１００２ｘ", " 110105 19491231 002x "
COMPANY_LOOSE, FIRST_GENERATION = "9 1 110000 600037341l", "110105491231002"
NO_SUCH_DAY = "11010519990230002" + ric.calc_check_digit("110105199902300020")
NOT_VALID = [NO_SUCH_DAY, "00010519491231002X", "", None, "110105********002X"]
WOMAN, MAN = "11010519491231002X", "110105194912310038"
Row = Mapping[str, Any]


@pytest.fixture(scope="module")
def found(engine: Engine) -> Mapping[str | None, Row]:
    """What the expressions say of every number of these tests, asked once."""
    asked = [
        *RESIDENTS,
        *COMPANIES,
        WRITTEN_WIDE,
        WRITTEN_LOOSE,
        COMPANY_LOOSE,
        FIRST_GENERATION,
        *NOT_VALID,
        WOMAN,
        MAN,
    ]
    table = ibis.memtable({"n": list(range(len(asked))), "number": asked}, schema={"n": "int64", "number": "string"})
    table = table.mutate(number=compact_number(table.number))
    resident = valid_resident_id(table.number, resident_serial(table.number))
    rows = table.select("n", resident=resident, uscc=valid_uscc(table.number))
    rows = rows.mutate(born=birth_of_resident_id(rows.resident), sex=sex_of_resident_id(rows.resident))
    return dict(zip(asked, engine.fetch(rows.order_by("n")).to_pylist(), strict=True))


@pytest.mark.requirement("B1")
def test_resident_ids_are_valid_exactly_when_stdnum_says_so(found: Mapping[str | None, Row]) -> None:
    for number in RESIDENTS:
        row, says_stdnum = found[number], ric.is_valid(number)
        if row["resident"] is None:
            assert not says_stdnum
        else:
            assert number[-1] == ric.calc_check_digit(number)
            assert row["born"] == ric.get_birth_date(number)


@pytest.mark.requirement("B1")
def test_credit_codes_are_valid_exactly_when_stdnum_says_so(found: Mapping[str | None, Row]) -> None:
    for number in COMPANIES:
        assert (found[number]["uscc"] is not None) == uscc.is_valid(number)


def test_a_number_is_recognised_in_full_width_with_blanks_and_small_letters(found: Mapping[str | None, Row]) -> None:
    assert [found[n]["resident"] for n in (WRITTEN_WIDE, WRITTEN_LOOSE)] == ["11010519491231002X"] * 2
    assert found[COMPANY_LOOSE]["uscc"] == "91110000600037341L"


def test_a_first_generation_number_is_lengthened_with_its_check_digit(found: Mapping[str | None, Row]) -> None:
    assert found[FIRST_GENERATION]["resident"] == "11010519491231002X"


def test_impossible_days_unknown_provinces_and_empty_numbers_are_not_valid(found: Mapping[str | None, Row]) -> None:
    assert [found[n]["resident"] for n in NOT_VALID] == [None] * len(NOT_VALID)


def test_sex_comes_from_the_order_digit_and_is_missing_without_a_number(found: Mapping[str | None, Row]) -> None:
    assert [found[n]["sex"] for n in (WOMAN, MAN, None)] == ["female", "male", None]

"""Checksums as expressions, held against python-stdnum."""

from __future__ import annotations

import random
from datetime import date

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


def evaluate(engine: Engine, numbers: list[str | None]) -> list[dict[str, object]]:
    table = ibis.memtable(
        {"n": list(range(len(numbers))), "number": numbers}, schema={"n": "int64", "number": "string"}
    )
    table = table.mutate(number=compact_number(table.number))
    resident = valid_resident_id(table.number, resident_serial(table.number))
    rows = table.select("n", resident=resident, uscc=valid_uscc(table.number))
    rows = rows.mutate(born=birth_of_resident_id(rows.resident), sex=sex_of_resident_id(rows.resident))
    return engine.fetch(rows.order_by("n")).to_pylist()


@pytest.mark.requirement("B1")
def test_resident_ids_are_valid_exactly_when_stdnum_says_so(engine: Engine) -> None:
    rng = random.Random(1)
    good = [resident_number(rng) for _ in range(100)]
    numbers = good + [with_wrong_digit(n, rng) for n in good]
    for number, row in zip(numbers, evaluate(engine, list(numbers)), strict=True):
        says_stdnum = ric.is_valid(number)
        if row["resident"] is None:
            assert not says_stdnum
        else:
            assert number[-1] == ric.calc_check_digit(number)
            assert row["born"] == ric.get_birth_date(number)


@pytest.mark.requirement("B1")
def test_credit_codes_are_valid_exactly_when_stdnum_says_so(engine: Engine) -> None:
    rng = random.Random(2)
    good = [credit_code(rng) for _ in range(100)]
    numbers = (
        good
        + [with_wrong_digit(n, rng) for n in good]
        + ["91110000600037341L", "A1110000600037341L", "123456789012345678"]
    )
    for number, row in zip(numbers, evaluate(engine, list(numbers)), strict=True):
        assert (row["uscc"] is not None) == uscc.is_valid(number)


def test_a_number_is_recognised_in_full_width_with_blanks_and_small_letters(engine: Engine) -> None:
    rows = evaluate(engine, ["１１０１０５１９４９１２３１００２ｘ", " 110105 19491231 002x ", "9 1 110000 600037341l"])
    assert [r["resident"] for r in rows[:2]] == ["11010519491231002X"] * 2
    assert rows[2]["uscc"] == "91110000600037341L"


def test_a_first_generation_number_is_lengthened_with_its_check_digit(engine: Engine) -> None:
    assert evaluate(engine, ["110105491231002"])[0]["resident"] == "11010519491231002X"


def test_impossible_days_unknown_provinces_and_empty_numbers_are_not_valid(engine: Engine) -> None:
    body = "11010519990230002"
    impossible = body + ric.calc_check_digit(body + "0")
    assert [
        r["resident"] for r in evaluate(engine, [impossible, "00010519491231002X", "", None, "110105********002X"])
    ] == [None] * 5


def test_sex_comes_from_the_order_digit_and_is_missing_without_a_number(engine: Engine) -> None:
    assert [r["sex"] for r in evaluate(engine, ["11010519491231002X", "110105194912310038", None])] == [
        "female",
        "male",
        None,
    ]

"""Check digits, against python-stdnum, and keys that can be turned back."""

from __future__ import annotations

import datetime

import numpy as np
from stdnum import luhn
from stdnum.cn import uscc
from stdnum.cn.ric import calc_check_digit

from zhike.simulator.identifiers import (
    account_numbers,
    as_text,
    calendar_numbers,
    core_numbers,
    credit_codes,
    customer_of_core_number,
    day_number,
    digits,
    resident_ids,
    second_core_numbers,
)

NUMBERS = np.arange(0, 100_000, 997)


def test_resident_ids_carry_birth_sex_and_check_character() -> None:
    born = np.array([day_number(datetime.date(1980, 2, 29))] * len(NUMBERS), np.int32)
    for number, serial in zip(
        as_text(resident_ids(np.full(len(NUMBERS), 379_901), born, NUMBERS % 1000)).to_pylist(),
        NUMBERS % 1000,
        strict=True,
    ):
        assert number[6:14] == "19800229"
        assert int(number[14:17]) == serial
        assert calc_check_digit(number) == number[-1]


def test_credit_codes_have_a_valid_check_character() -> None:
    for code in as_text(credit_codes("91", np.full(len(NUMBERS), 379_902), NUMBERS)).to_pylist():
        assert uscc.calc_check_digit(code[:-1]) == code[-1]


def test_account_numbers_pass_luhn_and_differ() -> None:
    texts = as_text(account_numbers(NUMBERS, np.full(len(NUMBERS), 10))).to_pylist()
    assert all(luhn.is_valid(t) for t in texts)
    assert len(set(texts)) == len(NUMBERS)


def test_core_numbers_lead_back_to_the_customer() -> None:
    everyone = np.concatenate([NUMBERS, np.array([99_999_999])])
    keys = as_text(core_numbers(everyone)).to_pylist()
    assert customer_of_core_number(keys).tolist() == everyone.tolist()
    assert customer_of_core_number(as_text(second_core_numbers(everyone)).to_pylist()).tolist() == everyone.tolist()
    assert customer_of_core_number(["x", "", "2000000001"]).tolist() == [-1, -1, -1]


def test_digits_and_calendar_numbers_match_python() -> None:
    days = np.arange(day_number(datetime.date(1899, 12, 28)), day_number(datetime.date(2031, 1, 3)), 11, dtype=np.int32)
    expected = [int(f"{datetime.date(1970, 1, 1) + datetime.timedelta(days=int(d)):%Y%m%d}") for d in days]
    assert calendar_numbers(days).tolist() == expected
    assert as_text(digits(np.array([7, 1_234_567]), 5)).to_pylist() == ["00007", "34567"]

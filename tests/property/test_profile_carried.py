"""Sums carried from day to day say what counting everything anew says, whatever came late, was corrected or changed hands."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.property.carried_bank import ChangingBank, profile_of, some_features


@pytest.mark.requirement("C1", "L2")
def test_a_day_carried_on_equals_the_full_build(tmp_path: Path):
    bank = ChangingBank(tmp_path, random.Random(1))
    how: list[str] = []
    for _ in range(7):
        tables = bank.catalog()
        carrier = bank.carrier(tables)
        wanted = some_features(bank.dice)
        assert profile_of(tables, bank.on, carrier, wanted) == profile_of(tables, bank.on, wanted=wanted), bank.on
        how += [t.carried_from for t in carrier.told]
        bank.next_day(days=bank.dice.choice([1, 1, 1, 2, 5, 12]))
    assert sum(map(bool, how)) > 8  # or nothing was carried at all

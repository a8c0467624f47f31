"""A year carried on from day to day: on each of its days what counting everything anew says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.property.carried_bank import ChangingBank, profile_of

DAYS = 365


@pytest.mark.timeout(2400)  # a day is planned and computed twice, some three seconds
@pytest.mark.requirement("C1", "L2")
def test_a_year_carried_on_equals_the_full_build_on_every_day(tmp_path: Path):
    bank = ChangingBank(tmp_path, random.Random(3), batch="%Y-%m")
    n_carried = n_restated = 0
    for _ in range(DAYS):
        tables = bank.catalog()
        carrier = bank.carrier(tables)
        assert profile_of(tables, bank.on, carrier) == profile_of(tables, bank.on), bank.on
        n_carried += sum(bool(t.carried_from) for t in carrier.told)
        n_restated += sum(t.n_restated for t in carrier.told)
        bank.next_day()
    assert n_carried > DAYS  # of two fact tables
    assert n_restated > DAYS // 4

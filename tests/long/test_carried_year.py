"""A year carried on from day to day: on each of its days what counting everything anew says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.property.carried_bank import ChangingBank, features, profile_of
from zhike.profile.features import FeatureSet

DAYS = 365
NAMES = (
    "mean_amount", "last_on", "ever_on", "long_ago", "months", "month_amount", "slope_amount",
    "logins", "weeks", "event_months", "seen_on", "month_days",
)  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(3000)  # a day is planned and computed twice, some two seconds
@pytest.mark.requirement("C1", "L2")
def test_a_year_carried_on_equals_the_full_build_on_every_day(tmp_path: Path):
    bank = ChangingBank(tmp_path, random.Random(3), batch="%Y-%m")
    wanted = FeatureSet(tuple(f for f in features().features if f.key in NAMES), {})
    n_carried = n_restated = 0
    for _ in range(DAYS):
        tables = bank.catalog()
        carrier = bank.carrier(tables)
        assert profile_of(tables, bank.on, carrier, wanted) == profile_of(tables, bank.on, wanted=wanted), bank.on
        n_carried += sum(bool(t.carried_from) for t in carrier.told)
        n_restated += sum(t.n_restated for t in carrier.told)
        bank.next_day()
    assert n_carried > DAYS  # of two fact tables
    assert n_restated > DAYS // 4

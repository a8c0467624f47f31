"""Carrying sums: which days enter and leave a window, what may be carried, and when everything is counted anew."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.property.carried_bank import ChangingBank, profile_of
from zhike.profile.atoms import Atom
from zhike.profile.carrying.deltas import carries, merged, minus
from zhike.profile.windows import EVER, Days

JUNE = date(2025, 6, 30)


def run(first_ago: int, last_ago: int, day: date = JUNE) -> Days:
    return Days(day - timedelta(days=first_ago), day - timedelta(days=last_ago))


def test_a_sliding_window_gains_a_day_and_loses_one():
    assert minus(run(29, 0), run(30, 1)) == [run(0, 0)]
    assert minus(run(30, 1), run(29, 0)) == [run(30, 30)]


def test_windows_that_do_not_meet_share_nothing():
    assert minus(run(9, 0), run(29, 20)) == [run(9, 0)]


def test_any_day_gains_what_came_since():
    assert minus(Days(EVER, JUNE), Days(EVER, JUNE - timedelta(days=2))) == [run(1, 0)]


def test_runs_of_days_that_touch_are_read_once():
    assert merged([run(5, 4), run(3, 3), run(4, 4), run(9, 8)]) == [run(9, 8), run(5, 3)]


def test_the_nearest_window_that_was_kept_is_carried_on():
    count = Atom("count", "", "", "on", None)
    kept = [count.over(run(90, 1)), count.over(run(30, 1)), count.over(run(7, 1))]
    (carry,), anew = carries({"n": count.over(run(29, 0))}, kept, before_on=JUNE - timedelta(days=1), as_of=JUNE)
    assert (carry.place, anew) == (1, [])


def test_a_window_without_anything_near_is_counted_anew():
    count = Atom("count", "", "", "on", None)
    found, anew = carries(
        {"n": count.over(run(6, 0))}, [count.over(run(89, 1))], before_on=JUNE - timedelta(days=1), as_of=JUNE
    )
    assert (found, anew) == ([], ["n"])


def test_bits_that_leave_are_shifted_out_and_not_taken_away():
    bits = Atom("bits", "", "", "on", None, "day")
    (carry,), _ = carries(
        {"b": bits.over(run(29, 0))}, [bits.over(run(30, 1))], before_on=JUNE - timedelta(days=1), as_of=JUNE
    )
    assert (carry.shift, carry.leaving, carry.entering) == (1, [], [run(0, 0)])


@pytest.fixture
def bank(tmp_path: Path) -> ChangingBank:
    bank = ChangingBank(tmp_path, random.Random(5))
    tables = bank.catalog()
    profile_of(tables, bank.on, bank.carrier(tables))
    bank.next_day()
    return bank


def carried_from(bank: ChangingBank, **other: object) -> set[str]:
    tables = bank.catalog()
    carrier = bank.carrier(tables)
    for name, value in other.items():
        setattr(carrier, name, value)
    profile_of(tables, bank.on, carrier)
    return {t.carried_from for t in carrier.told}


def test_a_day_says_from_which_day_it_was_carried(bank: ChangingBank):
    assert carried_from(bank) == {"2025-01-20"}


def test_other_code_counts_everything_anew(bank: ChangingBank):
    assert carried_from(bank, marker="other") == {""}


def test_another_zone_counts_everything_anew(bank: ChangingBank):
    assert carried_from(bank, timezone="Europe/Berlin") == {""}


def test_after_a_long_pause_everything_is_counted_anew(bank: ChangingBank):
    bank.next_day(days=40)
    assert carried_from(bank) == {""}


def test_when_the_files_of_the_day_before_are_gone_everything_is_counted_anew(bank: ChangingBank):
    for path in (bank.folder / "tables" / "transaction").glob("*.parquet"):
        path.unlink()
    for path in (bank.folder / "tables" / "event").glob("*.parquet"):
        path.unlink()
    bank.dice.shuffle(bank.tables["transaction"]["2025-01-20"])
    bank.dice.shuffle(bank.tables["event"]["2025-01-20"])
    assert carried_from(bank) == {""}


def test_a_short_table_is_counted_anew_and_nothing_kept(bank: ChangingBank):
    assert carried_from(bank, least_rows=10**6) == set()


def test_only_the_last_days_are_kept(bank: ChangingBank):
    for _ in range(4):
        carried_from(bank)
        bank.next_day()
    assert len(list((bank.folder / "carried" / "event").iterdir())) == 6  # three days, rows and basis


def test_a_day_that_is_run_again_later_is_kept_and_read(bank: ChangingBank):
    for _ in range(3):
        carried_from(bank)
        bank.next_day()
    bank.on -= timedelta(days=30)
    assert carried_from(bank) == {""}


def test_what_cannot_be_read_is_no_basis(bank: ChangingBank):
    for path in (bank.folder / "carried").glob("*/*.json"):
        path.write_text("{", encoding="utf-8")
    assert carried_from(bank) == {""}


@pytest.mark.parametrize("days", [3, 28])
def test_after_a_holiday_bits_of_days_move_on(bank: ChangingBank, days: int):
    bank.next_day(days=days)
    tables = bank.catalog()
    assert profile_of(tables, bank.on, bank.carrier(tables)) == profile_of(tables, bank.on)


def test_deliveries_that_become_one_partition_count_once(bank: ChangingBank):
    parts = bank.tables["transaction"]
    last = max(parts)
    parts[last] = [*parts[last], *parts.pop("2025-01-16")]
    tables = bank.catalog()
    assert profile_of(tables, bank.on, bank.carrier(tables)) == profile_of(tables, bank.on)

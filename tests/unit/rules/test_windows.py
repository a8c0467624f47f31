"""Windows of events and units of the calendar, against days that are known from elsewhere."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from zhike.rules.calendars import is_trading_day, lunar_day, trading_days_back, trading_place
from zhike.rules.meaning import calendar_value, days_read, event_days
from zhike.rules.terms import EventWindow, WindowUnit

U = WindowUnit
SATURDAY = date(2025, 3, 1)


@pytest.mark.parametrize(
    ("unit", "n", "years", "first", "last"),
    [
        (U.DAYS, 1, 0, date(2025, 3, 1), date(2025, 3, 1)), (U.DAYS, 30, 0, date(2025, 1, 31), date(2025, 3, 1)),
        (U.DAYS, 30, 1, date(2024, 2, 1), date(2024, 3, 1)), (U.TRADING_DAYS, 1, 0, date(2025, 2, 28), date(2025, 3, 1)),
        (U.TRADING_DAYS, 5, 0, date(2025, 2, 24), date(2025, 3, 1)), (U.MONTH_TO_DATE, 1, 0, date(2025, 3, 1), date(2025, 3, 1)),
        (U.COMPLETE_MONTHS, 2, 0, date(2025, 1, 1), date(2025, 2, 28)), (U.MONTH_AGO, 2, 0, date(2025, 1, 1), date(2025, 1, 31)),
        (U.MONTH_AGO, 1, 1, date(2024, 2, 1), date(2024, 2, 29)), (U.WEEK_AGO, 1, 0, date(2025, 2, 17), date(2025, 2, 23)),
        (U.WEEK_AGO, 2, 0, date(2025, 2, 10), date(2025, 2, 16)),
    ],
)  # fmt: skip
def test_a_window_has_these_days(unit: WindowUnit, n: int, years: int, first: date, last: date) -> None:
    assert event_days(EventWindow(unit, n, years), SATURDAY) == (first, last)


def test_the_same_period_of_last_year_of_a_leap_day_is_kept_on_the_28th() -> None:
    assert event_days(EventWindow(U.DAYS, 1, 1), date(2024, 2, 29)) == (date(2023, 2, 28), date(2023, 2, 28))


def test_what_is_read_reaches_back_to_the_beginning_of_every_window() -> None:
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(800)]
    for unit in U:
        for n in (1, 3, 12):
            for years in (0, 1, 2):
                window = EventWindow(unit, n, years)
                assert all((d - event_days(window, d)[0]).days <= days_read(window) for d in days), window


def test_the_exchange_is_closed_at_the_spring_festival_and_open_on_no_weekend() -> None:
    assert (
        is_trading_day(date(2025, 1, 27))
        and not is_trading_day(date(2025, 1, 28))
        and not is_trading_day(date(2025, 2, 4))
    )
    assert is_trading_day(date(2025, 2, 5)) and not is_trading_day(date(2025, 2, 8))  # an office day, no trading day
    assert trading_days_back(date(2025, 2, 5), 2) == date(2025, 1, 27)
    assert trading_place(date(2025, 2, 5)) == (1, 17) and trading_place(date(2025, 2, 28)) == (18, 0)
    assert trading_place(date(2025, 2, 8)) is None and calendar_value("trading_days_left", date(2025, 2, 8)) is None


def test_the_lunar_new_year_is_where_the_almanac_has_it_and_a_leap_month_repeats_its_number() -> None:
    assert lunar_day(date(2026, 2, 17)) == (1, 1) and lunar_day(date(2026, 2, 16)) == (12, 29)
    assert lunar_day(date(2025, 10, 6)) == (8, 15)  # 中秋
    assert lunar_day(date(2025, 7, 25)) == (6, 1) and lunar_day(date(2025, 6, 25)) == (6, 1)  # 2025 闰六月

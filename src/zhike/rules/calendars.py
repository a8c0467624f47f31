"""Days that are not in a plain calendar: on which an exchange trades, and how the moon counts them. Both from kept libraries.

Trading days are those of the Shanghai exchange: Monday to Friday but for its holidays. Weekends on which offices work in exchange for
a bridge day are no trading days.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any

MARKET = "XSHG"


@cache
def _closed_days() -> Any:
    from holidays import financial_holidays

    return financial_holidays(MARKET)


@lru_cache(maxsize=10_000)
def is_trading_day(day: date) -> bool:
    """Return whether the exchange trades on a day."""
    return day.weekday() < 5 and day not in _closed_days()


def trading_days_back(day: date, n: int) -> date:
    """Return the first of the last ``n`` trading days up to and including ``day``."""
    found = 0
    while True:
        found += is_trading_day(day)
        if found == n:
            return day
        day -= timedelta(days=1)


def trading_place(day: date) -> tuple[int, int] | None:
    """Return the number of a trading day in its month (from 1), and how many follow it there; None where nobody trades."""
    if not is_trading_day(day):
        return None
    first = day.replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    traded = [d for d in (first + timedelta(days=i) for i in range((after - first).days)) if is_trading_day(d)]
    number = traded.index(day) + 1
    return number, len(traded) - number


@lru_cache(maxsize=1_000)
def lunar_day(day: date) -> tuple[int, int]:
    """Return month and day of the Chinese lunar calendar; a leap month has the number of the month that it repeats."""
    from lunar_python import Solar

    lunar = Solar.fromYmd(day.year, day.month, day.day).getLunar()
    return abs(lunar.getMonth()), lunar.getDay()


__all__ = ["is_trading_day", "lunar_day", "trading_days_back", "trading_place"]

"""What both evaluators share: the days of a window, the codes of an order. One place, so that they cannot differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from zhike.rules.calendars import lunar_day, trading_days_back, trading_place
from zhike.rules.terms import Comparison, EventWindow, WindowUnit

C = Comparison
EXACT_SCALE = 6  # decimals kept by exact arithmetic, on every engine
_STEP = Decimal(1).scaleb(-EXACT_SCALE)
FEBRUARY_29 = 229


def day_window(by: Comparison, n: int, as_of: date) -> tuple[date | None, date | None]:
    """Return the first and last day that match a window of ``n`` days; None is an open end."""
    step = timedelta(days=n)
    if by is C.WITHIN_NEXT_DAYS:
        return as_of + timedelta(days=1), as_of + step
    if by is C.WITHIN_LAST_DAYS:
        return as_of - step + timedelta(days=1), as_of
    if by is C.AT_LEAST_DAYS_AGO:
        return None, as_of - step
    return as_of + step, None


def anniversaries(n: int, as_of: date) -> tuple[int, ...]:
    """Return month × 100 + day of ``as_of`` … ``as_of + n``; 29 February is kept on the 28th where a year has none."""
    days = [as_of + timedelta(days=i) for i in range(n + 1)]
    found = {d.month * 100 + d.day for d in days}
    if any(d.month == 2 and d.day == 28 and (d + timedelta(days=1)).day == 1 for d in days):
        found.add(FEBRUARY_29)
    return tuple(sorted(found))


def codes_matching(by: Comparison, right: Sequence[str], order: Sequence[str]) -> tuple[str, ...]:
    """Return the codes of ``order`` (lowest first) that stand in this comparison to ``right``."""
    place = {code: i for i, code in enumerate(order)}
    first = place[right[0]]
    last = place[right[-1]]
    inside = {
        C.AT_LEAST: range(first, len(place)),
        C.ABOVE: range(first + 1, len(place)),
        C.AT_MOST: range(first + 1),
        C.BELOW: range(first),
        C.BETWEEN: range(first, last + 1),
    }[by]
    return tuple(code for code, i in place.items() if i in inside)


def month_start(months_ahead: int, as_of: date) -> date:
    """Return the first day of the month ``months_ahead`` months after that of ``as_of``."""
    months = as_of.year * 12 + as_of.month - 1 + months_ahead
    return date(months // 12, months % 12 + 1, 1)


CALENDAR_UNITS: Mapping[str, tuple[int, int]] = {
    "day_of_month": (1, 31), "month": (1, 12), "day_of_week": (1, 7), "trading_day_of_month": (1, 23), "trading_days_left": (0, 22),
    "lunar_month": (1, 12), "lunar_day": (1, 30),
}  # fmt: skip
"""Unit of the calendar → least and greatest number. 1 is Monday; a day without trade is no trading day of the month, and has no
trading days left."""


def calendar_value(unit: str, as_of: date) -> int | None:
    """Return the number of a day in a unit of the calendar; None where it has none (a trading day on a holiday)."""
    match unit:
        case "day_of_month":
            return as_of.day
        case "month":
            return as_of.month
        case "day_of_week":
            return as_of.isoweekday()
        case "lunar_month" | "lunar_day":
            return lunar_day(as_of)[0 if unit == "lunar_month" else 1]
        case _:
            place = trading_place(as_of)
            return None if place is None else place[0 if unit == "trading_day_of_month" else 1]


@lru_cache(maxsize=1_000)
def event_days(window: EventWindow, as_of: date) -> tuple[date, date]:
    """Return the first and the last day of a window; 29 February is the 28th where an earlier year has none."""
    day = _years_before(as_of, window.years_ago)
    match window.unit:
        case WindowUnit.DAYS:
            return day - timedelta(days=window.n - 1), day
        case WindowUnit.TRADING_DAYS:
            return trading_days_back(day, window.n), day
        case WindowUnit.MONTH_TO_DATE:
            return day.replace(day=1), day
        case WindowUnit.COMPLETE_MONTHS:
            return month_start(-window.n, day), month_start(0, day) - timedelta(days=1)
        case WindowUnit.MONTH_AGO:
            return month_start(-window.n, day), month_start(1 - window.n, day) - timedelta(days=1)
        case WindowUnit.WEEK_AGO:
            monday = day - timedelta(days=day.weekday() + 7 * window.n)
            return monday, monday + timedelta(days=6)


def days_read(window: EventWindow) -> int:
    """Return how many days before the as-of day a window may begin, at most."""
    longest = {
        WindowUnit.DAYS: window.n, WindowUnit.TRADING_DAYS: window.n * 2 + 15, WindowUnit.MONTH_TO_DATE: 31, WindowUnit.WEEK_AGO: 7 * window.n + 7,
    }.get(window.unit, 31 * (window.n + 1))  # fmt: skip
    return longest + 366 * window.years_ago


def _years_before(day: date, years: int) -> date:
    is_kept = day.month != 2 or day.day != 29 or years == 0
    return day.replace(year=day.year - years, day=day.day if is_kept else 28)


def to_exact(value: Decimal | int) -> Decimal:
    """Return a number with the decimals that exact arithmetic keeps, halves rounded away from zero as engines do."""
    number = value if isinstance(value, Decimal) else Decimal(value)
    return number.quantize(_STEP, rounding=ROUND_HALF_UP)


__all__ = [
    "CALENDAR_UNITS",
    "EXACT_SCALE",
    "anniversaries",
    "calendar_value",
    "codes_matching",
    "day_window",
    "days_read",
    "event_days",
    "month_start",
    "to_exact",
]

"""What both evaluators share: the days of a window, the codes of an order. One place, so that they cannot differ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from zhike.rules.terms import Comparison

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


def calendar_value(unit: str, as_of: date) -> int:
    """Return the day of the month, the month, or the day of the week (1 = Monday) of a day."""
    return {"day_of_month": as_of.day, "month": as_of.month, "day_of_week": as_of.isoweekday()}[unit]


def to_exact(value: Decimal | int) -> Decimal:
    """Return a number with the decimals that exact arithmetic keeps, halves rounded away from zero as engines do."""
    number = value if isinstance(value, Decimal) else Decimal(value)
    return number.quantize(_STEP, rounding=ROUND_HALF_UP)


__all__ = [
    "EXACT_SCALE",
    "anniversaries",
    "calendar_value",
    "codes_matching",
    "day_window",
    "month_start",
    "to_exact",
]

"""Counting contacts against caps: which window a moment falls in, whether it is full, and when it opens again.

Pure functions over moments. A cap holds for every window, whatever the order in which contacts become known: for a rolling
cap every window of its length that contains the moment is looked at, also those that end later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from zhike.kernel.clock import business_day, moment_on
from zhike.kernel.terms import Channel
from zhike.policy.definitions import Cap, Window
from zhike.policy.terms import ContactMade


def window_days(window: Window) -> int:
    """Return the most days a window can reach back or forward from a moment: what a reader of contacts must load."""
    longest = {"day": 1, "week": 7, "month": 31}
    return window.rolling_days if window.rolling_days is not None else longest[str(window.calendar)]


def calendar_bounds(day: date, calendar: str) -> tuple[date, date]:
    """Return the first day of the calendar window that ``day`` falls in, and the first day after it."""
    if calendar == "day":
        return day, day + timedelta(days=1)
    if calendar == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _full_calendar(
    moments: Sequence[datetime], at: datetime, cap: Cap, *, limit: int, timezone: str
) -> datetime | None:
    first, after = calendar_bounds(business_day(at, timezone), str(cap.window.calendar))
    opens, closes = moment_on(first, timezone), moment_on(after, timezone)
    n_inside = sum(opens <= m < closes for m in moments)
    return closes if n_inside >= limit else None


def _most_in_one_window(moments: Sequence[datetime], at: datetime, length: timedelta) -> int:
    """Return the most of ``moments`` that share one window ``(end - length, end]`` with ``at``."""
    ends = [at, *(m for m in moments if at < m < at + length)]
    return max(sum(end - length < m <= end for m in moments) for end in ends)


def _full_rolling(moments: Sequence[datetime], at: datetime, cap: Cap, *, limit: int) -> datetime | None:
    length = timedelta(days=cap.window.rolling_days or 0)
    if _most_in_one_window(moments, at, length) < limit:
        return None
    later = sorted(m + length for m in moments if m + length > at)
    for moment in later:
        if _most_in_one_window(moments, moment, length) < limit:
            return moment
    return at + length


def full_until(
    contacts: Iterable[ContactMade], *, channel: Channel, at: datetime, cap: Cap, priority: int, timezone: str
) -> datetime | None:
    """Return when a cap that is full at ``at`` opens again, or None when one more contact fits.

    Parameters
    ----------
    contacts : contacts of the recipient for the cap's purposes; those on channels that the cap does not cover are ignored.
    at : aware moment of the contact that is asked for.
    timezone : zone whose calendar days are counted.
    """
    if not cap.covers(channel):
        return None
    moments = [c.at for c in contacts if cap.covers(c.channel)]
    limit = cap.limit_for(priority)
    if limit == 0:
        return at + timedelta(days=window_days(cap.window))
    if cap.window.calendar is not None:
        return _full_calendar(moments, at, cap, limit=limit, timezone=timezone)
    return _full_rolling(moments, at, cap, limit=limit)


__all__ = ["calendar_bounds", "full_until", "window_days"]

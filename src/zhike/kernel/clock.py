"""The only place that asks the machine for the time. Everything else is handed a clock or an ``as_of`` day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """What tells the time: the machine's clock, or one that a story moves."""

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class VirtualClock:
    """A clock that stands still until it is moved; for stories, dry runs and tests."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware moment")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, step: timedelta) -> datetime:
        """Move forward by ``step`` (> 0) and return the new moment."""
        if step <= timedelta(0):
            raise ValueError("time only moves forward")
        self._now += step
        return self._now


def business_day(moment: datetime, timezone: str) -> date:
    """Return the business day of an aware ``moment`` in the project's zone (IANA name)."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def moment_on(day: date, timezone: str, *, hour: int = 0, minute: int = 0) -> datetime:
    """Return the UTC moment of a local wall-clock time on a business day."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


__all__ = ["Clock", "SystemClock", "VirtualClock", "business_day", "moment_on"]

"""Windows of days, said in words and turned into two dates as of a day. Both ends belong to a window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict, Field, model_validator

EVER = date(1, 1, 1)


@dataclass(frozen=True, slots=True)
class Days:
    """A run of days ``first`` … ``last``; ``first`` after ``last`` is an empty run."""

    first: date
    last: date

    @property
    def n_days(self) -> int:
        """Days in the run, never negative."""
        return max(0, (self.last - self.first).days + 1)

    def since(self, first: date) -> Days:
        """Return the part of the run that is not before ``first``."""
        return Days(max(self.first, first), self.last)


def month_start(day: date, *, months_ago: int = 0) -> date:
    """Return the first day of the month that lies ``months_ago`` months before the month of ``day``."""
    months = day.year * 12 + day.month - 1 - months_ago
    return date(months // 12, months % 12 + 1, 1)


def calendar_months(as_of: date, *, first_ago: int, last_ago: int) -> tuple[Days, ...]:
    """Return whole calendar months, newest first, from ``first_ago`` to ``last_ago`` months before that of ``as_of``.

    Month 0, the one of ``as_of``, ends on ``as_of``.
    """
    found = []
    for ago in range(first_ago, last_ago + 1):
        end = as_of if ago == 0 else month_start(as_of, months_ago=ago - 1) - timedelta(days=1)
        found.append(Days(month_start(as_of, months_ago=ago), end))
    return tuple(found)


class Window(BaseModel):
    """One window as a definition writes it: exactly one of the words, ``from_days_ago`` with ``to_days_ago``.

    ``days: 30`` is as_of - 29 … as_of; ``ahead_days: 30`` is as_of + 1 … as_of + 30; ``months: 3`` the month of as_of (to
    as_of) and the two before; ``complete_months: 3`` the three whole months before that of as_of; ``complete_month: 2`` the
    second whole month before it; ``month_to_date`` from the first of the month.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: int | None = Field(default=None, ge=1, le=3660)
    ahead_days: int | None = Field(default=None, ge=1, le=3660)
    months: int | None = Field(default=None, ge=1, le=36)
    complete_months: int | None = Field(default=None, ge=1, le=36)
    complete_month: int | None = Field(default=None, ge=1, le=36)
    month_to_date: bool | None = None
    from_days_ago: int | None = Field(default=None, ge=0, le=3660)
    to_days_ago: int | None = Field(default=None, ge=0, le=3660)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Window:
        words = self.model_fields_set
        if words == {"from_days_ago", "to_days_ago"}:
            if (self.from_days_ago or 0) < (self.to_days_ago or 0):
                raise ValueError("from_days_ago must not be nearer than to_days_ago")
        elif len(words) != 1 or words & {"from_days_ago", "to_days_ago"}:
            raise ValueError("a window says exactly one thing")
        return self

    @property
    def is_ahead(self) -> bool:
        """Whether it looks at agreed days after as_of."""
        return self.ahead_days is not None

    def months_on(self, as_of: date) -> tuple[Days, ...]:
        """Return the calendar months of the window, newest first; empty when it is not made of months."""
        if self.months:
            return calendar_months(as_of, first_ago=0, last_ago=self.months - 1)
        if self.complete_months:
            return calendar_months(as_of, first_ago=1, last_ago=self.complete_months)
        if self.complete_month:
            return calendar_months(as_of, first_ago=self.complete_month, last_ago=self.complete_month)
        if self.month_to_date:
            return calendar_months(as_of, first_ago=0, last_ago=0)
        return ()

    def on(self, as_of: date) -> Days:
        """Return the days of the window as of a day."""
        if self.days:
            return Days(as_of - timedelta(days=self.days - 1), as_of)
        if self.ahead_days:
            return Days(as_of + timedelta(days=1), as_of + timedelta(days=self.ahead_days))
        if self.from_days_ago is not None and self.to_days_ago is not None:
            return Days(as_of - timedelta(days=self.from_days_ago), as_of - timedelta(days=self.to_days_ago))
        months = self.months_on(as_of)
        return Days(months[-1].first, months[0].last)


__all__ = ["EVER", "Days", "Window", "calendar_months", "month_start"]

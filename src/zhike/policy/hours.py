"""When a recipient may be contacted: quiet hours on their own clock, holidays; and when the next open moment is.

Pure functions of a moment. Hours are data (``contact_policies/*.yaml``); the zone is the recipient's, or the policy's own
when it is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from zhike.kernel.clock import moment_on
from zhike.kernel.terms import Channel
from zhike.policy.definitions import Holiday, QuietHours

LOOK_AHEAD_DAYS = 60


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a moment is closed, and the first open moment after it (None when there is none within the look-ahead)."""

    zh: str
    en: str
    until: datetime | None


def _is_quiet(local: datetime, quiet: QuietHours) -> bool:
    if quiet.weekdays and local.isoweekday() not in quiet.weekdays:
        return False
    clock = local.time()
    if quiet.starts < quiet.ends:
        return quiet.starts <= clock < quiet.ends
    return clock >= quiet.starts or clock < quiet.ends


def _reason(local: datetime, quiet_hours: Sequence[QuietHours], holidays: Sequence[Holiday]) -> tuple[str, str] | None:
    for holiday in holidays:
        if holiday.from_on <= local.date() <= holiday.to_on:
            return f"{holiday.zh}期间不打扰", f"no contact during {holiday.en}"
    for quiet in quiet_hours:
        if _is_quiet(local, quiet):
            span = f"{quiet.starts:%H:%M}–{quiet.ends:%H:%M}"
            return f"免打扰时段 {span}（客户当地时间）", f"quiet hours {span}, the recipient's own time"
    return None


def _openings(day: date, quiet_hours: Sequence[QuietHours]) -> list[time]:
    return sorted({time(0), *(q.ends for q in quiet_hours)})


def closed_reason(
    at: datetime, *, channel: Channel, timezone: str, quiet_hours: Sequence[QuietHours], holidays: Sequence[Holiday]
) -> Closed | None:
    """Return why ``channel`` is closed at ``at``, or None when it is open.

    Parameters
    ----------
    at : aware moment.
    timezone : IANA name of the recipient's zone.

    Returns
    -------
    ``Closed`` with ``until`` = the first open moment after ``at``, in UTC, found among midnights and ends of quiet hours.
    """
    hours = [q for q in quiet_hours if not q.channels or channel in q.channels]
    days = [h for h in holidays if not h.channels or channel in h.channels]
    zone = ZoneInfo(timezone)
    found = _reason(at.astimezone(zone), hours, days)
    if found is None:
        return None
    first = at.astimezone(zone).date()
    for offset in range(LOOK_AHEAD_DAYS):
        day = first + timedelta(days=offset)
        for opening in _openings(day, hours):
            moment = moment_on(day, timezone, hour=opening.hour, minute=opening.minute)
            if moment > at and _reason(moment.astimezone(zone), hours, days) is None:
                return Closed(*found, until=moment)
    return Closed(*found, until=None)


def closes_at(
    at: datetime, *, channel: Channel, timezone: str, quiet_hours: Sequence[QuietHours], holidays: Sequence[Holiday]
) -> datetime | None:
    """Return the first moment after ``at`` at which ``channel`` closes, within a day; None when it stays open."""
    hours = [q for q in quiet_hours if not q.channels or channel in q.channels]
    days = [h for h in holidays if not h.channels or channel in h.channels]
    zone = ZoneInfo(timezone)
    first = at.astimezone(zone).date()
    for day in (first, first + timedelta(days=1)):
        for starts in sorted({time(0), *(q.starts for q in hours)}):
            moment = moment_on(day, timezone, hour=starts.hour, minute=starts.minute)
            if moment > at and _reason(moment.astimezone(zone), hours, days) is not None:
                return moment
    return None


__all__ = ["Closed", "closed_reason", "closes_at"]

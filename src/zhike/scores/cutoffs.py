"""On which past days a model learns: far enough back that the outcome is known, late enough that features have a past."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from zhike.scores.definition import CutoffDefinition


def choose_cutoffs(
    definition: CutoffDefinition, *, horizon_days: int, as_of: date, first_day: date | None
) -> tuple[date, ...]:
    """Return the cutoffs of a run, in the order of time; the same for every day until the next one is complete.

    Parameters
    ----------
    horizon_days : the outcome of cutoff c is known at c + horizon_days, which must not be later than ``as_of``.
    first_day : first day that the bank's facts cover; None when there are none (then there are no cutoffs).
    """
    if first_day is None:
        return ()
    last = as_of - timedelta(days=horizon_days)
    first = first_day + timedelta(days=definition.history_days)
    found: list[date] = []
    for day in _backwards(definition, last):
        if day < first or len(found) == definition.n:
            break
        found.append(day)
    return tuple(reversed(found))


def _backwards(definition: CutoffDefinition, last: date) -> Iterator[date]:
    if definition.step == "days":
        step = definition.every_days
        day = last - timedelta(days=(last - definition.counted_from).days % step)
        while day.year > 1:
            yield day
            day -= timedelta(days=step)
        return
    day = last if (last + timedelta(days=1)).day == 1 else last.replace(day=1) - timedelta(days=1)
    while day.year > 1:
        yield day
        day = day.replace(day=1) - timedelta(days=1)


__all__ = ["choose_cutoffs"]

"""Events of one kind in an audience index: customer by customer in the order of days, so that a window is a sweep over small integers.

Counts, sums and latest days per customer are segment-wise reductions; whether one thing was followed by another is one search per first
event. Whoever has no event of the kind costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zhike.rules.index.columns import Column
from zhike.rules.joining import MILLION
from zhike.rules.terms import EventStat

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Slots = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one kind, ordered by customer, day and moment.

    ``customers`` : slots that have any, ascending; ``starts`` : where theirs begin, and last how many events there are. Per event:
    ``day`` since 1970, ``at`` in microseconds since 1970, and the columns that filters ask for.
    """

    customers: Slots
    starts: Ints
    day: npt.NDArray[np.uint16]
    at: Ints
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.day)

    def slots(self) -> Slots:
        """Return the customer of each event."""
        return np.repeat(self.customers, np.diff(self.starts))

    def within(self, first: int, last: int) -> Flags:
        """Return which events lie between two days."""
        kind = np.uint16
        if first > last or last < 0:
            return np.zeros(len(self), np.bool_)
        return (self.day >= kind(max(first, 0))) & (self.day <= kind(min(last, 65_535)))

    def each_day_once(self) -> Events:
        """Return the last event of each customer and day: what is counted of these is days."""
        is_last = np.ones(len(self), np.bool_)
        is_last[:-1] = self.day[1:] != self.day[:-1]
        is_last[self.starts[1:] - 1] = True
        kept = (
            np.add.reduceat(is_last, self.starts[:-1], dtype=np.int64) if len(self.customers) else np.zeros(0, np.int64)
        )
        starts = np.concatenate([[0], np.cumsum(kept)])
        return Events(self.customers, starts, self.day[is_last], self.at[is_last], {})

    def with_at_least(self, least: int, first: int) -> Slots:
        """Return who has at least so many events from ``first`` on, at least one being asked for: the ``least``-th from the end says it."""
        at = self.starts[1:] - least
        is_there = at >= self.starts[:-1]
        found: Slots = self.customers[is_there]
        return found[self.day[at[is_there]] >= np.uint16(max(first, 0))]

    def reduced(self, stat: EventStat, fits: Flags) -> tuple[Slots, npt.NDArray[Any]]:
        """Return (slots, number) of the customers with an event that fits: how many, days, millionths of the sum, or the latest day."""
        starts = self.starts[:-1]
        if not len(starts):
            return self.customers, np.zeros(0, np.int64)
        counts = np.add.reduceat(fits, starts, dtype=np.int64)
        some = counts > 0
        customers = self.customers[some]
        match stat:
            case EventStat.COUNT:
                return customers, counts[some]
            case EventStat.DAYS_SINCE:
                return customers, np.maximum.reduceat(np.where(fits, self.day, np.uint16(0)), starts)[some].astype(
                    np.int64
                )
            case EventStat.SUM:
                values, there = self.columns["value"].numbers()
                millionths = np.where(fits & there, np.round(values * MILLION), 0.0).astype(np.int64)
                return customers, np.add.reduceat(millionths, starts)[some]
            case EventStat.DAYS:
                at = np.flatnonzero(fits)
                slots, days = self.slots()[at], self.day[at]
                is_new = np.ones(len(at), np.bool_)
                is_new[1:] = (slots[1:] != slots[:-1]) | (days[1:] != days[:-1])
                found, n = np.unique(slots[is_new], return_counts=True)
                return found.astype(np.uint32), n.astype(np.int64)


def together(parts: Sequence[tuple[Slots, npt.NDArray[Any]]], stat: EventStat) -> tuple[Slots, npt.NDArray[Any]]:
    """Return the numbers of several kinds of events together; days have to be counted together before (:func:`days_together`)."""
    if len(parts) == 1:
        return parts[0]
    slots, place = np.unique(np.concatenate([s for s, _ in parts]), return_inverse=True)
    numbers = np.concatenate([v for _, v in parts])
    if stat is EventStat.DAYS_SINCE:
        found = np.zeros(len(slots), np.int64)
        np.maximum.at(found, place, numbers)
        return slots, found
    total = np.zeros(len(slots), np.int64)
    np.add.at(total, place, numbers)
    return slots, total


def days_together(parts: Sequence[tuple[Slots, npt.NDArray[np.uint16]]]) -> tuple[Slots, Ints]:
    """Return (slots, number of different days) of (slot, day) of events of several kinds."""
    keys = np.unique(np.concatenate([(s.astype(np.int64) << 16) | d for s, d in parts]))
    slots, n = np.unique(keys >> 16, return_counts=True)
    return slots.astype(np.uint32), n.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Moments:
    """Some events, in any order: whose, on which day, at which moment."""

    slot: Slots
    day: npt.NDArray[Any]
    at: Ints


def moments(parts: Sequence[tuple[Events, Flags]]) -> Moments:
    """Return those events of several kinds that are flagged."""
    return Moments(
        np.concatenate([e.slots()[f] for e, f in parts]), np.concatenate([e.day[f] for e, f in parts]),
        np.concatenate([e.at[f] for e, f in parts]),
    )  # fmt: skip


def followed(first: Moments, second: Moments, within_days: int) -> Slots:
    """Return whose first event was followed by a second one, later and at most so many days after."""
    if not len(first.slot) or not len(second.slot):
        return np.zeros(0, np.uint32)
    _, rank = np.unique(np.concatenate([first.at, second.at]), return_inverse=True)
    width = np.int64(len(rank) + 1)
    key_first = first.slot.astype(np.int64) * width + rank[: len(first.slot)]
    key_second = second.slot.astype(np.int64) * width + rank[len(first.slot) :]
    order = np.argsort(key_second, kind="stable")
    key_second, slot, day = key_second[order], second.slot[order].astype(np.int64), second.day[order].astype(np.int64)
    # the earliest day among a customer's later events: a running least from the end, in which later customers lie far above
    far = np.int64(1) << 17
    earliest = np.minimum.accumulate((day + slot * far)[::-1])[::-1]
    place = np.searchsorted(key_second, key_first, "right")
    inside = place < len(slot)
    at = np.minimum(place, len(slot) - 1)
    is_own = inside & (slot[at] == first.slot)
    gap = earliest[at] - first.slot.astype(np.int64) * far - first.day.astype(np.int64)
    return np.unique(first.slot[is_own & (gap <= within_days)])


__all__ = ["Events", "Moments", "days_together", "followed", "moments", "together"]

"""Reading tables as of a day: what had happened and had been recorded by its end, with later ends of it still unknown.

This is the only door through which features see facts; nothing above filters dates on its own. A *state* (the arrears of a
loan, the status of an application) is overwritten by the bank and has no date of its own: it is known on the day for which
it was delivered and on no earlier one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Protocol

import ibis
import ibis.expr.types as ir

from zhike.kernel.clock import moment_on

BUSINESS_TIMEZONE = "Asia/Shanghai"
LATER_ENDS = (
    "ended_on",
    "end_kind",
    "closed_on",
    "settled_on",
    "deleted_on",
    "paid_on",
    "activated_on",
    "decided_on",
    "left_on",
)
STATES: Mapping[str, tuple[str, ...]] = {
    "loan": ("five_class", "arrears_days", "arrears_days_12m", "arrears_days_24m"),
    "credit_facility": ("status",),
    "loan_application": ("status",),
    "card": ("last_used_on", "owed_amount"),
    "card_bill": ("paid_amount",),
    "project": ("stage",),
}
HISTORIES: Mapping[str, str] = {"balance_daily": "on", "holding_daily": "on", "transaction": "on"}


class Tables(Protocol):
    """Typed Ibis tables by name: a step's catalog, or a plain mapping."""

    def __getitem__(self, table: str, /) -> ir.Table:
        """Return the table called ``table``."""
        ...


def unkept(table: ir.Table) -> ir.Table:
    """Leave an intermediate result an expression: nothing runs before the whole is asked for."""
    return table


def undropped(_: ir.Table) -> None:
    """Leave an intermediate result where it is."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A day on which customers are looked at.

    ``known_at``: end of that business day as a UTC moment without zone; ``histories``: first day that each of the long
    fact tables covers, so that a window before it is missing and not zero. ``made_on``: day for which customers and states
    were delivered; on any other day the states are unknown. ``keep`` may compute an intermediate result that
    several features share, and ``drop`` gives up what it returned (see ``keeping``).
    """

    tables: Tables
    as_of: date
    known_at: datetime
    histories: Mapping[str, date] = field(default_factory=dict)
    keep: Callable[[ir.Table], ir.Table] = unkept
    made_on: date | None = None
    drop: Callable[[ir.Table], None] = undropped
    _made: dict[str, ir.Table] = field(default_factory=dict)

    @property
    def shows_states(self) -> bool:
        """Whether states and golden attributes as they were delivered are those of the day."""
        return self.made_on == self.as_of

    @property
    def zone_offset(self) -> timedelta:
        """How far the clocks of the business are ahead of UTC at the end of the day."""
        return datetime.combine(self.as_of + timedelta(days=1), time()) - self.known_at

    def once(self, name: str, make: Callable[[Observation], ir.Table]) -> ir.Table:
        """Return the table that ``make`` gives, made (and kept) once per observation."""
        if name not in self._made:
            self._made[name] = self.keep(make(self))
        return self._made[name]

    def forget(self, name: str) -> None:
        """Give up what :meth:`once` made under this name, so that its memory is free; asked for again, it is made again."""
        if name in self._made:
            self.drop(self._made.pop(name))

    def history_of(self, *tables: str) -> date | None:
        """Return the first day that any of ``tables`` covers; None when unknown."""
        known = [self.histories[t] for t in tables if t in self.histories]
        return min(known) if known else None

    def known(self, table: str, *, dated_by: str = "") -> ir.Table:
        """Return the rows of ``table`` that were known on the day, with ends after it masked.

        Parameters
        ----------
        dated_by : date column that must not be after the day; "" for tables that carry none.
        """
        rows = self.tables[table]
        names = set(rows.columns)
        if dated_by:
            rows = rows.filter(rows[dated_by] <= ibis.literal(self.as_of))
        if "recorded_at" in names:
            rows = rows.filter(rows.recorded_at <= ibis.literal(self.known_at))
        if not self.shows_states:
            hidden = [n for n in STATES.get(table, ()) if n in names]
            rows = rows.mutate(**{n: ibis.null(rows[n].type()) for n in hidden}) if hidden else rows
        return self.masked(rows)

    def masked(self, rows: ir.Table) -> ir.Table:
        """Return ``rows`` as they looked on the day: an end that lies after it is missing, and so is how it ended."""
        later = [n for n in LATER_ENDS if n in rows.columns]
        day = ibis.literal(self.as_of)
        masks: dict[str, ir.Value] = {n: ibis.ifelse(rows[n] <= day, rows[n], None) for n in later if n != "end_kind"}
        if "end_kind" in later:
            masks["end_kind"] = ibis.ifelse(rows.ended_on <= day, rows.end_kind, None)
        return rows.mutate(**masks) if masks else rows

    def in_force(self, rows: ir.Table) -> ir.BooleanValue:
        """Return whether a row with ``valid_from_on``/``valid_to_on`` holds on the day; a missing end holds."""
        day = ibis.literal(self.as_of)
        starts = rows.valid_from_on.isnull() | (rows.valid_from_on <= day)
        return starts & (rows.valid_to_on.isnull() | (rows.valid_to_on >= day))


def end_of_day(as_of: date, timezone: str) -> datetime:
    """Return the end of a business day as a UTC moment without zone, as tables carry it."""
    return moment_on(as_of + timedelta(days=1), timezone).replace(tzinfo=None)


def history_starts(tables: Tables, as_of: date, *, needed: Sequence[str] = tuple(HISTORIES)) -> dict[str, date]:
    """Return the first day that each of the long fact tables covers; tables without rows up to ``as_of`` are left out."""
    found: dict[str, date] = {}
    for name in needed:
        first = tables[name][HISTORIES[name]].min().to_pyarrow().as_py()
        if first is not None and first <= as_of:
            found[name] = first
    return found


def observe(
    tables: Tables,
    as_of: date,
    *,
    timezone: str = BUSINESS_TIMEZONE,
    histories: Mapping[str, date] | None = None,
    keep: Callable[[ir.Table], ir.Table] = unkept,
    drop: Callable[[ir.Table], None] = undropped,
    made_on: date | None = None,
) -> Observation:
    """Return the observation of ``tables`` on a day; ``histories`` are looked up when not given."""
    known = history_starts(tables, as_of) if histories is None else histories
    return Observation(tables, as_of, end_of_day(as_of, timezone), dict(known), keep, made_on, drop)


__all__ = [
    "BUSINESS_TIMEZONE",
    "STATES",
    "Observation",
    "Tables",
    "end_of_day",
    "history_starts",
    "observe",
    "undropped",
    "unkept",
]

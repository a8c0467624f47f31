"""The audience index: who matches a rule, in milliseconds, by the same language and with the same answers as the batch evaluator.

Columns, events and relations are read when a rule first asks for them, kept as codes in arrays, and written beside the version they
belong to. What a leaf found is kept as a roaring bitmap, so that editing one condition of ten looks at one. What the index has no
sweep for (a field against another one, arithmetic) is asked of the engine once and kept like the rest.
"""

# ruff: noqa: PLR0911 - one return per kind of term

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.rules.index.columns import Column
from zhike.rules.index.comparing import column_test, day_number, number_test, whole_span
from zhike.rules.index.events import Events, days_together, followed, moments, together
from zhike.rules.index.kept import Kept, column_of, events_of, numbered
from zhike.rules.index.members import Members, everybody, in_all, in_any, in_at_least, nobody
from zhike.rules.index.relations import Edges
from zhike.rules.index.source import NUMBER, TableSource
from zhike.rules.meaning import calendar_value, day_window, event_days
from zhike.rules.terms import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Compare,
    Comparison,
    Condition,
    Contactable,
    EventPattern,
    EventStat,
    EventValue,
    EventWindow,
    Everyone,
    Expression,
    Field,
    FollowedBy,
    HasTag,
    InSegment,
    Measure,
    Negated,
    OnCalendar,
    OnList,
    Related,
    Rule,
    ScoreValue,
    TagPart,
    TagValue,
    WindowUnit,
)
from zhike.rules.walking import parts_of
from zhike.warehouse.contracts import Kind

Slots = npt.NDArray[np.uint32]
UP_TO_TODAY = (WindowUnit.DAYS, WindowUnit.TRADING_DAYS, WindowUnit.MONTH_TO_DATE)
MOST_WAITING = 16  # leaves that wait as masks for being asked again; older ones become bitmaps
MOST_KEPT = 4_096  # leaves whose bitmaps are kept
Numbers = tuple[Slots, npt.NDArray[Any]]


@dataclass
class AudienceIndex:
    """An index over the tables of ``source`` on one day.

    ``folder`` : where encoded columns and events are kept for the next process; None keeps them in memory only.
    ``fresh`` : events that came after the run, see :meth:`refreshed`.
    """

    source: TableSource
    as_of: date
    folder: Path | None = None
    fresh: pa.Table | None = None
    _columns: dict[tuple[str, ...], Column | None] = field(default_factory=dict)
    _tables: dict[tuple[str, ...], pa.Table] = field(default_factory=dict)
    _events: dict[str, Events] = field(default_factory=dict)
    _days: dict[str, Events] = field(default_factory=dict)
    _leaves: OrderedDict[Condition, Members] = field(default_factory=OrderedDict)
    _numbers: OrderedDict[EventValue, Numbers] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._kept = Kept(self.folder)

    @property
    def n(self) -> int:
        """How many customers there are."""
        return len(self.source.numbers)

    # ---- what is asked

    def count(self, rule: Rule) -> int:
        """Return how many customers match."""
        return len(self.members(rule))

    def customer_numbers(self, members: Members) -> npt.NDArray[np.int64]:
        """Return the ``customer_no`` of members, ascending."""
        found: npt.NDArray[np.int64] = self.source.numbers[members.slots()]
        return found

    def members(self, rule: Rule) -> Members:
        """Return who matches a rule on the day of the index."""
        match rule:
            case AllOf(of):
                return in_all([self.members(c) for c in of])
            case AnyOf(of):
                return in_any([self.members(c) for c in of])
            case AtLeastOf(least, of):
                return in_at_least(least, [self.members(c) for c in of])
            case Negated(of):
                return ~self.members(of)
            case Everyone():
                return everybody(self.n)
            case OnCalendar(unit, values):
                return everybody(self.n) if calendar_value(unit, self.as_of) in values else nobody(self.n)
            case _:
                return self._leaf(rule)

    def refreshed(self, events: pa.Table, *, as_of: date | None = None) -> AudienceIndex:
        """Return the index with further events: ``customer_no, event_kind, on, at`` and the columns of filters.

        All that no event or day changes is shared. ``as_of`` : the day that windows now end on; the profile stays that of the run.
        """
        day = as_of or self.as_of
        kinds = set(events["event_kind"].to_pylist())
        everything = events if self.fresh is None else pa.concat_tables([self.fresh, events], promote_options="default")
        found = AudienceIndex(self.source.on(day), day, self.folder, everything, self._columns)
        found._kept, found._tables = self._kept, {} if day != self.as_of else self._tables
        found._events = {k: e for k, e in self._events.items() if k not in kinds and day == self.as_of}
        if day == self.as_of:
            found._days = {k: e for k, e in self._days.items() if k not in kinds}
            found._leaves = OrderedDict((c, m) for c, m in self._leaves.items() if not _kinds_of(c) & kinds)
            found._numbers = OrderedDict((v, m) for v, m in self._numbers.items() if not set(v.pattern.kinds) & kinds)
        return found

    # ---- leaves

    def _leaf(self, leaf: Condition) -> Members:
        """Return who matches a leaf; one that is asked for again is kept as a bitmap."""
        known = self._leaves.pop(leaf, None)
        if known is not None:
            known = known.kept()
        else:
            known = self._found(leaf)
            waiting = [c for c, m in self._leaves.items() if not m.is_bitmap]
            for old in waiting[: max(0, len(waiting) - MOST_WAITING + 1)]:
                self._leaves[old] = self._leaves[old].kept()
        self._leaves[leaf] = known
        if len(self._leaves) > MOST_KEPT:
            self._leaves.popitem(last=False)
        return known

    def _found(self, leaf: Condition) -> Members:
        match leaf:
            case Compare():
                return self._compared(leaf)
            case HasTag(tag):
                return self._of_table("tag", tag)
            case InSegment(segment, buckets, days):
                found = [self._of_table("segment", segment)]
                if buckets:
                    column = self._column("segment", segment, "bucket", Kind.CODE)
                    found.append(column.among(buckets) if column else self._asked(leaf))
                return in_all([*found, *self._since("segment", segment, days)])
            case OnList(name, days):
                return in_all([self._of_table("on_list", name), *self._since("on_list", name, days)])
            case Contactable():
                return self._contactable(leaf)
            case FollowedBy():
                return self._sequence(leaf)
            case Related():
                return self._related(leaf)
            case _:
                raise AssertionError(f"not a leaf: {leaf}")

    def _compared(self, test: Compare) -> Members:
        left = _plain(test.left)
        if isinstance(left, EventValue):
            counted = self._counted(test, left)
            return self._asked(test) if counted is None else counted
        column = self._column_of(left)
        found = column_test(column, test, left.kind, self.as_of) if column is not None else None
        return self._asked(test) if found is None else found

    def _asked(self, rule: Condition) -> Members:
        """Return who matches by the batch evaluator."""
        return Members(
            self.n, numbered(self.source.numbers, np.sort(self.source.with_events(self.fresh).matching(rule)))
        )

    def _since(self, table: str, key: str, days: int | None) -> list[Members]:
        if days is None:
            return []
        first, _ = day_window(Comparison.WITHIN_LAST_DAYS, days, self.as_of)
        column = self._column(table, key, "since", Kind.DAY)
        assert first is not None
        assert column is not None  # days have codes
        return [column.between(day_number(first), None)]

    # ---- columns

    def _column_of(self, left: Expression) -> Column | None:
        match left:
            case Field(name, kind):
                return self._column("field", name, name, kind)
            case TagValue(tag, part, kind):
                return self._column("tag", tag, TagPart(part).value, kind)
            case ScoreValue(model, part, kind):
                return self._column("score", model, part, kind)
            case _:
                return None

    def _column(self, table: str, key: str, name: str, kind: Kind) -> Column | None:
        """Return a column as codes; None where it has too many different texts for them."""
        at = (table, key, name)
        if at not in self._columns:
            found = self._kept.column(at) if table == "field" else None
            if found is None and table == "field":
                found = column_of(self.n, self.source.field(name), kind)
                if found is not None:
                    self._kept.keep_column(at, found)
            elif found is None:
                rows = self._table(table, key)
                found = column_of(self.n, rows[name], kind, numbered(self.source.numbers, rows[NUMBER].to_numpy()))
            self._columns[at] = found
        return self._columns[at]

    def _table(self, table: str, key: str) -> pa.Table:
        if (table, key) not in self._tables:
            self._tables[table, key] = getattr(self.source, table)(key)
        return self._tables[table, key]

    def _of_table(self, table: str, key: str) -> Members:
        """Return everybody whom a table of tags, segments or lists has."""
        return Members(self.n, numbered(self.source.numbers, self._table(table, key)[NUMBER].to_numpy()))

    def _contactable(self, leaf: Contactable) -> Members:
        rows = self._table("contactable", leaf.purpose)
        fits = np.ones(rows.num_rows, np.bool_)
        for name, wanted in (("channel", leaf.channels), ("product_line", leaf.product_lines)):
            if wanted:
                fits &= np.isin(rows[name].to_numpy(zero_copy_only=False).astype(str), wanted)
        return Members(self.n, numbered(self.source.numbers, np.unique(rows[NUMBER].to_numpy()[fits])))

    # ---- events

    def _events_of(self, kind: str) -> Events:
        if kind not in self._events:
            found = self._kept.events(kind, self.as_of) if self.fresh is None else None
            if found is None:
                rows = self.source.events(kind)
                if self.fresh is not None:
                    mine = self.fresh.filter(_fresh_of(self.fresh, kind, self.as_of))
                    rows = pa.concat_tables(
                        [rows, mine.select([c for c in rows.column_names if c in mine.column_names])],
                        promote_options="permissive",
                    )
                found = events_of(self.source.numbers, rows)
                if self.fresh is None:
                    self._kept.keep_events(kind, self.as_of, found)
            self._events[kind] = found
        return self._events[kind]

    def _days_of(self, kind: str) -> Events:
        """Return the events of a kind, each day of a customer once."""
        if kind not in self._days:
            self._days[kind] = self._events_of(kind).each_day_once()
        return self._days[kind]

    def _fitting(self, pattern: EventPattern, window: EventWindow) -> list[tuple[Events, npt.NDArray[np.bool_]]] | None:
        """Return the events of each kind with flags of those that fit; None where a filter needs the engine."""
        first, last = (day_number(d) for d in event_days(window, self.as_of))
        found = []
        for kind in pattern.kinds:
            events = self._events_of(kind)
            fits = events.within(first, min(last, day_number(self.as_of)))
            for test in pattern.filters:
                assert isinstance(test.left, Field)
                column = events.columns.get(test.left.name)
                kept = column_test(column, test, test.left.kind, self.as_of) if column is not None else None
                if kept is None:
                    return None
                fits &= kept.mask()
            found.append((events, fits))
        return found

    def _counted(self, test: Compare, value: EventValue) -> Members | None:
        quick = self._plainly_counted(test, value)
        if quick is not None:
            return quick
        numbers = self._numbers_of(value)
        if numbers is None:
            return None
        slots, found = numbers
        is_sum, is_since = value.stat is EventStat.SUM, value.stat is EventStat.DAYS_SINCE
        shown = found / 1_000_000.0 if is_sum else day_number(self.as_of) - found if is_since else found
        holds = number_test(test, value.kind)
        if holds is None:
            return None
        flags, of_none = holds(shown), not is_since and bool(holds(np.zeros(1, shown.dtype))[0])
        if test.by is Comparison.IS_MISSING:
            return ~Members(self.n, slots) if is_since else nobody(self.n)
        if of_none:
            return ~Members(self.n, slots[~flags])
        return Members(self.n, slots[flags])

    def _plainly_counted(self, test: Compare, value: EventValue) -> Members | None:
        """Return who has so many events of one kind up to today, the k-th from the end saying it; None where more is asked."""
        span = whole_span(test, value.kind)
        is_counted = value.stat in (EventStat.COUNT, EventStat.DAYS)
        is_plain = is_counted and len(value.pattern.kinds) == 1 and not value.pattern.filters
        if span is None or not is_plain or value.window.years_ago or value.window.unit not in UP_TO_TODAY:
            return None
        first, _ = event_days(value.window, self.as_of)
        kind, (low, high) = value.pattern.kinds[0], span
        events = self._events_of(kind) if value.stat is EventStat.COUNT else self._days_of(kind)
        since = day_number(first)
        if high is not None and high < max(low, 0):
            return nobody(self.n)
        if low < 1:
            return everybody(self.n) if high is None else ~Members(self.n, events.with_at_least(high + 1, since))
        enough = events.with_at_least(low, since)
        if high is None:
            return Members(self.n, enough)
        return Members(self.n, np.setdiff1d(enough, events.with_at_least(high + 1, since), assume_unique=True))

    def _numbers_of(self, value: EventValue) -> Numbers | None:
        if value not in self._numbers:
            fitting = self._fitting(value.pattern, value.window)
            if fitting is None:
                return None
            if value.stat is EventStat.DAYS and len(fitting) > 1:
                self._numbers[value] = days_together([(e.slots()[f], e.day[f]) for e, f in fitting])
            else:
                self._numbers[value] = together([e.reduced(value.stat, f) for e, f in fitting], value.stat)
            if len(self._numbers) > MOST_WAITING:
                self._numbers.popitem(last=False)
        return self._numbers[value]

    def _sequence(self, leaf: FollowedBy) -> Members:
        window = EventWindow(WindowUnit.DAYS, leaf.in_last_days)
        first, second = self._fitting(leaf.first, window), self._fitting(leaf.second, window)
        if first is None or second is None:
            return self._asked(leaf)
        began = moments(first)
        done = followed(began, moments(second), leaf.within_days)
        return Members(
            self.n, done if leaf.is_followed else np.setdiff1d(np.unique(began.slot), done, assume_unique=True)
        )

    # ---- relations

    def _related(self, leaf: Related) -> Members:
        edges = self._edges(leaf)
        if leaf.where is None:
            return Members(self.n, edges.any())
        return Members(self.n, edges.reaching(self.members(leaf.where).mask(), leaf.hops))

    def _edges(self, leaf: Related) -> Edges:
        rows: Any = self.source.relations(leaf)
        n = self.n
        ends = {
            s: numbered(self.source.numbers, rows[f"{s}_no"].fill_null(-1).to_numpy(), missing=n).astype(np.int64)
            for s in ("key", "other")
        }
        strangers = {s: np.flatnonzero(ends[s] == n) for s in ends}
        names = [rows[f"{s}_id"].take(pa.array(at)).to_pylist() for s, at in strangers.items()]
        known = {name: n + i for i, name in enumerate(dict.fromkeys([*names[0], *names[1]]))}
        for (side, at), own in zip(strangers.items(), names, strict=True):
            ends[side][at] = [known[name] for name in own]
        return Edges(n, n + len(known), ends["key"], ends["other"])


def _fresh_of(events: pa.Table, kind: str, as_of: date) -> Any:
    import pyarrow.compute as pc

    is_due = pc.less_equal(events["on"], pa.scalar(as_of))
    return pc.and_(pc.equal(events["event_kind"], kind), is_due)  # type: ignore[call-overload]


def _plain(expression: Expression) -> Expression:
    """Return what a measure stands for."""
    while isinstance(expression, Measure):
        expression = expression.of
    return expression


def _kinds_of(leaf: Condition) -> set[str]:
    """Return the kinds of events that a leaf reads."""
    found: set[str] = set()
    for part in parts_of(leaf):
        if isinstance(part, EventValue):
            found |= set(part.pattern.kinds)
        elif isinstance(part, FollowedBy):
            found |= {*part.first.kinds, *part.second.kinds}
    return found


__all__ = ["AudienceIndex"]

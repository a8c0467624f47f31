"""Reading event leaves: how often something was done in a window, how much it came to, how long it is past, and what followed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from zhike.rules.comparing import WORDS, read_comparisons
from zhike.rules.expressions import EVENT_WORDS
from zhike.rules.reading import (
    MAX_EVENT_DAYS,
    MAX_EVENT_LEAVES,
    MAX_EVENT_MONTHS,
    MAX_EVENT_WEEKS,
    MAX_YEARS_AGO,
    Reading,
)
from zhike.rules.terms import (
    AllOf,
    Compare,
    Comparison,
    Condition,
    EventPattern,
    EventStat,
    EventValue,
    EventWindow,
    Field,
    FollowedBy,
    Literal,
    WindowUnit,
)
from zhike.rules.vocabulary import EVENT_FIELDS
from zhike.warehouse.contracts import Kind

MAX_COUNT = 1_000_000
_ASKED = [
    c.value
    for c in (
        Comparison.IS, Comparison.AT_LEAST, Comparison.AT_MOST, Comparison.ABOVE, Comparison.BELOW, Comparison.BETWEEN
    )
]  # fmt: skip
_WINDOWS: Mapping[str, tuple[WindowUnit, int]] = {
    "within_days": (WindowUnit.DAYS, MAX_EVENT_DAYS),
    "within_trading_days": (WindowUnit.TRADING_DAYS, MAX_EVENT_DAYS // 2),
    "within_complete_months": (WindowUnit.COMPLETE_MONTHS, MAX_EVENT_MONTHS),
    "month_to_date": (WindowUnit.MONTH_TO_DATE, 1),
}
_PERIODS: Mapping[str, tuple[WindowUnit, int]] = {
    "in_each_of_months": (WindowUnit.MONTH_AGO, MAX_EVENT_MONTHS),
    "in_each_of_weeks": (WindowUnit.WEEK_AGO, MAX_EVENT_WEEKS),
}


def _kinds(reading: Reading, tree: object, path: str) -> tuple[str, ...] | None:
    kinds: list[Any] = tree if isinstance(tree, list) else [tree]
    known = reading.vocabulary.events
    before = len(reading.findings)
    if not kinds:
        reading.wrong(path, "names no event", "没有写事件")
    for kind in kinds:
        if not isinstance(kind, str) or (known is not None and kind not in known):
            reading.unknown(path, ("event", "事件"), kind, known or ())
    return tuple(kinds) if len(reading.findings) == before else None


def _filters(reading: Reading, tree: object, path: str) -> tuple[Compare, ...]:
    if not isinstance(tree, Mapping):
        reading.wrong(path, "must be a mapping of column: value", "应为 列: 值", value=tree)
        return ()
    found: list[Compare] = []
    for column, asked in tree.items():
        here = f"{path}.{column}"
        if column not in EVENT_FIELDS:
            reading.unknown(here, ("column of events", "事件的列"), column, EVENT_FIELDS)
            continue
        words = asked if isinstance(asked, Mapping) else {"in": asked} if isinstance(asked, list) else {"is": asked}
        reading.only(here, words, WORDS)
        found += read_comparisons(reading, Field(column, EVENT_FIELDS[column]), words, here)
    if not all(isinstance(r, Literal) for test in found for r in test.right):
        reading.wrong(path, "a filter of events compares with constants only", "事件筛选只能与常量比较")
    return tuple(found)


def _pattern(reading: Reading, kinds: object, where: object, path: str, word: str) -> EventPattern | None:
    read = _kinds(reading, kinds, f"{path}.{word}")
    filters = _filters(reading, where, f"{path}.where") if where is not None else ()
    return None if read is None else EventPattern(read, filters)


def _tested(reading: Reading, value: EventValue, tree: object, path: str) -> list[Compare]:
    """Return what is asked of a number about events."""
    if not isinstance(tree, Mapping) or not tree:
        reading.wrong(path, "must be such as {at_least: 3}", "应写如 {at_least: 3}", value=tree)
        return []
    reading.only(path, tree, _ASKED)
    tests = read_comparisons(reading, value, {w: t for w, t in tree.items() if w in _ASKED}, path)
    for test in tests if value.kind is Kind.INTEGER else ():
        for constant in (r.value for r in test.right if isinstance(r, Literal)):
            if not isinstance(constant, Decimal) or constant != int(constant) or not 0 <= constant <= MAX_COUNT:
                reading.wrong(
                    f"{path}.{test.by}", f"must be a whole number from 0 to {MAX_COUNT}", f"应为 0 至 {MAX_COUNT} 的整数", value=constant
                )  # fmt: skip
    return tests


def _event_window(reading: Reading, tree: Mapping[str, Any], path: str) -> EventWindow:
    """Return the window that a leaf writes; one word says it, ``years_ago`` moves it."""
    used = [w for w in _WINDOWS if w in tree]
    if len(used) != 1:
        reading.wrong(path, f"needs one of {', '.join(_WINDOWS)}", f"应写 {'、'.join(_WINDOWS)} 之一")
        return EventWindow(WindowUnit.DAYS, 1)
    word = used[0]
    unit, most = _WINDOWS[word]
    if unit is WindowUnit.MONTH_TO_DATE:
        if tree[word] is not True:
            reading.wrong(f"{path}.{word}", "must be true", "应为 true", value=tree[word])
        n = 1
    else:
        n = reading.whole(f"{path}.{word}", tree[word], least=1, most=most) or 1
    ago = reading.whole(f"{path}.years_ago", tree.get("years_ago", 0), least=0, most=MAX_YEARS_AGO) or 0
    return EventWindow(unit, n, ago)


def _counted_leaf(reading: Reading) -> bool:
    reading.n_event_leaves += 1
    if reading.n_event_leaves <= MAX_EVENT_LEAVES:
        return True
    reading.wrong("", f"more than {MAX_EVENT_LEAVES} event conditions", f"事件条件超过 {MAX_EVENT_LEAVES} 个")
    return False


def read_event_value(reading: Reading, tree: Mapping[str, Any], path: str) -> EventValue | None:
    """Return a number about events as an expression writes it: ``{event: …, stat: sum, within_days: 30}``."""
    if not _counted_leaf(reading):
        return None
    stats = [s.value for s in EventStat]
    stat = tree.get("stat", EventStat.COUNT.value)
    if stat not in stats:
        reading.unknown(f"{path}.stat", ("number about events", "事件统计"), stat, stats)
        return None
    pattern = _pattern(reading, tree["event"], tree.get("where"), path, "event")
    window = _event_window(reading, tree, path)
    return None if pattern is None else EventValue(pattern, EventStat(stat), window)


def _window(reading: Reading, tree: Mapping[str, Any], word: str, path: str) -> int:
    if word not in tree:
        reading.wrong(path, f"needs {word}", f"缺少 {word}")
        return 1
    return reading.whole(f"{path}.{word}", tree[word], least=1, most=MAX_EVENT_DAYS) or 1


def _read_sequence(reading: Reading, tree: Mapping[str, Any], path: str, is_followed: bool) -> Condition | None:  # noqa: FBT001 - internal
    reading.only(path, tree, ("event", "then", "where", "then_where", "within_days", "in_last_days"))
    first = _pattern(reading, tree["event"], tree.get("where"), path, "event")
    second = _pattern(reading, tree["then"], tree.get("then_where"), path, "then")
    within = _window(reading, tree, "within_days", path)
    last = _window(reading, tree, "in_last_days", path) if "in_last_days" in tree else within
    return None if first is None or second is None else FollowedBy(first, second, within, last, is_followed)


def _running(reading: Reading, tree: Mapping[str, Any], path: str) -> list[EventWindow] | None:
    """Return the single periods of a leaf that asks the same of each of several in a row; None where it does not."""
    used = [w for w in _PERIODS if w in tree]
    if not used:
        return None
    if len(used) > 1 or any(w in tree for w in _WINDOWS):
        reading.wrong(path, "says two windows", "写了两个时间窗", value=", ".join(used))
    unit, most = _PERIODS[used[0]]
    n = reading.whole(f"{path}.{used[0]}", tree[used[0]], least=2, most=most) or 2
    ago = reading.whole(f"{path}.years_ago", tree.get("years_ago", 0), least=0, most=MAX_YEARS_AGO) or 0
    return [EventWindow(unit, i, ago) for i in range(1, n + 1)]


def read_event(reading: Reading, tree: Mapping[str, Any], path: str, *, is_followed: bool = True) -> Condition | None:
    """Return what is asked about events, or a sequence when ``then`` is written; ``is_followed`` false is "A and no B"."""
    if not _counted_leaf(reading):
        return None
    if "then" in tree:
        return _read_sequence(reading, tree, path, is_followed)
    reading.only(path, tree, ("event", "where", *(s.value for s in EventStat), *_WINDOWS, *_PERIODS, "years_ago"))
    pattern = _pattern(reading, tree["event"], tree.get("where"), path, "event")
    asked = [s for s in EventStat if s.value in tree]
    if len(asked) > 1:
        reading.wrong(path, f"one of {', '.join(EventStat)} at a time", "一次只能问一种统计")
    windows = _running(reading, tree, path) or [_event_window(reading, tree, path)]
    if pattern is None:
        return None
    stat = asked[0] if asked else EventStat.COUNT
    tests: list[Compare] = []
    for window in windows:
        before = len(reading.findings)
        value = EventValue(pattern, stat, window)
        tests += _tested(reading, value, tree[stat.value] if asked else {"at_least": 1}, f"{path}.{stat}")
        if len(reading.findings) > before:  # the same mistake in each period is told once
            return None
    return tests[0] if len(tests) == 1 else AllOf(tuple(tests)) if tests else None


__all__ = ["EVENT_WORDS", "read_event", "read_event_value"]

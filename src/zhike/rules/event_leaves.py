"""Reading event leaves: how often something was done within days, and whether one thing was followed by another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhike.rules.comparing import WORDS, read_comparisons
from zhike.rules.reading import MAX_EVENT_DAYS, MAX_EVENT_LEAVES, Reading
from zhike.rules.terms import Compare, Comparison, Condition, CountEvents, EventPattern, Field, FollowedBy, Literal
from zhike.rules.vocabulary import EVENT_FIELDS

MAX_COUNT = 1_000_000
_COUNTS = (
    Comparison.IS, Comparison.AT_LEAST, Comparison.AT_MOST, Comparison.ABOVE, Comparison.BELOW, Comparison.BETWEEN
)  # fmt: skip
_AT_LEAST_ONE = ((Comparison.AT_LEAST, (1,)),)


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


def _counts(reading: Reading, tree: object, path: str) -> tuple[tuple[Comparison, tuple[int, ...]], ...]:
    if not isinstance(tree, Mapping) or not tree:
        reading.wrong(path, "must be such as {at_least: 3}", "应写如 {at_least: 3}", value=tree)
        return ()
    reading.only(path, tree, [c.value for c in _COUNTS])
    tests = []
    for by in _COUNTS:
        if by.value not in tree:
            continue
        here, value = f"{path}.{by}", tree[by.value]
        trees = value if by is Comparison.BETWEEN and isinstance(value, list) else [value]
        numbers = [reading.whole(here, t, least=0, most=MAX_COUNT) for t in trees]
        whole = tuple(n for n in numbers if n is not None)
        if by is Comparison.BETWEEN and len(whole) == len(numbers) and (len(whole) != 2 or whole[0] > whole[1]):
            reading.wrong(here, "must be [from, to]", "应为 [下限, 上限]", value=value)
        tests.append((by, whole))
    return tuple(tests)


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


def read_event(reading: Reading, tree: Mapping[str, Any], path: str, *, is_followed: bool = True) -> Condition | None:
    """Return a count of events, or a sequence when ``then`` is written; ``is_followed`` false is "A and no B"."""
    reading.n_event_leaves += 1
    if reading.n_event_leaves > MAX_EVENT_LEAVES:
        reading.wrong(path, f"more than {MAX_EVENT_LEAVES} event conditions", f"事件条件超过 {MAX_EVENT_LEAVES} 个")
        return None
    if "then" in tree:
        return _read_sequence(reading, tree, path, is_followed)
    reading.only(path, tree, ("event", "where", "count", "days", "within_days"))
    pattern = _pattern(reading, tree["event"], tree.get("where"), path, "event")
    within = _window(reading, tree, "within_days", path)
    if "count" in tree and "days" in tree:
        reading.wrong(path, "count or days, not both", "count 与 days 只能写一个")
    per_day = "days" in tree
    word = "days" if per_day else "count"
    counts = _counts(reading, tree[word], f"{path}.{word}") if word in tree else _AT_LEAST_ONE
    return None if pattern is None else CountEvents(pattern, within, counts, per_day)


__all__ = ["read_event"]

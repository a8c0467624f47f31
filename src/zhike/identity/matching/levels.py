"""Levels of agreement between two values, each said three times with one meaning: for tables (Ibis, both engines), for two records
(Python), and for Splink (SQL), which learns how often each level is met.

Similarity of Chinese is never by bytes: characters are compared one by one, edits are counted in pinyin and other ASCII only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
from rapidfuzz.distance import Levenshtein

Record = Mapping[str, Any]
LONGEST_COMPARED = 5  # characters: names of persons that are longer are compared as equal or not


@dataclass(frozen=True, slots=True)
class Kind:
    """One way of comparing: ``table(left, right, column, size)``, ``pair(a, b, size)`` of two values that are there, ``sql``."""

    table: Callable[[ir.Table, ir.Table, str, int], ir.BooleanValue]
    pair: Callable[[Any, Any, int], bool]
    sql: Callable[[str, int], str]


def _both(column: str) -> tuple[str, str]:
    """Return the columns of both sides, not quoted: what one engine reads as a name in quotes is text to the other."""
    return f"{column}_l", f"{column}_r"


def _equal_sql(column: str, _: int) -> str:
    left, right = _both(column)
    return f"{left} = {right}"


def _edits_table(left: ir.Table, right: ir.Table, column: str, size: int) -> ir.BooleanValue:
    return left[column].levenshtein(right[column]) <= size


def _edits_pair(a: Any, b: Any, size: int) -> bool:
    return Levenshtein.distance(a, b, score_cutoff=size) <= size


def _edits_sql(column: str, size: int) -> str:
    left, right = _both(column)
    return f"levenshtein({left}, {right}) <= {size}"


def _swapped_table(left: ir.Table, right: ir.Table, column: str, _: int) -> ir.BooleanValue:
    a, b = left[column], right[column]
    return (a.substr(0, 4) == b.substr(0, 4)) & (a.substr(4, 2) == b.substr(6, 2)) & (a.substr(6, 2) == b.substr(4, 2))


def _swapped_pair(a: Any, b: Any, _: int) -> bool:
    return bool(a[:4] == b[:4] and a[4:6] == b[6:8] and a[6:8] == b[4:6])


def _swapped_sql(column: str, _: int) -> str:
    a, b = _both(column)
    parts = ((1, 4, 1, 4), (5, 2, 7, 2), (7, 2, 5, 2))
    return " AND ".join(f"substr({a}, {i}, {n}) = substr({b}, {j}, {m})" for i, n, j, m in parts)


def _one_character_table(left: ir.Table, right: ir.Table, column: str, size: int) -> ir.BooleanValue:
    a, b = left[column], right[column]
    equal = sum((a.substr(i, 1) == b.substr(i, 1)).ifelse(1, 0) for i in range(LONGEST_COMPARED))
    return (
        (a.length() == b.length())
        & (a.length() >= size)
        & (a.length() <= LONGEST_COMPARED)
        & (equal == LONGEST_COMPARED - 1)
    )


def _one_character_pair(a: Any, b: Any, size: int) -> bool:
    if len(a) != len(b) or not size <= len(a) <= LONGEST_COMPARED:
        return False
    return sum(x != y for x, y in zip(a, b, strict=True)) == 1


def _one_character_sql(column: str, size: int) -> str:
    a, b = _both(column)
    equal = " + ".join(
        f"CASE WHEN substr({a}, {i + 1}, 1) = substr({b}, {i + 1}, 1) THEN 1 ELSE 0 END"
        for i in range(LONGEST_COMPARED)
    )
    lengths = f"length({a}) = length({b}) AND length({a}) >= {size} AND length({a}) <= {LONGEST_COMPARED}"
    return f"{lengths} AND ({equal}) = {LONGEST_COMPARED - 1}"


def _prefix_sql(column: str, size: int) -> str:
    a, b = _both(column)
    return f"substr({a}, 1, {size}) = substr({b}, 1, {size})"


def _suffix_pair(a: Any, b: Any, size: int) -> bool:
    return bool(a[-size:] == b[-size:])


def _suffix_table(left: ir.Table, right: ir.Table, column: str, size: int) -> ir.BooleanValue:
    return left[column].right(size) == right[column].right(size)


def _suffix_sql(column: str, size: int) -> str:
    a, b = _both(column)
    return f"right({a}, {size}) = right({b}, {size})"


def _inside_table(left: ir.Table, right: ir.Table, column: str, size: int) -> ir.BooleanValue:
    a, b = left[column], right[column]
    return ((a.length() >= size) & b.contains(a)) | ((b.length() >= size) & a.contains(b))


def _inside_pair(a: Any, b: Any, size: int) -> bool:
    return (len(a) >= size and a in b) or (len(b) >= size and b in a)


def _inside_sql(column: str, size: int) -> str:
    a, b = _both(column)
    return f"(length({a}) >= {size} AND instr({b}, {a}) > 0) OR (length({b}) >= {size} AND instr({a}, {b}) > 0)"


KINDS: Mapping[str, Kind] = {
    "equal": Kind(lambda left, right, c, _: left[c] == right[c], lambda a, b, _: bool(a == b), _equal_sql),
    "edits": Kind(_edits_table, _edits_pair, _edits_sql),
    "swapped_day_month": Kind(_swapped_table, _swapped_pair, _swapped_sql),
    "one_character": Kind(_one_character_table, _one_character_pair, _one_character_sql),
    "prefix": Kind(
        lambda left, right, c, n: left[c].substr(0, n) == right[c].substr(0, n),
        lambda a, b, n: bool(a[:n] == b[:n]),
        _prefix_sql,
    ),
    "suffix": Kind(_suffix_table, _suffix_pair, _suffix_sql),
    "inside": Kind(_inside_table, _inside_pair, _inside_sql),
}
"""``equal``; ``edits`` at most ``size`` (ASCII); ``swapped_day_month`` of YYYYMMDD; ``one_character`` differs of at least ``size``;
equal ``prefix`` or ``suffix`` of ``size``; one ``inside`` the other, which has at least ``size`` characters."""

__all__ = ["KINDS", "Kind", "Record"]

"""Reading comparisons: what may be asked of a value of each kind, and the constants or expressions it is compared with."""

# ruff: noqa: PLR0911 - one return per kind of term

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from zhike.rules.expressions import fits, read_expression
from zhike.rules.reading import MAX_LIST_VALUES, MAX_WINDOW_DAYS, Reading
from zhike.rules.terms import (
    DAY_WINDOWS,
    NUMERIC_KINDS,
    ORDERINGS,
    TEXT_KINDS,
    Compare,
    Comparison,
    Expression,
    Literal,
)
from zhike.warehouse.contracts import Kind

C = Comparison
WORDS = frozenset(c.value for c in Comparison)
_ALWAYS = frozenset({C.IS, C.IS_NOT, C.IS_MISSING, C.IS_PRESENT})
_LISTS = frozenset({C.IN, C.NOT_IN})
_ALLOWED: Mapping[Kind, frozenset[Comparison]] = {
    Kind.TEXT: _ALWAYS | _LISTS | {C.STARTS_WITH},
    Kind.CODE: _ALWAYS | _LISTS | {C.STARTS_WITH},
    Kind.FLAG: _ALWAYS,
    Kind.DAY: _ALWAYS | _LISTS | ORDERINGS | DAY_WINDOWS,
    **dict.fromkeys(NUMERIC_KINDS, _ALWAYS | _LISTS | ORDERINGS),
}


def allowed_comparisons(left: Expression, order: tuple[str, ...]) -> frozenset[Comparison]:
    """Return what may be asked of ``left``; codes with an order can also be compared by it."""
    allowed = _ALLOWED[left.kind]
    return allowed | ORDERINGS if order else allowed


def _read_values(
    reading: Reading, left: Expression, tree: object, path: str, known: Collection[str]
) -> tuple[Expression, ...] | None:
    trees = tree if isinstance(tree, list) else [tree]
    if not 0 < len(trees) <= MAX_LIST_VALUES:
        reading.wrong(path, f"must list 1 to {MAX_LIST_VALUES} values", f"应列出 1 至 {MAX_LIST_VALUES} 个值")
        return None
    read = []
    for i, item in enumerate(trees):
        where = f"{path}[{i}]" if isinstance(tree, list) else path
        value = read_expression(reading, item, where, expected=left.kind)
        if value is None:
            continue
        if not fits(value, left.kind):
            reading.wrong(
                where,
                f"{value.kind} cannot be compared with {left.kind}",
                f"{value.kind} 不能与 {left.kind} 比较",
            )
        elif known and isinstance(value, Literal) and value.value not in known:
            reading.unknown(where, ("value", "取值"), value.value, known)
        else:
            read.append(value)
    return tuple(read) if len(read) == len(trees) else None


def _days(reading: Reading, by: Comparison, tree: object, path: str) -> tuple[Expression, ...] | None:
    most = 60 if by is C.ANNIVERSARY_WITHIN_NEXT_DAYS else MAX_WINDOW_DAYS
    days = reading.whole(path, tree, least=0, most=most)
    return None if days is None else (Literal(days, Kind.INTEGER),)


def read_comparison(
    reading: Reading, left: Expression, by: Comparison, tree: object, path: str, *,
    known: Collection[str] = (), order: tuple[str, ...] = (),
) -> Compare | None:  # fmt: skip
    """Return one comparison of ``left``.

    Parameters
    ----------
    tree : what is written after the comparison's word.
    known : the closed list of values, when there is one.
    order : the same list, lowest first, when its values have an order.
    """
    allowed = allowed_comparisons(left, order)
    if by not in allowed:
        shown = ", ".join(sorted(allowed))
        reading.wrong(path, f"{by} cannot be asked of {left.kind}; use {shown}", f"{left.kind} 不能用 {by}", value=by)
        return None
    if by in (C.IS_MISSING, C.IS_PRESENT):
        if not isinstance(tree, bool):
            reading.wrong(path, "must be true or false", "应为 true 或 false", value=tree)
            return None
        is_missing = (by is C.IS_MISSING) == tree
        return Compare(left, C.IS_MISSING if is_missing else C.IS_PRESENT)
    if by in DAY_WINDOWS:
        right = _days(reading, by, tree, path)
    elif by is C.STARTS_WITH:
        right = _read_values(reading, left, tree, path, ())
    else:
        right = _read_sides(reading, left, by, tree, path, known=known)
    if right is None:
        return None
    if order and by in ORDERINGS and not all(isinstance(r, Literal) for r in right):
        reading.wrong(path, "an order of codes is compared with constants only", "代码的顺序只能与常量比较")
        return None
    return Compare(left, by, right, order if by in ORDERINGS and left.kind in TEXT_KINDS else ())


def _read_sides(
    reading: Reading, left: Expression, by: Comparison, tree: object, path: str, *, known: Collection[str]
) -> tuple[Expression, ...] | None:
    if by in (C.IN, C.NOT_IN):
        if not isinstance(tree, list):
            reading.wrong(path, "must be a list", "应为列表", value=tree)
            return None
        return _read_values(reading, left, tree, path, known)
    if by is C.BETWEEN:
        if not isinstance(tree, list) or len(tree) != 2:
            reading.wrong(path, "must be [from, to]", "应为 [下限, 上限]", value=tree)
            return None
        ends = _read_values(reading, left, tree, path, known)
        if ends is not None and _is_empty(ends):
            reading.wrong(path, "its first end is above its second: nothing can match", "下限大于上限", value=tree)
            return None
        return ends
    if isinstance(tree, list):
        reading.wrong(path, "must be one value", "应为单个值", value=tree)
        return None
    return _read_values(reading, left, tree, path, known)


def _is_empty(ends: tuple[Expression, ...]) -> bool:
    values = [e.value for e in ends if isinstance(e, Literal)]
    if len(values) < len(ends) or isinstance(values[0], str | bool):
        return False
    return values[0] > values[1]  # type: ignore[operator]  # both are of the kind of the left side


def read_comparisons(
    reading: Reading, left: Expression, tree: Mapping[str, Any], path: str, *,
    known: Collection[str] = (), order: tuple[str, ...] = (),
) -> list[Compare]:  # fmt: skip
    """Return every comparison that a leaf makes of ``left``, in the order in which they are written."""
    found = [
        read_comparison(reading, left, Comparison(word), tree[word], f"{path}.{word}", known=known, order=order)
        for word in tree
        if word in WORDS
    ]
    return [c for c in found if c is not None]


__all__ = ["WORDS", "allowed_comparisons", "read_comparison", "read_comparisons"]

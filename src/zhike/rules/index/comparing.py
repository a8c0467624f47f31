"""Comparisons with constants, on the codes of a column and on numbers about events; None where only the engine can tell."""

# ruff: noqa: PLR0911 - one return per comparison

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from zhike.rules.index.columns import Column
from zhike.rules.index.members import Members, in_all, nobody
from zhike.rules.meaning import anniversaries, codes_matching, day_window
from zhike.rules.terms import DAY_WINDOWS, FLOAT_KINDS, TEXT_KINDS, Compare, Comparison, Literal
from zhike.warehouse.contracts import Kind

C = Comparison
EPOCH = date(1970, 1, 1)
CENTS = 100
Test = Callable[[npt.NDArray[Any]], npt.NDArray[np.bool_]]


def day_number(day: date) -> int:
    """Return days since 1970."""
    return (day - EPOCH).days


def column_test(column: Column, test: Compare, kind: Kind, as_of: date) -> Members | None:
    """Return who passes a comparison with constants; None where the engine has to be asked."""
    if test.by is C.IS_MISSING:
        return ~column.present()
    if test.by is C.IS_PRESENT:
        return column.present()
    constants = _constants(test, kind)
    if constants is None:
        return None
    if test.by in DAY_WINDOWS:
        return _window(column, test.by, int(constants[0]), as_of)
    if kind in TEXT_KINDS:
        return _texts(column, test, [str(c) for c in constants])
    scale = CENTS if kind is Kind.AMOUNT else 1
    return _numbers(column, test.by, [_number(c, kind, scale) for c in constants], is_exact=kind not in FLOAT_KINDS)


def _constants(test: Compare, kind: Kind) -> list[Any] | None:
    """Return the constants; None where an expression stands among them, or a ratio beside exact numbers."""
    if not all(isinstance(r, Literal) for r in test.right):
        return None
    literals = [r for r in test.right if isinstance(r, Literal)]
    if kind not in FLOAT_KINDS and any(r.kind in FLOAT_KINDS for r in literals):
        return None
    return [r.value for r in literals]


def _number(value: Any, kind: Kind, scale: int) -> Any:
    if kind is Kind.DAY:
        return day_number(value)
    if kind is Kind.FLAG:
        return int(value)
    return float(value) if kind in FLOAT_KINDS else Decimal(str(value)) * scale


def _texts(column: Column, test: Compare, constants: Sequence[str]) -> Members:
    if test.order:
        return column.among(codes_matching(test.by, constants, test.order))
    if test.by is C.STARTS_WITH:
        starts = tuple(constants)
        return column.coded([i + 1 for i, text in enumerate(column.values.tolist()) if text.startswith(starts)])
    found = column.among(constants)
    return in_all([column.present(), ~found]) if test.by in (C.IS_NOT, C.NOT_IN) else found


def _window(column: Column, by: Comparison, n: int, as_of: date) -> Members | None:
    if by is C.ANNIVERSARY_WITHIN_NEXT_DAYS:
        if column.exact is not None:
            return None
        wanted = set(anniversaries(n, as_of))
        days = column.values.astype("datetime64[D]").astype(object).tolist()
        return column.coded([i + 1 for i, d in enumerate(days) if d.month * 100 + d.day in wanted])
    first, last = day_window(by, n, as_of)
    return column.between(None if first is None else day_number(first), None if last is None else day_number(last))


def _numbers(column: Column, by: Comparison, values: Sequence[Any], *, is_exact: bool) -> Members:
    """Return who passes; exact numbers are whole in the column, and a constant may lie between two of them."""
    low, high = values[0], values[-1]
    if is_exact:
        whole = [int(v) for v in values if v == int(v)]
        floor, ceiling = math.floor(low), math.ceil(high)
        match by:
            case C.AT_LEAST:
                return column.between(math.ceil(low), None)
            case C.ABOVE:
                return column.between(floor + 1, None)
            case C.AT_MOST:
                return column.between(None, math.floor(high))
            case C.BELOW:
                return column.between(None, ceiling - 1)
            case C.BETWEEN:
                return (
                    column.between(math.ceil(low), math.floor(high))
                    if math.ceil(low) <= math.floor(high)
                    else nobody(column.n)
                )
            case _:
                return _equal(column, by, whole)
    match by:
        case C.AT_LEAST | C.ABOVE:
            return column.between(low, None, with_low=by is C.AT_LEAST)
        case C.AT_MOST | C.BELOW:
            return column.between(None, high, with_high=by is C.AT_MOST)
        case C.BETWEEN:
            return column.between(low, high)
        case _:
            return _equal(column, by, values)


def _equal(column: Column, by: Comparison, values: Sequence[Any]) -> Members:
    found = column.among(values)
    return in_all([column.present(), ~found]) if by in (C.IS_NOT, C.NOT_IN) else found


def whole_span(test: Compare, kind: Kind) -> tuple[int, int | None] | None:
    """Return the least and the greatest whole number (None = no end) that pass, where they are all between; None otherwise."""
    constants = _constants(test, kind)
    if not constants or test.by not in (C.AT_LEAST, C.ABOVE, C.AT_MOST, C.BELOW, C.IS, C.BETWEEN):
        return None
    low, high = constants[0], constants[-1]
    match test.by:
        case C.AT_LEAST:
            return math.ceil(low), None
        case C.ABOVE:
            return math.floor(low) + 1, None
        case C.AT_MOST:
            return 0, math.floor(high)
        case C.BELOW:
            return 0, math.ceil(high) - 1
        case _:
            return (math.ceil(low), math.floor(high)) if math.ceil(low) <= math.floor(high) else None


def number_test(test: Compare, kind: Kind) -> Test | None:
    """Return the test of numbers about events; None where only the engine can tell."""
    constants = _constants(test, kind)
    if constants is None or test.by in DAY_WINDOWS or test.by is C.STARTS_WITH:
        return None
    values = [float(c) for c in constants]
    match test.by:
        case C.IS_PRESENT:
            return lambda numbers: np.ones(len(numbers), np.bool_)
        case C.IS_MISSING:
            return lambda numbers: np.zeros(len(numbers), np.bool_)
        case C.IS | C.IN:
            return lambda numbers: np.isin(numbers, values)
        case C.IS_NOT | C.NOT_IN:
            return lambda numbers: ~np.isin(numbers, values)
        case C.AT_LEAST:
            return lambda numbers: numbers >= values[0]
        case C.ABOVE:
            return lambda numbers: numbers > values[0]
        case C.AT_MOST:
            return lambda numbers: numbers <= values[0]
        case C.BELOW:
            return lambda numbers: numbers < values[0]
        case _:
            return lambda numbers: (numbers >= values[0]) & (numbers <= values[1])


__all__ = ["column_test", "day_number", "number_test", "whole_span"]

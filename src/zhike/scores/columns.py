"""Arrow columns as numpy arrays: numbers with NaN for missing, texts with None, places in a list of codes.

The one file of scores that speaks ``pyarrow.compute``, whose stubs know less than it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from zhike.scores.terms import Floats

Column: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"
Mask: TypeAlias = npt.NDArray[np.bool_]
_compute: Any = pyarrow.compute


def numbers_of(column: Column) -> Floats:
    """Return numbers, flags or decimals as doubles, NaN where missing; shape (n_rows,)."""
    values = _compute.cast(column, pa.float64(), safe=False)
    return np.asarray(_compute.fill_null(values, float("nan")).to_numpy(zero_copy_only=False), dtype=np.float64)


def texts_of(column: Column, *, missing: str) -> npt.NDArray[np.str_]:
    """Return values as text, ``missing`` where there is none; shape (n_rows,)."""
    return np.asarray(_compute.fill_null(_compute.cast(column, pa.string()), missing).to_pylist(), dtype=np.str_)


def shown_values(column: Column, *, missing: str) -> list[str]:
    """Return values as people may read them: doubles rounded to 4 places, amounts as they are, ``missing`` for none."""
    if pa.types.is_floating(column.type):
        column = _compute.round(column, ndigits=4)
    return list(_compute.fill_null(_compute.cast(column, pa.string()), missing).to_pylist())


def places_in(column: Column, codes: Sequence[str]) -> Floats:
    """Return the place of each code in ``codes``, ``len(codes)`` for an unknown one, NaN for a missing one."""
    text = _compute.cast(column, pa.string())
    found = _compute.fill_null(_compute.index_in(text, value_set=pa.array(codes, pa.string())), len(codes))
    number = np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.float64)
    number[np.asarray(_compute.is_null(text).to_numpy(zero_copy_only=False), dtype=np.bool_)] = np.nan
    return number


def rows_of(keys: Column, wanted: Column) -> tuple[Mask, npt.NDArray[np.int64]]:
    """Return which ``keys`` stand in ``wanted`` (shape (n_keys,)), and for those the row of ``wanted``."""
    known = wanted.combine_chunks() if isinstance(wanted, pa.ChunkedArray) else wanted
    place = _compute.index_in(keys, value_set=known)
    found = np.asarray(_compute.is_valid(place).to_numpy(zero_copy_only=False), dtype=np.bool_)
    return found, np.asarray(_compute.drop_null(place).to_numpy(zero_copy_only=False), dtype=np.int64)


def counts_of_codes(column: Column) -> Iterator[tuple[str, int]]:
    """Yield each code that is present and how many rows have it."""
    for entry in _compute.value_counts(_compute.drop_null(_compute.cast(column, pa.string()))).to_pylist():
        yield entry["values"], entry["counts"]


def is_among(column: Column, codes: Sequence[str]) -> Mask:
    """Return whether each text is one of ``codes``; a missing one is not."""
    found = _compute.is_in(column, value_set=pa.array(codes, pa.string()))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


def without(column: Column, codes: Sequence[str]) -> Column:
    """Return texts with those among ``codes`` made missing."""
    empty = _compute.is_in(column, value_set=pa.array(codes, pa.string()))
    emptied: Column = _compute.if_else(empty, pa.scalar(None, pa.string()), column)
    return emptied


def parse_numbers(column: Column) -> Column:
    """Return texts as doubles; ``pa.ArrowInvalid`` when one is no number."""
    parsed: Column = _compute.cast(column, pa.float64())
    return parsed


def first_not_a_number(column: Column) -> int:
    """Return the row of the first text that is no number; -1 when all are."""
    pattern = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
    is_number = _compute.match_substring_regex(_compute.fill_null(column, "0"), pattern)
    wrong = np.flatnonzero(~np.asarray(is_number.to_numpy(zero_copy_only=False), dtype=np.bool_))
    return int(wrong[0]) if len(wrong) else -1


def order_by(table: pa.Table, keys: Sequence[tuple[str, str]]) -> pa.Table:
    """Return the rows in the order of ``keys``: pairs of column and ``ascending`` or ``descending``."""
    return table.take(_compute.sort_indices(table, sort_keys=list(keys)))


__all__ = [
    "Column",
    "Mask",
    "counts_of_codes",
    "first_not_a_number",
    "is_among",
    "numbers_of",
    "order_by",
    "parse_numbers",
    "places_in",
    "rows_of",
    "shown_values",
    "texts_of",
    "without",
]

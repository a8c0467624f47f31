"""From drawn arrays to columns of a file: typed for Parquet, text for everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zhike.simulator.arrays import ArrowTable, Ints, Texts, pa, pc
from zhike.simulator.files.terms import NO_AMOUNT, NO_DAY, UNKNOWN_CODE, Data, FileColumn, FileSpec

DECIMAL = pa.decimal128(18, 2)


def to_table(spec: FileSpec, data: Data | ArrowTable) -> ArrowTable:
    """Return typed columns in the file's order; days that are text stay text. A table is returned as it is."""
    if isinstance(data, ArrowTable):
        return data
    return pa.table({c.name: _typed(c, data[c.name]) for c in spec.columns})


def conform(table: ArrowTable, schema: Any) -> ArrowTable:
    """Return ``table`` with the types of ``schema``: texts become dictionaries, or the other way round, where needed."""
    columns = [_conformed(table.column(field.name), field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _conformed(column: Texts, wanted: Any) -> Texts:
    if column.type == wanted:
        return column
    if pa.types.is_dictionary(wanted) and not pa.types.is_dictionary(column.type):
        return column.dictionary_encode().cast(wanted)
    return column.cast(wanted)


def _typed(column: FileColumn, values: Ints | Texts) -> Texts:
    return values if isinstance(values, pa.Array) else _MAKERS[column.kind](column, values)


def _coded(column: FileColumn, values: Ints) -> Texts:
    words = pa.array([*(c for c, _ in column.codes), UNKNOWN_CODE], pa.string())
    missing = values < 0
    indices = pa.array(np.where(missing, 0, values).astype(np.int8), mask=missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(indices, words)


def _whole(_: FileColumn, values: Ints) -> Texts:
    whole = values.astype(np.int64, copy=False)
    return pa.array(whole, pa.int64(), mask=whole == NO_AMOUNT)


_MAKERS: dict[str, Callable[[FileColumn, Ints], pa.Array]] = {
    "code": _coded,
    "amount": lambda _, values: _decimals(values.astype(np.int64, copy=False)),
    "number": lambda _, values: pa.array(values.astype(np.float64), mask=np.isnan(values)),
    "day": lambda _, values: _days(values),
    "day_text": lambda _, values: day_texts(values),
    "moment": lambda _, values: pa.array(values.astype(np.int64, copy=False), pa.int64()).cast(pa.timestamp("us")),
    "integer": _whole,
    "cents": _whole,
}


def _days(values: Ints) -> Texts:
    days = values.astype(np.int32, copy=False)
    return pa.array(days, pa.int32(), mask=days == NO_DAY).cast(pa.date32())


def day_texts(values: Ints) -> Texts:
    """Return days as YYYYMMDD texts."""
    return pc.strftime(_days(values), "%Y%m%d")


def _decimals(values: Ints) -> Texts:
    """Return cents as DECIMAL(18,2), built from their 128-bit form."""
    missing = values == NO_AMOUNT
    words = np.empty((len(values), 2), np.int64)
    words[:, 0] = np.where(missing, 0, values)
    words[:, 1] = words[:, 0] >> 63
    validity = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(DECIMAL, len(values), [validity, pa.py_buffer(words)])


def to_texts(spec: FileSpec, table: ArrowTable) -> list[Texts]:
    """Return every column as text, missing values as empty text."""
    return [_as_text(c, table.column(c.name).combine_chunks()) for c in spec.columns]


def _as_text(column: FileColumn, values: Texts) -> Texts:
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_date(values.type):
        values = pc.strftime(values, "%Y%m%d")
    elif pa.types.is_timestamp(values.type):
        values = pc.strftime(values.cast(pa.timestamp("s")), "%Y%m%d%H%M%S")
    elif column.kind == "number":
        values = pa.array([None if v is None else f"{v:.6f}" for v in values.to_pylist()], pa.string())
    return pc.fill_null(values.cast(pa.string()), "")


def delimited_bytes(spec: FileSpec, table: ArrowTable, delimiter: str, encoding: str) -> bytes:
    """Return lines without header; the last has its line end, too."""
    if table.num_rows == 0:
        return b""
    columns = to_texts(spec, table)
    lines = pc.binary_join_element_wise(*columns, delimiter)
    return _encoded(pc.binary_join_element_wise(lines, pa.scalar("\n"), ""), encoding)


def fixed_width_bytes(spec: FileSpec, table: ArrowTable, encoding: str) -> bytes:
    """Return lines of ASCII columns padded with blanks to their widths."""
    if table.num_rows == 0:
        return b""
    padded = [pc.ascii_rpad(t, c.width) for c, t in zip(spec.columns, to_texts(spec, table), strict=True)]
    return _encoded(pc.binary_join_element_wise(*padded, pa.scalar("\n"), ""), encoding)


def _encoded(lines: Texts, encoding: str) -> bytes:
    offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
    raw = memoryview(lines.buffers()[2])[int(offsets[0]) : int(offsets[-1])]
    return bytes(raw) if encoding == "utf-8" else str(raw, "utf-8").encode(encoding)


__all__ = ["conform", "day_texts", "delimited_bytes", "fixed_width_bytes", "to_table", "to_texts"]

"""Rows that come in no text file: a sheet of a workbook, the answer of a database. All values as text, as they read."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, ContractBroken
from zhike.sources.archives import growth_limit
from zhike.sources.mapping import Format

FETCH_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a sheet as text, and how many rows stand above the first of them."""

    rows: pa.Table
    n_rows_above: int


def as_text(value: Any) -> str | None:
    """Return a cell or database value as a file would write it: ISO dates, whole numbers without ``.0``; None for missing."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        is_day = value.time() == time(0) and value.tzinfo is None
        return value.date().isoformat() if is_day else value.isoformat(sep=" ")
    return _PLAIN.get(type(value), str)(value)


_PLAIN: dict[type, Callable[[Any], str]] = {
    date: date.isoformat, time: time.isoformat, Decimal: lambda v: format(v, "f"), bytes: bytes.hex,
    memoryview: lambda v: bytes(v).hex(), timedelta: lambda v: str(v.total_seconds()),
}  # fmt: skip


def text_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> pa.Table:
    """Return rows as a table of text columns."""
    columns: list[list[str | None]] = [[] for _ in names]
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            column.append(as_text(value))
    return pa.table({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)})


def row_table(rows: Sequence[Mapping[str, str]]) -> pa.Table:
    """Return rows that stand in the mapping as a table of text columns; a column that a row leaves out is missing."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return text_table(names, ([row.get(name) for name in names] for row in rows))


def read_sheet(path: Path, form: Format, label: str) -> Sheet:
    """Return the rows of one sheet of an XLSX workbook; formulas give their stored value.

    Raises
    ------
    ContractBroken : it is no workbook, grows beyond all measure, or has no usable header.
    BadInput : there is no sheet of that name or number.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with zipfile.ZipFile(path) as parts:
            n_bytes = sum(i.file_size for i in parts.infolist())
        if n_bytes > growth_limit(path):
            raise _not_a_workbook(label, "it grows beyond all measure when unpacked")
        book = CalamineWorkbook.from_path(str(path))
    except (zipfile.BadZipFile, CalamineError) as error:
        raise _not_a_workbook(label, "the file is damaged or of another kind") from error
    names = book.sheet_names
    wanted = form.sheet
    if (isinstance(wanted, int) and not 0 <= wanted < len(names)) or (isinstance(wanted, str) and wanted not in names):
        near = suggest(str(wanted), names)
        raise BadInput(
            "sources.sheet_unknown", zh=f"{label} 没有工作表 {wanted}", en=f"{label} has no sheet {wanted}",
            todo_zh=f"可选：{'、'.join(names)}", todo_en=f"did you mean {near}?" if near else f"there are {', '.join(names)}",
        )  # fmt: skip
    sheet = book.get_sheet_by_index(wanted) if isinstance(wanted, int) else book.get_sheet_by_name(wanted)
    cells = sheet.to_python(skip_empty_area=False)[form.skip_lines :]
    while cells and all(v in ("", None) for v in cells[-1]):
        cells.pop()
    has_header = form.header is not False
    if has_header and not cells:
        raise _not_a_workbook(label, "the sheet is empty")
    header = [as_text(v) or "" for v in cells[0]] if has_header else list(form.columns)
    while header and not header[-1]:
        header.pop()
    if "" in header or len({h.lower() for h in header}) < len(header):
        raise _not_a_workbook(label, "the header leaves a column without name or names one twice")
    body = cells[1:] if has_header else cells
    width = len(header)
    rows = [[*row[:width], *([None] * (width - len(row)))] for row in body]
    return Sheet(text_table([h.strip() for h in header], rows), form.skip_lines + (1 if has_header else 0))


def _not_a_workbook(label: str, why: str) -> ContractBroken:
    return ContractBroken(
        "sources.workbook_unreadable", zh=f"{label} 无法作为 XLSX 读取", en=f"{label} cannot be read as a workbook: {why}",
        todo_zh="用电子表格软件另存为 .xlsx 后再交付", todo_en="save it as .xlsx once more and deliver it again",
    )  # fmt: skip


def read_query(url: str, query: str, *, as_of: str) -> pa.Table:
    """Return the rows of a query as text columns, fetched in parts.

    Raises
    ------
    ConnectionError : the database cannot be reached or refuses the query; its message names neither address nor values.
    """
    import sqlalchemy

    bound = {name: as_of for name in ("as_of", "day") if f":{name}" in query}
    try:
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            answer = connection.execution_options(stream_results=True).execute(sqlalchemy.text(query), bound)
            names = list(answer.keys())
            parts = [text_table(names, part) for part in answer.partitions(FETCH_ROWS)]
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        raise ConnectionError(type(error).__name__) from None
    return pa.concat_tables(parts) if parts else text_table(names, [])


__all__ = ["Sheet", "as_text", "read_query", "read_sheet", "row_table", "text_table"]

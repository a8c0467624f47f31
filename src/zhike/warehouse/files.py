# ruff: noqa: S608 - every value in the SQL passes literal() or quoted()
"""Raw files as relations: every value as it stands in the file, with the file it came from, and the lines that are no rows.

A :class:`RawFile` is UTF-8 text with one-line-per-record layout, or Parquet; ``sources`` brings whatever a bank delivers into
one of the two. Nothing is typed or judged here. SQL text because Ibis has no words for rejects, row numbers of files, or
delimiters of several bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from zhike.warehouse.engine import Engine

REJECTS = "raw_rejects"
REJECT_SCANS = "raw_reject_scans"
FILE = "_file"
MAX_LINE_BYTES = 2_000_000
CHUNK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TextLayout:
    """How records stand in a text file: ``n_top_lines`` are skipped (header included); "" for no quotes."""

    delimiter: str
    quote: str
    n_top_lines: int


@dataclass(frozen=True, slots=True)
class RawFile:
    """One file ready to be scanned.

    ``number`` orders files: a row of a higher number is later. ``columns`` are in file order; ``text_columns`` are those
    that hold text (all of a text file). ``layout`` is None for Parquet. ``n_records`` is known from the file's own
    structure (lines less header, Parquet metadata); the scan must agree with it. ``n_rows_above`` stand over the first
    record (header, skipped lines). ``needs_trim``: values may have blanks around them. ``label`` is what people are shown.
    """

    number: int
    label: str
    path: Path
    columns: tuple[str, ...]
    text_columns: frozenset[str]
    layout: TextLayout | None
    n_records: int
    day: date | None = None
    fingerprint: str = ""
    n_declared: int | None = None
    n_rows_above: int = 0
    has_nul: bool = False
    needs_trim: bool = True


@dataclass(frozen=True, slots=True)
class Reject:
    """One line that is no row: too few or many columns, a quote that does not close, bytes that are no text."""

    file: int
    line: int
    kind: str
    column: str
    text: str
    message: str


def quoted(name: str) -> str:
    """Return ``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Return a text, number, flag, day or missing value as an SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, date):
        return f"DATE '{value.isoformat()[:10]}'"
    return "'" + str(value).replace("'", "''") + "'"


def _csv_options(layout: TextLayout, columns: Sequence[str]) -> str:
    typed = ", ".join(f"{literal(c)}: 'VARCHAR'" for c in columns)
    return (
        f"auto_detect=false, header=false, skip={layout.n_top_lines}, delim={literal(layout.delimiter)}, "
        f"quote={literal(layout.quote)}, escape={literal(layout.quote)}, columns={{{typed}}}, "
        f"max_line_size={MAX_LINE_BYTES}, filename=true, store_rejects=true, "
        f"rejects_table='{REJECTS}', rejects_scan='{REJECT_SCANS}'"
    )


def _groups(files: Sequence[RawFile]) -> Iterable[list[RawFile]]:
    """Yield runs of files that one scan can read: same layout and columns."""
    group: list[RawFile] = []
    for file in files:
        if group and (file.layout, file.columns) != (group[0].layout, group[0].columns):
            yield group
            group = []
        group.append(file)
    if group:
        yield group


def _numbers(group: Sequence[RawFile]) -> str:
    if len(group) == 1:
        return f"{group[0].number}::INTEGER"
    cases = " ".join(f"WHEN {literal(str(f.path))} THEN {f.number}" for f in group)
    return f"(CASE filename {cases} END)::INTEGER"


def scan(files: Sequence[RawFile], columns: Sequence[str]) -> str:
    """Return SQL that yields ``columns`` of all files and ``_file``, in the order of files and of the rows in them."""
    parts = []
    for group in _groups(files):
        names = "".join(f"{quoted(c)}, " for c in columns)
        paths = "[" + ", ".join(literal(str(f.path)) for f in group) + "]"
        layout = group[0].layout
        if layout is None:
            source = f"read_parquet({paths}, filename=true, union_by_name=true)"
        else:
            source = f"read_csv({paths}, {_csv_options(layout, group[0].columns)})"
        parts.append(f"SELECT {names}{_numbers(group)} AS {FILE} FROM {source}")
    return " UNION ALL ".join(parts)


def pick_lines(file: RawFile, lines: Sequence[int], target: Path) -> RawFile:
    """Write some lines (from 1, ascending) of a text file to ``target`` and return that as a file without header.

    Only for files in which each line is one record.
    """
    if file.layout is None:
        raise ValueError("only text has lines")
    wanted = iter(lines)
    line, passed, rest = next(wanted, None), 0, b""
    with file.path.open("rb") as stream, target.open("wb") as out:
        while line is not None and (data := stream.read(CHUNK_BYTES)):
            data = rest + data
            end = data.rfind(b"\n") + 1
            whole, rest = data[:end], data[end:]
            n_here = whole.count(b"\n")
            if line <= passed + n_here:
                split = whole.split(b"\n")
                while line is not None and line <= passed + n_here:
                    out.write(split[line - passed - 1] + b"\n")
                    line = next(wanted, None)
            passed += n_here
        if line is not None and rest:  # the last line, without a line break
            out.write(rest + b"\n")
    layout = TextLayout(file.layout.delimiter, file.layout.quote, 0)
    return replace(file, path=target, layout=layout, n_records=len(lines))


def pick_rows(engine: Engine, file: RawFile, rows: Sequence[int], target: Path) -> RawFile:
    """Write some rows (from 1) of a Parquet file to ``target``, in order, and return that as a file."""
    wanted = ", ".join(f"({row - 1})" for row in rows)
    engine.connection.raw_sql(
        f"""COPY (SELECT * EXCLUDE (file_row_number) FROM read_parquet({literal(str(file.path))}, file_row_number=true) r
                  SEMI JOIN (VALUES {wanted}) w(n) ON r.file_row_number = w.n ORDER BY file_row_number)
            TO {literal(str(target))} (FORMAT parquet)"""
    )
    return replace(file, path=target, n_records=len(rows))


def clear_rejects(engine: Engine) -> None:
    """Forget the lines that earlier scans rejected."""
    engine.connection.raw_sql(f"DROP TABLE IF EXISTS {REJECTS}; DROP TABLE IF EXISTS {REJECT_SCANS}")


def read_rejects(engine: Engine, files: Sequence[RawFile], *, at_most: int | None = None) -> list[Reject]:
    """Return the lines that the scans since :func:`clear_rejects` rejected, each once, in order of file and line."""
    names = {str(f.path): f.number for f in files}
    try:
        found = query(
            engine,
            f"""SELECT s.file_path, r.line, arg_min(r.error_type, r.byte_position), arg_min(coalesce(r.column_name, ''), r.byte_position),
                       any_value(r.csv_line), arg_min(r.error_message, r.byte_position)
                FROM {REJECTS} r JOIN (SELECT DISTINCT scan_id, file_id, file_path FROM {REJECT_SCANS}) s USING (scan_id, file_id)
                GROUP BY 1, 2 ORDER BY 1, 2 {f"LIMIT {at_most}" if at_most else ""}""",
        )
    except duckdb.CatalogException:  # no scan of text since the last clearing
        return []
    rejects = [
        Reject(names[str(path)], int(str(line)), str(kind), str(column), str(text or "").strip("\r\n"), str(message))
        for path, line, kind, column, text, message in found
        if str(path) in names
    ]
    return sorted(rejects, key=lambda r: (r.file, r.line))


def query(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    """Run SQL and return its rows."""
    rows: list[tuple[object, ...]] = engine.connection.raw_sql(sql).fetchall()
    return rows


def parquet_columns(engine: Engine, path: Path) -> dict[str, str]:
    """Return column name → engine type of a Parquet file; ValueError when it is none."""
    try:
        return {
            str(r[0]): str(r[1]) for r in query(engine, f"DESCRIBE SELECT * FROM read_parquet({literal(str(path))})")
        }
    except duckdb.Error as error:
        raise ValueError(str(error).splitlines()[0]) from error


__all__ = [
    "FILE",
    "MAX_LINE_BYTES",
    "RawFile",
    "Reject",
    "TextLayout",
    "clear_rejects",
    "literal",
    "parquet_columns",
    "pick_lines",
    "pick_rows",
    "query",
    "quoted",
    "read_rejects",
    "scan",
]

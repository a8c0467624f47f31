"""A bank's mapping: which of its files feed which contract table, column by column. Data, not code.

``mapping.yaml`` is read into the models below; every mistake is told with file, line and the nearest known name, all of
them at once. What the words mean is written at each field; how files are read is in ``readers``, how rows are judged in
``rows``. Checks against the contracts are in ``check``.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from datetime import date
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from zhike.kernel.definitions import read_yaml, suggest
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.hashing import fingerprint
from zhike.kernel.mistakes import did_you_mean, problem_of, written_value
from zhike.sources.positions import Positions, read_positions, read_words

FileKind = Literal["csv", "delimited", "fixed_width", "parquet", "xlsx"]
Mode = Literal["full", "increment", "zipper", "append"]
UPSERTING: frozenset[str] = frozenset({"increment", "zipper"})
SUFFIXES: Dictionary[str, FileKind] = {".csv": "csv", ".parquet": "parquet", ".xlsx": "xlsx"}


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _relative(value: str) -> str:
    if PurePosixPath(value).is_absolute() or ".." in PurePosixPath(value).parts:
        raise ValueError("must be relative to the data folder, without ..")
    return value


def _texts(value: Any) -> Any:
    """YAML reads ``1``, ``0000`` and ``no`` as numbers and flags; in a file they are text."""
    return {_text(k): v for k, v in value.items()} if isinstance(value, dict) else value


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float | date) else value


def _text_tuple(value: Any) -> Any:
    if isinstance(value, str | int | float):
        value = [value]
    return tuple(_text(v) for v in value) if isinstance(value, list | tuple) else value


def _text_values(value: Any) -> Any:
    return {str(k): "" if v is None else _text(v) for k, v in value.items()} if isinstance(value, dict) else value


RelativePath = Annotated[str, AfterValidator(_relative)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_text_tuple)]
Scalar = str | int | float | bool | date | None


class Format(_Model):
    """How the bytes of a file are laid out. ``kind`` is taken from the file's suffix where it is not said.

    ``csv`` has quotes and a header unless said otherwise; ``delimited`` has neither (``delimiter`` of one to four bytes,
    such as ``|+|``). ``fixed_width`` cuts each line after ``widths``, counted in bytes of the file's own encoding, as hosts
    do, or in ``characters``. ``skip_lines`` leaves out lines at the top, before the header. ``empty`` lists texts that
    mean a missing value in every column.
    """

    kind: FileKind | None = None
    encoding: str = "utf-8"
    delimiter: str | None = Field(default=None, min_length=1, max_length=4)
    quote: Annotated[str, Field(max_length=1)] | None = None
    header: bool | None = None
    columns: Texts = ()
    widths: tuple[Annotated[int, Field(gt=0)], ...] = ()
    widths_in: Literal["bytes", "characters"] = "bytes"
    sheet: str | int = 0
    skip_lines: int = Field(default=0, ge=0)
    empty: Texts = ()

    @model_validator(mode="after")
    def _fits(self) -> Format:
        if self.kind == "fixed_width" and len(self.widths) != len(self.columns):
            raise ValueError(
                f"fixed_width needs one width per column: {len(self.columns)} columns, {len(self.widths)} widths"
            )
        if self.kind != "fixed_width" and self.widths:
            raise ValueError("widths belong to kind: fixed_width")
        if self.header is False and self.kind in (None, "csv", "delimited", "xlsx") and not self.columns:
            raise ValueError("a file without header needs its columns named here, in order")
        if self.kind == "delimited" and not self.header and not self.columns:
            raise ValueError(
                "a delimited file has no header unless header: true, so its columns are named here, in order"
            )
        twice = sorted({c for c in self.columns if self.columns.count(c) > 1})
        if twice:
            raise ValueError(f"columns named twice: {', '.join(twice)}")
        return self


class Control(_Model):
    """The control file that says how many records were sent. Without it, or with another number, the file is held.

    ``file`` may hold ``{file}`` (the data file as the entry names it), ``{stem}`` (the same without its last suffix) and
    ``{day}``; with ``is_in_archive`` it is a member of the same archive. ``pattern`` is a regular expression whose one
    group is the count; ``{name}`` in it is the data file's name, for control files that list several.
    """

    file: RelativePath
    pattern: str = r"\A\s*(\d+)\s*\Z"
    is_in_archive: bool = False


class Database(_Model):
    """Rows of a query instead of a file. ``url`` is an SQLAlchemy URL by reference, ``env:NAME``; never written out.

    ``:as_of`` and ``:day`` in ``query`` are bound to the day of the run. A query is asked once per day of run: what changes in
    the database afterwards is seen by the run of the next day.
    """

    url: str = Field(pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")
    query: str = Field(min_length=8)


class Join(_Model):
    """Columns of another entry's file, looked up by equality. The other file must hold each key once.

    ``columns`` names the columns to take, or gives them new names: ``{NEW_NAME: THEIR_NAME}``.
    """

    table: str
    on: dict[str, str] = Field(min_length=1)
    columns: Annotated[
        dict[str, str],
        BeforeValidator(lambda v: {c: c for c in v} if isinstance(v, list | tuple) else v),
    ] = Field(min_length=1)


class ColumnSource(_Model):
    """Where one column of a contract comes from, and how its text is read.

    Exactly one of ``column`` (of the file), ``sql`` (one scalar DuckDB expression over the file's columns), ``constant``,
    ``day`` (the business day of the batch), ``day_end`` (the last second of that day, UTC; or of the day in the contract
    column that it names). Then, for text: ``empty`` texts mean missing, ``values`` translates codes (a code that is not
    listed is unknown, ``null`` means missing), ``date`` is the strptime form or several, ``unit`` the worth of 1 in the
    contract's unit (0.01 for cents), ``thousands`` and ``decimal`` the separators of numbers, ``timezone`` that of moments
    where it is not the project's; ``default`` replaces what is missing.
    """

    column: str | None = None
    sql: str | None = None
    constant: Scalar = None
    day: Literal[True] | None = None
    day_end: Literal[True] | str | None = None
    empty: Texts = ()
    values: Annotated[dict[str, Scalar], BeforeValidator(_texts)] | None = None
    date: Texts = ()
    unit: Decimal | None = None
    thousands: Annotated[str, Field(max_length=1)] | None = None
    decimal: Annotated[str, Field(max_length=1)] = "."
    timezone: str | None = None
    default: Scalar = None

    @model_validator(mode="after")
    def _is_one(self) -> ColumnSource:
        given = self.model_fields_set & {"column", "sql", "constant", "day", "day_end"}
        if len(given) != 1:
            raise ValueError("say exactly one of column, sql, constant, day, day_end")
        return self


def _column_source(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


class Entry(_Model):
    """One delivery of a bank: a file (or one per business day, or a query) that feeds one contract table.

    ``name`` is unique and shown in errors. ``source`` is the system that the rows come from and fills the contract's
    ``source`` column. ``file`` is relative to the data folder; ``{day:%Y%m%d}`` is the business day, ``*`` matches several
    files of one batch. With ``archive`` the file is a member of that ``.tar.gz``, ``.tar`` or ``.zip``.

    ``mode``: ``full`` replaces what the entry delivered before; ``increment`` adds and replaces by key; ``zipper`` (拉链)
    delivers versions and closes those that a later version follows; ``append`` only adds. An increment that ``follows`` a
    full entry counts only from the day after the last full file. ``deleted_when`` is a condition (scalar SQL): such a row
    of an increment takes its key away.

    An entry without ``to`` is only looked up by the ``join`` of others. Small tables may stand in the mapping itself, as
    ``rows``.

    ``expected``: ``every_day`` has a file per calendar day from the first day to the day of the run, and a missing one is
    an error; ``as_delivered`` takes the days that are there. ``where`` keeps only rows that fulfil a scalar condition.
    """

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    to: str = ""
    source: str | None = None
    file: RelativePath | None = None
    archive: RelativePath | None = None
    database: Database | None = None
    rows: tuple[Annotated[dict[str, str], BeforeValidator(_text_values)], ...] = ()
    format: Format = Format()
    control: Control | None = None
    mode: Mode | None = None
    follows: str | None = None
    expected: Literal["every_day", "as_delivered"] = "every_day"
    first_day: date | None = None
    columns: dict[str, Annotated[ColumnSource, BeforeValidator(_column_source)]] = Field(default_factory=dict)
    where: str | None = None
    deleted_when: str | None = None
    join: tuple[Join, ...] = ()
    unchecked_references: tuple[str, ...] = ()
    quarantine_at_most_rate: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _is_whole(self) -> Entry:
        if [self.file is not None, self.database is not None, bool(self.rows)].count(True) != 1:
            raise ValueError("say one of file, database, rows")
        if bool(self.to) != bool(self.columns):
            raise ValueError("to and columns belong together; an entry without them is only joined")
        if self.is_dated and self.mode is None:
            raise ValueError("a file per day needs its mode: full, increment, zipper or append")
        if self.archive is not None and "{day" in (self.file or "") and "{day" not in self.archive:
            raise ValueError("a member named by day needs {day} in archive, too")
        if self.file is None and (self.control or self.archive):
            raise ValueError("control and archive belong to files")
        if self.file is not None and self.kind is None:
            raise ValueError("say format.kind: the file's suffix does not tell it")
        if self.deleted_when is not None and self.mode != "increment":
            raise ValueError("deleted_when belongs to mode: increment")
        if self.follows is not None and self.mode not in UPSERTING:
            raise ValueError("follows belongs to mode: increment or zipper")
        return self

    @property
    def path(self) -> str:
        """The path pattern that is looked for in the data folder: the archive where there is one."""
        return self.archive or self.file or ""

    @property
    def is_dated(self) -> bool:
        """Whether there is one delivery per business day."""
        return "{day" in self.path

    @property
    def delivery(self) -> Mode:
        """The mode; an undated file or query without one is ``full``."""
        return self.mode or "full"

    @property
    def kind(self) -> FileKind | None:
        """The kind of file, said or told by its suffix; None for a database."""
        if self.file is None:
            return None
        suffixes = [s.lower() for s in PurePosixPath(self.file).suffixes if s.lower() != ".gz"]
        return self.format.kind or (SUFFIXES.get(suffixes[-1]) if suffixes else None)

    @property
    def hash(self) -> str:
        """Changes when what the entry makes of a file may change."""
        return fingerprint(self.model_dump(mode="json", exclude={"quarantine_at_most_rate"}))


class Calendar(_Model):
    """The days for which there is anything: an as-of day before ``first_day`` is refused."""

    first_day: date


class Mapping(_Model):
    """The whole of ``mapping.yaml``.

    ``quarantine_at_most_rate``: an entry with a larger share of rows held back stops the run, unless they are no more than
    ``quarantine_tolerated_rows`` (a small file is not held for a row or two). ``batches``: how the days of a large table
    are put into partitions. ``derive: [balance_daily]`` makes daily balances of the running ones of transactions, for a bank
    that delivers none. ``reconcile`` is read by ``reconcile``.
    """

    version: Literal[1]
    calendar: Calendar
    tables: tuple[Entry, ...]
    derive: tuple[Literal["balance_daily"], ...] = ()
    reconcile: tuple[dict[str, Any], ...] = ()
    quarantine_at_most_rate: float = Field(default=0.05, ge=0, le=1)
    quarantine_tolerated_rows: int = Field(default=10, ge=0)
    batches: Literal["day", "month", "year"] = "month"

    @model_validator(mode="after")
    def _names(self) -> Mapping:
        names = [e.name for e in self.tables]
        if not names:
            raise ValueError("tables is empty: name at least one file")
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"tables named twice: {', '.join(twice)}")
        for entry in self.tables:
            for other in (*(j.table for j in entry.join), *([entry.follows] if entry.follows else [])):
                if other not in names or other == entry.name:
                    near = suggest(other, [n for n in names if n != entry.name])
                    hint = f"; did you mean {near}?" if near else ""
                    raise ValueError(f"{entry.name} names the table {other}, which is not mapped{hint}")
        return self

    def entry(self, name: str) -> Entry:
        """Return the entry called ``name``; KeyError when there is none."""
        for entry in self.tables:
            if entry.name == name:
                return entry
        raise KeyError(name)

    def feeding(self, table: str) -> tuple[Entry, ...]:
        """Return the entries that feed one contract table, in the order they are written."""
        return tuple(e for e in self.tables if e.to == table)


def read_mapping(path: Path) -> Mapping:
    """Return the mapping of a bank.

    Raises
    ------
    BadInput : the file is missing or no YAML, or fields are unknown, missing or malformed; each finding has file and line,
        and for a misspelt field the nearest known one.
    """
    read_yaml(path)  # says what is no YAML, and where
    data = read_words(path)
    positions = read_positions(path)
    if not isinstance(data, dict):
        raise BadInput(
            "mapping.not_a_mapping", zh=f"{path.name} 应含 version、calendar、tables", en=f"{path.name} must hold version, calendar and tables",
            todo_zh="样例见 docs/get-started.md，字段说明见 docs/concepts/sources.md",
            todo_en="docs/get-started.md shows one, docs/concepts/sources.md explains the fields",
        )  # fmt: skip
    try:
        return Mapping.model_validate(data)
    except ValidationError as error:
        findings = tuple(_finding(path.name, positions, item, data) for item in error.errors())
        raise BadInput(
            "mapping.malformed", zh=f"{path.name} 有 {len(findings)} 处错误", en=f"{path.name} has {len(findings)} mistakes",
            todo_zh="按所列行号改正；字段说明见 docs/concepts/sources.md",
            todo_en="correct the lines named; docs/concepts/sources.md explains the fields", findings=findings,
        ) from error  # fmt: skip


def _finding(file: str, positions: Positions, item: Any, data: Any) -> Finding:
    loc = tuple(part for part in item["loc"] if not (isinstance(part, str) and part.startswith("function-")))
    todo = ""
    if item["type"] == "extra_forbidden":
        todo = did_you_mean(suggest(str(loc[-1]), _known_fields(loc[:-1]))) or "remove it 请删除"
    value = "" if "database" in loc else written_value(item)  # an address may hold a password
    return Finding(f"{file}:{positions.line(loc)} {_readable(loc, data)}", problem_of(item), value=value, todo=todo)


def _readable(loc: tuple[Any, ...], data: Any) -> str:
    """Show ``tables.3.columns.x`` as ``core_loans.columns.x``."""
    parts = [str(p) for p in loc]
    if len(loc) > 1 and loc[0] == "tables" and isinstance(loc[1], int):
        entry = data["tables"][loc[1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        parts = [str(name or f"tables[{loc[1]}]"), *parts[2:]]
    return ".".join(parts)


_NESTED: Dictionary[str, type[BaseModel]] = {
    "tables": Entry, "format": Format, "control": Control, "database": Database, "join": Join, "columns": ColumnSource,
    "calendar": Calendar,
}  # fmt: skip


def _known_fields(loc: tuple[Any, ...]) -> list[str]:
    named = [p for p in loc if p in _NESTED]
    return list((_NESTED[named[-1]] if named else Mapping).model_fields)


__all__ = [
    "UPSERTING",
    "Calendar",
    "ColumnSource",
    "Control",
    "Database",
    "Entry",
    "FileKind",
    "Format",
    "Join",
    "Mapping",
    "Mode",
    "read_mapping",
]

"""Hold a mapping to the contracts before any file is read: all mistakes at once, each with its line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, Finding
from zhike.sources.decoding import encoding_of
from zhike.sources.mapping import ColumnSource, Entry, Mapping, read_mapping
from zhike.sources.positions import Positions, read_positions
from zhike.sources.references import referable_columns
from zhike.sources.scalar import parse_scalar
from zhike.warehouse.contracts import Column, Contract, Kind

NUMBERS = (Kind.INTEGER, Kind.AMOUNT, Kind.RATE, Kind.NUMBER)
Problem = tuple[tuple[object, ...], str, str]  # path inside the entry, what is wrong, what to do


@dataclass(frozen=True, slots=True)
class _Checker:
    mapping: Mapping
    contracts: Dictionary[str, Contract]

    def entry(self, entry: Entry) -> Iterator[Problem]:
        yield from self._expressions(entry)
        yield from self._joins(entry)
        yield from _layout(entry)
        if not entry.to:
            return
        contract = self.contracts.get(entry.to)
        if contract is None:
            yield ("to",), f"there is no table {entry.to} that sources may fill", _near(entry.to, self.contracts)
            return
        yield from _columns(entry, contract)
        yield from _delivery(entry, contract)
        for name in entry.unchecked_references:
            if name not in referable_columns(contract):
                yield ("unchecked_references",), f"{name} refers to nothing", _near(name, referable_columns(contract))

    def _expressions(self, entry: Entry) -> Iterator[Problem]:
        places = [(("where",), entry.where), (("deleted_when",), entry.deleted_when)]
        places += [(("columns", n, "sql"), s.sql) for n, s in entry.columns.items()]  # type: ignore[misc]
        known = {*entry.format.columns, *(new for j in entry.join for new in j.columns)}
        for place, text in places:
            if text is None:
                continue
            try:
                columns = parse_scalar(text).columns
            except ValueError as error:
                yield place, str(error), "write one scalar expression over the columns of the file"
                continue
            if entry.format.columns:
                for name in columns:
                    if name not in known:
                        yield place, f"the file has no column {name}", _near(name, known)
        if entry.format.columns:
            for target, source in entry.columns.items():
                if source.column is not None and source.column not in known:
                    yield ("columns", target), f"the file has no column {source.column}", _near(source.column, known)

    def _joins(self, entry: Entry) -> Iterator[Problem]:
        for i, join in enumerate(entry.join):
            other = self.mapping.entry(join.table)
            if other.database is not None or entry.database is not None:
                yield ("join", i), "a database joins in its own query", "write the join into the query"
            theirs = other.format.columns
            for name in (*join.on.values(), *join.columns.values()):
                if theirs and name not in theirs:
                    yield ("join", i), f"{join.table} has no column {name}", _near(name, theirs)
            for new in join.columns:
                if new in entry.format.columns:
                    yield (
                        ("join", i),
                        f"the file has a column {new} already",
                        f"rename it: columns: {{{join.table}_{new}: {new}}}",
                    )


def _near(word: str, known: object) -> str:
    near = suggest(word, known)  # type: ignore[arg-type]
    return f"did you mean {near}?" if near else ""


def _columns(entry: Entry, contract: Contract) -> Iterator[Problem]:
    names = contract.column_names
    for name, source in entry.columns.items():
        if name not in names:
            yield ("columns", name), f"{contract.name} has no column {name}", _near(name, names)
        else:
            yield from _source(contract, contract.column(name), source)
    filled = {*entry.columns, *(["source"] if entry.source else [])}
    for column in contract.columns:
        if (column.required or column.name in contract.key) and column.name not in filled:
            todo = "say source: of the entry" if column.name == "source" else f"map it: {column.en}"
            yield ("columns",), f"{column.name} is required by {contract.name}", todo


def _source(contract: Contract, column: Column, source: ColumnSource) -> Iterator[Problem]:
    place = ("columns", column.name)
    for key, value in (source.values or {}).items():
        if column.allowed and value is not None and str(value) not in column.allowed:
            yield (
                (*place, "values", key),
                f"{value} is no code of {column.name}",
                _near(str(value), column.allowed) or f"one of {', '.join(column.allowed)}",
            )
    fixed = source.constant if source.constant is not None else source.default
    if column.allowed and fixed is not None and str(fixed) not in column.allowed:
        yield (
            place,
            f"{fixed} is no code of {column.name}",
            _near(str(fixed), column.allowed) or f"one of {', '.join(column.allowed)}",
        )
    dated = column.kind in (Kind.DAY, Kind.MOMENT)
    if source.date and not dated:
        yield (*place, "date"), f"{column.name} is a {column.kind}, no date", "remove date"
    if source.unit is not None and column.kind not in NUMBERS:
        yield (*place, "unit"), f"{column.name} is a {column.kind}, no number", "remove unit"
    if source.day and column.kind is not Kind.DAY:
        yield (*place, "day"), f"{column.name} is a {column.kind}, no day", "day_end gives a moment"
    if source.day_end is not None and column.kind is not Kind.MOMENT:
        yield (*place, "day_end"), f"{column.name} is a {column.kind}, no moment", "day gives a day"
    if isinstance(source.day_end, str):
        days = [c.name for c in contract.columns if c.kind is Kind.DAY]
        if source.day_end not in days:
            yield (*place, "day_end"), f"{contract.name} has no day {source.day_end}", _near(source.day_end, days)
    if dated and isinstance(fixed, str) and not _is_iso(fixed):
        yield place, f"{fixed} is no date", "write it as 2025-01-31"
    if source.timezone is not None and not _is_zone(source.timezone):
        yield (*place, "timezone"), f"there is no time zone {source.timezone}", "an IANA name such as Asia/Shanghai"


def _delivery(entry: Entry, contract: Contract) -> Iterator[Problem]:
    if (
        (entry.is_dated is False)
        and any(s.day or s.day_end is True for s in entry.columns.values())
        and not entry.database
    ):
        yield (
            ("columns",),
            "day and day_end: true need a file per business day",
            "take a constant, or day_end of a column",
        )
    if contract.partitioned_by == "batch" and (
        entry.delivery in ("increment", "zipper") or (entry.is_dated and entry.delivery == "full")
    ):
        yield ("mode",), f"{contract.name} only grows", "mode: append"
    if entry.delivery == "zipper" and "valid_from_on" not in contract.key:
        yield ("mode",), f"{contract.name} keeps no versions", "mode: increment"


def _layout(entry: Entry) -> Iterator[Problem]:
    try:
        codecs.lookup(encoding_of(entry.format))
    except LookupError:
        yield ("format", "encoding"), f"there is no encoding {entry.format.encoding}", "utf-8, gb18030 or utf-16"
    for place, pattern in (("file", entry.file), ("archive", entry.archive)):
        if pattern is not None and not _is_pattern(pattern):
            yield (place,), f"{pattern} cannot be filled with a day", "write {day:%Y%m%d}; other braces have no meaning"


def _is_pattern(pattern: str) -> bool:
    try:
        pattern.format(day=date(2025, 1, 31))
    except (KeyError, ValueError, IndexError, AttributeError):
        return False
    return True


def _is_iso(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


def check_mapping(
    mapping: Mapping,
    contracts: Dictionary[str, Contract],
    *,
    positions: Positions | None = None,
    file: str = "mapping.yaml",
) -> None:
    """Raise BadInput with every place where a mapping does not fit the contracts that sources may fill."""
    checker = _Checker(mapping, contracts)
    findings = []
    for i, entry in enumerate(mapping.tables):
        for place, problem, todo in checker.entry(entry):
            line = f":{positions.line(('tables', i, *place))}" if positions else ""
            shown = ".".join(str(p) for p in (entry.name, *place))
            findings.append(Finding(f"{file}{line} {shown}", problem, todo=todo))
    if findings:
        raise BadInput(
            "mapping.does_not_fit", zh=f"{file} 与表契约有 {len(findings)} 处不符",
            en=f"{file} does not fit the contracts in {len(findings)} place{'s' if len(findings) > 1 else ''}",
            todo_zh="按所列行号改正；表契约见 docs/concepts/sources.md", todo_en="correct the lines named; docs/concepts/sources.md lists the contracts",
            findings=tuple(findings),
        )  # fmt: skip


def open_mapping(path: Path, contracts: Dictionary[str, Contract]) -> Mapping:
    """Return the mapping in a file, read and held to the contracts.

    Raises
    ------
    BadInput : it cannot be read, or does not fit; all mistakes are named with file and line.
    """
    mapping = read_mapping(path)
    check_mapping(mapping, contracts, positions=read_positions(path), file=path.name)
    return mapping


__all__ = ["check_mapping", "open_mapping"]

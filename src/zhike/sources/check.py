"""Hold a mapping to the contracts before any file is read: all mistakes at once, each with its line."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.mistakes import did_you_mean
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
            problem = f"there is no table {entry.to} that sources may fill · 没有可供来源填充的表 {entry.to}"
            yield ("to",), problem, _near(entry.to, self.contracts)
            return
        yield from _columns(entry, contract)
        yield from _delivery(entry, contract)
        for name in entry.unchecked_references:
            if name not in referable_columns(contract):
                problem = f"{name} refers to nothing · {name} 不是引用列"
                yield ("unchecked_references",), problem, _near(name, referable_columns(contract))

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
                yield (
                    place,
                    str(error),
                    "write one scalar expression over the columns of the file 请写针对单行的一个标量表达式",
                )
                continue
            if entry.format.columns:
                for name in columns:
                    if name not in known:
                        yield place, _no_column("the file", "文件", name), _near(name, known)
        if entry.format.columns:
            for target, source in entry.columns.items():
                if source.column is not None and source.column not in known:
                    problem = _no_column("the file", "文件", source.column)
                    yield ("columns", target), problem, _near(source.column, known)

    def _joins(self, entry: Entry) -> Iterator[Problem]:
        for i, join in enumerate(entry.join):
            other = self.mapping.entry(join.table)
            if other.database is not None or entry.database is not None:
                problem = "a database joins in its own query · 数据库的关联写在查询里"
                yield ("join", i), problem, "write the join into the query 请写入 query"
            theirs = other.format.columns
            for name in (*join.on.values(), *join.columns.values()):
                if theirs and name not in theirs:
                    yield ("join", i), _no_column(join.table, join.table, name), _near(name, theirs)
            for new in join.columns:
                if new in entry.format.columns:
                    yield (
                        ("join", i),
                        f"the file has a column {new} already · 文件已有列 {new}",
                        f"rename it 改名: columns: {{{join.table}_{new}: {new}}}",
                    )


def _near(word: str, known: object) -> str:
    return did_you_mean(suggest(word, known))  # type: ignore[arg-type]


def _no_column(what: str, what_zh: str, name: str) -> str:
    return f"{what} has no column {name} · {what_zh} 没有列 {name}"


def _one_of(word: str, allowed: Iterable[str]) -> str:
    return _near(word, allowed) or f"one of 应为 {', '.join(allowed)}"


def _columns(entry: Entry, contract: Contract) -> Iterator[Problem]:
    names = contract.column_names
    for name, source in entry.columns.items():
        if name not in names:
            yield ("columns", name), _no_column(contract.name, contract.name, name), _near(name, names)
        else:
            yield from _source(contract, contract.column(name), source)
    filled = {*entry.columns, *(["source"] if entry.source else [])}
    for column in contract.columns:
        if (column.required or column.name in contract.key) and column.name not in filled:
            todo = "say source: of the entry 在该条目写 source:"
            if column.name != "source":
                todo = f"map it: {column.en} 请映射：{column.zh}"
            yield ("columns",), f"{column.name} is required by {contract.name} · {contract.name} 必填", todo


def _source(contract: Contract, column: Column, source: ColumnSource) -> Iterator[Problem]:
    place = ("columns", column.name)
    for key, value in (source.values or {}).items():
        if column.allowed and value is not None and str(value) not in column.allowed:
            yield (
                (*place, "values", key),
                f"{value} is no code of {column.name} · 不是 {column.name} 的代码",
                _one_of(str(value), column.allowed),
            )
    fixed = source.constant if source.constant is not None else source.default
    if column.allowed and fixed is not None and str(fixed) not in column.allowed:
        yield (
            place,
            f"{fixed} is no code of {column.name} · 不是 {column.name} 的代码",
            _one_of(str(fixed), column.allowed),
        )
    dated = column.kind in (Kind.DAY, Kind.MOMENT)
    if source.date and not dated:
        yield (*place, "date"), _no_kind(column, "date", "日期"), "remove date 请删除 date"
    if source.unit is not None and column.kind not in NUMBERS:
        yield (*place, "unit"), _no_kind(column, "number", "数字"), "remove unit 请删除 unit"
    if source.day and column.kind is not Kind.DAY:
        yield (*place, "day"), _no_kind(column, "day", "日期"), "day_end gives a moment 时刻用 day_end"
    if source.day_end is not None and column.kind is not Kind.MOMENT:
        yield (*place, "day_end"), _no_kind(column, "moment", "时刻"), "day gives a day 日期用 day"
    if isinstance(source.day_end, str):
        days = [c.name for c in contract.columns if c.kind is Kind.DAY]
        if source.day_end not in days:
            problem = f"{contract.name} has no day {source.day_end} · {contract.name} 没有日期列 {source.day_end}"
            yield (*place, "day_end"), problem, _near(source.day_end, days)
    if dated and isinstance(fixed, str) and not _is_iso(fixed):
        yield place, f"{fixed} is no date · 不是日期", "write it as 写成 2025-01-31"
    if source.timezone is not None and not _is_zone(source.timezone):
        problem = f"there is no time zone {source.timezone} · 没有这个时区"
        yield (*place, "timezone"), problem, "an IANA name such as 用 IANA 名称，如 Asia/Shanghai"


def _no_kind(column: Column, what: str, what_zh: str) -> str:
    return f"{column.name} is a {column.kind}, no {what} · {column.name} 不是{what_zh}"


def _delivery(entry: Entry, contract: Contract) -> Iterator[Problem]:
    if (
        (entry.is_dated is False)
        and any(s.day or s.day_end is True for s in entry.columns.values())
        and not entry.database
    ):
        yield (
            ("columns",),
            "day and day_end: true need a file per business day · day 与 day_end: true 要求每个营业日一个文件",
            "take a constant, or day_end of a column 用 constant，或写某列的 day_end",
        )
    if contract.partitioned_by == "batch" and (
        entry.delivery in ("increment", "zipper") or (entry.is_dated and entry.delivery == "full")
    ):
        yield ("mode",), f"{contract.name} only grows · {contract.name} 只增不改", "mode: append"
    if entry.delivery == "zipper" and "valid_from_on" not in contract.key:
        yield ("mode",), f"{contract.name} keeps no versions · {contract.name} 不存版本", "mode: increment"


def _layout(entry: Entry) -> Iterator[Problem]:
    try:
        codecs.lookup(encoding_of(entry.format))
    except LookupError:
        problem = f"there is no encoding {entry.format.encoding} · 没有编码 {entry.format.encoding}"
        yield ("format", "encoding"), problem, "utf-8, gb18030, utf-16"
    for place, pattern in (("file", entry.file), ("archive", entry.archive)):
        if pattern is not None and not _is_pattern(pattern):
            problem = f"{pattern} cannot be filled with a day · 无法填入日期"
            yield (
                (place,),
                problem,
                "write {day:%Y%m%d}; other braces have no meaning 写 {day:%Y%m%d}，其他花括号无意义",
            )


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
            todo_zh="按所列行号改正；表契约见 docs/reference/tables.md", todo_en="correct the lines named; docs/reference/tables.md lists the contracts",
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

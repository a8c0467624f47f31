"""Records of the day placed without a run: JSON lines with the columns of ``source_party``, read strictly, answered in order."""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from zhike.identity import RecordKey
from zhike.identity.live import LiveIdentity, Placed
from zhike.identity.rules import MEANINGS
from zhike.identity.standardise import load_words
from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.terms import Text
from zhike.pipeline.identity.deciding import Told
from zhike.pipeline.identity.opening import IdentityView
from zhike.pipeline.identity.telling import both, record_text, told_change
from zhike.sources.tables.party import SOURCE_PARTY
from zhike.warehouse import Column, Kind

Row = dict[str, Any]
MOST_FINDINGS = 20
COLUMNS: Mapping[str, Column] = {c.name: c for c in SOURCE_PARTY.columns}
FILLED_IN = ("valid_from_on", "recorded_at")  # the day of the run, and now, where a record does not say
SINGLE = Text("单独成客户", "stands alone")


@dataclass(frozen=True, slots=True)
class _Broken(Exception):
    """What is wrong with one value, in words that name no value."""

    column: str
    problem: str
    todo: str


def read_file(file: str, *, now: datetime, on: date) -> list[Row]:
    """Return the records of a file of JSON lines, or of standard input where it is ``-``; see :func:`read_records`.

    Raises
    ------
    BadInput : there is no such file, it is not UTF-8, a line is no record, or two lines are of one record and day.
    """
    path = Path(file)
    if file != "-" and not path.is_file():
        raise BadInput(
            "identity.no_file", zh=f"没有文件 {file}", en=f"there is no file {file}",
            todo_zh="写出 JSON 行文件的路径；- 表示标准输入", todo_en="name a file of JSON lines; - reads standard input",
        )  # fmt: skip
    try:
        if file == "-":
            return read_records(sys.stdin, now=now, on=on)
        with path.open(encoding="utf-8") as lines:
            return read_records(lines, now=now, on=on)
    except UnicodeDecodeError as error:
        raise BadInput(
            "identity.not_utf8", zh=f"{file} 不是 UTF-8", en=f"{file} is not UTF-8",
            todo_zh="转为 UTF-8 的 JSON 行", todo_en="write it as JSON lines in UTF-8",
        ) from error  # fmt: skip


def read_records(lines: Iterable[str], *, now: datetime, on: date) -> list[Row]:
    """Return the records that JSON lines hold, typed as ``source_party`` types them; empty lines are passed over.

    Parameters
    ----------
    now : aware moment that a record without ``recorded_at`` gets.
    on : day from which a record without ``valid_from_on`` holds.

    Raises
    ------
    BadInput : a line is no JSON object, or names a column that there is not, or lacks one, or a value does not fit; or two lines are of
        one record and hold from one day, so that nobody can tell which is the newer. Up to twenty lines are named, never their values.
    """
    records: list[Row] = []
    numbers: list[int] = []
    findings: list[Finding] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            records.append(_record(line, now))
            numbers.append(number)
        except _Broken as broken:
            where = f"line {number}" + (f" {broken.column}" if broken.column else "")
            findings.append(Finding(where, broken.problem, todo=broken.todo))
    if findings:
        raise BadInput(
            "identity.records_malformed", zh=f"{len(findings)} 行不是有效记录", en=f"{len(findings)} line{'s are' if len(findings) > 1 else ' is'} no record",
            findings=tuple(findings[:MOST_FINDINGS]), todo_zh="每行一个 JSON 对象，列同 source_party 表；未放置任何记录", todo_en="one JSON object a line, with the columns of the table source_party; nothing was placed",
        )  # fmt: skip
    _check_versions(records, numbers, on)
    return records


def _check_versions(records: Sequence[Row], numbers: Sequence[int], on: date) -> None:
    """Raise BadInput where two lines are of one record and one day."""
    first: dict[tuple[str, str, date], int] = {}
    findings = []
    for row, number in zip(records, numbers, strict=True):
        before = first.setdefault((row["source"], row["source_key"], row.get("valid_from_on", on)), number)
        if before != number:
            problem = "are of one record and hold from one day"
            todo = "leave one out, or let the newer hold from a later valid_from_on"
            findings.append(Finding(f"lines {before} and {number}", problem, todo=todo))
    if findings:
        raise BadInput(
            "identity.record_twice", zh=f"{len(findings)} 行与前面某行是同一记录、同一生效日", en=f"{len(findings)} line{'s repeat' if len(findings) > 1 else ' repeats'} record and day of an earlier one",
            findings=tuple(findings[:MOST_FINDINGS]), todo_zh="删去其一，或给较新的版本写更晚的 valid_from_on；未放置任何记录", todo_en="leave one of the two out, or let the newer hold from a later valid_from_on; nothing was placed",
        )  # fmt: skip


def _record(line: str, now: datetime) -> Row:
    try:
        written = json.loads(line)
    except json.JSONDecodeError as error:
        raise _Broken("", f"is no JSON (column {error.colno})", "write one JSON object a line") from error
    if not isinstance(written, dict):
        raise _Broken("", "is no JSON object", 'write {"source": …, "source_key": …}')
    for name in written:
        if name not in COLUMNS:
            near = suggest(name, COLUMNS)
            raise _Broken(
                name if near else "",
                "there is no such column",
                f"did you mean {near}?" if near else f"one of {', '.join(COLUMNS)}",
            )
    row = {name: _typed(COLUMNS[name], value) for name, value in written.items() if value is not None and value != ""}
    row.setdefault("recorded_at", now.astimezone(UTC).replace(tzinfo=None))
    for column in COLUMNS.values():
        if column.required and column.name not in row and column.name not in FILLED_IN:
            raise _Broken(column.name, "is required and missing", "every record names it")
    return row


def _typed(column: Column, value: Any) -> Any:
    """Return a JSON value as its column types it."""
    if column.kind in (Kind.TEXT, Kind.CODE):
        if not isinstance(value, str):
            raise _Broken(column.name, "is no text", "write it in quotes: numbers with leading zeros are texts")
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
            raise _Broken(
                column.name, "holds characters that are no text", "leave out control characters and half characters"
            )
        if column.allowed and value not in column.allowed:
            raise _Broken(column.name, "is an unknown code", f"one of {', '.join(column.allowed)}")
        return value
    try:
        if column.kind is Kind.DAY:
            return date.fromisoformat(value)
        if column.kind is Kind.MOMENT:
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (TypeError, ValueError) as error:
        raise _Broken(
            column.name,
            f"is no {column.kind.value}",
            "write it as 2025-03-31, with a time of day where a moment is asked",
        ) from error
    is_flag = isinstance(value, bool)
    if (column.kind is Kind.FLAG) != is_flag or not (is_flag or isinstance(value, int | float)):
        raise _Broken(
            column.name, "is true or false" if column.kind is Kind.FLAG else "is no number", "write it without quotes"
        )
    if not is_flag and not math.isfinite(value):
        raise _Broken(column.name, "is no number", "leave it out where it is not known")
    return value


def place(view: IdentityView, records: list[Row], told: Told) -> Row:
    """Return where live records are placed, in order, what that changes for customers that were there, and how long it took.

    Nothing is kept: the records come into the next run with the deliveries of their sources. Several versions of one record are placed
    together; the one that holds from the latest day is the newest, whatever line it stands in. ``seconds`` are those of placing alone:
    the project is open and the words that names and places are read with are at hand before.
    """
    live: LiveIdentity = view.live(view.overrides, told)
    warnings = [
        *_several_versions(records, view.as_of.on),
        *_unknown_sources(records, view.sources() if records else []),
    ]
    load_words()
    begun = perf_counter()
    placed = live.place(records) if records else Placed((), ())
    seconds = perf_counter() - begun
    return {
        "as_of": view.as_of.on.isoformat(), "seconds": round(seconds, 4), "n_records": len(records), "warnings": warnings,
        "placements": list(_told(placed)), "changes": [told_change(c) for c in placed.changes if c.kind != "created"],
    }  # fmt: skip


def _several_versions(records: Sequence[Row], on: date) -> Iterator[Row]:
    """Yield a warning for each record that comes in several versions: which is the newest."""
    days: dict[RecordKey, list[date]] = defaultdict(list)
    for row in records:
        days[RecordKey(row["source"], row["source_key"])].append(row.get("valid_from_on", on))
    for record, mine in days.items():
        if len(mine) > 1:
            name, n, newest = record_text(record), len(mine), max(mine).isoformat()
            text = Text(
                f"{name} 有 {n} 个版本：生效日最晚（{newest}）者为最新",
                f"{name} comes in {n} versions: the one that holds from {newest} is the newest",
            )
            yield {"code": "several_versions", "record": name, "n_versions": n, "newest_on": newest, **both(text)}


def _unknown_sources(records: Sequence[Row], known: Sequence[str]) -> Iterator[Row]:
    """Yield a warning for each source that no published record has, with the known one that is nearest."""
    counted = Counter(str(row["source"]) for row in records)
    for source, n in counted.items():
        if source not in known:
            near = suggest(source, known)
            zh, en = (
                (f"是否要写 {near}？", f"did you mean {near}?")
                if near
                else (f"已有来源：{'、'.join(known)}", f"known are {', '.join(known)}")
            )
            text = Text(
                f"已发布的记录中没有来源 {source}（{n} 条仍已放置）：{zh}",
                f"no published record has the source {source} ({n} record{'' if n == 1 else 's'} placed all the same): {en}",
            )
            yield {"code": "source_unknown", "source": source, "near": near or None, "n_records": n, **both(text)}


def _told(placed: Placed) -> Iterator[Row]:
    for p in placed.placements:
        yield {**asdict(p), "record": record_text(p.record), **both(MEANINGS.get(p.linked_by, SINGLE))}


__all__ = ["place", "read_file", "read_records"]

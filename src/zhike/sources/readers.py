"""Make a delivered file ready to be scanned: unpack, decode, find its columns, count its lines, compare the control file.

Whatever the bank delivers becomes UTF-8 text or Parquet (a :class:`RawFile`). A UTF-8 file that is sound is read where it
lies; everything else is rewritten as a stream into the scratch folder. Files that cannot be trusted as a whole are held
here: wrong encoding, wrong columns, wrong count.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, ContractBroken, Finding, Unavailable
from zhike.kernel.mistakes import did_you_mean
from zhike.sources.archives import open_bytes
from zhike.sources.decoding import CUT, decode_error, encoding_of, line_too_long, rewrite_text
from zhike.sources.deliveries import Delivery
from zhike.sources.mapping import Entry
from zhike.sources.survey import Survey, has_padding, hash_file, survey_text
from zhike.sources.tabular import read_query, read_sheet
from zhike.warehouse.engine import Engine
from zhike.warehouse.files import RawFile, TextLayout, parquet_columns

HEAD_LINES = 200


@dataclass(slots=True)
class Reader:
    """Prepares files of one load; numbers them in the order in which it is asked."""

    engine: Engine
    folder: Path
    n_files: int = field(default=0)

    def prepare(self, entry: Entry, delivery: Delivery, needed: Sequence[str], *, fingerprint: str = "") -> RawFile:
        """Return one delivered file, ready to be scanned; ``needed`` are the columns that it must have.

        Raises
        ------
        ContractBroken : the file is held: wrong encoding, columns, count, or empty where rows must be.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        kind = entry.kind
        if kind == "parquet":
            raw = self._parquet(entry, delivery)
        elif kind == "xlsx":
            raw = self._sheet(entry, delivery)
        else:
            raw = self._text(entry, delivery)
        _check_columns(entry, delivery.label, raw.columns, needed)
        n_declared = read_control(entry, delivery)
        if not raw.n_records and n_declared is None and (entry.delivery == "full" or not entry.is_dated):
            raise empty_file(delivery.label)
        return replace(raw, day=delivery.day, fingerprint=fingerprint, n_declared=n_declared)

    def prepare_rows(
        self, entry: Entry, rows: pa.Table, needed: Sequence[str], *, day: date | None = None
    ) -> RawFile:  # fmt: skip
        """Return rows that come in no file (of a query, of the mapping itself), ready to be scanned."""
        target = self._target(entry, ".parquet")
        pq.write_table(rows, target)
        names = tuple(rows.column_names)
        _check_columns(entry, entry.name, names, needed)
        number, mark = self._number(), hash_file(target)
        return RawFile(number, entry.name, target, names, frozenset(names), None, rows.num_rows, day, fingerprint=mark)

    def _number(self) -> int:
        self.n_files += 1
        return self.n_files - 1

    def _target(self, entry: Entry, suffix: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{entry.name}-{self.n_files}{suffix}"

    # ── kinds ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _parquet(self, entry: Entry, delivery: Delivery) -> RawFile:
        path = delivery.path
        if delivery.member is not None:
            path = self._target(entry, ".parquet")
            with open_bytes(delivery.path, delivery.member, delivery.label) as stream, path.open("wb") as out:
                while data := stream.read(1024 * 1024):
                    out.write(data)
        try:
            types = parquet_columns(self.engine, path)
        except ValueError as error:
            raise ContractBroken(
                "sources.not_parquet", zh=f"{delivery.label} 不是 Parquet 文件", en=f"{delivery.label} is no Parquet file",
                todo_zh="请发送方重新发送", todo_en="have it sent again",
            ) from error  # fmt: skip
        text = frozenset(n for n, t in types.items() if t == "VARCHAR")
        n_rows = int(pq.read_metadata(path).num_rows)
        return RawFile(self._number(), delivery.label, path, tuple(types), text, None, n_rows)

    def _sheet(self, entry: Entry, delivery: Delivery) -> RawFile:
        path = delivery.path
        if delivery.member is not None:
            path = self._target(entry, ".xlsx")
            with open_bytes(delivery.path, delivery.member, delivery.label) as stream, path.open("wb") as out:
                while data := stream.read(1024 * 1024):
                    out.write(data)
        sheet = read_sheet(path, entry.format, delivery.label)
        target = self._target(entry, ".parquet")
        pq.write_table(sheet.rows, target)
        names = tuple(sheet.rows.column_names)
        return RawFile(
            self._number(), delivery.label, target, names, frozenset(names), None, sheet.rows.num_rows,
            n_rows_above=sheet.n_rows_above,
        )  # fmt: skip

    def _text(self, entry: Entry, delivery: Delivery) -> RawFile:
        form = entry.format
        is_fixed = entry.kind == "fixed_width"
        delimiter = CUT if is_fixed else form.delimiter or ("," if entry.kind == "csv" else "|")
        quote = "" if is_fixed else form.quote if form.quote is not None else '"' if entry.kind == "csv" else ""
        has_header = form.header if form.header is not None else entry.kind == "csv"
        in_place = (
            delivery.member is None and delivery.path.suffix != ".gz" and not is_fixed and encoding_of(form) == "utf-8"
            and len(delimiter.encode()) <= 4
        )  # fmt: skip
        path, survey = delivery.path, None
        if in_place:
            survey = survey_text(path)
            _check_utf8(path, survey, delivery.label)
        if survey is None or survey.has_mixed_line_ends:
            path = self._target(entry, ".txt")
            with open_bytes(delivery.path, delivery.member, delivery.label) as stream:
                rewrite_text(stream, path, form, delivery.label)
            survey = survey_text(path)
        if len(delimiter.encode()) > 4:
            delimiter = CUT
        if survey.long_line_at is not None:
            raise line_too_long(delivery.label, _line_at(path, survey.long_line_at))
        layout = TextLayout(delimiter, quote, form.skip_lines + (1 if has_header else 0))
        head = _head(path, layout)
        columns = _columns(entry, delivery.label, head, layout, has_header=has_header)
        n_records = max(0, survey.n_lines - layout.n_top_lines)
        return RawFile(
            self._number(), delivery.label, path, columns, frozenset(columns), layout, n_records,
            n_rows_above=layout.n_top_lines, has_nul=survey.has_nul,
            needs_trim=is_fixed or has_padding(path, delimiter, quote),
        )  # fmt: skip


def _check_utf8(path: Path, survey: Survey, label: str) -> None:
    """Say where the first byte stands that is no UTF-8."""
    if survey.is_utf8:
        return
    with path.open("rb") as stream:
        head = stream.read(4096)
        stream.seek(0)
        n_bytes = n_lines = 0
        for line in stream:
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise decode_error(
                    label, "utf-8", at_byte=n_bytes + error.start + 1, line=n_lines + 1, head=head
                ) from error
            n_bytes, n_lines = n_bytes + len(line), n_lines + 1


def _line_at(path: Path, at: int) -> int:
    with path.open("rb") as stream:
        n_lines = 0
        while at > 0 and (data := stream.read(min(at, 1024 * 1024))):
            n_lines += data.count(b"\n")
            at -= len(data)
    return n_lines + 1


def _head(path: Path, layout: TextLayout) -> list[list[str]]:
    """Return the first records of a text file as fields, those above the header left out."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for _ in range(max(0, layout.n_top_lines - 1)):
            stream.readline()
        lines = (line for line in stream)
        if layout.quote and len(layout.delimiter) == 1:
            rows: list[list[str]] = []
            with suppress(csv.Error):  # a value too long for this module; the lines before it tell the columns
                rows.extend(
                    r
                    for r in islice(csv.reader(lines, delimiter=layout.delimiter, quotechar=layout.quote), HEAD_LINES)
                    if r
                )
            return rows
        return [line.rstrip("\r\n").split(layout.delimiter) for line in islice(lines, HEAD_LINES) if line.strip("\r\n")]


def _columns(
    entry: Entry, label: str, head: list[list[str]], layout: TextLayout, *, has_header: bool
) -> tuple[str, ...]:  # fmt: skip
    """Return the names of the columns: the header's, or the mapping's where there is no header."""
    named = entry.format.columns
    if has_header:
        if not head:
            raise empty_file(label)
        names = tuple(n.strip().strip(layout.quote or None) for n in head[0])
        if named and named != names:
            missing = [c for c in named if c not in names]
            if missing:
                raise _columns_missing(entry, label, missing, names)
        lower = [n.lower() for n in names]
        twice = sorted({n for n in names if lower.count(n.lower()) > 1})
        if twice or "" in names:
            what = f"names {', '.join(twice)} twice" if twice else "leaves a column without name"
            raise ContractBroken(
                "sources.header_ambiguous", zh=f"{label} 的表头有重名或空列名", en=f"the header of {label} {what}",
                todo_zh="改表头，或写 header: false 并在 format.columns 中命名",
                todo_en="correct it, or set header: false, skip_lines: 1 and name the columns in format.columns",
            )  # fmt: skip
        return names
    body = head if layout.n_top_lines == 0 else head[1:]
    if body and all(len(row) != len(named) for row in body):
        raise ContractBroken(
            "sources.columns_differ",
            zh=f"{label} 每行 {len(body[0])} 列，映射列出 {len(named)} 列",
            en=f"{label} has {len(body[0])} columns, the mapping names {len(named)}",
            todo_zh="核对 format.delimiter 与 format.columns", todo_en="check format.delimiter and format.columns",
            facts={"file": label, "n_columns": len(body[0]), "n_named": len(named)},
        )  # fmt: skip
    return named


def _check_columns(entry: Entry, label: str, names: Sequence[str], needed: Sequence[str]) -> None:
    have = set(names)
    missing = [c for c in needed if c not in have]
    if missing:
        raise _columns_missing(entry, label, missing, names)


def _columns_missing(entry: Entry, label: str, missing: Sequence[str], names: Sequence[str]) -> ContractBroken:
    findings = []
    for name in missing:
        near = suggest(name, names) or next((n for n in names if n.lower() == name.lower()), "")
        todo = (
            f"{did_you_mean(near)} (renamed? 已改名？)" if near else f"the file has 文件的列: {', '.join(names[:20])}"
        )
        findings.append(Finding(f"{label}:1 {name}", "no such column · 没有这一列", todo=todo))
    return ContractBroken(
        "sources.column_missing",
        zh=f"{label} 缺少列 {', '.join(missing)}", en=f"{label} has no column {', '.join(missing)}",
        todo_zh=f"改映射中的 {entry.name}，或请发送方恢复列名", todo_en=f"correct {entry.name} in the mapping, or have the column restored",
        findings=tuple(findings), facts={"file": label, "columns": list(missing)},
    )  # fmt: skip


def read_control(entry: Entry, delivery: Delivery) -> int | None:
    """Return the record count that the control file declares; None where the entry has no control file.

    Raises
    ------
    ContractBroken : the control file is missing (the delivery is not complete), or holds no count.
    """
    if entry.control is None:
        return None
    if delivery.control_member is not None:
        with open_bytes(
            delivery.path, delivery.control_member, f"{delivery.path.name}!{delivery.control_member}"
        ) as stream:
            text = stream.read(1024 * 1024).decode("utf-8", errors="replace")
        shown = delivery.control_member
    else:
        path = delivery.control or Path()
        shown = path.name
        if not path.is_file():
            raise ContractBroken(
                "sources.control_missing", zh=f"{delivery.label} 的控制文件 {shown} 未到", en=f"{delivery.label} has no control file {shown}: the delivery is not complete",
                todo_zh="等控制文件到达后重跑", todo_en="run again when it has arrived",
            )  # fmt: skip
        text = path.read_bytes()[: 1024 * 1024].decode("utf-8", errors="replace")
    name = re.escape(Path(delivery.member or delivery.path.name).name)
    found = re.search(entry.control.pattern.replace("{name}", name), text.lstrip("\ufeff"))
    if found is None:
        raise ContractBroken(
            "sources.control_unreadable", zh=f"控制文件 {shown} 中找不到记录数", en=f"the control file {shown} holds no count of records",
            todo_zh="核对映射中的 control.pattern", todo_en="check control.pattern in the mapping",
        )  # fmt: skip
    return int(found.group(1))


def count_differs(label: str, n_declared: int, n_read: int) -> ContractBroken:
    """Return the error for a file whose records are not as many as its control file says."""
    return ContractBroken(
        "sources.count_differs",
        zh=f"{label} 有 {n_read} 条记录，控制文件为 {n_declared} 条：整个文件被扣留",
        en=f"{label} holds {n_read} records, its control file says {n_declared}: the file is held",
        todo_zh="请发送方重新发送", todo_en="have it sent again",
        facts={"file": label, "n_read": n_read, "n_declared": n_declared},
    )  # fmt: skip


def empty_file(label: str) -> ContractBroken:
    """Return the error for a file without a record where a table would be emptied by it."""
    return ContractBroken(
        "sources.file_empty", zh=f"{label} 没有记录", en=f"{label} holds no record",
        todo_zh="请发送方核对；确为空时用记录数为 0 的控制文件说明",
        todo_en="check with the sender; a control file with count 0 says that it is meant",
        facts={"file": label},
    )  # fmt: skip


def run_query(entry: Entry, *, as_of: str) -> pa.Table:
    """Return the rows of an entry's database query, all as text.

    Raises
    ------
    BadInput : the variable with the URL is not set.
    Unavailable : the database cannot be reached or refuses the query.
    """
    if entry.database is None:
        raise ValueError(f"{entry.name} has no database")
    name = entry.database.url.removeprefix("env:")
    url = os.environ.get(name)
    if not url:
        raise BadInput(
            "sources.database_url_missing", zh=f"{entry.name}：环境变量 {name} 未设置", en=f"{entry.name}: the variable {name} is not set",
            todo_zh="设置为 SQLAlchemy 连接地址", todo_en="set it to the SQLAlchemy URL of the database",
        )  # fmt: skip
    try:
        return read_query(url, entry.database.query, as_of=as_of)
    except ConnectionError as error:
        raise Unavailable(
            "sources.database_unavailable", zh=f"{entry.name}：数据库无法访问或拒绝查询（{error}）",
            en=f"{entry.name}: the database cannot be reached or refuses the query ({error})",
            todo_zh="核对连接与查询后重跑", todo_en="check connection and query, then run again",
        ) from None  # fmt: skip


__all__ = ["Reader", "count_differs", "empty_file", "read_control", "run_query"]

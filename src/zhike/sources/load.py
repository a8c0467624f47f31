"""One load of a run: the files of one table (or one batch of it) become rows, quarantine and counts, or are held whole."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from zhike.kernel.errors import ContractBroken, Finding
from zhike.sources.deliveries import UNDATED, Delivery
from zhike.sources.fields import FieldOptions, build_fields, condition_sql, needed_columns
from zhike.sources.mapping import UPSERTING, Entry, Mapping
from zhike.sources.masking import shown_values
from zhike.sources.readers import Reader, count_differs, run_query
from zhike.sources.references import ReferenceRule
from zhike.sources.scalar import parse_scalar
from zhike.sources.tables.quality import LOAD_COUNT, QUARANTINE
from zhike.sources.tabular import row_table
from zhike.warehouse.contracts import Contract
from zhike.warehouse.files import RawFile, TextLayout
from zhike.warehouse.loading import (
    FileCount,
    LoadFailed,
    LoadPlan,
    LoadResult,
    Lookup,
    LookupNotUnique,
    Reference,
    Source,
    adopt,
    load,
)
from zhike.warehouse.steps import StepContext

SHOWN = 10
TODO = {
    "missing": "补全必填值 / fill it: it is required",
    "unknown_code": "在映射 values 中登记该代码，或更正 / add the code to values of the mapping, or correct it",
    "not_a_number": "更正为数字 / correct it to a number",
    "not_a_whole_number": "更正为整数 / correct it to a whole number",
    "not_a_flag": "更正为是否标志 / correct it to yes or no",
    "impossible_date": "更正日期，或核对映射 date 格式 / correct the date, or check date of the mapping",
    "below_minimum": "低于下限，更正 / below the least allowed: correct it",
    "above_maximum": "高于上限，更正 / above the most allowed: correct it",
    "control_character": "去除控制字符 / remove the control character",
    "expression_fails": "映射表达式无法计算该行 / the expression of the mapping cannot be computed for this row",
    "duplicate_key": "主键重复，保留首行 / its key came before; the first row stays: remove or correct it",
    "broken_reference": "补送被引用的记录 / deliver the record that it refers to",
    "too_few_columns": "列数不足，可能被截断 / fewer columns than there should be, perhaps cut off: send it again",
    "too_many_columns": "列数过多，检查分隔符 / more columns than there should be: look for a delimiter inside a value",
    "open_quote": "引号未闭合 / a quote is not closed: send it again",
    "line_too_long": "行过长 / the line is too long",
}


@dataclass(frozen=True, slots=True)
class Batch:
    """The files of one entry that one load takes in, with their fingerprints."""

    entry: Entry
    deliveries: tuple[Delivery, ...]
    fingerprints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadJob:
    """All that one step loads. ``earlier`` are the partitions of the table whose keys must not come again."""

    mapping: Mapping
    contract: Contract
    batches: tuple[Batch, ...]
    joined: dict[str, Batch]
    references: tuple[ReferenceRule, ...]
    partition: str
    quarantine_partition: str
    earlier: tuple[str, ...]
    timezone: str

    def __call__(self, context: StepContext) -> dict[str, Any]:
        """Load, write table, quarantine and counts; return the counts."""
        folder = Path(tempfile.mkdtemp(prefix="load-", dir=context.engine.scratch))
        try:
            return self._perform(context, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _perform(self, context: StepContext, folder: Path) -> dict[str, Any]:
        plan, entries = self._plan(context, folder)
        try:
            result = load(context.engine.in_process, plan, folder / "out")
        except LookupNotUnique as error:
            raise ContractBroken(
                "sources.join_not_unique",
                zh=f"{error.source} 关联的 {error.lookup} 中 {', '.join(error.columns)} 不唯一（{error.n_rows} 行）",
                en=f"{error.lookup}, joined by {error.source}, holds {error.n_rows} rows whose {', '.join(error.columns)} is not unique",
                todo_zh="关联必须一行对一行：改 on，或先去重", todo_en="a join must find one row: change on, or remove the doubles",
            ) from error  # fmt: skip
        except LoadFailed as error:
            raise ContractBroken(
                "sources.load_failed",
                zh=f"{self.contract.name} 装载失败（{error}）",
                en=f"{self.contract.name} cannot be loaded ({error})",
                todo_zh="核对映射中的 sql 表达式（可能失败处用 try_cast），并确认文件在跑批中没有变化",
                todo_en="check the sql of the mapping (try_cast where a value may not fit), and that no file changed meanwhile",
            ) from error  # fmt: skip
        files = {f.number: f for f in plan.files}
        _check_accounted(files, result)
        _check_counts(files, result.counts)
        self._check_rates(entries, files, result)
        adopt(context, self.contract.name, result.path, result.n_rows, partition=self.partition)
        context.write("quarantine", self._quarantine(result, files), partition=self.quarantine_partition, check=False)
        context.write(
            "load_count", self._counts(result.counts, files), partition=self.quarantine_partition, check=False
        )
        total = {
            "n_read": sum(c.n_read for c in result.counts),
            "n_loaded": sum(c.n_loaded for c in result.counts),
            "n_quarantined": sum(c.n_quarantined for c in result.counts),
            "n_skipped": sum(c.n_skipped for c in result.counts),
        }
        by_rule = dict(sorted(Counter(result.quarantine["rule"].to_pylist()).items()))
        return {"n_files": len(files), **total, "quarantined_by_rule": by_rule}

    # ── the plan ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def _plan(self, context: StepContext, folder: Path) -> tuple[LoadPlan, dict[int, Entry]]:
        sources: list[Source] = []
        entries: dict[int, Entry] = {}
        reader = Reader(context.engine.in_process, folder / "in")
        for batch in self._in_order():
            files = self._files(reader, batch, context, needed_columns(batch.entry))
            entries.update({f.number: batch.entry for f in files})
            lookups = self._lookups(batch.entry, folder, context)
            sources += [self._source(batch.entry, group, lookups) for group in _alike(files)]
        references = tuple(
            Reference(r.columns, r.target, r.target_columns, _paths(context, r.target)) for r in self.references
        )
        earlier = tuple(f for p in self.earlier for f in context.tables.files[(self.contract.name, p)])
        versions = {"valid_from_on"} <= set(self.contract.key) and "valid_to_on" in self.contract.column_names
        plan = LoadPlan(self.contract, tuple(sources), references, earlier, closes_versions=versions)
        return plan, entries

    def _in_order(self) -> list[Batch]:
        """One file after another, by business day and then as the mapping lists them: a later one replaces an earlier."""
        singles = [
            (delivery.day is not None, delivery.batch, i, Batch(batch.entry, (delivery,), (mark,)))
            for i, batch in enumerate(self.batches)
            for delivery, mark in zip(batch.deliveries, batch.fingerprints, strict=True)
        ]
        singles.sort(key=lambda s: s[:3])
        queries = [b for b in self.batches if b.entry.file is None]
        merged: list[Batch] = []
        for *_, one in singles:
            last = merged[-1] if merged else None
            if last is not None and last.entry is one.entry:
                merged[-1] = Batch(last.entry, last.deliveries + one.deliveries, last.fingerprints + one.fingerprints)
            else:
                merged.append(one)
        return [*merged, *queries]

    def _files(self, reader: Reader, batch: Batch, context: StepContext, needed: Sequence[str]) -> list[RawFile]:
        if batch.entry.rows:
            return [reader.prepare_rows(batch.entry, row_table(batch.entry.rows), needed)]
        if batch.entry.database is not None:
            rows = run_query(batch.entry, as_of=context.as_of.isoformat())
            return [reader.prepare_rows(batch.entry, rows, needed, day=context.as_of)]
        return [
            reader.prepare(batch.entry, delivery, needed, fingerprint=mark)
            for delivery, mark in zip(batch.deliveries, batch.fingerprints, strict=True)
        ]

    def _lookups(self, entry: Entry, folder: Path, context: StepContext) -> tuple[Lookup, ...]:
        lookups = []
        for join in entry.join:
            batch = self.joined[join.table]
            needed = (*join.on.values(), *join.columns.values())
            reader = Reader(context.engine.in_process, folder / f"join-{entry.name}-{join.table}")
            other = batch.entry
            if other.where:
                needed = (*needed, *parse_scalar(other.where).columns)
            files = tuple(self._files(reader, batch, context, needed))
            where = condition_sql(other.where, files[0].text_columns)
            lookups.append(Lookup(join.table, files, tuple(join.on.items()), tuple(join.columns.items()), where))
        return tuple(lookups)

    def _source(self, entry: Entry, files: tuple[RawFile, ...], lookups: tuple[Lookup, ...]) -> Source:
        joined_text = frozenset(new for k in lookups for new, theirs in k.columns if theirs in k.files[0].text_columns)
        text = files[0].text_columns | joined_text
        padded = bool(lookups) or any(f.needs_trim for f in files)
        options = FieldOptions(entry.format.empty, self.timezone, padded)
        return Source(
            name=entry.name,
            files=files,
            fields=build_fields(entry, self.contract, files, joined_text, options),
            where=condition_sql(entry.where, text),
            removed=condition_sql(entry.deleted_when, text),
            lookups=lookups,
            upserts=entry.delivery in UPSERTING,
        )

    # ── what is written ──────────────────────────────────────────────────────────────────────────────────────────────
    def _check_rates(self, entries: dict[int, Entry], files: dict[int, RawFile], result: LoadResult) -> None:
        for entry in {e.name: e for e in entries.values()}.values():
            counts = [c for c in result.counts if entries[c.file] is entry]
            n_bad, n_read = sum(c.n_quarantined for c in counts), sum(c.n_read for c in counts)
            limit = entry.quarantine_at_most_rate
            limit = self.mapping.quarantine_at_most_rate if limit is None else limit
            numbers = {c.file for c in counts}
            is_emptied = n_bad == n_read > 0 and limit < 1 and _is_unreadable(entry, result.quarantine, numbers)
            if n_bad <= max(limit * n_read, self.mapping.quarantine_tolerated_rows) and not is_emptied:
                continue
            first = result.quarantine.slice(0, 1000).to_pylist()
            values = shown_values(*([r[n] for r in first] for n in ("rule", "column_name", "value_masked")))
            told = [(r, v) for r, v in zip(first, values, strict=True) if r["file_no"] in numbers][:SHOWN]
            raise ContractBroken(
                "sources.too_many_bad_rows",
                zh=f"{entry.name}：{n_read} 行中 {n_bad} 行不合格，超过 {limit:.1%}，整表被扣留",
                en=f"{entry.name}: {n_bad} of {n_read} rows are bad, more than {limit:.1%}: the table is held",
                todo_zh="多半是映射或文件格式有变；确要放行时调高 quarantine_at_most_rate",
                todo_en="the mapping or the file has probably changed; to let it pass, raise quarantine_at_most_rate",
                findings=tuple(_finding(r, files, v) for r, v in told),
                facts={"table": entry.to, "entry": entry.name, "n_read": n_read, "n_bad": n_bad},
            )  # fmt: skip

    def _quarantine(self, result: LoadResult, files: dict[int, RawFile]) -> pa.Table:
        rows: dict[str, list[Any]] = result.quarantine.to_pydict()
        todo = "更正后重新发送 / correct it and send it again"
        told = {
            "table_name": [self.contract.name] * len(rows["file_no"]),
            "batch": [_batch(files[n]) for n in rows["file_no"]],
            "file": [files[n].label for n in rows["file_no"]],
            **{name: rows[name] for name in ("row_number", "rule", "column_name")},
            "value_masked": shown_values(rows["rule"], rows["column_name"], rows["value_masked"]),
            "todo": [TODO.get(rule, todo) for rule in rows["rule"]],
            "row_sealed": rows["row_sealed"],
        }
        return pa.table(told, schema=_QUARANTINE)

    def _counts(self, counts: Sequence[FileCount], files: dict[int, RawFile]) -> pa.Table:
        rows = [
            {
                "table_name": self.contract.name, "batch": _batch(files[c.file]), "file": files[c.file].label,
                "n_read": c.n_read, "n_loaded": c.n_loaded, "n_quarantined": c.n_quarantined, "n_skipped": c.n_skipped,
                "n_declared": files[c.file].n_declared, "file_fingerprint": files[c.file].fingerprint,
            }
            for c in counts
        ]  # fmt: skip
        return pa.Table.from_pylist(rows, schema=_LOAD_COUNT)


_QUARANTINE = ibis.schema(QUARANTINE.schema()).to_pyarrow()
_LOAD_COUNT = ibis.schema(LOAD_COUNT.schema()).to_pyarrow()


def _alike(files: Sequence[RawFile]) -> list[tuple[RawFile, ...]]:
    """Put files together that one query can read: the same columns, of the same kind."""
    groups: dict[tuple[frozenset[str], frozenset[str], bool], list[RawFile]] = {}
    for file in files:
        groups.setdefault((frozenset(file.columns), file.text_columns, file.layout is None), []).append(file)
    return [tuple(g) for g in groups.values()]


def _paths(context: StepContext, table: str) -> tuple[Path, ...]:
    return tuple(p for (name, _), paths in sorted(context.tables.files.items()) if name == table for p in paths)


def _batch(file: RawFile) -> str:
    return file.day.isoformat() if file.day else UNDATED


def _is_unreadable(entry: Entry, quarantine: pa.Table, numbers: set[int]) -> bool:
    """Whether rows that leave a table empty do so by what stands in them; what they refer to may still be delivered."""
    if entry.is_dated and entry.delivery != "full":
        return False
    rules = quarantine.filter(pc.is_in(quarantine["file_no"], pa.array(sorted(numbers), quarantine["file_no"].type)))[
        "rule"
    ]
    return bool(set(rules.unique().to_pylist()) - {"broken_reference"})


def _finding(row: dict[str, Any], files: dict[int, RawFile], value: str | None) -> Finding:
    where = f"{files[row['file_no']].label}:{row['row_number']} {row['column_name']}"
    return Finding(where, str(row["rule"]), value=value or "", todo=TODO.get(str(row["rule"]), ""))


def _check_counts(files: dict[int, RawFile], counts: Sequence[FileCount]) -> None:
    for count in counts:
        file = files[count.file]
        if file.n_declared is not None and file.n_declared != count.n_read:
            raise count_differs(file.label, file.n_declared, count.n_read)


def _check_accounted(files: dict[int, RawFile], result: LoadResult) -> None:
    """Hold a file whose reader lost lines: each line must be a row, a rejected line, blank, or inside a quoted value."""
    read = {c.file: c.n_read for c in result.counts}
    for number in result.irregular:
        file = files[number]
        if file.layout is None:
            continue
        n_records, open_at = count_records(file.path, file.layout)
        if n_records == read[number] and not open_at:
            continue
        why_zh, why_en = f"{n_records} 条记录，读出 {read[number]} 条", f"{n_records} records, {read[number]} read"
        if open_at:
            why_zh, why_en = f"第 {open_at} 行的引号没有闭合", f"the quote on line {open_at} is never closed"
        raise ContractBroken(
            "sources.lines_unaccounted",
            zh=f"{file.label} 的行与记录对不上：{why_zh}；整个文件被扣留", en=f"{file.label}: lines and records disagree: {why_en}; the file is held",
            todo_zh="核对引号与分隔符；若引号无特殊含义，请写 format.quote: \"\"",
            todo_en='check quotes and delimiters; where quotes mean nothing, set format.quote: ""',
            facts={"file": file.label, "n_records": n_records, "n_read": read[number], "open_quote_line": open_at},
        )  # fmt: skip


def count_records(path: Path, layout: TextLayout) -> tuple[int, int]:
    """Return the records of a text file, blank lines left out and quoted line breaks joined; and the line, if there is one,
    whose quote is never closed though more lines follow.

    Read line by line in Python: only for the few files whose lines and records are not as many.
    """
    mark = layout.quote.encode()
    n_records = opened_at = number = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if number <= layout.n_top_lines:
                continue
            odd = bool(mark) and line.count(mark) % 2 == 1
            if opened_at:
                if odd:
                    opened_at = 0
                continue
            if not line.strip(b"\r\n"):
                continue
            n_records += 1
            if odd:
                opened_at = number
    return n_records, opened_at if opened_at < number else 0


__all__ = ["TODO", "Batch", "LoadJob", "count_records"]

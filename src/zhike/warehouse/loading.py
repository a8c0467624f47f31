# ruff: noqa: S608 - every value in the SQL passes literal() or quoted(); scalar SQL of a mapping is checked in sources
"""Load raw files into one table: good rows to Parquet, bad ones to quarantine with every rule that they break.

Three readings, each on all threads, none of which keeps rows in memory: one notes a 64-bit hash of each row's key, in order,
and whether the row is wrong or refers to nothing, and so finds the *suspect keys* (wrong, or there twice); one, only where
there are any, reads the suspect rows, gives them their lines and judges them; the last writes all other rows, and of the
suspects the sound ones. A hash that two keys share only makes a suspect of a sound row.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from zhike.kernel.errors import Bug
from zhike.warehouse.contracts import Contract
from zhike.warehouse.engine import COMPRESSION, Engine
from zhike.warehouse.fields import SQL_TYPES, quoted_columns
from zhike.warehouse.files import (
    FILE,
    RawFile,
    Reject,
    clear_rejects,
    literal,
    query,
    quoted,
    read_rejects,
)
from zhike.warehouse.manifest import WHOLE
from zhike.warehouse.row_sql import (
    HASH,
    REMOVED,
    Lookup,
    Reference,
    RowSql,
    Source,
    lookup_sql,
    lookup_table,
    mask,
    parquet,
)
from zhike.warehouse.steps import Output, StepContext

KEYS, SUSPECT_KEYS, SUSPECTS, BAD = "load_keys", "load_suspect_keys", "load_suspects", "load_bad"
ROW = "_row"


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """One load. ``earlier`` are Parquet files of the same table whose keys must not come again."""

    contract: Contract
    sources: tuple[Source, ...]
    references: tuple[Reference, ...] = ()
    earlier: tuple[Path, ...] = ()
    closes_versions: bool = False

    @property
    def upserts(self) -> bool:
        """Whether any source replaces rows by key."""
        return any(s.upserts for s in self.sources)

    @property
    def files(self) -> tuple[RawFile, ...]:
        """All files, in the order of the sources."""
        return tuple(f for s in self.sources for f in s.files)


@dataclass(frozen=True, slots=True)
class FileCount:
    """What became of the records of one file: n_read = n_loaded + n_quarantined + n_skipped."""

    file: int
    n_read: int
    n_loaded: int
    n_quarantined: int
    n_skipped: int


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The Parquet file of good rows, counts per file, and the quarantine rows (``file_no``, ``row_number``, ``rule`` …).

    ``irregular`` are files whose scan does not account for each of their lines (blank lines, line breaks in quotes, or lines
    swallowed by a quote): the caller decides.
    """

    path: Path
    n_rows: int
    counts: tuple[FileCount, ...]
    quarantine: pa.Table
    irregular: tuple[int, ...] = ()


class LoadFailed(Exception):
    """The engine cannot evaluate an expression of the mapping; the message holds no values."""


class LookupNotUnique(Exception):
    """A joined file holds a key more than once, so that the join would multiply rows."""

    def __init__(self, source: str, lookup: Lookup, n_rows: int) -> None:
        self.source, self.lookup, self.n_rows = source, lookup.name, n_rows
        self.columns = tuple(theirs for _, theirs in lookup.on)
        super().__init__(f"{lookup.name} joined by {source} is not unique in {', '.join(self.columns)}")


QUARANTINE_SCHEMA = pa.schema(
    [
        ("file_no", pa.int32()), ("row_number", pa.int64()), ("rule", pa.string()), ("column_name", pa.string()),
        ("value_masked", pa.string()), ("row_sealed", pa.string()),
    ]
)  # fmt: skip
_REJECT_RULES = {
    "MISSING COLUMNS": "too_few_columns", "TOO MANY COLUMNS": "too_many_columns", "UNQUOTED VALUE": "open_quote",
    "INVALID ENCODING": "wrong_encoding", "LINE SIZE OVER MAXIMUM": "line_too_long",
}  # fmt: skip


def load(engine: Engine, plan: LoadPlan, folder: Path) -> LoadResult:
    """Read all files of a plan, judge every row, write the good ones under ``folder`` and tell the bad ones.

    Raises
    ------
    LookupNotUnique : a join would multiply rows.
    LoadFailed : an expression of the mapping fails on a value in a way that cannot be told row by row.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job = _Job(engine, plan, folder)
    try:
        return job.run()
    except (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException) as error:
        raise LoadFailed(type(error).__name__) from None
    finally:
        job.clean()


@dataclass(slots=True)
class _Job:
    engine: Engine
    plan: LoadPlan
    folder: Path
    lookups: list[str] = field(default_factory=list)

    def run(self) -> LoadResult:
        sources = [s for s in self.plan.sources if s.files]
        if not sources:
            return self._write(
                [], has_suspects=False, counts=(), quarantine=QUARANTINE_SCHEMA.empty_table(), irregular=()
            )
        self._make_lookups(sources)
        rows = [RowSql(self.plan.contract, s, self.plan.references, self.plan.upserts) for s in sources]
        clear_rejects(self.engine)
        has_suspects = self._find_suspect_keys(rows)
        rejects = read_rejects(self.engine, self.plan.files)
        result = self._account(rows, rejects, has_suspects=has_suspects)
        if self.plan.earlier and self._add_seen_keys(rows, result):
            result = self._account(rows, rejects, has_suspects=True)
        return result

    def clean(self) -> None:
        """Drop what the load kept in the engine."""
        for table in (KEYS, SUSPECT_KEYS, SUSPECTS, f"{SUSPECTS}_read", BAD, *self.lookups):
            self._run(f"DROP TABLE IF EXISTS {table}")
        clear_rejects(self.engine)

    def _run(self, sql: str) -> None:
        self.engine.connection.raw_sql(sql)

    def _count(self, sql: str) -> int:
        return int(str(query(self.engine, f"SELECT count(*) FROM {sql}")[0][0]))

    # ── first reading ────────────────────────────────────────────────────────────────────────────────────────────────
    def _make_lookups(self, sources: Sequence[Source]) -> None:
        for source in sources:
            for lookup in source.lookups:
                table = lookup_table(source, lookup)
                self.lookups.append(table)
                self._run(f"CREATE OR REPLACE TEMP TABLE {table} AS {lookup_sql(lookup)}")
                n_twice = self._count(f"{table} WHERE _n > 1")
                if n_twice:
                    raise LookupNotUnique(source.name, lookup, n_twice)

    def _find_suspect_keys(self, rows: Sequence[RowSql]) -> bool:
        """Write down the key hash of every row, in order of file and row, and the hashes that need a second look."""
        for i, row in enumerate(rows):
            self._run(
                f"INSERT INTO {KEYS} {row.hashes()}" if i else f"CREATE OR REPLACE TEMP TABLE {KEYS} AS {row.hashes()}"
            )
        self._run(
            f"""CREATE OR REPLACE TEMP TABLE {SUSPECT_KEYS} AS
                SELECT {HASH} FROM {KEYS} WHERE _is_kept GROUP BY 1 HAVING count(*) > 1 OR bool_or(_is_wrong)"""
        )
        return self._count(SUSPECT_KEYS) > 0

    def _add_seen_keys(self, rows: Sequence[RowSql], result: LoadResult) -> bool:
        """Make suspects of written keys that an earlier batch holds; return whether there are any.

        Asked after writing: the written keys are the small side, and their range prunes what is read of earlier batches.
        """
        key = quoted_columns(self.plan.contract.key)
        seen = f"{parquet([result.path])} SEMI JOIN (SELECT {key} FROM {parquet(self.plan.earlier)}) USING ({key})"
        if not self._count(seen):
            return False
        self._run(f"INSERT INTO {SUSPECT_KEYS} SELECT DISTINCT {rows[0].key_hash()} FROM {seen}")
        return True

    # ── second reading: suspects ─────────────────────────────────────────────────────────────────────────────────────
    def _account(self, rows: Sequence[RowSql], rejects: Sequence[Reject], *, has_suspects: bool) -> LoadResult:
        files = self.plan.files
        n_lost = Counter(r.file for r in rejects)
        raw = {
            int(str(n)): (int(str(rows_)), int(str(kept)))
            for n, rows_, kept in query(
                self.engine, f"SELECT {FILE}, count(*), count(*) FILTER (_is_kept) FROM {KEYS} GROUP BY 1"
            )
        }
        n_bad: Counter[int] = Counter()
        if has_suspects:
            self._collect_suspects(rows, rejects)
            self._judge()
            found = query(self.engine, f"SELECT {FILE}, count(*) FROM {BAD} GROUP BY 1")
            n_bad.update({int(str(n)): int(str(c)) for n, c in found})
        counts, irregular = [], []
        for file in files:
            n_rows, n_kept = raw.get(file.number, (0, 0))
            bad, lost = n_bad[file.number], n_lost[file.number]
            counts.append(FileCount(file.number, n_rows + lost, n_kept - bad, bad + lost, n_rows - n_kept))
            if n_rows + lost != file.n_records:
                irregular.append(file.number)
        quarantine = self._quarantine(rejects, has_suspects=has_suspects)
        return self._write(
            rows, has_suspects=has_suspects, counts=tuple(counts), quarantine=quarantine, irregular=tuple(irregular)
        )

    def _collect_suspects(self, rows: Sequence[RowSql], rejects: Sequence[Reject]) -> None:
        """Read the suspect rows and give each its line.

        Both readings keep the order of files and rows, so the k-th row of a key here is the k-th row of that key there, where
        the place in the table is the place in the file. The engine must not swap the sides of the join: that loses order.
        """
        self._run("SET disabled_optimizers = 'build_side_probe_side'")
        try:
            parts = " UNION ALL ".join(r.suspects(SUSPECT_KEYS) for r in rows)
            self._run(f"CREATE OR REPLACE TEMP TABLE {SUSPECTS}_read AS {parts}")
        finally:
            self._run("RESET disabled_optimizers")
        above = ", ".join(f"({f.number}, {f.n_rows_above})" for f in self.plan.files)
        turn = f"row_number() OVER (PARTITION BY {FILE}, {HASH} ORDER BY rowid) AS _turn"
        self._run(
            f"""CREATE OR REPLACE TEMP TABLE {SUSPECTS} AS
                WITH begins AS (SELECT {FILE}, min(rowid) AS first FROM {KEYS} GROUP BY 1),
                places AS (SELECT {FILE}, {HASH}, rowid AS place, {turn} FROM {KEYS}
                           WHERE _is_kept AND {HASH} IN (SELECT {HASH} FROM {SUSPECT_KEYS})),
                read AS (SELECT *, {turn} FROM {SUSPECTS}_read),
                above(file, n) AS (VALUES {above})
                SELECT read.*, places.place - begins.first + 1 + above.n AS {ROW}
                FROM read JOIN places USING ({FILE}, {HASH}, _turn) JOIN begins USING ({FILE}) JOIN above ON above.file = {FILE}"""
        )
        shifts, lost = [], Counter[int]()
        for reject in rejects:  # the k-th rejected line stands above a good row that would else be on its line or below
            lost[reject.file] += 1
            shifts.append(f"({reject.file}, {reject.line - lost[reject.file]}, {lost[reject.file]})")
        if shifts:
            self._run(
                f"""UPDATE {SUSPECTS} SET {ROW} = {ROW} + (
                        SELECT coalesce(max(r.k), 0) FROM (VALUES {", ".join(shifts)}) r(file, above, k)
                        WHERE r.file = {SUSPECTS}.{FILE} AND r.above < {SUSPECTS}.{ROW})"""
            )

    def _judge(self) -> None:
        """Decide which suspects are bad; of rows that share a key the first sound one stays."""
        key = quoted_columns(self.plan.contract.key)
        refers = " OR ".join(f"_refers_{i}" for i in range(len(self.plan.references))) or "FALSE"
        earlier = "FALSE"
        if self.plan.earlier:
            mine = key if len(self.plan.contract.key) == 1 else f"({key})"
            earlier = f"{mine} IN (SELECT {mine} FROM {parquet(self.plan.earlier)})"
        self._run(
            f"""CREATE OR REPLACE TEMP TABLE {BAD} AS
                WITH judged AS (SELECT *, ({earlier}) AS _is_seen FROM {SUSPECTS}),
                sound AS (SELECT *, NOT (_is_wrong OR {refers} OR _is_seen) AS _is_sound FROM judged),
                ranked AS (SELECT *, row_number() OVER (PARTITION BY {key}, {HASH}, _is_sound ORDER BY {FILE}, {ROW}) AS _rank FROM sound)
                SELECT *, _is_seen OR (_is_sound AND _rank > 1) AS _is_double FROM ranked WHERE NOT _is_sound OR _rank > 1"""
        )

    def _quarantine(self, rejects: Sequence[Reject], *, has_suspects: bool) -> pa.Table:
        """One row per bad row and rule, and one per rejected line."""
        parts = [QUARANTINE_SCHEMA.empty_table()]
        if has_suspects:
            parts.append(self.engine.connection.raw_sql(self._told()).to_arrow_table().cast(QUARANTINE_SCHEMA))
        lines = [
            {
                "file_no": r.file, "row_number": r.line, "rule": _REJECT_RULES.get(r.kind, "unreadable_line"),
                "column_name": r.column or "*", "value_masked": r.message, "row_sealed": r.text,
            }
            for r in rejects
        ]  # fmt: skip
        parts.append(pa.Table.from_pylist(lines, schema=QUARANTINE_SCHEMA))
        order = [(name, "ascending") for name in ("file_no", "row_number", "rule", "column_name")]
        return pa.concat_tables(parts).sort_by(order)

    def _told(self) -> str:
        by_name = {c.name: c for c in self.plan.contract.columns}

        def shown(names: Sequence[str]) -> str:
            return " || ', ' || ".join(mask(f"{quoted(c)}::VARCHAR", by_name[c].personal) for c in names)

        key = self.plan.contract.key
        parts = [
            f"""SELECT {FILE} AS file_no, {ROW} AS row_number, b.rule AS rule, b."column" AS column_name,
                   b."value" AS value_masked, _sealed AS row_sealed FROM (SELECT *, unnest(_broken) AS b FROM {BAD})""",
            f"""SELECT {FILE}, {ROW}, 'duplicate_key', {literal(", ".join(key))}, {shown(key)}, _sealed FROM {BAD}
                WHERE _is_double AND NOT _is_wrong""",
        ]
        for i, reference in enumerate(self.plan.references):
            name = literal(", ".join(reference.columns))
            parts.append(
                f"""SELECT {FILE}, {ROW}, 'broken_reference', {name}, {shown(reference.columns)}, _sealed FROM {BAD}
                    WHERE NOT _is_wrong AND _refers_{i}"""
            )
        return " UNION ALL ".join(parts)

    # ── last reading ─────────────────────────────────────────────────────────────────────────────────────────────────
    def _write(
        self, rows: Sequence[RowSql], *, has_suspects: bool, counts: tuple[FileCount, ...], quarantine: pa.Table,
        irregular: tuple[int, ...],
    ) -> LoadResult:  # fmt: skip
        names = quoted_columns(self.plan.contract.column_names) + (f", {FILE}, {REMOVED}" if self.plan.upserts else "")
        parts = [r.rows(without=SUSPECT_KEYS if has_suspects else "") for r in rows]
        if has_suspects:
            parts.append(
                f"SELECT {names} FROM {SUSPECTS} s ANTI JOIN {BAD} b ON s.{FILE} = b.{FILE} AND s.{ROW} = b.{ROW}"
            )
        path = self._copy(" UNION ALL ".join(parts) or self._nothing(), "good.parquet")
        n_rows, n_loaded = n_parquet_rows(path), sum(c.n_loaded for c in counts)
        if n_rows != n_loaded:  # two scans of one file disagree: nothing of it can be trusted
            irregular = tuple(c.file for c in counts)
        if self.plan.upserts and rows:
            path = self._merge(path)
            n_rows = n_parquet_rows(path)
        return LoadResult(path, n_rows, counts, quarantine, irregular)

    def _copy(self, sql: str, name: str) -> Path:
        target = self.folder / name
        self._run(f"COPY ({sql}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION {COMPRESSION})")
        return target

    def _nothing(self) -> str:
        columns = ", ".join(f"NULL::{SQL_TYPES[c.kind]} AS {quoted(c.name)}" for c in self.plan.contract.columns)
        return f"SELECT {columns} WHERE FALSE"

    def _merge(self, path: Path) -> Path:
        """Let the last row of each key stand, and close versions that a later one follows."""
        names = self.plan.contract.column_names
        key = quoted_columns(self.plan.contract.key)
        latest = (
            f"SELECT * FROM {parquet([path])} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {FILE} DESC) = 1"
        )
        sql = f"SELECT {quoted_columns(names)} FROM ({latest}) WHERE NOT {REMOVED}"
        if self.plan.closes_versions:
            entity = quoted_columns([c for c in self.plan.contract.key if c != "valid_from_on"])
            following = f"lead(valid_from_on) OVER (PARTITION BY {entity} ORDER BY valid_from_on)"
            closed = (
                "least(nullif(valid_to_on, DATE '9999-12-31'), _next - 1) AS valid_to_on"  # least skips missing values
            )
            chosen = ", ".join(closed if n == "valid_to_on" else quoted(n) for n in names)
            sql = f"SELECT {chosen} FROM (SELECT *, {following} AS _next FROM ({sql}))"
        return self._copy(sql, "merged.parquet")


def n_parquet_rows(path: Path) -> int:
    """Return the rows of a Parquet file."""
    return int(pq.read_metadata(path).num_rows)


def adopt(context: StepContext, table: str, path: Path, n_rows: int, *, partition: str = WHOLE) -> None:
    """Make a Parquet file that :func:`load` wrote the output of a step, without writing it a second time.

    Its columns, types, keys and codes were checked while loading.
    """
    if Output(table, partition) not in context.step.writes or (table, partition) in context.written:
        raise Bug(
            "warehouse.write_undeclared", zh=f"{context.step.key} 未声明写入 {table}/{partition}",
            en=f"{context.step.key} does not declare that it writes {table}/{partition}, or writes it twice",
        )  # fmt: skip
    target = context.draft(table, partition)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, target)
    with target.open("rb") as stream:
        os.fsync(stream.fileno())
    context.written[(table, partition)] = n_rows


__all__ = [
    "FileCount",
    "LoadFailed",
    "LoadPlan",
    "LoadResult",
    "Lookup",
    "LookupNotUnique",
    "Reference",
    "Source",
    "adopt",
    "load",
]

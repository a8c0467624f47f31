# ruff: noqa: S608 - every value in the SQL passes literal() or quoted(); scalar SQL of a mapping is checked in sources
"""Load raw files into one table: good rows to Parquet, bad ones to quarantine with every rule that they break.

The raw files are read once: every row is staged on disk as it would be written, with a 64-bit hash of its key and marks for
what is wrong with it. Keys that come twice are found by an aggregate over the hashes, references by an anti-join on what was
staged.
Only when there are bad rows are the raw files read again, for those rows alone, to tell what is wrong and to keep them as
they were. All on all threads; memory does not grow with the files.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

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
    pick_lines,
    pick_rows,
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

SUSPECT_KEYS, SEEN, BROKEN, BAD = "load_suspects", "load_seen", "load_broken", "load_bad"
LINES, READ, TOLD = "load_lines", "load_read", "load_told"
PICKED_LINES = 20_000  # more bad rows than these are read with the files once more, not line by line
ROW = "_row"
STAGING = "snappy"


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
    """An expression of the mapping fails, or two readings of a file differ; the message holds no values."""


class LookupNotUnique(Exception):
    """A joined file holds a key more than once, so that the join would multiply rows."""

    def __init__(self, source: str, lookup: Lookup, n_rows: int) -> None:
        self.source, self.lookup, self.n_rows = source, lookup.name, n_rows
        self.columns = tuple(theirs for _, theirs in lookup.on)
        super().__init__(f"{lookup.name} joined by {source} is not unique in {', '.join(self.columns)}")


_QUARANTINE_FIELDS: list[tuple[str, pa.DataType]] = [
    ("file_no", pa.int32()), ("row_number", pa.int64()), ("rule", pa.string()),
    ("column_name", pa.string()), ("value_masked", pa.string()), ("row_sealed", pa.string()),
]  # fmt: skip
_QUARANTINE_TYPES: dict[str, pa.DataType] = {
    "file_no": pa.int32(), "row_number": pa.int64(), "rule": pa.string(), "column_name": pa.string(),
    "value_masked": pa.string(), "row_sealed": pa.string(),
}  # fmt: skip
QUARANTINE_SCHEMA = pa.schema(_QUARANTINE_TYPES)
_ORDER: list[tuple[str, Literal["ascending", "descending"]]] = [
    (name, "ascending") for name in ("file_no", "row_number", "rule", "column_name")
]
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
    tables: list[str] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)

    def run(self) -> LoadResult:
        sources = [s for s in self.plan.sources if s.files]
        if not sources:
            return LoadResult(self._copy(self._nothing(), "good.parquet"), 0, (), QUARANTINE_SCHEMA.empty_table())
        for source in sources:
            self._make_lookups(source)
        rows = [RowSql(self.plan.contract, s) for s in sources]
        clear_rejects(self.engine)
        with self._in_order(rows):
            staged = self._copy(" UNION ALL ".join(r.staged() for r in rows), "staged.parquet", codec=STAGING)
        rejects = read_rejects(self.engine, self.plan.files)
        has_bad = self._find_bad(staged)
        counts, irregular = self._counts(staged, rejects, has_bad=has_bad)
        told = QUARANTINE_SCHEMA.empty_table()
        if has_bad:
            told = self._tell_bad(rows, staged, rejects, are_regular=not irregular)
        quarantine = pa.concat_tables([told, _rejected(rejects)]).sort_by(_ORDER)
        path = self._finish(staged, has_bad=has_bad)
        return LoadResult(path, n_parquet_rows(path), counts, quarantine, irregular)

    @contextmanager
    def _in_order(self, rows: Sequence[RowSql], *, has_joins: bool = False) -> Iterator[None]:
        """Have the engine keep the order of rows.

        It does, but for joins: it makes them of long lists of codes unless told not to; where there are real ones, their sides
        must not be swapped and one thread must do it.
        """
        joins = has_joins or any(r.source.lookups for r in rows)
        n_threads = query(self.engine, "SELECT current_setting('threads')")[0][0]
        self._run("SET disabled_optimizers = 'in_clause,build_side_probe_side'")
        if joins:
            self._run("SET threads = 1")
        try:
            yield
        finally:
            self._run(f"RESET disabled_optimizers; SET threads = {n_threads}")

    def clean(self) -> None:
        """Drop what the load kept in the engine."""
        for table in self.tables:
            self._run(f"DROP TABLE IF EXISTS {table}")
        clear_rejects(self.engine)

    def _run(self, sql: str) -> None:
        self.engine.connection.raw_sql(sql)

    def _count(self, sql: str) -> int:
        return int(str(query(self.engine, f"SELECT count(*) FROM {sql}")[0][0]))

    def _keep(self, table: str, sql: str) -> None:
        """Make a temporary table that is dropped when the load ends."""
        self.tables.append(table)
        self._run(f"CREATE OR REPLACE TEMP TABLE {table} AS {sql}")

    def _copy(self, sql: str, name: str, *, codec: str = COMPRESSION) -> Path:
        target = self.folder / name
        self._run(f"COPY ({sql}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION {codec})")
        return target

    def _nothing(self) -> str:
        columns = ", ".join(f"NULL::{SQL_TYPES[c.kind]} AS {quoted(c.name)}" for c in self.plan.contract.columns)
        return f"SELECT {columns} WHERE FALSE"

    def _make_lookups(self, source: Source) -> None:
        for lookup in source.lookups:
            table = lookup_table(source, lookup)
            self._keep(table, lookup_sql(lookup))
            n_twice = self._count(f"{table} WHERE _n > 1")
            if n_twice:
                raise LookupNotUnique(source.name, lookup, n_twice)

    # ── judgement, on what was staged ────────────────────────────────────────────────────────────────────────────────
    def _find_bad(self, staged: Path) -> bool:
        """Put the place, file, hash and faults of every bad row into a table; return whether there are any.

        Of rows that share a key the first sound one stays. A hash that two keys share only makes a suspect of a sound row.
        """
        self.broken = [i for i, r in enumerate(self.plan.references) if self._find_broken(i, r, staged)]
        broken = "".join(f" OR {self._refers(i)}" for i in self.broken)
        seen = self._find_seen(staged)
        unseen = f" OR {HASH} IN (SELECT {HASH} FROM {SEEN})" if seen else ""
        self._keep(
            SUSPECT_KEYS,
            f"""SELECT {HASH} FROM {parquet([staged])} WHERE _is_kept
                GROUP BY 1 HAVING count(*) > 1 OR bool_or(_is_wrong{broken}{unseen})""",
        )
        if not self._count(SUSPECT_KEYS):
            return False
        key = quoted_columns(self.plan.contract.key)
        mine = key if len(self.plan.contract.key) == 1 else f"({key})"
        marks = "".join(f", {self._refers(i)} AS _refers_{i}" for i in self.broken)
        refers = "".join(f" OR _refers_{i}" for i in self.broken)
        is_seen = f"{mine} IN (SELECT {mine} FROM {SEEN})" if seen else "FALSE"
        self._keep(
            BAD,
            f"""WITH suspects AS (SELECT *{marks}, ({is_seen}) AS _is_seen FROM {_rows(staged)}
                                  WHERE _is_kept AND {HASH} IN (SELECT {HASH} FROM {SUSPECT_KEYS})),
                sound AS (SELECT *, NOT (_is_wrong{refers} OR _is_seen) AS _is_sound FROM suspects),
                ranked AS (SELECT *, row_number() OVER (PARTITION BY {key}, {HASH}, _is_sound ORDER BY {FILE}, file_row_number) AS _rank
                           FROM sound)
                SELECT *, _is_seen OR (_is_sound AND _rank > 1) AS _is_double FROM ranked WHERE NOT _is_sound OR _rank > 1""",
        )
        return self._count(BAD) > 0

    def _find_broken(self, i: int, reference: Reference, staged: Path) -> bool:
        """Put the referring values that do not exist into a table; return whether there are any."""
        mine = ", ".join(f"{quoted(c)} AS k{j}" for j, c in enumerate(reference.columns))
        theirs = ", ".join(f"{quoted(c)} AS k{j}" for j, c in enumerate(reference.target_columns))
        keys = ", ".join(f"k{j}" for j in range(len(reference.columns)))
        present = " AND ".join(f"k{j} IS NOT NULL" for j in range(len(reference.columns)))
        known = (
            f"SELECT {theirs} FROM {parquet(reference.paths)}" if reference.paths else "SELECT * FROM mine WHERE FALSE"
        )
        kept = f"_is_kept AND NOT coalesce({REMOVED}, FALSE)"
        sql = f"""WITH mine AS (SELECT {mine} FROM {parquet([staged])} WHERE {kept}), known AS ({known})
                  SELECT DISTINCT {keys} FROM mine ANTI JOIN known USING ({keys}) WHERE {present}"""
        if not self._count(f"({sql})"):
            return False
        self._keep(f"{BROKEN}_{i}", sql)
        return True

    def _refers(self, i: int) -> str:
        """A condition that is true for a row that refers to nothing."""
        names = quoted_columns(self.plan.references[i].columns)
        keys = ", ".join(f"k{j}" for j in range(len(self.plan.references[i].columns)))
        mine, theirs = (names, keys) if len(self.plan.references[i].columns) == 1 else (f"({names})", f"({keys})")
        return f"(NOT coalesce({REMOVED}, FALSE) AND coalesce({mine} IN (SELECT {theirs} FROM {BROKEN}_{i}), FALSE))"

    def _find_seen(self, staged: Path) -> bool:
        """Put the keys that an earlier batch holds into a table; return whether there are any.

        The staged keys are the small side of the join, and their range prunes what is read of the earlier batches.
        """
        if not self.plan.earlier:
            return False
        key = quoted_columns(self.plan.contract.key)
        file = f"{FILE}" if self.plan.upserts else "-1"
        self._keep(
            SEEN,
            f"""SELECT DISTINCT {key}, hash({key}, {file}) AS {HASH} FROM {parquet([staged])}
                SEMI JOIN (SELECT {key} FROM {parquet(self.plan.earlier)}) USING ({key}) WHERE _is_kept""",
        )
        return self._count(SEEN) > 0

    # ── the bad rows, read once more ─────────────────────────────────────────────────────────────────────────────────
    def _tell_bad(
        self, rows: Sequence[RowSql], staged: Path, rejects: Sequence[Reject], *, are_regular: bool
    ) -> pa.Table:
        """Return one row per bad row and rule, with its line and the row as read."""
        self._number_lines(staged, rejects)
        if are_regular and self._count(BAD) <= PICKED_LINES:
            self._pick_bad(rows)
        else:
            self._reread_bad(rows, staged)
        n_untold = self._count(f"{TOLD} WHERE _is_wrong AND len(_broken) = 0")
        if n_untold or self._count(TOLD) != self._count(BAD):
            raise LoadFailed("two readings of one file differ")
        return self.engine.connection.raw_sql(self._told()).to_arrow_table().cast(QUARANTINE_SCHEMA)

    def _number_lines(self, staged: Path, rejects: Sequence[Reject]) -> None:
        """Give every bad row its line: its place in the file, less what stands above the first record, and rejected lines."""
        above = ", ".join(f"({f.number}, {f.n_rows_above})" for f in self.plan.files)
        self._keep(
            LINES,
            f"""WITH begins AS (SELECT {FILE}, min(file_row_number) AS first FROM {_rows(staged)} GROUP BY 1),
                above(file, n) AS (VALUES {above})
                SELECT bad.*, file_row_number - begins.first + 1 + above.n AS {ROW}
                FROM {BAD} bad JOIN begins USING ({FILE}) JOIN above ON above.file = {FILE}""",
        )
        shifts, lost = [], Counter[int]()
        for reject in rejects:  # the k-th rejected line stands above a row that would else be on its line or below
            lost[reject.file] += 1
            shifts.append(f"({reject.file}, {reject.line - lost[reject.file]}, {lost[reject.file]})")
        if shifts:
            self._run(
                f"""UPDATE {LINES} SET {ROW} = {ROW} + (
                        SELECT coalesce(max(r.k), 0) FROM (VALUES {", ".join(shifts)}) r(file, above, k)
                        WHERE r.file = {LINES}.{FILE} AND r.above < {LINES}.{ROW})"""
            )

    def _pick_bad(self, rows: Sequence[RowSql]) -> None:
        """Take the lines of the bad rows out of the files and read only those."""
        lines: dict[int, list[int]] = {}
        for number, line in query(self.engine, f"SELECT {FILE}, {ROW} FROM {LINES} ORDER BY 1, 2"):
            lines.setdefault(int(str(number)), []).append(int(str(line)))
        parts = []
        for row in rows:
            picked = tuple(self._picked(f, lines[f.number]) for f in row.source.files if f.number in lines)
            if picked:
                parts.append(replace(row, source=replace(row.source, files=picked)).details())
        with self._in_order(rows):
            self._keep(READ, " UNION ALL ".join(parts))
        self._keep(
            TOLD,
            f"""WITH told AS (SELECT *, row_number() OVER (PARTITION BY {FILE} ORDER BY rowid) AS _turn FROM {READ}),
                bad AS (SELECT *, row_number() OVER (PARTITION BY {FILE} ORDER BY {ROW}) AS _turn FROM {LINES})
                SELECT bad.*, told._broken, told._sealed FROM bad JOIN told USING ({FILE}, _turn)""",
        )

    def _picked(self, file: RawFile, lines: Sequence[int]) -> RawFile:
        target = self.folder / f"bad-{file.number}"
        if file.layout is None:
            return pick_rows(self.engine, file, [n - file.n_rows_above for n in lines], target)
        return pick_lines(file, lines, target)

    def _reread_bad(self, rows: Sequence[RowSql], staged: Path) -> None:
        """Read the files again for the rows of bad keys: the k-th row of a key there is the k-th row of that key here."""
        with self._in_order(rows, has_joins=True):
            self._keep(READ, " UNION ALL ".join(r.details(BAD) for r in rows))
        turn = f"row_number() OVER (PARTITION BY {FILE}, {HASH} ORDER BY"
        self._keep(
            TOLD,
            f"""WITH places AS (SELECT {FILE}, {HASH}, file_row_number, {turn} file_row_number) AS _turn FROM {_rows(staged)}
                                WHERE _is_kept AND {HASH} IN (SELECT {HASH} FROM {BAD})),
                told AS (SELECT *, {turn} rowid) AS _turn FROM {READ})
                SELECT bad.*, told._broken, told._sealed FROM {LINES} bad
                JOIN places USING ({FILE}, {HASH}, file_row_number) JOIN told USING ({FILE}, {HASH}, _turn)""",
        )

    def _told(self) -> str:
        by_name = {c.name: c for c in self.plan.contract.columns}

        def shown(names: Sequence[str]) -> str:
            return " || ', ' || ".join(mask(f"{quoted(c)}::VARCHAR", by_name[c].personal) for c in names)

        key = self.plan.contract.key
        parts = [
            f"""SELECT {FILE} AS file_no, {ROW} AS row_number, b.rule AS rule, b."column" AS column_name,
                   b."value" AS value_masked, _sealed AS row_sealed FROM (SELECT *, unnest(_broken) AS b FROM {TOLD})""",
            f"""SELECT {FILE}, {ROW}, 'duplicate_key', {literal(", ".join(key))}, {shown(key)}, _sealed FROM {TOLD}
                WHERE _is_double AND NOT _is_wrong""",
        ]
        for i in self.broken:
            reference = self.plan.references[i]
            name = literal(", ".join(reference.columns))
            parts.append(
                f"""SELECT {FILE}, {ROW}, 'broken_reference', {name}, {shown(reference.columns)}, _sealed FROM {TOLD}
                    WHERE NOT _is_wrong AND _refers_{i}"""
            )
        return " UNION ALL ".join(parts)

    # ── what is written ──────────────────────────────────────────────────────────────────────────────────────────────
    def _counts(
        self, staged: Path, rejects: Sequence[Reject], *, has_bad: bool
    ) -> tuple[tuple[FileCount, ...], tuple[int, ...]]:
        """Return the counts per file, and the files whose records are not as many as their lines."""
        sql = f"SELECT {FILE}, count(*), count(*) FILTER (_is_kept) FROM {parquet([staged])} GROUP BY 1"
        raw = {int(str(n)): (int(str(rows)), int(str(kept))) for n, rows, kept in query(self.engine, sql)}
        bad_sql = f"SELECT {FILE}, count(*) FROM {BAD} GROUP BY 1"
        bad = {int(str(n)): int(str(c)) for n, c in query(self.engine, bad_sql)} if has_bad else {}
        lost = Counter(r.file for r in rejects)
        counts, irregular = [], []
        for file in self.plan.files:
            n_rows, n_kept = raw.get(file.number, (0, 0))
            n_bad, n_lost = bad.get(file.number, 0), lost[file.number]
            counts.append(FileCount(file.number, n_rows + n_lost, n_kept - n_bad, n_bad + n_lost, n_rows - n_kept))
            if n_rows + n_lost != file.n_records:
                irregular.append(file.number)
        return tuple(counts), tuple(irregular)

    def _finish(self, staged: Path, *, has_bad: bool) -> Path:
        """Write the good rows; where rows replace each other, the last of each key; close versions that a later one follows."""
        names = quoted_columns(self.plan.contract.column_names)
        good = "_is_kept"
        if has_bad:
            good += f" AND file_row_number NOT IN (SELECT file_row_number FROM {BAD})"
        sql = f"SELECT * FROM {_rows(staged)} WHERE {good}"
        if not self.plan.upserts:
            return self._copy(f"SELECT {names} FROM ({sql})", "good.parquet")
        key = quoted_columns(self.plan.contract.key)
        latest = f"SELECT * FROM ({sql}) QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {FILE} DESC) = 1"
        sql = f"SELECT {names} FROM ({latest}) WHERE NOT {REMOVED}"
        if self.plan.closes_versions:
            entity = quoted_columns([c for c in self.plan.contract.key if c != "valid_from_on"])
            following = f"lead(valid_from_on) OVER (PARTITION BY {entity} ORDER BY valid_from_on)"
            closed = (
                "least(nullif(valid_to_on, DATE '9999-12-31'), _next - 1) AS valid_to_on"  # least skips missing values
            )
            chosen = ", ".join(closed if n == "valid_to_on" else quoted(n) for n in self.plan.contract.column_names)
            sql = f"SELECT {chosen} FROM (SELECT *, {following} AS _next FROM ({sql}))"
        return self._copy(sql, "good.parquet")


def _rows(staged: Path) -> str:
    """The staged rows with their place, which is the place in the files."""
    return f"read_parquet({literal(str(staged))}, file_row_number=true)"


def _rejected(rejects: Sequence[Reject]) -> pa.Table:
    lines = [
        {
            "file_no": r.file, "row_number": r.line, "rule": _REJECT_RULES.get(r.kind, "unreadable_line"),
            "column_name": r.column or "*", "value_masked": r.message, "row_sealed": r.text,
        }
        for r in rejects
    ]  # fmt: skip
    return pa.Table.from_pylist(lines, schema=QUARANTINE_SCHEMA)


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

# ruff: noqa: S608 - every value in the SQL passes literal() or quoted(); scalar SQL of a mapping is checked in sources
"""Load raw files into one table: good rows to Parquet, bad ones to quarantine with every rule that they break.

Optimistic: one scan writes the rows that pass all rules of their own; keys and references are then checked on the few
columns written, by hash and semi-join. Only when the numbers do not add up is the raw file read a second time, with row
numbers, for the suspects alone. So a clean night costs one scan, and memory does not grow with the files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from zhike.kernel.errors import Bug
from zhike.warehouse.contracts import Contract, Personal
from zhike.warehouse.engine import COMPRESSION, Engine
from zhike.warehouse.fields import (
    SQL_TYPES,
    Field,
    Rule,
    quoted_columns,
    rules,
    source_layer,
    typed_layer,
    value_layer,
)
from zhike.warehouse.files import (
    FILE,
    ROW,
    RawFile,
    Reject,
    clear_rejects,
    count_rows,
    literal,
    query,
    quoted,
    read_rejects,
    row_offsets,
    scan,
)
from zhike.warehouse.manifest import WHOLE
from zhike.warehouse.steps import Output, StepContext

HASH, REMOVED = "_hash", "_is_removed"
SUSPECTS, BROKEN, TWICE, BAD = "load_suspects", "load_broken", "load_twice", "load_bad"


@dataclass(frozen=True, slots=True)
class Lookup:
    """Columns of other files, joined by equality of texts: ``columns`` maps the new name to theirs.

    Of several files the latest that holds a key counts; within one file each key stands once. ``where`` keeps some rows only.
    """

    name: str
    files: tuple[RawFile, ...]
    on: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The files of one mapping entry and how their rows become rows of the table.

    ``upserts``: a later file may bring a key again, and its row then replaces the earlier one. ``removed`` is a condition:
    such a row takes its key away.
    """

    name: str
    files: tuple[RawFile, ...]
    fields: tuple[Field, ...]
    where: str | None = None
    removed: str | None = None
    lookups: tuple[Lookup, ...] = ()
    upserts: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """``columns`` (of the table) must exist as ``target_columns`` in the Parquet ``paths``; missing values are exempt."""

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    paths: tuple[Path, ...]


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
    """The Parquet file of good rows, counts per file, and the quarantine rows (``file``, ``row_number``, ``rule`` …)."""

    path: Path
    n_rows: int
    counts: tuple[FileCount, ...]
    quarantine: pa.Table
    irregular: tuple[int, ...] = ()


QUARANTINE_SCHEMA = pa.schema(
    [
        ("file_no", pa.int32()), ("row_number", pa.int64()), ("rule", pa.string()), ("column_name", pa.string()),
        ("value_masked", pa.string()), ("row_sealed", pa.string()),
    ]
)  # fmt: skip


def load(engine: Engine, plan: LoadPlan, folder: Path) -> LoadResult:
    """Read all files of a plan, judge every row, write the good ones under ``folder`` and tell the bad ones.

    Returns
    -------
    the result; ``irregular`` are files whose scan does not account for each of their lines (blank lines, line breaks in
    quotes, or lines swallowed by a quote): the caller decides.
    """
    job = _Job(engine, plan, folder)
    try:
        return job.run()
    finally:
        job.clean()


@dataclass(slots=True)
class _Job:
    engine: Engine
    plan: LoadPlan
    folder: Path
    twice: str = ""
    broken: list[str] = field(default_factory=list)
    is_slow: bool = False
    lookup_tables: list[str] = field(default_factory=list)

    # ── the steps of a load ──────────────────────────────────────────────────────────────────────────────────────────
    def run(self) -> LoadResult:
        self.folder.mkdir(parents=True, exist_ok=True)
        sources = [s for s in self.plan.sources if s.files]
        self._make_lookups(sources)
        good = self.folder / "good.parquet"
        self._copy(" UNION ALL ".join(self._good_rows(s) for s in sources) or self._nothing(), good)
        n_good = _n_rows(good)
        broken = [self._find_broken(r, i, good) for i, r in enumerate(self.plan.references)]
        twice = self._find_twice(good)
        n_expected = sum(f.n_records for f in self.plan.files)
        filters = any(s.where for s in sources)
        if n_good == n_expected and not filters and not any(broken) and not twice:
            counts = tuple(FileCount(f.number, f.n_records, f.n_records, 0, 0) for f in self.plan.files)
            return LoadResult(*self._finish(good, n_good), counts, QUARANTINE_SCHEMA.empty_table())
        self.is_slow = True
        return self._account(sources, good, twice=twice)

    def _account(self, sources: Sequence[Source], good: Path, *, twice: bool) -> LoadResult:
        """The slow path: some rows are bad, left out or unaccounted for."""
        twice_sql = self.twice or f"SELECT 0::UBIGINT AS {HASH} WHERE FALSE"
        self.engine.connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE {TWICE} AS {twice_sql}")
        for i, sql in enumerate(self.broken):
            self.engine.connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE {BROKEN}_{i} AS {sql}")
        raw: dict[int, tuple[int, int]] = {}
        rejects: list[Reject] = []
        for source in sources:
            raw.update(count_rows(self.engine, source.files, self._scalar(source.where)))
            rejects += read_rejects(self.engine, source.files)
        self._collect_suspects(sources, raw, rejects)
        self._judge()
        found = dict(query(self.engine, f"SELECT {FILE}, count(DISTINCT {ROW}) FROM {BAD} GROUP BY 1"))
        n_rejects: dict[int, int] = {}
        for reject in rejects:
            n_rejects[reject.file] = n_rejects.get(reject.file, 0) + 1
        counts, irregular = [], []
        for file in self.plan.files:
            rows, kept = raw[file.number]
            n_bad = int(str(found.get(file.number, 0)))
            n_lost = n_rejects.get(file.number, 0)
            counts.append(FileCount(file.number, rows + n_lost, kept - n_bad, n_bad + n_lost, rows - kept))
            if rows + n_lost != file.n_records:
                irregular.append(file.number)
        quarantine = self._quarantine(rejects)
        path = self._without_bad(good, twice=twice)
        return LoadResult(*self._finish(path, _n_rows(path)), tuple(counts), quarantine, tuple(irregular))

    def clean(self) -> None:
        """Drop what the load kept in the engine."""
        broken = [f"{BROKEN}_{i}" for i in range(len(self.broken))]
        for table in (*([SUSPECTS, TWICE, BAD, *broken] if self.is_slow else []), *self.lookup_tables):
            self.engine.connection.raw_sql(f"DROP TABLE IF EXISTS {table}")
        clear_rejects(self.engine)

    # ── SQL of one source ────────────────────────────────────────────────────────────────────────────────────────────
    def _scalar(self, expression: str | None) -> str | None:
        return f"({expression}) IS TRUE" if expression else None

    def _raw(self, source: Source, *, with_rows: bool = False) -> str:
        columns = source.files[0].columns
        return scan(source.files, columns, with_rows=with_rows)

    def _joined(self, source: Source, *, with_rows: bool) -> str:
        sql = f"SELECT * FROM ({self._raw(source, with_rows=with_rows)})"
        if source.where:
            sql += f" WHERE {self._scalar(source.where)}"
        for lookup in source.lookups:
            table = _lookup_table(source, lookup)
            taken = ", ".join(f"their.{quoted(new)}" for new, _ in lookup.columns)
            on = " AND ".join(f"trim(my.{quoted(mine)}::VARCHAR) = their.k{i}" for i, (mine, _) in enumerate(lookup.on))
            sql = f"SELECT my.*, {taken} FROM ({sql}) my LEFT JOIN {table} their ON {on}"
        return sql

    def _typed(self, source: Source, *, with_rows: bool = False) -> str:
        """All layers up to ``t_``; raw columns are kept for the sealed row of a suspect."""
        reads = [(f, source_layer(f)) for f in source.fields]
        s = ", ".join(
            [f"{sql} AS s_{f.column.name}" for f, sql in reads if sql is not None]
            + [f"({f.failure}) AS f_{f.column.name}" for f in source.fields if f.failure]
        )
        removed = f"{self._scalar(source.removed)} AS {REMOVED}, " if source.removed else ""
        first = f"SELECT *, {removed}{s or 'NULL AS _none'} FROM ({self._joined(source, with_rows=with_rows)})"
        own = [f for f in source.fields if not f.end_of]
        t = ", ".join(f"{typed_layer(f, source.files)} AS t_{f.column.name}" for f in own)
        sql = f"SELECT *, {t or 'NULL AS _nothing'} FROM ({first})"
        late = [f for f in source.fields if f.end_of]
        if late:
            t = ", ".join(f"{typed_layer(f, source.files)} AS t_{f.column.name}" for f in late)
            sql = f"SELECT *, {t} FROM ({sql})"
        return sql

    def _rules(self, source: Source) -> list[Rule]:
        found = [rule for f in source.fields for rule in rules(f)]
        if not source.removed:
            return found
        keys = set(self.plan.contract.key)
        return [
            rule if rule.column in keys else Rule(rule.name, rule.column, f"NOT {REMOVED} AND ({rule.condition})", rule.personal)
            for rule in found
        ]  # fmt: skip

    def _values(self, source: Source) -> str:
        by_name = {f.column.name: f for f in source.fields}
        parts = [
            f"{value_layer(by_name[c.name])} AS {quoted(c.name)}"
            if c.name in by_name
            else f"NULL::{SQL_TYPES[c.kind]} AS {quoted(c.name)}"
            for c in self.plan.contract.columns
        ]
        if self.plan.upserts:
            parts.append(FILE)
            parts.append(f"{REMOVED}" if source.removed else f"FALSE AS {REMOVED}")
        return ", ".join(parts)

    def _good_rows(self, source: Source) -> str:
        passes = " AND ".join(f"({rule.condition}) IS NOT TRUE" for rule in self._rules(source)) or "TRUE"
        return f"SELECT {self._values(source)} FROM ({self._typed(source)}) WHERE {passes}"

    def _nothing(self) -> str:
        columns = ", ".join(f"NULL::{SQL_TYPES[c.kind]} AS {quoted(c.name)}" for c in self.plan.contract.columns)
        more = f", 0::INTEGER AS {FILE}, FALSE AS {REMOVED}" if self.plan.upserts else ""
        return f"SELECT {columns}{more} WHERE FALSE"

    def _copy(self, sql: str, path: Path) -> None:
        self.engine.connection.raw_sql(
            f"COPY ({sql}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION {COMPRESSION})"
        )

    # ── keys and references, on what was written ─────────────────────────────────────────────────────────────────────
    def _key_hash(self) -> str:
        """A row's identity for duplicates: its key, and for upserting sources also its file."""
        key = quoted_columns(self.plan.contract.key)
        if not self.plan.upserts:
            return f"hash({key})"
        upserting = [f.number for s in self.plan.sources if s.upserts for f in s.files]
        numbers = ", ".join(str(n) for n in upserting)
        return f"hash({key}, CASE WHEN {FILE} IN ({numbers}) THEN {FILE} ELSE -1 END)"

    def _find_twice(self, good: Path) -> bool:
        """Return whether keys come twice, here or after an earlier batch; keep the SQL that finds their hashes."""
        rows = f"SELECT {self._key_hash()} AS {HASH} FROM {_parquet([good])}"
        n_rows, n_keys = query(self.engine, f"SELECT count(*), count(DISTINCT {HASH}) FROM ({rows})")[0]
        parts = [f"SELECT {HASH} FROM ({rows}) GROUP BY 1 HAVING count(*) > 1"] if n_rows != n_keys else []
        if self.plan.earlier:
            key = quoted_columns(self.plan.contract.key)
            seen = (
                f"SELECT DISTINCT {self._key_hash()} AS {HASH} FROM {_parquet([good])} "
                f"SEMI JOIN (SELECT {key} FROM {_parquet(self.plan.earlier)}) USING ({key})"
            )
            if query(self.engine, f"SELECT count(*) FROM ({seen})")[0][0]:
                parts.append(seen)
        self.twice = " UNION ".join(parts)
        return bool(parts)

    def _find_broken(self, reference: Reference, i: int, good: Path) -> bool:
        """Return whether values refer to nothing; keep the SQL that finds them."""
        mine = ", ".join(f"{quoted(c)} AS k{j}" for j, c in enumerate(reference.columns))
        theirs = ", ".join(f"{quoted(c)} AS k{j}" for j, c in enumerate(reference.target_columns))
        keys = ", ".join(f"k{j}" for j in range(len(reference.columns)))
        present = " AND ".join(f"k{j} IS NOT NULL" for j in range(len(reference.columns)))
        kept = f" WHERE NOT {REMOVED}" if self.plan.upserts else ""
        known = (
            f"SELECT {theirs} FROM {_parquet(reference.paths)}"
            if reference.paths
            else f"SELECT {keys} FROM mine WHERE FALSE"
        )
        sql = f"""WITH mine AS (SELECT {mine} FROM {_parquet([good])}{kept}), known AS ({known})
                  SELECT DISTINCT {keys} FROM mine ANTI JOIN known USING ({keys}) WHERE {present}"""
        self.broken.append(sql)
        return bool(query(self.engine, f"SELECT count(*) FROM ({sql})")[0][0])

    # ── suspects: the second reading, with row numbers ───────────────────────────────────────────────────────────────
    def _collect_suspects(
        self, sources: Sequence[Source], raw: dict[int, tuple[int, int]], rejects: Sequence[Reject]
    ) -> None:
        """Gather every row that breaks a rule, refers to nothing, or shares its key, with its line in the file."""
        parts = []
        for source in sources:
            found = self._rules(source)
            told = ", ".join(
                f"CASE WHEN {r.condition} THEN {{'rule': {literal(r.name)}, 'column': {literal(r.column)}, 'value': {_shown(source, r)}}} END"
                for r in found
            )
            broken = f"list_filter([{told}], x -> x IS NOT NULL)" if told else "[]"
            wrong = " OR ".join(f"({r.condition}) IS TRUE" for r in found) or "FALSE"
            valued = f"SELECT *, {self._values(source)}, ({wrong}) AS _is_wrong FROM ({self._renamed(source)})"
            keyed = f"SELECT *, {self._key_hash()} AS {HASH} FROM ({valued})"
            refers = "".join(f" OR {self._refers(i, r)}" for i, r in enumerate(self.plan.references))
            sealed = ", ".join(f"{literal(c)}: {quoted('raw ' + c)}" for c in source.files[0].columns)
            contract = quoted_columns(self.plan.contract.column_names)
            extra = f", {REMOVED}" if self.plan.upserts else ""
            parts.append(
                f"""SELECT {contract}{extra}, {FILE}, {ROW}, {HASH}, _is_wrong,
                       {broken}::STRUCT(rule VARCHAR, "column" VARCHAR, "value" VARCHAR)[] AS _broken, to_json({{{sealed}}})::VARCHAR AS _sealed
                    FROM ({keyed}) WHERE _is_wrong OR {HASH} IN (SELECT {HASH} FROM {TWICE}){refers}"""
            )
        self.engine.connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE {SUSPECTS} AS {' UNION ALL '.join(parts)}")
        self._number_lines(sources, raw, rejects)

    def _renamed(self, source: Source) -> str:
        """``_typed`` with the raw columns renamed, so that they cannot be mistaken for the contract's."""
        columns = source.files[0].columns
        drop = {*columns, *(new for lookup in source.lookups for new, _ in lookup.columns)}
        raw = ", ".join(f"{quoted(c)} AS {quoted('raw ' + c)}" for c in columns)
        excluded = quoted_columns(sorted(drop))
        return f"SELECT * EXCLUDE ({excluded}), {raw} FROM ({self._typed(source, with_rows=True)})"

    def _refers(self, i: int, reference: Reference) -> str:
        names = quoted_columns(reference.columns)
        keys = ", ".join(f"k{j}" for j in range(len(reference.columns)))
        mine = names if len(reference.columns) == 1 else f"({names})"
        return f"{mine} IN (SELECT {keys if len(reference.columns) == 1 else f'({keys})'} FROM {BROKEN}_{i})"

    def _number_lines(
        self, sources: Sequence[Source], raw: dict[int, tuple[int, int]], rejects: Sequence[Reject]
    ) -> None:
        """Turn running row numbers into lines of each file: less the files before, plus header and rejected lines above."""
        rows = []
        for source in sources:
            offsets = row_offsets(source.files, raw)
            rows += [(f.number, offsets[f.number], f.n_rows_above) for f in source.files]
        places = ", ".join(f"({n}, {before}, {top})" for n, before, top in rows)
        lost: dict[int, int] = {}
        steps = []
        for reject in rejects:  # the k-th rejected line stands above a good row that would else be on its line or below
            k = lost[reject.file] = lost.get(reject.file, 0) + 1
            steps.append(f"({reject.file}, {reject.line - k}, {k})")
        self.engine.connection.raw_sql(
            f"""UPDATE {SUSPECTS} SET {ROW} = {ROW} - p.before + p.top
                FROM (VALUES {places}) p(file, before, top) WHERE p.file = {SUSPECTS}.{FILE}"""
        )
        if steps:
            self.engine.connection.raw_sql(
                f"""UPDATE {SUSPECTS} SET {ROW} = {ROW} + (
                        SELECT coalesce(max(r.k), 0) FROM (VALUES {", ".join(steps)}) r(file, above, k)
                        WHERE r.file = {SUSPECTS}.{FILE} AND r.above < {SUSPECTS}.{ROW})"""
            )

    def _judge(self) -> None:
        """Decide which suspects are bad; of rows that share a key the first sound one stays."""
        key = quoted_columns(self.plan.contract.key)
        group = f"{key}, {HASH}"
        refers = " OR ".join(self._refers(i, r) for i, r in enumerate(self.plan.references)) or "FALSE"
        earlier = "FALSE"
        if self.plan.earlier:
            tuple_ = key if len(self.plan.contract.key) == 1 else f"({key})"
            earlier = f"{tuple_} IN (SELECT {tuple_} FROM {_parquet(self.plan.earlier)})"
        kept = f"NOT {REMOVED} AND" if self.plan.upserts else ""
        self.engine.connection.raw_sql(
            f"""CREATE OR REPLACE TEMP TABLE {BAD} AS
                WITH judged AS (SELECT *, {kept} ({refers}) AS _is_broken, ({earlier}) AS _is_seen FROM {SUSPECTS}),
                ranked AS (SELECT *, NOT _is_wrong AND NOT _is_broken AND NOT _is_seen AS _is_sound,
                    row_number() OVER (PARTITION BY {group}, NOT _is_wrong AND NOT _is_broken AND NOT _is_seen
                                       ORDER BY {FILE}, {ROW}) AS _rank FROM judged)
                SELECT *, _is_seen OR (_is_sound AND _rank > 1) AS _is_double FROM ranked WHERE NOT _is_sound OR _rank > 1"""
        )

    def _quarantine(self, rejects: Sequence[Reject]) -> pa.Table:
        """One row per bad row and rule."""
        by_name = {c.name: c for c in self.plan.contract.columns}
        parts = [
            f"""SELECT {FILE} AS file_no, {ROW} AS row_number, b.rule AS rule, b."column" AS column_name,
                   b."value" AS value_masked, _sealed AS row_sealed FROM (SELECT *, unnest(_broken) AS b FROM {BAD})"""
        ]
        key = self.plan.contract.key
        shown = " || ', ' || ".join(mask(f"{quoted(c)}::VARCHAR", by_name[c].personal) for c in key)
        parts.append(
            f"""SELECT {FILE}, {ROW}, 'duplicate_key', {literal(", ".join(key))}, {shown}, _sealed FROM {BAD}
                WHERE _is_double AND NOT _is_wrong"""
        )
        for i, reference in enumerate(self.plan.references):
            shown = " || ', ' || ".join(mask(f"{quoted(c)}::VARCHAR", by_name[c].personal) for c in reference.columns)
            parts.append(
                f"""SELECT {FILE}, {ROW}, 'broken_reference', {literal(", ".join(reference.columns))}, {shown}, _sealed FROM {BAD}
                    WHERE NOT _is_wrong AND {self._refers(i, reference)}"""
            )
        rows = self.engine.connection.raw_sql(" UNION ALL ".join(parts)).to_arrow_table().cast(QUARANTINE_SCHEMA)
        lines = [
            {
                "file_no": r.file, "row_number": r.line, "rule": _REJECT_RULES.get(r.kind, "unreadable_line"), "column_name": r.column or "*",
                "value_masked": r.message, "row_sealed": r.text,
            }
            for r in rejects
        ]  # fmt: skip
        both = pa.concat_tables([rows, pa.Table.from_pylist(lines, schema=QUARANTINE_SCHEMA)])
        return both.sort_by(
            [("file_no", "ascending"), ("row_number", "ascending"), ("rule", "ascending"), ("column_name", "ascending")]
        )

    # ── the final file ───────────────────────────────────────────────────────────────────────────────────────────────
    def _without_bad(self, good: Path, *, twice: bool) -> Path:
        """Return the good rows less those that share keys or refer to nothing, plus the first of each shared key."""
        columns = quoted_columns(self.plan.contract.column_names) + (
            f", {FILE}, {REMOVED}" if self.plan.upserts else ""
        )
        broken = [
            i
            for i in range(len(self.plan.references))
            if query(self.engine, f"SELECT count(*) FROM {BROKEN}_{i}")[0][0]
        ]
        if not twice and not broken:
            return good
        target = self.folder / "sound.parquet"
        bad_reference = "".join(f" AND ({self._refers(i, self.plan.references[i])}) IS NOT TRUE" for i in broken)
        if self.plan.upserts and bad_reference:
            bad_reference = f" AND ({REMOVED} OR (TRUE{bad_reference}))"
        self._copy(
            f"""SELECT {columns} FROM (SELECT *, {self._key_hash()} AS {HASH} FROM {_parquet([good])})
                WHERE {HASH} NOT IN (SELECT {HASH} FROM {TWICE}){bad_reference}
                UNION ALL
                SELECT {columns} FROM {SUSPECTS} s ANTI JOIN {BAD} b ON s.{FILE} = b.{FILE} AND s.{ROW} = b.{ROW}""",
            target,
        )
        return target

    def _finish(self, path: Path, n_rows: int) -> tuple[Path, int]:
        """Let the last row of each key stand, and close versions that a later one follows."""
        if not self.plan.upserts:
            return path, n_rows
        names = self.plan.contract.column_names
        key = quoted_columns(self.plan.contract.key)
        latest = (
            f"SELECT * FROM {_parquet([path])} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {FILE} DESC) = 1"
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
        target = self.folder / "merged.parquet"
        self._copy(sql, target)
        return target, _n_rows(target)

    # ── lookups ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _make_lookups(self, sources: Sequence[Source]) -> None:
        for source in sources:
            for lookup in source.lookups:
                table = _lookup_table(source, lookup)
                self.lookup_tables.append(table)
                keys = ", ".join(f"trim({quoted(theirs)}::VARCHAR) AS k{i}" for i, (_, theirs) in enumerate(lookup.on))
                names = ", ".join(f"k{i}" for i in range(len(lookup.on)))
                taken = ", ".join(f"{quoted(theirs)} AS {quoted(new)}" for new, theirs in lookup.columns)
                names_ = {t for _, t in lookup.on} | {t for _, t in lookup.columns}
                needed = lookup.files[0].columns if lookup.where else sorted(names_)
                kept = f" WHERE {self._scalar(lookup.where)}" if lookup.where else ""
                self.engine.connection.raw_sql(
                    f"""CREATE OR REPLACE TEMP TABLE {table} AS
                        SELECT *, count(*) OVER (PARTITION BY {names}, {FILE}) AS _n FROM (
                            SELECT {keys}, {taken}, {FILE} FROM ({scan(lookup.files, needed)}){kept})
                        QUALIFY dense_rank() OVER (PARTITION BY {names} ORDER BY {FILE} DESC) = 1"""
                )
                n_twice = query(self.engine, f"SELECT count(*) FROM {table} WHERE _n > 1")[0][0]
                if n_twice:
                    raise LookupNotUnique(source.name, lookup.name, tuple(t for _, t in lookup.on), int(str(n_twice)))


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


class LookupNotUnique(Exception):
    """A joined file holds a key more than once, so that the join would multiply rows."""

    def __init__(self, source: str, lookup: str, columns: tuple[str, ...], n_rows: int) -> None:
        super().__init__(f"{lookup} joined by {source} holds {n_rows} rows whose {', '.join(columns)} is not unique")
        self.source, self.lookup, self.columns, self.n_rows = source, lookup, columns, n_rows


_REJECT_RULES = {
    "MISSING COLUMNS": "too_few_columns", "TOO MANY COLUMNS": "too_many_columns", "UNQUOTED VALUE": "open_quote",
    "INVALID ENCODING": "wrong_encoding", "LINE SIZE OVER MAXIMUM": "line_too_long",
}  # fmt: skip


def mask(sql: str, personal: Personal) -> str:
    """Return SQL that shows a value without telling whose it is.

    Personal values keep only their shape (digits as ``#``, letters as ``x``, others as ``※``); of others long runs of digits
    go, since a shifted column may bring a card or document number anywhere.
    """
    if personal is not Personal.NONE:
        shape = f"regexp_replace(regexp_replace({sql}, '[0-9]', '#', 'g'), '[A-Za-z]', 'x', 'g')"
        return f"left(regexp_replace({shape}, '[^#x\\s./:+_*-]', '※', 'g'), 40)"
    return f"left(regexp_replace({sql}, '[0-9]{{11,}}', '###', 'g'), 40)"


def _shown(source: Source, rule: Rule) -> str:
    reads = any(f.column.name == rule.column and f.expression is not None for f in source.fields)
    return mask(f"s_{rule.column}::VARCHAR", rule.personal) if reads else "NULL::VARCHAR"


def _lookup_table(source: Source, lookup: Lookup) -> str:
    return f"lookup_{source.name}_{lookup.name}"


def _parquet(paths: Sequence[Path]) -> str:
    return "read_parquet([" + ", ".join(literal(str(p)) for p in paths) + "], union_by_name=true)"


def _n_rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


__all__ = [
    "FileCount",
    "LoadPlan",
    "LoadResult",
    "Lookup",
    "LookupNotUnique",
    "Reference",
    "Source",
    "adopt",
    "load",
    "mask",
]

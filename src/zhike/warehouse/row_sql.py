# ruff: noqa: S608 - every value in the SQL passes literal() or quoted(); scalar SQL of a mapping is checked in sources
"""The SQL that turns the rows of raw files into rows of a contract, and tells which of them are wrong and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zhike.warehouse.contracts import Contract, Personal
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
from zhike.warehouse.files import FILE, RawFile, literal, quoted, scan

HASH, REMOVED = "_hash", "_is_removed"


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


def scalar(condition: str | None) -> str:
    """Return a condition that is never missing; true where there is none."""
    return f"({condition}) IS TRUE" if condition else "TRUE"


def parquet(paths: Sequence[Path]) -> str:
    """Return the SQL that reads Parquet files of one table."""
    return "read_parquet([" + ", ".join(literal(str(p)) for p in paths) + "], union_by_name=true)"


def lookup_table(source: Source, lookup: Lookup) -> str:
    """Return the name of the temporary table that holds a lookup."""
    return f"lookup_{source.name}_{lookup.name}"


def lookup_sql(lookup: Lookup) -> str:
    """Return the SQL of a lookup: keys ``k0`` …, the columns taken, and ``_n`` rows of that key in its latest file."""
    keys = ", ".join(f"trim({quoted(theirs)}::VARCHAR) AS k{i}" for i, (_, theirs) in enumerate(lookup.on))
    names = ", ".join(f"k{i}" for i in range(len(lookup.on)))
    taken = ", ".join(f"{quoted(theirs)} AS {quoted(new)}" for new, theirs in lookup.columns)
    wanted = {t for _, t in lookup.on} | {t for _, t in lookup.columns}
    needed = lookup.files[0].columns if lookup.where else sorted(wanted)
    return f"""SELECT *, count(*) OVER (PARTITION BY {names}, {FILE}) AS _n
               FROM (SELECT {keys}, {taken}, {FILE} FROM ({scan(lookup.files, needed)}) WHERE {scalar(lookup.where)})
               QUALIFY dense_rank() OVER (PARTITION BY {names} ORDER BY {FILE} DESC) = 1"""


@dataclass(frozen=True, slots=True)
class RowSql:
    """SQL over the rows of one source."""

    contract: Contract
    source: Source

    # ── layers ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def raw(self, *, with_left_out: bool = False) -> str:
        """Return the rows of the files, looked-up columns joined; rows that the mapping leaves out are gone or marked."""
        source = self.source
        sql = scan(source.files, source.files[0].columns)
        if with_left_out:
            sql = f"SELECT *, {scalar(source.where)} AS _is_kept FROM ({sql})"
        elif source.where:
            sql = f"SELECT * FROM ({sql}) WHERE {scalar(source.where)}"
        for lookup in source.lookups:
            taken = ", ".join(f"their.{quoted(new)}" for new, _ in lookup.columns)
            on = " AND ".join(f"trim(my.{quoted(mine)}::VARCHAR) = their.k{i}" for i, (mine, _) in enumerate(lookup.on))
            sql = f"SELECT my.*, {taken} FROM ({sql}) my LEFT JOIN {lookup_table(source, lookup)} their ON {on}"
        return sql

    def typed(self, base: str, fields: Sequence[Field]) -> str:
        """Return ``base`` (raw rows) with the layers ``s_`` and ``t_`` of some fields."""
        layers = [f"{sql} AS s_{f.column.name}" for f in fields if (sql := source_layer(f)) is not None]
        layers += [f"({f.failure}) AS f_{f.column.name}" for f in fields if f.failure]
        if self.source.removed:
            layers.append(f"{scalar(self.source.removed)} AS {REMOVED}")
        sql = f"SELECT *, {', '.join(layers) or 'NULL AS _none'} FROM ({base})"
        for wave in ([f for f in fields if not f.end_of], [f for f in fields if f.end_of]):
            if wave:
                columns = ", ".join(f"{typed_layer(f, self.source.files)} AS t_{f.column.name}" for f in wave)
                sql = f"SELECT *, {columns} FROM ({sql})"
        return sql

    def values(self) -> str:
        """Return the select list of the written row with its file and whether it takes its key away, over the typed layers."""
        by_name = {f.column.name: f for f in self.source.fields}
        parts = [
            f"{value_layer(by_name[c.name])} AS {quoted(c.name)}"
            if c.name in by_name
            else f"NULL::{SQL_TYPES[c.kind]} AS {quoted(c.name)}"
            for c in self.contract.columns
        ]
        parts += [FILE, REMOVED if self.source.removed else f"FALSE AS {REMOVED}"]
        return ", ".join(parts)

    # ── judgement ────────────────────────────────────────────────────────────────────────────────────────────────────
    def rules(self) -> list[Rule]:
        """Return all rules of the row's own; a row that only takes its key away needs nothing but the key."""
        found = [rule for f in self.source.fields for rule in rules(f)]
        if not self.source.removed:
            return found
        keys = set(self.contract.key)
        return [
            r if r.column in keys else Rule(r.name, r.column, f"NOT {REMOVED} AND ({r.condition})", r.personal)
            for r in found
        ]

    def is_wrong(self) -> str:
        """Return a condition, over the typed layers, that is true for a row that breaks a rule of its own."""
        return " OR ".join(f"({rule.condition}) IS TRUE" for rule in self.rules()) or "FALSE"

    def key_hash(self) -> str:
        """Return the identity of a row for duplicates: its key, and for upserting sources also its file."""
        key = quoted_columns(self.contract.key)
        return f"hash({key}, {FILE if self.source.upserts else '-1'})"

    # ── queries ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def staged(self) -> str:
        """Return every row as it would be written, with file, key hash, and whether it is kept, and wrong by its own rules."""
        typed = self.typed(self.raw(with_left_out=True), self.source.fields)
        written = f"SELECT {self.values()}, _is_kept, ({self.is_wrong()}) AS _is_wrong FROM ({typed})"
        return f"SELECT *, {self.key_hash()} AS {HASH} FROM ({written})"

    def details(self, table: str = "") -> str:
        """Return rows in order: file, key hash, the rules broken, the row as read.

        With ``table`` only the rows whose key hash stands there; else all rows of the source's files.
        """
        source = self.source
        base = self.raw()
        if table:
            key = [f for f in source.fields if f.column.name in self.contract.key]
            days = {f.end_of for f in key if f.end_of}
            key += [f for f in source.fields if f.column.name in days and f not in key]
            present = {f.column.name: f for f in key}
            values = ", ".join(
                f"{value_layer(present[c]) if c in present else f'NULL::{SQL_TYPES[self.contract.column(c).kind]}'} AS {quoted('key ' + c)}"
                for c in self.contract.key
            )
            names = [*source.files[0].columns, *(new for lookup in source.lookups for new, _ in lookup.columns)]
            hashed = self.key_hash_of([f"key {c}" for c in self.contract.key])
            base = f"""SELECT {quoted_columns(names)}, {FILE}, {HASH}
                       FROM (SELECT *, {hashed} AS {HASH} FROM (SELECT *, {values} FROM ({self.typed(base, key)})))
                       WHERE {HASH} IN (SELECT {HASH} FROM {table})"""
        raw = ", ".join(f"{literal(c)}: {quoted(c)}" for c in source.files[0].columns)
        hash_ = HASH if table else f"0::UBIGINT AS {HASH}"
        return f"""SELECT {FILE}, {hash_}, {self.told()} AS _broken, to_json({{{raw}}})::VARCHAR AS _sealed
                   FROM ({self.typed(base, source.fields)})"""

    def key_hash_of(self, names: Sequence[str]) -> str:
        """Return :meth:`key_hash` over columns of other names."""
        return f"hash({quoted_columns(names)}, {FILE if self.source.upserts else '-1'})"

    def told(self) -> str:
        """Return a list of the rules that a row breaks, each with column and masked value."""
        cases = ", ".join(
            f"CASE WHEN {r.condition} THEN {{'rule': {literal(r.name)}, 'column': {literal(r.column)}, 'value': {self._shown(r)}}} END"
            for r in self.rules()
        )
        kept = f"list_filter([{cases}], x -> x IS NOT NULL)" if cases else "[]"
        return f'{kept}::STRUCT(rule VARCHAR, "column" VARCHAR, "value" VARCHAR)[]'

    def _shown(self, rule: Rule) -> str:
        reads = any(f.column.name == rule.column and f.expression is not None for f in self.source.fields)
        return mask(f"s_{rule.column}::VARCHAR", rule.personal) if reads else "NULL::VARCHAR"


def mask(sql: str, personal: Personal) -> str:
    """Return SQL that shows a value without telling whose it is.

    Personal values keep only their shape (digits as ``#``, letters as ``x``, others as ``※``); of others long runs of digits
    go, since a shifted column may bring a card or document number anywhere.
    """
    if personal is not Personal.NONE:
        shape = f"regexp_replace(regexp_replace({sql}, '[0-9]', '#', 'g'), '[A-Za-z]', 'x', 'g')"
        return f"left(regexp_replace({shape}, '[^#x\\s./:+_*-]', '※', 'g'), 40)"
    return f"left(regexp_replace({sql}, '[0-9]{{11,}}', '###', 'g'), 40)"


__all__ = [
    "HASH",
    "REMOVED",
    "Lookup",
    "Reference",
    "RowSql",
    "Source",
    "lookup_sql",
    "lookup_table",
    "mask",
    "parquet",
    "scalar",
]

"""Whether two sets of Parquet files hold the same table: no bench times work that gives something else.

Counts and a checksum over whole rows decide, cheap at any size; where they differ, rows are joined by key and the cells that differ
are counted column by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb


class Unequal(Exception):
    """The two sides do not give the same; the message names table, columns and how many cells."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How two tables of one name stand: rows of each, rows that only one has, differing cells by column."""

    table: str
    n_ours: int
    n_peer: int
    n_only_one: int = 0
    cells: dict[str, int] = field(default_factory=dict)

    @property
    def is_equal(self) -> bool:
        """Whether both hold the same rows."""
        return self.n_ours == self.n_peer and not self.n_only_one and not any(self.cells.values())


def read_sql(paths: Sequence[Path]) -> str:
    """Return SQL that reads Parquet files as one table."""
    return "read_parquet([" + ", ".join(f"'{p}'" for p in paths) + "], union_by_name=true)"


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{c}"' for c in columns)


def _sums(con: duckdb.DuckDBPyConnection, paths: Sequence[Path], columns: Sequence[str]) -> tuple[object, ...]:
    sql = f"SELECT count(*), sum(hash({_names(columns)})::HUGEINT) FROM {read_sql(paths)}"
    return con.execute(sql).fetchone() or ()


def columns_of(con: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> dict[str, str]:
    """Return column name → type."""
    return {str(r[0]): str(r[1]) for r in con.execute(f"DESCRIBE FROM {read_sql(paths)}").fetchall()}


def compare_tables(
    con: duckdb.DuckDBPyConnection, table: str, ours: Sequence[Path], peer: Sequence[Path], *,
    key: Sequence[str], without: Sequence[str] = (),
) -> Compared:  # fmt: skip
    """Compare two tables; ``without`` names columns that only ours has.

    Raises
    ------
    Unequal : their columns or types are not the same.
    """
    mine, theirs = columns_of(con, ours), columns_of(con, peer)
    mine = {n: t for n, t in mine.items() if n not in without}
    if mine != theirs:
        differ = sorted(set(mine.items()) ^ set(theirs.items()))
        raise Unequal(f"{table}: columns differ: {differ or list(zip(mine, theirs, strict=True))}")
    names = list(mine)
    (n_ours, sum_ours), (n_peer, sum_peer) = _sums(con, ours, names), _sums(con, peer, names)
    if (n_ours, sum_ours) == (n_peer, sum_peer):
        return Compared(table, int(str(n_ours)), int(str(n_peer)))
    values = [n for n in names if n not in key]
    same = " AND ".join(f'o."{k}" IS NOT DISTINCT FROM p."{k}"' for k in key)
    cells = "".join(f', count(*) FILTER (o."{n}" IS DISTINCT FROM p."{n}" AND o._here AND p._here)' for n in values)
    found = con.execute(
        f"SELECT count(*) FILTER (o._here IS NULL OR p._here IS NULL){cells} "
        f"FROM (SELECT *, TRUE AS _here FROM {read_sql(ours)}) o FULL JOIN (SELECT *, TRUE AS _here FROM {read_sql(peer)}) p ON {same}"
    ).fetchone()
    assert found is not None
    counts = dict(zip(values, (int(n) for n in found[1:]), strict=True))
    wrong = {n: c for n, c in counts.items() if c}
    if not wrong and not found[0]:
        wrong = {"(rows of one key)": abs(int(str(n_ours)) - int(str(n_peer))) or 1}
    return Compared(table, int(str(n_ours)), int(str(n_peer)), int(found[0]), wrong)


def require_equal(found: Sequence[Compared]) -> dict[str, int]:
    """Return table → rows; Unequal when any table differs."""
    wrong = [c for c in found if not c.is_equal]
    if wrong:
        told = "\n".join(
            f"  {c.table}: {c.n_ours} rows ours, {c.n_peer} the peer's, {c.n_only_one} in one only, cells {c.cells}"
            for c in wrong
        )
        raise Unequal(f"{len(wrong)} of {len(found)} tables differ:\n{told}")
    return {c.table: c.n_ours for c in found}


__all__ = ["Compared", "Unequal", "columns_of", "compare_tables", "read_sql", "require_equal"]

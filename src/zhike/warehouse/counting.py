# ruff: noqa: S608 - every name and value in the SQL passes quoted() or literal()
"""How the values of a table are spread, in one scan: rows, present values per column, rows per bin, the latest day.

SQL text because a table of forty columns asks for some three hundred counts at once: planned as expressions, they take
longer than they run.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis.expr.types as ir

from zhike.warehouse.engine import Engine
from zhike.warehouse.files import literal, query, quoted


@dataclass(frozen=True, slots=True)
class Binned:
    """A column and its bins: listed codes, yes and no, or ranges between ascending ``edges`` (each belongs to the lower one)."""

    name: str
    codes: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    is_flag: bool = False

    def tests(self) -> list[str]:
        """Return the SQL condition of each bin, in order."""
        name = quoted(self.name)
        if self.codes:
            return [f"{name} = {literal(code)}" for code in self.codes]
        if self.is_flag:
            return [name, f"NOT {name}"]
        if not self.edges:
            return []
        number = f"{name}::DOUBLE"
        inner = [f"{number} > {a!r} AND {number} <= {b!r}" for a, b in itertools.pairwise(self.edges)]
        return [f"{number} <= {self.edges[0]!r}", *inner, f"{number} > {self.edges[-1]!r}"]


@dataclass(frozen=True, slots=True)
class Spread:
    """``present`` and ``bins`` follow the columns asked for; ``newest_on`` is the latest business day."""

    n_rows: int
    present: tuple[int, ...]
    bins: tuple[tuple[int, ...], ...]
    newest_on: date | None


def count_spread(engine: Engine, table: ir.Table, columns: Sequence[Binned], *, dated_by: str = "") -> Spread:
    """Return how the values of ``columns`` are spread over the rows of ``table``.

    Parameters
    ----------
    dated_by : date column whose greatest value is wanted; "" for none.
    """
    tests = [column.tests() for column in columns]
    asked = ["count(*)", f"max({quoted(dated_by)})" if dated_by else "NULL"]
    asked += [f"count({quoted(column.name)})" for column in columns]
    asked += [f"count(*) FILTER (WHERE {test})" for of_column in tests for test in of_column]
    name = f"counted_{uuid.uuid4().hex}"
    engine.connection.create_view(name, table)
    try:
        n_rows, newest_on, *counts = query(engine, f"SELECT {', '.join(asked)} FROM {quoted(name)}")[0]
    finally:
        engine.connection.drop_view(name)
    found: list[Any] = counts
    present, rest = found[: len(columns)], found[len(columns) :]
    bins = []
    for of_column in tests:
        bins.append(tuple(rest[: len(of_column)]))
        rest = rest[len(of_column) :]
    return Spread(int(str(n_rows)), tuple(present), tuple(bins), newest_on if isinstance(newest_on, date) else None)


__all__ = ["Binned", "Spread", "count_spread"]

"""Hold rows to their contract: columns in order, cast, rounded; keys unique and present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa

from zhike.kernel.errors import ContractBroken, Finding
from zhike.warehouse.contracts import DATATYPES, ROUND_DIGITS, Column, Contract, Kind

FLOATS = (Kind.RATE, Kind.NUMBER)


def _cast(value: ir.Value, column: Column) -> ir.Value:
    target = DATATYPES[column.kind]
    if column.kind in FLOATS:
        rounded = value.cast(dt.float64).round(ROUND_DIGITS)
        return rounded.name(column.name)
    same = value.type().copy(nullable=True) == target
    return (value if same else value.cast(target)).name(column.name)


def conform(table: ir.Table, contract: Contract, *, fill_missing: bool = False) -> ir.Table:
    """Return ``table`` with exactly the contract's columns, in order, cast to their types; ratios rounded to 6 places.

    Parameters
    ----------
    fill_missing : give typed missing values to columns that ``table`` lacks (old versions of a table that has grown).

    Raises
    ------
    ContractBroken : a column is missing (and ``fill_missing`` is false).
    """
    have = set(table.columns)
    missing = [c.name for c in contract.columns if c.name not in have]
    if missing and not fill_missing:
        raise ContractBroken(
            "warehouse.column_missing",
            zh=f"表 {contract.name} 缺少列 {', '.join(missing)}",
            en=f"table {contract.name} lacks {', '.join(missing)}",
            facts={"table": contract.name, "columns": missing},
        )
    if fill_missing and not missing and tuple(table.columns) == contract.column_names and _typed(table, contract):
        return table
    columns = [
        _cast(table[c.name], c) if c.name in have else ibis.null(DATATYPES[c.kind]).name(c.name)
        for c in contract.columns
    ]
    return table.select(*columns)


def _typed(table: ir.Table, contract: Contract) -> bool:
    schema = table.schema()
    return all(schema[n].copy(nullable=True) == t for n, t in contract.schema().items())


def _questions(contract: Contract) -> list[tuple[str, str]]:
    """Return (what may be wrong, SQL that counts it) for the rows of a table."""
    required = [c.name for c in contract.columns if c.required or c.name in contract.key]
    asked = [(f"missing {n}", f'count(*) FILTER ("{n}" IS NULL)') for n in required]
    for column in contract.columns:
        if column.allowed:
            codes = ", ".join("'" + a.replace("'", "''") + "'" for a in column.allowed)
            asked.append((f"unknown code in {column.name}", f'count(*) FILTER ("{column.name}" NOT IN ({codes}))'))
    return asked


def breaches_query(contract: Contract) -> str:
    """Return SQL over Parquet files (parameter 1, a list) that counts rows, distinct keys and each way to break the contract."""
    keys = ", ".join(f'"{k}"' for k in contract.key)
    counts = "".join(f", {sql}" for _, sql in _questions(contract))
    return (
        "WITH rows AS (SELECT * FROM read_parquet($1)) "  # noqa: S608 - names come from contracts, the path is a parameter
        f"SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT {keys} FROM rows)){counts} FROM rows"
    )


def raise_breaches(contract: Contract, found: Sequence[int]) -> None:
    """Raise ContractBroken when the counts of :func:`breaches_query` are not all in order."""
    n_rows, n_keys, *counts = found
    broken = {what: n for (what, _), n in zip(_questions(contract), counts, strict=True) if n}
    if n_rows != n_keys:
        broken[f"duplicate key ({', '.join(contract.key)})"] = n_rows - n_keys
    if broken:
        raise ContractBroken(
            "warehouse.rows_break_contract",
            zh=f"表 {contract.name} 的 {n_rows} 行不符合契约",
            en=f"table {contract.name}: rows of {n_rows} break the contract",
            findings=tuple(Finding(contract.name, f"{n} rows: {what}") for what, n in broken.items()),
            facts={"table": contract.name, **broken},
        )


def rows_table(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return literal rows as the contract types them; columns that a row leaves out are missing values.

    Raises
    ------
    ValueError : a row names a column that the contract does not have.
    """
    known = set(contract.column_names)
    unknown = sorted({k for row in rows for k in row} - known)
    if unknown:
        raise ValueError(f"{contract.name} has no column {unknown}")
    schema = ibis.schema(contract.schema()).to_pyarrow()
    full = [{name: row.get(name) for name in contract.column_names} for row in rows]
    return pa.Table.from_pylist(full, schema=schema)


__all__ = ["breaches_query", "conform", "raise_breaches", "rows_table"]

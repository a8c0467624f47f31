"""Tables by name, as one manifest publishes them. A step sees only the tables it declares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import ibis.expr.types as ir

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import Bug, NotFound
from zhike.warehouse.contracts import Contract
from zhike.warehouse.engine import TableEngine
from zhike.warehouse.manifest import Entry
from zhike.warehouse.store import Warehouse


@dataclass(frozen=True, slots=True)
class Catalog:
    """The published tables: ``catalog["profile"]`` is an Ibis table typed by its contract, empty when never written.

    ``declared`` limits what may be read to the inputs of a step; None for readers outside a run.
    """

    engine: TableEngine
    contracts: Mapping[str, Contract]
    files: Mapping[tuple[str, str], tuple[Path, ...]]
    declared: Collection[str] | None = None
    _opened: dict[tuple[str, str | None], ir.Table] = field(default_factory=dict)

    def __getitem__(self, table: str) -> ir.Table:
        return self._open(table, None)

    def part(self, table: str, partition: str) -> ir.Table:
        """Return one partition of a table; empty when that partition was never written."""
        return self._open(table, partition)

    def partitions(self, table: str) -> tuple[str, ...]:
        """Return the partitions of a table that hold data, in order."""
        self._contract(table)
        return tuple(sorted(p for t, p in self.files if t == table))

    def _contract(self, table: str) -> Contract:
        if table not in self.contracts:
            near = suggest(table, self.contracts)
            raise NotFound(
                "warehouse.table_unknown", zh=f"没有表 {table}", en=f"there is no table {table}",
                todo_zh=f"是否要找 {near}？" if near else "", todo_en=f"did you mean {near}?" if near else "",
            )  # fmt: skip
        if self.declared is not None and table not in self.declared:
            raise Bug(
                "warehouse.read_undeclared",
                zh=f"步骤未声明读取 {table}",
                en=f"the step does not declare that it reads {table}",
            )
        return self.contracts[table]

    def _open(self, table: str, partition: str | None) -> ir.Table:
        contract = self._contract(table)
        if (table, partition) not in self._opened:
            chosen = [paths for (t, p), paths in sorted(self.files.items()) if t == table and partition in (None, p)]
            self._opened[(table, partition)] = self.engine.read([p for paths in chosen for p in paths], contract)
        return self._opened[(table, partition)]


def open_catalog(
    engine: TableEngine, warehouse: Warehouse, contracts: Mapping[str, Contract], entries: Mapping[tuple[str, str], Entry],
    *, declared: Collection[str] | None = None,
) -> Catalog:  # fmt: skip
    """Return the catalog of a set of entries, e.g. of ``warehouse.current().entries``."""
    return Catalog(engine, contracts, {k: warehouse.paths(e) for k, e in entries.items()}, declared)


def merged(catalogs: Sequence[Catalog]) -> Catalog:
    """Return one catalog of all that the catalogs of one engine show: what steps that are done together may read."""
    first = catalogs[0]
    files = {key: paths for c in catalogs for key, paths in c.files.items()}
    declared = {table for c in catalogs for table in c.declared or ()}
    return Catalog(first.engine, first.contracts, files, declared)


__all__ = ["Catalog", "merged", "open_catalog"]

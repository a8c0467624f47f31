"""A few customers with all that identity knows of them: their records, standardised, and the edges that touch them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.identity.terms import RecordKey, Refusal
from zhike.warehouse import QueryEngine

Row = dict[str, Any]
RECORD = ["source", "source_key"]


@dataclass(frozen=True, slots=True)
class Around:
    """Records by key: their customers and standardised versions; ``edges`` as rows of ``identity_edge``; ``links`` as rows of
    ``identity_link``.
    """

    links: Sequence[Row]
    edges: Sequence[Row]
    versions: Mapping[RecordKey, Sequence[Row]]
    customer_of: Mapping[RecordKey, str]

    def records_of(self, customer_id: str) -> list[RecordKey]:
        """Return the records of a customer, the most trusted source first."""
        mine = [r for r in self.links if r["customer_id"] == customer_id]
        return [RecordKey(r["source"], r["source_key"]) for r in sorted(mine, key=lambda r: r["trust_rank"])]

    def latest_of(self, customer_id: str) -> list[Row]:
        """Return the latest standardised rows of a customer's records."""
        return [row for k in self.records_of(customer_id) for row in self.versions[k] if row["is_latest"]]

    def beside(self, record: RecordKey) -> Iterator[tuple[str, RecordKey]]:
        """Yield (rule, other record) of the edges of a record."""
        for row in self.edges:
            left, right = (RecordKey(row[f"{side}_source"], row[f"{side}_key"]) for side in ("left", "right"))
            if record in (left, right):
                yield row["rule"], right if record == left else left


def fetch_around(engine: QueryEngine, tables: Mapping[str, Any], customer_ids: Collection[str]) -> Around:
    """Return all that is known of customers, and of those whom an ambiguous edge of theirs could have led to.

    Parameters
    ----------
    tables : ``identity_version``, ``identity_link`` and ``identity_edge`` of one run.
    """
    links, edges = tables["identity_link"], tables["identity_edge"]
    mine = links.filter(links.customer_id.isin(sorted(customer_ids)))
    near = _touching(engine, edges, mine)
    ambiguous = [r for r in near if r["refused_because"] == Refusal.AMBIGUOUS]
    ends = {(r[f"{s}_source"], r[f"{s}_key"]) for r in ambiguous for s in ("left", "right")}
    if ends:
        found = engine.fetch(_chosen(links, ends).select("customer_id").distinct())
        others = [str(c) for c in found["customer_id"].to_pylist()]
        mine = links.filter(links.customer_id.isin(sorted({*customer_ids, *others})))
        near = _touching(engine, edges, mine)
    rows = engine.fetch(mine).to_pylist()
    customer_of = {RecordKey(r["source"], r["source_key"]): str(r["customer_id"]) for r in rows}
    told = tables["identity_version"].semi_join(mine.select(*RECORD), RECORD).order_by("record_no", "valid_from_on")
    versions: dict[RecordKey, list[Row]] = {k: [] for k in customer_of}
    for row in engine.fetch(told).to_pylist():
        versions[RecordKey(row["source"], row["source_key"])].append(row)
    return Around(rows, near, versions, customer_of)


def _touching(engine: QueryEngine, edges: ir.Table, mine: ir.Table) -> list[Row]:
    """Return the edges that have an end among records, each once, in order."""
    found: dict[tuple[Any, ...], Row] = {}
    for side in ("left", "right"):
        ends = mine.select(**{f"{side}_source": mine.source, f"{side}_key": mine.source_key})
        for row in engine.fetch(edges.semi_join(ends, [f"{side}_source", f"{side}_key"])).to_pylist():
            found[tuple(row[c] for c in ("left_source", "left_key", "right_source", "right_key", "rule"))] = row
    return [found[key] for key in sorted(found)]


def _chosen(links: ir.Table, keys: Collection[tuple[str, str]]) -> ir.Table:
    """Return the links of records."""
    wanted = ibis.memtable(pa.table(list(zip(*sorted(keys), strict=True)), names=RECORD))
    return links.semi_join(wanted, RECORD)


__all__ = ["Around", "fetch_around"]

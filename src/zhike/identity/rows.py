"""Numbers back into rows: links, edges, register and changes as tables, built column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from zhike.identity.changes import ChangeRow
from zhike.identity.clusters import Clusters
from zhike.identity.edges import concatenate
from zhike.identity.inherit import NONE, Inheritance
from zhike.identity.terms import Change
from zhike.kernel.hashing import keyed_id
from zhike.warehouse import Engine

Ints = npt.NDArray[np.int64]
SINGLE = "single"
Values = Any  # an Arrow array: its type parameters say nothing here


def as_array(values: Any, kind: pa.DataType | None = None) -> Values:
    """Return values as an Arrow array."""
    return pa.array(values, kind)


def integers(column: Values, missing: int = -1) -> Ints:
    """Return an Arrow column of numbers as an array, with ``missing`` where it has none."""
    filled: Any = pc.fill_null(column, missing)
    numbers: Ints = filled.to_numpy().astype(np.int64)
    return numbers


@dataclass(frozen=True, slots=True)
class Previous:
    """What the last run of an earlier day left."""

    link: ir.Table
    register: ir.Table
    change: ir.Table


@dataclass(frozen=True, slots=True)
class RowWriter:
    """Turns record numbers and customer numbers back into rows of identity's tables."""

    rows: pa.Table
    rule_names: Sequence[str]
    source_priority: Sequence[str]
    as_of: date
    key: bytes
    previous: Previous
    engine: Engine

    def ids(self, inheritance: Inheritance) -> Values:
        """Return customer ids indexed by customer number (0 is empty)."""
        known = self.engine.fetch(self.previous.register.select("customer_no", "customer_id").order_by("customer_no"))
        n_known = known.num_rows
        founders = as_array(inheritance.created_root)
        sources: list[Any] = self.rows["source"].take(founders).to_pylist()
        keys: list[Any] = self.rows["source_key"].take(founders).to_pylist()
        founded = zip(sources, keys, inheritance.created_generation.tolist(), strict=True)
        made = [keyed_id(self.key, source, key, str(generation)) for source, key, generation in founded]
        old = known["customer_id"].combine_chunks() if n_known else as_array([], pa.string())
        return pa.concat_arrays([as_array([""], pa.string()), old.cast(pa.string()), as_array(made, pa.string())])

    def link(self, clusters: Clusters, inheritance: Inheritance, ids: Values, *, has_identifier: Values) -> pa.Table:
        """Return the customer of each record and the strongest rule that links it; ``has_identifier`` is a flag per record."""
        strongest = np.full(self.rows.num_rows, len(self.rule_names), np.int64)
        for side in (clusters.used.left, clusters.used.right):
            np.minimum.at(strongest, side, clusters.used.priority)
        names = as_array([*self.rule_names, SINGLE])
        numbers = as_array(inheritance.customer_no)
        source_place = self._source_place()
        trust_rank, recency_rank = self._ranks(inheritance.customer_no, source_place)
        resident: Values = self.rows["resident_id"]
        is_resident: Values = pc.is_valid(resident)
        order_digit: Values = pc.cast(pc.utf8_slice_codeunits(resident, 16, 17), pa.int64())
        is_male: Values = pc.cast(pc.bit_wise_and(order_digit, 1), pa.bool_())
        return pa.table({
            "source": self.rows["source"], "source_key": self.rows["source_key"], "customer_id": ids.take(numbers),
            "customer_no": numbers, "version_on": self.rows["valid_from_on"],
            "source_place": as_array(source_place), "trust_rank": trust_rank, "recency_rank": recency_rank,
            "has_valid_document": pc.or_(is_resident, pc.is_valid(self.rows["uscc"])), "has_identifier": has_identifier,
            "document_birth_on": pc.if_else(is_resident, self.rows["birth_on"], None),
            "document_sex": pc.if_else(is_male, "male", "female"), "linked_by": names.take(as_array(strongest)),
        })  # fmt: skip

    def _source_place(self) -> Ints:
        """Return the place of each record's source in the ranking; those not named come last together."""
        place = pc.index_in(self.rows["source"], pa.array(self.source_priority, pa.string()))
        return integers(place, len(self.source_priority))

    def _ranks(self, customer_no: Ints, trust: Ints) -> tuple[Ints, Ints]:
        """Return each record's place in its customer by trust in the source and by recency; equals in the order of keys."""
        valid = -integers(pc.cast(self.rows["valid_from_on"], pa.int32()))
        recorded = -integers(pc.cast(self.rows["recorded_at"], pa.int64()))
        record = np.arange(len(customer_no))
        by_trust = np.lexsort((record, recorded, valid, trust, customer_no))
        by_recency = np.lexsort((record, trust, recorded, valid, customer_no))
        return _places(customer_no, by_trust), _places(customer_no, by_recency)

    def edge(self, clusters: Clusters) -> pa.Table:
        """Return the edges in order, each pair once per rule; used by one key and refused by another is used."""
        both = concatenate([clusters.used, clusters.refused])
        is_refused = np.arange(len(both)) >= len(clusters.used)
        order = np.lexsort((is_refused, both.priority, both.right, both.left))
        left, right, priority = both.left[order], both.right[order], both.priority[order]
        is_first = np.ones(len(order), bool)
        is_first[1:] = (np.diff(left) != 0) | (np.diff(right) != 0) | (np.diff(priority) != 0)
        left, right, priority, order = left[is_first], right[is_first], priority[is_first], order[is_first]
        reasons = as_array([r.value for r in clusters.refused_because], pa.string())
        bits = [b or None for b in both.bits[order].tolist()]
        at = order - len(clusters.used)
        reason_at = pa.array(at, mask=at < 0)
        sides = {"left": as_array(left), "right": as_array(right)}
        ends = {
            f"{s}_{n}": self.rows[c].take(at)
            for s, at in sides.items()
            for n, c in (("source", "source"), ("key", "source_key"))
        }
        return pa.table({
            **ends, "rule": as_array(self.rule_names).take(as_array(priority)),
            "state": as_array(["used", "refused"]).take(as_array(is_refused[order].astype(np.int64))),
            "refused_because": reasons.take(reason_at), "weight": as_array(bits, pa.float64()),
        })  # fmt: skip

    def register(self, inheritance: Inheritance, ids: Values, changes: Sequence[ChangeRow]) -> ir.Table | pa.Table:
        """Return all ids ever given: those before with what became of them, and today's."""
        founders = as_array(inheritance.created_root)
        n_new = len(inheritance.created_root)
        new = pa.table({
            "customer_id": ids.take(as_array(inheritance.created_no)), "customer_no": as_array(inheritance.created_no),
            "founding_source": self.rows["source"].take(founders), "founding_key": self.rows["source_key"].take(founders),
            "generation": as_array(inheritance.created_generation), "created_on": as_array([self.as_of] * n_new, pa.date32()),
            "ended_on": pa.nulls(n_new, pa.date32()), "merged_into": pa.nulls(n_new, pa.string()),
        })  # fmt: skip
        if len(ids) == n_new + 1:
            return new
        ended = [c for c in changes if c.kind in (Change.MERGED, Change.RETIRED)]
        heirs = [ids[c.other_no].as_py() if c.other_no != NONE else None for c in ended]
        update = ibis.memtable(pa.table({
            "customer_no": as_array([*(c.customer_no for c in ended), *inheritance.revived_no.tolist()], pa.int64()),
            "now_ended_on": as_array([*([self.as_of] * len(ended)), *([None] * len(inheritance.revived_no))], pa.date32()),
            "now_merged_into": as_array([*heirs, *([None] * len(inheritance.revived_no))], pa.string()),
            "is_updated": as_array([True] * (len(ended) + len(inheritance.revived_no)), pa.bool_()),
        }))  # fmt: skip
        kept = self.previous.register.left_join(update, "customer_no")
        kept = kept.select(
            "customer_id", "customer_no", "founding_source", "founding_key", "generation", "created_on",
            ended_on=kept.is_updated.fill_null(False).ifelse(kept.now_ended_on, kept.ended_on),  # noqa: FBT003 - a literal value
            merged_into=kept.is_updated.fill_null(False).ifelse(kept.now_merged_into, kept.merged_into),  # noqa: FBT003 - a literal value
        )  # fmt: skip
        return kept.union(ibis.memtable(new))

    def change(self, changes: Sequence[ChangeRow], ids: Values) -> ir.Table:
        """Return the log of changes with today's added."""
        n = len(changes)
        other = as_array([c.other_no if c.other_no != NONE else None for c in changes], pa.int64())
        record = as_array([c.record if c.record != NONE else None for c in changes], pa.int64())
        today = pa.table({
            "change_id": as_array([f"{self.as_of:%Y%m%d}-{i:07d}" for i in range(1, n + 1)], pa.string()),
            "changed_on": as_array([self.as_of] * n, pa.date32()),
            "kind": as_array([c.kind.value for c in changes], pa.string()),
            "customer_id": ids.take(as_array([c.customer_no for c in changes], pa.int64())),
            "other_customer_id": ids.take(other),
            "source": self.rows["source"].take(record), "source_key": self.rows["source_key"].take(record),
            "n_records": as_array([c.n_records for c in changes], pa.int64()),
            "reason": as_array([c.reason for c in changes], pa.string()),
        })  # fmt: skip
        return self.previous.change.union(ibis.memtable(today))


def _places(customer_no: Ints, order: Ints) -> Ints:
    """Return each record's place from 0 within its customer, given all records in order of customer and then merit."""
    ordered = customer_no[order]
    position = np.arange(len(order))
    is_start = np.ones(len(order), bool)
    is_start[1:] = ordered[1:] != ordered[:-1]
    places = np.empty(len(order), np.int64)
    places[order] = position - np.maximum.accumulate(np.where(is_start, position, 0))
    return places


__all__ = ["SINGLE", "Previous", "RowWriter", "Values", "as_array", "integers"]

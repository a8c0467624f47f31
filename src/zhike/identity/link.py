"""One run of identity: records in, customers out. Joins happen in the engine, the graph in arrays, only conflicts in Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from zhike.identity.changes import ChangeRow, explain_changes
from zhike.identity.clusters import COMPANY, MISSING, PERSON, SOLE_TRADER, Clusters, Facts, build_clusters
from zhike.identity.edges import Edges, concatenate, override_pairs, shared_keys, star_edges
from zhike.identity.inherit import NONE, Inheritance, Register, inherit
from zhike.identity.rules import keys_of, rules
from zhike.identity.standardise import standardise, versions_as_of
from zhike.identity.terms import Action, AsOf, Change, IdentitySettings, Override, RecordKey, Rule
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.hashing import keyed_id
from zhike.warehouse import Engine

Ints = npt.NDArray[np.int64]
KIND_CODES = {"person": PERSON, "sole_trader": SOLE_TRADER, "company": COMPANY}
SINGLE = "single"


@dataclass(frozen=True, slots=True)
class Linked:
    """Rows of ``identity_link``, ``identity_edge``, new rows of the register, the register's updates, and changes."""

    link: pa.Table
    edge: pa.Table
    register: ir.Table | pa.Table
    change: ir.Table | pa.Table
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Previous:
    """What the last run of an earlier day left."""

    link: ir.Table
    register: ir.Table
    change: ir.Table


def link_records(
    engine: Engine, parties: ir.Table, previous: Previous, *, as_of: AsOf, settings: IdentitySettings,
    overrides: Sequence[Override], key: bytes,
) -> Linked:  # fmt: skip
    """Return which customer each record is, and what that changed.

    Parameters
    ----------
    parties : ``source_party``; versions known at the end of ``as_of`` count.
    previous : tables of the last published run of an earlier day, empty before the first.
    key : secret of the project; ids cannot be led back to source keys without it.

    Raises
    ------
    BadInput : two overrides contradict each other.
    """
    check_overrides(overrides)
    all_rules = rules(settings)
    names = [r.name for r in all_rules]
    standard = standardise(versions_as_of(parties, as_of), settings.placeholder_birth_on)
    with _table(engine, "identity_versions", standard) as versions:
        edges, too_wide = _fetch_edges(engine, versions, all_rules)
        records = versions.filter(versions.is_latest)
        rows = _fetch_records(engine, records, previous.link)
        register = _fetch_register(engine, records, previous.register)
        numbers = _record_numbers(engine, records, overrides)
    merges = override_pairs(overrides, numbers, Action.MERGE)
    splits = override_pairs(overrides, numbers, Action.SPLIT)
    clusters = build_clusters(_facts(rows), edges, merges=_pairs(merges), splits=_pairs(splits))
    previous_no = pc.fill_null(rows["previous_no"], NONE).to_numpy().astype(np.int64)
    inheritance = inherit(clusters.root, previous_no, register)
    alive = register.customer_no[register.is_alive]
    changes = explain_changes(clusters, previous_no, inheritance, alive_before=alive, rule_names=names)
    writer = _Writer(rows, names, as_of.on, key, previous, engine)
    ids = writer.ids(inheritance)
    return Linked(
        writer.link(clusters, inheritance, ids), writer.edge(clusters), writer.register(inheritance, ids, changes),
        writer.change(changes, ids),
        {
            "n_records": rows.num_rows, "n_customers": len(np.unique(inheritance.customer_no)), "n_edges": len(clusters.used),
            "n_refused": len(clusters.refused), "refused_because": dict(Counter(r.value for r in clusters.refused_because)),
            "n_components_in_conflict": clusters.n_components_in_conflict, "keys_shared_too_widely": too_wide,
            "changes": dict(Counter(c.kind.value for c in changes)),
            "n_overrides_used": len(merges) + len(splits), "n_overrides_without_record": len(overrides) - len(merges) - len(splits),
            "n_forced_merges_refused": int((clusters.refused.priority == 0).sum()),
        },
    )  # fmt: skip


def check_overrides(overrides: Sequence[Override]) -> None:
    """Raise BadInput when one pair of records is both merged and split, or a record is paired with itself."""
    seen: dict[frozenset[RecordKey], Override] = {}
    findings = []
    for override in overrides:
        pair = frozenset((override.left, override.right))
        other = seen.setdefault(pair, override)
        if len(pair) == 1:
            findings.append(
                Finding(f"override {override.override_id}", "names one record twice", todo="name two records")
            )
        elif other.action is not override.action:
            ids = f"override {other.override_id} and {override.override_id}"
            findings.append(Finding(ids, "one merges and one splits the same two records", todo="revoke one of them"))
    if findings:
        raise BadInput(
            "identity.overrides_contradict",
            zh="人工归并/拆分互相矛盾",
            en="overrides contradict each other",
            findings=tuple(findings),
        )


@contextmanager
def _table(engine: Engine, name: str, expression: ir.Table) -> Iterator[ir.Table]:
    """Keep an expression's rows in the engine while they are needed."""
    yield engine.connection.create_table(name, expression, temp=True, overwrite=True)
    engine.connection.drop_table(name, force=True)


def _fetch_edges(engine: Engine, versions: ir.Table, all_rules: Sequence[Rule]) -> tuple[Edges, dict[str, int]]:
    """Return the stars of all keys, and per rule how many keys were shared too widely to be used."""
    with (
        _table(engine, "identity_keys", keys_of(versions).distinct()) as keys,
        _table(engine, "identity_shared", shared_keys(keys, all_rules)) as shared,
    ):
        rows = engine.fetch(star_edges(keys, shared))
        wide = shared.filter(shared.is_too_wide).group_by("rule").aggregate(n=lambda t: t.count().cast("int64"))
        too_wide = {r["rule"]: r["n"] for r in engine.fetch(wide.order_by("rule")).to_pylist()}
    return Edges(*(rows[c].to_numpy().astype(np.int64) for c in ("left", "right", "priority", "key_no"))), too_wide


def _fetch_records(engine: Engine, records: ir.Table, previous_link: ir.Table) -> pa.Table:
    before = previous_link.select("source", "source_key", previous_no=previous_link.customer_no)
    joined = records.left_join(before, ["source", "source_key"])
    columns = ("record_no", "source", "source_key", "party_kind", "resident_id", "uscc", "birth_on", "previous_no")
    return engine.fetch(joined.select(*columns).order_by("record_no")).combine_chunks()


def _fetch_register(engine: Engine, records: ir.Table, register: ir.Table) -> Register:
    founders = records.select("record_no", founding_source=records.source, founding_key=records.source_key)
    joined = register.left_join(founders, ["founding_source", "founding_key"])
    rows = engine.fetch(
        joined.select("customer_no", "generation", "record_no", is_alive=joined.ended_on.isnull()).order_by(
            "customer_no"
        )
    )
    if not rows.num_rows:
        return Register.empty()
    return Register(
        rows["customer_no"].to_numpy().astype(np.int64), pc.fill_null(rows["record_no"], NONE).to_numpy().astype(np.int64),
        rows["generation"].to_numpy().astype(np.int64), rows["is_alive"].to_numpy().astype(bool),
    )  # fmt: skip


def _record_numbers(engine: Engine, records: ir.Table, overrides: Sequence[Override]) -> dict[RecordKey, int]:
    wanted = sorted({k.source_key for o in overrides for k in (o.left, o.right)})
    if not wanted:
        return {}
    found = records.filter(records.source_key.isin(wanted)).select("source", "source_key", "record_no")
    return {RecordKey(r["source"], r["source_key"]): r["record_no"] for r in engine.fetch(found).to_pylist()}


def _pairs(found: Sequence[tuple[int, int, Override]]) -> list[tuple[int, int]]:
    return sorted({(a, b) for a, b, _ in found})


def _codes(column: pa.ChunkedArray) -> Ints:
    """Return a text column as integer codes, MISSING where missing."""
    encoded = pc.dictionary_encode(column)
    combined = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    return pc.fill_null(combined.indices, MISSING).to_numpy(zero_copy_only=False).astype(np.int64)


def _facts(rows: pa.Table) -> Facts:
    kind = pc.index_in(rows["party_kind"], pa.array(list(KIND_CODES)))
    days = pc.fill_null(pc.cast(rows["birth_on"], pa.int32()), np.iinfo(np.int32).min).to_numpy().astype(np.int64)
    days[days != np.iinfo(np.int32).min] += 1_000_000  # days before 1970 are negative; MISSING must stay apart
    return Facts(
        _codes(rows["resident_id"]), _codes(rows["uscc"]), np.where(days == np.iinfo(np.int32).min, MISSING, days),
        kind.to_numpy().astype(np.int64),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Writer:
    """Turns numbers back into rows."""

    rows: pa.Table
    rule_names: Sequence[str]
    as_of: date
    key: bytes
    previous: Previous
    engine: Engine

    def ids(self, inheritance: Inheritance) -> pa.Array:
        """Return customer ids indexed by customer number (0 is empty)."""
        known = self.engine.fetch(self.previous.register.select("customer_no", "customer_id").order_by("customer_no"))
        n_known = known.num_rows
        founders = pa.array(inheritance.created_root)
        sources, keys = (self.rows[c].take(founders).to_pylist() for c in ("source", "source_key"))
        made = [
            keyed_id(self.key, s, k, str(g))
            for s, k, g in zip(sources, keys, inheritance.created_generation.tolist(), strict=True)
        ]
        old = known["customer_id"].combine_chunks() if n_known else pa.array([], pa.string())
        return pa.concat_arrays([pa.array([""], pa.string()), old.cast(pa.string()), pa.array(made, pa.string())])

    def link(self, clusters: Clusters, inheritance: Inheritance, ids: pa.Array) -> pa.Table:
        strongest = np.full(self.rows.num_rows, len(self.rule_names), np.int64)
        for side in (clusters.used.left, clusters.used.right):
            np.minimum.at(strongest, side, clusters.used.priority)
        names = pa.array([*self.rule_names, SINGLE])
        numbers = pa.array(inheritance.customer_no)
        return pa.table({
            "source": self.rows["source"], "source_key": self.rows["source_key"], "customer_id": ids.take(numbers),
            "customer_no": numbers, "linked_by": names.take(pa.array(strongest)),
        })  # fmt: skip

    def edge(self, clusters: Clusters) -> pa.Table:
        """Return the edges in order, each pair once per rule; used by one key and refused by another is used."""
        both = concatenate([clusters.used, clusters.refused])
        is_refused = np.arange(len(both)) >= len(clusters.used)
        order = np.lexsort((is_refused, both.priority, both.right, both.left))
        left, right, priority = both.left[order], both.right[order], both.priority[order]
        is_first = np.ones(len(order), bool)
        is_first[1:] = (np.diff(left) != 0) | (np.diff(right) != 0) | (np.diff(priority) != 0)
        left, right, priority, order = left[is_first], right[is_first], priority[is_first], order[is_first]
        reasons = pa.array([r.value for r in clusters.refused_because], pa.string())
        reason_at = pa.array(order - len(clusters.used), mask=~is_refused[order])
        sides = {"left": pa.array(left), "right": pa.array(right)}
        ends = {
            f"{s}_{n}": self.rows[c].take(at)
            for s, at in sides.items()
            for n, c in (("source", "source"), ("key", "source_key"))
        }
        return pa.table({
            **ends, "rule": pa.array(self.rule_names).take(pa.array(priority)),
            "state": pa.array(["used", "refused"]).take(pa.array(is_refused[order].astype(np.int64))),
            "refused_because": reasons.take(reason_at),
        })  # fmt: skip

    def register(self, inheritance: Inheritance, ids: pa.Array, changes: Sequence[ChangeRow]) -> ir.Table | pa.Table:
        founders = pa.array(inheritance.created_root)
        n_new = len(inheritance.created_root)
        new = pa.table({
            "customer_id": ids.take(pa.array(inheritance.created_no)), "customer_no": pa.array(inheritance.created_no),
            "founding_source": self.rows["source"].take(founders), "founding_key": self.rows["source_key"].take(founders),
            "generation": pa.array(inheritance.created_generation), "created_on": pa.array([self.as_of] * n_new, pa.date32()),
            "ended_on": pa.nulls(n_new, pa.date32()), "merged_into": pa.nulls(n_new, pa.string()),
        })  # fmt: skip
        if len(ids) == n_new + 1:
            return new
        ended = [c for c in changes if c.kind in (Change.MERGED, Change.RETIRED)]
        heirs = [ids[c.other_no].as_py() if c.other_no != NONE else None for c in ended]
        update = ibis.memtable(pa.table({
            "customer_no": pa.array([*(c.customer_no for c in ended), *inheritance.revived_no.tolist()], pa.int64()),
            "now_ended_on": pa.array([*([self.as_of] * len(ended)), *([None] * len(inheritance.revived_no))], pa.date32()),
            "now_merged_into": pa.array([*heirs, *([None] * len(inheritance.revived_no))], pa.string()),
            "is_updated": pa.array([True] * (len(ended) + len(inheritance.revived_no)), pa.bool_()),
        }))  # fmt: skip
        kept = self.previous.register.left_join(update, "customer_no")
        kept = kept.select(
            "customer_id", "customer_no", "founding_source", "founding_key", "generation", "created_on",
            ended_on=kept.is_updated.fill_null(False).ifelse(kept.now_ended_on, kept.ended_on),  # noqa: FBT003 - a literal value
            merged_into=kept.is_updated.fill_null(False).ifelse(kept.now_merged_into, kept.merged_into),  # noqa: FBT003 - a literal value
        )  # fmt: skip
        return kept.union(ibis.memtable(new))

    def change(self, changes: Sequence[ChangeRow], ids: pa.Array) -> ir.Table:
        n = len(changes)
        other = pa.array([c.other_no if c.other_no != NONE else None for c in changes], pa.int64())
        record = pa.array([c.record if c.record != NONE else None for c in changes], pa.int64())
        today = pa.table({
            "change_id": pa.array([f"{self.as_of:%Y%m%d}-{i:07d}" for i in range(1, n + 1)], pa.string()),
            "changed_on": pa.array([self.as_of] * n, pa.date32()),
            "kind": pa.array([c.kind.value for c in changes], pa.string()),
            "customer_id": ids.take(pa.array([c.customer_no for c in changes], pa.int64())),
            "other_customer_id": ids.take(other),
            "source": self.rows["source"].take(record), "source_key": self.rows["source_key"].take(record),
            "n_records": pa.array([c.n_records for c in changes], pa.int64()),
            "reason": pa.array([c.reason for c in changes], pa.string()),
        })  # fmt: skip
        return self.previous.change.union(ibis.memtable(today))


__all__ = ["SINGLE", "Linked", "Previous", "check_overrides", "link_records"]

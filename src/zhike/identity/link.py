"""One run of identity: records in, customers out. Joins happen in the engine, the graph in arrays, only conflicts in Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from zhike.identity.changes import ChangeRow, explain_changes
from zhike.identity.clusters import (
    COMPANY,
    MISSING,
    OVERRIDE_PRIORITY,
    PERSON,
    SOLE_TRADER,
    Clusters,
    Facts,
    build_clusters,
)
from zhike.identity.edges import Edges, override_pairs, shared_keys, star_edges
from zhike.identity.inherit import NONE, Inheritance, Register, inherit
from zhike.identity.rows import Previous, RowWriter, integers
from zhike.identity.rules import keys_of, rules
from zhike.identity.standardise import standardise, versions_as_of
from zhike.identity.terms import Action, AsOf, IdentitySettings, Override, RecordKey, Rule
from zhike.kernel.errors import BadInput, Finding
from zhike.warehouse import Engine

Ints = npt.NDArray[np.int64]
NO_DAY = -(2**31)
DAYS_BEFORE_1970 = 1_000_000
KIND_CODES = {"person": PERSON, "sole_trader": SOLE_TRADER, "company": COMPANY}


@dataclass(frozen=True, slots=True)
class Linked:
    """Rows of ``identity_link``, ``identity_edge``, new rows of the register, the register's updates, and changes."""

    link: pa.Table
    edge: pa.Table
    register: ir.Table | pa.Table
    change: ir.Table | pa.Table
    metrics: Mapping[str, Any]


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
        numbers = _recordintegers(engine, records, overrides)
    merges = override_pairs(overrides, numbers, Action.MERGE)
    splits = override_pairs(overrides, numbers, Action.SPLIT)
    clusters = build_clusters(_facts(rows), edges, merges=_pairs(merges), splits=_pairs(splits))
    previous_no = integers(rows["previous_no"], NONE)
    inheritance = inherit(clusters.root, previous_no, register)
    alive = register.customer_no[register.is_alive]
    changes = explain_changes(clusters, previous_no, inheritance, alive_before=alive, rule_names=names)
    writer = RowWriter(rows, names, settings.source_priority, as_of.on, key, previous, engine)
    ids = writer.ids(inheritance)
    return Linked(
        writer.link(clusters, inheritance, ids), writer.edge(clusters), writer.register(inheritance, ids, changes),
        writer.change(changes, ids),
        _metrics(rows.num_rows, clusters, inheritance, changes)
        | {
            "keys_shared_too_widely": too_wide, "n_overrides_used": len(merges) + len(splits),
            "n_overrides_without_record": len(overrides) - len(merges) - len(splits),
        },
    )  # fmt: skip


def _metrics(
    n_records: int, clusters: Clusters, inheritance: Inheritance, changes: Sequence[ChangeRow]
) -> dict[str, Any]:
    """Return what is worth reporting of a run."""
    return {
        "n_records": n_records, "n_customers": len(np.unique(inheritance.customer_no)), "n_edges": len(clusters.used),
        "n_refused": len(clusters.refused), "refused_because": dict(Counter(r.value for r in clusters.refused_because)),
        "n_components_in_conflict": clusters.n_components_in_conflict, "changes": dict(Counter(c.kind.value for c in changes)),
        "n_forced_merges_refused": int((clusters.refused.priority == OVERRIDE_PRIORITY).sum()),
    }  # fmt: skip


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
    return Edges(*(integers(rows[c]) for c in ("left", "right", "priority", "key_no"))), too_wide


def _fetch_records(engine: Engine, records: ir.Table, previous_link: ir.Table) -> pa.Table:
    before = previous_link.select("source", "source_key", previous_no=previous_link.customer_no)
    joined = records.left_join(before, ["source", "source_key"])
    columns = (
        "record_no",
        "source",
        "source_key",
        "party_kind",
        "resident_id",
        "uscc",
        "birth_on",
        "valid_from_on",
        "recorded_at",
        "previous_no",
    )
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
        integers(rows["customer_no"]), integers(rows["record_no"], NONE), integers(rows["generation"]),
        rows["is_alive"].to_numpy().astype(bool),
    )  # fmt: skip


def _recordintegers(engine: Engine, records: ir.Table, overrides: Sequence[Override]) -> dict[RecordKey, int]:
    wanted = sorted({k.source_key for o in overrides for k in (o.left, o.right)})
    if not wanted:
        return {}
    found = records.filter(records.source_key.isin(wanted)).select("source", "source_key", "record_no")
    return {RecordKey(r["source"], r["source_key"]): r["record_no"] for r in engine.fetch(found).to_pylist()}


def _pairs(found: Sequence[tuple[int, int, Override]]) -> list[tuple[int, int]]:
    return sorted({(a, b) for a, b, _ in found})


def _codes(column: Any) -> Ints:
    """Return a text column as integer codes, MISSING where missing."""
    encoded: Any = pc.dictionary_encode(column)
    return integers(encoded.combine_chunks().indices if hasattr(encoded, "combine_chunks") else encoded.indices)


def _facts(rows: pa.Table) -> Facts:
    """Return what may contradict; days are counted from a day before any birth, so that none of them is MISSING."""
    days = integers(pc.cast(rows["birth_on"], pa.int32()), NO_DAY)
    born = np.where(days == NO_DAY, MISSING, days + DAYS_BEFORE_1970)
    kind = integers(pc.index_in(rows["party_kind"], pa.array(list(KIND_CODES))))
    return Facts(_codes(rows["resident_id"]), _codes(rows["uscc"]), born, kind)


__all__ = ["Linked", "check_overrides", "link_records"]

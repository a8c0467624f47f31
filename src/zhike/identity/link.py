"""One run of identity: records in, customers out. Joins happen in the engine, the graph in arrays, only conflicts in Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.identity.changes import ChangeRow, explain_changes
from zhike.identity.clusters import OVERRIDE_PRIORITY, Clusters
from zhike.identity.inherit import NONE, Inheritance, Register, inherit
from zhike.identity.matching import MatchModel
from zhike.identity.resolve import resolve_records
from zhike.identity.review import flaw_rows, review_rows
from zhike.identity.rows import Previous, RowWriter, integers
from zhike.identity.rules import OVERRIDE_RULE, rules
from zhike.identity.standardise import FLAWS, has_identifier
from zhike.identity.terms import AsOf, Change, IdentitySettings, Override, RecordKey
from zhike.kernel.errors import BadInput, Finding
from zhike.warehouse import Engine

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Linked:
    """Rows of the tables of ``identity:link``, by their names without ``identity_``."""

    link: pa.Table
    edge: pa.Table
    review: pa.Table
    flaw: pa.Table
    register: ir.Table | pa.Table
    change: ir.Table | pa.Table
    metrics: Mapping[str, Any]


def link_records(
    engine: Engine, versions: pa.Table, previous: Previous, *, as_of: AsOf, settings: IdentitySettings,
    overrides: Sequence[Override], key: bytes, models: Sequence[MatchModel] = (),
) -> Linked:  # fmt: skip
    """Return which customer each record is, and what that changed.

    Parameters
    ----------
    versions : standardised versions of records, known at the end of ``as_of``.
    previous : tables of the last published run of an earlier day, empty before the first.
    key : secret of the project; ids cannot be led back to source keys without it.

    Raises
    ------
    BadInput : two overrides contradict each other.
    """
    check_overrides(overrides)
    resolved = resolve_records(engine, versions, settings=settings, overrides=overrides, models=models)
    clusters = resolved.clusters
    names = [r.name for r in rules(settings)]
    with engine.holding("identity_records", resolved.records.select(["record_no", "source", "source_key"])) as records:
        previous_no = _fetch_previous(engine, records, previous.link)
        register = _fetch_register(engine, records, with_forced(previous.register, previous.change))
    inheritance = inherit(clusters.root, previous_no, register, clusters.forced_roots)
    alive = register.customer_no[register.is_alive]
    changes = explain_changes(clusters, previous_no, inheritance, alive_before=alive, rule_names=names)
    writer = RowWriter(resolved.records, names, settings.source_priority, as_of.on, key, previous, engine)
    ids = writer.ids(inheritance)
    return Linked(
        writer.link(
            clusters, inheritance, ids, has_identifier=has_identifier(resolved.versions, resolved.records.num_rows)
        ),
        writer.edge(clusters),
        review_rows(resolved.records, clusters, resolved.weighed, ids, inheritance.customer_no, splits=resolved.splits),
        flaw_rows(resolved.records, FLAWS, {f: resolved.records[f"{f}_flaw"].combine_chunks() for f in FLAWS}),
        writer.register(inheritance, ids, changes), writer.change(changes, ids),
        _metrics(resolved.records.num_rows, clusters, inheritance, changes)
        | {
            "keys_shared_too_widely": dict(resolved.too_wide), "n_overrides_used": resolved.n_overrides_used,
            "n_overrides_without_record": len(overrides) - resolved.n_overrides_used, "n_weighed": resolved.weighed.num_rows,
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


def _fetch_previous(engine: Engine, records: ir.Table, previous_link: ir.Table) -> Ints:
    """Return per record the customer number of the previous run; NONE where it had none."""
    before = previous_link.select("source", "source_key", previous_no=previous_link.customer_no)
    joined = records.left_join(before, ["source", "source_key"]).select("record_no", "previous_no")
    return integers(engine.fetch(joined.order_by("record_no"))["previous_no"], NONE)


def with_forced(register: ir.Table, change: ir.Table) -> ir.Table:
    """Return the register with ``was_forced``: whether an id last went out of use by an officer's merge."""
    merged = change.filter(change.kind == Change.MERGED.value)
    last = merged.group_by("customer_id").aggregate(ended_by=merged.reason.argmax(merged.change_id))
    joined = register.left_join(last, "customer_id")
    return joined.select(*register.columns, was_forced=(joined.ended_by == OVERRIDE_RULE).fill_null(False))  # noqa: FBT003 - a literal value


def _fetch_register(engine: Engine, records: ir.Table, register: ir.Table) -> Register:
    founders = records.select("record_no", founding_source=records.source, founding_key=records.source_key)
    joined = register.left_join(founders, ["founding_source", "founding_key"])
    rows = engine.fetch(
        joined.select(
            "customer_no", "generation", "record_no", "was_forced", is_alive=joined.ended_on.isnull()
        ).order_by("customer_no")
    )
    if not rows.num_rows:
        return Register.empty()
    return Register(
        integers(rows["customer_no"]), integers(rows["record_no"], NONE), integers(rows["generation"]),
        rows["is_alive"].to_numpy().astype(bool), rows["was_forced"].to_numpy().astype(bool),
    )  # fmt: skip


__all__ = ["Linked", "check_overrides", "link_records", "with_forced"]

"""One step per segment: it reads only what its rules name, so that segments of segments come after them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.profile.tags_steps import reads_of_rules, scope_of
from zhike.rules import UsedNames
from zhike.segments.definition import Segment
from zhike.segments.membership import ENTERED, LEFT, MOVED, current_members, find_changes, keep_intervals, subjects_of
from zhike.segments.tables import SEGMENT_CHANGE, SEGMENT_HEALTH, SEGMENT_MEMBER
from zhike.warehouse import Input, Output, Step, StepContext


def _counts(rows: ir.Table, column: str) -> dict[str, int]:
    counted = rows.group_by(of=rows[column].fill_null("")).aggregate(n=rows.count().cast("int64"))
    return {r["of"]: r["n"] for r in counted.order_by("of").to_pyarrow().to_pylist()}


def _health(
    segment: Segment, n_subjects: int, buckets: Mapping[str, int], changes: Mapping[str, int] | None, as_of: date
) -> dict[str, Any]:
    """Return one row of ``segment_health``; changes are None on the first run."""
    n_members = sum(buckets.values())
    row: dict[str, Any] = {
        "segment": segment.key, "measured_on": as_of, "n_subjects": n_subjects, "n_members": n_members,
        "coverage_rate": n_members / n_subjects if n_subjects else None,
        "bucket_sizes": json.dumps(dict(buckets), ensure_ascii=False) if segment.buckets else None,
    }  # fmt: skip
    if changes is None:
        return row
    entered, left = changes.get(ENTERED, 0), changes.get(LEFT, 0)
    n_before = n_members - entered + left
    stay_rate = (n_before - left) / n_before if n_before else None
    return {**row, "n_entered": entered, "n_left": left, "n_moved": changes.get(MOVED, 0), "stay_rate": stay_rate}


def needed_columns(profile: ir.Table, names: UsedNames) -> ir.Table:
    """Return the few columns of the profile that rules use: joins of hundreds of columns are slow to plan."""
    return profile.select("customer_id", "party_kind", *sorted(names.fields - {"customer_id", "party_kind"}))


def segment_step(segment: Segment) -> Step:
    """Return the step that writes a segment's intervals, changes and health.

    The step reports members by bucket and, from the second day on, how many entered, left and moved.
    """
    names = segment.names()

    def work(context: StepContext) -> Mapping[str, Any]:
        key, as_of = segment.key, context.as_of
        scope = scope_of(context.tables, names, as_of)
        profile = needed_columns(context.tables["profile"], names)
        previous = context.previous.part("segment_member", key)
        is_first = key not in context.previous.partitions("segment_member")
        members = current_members(segment, profile, replace(scope, subjects=profile))
        context.write("segment_member", keep_intervals(segment, members, previous, as_of), partition=key)
        written = context.engine.read([context.draft("segment_member", key)], SEGMENT_MEMBER)
        held = written.filter(written.to_on.isnull())
        none = ibis.schema(SEGMENT_CHANGE.schema()).to_pyarrow().empty_table()
        changes = none if is_first else find_changes(segment, held.select("customer_id", "bucket"), previous, as_of)
        context.write("segment_change", changes, partition=key)
        changed = context.engine.read([context.draft("segment_change", key)], SEGMENT_CHANGE)
        n_subjects = int(subjects_of(segment, profile).count().to_pyarrow().as_py())
        row = _health(
            segment, n_subjects, _counts(held, "bucket"), None if is_first else _counts(changed, "change"), as_of
        )
        context.write("segment_health", _one_row(row), partition=key)
        return {n: row[n] for n in row if n not in ("segment", "measured_on")}

    return Step(
        key=f"segment:{segment.key}",
        writes=tuple(Output(t, segment.key) for t in ("segment_member", "segment_change", "segment_health")),
        reads=(*reads_of_rules(names), Input("segment_member", segment.key, lag=1)),
        work=work,
        definition=segment.hash,
    )


def _one_row(row: Mapping[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([dict(row)], ibis.schema(SEGMENT_HEALTH.schema()).to_pyarrow())


def segment_steps(segments: Mapping[str, Segment]) -> list[Step]:
    """Return one step per segment, in key order; the run orders them by what they read."""
    return [segment_step(segments[key]) for key in sorted(segments)]


steps = segment_steps

__all__ = ["segment_step", "segment_steps", "steps"]

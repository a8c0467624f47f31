"""One step per segment: it reads only what its rules name, so that segments of segments come after them."""

from __future__ import annotations

import json
import operator
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.profile.keeping import keeping
from zhike.profile.observation import BUSINESS_TIMEZONE
from zhike.profile.tags_steps import reads_of_rules, scope_of
from zhike.segments.definition import Segment
from zhike.segments.membership import ENTERED, LEFT, MOVED, current_members, find_changes, keep_intervals
from zhike.segments.tables import SEGMENT_CHANGE, SEGMENT_HEALTH, SEGMENT_MEMBER
from zhike.warehouse import Contract, Family, Input, Output, Step, StepContext, merged, write_together

FIXED = frozenset({"customer_id", "party_kind"})


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


def _counted(rows: ir.Table, by: str) -> dict[str, dict[str, int]]:
    """Return segment → value of ``by`` ("" for none) → rows."""
    counted = rows.group_by("segment", of=rows[by].fill_null("")).aggregate(n=rows.count().cast("int64"))
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in counted.order_by("segment", "of").to_pyarrow().to_pylist():
        found[row["segment"]][row["of"]] = row["n"]
    return found


def _subjects(profile: ir.Table) -> dict[str, int]:
    counted = profile.group_by("party_kind").aggregate(n=profile.count().cast("int64"))
    return {r["party_kind"]: r["n"] for r in counted.to_pyarrow().to_pylist()}


@dataclass(frozen=True, slots=True)
class _Segmenting:
    """The work of the steps of segments: all that are due are computed from one scan of the profile."""

    segments: Mapping[str, Segment]
    timezone: str = BUSINESS_TIMEZONE

    def __call__(self, contexts: Sequence[StepContext]) -> list[Mapping[str, Any]]:
        segments = [self.segments[c.step.key] for c in contexts]
        as_of, engine = contexts[0].as_of, contexts[0].engine
        tables, before = merged([c.tables for c in contexts]), merged([c.previous for c in contexts])
        known = set(before.partitions("segment_member"))
        previous = before["segment_member"] if known else None
        names = reduce(operator.or_, (s.names() for s in segments))
        profile = tables["profile"].select("customer_id", "party_kind", *sorted(names.fields - FIXED))
        with keeping(engine) as keep:
            scope = replace(scope_of(tables, names, as_of, timezone=self.timezone), subjects=profile)
            members = current_members(segments, profile, scope, keep=keep)
            write_together(contexts, "segment_member", keep_intervals(members, previous, as_of), by="segment")
        held = _written(contexts, "segment_member", SEGMENT_MEMBER).filter(lambda t: t.to_on.isnull())
        changes: ir.Table | pa.Table = ibis.schema(SEGMENT_CHANGE.schema()).to_pyarrow().empty_table()
        if previous is not None:
            old = held.filter(held.segment.isin(sorted(known))).select("segment", "customer_id", "bucket")
            changes = find_changes(old, previous, as_of)
        write_together(contexts, "segment_change", changes, by="segment")
        changed = _counted(_written(contexts, "segment_change", SEGMENT_CHANGE), "change")
        buckets, kinds = _counted(held, "bucket"), _subjects(profile)
        rows = [
            _health(
                s, sum(kinds.get(k.value, 0) for k in s.definition.subjects), buckets.get(s.key, {}),
                changed.get(s.key, {}) if s.key in known else None, as_of,
            )
            for s in segments
        ]  # fmt: skip
        schema = ibis.schema(SEGMENT_HEALTH.schema()).to_pyarrow()
        write_together(contexts, "segment_health", pa.Table.from_pylist(rows, schema), by="segment")
        return [{n: row[n] for n in row if n not in ("segment", "measured_on")} for row in rows]


def _written(contexts: Sequence[StepContext], table: str, contract: Contract) -> ir.Table:
    return contexts[0].engine.read([c.draft(table, c.step.writes[0].partition) for c in contexts], contract)


def segment_step(segment: Segment) -> Step:
    """Return the step that writes one segment's intervals, changes and health.

    The step reports members by bucket and, from the second day on, how many entered, left and moved.
    """
    return segment_steps({segment.key: segment})[0]


def _member(segment: Segment, family: Family) -> Step:
    return Step(
        key=f"segment:{segment.key}",
        writes=tuple(Output(t, segment.key) for t in ("segment_member", "segment_change", "segment_health")),
        reads=(*reads_of_rules(segment.names()), Input("segment_member", segment.key, lag=1)),
        work=family.alone,
        definition=segment.hash,
        family=family,
        is_portable=True,
    )


def segment_steps(segments: Mapping[str, Segment], *, timezone: str = BUSINESS_TIMEZONE) -> list[Step]:
    """Return one step per segment, in key order; the run orders them by what they read. ``timezone`` (IANA name) is of the business day."""
    of_step = {f"segment:{key}": segment for key, segment in segments.items()}
    family = Family("segment", _Segmenting(of_step, timezone))
    return [_member(segments[key], family) for key in sorted(segments)]


steps = segment_steps

__all__ = ["segment_step", "segment_steps", "steps"]

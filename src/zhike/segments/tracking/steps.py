"""Two steps of every run: migration of the partitions, portraits of all segments. Each writes one part per segment.

Migration is over the last run and over the last complete month, as far back as the intervals of the segment go; a period of which
nothing is known has no rows. A portrait needs ``LEAST_MEMBERS`` members and somebody else to compare with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.kernel.hashing import fingerprint
from zhike.profile.keeping import keeping
from zhike.segments.definition import Segment
from zhike.segments.portrait import DIMENSIONS, LEAST_MEMBERS, class_of
from zhike.segments.tables import SEGMENT_MIGRATION, SEGMENT_PORTRAIT
from zhike.segments.tracking.migration import count_flows, first_known_day, periods
from zhike.warehouse import Input, Output, Step, StepContext


def _rows(context: StepContext, table: str, key: str, rows: list[dict[str, Any]]) -> int:
    contract = SEGMENT_MIGRATION if table == SEGMENT_MIGRATION.name else SEGMENT_PORTRAIT
    return context.write(table, pa.Table.from_pylist(rows, ibis.schema(contract.schema()).to_pyarrow()), partition=key)


@dataclass(frozen=True, slots=True)
class _Migrating:
    keys: tuple[str, ...]

    def __call__(self, context: StepContext) -> Mapping[str, Any]:
        n = sum(_rows(context, "segment_migration", key, self._of(context, key)) for key in self.keys)
        return {"n_segments": len(self.keys), "n_rows": n}

    def _of(self, context: StepContext, key: str) -> list[dict[str, Any]]:
        members = context.tables.part("segment_member", key)
        known, last_run = first_known_day(members), _last_run(context, key)
        if known is None or last_run is None:
            return []
        found: list[dict[str, Any]] = []
        for start, end in dict.fromkeys(periods(context.as_of, last_run)):
            if start < known:
                continue
            flows = count_flows(members, start, end).select("bucket_from", "bucket_to", "n_customers")
            found += [
                {"segment": key, "period_from_on": start, "period_to_on": end, **row}
                for row in flows.to_pyarrow().to_pylist()
            ]
        return found


def _last_run(context: StepContext, key: str) -> date | None:
    """Return the day of the last earlier run that knew the segment; None on its first."""
    found: date | None = context.previous.part("segment_health", key).measured_on.max().to_pyarrow().as_py()
    return found


@dataclass(frozen=True, slots=True)
class _Painting:
    kinds: Mapping[str, tuple[str, ...]]  # segment → kinds of parties that it is for

    def __call__(self, context: StepContext) -> Mapping[str, Any]:
        members = context.tables["segment_member"]
        held = members.filter(members.to_on.isnull() & members.segment.isin(sorted(self.kinds)))
        profile = context.tables["profile"]
        known = [d for d in DIMENSIONS if d.field in profile.columns]
        classes = profile.select(
            "customer_id",
            segment="party_kind",
            bucket=ibis.literal(""),
            **{d.field: class_of(profile, d) for d in known},
        )
        inside = held.select("segment", bucket=held.bucket.fill_null(""), member_id="customer_id")
        joined = inside.inner_join(classes.drop("segment", "bucket"), [("member_id", "customer_id")])
        with keeping(context.engine) as keep:
            of_members, of_all = _count(keep(joined), known), _count(keep(classes), known)
        n_painted = 0
        for key, kinds in self.kinds.items():
            base = _sum([of_all.get((k, ""), {}) for k in kinds])
            buckets = {b: counts for (k, b), counts in sorted(of_members.items()) if k == key}
            groups = {**({"": _sum(list(buckets.values()))} if buckets else {}), **buckets}
            rows = [row for bucket, counts in groups.items() for row in _portrait((key, bucket), counts, base)]
            n_painted += bool(rows)
            _rows(context, "segment_portrait", key, rows)
        return {"n_segments": len(self.kinds), "n_painted": n_painted}


Counts = dict[tuple[str, str], int]  # (dimension, class) → customers


def _count(rows: ir.Table, known: Sequence[Any]) -> dict[tuple[str, str], Counts]:
    """Return (segment or kind, bucket) → customers per class of every dimension, by one query per dimension."""
    found: dict[tuple[str, str], Counts] = {}
    for dimension in known:
        counted = rows.group_by("segment", "bucket", value=rows[dimension.field]).aggregate(
            n=rows.count().cast("int64")
        )
        for r in counted.to_pyarrow().to_pylist():
            found.setdefault((r["segment"], r["bucket"]), {})[(dimension.field, r["value"])] = r["n"]
    return found


def _sum(counts: Sequence[Counts]) -> Counts:
    total: Counts = {}
    for each in counts:
        for place, n in each.items():
            total[place] = total.get(place, 0) + n
    return total


def _portrait(of: tuple[str, str], members: Counts, base: Counts) -> list[dict[str, Any]]:
    found = []
    for dimension in dict.fromkeys(d for d, _ in base):
        n = sum(v for (d, _), v in members.items() if d == dimension)
        m = sum(v for (d, _), v in base.items() if d == dimension)
        if n < LEAST_MEMBERS or n >= m:
            return []
        for value in sorted(v for d, v in base if d == dimension):
            hits, of_all = members.get((dimension, value), 0), base[(dimension, value)]
            share, base_share = hits / n, of_all / m
            found.append(
                {
                    "segment": of[0], "bucket": of[1], "dimension": dimension, "value": value, "n_members": hits, "n_all_members": n,
                    "share_rate": share, "base_share_rate": base_share, "tgi": round(100 * share / base_share, 1) if base_share else None,
                }
            )  # fmt: skip
    return found


def tracking_steps(segments: Mapping[str, Segment]) -> list[Step]:
    """Return the steps of migration and of portraits; none for a project without segments."""
    partitions = tuple(sorted(k for k, s in segments.items() if s.definition.is_partition))
    kinds = {k: tuple(sorted(p.value for p in segments[k].definition.subjects)) for k in sorted(segments)}
    found = []
    if partitions:
        found.append(
            Step(
                key="segments:migration", writes=tuple(Output("segment_migration", k) for k in partitions),
                reads=(
                    *(Input("segment_member", k) for k in partitions), *(Input("segment_health", k, lag=1) for k in partitions)
                ),
                work=_Migrating(partitions),
                definition=fingerprint(*partitions),
            )
        )  # fmt: skip
    if kinds:
        found.append(
            Step(
                key="segments:portrait", writes=tuple(Output("segment_portrait", k) for k in kinds),
                reads=(Input("profile"), *(Input("segment_member", k) for k in kinds)), work=_Painting(kinds),
                definition=fingerprint(*kinds),
            )
        )  # fmt: skip
    return found


__all__ = ["tracking_steps"]

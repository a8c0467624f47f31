"""The section of segments: sizes, what somebody should look at, and how the tiers, or another partition, moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhike.kernel.errors import NotEstimable
from zhike.kernel.terms import Text
from zhike.report.inputs import ReportSource, Row, has_table, name_of, rows_of, tell
from zhike.report.terms import Absent, SegmentAlertRow, SegmentMove, SegmentPortraitRow, SegmentRow, SegmentSection
from zhike.segments.portrait import Trait, say_portrait
from zhike.segments.tracking import OUTSIDE, Flow, Migration, Standing, alert_limits, find_alerts

SHOWN_FIRST = ("value_tiers", "relationship_stages", "corporate_tiers")


def collect_segments(source: ReportSource) -> SegmentSection | Absent:
    """Return every defined segment with its members today and who came and went today, largest first."""
    tables = source.planned
    if not has_table(tables, "segment_member", "segment_change", "profile"):
        return Absent(tell("absent_no_segments"))
    now = tables["segment_member"].filter(lambda t: t.to_on.isnull())
    sizes = {r["segment"]: r["n"] for r in rows_of(now.group_by("segment").aggregate(n=lambda t: t.customer_id.nunique().cast("int64")))}  # fmt: skip
    today = tables["segment_change"].filter(lambda t: t.changed_on == source.planned_on)
    moves = rows_of(today.group_by("segment", "change").aggregate(n=lambda t: t.count().cast("int64")))
    changes = {(r["segment"], r["change"]): r["n"] for r in moves}
    keys = sorted({*sizes, *(d.key for d in source.definitions.of_kind("segment"))})
    if not keys:
        return Absent(tell("absent_no_segments"))
    rows = [
        SegmentRow(k, name_of(source.definitions, "segment", k), sizes.get(k, 0), changes.get((k, "entered"), 0), changes.get((k, "left"), 0))
        for k in keys
    ]  # fmt: skip
    n_customers = int(tables["profile"].count().to_pyarrow().as_py())
    ordered = tuple(sorted(rows, key=lambda r: (-r.n_customers, r.key)))
    return SegmentSection(
        ordered, n_customers, source.planned_on, collect_alerts(source), collect_move(source), collect_portraits(source)
    )


def _last_moves(source: ReportSource) -> dict[str, list[Row]]:
    """Return segment → the flows of its latest period, the longest where several end on that day."""
    if not has_table(source.planned, "segment_migration"):
        return {}
    found: dict[str, list[Row]] = {}
    for row in rows_of(source.planned["segment_migration"].filter(lambda t: t.period_to_on == source.planned_on)):
        found.setdefault(row["segment"], []).append(row)
    starts = {key: min(r["period_from_on"] for r in rows) for key, rows in found.items()}
    return {key: [r for r in rows if r["period_from_on"] == starts[key]] for key, rows in found.items()}


def _migration(key: str, rows: list[Row], order: Mapping[str, Any]) -> Migration:
    place = {b: i for i, b in enumerate((*order, OUTSIDE))}
    ordered = sorted(rows, key=lambda r: (place.get(r["bucket_from"], 0), place.get(r["bucket_to"], 0)))
    flows = tuple(Flow(r["bucket_from"], r["bucket_to"], r["n_customers"]) for r in ordered)
    return Migration(key, rows[0]["period_from_on"], rows[0]["period_to_on"], flows)


def _buckets(source: ReportSource, key: str) -> dict[str, Text]:
    body = next((d.body for d in source.definitions.of_kind("segment") if d.key == key), {})
    written = [*body.get("buckets", ()), *([body["otherwise"]] if body.get("otherwise") else [])]
    return {str(b["key"]): Text(str(b.get("zh", b["key"])), str(b.get("en", b["key"]))) for b in written}


def collect_move(source: ReportSource) -> SegmentMove | None:
    """Return the migration of the tiers since the last run, or of the next partition that has one; None on a first run."""
    moves = _last_moves(source)
    keys = sorted(moves, key=lambda k: (SHOWN_FIRST.index(k) if k in SHOWN_FIRST else len(SHOWN_FIRST), k))
    if not keys:
        return None
    names = _buckets(source, keys[0])
    migration = _migration(keys[0], moves[keys[0]], names)
    outside = tell("segments_outside")
    return SegmentMove(name_of(source.definitions, "segment", keys[0]), migration, {**names, OUTSIDE: outside})


def collect_alerts(source: ReportSource) -> tuple[SegmentAlertRow, ...]:
    """Return what somebody should look at. Reviews of definitions are not among it: a report does not know who approved what when."""
    if not has_table(source.planned, "segment_health"):
        return ()
    limits = alert_limits(source.definitions.parameters)
    moves = _last_moves(source)
    bodies = {d.key: d.body for d in source.definitions.of_kind("segment")}
    found = []
    for row in sorted(rows_of(source.planned["segment_health"]), key=lambda r: r["segment"]):
        key, body = row["segment"], bodies.get(row["segment"], {})
        before = None if row["n_entered"] is None else row["n_members"] - row["n_entered"] + row["n_left"]
        shift = None
        if key in moves:
            try:
                shift = _migration(key, moves[key], {}).shift_psi
            except NotEstimable:  # nobody inside on one of the days
                shift = None
        standing = Standing(
            key, row["n_subjects"], row["n_members"], before, shift, None, bool(body.get("is_pinned")), bool(body.get("is_partition"))
        )  # fmt: skip
        name = name_of(source.definitions, "segment", key)
        found += [SegmentAlertRow(key, name, a.text) for a in find_alerts(standing, source.planned_on, limits)]
    return tuple(found)


def collect_portraits(source: ReportSource) -> tuple[SegmentPortraitRow, ...]:
    """Return, per segment and bucket that differs from everybody it is for, what sets it apart; the largest segments first."""
    if not has_table(source.planned, "segment_portrait"):
        return ()
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of(source.planned["segment_portrait"]):
        groups.setdefault((row["segment"], row["bucket"]), []).append(row)
    found = []
    for (key, bucket), rows in sorted(groups.items()):
        traits = [
            Trait(r["dimension"], r["value"], r["n_members"], r["share_rate"], r["base_share_rate"]) for r in rows
        ]
        text = Text(say_portrait(traits), say_portrait(traits, language="en"))
        if not text.zh:
            continue
        names = _buckets(source, key)
        named = names.get(bucket, Text(bucket, bucket))
        found.append(
            SegmentPortraitRow(name_of(source.definitions, "segment", key), named, rows[0]["n_all_members"], text)
        )
    return tuple(found)


__all__ = ["collect_alerts", "collect_move", "collect_portraits", "collect_segments"]

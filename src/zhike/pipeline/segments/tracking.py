"""Migration of a segment between two days, and the health of segments, from what is published and what earlier versions are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.kernel.clock import business_day, moment_on
from zhike.kernel.errors import NotEstimable
from zhike.kernel.terms import Text
from zhike.pipeline.catalogue import Opened, opened
from zhike.pipeline.project import Project
from zhike.pipeline.store import OperationsStore
from zhike.profile.tags_steps import events_of_customers
from zhike.rules import holding_on
from zhike.segments.definition import Segment
from zhike.segments.tracking import (
    Alert,
    AlertLimits,
    Flow,
    Migration,
    Standing,
    alert_limits,
    find_alerts,
    find_migration,
    review_due_on,
)
from zhike.segments.tracking.health import (
    CohortCell,
    Gap,
    Penetration,
    class_counts,
    find_cohorts,
    find_gaps,
    find_match,
    find_penetration,
    find_stay_rates,
    holdings,
)
from zhike.warehouse import open_catalog

MONEY = "aum_point_amount"
ACTIVE_DAYS = "n_active_days_30d"
TIERS = "value_tiers"


def _money_on(project: Project, o: Opened, day: date) -> ir.Table | None:
    """Return customer_id and AUM as a kept version of the profile has it for a day; None when none is kept."""
    manifest = project.warehouse.latest(until=day)
    if manifest is None or manifest.as_of != day:
        return None
    profile = open_catalog(o.tables.engine, project.warehouse, o.compiled.contracts, manifest.entries)["profile"]
    return profile.select("customer_id", amount=MONEY) if MONEY in profile.columns else None


@dataclass(frozen=True, slots=True)
class MigrationAnswer:
    """A migration with the names of the buckets."""

    segment: Text
    migration: Migration
    names: Mapping[str, Text]

    def as_json(self) -> dict[str, Any]:
        """Return matrix, flows and net flows as JSON values."""
        m = self.migration
        return {
            "segment": m.segment, "from": m.from_on.isoformat(), "to": m.to_on.isoformat(), "stay_rate": m.stay_rate,
            "shift_psi": _psi(m), "is_redefined": m.is_redefined, "money_missing": [d.isoformat() for d in m.money_missing],
            "names": {b: {"zh": t.zh, "en": t.en} for b, t in self.names.items()},
            "flows": [
                {"from": f.bucket_from, "to": f.bucket_to, "customers": f.n_customers, "amount_from": f.amount_from, "amount_to": f.amount_to}
                for f in m.flows
            ],
            "net": [
                {
                    "bucket": n.bucket, "from": n.n_from, "to": n.n_to, "came": n.n_came, "went": n.n_went, "net": n.n_net,
                    "amount_came": n.amount_came, "amount_went": n.amount_went,
                }
                for n in m.nets()
            ],
        }  # fmt: skip


def _psi(migration: Migration) -> float | None:
    try:
        return round(migration.shift_psi, 4)
    except NotEstimable:  # a day on which nobody was inside
        return None


def bucket_texts(segment: Segment) -> dict[str, Text]:
    """Return the names of all that a customer of a segment may be in, outside included."""
    d = segment.definition
    return {**d.bucket_names(), "": Text(d.zh, d.en), "~": Text("客群外", "Outside")}


def answer_migration(project: Project, key: str, from_on: date, to_on: date | None = None) -> MigrationAnswer:
    """Return who moved between two days, in customers and, where profiles of the days are kept, in AUM.

    Parameters
    ----------
    to_on : None = the published day.

    Raises
    ------
    NotFound : there is no such segment. BadInput : the days are reversed. NotEstimable : nothing is known of the first day, or the
    last day lies after what is published.
    """
    project.definitions.get("segment", key)
    with opened(project) as o:
        last = to_on or o.manifest.as_of
        if last > o.manifest.as_of:
            raise NotEstimable(
                "migration.not_run_yet", zh=f"已发布到 {o.manifest.as_of}，{last} 尚未跑批", en=f"what is published ends on {o.manifest.as_of}; {last} has not been run",
                todo_zh="取较早的一天或先跑批", todo_en="take an earlier day, or run that day first",
            )  # fmt: skip
        segment = o.compiled.segments[key]
        names = bucket_texts(segment)
        found = find_migration(
            key, o.tables.part("segment_member", key), from_on, last,
            money=(_money_on(project, o, from_on), _money_on(project, o, last)), order=list(segment.definition.bucket_names()),
        )  # fmt: skip
        return MigrationAnswer(Text(segment.definition.zh, segment.definition.en), found, names)


@dataclass(frozen=True, slots=True)
class Health:
    """How one segment stands: figures of ``tracking.health`` with its alerts."""

    segment: str
    names: Text
    as_of: date
    standing: Standing
    alerts: tuple[Alert, ...]
    penetration: tuple[Penetration, ...] = ()
    match_rate: float | None = None
    stay_rates: Mapping[int, float | None] = field(default_factory=dict)
    active_days: float | None = None
    cohorts: tuple[CohortCell, ...] = ()
    gaps: tuple[Gap, ...] = ()
    peers: Mapping[str, Text] = field(default_factory=dict)

    @property
    def coverage_rate(self) -> float | None:
        """Members over the customers it is for."""
        return self.standing.n_members / self.standing.n_subjects if self.standing.n_subjects else None

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        s = self.standing
        return {
            "segment": self.segment, "zh": self.names.zh, "en": self.names.en, "as_of": self.as_of.isoformat(), "members": s.n_members,
            "of": s.n_subjects, "coverage": self.coverage_rate, "match": self.match_rate,
            "stay": {str(n): r for n, r in self.stay_rates.items()}, "active_days": self.active_days,
            "review_on": s.review_on.isoformat() if s.review_on else None,
            "alerts": [{"kind": a.kind, "zh": a.text.zh, "en": a.text.en} for a in self.alerts],
            "penetration": [
                {"product_class": p.product_class, "members": p.n_members, "share": p.interval.estimate, "low": p.interval.low,
                 "high": p.interval.high, "all": p.base_share_rate, "tgi": p.tgi}
                for p in self.penetration
            ],
            "gaps": [
                {"product_class": g.product_class, "share": g.share_rate, "peer": g.peer, "peer_share": g.peer_share_rate,
                 "low": g.difference.low, "high": g.difference.high, "customers": g.n_customers}
                for g in self.gaps
            ],
            "cohorts": [
                {"month": f"{c.entered_month:%Y-%m}", "channel": c.channel, "months": c.months, "entered": c.n_entered, "held": c.n_held}
                for c in self.cohorts
            ],
        }  # fmt: skip


def approval_days(store: OperationsStore, timezone: str) -> dict[str, date]:
    """Return segment → the day its present version was approved, from the audit; where nobody had to, the day it was applied."""
    versions = {v.key: v for v in store.versions("segment") if v.is_approved}
    found = {key: business_day(v.applied_at, timezone) for key, v in versions.items()}
    for record in store.audit():
        kind, _, key = record.subject.partition(" ")
        version = versions.get(key)
        is_approval = record.action == "definition.approved" and kind == "segment"
        if is_approval and version is not None and record.detail.get("version") == version.version:
            found[key] = business_day(record.at, timezone)
    return found


def _standings(o: Opened, approved_on: Mapping[str, date], limits: AlertLimits) -> dict[str, Standing]:
    health = {r["segment"]: r for r in o.rows(o.tables["segment_health"])}
    flows: dict[str, list[dict[str, Any]]] = {}
    month = o.tables["segment_migration"]
    for row in o.rows(month.filter(month.period_to_on == month.period_to_on.max())):
        flows.setdefault(row["segment"], []).append(row)
    found = {}
    for key, segment in o.compiled.segments.items():
        row = health.get(key, {})
        n_members, entered, left = row.get("n_members") or 0, row.get("n_entered"), row.get("n_left")
        before = None if entered is None else n_members - entered + (left or 0)
        d = segment.definition
        found[key] = Standing(
            key, row.get("n_subjects") or 0, n_members, before, _shift(flows.get(key, []), key),
            review_due_on(d, approved_on.get(key), limits), d.is_pinned, d.is_partition,
        )  # fmt: skip
    return found


def _shift(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
    if not rows:
        return None
    flows = tuple(Flow(r["bucket_from"], r["bucket_to"], r["n_customers"]) for r in rows)
    return _psi(Migration(key, rows[0]["period_from_on"], rows[0]["period_to_on"], flows))


def list_health(project: Project, store: OperationsStore) -> list[Health]:
    """Return size and alerts of every segment, those with alerts first."""
    limits = alert_limits(project.definitions.parameters)
    approved_on = approval_days(store, project.settings.business_timezone)
    with opened(project) as o:
        standings = _standings(o, approved_on, limits)
        as_of = o.manifest.as_of
        found = [
            Health(key, Text(s.definition.zh, s.definition.en), as_of, standings[key], find_alerts(standings[key], as_of, limits))
            for key, s in sorted(o.compiled.segments.items())
        ]  # fmt: skip
    return sorted(found, key=lambda h: (-len(h.alerts), h.segment))


def judge_health(project: Project, store: OperationsStore, key: str) -> Health:
    """Return how one segment stands on the published day.

    Raises
    ------
    NotFound : there is no such segment.
    """
    project.definitions.get("segment", key)
    limits = alert_limits(project.definitions.parameters)
    approved_on = approval_days(store, project.settings.business_timezone)
    with opened(project) as o:
        segment, as_of = o.compiled.segments[key], o.manifest.as_of
        standing = _standings(o, approved_on, limits)[key]
        intervals = o.tables.part("segment_member", key)
        members = holding_on(intervals, as_of).select("customer_id").distinct()
        profile = o.tables["profile"]
        subjects = profile.filter(profile.party_kind.isin([k.value for k in segment.definition.subjects]))
        held = holdings(o.tables["account"], o.tables["customer_account"], o.tables["product"], as_of)
        counts = class_counts(members, held)
        base = class_counts(subjects.select("customer_id"), held)
        tiers = holding_on(o.tables.part("segment_member", TIERS), as_of).select("customer_id", "bucket")
        return Health(
            key, Text(segment.definition.zh, segment.definition.en), as_of, standing, find_alerts(standing, as_of, limits),
            find_penetration(counts, standing.n_members, base, standing.n_subjects), find_match(members, tiers, held),
            find_stay_rates(intervals, as_of), _median_active(members, profile),
            find_cohorts(intervals, as_of, _first_channels(o, project.settings.business_timezone)), find_gaps(counts, standing.n_members, _peers(o, key, held)),
            {k: Text(s.definition.zh, s.definition.en) for k, s in o.compiled.segments.items()},
        )  # fmt: skip


def _median_active(members: ir.Table, profile: ir.Table) -> float | None:
    if ACTIVE_DAYS not in profile.columns:
        return None
    rows = profile.semi_join(members, "customer_id")
    found: float | None = rows[ACTIVE_DAYS].cast("float64").median().to_pyarrow().as_py()
    return found


def _first_channels(o: Opened, timezone: str) -> ir.Table:
    """Return the channel of each customer's first event by the end of the day."""
    day_end = moment_on(o.manifest.as_of + timedelta(days=1), timezone).replace(tzinfo=None)
    events = events_of_customers(o.tables, known_by=day_end).filter(lambda t: t.on <= o.manifest.as_of)
    return events.group_by("customer_id").aggregate(channel=events.channel.argmin(events.at))


def _peers(o: Opened, key: str, held: ir.Table) -> dict[str, tuple[int, dict[str, int]]]:
    """Return comparable segments with what they hold: for the same kinds of customers, of a median AUM between half and twice that
    of this one; not pinned, no partition (it holds everybody)."""
    subjects = set(o.compiled.segments[key].definition.subjects)
    wanted = [key]
    for other, segment in o.compiled.segments.items():
        d = segment.definition
        if other != key and not d.is_pinned and not d.is_partition and set(d.subjects) == subjects:
            wanted.append(other)
    members = {
        k: holding_on(o.tables.part("segment_member", k), o.manifest.as_of).select("customer_id").distinct()
        for k in wanted
    }
    typical = {k: _typical_money(m, o.tables["profile"]) for k, m in members.items()}
    own = typical[key]
    found = {}
    for other in wanted[1:]:
        n, amount = typical[other]
        if n and (own[1] is None or amount is None or own[1] / 2 <= amount <= own[1] * 2):
            found[other] = (n, class_counts(members[other], held))
    return found


def _typical_money(members: ir.Table, profile: ir.Table) -> tuple[int, float | None]:
    """Return how many members there are and their median AUM; None where the profile has no AUM."""
    rows = profile.semi_join(members, "customer_id")
    amount = rows[MONEY].cast("float64").median() if MONEY in profile.columns else ibis.null("float64")
    (row,) = rows.aggregate(n=rows.count().cast("int64"), amount=amount).to_pyarrow().to_pylist()
    return row["n"], row["amount"]


__all__ = [
    "Health",
    "MigrationAnswer",
    "answer_migration",
    "approval_days",
    "bucket_texts",
    "judge_health",
    "list_health",
]

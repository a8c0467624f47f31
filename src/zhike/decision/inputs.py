"""What a decision is taken on: one flat row per customer of the audience, and the same row for the person who receives.

The row holds facts, consent, flags, scores and full caps. It is also what the decision log keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from zhike.decision.flat import SCORE_KINDS, Lookups, lookups, score_column, segment_column, tag_column
from zhike.decision.terms import Campaign
from zhike.kernel.terms import Channel
from zhike.policy.batch import GateTables, concerned, fields_of, gate_subjects
from zhike.policy.contacts import full_caps
from zhike.policy.decide import InForce
from zhike.rules.batch import matching
from zhike.rules.joining import TAG_COLUMNS
from zhike.rules.scope import RuleScope, holding_on


@dataclass(frozen=True, slots=True)
class DecisionTables:
    """The tables that a campaign is decided over.

    ``made`` holds recipient_id, channel, purpose, on of every contact known, planned ones of campaigns that go first included;
    ``repeated`` the customer_id of those whom this campaign contacted recently.
    """

    gates: GateTables
    tag_value: ir.Table
    segment_member: ir.Table
    score_value: ir.Table
    made: ir.Table
    repeated: ir.Table


def _join(left: ir.Table, right: ir.Table, *, on: str = "customer_id") -> ir.Table:
    return left.left_join(right, left[on] == right["_key"]).drop("_key")


def _join_tags(rows: ir.Table, tables: DecisionTables, looked_up: Lookups, *, as_of: date) -> ir.Table:
    for tag in looked_up.tags:
        held = holding_on(tables.tag_value.filter(tables.tag_value.tag == tag), as_of)
        parts = {tag_column(tag, part): held[source] for part, source in TAG_COLUMNS.items()}
        rows = _join(rows, held.select(_key="customer_id", **parts))
    return rows


def _join_segments(rows: ir.Table, tables: DecisionTables, looked_up: Lookups, *, as_of: date) -> ir.Table:
    for segment in looked_up.segments:
        member = tables.segment_member
        held = holding_on(member.filter(member.segment == segment), as_of)
        names = {segment_column(segment, "bucket"): held.bucket, segment_column(segment, "since"): held.from_on}
        rows = _join(rows, held.select(_key="customer_id", **names))
    return rows


def _join_scores(rows: ir.Table, tables: DecisionTables, looked_up: Lookups) -> ir.Table:
    for model in looked_up.models:
        own = tables.score_value.filter(tables.score_value.model == model)
        rows = _join(rows, own.select(_key="customer_id", **{score_column(model, p): own[p] for p in SCORE_KINDS}))
    return rows


def planned_on(campaign: Campaign, as_of: date) -> date:
    """Return the day for which contacts decided on ``as_of`` are planned."""
    return as_of + timedelta(days=campaign.definition.plan_after_days)


def audience(campaign: Campaign, tables: DecisionTables, *, as_of: date) -> ir.Table:
    """Return the customer_id of the campaign's audience; nobody on days when it does not run."""
    profile = tables.gates.profile
    scope = RuleScope(
        as_of,
        subjects=profile,
        tag_value=tables.tag_value,
        segment_member=tables.segment_member,
        score_value=tables.score_value,
    )
    found = matching(campaign.audience, profile, scope)
    return found if campaign.definition.runs_on(as_of) else found.limit(0)


def subject_rows(
    campaign: Campaign, tables: DecisionTables, rules: InForce, chosen: ir.Table, *, as_of: date, reason_fields: Iterable[str] = ()
) -> ir.Table:  # fmt: skip
    """Return the facts of everybody concerned: the customers chosen and those who receive for them."""
    wanted = lookups(campaign, further_fields=reason_fields).fields | fields_of(rules.gates)
    subjects = gate_subjects(tables.gates, wanted, campaign.combinations, as_of=as_of)
    return subjects.semi_join(concerned(tables.gates, chosen), "customer_id")


def input_rows(
    campaign: Campaign, tables: DecisionTables, rules: InForce, subjects: ir.Table, chosen: ir.Table, *, as_of: date
) -> ir.Table:
    """Return one row per chosen customer: its facts, tags, segments, scores, full caps, and whether it was contacted recently.

    Returns
    -------
    the columns of ``subjects``, ``tag__…``, ``segment__…``, ``score__…``, ``cap__<channel>`` and ``is_repeated``.
    """
    looked_up = lookups(campaign)
    rows = subjects.semi_join(chosen, "customer_id")
    rows = _join_tags(rows, tables, looked_up, as_of=as_of)
    rows = _join_segments(rows, tables, looked_up, as_of=as_of)
    rows = _join_scores(rows, tables, looked_up)
    written = campaign.definition
    full = full_caps(
        tables.made,
        rules.caps(written.purpose),
        campaign.channels,
        purpose=written.purpose,
        planned_on=planned_on(campaign, as_of),
        priority=written.priority,
    )
    rows = _join(rows, full.rename(_key="recipient_id"), on="recipient_id")
    again = tables.repeated.select(_key="customer_id", _again=ibis.literal(value=True)).distinct()
    return _join(rows, again).mutate(is_repeated=lambda t: t["_again"].notnull()).drop("_again")


def recipient_facts(subjects: ir.Table, columns: Sequence[str]) -> ir.Table:
    """Return _key (the recipient) and ``recipient__<column>`` of everybody who may receive."""
    return subjects.select(_key="customer_id", **{f"recipient__{c}": subjects[c] for c in columns})


def cap_columns(channels: Iterable[Channel]) -> Mapping[Channel, str]:
    """Return the column that names the full cap of each channel."""
    return {c: f"cap__{c}" for c in channels}


__all__ = [
    "DecisionTables", "audience", "cap_columns", "input_rows", "planned_on", "recipient_facts", "subject_rows",
]  # fmt: skip

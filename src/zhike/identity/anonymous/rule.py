"""Whose an event without a user is: the rule, as expressions.

An event belongs to the person who identified in its session, if that is one person. Any other waits for the next identification
on its device: it belongs to that person when it comes within some days and nobody else identified there so long before and
after the event. Otherwise it is nobody's. Two persons on one device stay two.
"""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.identity.anonymous.terms import WHO_KINDS, AnonymousSettings, How, Left
from zhike.identity.anonymous.visits import DEVICE, on_lines

GIVEN = ("event_id", "source", "on", "source_key", "how", "evidence_id", "known_at", "left_because")
LINE = ("source", "line")
SESSION = (*DEVICE, "session_id", "on")  # a session ends with its business day, whatever its id
SECONDS_A_DAY = 86_400


def anonymous_events(events: ir.Table) -> ir.Table:
    """Return what was done on a touchpoint without a user."""
    silent = events.filter(events.source_key.isnull() & ~events.event_kind.isin(WHO_KINDS))
    return silent.select("event_id", "source", "on", "at", "anonymous_id", "session_id", "recorded_at")


def session_owners(visits: ir.Table, silent: ir.Table) -> ir.Table:
    """Return the sessions in which one person identified: that person's first visit there, as ``own_…`` columns.

    Only sessions of ``silent`` events are looked at.
    """
    inside = visits.filter(visits.session_id.notnull()).semi_join(silent, SESSION)
    first = ibis.struct({
        "first_at": inside.first_at, "source_key": inside.source_key, "evidence_id": inside.evidence_id, "seen_at": inside.seen_at,
    })  # fmt: skip
    grouped = inside.mutate(first=first).group_by(*SESSION)
    found = grouped.aggregate(
        one=lambda t: t.person.min(), other=lambda t: t.person.max(), first=lambda t: t["first"].min()
    )
    alone = found.filter(found.one == found.other)
    first = alone["first"]
    return alone.select(
        **{f"o_{k}": alone[k] for k in SESSION},
        own_at=first["first_at"], own_key=first["source_key"], own_evidence=first["evidence_id"], own_seen_at=first["seen_at"],
    )  # fmt: skip


def with_owner(silent: ir.Table, owners: ir.Table) -> ir.Table:
    """Return anonymous events with the owner of their session, missing where it has none."""
    same = [silent[k] == owners[f"o_{k}"] for k in SESSION]
    return silent.left_join(owners, same).drop(*(f"o_{k}" for k in SESSION))


def given_by_session(owned: ir.Table) -> ir.Table:
    """Return the rows of ``event_party`` of events in the session of one person."""
    mine = owned.filter(owned.own_key.notnull())
    how = ibis.ifelse(mine["at"] > mine.own_at, How.AFTER_LOGIN.value, How.BEFORE_LOGIN.value)
    return mine.select(
        "event_id", "source", "on", source_key=mine.own_key, how=how, evidence_id=mine.own_evidence,
        known_at=ibis.greatest(mine.recorded_at, mine.own_seen_at).cast("timestamp"), left_because=ibis.null("string"),
    )  # fmt: skip


def placed_visits(visits: ir.Table) -> ir.Table:
    """Return visits with their place on the line from 0, and when somebody else's last visit before and first after began."""
    line = ibis.window(group_by=LINE, order_by=[visits.first_at, visits.evidence_id])
    beside = visits.mutate(
        place=ibis.row_number().over(line),
        person_before=visits.person.lag().over(line), at_before=visits.first_at.lag().over(line),
        person_after=visits.person.lead().over(line), at_after=visits.first_at.lead().over(line),
    )  # fmt: skip
    changed_before = ibis.ifelse(beside.person_before != beside.person, beside.at_before, None)
    changed_after = ibis.ifelse(beside.person_after != beside.person, beside.at_after, None)
    up_to = ibis.window(group_by=LINE, order_by="place", rows=(None, 0))
    down_from = ibis.window(group_by=LINE, order_by="place", rows=(0, None))
    return beside.select(
        *LINE, "place", "anonymous_id", "source_key", "evidence_id", "seen_at", "joined_at", next_at=beside.first_at,
        others_until=changed_before.max().over(up_to), others_from=changed_after.min().over(down_from),
    )  # fmt: skip


def waiting(owned: ir.Table, devices: pa.Table) -> ir.Table:
    """Return events in nobody's session that wait for an identification on the line of their device."""
    mine = owned.filter(owned.own_key.isnull() & owned.anonymous_id.notnull())
    return on_lines(mine.select("event_id", "source", "on", "at", "anonymous_id", "recorded_at"), devices)


def placed_events(queue: ir.Table, placed: ir.Table) -> ir.Table:
    """Return waiting events with the number of visits of their line that began before them (``place``)."""
    events = queue.mutate(is_visit=ibis.literal(0, "int64"))
    own = ("source", "line", "at", "is_visit")
    begun = placed.select(
        "source", "line", at="next_at", is_visit=ibis.literal(1, "int64"),
        **{name: ibis.null(events[name].type()) for name in events.columns if name not in own},
    )  # fmt: skip
    both = events.select(*begun.columns).union(begun)
    until = ibis.window(group_by=LINE, order_by=[both["at"], both.is_visit], rows=(None, 0))
    counted = both.mutate(place=both.is_visit.sum().over(until).cast("int64"))
    return counted.filter(counted.is_visit == 0).drop("is_visit")


def given_by_device(
    queue: ir.Table, placed: ir.Table, settings: AnonymousSettings, *, placeholders: Sequence[str] = ()
) -> ir.Table:
    """Return the rows of ``event_party`` of events that wait for an identification on their device."""
    nexts = placed.select(
        n_source="source", n_line="line", n_place="place", n_device="anonymous_id", n_key="source_key", n_evidence="evidence_id",
        n_seen_at="seen_at", n_joined_at="joined_at", n_at="next_at", others_until="others_until", others_from="others_from",
    )  # fmt: skip
    same = [queue.source == nexts.n_source, queue.line == nexts.n_line, queue.place == nexts.n_place]
    rows = queue.left_join(nexts, same)
    within = settings.before_login_days * SECONDS_A_DAY
    alone = settings.alone_days * SECONDS_A_DAY
    has_next = (_seconds(rows["at"], rows.n_at) <= within).fill_null(False)  # noqa: FBT003 - a literal value
    is_alone = (_seconds(rows.others_until, rows["at"]) > alone).fill_null(True)  # noqa: FBT003 - a literal value
    is_alone &= (_seconds(rows["at"], rows.others_from) > alone).fill_null(True)  # noqa: FBT003 - a literal value
    is_given = has_next & is_alone
    is_other = rows.n_device != rows.anonymous_id
    known_at = ibis.greatest(rows.recorded_at, rows.n_seen_at)
    by_alias = ibis.greatest(known_at, rows.joined_at, rows.n_joined_at)
    left = ibis.cases(
        (is_given, ibis.null("string")), (has_next, Left.SEVERAL_PEOPLE.value), (rows.anonymous_id.isin(placeholders), Left.PLACEHOLDER.value),
        else_=Left.NOBODY_IDENTIFIED.value,
    )  # fmt: skip
    return rows.select(
        "event_id", "source", "on", source_key=ibis.ifelse(is_given, rows.n_key, None),
        how=ibis.ifelse(is_given, ibis.ifelse(is_other, How.ALIAS.value, How.BEFORE_LOGIN.value), None),
        evidence_id=ibis.ifelse(is_given, rows.n_evidence, None),
        known_at=ibis.ifelse(is_given, ibis.ifelse(is_other, by_alias, known_at), None).cast("timestamp"), left_because=left,
    )  # fmt: skip


def without_key(owned: ir.Table) -> ir.Table:
    """Return the rows of ``event_party`` of events without user and device."""
    bare = owned.filter(owned.own_key.isnull() & owned.anonymous_id.isnull())
    nothing = ibis.null("string")
    return bare.select(
        "event_id", "source", "on", source_key=nothing, how=nothing, evidence_id=nothing, known_at=ibis.null("timestamp"),
        left_because=ibis.literal(Left.NO_KEY.value),
    )  # fmt: skip


def not_counted(lost: pa.Table) -> ir.Table:
    """Return the rows of ``event_party`` of identifications that others correct."""
    rows = ibis.memtable(lost)
    nothing = ibis.null("string")
    return rows.select(
        "event_id", "source", "on", source_key=nothing, how=nothing, evidence_id=nothing, known_at=rows.known_at.cast("timestamp"),
        left_because=ibis.literal(Left.CORRECTED.value),
    )  # fmt: skip


def _seconds(earlier: ir.TimestampValue, later: ir.TimestampValue) -> ir.IntegerValue:
    """Return the whole seconds from one moment to another."""
    return later.epoch_seconds() - earlier.epoch_seconds()


__all__ = [
    "GIVEN", "anonymous_events", "given_by_device", "given_by_session", "not_counted", "placed_events", "placed_visits", "session_owners", "waiting", "with_owner",
    "without_key",
]  # fmt: skip

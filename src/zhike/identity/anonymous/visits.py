"""Who was at which device, when: events that carry both a user and a device, gathered to visits.

A visit is one user in one session of one business day on one device; without a session, each event is a visit of its own. An
identification that another one of the same device and moment corrects is none.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.identity.anonymous.terms import ALIAS, IDENTIFY
from zhike.warehouse import QueryEngine

SEEN = ("event_id", "source", "anonymous_id", "source_key", "session_id", "on", "at", "recorded_at")
CORRECTED = ibis.schema(
    {"event_id": "string", "source": "string", "on": "date", "known_at": "timestamp(6)"}
).to_pyarrow()
DEVICE = ("source", "anonymous_id")


def corrected(engine: QueryEngine, events: ir.Table) -> pa.Table:
    """Return identifications that a later recorded one of the same device and moment gives to another user.

    Returns
    -------
    [event_id, source, on, known_at (when the correction was recorded)]; mostly empty.
    """
    told = events.filter((events.event_kind == IDENTIFY) & events.source_key.notnull() & events.anonymous_id.notnull())
    moment = [*DEVICE, "at"]
    counted = told.group_by(moment).aggregate(n=told.source_key.nunique())
    twice = engine.fetch(counted.filter(counted.n > 1).drop("n"))
    if not twice.num_rows:
        return CORRECTED.empty_table()
    rows = told.semi_join(ibis.memtable(twice), moment)
    order = [rows.recorded_at.desc(), rows.event_id.desc()]
    ranked = rows.mutate(place=ibis.row_number().over(group_by=moment, order_by=order))
    last = ranked.filter(ranked.place == 0)
    last = last.select(*moment, known_at="recorded_at", last_key="source_key")
    both = rows.inner_join(last, moment)
    lost = both.filter(both.source_key != both.last_key)
    return engine.fetch(lost.select("event_id", "source", "on", "known_at").order_by("event_id"))


def sightings(events: ir.Table, lost: pa.Table) -> ir.Table:
    """Return the events that show a user at a device, but those ``lost``; an alias of a user that names a device shows the user there."""
    own = events.filter(events.source_key.notnull() & events.anonymous_id.notnull())
    own = own.anti_join(ibis.memtable(lost), "event_id") if lost.num_rows else own
    named = events.filter(
        (events.event_kind == ALIAS)
        & events.source_key.notnull()
        & events.anonymous_id.isnull()
        & events.previous_id.notnull()
    )
    claimed = named.drop("anonymous_id").rename(anonymous_id="previous_id")
    return own.select(*SEEN).union(claimed.select(*SEEN))


def gather_visits(seen: ir.Table) -> ir.Table:
    """Return one row per visit: device, session, user, the moment it began, its first event and when that was recorded."""
    first = ibis.struct({"at": seen.at, "event_id": seen.event_id, "recorded_at": seen.recorded_at})
    lone = ibis.ifelse(seen.session_id.isnull(), seen.event_id, None)
    gathered = seen.mutate(first=first, lone=lone).group_by(*DEVICE, "session_id", "lone", "on", "source_key")
    visits = gathered.aggregate(first=lambda t: t["first"].min())
    first = visits["first"]
    return visits.select(
        *DEVICE, "session_id", "on", "source_key", first_at=first["at"], evidence_id=first["event_id"], seen_at=first["recorded_at"],
    )  # fmt: skip


def people(visits: ir.Table, links: ir.Table, aliases: pa.Table) -> ir.Table:
    """Return ``visits`` with ``person``: the customer of the user, or the user's own key where no record carries it.

    Two keys of one customer are one person. So are a key that no record carries and the known one that continues it.

    Parameters
    ----------
    links : ``identity_link``.
    aliases : rows of ``party_alias``, mostly none.
    """
    known = links.select(k_source="source", k_key="source_key", customer="customer_id")
    rows = visits.left_join(known, [visits.source == known.k_source, visits.source_key == known.k_key])
    rows = rows.drop("k_source", "k_key")
    person = ibis.coalesce(rows.customer, ibis.literal("key:") + rows.source_key)
    if aliases.num_rows:
        now = ibis.memtable(aliases).select(a_source="source", a_key="previous_key", now_key="source_key")
        now = now.inner_join(known, [now.a_source == known.k_source, now.now_key == known.k_key])
        now = now.select("a_source", "a_key", later="customer")
        rows = rows.left_join(now, [rows.source == now.a_source, rows.source_key == now.a_key])
        person = ibis.coalesce(rows.customer, rows.later, ibis.literal("key:") + rows.source_key)
    return rows.mutate(person=person).select(*visits.columns, "person")


def on_lines(rows: ir.Table, devices: pa.Table) -> ir.Table:
    """Return ``rows`` with ``line``, the device or the root of the devices that continue one another, and ``joined_at``.

    ``joined_at`` : from when the device is known to belong to its line; missing where it continues none.
    """
    if not devices.num_rows:
        return rows.mutate(line=rows.anonymous_id, joined_at=ibis.null("timestamp"))
    chains = ibis.memtable(devices).select(c_source="source", c_key="key", root="root", joined_at="joined_at")
    joined = rows.left_join(chains, [rows.source == chains.c_source, rows.anonymous_id == chains.c_key])
    return joined.mutate(line=ibis.coalesce(joined.root, joined.anonymous_id)).drop("c_source", "c_key", "root")


__all__ = ["DEVICE", "corrected", "gather_visits", "on_lines", "people", "sightings"]

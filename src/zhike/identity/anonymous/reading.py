"""Reading events with whose they are: what features, rules and people see in place of the table ``event``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import ibis
import ibis.expr.types as ir

from zhike.identity.anonymous.terms import WHO_KINDS, How, Left


class Tables(Protocol):
    """Typed Ibis tables by name: a catalog, or a plain mapping."""

    def __getitem__(self, table: str, /) -> ir.Table:
        """Return the table called ``table``."""
        ...


EVENT_READS = ("event", "event_party", "party_alias", "identity_link")


def attributed_events(event: ir.Table, event_party: ir.Table, *, known_by: datetime | None = None) -> ir.Table:
    """Return what was done on touchpoints, each event with the user whose it is; what is nobody's is left out.

    Events that only say who somebody is (``identify``, ``alias``) are no behaviour and are left out, too.

    Parameters
    ----------
    event : any columns of ``event``, with ``event_id``, ``source_key`` and ``event_kind``.
    event_party : what the run of the day found.
    known_by : moment (UTC without zone); events recorded later, and whose they are when that was learned later, are not read.

    Returns
    -------
    the columns of ``event``; ``source_key`` is never missing.
    """
    done = event.filter(~event.event_kind.isin(WHO_KINDS))
    given = event_party.filter(event_party.source_key.notnull())
    if known_by is not None:
        done = done.filter(done.recorded_at <= ibis.literal(known_by))
        given = given.filter(given.known_at <= ibis.literal(known_by))
    own = done.filter(done.source_key.notnull())
    silent = done.filter(done.source_key.isnull()).drop("source_key")
    later = silent.inner_join(given.select("event_id", "source_key"), "event_id")
    return own.union(later.select(*own.columns))


def event_links(identity_link: ir.Table, party_alias: ir.Table, *, known_by: datetime | None = None) -> ir.Table:
    """Return [source, source_key, customer_id, customer_no]: the records of parties, and user keys that one of them continues."""
    links = identity_link.select("source", "source_key", "customer_id", "customer_no")
    alias = party_alias if known_by is None else party_alias.filter(party_alias.known_at <= ibis.literal(known_by))
    continued = alias.inner_join(links, ["source", "source_key"])
    continued = continued.select(
        "source", source_key="previous_key", customer_id="customer_id", customer_no="customer_no"
    )
    return links.union(continued)


def customer_timeline(
    tables: Tables | Mapping[str, ir.Table], customer_id: str, *, known_by: datetime | None = None
) -> ir.Table:
    """Return what one customer did, and how it is known that it was this customer, in the order of time.

    Parameters
    ----------
    tables : the published tables of :data:`EVENT_READS`.
    known_by : as for :func:`attributed_events`.

    Returns
    -------
    the columns of ``event`` (``source_key`` of whom it is), plus ``how`` (see ``How``), ``evidence_id`` (the event by which the
    customer identified; missing when direct) and ``known_at``, UTC.
    """
    event, party = tables["event"], tables["event_party"]
    links = event_links(tables["identity_link"], tables["party_alias"], known_by=known_by)
    mine = links.filter(links.customer_id == customer_id).select("source", "source_key")
    if known_by is not None:
        event = event.filter(event.recorded_at <= ibis.literal(known_by))
        party = party.filter(party.known_at <= ibis.literal(known_by))
    wrong = party.filter(party.left_because == Left.CORRECTED.value)
    done = event.anti_join(wrong, "event_id")
    own = done.semi_join(mine, ["source", "source_key"])
    alias = tables["party_alias"].select(a_source="source", a_key="previous_key", alias_at="known_at")
    own = own.left_join(alias, [own.source == alias.a_source, own.source_key == alias.a_key])
    is_alias = own.a_key.notnull()
    own = own.mutate(
        how=ibis.ifelse(is_alias, How.ALIAS.value, How.DIRECT.value), evidence_id=ibis.null("string"),
        known_at=ibis.greatest(own.recorded_at, own.alias_at).cast("timestamp"),
    )  # fmt: skip
    given = party.semi_join(mine, ["source", "source_key"]).select(
        "event_id", "source_key", "how", "evidence_id", "known_at"
    )
    later = done.drop("source_key").inner_join(given, "event_id")
    columns = (*event.columns, "how", "evidence_id", "known_at")
    return own.select(*columns).union(later.select(*columns)).order_by("at", "event_id")


__all__ = ["EVENT_READS", "attributed_events", "customer_timeline", "event_links"]

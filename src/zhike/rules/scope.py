"""The tables that rules look into beside the subject table, as of a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import ibis
import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class RuleScope:
    """What a batch evaluation may read. A table that no rule uses may be left out.

    Parameters
    ----------
    as_of : the day; facts after it are not read.
    subjects : every customer, keyed by ``customer_id``: where a relation's ``where`` looks up the related party.
    tag_value : ``customer_id, tag, value_*, from_on, to_on``; at most one row of a tag holds of a customer on a day.
    segment_member : ``customer_id, segment, bucket, from_on, to_on``; at most one row of a segment holds on a day.
    score_value : ``customer_id, model, score, decile``.
    event : ``customer_id, event_kind, on, at, channel, subject, source, org_id, value``; see :func:`customer_events`.
    customer_list : ``customer_id, list, from_on, to_on``; see :func:`listed_customers`.
    contactability : ``customer_id, channel, purpose, product_line, is_allowed``.
    customer_relation : ``from_customer_id, to_customer_id, kind, is_declared, valid_from_on, valid_to_on``.
    """

    as_of: date
    subjects: ir.Table | None = None
    tag_value: ir.Table | None = None
    segment_member: ir.Table | None = None
    score_value: ir.Table | None = None
    event: ir.Table | None = None
    customer_relation: ir.Table | None = None
    contactability: ir.Table | None = None
    customer_list: ir.Table | None = None


def holding_on(table: ir.Table, day: date, *, first: str = "from_on", last: str = "to_on") -> ir.Table:
    """Return the rows of intervals that hold on ``day``; ``last`` belongs to the interval, missing is "still"."""
    on = ibis.literal(day)
    return table.filter((table[first] <= on) & (table[last].isnull() | (table[last] >= on)))


def customer_events(event: ir.Table, identity_link: ir.Table, *, recorded_by: datetime | None = None) -> ir.Table:
    """Return events with the ``customer_id`` of whom they were made; those of nobody known are left out.

    Parameters
    ----------
    event : table ``event`` of sources, one row per event.
    identity_link : one row per (source, source_key) with its ``customer_id``.
    recorded_by : events recorded after this moment (UTC) are not read.
    """
    known = event if recorded_by is None else event.filter(event.recorded_at <= ibis.literal(recorded_by))
    link = identity_link.select("source", "source_key", "customer_id")
    return known.inner_join(link, ["source", "source_key"])


def listed_customers(
    customer_list: ir.Table, identity_link: ir.Table, entries: ir.Table | None = None, *, recorded_by: datetime | None = None
) -> ir.Table:  # fmt: skip
    """Return whom lists name, the bank's and those that people fill: one row per customer, list and stay, ``from_on`` and ``to_on`` both
    belonging to it.

    Parameters
    ----------
    customer_list : table of sources, one row per record and stay.
    identity_link : one row per (source, source_key) with its ``customer_id``.
    entries : table ``list_entry``: whom people put on lists.
    recorded_by : what was recorded after this moment (UTC) is not read.
    """
    known = customer_list
    if recorded_by is not None:
        known = known.filter(known.recorded_at <= ibis.literal(recorded_by))
    joined = known.inner_join(identity_link.select("source", "source_key", "customer_id"), ["source", "source_key"])
    found = joined.select("customer_id", list="list_kind", from_on="valid_from_on", to_on="valid_to_on")
    return found if entries is None else found.union(entries.select("customer_id", "list", "from_on", "to_on"))


__all__ = ["RuleScope", "customer_events", "holding_on", "listed_customers"]

"""Contacts of all senders against caps, for a batch: which cap is full for a recipient on a day, per channel.

A batch plans for a day and counts in days; the counters at the moment of sending decide. Expressions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import ibis
import ibis.expr.types as ir

from zhike.kernel.terms import Channel, Purpose
from zhike.policy.caps import calendar_bounds
from zhike.policy.definitions import Cap

MADE_STATES = ("planned", "sent", "delivered", "unknown")


def contacts_made(
    contact_history: ir.Table,
    contact: ir.Table,
    identity_link: ir.Table,
    customer_control: ir.Table,
    *,
    day_end: datetime,
) -> ir.Table:
    """Return recipient_id, channel, purpose, on: every contact known at the end of the day, of all senders.

    Parameters
    ----------
    contact_history : contacts made outside zhike, by source key.
    contact : zhike's own; refused and failed ones do not count. Its campaigns are marketing.
    customer_control : says who receives for a company.
    """
    until = ibis.literal(day_end.replace(tzinfo=None))
    history = contact_history.filter(contact_history.recorded_at < until)
    linked = history.inner_join(identity_link.select("source", "source_key", "customer_id"), ["source", "source_key"])
    outside = linked.inner_join(customer_control.select("customer_id", "recipient_id"), "customer_id")
    own = contact.filter(contact.state.isin(MADE_STATES) & (contact.planned_at < until))
    return outside.select("recipient_id", "channel", "purpose", "on").union(
        own.select("recipient_id", "channel", purpose=ibis.literal(Purpose.MARKETING.value), on="on")
    )


def _window(cap: Cap, planned_on: date) -> tuple[date, date]:
    """First and last day that share the cap's window with a contact on ``planned_on``."""
    if cap.window.calendar is not None:
        first, after = calendar_bounds(planned_on, cap.window.calendar)
        return first, after - timedelta(days=1)
    length = timedelta(days=cap.window.rolling_days or 0)
    return planned_on - length + timedelta(days=1), planned_on


def full_caps(
    made: ir.Table,
    caps: Sequence[Cap],
    channels: Sequence[Channel],
    *,
    purpose: Purpose,
    planned_on: date,
    priority: int,
) -> ir.Table:
    """Return recipients for whom some cap is full on a day.

    Parameters
    ----------
    made : recipient_id, channel, purpose, on.
    priority : of the request, 1 = highest: how much of a cap's reserve it may use.

    Returns
    -------
    recipient_id and per channel a column ``cap__<channel>``: the key of the first full cap, missing when none is. Recipients
    without contacts are not among them; a cap of 0 is full for everybody and must be asked by ``closed_caps``.
    """
    told = made.filter(made.purpose == purpose.value)
    counts = {}
    for i, cap in enumerate(caps):
        first, last = _window(cap, planned_on)
        inside = (told.on >= ibis.literal(first)) & (told.on <= ibis.literal(last))
        if cap.channels:
            inside &= told.channel.isin([c.value for c in cap.channels])
        counts[f"n_{i}"] = inside.ifelse(1, 0).sum().cast("int64")
    counted = told.group_by("recipient_id").aggregate(n_known=told.count(), **counts)
    return counted.select(
        "recipient_id", **{f"cap__{c}": _first_full(counted, caps, c, priority=priority) for c in channels}
    )


def _first_full(counted: ir.Table, caps: Sequence[Cap], channel: Channel, *, priority: int) -> ir.Value:
    full = [
        (counted[f"n_{i}"] >= cap.limit_for(priority), cap.key) for i, cap in enumerate(caps) if cap.covers(channel)
    ]
    return ibis.cases(*full, else_=ibis.null("string")) if full else ibis.null("string")


def closed_caps(caps: Sequence[Cap], channel: Channel, *, priority: int) -> str | None:
    """Return the key of a cap that leaves no place at all on a channel, or None."""
    return next((c.key for c in caps if c.covers(channel) and c.limit_for(priority) == 0), None)


__all__ = ["closed_caps", "contacts_made", "full_caps"]

"""The consent ledger of a day, as a table: what the bank's file says, and what was entered in zhike itself.

Doubt is read in the recipient's favour. A withdrawal on a channel that zhike does not know counts for every channel, a grant
for none. Entries follow a customer who was merged into another; what was withdrawn before a split counts for both parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import ibis
import ibis.expr.types as ir

from zhike.policy.tables import CHANNELS, CONSENT
from zhike.policy.terms import ALL_CHANNELS, ConsentState

MERGES_FOLLOWED = 4
WITHDRAWN = ConsentState.WITHDRAWN.value
PARTS = ("customer_id", "source", "channel", "purpose", "state", "on", "recorded_at")


@dataclass(frozen=True, slots=True)
class LedgerTables:
    """What the ledger is made of, and what has happened to customers since entries were made."""

    consent_record: ir.Table
    consent_entry: ir.Table
    identity_link: ir.Table
    identity_register: ir.Table
    identity_change: ir.Table


def _known_channels(record: ir.Table) -> ir.Table:
    known = [ALL_CHANNELS, *CHANNELS]
    counting = record.filter(record.channel.isin(known) | (record.state == WITHDRAWN))
    return counting.mutate(channel=counting.channel.isin(known).ifelse(counting.channel, ALL_CHANNELS))


def _of_the_file(tables: LedgerTables, *, as_of: date, until: ir.Value) -> ir.Table:
    record = tables.consent_record
    told = _known_channels(record.filter((record.recorded_at < until) & (record.on <= ibis.literal(as_of))))
    link = tables.identity_link.select("source", "source_key", "customer_id")
    linked = told.inner_join(link, ["source", "source_key"])
    once = linked.group_by(list(PARTS)).aggregate(evidence=linked.evidence.min())
    key = ibis.literal(":").join([once[p].cast("string") for p in PARTS])
    return once.mutate(entry_id=key.hexdigest("md5"), at=ibis.null("timestamp"), origin=ibis.literal("bank_file"))


def _followed(entries: ir.Table, register: ir.Table) -> ir.Table:
    """Give entries to the customer that theirs was merged into, over several merges."""
    merged = register.filter(register.merged_into.notnull()).select(_gone="customer_id", _into="merged_into")
    for _ in range(MERGES_FOLLOWED):
        joined = entries.left_join(merged, entries.customer_id == merged["_gone"])
        now = ibis.coalesce(joined["_into"], joined.customer_id)
        entries = joined.mutate(customer_id=now).drop("_gone", "_into")
    return entries


def _after_splits(entries: ir.Table, change: ir.Table) -> ir.Table:
    """Return the withdrawals that a customer brings along from the one it was split or moved out of."""
    parted = change.filter(change.kind.isin(["split", "moved"]) & change.other_customer_id.notnull())
    pairs = parted.select(_new="customer_id", _old="other_customer_id", _on="changed_on").distinct()
    gone = entries.filter(entries.state == WITHDRAWN)
    joined = gone.inner_join(pairs, (gone.customer_id == pairs["_old"]) & (gone.on <= pairs["_on"]))
    named = joined.mutate(entry_id=joined.entry_id + ":" + joined["_new"], customer_id=joined["_new"])
    return named.drop("_new", "_old", "_on").distinct(on="entry_id")


def _of_our_own(tables: LedgerTables, *, as_of: date, until: ir.Value) -> ir.Table:
    entry = tables.consent_entry
    known = entry.filter((entry.at < until) & (entry.on <= ibis.literal(as_of)))
    followed = _followed(known, tables.identity_register)
    both = followed.union(_after_splits(followed, tables.identity_change).select(*followed.columns))
    return both.mutate(origin=ibis.literal("zhike"))


def ledger(tables: LedgerTables, *, as_of: date, until: datetime) -> ir.Table:
    """Return the consent ledger as of a day, each entry once.

    Parameters
    ----------
    until : entries recorded or made at or after this moment (UTC) are not read.
    """
    moment = ibis.literal(until.replace(tzinfo=None))
    columns = CONSENT.column_names
    file = _of_the_file(tables, as_of=as_of, until=moment)
    return file.select(*columns).union(_of_our_own(tables, as_of=as_of, until=moment).select(*columns))


__all__ = ["LedgerTables", "ledger"]

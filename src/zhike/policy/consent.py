"""The consent ledger: append-only entries, and where a recipient stands for a channel and purpose.

The latest entry wins, a withdrawal beats a grant of the same moment, and ``*`` entries speak for every channel. A source
that gives the day only is read in the recipient's favour: its grant counts from the start of the day, its withdrawal until
the end. One ordering, written twice (for one recipient and for a table), held equal by property tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Protocol

import ibis
import ibis.expr.types as ir

from zhike.kernel.errors import BadInput
from zhike.kernel.terms import Channel, Purpose
from zhike.policy.terms import ALL_CHANNELS, ConsentEntry, ConsentState

_FIRST_MOMENT = datetime(1, 1, 1, tzinfo=UTC)


def _strength(entry: ConsentEntry) -> tuple[date, bool, datetime, bool, str]:
    is_withdrawn = entry.state is ConsentState.WITHDRAWN
    return (entry.on, is_withdrawn and entry.at is None, entry.at or _FIRST_MOMENT, is_withdrawn, entry.entry_id)


def consent_state(
    entries: Iterable[ConsentEntry], *, recipient_id: str, channel: Channel, purpose: Purpose
) -> ConsentState:
    """Return where a recipient stands for one channel and purpose; ``UNKNOWN`` when the ledger says nothing."""
    told = [
        e
        for e in entries
        if e.recipient_id == recipient_id and e.purpose == purpose and e.channel in (ALL_CHANNELS, channel)
    ]
    return max(told, key=_strength).state if told else ConsentState.UNKNOWN


class ConsentLedger(Protocol):
    """Where consent is kept. Entries are only ever added."""

    def append(self, entry: ConsentEntry) -> None:
        """Add an entry; the same entry twice is one entry. Conflict when its id is another entry's."""
        ...

    def entries(self, recipient_id: str) -> tuple[ConsentEntry, ...]:
        """Return a recipient's entries in the order in which they were added."""
        ...


class InMemoryConsentLedger:
    """A ledger that lives as long as the process."""

    def __init__(self, entries: Iterable[ConsentEntry] = ()) -> None:
        self._by_recipient: dict[str, list[ConsentEntry]] = {}
        self._by_id: dict[str, ConsentEntry] = {}
        for entry in entries:
            self.append(entry)

    def append(self, entry: ConsentEntry) -> None:
        """Add an entry; the same entry twice is one entry."""
        known = self._by_id.get(entry.entry_id)
        if known is not None and known != entry:
            raise BadInput(
                "policy.consent_rewritten", zh=f"同意台账只增不改：{entry.entry_id} 已存在且内容不同",
                en=f"the consent ledger is append-only: {entry.entry_id} exists with other content",
                todo_zh="请追加一条新记录", todo_en="append a new entry",
            )  # fmt: skip
        if known is None:
            self._by_id[entry.entry_id] = entry
            self._by_recipient.setdefault(entry.recipient_id, []).append(entry)

    def entries(self, recipient_id: str) -> tuple[ConsentEntry, ...]:
        """Return a recipient's entries in the order in which they were added."""
        return tuple(self._by_recipient.get(recipient_id, ()))


def consent_columns(ledger: ir.Table, pairs: Sequence[tuple[Channel, Purpose]], *, as_of: date) -> ir.Table:
    """Return one row per recipient of the ledger, with the state of each (channel, purpose) as of a day.

    Parameters
    ----------
    ledger : the ``consent`` table.
    pairs : the channels and purposes asked for; each becomes a column ``consent__<channel>__<purpose>``.
    as_of : entries dated after this business day are not read.

    Returns
    -------
    recipient_id and a text column per pair: granted, withdrawn, or missing when the ledger says nothing.
    """
    known = ledger.filter(ledger.on <= ibis.literal(as_of))
    withdrawn = known.state == ConsentState.WITHDRAWN.value
    marked = known.mutate(is_withdrawn=withdrawn, is_whole_day=withdrawn & known.at.isnull())
    order = [
        marked.on.desc(), marked.is_whole_day.desc(), marked.at.desc(nulls_first=False), marked.is_withdrawn.desc(), marked.entry_id.desc()
    ]  # fmt: skip
    latest = marked.filter(
        ibis.row_number().over(group_by=[marked.customer_id, marked.channel, marked.purpose], order_by=order) == 0
    )
    return latest.group_by(recipient_id=latest.customer_id).aggregate(
        **{consent_column(c, p): _winner(latest, c, p) for c, p in pairs}
    )


def consent_column(channel: Channel, purpose: Purpose) -> str:
    """Return the name of the column that holds the state for a channel and purpose."""
    return f"consent__{channel}__{purpose}"


def _winner(latest: ir.Table, channel: Channel, purpose: Purpose) -> ir.Value:
    """The stronger of the channel's own latest entry and the one for all channels; at most two rows per recipient."""
    told = (latest.purpose == purpose.value) & latest.channel.isin([ALL_CHANNELS, channel.value])
    strength = (
        latest.on.cast("string")
        + latest.is_whole_day.ifelse("1", "0")
        + latest.at.strftime("%Y%m%d%H%M%S%f").fill_null("00000000000000000000")
        + latest.is_withdrawn.ifelse("1", "0")
        + latest.entry_id
    )
    return latest.state.argmax(strength, where=told)


__all__ = ["ConsentLedger", "InMemoryConsentLedger", "consent_column", "consent_columns", "consent_state"]

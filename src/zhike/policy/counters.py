"""Contact counters: who was contacted when, reserved before sending and released when a send definitely failed.

The shell keeps them in its database, in the transaction that claims the outbox row; this in-memory store is the same
behaviour for stories, dry runs and tests, and both pass one suite. The check and the reservation are one act: two claims
cannot both take the last free place.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from zhike.kernel.errors import BadInput
from zhike.kernel.terms import Channel, Purpose
from zhike.policy.caps import full_until, window_days
from zhike.policy.definitions import Cap
from zhike.policy.terms import ContactMade


@dataclass(frozen=True, slots=True)
class Claim:
    """A place that is asked for: ``contact_id`` is the idempotency key of the contact."""

    contact_id: str
    recipient_id: str
    channel: Channel
    purpose: Purpose
    at: datetime
    priority: int = 5
    timezone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Reserved:
    """The place is taken; asking again with the same ``contact_id`` gives the same answer and takes no second place."""

    contact_id: str


@dataclass(frozen=True, slots=True)
class CapReached:
    """No place: which cap is full, and until when."""

    cap: str
    until: datetime


class ContactCounters(Protocol):
    """Where contacts are counted. All methods are atomic."""

    def reserve(self, claim: Claim, caps: Sequence[Cap]) -> Reserved | CapReached:
        """Take a place under all ``caps``, or none."""
        ...

    def release(self, contact_id: str) -> bool:
        """Give back the place of a send that definitely failed; False when there is none."""
        ...

    def contacts(self, recipient_id: str, *, since: datetime, until: datetime) -> tuple[ContactMade, ...]:
        """Return the contacts of a recipient with ``since <= at <= until``, in order of time."""
        ...


class InMemoryContactCounters:
    """Counters that live as long as the process."""

    def __init__(self, contacts: Iterable[Claim] = ()) -> None:
        self._lock = threading.Lock()
        self._claims: dict[str, dict[str, Claim]] = {}
        self._recipient_of: dict[str, str] = {}
        for claim in contacts:
            self._take(claim)

    def _take(self, claim: Claim) -> None:
        self._claims.setdefault(claim.recipient_id, {})[claim.contact_id] = claim
        self._recipient_of[claim.contact_id] = claim.recipient_id

    def reserve(self, claim: Claim, caps: Sequence[Cap]) -> Reserved | CapReached:
        """Take a place under all ``caps``, or none; BadInput when ``at`` has no zone or the id is another contact's."""
        if claim.at.tzinfo is None:
            raise BadInput("policy.moment_naive", zh="时间缺少时区", en="the moment of a contact must be aware")
        with self._lock:
            held = self._claims.get(self._recipient_of.get(claim.contact_id, ""), {}).get(claim.contact_id)
            if held is not None:
                if held != claim:
                    raise BadInput(
                        "policy.contact_id_reused", zh=f"触达号 {claim.contact_id} 已用于另一次触达",
                        en=f"contact id {claim.contact_id} was used for another contact",
                    )  # fmt: skip
                return Reserved(claim.contact_id)
            made = [
                ContactMade(c.channel, c.purpose, c.at)
                for c in self._claims.get(claim.recipient_id, {}).values()
                if c.purpose == claim.purpose
            ]
            for cap in caps:
                until = full_until(
                    made, channel=claim.channel, at=claim.at, cap=cap, priority=claim.priority, timezone=claim.timezone
                )
                if until is not None:
                    return CapReached(cap.key, until)
            self._take(claim)
            return Reserved(claim.contact_id)

    def release(self, contact_id: str) -> bool:
        """Give back the place of a send that definitely failed; False when there is none."""
        with self._lock:
            recipient_id = self._recipient_of.pop(contact_id, None)
            if recipient_id is None:
                return False
            del self._claims[recipient_id][contact_id]
            return True

    def contacts(self, recipient_id: str, *, since: datetime, until: datetime) -> tuple[ContactMade, ...]:
        """Return the contacts of a recipient with ``since <= at <= until``, in order of time."""
        with self._lock:
            found = [c for c in self._claims.get(recipient_id, {}).values() if since <= c.at <= until]
        return tuple(ContactMade(c.channel, c.purpose, c.at) for c in sorted(found, key=lambda c: (c.at, c.contact_id)))


def look_back(caps: Iterable[Cap]) -> timedelta:
    """Return how far back contacts must be known for these caps."""
    return timedelta(days=max((window_days(c.window) for c in caps), default=0))


__all__ = ["CapReached", "Claim", "ContactCounters", "InMemoryContactCounters", "Reserved", "look_back"]

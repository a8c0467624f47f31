"""From the plan to contacts: policy is asked again at the moment of sending, and only what it permits goes out.

There is no channel here: the caller hands permitted contacts to whatever delivers them and keeps the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from zhike.decision import Campaign, Offer
from zhike.kernel.clock import VirtualClock, moment_on
from zhike.kernel.hashing import fingerprint
from zhike.kernel.terms import Channel, Purpose
from zhike.policy import ContactRequest, Facts, InMemoryContactCounters, Permit, Policy, ProductLine, Refusal, verify
from zhike.policy.batch import GateTables, fields_of, gate_subjects
from zhike.policy.contacts import contacts_made
from zhike.policy.counters import Claim
from zhike.policy.terms import Combination, ConsentEntry, ConsentState, ContactMade
from zhike.warehouse import Catalog

Row = dict[str, Any]
NOON = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one planned contact at the moment of sending."""

    action: Mapping[str, Any]
    answer: Permit | Refusal
    at: datetime

    def as_contact(self) -> Row:
        """Return the row of ``contact``."""
        is_sent = isinstance(self.answer, Permit)
        moment = self.at.astimezone(UTC).replace(tzinfo=None)
        return {
            "contact_id": contact_id(self.action),
            "customer_id": self.action["customer_id"],
            "recipient_id": self.action["recipient_id"],
            "campaign": self.action["campaign"],
            "offer_id": self.action["offer_id"],
            "channel": self.action["channel"],
            "on": self.action["planned_on"],
            "planned_at": self.action["planned_at"],
            "sent_at": moment if is_sent else None,
            "state": "sent" if is_sent else "refused",
            "permit_id": self.answer.permit_id if isinstance(self.answer, Permit) else None,
            "refusal_rule": self.answer.rule.key if isinstance(self.answer, Refusal) else None,
            "cost_amount": self.action["cost_amount"] if is_sent else None,
        }


def contact_id(action: Mapping[str, Any]) -> str:
    """Return the number of a planned contact: the same for the same decision and offer."""
    return fingerprint(action["decision_id"], action["offer_id"])[:24]


class SendingDesk:
    """Asks policy about planned contacts, one by one, with what is known of each customer and recipient."""

    def __init__(self, policy: Policy, campaign: Campaign, tables: Catalog, *, as_of: date) -> None:
        self._policy = policy
        self._campaign = campaign
        self._offers = {o.offer_id: o for o in campaign.offers}
        self._tables = tables
        self._as_of = as_of

    def send(self, actions: Sequence[Row], clock: VirtualClock) -> list[Outcome]:
        """Ask about each action at its planned moment, in order of time; the clock is moved there.

        Returns
        -------
        one outcome per action: a verified Permit, or the first refusal.
        """
        facts = self._facts(actions)
        counters = InMemoryContactCounters(self._claims(actions))
        outcomes = []
        for action in sorted(actions, key=lambda a: (a["planned_at"], a["customer_id"])):
            at = action["planned_at"].replace(tzinfo=UTC)
            if at > clock.now():
                clock.advance(at - clock.now())
            known = facts(action, clock.now())
            answer = self._policy.claim(self._request(action), known, clock.now(), counters)
            if isinstance(answer, Permit):
                verify(answer, key=self._policy.key, at=clock.now())
            outcomes.append(Outcome(action, answer, clock.now()))
        return outcomes

    def _request(self, action: Row) -> ContactRequest:
        offer: Offer = self._offers[action["offer_id"]]
        channel = Channel(action["channel"])
        written = offer.definition
        words = written.content.texts[channel]
        return ContactRequest(
            request_id=contact_id(action),
            customer_id=action["customer_id"],
            recipient_id=action["recipient_id"],
            channel=channel,
            purpose=Purpose(action["purpose"]),
            product_line=ProductLine(action["product_line"]),
            campaign=self._campaign.key,
            offer_id=offer.offer_id,
            product_class=written.product_class,
            product_grade=written.product_grade,
            content_version=written.content.version,
            content_texts=(words.zh, words.en),
            is_content_approved=written.content.is_approved,
            priority=self._campaign.definition.priority,
        )

    def _facts(self, actions: Sequence[Row]) -> Any:
        people = {a["customer_id"] for a in actions} | {a["recipient_id"] for a in actions}
        tables = GateTables(self._tables["profile"], self._tables["customer_control"], self._tables["consent"])
        names = fields_of(self._policy.gates) | {"party_kind"}
        combinations = [
            Combination(c, self._campaign.definition.purpose, ProductLine.DEPOSIT) for c in self._campaign.channels
        ]
        subjects = gate_subjects(tables, names, combinations, as_of=self._as_of)
        rows = {r["customer_id"]: r for r in self._fetch(subjects, "customer_id", people)}
        consent = self._consent(people)
        made = self._made(people)

        def known(action: Row, at: datetime) -> Facts:
            recipient = action["recipient_id"]
            return Facts(
                known_at=at,
                customer=rows.get(action["customer_id"], {}),
                recipient=rows.get(recipient, {}),
                consent=tuple(consent.get(recipient, ())),
                contacts=tuple(
                    ContactMade(Channel(r["channel"]), Purpose(r["purpose"]), self._noon(r["on"]))
                    for r in made.get(recipient, ())
                ),
            )

        return known

    def _consent(self, people: set[str]) -> dict[str, list[ConsentEntry]]:
        entries: dict[str, list[ConsentEntry]] = {}
        for row in self._fetch(self._tables["consent"], "customer_id", people):
            entry = ConsentEntry(
                entry_id=row["entry_id"], recipient_id=row["customer_id"], channel=row["channel"], purpose=Purpose(row["purpose"]),
                state=ConsentState(row["state"]), on=row["on"], at=row["at"].replace(tzinfo=UTC) if row["at"] else None,
                evidence=row["evidence"] or "",
            )  # fmt: skip
            entries.setdefault(entry.recipient_id, []).append(entry)
        return entries

    def _made(self, people: set[str]) -> dict[str, list[Row]]:
        made = contacts_made(
            self._tables["contact_history"], self._tables["contact"], self._tables["identity_link"], self._tables["customer_control"],
            day_end=moment_on(self._as_of, self._policy.timezone, hour=23, minute=59),
        )  # fmt: skip
        found: dict[str, list[Row]] = {}
        for row in self._fetch(made, "recipient_id", people):
            found.setdefault(row["recipient_id"], []).append(row)
        return found

    def _claims(self, actions: Sequence[Row]) -> Iterable[Claim]:
        people = {a["recipient_id"] for a in actions}
        for recipient, rows in self._made(people).items():
            for n, row in enumerate(rows):
                yield Claim(
                    contact_id=f"before-{recipient}-{n}", recipient_id=recipient, channel=Channel(row["channel"]),
                    purpose=Purpose(row["purpose"]), at=self._noon(row["on"]), priority=self._campaign.definition.priority,
                    timezone=self._policy.timezone,
                )  # fmt: skip

    def _noon(self, on: date) -> datetime:
        return moment_on(on, self._policy.timezone, hour=NOON)

    def _fetch(self, table: Any, column: str, people: set[str]) -> list[Row]:
        rows: list[Row] = self._tables.engine.fetch(table.filter(table[column].isin(sorted(people)))).to_pylist()
        return rows


def refusals_by_rule(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Return rule → number of contacts that it stopped at the moment of sending."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        if isinstance(outcome.answer, Refusal):
            counts[outcome.answer.rule.key] = counts.get(outcome.answer.rule.key, 0) + 1
    return counts


__all__ = ["Outcome", "SendingDesk", "contact_id", "refusals_by_rule"]

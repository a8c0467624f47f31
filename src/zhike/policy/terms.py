"""The nouns of policy: what is asked, on what facts, and the two answers besides the Permit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from zhike.kernel.terms import Channel, PartyKind, ProductRisk, Purpose, Text


class Stage(StrEnum):
    """The gates in their order; the first that refuses is the reason that is kept."""

    CONSENT = "consent"
    HARD = "hard"
    SUITABILITY = "suitability"
    RISK_REVIEW = "risk_review"
    CONTACT_POLICY = "contact_policy"
    CONTENT = "content"


STAGES: tuple[Stage, ...] = tuple(Stage)


class ProductLine(StrEnum):
    """What a contact is about; gates say for which lines they hold. ``service`` carries no offer."""

    DEPOSIT = "deposit"
    INVESTMENT = "investment"
    INSURANCE = "insurance"
    LOAN = "loan"
    CARD = "card"
    PAYMENT = "payment"
    CORPORATE = "corporate"
    SERVICE = "service"


class ConsentState(StrEnum):
    """Where a recipient stands for one channel and purpose."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


class Subject(StrEnum):
    """Whom a gate binds: the customer for whom, or the natural person who receives."""

    CUSTOMER = "customer"
    RECIPIENT = "recipient"


ALL_CHANNELS = "*"


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """One entry of the ledger, never changed afterwards.

    ``channel`` may be ``*`` (all). ``at`` is missing where the source gives the day only: a grant then counts from the
    start of its day, a withdrawal until the end of it, so that doubt is read in the recipient's favour.
    """

    entry_id: str
    recipient_id: str
    channel: str
    purpose: Purpose
    state: ConsentState
    on: date
    at: datetime | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class ContactRequest:
    """May this be sent? ``customer_id`` is for whom, ``recipient_id`` the natural person who receives it.

    ``product_grade`` is the higher of issuer's and distributor's, None where the product has none. ``priority`` 1 is the
    highest. ``timezone`` is where the recipient lives ("" = the policy's own). ``reviews`` names reviews passed by a person.
    """

    request_id: str
    customer_id: str
    recipient_id: str
    channel: Channel
    purpose: Purpose
    product_line: ProductLine
    campaign: str = ""
    offer_id: str = ""
    product_class: str = ""
    product_grade: ProductRisk | None = None
    content_version: str = ""
    content_texts: tuple[str, ...] = ()
    is_content_approved: bool = False
    priority: int = 5
    timezone: str = ""
    reviews: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ContactMade:
    """One contact that was sent, or reserved to be sent, to a recipient."""

    channel: Channel
    purpose: Purpose
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when the question is asked.

    Parameters
    ----------
    known_at : when the facts were read (aware UTC); old or future facts are refused.
    customer, recipient : gate facts by name (see ``facts.GATE_FACTS``); the same mapping where both are one person.
        A name that is left out is a missing fact and refuses; None is a known absence.
    consent : the recipient's entries of the ledger.
    contacts : the recipient's contacts within the longest window of any cap, of all senders.
    """

    known_at: datetime
    customer: Mapping[str, object]
    recipient: Mapping[str, object]
    consent: tuple[ConsentEntry, ...] = ()
    contacts: tuple[ContactMade, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleRef:
    """Which version of which rule spoke: key, content hash, where it stands in law, and whether counsel checked it."""

    key: str
    hash: str
    source: str = ""
    article: str = ""
    effective_from: date | None = None
    is_verified: bool = False

    @property
    def label(self) -> str:
        """``key@hash`` with the first 12 hex digits: what a Permit names."""
        return f"{self.key}@{self.hash[:12]}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A "no": a value, not an error. ``until`` is when it may be asked again; None means: not until something changes."""

    reason: Text
    rule: RuleRef
    stage: Stage
    until: datetime | None = None
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Combination:
    """What a batch is asked for: one channel, purpose and product line."""

    channel: Channel
    purpose: Purpose
    product_line: ProductLine

    @property
    def column(self) -> str:
        """Name of the combination's column in a wide table."""
        return f"{self.channel}__{self.purpose}__{self.product_line}"


PARTY_KINDS: tuple[PartyKind, ...] = tuple(PartyKind)

__all__ = [
    "ALL_CHANNELS", "PARTY_KINDS", "STAGES", "Combination", "ConsentEntry", "ConsentState", "ContactMade", "ContactRequest",
    "Facts", "ProductLine", "Refusal", "RuleRef", "Stage", "Subject",
]  # fmt: skip

"""The standard policy, and a customer about whom nothing speaks against a contact."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

import zhike
from zhike.kernel.definitions import read_definitions
from zhike.kernel.terms import Channel, Purpose
from zhike.policy import ContactRequest, Facts, Policy, ProductLine, read_policy
from zhike.policy.terms import ConsentEntry, ConsentState
from zhike.profile.tables import PROFILE
from zhike.rules.vocabulary import Vocabulary, field_terms

STANDARD = Path(zhike.__file__).parent / "standard"
KEY = b"a key of sixteen bytes or more"
TODAY = dt.date(2025, 6, 30)
AT = dt.datetime(2025, 6, 30, 2, 0, tzinfo=dt.UTC)  # Monday, 10:00 in Shanghai
WORDS = Vocabulary(fields=field_terms(PROFILE))
PLAIN: dict[str, Any] = {
    "party_kind": "person", "age": 40, "deceased_on": None, "id_expires_on": None, "is_staff": False, "is_student": False,
    "district": "379901", "arrears_days": 0, "arrears_days_24m": 0, "five_class_worst": None, "whitelist_issued_on": dt.date(2025, 6, 20),
    "risk_grade": "C2", "risk_assessed_on": dt.date(2025, 3, 1), "risk_expires_on": None, "contacts_marketing_60d": 0,
    "positive_answers_60d": 0, "last_marketing_on": None, "last_negative_answer_on": None, "complaint_closed_on": None,
    **{f"has_{f}": False for f in (
        "do_not_contact", "complaint_open", "complaint_closed", "judicial_freeze", "fraud_control", "aml_high_risk", "sanctioned",
        "litigation", "account_inactive", "credit_watch", "legal_dispute", "related_party")},
}  # fmt: skip
GRANTED = ConsentEntry("e1", "c1", "*", Purpose.MARKETING, ConsentState.GRANTED, dt.date(2025, 1, 2))


@cache
def policy() -> Policy:
    """Return the standard policy of the pack."""
    return read_policy(read_definitions([STANDARD]), WORDS, timezone="Asia/Shanghai", key=KEY)


def request(**changes: Any) -> ContactRequest:
    """Return a request that passes, with changes."""
    told: dict[str, Any] = {
        "request_id": "r1", "customer_id": "c1", "recipient_id": "c1", "channel": Channel.APP_PUSH, "purpose": Purpose.MARKETING,
        "product_line": ProductLine.DEPOSIT, "product_class": "term", "campaign": "deposit_maturity", "offer_id": "renew_term_deposit",
        "content_version": "renew.1", "content_texts": ("您的定期存款即将到期，利率以挂牌为准。",), "is_content_approved": True,
    }  # fmt: skip
    return ContactRequest(**{**told, **changes})


def facts(
    *, at: dt.datetime = AT, consent: tuple[ConsentEntry, ...] = (GRANTED,), contacts: tuple = (), **changes: Any
) -> Facts:
    """Return facts under which the request passes, with changes to the customer's row."""
    row = {**PLAIN, **changes}
    return Facts(known_at=at, customer=row, recipient=row, consent=consent, contacts=contacts)

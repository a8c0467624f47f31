"""A small bank of literal rows, with the standard offers and campaigns over it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import zhike
from zhike.channels import tables as channel_tables
from zhike.decision import tables as decision_tables
from zhike.decision.steps import steps
from zhike.identity import tables as identity_tables
from zhike.kernel.definitions import DefinitionSet, read_definitions
from zhike.kernel.hashing import fingerprint
from zhike.kernel.terms import Text
from zhike.policy import Policy, read_policy
from zhike.policy import tables as policy_tables
from zhike.profile.tables import PROFILE, TAG_VALUE
from zhike.rules.vocabulary import SegmentTerm, Vocabulary, field_terms
from zhike.scores import tables as score_tables
from zhike.segments import tables as segment_tables
from zhike.sources import tables as source_tables
from zhike.warehouse import Engine
from zhike.warehouse.contracts import Contract, contract_by_name
from zhike.warehouse.testing import run_step

STANDARD = Path(zhike.__file__).parent / "standard"
AS_OF = dt.date(2025, 6, 29)  # a Sunday; contacts are planned for Monday 30 June
KEY = b"a key of sixteen bytes or more"
WORDS = Vocabulary(
    fields=field_terms(PROFILE),
    segments={"maturing_pool": SegmentTerm("maturing_pool", buckets={b: Text(b, b) for b in "ABC"})},
    models={m: Text(m, m) for m in ("maturity_leave", "first_loan")},
)
PLAIN: dict[str, Any] = {
    "party_kind": "person", "age": 40, "is_staff": False, "is_student": False, "district": "379901", "arrears_days": 0,
    "arrears_days_24m": 0, "contacts_marketing_60d": 0, "positive_answers_60d": 0, "negative_answers_90d": 0, "n_loans_ever": 0,
    "maturing_30d_amount": Decimal(300000), "maturing_30d_first_on": dt.date(2025, 7, 8), "n_maturing_30d": 1, "maturing_30d_auto_renews": False,
    "maturing_30d_product_class": "term", "has_wecom": True, "has_mobile_bank": True, "digital_share_rate": 0.5, "risk_grade": "C2",
    "risk_assessed_on": dt.date(2025, 3, 1), "wealth_amount": Decimal(0), "fund_amount": Decimal(0), "n_wealth_page_30d": 0, "inflow_30d_amount": Decimal(8000),
}  # fmt: skip


def contracts() -> dict[str, Contract]:
    """Every contract that policy and decision read or write."""
    owned = (
        *source_tables.OWNS, *identity_tables.OWNS, *policy_tables.OWNS, *decision_tables.OWNS, *channel_tables.OWNS,
        *score_tables.OWNS, *segment_tables.OWNS, PROFILE, TAG_VALUE,
    )  # fmt: skip
    return contract_by_name(owned)


@cache
def definitions() -> DefinitionSet:
    """Return the definitions of the standard pack."""
    return read_definitions([STANDARD])


@cache
def policy() -> Policy:
    """Return the policy of the standard pack."""
    return read_policy(definitions(), WORDS, timezone="Asia/Shanghai", key=KEY)


@cache
def _renewal() -> DefinitionSet:
    return changed(offers=["renew_term_deposit"])


def changed(campaign: str = "deposit_maturity", **changes: Any) -> DefinitionSet:
    """Return the standard definitions with changes to a campaign's body."""
    kept = [
        replace(d, body={**d.body, **changes}, hash=fingerprint(d.hash, changes)) if (d.kind, d.key) == ("campaign", campaign) else d
        for d in definitions().definitions
    ]  # fmt: skip
    return DefinitionSet(tuple(kept), definitions().parameters)


def bank(*people: dict[str, Any], **tables: list[dict[str, Any]]) -> dict[str, Any]:
    """Literal tables: each person is a row of the profile over ``PLAIN``, consenting and in the maturing pool.

    Keys beginning with ``_`` are for other tables: ``_score``, ``_consent`` (state or None), ``_control`` (flags), ``_bucket``.
    """
    rows: dict[str, list[dict[str, Any]]] = {
        k: [] for k in ("profile", "customer_control", "consent", "score_value", "segment_member")
    }
    for number, person in enumerate(people, start=1):
        customer_id = person.get("customer_id", f"c{number}")
        told = {**PLAIN, **{k: v for k, v in person.items() if not k.startswith("_")}}
        rows["profile"].append({**told, "customer_id": customer_id, "customer_no": number})
        flags = {f"has_{f}": False for f in policy_tables.FLAGS}
        control = {"customer_id": customer_id, "recipient_id": customer_id, "recipient_role": "self", **flags}
        rows["customer_control"].append({**control, **person.get("_control", {})})
        state = person.get("_consent", "granted")
        if state:
            entry = {
                "customer_id": customer_id,
                "channel": "*",
                "purpose": "marketing",
                "state": state,
                "on": dt.date(2025, 1, 2),
            }
            rows["consent"].append({**entry, "entry_id": f"e{number}", "origin": "bank_file"})
        if person.get("_score", 0.5) is not None:
            score = person.get("_score", 0.5)
            rows["score_value"].append({
                "customer_id": customer_id, "model": "maturity_leave", "score": score, "raw_score": score, "decile": 1, "model_version": "v1",
                "reason_1": "n_rate_page_30d=4", "reason_1_effect": 0.4,
            })  # fmt: skip
        rows["segment_member"].append({
            "segment": "maturing_pool", "customer_id": customer_id, "from_on": dt.date(2025, 6, 10), "bucket": person.get("_bucket", "A"),
        })  # fmt: skip
    parted = {
        "score_value": {"maturity_leave": rows.pop("score_value")},
        "segment_member": {"maturing_pool": rows.pop("segment_member")},
    }
    return {**rows, **parted, **tables}


def run_campaign(
    engine: Engine, tables: dict[str, Any], *, campaign: str = "deposit_maturity", previous: dict[str, Any] | None = None,
    as_of: dt.date = AS_OF, told: DefinitionSet | None = None,
) -> dict[str, list[dict[str, Any]]]:  # fmt: skip
    """Run one campaign's step; return its tables as lists of rows.

    Unless told otherwise the maturity campaign offers one thing only, the renewal.
    """
    made = steps(told or _renewal(), policy(), WORDS, as_of=as_of)
    step = next(s for s in made if s.key == f"decision:{campaign}")
    out = run_step(step, engine, tables, as_of=as_of, contracts=contracts(), previous=previous)
    return {table: rows.to_pylist() for (table, _), rows in out.items()}


def by_offer(out: dict[str, list[dict[str, Any]]], customer_id: str = "c1") -> dict[str, dict[str, Any]]:
    """Return a customer's candidates by offer."""
    return {r["offer_id"]: r for r in out["candidate"] if r["customer_id"] == customer_id}

"""The tables of policy on literal rows: ledger, flags, recipients, contactability."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.policy.world import PLAIN, policy
from zhike.identity import tables as identity_tables
from zhike.policy import tables as policy_tables
from zhike.policy.steps import steps
from zhike.profile.tables import PROFILE
from zhike.sources import tables as source_tables
from zhike.warehouse import Engine, open_engine
from zhike.warehouse.contracts import contract_by_name
from zhike.warehouse.testing import run_step

AS_OF = dt.date(2025, 6, 30)
RECORDED = dt.datetime(2025, 6, 1, 15, 0)
CONTRACTS = contract_by_name((*source_tables.OWNS, *identity_tables.OWNS, *policy_tables.OWNS, PROFILE))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine(threads=1)
    yield opened
    opened.close()


def _run(engine: Engine, key: str, tables: dict[str, Any]) -> list[dict[str, Any]]:
    step = next(s for s in steps(policy()) if s.key == f"policy:{key}")
    out = run_step(step, engine, tables, as_of=AS_OF, contracts=CONTRACTS)
    return next(iter(out.values())).to_pylist()


def _link(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"source": "core", "source_key": key, "customer_id": customer, "customer_no": i + 1, "linked_by": "single"}
        for i, (key, customer) in enumerate(pairs)
    ]


def _record(key: str, state: str, on: str, **changes: Any) -> dict[str, Any]:
    told = {
        "source": "core",
        "source_key": key,
        "channel": "sms",
        "purpose": "marketing",
        "state": state,
        "on": dt.date.fromisoformat(on),
        "recorded_at": RECORDED,
    }
    return {**told, **changes}


@pytest.mark.requirement("K1")
def test_the_ledger_holds_both_the_banks_file_and_our_own_entries_once(engine):
    records = [
        _record("k1", "granted", "2025-01-01"),
        _record("k2", "granted", "2025-01-01"),
        _record("k9", "granted", "2025-01-01"),
    ]
    own = {
        "entry_id": "x", "customer_id": "c1", "channel": "*", "purpose": "marketing", "state": "withdrawn", "on": dt.date(2025, 6, 30),
        "at": dt.datetime(2025, 6, 30, 3, 0),
    }  # fmt: skip
    late = _record("k1", "withdrawn", "2025-06-30", recorded_at=dt.datetime(2025, 7, 1, 9, 0))
    tables = {
        "consent_record": [*records, late],
        "consent_entry": [own],
        "identity_link": _link(("k1", "c1"), ("k2", "c1")),
    }
    rows = _run(engine, "consent", tables)
    assert sorted((r["customer_id"], r["state"], r["origin"]) for r in rows) == [
        ("c1", "granted", "bank_file"),
        ("c1", "withdrawn", "zhike"),
    ]


def _own(entry_id: str, customer: str, state: str, on: str) -> dict[str, Any]:
    day = dt.date.fromisoformat(on)
    return {
        "entry_id": entry_id, "customer_id": customer, "channel": "*", "purpose": "marketing", "state": state, "on": day,
        "at": dt.datetime(day.year, day.month, day.day, 3, 0),
    }  # fmt: skip


@pytest.mark.requirement("K1")
def test_a_withdrawal_follows_the_customer_through_merges_and_splits(engine):
    register = [
        {"customer_id": c, "customer_no": i, "founding_source": "core", "founding_key": c, "generation": 0, "created_on": dt.date(2025, 1, 1), "merged_into": into}
        for i, (c, into) in enumerate((("a", "b"), ("b", "c"), ("c", None), ("d", None)), 1)
    ]  # fmt: skip
    change = [
        {"change_id": "1", "changed_on": dt.date(2025, 6, 10), "kind": "split", "customer_id": "d", "other_customer_id": "c", "n_records": 1, "reason": "split"},
        {"change_id": "2", "changed_on": dt.date(2025, 6, 10), "kind": "merged", "customer_id": "a", "other_customer_id": "b", "n_records": 1, "reason": "x"},
    ]  # fmt: skip
    entries = [
        _own("x", "a", "withdrawn", "2025-05-01"),
        _own("y", "a", "granted", "2025-05-02"),
        _own("z", "c", "withdrawn", "2025-06-20"),
    ]
    rows = _run(engine, "consent", {"consent_entry": entries, "identity_register": register, "identity_change": change})
    found = sorted((r["customer_id"], r["state"], str(r["on"])) for r in rows)
    assert found == [
        ("c", "granted", "2025-05-02"),
        ("c", "withdrawn", "2025-05-01"),
        ("c", "withdrawn", "2025-06-20"),
        ("d", "withdrawn", "2025-05-01"),
    ]


@pytest.mark.requirement("K1")
def test_a_withdrawal_on_a_channel_nobody_knows_counts_for_all_and_a_grant_for_none(engine):
    records = [
        _record("k1", "withdrawn", "2025-01-01", channel="telegraph"),
        _record("k2", "granted", "2025-01-01", channel="telegraph"),
    ]
    rows = _run(engine, "consent", {"consent_record": records, "identity_link": _link(("k1", "c1"), ("k2", "c2"))})
    assert [(r["customer_id"], r["channel"], r["state"]) for r in rows] == [("c1", "*", "withdrawn")]


def test_a_flag_on_any_record_is_the_customers_while_it_holds(engine):
    def flag(key: str, name: str, first: str, last: str | None = None, recorded=RECORDED) -> dict[str, Any]:
        return {
            "source": "core", "source_key": key, "flag": name, "valid_from_on": dt.date.fromisoformat(first),
            "valid_to_on": last and dt.date.fromisoformat(last), "recorded_at": recorded,
        }  # fmt: skip

    tables = {
        "customer": [{"customer_id": c, "customer_no": i, "party_kind": "person", "n_records": 1} for i, c in enumerate(("c1", "c2"), 1)],
        "identity_link": _link(("k1", "c1"), ("k2", "c1"), ("k3", "c2")),
        "control_flag": [
            flag("k2", "do_not_contact", "2025-01-01"),
            flag("k1", "judicial_freeze", "2025-01-01", "2025-06-29"),
            flag("k1", "aml_high_risk", "2025-07-01"),
            flag("k1", "sanctioned", "2025-01-01", recorded=dt.datetime(2025, 6, 30, 16, 0)),
            flag("k1", "complaint_closed", "2025-06-10"),
            flag("k1", "complaint_closed", "2025-03-10"),
        ],
    }  # fmt: skip
    rows = {r["customer_id"]: r for r in _run(engine, "customer_control", tables)}
    held = {k for k, v in rows["c1"].items() if k.startswith("has_") and v}
    assert held == {"has_do_not_contact", "has_complaint_closed"}
    assert rows["c1"]["complaint_closed_on"] == dt.date(2025, 6, 10)
    assert not any(v for k, v in rows["c2"].items() if k.startswith("has_"))
    assert rows["c2"]["recipient_id"] == "c2"


def test_a_company_is_reached_through_an_authorised_person_else_its_legal_representative(engine):
    people = [("p1", "person"), ("p2", "person"), *((f, "company") for f in ("f1", "f2", "f3", "f4"))]
    contact = {"source": "core", "company_key": "kf1", "role": "finance", "is_authorised": True}
    tables = {
        "customer": [{"customer_id": c, "customer_no": i, "party_kind": k, "n_records": 1} for i, (c, k) in enumerate(people, 1)],
        "identity_link": _link(*((f"k{c}", c) for c, _ in people)),
        "company_contact": [
            {**contact, "contact_key": "kp1", "is_authorised": False, "role": "owner"},
            {**contact, "contact_key": "kp2"},
            {**contact, "contact_key": "kp2", "company_key": "kf4", "valid_to_on": AS_OF - dt.timedelta(days=1)},
            {**contact, "contact_key": "kp2", "company_key": "kf4", "role": "operator", "valid_from_on": AS_OF + dt.timedelta(days=1)},
        ],
        "customer_relation": [
            {"from_customer_id": "p1", "to_customer_id": f, "kind": "legal_representative_of", "origin": "party_relation", "valid_to_on": last,
             "is_declared": is_declared}
            for f, last, is_declared in (("f1", None, True), ("f2", None, True), ("f3", dt.date(2025, 6, 1), True), ("f4", None, False))
        ],
    }  # fmt: skip
    rows = {
        r["customer_id"]: (r["recipient_id"], r["recipient_role"]) for r in _run(engine, "customer_control", tables)
    }
    assert rows["f1"] == ("p2", "finance")
    assert rows["f2"] == ("p1", "legal_representative")
    assert rows["f3"] == rows["f4"] == (None, None)
    assert rows["p1"] == ("p1", "self")


def _control(customer: str, **changes: Any) -> dict[str, Any]:
    flags = {f"has_{f}": False for f in policy_tables.FLAGS}
    return {"customer_id": customer, "recipient_id": customer, "recipient_role": "self", **flags, **changes}


def _profile(customer: str, **changes: Any) -> dict[str, Any]:
    known = {k: v for k, v in PLAIN.items() if not k.startswith(("has_", "complaint_"))}
    return {**known, "customer_id": customer, "customer_no": int(customer[1:]), **changes}


@pytest.mark.requirement("F2")
def test_contactability_says_per_channel_and_line_who_may_be_contacted_and_the_first_reason_why_not(engine):
    grants = [
        {"entry_id": f"e{c}{ch}", "customer_id": c, "channel": ch, "purpose": "marketing", "state": "granted", "on": dt.date(2025, 1, 1), "origin": "bank_file"}
        for c, ch in (("c1", "sms"), ("c2", "*"), ("c3", "*"), ("c4", "*"))
    ]  # fmt: skip
    tables = {
        "profile": [
            _profile("c1"),
            _profile("c2", age=16),
            _profile("c3", is_student=True),
            _profile("c4", risk_assessed_on=None),
            _profile("c5", party_kind="company", age=None),
            _profile("c6", party_kind="company", age=None),
        ],
        "customer_control": [
            *(_control(c) for c in ("c1", "c2", "c3", "c4")),
            _control("c5", recipient_id="c1"),
            _control("c6", recipient_id=None),
        ],
        "consent": grants,
    }
    rows = _run(engine, "contactability", tables)
    assert len(rows) == 6 * 5 * 4
    rules = {(r["customer_id"], r["channel"], r["product_line"]): r["rule"] for r in rows}
    assert rules[("c1", "sms", "deposit")] is None
    assert rules[("c1", "rm", "deposit")] == "marketing_consent"
    assert rules[("c2", "sms", "deposit")] == "minor"
    assert rules[("c3", "sms", "loan")] == "loan_student"
    assert rules[("c3", "sms", "deposit")] is None
    assert rules[("c4", "sms", "investment")] == "risk_test_valid"
    assert rules[("c5", "sms", "deposit")] is None  # the recipient consents, and the recipient's age counts
    assert rules[("c5", "wecom", "deposit")] == "marketing_consent"
    assert rules[("c6", "sms", "service")] == "policy.no_recipient"
    assert {r["is_allowed"] for r in rows if r["rule"] is None} == {True}
    refused = [r for r in rows if r["rule"] is not None]
    assert not any(r["is_allowed"] for r in refused)
    assert all(r["reason"] and r["reason_en"] and r["stage"] for r in refused)


def test_a_customer_without_a_control_row_is_refused(engine):
    rows = _run(engine, "contactability", {"profile": [_profile("c1")], "customer_control": [], "consent": []})
    assert {r["rule"] for r in rows} == {"policy.no_recipient"}

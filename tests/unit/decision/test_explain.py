"""A past decision is taken again from what was kept, and a changed record is found out."""

from __future__ import annotations

import json

import pytest

from tests.unit.decision.world import bank, definitions, run_campaign
from zhike.decision import explain
from zhike.decision.book import open_book
from zhike.decision.terms import FunnelStage
from zhike.kernel.errors import ContractBroken


@pytest.fixture(scope="module")
def told(engine):
    """One run over four people, of whom one is a company that another receives for."""
    people = [
        {},
        {"age": 67, "risk_grade": "C2", "risk_assessed_on": None, "_control": {"has_complaint_open": True}},
        {"_score": None},
        {"party_kind": "company", "age": None, "_control": {"recipient_id": "c1"}, "_consent": None},
        {"party_kind": "company", "_control": {"recipient_id": None}},
    ]
    out = run_campaign(engine, bank(*people), told=definitions())
    return {r["customer_id"]: r for r in out["decision_log"]}, out["decision_book"][0]["body"]


@pytest.mark.requirement("F3")
@pytest.mark.parametrize("customer", ["c1", "c2", "c3", "c4", "c5"])
def test_every_decision_comes_out_as_it_was(told, customer):
    log, book = told
    found = explain(log[customer], book)
    assert found.is_reproduced, found.differences
    assert len(found.reasons) == 4
    assert all(r.text.zh and r.text.en for r in found.reasons)


@pytest.mark.requirement("F3")
def test_the_reason_names_the_gate_and_where_it_is_written(told):
    log, book = told
    reasons = {r.offer_id: r for r in explain(log["c2"], book).reasons}
    reason = reasons["cash_management"]
    assert (reason.stage, reason.rule) == (FunnelStage.ELIGIBLE, "complaint_open")
    assert "投诉处理中" in reason.text.zh
    assert reason.source


def test_the_log_keeps_no_direct_identifier(told):
    log, _ = told
    kept = set(json.loads(log["c1"]["inputs"]))
    assert not kept & {"name", "mobile", "email", "id_number", "address"}
    assert {"age", "has_complaint_open", "consent__rm__marketing", "score__maturity_leave__score", "cap__rm"} <= kept


def test_the_recipients_facts_are_kept_only_where_it_is_another_person(told):
    log, _ = told
    assert log["c1"]["recipient_inputs"] is None
    assert json.loads(log["c4"]["recipient_inputs"])["age"] == 40
    assert log["c5"]["recipient_inputs"] == "{}"


def test_a_changed_input_or_outcome_is_found_out(told):
    log, book = told
    inputs = {**json.loads(log["c1"]["inputs"]), "age": 17}
    found = explain({**log["c1"], "inputs": json.dumps(inputs)}, book)
    assert not found.is_reproduced
    assert any("renew_term_deposit.rule: minor" in d for d in found.differences)
    outcome = json.loads(log["c1"]["outcome"])
    outcome["large_cd"]["priority"] = 1.0
    assert explain({**log["c1"], "outcome": json.dumps(outcome)}, book).differences == (
        "large_cd.priority: 445.5 ≠ 1.0",
    )


def test_another_book_is_refused(told):
    log, book = told
    other = json.dumps({**json.loads(book), "timezone": "Europe/Prague"})
    with pytest.raises(ContractBroken, match=r"decision\.book_differs"):
        explain(log["c1"], other)


def test_the_book_alone_is_enough_to_decide_again(told):
    _, book = told
    opened = open_book(book)
    assert opened.campaign.key == "deposit_maturity"
    assert opened.policy.jurisdiction == "CN"
    assert len(opened.policy.gates) > 20

"""The funnel on literal rows: each stage drops for its own reason, nothing vanishes, the plan is what came through."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal

import pytest

from tests.unit.decision.world import bank, by_offer, definitions, run_campaign

OFFERS = 4


STAGES = [
    ({"_consent": None}, "renew_term_deposit", "eligible", "marketing_consent"),
    ({"_consent": "withdrawn"}, "renew_term_deposit", "eligible", "withdrawal_honoured"),
    ({"age": 17}, "renew_term_deposit", "eligible", "minor"),
    ({"deceased_on": dt.date(2025, 6, 1)}, "renew_term_deposit", "eligible", "deceased"),
    ({"_control": {"has_complaint_open": True}}, "renew_term_deposit", "eligible", "complaint_open"),
    ({"maturing_30d_amount": Decimal(50000)}, "large_cd", "eligible", "offer.eligible_when"),
    ({"maturing_30d_auto_renews": True}, "renew_term_deposit", "applicable", "offer.applicable_when"),
    ({}, "fixed_income_wealth", "applicable", "offer.applicable_when"),
    ({"risk_assessed_on": None}, "cash_management", "suitable", "risk_test_valid"),
    ({"wealth_amount": Decimal(1), "risk_grade": "C1"}, "fixed_income_wealth", "suitable", "risk_match_2021"),
    ({"last_negative_answer_on": dt.date(2025, 6, 20)}, "renew_term_deposit", "contact_policy", "contact_fatigue"),
    ({"_score": 0.0}, "renew_term_deposit", "arbitration", "campaign.not_worth"),
    ({}, "cash_management", "arbitration", "campaign.ranked_lower"),
    ({}, "renew_term_deposit", "final", None),
]


@pytest.fixture(scope="module")
def everybody(engine):
    """One run over all the people of ``STAGES``."""
    return run_campaign(engine, bank(*(person for person, *_ in STAGES)), told=definitions())


@pytest.mark.requirement("F2")
@pytest.mark.parametrize("number", range(len(STAGES)), ids=[f"{stage}-{rule}" for _, _, stage, rule in STAGES])
def test_each_stage_drops_with_the_rule_that_did_it(everybody, number):
    _, offer, stage, rule = STAGES[number]
    row = by_offer(everybody, f"c{number + 1}")[offer]
    assert (row["stage"], row["rule"]) == (stage, rule)
    assert row["is_final"] == (stage == "final")


@pytest.mark.requirement("F2")
def test_counts_over_the_stages_add_up_to_the_catalogue(everybody):
    rows = everybody["candidate"]
    assert len(rows) == len({(r["customer_id"], r["offer_id"]) for r in rows}) == len(STAGES) * OFFERS
    assert all((r["rule"] is None) == (r["stage"] == "final") for r in rows)
    assert max(Counter(r["customer_id"] for r in rows if r["is_final"]).values()) == 1

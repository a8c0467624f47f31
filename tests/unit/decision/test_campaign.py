"""A campaign's step on literal rows: channels, caps, limits, hold-out, the plan."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.decision.world import AS_OF, bank, by_offer, changed, definitions, run_campaign
from zhike.decision.arbitration import priority
from zhike.decision.definitions import Switches
from zhike.kernel.definitions import DefinitionSet
from zhike.kernel.hashing import assignment_share

pytestmark = pytest.mark.slow


def test_who_is_not_in_the_audience_is_no_candidate(engine):
    tables = bank({}, {})
    tables["segment_member"]["maturing_pool"][1]["to_on"] = dt.date(2025, 6, 28)
    out = run_campaign(engine, tables)
    assert {r["customer_id"] for r in out["candidate"]} == {"c1"}


def test_a_campaign_that_does_not_run_today_decides_nothing(engine):
    out = run_campaign(engine, bank({}), told=changed(ends_on=dt.date(2025, 6, 28)))
    assert out["candidate"] == out["next_action"] == out["decision_log"] == []


def test_the_channel_follows_value_then_habit_then_what_is_there(engine):
    small = {"maturing_30d_amount": Decimal(50000)}
    people = {
        "rm": {},
        "wecom": {"maturing_30d_amount": Decimal(199999)},
        "app_push": {**small, "digital_share_rate": 0.9},
        "app_push ": {**small, "has_wecom": False},
        "sms": {**small, "has_wecom": None, "has_mobile_bank": False},
    }
    out = run_campaign(engine, bank(*people.values()))
    chosen = [by_offer(out, f"c{i}")["renew_term_deposit"]["channel"] for i in range(1, 6)]
    assert chosen == [c.strip() for c in people]


def test_consent_for_one_channel_chooses_that_channel(engine):
    tables = bank({})
    tables["consent"][0]["channel"] = "sms"
    assert by_offer(run_campaign(engine, tables))["renew_term_deposit"]["channel"] == "sms"


def test_the_priority_is_the_product_of_its_factors(engine):
    row = by_offer(run_campaign(engine, bank({"_score": 0.5})))["renew_term_deposit"]
    assert (row["p_accept"], row["context_weight"], row["lever_weight"]) == (0.3, 1.2, 1.1)
    assert row["value_amount"] == Decimal("1800.00")
    assert row["priority"] == pytest.approx(0.3 * 1.2 * 1800 * 1.1)


@pytest.mark.parametrize("off", ["propensity", "context", "value", "levers"])
def test_each_factor_can_be_switched_off_and_is_then_one(engine, off):
    told = changed(switches={off: False}, offers=["renew_term_deposit"])
    row = by_offer(run_campaign(engine, bank({}), told=told))["renew_term_deposit"]
    expected = priority(0.3, 1.2, 1800.0, 1.1, switches=Switches(**{off: False}))
    assert row["priority"] == pytest.approx(expected)


def test_who_has_no_score_gets_the_campaigns_rate_or_drops_out(engine):
    row = by_offer(run_campaign(engine, bank({"_score": None})))["renew_term_deposit"]
    assert row["p_accept"] == pytest.approx(0.2 * 0.6)
    told = changed(propensity={"model": "maturity_leave"}, offers=["renew_term_deposit"])
    dropped = by_offer(run_campaign(engine, bank({"_score": None}), told=told))["renew_term_deposit"]
    assert (dropped["stage"], dropped["rule"]) == ("arbitration", "campaign.no_score")


def test_equal_priorities_go_to_the_smaller_offer_id(engine):
    told = changed(switches={"propensity": False, "context": False, "value": False, "levers": False})
    rows = by_offer(run_campaign(engine, bank({}), told=told))
    assert {o: r["rank"] for o, r in rows.items() if r["rank"]} == {
        "cash_management": 1,
        "large_cd": 2,
        "renew_term_deposit": 3,
    }


# ---- contact policy


def _contact(customer: str, channel: str, on: dt.date, **changes):
    return {
        "contact_id": f"{customer}{channel}{on}", "customer_id": customer, "recipient_id": customer, "campaign": "another", "channel": channel,
        "on": on, "planned_at": dt.datetime(on.year, on.month, on.day, 2), "state": "sent", **changes,
    }  # fmt: skip


def _history(key: str, channel: str, on: dt.date):
    return {
        "contact_id": f"{key}{channel}{on}", "source": "core", "source_key": key, "channel": channel, "purpose": "marketing", "on": on,
        "recorded_at": dt.datetime(on.year, on.month, on.day, 15),
    }  # fmt: skip


@pytest.mark.requirement("G5")
def test_a_call_this_week_by_any_sender_moves_the_next_contact_to_another_channel(engine):
    link = [{"source": "core", "source_key": "k1", "customer_id": "c1", "customer_no": 1, "linked_by": "single"}]
    tables = bank({}, contact_history=[_history("k1", "call_centre", AS_OF)], identity_link=link)
    assert by_offer(run_campaign(engine, tables))["renew_term_deposit"]["channel"] == "wecom"
    tables = bank({}, contact=[_contact("c1", "voice_bot", AS_OF)])
    assert by_offer(run_campaign(engine, tables))["renew_term_deposit"]["channel"] == "wecom"


@pytest.mark.requirement("G5")
def test_a_recipient_at_the_overall_cap_is_not_planned(engine):
    made = [_contact("c1", "app_push", AS_OF - dt.timedelta(days=d)) for d in (1, 2, 3)]
    out = run_campaign(engine, bank({}, contact=made))
    row = by_offer(out)["renew_term_deposit"]
    assert (row["stage"], row["rule"]) == ("contact_policy", "cap.any_7d")
    assert out["next_action"] == []


def test_refused_and_failed_contacts_use_up_nothing(engine):
    made = [_contact("c1", "rm", AS_OF, state=s, contact_id=s) for s in ("refused", "failed")]
    assert by_offer(run_campaign(engine, bank({}, contact=made)))["renew_term_deposit"]["channel"] == "rm"


def test_nobody_is_contacted_twice_by_one_campaign_within_its_rest(engine):
    recent = _contact("c1", "sms", AS_OF - dt.timedelta(days=20), campaign="deposit_maturity")
    row = by_offer(run_campaign(engine, bank({}, contact=[recent])))["renew_term_deposit"]
    assert (row["stage"], row["rule"]) == ("contact_policy", "campaign.repeated")
    planned = run_campaign(engine, bank({}), as_of=AS_OF - dt.timedelta(days=1))["next_action"]
    again = run_campaign(engine, bank({}), previous={"next_action": {"deposit_maturity": planned}})
    assert by_offer(again)["renew_term_deposit"]["rule"] == "campaign.repeated"


def test_a_contact_planned_by_a_campaign_that_goes_first_counts_for_the_next(engine):
    looked = {"n_loan_page_30d": 2, "has_mobile_bank": False}
    tables = bank(looked, looked)
    loans = run_campaign(engine, tables, campaign="loan_offer")
    assert {r["stage"] for r in loans["candidate"]} == {"eligible"}  # not on the risk department's whitelist
    for row in tables["profile"]:
        row["whitelist_issued_on"] = AS_OF
    assert len(run_campaign(engine, tables, campaign="loan_offer")["candidate"]) == 2
    planned = [r for r in run_campaign(engine, tables)["next_action"] if r["customer_id"] == "c1"]
    after = run_campaign(engine, {**tables, "next_action": {"deposit_maturity": planned}}, campaign="loan_offer")
    rules = {r["customer_id"]: r["rule"] for r in after["candidate"]}
    assert rules["c1"] == "cap.any_day"
    assert rules["c2"] is None


def test_a_holiday_on_the_planned_day_closes_its_channels(engine):
    new_year = dt.date(2026, 2, 15)
    person = {"risk_assessed_on": dt.date(2026, 1, 1)}
    tables = bank(person)
    assert by_offer(run_campaign(engine, tables, as_of=new_year))["renew_term_deposit"]["channel"] == "wecom"


@pytest.mark.requirement("G6")
def test_an_offer_whose_words_promise_a_gift_is_refused_for_everybody(engine):
    told = definitions()
    spoiled = []
    for d in told.definitions:
        if d.key == "renew_term_deposit":
            texts = {
                c: {"zh": "存5万送食用油。拒收请回复R", "en": "Renew. Reply STOP to refuse"}
                for c in d.body["content"]["texts"]
            }
            body = {**d.body, "content": {**d.body["content"], "texts": texts}}
            spoiled.append(replace(d, body=body, hash="spoiled"))
        else:
            spoiled.append(d)
    out = run_campaign(engine, bank({}, {}), told=DefinitionSet(tuple(spoiled), told.parameters))
    assert {r["rule"] for r in out["candidate"] if r["offer_id"] == "renew_term_deposit"} == {"content.deposit_gift"}
    assert "renew_term_deposit" not in {r["offer_id"] for r in out["next_action"]}


# ---- limits over all customers


def test_capacity_keeps_the_best_and_names_the_rest(engine):
    people = [{"_score": 0.2 + i / 10} for i in range(5)]
    out = run_campaign(engine, bank(*people), told=changed(capacity={"rm": 2}, offers=["renew_term_deposit"]))
    final = {r["customer_id"] for r in out["candidate"] if r["is_final"]}
    assert final == {"c4", "c5"}
    assert {r["rule"] for r in out["candidate"] if not r["is_final"]} == {"campaign.over_capacity"}


def test_the_budget_is_never_exceeded(engine):
    out = run_campaign(
        engine, bank(*[{} for _ in range(5)]), told=changed(budget_amount="40", offers=["renew_term_deposit"])
    )
    assert sum(r["cost_amount"] for r in out["candidate"] if r["is_final"]) == Decimal("30.00")
    assert {r["rule"] for r in out["candidate"] if not r["is_final"]} == {"campaign.over_budget"}


# ---- hold-out and plan


@pytest.mark.requirement("J1")
def test_only_those_who_came_through_are_split_and_the_held_out_are_not_planned(engine):
    people = [{} for _ in range(30)] + [{"age": 17}]
    out = run_campaign(engine, bank(*people))
    arms = {r["customer_id"]: r["arm"] for r in out["assignment"]}
    assert set(arms) == {f"c{i}" for i in range(1, 31)}
    assert {c for c, arm in arms.items() if arm == "control"} == {
        c for c in arms if assignment_share("deposit_maturity", c) < 0.2
    }
    assert {r["customer_id"] for r in out["next_action"]} == {c for c, arm in arms.items() if arm == "treatment"}
    assert all(r["holdout_rate"] == 0.2 and r["assigned_on"] == AS_OF for r in out["assignment"])


@pytest.mark.requirement("J1")
def test_an_earlier_assignment_stands_whatever_the_rate_is_now(engine):
    people = [{} for _ in range(12)]
    first = run_campaign(engine, bank(*people), as_of=AS_OF - dt.timedelta(days=10))["assignment"]
    again = run_campaign(
        engine,
        bank(*people),
        previous={"assignment": {"deposit_maturity": first}},
        told=changed(holdout_rate=0.9, offers=["renew_term_deposit"]),
    )["assignment"]
    assert {r["customer_id"]: r for r in again} == {r["customer_id"]: r for r in first}


def test_the_plan_says_when_how_and_why_in_both_languages(engine):
    action = next(iter(run_campaign(engine, bank({}))["next_action"]))
    assert action["planned_at"] == dt.datetime(2025, 6, 30, 1, 30)  # 09:30 in Shanghai
    assert "30万元" in action["reason_zh"]
    assert "2025-07-08" in action["reason_zh"]
    assert "50%" in action["reason_zh"]
    assert "近30天利率页浏览 4" in action["reason_zh"]
    assert "CNY 300K" in action["reason_en"]
    assert action["talking_points_zh"].count("；") == action["talking_points_en"].count(";") == 2
    assert action["content_version"] == "renew_term_deposit.1"


def test_a_company_is_planned_to_the_person_who_may_receive(engine):
    tables = bank({"party_kind": "company", "age": None, "_control": {"recipient_id": "c2"}, "_consent": None}, {})
    out = run_campaign(engine, tables)
    action = next(r for r in out["next_action"] if r["customer_id"] == "c1")
    assert action["recipient_id"] == "c2"
    nobody = bank({"party_kind": "company", "_control": {"recipient_id": None}})
    assert by_offer(run_campaign(engine, nobody))["renew_term_deposit"]["rule"] == "policy.no_recipient"

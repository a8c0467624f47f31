"""The order of gates, what each says, and that doubt is a no."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from tests.unit.policy.world import AT, GRANTED, PLAIN, facts, policy, request
from zhike.kernel.errors import BadInput
from zhike.kernel.terms import Channel, ProductRisk, Purpose
from zhike.policy import Facts, InMemoryContactCounters, Permit, ProductLine, Refusal
from zhike.policy.terms import ConsentEntry, ConsentState, ContactMade, Stage

DAY = dt.timedelta(days=1)


def _refused(answer: Permit | Refusal) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


def test_a_customer_about_whom_nothing_speaks_gets_a_permit_that_names_the_rules():
    permit = policy().decide(request(), facts(), AT)
    assert isinstance(permit, Permit)
    assert any(rule.startswith("marketing_consent@") for rule in permit.rules)
    assert any(rule.startswith("marketing_caps@") for rule in permit.rules)
    assert permit.expires_at == AT + dt.timedelta(minutes=10)


@pytest.mark.requirement("F2")
@pytest.mark.parametrize(
    ("change", "rule", "stage"),
    [
        ({"deceased_on": dt.date(2025, 5, 1)}, "deceased", Stage.HARD),
        ({"age": 17}, "minor", Stage.HARD),
        ({"age": None}, "minor", Stage.HARD),
        ({"has_do_not_contact": True}, "do_not_contact", Stage.HARD),
        ({"has_complaint_open": True}, "complaint_open", Stage.HARD),
        ({"has_judicial_freeze": True}, "judicial_freeze", Stage.HARD),
        ({"has_fraud_control": True}, "fraud_control", Stage.HARD),
        ({"has_aml_high_risk": True}, "aml_high_risk", Stage.HARD),
        ({"has_sanctioned": True}, "sanctioned", Stage.HARD),
        ({"has_litigation": True}, "litigation", Stage.HARD),
        ({"has_legal_dispute": True}, "litigation", Stage.HARD),
        ({"has_account_inactive": True}, "account_inactive", Stage.HARD),
        ({"id_expires_on": dt.date(2025, 6, 1)}, "certificate_expired", Stage.HARD),
        ({"is_staff": True}, "staff", Stage.HARD),
        ({"last_negative_answer_on": dt.date(2025, 6, 20)}, "contact_fatigue", Stage.CONTACT_POLICY),
        ({"contacts_marketing_60d": 5, "last_marketing_on": dt.date(2025, 6, 20)}, "contact_fatigue", Stage.CONTACT_POLICY),
    ],
)  # fmt: skip
def test_each_global_exclusion_refuses_with_its_own_rule(change, rule, stage):
    refusal = _refused(policy().decide(request(), facts(**change), AT))
    assert (refusal.rule.key, refusal.stage) == (rule, stage)
    assert refusal.reason.zh
    assert refusal.reason.en


def test_a_positive_answer_keeps_fatigue_away():
    told = facts(contacts_marketing_60d=5, last_marketing_on=dt.date(2025, 6, 20), positive_answers_60d=1)
    assert isinstance(policy().decide(request(), told, AT), Permit)


def test_a_closed_complaint_rests_thirty_days_and_says_until_when():
    refusal = _refused(policy().decide(request(), facts(complaint_closed_on=dt.date(2025, 6, 10)), AT))
    assert refusal.rule.key == "complaint_closed"
    assert refusal.until == dt.datetime(2025, 7, 9, 16, tzinfo=dt.UTC)  # 10 July 00:00 in Shanghai
    later = dt.datetime(2025, 7, 10, 2, tzinfo=dt.UTC)
    told = facts(at=later, complaint_closed_on=dt.date(2025, 6, 10))
    assert isinstance(policy().decide(request(), told, later), Permit)


@pytest.mark.requirement("K1")
def test_without_consent_nothing_is_sent_and_silence_is_not_consent():
    refusal = _refused(policy().decide(request(), facts(consent=()), AT))
    assert (refusal.rule.key, refusal.stage) == ("marketing_consent", Stage.CONSENT)


@pytest.mark.requirement("K1")
def test_a_withdrawal_holds_from_the_second_it_is_written():
    gone = ConsentEntry("e2", "c1", "app_push", Purpose.MARKETING, ConsentState.WITHDRAWN, AT.date(), at=AT)
    refusal = _refused(policy().decide(request(), facts(consent=(GRANTED, gone)), AT + dt.timedelta(seconds=1)))
    assert refusal.rule.key == "withdrawal_honoured"
    other_channel = request(channel=Channel.WECOM)
    assert isinstance(policy().decide(other_channel, facts(consent=(GRANTED, gone)), AT), Permit)


@pytest.mark.requirement("K1")
def test_who_switches_profiling_off_gets_no_personalised_offer_but_still_service_notices():
    off = ConsentEntry("e2", "c1", "*", Purpose.PROFILING, ConsentState.WITHDRAWN, dt.date(2025, 6, 1))
    told = facts(consent=(GRANTED, off))
    assert _refused(policy().decide(request(), told, AT)).rule.key == "profiling_choice"
    notice = request(
        purpose=Purpose.SERVICE, product_line=ProductLine.SERVICE, content_texts=("您的定期存款明日到期。",)
    )
    assert isinstance(policy().decide(notice, told, AT), Permit)


def test_service_notices_need_no_marketing_consent_but_carry_no_offer():
    notice = request(
        purpose=Purpose.SERVICE, product_line=ProductLine.SERVICE, content_texts=("您的定期存款明日到期。",)
    )
    assert isinstance(policy().decide(notice, facts(consent=()), AT), Permit)
    smuggled = dataclasses.replace(notice, content_texts=("您的定期存款明日到期，专享利率等您。",))
    refusal = _refused(policy().decide(smuggled, facts(consent=()), AT))
    assert (refusal.rule.key, refusal.stage) == ("service_notice", Stage.CONTENT)


WARNED = ("固收类理财，理财非存款，产品有风险，投资须谨慎。",)


def _wealth(grade: ProductRisk, **changes):
    return request(
        product_line=ProductLine.INVESTMENT, product_class="fixed_income", product_grade=grade, content_texts=WARNED, **changes
    )  # fmt: skip


@pytest.mark.requirement("F2")
@pytest.mark.parametrize("c", range(1, 6))
@pytest.mark.parametrize("r", range(1, 6))
def test_a_product_riskier_than_the_customer_is_refused(c, r):
    answer = policy().decide(_wealth(ProductRisk(f"R{r}")), facts(risk_grade=f"C{c}"), AT)
    if r > c:
        assert _refused(answer).rule.key == "risk_match_2021"
    else:
        assert isinstance(answer, Permit)


def test_the_newer_suitability_rule_speaks_from_its_day_on():
    later = dt.datetime(2026, 2, 2, 2, 0, tzinfo=dt.UTC)
    told = facts(at=later, risk_grade="C1", risk_assessed_on=dt.date(2026, 1, 1))
    refusal = _refused(policy().decide(_wealth(ProductRisk.R3), told, later))
    assert (refusal.rule.key, refusal.rule.is_verified) == ("risk_match", False)
    assert refusal.rule.effective_from == dt.date(2026, 2, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"risk_grade": None},
        {"risk_assessed_on": None},
        {"risk_assessed_on": dt.date(2024, 6, 1)},
        {"risk_expires_on": dt.date(2025, 6, 29)},
    ],
)
def test_without_a_risk_test_in_force_no_investment_is_offered(change):
    refusal = _refused(policy().decide(_wealth(ProductRisk.R1), facts(**change), AT))
    assert refusal.stage is Stage.SUITABILITY


def test_from_sixty_five_a_risky_product_needs_a_review_by_a_person():
    told = facts(age=67, risk_grade="C4")
    assert _refused(policy().decide(_wealth(ProductRisk.R3), told, AT)).rule.key == "senior_review"
    assert isinstance(policy().decide(_wealth(ProductRisk.R2), told, AT), Permit)
    reviewed = _wealth(ProductRisk.R3, reviews=frozenset({"senior"}))
    assert isinstance(policy().decide(reviewed, told, AT), Permit)


def _loan(**changes):
    told = {
        "product_line": ProductLine.LOAN,
        "product_class": "consumer_loan",
        "content_texts": ("消费贷款，年化利率3.6%起，以审批为准。",),
    }
    return request(**{**told, **changes})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"arrears_days": 1}, "loan_arrears"),
        ({"arrears_days_24m": 31}, "loan_arrears"),
        ({"five_class_worst": "special_mention"}, "loan_five_class"),
        ({"is_student": True}, "loan_student"),
        ({"district": "379999"}, "loan_out_of_area"),
        ({"district": None}, "loan_out_of_area"),
        ({"has_related_party": True}, "loan_related_party"),
        ({"whitelist_issued_on": dt.date(2025, 5, 1)}, "consumer_loan_whitelist"),
        ({"has_credit_watch": True}, "credit_watch_review"),
    ],
)
def test_each_lending_exclusion_refuses_loans_and_leaves_deposits_alone(change, rule):
    assert _refused(policy().decide(_loan(), facts(**change), AT)).rule.key == rule
    assert isinstance(policy().decide(request(), facts(**change), AT), Permit)


def test_a_manager_in_the_branch_may_speak_to_people_from_elsewhere():
    answer = policy().decide(_loan(channel=Channel.RM), facts(district="379999"), AT)
    assert isinstance(answer, Permit)


@pytest.mark.requirement("G5")
def test_a_capped_customer_is_refused_until_midnight():
    told = facts(contacts=(ContactMade(Channel.APP_PUSH, Purpose.MARKETING, AT - dt.timedelta(hours=1)),))
    refusal = _refused(policy().decide(request(), told, AT))
    assert (refusal.stage, refusal.details["cap"]) == (Stage.CONTACT_POLICY, "push_day")
    assert refusal.until == dt.datetime(2025, 6, 30, 16, tzinfo=dt.UTC)


def test_service_contacts_do_not_use_up_the_marketing_caps():
    told = facts(contacts=(ContactMade(Channel.APP_PUSH, Purpose.SERVICE, AT - dt.timedelta(hours=1)),))
    assert isinstance(policy().decide(request(), told, AT), Permit)


@pytest.mark.requirement("G5")
@pytest.mark.parametrize(("hour", "is_open"), [(7, False), (8, True), (20, True), (21, False), (23, False)])
def test_quiet_hours_are_the_recipients_own(hour, is_open):
    in_urumqi = dt.datetime(2025, 6, 30, hour, 30, tzinfo=dt.timezone(dt.timedelta(hours=6))).astimezone(dt.UTC)
    answer = policy().decide(request(timezone="Asia/Urumqi"), facts(at=in_urumqi), in_urumqi)
    assert isinstance(answer, Permit) == is_open


def test_a_permit_never_reaches_into_the_quiet_hours():
    at = dt.datetime(2025, 6, 30, 12, 57, tzinfo=dt.UTC)  # 20:57
    permit = policy().decide(request(), facts(at=at), at)
    assert isinstance(permit, Permit)
    assert permit.expires_at == dt.datetime(2025, 6, 30, 13, 0, tzinfo=dt.UTC)


@pytest.mark.requirement("G6")
def test_a_gift_for_a_deposit_is_refused_with_rule_source_and_date():
    refusal = _refused(policy().decide(request(content_texts=("存 5 万送食用油",)), facts(), AT))
    assert (refusal.rule.key, refusal.stage) == ("deposit_gift", Stage.CONTENT)
    assert "48号" in refusal.rule.source
    assert refusal.rule.effective_from == dt.date(2018, 6, 8)
    assert refusal.details["found"] == "存 5 万送食用油"


def test_words_that_nobody_approved_are_not_sent():
    refusal = _refused(policy().decide(request(is_content_approved=False), facts(), AT))
    assert refusal.rule.key == "policy.content_not_approved"


# ---- fails closed


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_a_fact_that_is_not_given_is_a_no(name):
    told = {k: v for k, v in PLAIN.items() if k != name}
    answer = policy().decide(_loan(), Facts(AT, told, told, (GRANTED,)), AT)
    unused = {"party_kind", "risk_grade", "risk_assessed_on", "risk_expires_on", "has_complaint_closed"}
    if name in unused:
        assert isinstance(answer, Permit)
    else:
        assert _refused(answer).rule.key == "policy.fact_missing"
        assert name in _refused(answer).details["facts"]


@pytest.mark.parametrize(
    "known_at", [AT - dt.timedelta(minutes=6), AT + dt.timedelta(minutes=1), AT.replace(tzinfo=None)]
)
def test_old_future_or_naive_facts_are_a_no(known_at):
    told = dataclasses.replace(facts(), known_at=known_at)
    assert _refused(policy().decide(request(), told, AT)).rule.key == "policy.clock"


def test_a_naive_clock_an_unknown_zone_or_nonsense_is_a_no_and_never_an_exception():
    assert _refused(policy().decide(request(), facts(), AT.replace(tzinfo=None))).rule.key == "policy.clock"
    assert _refused(policy().decide(request(timezone="Nowhere/Land"), facts(), AT)).rule.key == "policy.not_asked"
    assert _refused(policy().decide(request(), facts(age="forty"), AT)).rule.key == "policy.not_asked"
    assert _refused(policy().decide(request(recipient_id=""), facts(), AT)).rule.key == "policy.no_recipient"


def test_a_purpose_without_a_legal_basis_in_force_is_a_no():
    elsewhere = dataclasses.replace(policy(), jurisdiction="XX", _days={})
    assert _refused(elsewhere.decide(request(), facts(), AT)).rule.key == "policy.no_legal_basis"
    long_ago = dt.datetime(2001, 5, 7, 4, 0, tzinfo=dt.UTC)
    assert _refused(policy().decide(request(), facts(at=long_ago), long_ago)).rule.key == "policy.no_legal_basis"


def test_a_jurisdiction_inside_another_keeps_the_outer_rules():
    florida = dataclasses.replace(policy(), jurisdiction="US-FL", _days={})
    keys = [p.ref.key for p in florida.on(AT.date()).contact_policies]
    assert {"telephone_hours_us", "telephone_hours_us_fl"} <= set(keys)
    assert "telephone_hours_us_tx" not in keys


# ---- the check that counts


def test_claiming_takes_the_place_so_that_the_second_of_two_claims_is_refused():
    counters = InMemoryContactCounters()
    first = policy().claim(request(request_id="a"), facts(), AT, counters)
    second = policy().claim(request(request_id="b"), facts(), AT, counters)
    assert isinstance(first, Permit)
    assert _refused(second).details["cap"] == "push_day"
    counters.release("a")
    assert isinstance(policy().claim(request(request_id="b"), facts(), AT, counters), Permit)


def test_claiming_the_same_contact_twice_takes_one_place():
    counters = InMemoryContactCounters()
    for _ in range(3):
        assert isinstance(policy().claim(request(), facts(), AT, counters), Permit)
    assert len(counters.contacts("c1", since=AT - DAY, until=AT + DAY)) == 1


def test_the_store_that_is_down_is_a_no():
    class Down(InMemoryContactCounters):
        def reserve(self, claim, caps):
            raise BadInput("test.down", zh="停机", en="down")

    assert _refused(policy().claim(request(), facts(), AT, Down())).rule.key == "policy.not_asked"

"""Offers and campaigns: mistakes are named, and the standard ones keep their own rules."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from tests.unit.decision.world import AS_OF, WORDS, changed, definitions, policy
from zhike.decision import compile_campaigns
from zhike.decision.calendar import plan_day
from zhike.decision.steps import make_plans
from zhike.kernel.definitions import DefinitionSet
from zhike.kernel.errors import BadInput, NotFound
from zhike.policy import ProductLine


def _with_offer(**changes) -> DefinitionSet:
    kept = [
        replace(d, body={**d.body, **changes}) if (d.kind, d.key) == ("offer", "renew_term_deposit") else d
        for d in definitions().definitions
    ]
    return DefinitionSet(tuple(kept), definitions().parameters)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"audience": {"segment": "maturing_pol"}}, "maturing_pool"),
        ({"propensity": {"model": "maturity_leaves"}}, "maturity_leaves"),
        ({"propensity": {}}, "either model or rate"),
        ({"holdout_rate": 1.0}, "holdout_rate"),
        ({"hold_out_rate": 0.2}, "did you mean holdout_rate"),
        ({"starts_on": dt.date(2025, 2, 1), "ends_on": dt.date(2025, 1, 1)}, "ends on or after"),
        ({"offers": ["large_cd", "large_cd"]}, "listed twice"),
        ({"reason_zh": "{maturing_30d_amout}到期"}, "did you mean maturing_30d_amount"),
        ({"context": [{"when": {"field": "age", "at_leest": 3}, "weight": 5}]}, "at_least"),
    ],
)
def test_a_malformed_campaign_names_what_is_wrong(change, says):
    with pytest.raises(BadInput) as error:
        make_plans(changed(**change), policy(), WORDS)
    assert says in str(error.value)


def test_an_unknown_offer_names_the_nearest():
    with pytest.raises(NotFound, match="large_cd"):
        compile_campaigns(changed(offers=["large_cds"]), WORDS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": {"field": "maturing_30d_product_class"}}, "must be an amount"),
        ({"value": {"field": "no_such_amount"}}, "no_such_amount"),
        ({"product_line": "investment"}, "need a product_grade"),
        ({"talking_points_en": []}, "both languages"),
        ({"channels": [{"channel": "email", "cost_amount": 1}]}, "no text for email"),
        ({"channels": [{"channel": "rm", "cost_amount": 1}, {"channel": "rm", "cost_amount": 2}]}, "listed twice"),
        ({"channels": [{"channel": "rm", "cost_amount": -1}]}, "cost_amount"),
    ],
)
def test_a_malformed_offer_names_what_is_wrong(change, says):
    with pytest.raises(BadInput) as error:
        compile_campaigns(_with_offer(**change), WORDS)
    assert says in str(error.value)


def test_two_campaigns_may_not_share_one_experiment():
    with pytest.raises(BadInput, match=r"decision\.experiment_twice"):
        make_plans(changed(experiment="loan_offer"), policy(), WORDS)


@pytest.mark.requirement("G6")
def test_the_words_of_every_standard_offer_pass_the_rules_of_today_and_of_the_coming_ones():
    for day in (AS_OF, dt.date(2026, 10, 1)):
        for campaign in compile_campaigns(definitions(), WORDS):
            for offer in campaign.offers:
                for channel, words in offer.definition.content.texts.items():
                    found = policy().check_texts(
                        (words.zh, words.en),
                        channel=channel,
                        purpose=campaign.definition.purpose,
                        product_line=offer.definition.product_line,
                        on=day,
                    )
                    assert not found, (offer.offer_id, channel, found)


def test_the_standard_campaigns_are_ordered_by_priority_and_stay_in_bounds():
    campaigns = compile_campaigns(definitions(), WORDS)
    assert [c.key for c in campaigns] == ["deposit_maturity", "loan_offer"]
    assert campaigns[0].definition.holdout_rate == 0.2
    for campaign in campaigns:
        for offer in campaign.offers:
            assert len(offer.definition.talking_points_zh) >= 3
            is_graded = offer.definition.product_line is ProductLine.INVESTMENT
            assert (offer.product_risk_level > 0) == is_graded


def test_contacts_are_planned_for_the_first_open_moment_of_the_planned_day():
    campaign = next(c for c in compile_campaigns(changed(plan_at="06:00"), WORDS) if c.key == "deposit_maturity")
    moments = plan_day(campaign, policy(), as_of=AS_OF).moments
    assert {m.isoformat() for m in moments.values()} == {"2025-06-30T00:00:00+00:00"}  # 08:00 in Shanghai
    late = next(c for c in compile_campaigns(changed(plan_at="21:30"), WORDS) if c.key == "deposit_maturity")
    day = plan_day(late, policy(), as_of=AS_OF)
    assert day.moments == {}
    assert set(day.closed.values()) == {"calendar.closed"}

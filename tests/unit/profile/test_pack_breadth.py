"""How much the standard pack knows: features and tags by subject, family and kind; and that nothing sensitive steers marketing."""

from __future__ import annotations

from collections import Counter

import pytest

from zhike.kernel.definitions import read_definitions
from zhike.kernel.terms import PartyKind
from zhike.profile.features import STANDARD, standard_features
from zhike.profile.tables import PROFILE
from zhike.profile.tags_reading import parse_tags
from zhike.profile.tags_vocabulary import profile_vocabulary

PERSON, COMPANY = PartyKind.PERSON, PartyKind.COMPANY
# health, arrears and grades of loans, debt, distress: facts by which nobody may be picked for marketing
NEVER_FOR_MARKETING = frozenset({
    "medical_spend_180d_amount", "medical_share_rate", "arrears_days", "arrears_days_12m", "arrears_days_24m", "five_class_rank",
    "debt_to_income_rate", "spend_to_income_rate", "card_full_paid_rate", "has_open_complaint", "n_complaints_12m", "registry_queried_on",
    "has_court_record", "deceased_on",
})  # fmt: skip


@pytest.fixture(scope="module")
def tags():
    definitions = read_definitions([STANDARD]).definitions
    return parse_tags(definitions, profile_vocabulary(PROFILE, definitions))


@pytest.mark.requirement("C1")
def test_a_person_is_known_by_a_hundred_and_fifty_features_and_a_company_by_sixty_of_its_own():
    found = standard_features().features
    about = {kind: [f for f in found if not f.subjects or kind in f.subjects] for kind in PartyKind}
    assert len(about[PERSON]) >= 150
    assert len(about[COMPANY]) >= 60
    own = {kind: [f for f in found if kind in f.subjects] for kind in PartyKind}
    assert len(own[PERSON]) >= 60  # that say nothing about companies
    assert len(own[COMPANY]) >= 60  # that say nothing about persons


@pytest.mark.requirement("C1")
def test_every_feature_is_explained_in_both_languages():
    for feature in standard_features().features:
        assert all([feature.zh, feature.en, feature.meaning_zh, feature.meaning_en]), feature.key
        assert any("一" <= c <= "鿿" for c in feature.meaning_zh), feature.key


@pytest.mark.requirement("C3")
def test_the_six_families_and_five_kinds_are_all_there(tags):
    families = Counter(t.definition.family for t in tags.values())
    assert len(tags) >= 150
    assert min(families.values()) >= 20, families
    assert max(families.values()) <= 2 * min(families.values()), families
    assert {t.definition.kind for t in tags.values()} == {"rule", "statistical", "model", "manual", "event"}


@pytest.mark.requirement("C4")
def test_the_tags_that_the_field_expects_are_there(tags):
    expected = {
        "high_value_potential", "first_purchase", "repeat_purchase", "high_frequency", "dormant_stable", "high_churn_risk", "digital_native",
        "branch_dependent", "wechat_habit", "deposit_inclination", "invest_inclination", "transfer_inclination", "credit_inclination",
        "price_sensitive", "safety_seeking", "quick_pay_active", "savings_bond_buyer", "cross_border_active", "acquiring_merchant",
        "certificate_expiring", "insurance_gap", "card_sleeping", "tax_authorised", "specialised_sme", "fund_in_loss", "complaint_repeat",
    }  # fmt: skip
    assert expected <= tags.keys()


@pytest.mark.requirement("C3")
def test_nothing_is_marketed_by_health_arrears_debt_or_distress(tags):
    known = {f.key: f for f in standard_features().features}

    def reads(names):
        todo, seen = list(names), set()
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += known[name].needs if name in known else ()
        return seen

    for tag in tags.values():
        if tag.definition.use == "marketing" and tag.key != "approved_undrawn":  # which asks that there be no arrears
            touched = reads(tag.names().fields) & NEVER_FOR_MARKETING
            assert not touched, f"{tag.key}: {touched}"


@pytest.mark.requirement("C3")
def test_what_is_never_for_marketing_is_marked_sensitive():
    for feature in standard_features().features:
        if feature.key.startswith("medical") or feature.key in (
            "debt_to_income_rate",
            "card_full_paid_rate",
            "n_complaints_12m",
        ):
            assert feature.privacy == "sensitive", feature.key


@pytest.mark.requirement("C3")
def test_tags_of_persons_that_read_money_are_marked_as_personal_financial_data(tags):
    known = {f.key: f for f in standard_features().features}
    for tag in tags.values():
        if PERSON in tag.definition.subjects and tag.definition.use == "marketing":
            reads_money = any(known[n].privacy == "sensitive" for n in tag.names().fields if n in known)
            assert not reads_money or tag.definition.sensitivity == "sensitive", tag.key

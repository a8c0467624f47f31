"""Model definitions and the leak guard: what is refused by name, with what message."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tests.unit.scores.example import FEATURES, bank_rows, model, model_body
from zhike.kernel.definitions import Definition, DefinitionSet, read_definitions
from zhike.kernel.errors import BadInput, NotFound
from zhike.profile.features import STANDARD, standard_features
from zhike.profile.tables import PROFILE
from zhike.scores.compiled import compile_model, features_of
from zhike.scores.definition import model_in, parse_model, parse_models
from zhike.scores.leaks import choose_features, refuse_later_days, telling_features
from zhike.scores.terms import Feature, FeatureKind, Rows
from zhike.warehouse.contracts import Contract, Personal, amount, code, day, text

AFTER = Feature("duration", FeatureKind.NUMBER, "通话时长", "Duration", known_on="after")


def _definition(body: dict, key: str = "leaves") -> Definition:
    return Definition("model", key, {k: v for k, v in body.items() if k != "key"}, "models/own.yaml", 7, "h")


def test_a_misspelt_field_is_named_with_line_and_nearest():
    with pytest.raises(BadInput, match=r"models/own.yaml:7 leaves.populaton") as caught:
        parse_model(_definition({**model_body(), "populaton": {}}))
    assert "did you mean population?" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"population": None}, "needs population"),
        ({"evaluation": {"kind": "rolling", "train_rows": 100, "predict_rows": 10}}, "time_split"),
        ({"learners": []}, "at least one learner"),
        ({"cutoffs": {"n": 1}}, "greater than or equal to 2"),
    ],
)
def test_a_model_of_neither_kind_is_refused(change, said):
    with pytest.raises(BadInput, match=said):
        parse_model(_definition({**model_body(), **change}))


def test_all_malformed_models_are_told_at_once():
    wrong = [_definition({**model_body(), "owner": 3}, "one"), _definition({**model_body(), "zh": 4}, "two")]
    with pytest.raises(BadInput) as caught:
        parse_models(DefinitionSet(tuple(wrong), {}))
    assert {f.where.split()[1] for f in caught.value.findings} == {"one.owner", "two.zh"}


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(NotFound) as caught:
        model_in(read_definitions([STANDARD]), "maturity_leaf")
    assert "maturity_leave" in caught.value.todo_en


@pytest.mark.requirement("E1")
def test_a_feature_known_only_after_the_decision_is_refused_when_asked_for_and_left_out_otherwise():
    used, left = choose_features(model(), [*FEATURES, AFTER])
    assert AFTER not in used
    assert [(x.feature, x.en) for x in left] == [("duration", "known only after the decision")]
    with pytest.raises(BadInput, match="duration: known only after the decision"):
        choose_features(model(features=["duration", "city"]), [*FEATURES, AFTER])


def test_a_sensitive_or_excluded_feature_is_left_out_with_its_reason():
    health = Feature("health", FeatureKind.CATEGORY, "健康", "Health", is_sensitive=True)
    used, left = choose_features(
        model(excluded={"city": {"zh": "地区公平", "en": "regional fairness"}}), [*FEATURES, health]
    )
    assert {f.name for f in used} == {"balance_amount", "n_logins", "has_app", "opened_on"}
    assert {x.feature: x.en for x in left} == {
        "city": "regional fairness",
        "health": "sensitive personal data, may not enter a model",
    }


def test_an_unknown_feature_names_the_nearest():
    with pytest.raises(BadInput) as caught:
        choose_features(model(features=["balance_amont"]), FEATURES)
    assert "did you mean balance_amount?" in str(caught.value)


def test_a_day_after_the_cutoff_is_refused_unless_it_is_scheduled():
    days = pa.table({"opened_on": [5, -1, None], "maturing_on": [-3, -9, None]})
    opened = Feature("opened_on", FeatureKind.DAY, "", "")
    scheduled = Feature("maturing_on", FeatureKind.DAY, "", "", is_scheduled=True)
    refuse_later_days(days, [scheduled])
    with pytest.raises(BadInput, match="opened_on: 1 values lie after the cutoff"):
        refuse_later_days(days, [opened, scheduled])


def test_a_feature_that_alone_gives_the_outcome_away_is_named():
    rows = bank_rows(1_000)
    told = rows.features.append_column("closed_in_window", pa.array(rows.outcomes))
    features = (*FEATURES, Feature("closed_in_window", FeatureKind.NUMBER, "", ""))
    found = telling_features(Rows(told, rows.outcomes), features, above=0.95)
    assert found == (("closed_in_window", 1.0),)


def test_profile_columns_become_features_by_kind_and_personal_class():
    profile = Contract(
        "profile", "profile", "", "", key=("customer_id",),
        columns=(
            text("customer_id", "", ""), amount("aum_amount", "", "", personal=Personal.SENSITIVE), code("illness", "", "", personal=Personal.SENSITIVE),
            day("maturing_30d_first_on", "", ""), day("opened_on", "", ""), text("note", "", ""),
        ),
    )  # fmt: skip
    found = {f.name: f for f in features_of(profile)}
    assert set(found) == {"aum_amount", "illness", "maturing_30d_first_on", "opened_on"}
    assert found["illness"].is_sensitive
    assert not found["aum_amount"].is_sensitive
    assert found["maturing_30d_first_on"].is_scheduled
    assert not found["opened_on"].is_scheduled


def test_a_label_may_compare_with_the_cutoff_but_a_population_may_not_look_ahead():
    later = {"zh": "", "en": "", "horizon_days": 30, "rule": {"field": "age", "above": {"field": "age_at_cutoff"}}}
    compiled = compile_model(_definition(model_body()), model(population={"everyone": True}, label=later), PROFILE)
    assert compiled.later_fields == {"age"}
    assert compiled.carried_fields == {"age"}
    ahead = model(population={"field": "age_at_cutoff", "above": 3}, label=later)
    with pytest.raises(BadInput, match="age_at_cutoff"):
        compile_model(_definition(model_body()), ahead, PROFILE)


def test_the_standard_models_compile_and_are_named_in_both_languages():
    compiled = [compile_model(d, m, PROFILE) for d, m in parse_models(read_definitions([STANDARD]))]
    assert {c.key for c in compiled} >= {"maturity_leave", "high_churn", "first_loan"}
    for c in compiled:
        assert c.model.zh
        assert c.model.limits is not None
        assert {f.name for f in c.features} <= set(standard_features().names)
        assert not {"sex", "district", "marital_status"} & {f.name for f in c.features}


def test_the_example_without_customers_parses():
    conf = Path(__file__).parents[3] / "examples" / "bank_marketing" / "conf"
    found = model_in(read_definitions([conf]), "term_deposit")
    assert found.dataset is not None
    assert found.dataset.fields["duration"].known_on == "after"

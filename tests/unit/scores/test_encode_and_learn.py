"""Coding and learners: what they keep, what they give back, and that neither depends on chance."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.scores.example import FEATURES, bank_rows
from zhike.kernel.errors import ContractBroken, NotEstimable
from zhike.scores.encode import coding_from_json, encode_for_trees, encode_linear, learn_coding
from zhike.scores.learners import fit_model, model_from_text
from zhike.scores.terms import Feature, FeatureKind, Rows
from zhike.statistics.discrimination import rank_outcomes, roc_auc

TRAIN, LATER = bank_rows(3_000, 1), bank_rows(2_000, 2)
CODING = learn_coding(TRAIN, FEATURES)


def test_the_linear_design_is_standardised_on_the_training_rows():
    design = encode_linear(TRAIN, CODING)
    varies = design.std(axis=0) > 0
    assert np.abs(design.mean(axis=0)).max() < 1e-9
    assert design.std(axis=0)[varies] == pytest.approx(1.0)


def test_a_gap_is_filled_with_the_median_and_flagged():
    column = next(c for c in CODING.columns if c.name == "n_logins")
    present = TRAIN.features.column("n_logins").drop_null().to_numpy()
    assert column.has_gaps
    assert column.fill == np.median(present)
    assert column.width == 2


def test_a_code_never_seen_is_other_and_a_missing_one_is_missing():
    rows = Rows(pa.table({"city": pa.array(["a", "zzz", None])}))
    coding = learn_coding(TRAIN, [f for f in FEATURES if f.name == "city"])
    trees = encode_for_trees(rows, coding)[:, 0]
    assert trees[0] == 0
    assert trees[1] == len(coding.columns[0].levels)
    assert np.isnan(trees[2])


def test_a_rare_code_is_no_level_of_its_own():
    rows = Rows(pa.table({"city": ["a"] * 50 + ["rare"] * 3}))
    assert learn_coding(rows, [Feature("city", FeatureKind.CATEGORY, "", "")]).columns[0].levels == ("a",)


def test_a_feature_without_variation_or_values_is_harmless():
    rows = Rows(pa.table({"x": pa.nulls(30, pa.float64()), "y": pa.array([2.0] * 30)}), np.arange(30) % 2.0)
    coding = learn_coding(rows, [Feature(n, FeatureKind.NUMBER, "", "") for n in "xy"])
    assert np.isfinite(encode_linear(rows, coding)).all()


def test_a_missing_feature_column_is_named():
    with pytest.raises(ContractBroken, match="city"):
        encode_for_trees(Rows(TRAIN.features.drop_columns(["city"])), CODING)


def test_decimal_amounts_are_read_as_numbers():
    rows = Rows(pa.table({"x": pa.array(["1.50", "2.25"]).cast(pa.decimal128(18, 2))}))
    coding = learn_coding(rows, [Feature("x", FeatureKind.NUMBER, "", "")])
    assert encode_for_trees(rows, coding)[:, 0].tolist() == [1.5, 2.25]


@pytest.mark.parametrize("learner", ["logistic", "lightgbm"])
def test_a_learner_finds_the_planted_order_on_later_rows(learner):
    fitted = fit_model(learner, TRAIN, CODING)
    assert roc_auc(rank_outcomes(LATER.outcomes, fitted.predict(LATER, CODING))) > 0.75


@pytest.mark.parametrize("learner", ["logistic", "lightgbm"])
def test_text_and_json_give_the_model_back_exactly(learner):
    fitted = fit_model(learner, TRAIN, CODING)
    again = model_from_text(learner, fitted.to_text())
    coding = coding_from_json(json.loads(json.dumps(CODING.to_json())))
    assert (again.predict(LATER, coding) == fitted.predict(LATER, CODING)).all()
    assert (again.contributions(LATER, coding) == fitted.contributions(LATER, CODING)).all()


@pytest.mark.parametrize("learner", ["logistic", "lightgbm"])
def test_contributions_and_a_constant_make_up_the_log_odds(learner):
    fitted = fit_model(learner, TRAIN, CODING)
    p = fitted.predict(LATER, CODING)
    rest = np.log(p / (1 - p)) - fitted.contributions(LATER, CODING).sum(axis=1)
    assert np.ptp(rest) < 1e-6


def test_trees_do_not_depend_on_the_number_of_threads():
    one, two = (fit_model("lightgbm", TRAIN, CODING, threads=n).to_text() for n in (1, 2))
    assert one == two


def test_too_few_of_an_outcome_are_not_learned_from():
    rows = TRAIN.take(slice(0, 60))
    few = Rows(rows.features, np.where(np.arange(60) < 5, 1.0, 0.0))
    with pytest.raises(NotEstimable, match="too_few_outcomes"):
        fit_model("logistic", few, CODING)


@pytest.mark.parametrize("learner", ["logistic", "lightgbm"])
def test_a_file_that_is_no_model_is_refused(learner):
    with pytest.raises(ContractBroken, match="artifact_unreadable"):
        model_from_text(learner, "{}")


def test_no_rows_are_scored_without_fuss():
    nobody = LATER.take(slice(0, 0))
    for learner in ("logistic", "lightgbm"):
        fitted = fit_model(learner, TRAIN, CODING)
        assert fitted.predict(nobody, CODING).shape == (0,)
        assert fitted.contributions(nobody, CODING).shape == (0, len(FEATURES))

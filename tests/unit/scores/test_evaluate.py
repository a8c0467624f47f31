"""Evaluation, calibration, doubts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.scores.calibrate import (
    Calibrator,
    calibration_error,
    calibration_table,
    calibrator_from_json,
    fit_calibrator,
)
from zhike.scores.evaluate import evaluate_scores

GENERATOR = np.random.default_rng(11)
TRUTH = GENERATOR.random(6_000) * 0.6
OUTCOMES = (GENERATOR.random(6_000) < TRUTH).astype(float)


def test_true_probabilities_are_calibrated_and_carry_no_doubt():
    found = evaluate_scores(TRUTH, OUTCOMES, base_rate_train=0.3, seed="truth")
    assert found.ece < 0.02
    assert not found.doubts
    assert found.auc.low < found.auc.estimate < found.auc.high
    assert found.gains[0] == (0.0, 0.0)
    assert found.gains[-1] == (1.0, 1.0)


def test_the_result_is_json():
    found = evaluate_scores(TRUTH, OUTCOMES, base_rate_train=0.3, seed="json")
    assert json.loads(json.dumps(found.to_json()))["auc"]["estimate"] == found.auc.estimate


def test_fewer_than_twenty_of_an_outcome_give_no_number():
    y = np.zeros(500)
    y[:19] = 1
    with pytest.raises(NotEstimable, match="too_few_to_evaluate") as caught:
        evaluate_scores(np.linspace(0, 1, 500), y, base_rate_train=0.1, seed="few")
    assert caught.value.facts["n_positives"] == 19


@pytest.mark.requirement("E1")
def test_an_order_too_good_to_be_true_asks_for_a_check():
    p = np.clip(OUTCOMES * 0.5 + TRUTH * 0.3, 0, 1)
    found = evaluate_scores(p, OUTCOMES, base_rate_train=0.3, seed="leak")
    assert found.is_suspicious
    assert "leak_checked" in found.doubts[0].en


def test_a_moved_base_rate_is_said():
    found = evaluate_scores(TRUTH, OUTCOMES, base_rate_train=0.1, seed="shift")
    assert any("moved" in d.en for d in found.doubts)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_calibration_brings_a_wrong_level_right_without_changing_the_order(method):
    wrong = TRUTH**2
    calibrator = fit_calibrator(wrong[:3_000], OUTCOMES[:3_000], method=method)
    right = calibrator.apply(wrong[3_000:])
    before = calibration_error(calibration_table(wrong[3_000:], OUTCOMES[3_000:]))
    after = calibration_error(calibration_table(right, OUTCOMES[3_000:]))
    assert after < before / 2
    assert (np.diff(right[np.argsort(wrong[3_000:])]) >= 0).all()


def test_a_calibrator_survives_json_exactly():
    for method in ("platt", "isotonic"):
        made = fit_calibrator(TRUTH, OUTCOMES, method=method)
        again = calibrator_from_json(json.loads(json.dumps(made.to_json())))
        assert (again.apply(TRUTH) == made.apply(TRUTH)).all()


def test_auto_takes_steps_only_from_many_outcomes_on():
    assert fit_calibrator(TRUTH, OUTCOMES).method == "isotonic"
    assert fit_calibrator(TRUTH[:800], OUTCOMES[:800]).method == "platt"
    assert fit_calibrator(TRUTH, OUTCOMES, method="none") == Calibrator("none")


def test_a_score_that_orders_the_wrong_way_is_flattened_not_turned_round():
    calibrator = fit_calibrator(1 - TRUTH, OUTCOMES, method="platt")
    assert calibrator.slope == 0
    assert calibrator.apply(TRUTH) == pytest.approx(np.full(len(TRUTH), OUTCOMES.mean()), abs=0.01)


def test_too_few_outcomes_are_not_calibrated():
    with pytest.raises(NotEstimable, match="calibrate"):
        fit_calibrator(TRUTH[:50], np.zeros(50))


def test_what_is_no_probability_is_refused():
    with pytest.raises(BadInput, match="not_a_probability"):
        calibration_table([0.1, 1.2], [0, 1])

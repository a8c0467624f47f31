"""Measures of order and level, against published numbers, scikit-learn, and hand calculation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from zhike.scores.calibrate import calibration_error, calibration_table, fit_calibrator
from zhike.statistics.discrimination import (
    alift,
    average_precision,
    capture_at,
    cumulative_gains,
    lift_at,
    rank_outcomes,
    roc_auc,
)

# Hanley & McNeil (1982), Radiology 143, table 1: ratings 1-5 of 58 normal and 51 abnormal CT images
NORMAL = (33, 6, 6, 11, 2)
ABNORMAL = (3, 2, 2, 11, 33)


def _drawn(seed: int, n: int = 3_000, levels: int = 40) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    score = generator.integers(0, levels, n) / levels
    return (generator.random(n) < 0.1 + 0.5 * score).astype(float), score


def test_the_area_under_hanley_and_mcneils_ratings_is_0_893():
    rating = np.repeat([1, 2, 3, 4, 5] * 2, [*NORMAL, *ABNORMAL])
    outcome = np.repeat([0, 1], [sum(NORMAL), sum(ABNORMAL)])
    assert round(roc_auc(rank_outcomes(outcome, rating)), 3) == 0.893


@pytest.mark.parametrize("seed", range(5))
def test_auc_and_average_precision_agree_with_scikit_learn_also_with_ties(seed):
    y, s = _drawn(seed)
    ranked = rank_outcomes(y, s)
    assert roc_auc(ranked) == pytest.approx(roc_auc_score(y, s), abs=1e-12)
    assert average_precision(ranked) == pytest.approx(average_precision_score(y, s), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_alift_is_what_the_gains_curve_and_the_auc_both_say(seed):
    y, s = _drawn(seed)
    ranked = rank_outcomes(y, s)
    base = y.mean()
    assert alift(ranked) == pytest.approx((1 - base) * roc_auc_score(y, s) + base / 2, abs=1e-12)


def test_moros_alift_follows_from_his_auc_and_base_rate():
    """Moro et al. (2014): AUC 0.80 with about a third of buyers in the test gives ALIFT 0.70, as they report."""
    base_rate = 1 / 3
    assert round((1 - base_rate) * 0.80 + base_rate / 2, 2) == 0.70


def test_gains_lift_and_capture_of_ten_rows_by_hand():
    y = [1, 1, 0, 1, 0, 0, 0, 0, 1, 0]
    ranked = rank_outcomes(y, np.arange(10, 0, -1))
    taken, found = cumulative_gains(ranked)
    assert taken[:4].tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
    assert found[:5].tolist() == pytest.approx([0, 0.25, 0.5, 0.5, 0.75])
    assert lift_at(ranked, 0.1) == pytest.approx(2.5)
    assert capture_at(ranked, 0.5) == pytest.approx(0.75)


def test_a_tied_group_is_cut_in_proportion():
    ranked = rank_outcomes([1, 0, 1, 0], [1, 1, 1, 1])
    assert capture_at(ranked, 0.25) == pytest.approx(0.25)
    assert roc_auc(ranked) == 0.5


def test_the_calibration_error_of_four_bins_by_hand():
    p = [0.1, 0.1, 0.3, 0.3, 0.6, 0.6, 0.9, 0.9]
    y = [0, 0, 0, 1, 1, 0, 1, 1]
    table = calibration_table(p, y, n_bins=4)
    assert [b.observed_rate for b in table] == [0.0, 0.5, 0.5, 1.0]
    assert calibration_error(table) == pytest.approx((0.1 + 0.2 + 0.1 + 0.1) / 4)


def test_platts_line_is_that_of_a_logistic_regression_on_many_rows():
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(3)
    z = generator.normal(size=40_000)
    y = (generator.random(len(z)) < 1 / (1 + np.exp(-(0.6 * z - 1)))).astype(float)
    fitted = fit_calibrator(1 / (1 + np.exp(-z)), y, method="platt")
    other = LogisticRegression(C=1e9, tol=1e-8).fit(z[:, None], y)
    assert fitted.slope == pytest.approx(other.coef_[0, 0], abs=2e-3)
    assert fitted.offset == pytest.approx(other.intercept_[0], abs=2e-3)

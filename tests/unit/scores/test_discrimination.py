"""Measures of order: refusals, resampling, addition."""

from __future__ import annotations

import numpy as np
import pytest

from zhike.kernel.errors import NotEstimable
from zhike.statistics.discrimination import bootstrap_ranked, rank_outcomes, resample_outcomes, roc_auc


def _ranked(n: int = 800, seed: int = 5):
    generator = np.random.default_rng(seed)
    score = generator.random(n)
    return rank_outcomes(generator.random(n) < score, score)


@pytest.mark.parametrize("outcomes", [[0, 0, 0], [1, 1, 1], []])
def test_one_kind_of_outcome_gives_no_number(outcomes):
    with pytest.raises(NotEstimable, match="one_outcome"):
        roc_auc(rank_outcomes(outcomes, np.arange(len(outcomes))))


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        rank_outcomes([0, 1], [0.1, float("nan")])


def test_a_resample_has_as_many_rows_and_only_known_scores():
    ranked = _ranked()
    drawn = resample_outcomes(ranked, np.random.default_rng(1))
    assert drawn.total == ranked.total
    assert drawn.scores is ranked.scores


def test_the_same_name_gives_the_same_interval_and_it_holds_the_estimate():
    ranked = _ranked()
    one, other = (bootstrap_ranked(ranked, {"auc": roc_auc}, seed="a")["auc"] for _ in range(2))
    assert one == other
    assert one.low < one.estimate < one.high
    assert bootstrap_ranked(ranked, {"auc": roc_auc}, seed="b")["auc"].low != one.low


def test_the_interval_of_an_auc_has_about_the_width_of_hanley_and_mcneils_formula():
    """Standard error by Hanley & McNeil (1982): another route to the same width."""
    ranked = _ranked(n=2_000)
    found = bootstrap_ranked(ranked, {"auc": roc_auc}, seed="width", n_draws=600)["auc"]
    a, n_yes = found.estimate, ranked.positives
    n_no = ranked.total - n_yes
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    error = np.sqrt((a * (1 - a) + (n_yes - 1) * (q1 - a * a) + (n_no - 1) * (q2 - a * a)) / (n_yes * n_no))
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.15)


def test_a_single_yes_is_too_few_for_an_interval_only_when_most_draws_lack_it():
    ranked = rank_outcomes([1] + [0] * 9, np.arange(10, 0, -1))
    assert bootstrap_ranked(ranked, {"auc": roc_auc}, seed="one")["auc"].estimate == 1.0

"""Intervals cover the truth about as often as they say, in bounded simulations with fixed seeds."""

import numpy as np
import pytest

from zhike.statistics import (
    Moments,
    Proportion,
    RatioSums,
    newcombe_difference,
    ratio_difference,
    seeded_generator,
    welch_difference,
)

ROUNDS = 800
NEAR_95 = (0.925, 0.975)  # ± 3.2 standard errors of a share of 800 rounds


@pytest.mark.requirement("J1")
@pytest.mark.parametrize(
    ("n_treated", "n_control", "p_treated", "p_control"), [(400, 100, 0.82, 0.75), (300, 80, 0.05, 0.03)]
)
def test_newcombe_covers_the_true_difference_of_rates(n_treated, n_control, p_treated, p_control):
    generator = seeded_generator("coverage", "newcombe", n_treated)
    hits = zip(
        generator.binomial(n_treated, p_treated, ROUNDS), generator.binomial(n_control, p_control, ROUNDS), strict=True
    )
    truth = p_treated - p_control
    covered = 0
    for one, two in hits:
        difference = newcombe_difference(Proportion(n_treated, int(one)), Proportion(n_control, int(two)))
        covered += difference.low <= truth <= difference.high
    assert NEAR_95[0] <= covered / ROUNDS <= NEAR_95[1]


def test_welch_covers_the_true_difference_of_means_under_unequal_spread_and_size():
    generator = seeded_generator("coverage", "welch")
    covered = 0
    for _ in range(ROUNDS):
        one, two = generator.normal(5.0, 9.0, 25), generator.normal(4.0, 2.0, 60)
        difference = welch_difference(Moments.of(one), Moments.of(two))
        covered += difference.low <= 1.0 <= difference.high
    assert NEAR_95[0] <= covered / ROUNDS <= NEAR_95[1]


@pytest.mark.requirement("J1")
def test_a_money_weighted_kept_rate_covers_the_truth_with_heavy_tailed_deposits():
    """Principal is lognormal (a few customers hold much of it); a customer keeps all or leaves; 320 against 80."""
    generator = seeded_generator("coverage", "kept rate")

    def group(n, p_kept):
        principal = np.exp(generator.normal(11.0, 1.2, n))
        kept = principal * (generator.random(n) < p_kept)
        return RatioSums(
            n, kept.sum(), principal.sum(), (kept**2).sum(), (principal**2).sum(), (kept * principal).sum()
        )

    covered = 0
    for _ in range(ROUNDS):
        difference = ratio_difference(group(320, 0.85), group(80, 0.75))
        covered += difference.low <= 0.10 <= difference.high
    assert 0.90 <= covered / ROUNDS <= 0.985

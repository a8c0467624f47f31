"""Tiers are found where money really falls apart, and what is set is held against them by hand-computed figures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from zhike.kernel.errors import NotEstimable
from zhike.segments.discovery.learned_tiers import compare_tiers, learn_boundaries

DICE = np.random.default_rng(3)
PLANTED = np.concatenate([10 ** DICE.normal(m, 0.15, n) for m, n in ((2, 4_000), (4, 2_000), (6, 500))])


@pytest.mark.requirement("D1")
def test_planted_tiers_are_found_between_the_groups() -> None:
    low, high = learn_boundaries(PLANTED, 3)
    assert 10**2.6 < low < 10**3.4 and 10**4.6 < high < 10**5.4
    assert np.array_equal(learn_boundaries(PLANTED, 3), learn_boundaries(PLANTED, 3))


@pytest.mark.requirement("D1")
def test_tiers_that_are_set_where_the_groups_are_agree_and_others_fit_worse() -> None:
    good = compare_tiers(PLANTED, [1, 1_000, 100_000])
    assert good.agreement == pytest.approx(1.0) and good.fit_set == pytest.approx(good.fit_learned, abs=1e-6)
    assert [t.n for t in good.learned] == [0, 4_000, 2_000, 500]
    assert sum(t.share_rate for t in good.set_) == pytest.approx(1) and sum(
        t.amount_share_rate for t in good.set_
    ) == pytest.approx(1)
    second = good.learned[2]
    assert second.low is not None and second.high is not None and second.low <= second.from_amount <= second.high
    bad = compare_tiers(PLANTED, [1, 100, 10_000])
    assert bad.fit_set < good.fit_set and bad.agreement < 0.9
    assert sum(map(sum, bad.table)) == len(PLANTED)
    labels = [np.searchsorted(b, PLANTED, "right") for b in ([1, 100, 10_000], [1, *learn_boundaries(PLANTED, 3)])]
    assert bad.agreement == pytest.approx(cohen_kappa_score(*labels, weights="quadratic"))


def test_who_would_move_is_counted_over_those_whose_month_before_is_known() -> None:
    amounts, before = np.tile([50.0, 500.0, 5_000.0, 50_000.0], 100), np.tile([50.0, 50.0, np.nan, 50_000.0], 100)
    found = compare_tiers(amounts, [1, 100, 1_000], before=before, n_tiers=4)
    assert found.moved_set == pytest.approx(1 / 3)
    assert compare_tiers(amounts, [1, 100, 1_000], n_tiers=4).moved_set is None


@pytest.mark.parametrize("amounts", [np.arange(50.0), np.zeros(1_000), np.tile([1.0, 2.0], 500)])
def test_too_few_customers_or_amounts_make_no_tiers(amounts: np.ndarray) -> None:
    with pytest.raises(NotEstimable, match="tiers"):
        learn_boundaries(amounts, 3)

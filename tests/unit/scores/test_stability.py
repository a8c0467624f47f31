"""The stability index by hand, and its edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zhike.kernel.errors import NotEstimable
from zhike.statistics.stability import SMALLEST_SHARE, bin_counts, code_stability_index, quantile_edges, stability_index


def test_equal_shares_are_stable_whatever_the_size():
    assert stability_index([10, 20, 70], [1, 2, 7]) == pytest.approx(0.0)


def test_two_bins_by_hand():
    expected = (0.4 - 0.5) * math.log(0.4 / 0.5) + (0.6 - 0.5) * math.log(0.6 / 0.5)
    assert stability_index([50, 50], [40, 60]) == pytest.approx(expected)


def test_it_is_the_jeffreys_divergence():
    r, c = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.4, 0.2])
    both = (r * np.log(r / c)).sum() + (c * np.log(c / r)).sum()
    assert stability_index(r * 1000, c * 1000) == pytest.approx(both)


def test_an_emptied_bin_is_floored_and_a_never_used_one_says_nothing():
    floored = (0.0001 - 0.5) * math.log(0.0001 / 0.5) + (1.0 - 0.5) * math.log(1.0 / 0.5)
    assert SMALLEST_SHARE == 0.0001
    assert stability_index([50, 50, 0], [0, 100, 0]) == pytest.approx(floored)


def test_nothing_to_compare_gives_no_number():
    with pytest.raises(NotEstimable):
        stability_index([0, 0], [1, 2])


def test_missing_values_have_a_bin_of_their_own():
    edges = quantile_edges([1, 2, 3, 4, float("nan")], 2)
    assert edges.tolist() == [2.5]
    assert bin_counts([1, 2.5, 9, float("nan"), float("nan")], edges).tolist() == [2, 1, 2]


def test_a_code_unknown_on_one_side_counts_nothing_there():
    assert code_stability_index({"a": 1, "b": 1}, {"a": 1, "b": 1}) == 0
    assert code_stability_index({"a": 1}, {"b": 1}) > 5

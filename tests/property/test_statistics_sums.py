"""Sums add up: merged shards are the whole, in any order and grouping."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.statistics import Moments, Proportion, RatioSums, newcombe_difference, wilson_interval

NUMBERS = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=2, max_size=40)
PAIRS = st.lists(st.tuples(st.floats(0, 1e6), st.floats(1, 1e6)), min_size=4, max_size=40)


@st.composite
def proportions(draw):
    n = draw(st.integers(1, 5_000))
    return Proportion(n, draw(st.integers(0, n)))


@given(NUMBERS, NUMBERS)
def test_moments_of_two_shards_are_the_moments_of_the_whole(left, right):
    merged, whole = Moments.of(left) + Moments.of(right), Moments.of(left + right)
    assert merged.n == whole.n
    assert merged.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-6)
    assert merged.variance == pytest.approx(
        whole.variance, rel=1e-9, abs=1e-6 * max(1.0, whole.total_squares / whole.n)
    )


@given(NUMBERS)
def test_variance_from_sums_is_the_two_pass_variance(values):
    mean = math.fsum(values) / len(values)
    two_pass = math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)
    sums = Moments.of(values)
    assert sums.variance == pytest.approx(two_pass, rel=1e-6, abs=1e-9 * max(1.0, sums.total_squares))


@given(PAIRS, st.integers(1, 3))
def test_ratio_sums_of_two_shards_are_those_of_the_whole(pairs, cut):
    merged, whole = RatioSums.of(pairs[:cut]) + RatioSums.of(pairs[cut:]), RatioSums.of(pairs)
    assert merged.ratio == pytest.approx(whole.ratio, rel=1e-9)
    assert merged.variance == pytest.approx(whole.variance, rel=1e-6, abs=1e-9 * max(1.0, whole.ratio**2))


@given(PAIRS)
def test_the_variance_of_a_ratio_is_that_of_its_residuals(pairs):
    sums = RatioSums.of(pairs)
    residuals = [y - sums.ratio * x for y, x in pairs]
    by_residuals = math.fsum(r * r for r in residuals) / (len(pairs) - 1) * len(pairs) / sums.x**2
    assert sums.variance == pytest.approx(by_residuals, rel=1e-5, abs=1e-10 * max(1.0, sums.ratio**2))


@given(PAIRS)
def test_no_more_effective_units_than_units(pairs):
    sums = RatioSums.of(pairs)
    assert 1 - 1e-9 <= sums.n_effective <= sums.n + 1e-9


@given(proportions())
def test_wilson_stays_within_zero_and_one_and_holds_its_estimate(sample):
    interval = wilson_interval(sample)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


@given(proportions(), proportions())
def test_swapping_the_groups_turns_the_difference_round(one, two):
    there, back = newcombe_difference(one, two), newcombe_difference(two, one)
    assert there.estimate == pytest.approx(-back.estimate)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


@given(proportions(), proportions())
def test_a_difference_of_rates_stays_within_minus_one_and_one(one, two):
    difference = newcombe_difference(one, two)
    assert -1 - 1e-12 <= difference.low <= difference.estimate <= difference.high <= 1 + 1e-12

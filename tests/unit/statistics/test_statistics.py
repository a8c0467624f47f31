import numpy as np
import pytest

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.statistics import (
    Caveat,
    Moments,
    Proportion,
    RatioSums,
    bootstrap_interval,
    check_sample_ratio,
    detectable_mean_difference,
    detectable_proportion_difference,
    mean_interval,
    newcombe_difference,
    ratio_difference,
    ratio_interval,
    seeded_generator,
    welch_difference,
    wilson_interval,
)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: wilson_interval(Proportion(0, 0)),
        lambda: newcombe_difference(Proportion(10, 3), Proportion(0, 0)),
        lambda: mean_interval(Moments.of([4.0])),
        lambda: welch_difference(Moments.of([1.0, 2.0]), Moments.of([3.0])),
        lambda: welch_difference(Moments.of([1.0, 1.0]), Moments.of([2.0, 2.0])),
        lambda: ratio_interval(RatioSums.of([(0.0, 0.0), (0.0, 0.0)])),
        lambda: ratio_interval(RatioSums.of([(1e9, 1e9), (0.0, 1.0)])),
        lambda: ratio_difference(RatioSums.of([(1, 1), (1, 1), (1, 1)]), RatioSums.of([(1, 1), (1, 1), (1, 1)])),
        lambda: check_sample_ratio([8, 2], [0.8, 0.2]),
        lambda: detectable_mean_difference(1, 50, 1.0),
        lambda: detectable_mean_difference(50, 50, 0.0),
        lambda: detectable_proportion_difference(4, 4, 0.9),
        lambda: bootstrap_interval(np.array([[1.0]]), lambda m: m[0], seed="x"),
        lambda: bootstrap_interval(np.array([[1.0, 0.0], [1.0, 1.0]]), lambda m: m[0] / m[1], seed="x"),
    ],
)
def test_too_little_data_is_an_absent_number_with_a_reason(ask):
    with pytest.raises(NotEstimable) as caught:
        ask()
    assert caught.value.code.startswith("statistics.")
    assert caught.value.zh
    assert caught.value.en


@pytest.mark.parametrize(
    "ask",
    [
        lambda: Proportion(3, 4),
        lambda: Proportion(3, -1),
        lambda: Moments(2, float("nan"), 1.0),
        lambda: Moments(2, 1.0, -1.0),
        lambda: RatioSums(-1, 0, 0, 0, 0, 0),
        lambda: wilson_interval(Proportion(10, 3), confidence=95),
        lambda: check_sample_ratio([10], [1.0]),
        lambda: check_sample_ratio([10, 10], [0.5, 0.6]),
        lambda: check_sample_ratio([10, 10], [1.0, 0.0]),
        lambda: detectable_mean_difference(50, 50, 1.0, power=0.01),
        lambda: detectable_proportion_difference(50, 50, 1.0),
        lambda: bootstrap_interval(np.array([1.0, 2.0]), lambda m: m[0], seed="x"),
    ],
)
def test_impossible_input_is_refused(ask):
    with pytest.raises(BadInput):
        ask()


def test_one_large_customer_is_told_as_a_caveat():
    pairs = [(900_000.0, 1_000_000.0)] + [(800.0, 1_000.0), (1_000.0, 1_000.0)] * 20
    sums = RatioSums.of([*pairs, (500_000.0, 1_000_000.0)])
    interval = ratio_interval(sums, bounds=(0.0, 1.0))
    assert Caveat.FEW_EFFECTIVE_UNITS in interval.caveats
    assert Caveat.FEW_UNITS not in interval.caveats
    assert interval.high == 1.0


def test_money_carried_by_few_gives_a_wider_interval_than_the_same_rate_spread_evenly():
    even = RatioSums.of([(1.0, 1.0), (0.0, 1.0)] * 50)
    few = RatioSums.of([(1.0, 1.0), (0.0, 1.0)] * 45 + [(200.0, 200.0), (0.0, 200.0)] * 5)
    assert even.ratio == few.ratio == 0.5
    wide, narrow = ratio_interval(few), ratio_interval(even)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_no_hits_anywhere_has_an_interval_and_no_p_value():
    difference = newcombe_difference(Proportion(50, 0), Proportion(50, 0))
    assert difference.p_value is None
    assert difference.low < 0 < difference.high
    assert not difference.is_clear


def test_a_variance_beside_a_huge_mean_is_not_negative():
    assert Moments.of([1e9 + 0.1] * 1_000).variance == 0.0


def test_scaling_an_interval_by_minus_one_turns_it_round():
    interval = wilson_interval(Proportion(100, 20)).scaled(-1)
    assert interval.low < interval.estimate < interval.high < 0


def test_a_planned_eighty_twenty_division_is_no_alert():
    check = check_sample_ratio([8_030, 1_970], [0.8, 0.2])
    assert not check.is_alert
    assert check.p_value == pytest.approx(0.4533, abs=1e-4)


def test_the_bootstrap_of_a_ratio_agrees_with_the_delta_method():
    generator = seeded_generator("unit", "bootstrap")
    x = generator.uniform(1, 5, 400)
    y = x * (generator.random(400) < 0.7)
    pairs = np.column_stack([y, x])
    booted = bootstrap_interval(pairs, lambda m: m[0] / m[1], seed="kept")
    delta = ratio_interval(RatioSums.of(map(tuple, pairs)))
    assert booted.estimate == pytest.approx(delta.estimate)
    assert (booted.low, booted.high) == pytest.approx((delta.low, delta.high), abs=0.006)


def test_the_same_name_gives_the_same_bootstrap_interval_and_another_name_another():
    data = np.arange(30.0).reshape(-1, 1)
    one, again, other = (bootstrap_interval(data, lambda m: m[0], seed=s) for s in ("a", "a", "b"))
    assert (one.low, one.high) == (again.low, again.high)
    assert (one.low, one.high) != (other.low, other.high)


def test_more_units_detect_less():
    assert detectable_mean_difference(5_000, 5_000, 1.0) < detectable_mean_difference(100, 100, 1.0)
    assert detectable_proportion_difference(800, 200, 0.8) < detectable_proportion_difference(80, 20, 0.8)


def test_the_large_sample_form_of_the_detectable_mean_meets_the_exact_one():
    below, above = (detectable_mean_difference(n, n, 1.0) * n**0.5 for n in (1_000, 1_002))
    assert below == pytest.approx(above, rel=1e-3)

"""Treated less control: differences of rates, means and ratios of sums, each with interval and p-value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from zhike.kernel.errors import NotEstimable
from zhike.statistics.intervals import (
    Caveat,
    Interval,
    caveats_of_mean,
    caveats_of_ratio,
    check_confidence,
    ratio_freedom,
    wilson_interval,
)
from zhike.statistics.sums import Moments, Proportion, RatioSums


@dataclass(frozen=True, slots=True)
class Difference:
    """Treated less control with its interval.

    ``p_value`` is two-sided for "no difference"; None where the test has no answer (no variation at all). ``freedom`` is
    the degrees of freedom of the interval, None where it has none.
    """

    interval: Interval
    p_value: float | None
    freedom: float | None

    @property
    def estimate(self) -> float:
        """Treated less control."""
        return self.interval.estimate

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.interval.low

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.interval.high

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def _merge(*groups: tuple[Caveat, ...]) -> tuple[Caveat, ...]:
    return tuple(dict.fromkeys(c for group in groups for c in group))


def newcombe_difference(treated: Proportion, control: Proportion, *, confidence: float = 0.95) -> Difference:
    """Return the difference of two rates with the square-and-add interval of the two Wilson intervals.

    The p-value is Pearson's chi-square on the 2 × 2 table without continuity correction; being another method it may
    differ from the interval at the edge.

    Raises
    ------
    NotEstimable : a group is empty.

    Source
    ------
    Newcombe (1998b) method 10, Table II; reproduced in tests/published/test_statistics_differences.py.
    """
    one = wilson_interval(treated, confidence=confidence)
    two = wilson_interval(control, confidence=confidence)
    estimate = one.estimate - two.estimate
    low = estimate - math.hypot(one.estimate - one.low, two.high - two.estimate)
    high = estimate + math.hypot(one.high - one.estimate, two.estimate - two.low)
    pooled = (treated + control).rate
    p_value = None
    if 0 < pooled < 1:
        spread = math.sqrt(pooled * (1 - pooled) * (1 / treated.n + 1 / control.n))
        p_value = float(2 * stats.norm.sf(abs(estimate) / spread))
    interval = Interval(estimate, low, high, confidence, "newcombe", _merge(one.caveats, two.caveats))
    return Difference(interval, p_value, None)


@dataclass(frozen=True, slots=True)
class _Side:
    """One group of a t-comparison: estimate, its sampling variance and the degrees of freedom behind that variance."""

    estimate: float
    variance: float
    freedom: float


def _compare(one: _Side, two: _Side, *, confidence: float, method: str, caveats: tuple[Caveat, ...]) -> Difference:
    estimate, variance = one.estimate - two.estimate, one.variance + two.variance
    if variance == 0:
        raise NotEstimable(
            "statistics.no_variation", zh="两组内部都没有差异，无法估计区间", en="neither group varies, so there is no interval",
            todo_zh="检查指标是否取错", todo_en="check that the metric is the right one",
        )  # fmt: skip
    freedom = variance**2 / (one.variance**2 / one.freedom + two.variance**2 / two.freedom)
    spread = math.sqrt(variance)
    half = float(stats.t.ppf(0.5 + confidence / 2, freedom)) * spread
    p_value = float(2 * stats.t.sf(abs(estimate) / spread, freedom))
    return Difference(
        Interval(estimate, estimate - half, estimate + half, confidence, method, caveats), p_value, freedom
    )


def welch_difference(treated: Moments, control: Moments, *, confidence: float = 0.95) -> Difference:
    """Return the difference of two means, variances not assumed equal.

    Raises
    ------
    NotEstimable : a group has fewer than two units, or neither group varies.

    Source
    ------
    Welch (1947); Student's sleep data as R's ``t.test`` prints it; reproduced in
    tests/published/test_statistics_differences.py.
    """
    check_confidence(confidence)
    one = _Side(treated.mean, treated.variance / treated.n, treated.n - 1)
    two = _Side(control.mean, control.variance / control.n, control.n - 1)
    caveats = _merge(caveats_of_mean(treated), caveats_of_mean(control))
    return _compare(one, two, confidence=confidence, method="welch", caveats=caveats)


def ratio_difference(treated: RatioSums, control: RatioSums, *, confidence: float = 0.95) -> Difference:
    """Return the difference of two ratios of sums, clustered by unit: money kept per money matured, and the like.

    Delta-method variances with Welch-Satterthwaite degrees of freedom, each side counted by its *effective* number of
    units, since a few large customers carry most of the money.

    Raises
    ------
    NotEstimable : a group has fewer than two units, no denominator, one unit carries all, or neither group varies.

    Source
    ------
    Deng, Knoblich & Lu (2018), section 3 (delta method for ratio metrics); Kish (1965) (effective size). With x = 1
    everywhere it equals :func:`welch_difference`, which tests/unit/statistics holds.
    """
    check_confidence(confidence)
    one = _Side(treated.ratio, treated.variance, ratio_freedom(treated))
    two = _Side(control.ratio, control.variance, ratio_freedom(control))
    caveats = _merge(caveats_of_ratio(treated), caveats_of_ratio(control))
    return _compare(one, two, confidence=confidence, method="ratio_delta_welch", caveats=caveats)


__all__ = ["Difference", "newcombe_difference", "ratio_difference", "welch_difference"]

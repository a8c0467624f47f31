"""Intervals for one group: a rate, a mean, a ratio of sums. Two groups are in ``differences``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from scipy import stats

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.statistics.sums import Moments, Proportion, RatioSums

FEW_UNITS = 30
FEW_EFFECTIVE_UNITS = 15.0


class Caveat(StrEnum):
    """What weakens a number without forbidding it; kept with the result and shown beside it."""

    FEW_UNITS = "few_units"  # fewer than 30 in a group: the interval leans on a normal shape
    FEW_EFFECTIVE_UNITS = "few_effective_units"  # money sits with few units: (Σx)²/Σx² < 15
    NO_VARIATION = "no_variation"  # all units of a group are equal: the interval has no width of its own


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval; ``method`` names how, ``caveats`` what weakens it."""

    estimate: float
    low: float
    high: float
    confidence: float
    method: str
    caveats: tuple[Caveat, ...] = ()

    def scaled(self, factor: float) -> Interval:
        """Return the interval of ``factor`` × the quantity; a negative factor turns it round."""
        low, high = sorted((self.low * factor, self.high * factor))
        return Interval(self.estimate * factor, low, high, self.confidence, self.method, self.caveats)


def check_confidence(confidence: float) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if not 0 < confidence < 1:
        raise BadInput(
            "statistics.confidence_impossible", zh=f"置信水平应在 0 与 1 之间，现为 {confidence}", en=f"confidence must lie between 0 and 1, not {confidence}",
            todo_zh="95 % 写作 0.95", todo_en="write 95 % as 0.95",
        )  # fmt: skip


def normal_quantile(confidence: float) -> float:
    """Return z such that a standard normal lies within ±z with probability ``confidence``."""
    return float(stats.norm.ppf(0.5 + confidence / 2))


def wilson_interval(sample: Proportion, *, confidence: float = 0.95) -> Interval:
    """Return the score interval of a rate; it stays within [0, 1] and has width also at 0 and n hits.

    Raises
    ------
    NotEstimable : there is no unit.

    Source
    ------
    Wilson (1927); Newcombe (1998a) method 3, Table I; reproduced in tests/published/test_statistics_intervals.py.
    """
    check_confidence(confidence)
    rate, n, z = sample.rate, sample.n, normal_quantile(confidence)
    centre = sample.n_hits + z * z / 2
    half = z * math.sqrt(z * z / 4 + sample.n_hits * (1 - rate))
    low = 0.0 if sample.n_hits == 0 else (centre - half) / (n + z * z)
    high = 1.0 if sample.n_hits == n else (centre + half) / (n + z * z)
    caveats = (Caveat.FEW_UNITS,) if n < FEW_UNITS else ()
    return Interval(rate, low, high, confidence, "wilson", caveats)


def mean_interval(sample: Moments, *, confidence: float = 0.95) -> Interval:
    """Return Student's interval of a mean.

    Raises
    ------
    NotEstimable : fewer than two units.
    """
    check_confidence(confidence)
    variance = sample.variance
    half = float(stats.t.ppf(0.5 + confidence / 2, sample.n - 1)) * math.sqrt(variance / sample.n)
    caveats = caveats_of_mean(sample)
    return Interval(sample.mean, sample.mean - half, sample.mean + half, confidence, "student_t", caveats)


def ratio_interval(
    sample: RatioSums, *, confidence: float = 0.95, bounds: tuple[float, float] | None = None
) -> Interval:
    """Return the interval of a ratio of sums, clustered by unit, by the delta method with Student's t.

    Degrees of freedom are the effective number of units less one, so that a rate carried by a few large customers gets the
    wide interval it deserves.

    Parameters
    ----------
    bounds : where the ratio can only lie (``(0, 1)`` for a kept rate); the interval is cut to it.

    Raises
    ------
    NotEstimable : fewer than two units, no denominator, or all of it with one unit.
    """
    check_confidence(confidence)
    spread = math.sqrt(sample.variance)
    half = float(stats.t.ppf(0.5 + confidence / 2, ratio_freedom(sample))) * spread
    low, high = sample.ratio - half, sample.ratio + half
    if bounds is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return Interval(sample.ratio, low, high, confidence, "ratio_delta_t", caveats_of_ratio(sample))


def ratio_freedom(sample: RatioSums) -> float:
    """Return the degrees of freedom of a ratio's variance: effective units − 1; NotEstimable when one unit carries all."""
    freedom = min(float(sample.n), sample.n_effective) - 1
    if freedom < 0.5:
        raise NotEstimable(
            "statistics.one_unit_carries_all", zh="金额几乎全在一个客户身上，无法估计区间", en="one unit carries nearly the whole denominator, so there is no interval",
            todo_zh="扩大样本", todo_en="take more units", facts={"n": sample.n, "n_effective": round(sample.n_effective, 3)},
        )  # fmt: skip
    return freedom


def caveats_of_mean(sample: Moments) -> tuple[Caveat, ...]:
    """Return what weakens a mean over ``sample``."""
    found = [Caveat.FEW_UNITS] if sample.n < FEW_UNITS else []
    if sample.variance == 0:
        found.append(Caveat.NO_VARIATION)
    return tuple(found)


def caveats_of_ratio(sample: RatioSums) -> tuple[Caveat, ...]:
    """Return what weakens a ratio over ``sample``."""
    found = [Caveat.FEW_UNITS] if sample.n < FEW_UNITS else []
    if sample.n_effective < FEW_EFFECTIVE_UNITS:
        found.append(Caveat.FEW_EFFECTIVE_UNITS)
    if sample.variance == 0:
        found.append(Caveat.NO_VARIATION)
    return tuple(found)


__all__ = [
    "Caveat",
    "Interval",
    "caveats_of_mean",
    "caveats_of_ratio",
    "check_confidence",
    "mean_interval",
    "normal_quantile",
    "ratio_freedom",
    "ratio_interval",
    "wilson_interval",
]

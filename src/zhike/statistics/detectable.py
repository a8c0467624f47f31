"""What an experiment of a given size can see: the smallest true difference it finds with the wanted power."""

from __future__ import annotations

import math

from scipy import optimize, stats

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.statistics.intervals import ratio_freedom
from zhike.statistics.sums import RatioSums

LARGE = 2_000  # beyond this many degrees of freedom the noncentral t is a normal to five places


def _check(n_treated: int, n_control: int, power: float, confidence: float) -> None:
    if min(n_treated, n_control) < 2:
        raise NotEstimable(
            "statistics.too_few", zh="每组至少 2 个单位才能计算最小可检出差异", en="each arm needs at least two units for a detectable difference",
            facts={"n_treated": n_treated, "n_control": n_control},
        )  # fmt: skip
    if not (0 < confidence < 1 and 1 - confidence < power < 1):
        raise BadInput(
            "statistics.power_impossible", zh=f"检验功效 {power} 应在 {1 - confidence:g} 与 1 之间", en=f"power {power} must lie between {1 - confidence:g} and 1",
        )  # fmt: skip


def _harmonic(n_treated: int, n_control: int) -> float:
    return 1 / n_treated + 1 / n_control


def detectable_mean_difference(
    n_treated: int, n_control: int, deviation: float, *, power: float = 0.8, confidence: float = 0.95
) -> float:
    """Return the smallest difference of means (> 0, in the unit of ``deviation``) found with probability ``power``.

    Solves the power of the two-sample t test (noncentral t; the far tail is left out, as R's ``power.t.test`` does).

    Parameters
    ----------
    n_treated, n_control : units per arm, each >= 2.
    deviation : standard deviation of one unit, assumed equal in both arms, > 0.

    Raises
    ------
    NotEstimable : an arm is too small, or nothing varies.

    Source
    ------
    R ``power.t.test``: n = 20, delta = 1, sd = 1 has power 0.8689528; tests/published/test_statistics_detectable.py.
    """
    _check(n_treated, n_control, power, confidence)
    if not deviation > 0:
        raise NotEstimable(
            "statistics.no_variation", zh="标准差为零，没有最小可检出差异", en="nothing varies, so there is no detectable difference",
        )  # fmt: skip
    freedom = n_treated + n_control - 2
    critical = float(stats.t.ppf(0.5 + confidence / 2, freedom))
    if freedom > LARGE:
        shift = critical + float(stats.norm.ppf(power))
    else:
        shift = float(
            optimize.brentq(
                lambda s: float(stats.nct.sf(critical, freedom, s)) - power, 1e-9, critical + 40, xtol=1e-10
            )
        )
    return shift * deviation * math.sqrt(_harmonic(n_treated, n_control))


def detectable_proportion_difference(
    n_treated: int, n_control: int, control_rate: float, *, power: float = 0.8, confidence: float = 0.95
) -> float:
    """Return the smallest rise over ``control_rate`` (percentage points as a share, > 0) found with probability ``power``.

    Solves  Δ = z_a √(p̄ q̄ (1/n₁ + 1/n₂)) + z_b √(p₁ q₁/n₁ + p₂ q₂/n₂)  for p₁ = p₂ + Δ, p̄ weighted by size.

    Raises
    ------
    NotEstimable : an arm is too small, or even a rise to 100 % would not be found.

    Source
    ------
    Fleiss, Levin & Paik (2003) eq. 4.14 without continuity correction; R ``power.prop.test``: p1 = .50, p2 = .75,
    power = .90 needs n = 76.7 per group; tests/published/test_statistics_detectable.py.
    """
    _check(n_treated, n_control, power, confidence)
    if not 0 <= control_rate < 1:
        raise BadInput(
            "statistics.rate_impossible", zh=f"对照组比率 {control_rate} 应在 [0, 1) 内", en=f"the control rate {control_rate} must lie in [0, 1)",
        )  # fmt: skip
    z_a, z_b = float(stats.norm.ppf(0.5 + confidence / 2)), float(stats.norm.ppf(power))

    def surplus(delta: float) -> float:
        treated_rate = control_rate + delta
        pooled = (n_treated * treated_rate + n_control * control_rate) / (n_treated + n_control)
        null = math.sqrt(pooled * (1 - pooled) * _harmonic(n_treated, n_control))
        other = math.sqrt(treated_rate * (1 - treated_rate) / n_treated + control_rate * (1 - control_rate) / n_control)
        return delta - z_a * null - z_b * other

    top = 1 - control_rate
    if surplus(top) < 0:
        raise NotEstimable(
            "statistics.undetectable", zh="样本太小，即使升到 100% 也检不出", en="the arms are so small that even a rise to 100 % would not be found",
            todo_zh="扩大样本", todo_en="take more units", facts={"n_treated": n_treated, "n_control": n_control},
        )  # fmt: skip
    return float(optimize.brentq(surplus, 1e-12, top, xtol=1e-12))


def detectable_ratio_difference(
    treated: RatioSums, control: RatioSums, *, power: float = 0.8, confidence: float = 0.95
) -> float:
    """Return the smallest difference of two ratios of sums (> 0) found with probability ``power`` at the spread seen.

    (t + z) × √(Var₁ + Var₂), with the same variances and effective sizes as :func:`ratio_difference`.

    Raises
    ------
    NotEstimable : an arm is too small, one unit carries all, or nothing varies.

    Source
    ------
    Bloom (1995), "Minimum detectable effects": multiplier (t_{α/2} + t_{power}) of the standard error.
    """
    _check(treated.n, control.n, power, confidence)
    parts = ((treated.variance, ratio_freedom(treated)), (control.variance, ratio_freedom(control)))
    variance = sum(v for v, _ in parts)
    if variance == 0:
        raise NotEstimable(
            "statistics.no_variation", zh="两组内部都没有差异，没有最小可检出差异", en="neither group varies, so there is no detectable difference",
        )  # fmt: skip
    freedom = variance**2 / sum(v**2 / f for v, f in parts)
    multiplier = float(stats.t.ppf(0.5 + confidence / 2, freedom) + stats.t.ppf(power, freedom))
    return multiplier * math.sqrt(variance)


__all__ = ["detectable_mean_difference", "detectable_proportion_difference", "detectable_ratio_difference"]

"""Sample-ratio check: were customers really divided as planned? If not, no effect of that experiment is to be believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from zhike.kernel.errors import BadInput, NotEstimable

ALERT_BELOW = 0.001


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Outcome of the check; ``is_alert`` when p < 0.001."""

    chi_square: float
    p_value: float
    is_alert: bool


def check_sample_ratio(
    counts: Sequence[int], shares: Sequence[float], *, alert_below: float = ALERT_BELOW
) -> SampleRatio:
    """Compare the ``counts`` of units per arm with the planned ``shares`` by Pearson's chi-square.

    Parameters
    ----------
    counts : units per arm, as assigned (not as contacted).
    shares : planned share per arm, in the same order, each > 0, together 1.
    alert_below : p under which the division is called broken.

    Raises
    ------
    BadInput : fewer than two arms, lengths differ, a count is negative, shares do not add up to 1.
    NotEstimable : an arm is expected to hold fewer than five units.

    Source
    ------
    Kohavi, Tang & Xu (2020), chapter 21: 821,588 against 815,482 planned half and half gives p = 1.8e-6.
    """
    shapes = len(counts) == len(shares) >= 2 and min(counts) >= 0 and min(shares) > 0
    if not shapes or not math.isclose(math.fsum(shares), 1.0, abs_tol=1e-9):
        raise BadInput(
            "statistics.shares_impossible", zh="各组计划占比应为正且合计为 1，并与人数一一对应", en="planned shares must be positive, add up to 1 and match the counts one to one",
        )  # fmt: skip
    n = sum(counts)
    expected = [n * share for share in shares]
    if min(expected) < 5:
        raise NotEstimable(
            "statistics.too_few", zh=f"最小组的期望人数 {min(expected):.1f} 不足 5，无法检验分组比例", en=f"the smallest arm expects {min(expected):.1f} units; the sample-ratio check needs 5",
            todo_zh="扩大样本", todo_en="assign more units", facts={"n": n},
        )  # fmt: skip
    chi_square = math.fsum((c - e) ** 2 / e for c, e in zip(counts, expected, strict=True))
    p_value = float(stats.chi2.sf(chi_square, len(counts) - 1))
    return SampleRatio(chi_square, p_value, p_value < alert_below)


__all__ = ["ALERT_BELOW", "SampleRatio", "check_sample_ratio"]

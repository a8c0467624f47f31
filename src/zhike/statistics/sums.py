"""Sufficient statistics: the few sums an interval needs, which add up over shards, branches and days.

Frozen and tiny, so that an engine computes them in one aggregation and a table can store them. Not here: what is done
with them (``intervals``, ``differences``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from zhike.kernel.errors import BadInput, NotEstimable


def _not_estimable(n: int, needed: int, what: str) -> NotEstimable:
    return NotEstimable(
        "statistics.too_few", zh=f"样本 {n} 个，{what} 至少需要 {needed} 个", en=f"{what} needs at least {needed} observations, there are {n}",
        todo_zh="扩大样本或延长观察期", todo_en="take more units or observe for longer", facts={"n": n, "needed": needed},
    )  # fmt: skip


def _refuse(condition: object, zh: str, en: str) -> None:
    if condition:
        raise BadInput("statistics.sums_impossible", zh=zh, en=en)


def _spread(n: int, left: float, right: float, products: float) -> float:
    """Return the sample covariance from sums; the subtraction is guarded against leaving a tiny negative variance."""
    centred = products - left * right / n
    noise = 1e-12 * max(abs(products), abs(left * right / n))
    return 0.0 if abs(centred) <= noise else centred / (n - 1)


@dataclass(frozen=True, slots=True)
class Proportion:
    """``n_hits`` of ``n`` units did it."""

    n: int
    n_hits: int

    def __post_init__(self) -> None:
        _refuse(
            not 0 <= self.n_hits <= self.n,
            f"{self.n_hits}/{self.n} 不是占比",
            f"{self.n_hits}/{self.n} is no proportion",
        )

    def __add__(self, other: Proportion) -> Proportion:
        return Proportion(self.n + other.n, self.n_hits + other.n_hits)

    @property
    def rate(self) -> float:
        """Return hits per unit, in [0, 1]; NotEstimable without a unit."""
        if self.n == 0:
            raise _not_estimable(0, 1, "a rate")
        return self.n_hits / self.n


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, sum and sum of squares of one number per unit."""

    n: int
    total: float
    total_squares: float

    def __post_init__(self) -> None:
        broken = self.n < 0 or not (math.isfinite(self.total) and math.isfinite(self.total_squares))
        _refuse(broken, "个数为负或合计不是有限数", "the count is negative or a sum is not finite")
        _refuse(self.total_squares < 0, "平方和为负", "the sum of squares is negative")

    @classmethod
    def of(cls, values: Iterable[float]) -> Moments:
        """Return the moments of ``values``; sums are exact to the last bit (``math.fsum``)."""
        listed = [float(v) for v in values]
        return cls(len(listed), math.fsum(listed), math.fsum(v * v for v in listed))

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.n + other.n, self.total + other.total, self.total_squares + other.total_squares)

    @property
    def mean(self) -> float:
        """Return the mean; NotEstimable without a unit."""
        if self.n == 0:
            raise _not_estimable(0, 1, "a mean")
        return self.total / self.n

    @property
    def variance(self) -> float:
        """Return the sample variance (n − 1); NotEstimable below two units.

        Sums of squares lose digits where the mean is huge beside the spread; a result below 1e-12 of the terms is 0.
        """
        if self.n < 2:
            raise _not_estimable(self.n, 2, "a variance")
        return max(0.0, _spread(self.n, self.total, self.total, self.total_squares))


@dataclass(frozen=True, slots=True)
class RatioSums:
    """Sums of a numerator ``y`` and a denominator ``x`` per unit, for a ratio of sums Σy/Σx.

    The unit is what was assigned (a customer), so a customer with many contracts is one cluster: first add up y and x
    within the customer, then over customers. Example: y = yuan kept, x = yuan matured; Σy/Σx is the kept rate of money.
    """

    n: int
    y: float
    x: float
    yy: float
    xx: float
    xy: float

    def __post_init__(self) -> None:
        sums = (self.y, self.x, self.yy, self.xx, self.xy)
        _refuse(
            self.n < 0 or not all(map(math.isfinite, sums)),
            "个数为负或合计不是有限数",
            "the count is negative or a sum is not finite",
        )
        _refuse(self.yy < 0 or self.xx < 0, "平方和为负", "a sum of squares is negative")

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, float]]) -> RatioSums:
        """Return the sums of ``(y, x)`` pairs, one per unit."""
        listed = [(float(y), float(x)) for y, x in pairs]
        return cls(
            len(listed), math.fsum(y for y, _ in listed), math.fsum(x for _, x in listed),
            math.fsum(y * y for y, _ in listed), math.fsum(x * x for _, x in listed), math.fsum(y * x for y, x in listed),
        )  # fmt: skip

    def __add__(self, other: RatioSums) -> RatioSums:
        return RatioSums(
            self.n + other.n, self.y + other.y, self.x + other.x,
            self.yy + other.yy, self.xx + other.xx, self.xy + other.xy,
        )  # fmt: skip

    @property
    def ratio(self) -> float:
        """Return Σy/Σx; NotEstimable when the denominators add up to nothing."""
        if self.n == 0 or self.x == 0:
            raise NotEstimable(
                "statistics.no_denominator", zh="分母合计为零，没有比率", en="the denominators add up to zero, so there is no ratio",
                facts={"n": self.n},
            )  # fmt: skip
        return self.y / self.x

    @property
    def n_effective(self) -> float:
        """Return how many units of equal size carry as much: (Σx)²/Σx² (Kish 1965); small when a few are very large."""
        return self.x * self.x / self.xx if self.xx > 0 else 0.0

    @property
    def variance(self) -> float:
        """Return the sampling variance of the ratio by the delta method; NotEstimable below two units.

        Var(Σy/Σx) = (s_yy − 2 R s_xy + R² s_xx) / (n x̄²), the variance of the residuals y − R x over n x̄².

        Source
        ------
        Cochran (1977) eq. 2.46 without finite-population correction; Deng et al. (2018), section 3.
        """
        ratio = self.ratio
        if self.n < 2:
            raise _not_estimable(self.n, 2, "a variance")
        residual_squares = (
            self.yy - 2 * ratio * self.xy + ratio * ratio * self.xx
        )  # residuals sum to 0 by definition of R
        noise = 1e-12 * max(self.yy, ratio * ratio * self.xx)
        spread = 0.0 if residual_squares <= noise else residual_squares / (self.n - 1)
        return spread * self.n / (self.x * self.x)


__all__ = ["Moments", "Proportion", "RatioSums"]

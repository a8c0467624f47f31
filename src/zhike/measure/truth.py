"""Self-check on a simulated bank: does the measured interval hold the truth? The truth is an argument, never a table read here."""

from __future__ import annotations

from dataclasses import dataclass

from zhike.kernel.errors import NotEstimable


@dataclass(frozen=True, slots=True)
class TruthCheck:
    """A measured effect beside the simulated truth; ``error`` is measured less true."""

    metric: str
    measured: float
    low: float
    high: float
    truth: float

    @property
    def error(self) -> float:
        """Measured less true, in the metric's unit."""
        return self.measured - self.truth

    @property
    def is_covered(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low <= self.truth <= self.high


def compare_with_truth(
    metric: str, *, effect: float | None, low: float | None, high: float | None, truth: float
) -> TruthCheck:
    """Return the check of one measured effect.

    Raises
    ------
    NotEstimable : there is no measured effect to compare.
    """
    if effect is None or low is None or high is None:
        raise NotEstimable(
            "measure.nothing_to_check", zh=f"{metric} 没有可比较的效果", en=f"{metric} has no measured effect to compare",
        )  # fmt: skip
    return TruthCheck(metric, effect, low, high, truth)


__all__ = ["TruthCheck", "compare_with_truth"]

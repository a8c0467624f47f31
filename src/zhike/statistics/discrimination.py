"""How well a score orders yes before no: AUC, average precision, cumulative gains, ALIFT, lift and capture.

All of them are functions of counts per distinct score, so they are computed from :class:`RankedOutcomes`, which add up
(windows pool) and resample exactly. Ties share their place: a tied group counts as if its order were drawn at random.
Whether a score's *level* is right is calibration, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zhike.kernel.errors import NotEstimable
from zhike.statistics.intervals import Interval, check_confidence
from zhike.statistics.resampling import seeded_generator

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RankedOutcomes:
    """Counts per distinct score, best score first: all that the measures of order need.

    ``scores``, ``n_positive`` and ``n_rows`` have one entry per distinct score (shape (n_groups,)).
    """

    scores: Floats
    n_positive: Floats
    n_rows: Floats

    @property
    def total(self) -> float:
        """Number of rows."""
        return float(self.n_rows.sum())

    @property
    def positives(self) -> float:
        """Number of rows whose outcome is yes."""
        return float(self.n_positive.sum())

    @property
    def base_rate(self) -> float:
        """Share of yes, in [0, 1]; NaN without rows."""
        return self.positives / self.total if self.total else float("nan")


def rank_outcomes(outcomes: npt.ArrayLike, scores: npt.ArrayLike) -> RankedOutcomes:
    """Return counts per distinct score, highest score first.

    Parameters
    ----------
    outcomes : shape (n_rows,), 0 or 1 (or booleans).
    scores : shape (n_rows,), finite; higher means more likely yes.

    Raises
    ------
    ValueError : lengths differ, or a score is not finite.
    """
    y = np.asarray(outcomes, dtype=np.float64)
    s = np.asarray(scores, dtype=np.float64)
    if y.shape != s.shape or y.ndim != 1:
        raise ValueError(f"outcomes {y.shape} and scores {s.shape} must be two equally long rows")
    if not np.isfinite(s).all():
        raise ValueError("scores must be finite")
    values, group = np.unique(-s, return_inverse=True)
    n_rows = np.bincount(group, minlength=len(values)).astype(np.float64)
    n_positive = np.bincount(group, weights=y, minlength=len(values)).astype(np.float64)
    return RankedOutcomes(-values, n_positive, n_rows)


def _need_both(ranked: RankedOutcomes) -> None:
    if ranked.positives <= 0 or ranked.positives >= ranked.total:
        raise NotEstimable(
            "statistics.one_outcome",
            zh=f"{ranked.total:.0f} 行中有 {ranked.positives:.0f} 个“是”：缺少一类结果，无法评估排序",
            en=f"{ranked.positives:.0f} of {ranked.total:.0f} outcomes are yes: both outcomes are needed to judge an order",
            facts={"n_rows": ranked.total, "n_positives": ranked.positives},
        )


def roc_auc(ranked: RankedOutcomes) -> float:
    """Return the share of (yes, no) pairs in which the yes has the higher score; ties count one half.

    Raises
    ------
    NotEstimable : there is no yes, or no no.

    Source
    ------
    Hanley & McNeil (1982); held against scikit-learn in tests/published/test_scores_discrimination.py.
    """
    _need_both(ranked)
    negative = ranked.n_rows - ranked.n_positive
    below = negative.sum() - np.cumsum(negative)
    wins = float((ranked.n_positive * (below + negative / 2)).sum())
    return wins / (ranked.positives * float(negative.sum()))


def average_precision(ranked: RankedOutcomes) -> float:
    """Return the area under the precision-recall steps (PR-AUC): precision at each distinct score, weighted by recall gained.

    Raises
    ------
    NotEstimable : there is no yes, or no no.
    """
    _need_both(ranked)
    filled = ranked.n_rows > 0  # a resample may leave a group empty
    hits, rows = np.cumsum(ranked.n_positive[filled]), np.cumsum(ranked.n_rows[filled])
    return float((ranked.n_positive[filled] * hits / rows).sum() / ranked.positives)


def cumulative_gains(ranked: RankedOutcomes) -> tuple[Floats, Floats]:
    """Return (share of rows taken, share of yes found), from (0, 0) to (1, 1), best scores first; shape (n_groups + 1,) each.

    Raises
    ------
    NotEstimable : there is no yes, or no no.
    """
    _need_both(ranked)
    taken = np.concatenate([[0.0], np.cumsum(ranked.n_rows)]) / ranked.total
    found = np.concatenate([[0.0], np.cumsum(ranked.n_positive)]) / ranked.positives
    return taken, found


def alift(ranked: RankedOutcomes) -> float:
    """Return the area under the cumulative gains curve, in [0, 1]; 0.5 is a random order.

    alift = (1 - base_rate) * auc + base_rate / 2

    Raises
    ------
    NotEstimable : there is no yes, or no no.

    Source
    ------
    Moro, Cortez & Rita (2014), "A data-driven approach to predict the success of bank telemarketing", section 2.4.
    """
    taken, found = cumulative_gains(ranked)
    return float(np.trapezoid(found, taken))


def capture_at(ranked: RankedOutcomes, share: float) -> float:
    """Return the share of all yes that lie in the best ``share`` (in (0, 1]) of rows; a tied group is cut in proportion.

    Raises
    ------
    NotEstimable : there is no yes, or no no.
    """
    taken, found = cumulative_gains(ranked)
    return float(np.interp(share, taken, found))


def lift_at(ranked: RankedOutcomes, share: float) -> float:
    """Return how many times more yes the best ``share`` (in (0, 1]) of rows holds than a random choice would; 1 is random.

    Raises
    ------
    NotEstimable : there is no yes, or no no.
    """
    return capture_at(ranked, share) / share


def resample_outcomes(ranked: RankedOutcomes, generator: np.random.Generator) -> RankedOutcomes:
    """Return one bootstrap resample of the rows: the (score, outcome) cells drawn anew, as many rows as before."""
    n = round(ranked.total)
    cells = np.concatenate([ranked.n_positive, ranked.n_rows - ranked.n_positive])
    drawn = generator.multinomial(n, cells / cells.sum()).astype(np.float64)
    n_positive, n_negative = np.split(drawn, 2)
    return RankedOutcomes(ranked.scores, n_positive, n_positive + n_negative)


def bootstrap_ranked(
    ranked: RankedOutcomes,
    statistics: Mapping[str, Callable[[RankedOutcomes], float]],
    *,
    seed: str,
    n_draws: int = 200,
    confidence: float = 0.95,
) -> dict[str, Interval]:
    """Return the percentile bootstrap intervals of statistics of ranked outcomes, all from the same draws.

    Draws that lack a yes or a no are passed over.

    Parameters
    ----------
    statistics : name → function of ranked outcomes, e.g. ``{"auc": roc_auc}``.
    seed : name of the numbers being estimated; the same name and data give the same intervals.
    n_draws : resamples of the rows, > 0.

    Raises
    ------
    NotEstimable : there is no yes or no no, or more than half of the draws lack one of the two.

    Source
    ------
    Efron & Tibshirani (1993), section 13.3; rows are resampled through their (score, outcome) cells, which is the same.
    """
    check_confidence(confidence)
    generator = seeded_generator("bootstrap", seed)
    estimates = {name: statistic(ranked) for name, statistic in statistics.items()}
    values: dict[str, list[float]] = {name: [] for name in statistics}
    n_used = 0
    for _ in range(n_draws):
        drawn = resample_outcomes(ranked, generator)
        if 0 < drawn.positives < drawn.total:
            n_used += 1
            for name, statistic in statistics.items():
                values[name].append(statistic(drawn))
    if n_used * 2 < n_draws:
        raise NotEstimable(
            "statistics.too_few_to_resample",
            zh=f"{ranked.positives:.0f} 个“是”太少，无法给出区间",
            en=f"{ranked.positives:.0f} yes among {ranked.total:.0f} rows are too few for an interval",
            facts={"n_rows": ranked.total, "n_positives": ranked.positives},
        )
    tail = (1 - confidence) / 2
    ends = {name: np.quantile(v, [tail, 1 - tail]) for name, v in values.items()}
    return {
        name: Interval(estimates[name], float(low), float(high), confidence, "bootstrap_percentile")
        for name, (low, high) in ends.items()
    }


__all__ = [
    "RankedOutcomes",
    "alift",
    "average_precision",
    "bootstrap_ranked",
    "capture_at",
    "cumulative_gains",
    "lift_at",
    "rank_outcomes",
    "resample_outcomes",
    "roc_auc",
]

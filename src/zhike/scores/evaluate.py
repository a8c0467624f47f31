"""What a model is worth on rows it has not seen: order, level, intervals, and what to doubt.

Every measure stands with its bootstrap interval. Too few outcomes give :class:`NotEstimable`, never a number. An AUC above
0.9 on customers' free decisions is rarely skill: the result then carries a doubt that somebody has to clear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from zhike.kernel.errors import NotEstimable
from zhike.kernel.terms import Text
from zhike.scores.calibrate import CalibrationBin, calibration_error, calibration_table
from zhike.scores.terms import Floats
from zhike.statistics.discrimination import (
    RankedOutcomes,
    alift,
    average_precision,
    bootstrap_ranked,
    capture_at,
    cumulative_gains,
    lift_at,
    rank_outcomes,
    roc_auc,
)
from zhike.statistics.intervals import Interval

FEWEST_POSITIVES = 20
SUSPICIOUS_AUC = 0.9
CURVE_POINTS = 101
SHIFT_TO_SHOW = 1.5  # base rates that differ by more than this factor are said so

MEASURES: Mapping[str, Callable[[RankedOutcomes], float]] = {
    "auc": roc_auc,
    "pr_auc": average_precision,
    "alift": alift,
    "top_decile_lift": lambda r: lift_at(r, 0.1),
    "top_half_capture": lambda r: capture_at(r, 0.5),
}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's worth on unseen rows. Rates are in [0, 1]; ``top_decile_lift`` is a multiple of a random choice."""

    n_rows: int
    n_positives: int
    auc: Interval
    pr_auc: Interval
    alift: Interval
    top_decile_lift: Interval
    top_half_capture: Interval
    ece: float
    calibration: tuple[CalibrationBin, ...]
    gains: tuple[tuple[float, float], ...]
    base_rate: float
    base_rate_train: float
    doubts: tuple[Text, ...] = ()

    @property
    def is_suspicious(self) -> bool:
        """Whether the order is too good to be believed without a check for leaks."""
        return self.auc.estimate > SUSPICIOUS_AUC

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values, for files, cards and ``--json``."""
        return asdict(self)


def evaluate_scores(
    p: Floats, outcomes: Floats, *, base_rate_train: float, seed: str, raw: Floats | None = None, n_draws: int = 200
) -> Evaluation:
    """Return the evaluation of calibrated probabilities against what happened.

    Parameters
    ----------
    p, outcomes : calibrated probabilities in [0, 1] and 0/1 outcomes of unseen rows, shape (n_rows,).
    base_rate_train : share of yes in the training rows.
    seed : name of the evaluation, for the bootstrap.
    raw : score before calibration, used for the order where calibration made ties.

    Raises
    ------
    NotEstimable : fewer than 20 rows of either outcome.
    """
    positives = int(outcomes.sum())
    if min(positives, len(outcomes) - positives) < FEWEST_POSITIVES:
        raise NotEstimable(
            "scores.too_few_to_evaluate",
            zh=f"{len(outcomes)} 行检验数据中有 {positives} 个“是”，每类至少需要 {FEWEST_POSITIVES} 个",
            en=f"{positives} of {len(outcomes)} test rows are yes; at least {FEWEST_POSITIVES} of each outcome are needed",
            facts={"n_rows": len(outcomes), "n_positives": positives},
        )
    ranked = rank_outcomes(outcomes, p if raw is None else raw)
    found = bootstrap_ranked(ranked, MEASURES, seed=seed, n_draws=n_draws)
    table = calibration_table(p, outcomes)
    return Evaluation(
        n_rows=len(outcomes),
        n_positives=positives,
        ece=calibration_error(table),
        calibration=table,
        gains=_thin_curve(ranked),
        base_rate=float(outcomes.mean()),
        base_rate_train=base_rate_train,
        doubts=_doubts(found["auc"].estimate, float(outcomes.mean()), base_rate_train),
        **found,
    )


def _thin_curve(ranked: RankedOutcomes) -> tuple[tuple[float, float], ...]:
    taken, found = cumulative_gains(ranked)
    shares = np.linspace(0, 1, CURVE_POINTS)
    return tuple(
        (round(float(s), 4), round(float(c), 6)) for s, c in zip(shares, np.interp(shares, taken, found), strict=True)
    )


def _doubts(auc: float, base_rate: float, base_rate_train: float) -> tuple[Text, ...]:
    doubts = []
    if auc > SUSPICIOUS_AUC:
        doubts.append(
            Text(
                f"AUC {auc:.3f} 高于 {SUSPICIOUS_AUC}：请检查是否有事后才知道的特征；确认后在定义中写 leak_checked: true",
                f"AUC {auc:.3f} is above {SUSPICIOUS_AUC}: check for features known only afterwards, then write leak_checked: true",
            )
        )
    if base_rate_train > 0 and not 1 / SHIFT_TO_SHOW <= base_rate / base_rate_train <= SHIFT_TO_SHOW:
        doubts.append(
            Text(
                f"“是”的比例从训练期 {base_rate_train:.1%} 变为检验期 {base_rate:.1%}",
                f"the share of yes moved from {base_rate_train:.1%} in training to {base_rate:.1%} in the test",
            )
        )
    return tuple(doubts)


__all__ = ["FEWEST_POSITIVES", "MEASURES", "SUSPICIOUS_AUC", "Evaluation", "evaluate_scores"]

"""From a raw score to a probability that can be taken at its word: Platt's line or isotonic steps, kept as JSON.

Learned on rows later than the training rows, never on them. Also the measure: the calibration table and its mean gap (ECE).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.scores.terms import Floats

Method: TypeAlias = Literal["platt", "isotonic", "none"]
FEWEST_FOR_ISOTONIC = 1_000  # below, steps follow the noise: Niculescu-Mizil & Caruana (2005)
FEWEST_POSITIVES = 10
EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A non-decreasing map of raw probabilities. Platt: ``slope``, ``offset`` in log-odds; isotonic: points to join by lines."""

    method: Method
    slope: float = 1.0
    offset: float = 0.0
    raw: tuple[float, ...] = ()
    calibrated: tuple[float, ...] = ()

    def apply(self, p: Floats) -> Floats:
        """Return calibrated probabilities in [0, 1], shape as ``p``."""
        if self.method == "isotonic":
            return np.interp(p, self.raw, self.calibrated)
        if self.method == "platt":
            return 1.0 / (1.0 + np.exp(-(self.slope * _log_odds(p) + self.offset)))
        return p

    def to_json(self) -> dict[str, Any]:
        """Return the map as JSON values."""
        return asdict(self)


def calibrator_from_json(body: Mapping[str, Any]) -> Calibrator:
    """Return the map written by ``Calibrator.to_json``."""
    return Calibrator(
        body["method"], float(body["slope"]), float(body["offset"]), tuple(body["raw"]), tuple(body["calibrated"])
    )


def _log_odds(p: Floats) -> Floats:
    inside = np.clip(p, EDGE, 1 - EDGE)
    return np.log(inside / (1 - inside))


def fit_calibrator(p: Floats, outcomes: Floats, *, method: Method | Literal["auto"] = "auto") -> Calibrator:
    """Return the map from raw to calibrated probabilities.

    Parameters
    ----------
    p, outcomes : raw probabilities and 0/1 outcomes of rows the model did not learn from, shape (n_rows,).
    method : ``auto`` takes isotonic steps from 1,000 rows of each outcome on, else Platt's line.

    Raises
    ------
    NotEstimable : fewer than 10 rows of either outcome.

    Source
    ------
    Platt (1999), with his smoothed targets; Zadrozny & Elkan (2002) for isotonic.
    """
    if method == "none":
        return Calibrator("none")
    positives = float(outcomes.sum())
    fewest = min(positives, len(outcomes) - positives)
    if fewest < FEWEST_POSITIVES:
        raise NotEstimable(
            "scores.too_few_to_calibrate",
            zh=f"校准需要每类至少 {FEWEST_POSITIVES} 行，现有 {fewest:.0f} 行",
            en=f"calibration needs at least {FEWEST_POSITIVES} rows of each outcome, there are {fewest:.0f}",
            facts={"n_rows": len(outcomes), "n_positives": positives},
        )
    if method == "isotonic" or (method == "auto" and fewest >= FEWEST_FOR_ISOTONIC):
        return _fit_isotonic(p, outcomes)
    return _fit_platt(p, outcomes)


def _fit_platt(p: Floats, outcomes: Floats) -> Calibrator:
    x = _log_odds(p)
    n_yes = float(outcomes.sum())
    n_no = len(outcomes) - n_yes
    target = np.where(outcomes > 0, (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2))

    def loss(ab: Floats) -> tuple[float, Floats]:
        z = ab[0] * x + ab[1]
        gap = 1.0 / (1.0 + np.exp(-z)) - target
        value = float((np.logaddexp(0, z) - target * z).sum())
        return value, np.array([float((gap * x).sum()), float(gap.sum())])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)])
    return Calibrator("platt", slope=float(found.x[0]), offset=float(found.x[1]))


def _fit_isotonic(p: Floats, outcomes: Floats) -> Calibrator:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(p, outcomes)
    raw, calibrated = fitted.X_thresholds_, fitted.y_thresholds_
    return Calibrator("isotonic", raw=tuple(float(v) for v in raw), calibrated=tuple(float(v) for v in calibrated))


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows of similar predicted probability: what was predicted on average and what came."""

    n_rows: int
    mean_p: float
    observed_rate: float


def calibration_table(p: npt.ArrayLike, outcomes: npt.ArrayLike, *, n_bins: int = 10) -> tuple[CalibrationBin, ...]:
    """Return the calibration table: rows in order of ``p``, cut into ``n_bins`` parts of equal size.

    Raises
    ------
    BadInput : ``p`` is not within [0, 1].
    """
    prob, y = np.asarray(p, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if len(prob) and not ((prob >= 0) & (prob <= 1)).all():
        raise BadInput(
            "scores.not_a_probability", zh="概率应在 0 与 1 之间", en="probabilities must lie between 0 and 1"
        )
    order = np.argsort(prob, kind="stable")
    parts = [part for part in np.array_split(order, n_bins) if len(part)]
    return tuple(CalibrationBin(len(i), float(prob[i].mean()), float(y[i].mean())) for i in parts)


def calibration_error(table: tuple[CalibrationBin, ...]) -> float:
    """Return the expected calibration error (ECE): the mean gap between predicted and observed, weighted by rows.

    ece = sum(n_b / n * |mean_p_b - observed_rate_b|)

    Source
    ------
    Naeini, Cooper & Hauskrecht (2015), with bins of equal size.
    """
    n = sum(b.n_rows for b in table)
    return sum(b.n_rows * abs(b.mean_p - b.observed_rate) for b in table) / n if n else float("nan")


__all__ = [
    "CalibrationBin",
    "Calibrator",
    "Method",
    "calibration_error",
    "calibration_table",
    "calibrator_from_json",
    "fit_calibrator",
]

"""Judge a dataset model in the order in which its rows happened, as a bank would have used it.

Rolling: learn from the last ``train_rows``, predict the ``predict_rows`` that follow, move on. The *pooled* figures judge
all predictions together, so a model also earns by following the base rate; the mean *within* windows does not. Fixed: learn
once from the first part, with the candidate chosen inside that part (time-ordered, too), predict the rest. A random split
is not offered: it tells what cannot happen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.scores.calibrate import fit_calibrator
from zhike.scores.dataset import read_dataset
from zhike.scores.definition import CandidateDefinition, ModelDefinition, RollingEvaluation
from zhike.scores.encode import learn_coding
from zhike.scores.evaluate import Evaluation, evaluate_scores
from zhike.scores.leaks import choose_features
from zhike.scores.learners import fit_model
from zhike.scores.terms import Feature, Floats, LeftOut, Rows
from zhike.statistics.discrimination import rank_outcomes, roc_auc


@dataclass(frozen=True, slots=True)
class Window:
    """One step of the rolling evaluation; rows counted from 0. ``auc`` is None where one outcome is missing."""

    first_row: int
    n_rows: int
    n_positives: int
    base_rate_train: float
    auc: float | None


@dataclass(frozen=True, slots=True)
class RollingResult:
    """One candidate, refitted before each window. ``mean_auc_within`` is over the windows that have an AUC."""

    candidate: str
    pooled: Evaluation
    mean_auc_within: float
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class FixedResult:
    """One model, learned from the first ``n_train`` rows; ``tried`` are the AUCs by which it was chosen inside them."""

    candidate: str
    n_train: int
    tried: tuple[tuple[str, float], ...]
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class OrderedEvaluation:
    """The evaluation of a dataset model; ``rolling[0]`` belongs to the first candidate of the definition, the headline."""

    model: str
    n_rows: int
    n_positives: int
    features: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    train_rows: int
    predict_rows: int
    rolling: tuple[RollingResult, ...]
    fixed: FixedResult
    seconds: float

    @property
    def headline(self) -> RollingResult:
        """The rolling result of the first candidate."""
        return self.rolling[0]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Task:
    """What stays the same over all windows."""

    model: ModelDefinition
    features: tuple[Feature, ...]
    threads: int


def evaluate_in_order(model: ModelDefinition, folder: Path, *, threads: int = 2) -> OrderedEvaluation:
    """Return how a dataset model would have done, refitted as time went on, and fitted once.

    Parameters
    ----------
    folder : where the model's data file lies.
    threads : workers of the learner; the figures do not depend on them.

    Raises
    ------
    BadInput : the data do not fit the definition, a feature may not be used, or there are too few rows for the protocol.
    NotEstimable : too few outcomes.

    Source
    ------
    The rolling window is that of Moro, Cortez & Rita (2014), section 2.5.
    """
    started = time.perf_counter()
    rows, known = read_dataset(model, folder)
    used, left_out = choose_features(model, known)
    protocol = model.evaluation
    if not isinstance(protocol, RollingEvaluation) or rows.n < protocol.train_rows + protocol.predict_rows:
        raise BadInput(
            "scores.too_few_rows_in_order",
            zh=f"{rows.n} 行不足以滚动评估", en=f"{rows.n} rows are too few for the rolling evaluation",
            todo_zh="减小 evaluation.train_rows", todo_en="lower evaluation.train_rows",
        )  # fmt: skip
    task = _Task(model, used, threads)
    rolling = tuple(_roll(task, candidate, rows, protocol) for candidate in _first_of_each_learner(model.learners))
    fixed = _split_once(task, rows, round(rows.n * protocol.fixed_train_share))
    return OrderedEvaluation(
        model=model.key,
        n_rows=rows.n,
        n_positives=int(rows.outcomes.sum()),
        features=tuple(f.name for f in used),
        left_out=left_out,
        train_rows=protocol.train_rows,
        predict_rows=protocol.predict_rows,
        rolling=rolling,
        fixed=fixed,
        seconds=round(time.perf_counter() - started, 3),
    )


def _first_of_each_learner(candidates: Sequence[CandidateDefinition]) -> list[CandidateDefinition]:
    seen: dict[str, CandidateDefinition] = {}
    for candidate in candidates:
        seen.setdefault(candidate.learner, candidate)
    return list(seen.values())


def _fit_predict(task: _Task, candidate: CandidateDefinition, train: Rows, test: Rows) -> Floats:
    coding = learn_coding(train, task.features)
    fitted = fit_model(
        candidate.learner, train, coding, settings=candidate.settings, seed=task.model.seed, threads=task.threads
    )
    return fitted.predict(test, coding)


def _roll(task: _Task, candidate: CandidateDefinition, rows: Rows, protocol: RollingEvaluation) -> RollingResult:
    windows: list[Window] = []
    predictions: list[Floats] = []
    for start in range(protocol.train_rows, rows.n, protocol.predict_rows):
        train = rows.take(slice(start - protocol.train_rows, start))
        test = rows.take(slice(start, start + protocol.predict_rows))
        p = _fit_predict(task, candidate, train, test)
        predictions.append(p)
        windows.append(_window(start, train, test, p))
    later = rows.outcomes[protocol.train_rows :]
    pooled = evaluate_scores(
        np.concatenate(predictions),
        later,
        base_rate_train=float(rows.outcomes[: protocol.train_rows].mean()),
        seed=f"{task.model.key}:{candidate.label}:rolling",
    )
    within = [w.auc for w in windows if w.auc is not None]
    if not within:
        raise NotEstimable(
            "scores.no_window_with_both", zh="没有同时含两类结果的窗口", en="no window has both outcomes"
        )
    return RollingResult(candidate.label, pooled, float(np.mean(within)), tuple(windows))


def _window(start: int, train: Rows, test: Rows, p: Floats) -> Window:
    n_positives = int(test.outcomes.sum())
    auc = roc_auc(rank_outcomes(test.outcomes, p)) if 0 < n_positives < test.n else None
    return Window(start, test.n, n_positives, float(train.outcomes.mean()), auc)


def _split_once(task: _Task, rows: Rows, n_train: int) -> FixedResult:
    """Choose the candidate on the last 30 % of the training rows, calibrate it there, refit on all of them, judge on the rest."""
    train, test = rows.take(slice(0, n_train)), rows.take(slice(n_train, rows.n))
    n_inner = round(n_train * 0.7)
    early, late = train.take(slice(0, n_inner)), train.take(slice(n_inner, n_train))
    trials = [(c, _fit_predict(task, c, early, late)) for c in task.model.learners]
    tried = [(c, roc_auc(rank_outcomes(late.outcomes, p)), p) for c, p in trials]
    chosen, _, late_p = max(tried, key=lambda t: t[1])
    calibrator = fit_calibrator(late_p, late.outcomes, method=task.model.calibration)
    raw = _fit_predict(task, chosen, train, test)
    evaluation = evaluate_scores(
        calibrator.apply(raw),
        test.outcomes,
        raw=raw,
        base_rate_train=float(train.outcomes.mean()),
        seed=f"{task.model.key}:{chosen.label}:fixed",
    )
    return FixedResult(chosen.label, n_train, tuple((c.label, auc) for c, auc, _ in tried), evaluation)


__all__ = ["FixedResult", "OrderedEvaluation", "RollingResult", "Window", "evaluate_in_order"]

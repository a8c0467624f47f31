"""How a customer model is learned and judged, always forwards in time.

::

    cutoffs    c1 … c(k-2)      c(k-1)                 c(k)
    judged     fit              choose + calibrate     test        → the figures of the card
    used       fit ……………………………… fit                    calibrate   → the model that scores today

The model in use is the judged procedure moved on by one cutoff. Where outcome windows overlap (cutoffs closer than the
horizon), the same customer's outcome could stand on both sides: then customers are split, too, so that nobody is learned
from and tested on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.kernel.errors import NotEstimable
from zhike.kernel.terms import Text
from zhike.scores.calibrate import Calibrator, fit_calibrator
from zhike.scores.definition import CandidateDefinition, ModelDefinition
from zhike.scores.encode import Coding, learn_coding
from zhike.scores.evaluate import Evaluation, evaluate_scores
from zhike.scores.fairness import GroupResult, judge_fairness
from zhike.scores.health import Reference, learn_reference
from zhike.scores.leaks import telling_features
from zhike.scores.learners import FittedModel, fit_model
from zhike.scores.terms import Feature, Floats, Rows, stack_rows
from zhike.statistics.discrimination import rank_outcomes, roc_auc

FEWEST_CUTOFFS = 2
TEST_SHARE = 0.3  # of customers, where outcome windows overlap
CHOICE_SHARE = 0.2
CLEAR_ADVANTAGE = 0.002  # a later candidate must beat an earlier one by this AUC; the first written is preferred


@dataclass(frozen=True, slots=True)
class CutoffRows:
    """The labelled rows of one cutoff. ``shares`` in [0, 1) place each customer, the same at every cutoff."""

    cutoff: date
    rows: Rows
    shares: Floats
    attributes: pa.Table

    def of_share(self, low: float, high: float) -> CutoffRows:
        """Return the rows of customers whose share is in [low, high)."""
        mask: npt.NDArray[np.bool_] = (self.shares >= low) & (self.shares < high)
        return CutoffRows(self.cutoff, self.rows.take(mask), self.shares[mask], self.attributes.filter(pa.array(mask)))


@dataclass(frozen=True, slots=True)
class Scorer:
    """What turns rows into probabilities: coding, fitted model, calibration."""

    candidate: str
    coding: Coding
    fitted: FittedModel
    calibrator: Calibrator

    def raw(self, rows: Rows) -> Floats:
        """Return uncalibrated probabilities; the order of customers."""
        return self.fitted.predict(rows, self.coding)

    def score(self, rows: Rows) -> Floats:
        """Return calibrated probabilities in [0, 1]."""
        return self.calibrator.apply(self.raw(rows))


@dataclass(frozen=True, slots=True)
class LearnedModel:
    """A learned model with everything its card says."""

    scorer: Scorer
    evaluation: Evaluation
    tried: tuple[tuple[str, float], ...]
    importance: tuple[tuple[str, float], ...]
    telling: tuple[tuple[str, float], ...]
    fairness: tuple[GroupResult, ...]
    reference: tuple[Reference, ...]
    cutoffs: tuple[date, ...]
    n_train: int
    n_train_positives: int
    doubts: tuple[Text, ...]


def need_cutoffs(key: str, n: int) -> None:
    """Raise NotEstimable unless there are at least two cutoffs: one to learn from, a later one to judge on."""
    if n < FEWEST_CUTOFFS:
        raise NotEstimable(
            "scores.too_few_cutoffs",
            zh=f"模型 {key} 只有 {n} 个截止日有结果已知的客户，至少需要 {FEWEST_CUTOFFS} 个",
            en=f"model {key} has {n} cutoffs with customers whose outcome is known; it needs {FEWEST_CUTOFFS}",
            todo_zh="等数据更长，或减小 horizon_days", todo_en="wait for more history, or shorten horizon_days",
            facts={"n_cutoffs": n},
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Stage:
    """Rows to fit on, and later rows to calibrate (and choose) on."""

    fit: Rows
    calibrate: Rows


def learn_model(
    model: ModelDefinition, features: Sequence[Feature], parts: Sequence[CutoffRows], *, threads: int = 2
) -> LearnedModel:
    """Return the model learned from the labelled rows of past cutoffs, judged on the last of them.

    Parameters
    ----------
    parts : in the order of time; cutoffs without rows are passed over.
    threads : workers; the result does not depend on them.

    Raises
    ------
    NotEstimable : fewer than two cutoffs have rows, or there are too few outcomes to learn, calibrate or judge.
    """
    filled = [p for p in parts if p.rows.n]
    need_cutoffs(model.key, len(filled))
    horizon = model.label.horizon_days if model.label else 0
    overlaps = any((b.cutoff - a.cutoff).days < horizon for a, b in pairwise(filled))
    stage, test = _judging(filled, overlaps=overlaps)
    chosen, tried = _choose(model, features, stage, threads)
    judged = _fit(model, features, chosen, stage, threads)
    evaluation = evaluate_scores(
        judged.score(test.rows),
        test.rows.outcomes,
        raw=judged.raw(test.rows),
        base_rate_train=float(stage.fit.outcomes.mean()),
        seed=f"{model.key}:{test.cutoff}",
    )
    final = _using(filled, overlaps=overlaps)
    used = _fit(model, features, chosen, final, threads)
    contributions = np.abs(judged.fitted.contributions(test.rows, judged.coding)).mean(axis=0)
    importance = sorted(zip(judged.coding.names, map(float, contributions), strict=True), key=lambda x: (-x[1], x[0]))
    return LearnedModel(
        scorer=used,
        evaluation=evaluation,
        tried=tried,
        importance=tuple(importance),
        telling=telling_features(test.rows, features),
        fairness=judge_fairness(test.attributes, judged.score(test.rows), test.rows.outcomes, model.fairness_by),
        reference=learn_reference(filled[-1].rows, used.coding, used.score(filled[-1].rows)),
        cutoffs=tuple(p.cutoff for p in filled),
        n_train=final.fit.n,
        n_train_positives=int(final.fit.outcomes.sum()),
        doubts=(*evaluation.doubts, *_doubts_of_split(len(filled), overlaps=overlaps)),
    )


def _judging(parts: Sequence[CutoffRows], *, overlaps: bool) -> tuple[_Stage, CutoffRows]:
    """Return what the judged procedure learns from, and the test."""
    edge = TEST_SHARE + CHOICE_SHARE
    if len(parts) == FEWEST_CUTOFFS:  # no cutoff left for choosing: other customers of the first stand in
        fit, choice = parts[0].of_share(edge, 1.0), parts[0].of_share(TEST_SHARE if overlaps else 0.0, edge)
        test = parts[1].of_share(0.0, TEST_SHARE) if overlaps else parts[1]
        return _Stage(fit.rows, choice.rows), test
    early, late, test = parts[:-2], parts[-2], parts[-1]
    if not overlaps:
        return _Stage(stack_rows([p.rows for p in early]), late.rows), test
    fit_rows = stack_rows([p.of_share(edge, 1.0).rows for p in early])
    return _Stage(fit_rows, late.of_share(TEST_SHARE, edge).rows), test.of_share(0.0, TEST_SHARE)


def _using(parts: Sequence[CutoffRows], *, overlaps: bool) -> _Stage:
    """Return what the model in use learns from: one cutoff further on."""
    early, late = parts[:-1], parts[-1]
    if not overlaps:
        return _Stage(stack_rows([p.rows for p in early]), late.rows)
    kept = stack_rows([p.of_share(CHOICE_SHARE, 1.0).rows for p in early])
    return _Stage(kept, late.of_share(0.0, CHOICE_SHARE).rows)


def _choose(
    model: ModelDefinition, features: Sequence[Feature], stage: _Stage, threads: int
) -> tuple[CandidateDefinition, tuple[tuple[str, float], ...]]:
    """Return the candidate with the best order on later rows, and all that were tried; the first written wins near ties."""
    coding = learn_coding(stage.fit, features)
    tried = []
    for candidate in model.learners:
        fitted = fit_model(
            candidate.learner, stage.fit, coding, settings=candidate.settings, seed=model.seed, threads=threads
        )
        tried.append(
            (candidate, roc_auc(rank_outcomes(stage.calibrate.outcomes, fitted.predict(stage.calibrate, coding))))
        )
    chosen, best = tried[0]
    for candidate, auc in tried[1:]:
        if auc > best + CLEAR_ADVANTAGE:
            chosen, best = candidate, auc
    return chosen, tuple((c.label, auc) for c, auc in tried)


def _fit(
    model: ModelDefinition, features: Sequence[Feature], candidate: CandidateDefinition, stage: _Stage, threads: int
) -> Scorer:
    coding = learn_coding(stage.fit, features)
    fitted = fit_model(
        candidate.learner, stage.fit, coding, settings=candidate.settings, seed=model.seed, threads=threads
    )
    raw = fitted.predict(stage.calibrate, coding)
    return Scorer(
        candidate.label, coding, fitted, fit_calibrator(raw, stage.calibrate.outcomes, method=model.calibration)
    )


def _doubts_of_split(n_cutoffs: int, *, overlaps: bool) -> tuple[Text, ...]:
    doubts = []
    if n_cutoffs == FEWEST_CUTOFFS:
        doubts.append(
            Text(
                "只有两个截止日：模型的选择与校准用同一截止日的其他客户，而非更晚的截止日",
                "only two cutoffs: choice and calibration used other customers of the first, not a later cutoff",
            )
        )
    if overlaps:
        doubts.append(
            Text(
                "结果窗口相互重叠：检验客户未参与训练，但同一时期的外部变化可能同时影响两侧",
                "outcome windows overlap: test customers were kept out of training, but shocks of the time touch both sides",
            )
        )
    return tuple(doubts)


__all__ = ["CutoffRows", "LearnedModel", "Scorer", "learn_model", "need_cutoffs"]

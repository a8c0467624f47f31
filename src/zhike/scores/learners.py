"""The two learners, and what they leave behind: LightGBM text, or logistic coefficients as JSON. Never a pickle.

Both are deterministic: fixed seed, fixed order of sums, the same model for the same rows whatever the number of threads.
A fitted model gives the raw probability (calibrated elsewhere) and what each feature added to the log-odds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from zhike.kernel.errors import ContractBroken, NotEstimable
from zhike.scores.encode import Coding, encode_for_trees, encode_linear
from zhike.scores.terms import Floats, Rows

LearnerName: TypeAlias = Literal["logistic", "lightgbm"]
LIGHTGBM_DEFAULTS: Mapping[str, Any] = {"n_trees": 200, "learning_rate": 0.03, "num_leaves": 15}
LOGISTIC_DEFAULTS: Mapping[str, Any] = {"c": 0.1}
FEWEST_OF_EACH_OUTCOME = 20
FEWEST_CELLS_FOR_THREADS = 10_000_000  # below, threads wait for one another longer than they work
FEWEST_ROWS_FOR_THREADS = 50_000


class FittedModel(Protocol):
    """What a learner leaves behind."""

    @property
    def learner(self) -> LearnerName:
        """Which learner made it."""
        ...

    def predict(self, rows: Rows, coding: Coding) -> Floats:
        """Return raw probabilities in (0, 1), shape (n_rows,)."""
        ...

    def contributions(self, rows: Rows, coding: Coding) -> Floats:
        """Return what each feature adds to the log-odds, shape (n_rows, n_features); beside them stands only a constant."""
        ...

    def to_text(self) -> str:
        """Return the model as text; ``model_from_text`` gives it back exactly."""
        ...


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """Coefficients per standardised column of the linear design; ``intercept`` is the log-odds of the average row."""

    intercept: float
    coefficients: tuple[float, ...]
    learner: LearnerName = "logistic"

    def predict(self, rows: Rows, coding: Coding) -> Floats:
        """Return raw probabilities, shape (n_rows,)."""
        return _logistic(self.intercept + encode_linear(rows, coding) @ np.asarray(self.coefficients))

    def contributions(self, rows: Rows, coding: Coding) -> Floats:
        """Return coefficient × standardised value, summed per feature; shape (n_rows, n_features)."""
        parts = encode_linear(rows, coding) * np.asarray(self.coefficients)
        starts = np.searchsorted(coding.owners, np.arange(len(coding.columns)))
        return np.add.reduceat(parts, starts, axis=1) if len(coding.columns) else parts

    def to_text(self) -> str:
        """Return the coefficients as JSON."""
        return json.dumps({"intercept": self.intercept, "coefficients": list(self.coefficients)}, indent=1)


@dataclass(frozen=True, slots=True)
class LightgbmModel:
    """Boosted trees in LightGBM's own text form."""

    text: str
    learner: LearnerName = "lightgbm"

    def predict(self, rows: Rows, coding: Coding) -> Floats:
        """Return raw probabilities, shape (n_rows,)."""
        if not rows.n:
            return np.empty(0)
        return np.asarray(_predict(self.text, encode_for_trees(rows, coding)), dtype=np.float64)

    def contributions(self, rows: Rows, coding: Coding) -> Floats:
        """Return the exact Shapley values of the trees (LightGBM ``pred_contrib``), shape (n_rows, n_features).

        Source
        ------
        Lundberg et al. (2020), "From local explanations to global understanding with explainable AI for trees".
        """
        if not rows.n:
            return np.empty((0, len(coding.columns)))
        return np.asarray(_predict(self.text, encode_for_trees(rows, coding), pred_contrib=True))[:, :-1]

    def to_text(self) -> str:
        """Return LightGBM's text."""
        return self.text


@lru_cache(maxsize=8)
def _booster(text: str) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=text)


def _predict(text: str, matrix: Floats, **what: bool) -> Any:
    threads = 1 if len(matrix) < FEWEST_ROWS_FOR_THREADS else 0
    return _booster(text).predict(matrix, num_threads=threads, **what)


def _logistic(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -500, 500)))


def fit_model(
    learner: LearnerName,
    rows: Rows,
    coding: Coding,
    *,
    settings: Mapping[str, Any] | None = None,
    seed: int = 1,
    threads: int = 2,
) -> FittedModel:
    """Return a model fitted to labelled rows.

    Parameters
    ----------
    settings : of the learner. logistic: ``c`` (inverse strength of the L2 penalty). lightgbm: ``n_trees``,
        ``learning_rate``, ``num_leaves``, or any parameter of LightGBM by its own name.
    threads : the most workers; few rows are learned by one. The result does not depend on them.

    Raises
    ------
    NotEstimable : fewer than 20 rows of either outcome.
    """
    positives = float(rows.outcomes.sum())
    if min(positives, rows.n - positives) < FEWEST_OF_EACH_OUTCOME:
        raise NotEstimable(
            "scores.too_few_outcomes",
            zh=f"{rows.n} 行训练数据中有 {positives:.0f} 个“是”，每类至少需要 {FEWEST_OF_EACH_OUTCOME} 个",
            en=f"{positives:.0f} of {rows.n} training rows are yes; at least {FEWEST_OF_EACH_OUTCOME} of each outcome are needed",
            todo_zh="放宽客群或增加截止日", todo_en="widen the population or add cutoffs",
            facts={"n_rows": rows.n, "n_positives": positives},
        )  # fmt: skip
    if learner == "logistic":
        return _fit_logistic(rows, coding, {**LOGISTIC_DEFAULTS, **(settings or {})})
    return _fit_lightgbm(rows, coding, {**LIGHTGBM_DEFAULTS, **(settings or {})}, seed=seed, threads=threads)


def _fit_logistic(rows: Rows, coding: Coding, settings: Mapping[str, Any]) -> LogisticModel:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    learner = LogisticRegression(C=float(settings["c"]), solver="newton-cholesky", max_iter=100, tol=1e-8)
    with threadpool_limits(limits=1):  # sums in one order, whatever the machine
        fitted = learner.fit(encode_linear(rows, coding), rows.outcomes)
    return LogisticModel(float(fitted.intercept_[0]), tuple(float(c) for c in fitted.coef_[0]))


def _fit_lightgbm(rows: Rows, coding: Coding, settings: Mapping[str, Any], *, seed: int, threads: int) -> LightgbmModel:
    import lightgbm

    matrix = encode_for_trees(rows, coding)
    own = {k: v for k, v in settings.items() if k != "n_trees"}
    fixed = {
        "objective": "binary",
        "verbosity": -1,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": threads if matrix.size >= FEWEST_CELLS_FOR_THREADS else 1,
    }
    data = lightgbm.Dataset(
        matrix,
        rows.outcomes,
        feature_name=[f"f{i}" for i in range(len(coding.columns))],
        categorical_feature=coding.categories,
        params={"verbosity": -1, "max_bin": own.get("max_bin", 255), "num_threads": fixed["num_threads"]},
    )
    booster = lightgbm.train({**own, **fixed}, data, num_boost_round=int(settings["n_trees"]))
    return LightgbmModel(_without_threads(booster.model_to_string()))


def _without_threads(text: str) -> str:
    """Drop the one line of LightGBM's text that tells how many threads trained it: equal models have equal text."""
    return "\n".join(line for line in text.split("\n") if not line.startswith("[num_threads:"))


def model_from_text(learner: LearnerName, content: str) -> FittedModel:
    """Return the model that ``to_text`` wrote.

    Raises
    ------
    ContractBroken : the text is not such a model.
    """
    if learner == "lightgbm":
        if not content.startswith("tree"):
            raise ContractBroken(
                "scores.artifact_unreadable", zh="模型文件不是 LightGBM 文本", en="the model file is not LightGBM text"
            )
        return LightgbmModel(content)
    try:
        body = json.loads(content)
        return LogisticModel(float(body["intercept"]), tuple(float(c) for c in body["coefficients"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ContractBroken(
            "scores.artifact_unreadable", zh="模型文件不是逻辑回归系数", en="the model file does not hold logistic coefficients"
        ) from error  # fmt: skip


__all__ = ["FittedModel", "LearnerName", "LightgbmModel", "LogisticModel", "fit_model", "model_from_text"]

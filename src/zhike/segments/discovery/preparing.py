"""From columns of the profile to numbers that distances may be taken of: what is left out is told with its reason.

In this order: columns with too many missing values and near-constant ones go; missing values take the median; strongly skewed
columns take the signed logarithm, and, where that is not enough, their normal scores; every column is scaled to mean 0 and
variance 1; of two that say the same (rank correlation) the later one goes; what remains is turned into principal components until
the wanted share of the variance is kept. What was learned is kept, so that everybody can be prepared like the sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from zhike.kernel.errors import NotEstimable
from zhike.kernel.terms import Text

Floats = npt.NDArray[np.float64]
LEAST_ROWS = 100


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """When a column is left out or changed; all are shares in [0, 1] but ``skew_most``."""

    missing_most_rate: float = 0.5
    same_most_rate: float = 0.97
    correlation_most: float = 0.95
    skew_most: float = 1.0
    explained_rate: float = 0.9


@dataclass(frozen=True, slots=True)
class Dropped:
    """A column that was left out, and why."""

    column: str
    reason: Text


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """What is done to one column: filled with ``fill``, changed by ``change`` (none, log, rank), then (x − centre) / spread."""

    column: str
    fill: float
    change: str
    centre: float
    spread: float
    knots: tuple[float, ...] = ()
    n_filled: int = 0

    def apply(self, values: Floats) -> Floats:
        """Return the prepared column of any customers."""
        filled = np.where(np.isnan(values), self.fill, values)
        if self.change == "log":
            filled = signed_log(filled)
        elif self.change == "rank":
            filled = _normal_scores(filled, np.asarray(self.knots))
        return (filled - self.centre) / self.spread


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was learned from a sample. ``matrix`` is the sample, (n, n_components); ``explained`` the share of each component."""

    plans: tuple[ColumnPlan, ...]
    dropped: tuple[Dropped, ...]
    components: Floats
    explained: tuple[float, ...]
    matrix: Floats

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are used, in order."""
        return tuple(p.column for p in self.plans)

    def apply(self, columns: Mapping[str, Floats]) -> Floats:
        """Return the components of any customers, (n, n_components)."""
        scaled = np.column_stack([p.apply(columns[p.column]) for p in self.plans])
        reduced: Floats = scaled @ self.components.T
        return reduced


def signed_log(values: Floats) -> Floats:
    """Return sign(x) · ln(1 + |x|): keeps order and sign, and takes a million to 14."""
    found: Floats = np.sign(values) * np.log1p(np.abs(values))
    return found


def _normal_scores(values: Floats, knots: Floats) -> Floats:
    """Return the normal quantile of the mid-rank that a value has among sorted sample values ``knots``."""
    low, high = np.searchsorted(knots, values, side="left"), np.searchsorted(knots, values, side="right")
    shares = np.clip((low + high) / 2 / len(knots), 0.5 / len(knots), 1 - 0.5 / len(knots))
    scores: Floats = stats.norm.ppf(shares)
    return scores


def _judge(name: str, values: Floats, settings: PrepareSettings) -> Dropped | None:
    missing = float(np.isnan(values).mean())
    if missing > settings.missing_most_rate:
        return Dropped(name, Text(f"缺失 {missing:.0%}", f"{missing:.0%} missing"))
    present = values[~np.isnan(values)]
    filled = np.where(np.isnan(values), np.median(present), values)
    _, counts = np.unique(filled, return_counts=True)
    same = float(counts.max() / len(values))
    if same > settings.same_most_rate:
        return Dropped(name, Text(f"{same:.1%} 的客户取值相同", f"{same:.1%} of customers have the same value"))
    return None


def _plan(name: str, values: Floats, settings: PrepareSettings) -> ColumnPlan:
    fill = float(np.median(values[~np.isnan(values)]))
    filled = np.where(np.isnan(values), fill, values)
    change, changed = "none", filled
    knots: tuple[float, ...] = ()
    if len(np.unique(filled)) > 2 and abs(float(stats.skew(filled))) > settings.skew_most:
        change, changed = "log", signed_log(filled)
        if abs(float(stats.skew(changed))) > 2 * settings.skew_most:
            change = "rank"
            ordered = np.sort(filled)
            knots = tuple(float(v) for v in ordered[:: max(1, len(ordered) // 1000)])
            changed = _normal_scores(filled, np.asarray(knots))
    spread = float(changed.std()) or 1.0
    n_filled = int(np.isnan(values).sum())
    return ColumnPlan(name, fill, change, float(changed.mean()), spread, knots, n_filled)


def _without_twins(
    plans: Sequence[ColumnPlan], scaled: Sequence[Floats], settings: PrepareSettings
) -> tuple[list[int], list[Dropped]]:
    """Return the positions that stay, and what goes because an earlier column says the same."""
    ranked = np.column_stack([stats.rankdata(s) for s in scaled])
    correlation = np.atleast_2d(np.corrcoef(ranked, rowvar=False))
    kept: list[int] = []
    dropped = []
    for i, plan in enumerate(plans):
        twin = next((j for j in kept if abs(correlation[i, j]) > settings.correlation_most), None)
        if twin is None:
            kept.append(i)
            continue
        other, strength = plans[twin].column, correlation[i, twin]
        why = Text(f"与 {other} 秩相关 {strength:.2f}", f"rank correlation with {other} is {strength:.2f}")
        dropped.append(Dropped(plan.column, why))
    return kept, dropped


def prepare(columns: Mapping[str, Floats], settings: PrepareSettings | None = None) -> Prepared:
    """Return the columns cleaned, scaled and reduced, with what was left out and why.

    Parameters
    ----------
    columns : name → values of the same customers, NaN = missing; flags as 0 and 1.

    Raises
    ------
    NotEstimable : fewer than ``LEAST_ROWS`` customers, or no column is left.
    """
    settings = settings or PrepareSettings()
    n = len(next(iter(columns.values()), ()))
    if n < LEAST_ROWS:
        raise NotEstimable(
            "discovery.too_few", zh=f"仅 {n} 位客户，不足 {LEAST_ROWS} 位，不做聚类", en=f"only {n} customers, fewer than {LEAST_ROWS}: no clustering",
            todo_zh="扩大客户范围", todo_en="take more customers", facts={"n": n},
        )  # fmt: skip
    judged = {name: _judge(name, values, settings) for name, values in columns.items()}
    dropped = [d for d in judged.values() if d is not None]
    plans = [_plan(name, columns[name], settings) for name, verdict in judged.items() if verdict is None]
    if plans:
        scaled = [p.apply(columns[p.column]) for p in plans]
        kept, twins = _without_twins(plans, scaled, settings)
        dropped += twins
        plans, scaled = [plans[i] for i in kept], [scaled[i] for i in kept]
    if not plans:
        raise NotEstimable(
            "discovery.no_columns", zh="没有可用于聚类的列", en="no column is left to cluster by",
            todo_zh="用 --features 另选列；每列的原因见 findings", todo_en="choose others with --features; the reason of each is listed",
            facts={d.column: d.reason.en for d in dropped},
        )  # fmt: skip
    matrix = np.column_stack(scaled)
    components, explained = _components(matrix, settings.explained_rate)
    return Prepared(tuple(plans), tuple(dropped), components, explained, matrix @ components.T)


def _components(matrix: Floats, wanted: float) -> tuple[Floats, tuple[float, ...]]:
    """Return principal components (rows), as few as keep the wanted share, with signs that do not depend on the machine."""
    _, spread, directions = np.linalg.svd(matrix - matrix.mean(axis=0), full_matrices=False)
    shares = spread**2 / (spread**2).sum()
    n = int(np.searchsorted(np.cumsum(shares), wanted - 1e-12) + 1)
    chosen = directions[: min(n, len(shares))]
    signs = np.sign(chosen[np.arange(len(chosen)), np.abs(chosen).argmax(axis=1)])
    return chosen * signs[:, None], tuple(float(s) for s in shares[: len(chosen)])


__all__ = ["LEAST_ROWS", "ColumnPlan", "Dropped", "PrepareSettings", "Prepared", "prepare", "signed_log"]

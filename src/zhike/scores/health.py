"""Drift: how today's customers and scores differ from those a model learned from (PSI per feature and of the score)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from zhike.scores.encode import Coding, encode_for_trees
from zhike.scores.terms import FeatureKind, Floats, Rows
from zhike.statistics.stability import bin_counts, quantile_edges, stability_index

SCORE = "score"
WATCH_FROM = 0.1
SHIFTED_FROM = 0.25
ROWS_AT_MOST = 200_000


class HealthState(StrEnum):
    """What a stability index means, by the field's rule of thumb."""

    STABLE = "stable"
    WATCH = "watch"
    SHIFTED = "shifted"


@dataclass(frozen=True, slots=True)
class Reference:
    """The distribution of one feature, or of the score, that a model learned from: counts per bin, the last of missing values."""

    feature: str
    edges: tuple[float, ...]
    counts: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the distribution as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Health:
    """How far one feature, or the score, has moved since training; ``psi`` >= 0."""

    feature: str
    psi: float
    state: HealthState
    n_reference: int
    n_current: int
    missing_reference_rate: float
    missing_current_rate: float


def reference_from_json(body: Mapping[str, Any]) -> Reference:
    """Return the distribution written by ``Reference.to_json``."""
    return Reference(body["feature"], tuple(body["edges"]), tuple(body["counts"]))


def learn_reference(rows: Rows, coding: Coding, p: Floats) -> tuple[Reference, ...]:
    """Return the distributions of the score (first) and of each feature, over at most 200,000 evenly chosen rows."""
    kept = _thin(rows.n)
    matrix = encode_for_trees(rows.take(kept), coding)
    edges = quantile_edges(p[kept])
    found = [Reference(SCORE, tuple(edges), tuple(bin_counts(p[kept], edges)))]
    for i, column in enumerate(coding.columns):
        is_code = column.kind is FeatureKind.CATEGORY
        between: Floats = np.arange(len(column.levels), dtype=np.float64) + 0.5
        cut = between if is_code else quantile_edges(matrix[:, i])
        found.append(Reference(column.name, tuple(cut), tuple(bin_counts(matrix[:, i], cut))))
    return tuple(found)


def measure_health(rows: Rows, coding: Coding, p: Floats, reference: Sequence[Reference]) -> tuple[Health, ...]:
    """Return how far the score and each feature have moved; nothing when there are no rows today.

    Parameters
    ----------
    p : today's calibrated scores, shape (n_rows,).
    """
    if not rows.n:
        return ()
    kept = _thin(rows.n)
    matrix = encode_for_trees(rows.take(kept), coding)
    position = {name: i for i, name in enumerate(coding.names)}
    found = []
    for past in reference:
        values = p[kept] if past.feature == SCORE else matrix[:, position[past.feature]]
        found.append(_compare(past, bin_counts(values, np.asarray(past.edges))))
    return tuple(found)


def _compare(past: Reference, current: Floats) -> Health:
    before = np.asarray(past.counts)
    psi = stability_index(before, current)
    state = (
        HealthState.SHIFTED if psi >= SHIFTED_FROM else HealthState.WATCH if psi >= WATCH_FROM else HealthState.STABLE
    )
    return Health(
        feature=past.feature,
        psi=psi,
        state=state,
        n_reference=int(before.sum()),
        n_current=int(current.sum()),
        missing_reference_rate=float(before[-1] / before.sum()),
        missing_current_rate=float(current[-1] / current.sum()),
    )


def _thin(n: int) -> slice:
    return slice(0, n, max(1, -(-n // ROWS_AT_MOST)))


__all__ = ["SCORE", "Health", "HealthState", "Reference", "learn_reference", "measure_health", "reference_from_json"]

"""Does a model serve groups of people alike? Order, level and selection by sex, age band, region and the like.

Sensitive attributes do not enter models; here they are used only to look. Groups too small to judge are shown as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.scores.columns import Column, numbers_of, texts_of
from zhike.scores.terms import Floats
from zhike.statistics.discrimination import rank_outcomes, roc_auc

FEWEST_ROWS = 50
FEWEST_POSITIVES = 10
MOST_GROUPS = 20
AGE_BANDS = (25, 35, 45, 55, 65)
MISSING = "missing"


@dataclass(frozen=True, slots=True)
class GroupResult:
    """One group of test rows. ``observed_rate``, ``mean_p``, ``auc`` are None where the group is too small.

    ``selected_rate`` is the share of the group that scores among the best tenth of all; ``selection_ratio`` is that over the
    share of all customers (1 = alike; below 0.8 is the field's rule of thumb for a closer look).
    """

    attribute: str
    group: str
    n_rows: int
    n_positives: int
    observed_rate: float | None
    mean_p: float | None
    auc: float | None
    selected_rate: float
    selection_ratio: float

    def to_json(self) -> dict[str, Any]:
        """Return the group as JSON values."""
        return asdict(self)


def judge_fairness(attributes: pa.Table, p: Floats, outcomes: Floats, by: Sequence[str]) -> tuple[GroupResult, ...]:
    """Return the results of each group of each attribute in ``by`` that ``attributes`` holds.

    Parameters
    ----------
    attributes : columns as of the cutoff, one row per test row; numbers called ``age`` are cut into bands of years.
    p, outcomes : calibrated probabilities and 0/1 outcomes, shape (n_rows,).
    """
    selected = p >= (float(np.quantile(p, 0.9)) if len(p) else 0.0)
    overall = float(selected.mean()) if len(p) else 0.0
    results: list[GroupResult] = []
    for attribute in by:
        if attribute not in attributes.column_names:
            continue
        groups = _groups(attributes.column(attribute), attribute)
        names, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
        for i in sorted(np.argsort(-counts, kind="stable")[:MOST_GROUPS]):
            mask = codes == i
            rate = float(selected[mask].mean())
            ratio = rate / overall if overall else 0.0
            results.append(_judge((attribute, str(names[i])), p[mask], outcomes[mask], (rate, ratio)))
    return tuple(results)


def _groups(column: Column, attribute: str) -> npt.NDArray[np.str_]:
    if attribute == "age":
        years = numbers_of(column)
        labels = [f"<{AGE_BANDS[0]}", *(f"{a}-{b - 1}" for a, b in pairwise(AGE_BANDS)), f"{AGE_BANDS[-1]}+"]
        band = np.searchsorted(AGE_BANDS, np.nan_to_num(years), side="right")
        return np.where(np.isnan(years), MISSING, np.asarray(labels)[band])
    return texts_of(column, missing=MISSING)


def _judge(group: tuple[str, str], p: Floats, y: Floats, selected: tuple[float, float]) -> GroupResult:
    n, positives = len(y), int(y.sum())
    is_enough = n >= FEWEST_ROWS
    has_both = is_enough and min(positives, n - positives) >= FEWEST_POSITIVES
    return GroupResult(
        attribute=group[0],
        group=group[1],
        n_rows=n,
        n_positives=positives,
        observed_rate=float(y.mean()) if is_enough else None,
        mean_p=float(p.mean()) if is_enough else None,
        auc=roc_auc(rank_outcomes(y, p)) if has_both else None,
        selected_rate=selected[0],
        selection_ratio=selected[1],
    )


__all__ = ["GroupResult", "judge_fairness"]

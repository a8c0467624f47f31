"""Learned tiers: where an amount falls apart by itself, beside the tiers that a bank has set. Nothing is adopted; people look and decide.

Boundaries are natural breaks (Jenks; one-dimensional k-means) of the logarithm of the amount: a tier is people of about the same money. How
good any tiers are is told by the same measure, the share of the spread that lies between tiers (goodness of variance fit), and how sure a
learned boundary is by drawing the customers again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zhike.kernel.errors import NotEstimable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FEWEST_CUSTOMERS = 200
BINS = 2_000  # of the logarithm: what lies in one is taken for equal
STARTS = 10
N_DRAWS = 50
MOST_DRAWN = 50_000
LOW, HIGH = 0.05, 0.95


@dataclass(frozen=True, slots=True)
class Tier:
    """Customers from ``from_amount`` up to the next tier; ``low`` and ``high`` hold the boundary in nine of ten draws (learned tiers)."""

    from_amount: float
    n: int
    share_rate: float
    amount_share_rate: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class TierComparison:
    """Two ways to cut the same customers, lowest tier first.

    ``fit_set``, ``fit_learned`` : share of the spread of the logarithm that lies between tiers. ``agreement`` : weighted kappa of both, 1 =
    the same. ``table`` : customers by tier set (rows) and learned (columns). ``moved_set``, ``moved_learned`` : share of customers who would
    be in another tier by the amount of the month before; None where that is unknown.
    """

    set_: tuple[Tier, ...]
    learned: tuple[Tier, ...]
    fit_set: float
    fit_learned: float
    agreement: float
    table: tuple[tuple[int, ...], ...]
    moved_set: float | None
    moved_learned: float | None


def learn_boundaries(amounts: Floats, n_tiers: int, *, seed: int = 0, near: Floats | None = None) -> Floats:
    """Return the ``n_tiers`` - 1 boundaries of natural breaks, ascending, in the unit of the amounts (0 and more).

    Parameters
    ----------
    near : boundaries of other customers of the same kind, from which the search begins; it begins anywhere when left out.

    Raises
    ------
    NotEstimable : there are too few customers, or fewer different amounts than tiers.
    """
    from sklearn.cluster import KMeans

    if len(amounts) < FEWEST_CUSTOMERS or len(np.unique(amounts)) < n_tiers:
        raise NotEstimable(
            "segment.too_few_for_tiers", zh=f"只有 {len(amounts)} 位客户或金额种类过少，学不出 {n_tiers} 档",
            en=f"{len(amounts)} customers, or too few different amounts, do not make {n_tiers} tiers",
        )  # fmt: skip
    logs = _logs(amounts)
    counts, edges = np.histogram(logs, BINS)
    points = ((edges[1:] + edges[:-1]) / 2)[counts > 0].reshape(-1, 1)
    search: dict[str, Any] = {"n_init": STARTS, "random_state": seed}
    if near is not None:
        place = np.searchsorted(_logs(near), logs, "right")
        sizes = np.bincount(place, minlength=n_tiers)
        centres = np.bincount(place, weights=logs, minlength=n_tiers) / np.maximum(sizes, 1)
        search = {"n_init": 1, "init": centres.reshape(-1, 1)}
    fitted = KMeans(n_tiers, **search).fit(points, sample_weight=counts[counts > 0])
    centres = np.sort(fitted.cluster_centers_.ravel())
    middles = (centres[1:] + centres[:-1]) / 2
    found: Floats = np.expm1(middles * np.log(10))
    return found


def compare_tiers(
    amounts: Floats, boundaries: Sequence[float], *, before: Floats | None = None, n_tiers: int | None = None, seed: int = 0
) -> TierComparison:  # fmt: skip
    """Return the tiers that are set beside learned ones. The lowest boundary is kept: below it nobody is tiered by money.

    Parameters
    ----------
    amounts : one per customer, 0 and more.
    boundaries : ascending; a tier begins at its boundary, the lowest at 0.
    before : the same customers' amounts a month before, NaN where unknown.
    n_tiers : how many to learn, the one below the lowest boundary counted; as many as are set when left out, at least three.

    Raises
    ------
    NotEstimable : there are too few customers.
    """
    n = n_tiers or len(boundaries) + 1
    fixed = np.asarray(boundaries, np.float64)
    above = amounts[amounts >= fixed[0]]
    learned = learn_boundaries(above, n - 1, seed=seed)
    dice = np.random.default_rng(seed)
    again = (dice.choice(above, min(len(above), MOST_DRAWN)) for _ in range(N_DRAWS))
    spans = np.quantile(np.stack([learn_boundaries(a, n - 1, near=learned) for a in again]), [LOW, HIGH], axis=0)
    spans = np.concatenate([np.full((2, 1), fixed[0]), spans], axis=1)
    learned = np.concatenate([fixed[:1], learned])
    mine, theirs = (np.searchsorted(b, amounts, "right") for b in (fixed, learned))
    table = np.zeros((len(fixed) + 1, n), np.int64)
    np.add.at(table, (mine, theirs), 1)
    return TierComparison(
        _tiers(amounts, fixed, mine), _tiers(amounts, learned, theirs, spans), _fit(amounts, mine), _fit(amounts, theirs), _kappa(table),
        tuple(tuple(row) for row in table.tolist()), _moved(amounts, before, fixed), _moved(amounts, before, learned),
    )  # fmt: skip


def _logs(amounts: Floats) -> Floats:
    found: Floats = np.log1p(np.maximum(amounts, 0.0)) / np.log(10)
    return found


def _tiers(amounts: Floats, boundaries: Floats, place: Ints, spans: Floats | None = None) -> tuple[Tier, ...]:
    total, found = float(np.maximum(amounts, 0).sum()), []
    for i, begins in enumerate([0.0, *boundaries.tolist()]):
        inside = place == i
        money = float(np.maximum(amounts[inside], 0).sum())
        low, high = (None, None) if spans is None or i == 0 else (float(spans[0, i - 1]), float(spans[1, i - 1]))
        n = int(inside.sum())
        found.append(Tier(begins, n, n / len(amounts), money / total if total else 0.0, low, high))
    return tuple(found)


def _fit(amounts: Floats, place: Ints) -> float:
    """Return the share of the variance of the logarithm that lies between tiers."""
    logs = _logs(amounts)
    total = float(((logs - logs.mean()) ** 2).sum())
    within = sum(float(((logs[place == i] - logs[place == i].mean()) ** 2).sum()) for i in np.unique(place))
    return 1.0 - within / total if total else 0.0


def _kappa(table: npt.NDArray[np.int64]) -> float:
    """Return the agreement of two orders of tiers beyond chance, near tiers counting more (quadratic weights over relative places)."""
    shares = table / table.sum()
    rows, columns = (np.linspace(0, 1, size) for size in table.shape)
    apart = (rows[:, None] - columns[None, :]) ** 2
    chance = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    expected = float((apart * chance).sum())
    return 1.0 - float((apart * shares).sum()) / expected if expected else 1.0


def _moved(amounts: Floats, before: Floats | None, boundaries: Floats) -> float | None:
    if before is None or not np.isfinite(before).any():
        return None
    known = np.isfinite(before)
    now, then = (np.searchsorted(boundaries, values[known], "right") for values in (amounts, before))
    return float((now != then).mean())


__all__ = ["Tier", "TierComparison", "compare_tiers", "learn_boundaries"]

"""How far a distribution has moved: the population stability index (PSI), over bins of numbers or over codes.

What to do about a shift is for the packages that watch something; here is only the measure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from zhike.kernel.errors import NotEstimable

Floats = npt.NDArray[np.float64]
SMALLEST_SHARE = 1e-4  # an empty bin would make the index infinite; the usual floor of one in ten thousand


def quantile_edges(values: npt.ArrayLike, n_bins: int = 10) -> Floats:
    """Return the inner edges that cut the present ``values`` into ``n_bins`` equally filled bins; repeated edges fall together.

    Missing values (NaN) are left out; without any present value there are no edges. Shape (at most n_bins - 1,).
    """
    v = np.asarray(values, dtype=np.float64)
    v = v[~np.isnan(v)]
    if not len(v):
        return np.empty(0, dtype=np.float64)
    return np.unique(np.quantile(v, np.linspace(0, 1, n_bins + 1)[1:-1]))


def bin_counts(values: npt.ArrayLike, edges: Floats) -> Floats:
    """Return counts per bin: ``len(edges) + 1`` bins of numbers (upper edge inside), then one of missing values (NaN)."""
    v = np.asarray(values, dtype=np.float64)
    present = v[~np.isnan(v)]
    inside = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return np.concatenate([inside, [len(v) - len(present)]]).astype(np.float64)


def stability_index(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the PSI between two rows of counts over the same bins; 0 = the same shares.

    psi = sum((c_i - r_i) * ln(c_i / r_i)),  r, c = shares, each at least 0.0001

    A rule of thumb: below 0.1 stable, 0.1-0.25 watch, above 0.25 shifted.

    Raises
    ------
    ValueError : the rows are not equally long.
    NotEstimable : one of the two holds no rows at all.

    Source
    ------
    Siddiqi (2006), "Credit Risk Scorecards", chapter 10; it is the Jeffreys divergence, KL(r||c) + KL(c||r).
    """
    r, c = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if r.shape != c.shape:
        raise ValueError(f"counts over different bins: {r.shape} and {c.shape}")
    if r.sum() <= 0 or c.sum() <= 0:
        raise NotEstimable("statistics.no_rows", zh="没有可比较的行", en="there are no rows to compare")
    both_empty = (r == 0) & (c == 0)
    r, c = (np.maximum(x / x.sum(), SMALLEST_SHARE)[~both_empty] for x in (r, c))
    return float(((c - r) * np.log(c / r)).sum())


def code_stability_index(reference: Mapping[str, float], current: Mapping[str, float]) -> float:
    """Return the PSI between counts per code; a code missing on one side counts 0 there. Raises as ``stability_index``."""
    codes = sorted({*reference, *current})
    return stability_index([reference.get(c, 0.0) for c in codes], [current.get(c, 0.0) for c in codes])


__all__ = ["SMALLEST_SHARE", "bin_counts", "code_stability_index", "quantile_edges", "stability_index"]

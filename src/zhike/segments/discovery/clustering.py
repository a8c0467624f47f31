"""Clusters that are there: how many, how sure, and a refusal where there are none.

For every number of clusters k from 2 on: the cluster model is fitted to a sample; fitted again to resamples drawn with return, and
all of the sample assigned by each of these (adjusted Rand index of the two assignments, and for each cluster its best Jaccard
match); and compared with what the same method makes of a single normal cloud of the same covariance and of an evenly filled box, in
which there is nothing to find. k is believed when the median adjusted Rand index reaches ``stable_least``, no cluster is too small or dissolves, and the clusters
are tighter than in all but ``p_most`` of the clouds. Of those believed, k-means takes the largest k whose silhouette is the best or
next to it, the mixture the one of smallest BIC. Where none is believed there is no clustering: a stable cut through one long cloud is no group of customers.

The figures of every k are kept. A sample is at most ``sample_most`` customers; everybody is assigned by the model fitted to it.

Source
------
Hubert & Arabie (1985) (adjusted Rand index); Hennig (2007), "Cluster-wise assessment of cluster stability" (Jaccard, 0.75 stable,
below 0.6 not to be trusted); Liu, Hayes, Nobel & Marron (2008), SigClust (one normal cloud as the null hypothesis);
Tibshirani, Walther & Hastie (2001) (the box along the components).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from zhike.kernel.errors import NotEstimable
from zhike.statistics import seeded_generator

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Method = Literal["kmeans", "mixture"]


class Fitted(Protocol):
    """A cluster model that can place anybody."""

    def predict(self, matrix: Floats) -> Labels:
        """Return the cluster of each row, 0 …"""
        ...


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """How hard is looked, and what is believed. ``n_clusters`` tries that number only."""

    method: Method = "kmeans"
    most_clusters: int = 8
    n_clusters: int | None = None
    sample_most: int = 20_000
    silhouette_most: int = 4_000
    silhouette_slack: float = 0.02
    n_resamples: int = 20
    test_most: int = 5_000
    n_clouds: int = 19
    stable_least: float = 0.8
    cluster_stable_least: float = 0.6
    share_least: float = 0.02
    p_most: float = 0.05
    seed: str = "discovery"


@dataclass(frozen=True, slots=True)
class Choice:
    """The figures of one k. ``rand_*`` are adjusted Rand indices over the resamples; ``jaccard`` per cluster, largest cluster first.

    ``p_value`` is the share of clouds without clusters in which clusters are at least as tight; None where k fell before that.
    ``refused_zh``, ``refused_en`` say why k is not believed, "" when it is.
    """

    n_clusters: int
    silhouette: float
    bic: float | None
    tightness: float
    rand_median: float
    rand_low: float
    rand_high: float
    jaccard: tuple[float, ...]
    sizes: tuple[int, ...]
    p_value: float | None
    refused_zh: str = ""
    refused_en: str = ""

    @property
    def is_believed(self) -> bool:
        """Whether this k is stable and more than a cut through a cloud."""
        return not self.refused_en


@dataclass(frozen=True, slots=True)
class Clustering:
    """A clustering that is believed. ``labels`` are of everybody asked for, 0 = largest cluster; ``centres`` in components."""

    chosen: Choice
    choices: tuple[Choice, ...]
    labels: Labels
    centres: Floats
    n_sampled: int
    method: Method

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return self.chosen.n_clusters


def _fit(matrix: Floats, k: int, method: Method, seed: int) -> Fitted:
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture

    fitted: Fitted
    if method == "kmeans":
        fitted = KMeans(k, n_init=5, random_state=seed).fit(matrix)
    else:
        fitted = GaussianMixture(k, covariance_type="full", n_init=1, reg_covar=1e-3, random_state=seed).fit(matrix)
    return fitted


def _tightness(matrix: Floats, labels: Labels) -> float:
    """Return the share of the spread that is inside clusters, (0, 1]; small = tight."""
    inside = sum(float(((m := matrix[labels == c]) - m.mean(axis=0)).__pow__(2).sum()) for c in np.unique(labels))
    return inside / float(((matrix - matrix.mean(axis=0)) ** 2).sum())


def best_jaccard(reference: Labels, other: Labels, n_clusters: int) -> Floats:
    """Return, per cluster of ``reference``, shared over either with the cluster of ``other`` that fits it best."""
    k = int(max(other.max(), 0)) + 1
    shared = np.zeros((n_clusters, k))
    np.add.at(shared, (reference, other), 1)
    either = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None, :] - shared
    best: Floats = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0).max(axis=1)
    return best


def _resampled(matrix: Floats, labels: Labels, k: int, settings: ClusterSettings) -> tuple[Floats, Floats]:
    """Return the adjusted Rand index of each resample, and the mean best Jaccard of each cluster."""
    from sklearn.metrics import adjusted_rand_score

    generator = seeded_generator("resample", settings.seed, settings.method, k)
    rand, jaccard = [], np.zeros((settings.n_resamples, k))
    for i in range(settings.n_resamples):
        rows = generator.integers(0, len(matrix), min(len(matrix), settings.test_most))
        again = _fit(matrix[rows], k, settings.method, i).predict(matrix)
        rand.append(float(adjusted_rand_score(labels, again)))
        jaccard[i] = best_jaccard(labels, again, k)
    return np.asarray(rand), jaccard.mean(axis=0)


def _p_of_cloud(matrix: Floats, k: int, tightness: float, settings: ClusterSettings) -> float:
    """Return the larger of two shares: of normal clouds of the same covariance, and of boxes evenly filled, in which k clusters
    are at least as tight; the data themselves are counted among them."""
    generator = seeded_generator("cloud", settings.seed, settings.method, k)
    covariance = np.atleast_2d(np.cov(matrix, rowvar=False))
    mean, low, high = np.zeros(matrix.shape[1]), matrix.min(axis=0), matrix.max(axis=0)
    n_tight, size = [0, 0], min(len(matrix), settings.test_most)
    for i in range(settings.n_clouds):
        clouds = (
            generator.multivariate_normal(mean, covariance, size=size, check_valid="ignore"),
            generator.uniform(low, high, size=(size, matrix.shape[1])),
        )
        for j, cloud in enumerate(clouds):
            labels = _fit(cloud, k, settings.method, i).predict(cloud)
            n_tight[j] += _tightness(cloud, labels) <= tightness
    return (1 + max(n_tight)) / (1 + settings.n_clouds)


def _refusal(choice: dict[str, float], jaccard: Floats, least: float, settings: ClusterSettings) -> tuple[str, str]:
    if choice["rand"] < settings.stable_least:
        n = f"{choice['rand']:.2f}"
        return f"不稳定：调整兰德指数中位数 {n} < {settings.stable_least}", f"unstable: median adjusted Rand index {n} < {settings.stable_least}"  # fmt: skip
    if least < settings.share_least:
        return f"最小一类仅占 {least:.1%}", f"the smallest cluster holds {least:.1%} only"
    if float(jaccard.min()) < settings.cluster_stable_least:
        n = f"{float(jaccard.min()):.2f}"
        return f"有一类在重抽样中消散：Jaccard {n}", f"a cluster dissolves in resamples: Jaccard {n}"
    return "", ""


def _try(matrix: Floats, k: int, settings: ClusterSettings) -> tuple[Choice, Fitted, Labels]:
    from sklearn.metrics import silhouette_score

    fitted = _fit(matrix, k, settings.method, 0)
    labels = fitted.predict(matrix)
    found = np.unique(labels)
    generator = seeded_generator("silhouette", settings.seed, k)
    some = generator.permutation(len(matrix))[: settings.silhouette_most]
    is_split = len(np.unique(labels[some])) > 1
    silhouette = float(silhouette_score(matrix[some], labels[some])) if is_split else -1.0
    bic = float(fitted.bic(matrix)) if settings.method == "mixture" else None  # type: ignore[attr-defined]
    tightness = _tightness(matrix, labels)
    rand, jaccard = _resampled(matrix, labels, k, settings)
    sizes = np.bincount(labels, minlength=k)
    order = np.argsort(-sizes, kind="stable")
    median, low, high = (float(v) for v in np.quantile(rand, [0.5, 0.1, 0.9]))
    least = float(sizes.min()) / len(labels) if len(found) == k else 0.0
    zh, en = _refusal({"rand": median}, jaccard, least, settings)
    p_value = None
    if not en:
        p_value = _p_of_cloud(matrix, k, tightness, settings)
        if p_value > settings.p_most:
            zh = f"与无类的点云无异：p = {p_value:.2f}"
            en = f"no tighter than in a cloud without clusters: p = {p_value:.2f}"
    choice = Choice(
        k, silhouette, bic, tightness, median, low, high, tuple(float(jaccard[i]) for i in order),
        tuple(int(sizes[i]) for i in order), p_value, zh, en,
    )  # fmt: skip
    return choice, fitted, labels


def find_clusters(matrix: Floats, settings: ClusterSettings | None = None) -> Clustering:
    """Return the clustering that is believed, with the figures of every k that was tried; everybody is assigned.

    Parameters
    ----------
    matrix : prepared customers, (n, n_components), in the order in which labels are wanted.

    Raises
    ------
    NotEstimable : no k is believed; ``facts`` holds the reason of each.
    """
    import sklearn.cluster  # noqa: F401 - threads are limited of libraries that are loaded already
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):  # many small fits: threads would wait for one another far longer than they work
        return _find(np.asarray(matrix, dtype=np.float64), settings or ClusterSettings())


def _find(everybody: Floats, settings: ClusterSettings) -> Clustering:
    rows = seeded_generator("sample", settings.seed).permutation(len(everybody))[: settings.sample_most]
    sample = everybody[np.sort(rows)]
    asked = [settings.n_clusters] if settings.n_clusters else range(2, settings.most_clusters + 1)
    tried = [_try(sample, k, settings) for k in asked if k * 10 <= len(sample)]
    choices = tuple(choice for choice, _, _ in tried)
    believed = [t for t in tried if t[0].is_believed]
    if not believed:
        refuse_clusters(choices)
    chosen, fitted, _ = _best(believed, settings)
    labels = fitted.predict(everybody)
    order = np.argsort(-np.bincount(fitted.predict(sample), minlength=chosen.n_clusters), kind="stable")
    place = np.empty(chosen.n_clusters, dtype=np.int64)
    place[order] = np.arange(chosen.n_clusters)
    labels = place[labels]
    centres = np.vstack([everybody[labels == c].mean(axis=0) for c in range(chosen.n_clusters)])
    return Clustering(chosen, choices, labels, centres, len(sample), settings.method)


def _best(
    believed: Sequence[tuple[Choice, Fitted, Labels]], settings: ClusterSettings
) -> tuple[Choice, Fitted, Labels]:
    """Return the k of least BIC; of k-means, the largest k whose silhouette is as good as the best but for the slack."""
    if settings.method == "mixture":
        return min(believed, key=lambda t: t[0].bic or 0.0)
    best = max(t[0].silhouette for t in believed)
    near = [t for t in believed if t[0].silhouette >= best - settings.silhouette_slack]
    return max(near, key=lambda t: t[0].n_clusters)


def refuse_clusters(choices: Sequence[Choice]) -> None:
    """Raise NotEstimable with the reason of every k."""
    raise NotEstimable(
        "discovery.nothing_stable", zh="未发现稳定的客群：" + "；".join(f"k={c.n_clusters} {c.refused_zh}" for c in choices),
        en="no stable clusters were found: " + "; ".join(f"k={c.n_clusters} {c.refused_en}" for c in choices),
        todo_zh="用 --features 换少数有业务含义的特征，或以规则定义客群", todo_en="take fewer, more telling features with --features, or define segments by rules",
        facts={f"k{c.n_clusters}": c.refused_en for c in choices},
    )  # fmt: skip


def nearest_to_centre(matrix: Floats, clustering: Clustering, cluster: int, n: int = 5) -> Labels:
    """Return the positions of the ``n`` members nearest to the centre of a cluster, nearest first; ties by position."""
    here = np.flatnonzero(clustering.labels == cluster)
    away = ((matrix[here] - clustering.centres[cluster]) ** 2).sum(axis=1)
    found: Labels = here[np.argsort(away, kind="stable")[:n]]
    return found


__all__ = [
    "Choice",
    "ClusterSettings",
    "Clustering",
    "Fitted",
    "Method",
    "best_jaccard",
    "find_clusters",
    "nearest_to_centre",
    "refuse_clusters",
]

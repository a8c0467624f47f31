"""How well clusters agree with the truth, pair by pair, exactly: counted from sizes of overlaps, so that no pair is written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Labels = Sequence[Any] | npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts of pairs of records and what follows from them; rates are in [0, 1], and None where nothing was there to count.

    ``over_merge_rate`` is the share of clusters that hold more than one person, ``n_split_persons`` how many persons have more
    than one cluster, ``clusters_per_person`` how many a person has on average.
    """

    n_records: int
    n_persons: int
    n_clusters: int
    n_true_pairs: int
    n_found_pairs: int
    n_right_pairs: int
    n_over_merged_clusters: int
    n_split_persons: int
    n_person_clusters: int

    @property
    def n_wrong_pairs(self) -> int:
        """Pairs that the clusters join and the truth does not."""
        return self.n_found_pairs - self.n_right_pairs

    @property
    def precision(self) -> float | None:
        """Right among found pairs."""
        return self.n_right_pairs / self.n_found_pairs if self.n_found_pairs else None

    @property
    def recall(self) -> float | None:
        """Found among true pairs."""
        return self.n_right_pairs / self.n_true_pairs if self.n_true_pairs else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        both = self.n_found_pairs + self.n_true_pairs
        return 2 * self.n_right_pairs / both if both else None

    @property
    def over_merge_rate(self) -> float | None:
        """Share of clusters that hold more than one person."""
        return self.n_over_merged_clusters / self.n_clusters if self.n_clusters else None

    @property
    def clusters_per_person(self) -> float | None:
        """Clusters that a person has, on average."""
        return self.n_person_clusters / self.n_persons if self.n_persons else None

    def as_facts(self) -> dict[str, Any]:
        """Return what is worth printing, rates rounded to six places."""
        rates = {n: getattr(self, n) for n in ("f1", "precision", "recall", "over_merge_rate", "clusters_per_person")}
        counts = {
            n: getattr(self, n) for n in ("n_records", "n_persons", "n_clusters", "n_true_pairs", "n_wrong_pairs")
        }
        rounded = {n: None if r is None else round(r, 6) for n, r in rates.items()}
        return {
            **rounded, **counts, "n_over_merged_clusters": self.n_over_merged_clusters, "n_split_persons": self.n_split_persons,
        }  # fmt: skip


def score_clusters(truth: Labels, clusters: Labels) -> Agreement:
    """Return how ``clusters`` agree with ``truth``: labels of the same records in the same order, of any kind that sorts.

    Raises
    ------
    ValueError : the two are not of one length, or a label is missing.
    """
    person, n_persons = _codes(truth)
    cluster, n_clusters = _codes(clusters)
    if len(person) != len(cluster):
        raise ValueError(f"{len(person)} records have a truth, {len(cluster)} a cluster")
    overlap, size = np.unique(person * np.int64(max(n_clusters, 1)) + cluster, return_counts=True)
    per_person = np.bincount(overlap // max(n_clusters, 1), minlength=n_persons)
    per_cluster = np.bincount(overlap % max(n_clusters, 1), minlength=n_clusters)
    return Agreement(
        n_records=len(person), n_persons=n_persons, n_clusters=n_clusters, n_true_pairs=_pairs(np.bincount(person)),
        n_found_pairs=_pairs(np.bincount(cluster)), n_right_pairs=_pairs(size),
        n_over_merged_clusters=int((per_cluster > 1).sum()), n_split_persons=int((per_person > 1).sum()),
        n_person_clusters=len(overlap),
    )  # fmt: skip


def _codes(labels: Labels) -> tuple[Ints, int]:
    values = np.asarray(labels)
    is_missing = values == None if values.dtype == object else np.isnan(values) if values.dtype.kind == "f" else False  # noqa: E711
    if np.any(is_missing):
        raise ValueError("a record has no label")
    known, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64), len(known)


def _pairs(sizes: Ints) -> int:
    """Return how many pairs groups of these sizes hold, in whole numbers of any length."""
    return sum(
        int(n) * (int(n) - 1) // 2 * int(times) for n, times in zip(*np.unique(sizes, return_counts=True), strict=True)
    )


__all__ = ["Agreement", "score_clusters"]

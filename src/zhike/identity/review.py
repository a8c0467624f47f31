"""Pairs of customers that an officer should look at: perhaps one, and what keeps them apart is not certain.

A pair is here because a match model is not sure (``grey``), because a record fits two people who cannot be one (``ambiguous``),
because days of birth contradict in spite of a shared key, or because the customer would grow too large. Each pair of customers is
told once, by its strongest pair of records. Pairs that an officer has parted are not asked about again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.identity.clusters import Clusters
from zhike.identity.matching import probability
from zhike.identity.rows import Values, as_array
from zhike.identity.terms import Refusal

Ints = npt.NDArray[np.int64]
GREY = "grey"
ASKED_ABOUT = (Refusal.AMBIGUOUS, Refusal.BIRTH, Refusal.BIRTH_AND_SEX, Refusal.SIZE)
RATE_DIGITS = 6


def review_rows(
    records: pa.Table,
    clusters: Clusters,
    weighed: pa.Table,
    ids: Values,
    numbers: Ints,
    *,
    splits: Sequence[tuple[int, int]],
) -> pa.Table:
    """Return the rows of ``identity_review``, the likeliest first.

    Parameters
    ----------
    records : standardised latest versions in the order of their numbers.
    weighed : pairs that the match models weighed.
    ids, numbers : customer ids by number, and per record its customer's number.
    splits : pairs of records that officers parted.
    """
    parted = {_pair(numbers, a, b) for a, b in splits}
    best: dict[tuple[int, int], tuple[float, int, int, str]] = {}
    for left, right, bits, reason in _asked(clusters, weighed):
        pair = _pair(numbers, left, right)
        if pair[0] != pair[1] and pair not in parted:
            known = best.get(pair)
            if known is None or (bits, -left, -right) > (known[0], -known[1], -known[2]):
                best[pair] = (bits, left, right, reason)
    rows = sorted(best.values(), key=lambda r: (-r[0], r[1], r[2]))
    weights = [r[0] or None for r in rows]
    sides = {"left": as_array([r[1] for r in rows], pa.int64()), "right": as_array([r[2] for r in rows], pa.int64())}
    ends = {
        f"{side}_{name}": records[column].combine_chunks().take(at)
        for side, at in sides.items()
        for name, column in (("source", "source"), ("key", "source_key"))
    }
    customers = {
        f"{side}_customer_id": ids.take(as_array(numbers[at.to_numpy().astype(np.int64)])) for side, at in sides.items()
    }
    chances = [None if w is None else round(probability(w), RATE_DIGITS) for w in weights]
    reasons = as_array([r[3] for r in rows], pa.string())
    return pa.table({
        **ends, **customers, "reason": reasons, "weight": as_array(weights, pa.float64()),
        "probability_rate": as_array(chances, pa.float64()),
    })  # fmt: skip


def _pair(numbers: Ints, left: int, right: int) -> tuple[int, int]:
    a, b = int(numbers[left]), int(numbers[right])
    return (a, b) if a < b else (b, a)


def _asked(clusters: Clusters, weighed: pa.Table) -> Sequence[tuple[int, int, float, str]]:
    refused = clusters.refused
    columns = (refused.left.tolist(), refused.right.tolist(), refused.bits.tolist(), clusters.refused_because)
    found = [(a, b, w, r.value) for a, b, w, r in zip(*columns, strict=True) if r in ASKED_ABOUT]
    grey = weighed.filter(np.logical_not(weighed["is_automatic"].to_numpy(zero_copy_only=False)))
    names = ("left_record", "right_record", "weight")
    return found + [(a, b, w, GREY) for a, b, w in zip(*(grey[n].to_pylist() for n in names), strict=True)]


def flaw_rows(records: pa.Table, fields: Sequence[str], flaws: Mapping[str, Values]) -> pa.Table:
    """Return the rows of ``identity_flaw``: which values of records name nobody, and why."""
    parts = []
    for field in fields:
        is_there = np.flatnonzero(np.asarray(flaws[field].is_valid().to_numpy(zero_copy_only=False)))
        mine = records.select(["source", "source_key"]).take(is_there)
        parts.append(
            mine.append_column("field", as_array([field] * len(is_there), pa.string())).append_column(
                "flaw", flaws[field].take(as_array(is_there, pa.int64()))
            )
        )
    return pa.concat_tables(parts)


__all__ = ["GREY", "flaw_rows", "review_rows"]

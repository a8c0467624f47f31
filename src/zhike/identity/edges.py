"""From keys to edges: records that share a key, as a star around the first of them; keys shared too widely make none.

Works on ``record_no`` (dense integers), so that the graph is a few arrays. A star is enough to say which records a key
joins: a record makes at most one key per rule, so (rule, centre) names the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zhike.identity.terms import Action, Override, RecordKey

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Edges:
    """Arrays of one length: the two records (``left`` < ``right``), the rule's priority, and the number of the key.

    ``bits`` : match weight of edges that the match model weighed; 0 for shared keys.
    """

    left: Ints
    right: Ints
    priority: Ints
    key_no: Ints
    bits: Floats

    def __len__(self) -> int:
        return len(self.left)

    def take(self, chosen: npt.NDArray[np.bool_] | Ints) -> Edges:
        """Return the chosen edges: a flag per edge, or positions."""
        return Edges(
            self.left[chosen], self.right[chosen], self.priority[chosen], self.key_no[chosen], self.bits[chosen]
        )


def concatenate(parts: Sequence[Edges]) -> Edges:
    """Return all edges of ``parts`` in order."""
    return Edges(
        np.concatenate([p.left for p in parts]),
        np.concatenate([p.right for p in parts]),
        np.concatenate([p.priority for p in parts]),
        np.concatenate([p.key_no for p in parts]),
        np.concatenate([p.bits for p in parts]),
    )


def edges_from_lists(
    left: Sequence[int],
    right: Sequence[int],
    priority: Sequence[int],
    key_no: Sequence[int],
    bits: Sequence[float] = (),
) -> Edges:
    """Return edges from plain lists; without ``bits`` they are of shared keys."""
    weights = np.array(bits, np.float64) if bits else np.zeros(len(left))
    a, b, rule, key = (np.array(values, np.int64) for values in (left, right, priority, key_no))
    return Edges(a, b, rule, key, weights)


def override_pairs(
    overrides: Sequence[Override], record_no: Mapping[RecordKey, int], action: Action
) -> list[tuple[int, int, Override]]:
    """Return the record numbers of the overrides of one kind whose records exist, lower number first, in order."""
    pairs = []
    for override in overrides:
        if override.action is action and override.left in record_no and override.right in record_no:
            a, b = sorted((record_no[override.left], record_no[override.right]))
            pairs.append((a, b, override))
    return sorted(pairs, key=lambda p: (p[0], p[1], p[2].override_id))


__all__ = ["Edges", "concatenate", "edges_from_lists", "override_pairs"]

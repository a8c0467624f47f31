"""From keys to edges: records that share a key, as a star around the first of them; keys shared too widely make none.

Works on ``record_no`` (dense integers), so that the graph is a few arrays. A star is enough to say which records a key
joins: a record makes at most one key per rule, so (rule, centre) names the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt

from zhike.identity.rules import OVERRIDE_RULE, keys_of
from zhike.identity.terms import Action, Override, RecordKey, Rule

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Edges:
    """Arrays of one length: the two records (``left`` < ``right``) and the rule's priority."""

    left: Ints
    right: Ints
    priority: Ints

    def __len__(self) -> int:
        return len(self.left)

    def take(self, chosen: npt.NDArray[np.bool_]) -> Edges:
        """Return the edges where ``chosen`` is true."""
        return Edges(self.left[chosen], self.right[chosen], self.priority[chosen])


def concatenate(parts: Sequence[Edges]) -> Edges:
    """Return all edges of ``parts`` in order."""
    return Edges(
        np.concatenate([p.left for p in parts]),
        np.concatenate([p.right for p in parts]),
        np.concatenate([p.priority for p in parts]),
    )


def edges_from_lists(left: Sequence[int], right: Sequence[int], priority: Sequence[int]) -> Edges:
    """Return edges from plain lists."""
    return Edges(np.array(left, np.int64), np.array(right, np.int64), np.array(priority, np.int64))


def shared_keys(records: ir.Table, rules: Sequence[Rule]) -> ir.Table:
    """Return one row per key that at least two records share: [rule, priority, centre, n_records, is_too_wide, key].

    ``centre`` is the lowest record_no; ``is_too_wide`` marks a key shared by more records than its rule allows.
    """
    grouped = keys_of(records).group_by("rule", "key").aggregate(
        centre=lambda t: t.record_no.min(), n_records=lambda t: t.record_no.count().cast("int64")
    )  # fmt: skip
    grouped = grouped.filter(grouped.n_records >= 2)
    priority = ibis.cases(*((grouped.rule == r.name, r.priority) for r in rules), else_=len(rules))
    limit = ibis.cases(*((grouped.rule == r.name, r.max_records) for r in rules), else_=0)
    return grouped.mutate(priority=priority.cast("int64"), is_too_wide=grouped.n_records > limit)


def star_edges(records: ir.Table, shared: ir.Table) -> ir.Table:
    """Return the edges of the usable keys: [left, right, priority], ``left`` the centre of the star."""
    usable = shared.filter(~shared.is_too_wide).select("rule", "key", "centre", "priority")
    joined = keys_of(records).inner_join(usable, ["rule", "key"])
    return joined.filter(joined.record_no != joined.centre).select(left="centre", right="record_no", priority="priority")


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


__all__ = ["OVERRIDE_RULE", "Edges", "concatenate", "edges_from_lists", "override_pairs", "shared_keys", "star_edges"]

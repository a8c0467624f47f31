"""What a run did to customer ids, told so that each change can be explained and undone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zhike.identity.clusters import Clusters
from zhike.identity.inherit import NONE, Inheritance
from zhike.identity.terms import Change

Ints = npt.NDArray[np.int64]
KEYS_CHANGED = "keys_changed"
NEW_RECORDS = "new_records"
RECORDS_GONE = "records_gone"
RETURNED = "returned"
UNDONE = "override_undone"


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change, in numbers: ``other_no`` is the one merged into, split from or moved from; ``record`` the one that moved."""

    kind: Change
    customer_no: int
    other_no: int
    record: int
    n_records: int
    reason: str


def explain_changes(
    clusters: Clusters, previous_no: Ints, inheritance: Inheritance, *, alive_before: Ints, rule_names: Sequence[str]
) -> list[ChangeRow]:
    """Return what happened to each id between the previous run and this one, in a fixed order.

    Parameters
    ----------
    previous_no : per record the number it had; NONE where it was unknown.
    alive_before : numbers in use at the end of the previous run.
    rule_names : names of rules by priority.
    """
    now = inheritance.customer_no
    fresh = set(inheritance.created_no.tolist()) | set(inheritance.revived_no.tolist())
    in_use = np.unique(now)
    gone = np.setdiff1d(alive_before, in_use)
    moved_at = np.flatnonzero((previous_no != NONE) & (previous_no != now))
    flows: dict[tuple[int, int], list[int]] = defaultdict(list)
    for record in moved_at.tolist():
        flows[(int(previous_no[record]), int(now[record]))].append(record)
    why_together = _strongest_crossing(clusters, previous_no, {p for p, _ in flows}, rule_names)
    why_apart = _refusals_between(clusters, now, {frozenset(f) for f in flows})
    rows = _created(inheritance, previous_no)
    rows += _merged_or_moved(flows, set(gone.tolist()), fresh, why_together)
    undone = set(inheritance.undone_no.tolist())
    rows += _split(flows, fresh, {frozenset(f): UNDONE for f in flows if f[1] in undone} | why_apart)
    merged = {old for old, _ in flows}
    rows += [ChangeRow(Change.RETIRED, n, NONE, NONE, 0, RECORDS_GONE) for n in gone.tolist() if n not in merged]
    return rows


def _created(inheritance: Inheritance, previous_no: Ints) -> list[ChangeRow]:
    """Return the ids given, or given back, to records that had none."""
    now = inheritance.customer_no
    had_id = np.unique(now[previous_no != NONE])
    n_records = np.bincount(now) if len(now) else np.zeros(1, np.int64)
    rows = []
    for numbers, reason in ((inheritance.created_no, NEW_RECORDS), (inheritance.revived_no, RETURNED)):
        newly = numbers[~np.isin(numbers, had_id)]
        rows += [ChangeRow(Change.CREATED, n, NONE, NONE, int(n_records[n]), reason) for n in newly.tolist()]
    return rows


def _merged_or_moved(
    flows: Mapping[tuple[int, int], list[int]], gone: set[int], fresh: set[int], why: Mapping[int, str]
) -> list[ChangeRow]:
    """Return merges (an id that ended, into the one that took most of its records) and moves of single records."""
    heir: dict[int, int] = {}
    for old, new in sorted(flows, key=lambda f: (-len(flows[f]), f)):
        if old in gone and new not in fresh:
            heir.setdefault(old, new)
    rows = [
        ChangeRow(Change.MERGED, old, new, NONE, len(flows[(old, new)]), why.get(old, KEYS_CHANGED))
        for old, new in sorted(heir.items())
    ]
    for (old, new), records in sorted(flows.items()):
        if new not in fresh and heir.get(old) != new:
            rows += [ChangeRow(Change.MOVED, new, old, r, 1, why.get(old, KEYS_CHANGED)) for r in records]
    return rows


def _split(
    flows: Mapping[tuple[int, int], list[int]], fresh: set[int], why: Mapping[frozenset[int], str]
) -> list[ChangeRow]:
    return [
        ChangeRow(Change.SPLIT, new, old, NONE, len(records), why.get(frozenset((old, new)), KEYS_CHANGED))
        for (old, new), records in sorted(flows.items())
        if new in fresh
    ]


def _strongest_crossing(
    clusters: Clusters, previous_no: Ints, olds: set[int], rule_names: Sequence[str]
) -> dict[int, str]:
    """Return per previous number the strongest rule that ties its records to records it did not have."""
    used = clusters.used
    before_left, before_right = previous_no[used.left], previous_no[used.right]
    strongest: dict[int, int] = {}
    crossing = np.flatnonzero(before_left != before_right)
    for at in crossing.tolist():
        for number in (int(before_left[at]), int(before_right[at])):
            if number in olds:
                strongest[number] = min(strongest.get(number, len(rule_names)), int(used.priority[at]))
    return {number: rule_names[priority] for number, priority in strongest.items()}


def _refusals_between(clusters: Clusters, now: Ints, pairs: set[frozenset[int]]) -> dict[frozenset[int], str]:
    """Return per pair of present numbers why a key that they share did not link them."""
    found: dict[frozenset[int], Counter[str]] = defaultdict(Counter)
    refused = clusters.refused
    for left, right, reason in zip(
        refused.left.tolist(), refused.right.tolist(), clusters.refused_because, strict=True
    ):
        pair = frozenset((int(now[left]), int(now[right])))
        if pair in pairs:
            found[pair][reason.value] += 1
    return {pair: min(counts, key=lambda r: (r != "override", -counts[r], r)) for pair, counts in found.items()}


__all__ = ["KEYS_CHANGED", "NEW_RECORDS", "RECORDS_GONE", "RETURNED", "UNDONE", "ChangeRow", "explain_changes"]

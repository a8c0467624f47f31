"""From edges to customers: connected components, and a careful second look where a component contradicts itself.

Nearly all components are without contradiction and are taken whole. A component that holds two valid resident ids, two
social credit codes, two birth dates, a person and a company, or a pair that an officer split, is built anew edge by edge,
strongest rule first and then in key order, refusing each union that would put contradicting records together. Both
paths depend on the records' order by key only, never on the order of input.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from zhike.identity.edges import Edges, concatenate, edges_from_lists
from zhike.identity.terms import Refusal

Ints = npt.NDArray[np.int64]
MISSING = -1
PERSON, SOLE_TRADER, COMPANY = 0, 1, 2
OVERRIDE_PRIORITY = 0
_Edge = tuple[int, int, int, int]  # priority, key_no, left, right


@dataclass(frozen=True, slots=True)
class Facts:
    """What may contradict, per record: integer codes, ``MISSING`` where unknown; ``kind`` is PERSON, SOLE_TRADER or COMPANY."""

    resident_id: Ints
    uscc: Ints
    birth_on: Ints
    kind: Ints

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, slots=True)
class Clusters:
    """``root`` per record: the lowest record number of its customer. Edges used, and refused with their reasons."""

    root: Ints
    used: Edges
    refused: Edges
    refused_because: tuple[Refusal, ...]
    n_components_in_conflict: int


def build_clusters(
    facts: Facts,
    edges: Edges,
    *,
    merges: Sequence[tuple[int, int]] = (),
    splits: Sequence[tuple[int, int]] = (),
) -> Clusters:
    """Return the customers that ``edges`` make of the records.

    Parameters
    ----------
    facts : per record what may contradict.
    edges : stars, see ``edges``; priority 1 is strongest.
    merges, splits : record pairs that an officer joined or parted (lower number first).
    """
    none = range(-len(merges), 0)  # a forced merge is a key of its own
    forced = edges_from_lists(
        [a for a, _ in merges], [b for _, b in merges], [OVERRIDE_PRIORITY] * len(merges), list(none)
    )
    everything = concatenate([forced, edges])
    component = _components(len(facts), everything)
    in_conflict = _components_in_conflict(facts, component, splits)
    is_slow = in_conflict[component] if len(facts) else np.zeros(0, bool)
    root = _lowest_member(component)
    edge_is_slow = is_slow[everything.left]
    careful = _Careful(facts, splits)
    for members, mine in _by_component(component, is_slow, everything.take(edge_is_slow)):
        careful.build(members, mine)
    for record, lowest in careful.roots():
        root[record] = lowest
    used = concatenate([everything.take(~edge_is_slow), careful.used.edges()])
    return Clusters(root, used, careful.refused.edges(), tuple(careful.reasons), int(in_conflict.sum()))


def _components(n_records: int, edges: Edges) -> Ints:
    ones = np.ones(len(edges), np.int8)
    graph = coo_array((ones, (edges.left, edges.right)), shape=(n_records, n_records))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _lowest_member(component: Ints) -> Ints:
    """Return per record the lowest record number of its component."""
    _, first = np.unique(component, return_index=True)
    return first.astype(np.int64)[component] if len(component) else component


def _components_in_conflict(facts: Facts, component: Ints, splits: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    n_components = int(component.max()) + 1 if len(component) else 0
    found = np.zeros(n_components, bool)
    for codes in (facts.resident_id, facts.uscc, facts.birth_on, _sides(facts.kind)):
        known = codes != MISSING
        lowest = np.full(n_components, np.iinfo(np.int64).max)
        highest = np.full(n_components, np.iinfo(np.int64).min)
        np.minimum.at(lowest, component[known], codes[known])
        np.maximum.at(highest, component[known], codes[known])
        found |= lowest < highest
    for a, b in splits:
        if component[a] == component[b]:
            found[component[a]] = True
    return found


def _sides(kind: Ints) -> Ints:
    """Return person = 0 and company = 1; a sole trader is on neither side: it may be linked to either by a number."""
    return np.where(kind == SOLE_TRADER, MISSING, np.where(kind == COMPANY, 1, 0))


def _by_component(
    component: Ints, is_slow: npt.NDArray[np.bool_], edges: Edges
) -> Iterable[tuple[list[int], list[_Edge]]]:
    """Yield (members, edges) per component in conflict, by lowest member."""
    members: dict[int, list[int]] = defaultdict(list)
    for record in np.flatnonzero(is_slow).tolist():
        members[int(component[record])].append(record)
    mine: dict[int, list[_Edge]] = defaultdict(list)
    home = component[edges.left].tolist()
    columns = (edges.priority, edges.key_no, edges.left, edges.right)
    for where, *edge in zip(home, *(c.tolist() for c in columns), strict=True):
        mine[where].append((edge[0], edge[1], edge[2], edge[3]))
    for where, records in members.items():
        yield records, mine[where]


@dataclass(slots=True)
class _Collected:
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    priority: list[int] = field(default_factory=list)
    key_no: list[int] = field(default_factory=list)

    def add(self, left: int, right: int, key: tuple[int, int]) -> None:
        self.left.append(left)
        self.right.append(right)
        self.priority.append(key[0])
        self.key_no.append(key[1])

    def edges(self) -> Edges:
        return edges_from_lists(self.left, self.right, self.priority, self.key_no)


class _Careful:
    """Union-find that knows what each cluster claims, and refuses what contradicts."""

    def __init__(self, facts: Facts, splits: Sequence[tuple[int, int]]) -> None:
        self._facts = facts
        self._apart: dict[int, set[int]] = defaultdict(set)
        for a, b in splits:
            self._apart[a].add(b)
            self._apart[b].add(a)
        self._parent: dict[int, int] = {}
        self._claims: dict[int, tuple[set[int], set[int], set[int], set[int]]] = {}
        self._members: dict[int, list[int]] = {}
        self.used, self.refused = _Collected(), _Collected()
        self.reasons: list[Refusal] = []

    def build(self, members: Sequence[int], edges: Sequence[_Edge]) -> None:
        """Join one component's records; ``edges`` are stars, one per key."""
        facts = self._facts
        for record in members:
            self._parent[record] = record
            self._members[record] = [record]
            self._claims[record] = (
                _known(facts.resident_id[record]), _known(facts.uscc[record]), _known(facts.birth_on[record]),
                _known(_sides(facts.kind[record : record + 1])[0]),
            )  # fmt: skip
        stars: dict[tuple[int, int], list[int]] = {}
        for priority, key_no, left, right in edges:
            stars.setdefault((priority, key_no), [left]).append(right)
        for key, points in sorted(stars.items()):
            self._join_star(sorted(points), key)

    def roots(self) -> Iterable[tuple[int, int]]:
        """Yield (record, lowest record of its cluster)."""
        for root, members in self._members.items():
            if self._find(root) == root:
                lowest = min(members)
                for record in members:
                    yield record, lowest

    def _find(self, record: int) -> int:
        while self._parent[record] != record:
            self._parent[record] = self._parent[self._parent[record]]
            record = self._parent[record]
        return record

    def _join_star(self, points: Sequence[int], key: tuple[int, int]) -> None:
        """Join the records that share one key, pair by pair, except where the key cannot tell who is meant."""
        ambiguous = self._ambiguous_pairs({self._find(p) for p in points}) if key[0] != OVERRIDE_PRIORITY else set()
        homes = {p: self._find(p) for p in points}
        for i, a in enumerate(points):
            for b in points[i + 1 :]:
                self._join(a, b, key, is_ambiguous=(homes[a], homes[b]) in ambiguous)

    def _ambiguous_pairs(self, roots: set[int]) -> set[tuple[int, int]]:
        """Return pairs of clusters that a third under the same key fits on one side and contradicts on the other.

        A record that says only a name and a number belongs to neither of two people of that name and number.
        """
        fits = {(x, y): self._refusal(x, y, is_forced=False) is None for x in roots for y in roots if x != y}
        if all(fits.values()):
            return set()
        return {(x, y) for x, y in fits if any(fits[x, z] != fits[y, z] for z in roots if z not in (x, y))}

    def _join(self, a: int, b: int, key: tuple[int, int], *, is_ambiguous: bool) -> None:
        root_a, root_b = self._find(a), self._find(b)
        if root_a == root_b:
            self.used.add(a, b, key)
            return
        reason = self._refusal(root_a, root_b, is_forced=key[0] == OVERRIDE_PRIORITY)
        if reason is None and is_ambiguous:
            reason = Refusal.AMBIGUOUS
        if reason is not None:
            self.refused.add(a, b, key)
            self.reasons.append(reason)
            return
        keep, gone = (root_a, root_b) if len(self._members[root_a]) >= len(self._members[root_b]) else (root_b, root_a)
        self._parent[gone] = keep
        self._members[keep] += self._members[gone]
        for mine, other in zip(self._claims[keep], self._claims[gone], strict=True):
            mine.update(other)
        self.used.add(a, b, key)

    def _refusal(self, root_a: int, root_b: int, *, is_forced: bool) -> Refusal | None:
        """Return why two clusters must stay apart, or None. A forced merge yields to document numbers only."""
        if self._apart and not is_forced:
            theirs = set(self._members[root_b])
            if any(self._apart[m] & theirs for m in self._members[root_a] if m in self._apart):
                return Refusal.OVERRIDE
        reasons = (Refusal.RESIDENT_ID, Refusal.USCC, Refusal.BIRTH, Refusal.KIND)
        for reason, mine, other in zip(reasons, self._claims[root_a], self._claims[root_b], strict=True):
            if mine and other and not mine & other and not (is_forced and reason in (Refusal.BIRTH, Refusal.KIND)):
                return reason
        return None


def _known(code: np.int64) -> set[int]:
    return set() if code == MISSING else {int(code)}


__all__ = ["COMPANY", "MISSING", "OVERRIDE_PRIORITY", "PERSON", "SOLE_TRADER", "Clusters", "Facts", "build_clusters"]

"""From edges to customers: connected components, and a careful second look where a component contradicts itself.

Nearly all components are without contradiction and are taken whole. A component that holds two valid resident ids, two
social credit codes, two birth dates, both sexes, a person and a company, a pair that an officer split, or too many records, is
built anew edge by edge, strongest rule first and then in key order, the heaviest weight first where the match model weighed,
refusing each union that would put contradicting records together. Both paths depend on the records' order by key only, never on
the order of input.

Two birth dates may be one, written twice: with day and month swapped, or with one digit wrong. Then they contradict only
beside two sexes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from zhike.identity.codes import MISSING
from zhike.identity.edges import Edges, concatenate, edges_from_lists
from zhike.identity.terms import Refusal

Ints = npt.NDArray[np.int64]
PERSON, SOLE_TRADER, COMPANY = 0, 1, 2
OVERRIDE_PRIORITY = 0
STRONG_PRIORITY = 2  # up to here rules are numbers of a person or company itself, and may make a cluster of any size
LARGEST = 20
MARGIN = 7.0  # bits by which the better of two contradicting candidates has to lead: 128 to 1
_Key = tuple[int, int, float]  # priority, key_no, bits
_Edge = tuple[int, int, int, int, float]  # priority, key_no, left, right, bits


@dataclass(frozen=True, slots=True)
class Facts:
    """What may contradict, per record: integer codes, ``MISSING`` where unknown.

    ``birth_on`` is YYYYMMDD as a number, ``sex`` 0 or 1, ``kind`` PERSON, SOLE_TRADER or COMPANY.
    """

    resident_id: Ints
    uscc: Ints
    birth_on: Ints
    sex: Ints
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

    @property
    def forced_roots(self) -> Ints:
        """Roots of the clusters that an officer's merge holds together."""
        found: Ints = np.unique(self.root[self.used.left[self.used.priority == OVERRIDE_PRIORITY]])
        return found


def build_clusters(
    facts: Facts,
    edges: Edges,
    *,
    merges: Sequence[tuple[int, int]] = (),
    splits: Sequence[tuple[int, int]] = (),
    largest: int = LARGEST,
) -> Clusters:
    """Return the customers that ``edges`` make of the records.

    Parameters
    ----------
    facts : per record what may contradict.
    edges : stars, see ``edges``; priority 1 is strongest.
    merges, splits : record pairs that an officer joined or parted (lower number first).
    largest : no more records are joined to one customer, except by numbers of the person or company itself.
    """
    none = range(-len(merges), 0)  # a forced merge is a key of its own
    forced = edges_from_lists(
        [a for a, _ in merges], [b for _, b in merges], [OVERRIDE_PRIORITY] * len(merges), list(none)
    )
    everything = concatenate([forced, edges])
    component = connected(len(facts), everything)
    in_conflict = _components_in_conflict(facts, component, splits, largest)
    is_slow = in_conflict[component] if len(facts) else np.zeros(0, bool)
    root = _lowest_member(component)
    edge_is_slow = is_slow[everything.left]
    careful = _Careful(facts, splits, largest)
    for members, mine in _by_component(component, is_slow, everything.take(edge_is_slow)):
        careful.build(members, mine)
    for record, lowest in careful.roots():
        root[record] = lowest
    used = concatenate([everything.take(~edge_is_slow), careful.used.edges()])
    return Clusters(root, used, careful.refused.edges(), tuple(careful.reasons), int(in_conflict.sum()))


def connected(n_records: int, edges: Edges) -> Ints:
    """Return per record the number of its component: records that edges join, contradictions or not."""
    ones = np.ones(len(edges), np.int8)
    graph = coo_array((ones, (edges.left, edges.right)), shape=(n_records, n_records))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _lowest_member(component: Ints) -> Ints:
    """Return per record the lowest record number of its component."""
    _, first = np.unique(component, return_index=True)
    return first.astype(np.int64)[component] if len(component) else component


def _components_in_conflict(
    facts: Facts, component: Ints, splits: Sequence[tuple[int, int]], largest: int
) -> npt.NDArray[np.bool_]:
    n_components = int(component.max()) + 1 if len(component) else 0
    found: npt.NDArray[np.bool_] = np.bincount(component, minlength=n_components) > largest
    for codes in (facts.resident_id, facts.uscc, facts.birth_on, facts.sex, _sides(facts.kind)):
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
    columns = (edges.priority, edges.key_no, edges.left, edges.right, edges.bits)
    for where, *edge in zip(home, *(c.tolist() for c in columns), strict=True):
        mine[where].append((edge[0], edge[1], edge[2], edge[3], edge[4]))
    for where, records in members.items():
        yield records, mine[where]


@dataclass(slots=True)
class _Collected:
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    priority: list[int] = field(default_factory=list)
    key_no: list[int] = field(default_factory=list)
    bits: list[float] = field(default_factory=list)

    def add(self, left: int, right: int, key: _Key) -> None:
        self.left.append(left)
        self.right.append(right)
        self.priority.append(key[0])
        self.key_no.append(key[1])
        self.bits.append(key[2])

    def edges(self) -> Edges:
        return edges_from_lists(self.left, self.right, self.priority, self.key_no, self.bits)


def births_contradict(one: int, other: int) -> bool:
    """Whether two days YYYYMMDD cannot be one day written twice: neither day and month swapped, nor one digit wrong."""
    if one == other:
        return False
    a, b = f"{one:08d}", f"{other:08d}"
    is_swapped = a[:4] == b[:4] and a[4:6] == b[6:] and a[6:] == b[4:6]
    return not is_swapped and sum(x != y for x, y in zip(a, b, strict=True)) > 1


def sets_of_births_contradict(one: Collection[int], other: Collection[int]) -> bool:
    """Whether the days of birth of two clusters contradict: any of one any of the other; where an officer has put together days that
    contradict, one of them has to fit.
    """
    clashes = [births_contradict(x, y) for x in one for y in other]
    return any(clashes) and (all(clashes) or not (_is_torn(one) or _is_torn(other)))


def _is_torn(births: Collection[int]) -> bool:
    return any(births_contradict(x, y) for x in births for y in births)


_Claims = tuple[set[int], set[int], set[int], set[int], set[int]]


class _Careful:
    """Union-find that knows what each cluster claims, and refuses what contradicts."""

    def __init__(self, facts: Facts, splits: Sequence[tuple[int, int]], largest: int) -> None:
        self._facts = facts
        self._largest = largest
        self._apart: dict[int, set[int]] = defaultdict(set)
        for a, b in splits:
            self._apart[a].add(b)
            self._apart[b].add(a)
        self._parent: dict[int, int] = {}
        self._claims: dict[int, _Claims] = {}
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
                self._sex_of_born(record), _known(_sides(facts.kind[record : record + 1])[0]),
            )  # fmt: skip
        stars: dict[_Key, list[int]] = {}
        weighed: list[_Edge] = []
        for edge in edges:
            if edge[4]:
                weighed.append(edge)
            else:
                stars.setdefault((edge[0], edge[1], 0.0), [edge[2]]).append(edge[3])
        for key, points in sorted(stars.items()):
            self._join_star(sorted(points), key)
        self._join_weighed(sorted(weighed, key=lambda e: (-e[4], e[2], e[3])))

    def _join_weighed(self, edges: Sequence[_Edge]) -> None:
        """Join what the match model weighed, heaviest first, except where two that contradict each other are about as likely."""
        homes = [(self._find(left), self._find(right)) for _, _, left, right, _ in edges]
        beside: dict[int, dict[int, float]] = defaultdict(dict)
        for (a, b), edge in zip(homes, edges, strict=True):
            if a != b and self._refusal(a, b) is None:
                beside[a][b] = beside[b][a] = max(edge[4], beside[a].get(b, 0.0))
        for (a, b), (priority, key_no, left, right, bits) in zip(homes, edges, strict=True):
            is_ambiguous = self._has_rival(beside, a, b) or self._has_rival(beside, b, a)
            self._join(left, right, (priority, key_no, bits), is_ambiguous=is_ambiguous)

    def _has_rival(self, beside: Mapping[int, Mapping[int, float]], a: int, b: int) -> bool:
        """Whether ``a`` could as well be somebody who contradicts ``b``."""
        mine = beside[a].get(b)
        if mine is None:
            return False
        return any(bits > mine - MARGIN and self._refusal(b, c) is not None for c, bits in beside[a].items() if c != b)

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

    def _join_star(self, points: Sequence[int], key: _Key) -> None:
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
        fits = {(x, y): self._refusal(x, y) is None for x in roots for y in roots if x != y}
        if all(fits.values()):
            return set()
        return {(x, y) for x, y in fits if any(fits[x, z] != fits[y, z] for z in roots if z not in (x, y))}

    def _join(self, a: int, b: int, key: _Key, *, is_ambiguous: bool) -> None:
        root_a, root_b = self._find(a), self._find(b)
        if root_a == root_b:
            self.used.add(a, b, key)
            return
        reason = self._refusal(root_a, root_b, is_forced=key[0] == OVERRIDE_PRIORITY)
        if reason is None and is_ambiguous:
            reason = Refusal.AMBIGUOUS
        is_too_large = len(self._members[root_a]) + len(self._members[root_b]) > self._largest
        if reason is None and is_too_large and key[0] > STRONG_PRIORITY:
            reason = Refusal.SIZE
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

    def _refusal(self, root_a: int, root_b: int, *, is_forced: bool = False) -> Refusal | None:
        """Return why two clusters must stay apart, or None. A forced merge overrules births and sexes only."""
        if self._apart:
            theirs = set(self._members[root_b])
            if any(self._apart[m] & theirs for m in self._members[root_a] if m in self._apart):
                return Refusal.OVERRIDE
        mine, other = self._claims[root_a], self._claims[root_b]
        for place, reason in ((0, Refusal.RESIDENT_ID), (1, Refusal.USCC)):
            if _disjoint(mine[place], other[place]):
                return reason
        if _disjoint(mine[4], other[4]):
            return Refusal.KIND
        if is_forced:
            return None
        if sets_of_births_contradict(mine[2], other[2]):
            return Refusal.BIRTH
        return Refusal.BIRTH_AND_SEX if _disjoint(mine[3], other[3]) else None

    def _sex_of_born(self, record: int) -> set[int]:
        """Return the sex of a record whose birth is known: it contradicts beside a birth only, so that no other may hide it."""
        born = self._facts.birth_on[record] != MISSING
        return _known(self._facts.sex[record]) if born else set()


def _disjoint(one: set[int], other: set[int]) -> bool:
    return bool(one and other and not one & other)


def _known(code: np.int64) -> set[int]:
    return set() if code == MISSING else {int(code)}


__all__ = [
    "COMPANY",
    "OVERRIDE_PRIORITY",
    "PERSON",
    "SOLE_TRADER",
    "Clusters",
    "Facts",
    "births_contradict",
    "build_clusters",
    "connected",
    "sets_of_births_contradict",
]

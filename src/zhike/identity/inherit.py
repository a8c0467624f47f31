"""Which id a cluster carries: the one it had, by largest overlap; a revived one; or a new one. Never a used one.

Numbers (``customer_no``) stand for ids here, so that a million clusters are a few arrays. An id whose cluster was merged
away comes back when the record that founded it stands apart again: undoing a merge restores the ids, even when the part that
had been merged away has grown larger since.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
NONE = -1
NOBODY = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Register:
    """All ids ever given, as arrays in the order of ``customer_no`` (ascending, from 1).

    ``founder`` is the founding record's number today (NONE when the record is gone); ``is_alive`` whether the id was in
    use at the end of the previous run; ``was_forced`` whether it went out of use by an officer's merge (missing = none did).
    """

    customer_no: Ints
    founder: Ints
    generation: Ints
    is_alive: Flags
    was_forced: Flags | None = None

    @classmethod
    def empty(cls) -> Register:
        """Return the register before the first run."""
        none = np.zeros(0, np.int64)
        return cls(none, none, none, np.zeros(0, bool))

    def founders_of(self, numbers: Ints) -> Ints:
        """Return the records that founded numbers; NONE for one that is gone or that nobody has."""
        found = np.full(len(numbers), NONE, np.int64)
        at = np.searchsorted(self.customer_no, numbers)
        inside = np.flatnonzero(at < len(self.customer_no))
        known = inside[self.customer_no[at[inside]] == numbers[inside]]
        found[known] = self.founder[at[known]]
        return found


@dataclass(frozen=True, slots=True)
class Inheritance:
    """``customer_no`` per record; what had to be created and what was revived.

    ``created_root`` / ``created_no`` / ``created_generation`` : new ids with their founding record, in order.
    ``revived_no`` : ids that came back into use; ``undone_no`` : those of them whose merge an officer had undone.
    """

    customer_no: Ints
    created_root: Ints
    created_no: Ints
    created_generation: Ints
    revived_no: Ints
    undone_no: Ints = field(default_factory=NOBODY.copy)


def inherit(root: Ints, previous_no: Ints, register: Register, forced_roots: Ints = NOBODY) -> Inheritance:
    """Return the number of each record's customer.

    Parameters
    ----------
    root : per record the lowest record number of its cluster.
    previous_no : per record the customer number of the previous run; NONE where it had none.
    register : all numbers ever given.
    forced_roots : roots of clusters that an officer's merge holds together.

    Returns
    -------
    A number that an officer's merge took out of use comes back where that merge is undone. Each other previous number goes to the
    cluster that shares most records with it, and each cluster takes the previous number that shares most with it; between equals,
    so that as many numbers as possible stay in use, then the older number, then the cluster of the record that founded it. What is
    left is revived or new.
    """
    n_records = len(root)
    number = np.full(n_records, NONE, np.int64)  # indexed by root
    undone_root, undone_no = _undone(root, previous_no, register, set(forced_roots.tolist()))
    number[undone_root] = undone_no
    open_no = np.where(number[root] == NONE, previous_no, NONE) if len(undone_root) else previous_no
    taken_root, taken_no = _by_overlap(root, open_no, register)
    number[taken_root] = taken_no
    roots = np.unique(root)
    without = roots[number[roots] == NONE]
    in_use = {*taken_no.tolist(), *undone_no.tolist()}
    revived_root, revived_no = _revive(root, without, register, in_use)
    number[revived_root] = revived_no
    back_no = np.concatenate([undone_no, revived_no])
    created_root = without[number[without] == NONE]
    highest = int(register.customer_no.max()) if len(register.customer_no) else 0
    created_no = highest + 1 + np.arange(len(created_root), dtype=np.int64)
    number[created_root] = created_no
    undone = _was_forced(register, back_no)
    return Inheritance(number[root], created_root, created_no, _generations(created_root, register), back_no, undone)


def _was_forced(register: Register, numbers: Ints) -> Ints:
    """Return those of the numbers that an officer's merge had taken out of use."""
    if register.was_forced is None:
        return NOBODY
    return numbers[register.was_forced[np.searchsorted(register.customer_no, numbers)]]


def _undone(root: Ints, previous_no: Ints, register: Register, forced_roots: set[int]) -> tuple[Ints, Ints]:
    """Return (root, number) of clusters whose number an officer's merge took away, now that no such merge holds them.

    Both founders, that of the number and that of the one which took it over, were together the night before and stand apart now.
    """
    found: dict[int, int] = {}
    if register.was_forced is None:
        return NOBODY, NOBODY
    is_asked = register.was_forced & ~register.is_alive & (register.founder != NONE)
    for at in np.flatnonzero(is_asked).tolist():
        founder = int(register.founder[at])
        home, heir = int(root[founder]), int(previous_no[founder])
        if heir == NONE or home in forced_roots or home in found:
            continue
        other = int(register.founders_of(np.array([heir]))[0])
        if other != NONE and int(previous_no[other]) == heir and int(root[other]) != home:
            found[home] = int(register.customer_no[at])
    ordered = sorted(found)
    return np.array(ordered, np.int64), np.array([found[r] for r in ordered], np.int64)


def _by_overlap(root: Ints, previous_no: Ints, register: Register) -> tuple[Ints, Ints]:
    """Return matched (root, previous number) pairs, one to one."""
    known = previous_no != NONE
    if not known.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    width = int(previous_no.max()) + 1
    pair, n_shared = np.unique(root[known] * width + previous_no[known], return_counts=True)
    pair_root, pair_no = pair // width, pair % width
    _, root_at, n_of_root = np.unique(pair_root, return_inverse=True, return_counts=True)
    _, no_at, n_of_no = np.unique(pair_no, return_inverse=True, return_counts=True)
    is_plain = (n_of_root[root_at] == 1) & (n_of_no[no_at] == 1)
    contested = np.flatnonzero(~is_plain)
    founder = register.founders_of(pair_no[contested])
    is_home = (founder != NONE) & (root[founder] == pair_root[contested])
    chosen_root, chosen_no = _by_turns(pair_root[contested], pair_no[contested], n_shared[contested], is_home)
    return np.concatenate([pair_root[is_plain], chosen_root]), np.concatenate([pair_no[is_plain], chosen_no])


def _by_turns(roots: Ints, numbers: Ints, n_shared: Ints, is_home: Flags) -> tuple[Ints, Ints]:
    """Return the pairs that are taken when each root and each number may be used once: the largest overlaps first, of equal
    ones as many as fit, of those that fit equally the older numbers, and each number where its founder is at home.
    """
    used_roots, used_numbers = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for size in np.unique(n_shared)[::-1]:
        is_free = (n_shared == size) & ~np.isin(roots, used_roots) & ~np.isin(numbers, used_numbers)
        for at in _connected_pairs(roots, numbers, np.flatnonzero(is_free)):
            taken = at[_most_that_fit(roots[at], numbers[at], is_home[at])]
            used_roots = np.concatenate([used_roots, roots[taken]])
            used_numbers = np.concatenate([used_numbers, numbers[taken]])
    return used_roots, used_numbers


def _connected_pairs(roots: Ints, numbers: Ints, at: Ints) -> list[Ints]:
    """Return the positions ``at``, those together whose pairs compete."""
    if not len(at):
        return []
    _, left = np.unique(roots[at], return_inverse=True)
    _, right = np.unique(numbers[at], return_inverse=True)
    n_left, n = int(left.max()) + 1, int(left.max()) + int(right.max()) + 2
    graph = coo_array((np.ones(len(at), np.int8), (left, right + n_left)), shape=(n, n))
    component = connected_components(graph, directed=False)[1][left]
    order = np.argsort(component, kind="stable")
    return [at[part] for part in np.split(order, np.flatnonzero(np.diff(component[order])) + 1)]


def _most_that_fit(roots: Ints, numbers: Ints, is_home: Flags) -> Ints:
    """Return the positions of as many pairs as can be taken together; of equal choices, the older numbers, at home, for the first
    roots.
    """
    if len(roots) == 1:
        return np.zeros(1, np.int64)
    left_values, left = np.unique(roots, return_inverse=True)
    right_values, right = np.unique(numbers, return_inverse=True)
    worth = np.zeros((len(left_values), len(right_values)))
    n = 2 * len(roots) + 1
    place = left + len(roots) * ~is_home
    worth[left, right] = 1.0 + (n * n - right * n - place) / (
        n**4
    )  # preferences together weigh less than one pair more
    rows, columns = linear_sum_assignment(worth, maximize=True)
    position = {(a, b): i for i, (a, b) in enumerate(zip(left.tolist(), right.tolist(), strict=True))}
    found = [position[pair] for pair in zip(rows.tolist(), columns.tolist(), strict=True) if pair in position]
    return np.array(sorted(found), np.int64)


def _revive(root: Ints, without: Ints, register: Register, in_use: set[int]) -> tuple[Ints, Ints]:
    """Return (root, number) of clusters without a number that hold the founder of a number out of use; oldest first."""
    wanting = set(without.tolist())
    found: dict[int, int] = {}
    candidates = np.flatnonzero(~register.is_alive & (register.founder != NONE)) if wanting else np.zeros(0, np.int64)
    for at in candidates.tolist():
        home, number = int(root[register.founder[at]]), int(register.customer_no[at])
        if home in wanting and home not in found and number not in in_use:
            found[home] = number
    ordered = sorted(found)
    return np.array(ordered, np.int64), np.array([found[r] for r in ordered], np.int64)


def _generations(created_root: Ints, register: Register) -> Ints:
    """Return for each founding record how many ids it had founded before."""
    generation = np.zeros(len(created_root), np.int64)
    if len(register.customer_no) == 0:
        return generation
    founders = register.founder[register.founder != NONE]
    counted, n_before = np.unique(founders, return_counts=True)
    at = np.searchsorted(counted, created_root)
    inside = at < len(counted)
    same = np.zeros(len(created_root), bool)
    same[inside] = counted[at[inside]] == created_root[inside]
    generation[same] = n_before[at[same]]
    return generation


__all__ = ["NONE", "Inheritance", "Register", "inherit"]

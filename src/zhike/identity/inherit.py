"""Which id a cluster carries: the one it had, by largest overlap; a revived one; or a new one. Never a used one.

Numbers (``customer_no``) stand for ids here, so that a million clusters are a few arrays. An id whose cluster was merged
away comes back when the record that founded it stands apart again: undoing a merge restores the ids, even when the part that
had been merged away has grown larger since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

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
    cluster that shares most records with it, and each cluster takes the previous number that shares most with it (ties: the older
    number, then the cluster of the founder, then the first record); what is left is revived or new.
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
    is_elsewhere = (founder == NONE) | (root[founder] != pair_root[contested])
    order = contested[np.lexsort((pair_root[contested], is_elsewhere, pair_no[contested], -n_shared[contested]))]
    chosen_root, chosen_no = _greedy(pair_root[order].tolist(), pair_no[order].tolist())
    return (
        np.concatenate([pair_root[is_plain], np.array(chosen_root, np.int64)]),
        np.concatenate([pair_no[is_plain], np.array(chosen_no, np.int64)]),
    )


def _greedy(roots: Sequence[int], numbers: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the pairs that are taken when each root and each number may be used once, in the given order."""
    used_roots: set[int] = set()
    used_numbers: set[int] = set()
    chosen: list[tuple[int, int]] = []
    for root, number in zip(roots, numbers, strict=True):
        if root not in used_roots and number not in used_numbers:
            used_roots.add(root)
            used_numbers.add(number)
            chosen.append((root, number))
    return [r for r, _ in chosen], [n for _, n in chosen]


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

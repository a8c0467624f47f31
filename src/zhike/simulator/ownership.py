"""Who truly holds the companies of one chunk: owners with shares, groups of companies, a few rings. The truth of group structure.

A group has three to five companies and one of four shapes; which one is led by whom is known by construction, and is not computed
from shares. Companies outside groups are held by the person who runs them and at most one more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhike.simulator.arrays import Bits, Floats, Ints
from zhike.simulator.population import COMPANY, PERSON, People
from zhike.simulator.randomness import choose, draw_rows, part
from zhike.simulator.terms import BankPlan

SMALLEST_GROUP, GROUP_SIZES = 3, 3
TREE, CROSS_HELD, RING, NAMED = range(4)  # shapes of groups
SHAPE_WEIGHTS = (55.0, 20.0, 15.0, 10.0)
PERCENT = 0.01


@dataclass(frozen=True, slots=True)
class Ownership:
    """Holdings of a chunk; customers by position in it, rows as parallel arrays.

    ``named``, ``named_company``: whom the bank knows as controller. ``parent`` per customer: the first company of its group, -1 outside
    groups. ``leader`` per customer: who controls it in the end (a person, or the first company of a ring that leads itself), -1 = nobody.
    """

    holder: Ints
    company: Ints
    share: Floats
    named: Ints
    named_company: Ints
    parent: Ints
    leader: Ints


def draw_ownership(plan: BankPlan, people: People, chunk: int) -> Ownership:
    """Return who holds the companies of a chunk; a function of the plan and the chunk alone."""
    bits = draw_rows(plan.seed, "ownership", chunk, n_rows=3, size=people.size)
    grown = np.flatnonzero((people.kind == PERSON) & (people.joined - people.born > 25 * 365))
    drawing = _Drawing(bits, people.owner, grown, [], [], np.full(people.size, -1), np.full(people.size, -1))
    members = np.flatnonzero((people.kind == COMPANY) & people.in_group)
    start = 0
    while len(members) - start >= 2:
        size = SMALLEST_GROUP + int(part(bits[0][members[start : start + 1]], 0, GROUP_SIZES)[0])
        size += (len(members) - start - size) * (len(members) - start - size < 2)  # none is left alone
        drawing.group(members[start : start + size].tolist())
        start += size
    for company in np.flatnonzero((people.kind == COMPANY) & (drawing.parent < 0)).tolist():
        drawing.alone(company)
    rows, named = (np.array(r, np.int64).reshape(-1, n) for r, n in ((drawing.rows, 3), (drawing.named, 2)))
    rows = rows[rows[:, 0] >= 0]
    return Ownership(
        rows[:, 0], rows[:, 1], rows[:, 2] * PERCENT, named[:, 0], named[:, 1], drawing.parent, drawing.leader
    )


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Holdings while they are drawn: ``rows`` of (holder, company, percent), ``named`` of (person, company)."""

    bits: Bits
    owner: Ints
    grown: Ints
    rows: list[tuple[int, int, int]]
    named: list[tuple[int, int]]
    parent: Ints
    leader: Ints

    def group(self, mine: list[int]) -> None:
        """Draw one group of at least two companies."""
        head, second = mine[:2]
        person = int(self.owner[head])
        shape = self._choice(0, head, SHAPE_WEIGHTS)
        self.parent[mine] = head
        self.leader[mine] = head if shape == RING else person
        if shape == NAMED:  # no share is known, but who controls
            self.named.extend((person, c) for c in mine)
            return
        if shape == RING:  # the first two hold most of one another: nobody outside leads
            one = self._somebody(head, person)
            self.rows.extend(
                [(second, head, 60), (one, head, 40), (head, second, 60), (self._somebody(second, one), second, 40)]
            )
        elif shape == CROSS_HELD:  # they hold some of one another, the person most of the votes
            self.rows.extend([(person, head, 60), (second, head, 30), (person, second, 55), (head, second, 30)])
        else:
            self._split(person, head, 55)
            self._split(head, second, 60)
        for company in mine[2:3]:
            self._split(second, company, 55)
        for company in mine[3:4]:  # held by two of the group together
            self.rows.extend(
                [(head, company, 30), (second, company, 25), (self._somebody(company, person), company, 40)]
            )
        self.rows.extend((head, company, 100) for company in mine[4:])

    def alone(self, company: int) -> None:
        """Draw a company outside groups: held by the person who runs it, most often with somebody else."""
        person = int(self.owner[company])
        shape = self._choice(0, company, (40.0, 35.0, 15.0, 10.0), 32)
        if shape == 0:
            self.rows.append((person, company, 100))
        elif shape == 1:
            self._split(person, company, 51)
        elif shape == 2:  # less than half, and the rest is not known
            self.rows.append((person, company, 26 + self._part(2, company, 20)))
        is_named = self._part(1, company, 2) == 0
        if is_named:
            self.named.append((person, company))
        if shape < 2 or is_named:
            self.leader[company] = person

    def _split(self, holder: int, company: int, least: int) -> None:
        """Give ``holder`` at least so many percent, up to 24 more, and the rest to a person."""
        percent = least + self._part(2, company, 25)
        self.rows.extend([(holder, company, percent), (self._somebody(company, holder), company, 100 - percent)])

    def _somebody(self, company: int, but: int) -> int:
        """Return a grown person other than one, -1 where there is none."""
        place = self._part(1, company, 65_536, 32) * len(self.grown) // 65_536
        return next((int(p) for p in (*self.grown[place : place + 2], *self.grown[:2]) if p != but), -1)

    def _part(self, row: int, company: int, n_values: int, shift: int = 0) -> int:
        return int(part(self.bits[row][company : company + 1], shift, n_values)[0])

    def _choice(self, row: int, company: int, weights: tuple[float, ...], shift: int = 16) -> int:
        return int(choose(self.bits[row][company : company + 1], weights, shift)[0])


__all__ = ["Ownership", "draw_ownership"]

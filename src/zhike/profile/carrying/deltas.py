"""Which days an aggregate of the new day lacks, and has too many, beside one of the day before; pure dates, no rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from zhike.profile.atoms import Atom, FactRows, months_between
from zhike.profile.windows import EVER, Days

ADDITIVE = ("count", "known", "sum")
CARRIED = (*ADDITIVE, "bits", "last_on", "first_on")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Carry:
    """An aggregate of the new day beside the one of an earlier day that it is made from.

    ``place`` is that one's place in what was kept, ``before`` the days that it looked at, ``after`` those that the new one looks at.
    """

    name: str
    atom: Atom
    place: int
    before: Days
    after: Days

    @property
    def entering(self) -> list[Days]:
        """Days whose rows are to be added."""
        return minus(self.after, self.before)

    @property
    def leaving(self) -> list[Days]:
        """Days whose rows are to be taken away; bits that leave are shifted out, a latest day that leaves is seen by its date."""
        return minus(self.before, self.after) if self.atom.stat in ADDITIVE else []

    @property
    def shared(self) -> Days:
        """Days that both look at: rows of them that came late are to be added."""
        return Days(max(self.before.first, self.after.first), min(self.before.last, self.after.last))

    @property
    def shift(self) -> int:
        """By how many bits those of the day before have moved."""
        return self.distance(self.before.last)

    def distance(self, last: date) -> int:
        """Return how many bits before the end of the new window a run that ends on ``last`` stands."""
        return months_between(last, self.after.last) if self.atom.by == "month" else (self.after.last - last).days


def minus(one: Days, other: Days) -> list[Days]:
    """Return the days of ``one`` that are not in ``other``, as runs, the earlier first."""
    if not one.n_days or not other.n_days or one.last < other.first or other.last < one.first:
        return [one] if one.n_days else []
    found = []
    if one.first < other.first:
        found.append(Days(one.first, other.first - DAY))
    if one.last > other.last:
        found.append(Days(other.last + DAY, one.last))
    return found


def merged(runs: Iterable[Days]) -> list[Days]:
    """Return runs of days that have no day twice, in order."""
    found: list[Days] = []
    for run in sorted(runs, key=lambda d: d.first):
        if found and run.first <= found[-1].last + DAY:
            found[-1] = Days(found[-1].first, max(found[-1].last, run.last))
        else:
            found.append(run)
    return found


def is_carried(atom: Atom, facts: FactRows) -> bool:
    """Whether an aggregate can be carried exactly: nothing in its condition moves with the day, and what was added can be taken away."""
    if atom.stat not in CARRIED or atom.dated != facts.source.dated_by or atom.where in facts.moving:
        return False
    if atom.stat == "first_on":
        return atom.days is None
    return atom.stat != "sum" or facts.is_whole(atom.of)


def carries(
    atoms: Mapping[str, Atom], kept: Sequence[Atom], *, before_on: date, as_of: date
) -> tuple[list[Carry], list[str]]:
    """Return what is made from what was kept, and the names of aggregates for which nothing near enough was kept.

    Parameters
    ----------
    atoms : name → aggregate of the new day, all of which can be carried.
    kept : the aggregates that were kept at the end of ``before_on``.
    """
    streams: dict[Atom, list[tuple[int, Days]]] = {}
    for place, atom in enumerate(kept):
        days = atom.days or Days(EVER, before_on)
        days = Days(days.first, min(days.last, before_on))  # of days ahead nothing had been seen
        streams.setdefault(atom.over(None), []).append((place, days))
    found: list[Carry] = []
    for name, atom in atoms.items():
        after = atom.days or Days(EVER, as_of)
        each = [Carry(name, atom, place, days, after) for place, days in streams.get(atom.over(None), ())]
        near = [c for c in each if _cost(c) * 2 <= after.n_days and c.before.last <= c.after.last]
        if near:
            found.append(min(near, key=_cost))
    return found, [n for n in atoms if n not in {c.name for c in found}]


def _cost(carry: Carry) -> int:
    return sum(d.n_days for d in (*carry.entering, *carry.leaving))


__all__ = ["ADDITIVE", "Carry", "carries", "is_carried", "merged", "minus"]

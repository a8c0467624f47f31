"""What was kept of every customer, plus what enters and less what leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import ibis
import ibis.expr.types as ir

from zhike.profile.atoms import FactRows
from zhike.profile.carrying.deltas import ADDITIVE, Carry, merged
from zhike.profile.carrying.rows import Between
from zhike.profile.carrying.store import column
from zhike.profile.observation import Observation
from zhike.profile.plan import CUSTOMER
from zhike.profile.windows import Days

OWN = "of_carried"


@dataclass(frozen=True, slots=True)
class Part:
    """Sums over the rows of some days, one row per customer, by name of the atom; ``sign`` is -1 of days that leave.

    ``days``: atom → the run of days that its sum is over.
    """

    rows: ir.Table
    sign: int
    days: Mapping[str, Days]


@dataclass(frozen=True, slots=True)
class Sums:
    """The atoms of one fact table: ``kept`` at the end of the earlier day, and how each is carried on.

    ``made_ready`` makes facts ready for the atoms.
    """

    kept: ir.Table
    carries: Sequence[Carry]
    between: Between
    made_ready: Callable[[ir.Table], FactRows]

    def table(self, observation: Observation, restated: ir.Table | None) -> ir.Table:
        """Return the atoms of every customer who has any and is not restated."""
        parts = self._parts(observation.keep)
        joined = self._everybody(parts)
        if restated is not None:
            joined = joined.anti_join(restated, CUSTOMER)
        for place, part in enumerate(parts):
            names = {f"{n}_{place}": n for n in part.days}
            side = part.rows.rename({**names, f"{OWN}_{place}": CUSTOMER})
            joined = joined.left_join(side, [(CUSTOMER, f"{OWN}_{place}")])
        return joined.select(CUSTOMER, **{c.name: value_of(joined, c, parts) for c in self.carries})

    def _everybody(self, parts: Sequence[Part]) -> ir.Table:
        """Return what was kept, and customers of whom there was nothing: many rows, so that they are what the few are joined to."""
        came = [p.rows.select(CUSTOMER) for p in parts if p.sign > 0]
        new = ibis.union(*came, distinct=True) if len(came) > 1 else came[0]
        new = new.anti_join(self.kept, CUSTOMER)
        nothing = {n: ibis.null(t) for n, t in self.kept.schema().items() if n != CUSTOMER}
        return self.kept.union(new.mutate(**nothing).select(*self.kept.columns))

    def _parts(self, keep: Callable[[ir.Table], ir.Table]) -> list[Part]:
        entering: dict[Days, list[Carry]] = {}
        leaving: dict[Days, list[Carry]] = {}
        for carry in self.carries:
            for days in carry.entering:
                entering.setdefault(days, []).append(carry)
            for days in carry.leaving:
                leaving.setdefault(days, []).append(carry)
        between = self.between
        found = []
        for observation, runs, sign in ((between.now, entering, 1), (between.before, leaving, -1)):
            ready = self.made_ready(between.on_days(observation, merged(runs)))
            rows = self._narrow(ready, keep)
            found += [self._part(rows, days, same, sign) for days, same in runs.items()]
        return [*found, self._late(self._narrow(self.made_ready(between.late()), keep))]

    def _narrow(self, ready: FactRows, keep: Callable[[ir.Table], ir.Table]) -> FactRows:
        """Return facts made ready, with nothing but what the atoms ask of them."""
        return ready.over(keep(ready.rows.select(CUSTOMER, *ready.columns(c.atom for c in self.carries))))

    def _part(self, ready: FactRows, days: Days, same: Sequence[Carry], sign: int) -> Part:
        dated = ready.rows[ready.source.dated_by]
        inside = ready.over(ready.rows.filter(dated.between(ibis.literal(days.first), ibis.literal(days.last))))
        sums = {c.name: inside.aggregate(c.atom.over(days if c.atom.stat == "bits" else None)) for c in same}
        return Part(inside.rows.group_by(CUSTOMER).aggregate(**sums), sign, {c.name: days for c in same})

    def _late(self, ready: FactRows) -> Part:
        some = [c for c in self.carries if c.shared.n_days]
        sums = {c.name: ready.aggregate(c.atom.over(c.shared)) for c in some}
        return Part(ready.rows.group_by(CUSTOMER).aggregate(**sums), 1, {c.name: c.shared for c in some})


def value_of(joined: ir.Table, carry: Carry, parts: Sequence[Part]) -> ir.Value:
    """Return an atom of the new day: what was kept, and what came and went."""
    old, stat = joined[column(carry.place)], carry.atom.stat
    new = [(p, joined[f"{carry.name}_{i}"]) for i, p in enumerate(parts) if carry.name in p.days]
    if stat in ADDITIVE:
        return reduce(lambda total, p: total + p[1].fill_null(0) * p[0].sign, new, old.fill_null(0))
    if stat == "bits":
        room = max(
            0, carry.atom.over(carry.after).width - carry.shift
        )  # bits that stay: the others would not fit, moved
        bits = (old.fill_null(0) & ((1 << room) - 1)) << (carry.shift if room else 0)
        for part, value in new:
            bits = bits | (value.fill_null(0) << carry.distance(part.days[carry.name].last))
        return bits
    days = [value for _, value in new]
    if stat == "last_on":
        return ibis.greatest(ibis.ifelse(old >= ibis.literal(carry.after.first), old, None), *days)
    return ibis.least(old, *days)


__all__ = ["OWN", "Part", "Sums", "value_of"]

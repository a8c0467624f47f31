"""Carries the aggregates of a fact table on from an earlier day, or makes them anew, and keeps them for the next."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from pathlib import Path

import ibis
import ibis.expr.types as ir

from zhike.profile.aggregates import FactPlan
from zhike.profile.atoms import Atom, FactRows
from zhike.profile.carrying.deltas import carries, is_carried
from zhike.profile.carrying.rows import ACCRUALS, Between, tables_behind
from zhike.profile.carrying.store import Basis, Files, Shelf
from zhike.profile.carrying.sums import OWN, Sums
from zhike.profile.features import Feature
from zhike.profile.observation import Observation, observe
from zhike.profile.plan import CUSTOMER
from zhike.warehouse import Catalog, StepContext

MOST_DAYS = 31  # after a longer pause everything is counted anew
LONG = 2_000_000  # rows
MOST_RESTATED_RATE = 0.2  # of the customers; when more are, so, too


@dataclass(frozen=True, slots=True)
class Told:
    """How the aggregates of a fact table came about: from which day they were carried on ("" when made anew), and whose were restated."""

    table: str
    carried_from: str = ""
    n_restated: int = 0
    n_carried: int = 0
    n_anew: int = 0


@dataclass(slots=True)
class Carrier:
    """Carries sums from day to day for one run; ``told`` says what it did, fact table by fact table."""

    context: StepContext
    folder: Path
    marker: str
    timezone: str
    least_rows: int = LONG
    told: list[Told] = field(default_factory=list)

    def takes(self, table: str) -> bool:
        """Whether sums of a fact table are carried: of those that grow day by day and are long, on the engine of the process.

        Short ones are counted anew sooner than the many small questions of carrying are planned.
        """
        if table not in ACCRUALS or self.context.engine is not self.context.engine.in_process:
            return False
        return _n(self.context, self.context.tables[table]) >= self.least_rows

    def grouped(self, fact: FactPlan, features: Sequence[Feature], observation: Observation) -> ir.Table:
        """Return the atoms of the plan of one fact table, one row per customer; equal to ``fact.plan.grouped()``.

        Parameters
        ----------
        fact : the plan over all rows of the table.
        features : those that the plan was made of.

        Returns
        -------
        ``customer_no`` and the atoms by name; customers without a row may be there with nothing, or not be there.
        """
        (table,) = {f.facts.table for f in features if f.facts}
        shelf, marker = Shelf(self.folder / table), self._marker(observation)
        kept = {n: a for n, a in _atoms(fact).items() if is_carried(a, fact.facts)}
        files = {t: self._files(t) for t in tables_behind(table)}
        now = Basis(observation.as_of, observation.known_at, marker, files, tuple(kept.values()))
        basis = shelf.latest(before=observation.as_of, marker=marker)
        carried = self._carried_on(basis, kept, fact, features, observation) if basis else None
        if carried is None:
            made = observation.keep(fact.plan.grouped())
            self.told.append(Told(table, n_anew=len(fact.plan.atoms)))
            shelf.keep(now, list(kept), made, self.context.engine)
            return made
        made = shelf.keep(now, list(kept), carried, self.context.engine)
        rest = [n for n in _atoms(fact) if n not in kept]
        return _beside(made, observation.keep(_anew(fact, rest)), fact) if rest else made

    def _marker(self, observation: Observation) -> str:
        return f"{self.marker} {self.timezone} {observation.zone_offset}"

    def _files(self, table: str) -> dict[str, tuple[str, ...]]:
        tables = self.context.tables
        return {p: tuple(map(str, tables.files[(table, p)])) for p in tables.partitions(table)}

    def _carried_on(
        self,
        basis: Basis,
        wanted: Mapping[str, Atom],
        fact: FactPlan,
        features: Sequence[Feature],
        observation: Observation,
    ) -> ir.Table | None:
        """Return the atoms ``wanted``, carried on from a basis; None when too little can be."""
        (table,) = {f.facts.table for f in features if f.facts}
        found, anew = carries(wanted, basis.atoms, before_on=basis.as_of, as_of=observation.as_of)
        is_too_long = (observation.as_of - basis.as_of).days > MOST_DAYS
        if is_too_long or not found or not basis.has_files(tables_behind(table)):
            return None
        between = self._between(table, basis, observation)
        restated, n_restated = self._restated(between, observation)
        if restated is not None and n_restated > MOST_RESTATED_RATE * _n(self.context, observation.tables["customer"]):
            return None
        ready = partial(FactRows, features=features, observation=observation)
        kept = Shelf(self.folder / table).rows(basis, self.context.engine)
        carried = Sums(kept, found, between, ready).table(observation, restated)
        if restated is not None:
            theirs = ready(fact.plan.rows.semi_join(restated, CUSTOMER).select(*fact.plan.rows.columns))
            made = theirs.rows.group_by(CUSTOMER).aggregate(**{c.name: theirs.aggregate(c.atom) for c in found})
            carried = carried.union(made.select(*carried.columns))
        self.told.append(
            Told(table, basis.as_of.isoformat(), n_restated, len(found), len(fact.plan.atoms) - len(found))
        )
        return _beside(carried, observation.keep(_anew(fact, anew)), fact) if anew else carried

    def _between(self, table: str, basis: Basis, observation: Observation) -> Between:
        context = self.context
        files = {(t, p): tuple(map(Path, f)) for t in basis.files for p, f in basis.files[t].items()}
        tables = Catalog(context.engine, context.contracts, files)
        now: Files = {t: self._files(t) for t in tables_behind(table)}
        before = observe(
            tables, basis.as_of, timezone=self.timezone, histories={}, made_on=basis.as_of, keep=observation.keep,
            drop=observation.drop,
        )  # fmt: skip

        def read(name: str, parts: Mapping[str, tuple[str, ...]]) -> ir.Table:
            paths = [Path(f) for part in sorted(parts) for f in parts[part]]
            return context.engine.read(paths, context.contracts[name])

        between = Between(table, before, observation, basis.files, now, read)
        if between.is_same(t for t in now if t != table):  # accounts have the same holders on both days: asked once
            between = replace(between, before=replace(before, _made=observation._made))
        return between

    def _restated(self, between: Between, observation: Observation) -> tuple[ir.Table | None, int]:
        """Return the customers who are restated, computed, and how many they are; None when nobody is."""
        found = between.restated()
        if found is None:
            return None, 0
        kept = observation.keep(found)
        n = _n(self.context, kept)
        return (kept, n) if n else (None, 0)


def _n(context: StepContext, rows: ir.Table) -> int:
    return int(context.engine.fetch(rows.aggregate(n=rows.count()))["n"][0].as_py())


def _atoms(fact: FactPlan) -> dict[str, Atom]:
    return {n: k for n, k in fact.plan.keys.items() if isinstance(k, Atom)}


def _anew(fact: FactPlan, names: Sequence[str]) -> ir.Table:
    """Return some atoms over all rows, of which only those are read that some atom looks at."""
    atoms = _atoms(fact)
    tests = [fact.facts.test(atoms[n]) for n in names]
    rows = fact.plan.rows
    if all(t is not None for t in tests):
        rows = rows.filter(reduce(operator.or_, [t for t in tests if t is not None]))
    return rows.group_by(CUSTOMER).aggregate(**{n: fact.plan.atoms[n] for n in names})


def _beside(carried: ir.Table, anew: ir.Table, fact: FactPlan) -> ir.Table:
    """Return what was carried with what was counted anew, for the customers of either; who has no row has none, not nothing known."""
    lacking = anew.anti_join(carried, CUSTOMER).select(CUSTOMER)
    nothing = {n: ibis.null(t) for n, t in carried.schema().items() if n != CUSTOMER}
    both = carried.union(lacking.mutate(**nothing).select(*carried.columns))
    joined = both.left_join(anew.rename({OWN: CUSTOMER}), [(CUSTOMER, OWN)])
    counted = [
        n for n in joined.columns if n in fact.plan.atoms and _atoms(fact)[n].stat in ("count", "known", "distinct")
    ]
    return joined.drop(OWN).mutate(**{n: joined[n].fill_null(0) for n in counted})


__all__ = ["Carrier", "Told"]

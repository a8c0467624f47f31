"""Which rows of a fact table are new since an earlier day, and whose earlier rows are no longer what they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from zhike.identity.anonymous import event_links
from zhike.profile.carrying.store import Files, others_than
from zhike.profile.facts import fact_table
from zhike.profile.money import holders
from zhike.profile.observation import Observation
from zhike.profile.plan import CUSTOMER
from zhike.profile.windows import Days

Reader = Callable[[str, Mapping[str, tuple[str, ...]]], ir.Table]  # table, partition → files


@dataclass(frozen=True, slots=True)
class Whose:
    """One thing that says whose rows are: the tables it is made of, its pairs (key → customer, or key → row) as a day sees them, and the
    customers whom some pairs lead to.

    A pair that comes or goes moves rows of earlier days. ``is_dated``: by ``known_at`` a later day sees more pairs of the very same
    version. ``names_rows`` is the column by which pairs name single rows, of the days of their column ``on``: a pair that comes adds
    just that row.
    """

    tables: tuple[str, ...]
    pairs: Callable[[Observation], ir.Table]
    customers: Callable[[ir.Table, Observation], ir.Table]
    is_dated: bool = False
    names_rows: str = ""


def _holders(observation: Observation) -> ir.Table:
    return holders(observation).select("account_id", CUSTOMER)


def _links(observation: Observation) -> ir.Table:
    tables = observation.tables
    links = event_links(tables["identity_link"], tables["party_alias"], known_by=observation.known_at)
    return links.select("source", "source_key", CUSTOMER)


def _given(observation: Observation) -> ir.Table:
    """Events of nobody that were later seen to be somebody's."""
    party = observation.tables["event_party"]
    given = party.filter(party.source_key.notnull() & (party.known_at <= ibis.literal(observation.known_at)))
    return given.select("event_id", "on", "source", "source_key")


def _themselves(pairs: ir.Table, _: Observation) -> ir.Table:
    return pairs.select(CUSTOMER)


def _of_events(pairs: ir.Table, observation: Observation) -> ir.Table:
    return pairs.inner_join(_links(observation), ["source", "source_key"]).select(CUSTOMER)


# Fact tables that grow from day to day, in partitions of their deliveries, and what says whose their rows are.
ACCRUALS: Mapping[str, tuple[Whose, ...]] = {
    "transaction": (Whose(("customer", "customer_account"), _holders, _themselves),),
    "event": (
        Whose(("identity_link", "party_alias"), _links, _themselves, is_dated=True),
        Whose(("event_party",), _given, _of_events, is_dated=True, names_rows="event_id"),
    ),
}


def tables_behind(table: str) -> tuple[str, ...]:
    """Return the tables that a fact table and whose its rows are come from."""
    return (table, *(t for whose in ACCRUALS[table] for t in whose.tables))


@dataclass(frozen=True, slots=True)
class Between:
    """A fact table as two days see it: what it was at the end of the earlier one, and what it is now."""

    table: str
    before: Observation
    now: Observation
    files_before: Files
    files_now: Files
    read: Reader

    def is_same(self, tables: Iterable[str]) -> bool:
        """Whether both days read the same versions of some tables."""
        pairs = [(self.files_before.get(t, {}), self.files_now.get(t, {})) for t in tables]
        return not any(others_than(then, now) or others_than(now, then) for then, now in pairs)

    def view(self, observation: Observation, raw: ir.Table) -> ir.Table:
        """Return the facts of some rows of the table, as a day sees them."""
        return fact_table(self.table).view(replace(observation, tables=_With(observation, self.table, raw)))

    def on_days(self, observation: Observation, runs: Sequence[Days]) -> ir.Table:
        """Return the facts of some days, as the earlier or the later day sees them; each run is read by itself, and little else."""
        rows = observation.tables[self.table]
        parts = [rows.filter(rows.on.between(ibis.literal(d.first), ibis.literal(d.last))) for d in runs]
        raw = ibis.union(*parts) if len(parts) > 1 else parts[0] if parts else self.read(self.table, {})
        return self.view(observation, raw)

    def late(self) -> ir.Table:
        """Return the facts of the days up to the earlier one that it did not see."""
        parts = [rows.filter(rows.on <= ibis.literal(self.before.as_of)) for rows in self._fresh()]
        raw = ibis.union(*parts) if len(parts) > 1 else parts[0] if parts else self.read(self.table, {})
        for whose in ACCRUALS[self.table]:
            if whose.names_rows:
                raw = raw.union(self._named_rows(whose).anti_join(raw, whose.names_rows).select(*raw.columns))
        return self.view(self.now, raw)

    def _named_rows(self, whose: Whose) -> ir.Table:
        """Return the rows of the days up to the earlier one that somebody was found for since."""
        then, now = whose.pairs(self.before), whose.pairs(self.now)
        come = now.anti_join(then, list(now.columns)).filter(lambda t: t.on <= ibis.literal(self.before.as_of))
        come = self.now.keep(come)
        rows = self.now.tables[self.table]
        rows = rows.filter(rows.source_key.isnull())  # an event that says whose it is needs nobody to be found
        first = come.on.min().to_pyarrow().as_py() or self.now.as_of
        return rows.filter(rows.on >= ibis.literal(first)).semi_join(come, whose.names_rows)

    def _fresh(self) -> Iterator[ir.Table]:
        then, now = self.files_before.get(self.table, {}), self.files_now.get(self.table, {})
        other = others_than(now, then)
        if same := {p: f for p, f in now.items() if p not in other}:
            rows = self.read(self.table, same)
            yield rows.filter(rows.recorded_at > ibis.literal(self.before.known_at))
        if other:
            rows = self.read(self.table, other)
            yield _without(rows, self._seen()) if others_than(then, now) else rows

    def _seen(self) -> ir.Table:
        """Return the rows that the earlier day saw in partitions that are no longer as they were, or no longer there."""
        then, now = self.files_before.get(self.table, {}), self.files_now.get(self.table, {})
        rows = self.read(self.table, others_than(then, now))
        on_time = rows.recorded_at <= ibis.literal(self.before.known_at)
        return rows.filter((rows.on <= ibis.literal(self.before.as_of)) & on_time)

    def restated(self) -> ir.Table | None:
        """Return the customers of whom an earlier row was changed, taken away, given or given away (customer_no); None when of nobody."""
        found = [*self._moved(), *self._corrected()]
        return ibis.union(*found, distinct=True) if len(found) > 1 else found[0].distinct() if found else None

    def _moved(self) -> Iterator[ir.Table]:
        for whose in ACCRUALS[self.table]:
            is_same = self.is_same(whose.tables)
            if is_same and not whose.is_dated:
                continue
            then, now = whose.pairs(self.before), whose.pairs(self.now)
            if not whose.names_rows:
                yield whose.customers(now.anti_join(then, list(now.columns)), self.now)
            if not is_same:  # a later day sees all that an earlier one saw of the same version
                yield whose.customers(then.anti_join(now, list(then.columns)), self.before)

    def _corrected(self) -> Iterator[ir.Table]:
        """Rows may have moved from one partition to another: what was seen is looked for in all that are not as they were."""
        then, now = self.files_before.get(self.table, {}), self.files_now.get(self.table, {})
        if others_than(then, now):
            gone = _without(self._seen(), self.read(self.table, others_than(now, then)))
            yield self.view(self.before, gone).select(CUSTOMER)


def _without(rows: ir.Table, others: ir.Table) -> ir.Table:
    """Return the rows that are not, as they are, among others."""
    return rows.anti_join(others, [rows[n].identical_to(others[n]) for n in rows.columns])


@dataclass(frozen=True, slots=True)
class _With:
    """The tables of an observation with other rows of one of them."""

    observation: Observation
    table: str
    raw: ir.Table

    def __getitem__(self, table: str) -> ir.Table:
        return self.raw if table == self.table else self.observation.tables[table]


__all__ = ["ACCRUALS", "Between", "Reader", "tables_behind"]

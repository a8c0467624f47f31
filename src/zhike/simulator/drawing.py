"""One chunk of customers from its first day to its last: what it writes, and what it tells of itself when it is through.

Chunks know nothing of one another, so that any process may draw any chunk. Rows leave by a ``write`` function in pieces of
about a row group, while the days go by; who writes them into files, and when, is not decided here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zhike.simulator import dirt
from zhike.simulator.arrays import ArrowTable, Ints, pa
from zhike.simulator.contacting import DueContact
from zhike.simulator.files.terms import Data, FileSpec, Write
from zhike.simulator.files.write import ROW_GROUP_ROWS
from zhike.simulator.identifiers import day_number, to_date
from zhike.simulator.population import People, draw_people
from zhike.simulator.records import bank, business, daily, holdings, mentions, parties, standing
from zhike.simulator.records.accounts_of import Keys, make_keys
from zhike.simulator.running import DayWords, known_sources, run_day, unit_prices
from zhike.simulator.start import opening_state, rate_cut_day
from zhike.simulator.state import ChunkState, load_state, save_state
from zhike.simulator.terms import BankPlan
from zhike.simulator.totals import Totals
from zhike.simulator.truth import truth_of

SPECS: tuple[FileSpec, ...] = (
    *bank.SPECS, *parties.SPECS, *standing.SPECS, *holdings.SPECS, *daily.SPECS, *business.SPECS, *mentions.SPECS, bank.CONTROL,
)  # fmt: skip
BY_NAME = {s.name: s for s in SPECS}


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """What a chunk tells besides its rows: sums for the bank's report, truth tables, planted dirt."""

    totals: Totals
    truth: Mapping[str, ArrowTable]
    planted: Counter[tuple[str, str, str]]


class _FirstDelivery:
    """The first folder of a chunk: writes pieces of files and keeps those among which dirt is to be planted."""

    def __init__(self, plan: BankPlan, chunk: int, write: Write) -> None:
        self._plan = plan
        self._chunk = chunk
        self._write = write
        self._pieces: dict[str, list[Data]] = defaultdict(list)

    def add(self, files: Mapping[str, Data]) -> None:
        """Write rows of some files."""
        for name, rows in files.items():
            self._write(BY_NAME[name], self._plan.initial_day, rows)
            if self._plan.has_dirt and name in dirt.FILES:
                self._pieces[name].append(rows)

    def plant(self) -> Counter[tuple[str, str, str]]:
        """Write bad rows behind the good ones; return how many there are by (file, reason, column)."""
        planted: Counter[tuple[str, str, str]] = Counter()
        for name, pieces in self._pieces.items():
            bad, counts = dirt.plant(BY_NAME[name], pieces, self._plan.seed, self._chunk)
            planted.update(counts)
            for rows in bad:
                self._write(BY_NAME[name], self._plan.initial_day, rows)
        return planted


def draw_chunk(plan: BankPlan, folder: Path, chunk: int, write: Write) -> ChunkDone:
    """Draw one chunk from its first day to its last, write all its rows and keep its last state."""
    people = draw_people(plan, chunk)
    state = opening_state(plan, people, chunk)
    keys, known_in = make_keys(people), known_sources(plan, state)
    initial, totals, delivery = day_number(plan.initial_day), Totals(plan), _FirstDelivery(plan, chunk, write)
    identity = parties.Identity(plan, people, chunk)
    delivery.add({parties.CORE.name: parties.core_customers(identity)} | parties.other_sources(identity, known_in))
    with DayWords(plan, state, initial) as words:
        while state.day < initial:
            run_day(plan, state, known_in, words)
            if totals.is_reporting_day(state.day, initial):
                totals.add(state)
            delivery.add(daily.take_large(state, keys, at_least=ROW_GROUP_ROWS))
    tables: dict[str, Any] = daily.take_daily(state, keys, price_list(plan, state), is_first=True)
    tables[daily.REPAYMENTS.name] = _together(
        tables[daily.REPAYMENTS.name], holdings.plan_ahead(state, state.day + 366)
    )
    delivery.add(tables)
    delivery.add(standing.standing_tables(plan, state, keys, known_in))
    delivery.add(holdings.accounts(state, keys, identity.is_twice, after=-(10**6)))
    first = day_number(plan.first_day)
    delivery.add(holdings.cards(plan, state, keys, first) | holdings.lending(plan, state, keys))
    delivery.add(business.business_tables(plan, state, keys, first))
    named = mentions.draw_mentions(plan, state, identity.companies)
    delivery.add(named.files)
    planted = delivery.plant()
    days = _Days(plan, keys, identity.is_twice, known_in, totals)
    days.draw(state, day_number(plan.last_day), write)
    save_state(state, state_file(folder, state.day, chunk))
    return ChunkDone(totals, truth_of(plan, state, identity, known_in) | named.truth, planted)


def continue_chunk(
    plan: BankPlan, folder: Path, chunk: int, write: Write, *, span: tuple[int, int], contacts: Mapping[int, list[DueContact]]
) -> ChunkDone:  # fmt: skip
    """Take up one chunk at the first day of ``span`` and run it on to the second, with contacts by day number."""
    start, until = span
    people = draw_people(plan, chunk)
    state = load_chunk(plan, people, chunk, state_file(folder, start, chunk))
    totals = Totals(plan)
    twice = parties.entered_twice(plan, people, chunk)
    days = _Days(plan, make_keys(people), twice, known_sources(plan, state), totals)
    days.draw(state, until, write, contacts)
    save_state(state, state_file(folder, until, chunk))
    return ChunkDone(totals, {}, Counter())


@dataclass(frozen=True, slots=True)
class _Days:
    """What the days of one chunk that come as daily folders need."""

    plan: BankPlan
    keys: Keys
    twice: Ints
    known_in: Any
    totals: Totals

    def draw(
        self, state: ChunkState, until: int, write: Write, contacts: Mapping[int, Sequence[DueContact]] | None = None
    ) -> None:
        """Run a chunk on to ``until``, one delivery per day."""
        if state.day == until:
            return
        with DayWords(self.plan, state, until) as words:
            while state.day < until:
                run_day(self.plan, state, self.known_in, words, (contacts or {}).get(state.day + 1, ()))
                self.totals.add(state)
                tables = daily.take_daily(state, self.keys, price_list(self.plan, state), is_first=False)
                tables |= holdings.accounts(state, self.keys, self.twice, after=state.day - 1)
                for name, rows in tables.items():
                    write(BY_NAME[name], to_date(state.day), rows)


def price_list(plan: BankPlan, state: ChunkState) -> dict[int, tuple[int, int, int]]:
    """Return unit prices by day, from the eve of the history to the state's day."""
    first = day_number(plan.first_day) - 1
    return {d: unit_prices(plan, d) for d in range(first, state.day + 1)}


def load_chunk(plan: BankPlan, people: People, chunk: int, file: Path) -> ChunkState:
    """Return the state of a chunk as it was saved."""
    state = load_state(people, chunk, file)
    state.rate_cut_day = rate_cut_day(plan)
    return state


def state_file(folder: Path, day: int, chunk: int) -> Path:
    """Return where the state of a chunk at the close of a day is kept."""
    return folder / "truth" / "state" / str(day) / f"chunk-{chunk:05d}.npz"


def _together(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: pa.concat_arrays([first[name], second[name]])
        if isinstance(first[name], pa.Array)
        else np.concatenate([first[name], second[name]])
        for name in first
    }


__all__ = ["BY_NAME", "SPECS", "ChunkDone", "continue_chunk", "draw_chunk", "load_chunk", "price_list", "state_file"]

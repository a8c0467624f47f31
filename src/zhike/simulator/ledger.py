"""Books of one chunk: balances as runs of days, and the movements that explain them. Nothing moves without a row.

A book has one row per customer and one column per kind of account. ``carry`` closes the run of a cell on the day before
its value changes and opens the next, so that a balance costs a row only when it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from zhike.simulator.arrays import Ints

Code = int | Ints
NOT_OPEN = np.int32(-(2**31))
MOVEMENT_COLUMNS = {
    "who": np.int64, "slot": np.int8, "seq": np.int64, "day": np.int32, "second": np.int64, "amount": np.int64, "after": np.int64,
    "kind": np.int8, "channel": np.int8, "partner": np.int8, "bank": np.int8, "merchant": np.int8, "initiated": np.int8,
    "other": np.int8,
}  # fmt: skip


class Meaning(NamedTuple):
    """What a movement was: codes as positions in the lists of ``catalogue``; each one for all rows, or one per row."""

    kind: Code
    partner: Code
    channel: Code = 0
    bank: Code = -1
    merchant: Code = -1
    initiated: Code = 0
    other: Code = 0


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of days over which a cell held a value (and a cost), closed ones first."""

    cell: Ints
    on: Ints
    until: Ints
    value: Ints
    cost: Ints


@dataclass(slots=True)
class Book:
    """Values of cells (customer × column) and since when they hold; closed runs wait in ``closed`` to be delivered."""

    value: Ints
    since: Ints
    cost: Ints
    opened: Ints
    closed: list[tuple[Ints, Ints, int, Ints, Ints]] = field(default_factory=list)
    n_closed: int = 0
    changed: list[Ints] = field(default_factory=list)

    @staticmethod
    def empty(n_customers: int, n_columns: int) -> Book:
        """Return a book in which no cell is open."""
        shape = n_customers * n_columns
        return Book(
            np.zeros(shape, np.int64),
            np.full(shape, NOT_OPEN, np.int32),
            np.zeros(shape, np.int64),
            np.full(shape, NOT_OPEN, np.int32),
        )

    def carry(self, cells: Ints, new_value: Ints, day: int, cost: Ints | None = None) -> None:
        """Set ``cells`` (unique) to ``new_value`` from ``day`` on; ``cost`` likewise where it is given."""
        since = self.since[cells]
        is_fresh = since < day  # the others have changed today already
        if is_fresh.any():
            self._close(cells[is_fresh], since[is_fresh], day, has_cost=cost is not None)
        self.value[cells] = new_value
        if cost is not None:
            self.cost[cells] = cost

    def _close(self, fresh: Ints, since: Ints, day: int, *, has_cost: bool) -> None:
        """End the runs of cells that change for the first time today; those never used before are opened."""
        self.changed.append(fresh)
        self.since[fresh] = day
        was_open = since != NOT_OPEN
        if not was_open.all():
            self.opened[fresh[~was_open]] = day
            fresh, since = fresh[was_open], since[was_open]
        if len(fresh):
            value = self.value[fresh]
            self.closed.append((fresh, since, day - 1, value, self.cost[fresh] if has_cost else value))
            self.n_closed += len(fresh)

    def take_runs(self, *, all_open: bool) -> Runs:
        """Return the runs not yet delivered and forget them; ``NOT_OPEN`` in ``until`` = still.

        With ``all_open`` every open cell is told, otherwise only those that changed since the last call.
        """
        still = np.flatnonzero(self.since != NOT_OPEN) if all_open else unique(self.changed)
        gone = self.take_closed()
        self.changed = []
        return Runs(
            cell=np.concatenate([gone.cell, still]),
            on=np.concatenate([gone.on, self.since[still]]),
            until=np.concatenate([gone.until, np.full(len(still), NOT_OPEN)]),
            value=np.concatenate([gone.value, self.value[still]]),
            cost=np.concatenate([gone.cost, self.cost[still]]),
        )

    def take_closed(self) -> Runs:
        """Return the closed runs not yet delivered, in the order in which they were closed, and forget them."""
        gone = self.closed
        none, no_days = np.zeros(0, np.int64), np.zeros(0, np.int32)
        runs = Runs(
            cell=np.concatenate([none, *(c[0] for c in gone)]),
            on=np.concatenate([no_days, *(c[1] for c in gone)]),
            until=np.repeat(np.array([c[2] for c in gone], np.int32), [len(c[0]) for c in gone]),
            value=np.concatenate([none, *(c[3] for c in gone)]),
            cost=np.concatenate([none, *(c[4] for c in gone)]),
        )
        self.closed, self.n_closed = [], 0
        return runs


def unique(parts: list[Ints]) -> Ints:
    """Return the distinct cells of ``parts``, ascending."""
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)


@dataclass(slots=True)
class Movements:
    """Rows of the transaction journal, gathered in blocks of one cause each."""

    n_customers: int
    today: Ints  # movements of each customer so far today: the last digits of the number
    blocks: list[tuple[Any, ...]] = field(default_factory=list)
    n_rows: int = 0

    @staticmethod
    def empty(n_customers: int) -> Movements:
        """Return a journal without rows."""
        return Movements(n_customers, np.zeros(n_customers, np.int64))

    def add(
        self, who: Ints, amount: Ints, after: Ints, meaning: Meaning, *, slot: Code, day: int, second: Ints
    ) -> None:
        """Write one movement for each of ``who`` (unique); ``amount`` in signed cents, ``after`` the balance after it."""
        seq = self.today[who]
        self.today[who] = seq + 1
        self.blocks.append((who, slot, seq, day, second, amount, after, meaning.kind, meaning.channel,
                            meaning.partner, meaning.bank, meaning.merchant, meaning.initiated, meaning.other))  # fmt: skip
        self.n_rows += len(who)

    def next_day(self) -> None:
        """Start a new business day."""
        self.today[:] = 0

    def take(self) -> dict[str, Ints]:
        """Return all rows gathered, by column, and forget them."""
        counts = [len(b[0]) for b in self.blocks]
        columns = zip(*self.blocks, strict=True) if self.blocks else [()] * len(MOVEMENT_COLUMNS)
        rows = {
            name: _filled(parts, counts, kind)
            for (name, kind), parts in zip(MOVEMENT_COLUMNS.items(), columns, strict=True)
        }
        self.blocks.clear()
        self.n_rows = 0
        return rows


def _filled(parts: Sequence[Code], counts: list[int], kind: type) -> Ints:
    """Return one column of all blocks, each of which says one value for all of its rows or one per row."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate([np.zeros(0, kind), *parts], dtype=kind, casting="same_kind")
    out: Ints = np.empty(sum(counts), kind)
    start = 0
    for part, count in zip(parts, counts, strict=True):
        out[start : start + count] = part
        start += count
    return out


__all__ = ["MOVEMENT_COLUMNS", "NOT_OPEN", "Book", "Meaning", "Movements", "Runs"]

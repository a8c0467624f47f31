"""Books of one chunk: balances as runs of days, and the movements that explain them. Nothing moves without a row.

A book has one row per customer and one column per kind of account. ``carry`` closes the run of a cell on the day before
its value changes and opens the next, so that a balance costs a row only when it changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Code = int | npt.NDArray[np.generic]
NOT_OPEN = np.int32(-(2**31))
MOVEMENT_COLUMNS = ("who", "slot", "seq", "day", "second", "amount", "after", "kind", "channel", "partner", "bank", "merchant", "initiated")


@dataclass(slots=True)
class Book:
    """Values of cells (customer × column) and since when they hold; closed runs wait in ``closed`` to be delivered."""

    value: Ints
    since: npt.NDArray[np.int32]
    closed: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], int, Ints]] = field(default_factory=list)
    changed: list[npt.NDArray[np.int64]] = field(default_factory=list)

    @staticmethod
    def empty(n_customers: int, n_columns: int) -> Book:
        """Return a book in which no cell is open."""
        shape = n_customers * n_columns
        return Book(np.zeros(shape, np.int64), np.full(shape, NOT_OPEN, np.int32))

    def carry(self, cells: Ints, new_value: Ints, day: int) -> None:
        """Set ``cells`` (unique) to ``new_value`` from ``day`` on."""
        since = self.since[cells]
        old = cells[(since < day) & (since != NOT_OPEN)]
        if len(old):
            self.closed.append((old, self.since[old], day - 1, self.value[old]))
        fresh = cells[since < day]
        self.since[fresh] = day
        self.value[cells] = new_value
        self.changed.append(fresh)

    def take_runs(self, *, all_open: bool) -> tuple[Ints, npt.NDArray[np.int32], npt.NDArray[np.int32], Ints]:
        """Return (cell, on, until, value) of runs not yet delivered and forget them; ``NOT_OPEN`` in until = still.

        With ``all_open`` every open cell is told, otherwise only those that changed since the last call.
        """
        open_cells = np.flatnonzero(self.since != NOT_OPEN) if all_open else unique(self.changed)
        cells = [*(c[0] for c in self.closed), open_cells]
        on = [*(c[1] for c in self.closed), self.since[open_cells]]
        until = [*(np.full(len(c[0]), c[2], np.int32) for c in self.closed), np.full(len(open_cells), NOT_OPEN, np.int32)]
        value = [*(c[3] for c in self.closed), self.value[open_cells]]
        self.closed.clear()
        self.changed.clear()
        return np.concatenate(cells), np.concatenate(on), np.concatenate(until), np.concatenate(value)


def unique(parts: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Return the distinct cells of ``parts``, ascending."""
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)


@dataclass(slots=True)
class Movements:
    """Rows of the transaction journal, gathered in blocks of one cause each."""

    n_customers: int
    today: npt.NDArray[np.int64]  # movements of each customer so far today: the last digits of the number
    blocks: list[tuple[npt.NDArray[np.generic] | int, ...]] = field(default_factory=list)

    @staticmethod
    def empty(n_customers: int) -> Movements:
        """Return a journal without rows."""
        return Movements(n_customers, np.zeros(n_customers, np.int64))

    def add(
        self, who: Ints, slot: Code, day: int, second: npt.NDArray[np.int64], amount: Ints, after: Ints, kind: Code, channel: Code,
        partner: Code, bank: Code, merchant: Code, initiated: Code,
    ) -> None:  # fmt: skip
        """Write one movement for each of ``who`` (unique); amounts are signed cents."""
        self.blocks.append((who, slot, self.today[who], day, second, amount, after, kind, channel, partner, bank, merchant, initiated))
        self.today[who] += 1

    def next_day(self) -> None:
        """Start a new business day."""
        self.today[:] = 0

    def take(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return all rows gathered, by column, and forget them."""
        types = (np.int64, np.int64, np.int64, np.int32, np.int64, np.int64, np.int64, np.int8, np.int8, np.int8, np.int8, np.int8, np.int8)
        counts = [len(b[0]) for b in self.blocks]  # type: ignore[arg-type]
        rows: dict[str, npt.NDArray[np.generic]] = {}
        for position, (name, kind) in enumerate(zip(MOVEMENT_COLUMNS, types, strict=True)):
            out = np.empty(sum(counts), kind)
            start = 0
            for block, count in zip(self.blocks, counts, strict=True):
                out[start : start + count] = block[position]
                start += count
            rows[name] = out
        self.blocks.clear()
        return rows


__all__ = ["MOVEMENT_COLUMNS", "NOT_OPEN", "Book", "Movements"]

"""One business day of one chunk, in the order of the clock. The same code draws the history and what follows contacts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np

from zhike.simulator import everyday, maturity
from zhike.simulator.arrays import Bits, Flags
from zhike.simulator.behaviour import sources_that_know
from zhike.simulator.contacting import DueContact, meet
from zhike.simulator.identifiers import day_number
from zhike.simulator.money import DayBook
from zhike.simulator.randomness import draw_bits, draw_rows, normal
from zhike.simulator.state import N_CONTRACTS, ChunkState
from zhike.simulator.terms import BankPlan
from zhike.simulator.touching import use_touchpoints

PRICE_DAYS = 7


class DayWords:
    """The random words of a chunk's days up to ``until``, drawn one day ahead on a thread: drawing holds no interpreter lock.

    Use as a context manager.
    """

    def __init__(self, plan: BankPlan, state: ChunkState, until: int) -> None:
        self._seed, self._chunk, self._size = plan.seed, state.chunk, state.size
        self._until = until
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._next = self._thread.submit(self._draw, state.day + 1)

    def __enter__(self) -> DayWords:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def take(self, day: int) -> tuple[Bits, Bits]:
        """Return the words of ``day`` for its gates (one row each) and for contract places; days follow one another."""
        words = self._next.result()
        if day < self._until:
            self._next = self._thread.submit(self._draw, day + 1)
        return words

    def _draw(self, day: int) -> tuple[Bits, Bits]:
        gates = draw_rows(self._seed, "day", self._chunk, day, n_rows=everyday.N_GATES, size=self._size)
        return gates, draw_bits(self._seed, "terms", self._chunk, day, size=self._size * N_CONTRACTS)


def run_day(
    plan: BankPlan, state: ChunkState, known_in: Flags, words: DayWords, contacts: Sequence[DueContact] = ()
) -> None:
    """Move ``state`` from the close of one business day to the close of the next.

    All random words of the day are drawn for all customers before anything happens, so that a contact (or any other
    difference) changes nothing for those it does not concern.
    """
    day = state.day + 1
    gates, terms = words.take(day)
    state.journal.next_day()
    state.outflow_trace *= 0.99
    _join(state, day)
    book = DayBook(state, day)
    meet(book, plan.seed, contacts, known_in)
    book.at(0, 5, span=60)
    maturity.begin_day(book, terms)
    book.at(6, 0, span=60)
    everyday.pay_staff_elsewhere(book)
    book.at(7, 0, span=300)
    everyday.pay_wages(book, gates[0])
    everyday.repay_loans(book)
    book.at(8, 30, span=4_000)
    everyday.shop(book, gates[1], 0.45)
    book.at(11, 30, span=900)
    everyday.receive(book, gates[2], gates[3])
    book.at(13, 0, span=200)
    maturity.decide(book, terms)
    maturity.place_idle_money(book, gates[4], terms)
    maturity.break_contracts(book, gates[5])
    everyday.invest(book, gates[6], unit_prices(plan, day))
    book.at(16, 30, span=3_600)
    everyday.shop(book, gates[7], 0.35)
    book.at(17, 30, span=400)
    everyday.pay_out(book, gates[8:12])
    book.at(19, 0, span=7_000)
    everyday.shop(book, gates[12], 0.2)
    book.at(22, 30, span=300)
    everyday.calendar_money(book)
    use_touchpoints(book, gates[13:15], known_in)
    state.day = day


def _join(state: ChunkState, day: int) -> None:
    """Open the demand account of those who become customers today, with nothing on it."""
    new = np.flatnonzero(state.people.joined == day)
    state.cash.carry(new, np.zeros(len(new), np.int64), day)


def known_sources(plan: BankPlan, state: ChunkState) -> Flags:
    """Return which source has its own record of which customer of the chunk."""
    bits = draw_rows(plan.seed, "sources", state.chunk, n_rows=1, size=state.size)
    people = state.people
    return sources_that_know(state.size, bits, people.digital, people.kind, people.has_card)


@lru_cache(maxsize=8_192)
def _price(seed: int, first: int, week: int) -> tuple[int, int, int]:
    if week <= 0:
        return 1_000_000, 1_000_000, 1_000_000
    before = _price(seed, first, week - 1)
    steps = normal(draw_bits(seed, "prices", week, size=3))
    drift, spread = (600, 300, 1_200), (700, 24_000, 11_000)
    moved = [
        max(p + p * (drift[i] + int(spread[i] * float(steps[i]))) // 1_000_000, 50_000) for i, p in enumerate(before)
    ]
    return moved[0], moved[1], moved[2]


def unit_prices(plan: BankPlan, day: int) -> tuple[int, int, int]:
    """Return the week's prices of bond fund, share fund and gold in micro-yuan a unit; 1,000,000 in the first week."""
    first = day_number(plan.first_day)
    return _price(plan.seed, first, (day - first) // PRICE_DAYS)


__all__ = ["DayWords", "known_sources", "run_day", "unit_prices"]

"""Posting: the only way money moves in the simulated bank. Every change of a balance leaves a movement behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zhike.simulator.arrays import Bits, Floats, Ints
from zhike.simulator.catalogue import CASH_WEALTH, DEPOSIT_PRODUCTS, HOLDING_PRODUCTS, KIND, PARTNER
from zhike.simulator.ledger import Code, Meaning
from zhike.simulator.population import COMPANY, People
from zhike.simulator.randomness import threshold
from zhike.simulator.state import N_CONTRACTS, ChunkState
from zhike.simulator.words import read_words

CHANNELS = ("core_banking", "app", "branch", "atm", "teller_machine", "partner", "web", "card")
CORE, APP, COUNTER, ATM, KIOSK, WALLET, WEB, POS = range(len(CHANNELS))
INTERBANK = CORE
DEPOSIT_SLOTS = np.array((11, 12, 13, 14))
JITTER = 2_654_435_761


class DayBook:
    """One business day of one chunk: posts movements in the order of the clock.

    ``at`` sets the clock (seconds since local midnight) and how long each following posting may last; postings never
    overlap, so that running balances follow the order of time.
    """

    def __init__(self, state: ChunkState, day: int) -> None:
        self.state = state
        self.day = day
        people = state.people
        self.is_active = (people.joined <= day) & (people.died > day)
        self._clock = 300
        self._span = 60

    def gate(self, name: str, rate: Callable[[People], Floats]) -> Bits:
        """Return the words under which a gate of fixed daily ``rate`` opens; computed once per chunk."""
        return self.trait(f"gate:{name}", lambda people: threshold(rate(people)))

    def trait(self, name: str, of: Callable[[People], Ints]) -> Ints:
        """Return something of all customers that never changes; computed once per chunk."""
        traits = self.state.traits
        if name not in traits:
            traits[name] = of(self.state.people)
        return traits[name]

    def home_bank(self, who: Ints) -> Ints:
        """Return everyone's bank elsewhere."""
        bank: Ints = self.state.people.number[who] * 7 % len(read_words().other_banks.words)
        return bank

    def at(self, hour: int, minute: int = 0, *, span: int) -> None:
        """Set the clock to a local time; each posting from here takes ``span`` seconds of it."""
        self._clock, self._span = hour * 3_600 + minute * 60, span

    def _seconds(self, who: Ints) -> Ints:
        seconds = self._clock + (who * JITTER + self.day * 40_503) % self._span
        self._clock += self._span
        return seconds

    def pay(
        self, who: Ints, amount: Ints, kind: Code, partner: Code, *, channel: Code = CORE, bank: Code = -1, merchant: Code = -1,
        initiated: Code = 0, other: Code = 0,
    ) -> None:  # fmt: skip
        """Move signed ``amount`` (cents) on the demand account of each of ``who`` (unique); zero amounts leave no row.

        ``other`` says which of the customer's partners, friends or staff is on the other side (``catalogue``).
        """
        meaning = Meaning(kind, partner, channel, bank, merchant, initiated, other)
        if not amount.all():
            keep = amount != 0
            who, amount = who[keep], amount[keep]
            meaning = Meaning(*(c[keep] if isinstance(c, np.ndarray) else c for c in meaning))
        if len(who) == 0:
            return
        state = self.state
        after = state.cash.value[who] + amount
        state.cash.carry(who, after, self.day)
        state.journal.add(
            who, amount, after, meaning, slot=state.people.cash_slot[who], day=self.day, second=self._seconds(who)
        )

    def change_deposit(self, who: Ints, column: Ints, amount: Ints, kind: int) -> None:
        """Move ``amount`` on the term, large-CD or structured account; the demand side is posted by the caller."""
        if len(who) == 0:
            return
        state = self.state
        cells = who * len(DEPOSIT_PRODUCTS) + column
        after = state.deposits.value[cells] + amount
        state.deposits.carry(cells, after, self.day)
        meaning = Meaning(kind, PARTNER["own_bank_self"])
        state.journal.add(
            who, amount, after, meaning, slot=DEPOSIT_SLOTS[column], day=self.day, second=self._seconds(who)
        )

    def change_holding(self, who: Ints, column: Ints, amount: Ints) -> None:
        """Change the value (and cost) of a holding; the demand side is posted by the caller."""
        if len(who) == 0:
            return
        book = self.state.holdings
        cells = who * len(HOLDING_PRODUCTS) + column
        book.carry(cells, book.value[cells] + amount, self.day, book.cost[cells] + amount)

    def own_money(self, who: Ints) -> Ints:
        """Return demand money plus running contracts, in cents."""
        principal = self.state.contracts.principal.reshape(-1, N_CONTRACTS)[who].sum(axis=1)
        total: Ints = self.state.cash.value[who] + principal
        return total

    def own_channel(self, who: Ints) -> Ints:
        """Return where each usually acts: app for the digital, counter for the others."""
        return np.where(self.state.people.digital[who] > 0.35, APP, COUNTER)

    def send_away(self, who: Ints, amount: Ints) -> None:
        """Transfer own money to the own account at another bank, at most what is there."""
        state = self.state
        amount = np.minimum(amount, state.cash.value[who])
        going = amount > 0
        who, amount = who[going], amount[going]
        if len(who) == 0:
            return
        state.outflow_trace[who] += amount / np.maximum(self.own_money(who), 1)
        state.outside[who] += amount
        elsewhere = np.array([PARTNER["wallet_self"], PARTNER["other_bank_self"]])[(amount > 200_000).astype(np.int64)]
        partner = np.where((who + self.day) % 11 == 0, PARTNER["broker_self"], elsewhere)
        self.pay(
            who,
            -amount,
            KIND["transfer_out"],
            partner,
            channel=self.own_channel(who),
            bank=self.home_bank(who),
            initiated=1,
        )

    def bring_in(self, who: Ints, amount: Ints) -> None:
        """Bring own money from another bank."""
        self.state.outside[who] = np.maximum(self.state.outside[who] - amount, 0)
        is_company = self.state.people.kind[who] == COMPANY
        kind = np.where(is_company, KIND["settlement"], KIND["transfer_in"])
        partner = np.where(is_company, PARTNER["other_bank_other"], PARTNER["other_bank_self"])
        self.pay(who, amount, kind, partner, channel=INTERBANK, bank=self.home_bank(who), initiated=1)

    def cover(self, who: Ints, need: Ints) -> None:
        """Make sure that ``need`` is on the demand account, fetching what is missing from outside."""
        missing = need - self.state.cash.value[who]
        short = missing > 0
        self.bring_in(who[short], -(-missing[short] // 10_000) * 10_000)


__all__ = [
    "APP",
    "ATM",
    "CASH_WEALTH",
    "CHANNELS",
    "CORE",
    "COUNTER",
    "INTERBANK",
    "KIOSK",
    "POS",
    "WALLET",
    "WEB",
    "DayBook",
]

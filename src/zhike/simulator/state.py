"""Where the bank of one chunk stands at the close of a day: all that tomorrow depends on, besides the people's traits."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from zhike.simulator.arrays import Bits, Days, Flags, Floats, Ints, Texts
from zhike.simulator.catalogue import DEPOSIT_PRODUCTS, HOLDING_PRODUCTS
from zhike.simulator.ledger import Book, Movements
from zhike.simulator.population import People

N_CONTRACTS = 3  # running term contracts a customer can have at once
FREE = np.int32(2**30)  # the maturity day of a place without contract
BOOKS = ("cash", "deposits", "holdings", "loans")


@dataclass(slots=True)
class Contracts:
    """Running term contracts, flat: ``customer * N_CONTRACTS + place``; free places mature on ``FREE``."""

    product: Ints  # position in catalogue.term_products
    principal: Ints
    started: Days
    matures: Days
    auto: Flags
    leave_logit: Floats  # of the untouched customer, fixed 30 days before maturity

    @staticmethod
    def none(n_customers: int) -> Contracts:
        """Return places that are all free."""
        n = n_customers * N_CONTRACTS
        return Contracts(
            np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int32), np.full(n, FREE, np.int32), np.zeros(n, np.bool_),
            np.zeros(n),
        )  # fmt: skip


@dataclass(slots=True)
class Undecided:
    """Matured money whose owner decides on ``day`` whether it stays; flat like :class:`Contracts`."""

    amount: Ints
    day: Days
    leave_logit: Floats
    bits: Bits  # drawn at maturity: the same whoever was contacted
    product: Ints

    @staticmethod
    def none(n_customers: int) -> Undecided:
        """Return a state in which nobody has anything to decide."""
        n = n_customers * N_CONTRACTS
        return Undecided(
            np.zeros(n, np.int64),
            np.full(n, FREE, np.int32),
            np.zeros(n),
            np.zeros(n, np.uint64),
            np.zeros(n, np.int64),
        )


@dataclass(slots=True)
class Logs:
    """Rows other than movements, gathered until they are delivered: each a tuple of arrays of equal length."""

    contracts_ended: list[tuple[Ints, ...]] = field(default_factory=list)
    contracts_begun: list[Ints] = field(default_factory=list)
    payroll: list[tuple[Ints, ...]] = field(default_factory=list)
    repayments: list[tuple[Ints, ...]] = field(default_factory=list)
    events: list[tuple[Ints, ...]] = field(default_factory=list)
    n_events: int = 0
    anonymous: list[tuple[Texts, Ints, Texts]] = field(default_factory=list)  # for truth: event, customer, device
    consents: list[tuple[Ints, ...]] = field(default_factory=list)
    receipts: list[tuple[object, ...]] = field(default_factory=list)


@dataclass(slots=True)
class ChunkState:
    """Everything that changes, at the close of ``day``."""

    people: People
    chunk: int
    day: int
    cash: Book
    deposits: Book
    holdings: Book
    loans: Book
    contracts: Contracts
    undecided: Undecided
    journal: Movements
    logs: Logs
    outside: Ints  # money that left for other banks and may come back
    units: Ints  # fund and gold units × 100, flat customer × 3
    balance_days: Ints  # sum of daily cash balances since the last interest day
    sweep: Ints
    sweep_day: Days
    last_login: Days
    outflow_trace: Floats  # same-name outflow over own money, fading by 1 % a day
    is_gone: Flags
    contact_shift: Floats  # what contacts have added to the logit of leaving
    n_contacts: Ints
    opted_out: Flags
    rate_cut_day: int = 0  # posted rates are lower from this day on
    traits: dict[str, Ints] = field(default_factory=dict)  # what DayBook.trait has computed

    @property
    def size(self) -> int:
        """Customers in the chunk."""
        return self.people.size


def new_state(people: People, chunk: int, day: int) -> ChunkState:
    """Return a bank in which nothing is held yet, at the close of ``day``."""
    n = people.size
    return ChunkState(
        people=people, chunk=chunk, day=day, cash=Book.empty(n, 1), deposits=Book.empty(n, len(DEPOSIT_PRODUCTS)),
        holdings=Book.empty(n, len(HOLDING_PRODUCTS)), loans=Book.empty(n, 1), contracts=Contracts.none(n),
        undecided=Undecided.none(n), journal=Movements.empty(n), logs=Logs(), outside=np.zeros(n, np.int64),
        units=np.zeros(n * 3, np.int64), balance_days=np.zeros(n, np.int64), sweep=np.zeros(n, np.int64),
        sweep_day=np.full(n, FREE, np.int32), last_login=np.full(n, day - 400, np.int32), outflow_trace=np.zeros(n),
        is_gone=np.zeros(n, np.bool_), contact_shift=np.zeros(n), n_contacts=np.zeros(n, np.int64), opted_out=np.zeros(n, np.bool_),
    )  # fmt: skip


def save_state(state: ChunkState, path: Path) -> None:
    """Write what tomorrow needs; logs and journals must have been delivered."""
    arrays: dict[str, Ints] = {"day": np.array(state.day)}
    for name in BOOKS:
        book: Book = getattr(state, name)
        arrays |= {
            f"{name}.value": book.value,
            f"{name}.since": book.since,
            f"{name}.cost": book.cost,
            f"{name}.opened": book.opened,
        }
    for name, group in (("contracts", state.contracts), ("undecided", state.undecided)):
        arrays |= {f"{name}.{f.name}": getattr(group, f.name) for f in fields(group)}
    arrays |= {f.name: getattr(state, f.name) for f in fields(state) if isinstance(getattr(state, f.name), np.ndarray)}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, allow_pickle=False, **arrays)


def load_state(people: People, chunk: int, path: Path) -> ChunkState:
    """Return the state that :func:`save_state` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        state = new_state(people, chunk, int(stored["day"]))
        for name in stored.files:
            owner, _, attribute = name.partition(".")
            if attribute:
                setattr(getattr(state, owner), attribute, stored[name])
            elif name != "day":
                setattr(state, name, stored[name])
    return state


__all__ = [
    "FREE",
    "N_CONTRACTS",
    "ChunkState",
    "Contracts",
    "Logs",
    "Undecided",
    "load_state",
    "new_state",
    "save_state",
]

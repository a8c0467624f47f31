"""Money placed for a term: it begins, matures, renews, breaks, stays in another product, or leaves for another bank."""

from __future__ import annotations

import numpy as np

from zhike.simulator.arrays import Bits, Floats, Ints
from zhike.simulator.catalogue import KIND, PARTNER, RATE_CUT_BP, term_products
from zhike.simulator.causal import leave_logit, leave_share, p_leave
from zhike.simulator.money import DayBook
from zhike.simulator.population import COMPANY, PERSON
from zhike.simulator.randomness import hits, mixed, part, part_uniform, uniform
from zhike.simulator.state import FREE, N_CONTRACTS, ChunkState

NOTICE_DAYS = 30  # the leave logit is fixed so long before maturity
MATURED, RENEWED, BROKEN = 0, 1, 2
MINIMUM_CENTS = 500_000
ROUND_CENTS = 100_000
KEPT_IS_PLACED_RATE = 0.86
# which term product each of a hundred takes (positions in catalogue.term_products): deposits, large CDs, wealth
DEPOSIT_BY_SHARE = np.repeat([0, 1, 2, 11], [50, 30, 18, 2])
LARGE_BY_SHARE = np.repeat([3, 4, 5], [45, 30, 25])
WEALTH_BY_SHARE = np.repeat([7, 8, 9, 10, 12], [40, 32, 18, 8, 2])


def begin_day(book: DayBook, bits: Bits) -> None:
    """Fix logits 30 days ahead and let contracts mature today; ``bits`` has one word per contract place."""
    state, day = book.state, book.day
    _fix_logits(state, day, bits)
    places = np.flatnonzero(state.contracts.matures == day)
    if len(places) == 0:
        return
    auto = places[state.contracts.auto[places]]
    stays = uniform(bits[auto]) >= p_leave(state, auto // N_CONTRACTS, state.contracts.leave_logit[auto])
    renewing = auto[stays]
    _pay_interest(book, renewing)
    _renew(book, renewing, mixed(bits[renewing]))
    paying = np.setdiff1d(places, renewing, assume_unique=True)
    for place in range(N_CONTRACTS):  # two contracts of one customer may mature on the same day
        _pay_out(book, paying[paying % N_CONTRACTS == place], bits)


def _fix_logits(state: ChunkState, day: int, noise: Bits) -> None:
    coming = np.flatnonzero(state.contracts.matures == day + NOTICE_DAYS)
    if len(coming):
        state.contracts.leave_logit[coming] = leave_logit(state, coming, day, mixed(noise[coming]))


def rates_bp(state: ChunkState, product: Ints, started: Ints) -> Ints:
    """Return the yearly rate in basis points of contracts by the day they began: the rate posted that day."""
    rates: Ints = term_products().rate_bp[product] + RATE_CUT_BP * (started < state.rate_cut_day)
    return rates


def _interest(state: ChunkState, places: Ints, day: int) -> Ints:
    contracts = state.contracts
    started = contracts.started[places].astype(np.int64)
    return (
        contracts.principal[places] * rates_bp(state, contracts.product[places], started) * (day - started) // 3_600_000
    )


def _pay_interest(book: DayBook, places: Ints) -> None:
    for place in range(N_CONTRACTS):
        chosen = places[places % N_CONTRACTS == place]
        book.pay(
            chosen // N_CONTRACTS, _interest(book.state, chosen, book.day), KIND["interest"], PARTNER["own_bank_self"]
        )


def _renew(book: DayBook, places: Ints, noise: Bits) -> None:
    """End contracts as renewed and begin the same again, today."""
    state = book.state
    _log_end(state, places, book.day, RENEWED)
    state.contracts.started[places] = book.day
    _set_maturity(book, places, noise)


def _pay_out(book: DayBook, places: Ints, bits: Bits) -> None:
    """Pay principal and interest to the demand account; the owner decides some days later (a leaving renewer at once)."""
    state, day = book.state, book.day
    if len(places) == 0:
        return
    contracts, waiting = state.contracts, state.undecided
    who, principal = places // N_CONTRACTS, contracts.principal[places].copy()
    book.pay(who, _interest(state, places, day), KIND["interest"], PARTNER["own_bank_self"])
    _move_out_of_product(book, places, principal)
    _log_end(state, places, day, MATURED)
    words = bits[places]
    delay = np.where(contracts.auto[places], 0, part(words, 32, 5))
    waiting.amount[places], waiting.day[places] = principal, day + delay
    waiting.leave_logit[places], waiting.bits[places] = contracts.leave_logit[places], words
    waiting.product[places] = contracts.product[places]
    contracts.matures[places], contracts.principal[places] = FREE, 0


def decide(book: DayBook, bits: Bits) -> None:
    """Let owners of matured money decide: leave by same-name transfer, place it again, or keep it on demand."""
    state, day = book.state, book.day
    places = np.flatnonzero(state.undecided.day == day)
    for place in range(N_CONTRACTS):
        chosen = places[places % N_CONTRACTS == place]
        if len(chosen) == 0:
            continue
        who, words = chosen // N_CONTRACTS, state.undecided.bits[chosen]
        leaves = uniform(words) < p_leave(state, who, state.undecided.leave_logit[chosen])
        away = np.rint(state.undecided.amount[chosen] * leave_share(words)).astype(np.int64)
        book.send_away(who[leaves], away[leaves])
        stays = ~leaves & (part_uniform(words, 0) < KEPT_IS_PLACED_RATE)
        _place_again(book, chosen[stays], words[stays], bits)
        state.undecided.day[chosen] = FREE


def _place_again(book: DayBook, places: Ints, words: Bits, bits: Bits) -> None:
    state = book.state
    who = places // N_CONTRACTS
    amount = np.minimum(state.undecided.amount[places], state.cash.value[who]) // ROUND_CENTS * ROUND_CENTS
    same = part(words, 16, 100) < 45
    product = np.where(same, state.undecided.product[places], choose_product(state, who, amount, mixed(bits[places])))
    place(book, places, product, amount, mixed(bits[places]))


def choose_product(state: ChunkState, who: Ints, amount: Ints, bits: Bits) -> Ints:
    """Return a term product for each: the rate-minded take wealth and top rates, the cautious deposits; minimums hold."""
    terms, people = term_products(), state.people
    eager = part_uniform(bits, 16) + 0.18 * people.rate_sense[who]
    tenor = part(bits, 32, 100)
    deposit, large, wealth = DEPOSIT_BY_SHARE[tenor], LARGE_BY_SHARE[tenor], WEALTH_BY_SHARE[tenor]
    rich = amount >= terms.minimum_cents[3]
    cautious = np.where(rich & (part(bits, 0, 100) < 55), large, np.where(part(bits, 0, 100) < 8, 6, deposit))
    may_wealth = (people.kind[who] == PERSON) & (state.day - people.born[who] > 18 * 365)
    product = np.where((eager > 0.62) & may_wealth, wealth, cautious)
    product = np.where((people.kind[who] == COMPANY) & (product == 11), 2, product)
    return np.where(amount < terms.minimum_cents[product], np.minimum(deposit, 2), product)


def place(book: DayBook, places: Ints, product: Ints, amount: Ints, bits: Bits) -> None:
    """Begin contracts in free ``places`` (one per customer), paid from the demand account; too small amounts are left out."""
    state, day = book.state, book.day
    fine = (
        (amount >= MINIMUM_CENTS)
        & (amount <= state.cash.value[places // N_CONTRACTS])
        & (state.contracts.matures[places] == FREE)
    )
    places, product, amount, bits = places[fine], product[fine], amount[fine], bits[fine]
    if len(places) == 0:
        return
    who, terms, contracts = places // N_CONTRACTS, term_products(), state.contracts
    book.pay(who, -amount, KIND["product_purchase"], PARTNER["own_bank_self"], initiated=1)
    contracts.product[places], contracts.principal[places] = product, amount
    contracts.started[places] = day
    contracts.auto[places] = terms.is_deposit[product] & (uniform(bits) < 0.48 - 0.12 * state.people.rate_sense[who])
    _move_into_product(book, places, amount)
    _set_maturity(book, places, bits)


def _set_maturity(book: DayBook, places: Ints, noise: Bits) -> None:
    state, terms = book.state, term_products()
    tenor = terms.tenor_days[state.contracts.product[places]]
    state.contracts.matures[places] = book.day + tenor
    short = places[tenor <= NOTICE_DAYS]
    state.contracts.leave_logit[short] = leave_logit(state, short, book.day, noise[tenor <= NOTICE_DAYS])
    state.logs.contracts_begun.append(places)


def _move_into_product(book: DayBook, places: Ints, amount: Ints) -> None:
    terms, state = term_products(), book.state
    product, who = state.contracts.product[places], places // N_CONTRACTS
    is_deposit = terms.is_deposit[product]
    book.change_deposit(
        who[is_deposit], terms.deposit[product[is_deposit]], amount[is_deposit], KIND["product_purchase"]
    )
    book.change_holding(who[~is_deposit], terms.holding[product[~is_deposit]], amount[~is_deposit])


def _move_out_of_product(book: DayBook, places: Ints, principal: Ints) -> None:
    _move_from(book, places, principal)
    book.pay(places // N_CONTRACTS, principal, KIND["product_redemption"], PARTNER["own_bank_self"])


def _move_from(book: DayBook, places: Ints, principal: Ints) -> None:
    terms, state = term_products(), book.state
    product, who = state.contracts.product[places], places // N_CONTRACTS
    is_deposit = terms.is_deposit[product]
    book.change_deposit(
        who[is_deposit], terms.deposit[product[is_deposit]], -principal[is_deposit], KIND["product_redemption"]
    )
    book.change_holding(who[~is_deposit], terms.holding[product[~is_deposit]], -principal[~is_deposit])


def _log_end(state: ChunkState, places: Ints, day: int, how: int) -> None:
    contracts = state.contracts
    state.logs.contracts_ended.append((
        places, contracts.product[places], contracts.principal[places], contracts.started[places], contracts.matures[places],
        contracts.auto[places], np.full(len(places), day, np.int32), np.full(len(places), how, np.int64),
    ))  # fmt: skip


def place_idle_money(book: DayBook, gate: Bits, bits: Bits) -> None:
    """Let some with idle demand money place it for a term, most of all those who already do so."""
    state, people = book.state, book.state.people
    who = hits(
        gate,
        book.gate(
            "place", lambda p: np.where(p.n_contracts > 0, 0.035, 0.0012) * np.where(p.kind == PERSON, 1.0, 0.15)
        ),
    )
    who = who[book.is_active[who] & ~state.is_gone[who]]
    reserve = np.where(people.kind[who] == PERSON, 300_000 + 2 * people.monthly_income_cents[who], 8_300_000)
    idle = state.cash.value[who] - reserve
    who, idle = who[idle > 1_000_000], idle[idle > 1_000_000]
    free = state.contracts.matures.reshape(-1, N_CONTRACTS)[who] == FREE
    can = free.any(axis=1)
    who, idle, places = who[can], idle[can], (who * N_CONTRACTS + free.argmax(axis=1))[can]
    share: Floats = 0.6 + 0.35 * part_uniform(gate[who], 0)
    amount = np.rint(idle * share).astype(np.int64) // ROUND_CENTS * ROUND_CENTS
    words = mixed(bits[places])
    place(book, places, choose_product(state, who, amount, words), amount, words)


def break_contracts(book: DayBook, gate: Bits) -> None:
    """Let a few take money out before the end, at the demand rate, mostly to move it elsewhere."""
    state = book.state
    who = hits(gate, book.gate("break", lambda p: 0.00012 * np.clip(1.0 + 0.6 * p.rate_sense, 0.1, 3.0)))
    places = who * N_CONTRACTS + part(gate[who], 0, N_CONTRACTS)
    product = state.contracts.product[places]
    running = (
        (state.contracts.matures[places] < FREE)
        & (state.contracts.matures[places] > book.day)
        & term_products().is_deposit[product]
    )
    places, words = places[running], gate[who[running]]
    if len(places) == 0:
        return
    principal = state.contracts.principal[places].copy()
    _move_out_of_product(book, places, principal)
    _log_end(state, places, book.day, BROKEN)
    state.contracts.matures[places], state.contracts.principal[places] = FREE, 0
    goes = part(words, 16, 100) < 60
    book.send_away(places[goes] // N_CONTRACTS, principal[goes])


__all__ = [
    "BROKEN",
    "MATURED",
    "NOTICE_DAYS",
    "RENEWED",
    "begin_day",
    "break_contracts",
    "choose_product",
    "decide",
    "place",
    "place_idle_money",
    "rates_bp",
]

"""How the bank stands the evening before the history begins: money, contracts, loans, funds already there."""

from __future__ import annotations

import numpy as np

from zhike.simulator.arrays import Bits, Ints
from zhike.simulator.catalogue import (
    BOND_FUND,
    CASH_WEALTH,
    DEPOSIT_PRODUCTS,
    GOLD,
    HOLDING_PRODUCTS,
    SHARE_FUND,
    term_products,
)
from zhike.simulator.causal import leave_logit
from zhike.simulator.identifiers import day_number
from zhike.simulator.maturity import MINIMUM_CENTS, NOTICE_DAYS, ROUND_CENTS, choose_product
from zhike.simulator.population import People
from zhike.simulator.randomness import choose, draw_rows, part, part_uniform, uniform
from zhike.simulator.state import N_CONTRACTS, ChunkState, new_state
from zhike.simulator.terms import BankPlan


def rate_cut_day(plan: BankPlan) -> int:
    """Return the day from which posted rates are lower: the middle of the history."""
    return day_number(plan.first_day) + plan.n_days // 2


def opening_state(plan: BankPlan, people: People, chunk: int) -> ChunkState:
    """Return the state at the close of the day before ``plan.first_day``."""
    day = day_number(plan.first_day) - 1
    state = new_state(people, chunk, day)
    state.rate_cut_day = rate_cut_day(plan)
    n = people.size
    bits = draw_rows(plan.seed, "opening", chunk, n_rows=8, size=n)
    is_here = people.joined <= day
    money = np.where(is_here, people.wealth_cents, 0)
    in_contracts = _open_contracts(plan, state, money * (people.n_contracts > 0), chunk)
    left = money - in_contracts
    left -= _open_holdings(state, left, bits)
    state.cash.carry(np.flatnonzero(is_here), left[is_here], day)
    _open_loans(state, day)
    state.last_login[:] = day - np.minimum(
        part(bits[4], 0, 65_536) / (65_536.0 * np.maximum(people.sessions_per_day, 0.0005)), 900
    ).astype(np.int64)
    state.outside[:] = np.where(part(bits[5], 0, 10) < 3, people.wealth_cents // 3, 0)
    return state


def _open_contracts(plan: BankPlan, state: ChunkState, money: Ints, chunk: int) -> Ints:
    """Open contracts that began some days ago; return what they took from each customer."""
    people, contracts, n = state.people, state.contracts, state.size
    bits = draw_rows(plan.seed, "opening_contracts", chunk, n_rows=N_CONTRACTS + 2, size=n)
    taken = np.zeros(n, np.int64)
    share = 0.55 + 0.35 * part_uniform(bits[N_CONTRACTS], 0)
    places_all: list[Ints] = []
    for place in range(N_CONTRACTS):
        wants = np.flatnonzero((people.n_contracts > place) & (money > 0))
        amount = (
            np.rint(money[wants] * share[wants] / people.n_contracts[wants]).astype(np.int64)
            // ROUND_CENTS
            * ROUND_CENTS
        )
        wants, amount = wants[amount >= MINIMUM_CENTS], amount[amount >= MINIMUM_CENTS]
        words = bits[place][wants]
        places = wants * N_CONTRACTS + place
        contracts.product[places] = choose_product(state, wants, amount, words)
        contracts.principal[places] = amount
        _date(state, places, words)
        taken[wants] += amount
        places_all.append(places)
    places = np.concatenate(places_all)
    _book_contracts(state, places)
    soon = places[contracts.matures[places] <= state.day + NOTICE_DAYS]
    contracts.leave_logit[soon] = leave_logit(state, soon, state.day, bits[N_CONTRACTS + 1][soon // N_CONTRACTS])
    return taken


def _date(state: ChunkState, places: Ints, words: Bits) -> None:
    """Give contracts a day of beginning within their tenor, not before the customer came."""
    contracts, terms = state.contracts, term_products()
    tenor = terms.tenor_days[contracts.product[places]].astype(np.int64)
    elapsed = part(words ^ (words >> np.uint64(29)), 0, 65_536) * tenor // 65_536
    elapsed = np.minimum(elapsed, state.day - state.people.joined[places // N_CONTRACTS].astype(np.int64))
    contracts.started[places] = state.day - elapsed
    contracts.matures[places] = contracts.started[places] + tenor
    rate_sense = state.people.rate_sense[places // N_CONTRACTS]
    contracts.auto[places] = terms.is_deposit[contracts.product[places]] & (uniform(words) < 0.48 - 0.12 * rate_sense)


def _book_contracts(state: ChunkState, places: Ints) -> None:
    contracts, terms = state.contracts, term_products()
    product, who = contracts.product[places], places // N_CONTRACTS
    deposit = terms.is_deposit[product]
    for book, width, column, chosen in (
        (state.deposits, len(DEPOSIT_PRODUCTS), terms.deposit, deposit),
        (state.holdings, len(HOLDING_PRODUCTS), terms.holding, ~deposit),
    ):
        cells = who[chosen] * width + column[product[chosen]]
        total = np.bincount(cells, weights=contracts.principal[places[chosen]], minlength=state.size * width).astype(
            np.int64
        )
        filled = np.flatnonzero(total)
        book.carry(filled, total[filled], state.day, total[filled])


def _open_holdings(state: ChunkState, left: Ints, bits: Bits) -> Ints:
    """Put a part of what is left into funds, gold and cash wealth; return what went there."""
    people = state.people
    taken = np.zeros(state.size, np.int64)
    for has, column, shift in ((people.has_fund, -1, 0), (people.has_cash_wealth, CASH_WEALTH, 32)):
        who = np.flatnonzero(has & (left > 500_000))
        amount = np.rint(left[who] * (0.1 + 0.25 * part_uniform(bits[1][who], shift))).astype(np.int64) // 100 * 100
        fund = np.array((BOND_FUND, SHARE_FUND, GOLD))[choose(bits[2][who], (5.0, 4.0, 1.0), 0)]
        chosen = fund if column < 0 else np.full(len(who), column)
        luck = part_uniform(bits[3][who], 0)  # some bought at the top, years ago
        cost = np.rint(amount * np.where(chosen == SHARE_FUND, 0.8 + 2.4 * luck * luck, 1.0)).astype(np.int64)
        state.holdings.carry(who * len(HOLDING_PRODUCTS) + chosen, amount, state.day, cost)
        if column < 0:
            state.units[who * 3 + (chosen - BOND_FUND)] = amount
        taken[who] += amount
    return taken


def _open_loans(state: ChunkState, day: int) -> None:
    """Open loans with what is still owed: equal principal parts since they were drawn."""
    people = state.people
    who = np.flatnonzero((people.loan >= 0) & (people.joined <= people.loan_drawn))
    months = (day - people.loan_drawn[who].astype(np.int64)) // 30
    part_cents = -(-people.loan_principal_cents[who] // people.loan_months[who])
    owed = np.maximum(people.loan_principal_cents[who] - months * part_cents, 0)
    state.loans.carry(who, owed, day)


__all__ = ["opening_state", "rate_cut_day"]

"""Everyday money: shopping, wages, pensions, loans, transfers, funds, interest; and customers who drift away."""

from __future__ import annotations

import numpy as np

from zhike.simulator.arrays import Bits, Ints
from zhike.simulator.catalogue import (
    BOND_FUND,
    CASH_WEALTH,
    FIRST_STAFF,
    GOLD,
    HOLDING_PRODUCTS,
    KIND,
    MAX_STAFF,
    N_FRIENDS,
    N_PARTNERS,
    PARTNER,
    SHARE_FUND,
)
from zhike.simulator.identifiers import to_date
from zhike.simulator.money import ATM, COUNTER, INTERBANK, KIOSK, POS, WALLET, WEB, DayBook
from zhike.simulator.population import COMPANY, PAYDAYS, PERSON, SOLE_TRADER, People
from zhike.simulator.randomness import choose, hits, lognormal, mixed, part, part_uniform
from zhike.simulator.state import FREE
from zhike.simulator.words import read_words

N_GATES = 15
PENSION_DAY, LOAN_DAY = 12, 20
INTEREST_MONTHS, INTEREST_DAY = (3, 6, 9, 12), 21
DEMAND_RATE_BP = 5
WAGE, BONUS, PENSION = 0, 1, 2
SPEND_KINDS = ("payment", "payment", "payment", "card_payment", "household", "payment")
BUSINESS_KINDS = ("settlement", "settlement", "settlement", "tax", "cross_border", "settlement")
SPEND_CODES, BUSINESS_CODES = (np.array([KIND[k] for k in kinds]) for kinds in (SPEND_KINDS, BUSINESS_KINDS))
FUND_COLUMNS = np.array((BOND_FUND, SHARE_FUND, GOLD))


def _accepted(gate: Bits, who: Ints, share: Ints) -> Ints:
    """Return those of ``who`` that a second look keeps, each with probability ``share``, by bits the gate did not use."""
    return who[part_uniform(mixed(gate[who]), 48) < share]


def _typical_spend(people: People) -> Ints:
    """Return what each pays at a time, in cents: the median."""
    return np.where(
        people.kind != PERSON, people.wealth_cents // 40 + 150_000, people.monthly_income_cents // 40 + 2_000
    )


def _typical_receipt(people: People) -> Ints:
    """Return what each gets from others at a time, in cents: the median."""
    return np.where(people.kind != PERSON, people.wealth_cents // 36 + 170_000, people.monthly_income_cents // 6)


def shop(book: DayBook, gate: Bits, share: float) -> None:
    """Everyday payments: ``share`` of the day's expected number in this wave. Nobody overdraws."""
    state, people = book.state, book.state.people
    who = hits(gate, book.gate(f"shop:{share}", lambda p: p.payments_per_day * share))
    who = _accepted(gate, who, book.is_active[who] * np.where(state.is_gone[who], 0.12, 1.0))
    words = gate[who]
    business = people.kind[who] != PERSON
    typical = book.trait("spend", _typical_spend)[who]
    amount = np.rint(typical * lognormal(words, 1.0, 32)).astype(np.int64)
    amount = np.minimum(amount, state.cash.value[who] - 1_000)
    fine = amount >= 100
    who, words, amount, business = who[fine], words[fine], amount[fine], business[fine]
    pick = part(words, 16, len(SPEND_CODES))
    kind = np.where(business, BUSINESS_CODES[pick], SPEND_CODES[pick])
    is_local = people.number[who] % 6 > 0  # one business in six trades abroad
    kind = np.where((kind == KIND["cross_border"]) & is_local, KIND["settlement"], kind)
    partner = np.where(
        business, np.where(kind == KIND["tax"], PARTNER["government"], PARTNER["other_bank_other"]), PARTNER["merchant"]
    )
    channel = np.where(business, WEB, np.where(kind == KIND["card_payment"], POS, WALLET))
    merchant = np.where(business, -1, read_words().merchants.draw(words, 0))
    bank = np.where(business, part(words, 0, 10), -1)
    other = np.where(business & (kind != KIND["tax"]), _some_other(who, amount, N_PARTNERS), 0)
    book.pay(who, -amount, kind, partner, channel=channel, bank=bank, merchant=merchant, initiated=1, other=other)


def _some_other(who: Ints, amount: Ints, n_others: Ints | int) -> Ints:
    """Return which of a customer's regular others a payment goes to or comes from, 1 … ``n_others``."""
    return (who * 31 + amount) % n_others + 1


def receive(book: DayBook, own: Bits, others: Bits) -> None:
    """Money from outside: own money fetched when short or coming back, and payments by others (sales of businesses)."""
    _fetch(book, own)
    state, people = book.state, book.state.people
    who = hits(others, book.gate("receive", lambda p: np.where(p.kind == PERSON, 0.006, p.payments_per_day * 0.9)))
    who = _accepted(others, who, book.is_active[who] * np.where(state.is_gone[who], 0.2, 1.0))
    words = others[who]
    business = people.kind[who] != PERSON
    typical = book.trait("receipt", _typical_receipt)[who]
    amount = np.rint(typical * lognormal(words, 1.0, 32)).astype(np.int64) + 100
    kind = np.where(
        business, KIND["settlement"], np.where(part(words, 0, 8) == 0, KIND["cash_in"], KIND["transfer_in"])
    )
    is_cash = kind == KIND["cash_in"]
    partner = np.where(is_cash, PARTNER["cash"], PARTNER["other_bank_other"])
    partner = np.where((people.kind[who] == SOLE_TRADER) & (part(words, 0, 4) > 0), PARTNER["merchant"], partner)
    book.pay(
        who,
        amount,
        kind,
        partner,
        channel=np.where(is_cash, COUNTER, INTERBANK),
        bank=np.where(is_cash, -1, part(words, 16, 10)),
        other=np.where(is_cash, 0, _some_other(who, amount, np.where(business, N_PARTNERS, N_FRIENDS))),
    )


def _fetch(book: DayBook, gate: Bits) -> None:
    """Persons bring own money from outside: often when short and not paid here, sometimes what left before."""
    state, people = book.state, book.state.people
    most = 0.062
    who = hits(gate, book.gate("fetch", lambda p: most * (p.kind == PERSON)))
    is_short = (state.cash.value[who] < people.monthly_income_cents[who] // 4) & (people.employer[who] < 0)
    rate = np.where(is_short, 0.05, 0.004) + 0.008 * (state.outside[who] > 0)
    who = _accepted(gate, who, rate / most * book.is_active[who] * ~state.is_gone[who])
    words = gate[who]
    returning = np.rint(state.outside[who] * (0.3 + 0.7 * part_uniform(words, 16))).astype(np.int64)
    ordinary = np.rint(people.monthly_income_cents[who] * lognormal(words, 0.7, 32)).astype(np.int64)
    book.bring_in(who, np.where((returning > 0) & (part(words, 0, 3) > 0), returning, ordinary) // 100 * 100 + 10_000)


def pay_out(book: DayBook, gates: Bits) -> None:
    """Cash, transfers to others, and own money moved elsewhere by the rate-minded; then those who drift away."""
    state, people = book.state, book.state.people
    who = hits(gates[0], book.gate("cash", lambda p: 0.009 * (p.kind == PERSON) * (p.digital < 0.7)))
    who = who[book.is_active[who]]
    amount = np.minimum((1 + part(gates[0][who], 0, 30)) * 10_000, state.cash.value[who] // 10_000 * 10_000)
    channel = np.array([ATM, ATM, KIOSK, COUNTER])[part(gates[0][who], 16, 4)]
    book.pay(who, -amount, KIND["cash_out"], PARTNER["cash"], channel=channel, initiated=1)
    who = hits(gates[1], book.gate("transfer", lambda p: 0.012 * (p.kind == PERSON)))
    who = who[book.is_active[who]]
    words = gates[1][who]
    amount = np.rint(people.monthly_income_cents[who] / 8 * lognormal(words, 0.9, 32)).astype(np.int64)
    amount = np.clip(amount, 0, np.maximum(state.cash.value[who] - 5_000, 0))
    book.pay(
        who,
        -amount,
        KIND["transfer_out"],
        PARTNER["other_bank_other"],
        channel=book.own_channel(who),
        bank=part(words, 0, 10),
        initiated=1,
        other=_some_other(who, amount, N_FRIENDS),
    )
    _move_surplus(book, gates[2])
    wages = np.flatnonzero(state.sweep_day == book.day)
    book.send_away(wages, state.sweep[wages])
    state.sweep_day[wages] = FREE
    who = hits(gates[3], book.gate("churn", lambda p: p.churn_per_day))
    who = who[book.is_active[who] & ~state.is_gone[who]]
    state.is_gone[who] = True
    book.send_away(who, np.rint(state.cash.value[who] * (0.75 + 0.2 * part_uniform(gates[3][who], 0))).astype(np.int64))


def _move_surplus(book: DayBook, gate: Bits) -> None:
    """Some with more demand money than they need move a part to another bank, the rate-minded more often."""
    state, people = book.state, book.state.people
    who = hits(
        gate,
        book.gate(
            "surplus",
            lambda p: 0.0022 * np.clip(1.0 + 0.8 * p.rate_sense - 0.4 * p.loyalty, 0.05, 4.0) * (p.kind == PERSON),
        ),
    )
    surplus = state.cash.value[who] - 4 * people.monthly_income_cents[who]
    fine = (surplus > 1_000_000) & book.is_active[who]
    who, surplus = who[fine], surplus[fine]
    book.send_away(who, np.rint(surplus * (0.3 + 0.6 * part_uniform(gate[who], 0))).astype(np.int64) // 10_000 * 10_000)


def pay_wages(book: DayBook, words: Bits) -> None:
    """Wages on the company's pay day: what the company pays out is what its people receive; pensions on the 12th."""
    state, people, today = book.state, book.state.people, to_date(book.day)
    if today.day == PENSION_DAY:
        who = np.flatnonzero(people.is_pensioner & book.is_active & (people.number % 5 > 0))
        amount = people.monthly_income_cents[who] // 100 * 100
        book.pay(who, amount, KIND["pension"], PARTNER["government"], channel=INTERBANK)
        _log_payroll(book, who, amount, PENSION)
    if today.day not in PAYDAYS:
        return
    due = (people.employer >= 0) & (people.payday == today.day) & book.is_active
    who = np.flatnonzero(due & (people.payroll_from <= book.day) & (book.day < people.payroll_to) & ~state.is_gone)
    if len(who) == 0:
        return
    amount = np.rint(people.monthly_income_cents[who] * (0.95 + 0.1 * part_uniform(words[who], 16))).astype(np.int64)
    bonus = np.where((today.month in (1, 7)) & (part(words[who], 0, 3) == 0), people.monthly_income_cents[who] * 2, 0)
    total = np.bincount(people.employer[who], weights=amount + bonus, minlength=people.size).astype(np.int64)
    firms = np.flatnonzero(total)
    book.cover(firms, total[firms])
    book.pay(firms, -total[firms], KIND["payroll"], PARTNER["own_bank_other"], channel=WEB, initiated=1)
    for sums, purpose in ((amount, WAGE), (bonus, BONUS)):
        book.pay(who, sums, KIND["payroll"], PARTNER["employer"])
        _log_payroll(book, who[sums > 0], sums[sums > 0], purpose)
    sweeping = people.sweeps_wage[who]
    state.sweep[who[sweeping]] = amount[sweeping] * 9 // 10
    state.sweep_day[who[sweeping]] = book.day + part(words[who[sweeping]], 32, 2)


def pay_staff_elsewhere(book: DayBook) -> None:
    """Companies without an agreement pay their people one by one, at other banks, on a pay day of their own."""
    today = to_date(book.day)
    if today.day not in PAYDAYS:
        return
    people, staff = book.state.people, book.trait("staff_elsewhere", _staff_elsewhere)
    is_due = np.array(PAYDAYS)[people.number // 2 % len(PAYDAYS)] == today.day
    firms = np.flatnonzero((staff > 0) & is_due & book.is_active)
    book.cover(
        firms,
        np.sum([(staff[firms] > nth) * _wage_cents(people.number[firms], nth) for nth in range(MAX_STAFF)], axis=0),
    )
    for nth in range(MAX_STAFF):
        paying = firms[staff[firms] > nth]
        book.pay(
            paying, -_wage_cents(people.number[paying], nth), KIND["transfer_out"], PARTNER["other_bank_other"], channel=WEB,
            bank=(people.number[paying] + nth) % 10, initiated=1, other=FIRST_STAFF + nth,
        )  # fmt: skip


def _staff_elsewhere(people: People) -> Ints:
    """Return how many people each pays at other banks: half of the companies without an agreement and with some staff."""
    has_agreement = np.isin(np.arange(people.size), people.employer)
    pays = (people.kind == COMPANY) & ~has_agreement & (people.number % 2 == 0) & (people.n_employees >= 8)
    return np.where(pays, np.minimum(people.n_employees, MAX_STAFF), 0)


def _wage_cents(number: Ints, nth: int) -> Ints:
    return 450_000 + (number * 7 + nth * 977) % 90 * 5_000


def _log_payroll(book: DayBook, who: Ints, amount: Ints, purpose: int) -> None:
    employer = np.where(purpose == PENSION, -1, book.state.people.employer[who])
    book.state.logs.payroll.append(
        (who, np.full(len(who), book.day, np.int32), np.full(len(who), purpose), amount, employer)
    )


def repay_loans(book: DayBook) -> None:
    """Instalments on the 20th: principal in equal parts and interest; late payers skip every other one."""
    state, people, today = book.state, book.state.people, to_date(book.day)
    if today.day != LOAN_DAY:
        return
    owed = state.loans.value
    who = np.flatnonzero(
        (owed > 0) & ~(people.is_late_payer & (today.month % 2 == 0)) & (people.loan_drawn < book.day - 15)
    )
    if len(who) == 0:
        return
    principal = np.minimum(-(-people.loan_principal_cents[who] // people.loan_months[who]), owed[who])
    interest = owed[who] * np.array([345, 480, 420, 450, 385])[people.loan[who]] // 120_000
    book.cover(who, principal + interest)
    book.pay(who, -(principal + interest), KIND["loan_repayment"], PARTNER["bank"])
    state.loans.carry(who, owed[who] - principal, book.day)
    state.logs.repayments.append((who, np.full(len(who), book.day, np.int32), principal, interest))


def monthly_debit_cents(number: Ints) -> Ints:
    """Return the household bill that is debited each month from customers with a standing order, in cents."""
    return 5_000 + number % 97 * 150


def monthly_premium_cents(number: Ints) -> Ints:
    """Return the insurance premium paid each month by customers who insure, in cents."""
    return 20_000 + number % 53 * 1_000


def calendar_money(book: DayBook) -> None:
    """Interest on demand money each quarter, small fees, standing debits and insurance premiums on their days of the month."""
    state, people, today = book.state, book.state.people, to_date(book.day)
    state.balance_days += state.cash.value
    if today.day == INTEREST_DAY and today.month in INTEREST_MONTHS:
        everyone = np.arange(state.size)
        book.pay(everyone, state.balance_days * DEMAND_RATE_BP // 3_600_000, KIND["interest"], PARTNER["bank"])
        state.balance_days[:] = 0
    if today.day > 28:
        return
    mine = np.flatnonzero(book.trait("day_of_month", lambda p: (p.number % 28 + 1).astype(np.int8)) == today.day)
    mine = mine[book.is_active[mine]]
    cash = state.cash.value[mine]
    debit = mine[(people.number[mine] % 3 == 0) & (people.kind[mine] == PERSON) & (cash > 30_000)]
    book.pay(debit, -monthly_debit_cents(people.number[debit]), KIND["direct_debit"], PARTNER["merchant"], merchant=9)
    premium = mine[people.pays_insurance[mine] & (cash > 200_000)]
    book.pay(
        premium, -monthly_premium_cents(people.number[premium]), KIND["insurance"], PARTNER["merchant"], initiated=1
    )
    fee = mine[(people.number[mine] % 7 == 0) & (cash > 30_000)]
    book.pay(fee, np.full(len(fee), -200), KIND["fee"], PARTNER["bank"])


def invest(book: DayBook, gate: Bits, prices: tuple[int, int, int]) -> None:
    """Buy and sell funds, gold and cash wealth; on Fridays funds are marked to the week's prices (micro-yuan a unit)."""
    state, people = book.state, book.state.people
    who = hits(gate, book.gate("invest", lambda p: (p.has_fund | p.has_cash_wealth) * 0.02))
    who = who[book.is_active[who]]
    words = gate[who]
    amount = np.rint(state.cash.value[who] * (0.05 + 0.3 * part_uniform(words, 0))).astype(np.int64) // 10_000 * 10_000
    buys = (part(words, 16, 100) < 55) & (amount >= 100_000)
    into_fund = people.has_fund[who] & ((part(words, 32, 2) == 0) | ~people.has_cash_wealth[who])
    column = np.where(into_fund, FUND_COLUMNS[choose(words, (5.0, 4.0, 1.0), 32)], CASH_WEALTH)
    book.pay(
        who[buys],
        -amount[buys],
        KIND["product_purchase"],
        PARTNER["own_bank_self"],
        channel=book.own_channel(who[buys]),
        initiated=1,
    )
    _hold(book, who[buys], column[buys], amount[buys], prices)
    held = state.holdings.value[who * len(HOLDING_PRODUCTS) + column]
    sells = ~buys & (held > 10_000) & (part(words, 16, 100) >= 55)
    out = np.where(part(words, 0, 3) == 0, held, held // 3)
    _hold(book, who[sells], column[sells], -out[sells], prices)
    book.pay(
        who[sells],
        out[sells],
        KIND["product_redemption"],
        PARTNER["own_bank_self"],
        channel=book.own_channel(who[sells]),
        initiated=1,
    )
    if to_date(book.day).weekday() == 4:
        _mark_to_market(book, prices)


def _hold(book: DayBook, who: Ints, column: Ints, amount: Ints, prices: tuple[int, int, int]) -> None:
    """Change holdings by ``amount``; cost falls in proportion when sold, units follow the price."""
    if len(who) == 0:
        return
    holdings = book.state.holdings
    cells = who * len(HOLDING_PRODUCTS) + column
    value = holdings.value[cells]
    sold_cost = np.where(
        amount < 0, np.rint(holdings.cost[cells] * (-amount / np.maximum(value, 1))).astype(np.int64), -amount
    )
    holdings.carry(cells, value + amount, book.day, np.maximum(holdings.cost[cells] - sold_cost, 0))
    is_fund = column != CASH_WEALTH
    unit_cells = who[is_fund] * 3 + (column[is_fund] - BOND_FUND)
    price = np.array(prices)[column[is_fund] - BOND_FUND]
    book.state.units[unit_cells] = (value + amount)[is_fund] * 1_000_000 // price


def _mark_to_market(book: DayBook, prices: tuple[int, int, int]) -> None:
    state = book.state
    cells = np.flatnonzero(state.units > 0)
    who, fund = cells // 3, cells % 3
    target = who * len(HOLDING_PRODUCTS) + BOND_FUND + fund
    value = state.units[cells] * np.array(prices)[fund] // 1_000_000
    moved = value != state.holdings.value[target]
    state.holdings.carry(target[moved], value[moved], book.day, state.holdings.cost[target[moved]])


__all__ = [
    "N_GATES",
    "calendar_money",
    "invest",
    "monthly_debit_cents",
    "monthly_premium_cents",
    "pay_out",
    "pay_staff_elsewhere",
    "pay_wages",
    "receive",
    "repay_loans",
    "shop",
]

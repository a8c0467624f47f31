"""Who the customers of one chunk truly are: what never changes while the bank runs, and the traits that drive behaviour.

Traits (``rate_sense``, ``loyalty``, ``digital``) are hidden from the bank; what it sees are their traces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhike.simulator.arrays import Bits, Days, Flags, Floats, Ints
from zhike.simulator.identifiers import day_number
from zhike.simulator.organisation import n_sub_branches
from zhike.simulator.randomness import choose, draw_rows, lognormal, normal, part, uniform
from zhike.simulator.terms import CHUNK_CUSTOMERS, BankPlan
from zhike.simulator.words import read_words

PERSON, SOLE_TRADER, COMPANY = 0, 1, 2
PAYDAYS = (5, 10, 15, 25)
NEVER = np.int32(2**30)
WAGE_PER_MONTH_CENTS = 720_000


@dataclass(frozen=True, slots=True)
class People:
    """One chunk of customers; every array has one value per customer, in order of ``number``."""

    number: Ints  # position in the whole bank: the true party
    kind: Ints
    org: Ints  # sub-branch
    joined: Days
    born: Days
    is_male: Flags
    is_student: Flags
    is_pensioner: Flags
    is_staff: Flags
    died: Days  # NEVER = alive
    monthly_income_cents: Ints
    wealth_cents: Ints
    rate_sense: Floats
    loyalty: Floats
    digital: Floats
    persuasion: Ints  # 0 lost cause or sure thing · 1 persuadable · 2 do not disturb
    payments_per_day: Floats
    sessions_per_day: Floats
    touches_per_day: Floats
    employer: Ints  # position in the chunk, -1 = no payroll here
    payday: Ints
    payroll_from: Days
    payroll_to: Days
    sweeps_wage: Flags
    is_married_to: Ints  # position in the chunk, -1
    owner: Ints  # of a company or shop: position of the person who runs it, -1
    loan: Ints  # position in LOAN_PRODUCTS, -1 = none
    loan_principal_cents: Ints
    loan_drawn: Days
    loan_months: Ints
    is_late_payer: Flags
    pays_insurance: Flags
    has_fund: Flags
    has_cash_wealth: Flags
    has_card: Flags
    wants_loan: Flags
    n_contracts: Ints
    cash_slot: Ints  # of the demand money: persons 10, businesses a basic (50) or general (51) account
    in_group: Flags  # a company of a group whose other companies are customers, too
    company_size: Ints  # 0 micro 1 small 2 medium 3 large 4 institution, -1 person
    industry: Ints
    n_employees: Ints
    churn_per_day: Floats

    @property
    def size(self) -> int:
        """Customers in the chunk."""
        return len(self.number)


def draw_people(plan: BankPlan, chunk: int) -> People:
    """Return the customers of a chunk; a function of seed and chunk alone (and of the days for joining dates)."""
    n = plan.chunk_size(chunk)
    bits = draw_rows(plan.seed, "people", chunk, n_rows=40, size=n)
    last = day_number(plan.last_day)
    kind = choose(bits[0], (93.0, 4.0, 3.0))
    kind[:2] = (PERSON, COMPANY)
    is_person = kind == PERSON
    age = _ages(bits, is_person)
    joined = _joining_days(bits, plan, age)
    born = (last - (age * 365.25).astype(np.int64) - part(bits[4], 0, 365)).astype(np.int32)
    rate_sense, loyalty, digital_z = normal(bits[6]), normal(bits[7]), normal(bits[8])
    digital = np.clip(0.55 - 0.011 * (age - 40) + 0.22 * digital_z, 0.0, 1.0) * is_person + 0.5 * ~is_person
    wealth = _wealth(bits, kind, age)
    is_student = is_person & (age >= 18) & (age <= 23) & (part(bits[9], 0, 100) < 50)
    is_pensioner = is_person & (age >= 61) & (part(bits[9], 16, 100) < 60)
    size_class = np.where(is_person, -1, choose(bits[10], (55.0, 32.0, 9.0, 2.0, 2.0)))
    size_class[kind == SOLE_TRADER] = 0
    head_count = np.where(
        is_person, 0, np.array([6, 35, 180, 700, 120, 0])[size_class] * lognormal(bits[11], 0.5)
    ).astype(np.int64)
    may_be_paid = is_person & (age >= 22) & (age < 60) & ~is_student
    is_paid = may_be_paid & (uniform(bits[16]) < 0.42 + 0.06 * loyalty)
    employment = _employment(bits, plan, is_paid, _payers(bits, kind), head_count)
    employment["sweeps_wage"] = is_paid & (uniform(bits[19]) < 0.2 - 0.07 * loyalty)
    owner = _owners(bits, kind, age)
    loans = _loans(bits, plan, kind, age, wealth)
    loans["loan_drawn"] = np.maximum(loans["loan_drawn"], joined + 20)
    loans["loan"] = np.where(loans["loan_drawn"] < day_number(plan.first_day) - 10, loans["loan"], -1)
    n_contracts = _contract_counts(bits, kind, wealth)
    activity = np.array([0.01, 0.06, 0.32])[choose(bits[24], (38.0, 36.0, 26.0))] * (0.55 + 0.9 * digital)
    activity = np.where(kind == COMPANY, 0.34 * lognormal(bits[25], 0.6), np.where(kind == SOLE_TRADER, 0.32, activity))
    sessions = (
        digital
        * np.array([0.004, 0.05, 0.3])[choose(bits[26], (34.0, 40.0, 26.0))]
        * (1.0 + 0.25 * loyalty).clip(0.2, 2)
    )
    number = np.arange(n, dtype=np.int64) + chunk * CHUNK_CUSTOMERS
    return People(
        number=number, cash_slot=np.where(is_person, 10, np.where(number % 4 == 0, 51, 50)).astype(np.int8),
        kind=kind, org=part(bits[27], 0, n_sub_branches(plan.n_customers)), joined=joined, born=born,
        is_male=part(bits[5], 0, 2) == 1, is_student=is_student, is_pensioner=is_pensioner,
        is_staff=is_person & (age > 22) & (age < 58) & (part(bits[28], 0, 1000) < 4),
        died=np.where(is_person & (age > 60) & (part(bits[28], 16, 1000) < 6), day_number(plan.initial_day) - part(bits[28], 32, plan.n_days - plan.n_daily_folders), NEVER).astype(np.int32),
        monthly_income_cents=_incomes(bits, age, is_student, is_pensioner), wealth_cents=wealth,
        rate_sense=rate_sense, loyalty=loyalty, digital=digital, persuasion=choose(bits[29], (42.0, 50.0, 8.0)),
        payments_per_day=activity * plan.activity_rate, sessions_per_day=sessions,
        touches_per_day=0.004 + 0.02 * (1 - digital) * uniform(bits[30]) + 0.006 * (kind != PERSON),
        is_married_to=_couples(bits, is_person, age), owner=owner,
        pays_insurance=is_person & (part(bits[31], 0, 100) < 6), has_fund=is_person & (part(bits[31], 16, 100) < 9) & (age > 20),
        has_cash_wealth=is_person & (part(bits[31], 32, 100) < 14) & (age > 20),
        has_card=is_person & (age >= 20) & (age <= 62) & (part(bits[32], 0, 100) < 16), wants_loan=part(bits[32], 16, 100) < 7,
        n_contracts=n_contracts, in_group=_grouped(plan, chunk, kind), company_size=size_class, industry=np.where(is_person, -1, read_words().industries.draw(bits[33], 32)),
        n_employees=head_count, churn_per_day=np.clip(1.0 + 0.5 * rate_sense - 0.6 * loyalty, 0.05, 4.0) * np.where(is_person, 0.00045, 0.0003),
        **employment, **loans,
    )  # fmt: skip


def _grouped(plan: BankPlan, chunk: int, kind: Ints) -> Flags:
    return (kind == COMPANY) & (
        part(draw_rows(plan.seed, "standing", chunk, n_rows=2, size=len(kind))[1], 16, 100) < 12
    )


def _by_age(age: Ints, ages: tuple[int, ...], levels: tuple[float, ...]) -> Floats:
    """Return levels between given ages on straight lines, by a table per year of age (the same on every machine)."""
    table = []
    for year in range(121):
        after = next((i for i, a in enumerate(ages) if a >= year), len(ages) - 1)
        before = max(after - 1, 0)
        span = max(ages[after] - ages[before], 1)
        share = min(max((year - ages[before]) / span, 0.0), 1.0)
        table.append(levels[before] + (levels[after] - levels[before]) * share)
    return np.array(table)[age]


def _ages(bits: Bits, is_person: Flags) -> Ints:
    bracket = choose(bits[2], (1.5, 9.0, 20.0, 22.0, 18.0, 14.0, 15.5))
    start, width = np.array([8, 18, 25, 35, 45, 55, 63]), np.array([10, 7, 10, 10, 10, 8, 22])
    return np.where(is_person, start[bracket] + part(bits[3], 0, 65_536) * width[bracket] // 65_536, 45)


def _joining_days(bits: Bits, plan: BankPlan, age: Ints) -> Days:
    """Return when each became a customer: median four years ago; some within the history (never before 6 years of age)."""
    first, last = day_number(plan.first_day), day_number(plan.initial_day)
    before = first - 1 - np.minimum((1460 * lognormal(bits[1], 0.9)).astype(np.int64), np.minimum(30, age - 5) * 365)
    is_new = uniform(bits[1]) < 0.08 * plan.n_days / 365
    inside = first + part(bits[1], 0, 65_536) * (last - first) // 65_536
    return np.where(is_new, inside, before).astype(np.int32)


def _wealth(bits: Bits, kind: Ints, age: Ints) -> Ints:
    """Return own money at the start, in cents: heavy-tailed, growing with age; companies' is settlement money."""
    by_age = _by_age(age, (8, 22, 35, 50, 65, 85), (0.1, 0.3, 0.9, 1.5, 1.8, 1.2))
    person = 1_700_000 * lognormal(bits[12], 1.95) * by_age
    business = np.where(kind == COMPANY, 20_000_000, 3_000_000) * lognormal(bits[12], 1.6)
    return np.rint(np.where(kind == PERSON, person, business)).astype(np.int64)


def _incomes(bits: Bits, age: Ints, is_student: Flags, is_pensioner: Flags) -> Ints:
    level = np.where(
        is_student, 0.2, np.where(is_pensioner, 0.55, _by_age(age, (8, 18, 22, 40, 60), (0.02, 0.2, 0.7, 1.2, 0.9)))
    )
    return np.rint(WAGE_PER_MONTH_CENTS * level * lognormal(bits[13], 0.5)).astype(np.int64)


def _payers(bits: Bits, kind: Ints) -> Ints:
    """Return the companies of the chunk that pay wages through the bank: about a third, at least one."""
    companies = np.flatnonzero(kind == COMPANY)
    payers = companies[part(bits[14][companies], 0, 100) < 35]
    return payers if len(payers) else companies[:1]


def _employment(bits: Bits, plan: BankPlan, is_paid: Flags, payers: Ints, head_count: Ints) -> dict[str, Ints]:
    """Return who is paid by which company of the chunk, on which day of the month, from when to when."""
    first, last = day_number(plan.first_day), day_number(plan.last_day)
    limits = np.cumsum(head_count[payers] + 5)
    pick = np.searchsorted(limits, part(bits[15], 0, 65_536) * limits[-1] // 65_536, side="right")
    employer = np.where(is_paid, payers[np.minimum(pick, len(payers) - 1)], -1)
    starts_inside, ends_inside = part(bits[17], 0, 100) < 7, part(bits[17], 16, 100) < 9
    span = part(bits[18], 0, 65_536) * (last - first) // 65_536
    return {
        "employer": employer,
        "payday": np.array(PAYDAYS)[part(bits[19], 0, 4)[np.maximum(employer, 0)]],
        "payroll_from": np.where(starts_inside, first + span, first - 900 + part(bits[18], 32, 800)).astype(np.int32),
        "payroll_to": np.where(ends_inside & ~starts_inside, first + span, NEVER).astype(np.int32),
    }


def _owners(bits: Bits, kind: Ints, age: Ints) -> Ints:
    grown = np.flatnonzero((kind == PERSON) & (age >= 25) & (age <= 70))
    grown = grown if len(grown) else np.flatnonzero(kind == PERSON)[:1]
    return np.where(kind == PERSON, -1, grown[part(bits[20], 0, 65_536) * len(grown) // 65_536])


def _couples(bits: Bits, is_person: Flags, age: Ints) -> Ints:
    """Return pairs of neighbours in age among those who are married to another customer."""
    ready = np.flatnonzero(is_person & (age >= 25) & (part(bits[21], 0, 100) < 22))
    ready = ready[np.argsort(age[ready], kind="stable")]
    ready = ready[: len(ready) // 2 * 2]
    partner = np.full(len(age), -1, np.int64)
    partner[ready[0::2]], partner[ready[1::2]] = ready[1::2], ready[0::2]
    return partner


def _loans(bits: Bits, plan: BankPlan, kind: Ints, age: Ints, wealth: Ints) -> dict[str, Ints]:
    """Return at most one running loan per customer: housing, consumer, car; business for shops; working capital for companies."""
    first = day_number(plan.first_day)
    share = part(bits[22], 0, 1000)
    adult = (kind == PERSON) & (age >= 26) & (age <= 56)
    loan = np.full(len(kind), -1, np.int64)
    loan[adult & (share < 85)] = 0
    loan[adult & (share >= 85) & (share < 120)] = 1
    loan[adult & (share >= 120) & (share < 140)] = 3
    loan[(kind == SOLE_TRADER) & (share < 160)] = 2
    loan[(kind == COMPANY) & (share < 200)] = 4
    median = np.array([60_000_000, 6_000_000, 30_000_000, 10_000_000, 200_000_000, 0])[loan]
    principal = np.rint(median * lognormal(bits[23], 0.6) / 1_000_000).astype(np.int64) * 1_000_000
    months = np.array([240, 36, 24, 36, 12, 1])[loan]
    age_days = part(bits[23], 0, 65_536) * (months * 21) // 65_536 + 40
    return {
        "loan": loan,
        "loan_principal_cents": np.where(loan >= 0, np.maximum(principal, 1_000_000), 0),
        "loan_drawn": np.where(loan >= 0, first - age_days, NEVER).astype(np.int32),
        "loan_months": months,
        "is_late_payer": (loan >= 0) & (part(bits[22], 16, 100) < 4),
    }


def _contract_counts(bits: Bits, kind: Ints, wealth: Ints) -> Ints:
    """Return how many term contracts run at the start: about 44 % of persons hold one to three."""
    is_rich_enough = wealth >= 900_000
    takes = part(bits[34], 0, 1000) < np.where(kind == PERSON, 740, np.where(kind == COMPANY, 150, 100))
    count = (
        1
        + (part(bits[35], 0, 100) < np.where(wealth > 5_000_000, 70, 40))
        + (part(bits[35], 16, 100) < np.where(wealth > 20_000_000, 65, 22))
    )
    return np.where(is_rich_enough & takes, count, 0)


__all__ = ["COMPANY", "NEVER", "PERSON", "SOLE_TRADER", "People", "draw_people"]

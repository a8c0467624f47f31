"""The companies of one chunk: the bank's customers and those that only trade with them, as they are registered.

A company is place + core name + trade + legal form, and no two of a chunk have the same; many share a core name, groups on
purpose. Some are branches 分公司 with a tax number of their own, some were called otherwise before. How others write their
names, with what slips, is said in ``writing``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from zhike.kernel.definitions import SafeLoader
from zhike.simulator.arrays import Days, Flags, Ints
from zhike.simulator.identifiers import as_text, credit_codes
from zhike.simulator.ownership import draw_ownership
from zhike.simulator.population import COMPANY, People
from zhike.simulator.randomness import choose, draw_rows, mixed, part
from zhike.simulator.terms import CHUNK_CUSTOMERS, BankPlan
from zhike.simulator.words import read_words

FILE = Path(__file__).with_name("company_words.yaml")
OUTSIDE, BRANCHES = 1_000_000_000, 2_000_000_000  # true parties of companies that are no customers begin here
OUTSIDE_PER_CUSTOMER, BRANCH_SHARE, RENAMED_SHARE = 1.4, 5, 8
LOCAL_SHARE = 45  # of a hundred outsiders are of the bank's own places
COMMON_CORE, TWO_WORDS = (
    25,
    45,
)  # of a hundred core names: a word many like; up to here two words; the rest two characters
UNPLACED = 379_999  # customers from outside the bank's places
BRANCH_TAILS = ("分公司", "第一分公司", "分公司")
NO_FORM = {"培训学校": "", "养殖": "农民专业合作社", "投资管理": "合伙企业(有限合伙)"}


@dataclass(frozen=True, slots=True)
class CompanyWords:
    """The lists of ``company_words.yaml``."""

    provinces: tuple[str, ...]
    cities: tuple[str, ...]
    city_codes: tuple[int, ...]
    city_weights: tuple[float, ...]
    own_place_code: int
    fronts: tuple[str, ...]
    backs: tuple[str, ...]
    trades: tuple[tuple[str, ...], ...]  # by industry
    forms: tuple[str, ...]
    form_weights: tuple[float, ...]
    titles: tuple[str, ...]
    sounds_alike: Mapping[str, str]
    looks_alike: Mapping[str, str]
    notes: Mapping[str, tuple[str, ...]]


@cache
def company_words() -> CompanyWords:
    """Return the lists, read once."""
    raw = yaml.load(FILE.read_text(encoding="utf-8"), Loader=SafeLoader)  # noqa: S506 - it is safe
    places = raw["outside_places"]
    return CompanyWords(
        provinces=tuple(p["province"] for p in places), cities=tuple(p["city"] for p in places), city_codes=tuple(p["code"] for p in places),
        city_weights=tuple(float(p["weight"]) for p in places), own_place_code=raw["own_place_code"], fronts=tuple(raw["fronts"]),
        backs=tuple(raw["backs"]), trades=tuple(tuple(raw["trades"][c]) for c in read_words().industries.words), forms=tuple(raw["forms"]),
        form_weights=tuple(float(w) for w in raw["forms"].values()), titles=tuple(raw["mobile_titles"]), sounds_alike=raw["sounds_alike"],
        looks_alike=raw["looks_alike"], notes={k: tuple(v) for k, v in raw["notes"].items()},
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Company:
    """One company as it is registered; ``place`` is short (杭州), ``place_in_full`` with its kind and province (浙江省杭州市)."""

    party: int
    place: str
    place_in_full: str
    registered_place: str
    core: str
    trade: str
    form: str
    branch: str
    former: str

    @property
    def name(self) -> str:
        """The registered name."""
        return f"{self.registered_place}{self.core}{self.trade}{self.form}{self.branch}"


@dataclass(frozen=True, slots=True)
class Companies:
    """The companies of a chunk: first customers in order, then outsiders, then branches.

    ``customer`` : position in the chunk, -1 of others; ``head`` : position here of a branch's head, -1; ``tax_ids`` : unified social
    credit codes; ``renamed_on`` : day from which ``name`` holds, before it ``former``; a day long past where there is no former name.
    """

    all: tuple[Company, ...]
    customer: Ints
    head: Ints
    tax_ids: tuple[str, ...]
    renamed_on: Days
    phones: tuple[str, ...]
    of_customer: Ints  # position in the chunk → position here, -1

    @property
    def n_customers(self) -> int:
        """How many of them bank here."""
        return int((self.customer >= 0).sum())


def draw_companies(plan: BankPlan, people: People, chunk: int, districts: Ints) -> Companies:
    """Return the companies of a chunk.

    Parameters
    ----------
    districts : code of each customer's district, which is in its credit code.
    """
    customers = np.flatnonzero(people.kind == COMPANY)
    n_in, n_out = len(customers), int(len(customers) * OUTSIDE_PER_CUSTOMER)
    n = n_in + n_out
    bits = draw_rows(plan.seed, "companies", chunk, n_rows=6, size=n)
    words, own = company_words(), read_words().districts
    codes = [int(c) for c in own]
    industry = np.concatenate([people.industry[customers], read_words().industries.draw(bits[0][n_in:], 32)])
    city = choose(bits[1], words.city_weights)
    local = np.concatenate([districts[customers], np.array(codes)[part(bits[1][n_in:], 0, len(codes) - 1)]])
    is_local = np.concatenate([districts[customers] != UNPLACED, part(bits[2][n_in:], 0, 100) < LOCAL_SHARE])
    party = np.concatenate([people.number[customers], OUTSIDE + chunk * CHUNK_CUSTOMERS + np.arange(n_out)])
    made = _name_all(
        bits,
        industry,
        _Places(city, local, is_local),
        party,
        _groups(draw_ownership(plan, people, chunk).parent, customers, n),
    )
    n_branches = n * BRANCH_SHARE // 100
    head = (
        np.unique(part(draw_rows(plan.seed, "branches", chunk, n_rows=1, size=n_branches)[0], 0, n))
        if n_branches
        else np.zeros(0, np.int64)
    )
    branches = [_branch(made[h], i) for i, h in enumerate(head.tolist())]
    area = np.concatenate([
        districts[customers], np.where(is_local[n_in:], words.own_place_code, np.array(words.city_codes)[city[n_in:]]),
        np.full(len(head), words.own_place_code + 1),
    ])  # fmt: skip
    codes_in = credit_codes("91", districts[customers], people.number[customers])
    codes_out = credit_codes("91", area[n_in:n], party[n_in:] % OUTSIDE, "MB")
    head_number = party[head] % OUTSIDE + (party[head] >= OUTSIDE) * 5_000_000
    codes_of_branches = credit_codes("91", area[n:], head_number, "MC")
    tax_ids = tuple(as_text(np.concatenate([codes_in, codes_out, codes_of_branches])).to_pylist())
    renamed = part(bits[3], 0, 100) < RENAMED_SHARE
    last = int(people.joined.max())
    changed = np.where(renamed, last - 20 - part(bits[3], 16, 160), last - 36_500)
    of_customer = np.full(people.size, -1, np.int64)
    of_customer[customers] = np.arange(n_in)
    rest = np.full(n_out + len(head), -1, np.int64)
    return Companies(
        tuple(made + branches), np.concatenate([customers, rest]), np.concatenate([np.full(n, -1, np.int64), head]),
        tax_ids, np.concatenate([changed, np.full(len(head), last - 36_500)]),
        _phones(draw_rows(plan.seed, "company_phones", chunk, n_rows=1, size=n + len(head))[0]), of_customer,
    )  # fmt: skip


def _groups(parent: Ints, customers: Ints, n: int) -> Ints:
    """Return per company the position of the first of its group, whose core name the group has; its own position where it is alone."""
    at = np.full(len(parent), -1, np.int64)
    at[customers] = np.arange(len(customers))
    leader = np.arange(n)
    first = parent[customers]
    leader[: len(customers)] = np.where(first >= 0, at[np.maximum(first, 0)], leader[: len(customers)])
    return leader


@dataclass(frozen=True, slots=True)
class _Places:
    """Where each company is: a city outside by position, or one of the bank's districts by code."""

    city: Ints
    local: Ints
    is_local: Flags

    def of(self, at: int) -> tuple[str, str]:
        """Return the short name and the name in full."""
        words = company_words()
        if self.is_local[at]:
            full = read_words().districts[str(int(self.local[at]))]
            return full[:2], full
        city = int(self.city[at])
        return words.cities[city].removesuffix("市"), words.provinces[city] + words.cities[city]


def _name_all(bits: Any, industry: Ints, places: _Places, party: Ints, leader: Ints) -> list[Company]:
    """Return registered names, drawn again where a name is taken."""
    words = company_words()
    taken: set[str] = set()
    made: list[Company] = []
    form = choose(bits[3], words.form_weights, 32)
    rows = [bits[row].tolist() for row in (4, 5)]
    in_full = (part(bits[2], 16, 100) < 25).tolist()
    former = (part(bits[3], 0, 100) < RENAMED_SHARE).tolist()
    for at, (word, other) in enumerate(zip(*rows, strict=True)):
        shown = int(leader[at])
        core = made[shown].core if shown < at else _core(word)
        place, full = places.of(shown if shown < at else at)
        city = full.split("省")[-1]
        number = other
        while True:
            trade = _pick(words.trades[int(industry[at])], number)
            name = f"{place}{core}{trade}"
            if name not in taken:
                break
            number = _mix(number)
            if shown == at or number % 5 == 0:  # a group with every trade gets a second core name
                core = _core(number)
        taken.add(name)
        old = _former(place, core, trade, number, taken) if former[at] else ""
        ending = NO_FORM[trade] if trade in NO_FORM and number % 3 == 0 else words.forms[int(form[at])]
        made.append(
            Company(
                int(party[at]),
                place,
                full,
                city if in_full[at] else place,
                core,
                trade,
                ending,
                "",
                old and old + ending,
            )
        )
    return made


def _former(place: str, core: str, trade: str, number: int, taken: set[str]) -> str:
    """Return what a company was called before: another core name, taken by nobody."""
    while True:
        number = _mix(number)
        old = f"{place}{_core(number)}{trade}"
        if old not in taken:
            taken.add(old)
            return old


def _core(number: int) -> str:
    words, own = company_words(), read_words().company_words
    kind = number % 100
    if kind < COMMON_CORE:
        return own[number // 100 % len(own)]
    if kind < TWO_WORDS:
        return own[number // 100 % len(own)] + own[number // 10_007 % len(own)]
    return words.fronts[number // 100 % len(words.fronts)] + words.backs[number // 10_007 % len(words.backs)]


def _pick(options: Sequence[str], number: int) -> str:
    return options[number // 997 % len(options)]


def _mix(number: int) -> int:
    return int(mixed(np.array([number], np.uint64) + np.uint64(1))[0])


def _branch(head: Company, at: int) -> Company:
    """Return a branch of a company in another place; its own party."""
    party = BRANCHES + head.party % OUTSIDE + (OUTSIDE // 2 if head.party >= OUTSIDE else 0)
    towns = [d[:2] for d in read_words().districts.values()][:-1]
    town = towns[(at + head.party) % len(towns)]
    tail = BRANCH_TAILS[at % len(BRANCH_TAILS)]
    return dataclasses.replace(head, party=party, form=head.form or "有限公司", branch=town + tail, former="")


def _phones(bits: Any) -> tuple[str, ...]:
    """Return land lines of an area code that is assigned to nobody."""
    return tuple(f"0399-{8_000_000 + int(w) % 1_999_999}" for w in bits.tolist())


def company_names(companies: Companies, size: int) -> list[str]:
    """Return the registered name of each customer of a chunk that is a company, "" of the others."""
    names = [""] * size
    for at, who in enumerate(companies.customer.tolist()):
        if who >= 0:
            names[who] = companies.all[at].name
    return names


def own_places() -> dict[str, str]:
    """Return the bank's own invented places: code → name."""
    return {code: name for code, name in read_words().districts.items() if int(code) != UNPLACED}


__all__ = [
    "BRANCHES",
    "OUTSIDE",
    "Companies",
    "Company",
    "CompanyWords",
    "company_names",
    "company_words",
    "draw_companies",
    "own_places",
]

"""The bank's units and staff: a head office, branches, sub-branches; managers, tellers, agents. A function of the plan alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhike.simulator.arrays import Ints
from zhike.simulator.identifiers import day_number
from zhike.simulator.randomness import draw_bits, part
from zhike.simulator.terms import BankPlan
from zhike.simulator.words import read_words

ROLES = ("rm", "company_rm", "teller", "manager", "tele_agent", "other")
RMS_PER_SUB_BRANCH = 3
STAFF_PER_SUB_BRANCH = 8  # three rm, one company rm, three tellers, one manager
N_TELE_AGENTS = 6
MAX_SUB_BRANCHES = 200


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of the organisation."""

    org_id: str
    name: str
    level: str
    parent: str
    district: str


def n_sub_branches(n_customers: int) -> int:
    """Return how many sub-branches serve so many customers: at least three, one for each 1,800, at most 200."""
    return int(min(MAX_SUB_BRANCHES, max(3, n_customers // 1_800)))


def n_branches(n_customers: int) -> int:
    """Return how many branches stand above the sub-branches: one for each four, at most 20."""
    return int(min(20, max(1, n_sub_branches(n_customers) // 4)))


def sub_branch_id(position: int) -> str:
    """Return the unit number of a sub-branch."""
    return f"9{position + 101:04d}"


def units(plan: BankPlan) -> list[Unit]:
    """Return all units: head office first, then branches, then sub-branches by position."""
    districts = list(read_words().districts.items())
    branches = n_branches(plan.n_customers)
    result = [Unit("90000", "安河银行总行", "head_office", "", districts[0][0])]
    for b in range(branches):
        code, name = districts[b % 10]
        result.append(
            Unit(f"90{b + 1:03d}", f"{name}分行" if b < 10 else f"{name}第{b // 10 + 1}分行", "branch", "90000", code)
        )
    for s in range(n_sub_branches(plan.n_customers)):
        code, name = districts[(s % branches) % 10]
        street = read_words().streets[s % 20]
        result.append(
            Unit(
                sub_branch_id(s),
                f"{name}{street}支行{s // 20 + 1 if s >= 20 else ''}",
                "sub_branch",
                f"90{s % branches + 1:03d}",
                code,
            )
        )
    return result


@dataclass(frozen=True, slots=True)
class ClosedUnit:
    """A unit that is no more: it was there from ``first_day`` to ``last_day`` (days since 1970), then merged into ``into``.

    ``heir`` is the position of the sub-branch at which all its mergers end.
    """

    unit: Unit
    into: str
    first_day: int
    last_day: int
    heir: int


def closed_units(plan: BankPlan) -> list[ClosedUnit]:
    """Return merged sub-branches: one long ago, into one that was merged itself later, and one within the history."""
    first = day_number(plan.first_day)
    heirs = units(plan)[-n_sub_branches(plan.n_customers) :][:2]
    chain = (("91001", "91002", -7_000, -3_000, 0), ("91002", heirs[0].org_id, -6_000, -1_200, 0),
             ("91003", heirs[1].org_id, -5_000, plan.n_days // 2, 1))  # fmt: skip
    return [
        ClosedUnit(Unit(org_id, f"{heirs[heir].name}（旧{org_id[-1]}）", "sub_branch", heirs[heir].parent, heirs[heir].district), into, first + begun, first + ended, heir)
        for org_id, into, begun, ended, heir in chain
    ]  # fmt: skip


def staff_number(sub_branch: Ints, seat: Ints) -> Ints:
    """Return staff numbers; seats 0-2 are rm, 3 company rm, 4-6 tellers, 7 manager."""
    return 700_000 + sub_branch * STAFF_PER_SUB_BRANCH + seat


@dataclass(frozen=True, slots=True)
class Staff:
    """All staff, as arrays; ``joined`` in days since 1970, ``left`` is 0 for those in post."""

    number: Ints
    org: list[str]
    role: Ints
    joined: Ints
    left: Ints


def staff(plan: BankPlan) -> Staff:
    """Return the staff of every sub-branch, then the head office's telephone agents."""
    n_subs = n_sub_branches(plan.n_customers)
    seats = np.tile(np.arange(STAFF_PER_SUB_BRANCH), n_subs)
    subs = np.repeat(np.arange(n_subs), STAFF_PER_SUB_BRANCH)
    role = np.array([0, 0, 0, 1, 2, 2, 2, 3])[seats]
    number = np.concatenate([staff_number(subs, seats), 790_000 + np.arange(N_TELE_AGENTS)])
    role = np.concatenate([role, np.full(N_TELE_AGENTS, 4)])
    bits = draw_bits(plan.seed, "staff", size=len(number))
    last = day_number(plan.last_day)
    left = np.where((part(bits, 0, 100) < 4) & (role == 0), last - 10 - part(bits, 16, 60), 0)
    orgs = [sub_branch_id(int(s)) for s in subs] + ["90000"] * N_TELE_AGENTS
    return Staff(number, orgs, role, last - 400 - part(bits, 32, 4_000), left)


__all__ = [
    "MAX_SUB_BRANCHES",
    "N_TELE_AGENTS",
    "RMS_PER_SUB_BRANCH",
    "ROLES",
    "ClosedUnit",
    "Staff",
    "Unit",
    "closed_units",
    "n_branches",
    "n_sub_branches",
    "staff",
    "staff_number",
    "sub_branch_id",
    "units",
]

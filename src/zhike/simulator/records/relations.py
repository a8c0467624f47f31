"""How customers stand to one another: relations that the core knows, contact persons of companies, and to units of the bank."""

from __future__ import annotations

from typing import Any

import numpy as np

from zhike.simulator.arrays import Columns, Flags, Ints, Texts, pa
from zhike.simulator.files.terms import NO_DAY, FileSpec, code, day, flag, number, text
from zhike.simulator.organisation import closed_units, n_sub_branches, sub_branch_id
from zhike.simulator.ownership import draw_ownership
from zhike.simulator.population import COMPANY, PERSON, SOLE_TRADER
from zhike.simulator.randomness import draw_rows, part
from zhike.simulator.records.accounts_of import Keys
from zhike.simulator.state import ChunkState
from zhike.simulator.terms import BankPlan

RELATIONS = ("legal_representative_of", "controller_of", "shareholder_of", "employee_of", "spouse_of", "parent_of", "household_of",
             "guarantor_of", "supplier_of", "group_member_of", "referred", "contact_of", "disponent_of", "beneficial_owner_of")  # fmt: skip
CONTACT_ROLES = ("legal_representative", "finance", "operator", "owner")
BRANCH_ROLES = ("opening", "managing", "marketing", "assessed")
OPENING, _, MARKETING, ASSESSED = range(4)

RELATION = FileSpec(
    "party_relations", "CUST_REL", "core", "party_relation", mode="increment", fixed={"recorded_at": {"day_end": "valid_from_on"}},
    columns=(
        text("CUST_NO_A", "from_key"), text("CUST_NO_B", "to_key"), code("REL_CD", "kind", RELATIONS), number("SHARE", "share_rate"),
        day("BGN_DT", "valid_from_on"), day("END_DT", "valid_to_on"),
    ),
)  # fmt: skip
COMPANY_CONTACTS = FileSpec(
    "company_contacts", "ENT_CONTACT", "core", "company_contact", mode="full",
    columns=(
        text("ENT_NO", "company_key"), text("CONT_NO", "contact_key"), code("ROLE_CD", "role", CONTACT_ROLES), flag("AUTH_FLAG", "is_authorised"),
        day("BGN_DT", "valid_from_on"), day("END_DT", "valid_to_on"),
    ),
)  # fmt: skip
BRANCHES = FileSpec(
    "party_branches", "CUST_ORG", "core", "party_branch", mode="zipper",
    columns=(
        text("CUST_NO", "source_key"), code("ORG_ROLE", "branch_role", BRANCH_ROLES), text("ORG_NO", "org_id"), day("BGN_DT", "valid_from_on"),
        day("END_DT", "valid_to_on"),
    ),
)  # fmt: skip
SPECS = (RELATION, COMPANY_CONTACTS, BRANCHES)
Part = tuple[str, Ints, Ints, Any]


def relation_tables(plan: BankPlan, state: ChunkState, keys: Keys, bits: Any) -> dict[str, Columns]:
    """Return these tables for one chunk, as they stand at the end of the history; ``bits`` are those of standing tables."""
    return _relations(plan, state, keys, bits) | _contacts(state, keys, bits) | _branches(plan, state, keys)


def some(of: Ints, bits: Any, who: Ints) -> Ints:
    """Return one of ``of`` for each of ``who``."""
    return of[part(bits[who], 0, 65_536) * len(of) // 65_536] if len(of) else who


def _relations(plan: BankPlan, state: ChunkState, keys: Keys, bits: Any) -> dict[str, Columns]:
    people, ownership = state.people, draw_ownership(plan, state.people, state.chunk)
    companies = np.flatnonzero(people.kind == COMPANY)
    owned = np.flatnonzero(people.owner >= 0)
    shops = np.flatnonzero((people.kind == SOLE_TRADER) & (people.owner >= 0) & (part(bits[4], 16, 2) == 0))
    married = np.flatnonzero(people.is_married_to > np.arange(people.size))
    employed = np.flatnonzero((people.employer >= 0) & (people.payroll_to > state.day) & (part(bits[2], 16, 100) < 70))
    persons = np.flatnonzero(people.kind == PERSON)
    child = np.flatnonzero((people.kind == PERSON) & (state.day - people.born < 18 * 365))
    guarded = np.flatnonzero((people.loan >= 1) & (part(bits[0], 0, 100) < 20))
    suppliers = companies[part(bits[1][companies], 0, 100) < 40]
    below = np.flatnonzero((ownership.parent >= 0) & (ownership.parent != np.arange(people.size)))
    referred = np.flatnonzero((people.kind == PERSON) & (part(bits[2], 0, 1000) < 20))
    asked = np.flatnonzero(
        (ownership.share >= 0.25)
        & (people.kind[ownership.holder] == PERSON)
        & (part(bits[5][ownership.company], 16, 100) < 30)
    )
    parts: list[Part] = [
        ("legal_representative_of", people.owner[owned], owned, np.nan), ("controller_of", ownership.named, ownership.named_company, np.nan),
        ("controller_of", people.owner[shops], shops, np.nan), ("shareholder_of", ownership.holder, ownership.company, ownership.share),
        ("employee_of", employed, people.employer[employed], np.nan),
        ("spouse_of", married, people.is_married_to[married], np.nan), ("household_of", people.is_married_to[married], married, np.nan),
        ("parent_of", some(persons, bits[4], child), child, np.nan), ("guarantor_of", some(persons, bits[5], guarded), guarded, np.nan),
        ("supplier_of", suppliers, some(companies, bits[6], suppliers), np.nan), ("group_member_of", below, ownership.parent[below], np.nan),
        ("referred", some(persons, bits[8], referred), referred, np.nan), ("contact_of", some(persons, bits[9], companies), companies, np.nan),
        ("disponent_of", some(persons, bits[10], companies[::3]), companies[::3], np.nan),
        ("beneficial_owner_of", ownership.holder[asked], ownership.company[asked], ownership.share[asked]),
    ]  # fmt: skip
    a, b = np.concatenate([p[1] for p in parts]), np.concatenate([p[2] for p in parts])
    kind = np.concatenate([np.full(len(p[1]), RELATIONS.index(p[0])) for p in parts])
    share = np.concatenate([np.broadcast_to(p[3], len(p[1])) for p in parts])
    keep = a != b
    a, b, kind, share = a[keep], b[keep], kind[keep], share[keep]
    return {
        RELATION.name: {
            "CUST_NO_A": keys.customer(a), "CUST_NO_B": keys.customer(b), "REL_CD": kind, "SHARE": share, "BGN_DT": np.maximum(people.joined[a], people.joined[b]),
            "END_DT": np.full(len(a), NO_DAY),
        }
    }  # fmt: skip


def _contacts(state: ChunkState, keys: Keys, bits: Any) -> dict[str, Columns]:
    """Return contact persons: the legal representative, a finance and an operating person, of whom a few have gone."""
    people, persons = state.people, np.flatnonzero(state.people.kind == PERSON)
    companies = np.flatnonzero(people.kind == COMPANY)
    contacts = [
        ("legal_representative", people.owner[companies], 100), ("finance", some(persons, bits[9], companies), 85),
        ("operator", some(persons, bits[11], companies), 70),
    ]  # fmt: skip
    company, person = np.tile(companies, len(contacts)), np.concatenate([c[1] for c in contacts])
    role = np.repeat([CONTACT_ROLES.index(c[0]) for c in contacts], len(companies))
    since = np.maximum(people.joined[company], people.joined[person])
    is_gone = (
        (role == CONTACT_ROLES.index("operator")) & (part(bits[12][company], 16, 100) < 6) & (since < state.day - 30)
    )
    return {
        COMPANY_CONTACTS.name: {
            "ENT_NO": keys.customer(company), "CONT_NO": keys.customer(person), "ROLE_CD": role,
            "AUTH_FLAG": np.concatenate([1 - (part(bits[12][companies], 0, 100) < c[2]) for c in contacts]), "BGN_DT": since,
            "END_DT": np.where(is_gone, state.day - 20, NO_DAY),
        }
    }  # fmt: skip


def _branches(plan: BankPlan, state: ChunkState, keys: Keys) -> dict[str, Columns]:
    """Return which unit won and is credited with businesses where it is not their own, and who was opened at a unit that is closed now."""
    people, n_subs = state.people, n_sub_branches(plan.n_customers)
    bits = draw_rows(plan.seed, "branches", state.chunk, n_rows=1, size=people.size)[0]
    business = people.kind != PERSON
    won = np.flatnonzero(business & (part(bits, 0, 100) < 30))
    credited = np.flatnonzero(business & (part(bits, 16, 100) < 10))
    rows: list[tuple[Ints, Texts, int]] = [
        (won, _units((people.org[won] + 1 + part(bits[won], 32, n_subs)) % n_subs), MARKETING),
        (credited, _units((people.org[credited] + 1 + part(bits[credited], 32, n_subs)) % n_subs), ASSESSED),
    ]
    for nth, unit in enumerate(closed_units(plan)):
        is_old: Flags = (people.org == unit.heir) & (people.joined <= unit.last_day) & (part(bits, 48, 5) == nth)
        since = unit.first_day
        who = np.flatnonzero(is_old & (people.joined >= since))
        rows.append((who, pa.array([unit.unit.org_id] * len(who), pa.string()), OPENING))
    who = np.concatenate([r[0] for r in rows])
    return {
        BRANCHES.name: {
            "CUST_NO": keys.customer(who), "ORG_ROLE": np.repeat([r[2] for r in rows], [len(r[0]) for r in rows]),
            "ORG_NO": pa.concat_arrays([r[1] for r in rows]), "BGN_DT": people.joined[who], "END_DT": np.full(len(who), NO_DAY),
        }
    }  # fmt: skip


def _units(positions: Ints) -> Texts:
    return pa.array([sub_branch_id(int(p)) for p in positions.tolist()], pa.string())


__all__ = ["SPECS", "relation_tables"]

"""Accounts and relations, said of customers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest

from tests.unit.identity.conftest import Row, Tables

Run = Callable[..., Tables]
MOMENT = datetime(2025, 1, 1, 12)


def link(source_key: str, customer_id: str) -> Row:
    return {
        "source": "core",
        "source_key": source_key,
        "customer_id": customer_id,
        "customer_no": int(customer_id[1:]),
        "linked_by": "single",
        "version_on": date(2025, 1, 1),
        "trust_rank": 0,
        "recency_rank": 0,
        "has_valid_document": False,
    }


def holder(account_id: str, source_key: str, role: str, share_rate: float | None = None) -> Row:
    return {
        "account_id": account_id,
        "source": "core",
        "source_key": source_key,
        "role": role,
        "share_rate": share_rate,
    }


LINKS = [link("1", "c1"), link("1b", "c1"), link("2", "c2"), link("3", "c3"), link("9", "c9")]


def shares(run: Run, *rows: Row) -> dict[tuple[str, str], float]:
    found = run("identity:accounts", {"account_party": rows, "identity_link": LINKS})["customer_account"]
    return {(r["customer_id"], r["role"]): r["share_rate"] for r in found}


def test_shares_of_owners_add_up_to_one_and_other_roles_hold_none(run: Run) -> None:
    assert shares(run, holder("a", "1", "owner"), holder("a", "2", "disponent")) == {
        ("c1", "owner"): 1,
        ("c2", "disponent"): 0,
    }
    assert shares(run, holder("a", "1", "owner"), holder("a", "2", "joint_owner")) == {
        ("c1", "owner"): 0.5,
        ("c2", "joint_owner"): 0.5,
    }
    assert shares(run, holder("a", "1", "owner", 0.7), holder("a", "2", "joint_owner")) == {
        ("c1", "owner"): 0.7,
        ("c2", "joint_owner"): 0.3,
    }
    assert shares(run, holder("a", "1", "owner", 0.6), holder("a", "2", "owner", 0.6)) == {
        ("c1", "owner"): 0.5,
        ("c2", "owner"): 0.5,
    }
    assert shares(run, holder("a", "1", "owner", 0.0)) == {("c1", "owner"): 1}


def test_two_keys_of_one_customer_hold_an_account_once(run: Run) -> None:
    assert shares(run, holder("a", "1", "owner", 0.5), holder("a", "1b", "owner", 0.5)) == {("c1", "owner"): 1}


def relations(run: Run, **tables: list[Row]) -> list[tuple[object, ...]]:
    empty: dict[str, list[Row]] = {
        t: [] for t in ("party_relation", "company_contact", "account", "customer_account", "customer")
    }
    found = run("identity:relations", {**empty, "identity_link": LINKS, **tables})["customer_relation"]
    return sorted(
        (r["from_customer_id"], r["to_customer_id"], r["kind"], r["valid_from_on"], r["origin"]) for r in found
    )


def relation(from_key: str, to_key: str, kind: str, **values: object) -> Row:
    return {
        "source": "core",
        "from_key": from_key,
        "to_key": to_key,
        "kind": kind,
        "valid_from_on": date(2024, 1, 1),
        "recorded_at": MOMENT,
        **values,
    }


@pytest.mark.requirement("B5")
def test_relations_of_keys_become_relations_of_customers_once_per_kind(run: Run) -> None:
    written = [
        relation("1", "9", "legal_representative_of"), relation("1b", "9", "legal_representative_of", valid_from_on=date(2025, 1, 1)),
        relation("1", "1b", "spouse_of"), relation("2", "9", "shareholder_of", valid_from_on=date(2025, 4, 1)), relation("2", "77", "referred"),
    ]  # fmt: skip
    assert relations(run, party_relation=written) == [
        ("c1", "c9", "legal_representative_of", date(2025, 1, 1), "party_relation")
    ]


@pytest.mark.requirement("B5")
def test_company_contacts_become_relations_by_role(run: Run) -> None:
    contacts = [
        {"source": "core", "company_key": "9", "contact_key": k, "role": r}
        for k, r in (("1", "legal_representative"), ("2", "finance"))
    ]
    assert relations(run, company_contact=contacts) == [
        ("c1", "c9", "legal_representative_of", None, "company_contact"), ("c2", "c9", "contact_of", None, "company_contact"),
    ]  # fmt: skip


@pytest.mark.requirement("B5")
def test_owner_and_disponent_of_one_account_are_a_household_from_its_opening_on_unless_a_company_is_in_it(
    run: Run,
) -> None:
    kinds = {"c1": "person", "c2": "person", "c3": "person", "c9": "company"}
    customers = [
        {"customer_id": c, "customer_no": int(c[1:]), "party_kind": k, "n_records": 1} for c, k in kinds.items()
    ]
    accounts = [
        {"account_id": a, "account_kind": "demand", "opened_on": date(2023, 5, 6), "recorded_at": MOMENT} for a in "ab"
    ]
    holders = [("c1", "a", "owner"), ("c2", "a", "disponent"), ("c9", "b", "owner"), ("c3", "b", "disponent")]
    held = [{"customer_id": c, "account_id": a, "role": r, "share_rate": 0} for c, a, r in holders]
    day = date(2023, 5, 6)
    assert relations(run, account=accounts, customer_account=held, customer=customers) == [
        ("c1", "c2", "household_of", day, "shared_account"), ("c2", "c1", "household_of", day, "shared_account"),
    ]  # fmt: skip

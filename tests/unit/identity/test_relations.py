"""Accounts and relations, said of customers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

import pytest

from tests.unit.identity.conftest import DAY, Row, Tables
from zhike.identity.relation_terms import PARAMETERS, RelationSettings, relation_settings
from zhike.kernel.definitions import READ_BY_CODE, read_definitions
from zhike.kernel.errors import BadInput
from zhike.pipeline.project import standard_pack

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
        "source_place": 0,
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


NO_TABLES: dict[str, list[Row]] = {
    t: []
    for t in (
        "party_relation", "company_contact", "account", "customer_account", "customer", "payroll_item", "payroll_agreement", "invoice",
    )
}  # fmt: skip


def person(number: int, kind: str = "person") -> Row:
    return {"customer_id": f"c{number}", "customer_no": number, "party_kind": kind, "n_records": 1}


def written(run: Run, *, as_of: date = DAY, settings: RelationSettings | None = None, **tables: list[Row]) -> Tables:
    given = {**NO_TABLES, "identity_link": LINKS, **tables}
    return run("identity:relations", given, as_of=as_of, relations=settings)


def relations(
    run: Run, *columns: str, as_of: date = DAY, settings: RelationSettings | None = None, **tables: list[Row]
) -> list[tuple[object, ...]]:
    """Return (from, to, kind, …) of the relations; without columns, from when and from where they are known."""
    found = written(run, as_of=as_of, settings=settings, **tables)["customer_relation"]
    names = ("from_customer_id", "to_customer_id", "kind", *(columns or ("valid_from_on", "origin")))
    return sorted((tuple(r[n] for n in names) for r in found), key=str)


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


# ---- declared --------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("B5")
def test_relations_of_keys_become_relations_of_customers(run: Run) -> None:
    said = [
        relation("1", "9", "legal_representative_of"), relation("1", "1b", "spouse_of"),
        relation("2", "9", "shareholder_of", valid_from_on=date(2025, 4, 1)), relation("2", "77", "referred"),
        relation("3", "9", "shareholder_of", recorded_at=datetime(2025, 3, 1, 16, 0, 1)),
    ]  # fmt: skip
    assert relations(run, party_relation=said) == [
        ("c1", "c9", "legal_representative_of", date(2024, 1, 1), "party_relation")
    ]


@pytest.mark.requirement("B5")
def test_a_later_statement_replaces_an_earlier_one_from_its_first_day_and_history_stays(run: Run) -> None:
    said = [
        relation("1", "9", "shareholder_of", share_rate=0.3), relation("1b", "9", "shareholder_of", share_rate=0.6, valid_from_on=date(2025, 1, 1)),
        relation("2", "9", "shareholder_of", share_rate=0.1, valid_to_on=date(2024, 6, 30)),
        relation("2", "9", "shareholder_of", share_rate=0.2, valid_from_on=date(2024, 9, 1), valid_to_on=date(2025, 1, 31)),
        relation("3", "9", "shareholder_of", valid_to_on=date(2023, 1, 1)),
    ]  # fmt: skip
    assert relations(run, "share_rate", "valid_from_on", "valid_to_on", party_relation=said) == [
        ("c1", "c9", "shareholder_of", 0.3, date(2024, 1, 1), date(2024, 12, 31)),
        ("c1", "c9", "shareholder_of", 0.6, date(2025, 1, 1), None),
        ("c2", "c9", "shareholder_of", 0.1, date(2024, 1, 1), date(2024, 6, 30)),
        ("c2", "c9", "shareholder_of", 0.2, date(2024, 9, 1), date(2025, 1, 31)),
    ]


def test_of_two_sources_that_disagree_from_one_day_on_the_more_trusted_counts(run: Run) -> None:
    links = [
        *LINKS,
        {**link("a", "c1"), "source": "register", "source_place": 1},
        {**link("b", "c9"), "source": "register", "source_place": 1},
    ]
    said = [
        relation("a", "b", "shareholder_of", source="register", share_rate=0.9), relation("1", "9", "shareholder_of", share_rate=0.4),
    ]  # fmt: skip
    assert relations(run, "share_rate", "is_declared", party_relation=said, identity_link=links) == [
        ("c1", "c9", "shareholder_of", 0.4, True)
    ]


@pytest.mark.requirement("B5")
def test_company_contacts_become_relations_by_role_dated_where_the_source_says_since_when(run: Run) -> None:
    contacts = [
        {"source": "core", "company_key": "9", "contact_key": k, "role": r, **more}
        for k, r, more in (
            ("1", "legal_representative", {"valid_from_on": date(2022, 2, 2)}), ("2", "finance", {}),
            ("3", "operator", {"valid_from_on": date(2022, 2, 2), "valid_to_on": date(2025, 2, 28)}), ("3", "owner", {"valid_from_on": date(2025, 3, 2)}),
        )
    ]  # fmt: skip
    assert relations(run, "valid_from_on", "valid_to_on", "is_dated", company_contact=contacts) == [
        ("c1", "c9", "legal_representative_of", date(2022, 2, 2), None, True), ("c2", "c9", "contact_of", DAY, None, False),
        ("c3", "c9", "contact_of", date(2022, 2, 2), date(2025, 2, 28), True),
    ]  # fmt: skip


def test_a_statement_without_dates_adds_nothing_where_one_with_dates_holds(run: Run) -> None:
    contact = [{"source": "core", "company_key": "9", "contact_key": "1", "role": "legal_representative"}]
    dated = relation("1", "9", "legal_representative_of")
    assert relations(run, company_contact=contact, party_relation=[dated]) == [
        ("c1", "c9", "legal_representative_of", date(2024, 1, 1), "party_relation")
    ]
    ended = {**dated, "valid_to_on": date(2024, 12, 31)}
    assert relations(run, company_contact=contact, party_relation=[ended]) == [
        ("c1", "c9", "legal_representative_of", date(2024, 1, 1), "party_relation"),
        ("c1", "c9", "legal_representative_of", DAY, "company_contact"),
    ]


# ---- inferred --------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("B5")
def test_owner_and_disponent_of_one_account_are_a_household_from_its_opening_on_unless_a_company_is_in_it(
    run: Run,
) -> None:
    customers = [person(1), person(2), person(3), person(9, "company")]
    accounts = [
        {"account_id": a, "account_kind": "demand", "opened_on": date(2023, 5, 6), "recorded_at": MOMENT} for a in "ab"
    ]
    holders = [("c1", "a", "owner"), ("c2", "a", "disponent"), ("c9", "b", "owner"), ("c3", "b", "disponent")]
    held = [{"customer_id": c, "account_id": a, "role": r, "share_rate": 0} for c, a, r in holders]
    day = date(2023, 5, 6)

    def found(*columns: str, accounts: list[Row]) -> list[tuple[object, ...]]:
        return relations(run, *columns, account=accounts, customer_account=held, customer=customers)

    assert found(accounts=accounts) == [
        ("c1", "c2", "household_of", day, "shared_account"), ("c2", "c1", "household_of", day, "shared_account"),
    ]  # fmt: skip
    closed = [{**a, "closed_on": date(2024, 7, 1)} for a in accounts]
    assert {row[3:] for row in found("valid_from_on", "valid_to_on", accounts=closed)} == {(day, date(2024, 7, 1))}


def wages(*paid: tuple[str, str, date], purpose: str = "wage", agreement: str | None = "P") -> list[Row]:
    """Payments into accounts: (account, item, day)."""
    return [
        {"payroll_item_id": item, "agreement_id": agreement, "account_id": account, "on": on, "purpose": purpose, "amount": Decimal(5000),
         "recorded_at": datetime(on.year, on.month, on.day, 12)}
        for account, item, on in paid
    ]  # fmt: skip


EMPLOYED: dict[str, list[Row]] = {
    "customer": [person(1), person(2), person(3), person(9, "company")],
    "payroll_agreement": [
        {"agreement_id": "P", "source": "core", "company_key": "9", "signed_on": date(2020, 1, 1), "recorded_at": MOMENT}
    ],
    "customer_account": [
        {"customer_id": c, "account_id": a, "role": r, "share_rate": s}
        for c, a, r, s in (("c1", "a", "owner", 1), ("c3", "a", "disponent", 0), ("c2", "j", "owner", 0.5), ("c3", "j", "joint_owner", 0.5))
    ],
}  # fmt: skip


@pytest.mark.requirement("B5")
def test_wages_in_two_months_into_an_own_account_make_an_employee_for_as_long_as_they_come(run: Run) -> None:
    paid = wages(("a", "1", date(2024, 11, 10)), ("a", "2", date(2024, 12, 10)), ("a", "3", date(2025, 2, 10)))
    columns = ("is_declared", "valid_from_on", "valid_to_on", "n_facts", "last_fact_on", "origin")
    expected = ("c1", "c9", "employee_of", False, date(2024, 11, 10), None, 3, date(2025, 2, 10), "wages")
    assert relations(run, *columns, **EMPLOYED, payroll_item=paid) == [expected]
    later = relations(run, "valid_to_on", **EMPLOYED, payroll_item=paid, as_of=date(2025, 4, 27))
    assert later == [("c1", "c9", "employee_of", date(2025, 2, 10))]
    assert relations(run, "valid_to_on", **EMPLOYED, payroll_item=paid, as_of=date(2025, 4, 26))[0][3] is None


@pytest.mark.parametrize(
    "paid",
    [
        wages(("a", "1", date(2025, 2, 10)), ("a", "2", date(2025, 2, 25))),  # one month
        wages(("a", "1", date(2025, 1, 10)), ("a", "2", date(2025, 3, 2))),  # the second is not known yet
        wages(("j", "1", date(2025, 1, 10)), ("j", "2", date(2025, 2, 10))),  # whose wages?
        wages(("a", "1", date(2025, 1, 10)), ("a", "2", date(2025, 2, 10)), purpose="pension"),
        wages(("a", "1", date(2025, 1, 10)), ("a", "2", date(2025, 2, 10)), purpose="reimbursement"),
        wages(("a", "1", date(2025, 1, 10)), ("a", "2", date(2025, 2, 10)), agreement="Q"),
        wages(("a", "1", date(2025, 1, 10)), ("a", "2", date(2025, 2, 10)), agreement=None),
    ],
    ids=["one month", "later", "joint account", "pension", "reimbursement", "unknown payer", "no payer"],
)
def test_what_is_not_plainly_a_wage_of_one_person_makes_no_employee(run: Run, paid: list[Row]) -> None:
    assert relations(run, **EMPLOYED, payroll_item=paid) == []


@pytest.mark.requirement("B5")
def test_declared_and_inferred_stand_side_by_side(run: Run) -> None:
    paid = wages(("a", "1", date(2025, 1, 10)), ("a", "2", date(2025, 2, 10)))
    said = [relation("1", "9", "employee_of", valid_from_on=date(2025, 1, 10), valid_to_on=date(2025, 2, 1))]
    assert relations(run, "is_declared", "valid_to_on", **EMPLOYED, payroll_item=paid, party_relation=said) == [
        ("c1", "c9", "employee_of", False, None), ("c1", "c9", "employee_of", True, date(2025, 2, 1)),
    ]  # fmt: skip


def invoice(number: str, seller: str, buyer: str, on: date, total: int = 1000) -> Row:
    return {
        "invoice_id": number, "source": "core", "seller_key": seller, "buyer_key": buyer, "issued_on": on, "total_amount": Decimal(total),
        "recorded_at": datetime(on.year, on.month, on.day, 12),
    }  # fmt: skip


@pytest.mark.requirement("B5")
def test_two_invoices_between_businesses_make_a_supplier_credit_notes_and_persons_do_not(run: Run) -> None:
    businesses = [person(1), person(2, "sole_trader"), person(3, "company"), person(9, "company")]
    issued = [
        invoice("1", "2", "9", date(2024, 5, 1)), invoice("2", "2", "9", date(2025, 1, 1)), invoice("3", "9", "3", date(2023, 1, 1)),
        invoice("4", "9", "3", date(2023, 2, 1)), invoice("5", "3", "9", date(2025, 1, 1)), invoice("6", "3", "9", date(2025, 1, 2), -1000),
        invoice("7", "1", "9", date(2025, 1, 1)), invoice("8", "1", "9", date(2025, 1, 2)), invoice("9", "9", "9", date(2025, 1, 2)),
    ]  # fmt: skip
    columns = ("valid_from_on", "valid_to_on", "n_facts", "origin")
    assert relations(run, *columns, customer=businesses, invoice=issued) == [
        ("c2", "c9", "supplier_of", date(2024, 5, 1), None, 2, "invoices"),
        ("c9", "c3", "supplier_of", date(2023, 1, 1), date(2023, 2, 1), 2, "invoices"),
    ]


@pytest.mark.requirement("B5")
def test_companies_of_one_legal_representative_belong_together_unless_it_is_an_agent(run: Run) -> None:
    customers = [person(1), person(2, "company"), person(3, "company"), person(9, "company")]
    said = [
        relation("1", "2", "legal_representative_of", valid_from_on=date(2022, 1, 1)),
        relation("1", "9", "legal_representative_of", valid_from_on=date(2023, 1, 1), valid_to_on=date(2025, 1, 1)),
        relation("1", "3", "legal_representative_of", valid_from_on=date(2025, 2, 1)),
    ]
    grouped = [
        r
        for r in relations(run, "valid_from_on", "valid_to_on", "origin", customer=customers, party_relation=said)
        if r[2] == "group_member_of"
    ]
    assert grouped == [
        ("c2", "c3", "group_member_of", date(2025, 2, 1), None, "same_representative"),
        ("c2", "c9", "group_member_of", date(2023, 1, 1), date(2025, 1, 1), "same_representative"),
        ("c3", "c2", "group_member_of", date(2025, 2, 1), None, "same_representative"),
        ("c9", "c2", "group_member_of", date(2023, 1, 1), date(2025, 1, 1), "same_representative"),
    ]
    few = RelationSettings(representative_most_companies=2)
    kinds = {r[2] for r in relations(run, customer=customers, party_relation=said, settings=few)}
    assert kinds == {"legal_representative_of", "beneficial_owner_of"}


@pytest.mark.requirement("B5")
def test_shares_make_groups_and_owners_in_tables_of_their_own_and_as_relations(run: Run) -> None:
    customers = [person(1), person(2, "company"), person(3, "company"), person(9, "company")]
    said = [
        relation("1", "2", "shareholder_of", share_rate=0.8, valid_from_on=date(2021, 1, 1)),
        relation("2", "3", "shareholder_of", share_rate=0.6, valid_from_on=date(2022, 1, 1)),
    ]
    found = written(run, customer=customers, party_relation=said)
    names = ("from_customer_id", "to_customer_id", "kind", "is_declared", "share_rate", "valid_from_on", "origin")
    inferred = sorted(tuple(r[n] for n in names) for r in found["customer_relation"] if not r["is_declared"])
    assert inferred == [
        ("c1", "c2", "beneficial_owner_of", False, 0.8, date(2021, 1, 1), "ownership"),
        ("c1", "c3", "beneficial_owner_of", False, 0.48, date(2022, 1, 1), "ownership"),
        ("c2", "c1", "group_member_of", False, None, date(2021, 1, 1), "ownership"),
        ("c3", "c1", "group_member_of", False, None, date(2022, 1, 1), "ownership"),
    ]
    groups = {
        r["customer_id"]: (r["group_id"], r["parent_id"], r["level"], r["n_companies"]) for r in found["company_group"]
    }
    assert groups == {"c2": ("c1", "c1", 1, 2), "c3": ("c1", "c2", 2, 2)}
    behind = {(r["company_id"], r["person_id"]): (r["basis"], r["through_id"]) for r in found["beneficial_owner"]}
    assert behind == {("c2", "c1"): ("shares", None), ("c3", "c1"): ("shares", "c2")}


def test_shares_that_ended_are_no_shares_any_more(run: Run) -> None:
    customers = [person(1), person(2), person(9, "company")]
    said = [
        relation("1", "9", "shareholder_of", share_rate=0.8, valid_to_on=date(2025, 2, 28)), relation("2", "9", "shareholder_of", share_rate=0.3)
    ]  # fmt: skip
    assert [
        (r["person_id"], r["share_rate"], r["since_on"])
        for r in written(run, customer=customers, party_relation=said)["beneficial_owner"]
    ] == [("c2", 0.3, date(2025, 3, 1))]


def test_parameters_fill_the_settings_and_all_that_make_no_sense_are_told() -> None:
    told = relation_settings({"employer_gap_days": 90, "beneficial_owner_from_rate": 0.1, "anything_else": "x"})
    assert (told.employer_gap_days, told.graph.owner_from_rate, told.supplier_gap_days) == (90, 0.1, 365)
    wrong = {"employer_least_months": 0, "supplier_gap_days": 1.5, "group_control_above_rate": 0.4, "beneficial_owner_from_rate": "a lot",
             "group_most_controlled": True}  # fmt: skip
    with pytest.raises(BadInput) as caught:
        relation_settings(wrong)
    assert caught.value.code == "identity.relation_parameters"
    assert {f.where for f in caught.value.findings} == {f"parameters.yaml {name}" for name in wrong}


def test_every_parameter_of_relations_is_one_that_the_standard_pack_explains_with_the_same_default() -> None:
    standard = read_definitions([standard_pack()], kinds=set()).parameters
    assert relation_settings({name: standard[name] for name in PARAMETERS}) == RelationSettings()
    assert set(PARAMETERS) <= READ_BY_CODE

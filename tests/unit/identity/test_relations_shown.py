"""What a person is shown of a customer's relations."""

from __future__ import annotations

from datetime import date

import pytest

from tests.unit.identity.conftest import CONTRACTS, DAY, Row
from zhike.identity.relation_terms import ORIGINS
from zhike.identity.relations_shown import BASIS_NAMES, MOST_SHOWN, ORIGIN_NAMES, show_relations
from zhike.kernel.errors import NotFound
from zhike.warehouse import Engine
from zhike.warehouse.testing import catalog


def relation(start: str, end: str, kind: str, **more: object) -> Row:
    return {
        "from_customer_id": start, "to_customer_id": end, "kind": kind, "is_declared": True, "valid_from_on": date(2020, 1, 1),
        "is_dated": True, "origin": "party_relation", **more,
    }  # fmt: skip


@pytest.fixture
def tables(engine: Engine):
    staff = [relation(f"e{i:03d}", "firm", "employee_of") for i in range(MOST_SHOWN)]
    return catalog(
        engine,
        {
            "customer": [{"customer_id": c, "customer_no": i, "party_kind": "company", "n_records": 1} for i, c in enumerate(("firm", "lone"), 1)],
            "customer_relation": [
                relation("boss", "firm", "shareholder_of", share_rate=0.6),
                relation("firm", "part", "supplier_of"),
                relation("aide", "firm", "contact_of", origin="company_contact", is_dated=False, valid_from_on=DAY),
                relation("gone", "firm", "controller_of", valid_to_on=date(2025, 2, 28)), *staff,
            ],
            "company_group": [
                {"customer_id": "firm", "group_id": "boss", "parent_id": "boss", "level": 1, "basis": "shares", "parent_rate": 0.6, "group_rate": 0.6,
                 "n_companies": 3, "since_on": date(2020, 1, 1), "is_dated": True}
            ],
            "beneficial_owner": [
                {"company_id": "firm", "person_id": "boss", "basis": "shares", "share_rate": 0.6, "direct_rate": 0.2, "through_id": "top", "known_rate": 1,
                 "since_on": date(2020, 1, 1), "is_dated": True}
            ],
            "customer_assignment": [
                {"customer_id": "firm", "role": r, "staff_id": s, "org_id": "u1", "valid_from_on": date(2020, 1, 1), "valid_to_on": to,
                 "is_contested": False, "awaits_transfer": False}
                for r, s, to in (("share", "bo", None), ("lead", "ann", None), ("lead", "former", date(2019, 1, 1)))
            ],
            "customer_branch": [{"customer_id": "firm", "opening_org_id": "u0", "opening_scope_id": "u1", "managing_org_id": "u1", "managing_scope_id": "u1"}],
        },
        CONTRACTS,
    )  # fmt: skip


@pytest.mark.requirement("B5")
@pytest.mark.requirement("I6")
def test_all_that_holds_on_the_day_is_shown_in_both_languages(tables) -> None:
    shown = show_relations("firm", tables, DAY)
    assert (len(shown.relations), shown.n_relations) == (MOST_SHOWN, MOST_SHOWN + 3)
    english, chinese = shown.lines(language="en"), shown.lines()
    assert english[:2] == [
        "firm · 2025-03-01",
        "  ← boss is shareholder of this customer 60.00%  [2020-01-01; declared]",
    ]
    assert english[2] == "  ← aide is contact person of this customer  [since when is not known; contact file]"
    assert len(english) == len(chinese)
    told = "\n".join(english)
    for line in (
        "  … and 3 more", "  group boss: level 1, 3 companies (shares)", "  beneficial owner: boss 60.00% (shares) ← top", "  lead ann @ u1\n  share bo @ u1",
        "  opening unit: u0 → u1", "  managing unit: u1\n", "  assessed unit: —",
    ):  # fmt: skip
        assert line in told
    assert "gone" not in told
    assert "former" not in told
    assert "  集团 boss：第 1 层，共 3 户企业（持股）" in chinese
    assert "  开户机构 u0 → u1" in chinese


def test_what_was_inferred_shows_its_facts(engine: Engine, tables) -> None:
    inferred = relation(
        "firm", "lone", "supplier_of", is_declared=False, origin="invoices", n_facts=4, last_fact_on=date(2025, 2, 3)
    )
    found = {
        **{
            n: tables[n]
            for n in ("customer", "company_group", "beneficial_owner", "customer_assignment", "customer_branch")
        }
    }
    found["customer_relation"] = catalog(engine, {"customer_relation": [inferred]}, CONTRACTS)["customer_relation"]
    assert show_relations("lone", found, DAY).lines(language="en") == [
        "lone · 2025-03-01", "  ← firm is supplier of this customer  [2020-01-01; inferred: invoices, 4 facts, the latest on 2025-02-03]"
    ]  # fmt: skip


def test_a_stranger_is_told(tables) -> None:
    with pytest.raises(NotFound) as told:
        show_relations("nobody", tables, DAY)
    assert told.value.code == "identity.customer_unknown"


def test_every_origin_and_basis_has_a_name() -> None:
    assert set(ORIGIN_NAMES) == set(ORIGINS)
    allowed = {
        *CONTRACTS["company_group"].column("basis").allowed,
        *CONTRACTS["beneficial_owner"].column("basis").allowed,
    }
    assert set(BASIS_NAMES) == allowed

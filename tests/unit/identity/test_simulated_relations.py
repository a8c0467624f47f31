"""Relations, groups, owners and managers of a simulated bank, against what is known of it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import pytest

from tests.unit.identity.conftest import CONTRACTS, Row
from tests.unit.simulator.conftest import Reader
from zhike.identity import IdentitySettings
from zhike.identity import steps as identity_steps
from zhike.kernel.clock import SystemClock
from zhike.simulator import BankPlan, simulate
from zhike.sources import open_mapping
from zhike.sources import steps as source_steps
from zhike.warehouse import Engine, RunPlan, Warehouse, open_catalog, run_steps

LAST_DAY = date(2025, 6, 30)
LOADED = (
    "source_party", "account", "account_party", "party_relation", "company_contact", "payroll_item", "payroll_agreement", "invoice",
    "manager_assignment", "party_branch", "org_unit", "staff", "product",
)  # fmt: skip


class Ran:
    """The tables that a night of identity wrote, and the bank's files and truth."""

    def __init__(self, tables: dict[str, list[Row]], files: Reader) -> None:
        self.tables = tables
        self.files = files
        party = files.rows("SELECT source, source_key, true_party FROM {truth/party}")
        true_of = {(s, k): p for s, k, p in party}
        self.true_party = {
            r["customer_id"]: true_of[(r["source"], r["source_key"])]
            for r in tables["identity_link"]
            if (r["source"], r["source_key"]) in true_of
        }


@pytest.fixture(scope="module")
def ran(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("relations")
    bank = simulate(BankPlan(n_customers=14_000, n_days=120, seed=5, last_day=LAST_DAY), folder / "bank")
    mapping = open_mapping(bank.mapping_file, CONTRACTS)
    plan = [
        s
        for s in source_steps(mapping, bank.data_folder, LAST_DAY, CONTRACTS)
        if s.key in {f"load:{t}" for t in LOADED}
    ]
    assert len(plan) == len(LOADED)
    plan += identity_steps(settings=IdentitySettings(), overrides=[], key=b"secret")
    warehouse = Warehouse(folder / "warehouse")
    run_steps(warehouse, engine, RunPlan(plan, CONTRACTS, LAST_DAY), clock=SystemClock(), results=folder / "runs")
    manifest = warehouse.current()
    assert manifest is not None
    tables = open_catalog(engine, warehouse, CONTRACTS, manifest.entries)
    names = (
        "identity_link", "customer", "customer_relation", "company_group", "beneficial_owner", "org_succession", "customer_assignment",
        "customer_branch",
    )  # fmt: skip
    return Ran({n: engine.fetch(tables[n]).to_pylist() for n in names}, Reader(bank.folder))


@pytest.mark.slow
@pytest.mark.requirement("B5")
def test_groups_are_the_true_ones(ran: Ran) -> None:
    leader = dict(ran.files.rows("SELECT true_party, leader_true_party FROM {truth/company}"))
    true: dict[int, set[int]] = defaultdict(set)
    for company, led_by in leader.items():
        if led_by is not None:
            true[led_by].add(company)  # type: ignore[arg-type,index]
    found: dict[str, set[int]] = defaultdict(set)
    for row in ran.tables["company_group"]:
        found[row["group_id"]].add(ran.true_party[row["customer_id"]])
    expected = {frozenset(g) for g in true.values() if len(g) > 1}
    assert len(expected) > 12
    assert {frozenset(g) for g in found.values()} == expected
    bases = {r["basis"] for r in ran.tables["company_group"]}
    assert bases == {"shares", "controller", "ring"}  # persons lead, or rings
    assert max(r["level"] for r in ran.tables["company_group"]) >= 3


@pytest.mark.slow
@pytest.mark.requirement("B5")
def test_every_company_has_somebody_behind_it_and_what_the_bank_has_asked_for_is_found(ran: Ran) -> None:
    kinds = {r["customer_id"]: r["party_kind"] for r in ran.tables["customer"]}
    companies = {c for c, k in kinds.items() if k == "company"}
    owners = {(r["company_id"], r["person_id"]): r for r in ran.tables["beneficial_owner"]}
    assert {c for c, _ in owners} >= companies - _without_representative(ran)
    declared = {
        (r["to_customer_id"], r["from_customer_id"]): r["share_rate"]
        for r in ran.tables["customer_relation"]
        if r["kind"] == "beneficial_owner_of" and r["is_declared"]
    }
    assert len(declared) > 20
    for pair, share in declared.items():
        assert owners[pair]["basis"] == "shares"
        assert owners[pair]["share_rate"] >= share - 1e-6  # what is held through others comes on top
    total: dict[str, float] = defaultdict(float)
    for (company, _), row in owners.items():
        total[company] += row["share_rate"]
        assert row["known_rate"] <= 1
    assert max(total.values()) <= 1 + 1e-6


def _without_representative(ran: Ran) -> set[str]:
    named = {r["to_customer_id"] for r in ran.tables["customer_relation"] if r["kind"] == "legal_representative_of"}
    return {r["customer_id"] for r in ran.tables["customer"] if r["party_kind"] == "company"} - named


@pytest.mark.slow
@pytest.mark.requirement("B5")
def test_employers_inferred_from_wages_are_the_payers_and_almost_all_declared_ones_are_among_them(ran: Ran) -> None:
    found = {
        (r["from_customer_id"], r["to_customer_id"]): r
        for r in ran.tables["customer_relation"]
        if r["kind"] == "employee_of" and not r["is_declared"]
    }
    said = {
        (r["from_customer_id"], r["to_customer_id"])
        for r in ran.tables["customer_relation"]
        if r["kind"] == "employee_of" and r["is_declared"]
    }
    assert len(found) > 1_000
    assert len(said & set(found)) / len(said) > 0.9  # the others were paid for the first time in the last month
    assert all(r["n_facts"] >= 2 and r["valid_from_on"] <= r["last_fact_on"] <= LAST_DAY for r in found.values())
    paid = ran.files.rows(
        "SELECT DISTINCT w.true_party, e.true_party FROM {PAY_ITEM} i JOIN {PAY_AGRT} a USING (AGRT_NO) JOIN {CORE_ACCT_CUST} o USING (ACCT_NO)"
        " JOIN {truth/party} w ON w.source = 'core' AND w.source_key = o.CUST_NO"
        " JOIN {truth/party} e ON e.source = 'core' AND e.source_key = a.ENT_NO"
    )
    assert {(ran.true_party[person], ran.true_party[company]) for person, company in found} <= set(paid)


@pytest.mark.slow
@pytest.mark.requirement("I6")
def test_every_customer_with_a_lead_has_one_and_units_that_merged_are_answered_for(ran: Ran) -> None:
    leads: dict[str, int] = defaultdict(int)
    for row in ran.tables["customer_assignment"]:
        if row["role"] == "lead" and (row["valid_to_on"] is None or row["valid_to_on"] >= LAST_DAY):
            leads[row["customer_id"]] += 1
    assert len(leads) > 500
    assert set(leads.values()) == {1}
    assert any(row["awaits_transfer"] for row in ran.tables["customer_assignment"])
    successor = {r["org_id"]: r["successor_id"] for r in ran.tables["org_succession"]}
    assert successor["91001"] == successor["91002"] == "90101"
    old = [r for r in ran.tables["customer_branch"] if r["opening_org_id"] in ("91001", "91002", "91003")]
    assert len(old) > 10
    assert all(r["opening_scope_id"] == successor[r["opening_org_id"]] for r in old)
    assert {r["opening_basis"] for r in old} == {"declared"}
    assert len(ran.tables["customer_branch"]) == len(ran.tables["customer"])

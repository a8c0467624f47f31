"""Who holds the companies of the simulated bank: what the files say is the truth that groups are tested against."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.unit.simulator.conftest import Reader
from zhike.simulator import BankPlan, simulate


@pytest.fixture(scope="module")
def firms(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder: Path = tmp_path_factory.mktemp("firms")
    return Reader(simulate(BankPlan(9_000, 40, 5, date(2025, 6, 30), has_dirt=False), folder / "bank").folder)


SHARES = "SELECT CUST_NO_A, CUST_NO_B, SHARE FROM {CUST_REL} WHERE REL_CD = '03'"


@pytest.mark.requirement("B5")
def test_shares_of_a_company_never_exceed_all_of_it_and_only_companies_are_held(firms: Reader) -> None:
    assert firms.one(f"SELECT max(s) FROM (SELECT sum(SHARE) s FROM ({SHARES}) GROUP BY CUST_NO_B)") == pytest.approx(1)
    assert (
        firms.one(f"SELECT count(*) FROM ({SHARES}) JOIN {{CORE_CUST}} ON CUST_NO = CUST_NO_B WHERE CUST_TYPE <> '3'")
        == 0
    )
    assert firms.one("SELECT count(*) FROM {CUST_REL} WHERE SHARE IS NOT NULL AND REL_CD NOT IN ('03', '14')") == 0


@pytest.mark.requirement("B5")
def test_there_are_chains_rings_and_controllers_by_name(firms: Reader) -> None:
    company = "SELECT CUST_NO FROM {CORE_CUST} WHERE CUST_TYPE = '3'"
    chains = f"SELECT count(*) FROM ({SHARES}) a JOIN ({SHARES}) b ON a.CUST_NO_B = b.CUST_NO_A WHERE a.CUST_NO_A IN ({company})"
    rings = f"SELECT count(*) FROM ({SHARES}) a JOIN ({SHARES}) b ON a.CUST_NO_B = b.CUST_NO_A AND a.CUST_NO_A = b.CUST_NO_B"
    assert firms.one(chains) > 5  # type: ignore[operator]
    assert firms.one(rings) >= 4  # type: ignore[operator]
    assert firms.one("SELECT count(*) FROM {CUST_REL} WHERE REL_CD = '02'") > 50  # type: ignore[operator]


@pytest.mark.requirement("B5")
def test_who_holds_most_of_a_company_directly_leads_it_in_truth(firms: Reader) -> None:
    led = (
        f"SELECT count(*), count(*) FILTER (p.true_party = c.leader_true_party) FROM ({SHARES}) s"
        " JOIN {truth/company} c ON c.core_key = s.CUST_NO_B JOIN {truth/party} p ON p.source = 'core' AND p.source_key = s.CUST_NO_A"
        " LEFT JOIN {truth/company} h ON h.core_key = s.CUST_NO_A WHERE s.SHARE > 0.5 AND h.core_key IS NULL"
    )
    n, n_right = firms.rows(led)[0]
    assert n > 100  # type: ignore[operator]
    assert n_right == n


@pytest.mark.requirement("I6")
def test_merged_units_are_named_by_their_heirs_and_a_few_customers_were_opened_there(firms: Reader) -> None:
    merged = dict(firms.rows("SELECT ORG_NO, MERGED_TO FROM {ORG_INFO} WHERE MERGED_TO IS NOT NULL"))
    assert merged["91001"] == "91002"
    assert merged["91002"] in dict(firms.rows("SELECT ORG_NO, ORG_LVL FROM {ORG_INFO} WHERE END_DT IS NULL"))
    opened = "SELECT count(*) FROM {CUST_ORG} o JOIN {ORG_INFO} u USING (ORG_NO) WHERE ORG_ROLE = '01'"
    assert firms.one(opened) > 10  # type: ignore[operator]
    assert firms.one(f"{opened} AND (o.BGN_DT < u.BGN_DT OR o.BGN_DT > u.END_DT)") == 0


@pytest.mark.requirement("I6")
def test_some_transfers_wait_for_approval_while_the_former_lead_goes_on_or_was_ended(firms: Reader) -> None:
    rows = firms.rows(
        "SELECT n.CUST_NO, count(o.CUST_NO), max(o.END_DT) FROM {CUST_MGR} n JOIN {CUST_MGR} o USING (CUST_NO)"
        " WHERE n.APPR_ST = '01' AND o.APPR_ST IS NULL GROUP BY 1"
    )
    assert len(rows) >= 4
    assert {ended is None for _, _, ended in rows} == {True, False}

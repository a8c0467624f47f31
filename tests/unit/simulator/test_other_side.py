"""Who is on the other side of a payment: told by account, as a person or not, and as one of the same group."""

from __future__ import annotations

from datetime import date

import pytest

from tests.unit.simulator.conftest import Reader
from zhike.simulator import BankPlan, simulate

LAST_DAY = date(2025, 6, 30)
STAFF = "OPP_PERSON = 'Y' AND DR_CR = 'D' AND GRP_FLAG IS NOT NULL"


@pytest.fixture(scope="module")
def firms(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(
        simulate(BankPlan(4_000, 100, 17, LAST_DAY, has_dirt=False), tmp_path_factory.mktemp("firms") / "b").folder
    )


def test_an_account_on_the_other_side_is_told_of_payments_to_and_by_others_only(firms: Reader) -> None:
    told = dict(firms.rows("SELECT OPP_TYPE, count(*) FROM {CORE_TXN} WHERE OPP_ACCT IS NOT NULL GROUP BY 1"))
    assert set(told) == {"04", "07"}  # accounts of others; customers who pay a shop
    untold = "SELECT count(*) FROM {CORE_TXN} WHERE OPP_ACCT IS NULL AND OPP_TYPE = '04' AND DR_CR = 'D' AND TXN_CD IN ('04', '19')"
    assert firms.one(untold) == 0


def test_the_same_others_are_met_again(firms: Reader) -> None:
    n, accounts = firms.rows(
        "SELECT count(*), count(DISTINCT (ACCT_NO, OPP_ACCT)) FROM {CORE_TXN} WHERE GRP_FLAG = 'N' AND OPP_PERSON = 'N'"
    )[0]
    assert n > 1.8 * accounts  # type: ignore[operator]
    assert (
        firms.one(
            "SELECT max(n) FROM (SELECT count(DISTINCT ACCT_NO) n FROM {CORE_TXN} WHERE OPP_ACCT IS NOT NULL GROUP BY OPP_ACCT)"
        )
        == 1
    )


def test_only_settlements_of_companies_of_a_group_are_within_it(firms: Reader) -> None:
    grouped = "SELECT ACCT_NO FROM {CORE_ACCT_CUST} JOIN {CUST_REL} g ON CUST_NO IN (CUST_NO_A, CUST_NO_B) WHERE g.REL_CD = '10'"
    inside = "SELECT count(*) FROM {CORE_TXN} WHERE GRP_FLAG = 'Y'"
    assert firms.one(inside) > 20  # type: ignore[operator]
    assert firms.one(f"{inside} AND (TXN_CD <> '19' OR ACCT_NO NOT IN ({grouped}))") == 0
    assert (
        firms.one("SELECT count(*) FROM {CORE_TXN} WHERE GRP_FLAG IS NOT NULL AND ACCT_NO[7:8] = '10'") == 0
    )  # persons


def test_some_companies_without_an_agreement_pay_many_people_on_a_pay_day_each_month(firms: Reader) -> None:
    paid = f"SELECT ACCT_NO, TXN_DT, count(DISTINCT OPP_ACCT) n FROM {{CORE_TXN}} WHERE {STAFF} GROUP BY ALL"
    months = f"SELECT ACCT_NO FROM ({paid}) WHERE n >= 20 GROUP BY 1 HAVING count(DISTINCT month(TXN_DT)) >= 3"
    assert firms.one(f"SELECT count(*) FROM ({months})") > 3  # type: ignore[operator]
    assert firms.one(f"SELECT count(DISTINCT day(TXN_DT)) FROM ({paid}) WHERE n >= 20") == 4
    agreed = "SELECT ACCT_NO FROM {CORE_ACCT_CUST} JOIN {PAY_AGRT} ON CUST_NO = ENT_NO"
    assert firms.one(f"SELECT count(*) FROM ({months}) WHERE ACCT_NO IN ({agreed})") == 0

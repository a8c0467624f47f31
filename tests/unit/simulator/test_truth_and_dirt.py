"""Truth tells who is who and what was spoilt; everything else refers to what exists."""

from __future__ import annotations

import pytest

from tests.unit.simulator.conftest import LAST_DAY, Reader
from zhike.simulator import BankPlan, BankSummary, simulate
from zhike.simulator.behaviour import CHANNELS

NO_SUCH = "'62990000000000000'"


@pytest.mark.requirement("A2")
def test_planted_dirt_is_found_in_the_files_as_often_as_truth_says(bank: Reader, small_bank: BankSummary) -> None:
    found = {
        ("core_customers", "impossible_date"): "select count(*) from {CORE_CUST} where BIRTH_DT = '20250230'",
        ("core_customers", "unknown_code"): "select count(*) from {CORE_CUST} where CUST_TYPE = 'Z?'",
        ("core_customers", "missing_value"): "select count(*) from {CORE_CUST} where CUST_NO is null",
        ("card_customers", "impossible_date"): "select count(*) from {CARD_CUST} where BIRTH_DT = '20250230'",
        ("mobile_users", "duplicate_key"): "select count(*) - count(distinct USER_ID) from {MBS_USER}",
        ("core_accounts", "broken_reference"): "select count(*) from {CORE_ACCT} where PROD_CD = 'Z?'",
        ("core_accounts", "unknown_code"): "select count(*) from {CORE_ACCT} where ACCT_TYPE = 'Z?'",
        ("core_account_owners", "broken_reference"): f"select count(*) from {{CORE_ACCT_CUST}} where ACCT_NO = {NO_SUCH}",
        ("core_transactions", "unknown_code"): "select count(*) from {CORE_TXN} where TXN_CD = 'Z?'",
        ("core_transactions", "broken_reference"): f"select count(*) from {{CORE_TXN}} where ACCT_NO = {NO_SUCH}",
        ("core_transactions", "duplicate_key"): "select count(*) - count(distinct TXN_SEQ) from {CORE_TXN}",
        ("core_transactions", "out_of_range"): "select count(*) from {CORE_TXN} where TXN_AMT < 0",
        ("core_balances", "broken_reference"): f"select count(*) from {{CORE_BAL}} where ACCT_NO = {NO_SUCH}",
        ("core_term_contracts", "broken_reference"): f"select count(*) from {{CORE_TERM}} where ACCT_NO = {NO_SUCH}",
        ("core_term_contracts", "out_of_range"): "select count(*) from {CORE_TERM} where PRIN_AMT < 0",
        ("mobile_events", "unknown_code"): "select count(*) from {MBS_EVT} where CHNL_CD = 'Z?'",
        ("core_events", "duplicate_key"): "select count(*) - count(distinct EVT_ID) from {CORE_EVT}",
        ("consent_records", "unknown_code"): "select count(*) from {CONSENT} where CONSENT_ST = 'Z?'",
        ("risk_tests", "unknown_code"): "select count(*) from {RISK_EVAL} where RISK_LVL = 'Z?'",
        ("party_relations", "unknown_code"): "select count(*) from {CUST_REL} where REL_CD = 'Z?'",
    }  # fmt: skip
    assert {key: bank.one(query) for key, query in found.items()} == dict(small_bank.planted_dirt)
    assert bank.one("select sum(n) from {truth/dirt}") == sum(small_bank.planted_dirt.values())


def test_every_account_that_is_named_exists_but_for_planted_dirt(bank: Reader) -> None:
    for code in (
        "CORE_TXN",
        "CORE_BAL",
        "WMS_HOLD",
        "CORE_TERM",
        "CORE_ACCT_CUST",
        "CARD_ACCT_CUST",
        "PAY_ITEM",
        "LOAN_DUE",
        "CARD_CARD",
    ):
        lost = bank.one(
            f"select count(*) from {{{code}}} where ACCT_NO <> {NO_SUCH} and ACCT_NO not in (select ACCT_NO from {{CORE_ACCT}})"
        )
        assert lost == 0, code


def test_staff_loans_facilities_and_units_that_are_named_exist(bank: Reader) -> None:
    pairs = (
        ("CUST_MGR", "EMP_NO", "EMP_INFO", "EMP_NO"), ("SCRM_REL", "EMP_NO", "EMP_INFO", "EMP_NO"), ("LIST_ITEM", "EMP_NO", "EMP_INFO", "EMP_NO"),
        ("LOAN_PLAN", "LOAN_NO", "LOAN_DUE", "LOAN_NO"), ("LOAN_COLL", "LMT_NO", "LOAN_LIMIT", "LMT_NO"), ("CORE_ACCT", "ORG_NO", "ORG_INFO", "ORG_NO"),
        ("EMP_INFO", "ORG_NO", "ORG_INFO", "ORG_NO"), ("BNFT_USE", "GRANT_NO", "BNFT_GRANT", "GRANT_NO"), ("CARD_BILL", "CARD_ID", "CARD_CARD", "CARD_ID"),
        ("CORE_TERM", "PROD_CD", "PROD_INFO", "PROD_CD"), ("WMS_HOLD", "PROD_CD", "PROD_INFO", "PROD_CD"),
    )  # fmt: skip
    for code, column, target, key in pairs:
        assert (
            bank.one(f"select count(*) from {{{code}}} where {column} not in (select {key} from {{{target}}})") == 0
        ), code


def test_keys_are_unique_but_for_planted_dirt(bank: Reader) -> None:
    keys = {
        "CORE_CUST": ("CUST_NO, BGN_DT", 0), "CUST_REL": ("CUST_NO_A, CUST_NO_B, REL_CD, BGN_DT", 0), "CONSENT": ("CUST_NO, CHNL_CD, PURP_CD, CONSENT_DT", 0),
        "CTRL_FLAG": ("CUST_NO, FLAG_CD, BGN_DT", 0), "RISK_EVAL": ("CUST_NO, EVAL_DT", 0), "SIGN_INFO": ("CUST_NO, SIGN_CD, SIGN_DT", 0),
        "CUST_MGR": ("CUST_NO, EMP_NO, MGR_ROLE, BGN_DT", 0), "CUST_ORG": ("CUST_NO, ORG_ROLE, BGN_DT", 0), "SCRM_REL": ("EXT_USERID, EMP_NO, ADD_DT", 0), "WHITE_LIST": ("LIST_NO, CUST_NO", 0),
        "CONTACT_HIS": ("CNTC_ID", 0), "LOAN_APPLY": ("APPLY_NO", 0), "PBOC_QUERY": ("CUST_NO, QRY_DT", 0), "INVOICE": ("INV_NO", 0), "PAY_ITEM": ("ITEM_NO", 0),
        "FIN_RPT": ("ENT_NO, PERIOD_DT, ITEM_CD", 0), "TAX_PAID": ("ENT_NO, TAX_PERIOD, TAX_CD", 0), "CARD_BILL": ("CARD_ID, BILL_DT", 0), "CARD_INST": ("INST_ID", 0),
        "GL_TOTAL": ("RPT_DT, ORG_NO, PROD_CLS, IDX_CD", 0), "MKT_FACT": ("FACT_CD, FACT_DT", 0), "RIVAL_PROD": ("BANK_CD, PROD_NM, SEEN_DT", 0),
        "ENT_CONTACT": ("ENT_NO, CONT_NO, ROLE_CD", 0), "CAPACITY": ("RES_KIND, RES_ID, CAP_DT", 0), "LIST_ITEM": ("LIST_NO, CUST_NO", 0),
        "KPI_TGT": ("KPI_CD, ORG_NO, BIZ_LINE, EMP_NO, PERIOD", 0), "LOAN_PLAN": ("LOAN_NO, DUE_DT", 0),
    }  # fmt: skip
    twice = {
        code: bank.one(f"select count(*) - count(distinct ({key})) from {{{code}}}") for code, (key, _) in keys.items()
    }
    assert {code: n for code, n in twice.items() if n} == {}


@pytest.mark.requirement("L3")
def test_truth_names_every_record_of_every_source_once(bank: Reader) -> None:
    listed = {
        ("core", "CUST_NO", "CORE_CUST"), ("card", "CARD_CUST_ID", "CARD_CUST"), ("mobile", "USER_ID", "MBS_USER"),
        ("wecom", "EXT_USERID", "SCRM_EXT"), ("call_centre", "CALLER_ID", "CCS_CALLER"),
    }  # fmt: skip
    for source, key, code in listed:
        unknown = bank.one(f"""
            select count(distinct {key}) from {{{code}}} where {key} not like 'X%'
              and {key} not in (select source_key from {{truth/party}} where source = '{source}')""")
        assert unknown == 0, source
    assert bank.one("select count(*) - count(distinct (source, source_key)) from {truth/party}") == 0
    assert (
        bank.one(
            "select count(*) from (select true_party from {truth/party} where source = 'core' group by 1 having count(*) > 1)"
        )
        > 0
    )  # type: ignore[operator]


@pytest.mark.requirement("A3")
def test_every_touchpoint_has_events(tmp_path_factory: pytest.TempPathFactory) -> None:
    summary = simulate(BankPlan(3_000, 90, 21, LAST_DAY), tmp_path_factory.mktemp("touch") / "b")
    reader = Reader(summary.folder)
    seen: set[object] = set()
    for code in ("CORE_EVT", "CARD_EVT", "MBS_EVT", "SCRM_EVT", "CCS_EVT"):
        seen |= {row[0] for row in reader.rows(f"select distinct CHNL_CD from {{{code}}}")}
    assert set(CHANNELS) <= seen


def test_four_of_ten_persons_have_money_in_contracts_and_enough_matures_each_week(bank: Reader) -> None:
    share = bank.one("""
        select count(distinct core_key) filter (where ACCT_NO is not null) / count(distinct core_key)
        from {truth/customer} c left join {CORE_ACCT_CUST} o on o.CUST_NO = c.core_key and substr(ACCT_NO, 7, 2) in ('11', '12', '13', '20', '22', '23')
        where party_kind = 0""")
    assert 0.35 < share < 0.65  # type: ignore[operator]
    per_week = bank.one("select count(*) * 7 / 30 from {truth/maturing}")
    assert per_week > 700 * 900 / 20_000 * 0.8  # type: ignore[operator]

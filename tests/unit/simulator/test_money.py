"""Money is conserved: running balances, balances, contracts, wages and the bank's own report agree to the cent."""

from __future__ import annotations

import pytest

from tests.unit.simulator.conftest import Reader

CLEAN = "(select * from {CORE_TXN} where ACCT_NO <> '62990000000000000' and TXN_CD <> 'Z?' and TXN_AMT > 0 qualify row_number() over (partition by TXN_SEQ) = 1)"


def test_running_balances_follow_the_movements_in_order_of_time(bank: Reader) -> None:
    broken = bank.one(f"""
        with t as (
          select *, case when DR_CR = 'C' then TXN_AMT else -TXN_AMT end as signed,
                 lag(ACCT_BAL) over (partition by ACCT_NO order by TXN_DT, TXN_TM, TXN_SEQ) as before
          from {CLEAN})
        select count(*) from t where before is not null and before + signed <> ACCT_BAL""")
    assert broken == 0


def test_nobody_overdraws(bank: Reader) -> None:
    assert bank.one(f"select count(*) from {CLEAN} where ACCT_BAL < 0") == 0


def test_the_last_running_balance_of_a_day_is_the_days_balance(bank: Reader) -> None:
    wrong = bank.one(f"""
        with last as (select ACCT_NO, TXN_DT, arg_max(ACCT_BAL, (TXN_TM, TXN_SEQ)) as bal from {CLEAN} group by all),
             run as (select ACCT_NO, BGN_DT, BAL_FEN from {{CORE_BAL}} group by all)
        select count(*) from last left join run on run.ACCT_NO = last.ACCT_NO and run.BGN_DT = last.TXN_DT
        where run.BAL_FEN is null or run.BAL_FEN <> last.bal * 100""")
    assert wrong == 0


def test_balance_runs_of_an_account_neither_overlap_nor_leave_gaps(bank: Reader) -> None:
    wrong = bank.one("""
        with run as (select ACCT_NO, BGN_DT, max(END_DT) as END_DT from {CORE_BAL} where ACCT_NO <> '62990000000000000' group by all),
             seen as (select *, lead(BGN_DT) over (partition by ACCT_NO order by BGN_DT) as next from run)
        select count(*) from seen where (next is null) <> (END_DT is null) or next <> END_DT + 1""")
    assert wrong == 0


def test_matured_principal_is_paid_to_the_owners_demand_account_the_same_day(bank: Reader) -> None:
    wrong = bank.one(f"""
        with owner as (select ACCT_NO, substr(ACCT_NO, 9, 8) as who from {{CORE_ACCT}}),
        ended as (select who, END_DT as on_day, sum(PRIN_AMT) as principal from {{CORE_TERM}} join owner using (ACCT_NO)
                  where END_CD in ('01', '03') group by all),
        paid as (select who, TXN_DT as on_day, sum(TXN_AMT) as principal from {CLEAN} t join owner using (ACCT_NO)
                 where TXN_CD = '15' and DR_CR = 'C' and substr(ACCT_NO, 7, 2) in ('10', '50', '51') group by all)
        select count(*) from ended left join paid using (who, on_day) where paid.principal is null or paid.principal < ended.principal""")
    assert wrong == 0


def test_what_companies_pay_in_wages_is_what_their_people_receive(bank: Reader) -> None:
    paid, received = bank.rows(f"""
        select sum(TXN_AMT) filter (where DR_CR = 'D'), sum(TXN_AMT) filter (where DR_CR = 'C') from {CLEAN} where TXN_CD = '07'""")[
        0
    ]
    assert paid == received
    assert received == bank.one("select sum(PAY_AMT) from {PAY_ITEM} where PURP_CD in ('01', '02')")


def test_running_contracts_add_up_to_the_deposit_accounts(bank: Reader) -> None:
    wrong = bank.one("""
        with run as (select ACCT_NO, arg_max(BAL_FEN, BGN_DT) as fen from {CORE_BAL} where substr(ACCT_NO, 7, 2) in ('11', '12', '13') group by all),
             term as (select ACCT_NO, sum(PRIN_AMT) * 100 as fen from
                        (select * from {CORE_TERM} where PRIN_AMT > 0 qualify row_number() over (partition by CONTR_NO order by END_DT nulls last) = 1)
                      where END_DT is null and substr(ACCT_NO, 7, 2) in ('11', '12', '13') group by all)
        select count(*) from run full join term using (ACCT_NO) where coalesce(run.fen, 0) <> coalesce(term.fen, 0)""")
    assert wrong == 0


@pytest.mark.requirement("A8")
def test_the_banks_own_report_equals_the_balances(bank: Reader) -> None:
    wrong = bank.one("""
        with acct as (select ACCT_NO, ORG_NO, PROD_CLS from {CORE_ACCT} join {PROD_INFO} using (PROD_CD)),
        run as (select ACCT_NO, BGN_DT, max(END_DT) as END_DT, any_value(BAL_FEN) as fen from {CORE_BAL} group by all),
        hold as (select ACCT_NO, PROD_CD, BGN_DT, max(END_DT) as END_DT, any_value(MKT_VAL) as val from {WMS_HOLD} group by all),
        days as (select distinct RPT_DT from {GL_TOTAL}),
        ours as (
          select RPT_DT, ORG_NO, PROD_CLS, '02' as IDX_CD, sum(fen) / 100 as val from days join run on RPT_DT between BGN_DT and coalesce(END_DT, date '2099-01-01')
            join acct using (ACCT_NO) where substr(ACCT_NO, 7, 2) in ('10', '50', '51', '11', '12', '13') group by all
          union all
          select RPT_DT, ORG_NO, PROD_CLS, '03', sum(fen) / 100 from days join run on RPT_DT between BGN_DT and coalesce(END_DT, date '2099-01-01')
            join acct using (ACCT_NO) where substr(ACCT_NO, 7, 1) = '3' group by all
          union all
          select RPT_DT, a.ORG_NO, p.PROD_CLS, '01', sum(val) from days join hold on RPT_DT between BGN_DT and coalesce(END_DT, date '2099-01-01')
            join acct a using (ACCT_NO) join {PROD_INFO} p on p.PROD_CD = hold.PROD_CD group by all),
        theirs as (select * from {GL_TOTAL} where IDX_CD in ('02', '03') or (IDX_CD = '01' and PROD_CLS in ('fixed_income', 'cash_wealth', 'fund', 'gold', 'savings_bond', 'insurance')))
        select count(*) from ours full join theirs using (RPT_DT, ORG_NO, PROD_CLS, IDX_CD) where round(coalesce(val, 0), 2) <> coalesce(IDX_VAL, 0)""")
    assert wrong == 0
    assert bank.one("select count(*) from {GL_TOTAL}") > 200

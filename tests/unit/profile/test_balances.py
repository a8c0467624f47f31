"""AUM and other balances against hand calculation."""

from datetime import date
from decimal import Decimal

import pytest

from tests.unit.profile.bank import EARLY, account, balance, bank, person, profile

pytestmark = pytest.mark.requirement("C7")


def test_aum_of_a_day_adds_deposits_and_holdings_and_leaves_out_loans_and_products_switched_off():
    tables = bank(
        {"customer": [person(1)]},
        account("a", 1),
        account("w", 1, kind="wealth", product=None),
        account("l", 1, kind="loan", product="M"),
        {"balance_daily": [balance("a", date(2025, 6, 1), None, 100.25), balance("l", date(2025, 1, 1), None, 900.0)]},
        {
            "holding_daily": [
                {"account_id": "w", "product_id": "W", "on": date(2025, 1, 1), "until_on": None, "value_amount": 50, "recorded_at": EARLY},
                {"account_id": "w", "product_id": "F", "on": date(2025, 6, 30), "until_on": None, "value_amount": 7.5, "recorded_at": EARLY},
                {"account_id": "w", "product_id": "X", "on": date(2025, 6, 30), "until_on": None, "value_amount": 999, "recorded_at": EARLY},
            ]
        },
    )  # fmt: skip
    row = profile(
        tables, "aum_point_amount", "loan_balance_amount", "fund_amount", "risky_amount", "highest_grade_held"
    )["c1"]
    assert row["aum_point_amount"] == Decimal("157.75")
    assert row["loan_balance_amount"] == Decimal("900.00")
    assert (row["fund_amount"], row["risky_amount"], row["highest_grade_held"]) == (Decimal("7.50"), Decimal("7.50"), 4)


def test_the_money_of_an_investment_account_is_counted_once():
    tables = bank(
        {"customer": [person(1)]},
        account("w", 1, kind="wealth", product="W"),
        {
            "balance_daily": [balance("w", date(2025, 6, 1), None, 50)],
            "holding_daily": [{"account_id": "w", "product_id": "W", "on": date(2025, 6, 1), "value_amount": 50, "recorded_at": EARLY}],
        },
    )  # fmt: skip
    assert profile(tables, "aum_point_amount")["c1"]["aum_point_amount"] == Decimal("50.00")


def test_means_divide_by_all_days_of_the_month_and_clip_runs_to_the_day():
    tables = bank(
        {"customer": [person(1), person(2)]},
        account("a", 1),
        account("b", 2),
        {
            "balance_daily": [
                balance("a", date(2025, 4, 1), date(2025, 5, 10), 310),  # 10 days of May
                balance("a", date(2025, 5, 11), date(2025, 6, 19), 62),  # 21 days of May, 19 of June
                balance("a", date(2025, 6, 20), None, 300),  # 11 days of June up to the 30th
                balance("b", date(2025, 1, 1), date(2025, 1, 1), 1),
            ]
        },
    )
    row = profile(tables, "aum_mavg_amount", "aum_mtd_amount", "aum_mavg_1m_ago_amount", "aum_30d_ago_amount")
    assert row["c1"]["aum_mavg_amount"] == Decimal("142.00")  # (10 × 310 + 21 × 62) / 31
    assert row["c1"]["aum_mtd_amount"] == Decimal("149.27")  # (19 × 62 + 11 × 300) / 30 = 149.2667
    assert row["c1"]["aum_mavg_1m_ago_amount"] == Decimal("310.00")
    assert row["c1"]["aum_30d_ago_amount"] == Decimal("62.00")
    assert row["c2"]["aum_mavg_amount"] == Decimal("0.00")


def test_days_before_the_history_of_the_bank_do_not_count_and_a_window_before_it_is_missing():
    tables = bank(
        {"customer": [person(1)]}, account("a", 1), {"balance_daily": [balance("a", date(2025, 5, 17), None, 150)]}
    )
    row = profile(tables, "aum_mavg_amount", "aum_mavg_1m_ago_amount", "aum_yavg_amount", "aum_peak_12m_amount")["c1"]
    assert row["aum_mavg_amount"] == Decimal("150.00")
    assert row["aum_mavg_1m_ago_amount"] is None
    assert row["aum_yavg_amount"] == row["aum_peak_12m_amount"] == Decimal("150.00")


def test_a_joint_account_counts_by_share_and_a_disponent_holds_nothing():
    shares = [("c1", "owner", 0.7), ("c2", "joint_owner", 0.3), ("c3", "disponent", 0.0)]
    holders = [{"customer_id": c, "account_id": "a", "role": r, "share_rate": s} for c, r, s in shares]
    tables = bank(
        {"customer": [person(1), person(2), person(3)], "customer_account": holders, "account": account("a", 9)["account"]},
        {"balance_daily": [balance("a", date(2025, 1, 1), None, 100.01)]},
    )  # fmt: skip
    rows = profile(tables, "aum_point_amount")
    assert [rows[c]["aum_point_amount"] for c in ("c1", "c2", "c3")] == [
        Decimal("70.01"),
        Decimal("30.00"),
        Decimal("0.00"),
    ]


def test_the_lowest_demand_balance_is_of_the_daily_total_and_counts_days_without_money():
    tables = bank(
        {"customer": [person(1), person(2)]},
        account("a", 1),
        account("b", 1),
        account("c", 2),
        {
            "balance_daily": [
                balance("a", date(2025, 1, 1), date(2025, 6, 9), 10),
                balance("a", date(2025, 6, 10), None, 500),
                balance("b", date(2025, 1, 1), date(2025, 6, 15), 300),
                balance("b", date(2025, 6, 16), None, 20),
                balance("c", date(2025, 6, 2), None, 80),
            ]
        },
    )
    rows = profile(tables, "demand_minimum_30d_amount", "n_low_demand_days_30d", "demand_median_months_amount")
    assert rows["c1"]["demand_minimum_30d_amount"] == Decimal("310.00")
    assert rows["c2"]["demand_minimum_30d_amount"] == Decimal("0.00")
    assert rows["c1"]["demand_median_months_amount"] == Decimal("310.00")
    assert rows["c1"]["n_low_demand_days_30d"] == 0


def test_settlement_accounts_of_companies_are_demand_deposits():
    tables = bank(
        {"customer": [person(1, party_kind="company")]},
        account("s", 1, kind="settlement_basic", product=None),
        {"balance_daily": [balance("s", date(2025, 5, 1), None, 5000)]},
    )
    row = profile(tables, "demand_amount", "settlement_deposit_mavg_amount", "has_basic_account")["c1"]
    assert (row["demand_amount"], row["settlement_deposit_mavg_amount"]) == (Decimal("5000.00"), Decimal("5000.00"))
    assert row["has_basic_account"] is True


def test_what_is_owed_is_positive_whichever_sign_the_bank_writes():
    tables = bank(
        {"customer": [person(1)]},
        account("l", 1, kind="loan", product="M"),
        {"balance_daily": [balance("l", date(2025, 1, 1), None, -800)]},
    )
    assert profile(tables, "mortgage_balance_amount")["c1"]["mortgage_balance_amount"] == Decimal("800.00")

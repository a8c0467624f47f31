"""What banks deliver badly or not at all: nothing known, nothing divided, other currencies, days that have not come."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.unit.profile.bank import AS_OF, EARLY, account, bank, link, person, profile, txn
from zhike.profile.features import standard_features

pytestmark = pytest.mark.requirement("C1")
ONE = {"customer": [person(1), person(2, party_kind="company")], "identity_link": [link(1), link(2)]}


def test_of_a_customer_without_any_fact_counts_are_zero_and_ratios_missing():
    rows = profile(bank(ONE), features=standard_features())
    for row in rows.values():
        for feature in standard_features().features:
            value = row[feature.key]
            is_number = isinstance(value, float)
            assert not (is_number and (math.isnan(value) or math.isinf(value))), feature.key
            if feature.facts and feature.facts.stat in ("count", "periods", "streak", "longest_streak", "distinct"):
                assert value in (0, None), feature.key  # None: a window before the history
    ratios = (
        "inflow_variation",
        "cash_share_rate",
        "dining_share_rate",
        "app_share_rate",
        "answer_rate",
        "demand_share_rate",
        "card_full_paid_rate",
    )
    assert [rows["c1"][n] for n in ratios] == [None] * len(ratios)
    firm = (
        "settlement_balance_rate",
        "cash_days",
        "profit_margin_rate",
        "receipt_regularity_rate",
        "top_payer_share_rate",
        "wage_per_employee_amount",
    )
    assert [rows["c2"][n] for n in firm] == [None] * len(firm)
    assert [rows["c1"][n] for n in ("leading_spend", "active_time", "leading_topic", "answered_channel")] == [None] * 4


def test_a_statement_without_revenue_has_no_margin_and_no_days():
    item = {
        "source": "core",
        "source_key": "k2",
        "period_end_on": date(2024, 12, 31),
        "published_on": date(2025, 4, 10),
    }
    rows = [{**item, "item": "revenue", "value_amount": 0}, {**item, "item": "net_profit", "value_amount": 5}]
    row = profile(
        bank(ONE, {"financial_statement": rows}), "profit_margin_rate", "receivable_days", "statement_net_profit_amount"
    )["c2"]
    assert [row[n] for n in ("profit_margin_rate", "receivable_days")] == [None, None]
    assert row["statement_net_profit_amount"] == Decimal("5.00")


def test_the_year_before_a_statement_is_that_of_the_same_item_and_month():
    item = {"source": "core", "source_key": "k2", "item": "revenue"}
    rows = [
        {**item, "period_end_on": date(2024, 12, 31), "published_on": date(2025, 4, 10), "value_amount": 120},
        {**item, "period_end_on": date(2023, 12, 31), "published_on": date(2025, 4, 10), "value_amount": 100},
        {**item, "period_end_on": date(2024, 6, 30), "published_on": date(2024, 9, 1), "value_amount": 7},
        {
            **item,
            "period_end_on": date(2025, 6, 30),
            "published_on": date(2025, 7, 1),
            "value_amount": 999,
        },  # not handed in yet
    ]
    row = profile(bank(ONE, {"financial_statement": rows}), "statement_revenue_amount", "revenue_growth_rate")["c2"]
    assert (row["statement_revenue_amount"], row["revenue_growth_rate"]) == (Decimal("120.00"), 0.2)


def test_accounts_in_other_currencies_are_counted_and_their_money_is_in_the_base_currency():
    dollar = account("b", 1)
    dollar["account"][0]["currency"] = "USD"
    yuan = account("a", 1)
    yuan["account"][0]["currency"] = "CNY"
    moves = [txn("a", AS_OF, "in", 100), txn("b", AS_OF, "in", 725)]  # a hundred dollars, told in yuan by the contract
    row = profile(bank(ONE, yuan, dollar, {"transaction": moves}), "n_foreign_accounts", "inflow_90d_amount")["c1"]
    assert (row["n_foreign_accounts"], row["inflow_90d_amount"]) == (1, Decimal("825.00"))


def test_rows_dated_ahead_or_recorded_later_are_not_seen():
    ahead, late = AS_OF + timedelta(days=1), datetime(2025, 7, 2)
    moves = [
        txn("a", ahead, "out", 5, txn_kind="payment"),
        txn("a", AS_OF, "out", 7, txn_kind="payment", recorded_at=late),
    ]
    tables = bank(
        ONE, account("a", 1),
        {
            "transaction": moves,
            "tax_record": [{"source": "core", "source_key": "k2", "period": "202506", "tax_kind": "vat", "paid_amount": 9, "paid_on": ahead}],
            "project": [{"project_id": "p", "source": "core", "source_key": "k2", "registered_on": ahead, "financing_amount": 9}],
            "invoice": [{"invoice_id": "i", "source": "core", "seller_key": "k2", "issued_on": AS_OF, "total_amount": 9, "recorded_at": late}],
            "benefit_grant": [{"grant_id": "g", "benefit_id": "b", "source": "core", "source_key": "k1", "granted_on": AS_OF}],
            "benefit_redeem": [{"grant_id": "g", "redeemed_on": ahead}],
        },
    )  # fmt: skip
    rows = profile(
        tables,
        "spend_90d_amount",
        "active_week_streak",
        "tax_12m_amount",
        "n_projects",
        "n_invoices_sold_180d",
        "n_benefits_12m",
        "n_benefits_used_12m",
    )
    assert [
        rows["c1"][n] for n in ("spend_90d_amount", "active_week_streak", "n_benefits_12m", "n_benefits_used_12m")
    ] == [Decimal("0.00"), 0, 1, 0]
    assert [rows["c2"][n] for n in ("tax_12m_amount", "n_projects", "n_invoices_sold_180d")] == [Decimal("0.00"), 0, 0]


def test_states_of_projects_and_bills_are_those_of_the_runs_own_day():
    card = {
        "card_id": "c",
        "account_id": "a",
        "card_kind": "credit",
        "issued_on": date(2020, 1, 1),
        "recorded_at": EARLY,
    }
    tables = bank(
        ONE, account("a", 1, kind="card"),
        {
            "card": [card], "card_bill": [{"card_id": "c", "billed_on": date(2025, 5, 5), "bill_amount": 100, "paid_amount": 100}],
            "project": [{"project_id": "p", "source": "core", "source_key": "k2", "registered_on": date(2025, 1, 1), "stage": "building"}],
        },
    )  # fmt: skip
    now = profile(tables, "card_full_paid_rate", "project_stage")
    then = profile(tables, "card_full_paid_rate", "project_stage", is_past=True)
    assert (now["c1"]["card_full_paid_rate"], now["c2"]["project_stage"]) == (1.0, "building")
    assert (then["c1"]["card_full_paid_rate"], then["c2"]["project_stage"]) == (None, None)


def test_income_is_what_comes_in_here_before_what_was_declared():
    paid = [
        {
            "payroll_item_id": str(m),
            "account_id": "a",
            "on": date(2025, m, 10),
            "amount": 1000,
            "purpose": "wage",
            "recorded_at": EARLY,
        }
        for m in (4, 5, 6)
    ]
    paid.append(
        {
            "payroll_item_id": "b",
            "account_id": "a",
            "on": date(2025, 5, 10),
            "amount": 500,
            "purpose": "bonus",
            "recorded_at": EARLY,
        }
    )
    people = {
        "customer": [
            person(1, annual_income_amount=Decimal(99)),
            person(2, annual_income_amount=Decimal(77)),
            person(3),
        ]
    }
    rows = profile(bank(people, account("a", 1), {"payroll_item": paid}), "income_estimate_amount", "income_evidence")
    assert [rows[c]["income_estimate_amount"] for c in ("c1", "c2", "c3")] == [
        Decimal("12500.00"),
        Decimal("77.00"),
        None,
    ]
    assert [rows[c]["income_evidence"] for c in ("c1", "c2", "c3")] == ["wage", "declared", None]


def test_loyalty_and_stickiness_are_the_weighted_parts_counted_by_hand():
    signed = [
        {"source": "core", "source_key": "k1", "service": s, "signed_on": date(2024, 1, 1), "recorded_at": EARLY}
        for s in ("quick_pay", "direct_debit")
    ]
    moves = [txn("a", AS_OF - timedelta(days=7 * w), "out", 10 + w, txn_kind="payment") for w in range(13)]
    people = {"customer": [person(1, since_on=AS_OF - timedelta(days=1825))], "identity_link": [link(1)]}
    row = profile(
        bank(people, account("a", 1), {"signing": signed, "transaction": moves}), "loyalty_index", "stickiness_index"
    )["c1"]
    # half of ten years, one of six classes (quick pay), unknown share of wallet, 13 of 26 weeks, unknown score
    assert row["loyalty_index"] == pytest.approx(
        100 * (0.2 * 0.5 + 0.2 / 6 + 0.25 * 0.5 + 0.25 * 0.5 + 0.1 * 0.5), abs=1e-6
    )
    # no active digital day, 13 weeks in a row, quick pay and debit, no income, no bill
    assert row["stickiness_index"] == pytest.approx(100 * (0.25 * 13 / 26 + 0.15 + 0.1), abs=1e-6)

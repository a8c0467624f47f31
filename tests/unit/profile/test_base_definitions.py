"""Base definitions against hand calculation on a few literal rows."""

from datetime import date
from decimal import Decimal

import ibis
import pyarrow as pa
import pytest

from tests.unit.profile.bank import (
    AS_OF,
    EARLY,
    account,
    balance,
    bank,
    engine,
    link,
    person,
    profile,
    seen,
    txn,
)
from zhike.profile.base_definitions import (
    WORDS,
    first_loan_customer,
    first_loan_with_us,
    is_effective,
    long_inactive_accounts,
    maturity_kept,
    pay_day_retention,
)
from zhike.profile.features import standard_features

pytestmark = pytest.mark.requirement("C7")
AUM = ("demand", "term", "fixed_income")


def contract(contract_id: str, account_id: str, matures: date, principal: float, **more):
    row = {"contract_id": contract_id, "account_id": account_id, "product_id": "T", "principal_amount": principal}
    return {**row, "started_on": date(2024, 6, 1), "matures_on": matures, "recorded_at": EARLY, **more}


def kept_bank():
    return bank(
        {"customer": [person(1), person(2), person(3), person(4)]},
        account("t1", 1, kind="term", product="T"),
        account("a1", 1),
        account("t2", 2, kind="term", product="T"),
        account("a2", 2),
        account("t3", 3, kind="term", product="T"),
        account("t4", 4, kind="term", product="T"),
        {
            "balance_daily": [
                # c1: 1000 matures on 10 June into demand (plus 200 there before), 300 leaves on the 15th
                balance("t1", date(2024, 6, 1), date(2025, 6, 9), 1000),
                balance("a1", date(2025, 1, 1), date(2025, 6, 9), 200),
                balance("a1", date(2025, 6, 10), date(2025, 6, 14), 1200),
                balance("a1", date(2025, 6, 15), None, 900),
                # c2: everything leaves on the day
                balance("t2", date(2024, 6, 1), date(2025, 6, 9), 500),
                balance("a2", date(2025, 1, 1), None, 0),
                # c3: renews and adds
                balance("t3", date(2024, 6, 1), date(2025, 6, 9), 800),
                balance("t3", date(2025, 6, 10), None, 2000),
                balance("t4", date(2024, 6, 1), None, 70),
            ],
            "term_contract": [
                contract("k1", "t1", date(2025, 6, 10), 1000, ended_on=date(2025, 6, 10), end_kind="matured"),
                contract("k2", "t2", date(2025, 6, 10), 500, ended_on=date(2025, 6, 10), end_kind="matured"),
                contract("k3", "t3", date(2025, 6, 10), 800, ended_on=date(2025, 6, 10), end_kind="renewed"),
                contract("k4", "t4", date(2025, 6, 26), 70),  # its seventh day is not over
            ],
        },
    )


def test_kept_at_maturity_is_the_share_of_the_principal_still_here_on_the_seventh_day():
    tables = kept_bank()
    contracts = tables["term_contract"].select("contract_id", "account_id", "matures_on", "principal_amount")
    owners = tables["customer_account"].select(
        "account_id", customer_no=tables["customer_account"].customer_id.right(1).cast("int64")
    )
    rows = engine().fetch(maturity_kept(seen(tables), contracts.inner_join(owners, "account_id"), aum_classes=AUM))
    found = {r["contract_id"]: r for r in rows.to_pylist()}
    assert set(found) == {"k1", "k2", "k3"}
    assert found["k1"]["aum_before_amount"] == Decimal("1200.00")
    assert found["k1"]["aum_after_amount"] == Decimal("900.00")
    assert [found[k]["kept_rate"] for k in ("k1", "k2", "k3")] == [0.7, 0.0, 1.0]


def test_the_feature_is_weighted_by_principal_and_missing_for_whom_nothing_matured():
    tables = kept_bank()
    rows = profile(tables, "matured_kept_rate", "matured_principal_amount")
    assert [rows[f"c{i}"]["matured_kept_rate"] for i in (1, 2, 3, 4)] == [0.7, 0.0, 1.0, None]
    assert [rows[f"c{i}"]["matured_principal_amount"] for i in (1, 4)] == [Decimal("1000.00"), Decimal("0.00")]


def test_each_owner_of_a_joint_contract_has_kept_what_that_owner_kept():
    joint = account("t", 1, kind="term", product="T")
    joint["customer_account"][0]["share_rate"] = 0.5
    joint["customer_account"].append({"customer_id": "c2", "account_id": "t", "role": "joint_owner", "share_rate": 0.5})
    tables = bank(
        {"customer": [person(1), person(2)]},
        joint,
        account("a1", 1),
        {
            "balance_daily": [
                balance("t", date(2024, 6, 1), date(2025, 6, 9), 1000),
                balance("a1", date(2025, 6, 10), None, 500),  # the other half has left
            ],
            "term_contract": [
                contract("k", "t", date(2025, 6, 10), 500, ended_on=date(2025, 6, 10), end_kind="matured")
            ],
        },
    )
    rows = profile(tables, "matured_kept_rate")
    assert (rows["c1"]["matured_kept_rate"], rows["c2"]["matured_kept_rate"]) == (1.0, 0.0)


def test_retention_compares_the_day_before_pay_day_with_the_seventh_day_after():
    tables = bank(
        {"customer": [person(1), person(2)]},
        account("a", 1),
        account("b", 2),
        {
            "balance_daily": [
                balance("a", date(2025, 1, 1), date(2025, 6, 9), 100),
                balance("a", date(2025, 6, 10), date(2025, 6, 12), 5100),
                balance("a", date(2025, 6, 13), None, 1350),
                balance("b", date(2025, 1, 1), None, 10),
            ],
            "payroll_item": [
                {"payroll_item_id": "p1", "account_id": "a", "on": date(2025, 6, 10), "purpose": "wage", "amount": 5000, "recorded_at": EARLY},
                {"payroll_item_id": "p2", "account_id": "b", "on": date(2025, 6, 10), "purpose": "wage", "amount": 5000, "recorded_at": EARLY},
                {"payroll_item_id": "p3", "account_id": "b", "on": date(2025, 6, 25), "purpose": "wage", "amount": 5000, "recorded_at": EARLY},
            ],
        },
    )  # fmt: skip
    rows = profile(tables, "retention_d7_rate", "retention_d7_best_rate")
    assert rows["c1"]["retention_d7_rate"] == 0.25  # (1350 − 100) / 5000
    assert rows["c2"]["retention_d7_rate"] == 0.0
    assert rows["c1"]["retention_d7_best_rate"] is None  # fewer than three pay days
    points = ibis.memtable(
        pa.table({"point_id": ["x"], "customer_no": [1], "on": [date(2025, 6, 10)], "amount": [Decimal("5000.00")]})
    )
    one = engine().fetch(pay_day_retention(seen(tables), points, aum_classes=AUM)).to_pylist()
    assert one[0]["retention_d7_rate"] == 0.25


def test_external_net_inflow_does_not_count_moves_inside_the_bank():
    tables = bank(
        {"customer": [person(1)]},
        account("a", 1),
        {
            "transaction": [
                txn("a", date(2025, 6, 3), "in", 1000, counterparty_kind="other_bank_self"),
                txn("a", date(2025, 6, 4), "in", 50.5, counterparty_kind="cash"),
                txn("a", date(2025, 6, 5), "out", 300, counterparty_kind="wallet_self"),
                txn("a", date(2025, 6, 6), "out", 900, counterparty_kind="own_bank_self"),  # into a term deposit: 存款搬理财
                txn("a", date(2025, 6, 7), "out", 80, counterparty_kind="merchant"),
                txn("a", date(2025, 5, 31), "in", 7000, counterparty_kind="other_bank_self"),  # 31 days ago
            ]
        },
    )  # fmt: skip
    row = profile(
        tables, "external_net_inflow_30d_amount", "external_net_inflow_90d_amount", "same_name_outflow_90d_amount"
    )["c1"]
    assert row["external_net_inflow_30d_amount"] == Decimal("750.50")
    assert row["external_net_inflow_90d_amount"] == Decimal("7750.50")
    assert row["same_name_outflow_90d_amount"] == Decimal("-7700.00")


def test_customer_initiated_leaves_out_what_the_bank_does():
    kinds = ["card_payment", "interest", "fee", "direct_debit", "judicial", "reversal", "transfer_out"]
    rows = [txn("a", date(2025, 6, 9), "out", i + 1, txn_kind=k) for i, k in enumerate(kinds)]
    rows.append(txn("a", date(2025, 6, 9), "out", 99, txn_kind="transfer_out", is_initiated=False))
    tables = bank({"customer": [person(1)]}, account("a", 1), {"transaction": rows})
    assert profile(tables, "n_initiated_30d")["c1"]["n_initiated_30d"] == 2


def test_contribution_at_transfer_prices():
    tables = bank(
        {"customer": [person(1), person(2)]},
        account("a", 1),
        account("l", 1, kind="loan", product="M"),
        account("w", 2, kind="term", product="T"),
        {
            "balance_daily": [
                balance("a", date(2025, 1, 1), None, 100000),
                balance("l", date(2025, 1, 1), None, 500000),
                balance("w", date(2025, 1, 1), None, 1000),
            ],
            "loan": [{"loan_id": "L", "account_id": "l", "product_class": "mortgage", "principal_amount": 500000, "annual_rate": 0.035,
                      "drawn_on": date(2024, 1, 1), "five_class": "normal", "recorded_at": EARLY}],
            "ftp_rate": [
                {"product_class": "demand", "annual_rate": 0.016, "valid_from_on": date(2025, 1, 1)},
                {"product_class": "mortgage", "annual_rate": 0.02, "valid_from_on": date(2025, 1, 1)},
                {"product_class": "mortgage", "annual_rate": 0.9, "valid_from_on": date(2025, 7, 1)},
            ],
            "transaction": [txn("a", date(2025, 6, 1), "out", 30, txn_kind="fee"), txn("a", date(2025, 6, 2), "out", 1, txn_kind="payment")],
        },
    )  # fmt: skip
    rows = profile(tables, "contribution_amount")
    # margin 100000 × (1.6 % − 0.1 %) + 500000 × (3.5 % − 2 %) = 1500 + 7500
    assert rows["c1"]["interest_margin_amount"] == Decimal("9000.00")
    # 9000 − 500000 × 0.8 % − 500000 × 0.88 % + 30 fees − 12 servicing − 2 × 1 × 0.1
    assert rows["c1"]["contribution_amount"] == Decimal("617.80")
    assert rows["c2"]["contribution_amount"] is None  # no transfer price of term deposits


def test_a_long_inactive_account_is_old_poor_and_still():
    tables = bank(
        {"customer": [person(1)]},
        *(account(a, 1) for a in ("quiet", "rich", "moving", "interest", "young")),
        {
            "balance_daily": [balance(a, date(2024, 1, 1), None, 10) for a in ("quiet", "moving", "interest", "young")]
            + [balance("rich", date(2024, 1, 1), None, 10.01)],
            "transaction": [
                txn("moving", date(2024, 7, 1), "out", 1),
                txn("interest", date(2025, 6, 21), "in", 0.01, txn_kind="interest"),
            ],
        },
    )
    rows = engine().fetch(long_inactive_accounts(seen(tables), amount=10, days=365)).to_pylist()
    assert {r["account_id"] for r in rows} == {"quiet", "interest", "young"}


def test_first_loan_with_us_is_not_the_regulators_first_loan_customer():
    def loan(loan_id: str, account_id: str, drawn: date):
        return {"loan_id": loan_id, "account_id": account_id, "product_class": "mortgage", "principal_amount": 1, "drawn_on": drawn, "recorded_at": EARLY}  # fmt: skip

    tables = bank(
        {"customer": [person(i) for i in (1, 2, 3)], "identity_link": [link(i) for i in (1, 2, 3)]},
        *(account(f"l{i}", i, kind="loan", product="M") for i in (1, 2, 3)),
        {
            "loan": [loan("A", "l1", date(2024, 5, 1)), loan("B", "l1", date(2025, 5, 1)), loan("C", "l2", date(2025, 1, 1)), loan("D", "l3", date(2025, 1, 1))],
            "credit_record": [
                {"source": "core", "source_key": "k1", "queried_on": date(2024, 4, 20), "n_loans": 0, "recorded_at": EARLY},
                {"source": "core", "source_key": "k2", "queried_on": date(2024, 12, 20), "n_loans": 2, "recorded_at": EARLY},
            ],
        },
    )  # fmt: skip
    ours = {r["customer_no"]: r["first_loan_on"] for r in engine().fetch(first_loan_with_us(seen(tables))).to_pylist()}
    assert ours == {1: date(2024, 5, 1), 2: date(2025, 1, 1), 3: date(2025, 1, 1)}
    theirs = engine().fetch(first_loan_customer(seen(tables))).to_pylist()
    assert {r["customer_no"]: r["is_first_loan_customer"] for r in theirs} == {1: True, 2: False, 3: None}


def test_a_customer_is_effective_from_the_floor_on_and_never_without_a_number():
    values = pa.array([Decimal("999.99"), Decimal("1000.00"), None], pa.decimal128(18, 2))
    rows = ibis.memtable(pa.table({"aum": values}))
    found = engine().fetch(rows.select(is_effective=is_effective(rows.aum, 1000)))
    assert found["is_effective"].to_pylist() == [False, True, False]


def test_every_base_definition_is_said_in_both_languages_and_features_carry_theirs():
    assert all(t.zh and t.en for t in WORDS.values())
    assert all(f.zh and f.en and f.meaning_zh and f.meaning_en for f in standard_features().features)
    assert date(2025, 6, 30) == AS_OF

"""Features of the standard pack that read a table of their own: funds in loss, cards at rest, housing fund, lists, registry."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.profile.bank import AS_OF, EARLY, account, bank, link, person, profile, txn

pytestmark = pytest.mark.requirement("C7")


def holding(
    account_id: str, product: str, value: float, cost: float | None, until: date | None = None
) -> dict[str, Any]:
    return {"account_id": account_id, "product_id": product, "on": date(2025, 1, 1), "until_on": until, "value_amount": value,
            "cost_amount": cost, "recorded_at": EARLY}  # fmt: skip


def test_the_result_of_funds_is_value_less_cost_where_the_cost_is_known():
    names = ("fund_amount", "fund_cost_amount", "fund_gain_amount", "fund_gain_rate")
    joint = {"customer_account": [{"customer_id": "c2", "account_id": "b", "role": "joint_owner", "share_rate": 0.5}]}
    shared = account("b", 1, kind="fund")
    shared["customer_account"][0]["share_rate"] = 0.5
    rows = profile(
        bank(
            {"customer": [person(1), person(2), person(3)]}, account("a", 1, kind="fund"), shared, joint,
            {
                "holding_daily": [
                    holding("a", "F", 8000, 10000), holding("a", "W", 1, 99999),  # a wealth product is no fund
                    holding("b", "F", 100, 500),  # half of it each
                    holding("a", "X", 500, None, until=date(2025, 6, 29)),  # sold yesterday
                ]
            },
        ),
        *names,
    )  # fmt: skip
    assert [rows["c1"][n] for n in names] == [Decimal("8050.00"), Decimal("10250.00"), Decimal("-2200.00"), -0.214634]
    assert [rows["c2"][n] for n in names] == [Decimal("50.00"), Decimal("250.00"), Decimal("-200.00"), -0.8]
    assert [rows["c3"][n] for n in names] == [Decimal("0.00"), Decimal("0.00"), Decimal("0.00"), None]


def test_a_fund_whose_cost_is_not_known_has_a_value_and_no_result():
    rows = profile(
        bank({"customer": [person(1)]}, account("a", 1, kind="fund"), {"holding_daily": [holding("a", "F", 8000, None)]}),
        "fund_amount", "fund_gain_rate",
    )  # fmt: skip
    assert (rows["c1"]["fund_amount"], rows["c1"]["fund_gain_rate"]) == (Decimal("8000.00"), None)


def card(key: str, days_ago: int | None, owed: float | None, **more: Any) -> dict[str, Any]:
    used = AS_OF - timedelta(days=days_ago) if days_ago is not None else None
    return {"card_id": key, "account_id": "a", "card_kind": "credit", "issued_on": date(2020, 1, 1), "activated_on": date(2020, 1, 9),
            "last_used_on": used, "owed_amount": owed, "recorded_at": EARLY, **more}  # fmt: skip


CARD_NAMES = ("n_cards_idle", "n_cards_quiet", "n_cards_sleeping")


def test_cards_are_quiet_after_six_months_and_asleep_after_eighteen_with_nothing_owed():
    cards = [
        card("busy", 179, 0), card("quiet", 180, 0), card("owing", 548, 0.01), card("overpaid", 548, -5), card("asleep", 548, 0),
        card("unknown", 900, None), card("never told", None, 0), card("debit", 900, 0, card_kind="debit"),
        card("closed", 900, 0, closed_on=date(2025, 6, 1)), card("fresh", None, 0, activated_on=None, issued_on=date(2025, 5, 31)),
        card("late", None, 0, activated_on=None, issued_on=date(2025, 6, 1)),
    ]  # fmt: skip
    rows = profile(
        bank({"customer": [person(1), person(2)]}, account("a", 1, kind="card"), {"card": cards}), *CARD_NAMES
    )
    assert [rows["c1"][n] for n in CARD_NAMES] == [1, 5, 1]
    assert [rows["c2"][n] for n in CARD_NAMES] == [0, 0, 0]


def test_the_last_use_of_a_card_says_nothing_about_an_earlier_day():
    tables = bank({"customer": [person(1)]}, account("a", 1, kind="card"), {"card": [card("asleep", 548, 0)]})
    row = profile(tables, *CARD_NAMES, is_past=True)["c1"]
    assert [row[n] for n in CARD_NAMES] == [0, None, None]


def keyed(**more: Any) -> dict[str, Any]:
    return {"source": "core", "source_key": "k1", "recorded_at": EARLY, **more}


def test_housing_fund_lists_and_registry_are_read_as_of_the_day():
    names = ("housing_fund_months", "is_strategic_listed", "registry_n_loans", "registry_queried_on")
    tables = bank(
        {
            "customer": [person(1), person(2)], "identity_link": [link(1), link(2)],
            "housing_fund": [
                keyed(queried_on=date(2025, 4, 2), n_months_paid=7), keyed(queried_on=date(2025, 4, 1), n_months_paid=60),
                keyed(queried_on=date(2025, 7, 1), n_months_paid=8), keyed(source_key="k2", queried_on=date(2025, 4, 1), n_months_paid=60),
            ],
            "customer_list": [
                keyed(list_kind="strategic", valid_from_on=date(2024, 1, 1), valid_to_on=date(2025, 6, 30)),
                keyed(source_key="k2", list_kind="strategic", valid_from_on=date(2024, 1, 1), valid_to_on=date(2025, 6, 29)),
                keyed(source_key="k2", list_kind="protected", valid_from_on=date(2024, 1, 1)),
            ],
            "credit_record": [
                keyed(queried_on=date(2025, 3, 1), n_loans=0), keyed(queried_on=date(2025, 2, 1), n_loans=4),
                keyed(source_key="k2", queried_on=date(2024, 12, 1), n_loans=0),
            ],
        }
    )  # fmt: skip
    rows = profile(tables, *names)
    assert [rows["c1"][n] for n in names] == [7, True, 0, date(2025, 3, 1)]
    assert [rows["c2"][n] for n in names] == [None, False, None, None]  # 90 and 180 days are over


def test_settlement_leaves_out_what_is_known_to_stay_inside_the_group():
    moves = [
        txn("a", date(2025, 6, 20), "out", 100, counterparty_kind="other_bank_other", is_within_group=True),
        txn("a", date(2025, 6, 20), "out", 20, counterparty_kind="other_bank_other", is_within_group=False),
        txn("a", date(2025, 6, 20), "in", 3, counterparty_kind="other_bank_other"),
    ]
    rows = profile(
        bank({"customer": [person(1, party_kind="company")]}, account("a", 1, kind="settlement_basic"), {"transaction": moves}),
        "settlement_flow_30d_amount", "settlement_count_30d", "external_outflow_30d_amount",
    )  # fmt: skip
    found = rows["c1"]
    assert (found["settlement_flow_30d_amount"], found["settlement_count_30d"]) == (Decimal("23.00"), 2)
    assert found["external_outflow_30d_amount"] == Decimal("120.00")  # to another bank it went all the same


def test_arrears_of_twelve_months_fall_back_on_those_of_twenty_four():
    def loan(key: str, account_id: str, **more: Any) -> dict[str, Any]:
        return {"loan_id": key, "account_id": account_id, "product_class": "working_capital", "principal_amount": 100,
                "drawn_on": date(2024, 1, 1), "recorded_at": EARLY, **more}  # fmt: skip

    names = ("arrears_days_12m", "arrears_days_24m", "business_loan_ending_60d_amount")
    rows = profile(
        bank(
            {"customer": [person(1), person(2), person(3)]}, account("a", 1, kind="loan"), account("b", 2, kind="loan"),
            {
                "loan": [
                    loan("x", "a", arrears_days_12m=0, arrears_days_24m=40, due_on=date(2025, 8, 29)),
                    loan("y", "b", arrears_days_24m=40, due_on=date(2025, 8, 30)),
                ]
            },
        ),
        *names,
    )  # fmt: skip
    assert [rows["c1"][n] for n in names] == [0, 40, Decimal("100.00")]
    assert [rows["c2"][n] for n in names] == [40, 40, Decimal("0.00")]
    assert [rows["c3"][n] for n in names] == [0, 0, Decimal("0.00")]

"""No look-ahead: whatever happens or is recorded after a day, the profile of that day stays what it was.

One example is a whole bank of random customers; the same bank with everything cut off that was not known on the day must give the
same profile, feature for feature.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.profile.bank import account, bank, link, only, person, profile
from zhike.profile.features import FeatureSet, standard_features

AS_OF = date(2025, 6, 30)
END_OF_DAY = datetime(2025, 6, 30, 16)  # Asia/Shanghai
N_CUSTOMERS = 60
NAMES = (
    "aum_point_amount", "aum_mavg_amount", "demand_minimum_30d_amount", "external_net_inflow_30d_amount", "n_active_days_30d",
    "maturing_30d_amount", "n_running_contracts", "n_broken_redeposited_12m", "matured_kept_rate", "payroll_last_on", "retention_d7_rate",
    "risk_grade", "has_quick_pay", "owner_aum_mavg_amount", "arrears_days", "loan_balance_amount", "contacts_marketing_60d",
    "fund_gain_rate", "housing_fund_months", "registry_n_loans", "is_strategic_listed", "n_acquiring_months_3m", "n_payee_months_3m",
    "largest_external_in_7d_counterparty", "undrawn_limit_amount", "loan_due_60d_amount", "has_wecom", "n_cards", "has_whitelist", "managing_staff_id",
)  # fmt: skip
Row = dict[str, Any]
ENDS = ("until_on", "ended_on", "settled_on", "deleted_on", "paid_on", "closed_on", "valid_to_on", "activated_on")
STARTS = (
    "on",
    "started_on",
    "assessed_on",
    "signed_on",
    "drawn_on",
    "approved_on",
    "added_on",
    "applied_on",
    "issued_on",
    "queried_on",
    "valid_from_on",
    "paid_on",
    "published_on",
    "granted_on",
    "registered_on",
    "billed_on",
)


def _rows(dice: random.Random, who: int) -> Iterator[tuple[str, Row]]:
    """Some facts of one customer: a third of them dated, recorded or ending after the day."""
    for number in range(dice.randint(3, 16)):
        on = AS_OF + timedelta(days=dice.randint(-200, 60))
        known = {
            "recorded_at": datetime(on.year, on.month, on.day, 12)
            + timedelta(days=dice.choice([0, 0, 0, 0, 1, 20, 90]))
        }
        until = None if dice.random() < 0.4 else on + timedelta(days=dice.randint(0, 90))
        of = {"source": "core", "source_key": f"k{who}"}
        key, amount = f"{who}-{number}", Decimal(dice.randint(0, 10_000_000)) / 100
        way = dice.choice(["in", "out"])
        end = {"ended_on": until, "end_kind": dice.choice(["matured", "broken"])} if until else {}
        yield dice.choice(
            [
                ("balance_daily", {"account_id": f"b{who}-{number % 4}", "on": on, "until_on": until, "balance_amount": amount, **known}),
                ("transaction", {"txn_id": key, "account_id": f"b{who}-0", "on": on, "direction": way, "amount": amount, "txn_kind": f"transfer_{way}",
                                 "counterparty_kind": dice.choice(["other_bank_self", "cash", "own_bank_self", None]), **known}),
                ("event", {"event_id": key, **of, "event_kind": dice.choice(["app_login", "loan_page_view", "counter_visit"]), "on": on,
                           "channel": dice.choice(["app", "branch", "mini_program"]), "at": known["recorded_at"], **known}),
                ("term_contract", {"contract_id": key, "account_id": f"b{who}-0", "product_id": "T", "principal_amount": amount, "started_on": on,
                                   "matures_on": on + timedelta(days=dice.randint(20, 90)), "auto_renews": dice.random() < 0.5, **end, **known}),
                ("payroll_item", {"payroll_item_id": key, "account_id": f"b{who}-0", "on": on, "amount": amount,
                                  "purpose": dice.choice(["wage", "pension"]), **known}),
                ("risk_assessment", {**of, "risk_grade": dice.choice(["C1", "C3", "C5"]), "assessed_on": on, **known}),
                ("signing", {**of, "service": dice.choice(["quick_pay", "mobile_bank"]), "signed_on": on, "ended_on": until, **known}),
                ("contact_history", {"contact_id": key, **of, "channel": "sms", "purpose": "marketing", "on": on,
                                     "answer": dice.choice(["none", "positive", "negative"]), **known}),
                ("loan", {"loan_id": key, "account_id": f"l{who}", "product_class": "mortgage", "principal_amount": amount, "drawn_on": on,
                          "due_on": on + timedelta(days=90), "settled_on": until, "arrears_days": dice.randint(0, 40), "five_class": "normal", **known}),
                ("credit_facility", {"facility_id": key, **of, "product_class": "mortgage", "limit_amount": amount, "approved_on": on,
                                     "expires_on": on + timedelta(days=120), **known}),
                ("wecom_contact", {**of, "staff_id": "s", "added_on": on, "deleted_on": until, **known}),
                ("loan_application", {"application_id": key, **of, "product_class": "mortgage", "applied_on": on, "status": "started", **known}),
                ("card", {"card_id": key, "account_id": f"b{who}-0", "card_kind": "credit", "issued_on": on, "activated_on": until, **known}),
                ("whitelist", {"list_id": key, **of, "limit_amount": amount, "issued_on": on, "valid_to_on": on + timedelta(days=30), **known}),
                ("holding_daily", {"account_id": f"b{who}-1", "product_id": "F", "on": on, "until_on": until, "value_amount": amount,
                                   "cost_amount": amount + 5, **known}),
                ("housing_fund", {**of, "queried_on": on, "n_months_paid": number, **known}),
                ("credit_record", {**of, "queried_on": on, "n_loans": number % 3, **known}),
                ("customer_list", {**of, "list_kind": "strategic", "valid_from_on": on, "valid_to_on": until, **known}),
                ("acquiring_settlement", {"merchant_id": f"m{who}", "on": on, "n_transactions": 40, "gross_amount": amount, **known}),
                ("tax_record", {**of, "period": key, "tax_kind": "vat", "paid_amount": amount, "paid_on": on}),
                ("financial_statement", {**of, "period_end_on": on - timedelta(days=100), "published_on": on, "item": dice.choice(["revenue", "net_profit"]),
                                         "value_amount": amount}),
                ("invoice", {"invoice_id": key, "source": "core", "seller_key": f"k{who}", "buyer_tax_id": f"t{number % 3}", "issued_on": on,
                             "total_amount": amount, **known}),
                ("project", {"project_id": key, **of, "sector": "energy", "stage": "building", "financing_amount": amount, "registered_on": on}),
                ("benefit_grant", {"grant_id": key, "benefit_id": "b", **of, "granted_on": on}),
                ("text", {"text_id": key, **of, "text_kind": "call_note", "on": on, "body": "…", **known}),
                ("survey_answer", {"survey_id": key, "source": "core", "respondent_key": f"k{who}", "question_id": "nps", "on": on, "answer_value": float(number)}),
                ("control_flag", {**of, "flag": "complaint_open", "valid_from_on": on, "valid_to_on": until, **known}),
                ("transaction", {"txn_id": f"{key}s", "account_id": f"b{who}-0", "on": on, "direction": way, "amount": amount, "txn_kind": "settlement",
                                 "counterparty_key": f"p{number % 4}", "counterparty_kind": "other_bank_other", "at": known["recorded_at"], **known}),
                ("customer_assignment", {"customer_id": f"c{who}", "staff_id": "s", "org_id": "o", "role": "lead", "valid_from_on": on, "valid_to_on": until}),
            ]
        )  # fmt: skip


def _known_on_the_day(table: str, row: Row) -> Row | None:
    """The row as a bank that stopped on the day would have it: None when it was not there yet, later ends cut off."""
    is_later = next(row[n] for n in STARTS if n in row) > AS_OF
    if is_later or row.get("recorded_at", END_OF_DAY) > END_OF_DAY:
        return None
    agreed = {"valid_to_on"} if table == "whitelist" else set()  # a day agreed beforehand, not an end that came later
    kept = {n: None if n in ENDS and n not in agreed and v is not None and v > AS_OF else v for n, v in row.items()}
    if kept.get("ended_on") is None:
        kept.pop("end_kind", None)
    return kept


def _bank(rows: list[tuple[str, Row]]):
    owner = {
        "from_customer_id": "c1",
        "to_customer_id": "c2",
        "kind": "controller_of",
        "valid_from_on": date(2020, 1, 1),
        "origin": "party_relation",
    }
    numbers = range(1, N_CUSTOMERS + 1)
    fixed = {
        "customer": [person(i, party_kind="company" if i == 2 else "person") for i in numbers],
        "identity_link": [link(i) for i in numbers],
        "acquiring_merchant": [
            {"merchant_id": f"m{i}", "source": "core", "source_key": f"k{i}", "opened_on": date(2020, 1, 1)}
            for i in numbers
        ],
        "staff": [{"staff_id": "s", "org_id": "o", "role": "rm"}],
        "customer_relation": [owner],
    }
    accounts = [account(f"b{i}-{j}", i) for i in numbers for j in range(4)]
    accounts += [account(f"l{i}", i, kind="loan", product="M") for i in numbers]
    facts: dict[str, list[Row]] = {}
    keys: set[tuple[Any, ...]] = set()
    for table, row in rows:
        key = (table, *(row.get(n) for n in ("source_key", "account_id", "service", *STARTS)))
        if key not in keys:
            keys.add(key)
            facts.setdefault(table, []).append(row)
    return bank(fixed, *accounts, facts)


def _compare(seed: int, features: FeatureSet, *, is_past: bool = False) -> None:
    dice = random.Random(seed)
    rows = [r for who in range(1, N_CUSTOMERS + 1) for r in _rows(dice, who)]
    cut = [(t, known) for t, row in rows if (known := _known_on_the_day(t, row)) is not None]
    assert len(cut) < len(rows)
    whole, stopped = (profile(_bank(r), features=features, is_past=is_past) for r in (rows, cut))
    assert whole.keys() == stopped.keys()
    for customer, row in whole.items():
        assert row == stopped[customer]


@pytest.mark.slow
@pytest.mark.requirement("C1")
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_rows_after_the_day_change_nothing(seed: int) -> None:
    _compare(seed, only(*NAMES))


@pytest.mark.slow
@pytest.mark.requirement("C1")
@pytest.mark.parametrize("seed", [11, 12])
def test_no_standard_feature_sees_the_future(seed: int) -> None:
    _compare(seed, standard_features(), is_past=seed == 12)

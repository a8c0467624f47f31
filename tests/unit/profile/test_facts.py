"""Features of facts: windows, states as they looked on the day, look-ahead windows, relations."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from tests.unit.profile.bank import EARLY, account, balance, bank, link, person, profile, txn

pytestmark = pytest.mark.requirement("C1")


def contract(contract_id: str, matures: date, principal: float, **more):
    row = {
        "contract_id": contract_id,
        "account_id": "t",
        "product_id": "T",
        "principal_amount": principal,
        "annual_rate": 0.02,
    }
    return {**row, "started_on": date(2024, 1, 1), "matures_on": matures, "recorded_at": EARLY, **more}


def test_money_maturing_is_counted_from_tomorrow_to_the_thirtieth_day():
    tables = bank(
        {"customer": [person(1)]},
        account("t", 1, kind="term", product="T"),
        {
            "term_contract": [
                contract("today", date(2025, 6, 30), 1),
                contract("first", date(2025, 7, 1), 10, auto_renews=True, product_id="W"),
                contract("last", date(2025, 7, 30), 100, auto_renews=False),
                contract("late", date(2025, 7, 31), 1000),
                contract("broken", date(2025, 7, 5), 5, ended_on=date(2025, 3, 1), end_kind="broken"),
                contract("to_be_broken", date(2025, 7, 6), 7, ended_on=date(2025, 7, 2), end_kind="broken"),
            ]
        },
    )
    names = [
        "maturing_30d_amount",
        "n_maturing_30d",
        "maturing_30d_first_on",
        "maturing_30d_product_class",
        "maturing_30d_auto_renews",
    ]
    row = profile(tables, *names)["c1"]
    assert row["maturing_30d_amount"] == Decimal("117.00")  # what is broken after the day still runs on it
    assert (row["n_maturing_30d"], row["maturing_30d_first_on"]) == (3, date(2025, 7, 1))
    assert row["maturing_30d_product_class"] == "fixed_income"
    assert row["maturing_30d_auto_renews"] is False


def test_payroll_months_first_and_last_day():
    def wage(on: date, amount: float, purpose: str = "wage"):
        return {"payroll_item_id": f"{on}{amount}{purpose}", "account_id": "a", "on": on, "purpose": purpose, "amount": amount, "recorded_at": EARLY}  # fmt: skip

    wages = [wage(date(2025, m, 10), 6000) for m in (1, 2, 3, 5)] + [
        wage(date(2025, 6, 10), 400),
        wage(date(2025, 6, 12), 700),
    ]
    tables = bank({"customer": [person(1), person(2)]}, account("a", 1), {"payroll_item": [*wages, wage(date(2025, 4, 9), 9000, "bonus")]})  # fmt: skip
    rows = profile(tables, "payroll_first_on", "payroll_last_on", "n_payroll_months_3m", "n_payroll_months_6m_before", "has_payroll", "wage_mean_amount")  # fmt: skip
    row = rows["c1"]
    assert (row["payroll_first_on"], row["payroll_last_on"]) == (date(2025, 1, 10), date(2025, 6, 12))
    assert row["n_payroll_months_3m"] == 2  # May 6000, June 400 + 700, not April
    assert row["n_payroll_months_6m_before"] == 4
    assert row["wage_mean_amount"] == Decimal("4183.33")  # 25,100 / 6
    assert row["has_payroll"] is True
    assert (rows["c2"]["n_payroll_months_3m"], rows["c2"]["has_payroll"], rows["c2"]["payroll_last_on"]) == (
        0,
        False,
        None,
    )


def test_active_days_are_distinct_and_logins_are_events_of_the_linked_customer():
    def event(number: int, on: date, kind: str = "app_login", channel: str = "app", key: str = "k1"):
        return {"event_id": str(number), "source": "core", "source_key": key, "event_kind": kind, "channel": channel, "on": on,
                "at": datetime(on.year, on.month, on.day), "recorded_at": EARLY}  # fmt: skip

    days = [date(2025, 6, 1), date(2025, 6, 1), date(2025, 6, 30), date(2025, 5, 31)]
    events = [event(i, d) for i, d in enumerate(days)]
    events += [event(10, date(2025, 6, 30), "page_view"), event(11, date(2025, 6, 29), "counter_visit", "branch")]
    events += [event(12, date(2025, 6, 29), key="nobody")]
    tables = bank({"customer": [person(1), person(2)], "identity_link": [link(1), link(2)], "event": events})
    row = profile(tables, "n_active_days_30d", "n_logins_30d", "days_since_login", "n_contacts_180d", "n_branch_180d", "branch_share_rate")["c1"]  # fmt: skip
    assert (row["n_active_days_30d"], row["n_logins_30d"], row["days_since_login"]) == (2, 3, 0)
    assert (row["n_contacts_180d"], row["n_branch_180d"], row["branch_share_rate"]) == (5, 1, 0.2)


def test_the_largest_external_day_adds_up_a_day_and_names_its_day_and_counterparty():
    tables = bank(
        {"customer": [person(1), person(2)]},
        account("a", 1),
        {
            "transaction": [
                txn("a", date(2025, 6, 24), "in", 500, counterparty_kind="cash"),
                txn("a", date(2025, 6, 28), "in", 300, counterparty_kind="other_bank_self"),
                txn("a", date(2025, 6, 28), "in", 301, counterparty_kind="other_bank_self"),
                txn("a", date(2025, 6, 23), "in", 9000, counterparty_kind="cash"),
            ]
        },
    )
    names = ["largest_external_in_7d_amount", "largest_external_in_7d_on", "largest_external_in_7d_counterparty"]
    rows = profile(tables, *names)
    assert [rows["c1"][n] for n in names] == [Decimal("601.00"), date(2025, 6, 28), "other_bank_self"]
    assert [rows["c2"][n] for n in names] == [Decimal("0.00"), None, None]


def test_the_latest_risk_test_rules_and_expires_a_year_after_unless_the_source_says_otherwise():
    def assessed(on: date, grade: str, key: str = "k1", **more):
        return {
            "source": "core",
            "source_key": key,
            "risk_grade": grade,
            "assessed_on": on,
            "recorded_at": EARLY,
            **more,
        }

    tests = [assessed(date(2023, 1, 1), "C5"), assessed(date(2024, 9, 1), "C2"), assessed(date(2025, 7, 1), "C4")]
    tests.append(assessed(date(2025, 1, 1), "C3", "k2", expires_on=date(2025, 6, 1)))
    tables = bank(
        {"customer": [person(1), person(2), person(3)], "identity_link": [link(1), link(2)], "risk_assessment": tests}
    )
    rows = profile(tables, "risk_grade", "risk_expires_on")
    assert (rows["c1"]["risk_grade"], rows["c1"]["risk_expires_on"]) == ("C2", date(2025, 9, 1))
    assert (rows["c2"]["risk_grade"], rows["c2"]["risk_expires_on"]) == ("C3", date(2025, 6, 1))
    assert rows["c3"]["risk_grade"] is None


def test_a_limit_is_undrawn_when_nothing_or_a_tenth_is_used():
    def facility(name: str, key: str, *, is_revolving: bool, **more):
        row = {
            "facility_id": name,
            "source": "core",
            "source_key": key,
            "product_class": "consumer_loan",
            "limit_amount": 1000,
        }
        return {**row, "is_revolving": is_revolving, "approved_on": date(2025, 1, 1), "expires_on": date(2026, 1, 1), "status": "valid", "recorded_at": EARLY, **more}  # fmt: skip

    def loan(name: str, facility_id: str, account_id: str):
        return {"loan_id": name, "facility_id": facility_id, "account_id": account_id, "product_class": "consumer_loan", "principal_amount": 100,
                "drawn_on": date(2025, 2, 1), "recorded_at": EARLY}  # fmt: skip

    tables = bank(
        {"customer": [person(i) for i in (1, 2, 3)], "identity_link": [link(i) for i in (1, 2, 3)]},
        *(account(f"l{i}", i, kind="loan", product=None) for i in (1, 2)),
        {
            "credit_facility": [
                facility("revolving", "k1", is_revolving=True),
                facility("once", "k2", is_revolving=False),
                facility("fresh", "k3", is_revolving=False, approved_on=date(2025, 6, 15)),
                facility("old", "k3", is_revolving=False, expires_on=date(2025, 6, 29)),
            ],
            "loan": [loan("A", "revolving", "l1"), loan("B", "once", "l2")],
            "balance_daily": [balance("l1", date(2025, 2, 1), None, 100), balance("l2", date(2025, 2, 1), None, 100)],
        },
    )
    rows = profile(tables, "undrawn_aged_amount", "undrawn_limit_amount", "limit_amount")
    assert [rows[f"c{i}"]["undrawn_aged_amount"] for i in (1, 2, 3)] == [Decimal("1000.00"), Decimal(0), Decimal(0)]
    assert [rows[f"c{i}"]["undrawn_limit_amount"] for i in (1, 2, 3)] == [Decimal("900.00"), Decimal("900.00"), Decimal("1000.00")]  # fmt: skip


def test_a_company_sees_the_money_of_its_owner_and_the_owner_the_company():
    def relation(start: int, end: int, kind: str, **more):
        return {"from_customer_id": f"c{start}", "to_customer_id": f"c{end}", "kind": kind, "valid_from_on": date(2020, 1, 1), "origin": "party_relation", **more}  # fmt: skip

    tables = bank(
        {"customer": [person(1), person(2), person(3, party_kind="company"), person(4)]},
        account("a", 1),
        account("b", 2),
        account("s", 3, kind="settlement_basic", product=None),
        {
            "balance_daily": [
                balance("a", date(2025, 1, 1), None, 700),
                balance("b", date(2025, 1, 1), None, 900),
                balance("s", date(2025, 1, 1), None, 50),
            ],
            "customer_relation": [
                relation(1, 3, "legal_representative_of"),
                relation(1, 3, "controller_of"),
                relation(2, 3, "controller_of", valid_to_on=date(2025, 6, 29)),
                relation(4, 3, "employee_of"),
            ],
        },
    )
    rows = profile(tables, "owner_aum_mavg_amount", "n_owners_known", "n_companies_owned", "companies_deposit_mavg_amount", "n_companies_owned_banking")  # fmt: skip
    assert (rows["c3"]["owner_aum_mavg_amount"], rows["c3"]["n_owners_known"]) == (Decimal("700.00"), 1)
    assert (rows["c1"]["n_companies_owned"], rows["c1"]["companies_deposit_mavg_amount"]) == (1, Decimal("50.00"))
    assert rows["c1"]["n_companies_owned_banking"] == 1
    assert (rows["c4"]["owner_aum_mavg_amount"], rows["c4"]["n_companies_owned"]) == (None, 0)


@pytest.mark.requirement("I6")
def test_the_lead_of_the_day_is_the_one_who_led_on_it():
    def lead(who: int, staff: str, since: date, until: date | None = None, role: str = "lead"):
        return {
            "customer_id": f"c{who}",
            "role": role,
            "staff_id": staff,
            "org_id": f"unit of {staff}",
            "valid_from_on": since,
            "valid_to_on": until,
        }

    tables = bank(
        {"customer": [person(1), person(2)]},
        {
            "customer_assignment": [
                lead(1, "ann", date(2024, 1, 1), date(2025, 6, 29)), lead(1, "bo", date(2025, 6, 30)), lead(1, "cy", date(2025, 7, 1)),
                lead(2, "di", date(2024, 1, 1), role="pool"),
            ]
        },
    )  # fmt: skip
    rows = profile(tables, "managing_staff_id", "managing_org_id")
    assert (rows["c1"]["managing_staff_id"], rows["c1"]["managing_org_id"]) == ("bo", "unit of bo")
    assert rows["c2"]["managing_staff_id"] is None


def test_attributes_give_ages_in_full_years_and_months():
    tables = bank(
        {
            "customer": [
                person(1, birth_on=date(1990, 6, 30)),
                person(2, birth_on=date(1990, 7, 1), deceased_on=date(2025, 7, 2)),
                person(3, party_kind="company", founded_on=date(2024, 5, 31), since_on=date(2025, 6, 20)),
                person(4, since_on=date(2025, 7, 1)),
            ]
        }
    )
    rows = profile(tables, "age", "company_age_months", "tenure_days", "deceased_on")
    assert (rows["c1"]["age"], rows["c2"]["age"], rows["c3"]["age"]) == (35, 34, None)
    assert (rows["c3"]["company_age_months"], rows["c3"]["tenure_days"]) == (12, 10)
    assert rows["c2"]["deceased_on"] is None  # not known on the day
    assert "c4" not in rows  # not a customer yet


def test_repayments_due_are_the_unpaid_lines_of_running_loans_and_bullet_loans_at_their_end():
    def loan(loan_id: str, account_id: str, **more):
        return {"loan_id": loan_id, "account_id": account_id, "product_class": "mortgage", "principal_amount": 1000, "drawn_on": date(2025, 1, 1), "recorded_at": EARLY, **more}  # fmt: skip

    def line(loan_id: str, due: date, paid: date | None = None):
        return {"loan_id": loan_id, "due_on": due, "principal_due_amount": 100, "interest_due_amount": 5, "paid_on": paid, "recorded_at": datetime(due.year, due.month, due.day)}  # fmt: skip

    tables = bank(
        {"customer": [person(1), person(2), person(3)]},
        *(account(f"l{i}", i, kind="loan", product="M") for i in (1, 2, 3)),
        {
            "loan": [
                loan("A", "l1"),
                loan("B", "l2", due_on=date(2025, 7, 20)),
                loan("C", "l3", settled_on=date(2025, 6, 1)),
            ],
            "balance_daily": [balance("l2", date(2025, 1, 1), None, 700)],
            "repayment_plan": [
                line("A", date(2025, 6, 20), date(2025, 6, 20)),
                line("A", date(2025, 7, 20), date(2025, 7, 20)),  # paid after the day: still due on it
                line("A", date(2025, 8, 29)),
                line("A", date(2025, 8, 30)),
                line("C", date(2025, 7, 20)),
            ],
        },
    )
    names = ["loan_due_60d_amount", "loan_due_60d_first_on", "loan_due_30d_amount"]
    rows = profile(tables, *names)
    assert [rows["c1"][n] for n in names] == [Decimal("200.00"), date(2025, 7, 20), Decimal("105.00")]
    assert [rows["c2"][n] for n in names] == [Decimal("700.00"), date(2025, 7, 20), Decimal("700.00")]
    assert [rows["c3"][n] for n in names] == [Decimal(0), None, Decimal(0)]


def test_each_owner_of_a_joint_contract_is_judged_by_what_that_owner_did():
    joint = account("t", 1, kind="term", product="T")
    joint["customer_account"].append({"customer_id": "c2", "account_id": "t", "role": "joint_owner", "share_rate": 0.0})
    ended = date(2025, 6, 10)
    tables = bank(
        {"customer": [person(1), person(2)]},
        joint,
        account("d", 2),
        {
            "term_contract": [
                contract("old", date(2025, 12, 1), 50_000, ended_on=ended, end_kind="broken"),
                contract("new", date(2026, 6, 12), 20_000, started_on=date(2025, 6, 12)),
            ],
            "transaction": [txn("d", date(2025, 6, 11), "out", 30_000, counterparty_kind="other_bank_self")],
        },
    )
    names = ["n_broken_12m", "n_broken_redeposited_12m", "n_moved_for_rate_12m"]
    rows = profile(tables, *names)
    assert [rows["c1"][n] for n in names] == [1, 1, 0]
    assert [rows["c2"][n] for n in names] == [1, 1, 1]


def test_how_things_stand_now_is_not_shown_for_a_past_day():
    """Arrears and the status of an application are overwritten in place: what they were on an earlier day is not known."""
    tables = bank(
        {
            "customer": [person(1, district="379901", birth_on=date(1990, 1, 1)), person(2)],
            "identity_link": [link(1), link(2)],
            "loan_application": [
                {"application_id": "a", "source": "core", "source_key": "k1", "product_class": "mortgage", "applied_on": date(2025, 6, 25),
                 "status": "started", "recorded_at": EARLY}
            ],
        },
        account("l", 1, kind="loan", product="M"),
        {
            "loan": [
                {"loan_id": "L", "account_id": "l", "product_class": "mortgage", "principal_amount": 100, "drawn_on": date(2024, 1, 1),
                 "five_class": "substandard", "arrears_days": 70, "arrears_days_24m": 80, "recorded_at": EARLY}
            ]
        },
    )  # fmt: skip
    names = (
        "arrears_days",
        "arrears_days_24m",
        "five_class_worst",
        "n_unfinished_application_7d",
        "n_applications_14d",
        "n_loans_ever",
        "district",
        "age",
    )
    shown = profile(tables, *names)["c1"]
    assert [shown[n] for n in names] == [70, 80, "substandard", 1, 1, 1, "379901", 35]
    past = profile(tables, *names, is_past=True)
    assert [past["c1"][n] for n in names] == [None, None, None, None, 1, 1, None, 35]
    assert past["c2"]["arrears_days"] is None  # not 0: who was in arrears on that day is not known of anybody


def test_a_customer_who_is_owner_and_joint_owner_is_counted_once():
    own = account("a", 1)
    own["customer_account"] = [
        {"customer_id": "c1", "account_id": "a", "role": role, "share_rate": 0.5} for role in ("owner", "joint_owner")
    ]
    moves = [txn("a", date(2025, 6, 3), "out", 70, is_initiated=True)]
    rows = [balance("a", date(2025, 1, 1), None, 1_000)]
    tables = bank({"customer": [person(1)]}, own, {"transaction": moves, "balance_daily": rows})
    row = profile(tables, "n_initiated_30d", "outflow_30d_amount", "demand_amount")["c1"]
    assert (row["n_initiated_30d"], row["outflow_30d_amount"], row["demand_amount"]) == (1, Decimal(70), Decimal(1_000))

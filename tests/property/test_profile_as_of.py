"""No look-ahead: whatever happens or is recorded after a day, the profile of that day stays what it was."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.profile.bank import account, bank, link, only, person, profile

AS_OF = date(2025, 6, 30)
NAMES = (
    "aum_point_amount", "aum_mavg_amount", "aum_mtd_amount", "demand_minimum_30d_amount", "external_net_inflow_30d_amount", "n_initiated_90d",
    "n_logins_30d", "n_active_days_30d", "maturing_30d_amount", "maturing_30d_first_on", "n_running_contracts", "n_broken_12m",
    "matured_kept_rate", "payroll_last_on", "retention_d7_rate", "risk_grade", "has_quick_pay", "owner_aum_mavg_amount", "arrears_days",
    "loan_balance_amount", "contacts_marketing_60d", "limit_amount", "loan_due_60d_amount", "has_wecom",
)  # fmt: skip
FEATURES = only(*NAMES)
days = st.integers(-150, 60).map(lambda n: AS_OF + timedelta(days=n))
lateness = st.sampled_from([0, 0, 0, 1, 20, 90])
money = st.integers(0, 10_000_00).map(lambda c: Decimal(c) / 100)


def _late(on: date, late: int) -> datetime:
    return datetime(on.year, on.month, on.day, 12) + timedelta(days=late)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, dict]]:
    """Rows of several fact tables, some dated or recorded after the day, some ending after it."""
    rows: list[tuple[str, dict]] = []
    for number in range(draw(st.integers(1, 14))):
        on, late, amount = draw(days), draw(lateness), draw(money)
        until = draw(st.one_of(st.none(), st.integers(0, 90).map(lambda n, on=on: on + timedelta(days=n))))
        known = {"recorded_at": _late(on, late)}
        of = {"source": "core", "source_key": f"k{draw(st.integers(1, 2))}"}
        made = draw(
            st.sampled_from(
                ["balance", "txn", "event", "contract", "wage", "test", "signing", "contact", "loan", "limit", "wecom"]
            )
        )
        if made == "balance":
            rows.append(
                (
                    "balance_daily",
                    {"account_id": f"b{number}", "on": on, "until_on": until, "balance_amount": amount, **known},
                )
            )
        elif made == "txn":
            way = draw(st.sampled_from(["in", "out"]))
            rows.append(
                (
                    "transaction",
                    {
                        "txn_id": f"x{number}",
                        "account_id": "a1",
                        "on": on,
                        "direction": way,
                        "amount": amount,
                        "txn_kind": f"transfer_{way}",
                        "counterparty_kind": "other_bank_self",
                        **known,
                    },
                )
            )
        elif made == "event":
            rows.append(
                (
                    "event",
                    {
                        "event_id": f"e{number}",
                        **of,
                        "event_kind": "app_login",
                        "channel": "app",
                        "on": on,
                        "at": _late(on, 0),
                        **known,
                    },
                )
            )
        elif made == "contract":
            end = {"ended_on": until, "end_kind": draw(st.sampled_from(["matured", "broken"]))} if until else {}
            rows.append(
                (
                    "term_contract",
                    {
                        "contract_id": f"t{number}",
                        "account_id": "a1",
                        "product_id": "T",
                        "principal_amount": amount,
                        "started_on": on,
                        "matures_on": on + timedelta(days=60),
                        **end,
                        **known,
                    },
                )
            )
        elif made == "wage":
            rows.append(
                (
                    "payroll_item",
                    {
                        "payroll_item_id": f"p{number}",
                        "account_id": "a1",
                        "on": on,
                        "purpose": "wage",
                        "amount": amount,
                        **known,
                    },
                )
            )
        elif made == "test":
            rows.append(
                (
                    "risk_assessment",
                    {**of, "risk_grade": draw(st.sampled_from(["C1", "C5"])), "assessed_on": on, **known},
                )
            )
        elif made == "signing":
            rows.append(("signing", {**of, "service": "quick_pay", "signed_on": on, "ended_on": until, **known}))
        elif made == "contact":
            rows.append(
                (
                    "contact_history",
                    {
                        "contact_id": f"c{number}",
                        **of,
                        "channel": "sms",
                        "purpose": "marketing",
                        "on": on,
                        "answer": "none",
                        **known,
                    },
                )
            )
        elif made == "loan":
            rows.append(
                (
                    "loan",
                    {
                        "loan_id": f"l{number}",
                        "account_id": "l1",
                        "product_class": "mortgage",
                        "principal_amount": amount,
                        "drawn_on": on,
                        "due_on": on + timedelta(days=90),
                        "settled_on": until,
                        "arrears_days": 3,
                        "five_class": "normal",
                        **known,
                    },
                )
            )
        elif made == "limit":
            rows.append(
                (
                    "credit_facility",
                    {
                        "facility_id": f"f{number}",
                        **of,
                        "product_class": "mortgage",
                        "limit_amount": amount,
                        "approved_on": on,
                        "expires_on": on + timedelta(days=120),
                        **known,
                    },
                )
            )
        else:
            rows.append(("wecom_contact", {**of, "staff_id": "s", "added_on": on, "deleted_on": until, **known}))
    return rows  # fmt: skip


ENDS = ("until_on", "ended_on", "settled_on", "deleted_on")
STARTS = ("on", "started_on", "assessed_on", "signed_on", "drawn_on", "approved_on", "added_on")


def _known_on_the_day(table: str, row: dict) -> dict | None:
    """The row as a bank that stopped on the day would have it: None when it was not there yet, later ends cut off."""
    if next(row[n] for n in STARTS if n in row) > AS_OF or row["recorded_at"] > datetime(2025, 6, 30, 16):
        return None
    kept = {n: None if n in ENDS and v is not None and v > AS_OF else v for n, v in row.items()}
    if kept.get("ended_on") is None:
        kept.pop("end_kind", None)
    return kept


def _bank(rows: list[tuple[str, dict]]):
    fixed = {
        "customer": [person(1), person(2), person(3, party_kind="company")], "identity_link": [link(1), link(2)], "staff": [{"staff_id": "s", "org_id": "o", "role": "rm"}],
        "customer_relation": [{"from_customer_id": "c1", "to_customer_id": "c3", "kind": "controller_of", "valid_from_on": date(2020, 1, 1), "origin": "party_relation"}],
    }  # fmt: skip
    accounts = [account("a1", 1), account("l1", 2, kind="loan", product="M"), *(account(f"b{i}", 1) for i in range(14))]
    facts: dict[str, list[dict]] = {}
    for table, row in rows:
        facts.setdefault(table, []).append(row)
    return bank(fixed, *accounts, facts)


@pytest.mark.requirement("C1")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(histories())
def test_rows_after_the_day_change_nothing(rows: list[tuple[str, dict]]) -> None:
    cut = [(t, known) for t, row in rows if (known := _known_on_the_day(t, row)) is not None]
    assert profile(_bank(rows), features=FEATURES) == profile(_bank(cut), features=FEATURES)

"""Who looks after a customer as of a day, and the four units that it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from tests.unit.identity.conftest import DAY, Row, Tables
from tests.unit.identity.test_organisation import unit

Run = Callable[..., Tables]
LONG_AGO = date(2020, 1, 1)


def link(source: str, source_key: str, customer: str, place: int = 0) -> Row:
    return {
        "source": source, "source_key": source_key, "customer_id": customer, "customer_no": 1, "linked_by": "single", "version_on": LONG_AGO,
        "source_place": place, "trust_rank": 0, "recency_rank": 0, "has_valid_document": False,
    }  # fmt: skip


LINKS = [link("core", "1", "c1"), link("core", "1b", "c1"), link("crm", "x", "c1", 1), link("core", "2", "c2")]
STAFF = [
    {"staff_id": "ann", "org_id": "new", "role": "rm"}, {"staff_id": "bo", "org_id": "old", "role": "rm"},
    {"staff_id": "cy", "org_id": "new", "role": "rm", "left_on": date(2025, 2, 1)}, {"staff_id": "di", "org_id": "ghost", "role": "rm"},
]  # fmt: skip
UNITS = [unit("old", "new", until=date(2024, 6, 30)), unit("new")]


def stated(
    staff: str,
    role: str = "lead",
    *,
    key: str = "1",
    source: str = "core",
    since: date = LONG_AGO,
    until: date | None = None,
    **more: Any,
) -> Row:
    return {
        "source": source,
        "source_key": key,
        "staff_id": staff,
        "role": role,
        "valid_from_on": since,
        "valid_to_on": until,
        **more,
    }


def assigned(run: Run, *rows: Row, as_of: date = DAY) -> list[Row]:
    units = run("identity:organisation", {"org_unit": UNITS}, as_of=as_of)["org_succession"]
    tables = {"manager_assignment": rows, "staff": STAFF, "identity_link": LINKS, "org_succession": units}
    found = run("identity:assignments", tables, as_of=as_of)["customer_assignment"]
    return sorted(found, key=lambda r: (r["customer_id"], r["role"], r["valid_from_on"], r["staff_id"]))


def leads(run: Run, *rows: Row, as_of: date = DAY) -> list[tuple[object, ...]]:
    return [
        (r["staff_id"], r["valid_from_on"], r["valid_to_on"]) for r in assigned(run, *rows, as_of=as_of) if r["role"] == "lead"
    ]  # fmt: skip


@pytest.mark.requirement("I6")
def test_lead_share_and_pool_are_said_of_customers_with_the_unit_that_answers_today(run: Run) -> None:
    found = assigned(
        run, stated("bo", share_rate=0.7), stated("ann", "share", share_rate=0.3), stated("ann", "pool", key="2"), stated("di", key="2"),
        stated("bo", key="77"),
    )  # fmt: skip
    assert [(r["customer_id"], r["role"], r["staff_id"], r["org_id"], r["share_rate"]) for r in found] == [
        ("c1", "lead", "bo", "new", 0.7), ("c1", "share", "ann", "new", 0.3), ("c2", "lead", "di", "ghost", None), ("c2", "pool", "ann", "new", None),
    ]  # fmt: skip


@pytest.mark.requirement("I6")
def test_where_records_of_one_customer_disagree_the_trusted_source_leads_and_the_days_are_contested(run: Run) -> None:
    found = assigned(
        run,
        stated("ann", since=date(2024, 1, 1), until=date(2024, 12, 31)),
        stated("bo", key="x", source="crm", since=date(2024, 7, 1)),
    )
    assert [(r["staff_id"], r["valid_from_on"], r["valid_to_on"], r["is_contested"]) for r in found] == [
        ("ann", date(2024, 1, 1), date(2024, 12, 31), True),
        ("bo", date(2025, 1, 1), None, False),
    ]


def test_within_one_source_what_began_last_counts_and_the_former_goes_on_after_it(run: Run) -> None:
    rows = stated("ann"), stated("bo", key="1b", since=date(2024, 1, 1), until=date(2024, 3, 31))
    assert leads(run, *rows) == [
        ("ann", LONG_AGO, date(2023, 12, 31)), ("bo", date(2024, 1, 1), date(2024, 3, 31)), ("ann", date(2024, 4, 1), None)
    ]  # fmt: skip


def test_the_same_lead_by_two_records_is_one(run: Run) -> None:
    rows = stated("ann", until=date(2024, 5, 31)), stated("ann", key="1b", since=date(2024, 3, 1))
    assert leads(run, *rows) == [("ann", LONG_AGO, None)]
    assert not assigned(run, *rows)[0]["is_contested"]


@pytest.mark.requirement("I6")
def test_a_transfer_counts_from_its_approval_and_the_former_lead_goes_on_until_then(run: Run) -> None:
    former = stated("ann", until=date(2025, 1, 31))
    transfer = stated("bo", since=date(2025, 2, 1), approval="approved", approved_on=date(2025, 2, 10))
    assert leads(run, former, transfer) == [("ann", LONG_AGO, date(2025, 2, 9)), ("bo", date(2025, 2, 10), None)]
    assert leads(run, former, transfer, as_of=date(2025, 2, 5)) == [("ann", LONG_AGO, None)]


@pytest.mark.requirement("I6")
@pytest.mark.parametrize(("approval", "awaits"), [("pending", True), ("rejected", False)])
def test_a_transfer_that_is_not_approved_moves_nobody(run: Run, approval: str, awaits: bool) -> None:
    former, transfer = stated("ann", until=date(2025, 1, 31)), stated("bo", since=date(2025, 2, 1), approval=approval)
    (lead,) = assigned(run, former, transfer)
    assert (lead["staff_id"], lead["valid_to_on"], lead["awaits_transfer"]) == ("ann", None, awaits)
    ended = stated("ann", until=date(2025, 1, 30))  # not ended for the transfer
    assert leads(run, ended, transfer) == [("ann", LONG_AGO, date(2025, 1, 30))]


def test_an_approval_before_the_transfer_does_not_bring_it_forward(run: Run) -> None:
    transfer = stated("bo", since=date(2025, 2, 1), approval="approved", approved_on=date(2025, 1, 10))
    assert leads(run, transfer) == [("bo", date(2025, 2, 1), None)]


def test_nobody_leads_beyond_the_last_day_in_post(run: Run) -> None:
    assert leads(run, stated("cy")) == [("cy", LONG_AGO, date(2025, 1, 31))]
    assert leads(run, stated("cy", since=date(2025, 2, 1))) == []
    assert leads(run, stated("cy"), stated("ann", key="1b", since=date(2019, 1, 1))) == [
        ("ann", date(2019, 1, 1), date(2019, 12, 31)), ("cy", LONG_AGO, date(2025, 1, 31)), ("ann", date(2025, 2, 1), None)
    ]  # fmt: skip


def test_what_begins_later_is_not_there_yet(run: Run) -> None:
    assert assigned(run, stated("ann", since=DAY + timedelta(days=1))) == []


_days = st.integers(0, 12)
_rows = st.lists(
    st.tuples(st.sampled_from(["ann", "bo", "di"]), st.sampled_from(["1", "1b", "x"]), _days, st.none() | _days),
    min_size=1,
    max_size=5,
)


@pytest.mark.slow
@pytest.mark.requirement("I6")
@given(drawn=_rows)
@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_on_every_day_at_most_one_leads_the_one_who_ranks_first(
    run: Run, drawn: list[tuple[str, str, int, int | None]]
) -> None:
    start = DAY - timedelta(days=20)
    rows = {
        (s, k, a): stated(
            s, key=k, source="crm" if k == "x" else "core", since=start + timedelta(days=a), until=None if b is None else start + timedelta(days=b)
        )
        for s, k, a, b in drawn
    }.values()  # fmt: skip
    found = leads(run, *rows)
    for day in (start + timedelta(days=i) for i in range(20)):
        claims = [
            r for r in rows if r["valid_from_on"] <= day and (r["valid_to_on"] is None or r["valid_to_on"] >= day)
        ]
        claims.sort(key=lambda r: (r["source"] == "crm", -r["valid_from_on"].toordinal(), r["staff_id"]))
        told = [staff for staff, first, last in found if first <= day and (last is None or last >= day)]
        assert told == [r["staff_id"] for r in claims[:1]]


# ---- units -----------------------------------------------------------------------------------------------------------


def account(account_id: str, org_id: str | None, opened: date, **more: Any) -> Row:
    return {
        "account_id": account_id, "account_kind": "demand", "org_id": org_id, "opened_on": opened, "recorded_at": datetime(2021, 1, 1), **more
    }  # fmt: skip


def belongs(run: Run, **given: list[Row]) -> dict[str, Row]:
    units = run("identity:organisation", {"org_unit": UNITS})["org_succession"]
    customers = [{"customer_id": f"c{i}", "customer_no": i, "party_kind": "person", "n_records": 1} for i in (1, 2)]
    tables: dict[str, list[Row]] = {
        "party_branch": [],
        "account": [],
        "customer_account": [],
        "customer_assignment": [],
        **given,
    }
    rows = run("identity:branches", {**tables, "identity_link": LINKS, "customer": customers, "org_succession": units})
    return {r["customer_id"]: r for r in rows["customer_branch"]}


def owned(account_id: str, role: str = "owner") -> Row:
    return {"customer_id": "c1", "account_id": account_id, "role": role, "share_rate": 1}


@pytest.mark.requirement("I6")
def test_units_are_derived_where_no_source_declares_them_and_history_keeps_the_merged_one(run: Run) -> None:
    lead = {
        "customer_id": "c1", "role": "lead", "staff_id": "ann", "org_id": "new", "valid_from_on": LONG_AGO, "is_contested": False,
        "awaits_transfer": False,
    }  # fmt: skip
    accounts = [
        account("a", "old", date(2019, 1, 1)),
        account("b", "new", date(2020, 1, 1)),
        account("d", "ghost", date(2018, 1, 1)),
    ]
    found = belongs(
        run,
        account=accounts,
        customer_account=[owned("a"), owned("b"), owned("d", "disponent")],
        customer_assignment=[lead],
    )
    assert {n: found["c1"][n] for n in found["c1"] if n.startswith(("opening", "managing"))} == {
        "opening_org_id": "old", "opening_scope_id": "new", "opening_basis": "first_account",
        "managing_org_id": "new", "managing_scope_id": "new", "managing_basis": "lead",
    }  # fmt: skip
    assert (found["c1"]["marketing_org_id"], found["c1"]["marketing_basis"]) == ("old", "opening")
    assert (found["c1"]["assessed_org_id"], found["c1"]["assessed_basis"]) == ("new", "managing")
    assert {v for k, v in found["c2"].items() if k != "customer_id"} == {None}


@pytest.mark.requirement("I6")
def test_what_a_source_declares_for_the_day_counts(run: Run) -> None:
    def says(role: str, org: str, since: date = LONG_AGO, until: date | None = None, **more: Any) -> Row:
        return {
            "source": "core",
            "source_key": "1",
            "branch_role": role,
            "org_id": org,
            "valid_from_on": since,
            "valid_to_on": until,
            **more,
        }

    declared = [
        says("marketing", "old"), says("assessed", "gone", until=date(2025, 2, 28)), says("assessed", "old", since=date(2025, 3, 1)),
        says("opening", "ghost", source="crm", source_key="x"), says("opening", "old", since=date(2019, 1, 1)), says("managing", "late", since=date(2025, 3, 2)),
    ]  # fmt: skip
    found = belongs(run, party_branch=declared, account=[account("a", "new", LONG_AGO)], customer_account=[owned("a")])[
        "c1"
    ]
    assert [(found[f"{r}_org_id"], found[f"{r}_scope_id"], found[f"{r}_basis"]) for r in ("opening", "managing", "marketing", "assessed")] == [
        ("old", "new", "declared"), ("old", "new", "opening"), ("old", "new", "declared"), ("old", "new", "declared"),
    ]  # fmt: skip

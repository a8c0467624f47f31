"""Which value survives, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import ibis
import pytest

from tests.unit.identity.conftest import CONTRACTS, DAY, ID_ZHANG, Row, Tables, party
from zhike.identity import IdentitySettings, explain_field
from zhike.kernel.errors import NotFound
from zhike.warehouse.testing import rows_table

Run = Callable[..., Tables]
NEW = {"valid_from_on": date(2025, 2, 10), "recorded_at": datetime(2025, 2, 10, 20)}
TRUSTED = IdentitySettings(source_priority=("core", "card"))


def linked(rows: list[Row]) -> list[Row]:
    keys = sorted({(r["source"], r["source_key"]) for r in rows})
    return [
        {"source": s, "source_key": k, "customer_id": "c1", "customer_no": 1, "linked_by": "id_number"} for s, k in keys
    ]


def customer(run: Run, rows: list[Row]) -> Row:
    [found] = run("identity:customer", {"source_party": rows, "identity_link": linked(rows)}, settings=TRUSTED)[
        "customer"
    ]
    return found


def origin(rows: list[Row], field: str) -> list[tuple[Any, ...]]:
    tables = [
        ibis.memtable(rows_table(CONTRACTS[t], r)) for t, r in (("source_party", rows), ("identity_link", linked(rows)))
    ]
    found = explain_field(
        *tables, customer_id="c1", field=field, as_of=TRUSTED.as_of(DAY), source_priority=("core", "card")
    )
    return [(o.value, o.source, o.rule) for o in found]


@pytest.mark.requirement("B3")
def test_most_fields_follow_the_trusted_source_and_contact_details_the_newest_record(run: Run) -> None:
    rows = [
        party("core", "1", name="张伟", mobile="13900000001", industry="I"),
        party("card", "2", name="张玮", mobile="13900000002", education="bachelor", **NEW), party("app", "3", mobile=None, **NEW),
    ]  # fmt: skip
    found = customer(run, rows)
    assert (found["name"], found["mobile"], found["education"], found["n_records"]) == (
        "张伟",
        "13900000002",
        "bachelor",
        3,
    )
    assert origin(rows, "name") == [("张伟", "core", "trusted_source"), ("张玮", "card", "trusted_source")]
    assert origin(rows, "mobile")[0] == ("13900000002", "card", "most_recent")
    assert origin(rows, "education") == [("bachelor", "card", "trusted_source")]


@pytest.mark.requirement("B3")
def test_every_field_of_the_golden_record_is_the_first_that_its_explanation_names(run: Run) -> None:
    rows = [
        party("core", "1", name="张伟", sex="male", id_number="110105", birth_on=date(1980, 1, 1), is_staff=False, registered_on=date(2020, 5, 1), district="110105"),
        party("card", "2", id_number=ID_ZHANG, sex="male", is_staff=True, registered_on=date(2019, 1, 1), annual_income_amount=1000, **NEW),
        party("zzz", "3", deceased_on=date(2025, 1, 1), annual_income_amount=500, district="310101", **NEW),
    ]  # fmt: skip
    found = customer(run, rows)
    for field in (
        "name",
        "sex",
        "id_number",
        "birth_on",
        "is_staff",
        "registered_on",
        "district",
        "annual_income_amount",
        "deceased_on",
    ):
        assert origin(rows, field)[0][0] == found[field], field
    assert (found["id_number"], found["birth_on"], found["sex"]) == (ID_ZHANG, date(1949, 12, 31), "female")
    assert (found["is_staff"], found["since_on"], found["deceased_on"]) == (True, date(2019, 1, 1), date(2025, 1, 1))


def test_a_customer_is_a_company_when_any_record_is_and_a_sole_trader_before_a_person(run: Run) -> None:
    assert (
        customer(run, [party("core", "1"), party("erp", "2", party_kind="sole_trader")])["party_kind"] == "sole_trader"
    )


def test_a_field_without_any_value_and_an_unknown_field_are_not_found() -> None:
    with pytest.raises(NotFound, match="identity.field_missing"):
        origin([party("core", "1")], "email")
    with pytest.raises(NotFound, match="identity.field_unknown"):
        origin([party("core", "1")], "shoe_size")

"""Which value survives, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import ibis
import pytest

from tests.unit.identity.conftest import CONTRACTS, ID_ZHANG, Row, Tables, party
from zhike.identity import Action, IdentitySettings, Override, RecordKey, explain_field
from zhike.kernel.errors import NotFound
from zhike.warehouse.testing import rows_table

Run = Link = Callable[..., Tables]
NEW = {"valid_from_on": date(2025, 2, 10), "recorded_at": datetime(2025, 2, 10, 20)}
TRUSTED = IdentitySettings(source_priority=("core", "card"))


@pytest.fixture
def linked(link: Link) -> Callable[[list[Row]], list[Row]]:
    """Return a function that links records as one customer by an officer's word; the same records once."""
    done: dict[str, list[Row]] = {}

    def work(rows: list[Row]) -> list[Row]:
        if repr(rows) not in done:
            done[repr(rows)] = once(rows)
        return done[repr(rows)]

    def once(rows: list[Row]) -> list[Row]:
        keys = sorted({RecordKey(r["source"], r["source_key"]) for r in rows})
        merges = [Override(k.source_key, Action.MERGE, keys[0], k, "同一人") for k in keys[1:]]
        links = link(rows, overrides=merges, settings=TRUSTED)["identity_link"]
        assert len({r["customer_id"] for r in links}) == 1
        return links

    return work


@pytest.fixture
def customer(run: Run, linked: Callable[[list[Row]], list[Row]]) -> Callable[[list[Row]], Row]:
    def work(rows: list[Row]) -> Row:
        [found] = run("identity:customer", {"source_party": rows, "identity_link": linked(rows)}, settings=TRUSTED)[
            "customer"
        ]
        return found

    return work


@pytest.fixture
def origin(linked: Callable[[list[Row]], list[Row]]) -> Callable[[list[Row], str], list[tuple[Any, ...]]]:
    def work(rows: list[Row], field: str) -> list[tuple[Any, ...]]:
        links = linked(rows)
        tables = [
            ibis.memtable(rows_table(CONTRACTS[t], r)) for t, r in (("source_party", rows), ("identity_link", links))
        ]
        found = explain_field(*tables, customer_id=links[0]["customer_id"], field=field)
        return [(o.value, o.source, o.rule) for o in found]

    return work


Customer = Callable[[list[Row]], Row]
Origin = Callable[[list[Row], str], list[tuple[Any, ...]]]


@pytest.mark.requirement("B3")
def test_most_fields_follow_the_trusted_source_and_contact_details_the_newest_record(
    customer: Customer, origin: Origin
) -> None:
    rows = [
        party("core", "1", name="张伟", mobile="13900000001", industry="I"),
        party("card", "2", name="张玮", mobile="13900000002", education="bachelor", **NEW), party("app", "3", mobile=None, **NEW),
    ]  # fmt: skip
    found = customer(rows)
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
def test_every_field_of_the_golden_record_is_the_first_that_its_explanation_names(
    customer: Customer, origin: Origin
) -> None:
    rows = [
        party("core", "1", name="张伟", sex="male", id_number="110105", birth_on=date(1980, 1, 1), is_staff=False, registered_on=date(2020, 5, 1), district="110105"),
        party("card", "2", id_number=ID_ZHANG, sex="male", is_staff=True, registered_on=date(2019, 1, 1), annual_income_amount=1000, **NEW),
        party("zzz", "3", deceased_on=date(2025, 1, 1), annual_income_amount=500, district="310101", **NEW),
    ]  # fmt: skip
    found = customer(rows)
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


def test_a_customer_is_a_company_when_any_record_is_and_a_sole_trader_before_a_person(
    customer: Customer, origin: Origin
) -> None:
    assert customer([party("core", "1"), party("erp", "2", party_kind="sole_trader")])["party_kind"] == "sole_trader"


def test_a_field_without_any_value_and_an_unknown_field_are_not_found(origin: Origin) -> None:
    with pytest.raises(NotFound, match="identity.field_missing"):
        origin([party("core", "1")], "email")
    with pytest.raises(NotFound, match="identity.field_unknown"):
        origin([party("core", "1")], "shoe_size")

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
def linked(link: Link) -> Callable[[list[Row]], Tables]:
    """Return a function that links records as one customer by an officer's word; the same records once."""
    done: dict[str, Tables] = {}

    def work(rows: list[Row]) -> Tables:
        if repr(rows) not in done:
            done[repr(rows)] = once(rows)
        return done[repr(rows)]

    def once(rows: list[Row]) -> Tables:
        keys = sorted({RecordKey(r["source"], r["source_key"]) for r in rows})
        merges = [Override(k.source_key, Action.MERGE, keys[0], k, "同一人") for k in keys[1:]]
        tables = link(rows, overrides=merges, settings=TRUSTED)
        assert len({r["customer_id"] for r in tables["identity_link"]}) == 1
        return {n: tables[n] for n in ("identity_link", "identity_flaw")}

    return work


@pytest.fixture
def customer(run: Run, linked: Callable[[list[Row]], Tables]) -> Callable[[list[Row]], Row]:
    def work(rows: list[Row]) -> Row:
        [found] = run("identity:customer", {"source_party": rows, **linked(rows)}, settings=TRUSTED)["customer"]
        return found

    return work


@pytest.fixture
def origin(linked: Callable[[list[Row]], Tables]) -> Callable[[list[Row], str], list[tuple[Any, ...]]]:
    def work(rows: list[Row], field: str) -> list[tuple[Any, ...]]:
        made = linked(rows)
        tables = [ibis.memtable(rows_table(CONTRACTS[t], r)) for t, r in ({"source_party": rows} | made).items()]
        found = explain_field(*tables, customer_id=made["identity_link"][0]["customer_id"], field=field)
        return [(o.value, o.source, o.rule) for o in found]

    return work


Customer = Callable[[list[Row]], Row]
Origin = Callable[[list[Row], str], list[tuple[Any, ...]]]


@pytest.mark.requirement("B3")
@pytest.mark.parametrize(
    ("written", "survives"),
    [
        ("13900000001", "13900000001"), ("+86 139 0000 0001", "13900000001"), ("+8613900000001", "13900000001"), ("0086-139-0000-0001", "13900000001"),
        ("(86)13900000001", "13900000001"), (" 139 0000 0001 ", "13900000001"), ("+852 9123 4567", "+852 9123 4567"), ("010-84512345", "010-84512345"),
    ],
)  # fmt: skip
def test_a_mainland_mobile_survives_as_its_eleven_digits_however_it_was_written(
    customer: Customer, written: str, survives: str
) -> None:
    assert customer([party("core", "1", name="张伟", mobile=written)])["mobile"] == survives


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
    assert origin(rows, "education") == [("bachelor", "card", "only_value")]


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


@pytest.mark.requirement("B3")
def test_what_two_sources_agree_on_beats_a_single_newer_one_where_the_field_says_so(
    customer: Customer, origin: Origin
) -> None:
    rows = [
        party("web", "1", district="110105", marital_status="single"), party("card", "2", district="110105", marital_status="single"),
        party("app", "3", district="310101", marital_status="married", **NEW),
    ]  # fmt: skip
    found = customer(rows)
    assert (found["district"], found["marital_status"]) == ("110105", "married")
    assert [(value, rule) for value, _, rule in origin(rows, "district")] == [
        ("110105", "agreement"), ("110105", "same_value"), ("310101", "agreement"),
    ]  # fmt: skip
    assert [rule for _, _, rule in origin(rows, "marital_status")] == ["most_recent"] * 3


def test_one_source_that_says_a_thing_twice_does_not_agree_with_itself(customer: Customer, origin: Origin) -> None:
    rows = [party("web", "1", district="110105"), party("web", "2", district="110105"), party("app", "3", district="310101", **NEW)]  # fmt: skip
    assert customer(rows)["district"] == "310101"
    assert [rule for _, _, rule in origin(rows, "district")] == ["most_recent"] * 3


@pytest.mark.requirement("B3")
def test_a_doubtful_value_survives_only_where_no_valid_one_is_and_a_filler_never(
    customer: Customer, origin: Origin
) -> None:
    rows = [
        party("core", "1", name="王先生", mobile="010-84512345", birth_on=date(1900, 1, 1)),
        party("zzz", "2", name="王小明", mobile="13900000001", birth_on=date(1980, 5, 6)), party("zzz", "3", mobile="13800000000", **NEW),
    ]  # fmt: skip
    found = customer(rows)
    assert (found["name"], found["mobile"], found["birth_on"]) == ("王小明", "13900000001", date(1980, 5, 6))
    assert origin(rows, "mobile") == [("13900000001", "zzz", "valid"), ("010-84512345", "core", "valid")]
    alone = customer([party("core", "1", name="王先生", mobile="13800000000", email="test@test.com")])
    assert (alone["name"], alone["mobile"], alone["email"]) == ("王先生", None, None)


def test_a_document_survives_with_its_own_kind_and_day_of_expiry(customer: Customer, origin: Origin) -> None:
    rows = [
        party("core", "1", id_type="passport", id_number="E12345678", id_expires_on=date(2031, 1, 1)),
        party("web", "2", id_number=ID_ZHANG), party("app", "3", id_type="other"),
    ]  # fmt: skip
    found = customer(rows)
    assert (found["id_number"], found["id_type"], found["id_expires_on"]) == (ID_ZHANG, None, None)
    with pytest.raises(NotFound, match="identity.field_missing"):
        origin(rows, "id_expires_on")
    assert origin(rows, "id_number") == [(ID_ZHANG, "web", "valid"), ("E12345678", "core", "valid")]
    alone = customer([rows[0], rows[2]])
    assert (alone["id_type"], alone["id_expires_on"]) == ("passport", date(2031, 1, 1))


@pytest.mark.parametrize(
    ("values", "is_thin"),
    [
        ({"name": "张伟", "birth_on": date(1980, 1, 1)}, True),
        ({"name": "张伟", "mobile": "13800000000", "id_number": "111111", "email": "test@test.com"}, True),
        ({"name": "张伟", "mobile": "13900000001"}, False),
        ({"device_id": "AB12CD34EF"}, False),
        ({"party_kind": "company", "name": "大华"}, True),
        ({"party_kind": "company", "name": "杭州大华网络科技有限公司"}, False),
    ],
)
def test_a_customer_is_thin_without_any_usable_identifier(customer: Customer, values: Row, is_thin: bool) -> None:
    assert customer([party("core", "1", **values)])["is_thin"] is is_thin


def test_a_customer_is_not_thin_when_one_of_the_records_has_an_identifier_or_an_earlier_version_had(
    customer: Customer,
) -> None:
    assert customer([party("core", "1", name="张伟"), party("web", "2", mobile="13900000001")])["is_thin"] is False
    earlier = party("core", "1", name="张伟", mobile="13900000001")
    assert customer([earlier, party("core", "1", name="张伟", **NEW)])["is_thin"] is False


def test_a_field_without_any_value_and_an_unknown_field_are_not_found(origin: Origin) -> None:
    with pytest.raises(NotFound, match="identity.field_missing"):
        origin([party("core", "1")], "email")
    with pytest.raises(NotFound, match="identity.field_unknown"):
        origin([party("core", "1")], "shoe_size")

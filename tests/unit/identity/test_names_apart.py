"""Customers that a number holds together although names have nothing in common: which are told, which are not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tests.unit.identity.conftest import CONTRACTS, ID_LI, ID_ZHANG, USCC_A, Row, Tables, groups, id_of, party
from zhike.identity import IdentitySettings
from zhike.identity.quality import Quality, measure_quality
from zhike.pipeline.identity.measuring import told_quality
from zhike.warehouse import Engine
from zhike.warehouse.testing import catalog

TABLES = ("identity_version", "identity_link", "identity_edge", "identity_review", "identity_flaw")
Measure = Callable[..., tuple[Tables, Quality]]


@pytest.fixture
def measure(engine: Engine, link: Callable[..., Tables]) -> Measure:
    def work(rows: list[Row], settings: IdentitySettings | None = None) -> tuple[Tables, Quality]:
        made = link(rows, settings=settings or IdentitySettings())
        tables = catalog(engine, made, CONTRACTS)
        named = {n: tables[n] for n in TABLES}
        return made, measure_quality(engine, named, [], settings=settings or IdentitySettings())

    return work


def person(source: str, key: str, name: str, number: str = ID_ZHANG, **values: Any) -> Row:
    return party(source, key, name=name, id_type="resident_id", id_number=number, **values)


def company(source: str, key: str, name: str) -> Row:
    return party(source, key, party_kind="company", name=name, id_type="uscc", id_number=USCC_A)


def test_names_without_anything_in_common_are_told_and_their_customer_stays_one(measure: Measure) -> None:
    rows = [person("core", "1", "张三"), person("card", "2", "李四"), person("core", "3", "王五", ID_LI), person("card", "4", "王武", ID_LI)]  # fmt: skip
    made, found = measure(rows)
    assert groups(made) == {frozenset({"1", "2"}), frozenset({"3", "4"})}
    [apart] = told_quality(found)["names_apart"]
    assert (apart["rule"], apart["n_customers"]) == ("id_number", 1)
    assert apart["zh"] == "有效身份证号相同，名称却毫无共同之处"
    assert apart["en"] == "Same valid resident id number, names that have nothing in common"
    assert apart["examples"] == [
        {"customer_id": id_of(made, "1"), "left": "card:2", "left_name": "李*", "right": "core:1", "right_name": "张*"}
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("张三", "张三丰"), ("张伟明", "ZHANG WEIMING"), ("张伟明", "David Zhang"), ("张薇", "章威"), ("张三", "张先生"), ("张三", "李*"), ("张三", ""), ("張三", "张三"),
        ("Li Na", "Na Li"),
    ],
)  # fmt: skip
def test_slips_scripts_and_hints_are_not_told(measure: Measure, one: str, other: str) -> None:
    made, found = measure([person("core", "1", one), person("card", "2", other)])
    assert len(groups(made)) == 1
    assert found.names_apart == []


@pytest.mark.parametrize(("one", "other"), [("张伟明", "LI NA"), ("Wang Fang", "Li Na"), ("张丽", "章三")])
def test_other_names_of_any_script_are_told(measure: Measure, one: str, other: str) -> None:
    _, found = measure([person("core", "1", one), person("card", "2", other)])
    assert [(a.rule, a.n_customers) for a in found.names_apart] == [("id_number", 1)]


def test_companies_are_compared_by_their_core_names(measure: Measure) -> None:
    first = company("core", "1", "杭州恒信贸易有限公司")
    _, other = measure([first, company("tax", "2", "宁波广源机械有限公司")])
    assert [(a.rule, a.n_customers) for a in other.names_apart] == [("uscc", 1)]
    _, alike = measure([first, company("tax", "2", "恒信商贸"), company("web", "3", "HENGXIN TRADING CO LTD")])
    assert alike.names_apart == []


def test_a_former_name_that_one_source_knows_explains_the_other(measure: Measure) -> None:
    former = person("core", "1", "李四", valid_from_on=date(2024, 1, 1))
    now = person("core", "1", "张三")
    assert measure([former, now, person("card", "2", "李四")])[1].names_apart == []
    assert measure([former, now])[1].names_apart == []


def test_each_rule_counts_its_customers_and_a_number_that_many_share_is_passed_over(measure: Measure) -> None:
    rows = [
        person("core", "1", "张三"), person("card", "2", "李四"), party("wecom", "3", name="王五", wechat_unionid="oUnionAbcdefgh0001"),
        party("app", "4", name="赵六", wechat_unionid="oUnionAbcdefgh0001"), person("loan", "5", "孙七", ID_LI), person("web", "6", "孙七", ID_LI),
    ]  # fmt: skip
    made, found = measure(rows)
    assert id_of(made, "3") == id_of(made, "4")
    assert [(a.rule, a.n_customers) for a in found.names_apart] == [("id_number", 1), ("wechat_unionid", 1)]
    narrow = IdentitySettings(max_sharing={"id_number": 1})
    assert [a.rule for a in measure(rows, narrow)[1].names_apart] == ["wechat_unionid"]

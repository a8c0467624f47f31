"""Companies as they are registered and as others write them; invoices and call notes with what each name means."""

from __future__ import annotations

from collections import Counter

import pytest
from stdnum.cn import uscc

from tests.unit.simulator.conftest import LAST_DAY, Reader
from zhike.simulator import BankPlan, own_places
from zhike.simulator.companies import BRANCHES, OUTSIDE, Company
from zhike.simulator.population import COMPANY, draw_people
from zhike.simulator.records import parties
from zhike.simulator.writing import said_name, written_name, written_tax_id

NAME = Company(1, "安河", "安河区", "安河", "恒信", "供应链管理", "有限公司", "", "安河永盛供应链管理有限公司")
NUMBER = "91379901MA0000001M"


def test_registered_names_and_numbers_are_nobody_elses(bank: Reader) -> None:
    n, n_names, n_numbers = bank.rows(
        "select count(*), count(distinct name), count(distinct tax_id) from {truth/registered_company}"
    )[0]
    assert n == n_names == n_numbers
    numbers = [str(r[0]) for r in bank.rows("select tax_id from {truth/registered_company}")]
    assert all(uscc.is_valid(n) for n in numbers)
    assert len({n[8:17] for n in numbers}) == n  # organisation codes are unique in the country


def test_many_companies_share_a_core_name(bank: Reader) -> None:
    shared = bank.one("""
        select count(*) from (select substr(name, 3, 2) core from {truth/registered_company} group by 1 having count(*) > 1)""")
    assert shared > 3  # type: ignore[operator]


def test_customers_outsiders_and_branches_are_told_apart(bank: Reader) -> None:
    kinds = bank.rows(
        "select is_customer, true_party >= 1000000000, true_party >= 2000000000, count(*) from {truth/registered_company} group by all"
    )
    assert {k[:3] for k in kinds} == {(True, False, False), (False, True, False), (False, True, True)}
    lost = bank.one("""
        select count(*) from {truth/registered_company} where true_party >= 2000000000
          and (head_party not in (select true_party from {truth/registered_company}) or name not like '%分公司')""")
    assert lost == 0
    assert OUTSIDE < BRANCHES


def test_every_side_of_every_invoice_and_every_name_in_a_note_has_its_truth(bank: Reader) -> None:
    sides = bank.one("select count(*) from {truth/company_mention} where document = 'invoice'")
    assert sides == bank.one("select 2 * count(*) from {INVOICE}")
    for code, side in (("SELLER", "seller"), ("BUYER", "buyer")):
        wrong = bank.one(f"""
            select count(*) from {{INVOICE}} i join {{truth/company_mention}} t on t.document_id = i.INV_NO and t.side = '{side}'
            where t.written <> i.{code}_NM""")
        assert wrong == 0
    misplaced = bank.one("""
        select count(*) from {truth/company_mention} t join {CRM_NOTE} n on n.NOTE_NO = t.document_id
        where substr(n.CONTENT, (t."start" + 1)::int, length(t.written)) <> t.written""")
    assert misplaced == 0
    assert (
        bank.one(
            "select count(*) from {truth/company_mention} where true_party not in (select true_party from {truth/registered_company})"
        )
        == 0
    )


def test_a_key_on_an_invoice_is_that_of_the_company_that_is_meant(bank: Reader) -> None:
    for code, side in (("SELLER", "seller"), ("BUYER", "buyer")):
        wrong = bank.one(f"""
            select count(*) from {{INVOICE}} i join {{truth/company_mention}} t on t.document_id = i.INV_NO and t.side = '{side}'
            join {{truth/party}} p on p.source = 'core' and p.source_key = i.{code}_NO where p.true_party <> t.true_party""")
        assert wrong == 0
    known, unknown = bank.rows(
        "select count(SELLER_NO) + count(BUYER_NO), 2 * count(*) - count(SELLER_NO) - count(BUYER_NO) from {INVOICE}"
    )[0]
    assert known > 0  # type: ignore[operator]
    assert unknown > known / 2  # type: ignore[operator]


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "安河区恒信供应链管理有限公司"), (40, "恒信供应链管理有限公司"), (60, "安河恒信供应链管理"), (75, "安河恒信供应链管理有限责任公司"), (95, "安河恒信供应链管理有限么司"),
        (105, "安河恆信供應鏈管理有限公司"), (125, "安河 恒信供应链管理有限公司"), (1125, "安河恒信供应链管理有限公司（原名：安河永盛供应链管理有限公司）"),
        (150, "安河桓信供应链管理有限公司"), (1150, "安河衡信供应链管理有限公司"), (500, "安河恒信供应链管理有限公司"),
    ],
)  # fmt: skip
def test_a_registered_name_is_written_in_these_ways(number: int, written: str) -> None:
    assert written_name(NAME, number) == written


def test_a_former_name_is_written_before_the_day_of_renaming() -> None:
    assert written_name(NAME, 500, is_former=True) == NAME.former


@pytest.mark.parametrize(
    ("number", "text", "style"),
    [
        (0, "安河恒信供应链管理有限公司", "full"), (140, "安河恒信供应链管理", "with_place"), (40_320, "恒信供应链管理", "with_trade"), (41_320, "恒信供应", "with_trade"),
        (40_700, "安河恒信", "place_core"), (40_999, "恒信", "core"),
    ],
)  # fmt: skip
def test_a_name_is_said_in_these_ways(number: int, text: str, style: str) -> None:
    said = said_name(NAME, number if number > 1_000 else number + 40_000)
    assert (said.text, said.style) == (text, style)


def test_a_branch_is_always_said_in_full() -> None:
    branch = Company(2, "安河", "安河区", "安河", "恒信", "商贸", "有限公司", "临江分公司", "")
    assert {said_name(branch, 40_000 + n).style for n in range(0, 1_000, 50)} == {"full"}


def test_taxpayer_numbers_are_mostly_whole_sometimes_old_wrong_or_missing() -> None:
    kinds: Counter[str] = Counter()
    for n in range(1_000):
        found = written_tax_id(NUMBER, n)
        kinds[
            "missing" if found is None else "old" if len(found) == 15 else "whole" if found == NUMBER else "wrong"
        ] += 1
        if found is not None and len(found) == 15:
            assert found == NUMBER[2:17]
        elif found is not None:
            assert sum(a != b for a, b in zip(found, NUMBER, strict=True)) == (found != NUMBER)
    assert kinds == {"whole": 875, "old": 40, "wrong": 15, "missing": 70}


def test_own_places_are_those_of_the_bank_and_not_the_rest_of_the_world() -> None:
    assert own_places()["379901"] == "安河区"
    assert "379999" not in own_places()


def test_companies_are_entered_twice_under_other_writings() -> None:
    plan = BankPlan(20_000, 60, 5, LAST_DAY)
    people = draw_people(plan, 0)
    identity = parties.Identity(plan, people, 0)
    rows = parties.core_customers(identity)
    keys, names, numbers = (rows[c].to_pylist() for c in ("CUST_NO", "CUST_NM", "ID_NO"))
    again = [i for i, key in enumerate(keys) if key.startswith("3") and rows["CUST_TYPE"][i] == COMPANY]
    n_companies = int((people.kind == COMPANY).sum())
    assert 0.02 * n_companies < len(again) < 0.07 * n_companies
    registered = {c.name for c in identity.companies.all}
    kinds = Counter("none" if numbers[i] is None else str(len(numbers[i])) for i in again)
    assert 0 < kinds["none"] < len(again) / 2
    assert kinds["18"] > len(again) / 2
    assert 0 < sum(names[i] not in registered for i in again) < len(again)

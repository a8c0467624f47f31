"""Companies named on invoices and in call notes: who is meant, who is never meant, and companies that are no customers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import pytest

from tests.unit.identity.conftest import CONTRACTS, DAY, LINKING, Row, Tables, party
from zhike.identity import Action, IdentitySettings, Override, RecordKey
from zhike.identity.mentions import TaxNumber, invoice_parties, tax_number
from zhike.identity.standard.numbers import standard_uscc
from zhike.warehouse import Engine
from zhike.warehouse.testing import catalog

pytestmark = pytest.mark.requirement("B1")
HENGXIN, OTHER, THIRD = (
    "91330100MA0000001F",
    "91330100MA0000002J",
    "91330100MA0000003M",
)  # check characters by python-stdnum
Mentioned = Callable[..., Tables]


def company(key: str, name: str, number: str | None = None, **values: Any) -> Row:
    return party("core", key, party_kind="company", name=name, id_type="uscc", id_number=number, **values)


def invoice(no: int, *, on: date = date(2025, 2, 1), **values: Any) -> Row:
    return {
        "invoice_id": f"F{no}",
        "source": "core",
        "issued_on": on,
        "total_amount": 100,
        "recorded_at": datetime(on.year, on.month, on.day, 12),
        **values,
    }


def note(no: int, body: str, author: str, **values: Any) -> Row:
    return {
        "text_id": f"T{no}", "source": "core", "source_key": author, "text_kind": "call_note", "on": date(2025, 2, 3), "language": "zh", "body": body,
        "recorded_at": datetime(2025, 2, 3, 12), **values,
    }  # fmt: skip


def works_at(person: str, employer: str, kind: str = "employee_of") -> Row:
    return {
        "source": "core",
        "from_key": person,
        "to_key": employer,
        "kind": kind,
        "valid_from_on": date(2024, 1, 1),
        "recorded_at": datetime(2024, 1, 1),
    }


@pytest.fixture
def mention(run: Callable[..., Tables]) -> Mentioned:
    """Return a function that links records and then mentions; gives the tables of both steps."""

    def work(
        parties: Sequence[Row], *, invoices: Sequence[Row] = (), notes: Sequence[Row] = (), relations: Sequence[Row] = (),
        previous: Tables | None = None, **options: Any,
    ) -> Tables:  # fmt: skip
        linked = run(LINKING, {"source_party": parties}, previous=previous, **options)
        tables = {
            "source_party": parties, "identity_link": linked["identity_link"], "invoice": invoices, "text": notes, "party_relation": relations,
            "company_contact": [], "customer": [], "customer_account": [], "payroll_item": [], "payroll_agreement": [],
        }  # fmt: skip
        return linked | run("identity:mentions", tables, previous=previous, **options)

    return work


def customer(tables: Tables, key: str) -> str:
    return next(str(r["customer_id"]) for r in tables["identity_link"] if r["source_key"] == key)


def named(tables: Tables, name: str, number: str | None = None) -> Row:
    """Return the mention of this name and number."""
    return next(m for m in tables["company_mention"] if m["name"] == name and (number is None or m["tax_id"] == number))


def test_the_numbers_of_these_tests_are_valid() -> None:
    assert all(standard_uscc(n).value == n for n in (HENGXIN, OTHER, THIRD))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (HENGXIN, TaxNumber(HENGXIN, HENGXIN, "MA0000001")),
        (" 91330100 ma0000001f ", TaxNumber(HENGXIN, HENGXIN, "MA0000001")),
        ("9133O1OOMA0000001F", TaxNumber(HENGXIN, HENGXIN, "MA0000001")),  # the letter O
        ("330100MA0000001", TaxNumber("330100MA0000001", "", "MA0000001")),
        ("91330100MA0000001X", TaxNumber("91330100MA0000001X", "", "")),
        ("无", TaxNumber("无", "", "")),
        (None, TaxNumber()),
    ],
)
def test_a_taxpayer_number_says_its_organisation_in_both_forms(written: str | None, said: TaxNumber) -> None:
    assert tax_number(written) == said


@pytest.mark.parametrize(
    ("side", "linked_by"),
    [
        ({"key": "1", "name": "随便什么"}, "customer_number"),
        ({"name": "恒信", "tax_id": HENGXIN}, "tax_id"),
        ({"name": "杭州永盛贸易有限公司", "tax_id": HENGXIN}, "tax_id"),  # it was renamed
        ({"name": "恒信", "tax_id": "330100MA0000001"}, "old_tax_id"),
        ({"name": "浙江省杭州市恒信商贸有限公司"}, "registered_name"),
        ({"name": "杭州恒信商貿有限公可"}, "registered_name"),
        ({"name": "杭州恒信商贸有限公司", "tax_id": "91330100MA0000001X"}, "registered_name"),
        ({"name": "恒信商贸有限公司", "tax_id": "91330100MA0000007F"}, "tax_id_slip"),
    ],
)
def test_a_side_of_an_invoice_means_a_customer_by(mention: Mentioned, side: dict[str, str], linked_by: str) -> None:
    rest = [
        company(str(i), f"杭州{n}机械有限公司")
        for i, n in enumerate(("宏图", "金泰", "远航", "博元", "嘉禾", "天成", "鼎新"), 10)
    ]
    sides = {f"buyer_{k}": v for k, v in side.items()}
    tables = mention([company("1", "杭州恒信商贸有限公司", HENGXIN), *rest], invoices=[invoice(1, **sides)])
    [found] = tables["company_mention"]
    assert (found["customer_id"], found["linked_by"], found["state"]) == (customer(tables, "1"), linked_by, "linked")
    assert found["probability"] >= 0.99
    assert tables["outside_company"] == []


def test_another_valid_number_is_another_company_whatever_its_name(mention: Mentioned) -> None:
    parties = [company("1", "杭州恒信商贸有限公司", HENGXIN)]
    tables = mention(parties, invoices=[invoice(1, seller_name="杭州恒信商贸有限公司", seller_tax_id=OTHER)])
    [found], [outside] = tables["company_mention"], tables["outside_company"]
    assert (found["customer_id"], found["outside_id"]) == (None, outside["outside_id"])
    assert (outside["name"], outside["tax_id"], outside["region"], outside["n_documents"]) == (
        "杭州恒信商贸有限公司",
        OTHER,
        "330100",
        1,
    )


def test_a_side_without_number_whose_registered_name_two_companies_have_is_left_to_an_officer(
    mention: Mentioned,
) -> None:
    parties = [company("1", "杭州恒信商贸有限公司", HENGXIN)]
    bills = [
        invoice(1, seller_name="杭州恒信商贸有限公司", seller_tax_id=OTHER),
        invoice(2, seller_name="杭州市恒信商贸有限公司"),
    ]
    tables = mention(parties, invoices=bills)
    found = named(tables, "杭州市恒信商贸有限公司")
    assert (found["state"], found["customer_id"], found["outside_id"], found["probability"]) == (
        "review",
        None,
        None,
        0.5,
    )
    assert found["candidate_customer_id"] or found["candidate_outside_id"]


def test_a_key_that_a_number_contradicts_links_nothing(mention: Mentioned) -> None:
    parties = [company("1", "杭州恒信商贸有限公司", HENGXIN), company("2", "杭州宏图商贸有限公司", OTHER)]
    tables = mention(
        parties, invoices=[invoice(1, buyer_key="1", buyer_name="杭州宏图商贸有限公司", buyer_tax_id=OTHER)]
    )
    [found] = tables["company_mention"]
    assert (found["state"], found["customer_id"], found["linked_by"]) == ("review", None, "customer_number")


def test_a_branch_is_never_its_head_office(mention: Mentioned) -> None:
    parties = [company("1", "杭州恒信商贸有限公司", HENGXIN)]
    branch = "杭州恒信商贸有限公司宁波分公司"
    bills = [
        invoice(1, seller_name=branch, seller_tax_id=OTHER),
        invoice(2, seller_name=branch),
        invoice(3, seller_name=branch, seller_tax_id=HENGXIN),
        invoice(4, seller_name="杭州恒信商贸有限公司绍兴分公司"),
    ]
    tables = mention(parties, invoices=bills)
    head = customer(tables, "1")
    assert not any(m["customer_id"] for m in tables["company_mention"])
    own = named(tables, branch, OTHER)["outside_id"]
    nameless = next(m for m in tables["company_mention"] if m["name"] == branch and m["tax_id"] is None)
    assert nameless["outside_id"] == own  # the same branch without its number
    assert named(tables, branch, HENGXIN)["state"] == "review"
    assert {(o["is_branch"], o["head_customer_id"]) for o in tables["outside_company"]} == {(True, head)}
    assert len(tables["outside_company"]) == 2


def test_a_customer_without_number_gets_the_sides_of_its_registered_name_and_then_of_their_number(
    mention: Mentioned,
) -> None:
    parties = [company("1", "杭州恒信商贸有限公司")]
    bills = [
        invoice(1, seller_name="杭州恒信商贸有限公司", seller_tax_id=HENGXIN),
        invoice(2, seller_name="恒信", seller_tax_id="330100MA0000001"),
    ]
    tables = mention(parties, invoices=bills)
    assert {m["customer_id"] for m in tables["company_mention"]} == {customer(tables, "1")}


def test_a_name_that_an_invoice_gave_a_customer_is_known_from_then_on(mention: Mentioned) -> None:
    parties = [company("1", "杭州恒信商贸有限公司", HENGXIN)]
    bills = [
        invoice(1, seller_name="杭州永盛贸易有限公司", seller_tax_id=HENGXIN),
        invoice(2, seller_name="杭州永盛贸易有限公司"),
    ]
    tables = mention(parties, invoices=bills)
    assert [m["customer_id"] for m in tables["company_mention"]] == [customer(tables, "1")] * 2


def test_two_customers_that_may_be_one_company_are_pointed_out(mention: Mentioned) -> None:
    parties = [company("1", "杭州恒信商贸有限公司", HENGXIN), company("2", "杭州永盛贸易有限公司")]
    tables = mention(parties, invoices=[invoice(1, seller_name="杭州永盛贸易有限公司", seller_tax_id=HENGXIN)])
    [found] = tables["company_mention"]
    assert (found["customer_id"], found["candidate_customer_id"]) == (customer(tables, "1"), customer(tables, "2"))


def test_a_short_name_alone_is_weak_and_with_place_or_telephone_it_is_strong(mention: Mentioned) -> None:
    parties = [
        company(str(i), f"{p}恒信{t}有限公司")
        for i, (p, t) in enumerate([("杭州", "商贸"), ("宁波", "物流"), ("苏州", "科技")])
    ]
    parties += [company(str(i), f"杭州宏图{i}机械有限公司") for i in range(10, 40)]
    bills = [
        invoice(1, seller_key="1", seller_name="宁波恒信物流有限公司", seller_phone="0574-8000001"),
        invoice(2, seller_name="恒信"),
        invoice(3, seller_name="恒信", seller_phone="0574-8000001", seller_tax_id="不详"),
        invoice(4, seller_name="宁波恒信物流"),
    ]
    tables = mention(parties, invoices=bills)
    bare = next(m for m in tables["company_mention"] if m["name"] == "恒信" and m["phone"] is None)
    assert bare["state"] != "linked"
    assert bare["probability"] < 0.5
    called = next(m for m in tables["company_mention"] if m["name"] == "恒信" and m["phone"])
    assert (called["customer_id"], called["linked_by"]) == (customer(tables, "1"), "phone")
    placed = named(tables, "宁波恒信物流")
    assert placed["probability"] > bare["probability"]
    assert placed["customer_id"] in (customer(tables, "1"), None)


def test_whom_a_caller_works_for_tells_which_of_several_companies_is_meant(mention: Mentioned) -> None:
    parties = [company("1", "杭州恒信商贸有限公司", HENGXIN), company("2", "杭州恒信物流有限公司", OTHER)]
    parties += [company(str(i), f"杭州宏图{i}机械有限公司") for i in range(10, 60)]
    parties += [party("core", "p1", name="张三"), party("core", "p2", name="李四")]
    notes = [note(1, "客户说他在恒信上班，工资按月到账。", "p1"), note(2, "客户的朋友在恒信上班。", "p2")]
    tables = mention(parties, notes=notes, relations=[works_at("p1", "2")])
    told = {m["text_id"]: m for m in tables["company_mention"]}
    assert (told["T1"]["customer_id"], told["T1"]["linked_by"], told["T1"]["start"]) == (
        customer(tables, "2"),
        "related",
        5,
    )
    assert told["T2"]["state"] != "linked"


def test_a_misspelt_employer_is_recognised_and_a_word_that_resembles_nobody_is_no_mention(mention: Mentioned) -> None:
    parties = [
        company("1", "杭州永盛商贸有限公司", HENGXIN),
        party("core", "p", name="张三"),
        party("core", "q", name="李四"),
    ]
    parties += [company(str(i), f"杭州长江{i}机械有限公司") for i in range(10, 60)]
    notes = [note(1, "客户说他在永胜上班，工资按月到账。", "p"), note(2, "客户说他在长虹上班。", "q")]
    tables = mention(parties, notes=notes, relations=[works_at("p", "1")])
    [told] = tables["company_mention"]
    assert (told["text_id"], told["name"]) == ("T1", "永胜")
    assert customer(tables, "1") in (told["customer_id"], told["candidate_customer_id"])


@pytest.mark.parametrize("has_namesake", [False, True])
def test_a_partner_of_the_callers_company_is_found_by_its_short_name(mention: Mentioned, has_namesake: bool) -> None:
    parties = [
        company("1", "杭州恒信商贸有限公司", HENGXIN),
        company("2", "宁波宏图贸易有限公司", OTHER),
        *(company(str(i), f"杭州长江{i}机械有限公司") for i in range(10, 60)),
    ]
    parties += [company("3", "苏州宏图贸易有限公司", THIRD)] * has_namesake
    bills = [invoice(i, seller_key="1", buyer_name="宁波宏图贸易有限公司", buyer_tax_id=OTHER) for i in range(3)]
    tables = mention(parties, invoices=bills, notes=[note(1, "和宏图贸易的李总谈了票据，对方欠恒信一笔货款。", "1")])
    told = {m["name"]: m for m in tables["company_mention"] if m["kind"] == "call_note"}
    assert told["恒信"]["customer_id"] == customer(tables, "1")
    partner = told["宏图贸易"]
    meant = partner["candidate_customer_id"] if has_namesake else partner["customer_id"]
    assert (meant, partner["linked_by"]) == (customer(tables, "2"), "partner")
    assert (
        partner["probability"] >= 0.99
    ) is not has_namesake  # one of the name may be meant that it does not trade with
    assert partner["probability"] > 0.95


def test_persons_are_never_meant_by_the_name_of_a_company(mention: Mentioned) -> None:
    parties = [party("core", "1", name="杭州恒信商贸有限公司"), company("2", "杭州宏图贸易有限公司")]
    tables = mention(parties, invoices=[invoice(1, seller_name="杭州恒信商贸有限公司")])
    [found] = tables["company_mention"]
    assert (found["customer_id"], found["linked_by"]) == (None, "registered_name")


def test_what_is_dated_or_recorded_later_is_not_read(mention: Mentioned) -> None:
    parties = [company("1", "杭州恒信商贸有限公司", HENGXIN)]
    later = [
        invoice(1, seller_key="1", on=date(2025, 3, 2)), invoice(2, seller_name="杭州甲乙商贸有限公司", recorded_at=datetime(2025, 3, 3)),
    ]  # fmt: skip
    late_note = note(1, "走访杭州恒信商贸有限公司。", "1", on=date(2025, 3, 2))
    tables = mention(parties, invoices=later, notes=[late_note])
    assert tables["company_mention"] == []


def test_equal_sides_are_one_mention_and_the_rest_of_the_day_adds_up(mention: Mentioned) -> None:
    parties = [company("1", "杭州恒信商贸有限公司", HENGXIN)]
    bills = [
        invoice(i, on=date(2025, 1, i), seller_key="1", seller_name="杭州恒信商贸有限公司", buyer_name="甲")
        for i in range(1, 6)
    ]
    tables = mention(parties, invoices=bills)
    sides = {m["name"]: m for m in tables["company_mention"]}
    assert (sides["甲"]["n_documents"], sides["甲"]["first_on"], sides["甲"]["last_on"]) == (
        5,
        date(2025, 1, 1),
        date(2025, 1, 5),
    )
    assert len(sides) == 2
    assert sides["甲"]["state"] == "unlinked"


def test_a_prospect_becomes_a_customer_and_its_trail_is_kept(mention: Mentioned) -> None:
    bank = [company("1", "杭州宏图贸易有限公司", OTHER)]
    bills = [invoice(1, seller_key="1", buyer_name="杭州恒信商贸有限公司", buyer_tax_id=HENGXIN)]
    first = mention(bank, invoices=bills, as_of=DAY)
    [prospect] = first["outside_company"]
    assert (prospect["outside_no"], prospect["created_on"], prospect["ended_on"]) == (1, DAY, None)
    opened = [*bank, company("9", "杭州恒信商贸有限公司", HENGXIN, valid_from_on=date(2025, 3, 2))]
    second = mention(opened, invoices=bills, previous=first, as_of=date(2025, 3, 2))
    [ended] = second["outside_company"]
    assert named(second, "杭州恒信商贸有限公司")["customer_id"] == customer(second, "9")
    assert ended["outside_id"] == prospect["outside_id"]
    assert (ended["ended_on"], ended["ended_because"], ended["became_customer_id"]) == (
        date(2025, 3, 2),
        "became_customer",
        customer(second, "9"),
    )
    third = mention(opened, invoices=bills, previous=second, as_of=date(2025, 3, 3))
    assert third["outside_company"] == second["outside_company"]
    taken_back = mention(bank, invoices=bills, previous=third, as_of=date(2025, 3, 4))
    [again] = taken_back["outside_company"]
    assert (again["outside_id"], again["ended_on"], again["became_customer_id"]) == (prospect["outside_id"], None, None)


def test_ids_outside_stay_when_mentions_are_added_and_end_when_they_are_gone(mention: Mentioned) -> None:
    bank = [company("1", "杭州宏图贸易有限公司", OTHER)]
    bills = [invoice(1, seller_key="1", buyer_name="杭州恒信商贸有限公司", buyer_tax_id=HENGXIN)]
    first = mention(bank, invoices=bills, as_of=DAY)
    more = [
        *bills,
        invoice(2, seller_key="1", buyer_name="恒信", buyer_tax_id=HENGXIN),
        invoice(3, buyer_name="上海甲乙科技有限公司"),
    ]
    second = mention(bank, invoices=more, previous=first, as_of=date(2025, 3, 2))
    old, new = sorted(second["outside_company"], key=lambda o: o["outside_no"])
    assert (old["outside_id"], old["n_mentions"]) == (first["outside_company"][0]["outside_id"], 2)
    assert (new["name"], new["created_on"]) == ("上海甲乙科技有限公司", date(2025, 3, 2))
    third = mention(bank, invoices=more[1:2], previous=second, as_of=date(2025, 3, 3))
    fates = {o["outside_no"]: (o["ended_because"], o["n_mentions"]) for o in third["outside_company"]}
    assert fates == {1: (None, 1), 2: ("gone", 0)}


def test_an_officer_decides_what_a_mention_means_and_what_it_does_not(mention: Mentioned) -> None:
    parties = [company("1", "杭州恒信商贸有限公司", HENGXIN), company("2", "宁波恒信物流有限公司", OTHER)]
    bills = [invoice(1, seller_name="恒信"), invoice(2, seller_name="杭州恒信商贸有限公司")]
    before = mention(parties, invoices=bills)
    bare, full = named(before, "恒信"), named(before, "杭州恒信商贸有限公司")
    assert (bare["customer_id"], full["customer_id"]) == (None, customer(before, "1"))
    decisions = [
        Override("a", Action.MERGE, RecordKey("mention", bare["mention_id"]), RecordKey("core", "2"), "asked"),
        Override("b", Action.SPLIT, RecordKey("core", "1"), RecordKey("mention", full["mention_id"]), "asked"),
    ]
    after = mention(parties, invoices=bills, overrides=decisions)
    assert (named(after, "恒信")["customer_id"], named(after, "恒信")["linked_by"]) == (
        customer(after, "2"),
        "override",
    )
    assert named(after, "杭州恒信商贸有限公司")["customer_id"] is None


def test_the_order_of_invoices_and_notes_changes_nothing(mention: Mentioned) -> None:
    parties = [
        company("1", "杭州恒信商贸有限公司", HENGXIN),
        company("2", "宁波恒信物流有限公司"),
        party("core", "p", name="张三"),
    ]
    names = ("恒信", "杭州恒信商贸", "恒信物流", "宁波恒信物流有限公司", "苏州长江科技有限公司", "苏州长江科技", "长江")
    bills = [
        invoice(i, seller_name=n, buyer_tax_id=(OTHER, None)[i % 2], buyer_name=names[-1 - i])
        for i, n in enumerate(names)
    ]
    notes = [note(i, f"客户说他在{n}上班。", "p") for i, n in enumerate(names)]
    relations = [works_at("p", "2")]
    expected = mention(parties, invoices=bills, notes=notes, relations=relations)
    for seed in range(3):
        shuffle = random.Random(seed).shuffle
        for rows in (parties, bills, notes):
            shuffle(rows)
        again = mention(parties, invoices=bills, notes=notes, relations=relations)
        assert again["company_mention"] == expected["company_mention"]
        assert again["outside_company"] == expected["outside_company"]


def test_invoices_say_who_is_on_both_sides_where_a_mention_was_linked(mention: Mentioned, engine: Engine) -> None:
    parties = [company("1", "杭州恒信商贸有限公司", HENGXIN)]
    bills = [
        invoice(1, seller_key="1", buyer_name="苏州长江科技有限公司"), invoice(2, seller_name="恒信", buyer_name="杭州恒信商贸有限公司"), invoice(3),
    ]  # fmt: skip
    tables = mention(parties, invoices=bills)
    read = catalog(engine, {"invoice": bills, "company_mention": tables["company_mention"]}, CONTRACTS)
    rows = {
        r["invoice_id"]: r for r in engine.fetch(invoice_parties(read["invoice"], read["company_mention"])).to_pylist()
    }
    mine, outside = customer(tables, "1"), tables["outside_company"][0]["outside_id"]
    assert rows["F1"] == {
        "invoice_id": "F1",
        "seller_customer_id": mine,
        "seller_outside_id": None,
        "buyer_customer_id": None,
        "buyer_outside_id": outside,
    }
    assert rows["F2"]["buyer_customer_id"] == mine
    assert set(rows["F3"].values()) == {"F3", None}


def test_places_that_only_the_banks_own_addresses_know_are_read_in_names(mention: Mentioned) -> None:
    towns = [party("core", f"a{i}", name=f"客{i}", address=f"安河区人民路{i}号", district="379901") for i in range(6)]
    parties = [company("1", "安河区恒信商贸有限公司", HENGXIN), *towns]
    tables = mention(parties, invoices=[invoice(1, seller_name="安河恒信商贸有限责任公司")])
    [found] = tables["company_mention"]
    assert (found["region"], found["customer_id"], found["linked_by"]) == (
        "379901",
        customer(tables, "1"),
        "registered_name",
    )
    stated = mention(
        parties[:1],
        invoices=[invoice(1, seller_name="安河恒信商贸有限责任公司")],
        settings=IdentitySettings(own_places={"379901": "安河区"}),
    )
    assert stated["company_mention"][0]["customer_id"] == customer(stated, "1")

"""Which records become one customer, which stay apart, and how it is explained."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import ibis
import pytest

from tests.unit.identity.conftest import CONTRACTS, ID_LI, ID_ZHANG, USCC_A, Tables, groups, id_of, party
from zhike.identity import Action, IdentitySettings, Override, RecordKey, explain_link
from zhike.kernel.errors import BadInput
from zhike.warehouse.testing import rows_table

Link = Callable[..., Tables]
MOBILE = "13912345679"


def override(action: Action, left: str, right: str, override_id: str = "o1") -> Override:
    return Override(override_id, action, RecordKey("core", left), RecordKey("core", right), "柜面核实")


@pytest.mark.requirement("B1")
def test_records_of_several_sources_become_one_customer_by_exact_keys(link: Link) -> None:
    tables = link([
        party("core", "1", name="张伟", id_type="resident_id", id_number=ID_ZHANG, mobile=MOBILE),
        party("card", "2", name="张 伟", mobile="+86" + MOBILE),
        party("loan", "3", name="張偉", id_number=ID_ZHANG.lower()),
        party("web", "4", name="张伟", email="wei@qq.com"), party("card", "5", name="张伟", email="WEI@qq.com", wechat_unionid="u1"),
        party("wechat", "6", wechat_unionid="u1"), party("app", "7", mobile=MOBILE), party("app", "8", name="张伟"),
    ])  # fmt: skip
    assert groups(tables) == {frozenset("1237"), frozenset("456"), frozenset("8")}
    rules = {r["source_key"]: r["linked_by"] for r in tables["identity_link"]}
    assert rules == {"1": "id_number", "2": "mobile_name", "3": "id_number", "4": "email_name", "5": "wechat_unionid",
                     "6": "wechat_unionid", "7": "mobile_nameless", "8": "single"}  # fmt: skip


@pytest.mark.requirement("B2")
def test_two_valid_resident_ids_never_become_one_customer(link: Link) -> None:
    tables = link([
        party("core", "1", name="张伟", id_number=ID_ZHANG, mobile=MOBILE), party("core", "2", name="张伟", id_number=ID_LI, mobile=MOBILE),
    ])  # fmt: skip
    assert groups(tables) == {frozenset("1"), frozenset("2")}
    assert {(e["rule"], e["refused_because"]) for e in tables["identity_edge"]} == {
        ("mobile_name", "resident_id"),
    }


@pytest.mark.requirement("B2")
def test_a_record_that_fits_two_people_of_one_name_and_number_belongs_to_neither(link: Link) -> None:
    tables = link([
        party("core", "1", name="张伟", id_number=ID_ZHANG, mobile=MOBILE), party("core", "2", name="张伟", id_number=ID_LI, mobile=MOBILE),
        party("card", "3", name="张伟", mobile=MOBILE),
    ])  # fmt: skip
    assert groups(tables) == {frozenset("1"), frozenset("2"), frozenset("3")}
    assert {e["refused_because"] for e in tables["identity_edge"] if "3" in (e["left_key"], e["right_key"])} == {
        "ambiguous"
    }


@pytest.mark.requirement("B2")
def test_a_chain_of_weak_keys_does_not_join_two_strong_identities(link: Link) -> None:
    tables = link([
        party("core", "1", name="张伟", id_number=ID_ZHANG, mobile=MOBILE), party("card", "2", name="张伟", mobile=MOBILE, email="w@qq.com"),
        party("core", "3", name="张伟", id_number=ID_LI, email="w@qq.com"),
    ])  # fmt: skip
    assert groups(tables) == {frozenset("12"), frozenset("3")}


def test_different_birth_dates_and_a_person_beside_a_company_stay_apart(link: Link) -> None:
    tables = link([
        party("core", "1", name="王芳", mobile=MOBILE, birth_on=date(1980, 1, 2)), party("card", "2", name="王芳", mobile=MOBILE, birth_on=date(2010, 1, 2)),
        party("core", "3", name="李四商贸", mobile="13812345679"), party("erp", "4", name="李四商贸", mobile="13812345679", party_kind="company"),
    ])  # fmt: skip
    assert groups(tables) == {frozenset("1"), frozenset("2"), frozenset("3"), frozenset("4")}
    assert {e["refused_because"] for e in tables["identity_edge"]} == {"birth_on", "party_kind"}


def test_companies_are_linked_by_credit_code_and_by_full_name(link: Link) -> None:
    company = {"party_kind": "company", "name": "北京知客科技有限公司"}
    tables = link([
        party("core", "1", id_number=USCC_A, **company), party("loan", "2", id_number=USCC_A, party_kind="company", name="知客"),
        party("erp", "3", **company),
    ])  # fmt: skip
    assert groups(tables) == {frozenset("123")}


def test_a_phone_shared_by_too_many_records_is_no_key(link: Link) -> None:
    shop = [party("core", f"shop{i}", name="张伟", mobile=MOBILE) for i in range(5)]
    family = [party("core", f"family{i}", name="张伟", mobile="13812345679") for i in range(4)]
    found = groups(link([*shop, *family], settings=IdentitySettings(default_max_sharing=4)))
    assert sorted(len(g) for g in found) == [1, 1, 1, 1, 1, 4]
    assert frozenset(f"family{i}" for i in range(4)) in found


def test_a_hint_at_a_name_links_only_to_a_name_that_begins_so(link: Link) -> None:
    tables = link([
        party("core", "1", name="张伟", mobile=MOBILE), party("wecom", "2", name="张先生", mobile=MOBILE), party("app", "3", name="张*", mobile=MOBILE),
        party("core", "4", name="张卫", mobile="13812345679"), party("wecom", "5", name="王女士", mobile="13812345679"),
    ])  # fmt: skip
    assert groups(tables) == {frozenset("123"), frozenset("4"), frozenset("5")}


def test_a_former_number_still_links(link: Link) -> None:
    tables = link([
        party("core", "1", name="张伟", mobile="13712345679", valid_to_on=date(2025, 1, 31)),
        party("core", "1", name="张伟", mobile=MOBILE, valid_from_on=date(2025, 2, 1)), party("card", "2", name="张伟", mobile="13712345679"),
    ])  # fmt: skip
    assert groups(tables) == {frozenset("12")}


def test_a_nameless_record_on_a_number_of_two_people_stays_alone(link: Link) -> None:
    tables = link(
        [
            party("core", "1", name="张伟", mobile=MOBILE),
            party("core", "2", name="李娜", mobile=MOBILE),
            party("app", "3", mobile=MOBILE),
        ]
    )
    assert len(groups(tables)) == 3


@pytest.mark.requirement("B2")
def test_an_officer_merges_what_no_key_joins_and_splits_what_a_key_joins(link: Link) -> None:
    rows = [
        party("core", "1", name="张伟"),
        party("core", "2", name="张卫"),
        party("core", "3", name="李娜", mobile=MOBILE),
        party("core", "4", name="李娜", mobile=MOBILE),
    ]
    tables = link(rows, overrides=[override(Action.MERGE, "1", "2"), override(Action.SPLIT, "3", "4", "o2")])
    assert groups(tables) == {frozenset("12"), frozenset("3"), frozenset("4")}
    assert {e["rule"] for e in tables["identity_edge"] if e["state"] == "used"} == {"override_merge"}


@pytest.mark.requirement("B2")
def test_a_forced_merge_yields_to_document_numbers_and_overrules_birth_dates(link: Link) -> None:
    rows = [
        party("core", "1", name="张伟", id_number=ID_ZHANG), party("core", "2", name="张伟", id_number=ID_LI),
        party("core", "3", name="王芳", birth_on=date(1980, 1, 2)), party("core", "4", name="王芳", birth_on=date(1980, 2, 1)),
    ]  # fmt: skip
    tables = link(rows, overrides=[override(Action.MERGE, "1", "2"), override(Action.MERGE, "3", "4", "o2")])
    assert groups(tables) == {frozenset("1"), frozenset("2"), frozenset("34")}


def test_overrides_that_contradict_each_other_are_bad_input(link: Link) -> None:
    with pytest.raises(BadInput, match="identity.overrides_contradict"):
        link([party("core", "1")], overrides=[override(Action.MERGE, "1", "2"), override(Action.SPLIT, "2", "1", "o2")])


def test_no_records_make_no_customers(link: Link) -> None:
    names = ("version", "link", "edge", "review", "flaw", "register", "change")
    assert link([]) == {f"identity_{n}": [] for n in names}


@pytest.mark.requirement("B2")
def test_a_link_is_explained_by_its_chain_of_keys_and_a_refusal_by_its_reason(link: Link) -> None:
    tables = link([
        party("core", "1", name="张伟", id_number=ID_ZHANG, mobile=MOBILE), party("card", "2", name="张伟", mobile=MOBILE, email="w@qq.com"),
        party("web", "3", name="张伟", email="w@qq.com"), party("core", "4", name="张伟", id_number=ID_LI, mobile="13712345679"),
        party("core", "5", name="张伟", birth_on=date(1990, 2, 2), mobile="13712345679"),
    ])  # fmt: skip
    links, edges = (ibis.memtable(rows_table(CONTRACTS[t], tables[t])) for t in ("identity_link", "identity_edge"))
    together = explain_link(links, edges, left=RecordKey("core", "1"), right=RecordKey("web", "3"))
    assert together.is_linked
    assert [s.rule for s in together.chain] == ["mobile_name", "email_name"]
    apart = explain_link(links, edges, left=RecordKey("core", "4"), right=RecordKey("core", "5"))
    assert not apart.is_linked
    assert [(s.rule, why) for s, why in apart.refusals] == [("mobile_name", "birth_on")]
    assert id_of(tables, "4") != id_of(tables, "5")

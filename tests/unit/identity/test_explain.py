"""Why two are one or two: the chain, the evidence, the veto, the rival, the officer's word; and what of values is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.unit.identity.conftest import CONTRACTS, ID_LI, ID_ZHANG, Row, Tables, id_of, party
from zhike.identity import Action, IdentitySettings, MatchModel, Override, RecordKey
from zhike.identity.around import Around, fetch_around
from zhike.identity.evidence import Verdict
from zhike.identity.explain import explain_pair, most_telling
from zhike.identity.picture import draw_cluster, picture_of
from zhike.identity.shown import HIDDEN, shown
from zhike.warehouse import Engine
from zhike.warehouse.testing import catalog

Link = Callable[..., Tables]
Near = Callable[..., tuple[Tables, Around]]
MOBILE = "13912345679"


@pytest.fixture
def near(engine: Engine, link: Link) -> Near:
    """Return a function that links records and fetches what is known around the customers of some of them."""

    def work(rows: list[Row], *keys: str, **options: Any) -> tuple[Tables, Around]:
        made = link(rows, **options)
        tables = catalog(engine, made, CONTRACTS)
        wanted = {id_of(made, k) for k in keys}
        named = {n: tables[n] for n in ("identity_version", "identity_link", "identity_edge")}
        return made, fetch_around(engine, named, wanted)

    return work


ZHANG = [
    party("core", "1", name="张三", id_type="resident_id", id_number=ID_ZHANG, mobile=MOBILE),
    party("loan", "2", name="张 三", id_type="resident_id", id_number=ID_ZHANG, email="zhangsan88@qq.com"),
    party("web", "3", name="张三", email="zhangsan88@qq.com"),
    party("card", "4", name="张三", id_type="resident_id", id_number=ID_LI, mobile=MOBILE), party("app", "5", name="张三", mobile=MOBILE),
]  # fmt: skip
CORE, LOAN, WEB, CARD, APP = (RecordKey(r["source"], r["source_key"]) for r in ZHANG)


@pytest.mark.requirement("B2")
def test_one_customer_is_explained_by_the_chain_and_the_evidence_of_every_pair_in_it(
    near: Near, person_model: MatchModel
) -> None:
    _, around = near(ZHANG, "1")
    found = explain_pair(around, CORE, WEB, models=[person_model])
    assert [(s.left, s.right, s.rule) for s in found.link.chain] == [
        (CORE, LOAN, "id_number"),
        (LOAN, WEB, "email_name"),
    ]
    assert [(p.left, p.right) for p in found.pairs] == [(CORE, WEB), (CORE, LOAN), (LOAN, WEB)]
    assert [[s.rule for s in p.shared] for p in found.pairs] == [[], ["id_number"], ["email_name"]]
    assert found.link.is_linked and found.contradictions == () and found.rivals == ()


@pytest.mark.requirement("B2")
def test_two_document_numbers_are_told_as_final_with_the_records_that_carry_them(
    near: Near, person_model: MatchModel
) -> None:
    _, around = near(ZHANG, "1", "4")
    found = explain_pair(around, CORE, CARD, models=[person_model])
    assert not found.link.is_linked
    assert ("mobile_name", "resident_id") in {(s.rule, why) for s, why in found.link.refusals}
    first = found.contradictions[0]
    assert (first.reason, first.left, first.left_value, first.right, first.right_value, first.is_final) == (
        "resident_id", CORE, ID_ZHANG, CARD, ID_LI, True,
    )  # fmt: skip
    weighed = found.pairs[0].weighed
    assert weighed is not None
    assert weighed.verdict is Verdict.DOCUMENTS


def test_an_ambiguous_record_names_the_other_customer_that_it_fits(near: Near) -> None:
    made, around = near(ZHANG, "1", "5")
    found = explain_pair(around, CORE, APP, models=[])
    assert {why for _, why in found.link.refusals} == {"ambiguous"}
    assert [(r.record, r.customer_id, r.contradiction.reason) for r in found.rivals] == [
        (APP, id_of(made, "4"), "resident_id")
    ]


def test_two_who_share_nothing_are_explained_by_the_model_alone(near: Near, person_model: MatchModel) -> None:
    rows = [
        party("core", "1", name="张伟明", birth_on=date(1980, 5, 6), mobile=MOBILE, sex="male"),
        party("web", "2", name="张维明", birth_on=date(1980, 6, 5), mobile="13677345621", sex="male"),
        party("app", "3", name="李四", birth_on=date(1991, 1, 1)),
    ]  # fmt: skip
    _, around = near(rows, "1", "2", "3")
    one, two, other = (RecordKey(r["source"], r["source_key"]) for r in rows)
    weighed = explain_pair(around, one, two, models=[person_model]).pairs[0].weighed
    assert weighed is not None
    levels = {e.comparison: e.level for e in weighed.evidence}
    assert (levels["name"], levels["birth"], levels["mobile"], levels["email"]) == (
        "same_sound",
        "swapped",
        "different",
        "missing",
    )
    assert weighed.gate_level == "same_sound"
    assert weighed.links_from is not None
    far = explain_pair(around, one, other, models=[person_model])
    assert far.pairs[0].weighed is not None
    assert far.pairs[0].weighed.verdict is Verdict.NOT_COMPARED
    assert [c.reason for c in far.contradictions] == ["birth_on"]
    assert most_telling(around, [one], [two, other], [person_model]) == (one, two)


def test_an_officers_word_about_the_two_is_told(near: Near) -> None:
    parted = Override("7", Action.SPLIT, CORE, LOAN, "两人共用证件复印件", "wang")
    _, around = near(ZHANG[:3], "1", "2", overrides=[parted])
    found = explain_pair(around, CORE, LOAN, models=[], overrides=[parted])
    assert not found.link.is_linked
    assert {why for _, why in found.link.refusals} == {"override"}
    assert found.overrides == (parted,)


@pytest.mark.parametrize(
    ("column", "value", "seen"),
    [
        ("name", "张三", "张*"), ("name", "欧阳明日", "欧***"), ("full_name", "杭州大华网络科技有限公司", "杭州********公司"), ("sound", "WEIMING ZHANG", "WE***NG Z****"),
        ("mobile", "+8613912345679", "139****5679"), ("email", "zhangsan88@qq.com", "z*********@qq.com"), ("resident_id", ID_ZHANG, "110*************2X"),
        ("born", "19491231", "1949****"), ("birth_on", date(1949, 12, 31), "1949******"), ("door", "41-18-203", "4*******3"), ("source_key", "12", "1*"), ("source_key", "1001", "1**1"), ("name", "王", "*"),
        ("source_key", "7", "*"), ("sex", "male", "male"), ("district", "370102", "370102"), ("name", None, None), ("mobile", "", ""),
    ],
)  # fmt: skip
def test_a_value_shows_enough_to_be_compared_and_not_whose_it_is(column: str, value: Any, seen: str | None) -> None:
    assert shown(column, value) == seen
    assert shown(column, value, is_open=True) == (value.isoformat() if isinstance(value, date) else value)


@pytest.mark.parametrize("column", sorted(HIDDEN))
def test_no_hidden_value_is_ever_shown_whole(column: str) -> None:
    for n in range(1, 20):
        value = "abcdefghijklmnopqrst"[:n]
        assert shown(column, value) != value


SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_picture_shows_records_links_and_what_was_kept_apart_and_nobodys_number(near: Near, language: str) -> None:
    made, around = near(ZHANG, "1", "4")
    picture = picture_of(around, id_of(made, "1"))
    assert (picture.n_records, len(picture.edges)) == (3, 2)
    assert {(r.other.source, r.reason) for r in picture.refusals} == {("card", "resident_id"), ("app", "ambiguous")}
    svg = draw_cluster(picture, language=language)
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img"
    told = {i.attrib["id"]: i.text or "" for i in root if "id" in i.attrib}
    assert id_of(made, "1") in told["title"]
    assert ("3 条记录" if language == "zh" else "3 records of") in told["desc"]
    texts = [t.text or "" for t in root.iter(f"{SVG}text")]
    assert {"core", "loan", "web", "card", "app", "张"} <= set(texts)
    assert ("两个不同的有效身份证号" if language == "zh" else "Two different valid") in " ".join(texts)
    assert not any(secret in svg for secret in (ID_ZHANG, ID_LI, MOBILE, "张三", "zhangsan88"))
    arcs = [float(p.attrib["stroke-width"]) for p in root.iter(f"{SVG}path") if "stroke-dasharray" not in p.attrib]
    assert len(arcs) == 2
    assert max(arcs) > min(arcs)


@pytest.mark.parametrize("n", [2, 7, 40, 60])
def test_rows_of_a_picture_never_overlap_and_what_is_left_out_is_said(near: Near, n: int) -> None:
    rows = [party("core", f"{i:03d}", name="张三", id_type="resident_id", id_number=ID_ZHANG) for i in range(n)]
    settings = IdentitySettings(max_sharing={"id_number": 100})
    made, around = near(rows, "000", settings=settings)
    picture = picture_of(around, id_of(made, "000"))
    assert (picture.n_records, len(picture.records)) == (n, min(n, 40))
    root = ElementTree.fromstring(draw_cluster(picture, language="en"))
    boxes = sorted(float(r.attrib["y"]) for r in root.iter(f"{SVG}rect") if "rx" in r.attrib)
    assert len(boxes) == min(n, 40)
    assert all(b - a >= 24 for a, b in pairwise(boxes))
    assert boxes[-1] + 24 < float(root.attrib["height"])
    texts = " ".join(t.text or "" for t in root.iter(f"{SVG}text"))
    assert ("20 more are not drawn" in texts) == (n == 60)


@pytest.mark.parametrize(("n", "said"), [(1, "1 record of core; 0 links: none; 0 links to records of other customers were refused."), (2, "2 records of core; 1 link: "), (41, "41 records of core · 1 more is not drawn")])  # fmt: skip
def test_a_picture_counts_one_as_one(near: Near, n: int, said: str) -> None:
    rows = [party("core", f"{i:03d}", name="张三", id_type="resident_id", id_number=ID_ZHANG) for i in range(n)]
    made, around = near(rows, "000", settings=IdentitySettings(max_sharing={"id_number": 100}))
    assert said in draw_cluster(picture_of(around, id_of(made, "000")), language="en")

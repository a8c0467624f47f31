"""Company names in sentences: where they begin and end, and words that are no company there."""

from __future__ import annotations

import pytest

from zhike.identity.mentions_text import NameFinder

FINDER = NameFinder(
    ["恒信", "恒信华辰", "阿里巴巴", "海纳", "百川", "天成", "明德", "长青", "顺达", "永盛", "平安", "星宇"],
    ["商贸", "供应链管理", "网络科技"],
    {"379901": "安河区"},
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("客户说他在阿里上班", ["阿里"]),
        ("和恒信贸易的李总谈了票据", ["恒信贸易"]),
        ("客户说他在恒信上班，工资按月到账。", ["恒信"]),
        ("走访安河区恒信商贸有限公司，生产正常。", ["安河区恒信商贸有限公司"]),
        ("走访安河恒信，生产正常。", ["安河恒信"]),
        ("在恒信华辰做财务", ["恒信华辰"]),  # the longer name
        ("恒信供应的王经理来电", ["恒信供应"]),  # a trade cut short
        ("恒信商贸财务欧阳会计来电，问承兑汇票。", ["恒信商贸"]),
        ("拜访建行杭州分行的张主任", ["建行杭州分行"]),
        ("星宇的张总说主要供应商是恒信商贸，想做供应链融资。", ["星宇", "恒信商贸"]),
        ("客户在杭州恒信商贸有限公司宁波第一分公司工作", ["杭州恒信商贸有限公司宁波第一分公司"]),
        ("客戶說他在恒信商貿上班", ["恒信商貿"]),
        ("给苏州长江科技有限公司开了发票", ["苏州长江科技有限公司"]),  # nobody knows it yet
        ("客户是长江科技有限公司的老板", ["长江科技有限公司"]),
        ("客户在安河永圣商贸上班", ["安河永圣商贸"]),  # misspelt, between place and trade
        ("客户在永盛上班", ["永盛"]),
        ("在海纳公司做会计", ["海纳公司"]),
        ("走访长青，生产正常", ["长青"]),  # an everyday word behind a word that visits companies
        ("明德是恒信商贸的下游客户", ["明德", "恒信商贸"]),
    ],
)  # fmt: skip
def test_a_name_is_read_from_its_first_character_to_its_last(text: str, names: list[str]) -> None:
    found = FINDER.find(text)
    assert [f.written for f in found] == names
    assert all(text[f.start : f.end] == f.written for f in found)


@pytest.mark.parametrize(
    "text",
    [
        "老人家身体康健，祝他福寿长青。", "祝生意兴隆、一路顺达。", "做人要海纳百川，理财要稳健。", "客户说天成佳偶，儿子下月结婚。", "明德楼那边网点排队太久。",
        "客户说公司最近不景气，没说是哪家。", "客户在集团上班，具体不愿透露。", "祝一家平安。", "大恒信商贸", "客户想提前还房贷。", "", "平安保险买过没有",
    ],
)  # fmt: skip
def test_words_that_mean_no_company_are_left_alone(text: str) -> None:
    assert FINDER.find(text) == []


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("客户说他在恒信上班", [False]), ("供应商是恒信商贸，想做保理", [True]), ("对方欠恒信一笔货款", [True]), ("客户的朋友在恒信上班", [True]),
        ("恒信商贸最近给星宇开了发票", [False, True]), ("隔壁，恒信的王总来电", [False]),
    ],
)  # fmt: skip
def test_words_beside_a_name_say_whether_it_is_somebody_elses_company(text: str, others: list[bool]) -> None:
    assert [f.is_of_others for f in FINDER.find(text)] == others


@pytest.mark.parametrize(
    ("text", "guesses"),
    [
        ("客户说他在永胜上班", ["永胜"]), ("客户是长虹的员工", ["长虹"]), ("客户在银行上班", []), ("客户在杭州工作", []), ("客户在三楼上班", []), ("客户在希望上班", []),
        ("客户在恒信上班", []),  # it is known
    ],
)  # fmt: skip
def test_what_only_the_words_around_it_call_a_name_is_a_guess(text: str, guesses: list[str]) -> None:
    assert [f.written for f in FINDER.find(text) if f.is_guess] == guesses


def test_a_finder_that_knows_nobody_finds_what_ends_in_a_legal_form() -> None:
    assert [f.written for f in NameFinder([]).find("走访杭州恒信商贸有限公司")] == ["杭州恒信商贸有限公司"]

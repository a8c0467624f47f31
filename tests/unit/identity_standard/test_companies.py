"""Company names taken apart: what each writing says, and that writings of one name agree."""

from __future__ import annotations

import pytest

from zhike.identity.standard.companies import (
    COLUMNS,
    CompanyNames,
    clean_name,
    company_table,
    company_words,
    core_shape,
    core_sound,
)
from zhike.identity.standard.places import is_inside, official_places, places_with, short_place

NAMES = CompanyNames({"379901": "安河区"})
HENGXIN = "杭州恒信商贸有限公司"


@pytest.mark.parametrize(
    ("written", "region", "core", "trade", "form"),
    [
        (HENGXIN, "330100", "恒信", "商贸", "limited"),
        ("杭州市恒信商贸有限责任公司", "330100", "恒信", "商贸", "limited"),
        ("浙江省杭州市恒信商贸有限公司", "330100", "恒信", "商贸", "limited"),
        ("浙江省杭州市余杭区恒信商贸有限公司", "330110", "恒信", "商贸", "limited"),
        ("浙江余杭恒信商贸有限公司", "330110", "恒信", "商贸", "limited"),
        ("杭州阿里巴巴网络科技有限公司", "330100", "阿里巴巴", "网络科技", "limited"),
        ("阿里巴巴（中国）有限公司", "", "阿里巴巴", "", "limited"),
        ("深圳市腾讯计算机系统有限公司", "440300", "腾讯", "计算机系统", "limited"),
        ("江苏恒瑞医药股份有限公司", "320000", "恒瑞", "医药", "joint_stock"),
        ("恒信（杭州）股权投资合伙企业（有限合伙）", "330100", "恒信", "股权投资", "partnership"),
        ("白石恒信农民专业合作社", "", "白石恒信", "", "cooperative"),
        ("安河恒信机械厂", "379901", "恒信", "机械", "works"),
        ("安河王伟小吃店（个体工商户）", "379901", "王伟", "小吃店", ""),
        ("内蒙古自治区呼和浩特市恒信乳业有限公司", "150100", "恒信", "乳业", "limited"),
        ("恩施土家族苗族自治州恒信茶业有限公司", "422800", "恒信", "茶业", "limited"),
        ("恩施恒信茶业有限公司", "422800", "恒信", "茶业", "limited"),
        ("兴隆商贸有限公司", "", "兴隆", "商贸", "limited"),  # 兴隆 is a county, too
        ("和平新华书店", "", "和平新华", "书店", ""),
        ("HANGZHOU HENGXIN TRADING CO., LTD.", "330100", "HENGXIN", "TRADING", "limited"),
        ("Ｈｅｎｇｘｉｎ　Ｉｎｃ．", "", "HENGXIN", "", "joint_stock"),
        ("恒信科技 Hengxin Technology Co., Ltd.", "", "恒信", "科技", ""),
        ("恒信集团", "", "恒信", "", ""),
        ("恒信", "", "恒信", "", ""),
        ("", "", "", "", ""),
        ("（）", "", "", "", ""),
    ],
)
def test_a_name_is_region_core_trade_and_legal_form(
    written: str, region: str, core: str, trade: str, form: str
) -> None:
    name = NAMES.parse(written)
    assert (name.region, name.core, name.trade, name.legal_form) == (region, core, trade, form)
    assert not name.is_branch


@pytest.mark.parametrize(
    "written",
    [
        "杭州 恒信 商贸 有限公司", "杭州恒信商貿有限公司", "杭州恒信商贸有限公司　", "杭州恒信商贸有限责任公司", "杭州市恒信商贸有限公司",
        "浙江省杭州市恒信商贸有限公司", "（杭州）恒信商贸有限公司", "杭州恒信商贸有限公可", "杭州恒信商贸冇限责任公司", "杭州恒信商贸有很责任公司", "杭州恒信商贸有很公司", "杭州恒信商贸有限公",
        "杭州·恒信商贸有限公司。", "杭州恒信商贸有限公司(有限责任公司)", "杭州恒信商贸有限公司 Hangzhou Hengxin Trading Co., Ltd.",
        "杭州恒信商贸有限公司（原名：杭州永盛贸易有限公司）",
    ],
)  # fmt: skip
def test_writings_of_one_registered_name_have_one_key(written: str) -> None:
    assert NAMES.parse(written).key == NAMES.parse(HENGXIN).key
    assert NAMES.parse(written).is_full


@pytest.mark.parametrize(
    "other",
    [
        "宁波恒信商贸有限公司", "浙江恒信商贸有限公司", "杭州恒鑫商贸有限公司", "杭州恒信物流有限公司", "杭州恒信商贸股份有限公司",
        "恒信（杭州）商贸有限公司", "杭州恒信商贸集团有限公司", "杭州恒信商贸有限公司临安分公司", "恒信商贸有限公司", "杭州恒信商贸",
    ],
)  # fmt: skip
def test_another_registered_name_has_another_key(other: str) -> None:
    assert NAMES.parse(other).key != NAMES.parse(HENGXIN).key


@pytest.mark.parametrize(
    ("written", "head", "branch"),
    [
        ("杭州恒信商贸有限公司宁波分公司", "杭州恒信商贸有限公司", "宁波分公司"),
        ("中国建设银行股份有限公司杭州西湖支行", "中国建设银行股份有限公司", "杭州西湖支行"),
        ("中国建设银行股份有限公司杭州分行营业部", "中国建设银行股份有限公司", "杭州分行营业部"),
        ("建行杭州分行", "建行", "杭州分行"),
        ("恒信商贸杭州分公司", "恒信商贸", "杭州分公司"),
        ("恒信商贸第一分公司", "恒信商贸第一", "分公司"),
        ("海底捞火锅（西湖店）", "海底捞火锅", "西湖店"),
        ("杭州恒信商贸有限公司城西营业部", "杭州恒信商贸有限公司", "城西营业部"),
        ("中国银行股份有限公司安河支行", "中国银行股份有限公司", "安河支行"),
    ],
)
def test_a_branch_is_its_head_and_what_it_is_of_it(written: str, head: str, branch: str) -> None:
    name, whole = NAMES.parse(written), NAMES.parse(head)
    assert name.is_branch
    assert name.branch == branch == name.branch_key
    assert name.head_key == whole.key != name.key
    assert not whole.is_branch


@pytest.mark.parametrize(
    "written", ["杭州恒信烟酒经营部", "安河王伟便利店", "杭州恒信汽修厂", "恒信研究院", "恒信酒店"]
)
def test_a_shop_of_its_own_is_no_branch(written: str) -> None:
    assert not NAMES.parse(written).is_branch


@pytest.mark.parametrize(
    "written",
    [
        "杭州恒信商贸有限公司（原：杭州永盛贸易有限公司）", "杭州恒信商贸有限公司（曾用名:杭州永盛贸易有限公司）",
        "杭州恒信商贸有限公司，原名杭州永盛贸易有限公司", "杭州恒信商贸有限公司(更名前为杭州永盛贸易有限公司)",
    ],
)  # fmt: skip
def test_a_former_name_is_kept_apart(written: str) -> None:
    name = NAMES.parse(written)
    assert name.former == "杭州永盛贸易有限公司"
    assert name.core == "恒信"


@pytest.mark.parametrize(
    ("written", "core", "trade"),
    [("中国银行", "中国", "银行"), ("杭州银行股份有限公司", "杭州", "银行"), ("上海汽车集团股份有限公司", "上海", "汽车"), ("中山医药有限公司", "中山", "医药")],
)  # fmt: skip
def test_a_company_with_no_name_but_its_place_is_named_by_it(written: str, core: str, trade: str) -> None:
    name = NAMES.parse(written)
    assert (name.core, name.trade, name.is_named_by_place) == (core, trade, True)


def test_the_trade_is_what_the_first_word_means() -> None:
    classes = {
        w: NAMES.parse(f"恒信{w}有限公司").trade_class
        for w in ("商贸", "贸易", "机械制造", "餐饮管理", "农业发展", "实业", "网络科技", "")
    }
    assert classes == {
        "商贸": "commerce", "贸易": "commerce", "机械制造": "machinery", "餐饮管理": "catering", "农业发展": "farming", "实业": "general",
        "网络科技": "information", "": "",
    }  # fmt: skip


def test_cores_that_sound_or_look_alike_share_sound_or_shape() -> None:
    assert core_sound("恒信") == core_sound("恒鑫") == core_sound("HENGXIN") == "hengxin"
    assert core_shape("恒辰") == core_shape("恒晨") != core_shape("恒信")
    shapes = company_words().shapes
    assert all(len(c) == 1 for c in shapes)


def test_every_short_name_leads_to_a_name_that_is_not_itself_short() -> None:
    aliases = company_words().aliases
    assert not set(aliases.values()) & set(aliases)


def test_the_table_holds_each_name_once_with_missing_parts_missing() -> None:
    table = company_table([HENGXIN, None, "恒信", HENGXIN], {})  # type: ignore[list-item]
    assert table.column_names == ["written", *COLUMNS]
    rows = table.to_pylist()
    assert [r["written"] for r in rows] == [HENGXIN, "恒信"]
    assert rows[1] | {"region": None, "trade": None, "branch": None, "legal_form": None} == rows[1]
    assert rows[0]["sound"] == rows[1]["sound"] == "hengxin"
    assert (rows[0]["is_full"], rows[1]["is_full"]) == (True, False)
    assert company_table([]).num_rows == 0


def test_cleaning_twice_is_cleaning_once() -> None:
    for written in (HENGXIN, "　ＡＢＣ（杭州）商貿 有限公司", "Heng Xin  Co.,Ltd", "恒信 Heng", "  "):
        assert clean_name(clean_name(written)) == clean_name(written)


def test_places_lie_in_one_another_by_their_codes() -> None:
    places = official_places()
    assert places.codes["杭州"] == places.codes["杭州市"] == "330100"
    assert places.codes["吉林"] == "220000"  # the province, not the city in it
    assert "和平" not in places.codes
    assert is_inside("330110", "330100")
    assert is_inside("330100", "330000")
    assert not is_inside("330100", "330110")
    assert not is_inside("320100", "330000")
    assert short_place("422800", "恩施土家族苗族自治州") == "恩施"
    assert short_place("654324", "哈巴河县") == "哈巴河"
    assert places_with({"379901": "安河区"}).codes["安河"] == "379901"
    assert "安河" not in places.codes

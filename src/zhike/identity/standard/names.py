"""Names of persons, in Chinese and Latin script: a key for equal names, a sound for names that are heard or typed alike.

The sound of a Chinese name is its pinyin («张伟明» → ``WEIMING ZHANG``), the same form that a card or a passport is brought to, so
that both scripts meet. Latin names are taken as family name last, unless a comma or a Chinese family name in pinyin says
otherwise.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from zhike.identity.standard.terms import Flaw
from zhike.identity.standard.texts import is_chinese, narrow, simplified, without_accents, without_blanks

TITLES = re.compile(r"(先生|女士|小姐|太太|老师|老板|经理|总经理|阿姨|师傅|医生|主任|总)+$")
TITLE_ENDS = frozenset("生士姐太师板理姨傅任总")
LATIN_TITLES = frozenset({"MR", "MRS", "MS", "MISS", "DR", "PROF", "SIR", "MADAM", "JR", "SR"})
MASKED = re.compile(r"[*＊?？×某]|[Xx]{2,}")
NOISE = re.compile(r"[·•．.,，、()（）\-_'’‘\"“”&/|]")
NO_NAME = frozenset({
    "", "未知", "无", "不详", "匿名", "游客", "测试", "测试用户", "客户", "用户", "本人", "未命名", "微信用户", "新用户", "TEST", "NULL", "NONE", "NA",
    "UNKNOWN", "ANONYMOUS", "GUEST", "USER", "CUSTOMER", "NIL",
})  # fmt: skip
COMPOUND = frozenset(
    [
        "欧阳",
        "太史",
        "端木",
        "上官",
        "司马",
        "东方",
        "独孤",
        "南宫",
        "万俟",
        "闻人",
        "夏侯",
        "诸葛",
        "尉迟",
        "公羊",
        "赫连",
        "澹台",
        "皇甫",
        "宗政",
        "濮阳",
        "公冶",
        "太叔",
        "申屠",
        "公孙",
        "慕容",
        "仲孙",
        "钟离",
        "长孙",
        "宇文",
        "司徒",
        "鲜于",
        "司空",
        "闾丘",
        "子车",
        "亓官",
        "司寇",
        "巫马",
        "公西",
        "颛孙",
        "壤驷",
        "公良",
        "漆雕",
        "乐正",
        "宰父",
        "谷梁",
        "拓跋",
        "夹谷",
        "轩辕",
        "令狐",
        "段干",
        "百里",
        "呼延",
        "东郭",
        "南门",
        "羊舌",
        "微生",
        "梁丘",
        "左丘",
        "东门",
        "西门",
    ]
)
# readings that a character has as a family name only, or mostly
FAMILY_READINGS = {
    "单": "SHAN", "曾": "ZENG", "查": "ZHA", "解": "XIE", "仇": "QIU", "朴": "PIAO", "区": "OU", "盖": "GE", "乐": "YUE", "翟": "ZHAI",
    "任": "REN", "缪": "MIAO", "召": "SHAO", "种": "CHONG", "燕": "YAN", "华": "HUA", "纪": "JI", "卜": "BU", "员": "YUN", "折": "SHE",
    "黑": "HE", "秘": "BI", "冼": "XIAN", "洗": "XIAN", "覃": "QIN", "幺": "YAO", "那": "NA", "尹": "YIN", "重": "CHONG", "长": "CHANG",
    "郇": "XUN", "逄": "PANG", "乜": "NIE", "祭": "ZHAI", "眭": "SUI", "芮": "RUI", "隗": "WEI", "繁": "PO", "万俟": "MOQI", "尉迟": "YUCHI",
    "澹台": "TANTAI", "吕": "LYU", "褚": "CHU", "宓": "MI", "郝": "HAO", "沈": "SHEN", "晁": "CHAO", "臧": "ZANG", "戚": "QI", "阚": "KAN",
}  # fmt: skip
LONGEST_CHINESE = 15


class NameForm(NamedTuple):
    """A standardised name. ``initial`` is also there for what only hints at a name (王 of 王先生, 张 of 张*)."""

    key: str | None = None
    sound: str | None = None
    family: str | None = None
    given: str | None = None
    initial: str | None = None
    flaw: Flaw | None = None


NOTHING = NameForm()


@cache
def sound_of(character: str) -> str:
    """Return the pinyin of one character in capitals, without tones; the character itself when it has none."""
    from pypinyin import Style, lazy_pinyin

    return "".join(lazy_pinyin(character, style=Style.NORMAL, v_to_u=False)).upper().replace("Ü", "V")


def standard_person_name(written: str | None) -> NameForm:
    """Return the standard form of a person's written name."""
    if written is None:
        return NOTHING
    if 2 <= len(written) <= 4 and is_chinese(written) and "某" not in written and written not in NO_NAME:
        return _chinese(written)  # nearly all: the rest costs more
    text = narrow(written).strip()
    bare = NOISE.sub("", without_blanks(text)).upper()
    if bare in NO_NAME:
        return NOTHING if not bare else NameForm(flaw=Flaw.FILLER)
    if MASKED.search(text):
        first = simplified(bare[:1])
        return NameForm(initial=first if is_chinese(first) else None, flaw=Flaw.MASKED)
    return _chinese(bare) if is_chinese(bare) else _latin(text)


def standard_company_name(written: str | None) -> NameForm:
    """Return the standard form of a company's written name: simplified, in capitals, without blanks, dots and brackets."""
    if written is None:
        return NOTHING
    capitals = NOISE.sub("", without_blanks(narrow(written))).upper()
    bare = narrow(capitals)  # again: what stood between an accent and its letter is gone, and ß has become two
    if bare in NO_NAME:
        return NOTHING if not bare else NameForm(flaw=Flaw.FILLER)
    key = simplified(bare)
    if MASKED.search(written) or len(key) < 2:
        return NameForm(initial=key[:1] or None, flaw=Flaw.MASKED if len(key) > 1 else Flaw.HINT)
    return NameForm(key, initial=key[0])


def _chinese(bare: str) -> NameForm:
    name = simplified(bare)
    named = TITLES.sub("", name) if name[-1] in TITLE_ENDS and (len(name) > 2 or name[-1] == "总") else name
    if len(named) < 2:
        return NameForm(initial=name[:1], flaw=Flaw.HINT)
    if len(named) > LONGEST_CHINESE:
        return NameForm(flaw=Flaw.MALFORMED)
    if len(set(named)) == 1 and len(named) > 2:
        return NameForm(flaw=Flaw.FILLER)
    width = 2 if named[:2] in COMPOUND and len(named) > 2 else 1
    family, given = named[:width], named[width:]
    read = FAMILY_READINGS.get(family) or "".join(map(sound_of, family))
    return NameForm(named, _sound(read, "".join(map(sound_of, given))), family, given, named[0])


@cache
def _family_sounds() -> frozenset[str]:
    """Return the pinyin of the common family names, to tell which end of a Latin name is the family's."""
    common = (
        "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹"
        "熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万钱严覃武戴孔向汤"
    )
    return frozenset(FAMILY_READINGS.get(c) or sound_of(c) for c in common) | {"LV", "LU", "OUYANG"}


def _latin(text: str) -> NameForm:
    """Return a name in Latin letters, or in both scripts, of which the Chinese part counts."""
    chinese = "".join(c for c in text if is_chinese(c))
    if len(chinese) >= 2:
        return _chinese(chinese)
    folded = without_accents(text).upper()
    family_first = "," in folded
    tokens = [t for t in re.split(r"[^A-Z]+", folded.replace("'", "")) if t and t not in LATIN_TITLES]
    if not tokens:
        return NameForm(flaw=Flaw.MALFORMED)
    if len(tokens) == 1 and len(tokens[0]) < 2:
        return NameForm(initial=tokens[0], flaw=Flaw.HINT)
    if not family_first and len(tokens) > 1:
        is_pinyin_first = tokens[0] in _family_sounds() and tokens[-1] not in _family_sounds()
        tokens = tokens if is_pinyin_first or _both_chinese(tokens) else [tokens[-1], *tokens[:-1]]
    family, given = tokens[0], "".join(tokens[1:])
    return NameForm(family + given, _sound(family, given), family, given or None, family[0])


def _sound(family: str, given: str) -> str:
    """Return both parts in alphabetical order, since nobody can tell which end of «WEI ZHANG» is the family's."""
    if not given:
        return family
    return f"{family} {given}" if family < given else f"{given} {family}"


def _both_chinese(tokens: list[str]) -> bool:
    return tokens[0] in _family_sounds() and tokens[-1] in _family_sounds()


__all__ = ["NameForm", "sound_of", "standard_company_name", "standard_person_name"]

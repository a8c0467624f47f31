"""A written company name and its parts: region, core name 字号, trade, legal form, branch, former name, standard keys.

Registered names are made as 行政区划 + 字号 + 行业 + 组织形式 (杭州 + 恒信 + 商贸 + 有限公司); people write any part of it. Widths,
brackets, blanks, traditional characters and slips in the legal form do not change the parts. A branch 分公司 keeps its head's
name apart from its own: it is another party that belongs to the head.

How to compare two names, strongest first; each level is worth less than the one before:

1. ``key`` equal, with region and legal form (``is_full``): the registered name, unique in its registry.
2. region inside region, ``core`` and ``trade`` equal, legal forms not contradicting.
3. ``core`` and trade (or ``trade_class``) equal, a region missing on one side.
4. ``core`` equal, trade missing on one side: a short name; weak by itself, strong with region and another fact.
5. ``sound`` or ``shape`` of the core equal, the rest as in 2: a slip of the pen.
6. other core, other region (both known) or other ``trade_class``: two companies. ``branch_key`` differs: two parties.

The words stand in ``company_words.yaml``. Nothing here is asked of an engine: a name is parsed once per distinct value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import yaml

from zhike.identity.standard.names import sound_of
from zhike.identity.standard.places import COUNTRY, Places, official_places, places_with
from zhike.kernel.definitions import SafeLoader

FILE = Path(__file__).with_name("company_words.yaml")
SHORTEST_CORE, SHORTEST_FULL = 2, 8
CORES_KEPT = 100_000  # whose sound and shape stay at hand
PLACES_IN_A_NAME = 3  # province, city, district
LIMITED = "有限公司"
LOST_LIMITS = ("冇限", "右限", "友限")
LOST_FORMS = ("有限公", "限公司", "有线公司")
UNSURE_FORMS = frozenset({"", "company"})
FULL_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94)}
BRACKETS = str.maketrans("〔〕【】［］[]〈〉《》{}「」『』", "()" * 9)
BLANKS = "\u3000\u00a0\t\r\n\u2002\u2003\u2009\u202f"
DROPPED = "·•‧・．。、“”\"'‘’`*#_|~^$%!?；;：:\u200b\u200c\u200d\ufeff\u00ad"


class CompanyName(NamedTuple):
    """The parts of a company name. Texts are simplified, half-width, in capitals, "" where a part is not written.

    ``region`` : code of the most exact place written, of six digits; ``core`` : 字号 (the place's name where a company is named by
    nothing else, see ``is_named_by_place``); ``trade`` : trade words; ``trade_class`` : what they mean; ``legal_form`` : a code of
    ``company_words.yaml``; ``branch`` : the part of the company (杭州分公司), "" of a head office; ``former`` : former name as written.
    ``key`` is equal for two writings of one registered name (恒信(杭州)商贸 and 杭州恒信商贸 are two); ``head_key`` leaves the branch out.
    """

    name: str
    region: str
    core: str
    trade: str
    trade_class: str
    legal_form: str
    branch: str
    is_branch: bool
    is_named_by_place: bool
    former: str
    key: str
    head_key: str

    @property
    def is_full(self) -> bool:
        """Whether it is a registered name in full: place, core and a legal form that says its law."""
        return bool(self.region and self.core) and self.legal_form not in UNSURE_FORMS

    @property
    def branch_key(self) -> str:
        """Return what tells one branch from another of the same head, "" of a head office."""
        return self.branch


@dataclass(frozen=True, slots=True)
class CompanyWords:
    """The lists of ``company_words.yaml``, ready for look-up from the right of a text.

    ``form_lengths`` and ``trade_lengths`` : last character → lengths of words that end so, longest first; ``branches`` : last two
    characters → words for a part of a company, and whether they need no company before them.
    """

    forms: Mapping[str, str]
    form_lengths: Mapping[str, tuple[int, ...]]
    bracketed_forms: Mapping[str, str]
    latin_forms: Mapping[tuple[str, ...], str]
    groups: tuple[str, ...]
    branches: Mapping[str, tuple[tuple[str, bool], ...]]
    branch_words: tuple[str, ...]
    former_words: tuple[str, ...]
    trades: Mapping[str, str]
    trade_lengths: Mapping[str, tuple[int, ...]]
    latin_trades: Mapping[str, str]
    aliases: Mapping[str, str]
    shapes: Mapping[str, str]
    common_words: frozenset[str]
    before_names: tuple[str, ...]
    before_companies: tuple[str, ...]
    surely_before: tuple[str, ...]
    after_names: tuple[str, ...]
    after_companies: tuple[str, ...]
    titles: tuple[str, ...]
    leading_words: tuple[str, ...]
    ending_forms: tuple[str, ...]
    also_people: tuple[str, ...]
    frames: tuple[str, ...]
    no_names: tuple[str, ...]
    others_before: tuple[str, ...]
    others_after: tuple[str, ...]


@cache
def company_words() -> CompanyWords:
    """Return the lists, read once."""
    raw = yaml.load(FILE.read_text(encoding="utf-8"), Loader=SafeLoader)  # noqa: S506 - it is safe
    forms = {word: form for form, words in raw["legal_forms"].items() for word in words}
    trades = {word: trade for trade, words in raw["trades"].items() for word in words}
    latin = {tuple(words.replace(".", "").split()): form for form, all_ in raw["latin_forms"].items() for words in all_}
    return CompanyWords(
        forms=forms, form_lengths=_lengths(forms), bracketed_forms=raw["bracketed_forms"], latin_forms=latin,
        groups=tuple(raw["group_words"]), branches=_branches(raw["branches"]),
        branch_words=(*raw["branches"]["strong"], *raw["branches"]["weak"], "店"),
        former_words=tuple(raw["former_words"]), trades=trades, trade_lengths=_lengths(trades), latin_trades=raw["latin_trades"],
        aliases=raw["aliases"], shapes={c: group[0] for group in raw["shapes"] for c in group}, common_words=frozenset(raw["common_words"]),
        **{name: tuple(words) for name, words in raw["sentences"].items()},
    )  # fmt: skip


def _branches(raw: Mapping[str, list[str]]) -> dict[str, tuple[tuple[str, bool], ...]]:
    found: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for strength in ("strong", "weak"):
        for word in raw[strength]:
            found[word[-2:]].append((word, strength == "strong"))
    return {tail: tuple(words) for tail, words in found.items()}


def _lengths(words: Iterable[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = defaultdict(set)
    for word in words:
        found[word[-1]].add(len(word))
    return {last: tuple(sorted(lengths, reverse=True)) for last, lengths in found.items()}


@cache
def _cleaning() -> dict[int, Any]:
    """Return the table that brings every character to simplified, half-width and capital, and drops what says nothing."""
    import opencc

    table: dict[int, Any] = dict.fromkeys(map(ord, DROPPED))
    table |= FULL_WIDTH | BRACKETS | dict.fromkeys(map(ord, BLANKS), " ")
    table |= {0xFF01 + i: 0x21 + i for i in range(94)} | {ord("（"): "(", ord("）"): ")", ord("，"): ","}
    table |= {c: chr(c).upper() for c in range(ord("a"), ord("z") + 1)} | {
        c + 0xFEE0: chr(c).upper() for c in range(ord("a"), ord("z") + 1)
    }
    table |= {ord(c): None for c in DROPPED}
    characters = [chr(c) for c in range(0x4E00, 0xA000)]
    simplified = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return table | {ord(a): b for a, b in zip(characters, simplified, strict=True) if a != b}


@cache
def _aligning() -> dict[int, Any]:
    return {c: to for c, to in _cleaning().items() if isinstance(to, int) or (to is not None and len(to) == 1)}


def aligned_text(text: str) -> str:
    """Return a text in simplified, half-width characters and capitals, each character where it was."""
    return text.translate(_aligning())


def clean_name(written: str) -> str:
    """Return a name in simplified, half-width characters and capitals, without noise; blanks only between Latin words."""
    text = written.translate(_cleaning())
    if " " not in text:
        return text
    return " ".join(text.split()) if text.isascii() else _without_blanks(text)


def _without_blanks(text: str) -> str:
    """Drop blanks and a Latin name written behind the Chinese one."""
    last = max(i for i, c in enumerate(text) if ord(c) > 0x2E7F) if any(ord(c) > 0x2E7F for c in text) else -1
    tail = text[last + 1 :]
    if len(tail) > 6 and " " in tail.strip():
        text = text[: last + 1]
    return text.replace(" ", "")


class CompanyNames:
    """Takes company names apart. ``own_places`` (code → name) are places that the official table lacks."""

    def __init__(self, own_places: Mapping[str, str] | None = None) -> None:
        self._places: Places = places_with(own_places) if own_places else official_places()
        self._words = company_words()
        self._table = _cleaning()

    def parse(self, written: str) -> CompanyName:
        """Return the parts of one written name; all parts are "" where nothing is left of it."""
        text = written.translate(self._table)
        if " " in text or text.isascii():
            text = clean_name(written)
            if text.isascii():
                return self._latin(text)
        branch = former = form = inner = ""
        if "(" in text or "," in text or ")" in text:
            text, former, form, inner, branch = self._bracketed(text)
        name = text
        if not branch:
            text, branch = self._branch(text)
        text, written_form = self._form(text)
        text, region, place = self._region(text, inner)
        core, trade, trade_class = self._trade(text)
        is_named_by_place = bool(place) and (not core or core in self._words.trades or core in self._words.groups)
        if is_named_by_place:
            trade = core + trade
            trade_class = trade_class or self._words.trades.get(core, "")
            core = place
        elif place and len(core) < SHORTEST_CORE:
            core, region = place + core, ""  # 长春 is no place in 长春藤
        stands = f"({region})" if inner else region
        head_key = f"{stands}|{core}|{trade}|{written_form or form}"
        return CompanyName(
            name, region, core, trade.replace("集团", ""), trade_class, written_form or form, branch, branch != "", is_named_by_place, former,
            f"{head_key}|{branch}" if branch else head_key, head_key,
        )  # fmt: skip

    def _form(self, text: str) -> tuple[str, str]:
        """Return a text without its legal form, and the form; a slip of one character in 有限公司 is read as it."""
        if not text:
            return text, ""
        forms = self._words.forms
        for length in self._words.form_lengths.get(text[-1], ()):
            form = forms.get(text[-length:])
            if form is not None and len(text) > length:
                if form == "company":
                    return _misread_limited(text)
                return text[:-length], form
        if len(text) >= len(LIMITED) + SHORTEST_CORE:
            if text.endswith(LOST_FORMS):
                return text[:-3].removesuffix("有"), "limited"
            tail = text[-4:]
            if (tail[0] == "有") + (tail[1] == "限") + (tail[2] == "公") + (tail[3] == "司") >= 3:
                return text[:-4], "limited"
        return text, ""

    def _region(self, text: str, inner: str) -> tuple[str, str, str]:
        """Return a text without the places it begins with, the code of the most exact one, and the name of the last."""
        region, start, place = "", 0, ""
        lengths, places = self._places.lengths, self._places
        for _ in range(PLACES_IN_A_NAME):
            if text[start : start + 2] not in lengths:
                break
            found = places.at(text, start, "" if region == COUNTRY else region)
            if found is None or (found[0] == len(text) and region):
                break
            place, start, region = text[start : found[0]], found[0], found[1] or region
        if inner and (not region or region == COUNTRY or len(inner.rstrip("0")) > len(region.rstrip("0"))):
            region = inner
        return text[start:], "" if region == COUNTRY else region, place

    def _trade(self, text: str) -> tuple[str, str, str]:
        """Return core, trade words and class of a text without place and legal form; the first word that says a trade gives its class."""
        trades, lengths, groups = self._words.trades, self._words.trade_lengths, self._words.groups
        end, trade_class = len(text), ""
        while end > SHORTEST_CORE:
            for length in lengths.get(text[end - 1], ()):
                if end - length >= SHORTEST_CORE and (found := trades.get(text[end - length : end])) is not None:
                    trade_class = found if found != "general" else trade_class or found
                    end -= length
                    break
            else:
                if end - 2 < SHORTEST_CORE or text[end - 2 : end] not in groups:
                    break
                end -= 2
        return text[:end], text[end:], trade_class

    def _branch(self, text: str) -> tuple[str, str]:
        """Return the head's name and the branch, "" where it is no branch's name."""
        for word, is_strong in self._words.branches.get(text[-2:], ()):
            if not text.endswith(word):
                continue
            end = len(text) - len(word)
            if is_strong and end > 1:
                return self._head(text, end)
            at = max(text.rfind("公司", 0, end), text.rfind("银行", 0, end))
            if at >= SHORTEST_CORE:
                return text[: at + 2], text[at + 2 :]
        return text, ""

    def _head(self, text: str, end: int) -> tuple[str, str]:
        """Return head and branch of a text whose word for a branch begins at ``end``."""
        at = max(text.rfind("公司", 0, end), text.rfind("银行", 0, end), text.rfind("集团", 0, end))
        if at >= SHORTEST_CORE:
            return text[: at + 2], text[at + 2 :]
        for length in range(min(8, end - SHORTEST_CORE), 1, -1):
            if text[end - length : end] in self._places.codes:
                return text[: end - length], text[end - length :]
        if text.endswith(("分行", "支行")) and 0 < (bank := text.find("行")) < end:
            return text[: bank + 1], text[bank + 1 :]
        return text[:end], text[end:]

    def _bracketed(self, text: str) -> tuple[str, str, str, str, str]:
        """Return a text without its brackets, and what they said: former name, legal form, region, branch."""
        former = form = region = branch = ""
        if "," in text:
            text, _, rest = text.partition(",")
            former = self._former(rest)
        while (start := text.find("(")) >= 0:
            end = text.find(")", start)
            inside = text[start + 1 : end] if end >= 0 else text[start + 1 :]
            after = text[end + 1 :] if end >= 0 else ""
            kept = ""
            if told := self._former(inside):
                former = told
            elif inside in self._words.bracketed_forms:
                form = form or self._words.bracketed_forms[inside]
            elif (place := self._whole_place(inside)) is not None:
                if start:
                    region = place or region
                else:
                    kept = inside  # (杭州)恒信 is 杭州恒信
            elif start >= SHORTEST_CORE and inside.endswith(self._words.branch_words) and not after:
                branch = inside
            elif inside not in self._words.groups:
                kept = inside
            text = text[:start] + kept + after
        return text.replace(")", ""), former, form, region, branch

    def _former(self, text: str) -> str:
        for word in self._words.former_words:
            if text.startswith(word):
                told = text[len(word) :].lstrip("名称为是:")
                return told if len(told) > SHORTEST_CORE else ""
        return ""

    def _whole_place(self, text: str) -> str | None:
        """Return the code of a text that is a place and nothing else; None when it is not."""
        region, start = "", 0
        while start < len(text):
            found = self._places.at(text, start, "" if region == COUNTRY else region)
            if found is None:
                return None
            start, region = found[0], found[1] or region
        return "" if region == COUNTRY else region

    def _latin(self, text: str) -> CompanyName:
        """Return the parts of a name in Latin letters; its core is written in one word."""
        words = (
            text.replace("(", " ")
            .replace(")", " ")
            .replace(",", " ")
            .replace(".", "")
            .replace("&", " ")
            .replace("-", " ")
            .split()
        )
        name, form, branch = " ".join(words), "", ""
        if words and words[-1] == "BRANCH" and len(words) > 1:
            branch = "BRANCH"
            words.pop()
        for length in range(min(4, len(words) - 1), 0, -1):
            if (found := self._words.latin_forms.get(tuple(words[-length:]))) is not None:
                words, form = words[:-length], found
                break
        region = ""
        kept = []
        for word in words:
            code = latin_places().get(word, "") if len(words) > 1 else ""
            if code and not region:
                region = code
            else:
                kept.append(word)
        trade: list[str] = []
        while len(kept) > 1 and kept[-1] in self._words.latin_trades:
            trade.insert(0, kept.pop())
        classes = [self._words.latin_trades[w] for w in trade]
        said = next((c for c in classes if c != "general"), classes[0] if classes else "")
        core = "".join(kept)
        head_key = f"{region}|{core}|{' '.join(trade)}|{form}"
        key = f"{head_key}|{branch}" if branch else head_key
        return CompanyName(
            name, region, core, " ".join(trade), said, form, branch, branch != "", is_named_by_place=False, former="", key=key, head_key=head_key,
        )  # fmt: skip


def _misread_limited(text: str) -> tuple[str, str]:
    """Return a text without 公司 and the form; what stands before it may be 有限 or 有限责任 with one character misread."""
    if text[-4:-2] == "责任" and (text[-6:-5] == "有" or text[-5:-4] == "限"):
        return text[:-6], "limited"
    if text[-4:-3] == "有" or text[-4:-2] in LOST_LIMITS:
        return text[:-4], "limited"
    return text[:-2], "company"


@cache
def latin_places() -> Mapping[str, str]:
    """Return provinces and cities in capital Latin letters → code; names that two places share are left out."""
    from pypinyin import lazy_pinyin

    places = official_places()
    found: dict[str, set[str]] = defaultdict(set)
    for code, name in places.names.items():
        if code.endswith("00") and len(name) > 1:
            found["".join(lazy_pinyin(name)).upper()].add(code)
    return {name: next(iter(codes)) for name, codes in found.items() if len(codes) == 1}


@lru_cache(CORES_KEPT)
def core_sound(core: str) -> str:
    """Return how a core name sounds, in Latin letters without tones: 恒信 and 恒鑫 are both hengxin; Latin letters in small."""
    return "".join(map(sound_of, core)).lower()


@lru_cache(CORES_KEPT)
def core_shape(core: str) -> str:
    """Return a core name with characters that look alike written as one: 恒辰 and 恒晨 are one shape."""
    shapes = company_words().shapes
    return "".join([shapes.get(c, c) for c in core])


@cache
def _usual_names() -> CompanyNames:
    return CompanyNames()


def full_company_name(written: str) -> str | None:
    """Return the key of a name that is written in full, and so nearly unique; missing for a short name.

    In full: with a legal form that says its law, and at least eight characters.
    """
    name = _usual_names().parse(written)
    is_full = name.core and name.legal_form not in UNSURE_FORMS and len(name.name) >= SHORTEST_FULL
    return name.key if is_full else None


COLUMNS = (*CompanyName._fields, "is_full", "sound", "shape")


def company_table(written: Iterable[str], own_places: Mapping[str, str] | None = None) -> pa.Table:
    """Return one row per distinct written name: ``written`` and its parts.

    Parameters
    ----------
    written : names as sources have them; missing ones are left out, double ones give one row.
    own_places : code → name of places that the official table lacks.

    Returns
    -------
    ``written`` and the columns of :class:`CompanyName`, with ``is_full``, ``sound`` and ``shape`` of the core. Texts that are not
    written are missing, so that they compare as missing. In order of first appearance.
    """
    names = list(dict.fromkeys(w for w in written if w is not None))
    parser = CompanyNames(own_places)
    parsed = [parser.parse(w) for w in names]
    columns: dict[str, Any] = {"written": pa.array(names, pa.string())}
    for field, values in zip(
        CompanyName._fields, zip(*parsed, strict=True) if parsed else [()] * len(CompanyName._fields), strict=True
    ):
        is_flag = field.startswith("is_")
        columns[field] = pa.array(
            values if is_flag else [v or None for v in values], pa.bool_() if is_flag else pa.string()
        )
    columns["is_full"] = pa.array([p.is_full for p in parsed], pa.bool_())
    columns["sound"] = pa.array([core_sound(p.core) or None for p in parsed], pa.string())
    columns["shape"] = pa.array([core_shape(p.core) or None for p in parsed], pa.string())
    return pa.table(columns)


__all__ = [
    "COLUMNS",
    "CompanyName",
    "CompanyNames",
    "CompanyWords",
    "aligned_text",
    "clean_name",
    "company_table",
    "company_words",
    "core_shape",
    "core_sound",
    "full_company_name",
]

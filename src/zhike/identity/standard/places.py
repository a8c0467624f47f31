"""Places by name: provinces, cities, districts and counties of China by their codes (GB/T 2260), and a bank's own additions.

The official table is the one that ``cpca`` ships. A short name (杭州) stands for a province or a city; districts and counties
are taken only by their full name (余杭区), or behind their city: 兴隆, 和平 and 新华 are words before they are counties.
"""

from __future__ import annotations

import csv
import importlib.util
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

COUNTRY_NAMES = ("中国", "中华", "全国")
COUNTRY = "000000"
NO_NAMES = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划")
PROVINCE_SHORTS = {
    "150000": "内蒙古",
    "450000": "广西",
    "540000": "西藏",
    "640000": "宁夏",
    "650000": "新疆",
    "810000": "香港",
    "820000": "澳门",
}
NO_SHORTS = frozenset({"542500"})  # 阿里 is a company before it is a prefecture
MORE_NAMES = {
    "广西省": "450000",
    "新疆省": "650000",
    "内蒙": "150000",
    "自贸区": "",
    "自贸试验区": "",
    "开发区": "",
    "高新区": "",
    "经济开发区": "",
    "保税区": "",
    "新区": "",
    "工业园区": "",
}
PEOPLES = (
    "朝鲜族", "土家族", "苗族", "藏族", "羌族", "彝族", "布依族", "侗族", "壮族", "傣族", "景颇族", "白族", "哈尼族", "傈僳族", "回族", "蒙古族",
    "哈萨克", "柯尔克孜", "蒙古",
)  # fmt: skip
SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Places:
    """Names of places ready for look-up from the left of a text.

    ``codes`` : name → code of six digits ("" where several places share the name, or none has a code).
    ``inner`` : short or shared name of a district or county → codes; usable behind its city or province only.
    ``lengths`` : first two characters → lengths of names that begin so, longest first.
    """

    codes: Mapping[str, str]
    inner: Mapping[str, tuple[str, ...]]
    lengths: Mapping[str, tuple[int, ...]]
    names: Mapping[str, str]

    def at(self, text: str, start: int, outer: str) -> tuple[int, str] | None:
        """Return the end and code of the longest place that begins at ``start``, inside ``outer`` ("" = anywhere); else None."""
        codes, within = self.codes, stem(outer) if outer else ""
        for length in self.lengths.get(text[start : start + 2], ()):
            name = text[start : start + length]
            if within:
                for code in self.inner.get(name, ()):
                    if code.startswith(within):
                        return start + len(name), code
            found = codes.get(name)
            if found is not None and (not found or found.startswith(within)):
                return start + len(name), found or outer
        return None


def is_inside(inner: str, outer: str) -> bool:
    """Return whether one code's area lies in another's, or is the same."""
    return inner.startswith(stem(outer))


def stem(code: str) -> str:
    """Return the digits that all codes inside this one share: 2 for a province, 4 for a city, 6 for a district."""
    return "" if code == COUNTRY else code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code


@cache
def official_places() -> Places:
    """Return the places of the official table."""
    return _build(_official_rows(), {})


@cache
def _with_own(own: tuple[tuple[str, str], ...]) -> Places:
    return _build(_official_rows(), dict(own))


def places_with(own: Mapping[str, str]) -> Places:
    """Return the official places and a bank's own: code → name (a new zone, a renamed county), usable by their short names, too."""
    return _with_own(tuple(sorted(own.items()))) if own else official_places()


@cache
def _official_rows() -> tuple[tuple[str, str], ...]:
    found = importlib.util.find_spec("cpca")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("cpca")
    table = Path(found.submodule_search_locations[0]) / "resources" / "adcodes.csv"
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = [(r["adcode"][:6], r["name"]) for r in csv.DictReader(file)]
    return tuple(sorted((c, n) for c, n in rows if n not in NO_NAMES))


def _build(rows: tuple[tuple[str, str], ...], own: Mapping[str, str]) -> Places:
    full: dict[str, set[str]] = defaultdict(set)
    short: dict[str, str] = {}
    inner: dict[str, set[str]] = defaultdict(set)
    for code, name in rows:
        full[name].add(code)
        brief = short_place(code, name)
        if code in NO_SHORTS:
            continue
        if code.endswith("00"):
            short.setdefault(brief, code)  # 吉林 is the province, not the city in it
        elif len(brief) >= SHORTEST:
            inner[brief].add(code)
        inner[name].add(code)
    for code, name in own.items():  # a bank means its own town by a name that others have, too
        full[name] = {code}
        short[short_place(code, name)] = code
    codes = {name: next(iter(found)) if len(found) == 1 else "" for name, found in full.items()}
    codes = MORE_NAMES | codes | short | dict.fromkeys(COUNTRY_NAMES, COUNTRY)
    lengths: dict[str, set[int]] = defaultdict(set)
    for name in (*codes, *inner):
        lengths[name[:2]].add(len(name))
    shown = {code: short_place(code, name) for code, name in (*rows, *own.items())}
    return Places(
        codes, {n: tuple(sorted(c)) for n, c in inner.items()},
        {k: tuple(sorted(v, reverse=True)) for k, v in lengths.items()}, shown,
    )  # fmt: skip


def short_place(code: str, name: str) -> str:
    """Return a place's name without what kind of place it is: 杭州 of 杭州市, 恩施 of 恩施土家族苗族自治州."""
    if code in PROVINCE_SHORTS:
        return PROVINCE_SHORTS[code]
    brief = name
    for tail in ("自治州", "自治县", "地区", "林区", "特别行政区", "自治区", "省", "市", "区", "县", "盟", "旗"):
        if brief.endswith(tail) and len(brief) - len(tail) >= SHORTEST:
            brief = brief[: -len(tail)]
            break
    else:
        return name
    while people := next((p for p in PEOPLES if brief.endswith(p) and len(brief) - len(p) >= SHORTEST), ""):
        brief = brief[: -len(people)]
    return brief


__all__ = ["COUNTRY", "Places", "is_inside", "official_places", "places_with", "short_place", "stem"]

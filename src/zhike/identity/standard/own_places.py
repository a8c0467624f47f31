"""Places that a bank's customers live in and no official table has: new zones, renamed counties, towns of an invented bank.

They are read off addresses that begin with a place, beside the district code of the same record. A place that many addresses begin
with, nearly always with one code, and a code that the official table does not know, is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import ibis.expr.types as ir

from zhike.identity.standard.places import official_places

BEGINS_WITH_PLACE = r"^([一-龥]{2,4}?[区县市旗])"
DISTRICT = r"^[0-9]{6}$"
FEWEST_ADDRESSES, LEAST_SHARE = 5, 0.6


def address_places(records: ir.Table) -> ir.Table:
    """Return how often addresses begin with a place beside a district code: [place, district, n].

    Parameters
    ----------
    records : versions of ``source_party`` with ``address`` and ``district``.
    """
    found = records.filter(records.address.notnull() & records.district.notnull())
    found = found.filter(found.district.re_search(DISTRICT) & found.address.re_search(BEGINS_WITH_PLACE))
    named = found.select("district", place=found.address.re_extract(BEGINS_WITH_PLACE, 1))
    return named.group_by("place", "district").aggregate(n=named.count().cast("int64"))


def learned_places(counts: Iterable[Mapping[str, object]]) -> dict[str, str]:
    """Return code → name of the places that :func:`address_places` counted and the official table lacks."""
    by_place: dict[str, dict[str, int]] = defaultdict(dict)
    for row in counts:
        by_place[str(row["place"])][str(row["district"])] = int(str(row["n"]))
    official = official_places()
    found: dict[str, str] = {}
    for place, districts in sorted(by_place.items()):
        total = sum(districts.values())
        code, n = max(districts.items(), key=lambda d: (d[1], d[0]))
        is_official = code in official.names  # 东湖区 of another city does not make ours official
        if not is_official and total >= FEWEST_ADDRESSES and n >= LEAST_SHARE * total:
            found[code] = place
    return found


__all__ = ["address_places", "learned_places"]

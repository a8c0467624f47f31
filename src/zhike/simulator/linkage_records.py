"""What four systems wrote down of the persons of a linkage set: what they ask for, what is missing, mistyped, changed or shared."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np

from zhike.simulator.arrays import Bits, Columns, Flags, Floats, Ints, Texts, pa, pc
from zhike.simulator.identifiers import MOBILE_PREFIXES, as_text, day_number, digits, joined, scrambled
from zhike.simulator.linkage_people import NONE, Persons, places_in_groups, read_name_words, telephone_digits
from zhike.simulator.randomness import choose, draw_rows, mixed, part, uniform
from zhike.simulator.words import read_words

SOURCES = ("core", "card", "mobile", "call_centre")
CORE = 0
KEY_PREFIXES = ("10", "C", "u", "T")
LATER_SOURCE_WEIGHTS = (10.0, 38.0, 34.0, 18.0)
RECORD_COUNT_WEIGHTS = (66.0, 25.0, 7.0, 2.0)  # one to four: 1.45 on average
P_NO_NUMBER = 0.75  # outside core
P_NEW_TELEPHONE, P_NEW_ADDRESS, P_SAME_DISTRICT = 0.12, 0.08, 0.7  # of later records
P_NAME_TYPO, P_EMAIL_TYPO, P_TRADITIONAL = 0.05, 0.05, 0.1
P_SWAPPED_DAY = 0.02 / 0.361  # of the days that can be swapped, which are 36.1 % of all
# how often a system has a field; in the order of SOURCES
HAS_TELEPHONE, HAS_BIRTH, HAS_SEX = (0.99, 0.99, 1.0, 1.0), (1.0, 0.9, 0.8, 0.75), (1.0, 0.95, 0.7, 0.75)
HAS_DISTRICT, HAS_ADDRESS, HAS_EMAIL = (1.0, 0.95, 0.8, 0.8), (0.9, 0.7, 0.15, 0.25), (0.4, 0.7, 0.8, 0.3)
# real names and codes (GB/T 2260), so that what reads addresses can be tried; weights are ours
DISTRICTS = {
    "370102": ("济南市", "历下区", 9), "370103": ("济南市", "市中区", 8), "370104": ("济南市", "槐荫区", 6), "370105": ("济南市", "天桥区", 6),
    "370112": ("济南市", "历城区", 9), "370113": ("济南市", "长清区", 4), "370202": ("青岛市", "市南区", 5), "370203": ("青岛市", "市北区", 8),
    "370211": ("青岛市", "黄岛区", 10), "370212": ("青岛市", "崂山区", 4), "370213": ("青岛市", "李沧区", 5), "370214": ("青岛市", "城阳区", 6),
    "370303": ("淄博市", "张店区", 5), "370305": ("淄博市", "临淄区", 3), "370306": ("淄博市", "周村区", 2), "370602": ("烟台市", "芝罘区", 5),
    "370611": ("烟台市", "福山区", 3), "370613": ("烟台市", "莱山区", 2), "370702": ("潍坊市", "潍城区", 3), "370703": ("潍坊市", "寒亭区", 2),
    "370704": ("潍坊市", "坊子区", 2), "370705": ("潍坊市", "奎文区", 4),
}  # fmt: skip
PROVINCE = "山东省"
FIRST_DAY, FIRST_DAYS, GAP_DAYS = day_number(datetime.date(2021, 1, 1)), 600, 240


@dataclass(frozen=True, slots=True)
class _Slots:
    """One value per record, the records of a person side by side in order of time."""

    person: Ints
    place: Ints  # 0 = the first record of the person
    source: Ints


def draw_records(persons: Persons, seed: int) -> Columns:
    """Return the columns that the systems fill, with ``person``, ``source_no`` and ``key_no``; ordered by person."""
    slots = _slots(persons.size, seed)
    n = len(slots.person)
    bits = draw_rows(seed, "linkage:records", n_rows=21, size=n)
    who = slots.person
    is_core = slots.source == CORE
    has_number = is_core | (uniform(bits[0]) >= P_NO_NUMBER)
    district, address = _addresses(bits[1:6], persons, slots)
    wait = (slots.place > 0) * (slots.place * GAP_DAYS + part(bits[6], 16, GAP_DAYS))
    since = FIRST_DAY + part(bits[6], 0, FIRST_DAYS)[_first_of(slots)] + wait
    key_no = scrambled(np.argsort(bits[20], kind="stable"), 7)
    days = pa.array(since.astype(np.int32)).cast(pa.date32())
    has_sex = _has(bits[7], slots, HAS_SEX)
    return {
        "person": who, "source_no": slots.source, "key_no": key_no,
        "source_key": pc.binary_join_element_wise(pa.array(KEY_PREFIXES).take(pa.array(slots.source)), as_text(digits(key_no, 9)), ""),
        "party_kind": pa.array(["person"]).take(pa.array(np.zeros(n, np.int64))),
        "name": _names(bits[8:12], persons, who),
        "id_type": pc.if_else(pa.array(has_number), "resident_id", None),
        "id_number": as_text(persons.resident_id[who], ~has_number),
        "mobile": _telephones(bits[12:14], persons, slots),
        "email": _emails(bits[14:17], persons, slots),
        "address": address,
        "sex": pc.if_else(pa.array(has_sex), pc.if_else(pa.array(persons.is_male[who]), "male", "female"), None),
        "birth_on": _birth_days(bits[17:19], persons, slots),
        "district": district,
        "registered_on": days, "valid_from_on": days,
        "recorded_at": pc.add(days.cast(pa.timestamp("us")), pa.scalar(datetime.timedelta(hours=12))),
    }  # fmt: skip


def _slots(n_persons: int, seed: int) -> _Slots:
    bits = draw_rows(seed, "linkage:slots", n_rows=2, size=n_persons)
    count = 1 + choose(bits[0], RECORD_COUNT_WEIGHTS)
    person = np.repeat(np.arange(n_persons), count)
    place = places_in_groups(person)
    later = choose(mixed(bits[1][person] + place.astype(np.uint64)), LATER_SOURCE_WEIGHTS)
    return _Slots(person, place, np.where(place == 0, CORE, later))


def _first_of(slots: _Slots) -> Ints:
    """Return the position of the person's first record."""
    return np.arange(len(slots.place)) - slots.place


def _has(bits: Bits, slots: _Slots, rates: tuple[float, ...]) -> Flags:
    return uniform(bits) < np.array(rates)[slots.source]


def _last_change(slots: _Slots, draw: Floats, p_change: float) -> Ints:
    """Return the position of the person's last record, up to this one, in which something changed; NONE before any."""
    at = np.arange(len(draw))
    has_changed = (slots.place > 0) & (draw < p_change)
    last = np.maximum.accumulate(np.where(has_changed, at, NONE))
    return np.where(last > _first_of(slots), last, NONE)


def _names(bits: Bits, persons: Persons, who: Ints) -> Texts:
    """Return names as written: 5 % with one character taken for another, 10 % in traditional characters."""
    words = read_name_words()
    tokens = np.column_stack([persons.surname[who], persons.given[who]])
    n_wrong = np.array([len(w) for w in words.mistaken_for] + [0] * (len(words.simple) - len(words.mistaken_for)))
    wrong = np.zeros((len(words.simple), int(n_wrong.max())), np.int64)
    for token, others in enumerate(words.mistaken_for):
        wrong[token, : len(others)] = others
    rows = np.flatnonzero(uniform(bits[0]) < P_NAME_TYPO)
    length = 2 + (tokens[rows, 2] != NONE)
    place = part(bits[1][rows], 0, 60_060) % length
    place = np.where(n_wrong[tokens[rows, place]] == 0, 1, place)  # a double surname is never mistaken
    old = tokens[rows, place]
    tokens[rows, place] = wrong[old, part(bits[2][rows], 0, 60_060) % n_wrong[old]]
    is_traditional = pa.array(uniform(bits[3]) < P_TRADITIONAL)
    simple, traditional = pa.array([*words.simple, ""]), pa.array([*words.traditional, ""])
    columns = [pa.array(np.where(column == NONE, len(words.simple), column)) for column in tokens.T]
    return pc.if_else(
        is_traditional,
        pc.binary_join_element_wise(*(traditional.take(c) for c in columns), ""),
        pc.binary_join_element_wise(*(simple.take(c) for c in columns), ""),
    )


def _telephones(bits: Bits, persons: Persons, slots: _Slots) -> Texts:
    """Return mobile numbers; a later record may have a new one, which records after it keep."""
    changed = _last_change(slots, uniform(bits[0]), P_NEW_TELEPHONE)
    telephone = np.where(changed == NONE, persons.telephone[slots.person], persons.size + changed)
    last_eight = telephone_digits(telephone)
    prefix = MOBILE_PREFIXES[last_eight * 7 // 11 % len(MOBILE_PREFIXES)]
    written = joined(digits(prefix, 3), digits(last_eight, 8), n=len(telephone))
    return as_text(written, ~_has(bits[1], slots, HAS_TELEPHONE))


def _addresses(bits: Bits, persons: Persons, slots: _Slots) -> tuple[Texts, Texts]:
    """Return district codes and addresses; core writes all of it, the others leave out what everybody knows."""
    moved = _last_change(slots, uniform(bits[0]), P_NEW_ADDRESS)
    stays_near = part(bits[1], 32, 1000) < 1000 * P_SAME_DISTRICT
    home = np.where(moved == NONE, persons.home[slots.person], mixed(bits[1])[moved])
    is_far = (moved != NONE) & ~stays_near[moved]
    place = np.where(is_far, mixed(bits[2])[moved], persons.place[slots.person])
    district = pa.array(choose(place, tuple(float(w) for _, _, w in DISTRICTS.values())))
    words = mixed(home), mixed(home + np.uint64(1))
    streets = pa.array(read_words().streets).take(pa.array(part(words[0], 0, len(read_words().streets))))
    numbers = [
        1 + part(words[0], 16, 300), 1 + part(words[0], 32, 24), 1 + part(words[1], 0, 4),
        (1 + part(words[1], 16, 28)) * 100 + 1 + part(words[1], 32, 4),
    ]  # fmt: skip
    gate, block, stair, door = (pa.array(n).cast(pa.string()) for n in numbers)
    cities, names = pa.array([c for c, _, _ in DISTRICTS.values()]), pa.array([d for _, d, _ in DISTRICTS.values()])
    source = pa.array(slots.source)
    lead = pa.array([PROVINCE, "", "", ""]).take(source)
    city = pc.if_else(pc.less_equal(source, 1), cities.take(district), "")
    near = pc.binary_join_element_wise(lead, city, names.take(district), streets, gate, "号", "")
    inside = pc.binary_join_element_wise(block, "号楼", stair, "单元", door, "室", "")
    written = pc.binary_join_element_wise(near, inside, "")
    codes = pa.array(list(DISTRICTS)).take(district)
    has_district, has_address = _has(bits[3], slots, HAS_DISTRICT), _has(bits[4], slots, HAS_ADDRESS)
    return pc.if_else(pa.array(has_district), codes, None), pc.if_else(pa.array(has_address), written, None)


def _emails(bits: Bits, persons: Persons, slots: _Slots) -> Texts:
    """Return e-mail addresses; in 5 % of those written a letter before the @ is dropped, doubled or swapped with the next."""
    has = pa.array(_has(bits[0], slots, HAS_EMAIL))
    known = pc.if_else(has, persons.email.take(pa.array(slots.person)), None)
    is_wrong = pc.and_(pa.array(uniform(bits[1]) < P_EMAIL_TYPO), pc.is_valid(known))
    rows = pc.indices_nonzero(is_wrong).to_numpy().astype(np.int64)
    wrong = [_mistype(t, int(b)) for t, b in zip(known.take(pa.array(rows)).to_pylist(), bits[2][rows], strict=True)]
    return pc.replace_with_mask(known, is_wrong, pa.array(wrong, pa.string()))


def _mistype(address: str, bits: int) -> str:
    local, host = address.split("@")
    swappable = [i for i in range(len(local) - 1) if local[i] != local[i + 1]]
    at = (bits >> 8) % len(local)
    slip = bits % 3
    if slip == 0:
        wrong = local[:at] + local[at + 1 :]
    elif slip == 1 or not swappable:
        wrong = local[: at + 1] + local[at:]
    else:
        at = swappable[(bits >> 8) % len(swappable)]
        wrong = local[:at] + local[at + 1] + local[at] + local[at + 2 :]
    return f"{wrong}@{host}"


def _birth_days(bits: Bits, persons: Persons, slots: _Slots) -> Texts:
    """Return birth dates; in 2 % day and month are swapped, where that is another day of the calendar."""
    born = persons.born[slots.person].astype("datetime64[D]")
    months = born.astype("datetime64[M]")
    day = (born - months.astype("datetime64[D]")).astype(np.int64)  # from 0, as month is
    years = born.astype("datetime64[Y]")
    month = (months - years.astype("datetime64[M]")).astype(np.int64)
    swapped = (years.astype("datetime64[M]") + day).astype("datetime64[D]") + month
    can = (day < 12) & (day != month)
    written = np.where(can & (uniform(bits[0]) < P_SWAPPED_DAY), swapped, born)
    return pa.array(written.astype(np.int32), mask=~_has(bits[1], slots, HAS_BIRTH)).cast(pa.date32())


__all__ = ["DISTRICTS", "SOURCES", "draw_records"]

"""Who the persons of a linkage set are: families, names, birth dates, document numbers, telephones, homes, e-mail addresses."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from zhike.kernel.definitions import SafeLoader
from zhike.simulator.arrays import Bits, Days, Flags, Ints, Texts, pa, pc
from zhike.simulator.identifiers import Digits, calendar_numbers, day_number, resident_ids
from zhike.simulator.randomness import choose, draw_rows, normal, part, uniform

FILE = Path(__file__).with_name("linkage.yaml")
NONE = -1
HEAD, SPOUSE, FIRST_CHILD, SECOND_CHILD = 0, 1, 2, 3
HOUSEHOLD_SIZES, HOUSEHOLD_WEIGHTS = np.array((1, 2, 3, 4)), (45.0, 25.0, 20.0, 10.0)
LAST_BIRTH = day_number(datetime.date(2019, 12, 31))
YEAR = 365.25
P_ONE_CHARACTER, P_MOTHERS_SURNAME, P_SIBLING_CHARACTER, P_TWIN = 0.2, 0.05, 0.4, 0.015
P_HAS_EMAIL, P_CHILD_LEFT, GROWN_UP_YEARS = 0.55, 0.6, 24
P_SHARES = {"spouse": 0.053, "parent": 0.044, "shop": 0.006}  # of spouses, of children, of all: 3 % of persons
PERSONS_PER_SHOP = 200
DISTRICTS_OF_IDS = 98  # 379901 …: unassigned, so that no number is anybody's
EMAIL_HOSTS = ("qq.com", "163.com", "126.com", "sina.com", "139.com", "outlook.com")
EMAIL_WEIGHTS = (10.0, 42.0, 18.0, 10.0, 12.0, 8.0)
NUMBER_MODULUS, NUMBER_FACTOR = 99_999_989, 38_196_601  # prime; one to one below it


@dataclass(frozen=True, slots=True)
class NameWords:
    """``linkage.yaml``: every character or double surname is a token; positions in ``simple`` are what arrays hold."""

    simple: tuple[str, ...]
    traditional: tuple[str, ...]
    pinyin: tuple[str, ...]  # of the first ``n_surnames + n_given``
    mistaken_for: tuple[tuple[int, ...], ...]  # tokens by token, likewise
    surname_weights: tuple[float, ...]
    male_weights: tuple[float, ...]
    female_weights: tuple[float, ...]

    @property
    def n_surnames(self) -> int:
        """How many surnames; tokens of given names follow them."""
        return len(self.surname_weights)


@cache
def read_name_words() -> NameWords:
    """Return the lists of ``linkage.yaml``."""
    raw = yaml.load(FILE.read_text(encoding="utf-8"), Loader=SafeLoader)  # noqa: S506 - it is safe
    surnames, given = raw["surnames"], raw["given"]
    entries = [*surnames.items(), *given.items()]
    tokens = [name for name, _ in entries]
    position = dict(zip(reversed(tokens), range(len(tokens) - 1, -1, -1), strict=True))
    mistaken = []
    for _, (*_, confusions) in entries:
        for character in confusions:
            if character not in position:
                position[character] = len(tokens)
                tokens.append(character)
        mistaken.append(tuple(position[c] for c in confusions))
    written: Mapping[str, str] = raw["traditional"]
    return NameWords(
        simple=tuple(tokens),
        traditional=tuple("".join(written.get(c, c) for c in token) for token in tokens),
        pinyin=tuple(str(facts[-2]) for _, facts in entries),
        mistaken_for=tuple(mistaken),
        surname_weights=tuple(float(f[0]) for f in surnames.values()),
        male_weights=tuple(float(f[0]) for f in given.values()),
        female_weights=tuple(float(f[1]) for f in given.values()),
    )


@dataclass(frozen=True, slots=True)
class Persons:
    """One value per person, members of a household side by side."""

    is_male: Flags
    born: Days
    surname: Ints  # tokens of NameWords
    given: Ints  # n × 2 tokens, the second NONE in short names
    resident_id: Digits
    telephone: Ints  # number of the telephone they give: their own is their position, others have shared ones
    home: Bits  # one word per dwelling, from which its address is made
    place: Bits  # one word from which its district is made
    email: Texts  # missing where they have none

    @property
    def size(self) -> int:
        """Persons."""
        return len(self.born)


def draw_persons(n: int, seed: int) -> Persons:
    """Return the persons of a set; a function of its arguments alone."""
    bits = draw_rows(seed, "linkage:persons", n_rows=20, size=n)
    head, role = _households(bits[0])
    is_male = _sexes(bits[1], head, role)
    born = _birth_days(bits, head, role, is_male)
    surname, given = _names(bits, head, role, is_male)
    has_left = (
        (role >= FIRST_CHILD) & (born < LAST_BIRTH - int(GROWN_UP_YEARS * YEAR)) & (uniform(bits[9]) < P_CHILD_LEFT)
    )
    district = 379_901 + part(bits[12], 0, DISTRICTS_OF_IDS)[head]
    return Persons(
        is_male=is_male, born=born, surname=surname, given=given, resident_id=_resident_ids(district, born, is_male),
        telephone=_telephones(bits[13:16], head, role), home=np.where(has_left, bits[10], bits[10][head]),
        place=np.where(has_left, bits[11], bits[11][head]), email=_emails(bits[16:20], surname, given, born),
    )  # fmt: skip


def _households(bits: Bits) -> tuple[Ints, Ints]:
    """Return per person the position of the head of the household and the role in it; the last household may be cut."""
    sizes = HOUSEHOLD_SIZES[choose(bits, HOUSEHOLD_WEIGHTS)]
    start = np.cumsum(sizes) - sizes
    head = np.repeat(start, sizes)[: len(bits)]
    return head, np.arange(len(bits)) - head


def _sexes(bits: Bits, head: Ints, role: Ints) -> Flags:
    is_male = part(bits, 0, 2) == 1
    return np.where(role == SPOUSE, ~is_male[head], is_male)


def _birth_days(bits: Bits, head: Ints, role: Ints, is_male: Flags) -> Days:
    """Return birth days: a spouse some years from the head, children 20 to 35 years after their mother, twins on one day."""
    n = len(head)
    has_children = np.zeros(n, bool)
    has_children[head[role == FIRST_CHILD]] = True
    first = np.where(has_children, day_number(datetime.date(1952, 1, 1)), day_number(datetime.date(1940, 1, 1)))
    last = np.where(has_children, day_number(datetime.date(1988, 12, 31)), day_number(datetime.date(2003, 12, 31)))
    born = first + (uniform(bits[2]) * (last - first + 1)).astype(np.int64)
    gap = np.rint(normal(bits[3]) * 2.5 * YEAR).astype(np.int64)
    born = np.where(role == SPOUSE, born[head] + gap, born)
    mother = np.where(is_male[head], np.minimum(head + 1, n - 1), head)
    youngest = born[mother] + int(20 * YEAR)
    span = np.minimum(born[mother] + int(35 * YEAR), LAST_BIRTH) - youngest
    as_child = youngest + (uniform(bits[4]) * np.maximum(span, 1)).astype(np.int64)
    born = np.where(role >= FIRST_CHILD, as_child, born)
    twin = np.flatnonzero((role == SECOND_CHILD) & (uniform(bits[5]) < P_TWIN))
    born[twin] = born[twin - 1]
    return np.minimum(born, LAST_BIRTH).astype(np.int32)


def _names(bits: Bits, head: Ints, role: Ints, is_male: Flags) -> tuple[Ints, Ints]:
    """Return tokens of surname and given name; children have a parent's surname, siblings often a character in common."""
    words = read_name_words()
    n = len(head)
    surname = choose(bits[6], words.surname_weights)
    father = np.where(is_male[head], head, np.minimum(head + 1, n - 1))
    mother = np.where(is_male[head], np.minimum(head + 1, n - 1), head)
    parent = np.where(part(bits[6], 0, 1000) < 1000 * P_MOTHERS_SURNAME, mother, father)
    surname = np.where(role >= FIRST_CHILD, surname[parent], surname)
    given = np.empty((n, 2), np.int64)
    for place, shift in ((0, 48), (1, 32)):
        men, women = choose(bits[7], words.male_weights, shift), choose(bits[7], words.female_weights, shift)
        given[:, place] = words.n_surnames + np.where(is_male, men, women)
    sibling = np.flatnonzero((role == SECOND_CHILD) & (part(bits[8], 32, 1000) < 1000 * P_SIBLING_CHARACTER))
    given[sibling, 0] = given[sibling - 1, 0]
    given[part(bits[8], 0, 1000) < 1000 * P_ONE_CHARACTER, 1] = NONE
    return surname, given


def places_in_groups(groups: Ints) -> Ints:
    """Return 0, 1, 2 … within each group of equal values, in order of position."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    is_first = np.ones(len(groups), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    at = np.arange(len(groups))
    place = np.empty(len(groups), np.int64)
    place[order] = at - np.maximum.accumulate(np.where(is_first, at, 0))
    return place


def _resident_ids(district: Ints, born: Days, is_male: Flags) -> Digits:
    """Return resident ids, no two alike: serials count up among those of one district, birth day and sex."""
    group = (district.astype(np.int64) * 100_000 + born + 40_000) * 2 + is_male
    serial = 2 + 2 * ((group * 37 + places_in_groups(group)) % 499) + is_male
    return resident_ids(district, born, serial)


def _telephones(bits: Bits, head: Ints, role: Ints) -> Ints:
    """Return whose telephone each person gives: a spouse's, a parent's or a shop's for 3 %, else their own."""
    n = len(head)
    mine = np.arange(n)
    draw = uniform(bits[0])
    either = np.minimum(head + part(bits[1], 16, 2), n - 1)
    found = np.where((role == SPOUSE) & (draw < P_SHARES["spouse"]), head, mine)
    found = np.where((role >= FIRST_CHILD) & (draw < P_SHARES["parent"]), either, found)
    n_shops = max(n // PERSONS_PER_SHOP, 1)
    keeper = (bits[2] % np.uint64(n_shops)).astype(np.int64) * PERSONS_PER_SHOP
    return np.where(draw > 1 - P_SHARES["shop"], np.minimum(keeper, n - 1), found)


def telephone_digits(telephone: Ints) -> Ints:
    """Return eight digits for each telephone: one to one below 99,999,988, in no order."""
    return (telephone + 1) * NUMBER_FACTOR % NUMBER_MODULUS


def _emails(bits: Bits, surname: Ints, given: Ints, born: Days) -> Texts:
    """Return e-mail addresses, no two alike; three persons of one name and year differ in the last digit only, as they do."""
    words = read_name_words()
    n = len(born)
    spelt = pa.array([*words.pinyin, ""])
    initials = pa.array([*(p[0] for p in words.pinyin), ""])
    second = pa.array(np.where(given[:, 1] == NONE, len(words.pinyin), given[:, 1]))
    family, first = pa.array(surname), pa.array(given[:, 0])
    calendar = calendar_numbers(born)
    year = pc.utf8_slice_codeunits(pa.array(calendar).cast(pa.string()), 2, 4)
    day = pc.utf8_slice_codeunits(pa.array(calendar).cast(pa.string()), 4, 8)
    long = pc.binary_join_element_wise(spelt.take(family), spelt.take(first), spelt.take(second), year, "")
    short = pc.binary_join_element_wise(initials.take(first), initials.take(second), spelt.take(family), day, "")
    account = pa.array(100_000_000 + telephone_digits(np.arange(n)) * 9).cast(pa.string())
    style = part(bits[0], 0, 100)
    local = pc.if_else(pa.array(style < 45), account, pc.if_else(pa.array(style < 80), long, short))
    host = np.where(style < 45, 0, choose(bits[1], EMAIL_WEIGHTS))
    stem = pc.binary_join_element_wise(local, pa.array(EMAIL_HOSTS).take(pa.array(host)), "@")
    again = places_in_groups(stem.dictionary_encode().indices.to_numpy())
    more = pc.if_else(pa.array(again == 0), "", pa.array(again).cast(pa.string()))
    full = pc.binary_join_element_wise(
        pc.binary_join_element_wise(local, more, ""), pa.array(EMAIL_HOSTS).take(pa.array(host)), "@"
    )
    return pc.if_else(pa.array(uniform(bits[2]) < P_HAS_EMAIL), full, None)


__all__ = ["NONE", "NameWords", "Persons", "draw_persons", "places_in_groups", "read_name_words", "telephone_digits"]

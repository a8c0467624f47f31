"""The frozen sets for measuring identity: their bytes, the noise that is promised, and the cases that are hard on purpose."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import opencc
import pyarrow as pa
import pytest
from pypinyin import Style, pinyin
from stdnum.cn.ric import calc_check_digit

from zhike.kernel.errors import BadInput
from zhike.simulator import LinkageSet, draw_linkage_set
from zhike.simulator.identifiers import as_text
from zhike.simulator.linkage import EMPTY_COLUMNS
from zhike.simulator.linkage_people import Persons, draw_persons, read_name_words, telephone_digits
from zhike.sources.tables.party import SOURCE_PARTY

N_PERSONS = 12_000
FROZEN = {
    (1_000, 1): "56de82499ca7b0ac09c43d1457e121fd894b07ef09367b54fa5cd89e52173f42",
    (1_000, 2): "4f5da106fb6b9e0881eebf69afb98aea2eba1fa4dfc22bb87d647410f40d1997",
}


def digest(drawn: LinkageSet) -> str:
    """Of every value in order, whatever writes Arrow's bytes; columns that a set leaves empty may come and go."""
    made = hashlib.sha256()
    for table in (drawn.records.drop_columns(list(EMPTY_COLUMNS)), drawn.truth):
        made.update("|".join(table.column_names).encode())
        for row in zip(*(c.to_pylist() for c in table.columns), strict=True):
            made.update("|".join("" if v is None else str(v) for v in row).encode() + b"\n")
    return made.hexdigest()


@pytest.fixture(scope="module")
def drawn() -> LinkageSet:
    return draw_linkage_set(N_PERSONS)


@pytest.fixture(scope="module")
def persons() -> Persons:
    return draw_persons(N_PERSONS, 1)


@pytest.fixture(scope="module")
def rows(drawn: LinkageSet) -> list[dict[str, object]]:
    """Records with their person, in order of time within a person."""
    table = drawn.records.append_column("person", drawn.truth["person"])
    return sorted(table.to_pylist(), key=lambda r: (r["person"], r["valid_from_on"]))


def share(flags: list[bool]) -> float:
    return sum(flags) / len(flags)


@pytest.mark.parametrize("given", FROZEN, ids=str)
def test_a_set_is_frozen(given: tuple[int, int]) -> None:
    assert digest(draw_linkage_set(*given)) == FROZEN[given]


def test_records_are_rows_of_source_party(drawn: LinkageSet) -> None:
    expected = {name: kind.to_pyarrow() for name, kind in SOURCE_PARTY.schema().items()}
    assert {f.name: f.type for f in drawn.records.schema} == expected
    for column in SOURCE_PARTY.columns:
        if column.required:
            assert drawn.records[column.name].null_count == 0


def test_keys_name_records_and_tell_nothing_of_persons(drawn: LinkageSet) -> None:
    keys = list(zip(*(drawn.truth[n].to_pylist() for n in ("source", "source_key")), strict=True))
    assert len(set(keys)) == len(keys) == drawn.records.num_rows
    assert [
        (r, k)
        for r, k in zip(drawn.records["source"].to_pylist(), drawn.records["source_key"].to_pylist(), strict=True)
    ] == keys
    assert set(drawn.truth["person"].to_pylist()) == set(range(N_PERSONS))
    person = drawn.truth["person"].to_numpy()
    assert abs(np.corrcoef(person[:-1], person[1:])[0, 1]) < 0.03


def test_records_per_person_and_sources_are_as_promised(rows: list[dict[str, object]]) -> None:
    counts = Counter(r["person"] for r in rows)
    assert len(rows) / len(counts) == pytest.approx(1.45, abs=0.03)
    assert max(counts.values()) == 4
    assert {r["source"] for r in rows} == {"core", "card", "mobile", "call_centre"}
    first = {r["person"]: r for r in reversed(rows)}
    assert {r["source"] for r in first.values()} == {"core"}


def test_numbers_are_valid_belong_to_one_person_and_are_missing_outside_core(
    rows: list[dict[str, object]], persons: Persons
) -> None:
    true_number = as_text(persons.resident_id).to_pylist()
    assert len(set(true_number)) == N_PERSONS
    for row in rows:
        if row["id_number"] is not None:
            assert row["id_number"] == true_number[row["person"]]  # type: ignore[call-overload]
            assert (row["id_type"], calc_check_digit(row["id_number"])) == ("resident_id", row["id_number"][-1])  # type: ignore[index]
    assert all(r["id_number"] for r in rows if r["source"] == "core")
    assert share([r["id_number"] is None for r in rows if r["source"] != "core"]) == pytest.approx(0.75, abs=0.02)
    for born, is_male, number in zip(persons.born, persons.is_male, true_number, strict=True):
        assert number[6:14] == str(np.datetime64(int(born), "D")).replace("-", "")
        assert int(number[16]) % 2 == is_male


def test_names_are_mistyped_and_traditional_as_promised(rows: list[dict[str, object]], persons: Persons) -> None:
    simple = read_name_words().simple
    simplify, complicate = opencc.OpenCC("t2s").convert, opencc.OpenCC("s2t").convert
    has_form = {t: complicate(t) != t for t in simple}
    is_wrong, is_traditional, could_be = [], [], []
    for row in rows:
        at = row["person"]
        tokens = [persons.surname[at], *(g for g in persons.given[at] if g >= 0)]  # type: ignore[call-overload,index]
        true_name, written = "".join(simple[t] for t in tokens), str(row["name"])
        simplified = simplify(written)
        could_be.append(any(has_form[simple[t]] for t in tokens))
        is_traditional.append(simplified != written)
        is_wrong.append(simplified != true_name)
        assert len(simplified) == len(true_name)
        assert sum(a != b for a, b in zip(simplified, true_name, strict=True)) <= 1
    assert share(is_wrong) == pytest.approx(0.05, abs=0.006)
    assert share(is_traditional) == pytest.approx(0.10 * share(could_be), abs=0.01)


def test_mistaken_characters_sound_or_look_alike() -> None:
    words = read_name_words()
    assert (words.n_surnames, len(words.male_weights)) == (110, 60)
    sounds_alike = []
    for token, others in enumerate(words.mistaken_for):
        mine = {p for c in pinyin(words.simple[token], style=Style.NORMAL, heteronym=True) for p in c}
        for other in others:
            assert other != token
            assert words.simple[other] != words.simple[token]
            theirs = {p for c in pinyin(words.simple[other], style=Style.NORMAL, heteronym=True) for p in c}
            sounds_alike.append(bool(mine & theirs))
    assert 0.7 < share(sounds_alike) < 0.95  # the others look alike
    for token, said in enumerate(words.pinyin):
        spelt = pinyin(words.simple[token], style=Style.NORMAL, heteronym=True)
        assert said in {"".join(p) for p in _spellings(spelt)}, words.simple[token]
    simplify = opencc.OpenCC("t2s").convert
    assert [t for t, s in zip(words.traditional, words.simple, strict=True) if simplify(t) != s] == []


def _spellings(syllables: list[list[str]]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for choices in syllables:
        found = [[*f, c.replace("ü", "v")] for f in found for c in choices]
    return found


def test_days_and_months_are_swapped_in_two_of_a_hundred(rows: list[dict[str, object]], persons: Persons) -> None:
    is_swapped = []
    for row in rows:
        true = np.datetime64(int(persons.born[row["person"]]), "D").item()  # type: ignore[call-overload]
        if row["birth_on"] is not None:
            is_swapped.append(row["birth_on"] != true)
            assert row["birth_on"] in (true, true.replace(month=true.day, day=true.month) if true.day <= 12 else true)
    assert share(is_swapped) == pytest.approx(0.02, abs=0.004)


def test_telephones_are_shared_and_changed_as_promised(rows: list[dict[str, object]], persons: Persons) -> None:
    is_borrowed = persons.telephone != np.arange(N_PERSONS)
    assert is_borrowed.mean() == pytest.approx(0.03, abs=0.004)
    assert len(np.unique(telephone_digits(np.arange(2_000_000)))) == 2_000_000
    same_home = persons.home[is_borrowed] == persons.home[persons.telephone[is_borrowed]]
    assert 0.5 < same_home.mean() < 0.9  # family at one address; the others share a shop's
    changed, before = [], None
    for row in rows:
        if before is not None and before["person"] == row["person"] and before["mobile"] and row["mobile"]:
            changed.append(before["mobile"] != row["mobile"])
        before = row
    assert share(changed) == pytest.approx(0.12, abs=0.02)
    holders = defaultdict(set)
    for row in rows:
        holders[row["mobile"]].add(row["person"])
    assert max(len(h) for mobile, h in holders.items() if mobile) >= 4


def test_email_addresses_belong_to_one_person_and_are_mistyped(rows: list[dict[str, object]], persons: Persons) -> None:
    true = persons.email.to_pylist()
    known = [e for e in true if e]
    assert len(set(known)) == len(known)
    assert len(known) / N_PERSONS == pytest.approx(0.55, abs=0.02)
    is_wrong = []
    for row in rows:
        if row["email"] is not None:
            mine = true[row["person"]]  # type: ignore[call-overload]
            is_wrong.append(row["email"] != mine)
            assert abs(len(str(row["email"])) - len(mine)) <= 1
    assert share(is_wrong) == pytest.approx(0.05, abs=0.01)


def test_families_share_addresses_surnames_and_birthdays(persons: Persons) -> None:
    born, surname = persons.born, persons.surname
    of_home = defaultdict(list)
    for person, home in enumerate(persons.home.tolist()):
        of_home[home].append(person)
    families = [m for m in of_home.values() if len(m) >= 3]
    assert len(families) > N_PERSONS / 20
    for couple_and_children in families:
        a, b, *children = couple_and_children
        assert persons.is_male[a] != persons.is_male[b]
        mother = a if persons.is_male[b] else b
        assert all(surname[c] in (surname[a], surname[b]) for c in children)
        assert all(born[c] - born[mother] >= 20 * 365 for c in children)
    pairs = [(m[2], m[3]) for m in families if len(m) == 4]
    twins = [(a, b) for a, b in pairs if born[a] == born[b]]
    assert 0 < len(twins) < 0.05 * len(pairs)
    shares_character = [persons.given[a, 0] == persons.given[b, 0] for a, b in pairs]
    assert share(shares_character) == pytest.approx(0.42, abs=0.06)


def test_changes_last_and_records_follow_in_time(rows: list[dict[str, object]]) -> None:
    history: dict[object, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        history[row["person"]].append(row)
    long = [h for h in history.values() if len(h) >= 3]
    assert all(a["valid_from_on"] < b["valid_from_on"] for h in long for a, b in pairwise(h))  # type: ignore[operator]
    returned = [h for h in long if h[0]["mobile"] == h[2]["mobile"] != h[1]["mobile"] and h[1]["mobile"]]
    assert returned == []


def test_a_set_of_almost_nobody_is_refused() -> None:
    with pytest.raises(BadInput, match="at least 10"):
        draw_linkage_set(9)
    assert draw_linkage_set(10).truth["person"].combine_chunks().unique().sort() == pa.array(range(10))

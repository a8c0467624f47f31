"""An officer's word taken back: the customers, their ids and their links are as they were, whatever came in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from tests.unit.identity.conftest import ID_LI, ID_ZHANG, Row, Tables, id_of, party
from zhike.identity import Action, Override, RecordKey

pytestmark = [pytest.mark.slow, pytest.mark.requirement("B2")]  # each links four nights
Link = Callable[..., Tables]
DAYS = [date(2025, 3, d) for d in range(1, 9)]
A, B = "13912345679", "13812345679"


def word(action: Action, one: str, other: str) -> Override:
    left, right = (RecordKey(*key.split(":")) for key in (one, other))
    return Override(f"{one}-{other}", action, left, right, "柜面核实")


def links(tables: Tables) -> list[Row]:
    return sorted(tables["identity_link"], key=lambda r: (r["source"], r["source_key"]))


@pytest.fixture
def grown(link: Link) -> Callable[..., tuple[list[Row], Tables]]:
    """Return records that came one a night, and what the last night made of them: the later one has the lower key."""

    def work(*, later: dict[str, str]) -> tuple[list[Row], Tables]:
        older, newer = party("web", "9", name="张伟", mobile=A), party("core", "1", name="张卫", **later)
        first = link([older], as_of=DAYS[0])
        return [older, newer], link([older, newer], as_of=DAYS[1], previous=first)

    return work


@pytest.mark.parametrize("later", [{}, {"mobile": B}])
def test_an_undone_merge_leaves_links_and_ids_as_they_were(
    link: Link, grown: Callable[..., tuple[list[Row], Tables]], later: dict[str, str]
) -> None:
    rows, before = grown(later=later)
    merged = link(rows, as_of=DAYS[2], previous=before, overrides=[word(Action.MERGE, "web:9", "core:1")])
    assert id_of(merged, "1") == id_of(merged, "9") == id_of(before, "9")
    after = link(rows, as_of=DAYS[3], previous=merged)
    assert links(after) == links(before)
    told = [(c["kind"], c["reason"]) for c in after["identity_change"] if c["changed_on"] == DAYS[3]]
    assert told == [("split", "override_undone")]
    assert all((r["ended_on"], r["merged_into"]) == (None, None) for r in after["identity_register"])


def test_an_undone_split_leaves_links_and_ids_as_they_were(link: Link) -> None:
    rows = [party("web", "9", name="张伟", mobile=A)]
    first = link(rows, as_of=DAYS[0])
    rows += [party("core", "1", name="张伟", mobile=A)]
    before = link(rows, as_of=DAYS[1], previous=first)
    split = link(rows, as_of=DAYS[2], previous=before, overrides=[word(Action.SPLIT, "web:9", "core:1")])
    assert id_of(split, "9") == id_of(before, "9") != id_of(split, "1")
    after = link(rows, as_of=DAYS[3], previous=split)
    assert links(after) == links(before)


def test_both_ids_come_back_though_the_part_that_was_merged_away_has_grown_larger(
    link: Link, grown: Callable[..., tuple[list[Row], Tables]]
) -> None:
    rows, before = grown(later={"mobile": B})
    merge = [word(Action.MERGE, "web:9", "core:1")]
    merged = link(rows, as_of=DAYS[2], previous=before, overrides=merge)
    rows += [party("card", k, name="张卫", mobile=B) for k in ("21", "22")]
    larger = link(rows, as_of=DAYS[3], previous=merged, overrides=merge)
    assert len({r["customer_id"] for r in larger["identity_link"]}) == 1
    after = link(rows, as_of=DAYS[4], previous=larger)
    assert id_of(after, "9") == id_of(before, "9")
    assert {id_of(after, k) for k in ("1", "21", "22")} == {id_of(before, "1")}


def test_what_a_merge_still_holds_together_is_not_taken_for_undone(link: Link) -> None:
    rows = [
        party("web", "9", name="张伟", mobile=A),
        party("web", "91", name="张伟", mobile=A),
        party("core", "1", name="张卫"),
    ]
    before = link(rows, as_of=DAYS[0])
    merge = [word(Action.MERGE, "web:91", "core:1")]
    merged = link(rows, as_of=DAYS[1], previous=before, overrides=merge)
    moved = [{**rows[0], "id_number": ID_ZHANG}, {**rows[1], "id_number": ID_LI}, rows[2]]
    after = link(moved, as_of=DAYS[2], previous=merged, overrides=merge)
    assert id_of(after, "91") == id_of(after, "1") == id_of(before, "91")
    assert id_of(after, "9") not in {r["customer_id"] for r in before["identity_register"]}


def test_a_merge_against_the_days_of_birth_takes_all_records_of_both_along(link: Link) -> None:
    rows = [
        party("core", "1", name="张伟", birth_on=date(1980, 1, 2)),
        party("web", "2", name="张伟", mobile=A, birth_on=date(1991, 7, 8)), party("app", "3", name="张伟", mobile=A, birth_on=date(1991, 7, 9)),
    ]  # fmt: skip
    merged = link(rows, as_of=DAYS[0], overrides=[word(Action.MERGE, "core:1", "web:2")])
    assert len({r["customer_id"] for r in merged["identity_link"]}) == 1

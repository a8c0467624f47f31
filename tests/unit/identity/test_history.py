"""Ids from run to run: kept, merged, split, moved, retired, given back; each change with its reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tests.unit.identity.conftest import ID_LI, ID_ZHANG, Tables, groups, id_of, party
from zhike.identity import Action, Override, RecordKey

pytestmark = pytest.mark.slow  # each links two to four nights
Link = Callable[..., Tables]
A, B = "13912345679", "13812345679"


def changes(tables: Tables, day: date) -> list[tuple[Any, ...]]:
    return sorted((c["kind"], c["reason"], c["n_records"]) for c in tables["identity_change"] if c["changed_on"] == day)


DAYS = [date(2025, 3, d) for d in range(1, 9)]


@pytest.mark.requirement("B1")
def test_ids_stay_the_same_when_records_are_added_changed_and_reordered(link: Link) -> None:
    rows = [
        party("core", "5", name="张伟", mobile=A),
        party("card", "6", name="张伟", mobile=A),
        party("core", "7", name="李娜", mobile=B),
    ]
    first = link(rows, as_of=DAYS[0])
    later = [
        party("aaa", "1", name="李娜", mobile=B),
        *reversed(rows),
        party("core", "8", name="新客", mobile="13712345679"),
    ]
    second = link(later, as_of=DAYS[1], previous=first)
    assert [id_of(second, k) for k in "567"] == [id_of(first, k) for k in "567"]
    assert id_of(second, "1") == id_of(first, "7")
    assert changes(second, DAYS[1]) == [("created", "new_records", 1)]
    assert link(list(reversed(later)), as_of=DAYS[1], previous=first)["identity_link"] == second["identity_link"]


@pytest.mark.requirement("B2")
def test_a_merge_says_who_went_into_whom_by_which_rule_and_its_undoing_restores_both_ids(link: Link) -> None:
    apart = [
        party("core", "1", name="张伟", mobile=A),
        party("core", "2", name="张伟", mobile=A),
        party("card", "3", name="张伟", email="w@qq.com"),
    ]
    joined = [*apart[:2], party("card", "3", name="张伟", email="w@qq.com", mobile=A)]
    first = link(apart, as_of=DAYS[0])
    second = link(joined, as_of=DAYS[1], previous=first)
    assert len(groups(second)) == 1
    [merge] = [c for c in second["identity_change"] if c["kind"] == "merged"]
    assert (merge["customer_id"], merge["other_customer_id"], merge["reason"]) == (
        id_of(first, "3"),
        id_of(first, "1"),
        "mobile_name",
    )
    ended = next(r for r in second["identity_register"] if r["customer_id"] == id_of(first, "3"))
    assert (ended["ended_on"], ended["merged_into"]) == (DAYS[1], id_of(first, "1"))
    split = [Override("o1", Action.SPLIT, RecordKey("card", "3"), RecordKey("core", k), "不是同一人") for k in "12"]
    third = link(joined, as_of=DAYS[2], previous=second, overrides=split)
    assert {k: id_of(third, k) for k in "123"} == {k: id_of(first, k) for k in "123"}
    assert changes(third, DAYS[2]) == [("split", "override", 1)]
    restored = next(r for r in third["identity_register"] if r["customer_id"] == id_of(first, "3"))
    assert (restored["ended_on"], restored["merged_into"]) == (None, None)


@pytest.mark.requirement("B2")
def test_withdrawing_a_forced_merge_restores_the_state_before_it(link: Link) -> None:
    rows = [party("core", "1", name="张伟"), party("core", "2", name="张卫")]
    merge = Override("o1", Action.MERGE, RecordKey("core", "1"), RecordKey("core", "2"), "柜面核实")
    first = link(rows, as_of=DAYS[0])
    second = link(rows, as_of=DAYS[1], previous=first, overrides=[merge])
    third = link(rows, as_of=DAYS[2], previous=second)
    assert changes(second, DAYS[1]) == [("merged", "override_merge", 1)]
    assert third["identity_link"] == first["identity_link"]


def test_a_record_that_changes_sides_moves_and_both_customers_keep_their_ids(link: Link) -> None:
    people = [
        party("core", "1", name="张伟", mobile=A),
        party("core", "2", name="张伟", mobile=A),
        party("core", "3", name="李娜", mobile=B),
        party("core", "4", name="李娜", mobile=B),
    ]
    first = link([*people, party("app", "9", mobile=A)], as_of=DAYS[0])
    second = link([*people, party("app", "9", mobile=B)], as_of=DAYS[1], previous=first)
    assert id_of(second, "9") == id_of(first, "3")
    [move] = [c for c in second["identity_change"] if c["kind"] == "moved"]
    assert (move["customer_id"], move["other_customer_id"], move["source_key"]) == (
        id_of(first, "3"),
        id_of(first, "1"),
        "9",
    )


def test_a_customer_whose_records_are_gone_is_retired_and_its_id_never_given_to_another(link: Link) -> None:
    first = link([party("core", "1", name="张伟"), party("core", "2", name="李娜")], as_of=DAYS[0])
    second = link([party("core", "1", name="张伟")], as_of=DAYS[1], previous=first)
    assert changes(second, DAYS[1]) == [("retired", "records_gone", 0)]
    third = link([party("core", "1", name="张伟"), party("core", "3", name="王芳")], as_of=DAYS[2], previous=second)
    assert id_of(third, "3") not in {r["customer_id"] for r in second["identity_register"]}
    assert len({r["customer_no"] for r in third["identity_register"]}) == 3
    fourth = link([party("core", "1", name="张伟"), party("core", "2", name="李娜")], as_of=DAYS[3], previous=third)
    assert id_of(fourth, "2") == id_of(first, "2")
    assert changes(fourth, DAYS[3]) == [("created", "returned", 1), ("retired", "records_gone", 0)]


def test_a_founder_that_left_its_living_id_founds_a_new_generation(link: Link) -> None:
    first = link(
        [
            party("a", "1", name="张伟", mobile=A),
            party("b", "2", name="张伟", mobile=A),
            party("c", "3", name="张伟", mobile=A),
        ],
        as_of=DAYS[0],
    )
    second = link(
        [
            party("a", "1", name="张伟", mobile=B),
            party("b", "2", name="张伟", mobile=A),
            party("c", "3", name="张伟", mobile=A),
        ],
        as_of=DAYS[1],
        previous=first,
    )
    assert id_of(second, "2") == id_of(first, "2")
    new = next(r for r in second["identity_register"] if r["customer_id"] == id_of(second, "1"))
    assert (new["founding_key"], new["generation"]) == ("1", 1)
    assert changes(second, DAYS[1]) == [("split", "keys_changed", 1)]


def test_a_document_number_that_turns_up_later_splits_with_its_reason(link: Link) -> None:
    first = link(
        [party("core", "1", name="张伟", id_number=ID_ZHANG, mobile=A), party("core", "2", name="张伟", mobile=A)],
        as_of=DAYS[0],
    )
    second = link(
        [
            party("core", "1", name="张伟", id_number=ID_ZHANG, mobile=A),
            party("core", "2", name="张伟", mobile=A, id_number=ID_LI),
        ],
        as_of=DAYS[1],
        previous=first,
    )
    assert changes(second, DAYS[1]) == [("split", "resident_id", 1)]


def test_the_log_of_changes_is_kept_from_run_to_run(link: Link) -> None:
    first = link([party("core", "1", name="张伟")], as_of=DAYS[0])
    second = link([party("core", "1", name="张伟"), party("core", "2", name="李娜")], as_of=DAYS[1], previous=first)
    assert [c["changed_on"] for c in sorted(second["identity_change"], key=lambda c: c["change_id"])] == DAYS[:2]

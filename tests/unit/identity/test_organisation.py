"""Mergers of branches: which unit answers for which today."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from tests.unit.identity.conftest import DAY, Row, Tables

Run = Callable[..., Tables]


def unit(
    org_id: str, into: str | None = None, *, since: date = date(2010, 1, 1), until: date | None = None, parent: str | None = "head"
) -> Row:  # fmt: skip
    return {
        "org_id": org_id, "name": f"{org_id}支行", "level": "sub_branch", "parent_org_id": parent, "merged_into": into,
        "valid_from_on": since, "valid_to_on": until,
    }  # fmt: skip


def succession(run: Run, *units: Row, as_of: date = DAY) -> dict[str, tuple[object, ...]]:
    """Return unit → (successor, merged on, mergers, problem)."""
    rows = run("identity:organisation", {"org_unit": units}, as_of=as_of)["org_succession"]
    return {r["org_id"]: (r["successor_id"], r["merged_on"], r["n_mergers"], r["problem"]) for r in rows}


ENDED = date(2023, 6, 30)
NEXT = date(2023, 7, 1)


@pytest.mark.requirement("I6")
def test_a_merged_branch_is_answered_for_by_its_successor_from_the_day_after_its_last(run: Run) -> None:
    units = unit("old", "new", until=ENDED), unit("new")
    assert succession(run, *units) == {"old": ("new", NEXT, 1, None), "new": ("new", None, 0, None)}
    assert succession(run, *units, as_of=ENDED)["old"] == ("old", None, 0, None)
    assert succession(run, *units, as_of=NEXT)["old"] == ("new", NEXT, 1, None)


def test_a_version_that_does_not_end_says_from_when_the_unit_is_merged(run: Run) -> None:
    units = unit("old", until=ENDED), unit("old", "new", since=NEXT), unit("new")
    assert succession(run, *units)["old"] == ("new", NEXT, 1, None)
    assert succession(run, *units, as_of=ENDED)["old"] == ("old", None, 0, None)


@pytest.mark.requirement("I6")
def test_chains_of_mergers_are_followed_as_far_as_they_have_come_by_the_day(run: Run) -> None:
    units = (
        unit("a", "b", until=date(2015, 12, 31)), unit("b", "c", until=date(2019, 12, 31)), unit("c", "d", until=date(2024, 12, 31)), unit("d")
    )  # fmt: skip
    assert {k: v[0] for k, v in succession(run, *units).items()} == dict.fromkeys("abcd", "d")
    assert succession(run, *units)["a"] == ("d", date(2016, 1, 1), 3, None)
    assert {k: v[0] for k, v in succession(run, *units, as_of=date(2022, 1, 1)).items()} == {
        "a": "c", "b": "c", "c": "c", "d": "d"
    }  # fmt: skip


@pytest.mark.requirement("I6")
def test_units_that_merge_in_a_circle_answer_for_themselves_and_are_named(run: Run) -> None:
    units = (
        unit("a", "b", until=ENDED),
        unit("b", "c", until=ENDED),
        unit("c", "b", until=ENDED),
        unit("s", "s", until=ENDED),
    )
    assert succession(run, *units) == {
        "a": ("b", NEXT, 1, "circle"), "b": ("b", None, 0, "circle"), "c": ("c", None, 0, "circle"), "s": ("s", None, 0, None)
    }  # fmt: skip


def test_a_merger_into_a_unit_that_nobody_knows_ends_at_the_last_known_one(run: Run) -> None:
    units = unit("a", "b", until=ENDED), unit("b", "ghost", until=ENDED)
    assert succession(run, *units) == {"a": ("b", NEXT, 1, "unknown_unit"), "b": ("b", None, 0, "unknown_unit")}


def test_a_unit_that_opened_again_answers_for_itself(run: Run) -> None:
    units = unit("a", "b", until=ENDED), unit("a", since=date(2024, 1, 1)), unit("b")
    assert succession(run, *units)["a"] == ("a", None, 0, None)


def test_the_path_leads_from_the_head_office_over_units_that_still_are(run: Run) -> None:
    units = (
        unit("head", parent=None), unit("west", "east", until=ENDED), unit("east"), unit("old", "new", until=ENDED, parent="west"),
        unit("new", parent="west"), unit("stray", parent="ghost"), unit("x", parent="y"), unit("y", parent="x"),
    )  # fmt: skip
    rows = run("identity:organisation", {"org_unit": units})["org_succession"]
    assert {r["org_id"]: r["path"] for r in rows} == {
        "head": "head", "west": "head/east", "east": "head/east", "old": "head/east/new", "new": "head/east/new", "stray": "stray",
        "x": "y/x", "y": "x/y",
    }  # fmt: skip


def test_units_that_begin_later_are_not_there_yet(run: Run) -> None:
    assert succession(run, unit("a", since=date(2025, 3, 2))) == {}

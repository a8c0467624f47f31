"""Group structure: shares multiplied through, rings, control, the persons behind a company. Figures are worked out by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from zhike.identity.graph import GraphSettings, company_structure

EPOCH = date(1970, 1, 1)
TODAY = date(2025, 3, 1)
SCHEMA = pa.schema([
    ("from_no", pa.int64()), ("to_no", pa.int64()), ("is_from_company", pa.bool_()), ("is_to_company", pa.bool_()), ("kind", pa.string()),
    ("share_rate", pa.float64()), ("valid_from_on", pa.date32()), ("valid_to_on", pa.date32()), ("is_dated", pa.bool_()),
])  # fmt: skip


def number(name: str) -> int:
    """Persons are p1, p2 …, companies a, b, c …; a company's letter is its place among customers."""
    return 100 + int(name[1:]) if name[0] == "p" else ord(name) - ord("a") + 1


def name_of(no: int | None) -> str | None:
    return None if no is None else (f"p{no - 100}" if no > 100 else chr(ord("a") + no - 1))


def edge(
    holder: str, company: str, share: float | None = None, kind: str = "shareholder_of", since: date = date(2020, 1, 1),
    until: date | None = None, is_dated: bool = True,
) -> dict[str, Any]:  # fmt: skip
    return {
        "from_no": number(holder), "to_no": number(company), "is_from_company": holder[0] != "p", "is_to_company": company[0] != "p",
        "kind": kind, "share_rate": share, "valid_from_on": since, "valid_to_on": until, "is_dated": is_dated,
    }  # fmt: skip


def structure(*edges: dict[str, Any], settings: GraphSettings | None = None):
    return company_structure(
        pa.Table.from_pylist(list(edges), SCHEMA), settings or GraphSettings(), today=(TODAY - EPOCH).days
    )


def owners(found: Any) -> dict[tuple[str, str], tuple[Any, ...]]:
    """(company, person) → (basis, share, direct, through)."""
    return {
        (name_of(r["company_no"]), name_of(r["person_no"])): (
            r["basis"], round(r["share_rate"], 6), round(r["direct_rate"], 6), name_of(r["through_no"])
        )
        for r in found.owners.to_pylist()
    }  # fmt: skip


def groups(found: Any) -> dict[str, tuple[Any, ...]]:
    """Company → (head, parent, level, basis)."""
    return {
        name_of(r["customer_no"]): (name_of(r["head_no"]), name_of(r["parent_no"]), r["level"], r["basis"])
        for r in found.groups.to_pylist()
    }


def test_shares_are_multiplied_through_a_chain_and_added_over_several():
    # p1 → a 80 % → b 50 % → c 70 %; p1 → c directly 10 %: 0.8 × 0.5 × 0.7 + 0.1 = 0.38; p2 holds the other half of b: 0.35
    found = structure(
        edge("p1", "a", 0.8), edge("a", "b", 0.5), edge("p2", "b", 0.5), edge("b", "c", 0.7), edge("p1", "c", 0.1)
    )
    assert owners(found) == {
        ("a", "p1"): ("shares", 0.8, 0.8, None),
        ("b", "p1"): ("shares", 0.4, 0.0, "a"),
        ("b", "p2"): ("shares", 0.5, 0.5, None),
        ("c", "p1"): ("shares", 0.38, 0.1, "b"),
        ("c", "p2"): ("shares", 0.35, 0.0, "b"),
    }


def test_a_quarter_to_the_sixth_place_is_enough_and_a_hair_less_is_not():
    found = structure(edge("p1", "a", 0.25), edge("p2", "a", 0.249998), edge("p3", "b", 0.5), edge("b", "a", 0.5))
    assert {p for c, p in owners(found) if c == "a"} == {"p1", "p3"}


@pytest.mark.requirement("B5")
def test_in_a_ring_the_shares_from_outside_are_divided_exactly():
    # a and b hold 40 % of each other; p1 holds 60 % of a, p2 60 % of b.  x_a = 0.6 + 0.4·x_b and x_b = 0.4·x_a for p1:
    # x_a = 0.6 / 0.84 = 0.714286, x_b = 0.285714; the two persons together have all of each.
    found = structure(edge("p1", "a", 0.6), edge("b", "a", 0.4), edge("p2", "b", 0.6), edge("a", "b", 0.4))
    assert owners(found) == {
        ("a", "p1"): ("shares", 0.714286, 0.6, None), ("a", "p2"): ("shares", 0.285714, 0.0, "b"),
        ("b", "p1"): ("shares", 0.285714, 0.0, "a"), ("b", "p2"): ("shares", 0.714286, 0.6, None),
    }  # fmt: skip
    assert [r["known_rate"] for r in found.owners.to_pylist()] == pytest.approx([1, 1, 1, 1])
    assert found.metrics["n_rings"] == 1


def test_a_ring_that_nobody_outside_holds_belongs_to_its_legal_representatives():
    found = structure(
        edge("a", "b", 1.0), edge("b", "c", 1.0), edge("c", "a", 1.0), edge("p1", "a", kind="legal_representative_of"),
        edge("p2", "b", kind="legal_representative_of"),
    )  # fmt: skip
    assert owners(found) == {
        ("a", "p1"): ("legal_representative", 0.0, 0.0, None),
        ("b", "p2"): ("legal_representative", 0.0, 0.0, None),
    }
    assert (found.metrics["n_rings"], found.metrics["n_closed_rings"]) == (1, 1)
    assert groups(found) == dict.fromkeys("abc", ("a", None, 0, "ring"))


def test_nearly_closed_rings_give_all_to_the_one_who_holds_the_rest():
    found = structure(edge("a", "b", 1.0), edge("b", "a", 0.999), edge("p1", "a", 0.001))
    assert owners(found)[("a", "p1")][:2] == ("shares", 1.0)
    assert owners(found)[("b", "p1")][:2] == ("shares", 1.0)


def test_who_controls_by_a_majority_at_each_step_is_an_owner_below_a_quarter():
    # 0.6³ = 0.216 < 0.25
    found = structure(edge("p1", "a", 0.6), edge("a", "b", 0.6), edge("b", "c", 0.6), edge("p2", "c", 0.4))
    assert owners(found)[("c", "p1")] == ("control", 0.216, 0.0, "b")
    assert owners(found)[("c", "p2")] == ("shares", 0.4, 0.4, None)
    assert groups(found) == {
        "a": ("p1", "p1", 1, "shares"),
        "b": ("p1", "a", 2, "shares"),
        "c": ("p1", "b", 3, "shares"),
    }


def test_half_is_not_control():
    found = structure(edge("a", "b", 0.5), edge("c", "b", 0.5))
    assert groups(found) == {}


def test_shares_of_one_group_in_a_company_are_counted_together():
    # a holds 60 % of b; a and b hold 30 % each of c: together 60 %
    found = structure(edge("a", "b", 0.6), edge("a", "c", 0.3), edge("b", "c", 0.3), edge("p1", "c", 0.4))
    assert groups(found) == {"a": ("a", None, 0, "head"), "b": ("a", "a", 1, "shares"), "c": ("a", "a", 1, "shares")}


def test_shares_that_a_group_holds_in_itself_carry_no_vote():
    # a and b hold 60 % of each other; p1 holds the 40 % of a that are left: nobody else votes there, but b's 40 % are unknown
    found = structure(edge("a", "b", 0.6), edge("b", "a", 0.6), edge("p1", "a", 0.4))
    assert groups(found) == {"a": ("a", None, 0, "ring"), "b": ("a", None, 0, "ring")}
    # with half a percent of b more, p1 has most of the votes outside the ring: 0.405 of 0.8
    found = structure(edge("a", "b", 0.6), edge("b", "a", 0.6), edge("p1", "a", 0.4), edge("p1", "b", 0.005))
    assert groups(found) == {"a": ("p1", "p1", 1, "shares"), "b": ("p1", "a", 2, "shares")}


def test_a_named_controller_leads_where_shares_give_nobody_control():
    found = structure(edge("p1", "a", kind="controller_of"), edge("p1", "b", kind="controller_of"), edge("a", "b", 0.3))
    assert groups(found) == {"a": ("p1", "p1", 1, "controller"), "b": ("p1", "a", 2, "controller")}
    assert owners(found)[("a", "p1")] == ("control", 0.0, 0.0, None)


def test_of_two_named_controllers_neither_leads_and_both_are_owners():
    found = structure(
        edge("p1", "a", kind="controller_of"), edge("p2", "a", kind="controller_of"), edge("a", "b", 0.9), edge("p3", "a", kind="legal_representative_of"),
    )  # fmt: skip
    assert groups(found)["b"] == ("a", "a", 1, "shares")
    assert {p for c, p in owners(found) if c == "a"} == {"p1", "p2"}


def test_an_agent_whom_sources_name_controller_of_many_ties_nothing_together():
    named = [edge("p1", c, kind="controller_of") for c in "abcd"]
    found = structure(*named, settings=GraphSettings(most_controlled=3))
    assert (groups(found), owners(found), found.metrics["n_agents"]) == ({}, {}, 1)


def test_the_legal_representative_stands_in_only_where_nobody_owns_or_controls():
    representative = edge("p9", "a", kind="legal_representative_of", since=date(2023, 5, 1))
    found = structure(representative, edge("p1", "a", 0.2))
    assert owners(found) == {("a", "p9"): ("legal_representative", 0.0, 0.0, None)}
    assert owners(structure(representative, edge("p1", "a", 0.3))) == {("a", "p1"): ("shares", 0.3, 0.3, None)}


def test_shares_that_add_up_to_more_than_all_are_scaled_down_and_counted():
    found = structure(edge("p1", "a", 0.9), edge("p2", "a", 0.9), edge("p3", "a", 0.2))
    assert owners(found)[("a", "p1")][:2] == ("shares", 0.45)
    assert {p for _, p in owners(found)} == {"p1", "p2"}
    assert found.metrics["n_companies_oversold"] == 1


def test_edges_into_persons_and_shares_nobody_wrote_are_not_shares():
    found = structure(edge("a", "p1", 0.9), edge("p1", "b", None), edge("p2", "b", 0.0))
    assert (owners(found), groups(found)) == ({}, {})


@pytest.mark.requirement("B5")
def test_since_is_the_latest_day_on_which_anything_above_changed():
    found = structure(
        edge("p1", "a", 0.7, since=date(2019, 1, 1)), edge("a", "b", 0.8, since=date(2021, 6, 1)), edge("b", "c", 0.9, since=date(2020, 2, 2)),
        edge("p2", "a", 0.3, since=date(2018, 1, 1), until=date(2023, 12, 31)),
    )  # fmt: skip
    since = {(name_of(r["company_no"])): r["since_on"] for r in found.owners.to_pylist()}
    assert since == {"a": date(2024, 1, 1), "b": date(2024, 1, 1), "c": date(2024, 1, 1)}
    found = structure(edge("p1", "a", 0.7), edge("a", "b", 0.8, since=TODAY, is_dated=False))
    assert [r["is_dated"] for r in found.owners.to_pylist()] == [True, False]


def test_the_outcome_does_not_depend_on_the_order_of_the_edges():
    edges = [
        edge("p1", "a", 0.6),
        edge("b", "a", 0.4),
        edge("p2", "b", 0.6),
        edge("a", "b", 0.4),
        edge("a", "c", 0.3),
        edge("b", "c", 0.3),
    ]
    edges += [edge("c", "d", 0.51), edge("p3", "d", 0.49), edge("p3", "d", kind="legal_representative_of")]
    first, last = structure(*edges), structure(*reversed(edges))
    assert first.owners.equals(last.owners)
    assert first.groups.equals(last.groups)


def test_a_chain_longer_than_what_is_followed_is_cut_and_reported():
    def chain(n: int) -> list[dict[str, Any]]:
        rows = [{**edge("a", "b", 1.0), "from_no": 1000 + i, "to_no": 1001 + i} for i in range(n)]
        return [{**edge("p1", "a", 1.0), "to_no": 1000}, *rows]

    whole, cut = structure(*chain(99)), structure(*chain(150))
    assert (whole.metrics["n_companies_below_cut_chains"], whole.owners.num_rows) == (0, 100)
    assert cut.metrics["n_companies_below_cut_chains"] > 0


def test_no_edges_no_rows():
    found = structure()
    assert (found.groups.num_rows, found.owners.num_rows) == (0, 0)

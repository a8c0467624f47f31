"""Whatever companies hold of one another: shares solve their equations exactly, groups are the least that the definition allows."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from zhike.identity.graph import GraphSettings, company_structure

N_COMPANIES, N_PERSONS = 6, 4
TODAY = date(2025, 3, 1)
SCHEMA = pa.schema([
    ("from_no", pa.int64()), ("to_no", pa.int64()), ("is_from_company", pa.bool_()), ("is_to_company", pa.bool_()), ("kind", pa.string()),
    ("share_rate", pa.float64()), ("valid_from_on", pa.date32()), ("valid_to_on", pa.date32()), ("is_dated", pa.bool_()),
])  # fmt: skip
Holdings = dict[tuple[int, int], Fraction]  # (holder, company) → share; companies 1 … N, persons above

tenths = st.integers(1, 10)
pairs = st.tuples(st.integers(1, N_COMPANIES + N_PERSONS), st.integers(1, N_COMPANIES)).filter(lambda p: p[0] != p[1])


@st.composite
def holdings(draw: st.DrawFn) -> Holdings:
    """Shares in tenths, each company's at most 1: what does not fit any more is left out."""
    found: Holdings = {}
    for (holder, company), share in draw(st.lists(st.tuples(pairs, tenths), max_size=16)):
        sold = sum(s for (_, c), s in found.items() if c == company)
        if (holder, company) not in found and sold + Fraction(share, 10) <= 1:
            found[(holder, company)] = Fraction(share, 10)
    return found


def is_company(node: int) -> bool:
    return node <= N_COMPANIES


def run(found: Holdings, order: list[tuple[int, int]]):
    rows = [
        {
            "from_no": h, "to_no": c, "is_from_company": is_company(h), "is_to_company": True, "kind": "shareholder_of",
            "share_rate": float(found[(h, c)]), "valid_from_on": date(2020, 1, 1), "valid_to_on": None, "is_dated": True,
        }
        for h, c in order
    ]  # fmt: skip
    settings_ = GraphSettings(owner_from_rate=0.01)
    return company_structure(pa.Table.from_pylist(rows, SCHEMA), settings_, today=(TODAY - date(1970, 1, 1)).days)


def exact_shares(found: Holdings, person: int) -> dict[int, Fraction]:
    """Solve x = p + A·x for one person by elimination, over the companies that somebody outside their rings holds of."""
    reached = {c for (h, c) in found if h == person}
    while more := {c for (h, c) in found if h in reached} - reached:
        reached |= more
    names = sorted(reached)
    rows = [
        [Fraction(int(c == d)) - found.get((d, c), Fraction(0)) for d in names] + [found.get((person, c), Fraction(0))]
        for c in names
    ]
    for i in range(len(names)):
        pivot = next(r for r in range(i, len(names)) if rows[r][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for r in range(len(names)):
            if r != i:
                rows[r] = [v - rows[r][i] * w for v, w in zip(rows[r], rows[i], strict=True)]
    return {c: rows[i][-1] for i, c in enumerate(names)}


def groups_by_definition(found: Holdings) -> set[frozenset[int]]:
    """Merge, as long as there is one to merge: a group is its leaders and those they control.

    Leaders are one node, or a ring of nodes that control one another. A group joins another when that other group holds more than
    half of its leaders' votes, less what it holds of them itself.
    """
    leaders = {n: frozenset({n}) for n in range(1, N_COMPANIES + N_PERSONS + 1)}
    group = {n: n for n in leaders}  # node → name of its group

    def controller_of(name: int) -> int | None:
        votes = Fraction(sum(is_company(n) for n in leaders[name]))
        held: dict[int, Fraction] = {}
        for (holder, company), share in found.items():
            if company in leaders[name]:
                held[group[holder]] = held.get(group[holder], Fraction(0)) + share
        votes -= held.pop(name, Fraction(0))
        return next((other for other, share in held.items() if share * 2 > votes), None)

    while True:
        above = {name: c for name in leaders if (c := controller_of(name)) is not None}
        if not above:
            return {frozenset(n for n in group if group[n] == name) for name in leaders}
        name = min(above)
        path = [name]
        while path[-1] in above and above[path[-1]] not in path:
            path.append(above[path[-1]])
        if path[-1] in above:  # a ring: its members lead together
            ring = path[path.index(above[path[-1]]) :]
            kept, lost = ring[0], ring[1:]
            leaders[kept] = frozenset().union(*(leaders[r] for r in ring))
        else:
            kept, lost = path[-1], [path[-2]]
        for gone in lost:
            del leaders[gone]
            group = {n: kept if g == gone else g for n, g in group.items()}


@pytest.mark.requirement("B5")
@given(found=holdings(), data=st.data())
@settings(max_examples=examples(300), deadline=None)
def test_shares_through_chains_and_rings_solve_their_equations(found, data):
    edges = data.draw(st.permutations(sorted(found)))
    told = {(r["company_no"], r["person_no"]): r["share_rate"] for r in run(found, edges).owners.to_pylist()}
    expected = {
        (c, p): float(share)
        for p in range(N_COMPANIES + 1, N_COMPANIES + N_PERSONS + 1)
        for c, share in exact_shares(found, p).items()
        if share >= Fraction(1, 100)
    }
    assert {k: v for k, v in told.items() if k in expected} == pytest.approx(
        expected, abs=2e-3
    )  # traces are not followed
    assert all(v < 0.25 or k in expected for k, v in told.items())
    for company in range(1, N_COMPANIES + 1):
        assert sum(v for (c, _), v in told.items() if c == company) <= 1 + 1e-9


@pytest.mark.requirement("B5")
@given(found=holdings(), data=st.data())
@settings(max_examples=examples(300), deadline=None)
def test_groups_are_what_the_definition_says_in_whatever_order_it_is_followed(found, data):
    first, other = run(found, sorted(found)), run(found, data.draw(st.permutations(sorted(found))))
    assert first.groups.equals(other.groups)
    assert first.owners.equals(other.owners)
    told: dict[int, set[int]] = {}
    for row in first.groups.to_pylist():
        told.setdefault(row["head_no"], set()).add(row["customer_no"])
    expected = [{n for n in g if is_company(n)} for g in groups_by_definition(found)]
    assert sorted(map(sorted, told.values())) == sorted(sorted(g) for g in expected if len(g) > 1)


@given(found=holdings())
@settings(max_examples=examples(200), deadline=None)
def test_parents_lead_to_the_head_and_hold_what_they_are_said_to_hold(found):
    rows = {r["customer_no"]: r for r in run(found, sorted(found)).groups.to_pylist()}
    for no, row in rows.items():
        assert (row["parent_no"] is None) == (row["level"] == 0)
        if row["parent_no"] is not None:
            above = rows.get(row["parent_no"])
            assert row["level"] == (above["level"] if above else 0) + 1
            assert row["parent_rate"] == pytest.approx(float(found[(row["parent_no"], no)]))
            assert row["parent_no"] == row["head_no"] or (above is not None and above["head_no"] == row["head_no"])

"""Mentions on any sides of invoices: the order changes nothing, numbers are never overruled, a branch is never its head."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from zhike.identity.mentions import tax_number
from zhike.identity.mentions_known import Described, KnownCompanies
from zhike.identity.mentions_link import Bar, Outcome, Side, SideLinker
from zhike.identity.standard.companies import CompanyNames
from zhike.identity.terms import MentionState

NAMES = CompanyNames()
NUMBERS = ("", "91330100MA0000001F", "91330100MA0000002J", "330100MA0000001", "91330100MA0000009X")
WRITTEN = [
    f"{place}{core}{trade}{form}{branch}"
    for place in ("", "杭州", "宁波")
    for core in ("恒信", "恒鑫", "宏图")
    for trade in ("", "商贸", "物流")
    for form, branch in (("", ""), ("有限公司", ""), ("有限公司", "绍兴分公司"))
]
PHONES = ("", "0571-8000001", "0571-8000002")
said = st.builds(
    lambda name, number, phone: Described(NAMES.parse(name) if name else None, *tax_number(number), phone),
    st.sampled_from(["", *WRITTEN]), st.sampled_from(NUMBERS), st.sampled_from(PHONES),
)  # fmt: skip
customers = st.lists(st.lists(said, min_size=1, max_size=2), max_size=4)
sides = st.lists(st.tuples(said, st.sampled_from(["", "c0", "c1"])), max_size=8)


def link(known_customers: list[list[Described]], told: list[Side]) -> tuple[KnownCompanies, dict[str, Outcome]]:
    known = KnownCompanies()
    positions = {}
    for i, facts in enumerate(known_customers):
        at = positions[f"c{i}"] = known.add(f"c{i}")
        for fact in facts:
            known.learn(at, fact)
    return known, SideLinker(known, Bar(0.99, 0.5), positions).link_sides(told)


def clusters(outcomes: dict[str, Outcome]) -> set[frozenset[str]]:
    found: dict[int, set[str]] = {}
    for mention, outcome in outcomes.items():
        if outcome.company >= 0:
            found.setdefault(outcome.company, set()).add(mention)
    return {frozenset(m) for m in found.values()}


@given(customers, sides, st.randoms(use_true_random=False))
@settings(max_examples=examples(300), deadline=None)
def test_the_order_of_sides_changes_nothing_and_no_side_is_lost(
    known: list[list[Described]], told: list[tuple[Described, str]], chance: object
) -> None:
    rows = [Side(f"m{i}", d, key, 1 + i % 3) for i, (d, key) in enumerate(told)]
    shuffled = list(rows)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    first, again = link(known, rows)[1], link(known, shuffled)[1]
    assert first == again
    assert set(first) == {r.mention_id for r in rows}
    assert clusters(first) == clusters(again)


@given(customers, sides)
@settings(max_examples=examples(300), deadline=None)
def test_a_linked_side_contradicts_nothing_that_is_known_of_its_company(
    known: list[list[Described]], told: list[tuple[Described, str]]
) -> None:
    rows = [Side(f"m{i}", d, key, 1) for i, (d, key) in enumerate(told)]
    companies, outcomes = link(known, rows)
    organisations: dict[int, set[str]] = {}
    for row in rows:
        outcome = outcomes[row.mention_id]
        assert 0.0 <= outcome.probability <= 1.0
        if outcome.state is not MentionState.LINKED:
            assert outcome.company == -1
            continue
        if row.said.organisation and not companies.all[outcome.company].customer_id:
            organisations.setdefault(outcome.company, set()).add(row.said.organisation)
        own = (
            {f.organisation for f in known[int(companies.all[outcome.company].customer_id[1:])] if f.organisation}
            if companies.all[outcome.company].customer_id
            else set()
        )
        assert not own or not row.said.organisation or row.said.organisation in own
        if row.said.name is not None and row.said.name.is_branch:
            assert any(n.branch == row.said.name.branch for n in companies.all[outcome.company].names)
    assert all(len(numbers) == 1 for numbers in organisations.values())


@given(st.sampled_from(WRITTEN), st.sampled_from(WRITTEN))
@settings(max_examples=examples(300), deadline=None)
def test_a_name_is_its_own_best_candidate(one: str, other: str) -> None:
    mine, theirs = NAMES.parse(one), NAMES.parse(other)
    known = KnownCompanies()
    first, second = known.add("a"), known.add("b")
    known.learn(first, Described(mine))
    known.learn(second, Described(theirs))
    ratios = {at: ratio for at, ratio, _ in known.ratios(Described(mine)).of}
    assert ratios[first] >= ratios.get(second, 0.0)

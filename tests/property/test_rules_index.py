"""The audience index and the batch evaluator give the same members: of random rules over random customers, also when events come later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from tests.property.rule_cases import (
    AS_OF,
    VOCABULARY,
    behaviour,
    customers,
    dates,
    events,
    members,
    name_of,
    numeric,
    populations,
    relation_edges,
    relation_trees,
    rule_trees,
    scope_of,
    subject_table,
    with_relations,
    words,
)
from zhike.rules import CustomerFacts, Rule, describe, evaluate, read_rule
from zhike.rules.index import AudienceIndex, TableSource
from zhike.warehouse import Engine, open_engine

SLOW = settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)  # fmt: skip
GAP = 7  # customer numbers have gaps, and are not in the order of ids


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine(threads=1, memory="500MB")
    yield opened
    opened.close()


def parsed(trees: list[object]) -> dict[str, Rule]:
    read = [read_rule(t, VOCABULARY)[0] for t in trees]
    return {f"r{i}": r for i, r in enumerate(r for r in read if r is not None)}


def numbered(people: list[CustomerFacts]) -> Any:
    """The subject table with customer numbers."""
    numbers = {name_of(i): GAP * (len(people) - i) for i in range(len(people))}
    known = ibis.memtable(pa.table({"customer_id": list(numbers), "customer_no": list(numbers.values())}))
    return subject_table(people).inner_join(known, "customer_id"), {no: name for name, no in numbers.items()}


def agree(engine: Engine, people: list[CustomerFacts], edges: Any, rules: dict[str, Rule], folder: Path | None) -> None:
    profile, name_by_no = numbered(people)
    scope = replace(scope_of(people, edges), subjects=profile)
    rows = engine.fetch(evaluate(profile, rules, scope)).to_pylist()
    batch = {key: {r["customer_id"] for r in rows if r[key]} for key in rules}
    index = AudienceIndex(TableSource(engine, profile, scope), AS_OF, folder)
    for again in range(3):  # as a sweep, as a bitmap, and from what is kept
        if again == 2 and folder is not None:
            index = AudienceIndex(TableSource(engine, profile, scope), AS_OF, folder)
        for key, rule in rules.items():
            found = index.members(rule)
            said = describe(rule, VOCABULARY, language="en")
            assert {name_by_no[n] for n in index.customer_numbers(found).tolist()} == batch[key], said
            assert len(found) == index.count(rule) == len(batch[key]), said


@pytest.mark.slow
@pytest.mark.requirement("D4")
@given(population=populations, trees=st.lists(rule_trees, min_size=4, max_size=10), data=st.data())
@SLOW
def test_index_and_batch_give_the_same_members(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, population: Any, trees: Any, data: Any
) -> None:
    rules = parsed(trees)
    assume(rules)
    people = with_relations(population, edges := data.draw(relation_edges(len(population), max_size=4)))
    agree(engine, people, edges, rules, tmp_path_factory.mktemp("index") if data.draw(st.booleans()) else None)


@pytest.mark.slow
@pytest.mark.requirement("D4")
@given(
    population=st.lists(st.builds(CustomerFacts, st.just(AS_OF), events=events), min_size=1, max_size=6),
    trees=st.lists(behaviour, min_size=25, max_size=25),
)
@SLOW
def test_index_and_batch_count_the_same_events(engine: Engine, population: Any, trees: Any) -> None:
    agree(engine, with_relations(population, []), [], parsed(trees), None)


@pytest.mark.slow
@pytest.mark.requirement("D4")
@given(population=populations, trees=st.lists(numeric | words | dates | members, min_size=25, max_size=25))
@SLOW
def test_index_and_batch_compare_the_same_values(engine: Engine, population: Any, trees: Any) -> None:
    agree(engine, with_relations(population, []), [], parsed(trees), None)


@pytest.mark.slow
@pytest.mark.requirement("B5")
@given(
    population=st.lists(customers, min_size=3, max_size=8), trees=st.lists(relation_trees, min_size=4, max_size=10),
    data=st.data(),
)  # fmt: skip
@SLOW
def test_index_and_batch_reach_the_same_parties_over_relations(
    engine: Engine, population: Any, trees: Any, data: Any
) -> None:
    rules = parsed(trees)
    assume(rules)
    edges = data.draw(relation_edges(len(population), max_size=16))
    agree(engine, with_relations(population, edges), edges, rules, None)


@pytest.mark.slow
@pytest.mark.requirement("D5")
@given(
    population=populations, trees=st.lists(rule_trees, min_size=4, max_size=8), days=st.integers(0, 3), data=st.data()
)
@SLOW
def test_an_index_that_got_events_later_says_what_one_built_with_them_says(
    engine: Engine, population: list[CustomerFacts], trees: Any, days: int, data: Any
) -> None:
    rules = parsed(trees)
    assume(rules)
    today = AS_OF + timedelta(days=days)
    is_late = [data.draw(st.lists(st.booleans(), min_size=len(c.events), max_size=len(c.events))) for c in population]
    early = [
        replace(c, events=tuple(e for e, late in zip(c.events, lates, strict=True) if not late))
        for c, lates in zip(population, is_late, strict=True)
    ]
    profile, name_by_no = numbered(population)
    no_by_name = {name: no for no, name in name_by_no.items()}
    fresh = [
        {"customer_no": no_by_name[name_of(i)], "event_kind": e.event_kind, "on": e.on, "at": e.at, **e.fields}
        for i, (c, lates) in enumerate(zip(population, is_late, strict=True)) for e, late in zip(c.events, lates, strict=True) if late
    ]  # fmt: skip
    schema = pa.schema([
        ("customer_no", pa.int64()), ("event_kind", pa.string()), ("on", pa.date32()), ("at", pa.timestamp("us")), ("channel", pa.string()),
        ("value", pa.float64()),
    ])  # fmt: skip
    index = AudienceIndex(TableSource(engine, profile, scope_of(early, [])), AS_OF)
    for rule in rules.values():
        index.members(rule)
    later = index.refreshed(pa.Table.from_pylist(fresh, schema), as_of=today)
    scope = replace(scope_of(population, []), subjects=profile, as_of=today)
    rows = engine.fetch(evaluate(profile, rules, scope)).to_pylist()
    for key, rule in rules.items():
        found = {name_by_no[n] for n in later.customer_numbers(later.members(rule)).tolist()}
        assert found == {r["customer_id"] for r in rows if r[key]}, describe(rule, VOCABULARY, language="en")

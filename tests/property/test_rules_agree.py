"""The two evaluators mean the same, the complement is exact, and no rule that parses can fail to run."""

from __future__ import annotations

import ibis
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from tests.property.rule_cases import (
    VOCABULARY,
    customers,
    name_of,
    populations,
    relation_edges,
    relation_trees,
    rule_trees,
    scope_of,
    subject_table,
    with_relations,
)
from zhike.rules import compile_rule, describe, evaluate, read_rule, trace, used_names

SLOW = settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.fixture(scope="module")
def connection() -> ibis.duckdb.Backend:
    return ibis.duckdb.connect(threads=1)


def _parsed(trees: list[object]) -> dict[str, object]:
    read = [read_rule(t, VOCABULARY)[0] for t in trees]
    return {f"r{i}": r for i, r in enumerate(r for r in read if r is not None)}


@pytest.mark.slow
@pytest.mark.requirement("D4")
@given(population=populations, trees=st.lists(rule_trees, min_size=4, max_size=10), data=st.data())
@SLOW
def test_batch_and_single_customer_give_the_same_members(connection, population, trees, data):
    rules = _parsed(trees)
    assume(rules)
    _agree(connection, population, data.draw(relation_edges(len(population), max_size=4)), rules)


@pytest.mark.slow
@pytest.mark.requirement("B5")
@pytest.mark.requirement("D4")
@given(
    population=st.lists(customers, min_size=3, max_size=8),
    trees=st.lists(relation_trees, min_size=4, max_size=10),
    data=st.data(),
)
@SLOW
def test_batch_and_single_customer_reach_the_same_parties_over_relations(connection, population, trees, data):
    rules = _parsed(trees)
    assume(rules)
    _agree(connection, population, data.draw(relation_edges(len(population), max_size=16)), rules)


def _agree(connection, population, edges, rules):
    people = with_relations(population, edges)
    table = evaluate(subject_table(people), rules, scope_of(people, edges))
    batch = {row["customer_id"]: row for row in connection.to_pyarrow(table).to_pylist()}
    assert len(batch) == len(people)
    for key, rule in rules.items():
        matches = compile_rule(rule)
        single = {name_of(i): matches(facts) for i, facts in enumerate(people)}
        assert {c: row[key] for c, row in batch.items()} == single, describe(rule, VOCABULARY, language="en")


@given(facts=customers, tree=rule_trees)
@settings(max_examples=examples(300), deadline=None)
def test_negate_and_none_are_the_exact_complement(facts, tree):
    rule, _ = read_rule(tree, VOCABULARY)
    assume(rule is not None)
    for complement in ({"negate": tree}, {"none": [tree]}):
        other, findings = read_rule(complement, VOCABULARY)
        assume(not findings)
        assert compile_rule(other)(facts) is not compile_rule(rule)(facts)


@given(facts=customers, tree=rule_trees)
@settings(max_examples=examples(300), deadline=None)
def test_every_rule_can_be_said_in_both_languages_and_its_evidence_agrees_with_it(facts, tree):
    rule, findings = read_rule(tree, VOCABULARY)
    assume(rule is not None)
    assert not findings
    evidence = trace(rule, facts, VOCABULARY)
    assert evidence.held is compile_rule(rule)(facts)
    for language in ("zh", "en"):
        assert describe(rule, VOCABULARY, language=language)
        assert len(evidence.lines(language=language)) >= 1
    assert used_names(rule).fields <= set(VOCABULARY.fields)

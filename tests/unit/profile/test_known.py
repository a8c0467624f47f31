"""What the single evaluator is handed: one customer with those whom relations lead to, the same as the batch evaluator sees."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from zhike.identity.tables import OWNS as IDENTITY
from zhike.kernel.errors import BadInput, NotFound
from zhike.profile import known
from zhike.profile.known import facts_of
from zhike.profile.tables import OWNS, PROFILE
from zhike.rules import RuleScope, Vocabulary, compile_rule, evaluate, field_terms, parse_rule, used_names
from zhike.sources.tables import OWNS as SOURCES
from zhike.warehouse import open_engine
from zhike.warehouse.testing import catalog

CONTRACTS = {c.name: c for c in (*SOURCES, *IDENTITY, *OWNS)}
DAY = date(2025, 3, 1)
WORDS = Vocabulary(fields=field_terms(PROFILE))
SHOP = "shop"
STAFF = [f"e{i:03d}" for i in range(60)]


@pytest.fixture(scope="module")
def engine():
    opened = open_engine(threads=1)
    yield opened
    opened.close()


def relation(start, end, kind, **more):
    return {
        "from_customer_id": start, "to_customer_id": end, "kind": kind, "is_declared": True, "valid_from_on": date(2020, 1, 1),
        "is_dated": True, "origin": "party_relation", **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def tables(engine):
    """A shop with sixty employees, one of them married to a stranger to the profile; an owner above it."""
    people = [(SHOP, "company", None), ("owner", "person", 50), *((e, "person", 20 + i) for i, e in enumerate(STAFF))]
    profile = [
        {"customer_id": c, "customer_no": n, "party_kind": k, "age": a} for n, (c, k, a) in enumerate(people, start=1)
    ]
    edges = [relation(e, SHOP, "employee_of", is_declared=i % 2 == 0) for i, e in enumerate(STAFF)]
    edges += [relation("owner", SHOP, "controller_of"), relation(STAFF[0], "stranger", "spouse_of")]
    edges.append(relation("owner", STAFF[1], "parent_of", valid_to_on=date(2025, 2, 28)))
    links = [
        {"source": "core", "source_key": f"k{c}", "customer_id": c, "customer_no": n}
        for n, (c, _, _) in enumerate(people, 1)
    ]
    events = [
        {"event_id": "1", "source": "core", "source_key": f"k{STAFF[7]}", "event_kind": "app_login", "on": DAY, "at": datetime(2025, 3, 1, 9)}
    ]  # fmt: skip
    return catalog(
        engine, {"profile": profile, "customer_relation": edges, "identity_link": links, "event": events}, CONTRACTS
    )


RULES = (
    {"relation": "employee_of", "where": {"relation": "employee_of", "inverse": True, "where": {"field": "age", "at_least": 79}}},
    {"relation": "employee_of", "inverse": "either", "hops": 2, "where": {"field": "age", "at_least": 79}},
    {"relation": "employee_of", "inverse": "either", "hops": 2, "declared": True, "where": {"field": "age", "at_least": 78}},
    {"relation": ["controller_of", "employee_of"], "inverse": "either", "hops": 2, "where": {"field": "age", "is": 27}},
    {"relation": "employee_of", "inverse": "either", "hops": 2, "where": {"event": "app_login", "within_days": 3}},
    {"relation": "spouse_of"},
    {"relation": "spouse_of", "where": {"field": "age", "is_missing": True}},
    {"relation": "parent_of"},
)  # fmt: skip


@pytest.mark.requirement("B5")
@pytest.mark.parametrize("tree", RULES, ids=str)
def test_read_one_by_one_or_all_at_once_the_same_customers_match(tables, engine, tree):
    rule = parse_rule(tree, WORDS)
    names = used_names(rule)
    links = tables["identity_link"].select("source", "source_key", "customer_id")
    events = tables["event"].inner_join(links, ["source", "source_key"])
    scope = RuleScope(DAY, tables["profile"], event=events, customer_relation=tables["customer_relation"])
    batch = {
        r["customer_id"]: r["hit"] for r in engine.fetch(evaluate(tables["profile"], {"hit": rule}, scope)).to_pylist()
    }
    matches = compile_rule(rule)
    some = ["owner", SHOP, *STAFF[:3], STAFF[7], STAFF[59]]
    assert {c: matches(facts_of(c, tables, names, DAY)) for c in some} == {c: batch[c] for c in some}
    assert any(batch.values()) == (tree["relation"] != "parent_of" and "is_missing" not in str(tree))


def test_who_has_no_profile_is_told(tables):
    with pytest.raises(NotFound, match="no customer stranger"):
        facts_of("stranger", tables, used_names(parse_rule({"relation": "spouse_of"}, WORDS)), DAY)


def test_relations_that_lead_to_too_many_are_refused_not_looked_at_in_part(tables, monkeypatch):
    monkeypatch.setattr(known, "MOST_RELATED", 50)
    names = used_names(parse_rule(RULES[1], WORDS))
    with pytest.raises(BadInput) as told:
        facts_of(STAFF[0], tables, names, DAY)
    assert told.value.code == "profile.too_many_related"
    assert facts_of(STAFF[0], tables, used_names(parse_rule({"relation": "employee_of"}, WORDS)), DAY).related

"""Audiences leave out the pinned; counts, overlaps, funnels and reach are what a hand count says."""

from typing import Any

import pytest

from tests.unit.segments.world import AS_OF, BEFORE, CONTRACTS, VOCABULARY, customer, engine, member, segments
from zhike.kernel.errors import BadInput
from zhike.rules import RuleScope, parse_rule
from zhike.rules.index import AudienceIndex, TableSource
from zhike.rules.terms import InSegment
from zhike.segments import Audiences, say_portrait
from zhike.segments.audience import pinned
from zhike.segments.portrait import Trait
from zhike.warehouse.testing import catalog


def audiences(found: Any, members: list, profile: list, allowed: list | None = None) -> Audiences:
    rows = {"segment_member": {"x": members}, "profile": profile, "contactability": allowed or []}
    tables = catalog(engine(), rows, CONTRACTS)
    scope = RuleScope(
        AS_OF,
        subjects=tables["profile"],
        segment_member=tables["segment_member"],
        contactability=tables["contactability"],
    )
    return Audiences(AudienceIndex(TableSource(engine(), tables["profile"], scope), AS_OF), found, VOCABULARY)


@pytest.mark.requirement("D4")
def test_a_pinned_segment_is_taken_out_of_every_audience():
    found = segments(staff={"when": {"field": "is_staff"}, "is_pinned": True}, other={"when": {"everyone": True}})
    assert pinned(found) == ("global_exclusion", "staff")
    members = [
        member("global_exclusion", 1, BEFORE),
        member("staff", 2, BEFORE),
        member("other", 3, BEFORE),
        member("global_exclusion", 4, BEFORE, to_on=BEFORE),
    ]
    whole = audiences(found, members, [customer(i, age=30) for i in range(1, 6)])
    rule = parse_rule({"field": "age", "at_least": 18}, VOCABULARY)
    assert whole.index.customer_numbers(whole.members(rule)).tolist() == [3, 4, 5]
    assert len(whole.members(rule, exclude=["other"])) == 2
    assert [(s.n_alone, s.n_left) for s in whole.funnel(rule)] == [(5, 5), (4, 4), (4, 3)]
    assert (
        whole.sample(whole.members(rule), 2, seed=1).tolist() == whole.sample(whole.members(rule), 2, seed=1).tolist()
    )


def test_an_audience_cannot_be_built_without_knowing_who_is_excluded():
    tables = catalog(engine(), {"profile": [customer(1, age=30)]}, CONTRACTS)
    source = TableSource(engine(), tables["profile"], RuleScope(AS_OF))
    whole = Audiences(AudienceIndex(source, AS_OF), segments(), VOCABULARY)
    with pytest.raises(ValueError, match="segment_member"):
        whole.members(parse_rule({"field": "age", "at_least": 18}, VOCABULARY))


@pytest.mark.requirement("D4")
def test_overlap_counts_members_of_the_day():
    members = [member("a", i, BEFORE) for i in (1, 2, 3)] + [member("b", i, BEFORE) for i in (2, 3, 4, 5)]
    members.append(member("b", 1, BEFORE, to_on=BEFORE))
    found = segments(a={"when": {"everyone": True}}, b={"when": {"everyone": True}})
    whole = audiences(found, members, [customer(i) for i in range(1, 7)])
    sets = {"everybody": whole.members(parse_rule({"everyone": True}, VOCABULARY))}
    sets |= {k: whole.index.members(InSegment(k)) for k in ("a", "b")}
    assert {f.sets: f.n for f in whole.overlaps({k: sets[k] for k in ("a", "b")})} == {
        ("a",): 1,
        ("b",): 2,
        ("a", "b"): 2,
    }
    assert sum(f.n for f in whole.overlaps(sets)) == 6
    with pytest.raises(BadInput, match="sets"):
        whole.overlaps({"a": sets["a"]})


@pytest.mark.requirement("D6")
def test_a_portrait_names_what_is_commoner_than_in_the_base():
    traits = [
        Trait("sex", "female", 40, 1.0, 0.6),
        Trait("age", "25–<35", 20, 0.5, 0.1),
        Trait("age", "unknown", 40, 0.5, 0.1),
    ]
    assert traits[0].tgi == pytest.approx(166.7)
    assert (
        say_portrait(traits) == "性别 female 占 100%（全体 60%，TGI 167）"
    )  # few members and missing values are never singled out
    assert say_portrait(traits, language="en") == "Sex female: 100% (all: 60%, TGI 167)"


def test_a_portrait_of_nobody_says_nothing():
    assert say_portrait([]) == ""

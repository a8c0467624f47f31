"""Audiences leave out the pinned; counts, overlaps and portraits are what a hand count says."""

import pytest

from tests.unit.segments.world import AS_OF, BEFORE, CONTRACTS, VOCABULARY, customer, engine, member, segments
from zhike.kernel.errors import NotEstimable
from zhike.rules import RuleScope, parse_rule
from zhike.segments import build_audience, count, draw_portrait, overlap, say_portrait
from zhike.segments.audience import bucket_sizes, pinned
from zhike.warehouse.testing import catalog


def scope(members: list, profile: list):
    tables = catalog(engine(), {"segment_member": {"x": members}, "profile": profile}, CONTRACTS)
    return tables["profile"], RuleScope(AS_OF, subjects=tables["profile"], segment_member=tables["segment_member"])


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
    profile, looking = scope(members, [customer(i, age=30) for i in range(1, 6)])
    rule = parse_rule({"field": "age", "at_least": 18}, VOCABULARY)
    audience = build_audience(rule, profile, looking, segments=found)
    assert sorted(engine().fetch(audience)["customer_id"].to_pylist()) == ["c3", "c4", "c5"]
    assert count(build_audience(rule, profile, looking, segments=found, exclude=["other"])) == 2


def test_an_audience_cannot_be_built_without_knowing_who_is_excluded():
    profile, _ = scope([], [customer(1, age=30)])
    rule = parse_rule({"field": "age", "at_least": 18}, VOCABULARY)
    with pytest.raises(ValueError, match="pinned"):
        build_audience(rule, profile, RuleScope(AS_OF), segments=segments())


@pytest.mark.requirement("D4")
def test_overlap_counts_members_of_the_day():
    members = [member("a", i, BEFORE) for i in (1, 2, 3)] + [member("b", i, BEFORE) for i in (2, 3, 4, 5)]
    members.append(member("b", 1, BEFORE, to_on=BEFORE))
    _, looking = scope(members, [customer(1)])
    (one,) = overlap(looking.segment_member, ["a", "b"], scope=looking)
    assert (one.n_left, one.n_right, one.n_both, one.jaccard_rate) == (3, 4, 2, 0.4)
    (none,) = overlap(looking.segment_member, ["x", "y"], scope=looking)
    with pytest.raises(NotEstimable):
        _ = none.jaccard_rate


def test_bucket_sizes_are_of_the_day():
    members = [member("t", i, BEFORE, bucket="hi" if i < 3 else "lo") for i in range(1, 6)]
    _, looking = scope(members, [customer(1)])
    assert bucket_sizes(looking.segment_member, "t", scope=looking) == {"lo": 3, "hi": 2}


@pytest.mark.requirement("D6")
def test_a_portrait_names_what_is_commoner_than_in_the_base():
    rows = [
        customer(i, sex="female" if i <= 40 or i > 80 else "male", age=30 if i % 2 else None) for i in range(1, 101)
    ]
    profile, _ = scope([], rows)
    traits = draw_portrait(profile.filter(profile.customer_no <= 40).select("customer_id"), profile)
    women = next(t for t in traits if (t.dimension, t.value) == ("sex", "female"))
    assert (women.n_members, women.share_rate, women.base_share_rate) == (40, 1.0, 0.6)
    assert women.tgi == pytest.approx(166.7)
    known = {t.value: t.share_rate for t in traits if t.dimension == "age"}
    assert known == {"25–<35": 0.5, "unknown": 0.5}
    assert say_portrait(traits) == "性别 female 占 100%（全体 60%，TGI 167）"
    assert say_portrait(traits, language="en") == "Sex female: 100% (all: 60%, TGI 167)"


def test_a_portrait_of_nobody_says_nothing():
    profile, _ = scope([], [customer(1, sex="male")])
    assert draw_portrait(profile.filter(profile.customer_no < 0).select("customer_id"), profile) == ()

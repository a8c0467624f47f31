"""What authors may write, and what they are told when they slip."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.property.rule_cases import VOCABULARY
from zhike.kernel.errors import BadInput
from zhike.rules import parse_rule, read_rule, used_names
from zhike.rules.terms import (
    AllOf,
    Compare,
    Comparison,
    EventPattern,
    EventStat,
    EventValue,
    EventWindow,
    Field,
    FollowedBy,
    Literal,
    Negated,
    Related,
    WindowUnit,
)
from zhike.warehouse.contracts import Kind


def parse(tree):
    return parse_rule(tree, VOCABULARY)


def problems(tree):
    return [str(f) for f in read_rule(tree, VOCABULARY)[1]]


def test_the_rule_of_the_architecture_can_be_read():
    rule = parse(
        {
            "all": [
                {"field": "aum_amount", "at_least": 50000},
                {"tag": "native"},
                {"any": [{"segment": "pool"}, {"field": "age", "between": [22, 30]}]},
                {"event": "login", "count": {"at_least": 3}, "within_days": 30},
                {"event": "view", "then": "apply", "within_days": 7, "negate": True},
                {"relation": "legal_representative_of", "where": {"field": "grade", "in": ["C1", "C2"]}},
            ]
        }
    )
    assert isinstance(rule, AllOf)
    assert rule.of[4] == FollowedBy(rule.of[4].first, rule.of[4].second, 7, 7, is_followed=False)
    assert rule.of[5] == Related(("legal_representative_of",), rule.of[5].where, (False,))
    names = used_names(rule)
    assert names.fields == {"aum_amount", "age", "grade"}
    assert names.tags == {"native"}
    assert names.segments == {"pool"}
    assert names.events == {"login", "view", "apply"}
    assert names.event_days == 30


@pytest.mark.requirement("B5")
def test_relations_are_read_over_several_kinds_either_way_so_far_as_they_are_declared():
    tree = {
        "relation": ["shareholder_of", "controller_of"], "inverse": "either", "declared": True, "hops": 2,
        "where": {"relation": "employee_of", "declared": False, "inverse": True, "where": {"field": "age", "below": 18}},
    }  # fmt: skip
    rule = parse(tree)
    assert isinstance(rule, Related)
    assert rule.relations == ("shareholder_of", "controller_of")
    assert (rule.ways, rule.is_declared, rule.hops) == ((False, True), True, 2)
    names = used_names(rule)
    assert names.relations == {"shareholder_of", "controller_of", "employee_of"}
    assert names.relation_ways == {
        (kind, way) for kind in ("shareholder_of", "controller_of") for way in (False, True)
    } | {("employee_of", True)}
    assert names.relation_hops == 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"hops": 4}, "must be a whole number from 1 to 3"), ({"hops": 0}, "must be a whole number"), ({"hops": True}, "must be a whole number"),
        ({"inverse": "both"}, "must be true, false or either"), ({"inverse": 0}, "must be true, false or either"), ({"inverse": []}, "must be true"),
        ({"declared": "yes"}, "must be true or false"), ({"relation": []}, "no relation called"), ({"relation": [["x"]]}, "no relation called"),
    ],
)  # fmt: skip
def test_words_of_a_relation_that_are_no_words_of_it_are_told(more, said):
    assert said in problems({"relation": "spouse_of", "where": {"tag": "native"}, **more})[0]


def test_hops_ask_for_a_condition():
    assert "says nothing without where" in problems({"relation": "spouse_of", "hops": 2})[0]
    assert parse({"relation": "spouse_of", "hops": 1}) == parse({"relation": "spouse_of"})


def test_a_leaf_with_two_comparisons_means_both():
    rule = parse({"field": "age", "at_least": 18, "below": 65})
    assert isinstance(rule, AllOf)
    assert [c.by for c in rule.of] == [Comparison.AT_LEAST, Comparison.BELOW]


def test_a_list_stands_for_all():
    assert parse([{"tag": "native"}, {"segment": "pool"}]) == parse({"all": [{"tag": "native"}, {"segment": "pool"}]})


def test_a_flag_alone_means_that_it_is_true():
    flag = Field("has_app", Kind.FLAG)
    assert parse({"field": "has_app"}) == Compare(flag, Comparison.IS, (Literal(True, Kind.FLAG),))


def test_is_missing_false_is_is_present():
    assert parse({"field": "age", "is_missing": False}) == parse({"field": "age", "is_present": True})


def test_none_is_the_negation_of_any():
    assert parse({"none": [{"tag": "native"}]}) == Negated(parse({"any": [{"tag": "native"}]}))


def test_constants_times_constants_stay_exact():
    rule = parse({"field": "aum_amount", "at_least": {"value": 200000, "times": 0.8}})
    assert rule.right == (Literal(Decimal("160000.0"), Kind.AMOUNT),)


def test_an_event_without_count_means_at_least_once():
    rule = parse({"event": "login", "within_days": 7})
    value = EventValue(EventPattern(("login",)), EventStat.COUNT, EventWindow(WindowUnit.DAYS, 7))
    assert rule == Compare(value, Comparison.AT_LEAST, (Literal(Decimal(1), Kind.INTEGER),))


@pytest.mark.parametrize(
    ("tree", "path", "said", "near"),
    [
        ({"field": "aum_amout", "at_least": 1}, "when.field", "no field called aum_amout", "aum_amount"),
        ({"tag": "natve"}, "when.tag", "no tag called natve", "native"),
        ({"segment": "pol"}, "when.segment", "no segment called pol", "pool"),
        ({"score": "chrn", "at_least": 0.3}, "when.score", "no model called chrn", "churn"),
        ({"event": "logn", "within_days": 3}, "when.event", "no event called logn", "login"),
        ({"relation": "spouse"}, "when.relation", "no relation called spouse", "spouse_of"),
        ({"relation": ["spouse_of", "parent"]}, "when.relation", "no relation called parent", "parent_of"),
        ({"contactable": "marketting"}, "when.contactable", "no purpose called marketting", "marketing"),
        ({"field": "age", "at_lest": 3}, "when.at_lest", "means nothing here", "at_least"),
        ({"filed": "age", "at_least": 3}, "when", "a condition begins with one of", "field"),
        ({"segment": "pool", "bucket": "a"}, "when.bucket[0]", "no bucket of pool called a", ""),
        ({"field": "grade", "is": "C33"}, "when.is", "no value called C33", "C3"),
        ({"tag": "tier", "is": "hgh"}, "when.is", "no value called hgh", "high"),
        ({"event": "login", "within_days": 3, "where": {"chanel": "app"}}, "when.where.chanel", "no column of events", "channel"),
        ({"calendar": "day_of_mont", "is": 3}, "when.calendar", "no unit of the calendar", "day_of_month"),
    ],
)  # fmt: skip
def test_an_unknown_name_is_named_with_its_place_and_the_nearest_that_exists(tree, path, said, near):
    (problem,) = problems(tree)
    assert problem.startswith(f"{path}: ")
    assert said in problem
    assert f"did you mean {near}" in problem if near else "did you mean" not in problem


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"field": "age", "at_least": "18"}, "must be a number"),
        ({"field": "age", "at_least": True}, "must be a number"),
        ({"field": "age", "at_least": float("nan")}, "out of range"),
        ({"field": "aum_amount", "at_least": 0.123456}, "more than 4 decimals"),
        ({"field": "colour", "is": 3}, "must be text"),
        ({"field": "colour", "at_least": "red"}, "at_least cannot be asked of code"),
        ({"field": "has_app", "above": True}, "above cannot be asked of flag"),
        ({"field": "due_on", "above": "2025-02-30"}, "must be a day"),
        ({"field": "age", "within_next_days": 3}, "within_next_days cannot be asked of integer"),
        ({"field": "due_on", "within_next_days": -1}, "whole number from 0"),
        ({"field": "age", "at_least": {"field": "due_on"}}, "day cannot be compared with integer"),
        ({"field": "age", "between": [30, 20]}, "nothing can match"),
        ({"field": "age", "between": [30]}, "must be [from, to]"),
        ({"field": "age", "in": []}, "must list 1 to"),
        ({"field": "age", "in": 3}, "must be a list"),
        ({"field": "age", "is_missing": "yes"}, "must be true or false"),
        ({"field": "age"}, "says nothing about the field"),
        ({"tag": "native", "at_least": 3}, "has no value to compare"),
        ({"field": "age", "tag": "native", "at_least": 3}, "one of field, tag at a time"),
        ({"all": []}, "must be a list of conditions"),
        ({"all": {"tag": "native"}}, "must be a list of conditions"),
        ({"at_least_of": {"n": 3, "of": [{"tag": "native"}]}}, "whole number from 1 to 1"),
        ({"event": "login"}, "needs one of within_days, within_trading_days"),
        ({"event": "login", "within_days": 9999}, "whole number from 1 to 400"),
        ({"event": "login", "within_days": 3, "where": {"value": {"above": {"field": "age"}}}}, "constants only"),
        ({"compute": {"field": "age", "plus": 1, "times": 2}, "is": 3}, "at a time"),
        ({"compute": {"greatest": [1]}, "is": 3}, "at least two values"),
        ({"compute": {"plus": [{"field": "colour"}, 1]}, "is": 3}, "plus needs numbers"),
        ({"compute": {"days_until": {"field": "age"}}, "is": 3}, "needs a day"),
        ({"field": "age", "is": None}, "must be one value"),
        ({}, "must be a condition"),
        (None, "must be a condition"),
        ("age >= 18; drop table profile", "must be a condition"),
        (3, "must be a condition"),
    ],
)
def test_a_mistake_is_refused_with_its_reason(tree, said):
    found = problems(tree)
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.requirement("D4")
def test_all_mistakes_are_told_at_once_in_both_languages_with_file_and_line():
    tree = {"all": [{"field": "agee", "at_least": 1}, {"tag": "natve"}, {"none": [{"field": "age", "at_lest": 3}]}]}
    with pytest.raises(BadInput) as caught:
        parse_rule(tree, VOCABULARY, path="tags/value.yaml:12 mine.when")
    error = caught.value
    assert error.code == "rule.malformed"
    assert [f.where for f in error.findings] == [
        "tags/value.yaml:12 mine.when.all[0].field",
        "tags/value.yaml:12 mine.when.all[1].tag",
        "tags/value.yaml:12 mine.when.all[2].none[0].at_lest",
    ]
    assert all("·" in f.problem for f in error.findings)
    assert "3 处错误" in error.in_chinese()
    assert "3 mistakes" in str(error)


def related(where, **more):
    return {"relation": "spouse_of", "where": where, **more}


def nested(depth):
    tree = {"tag": "native"}
    for _ in range(depth):
        tree = {"negate": tree}
    return tree


def test_a_rule_that_is_too_deep_too_long_or_too_dear_is_refused_not_run():
    assert "nested deeper than 12" in problems(nested(10_000 // 20))[0]
    assert "more than 400 parts" in problems({"any": [{"field": "age", "is": 1}] * 500})[-1]
    assert "more than 40 event conditions" in problems({"any": [{"event": "login", "within_days": 1}] * 60})[0]
    wide = {"field": "age", "in": list(range(2000))}
    assert "must list 1 to 1000" in problems(wide)[0]
    assert parse(related(related(related({"tag": "native"})))) is not None
    assert "more than 3 relations deep" in problems(related(related(related({"relation": "spouse_of"}))))[0]
    assert "more than 3 relations deep" in problems(related(related({"tag": "native"}, hops=2), hops=2))[0]


def test_rules_that_come_as_json_mean_the_same():
    tree = {"field": "due_on", "at_least": "2025-03-01", "negate": True}
    assert parse(json.loads(json.dumps(tree))) == parse(tree)

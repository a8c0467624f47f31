"""The edges of windows, orders and missing values, by hand, on both evaluators."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import ibis
import pytest

from tests.property.rule_cases import AS_OF, VOCABULARY, scope_of, subject_table
from zhike.rules import CustomerFacts, EventFact, TagFact, compile_rule, evaluate, parse_rule


@pytest.fixture(scope="module")
def connection():
    return ibis.duckdb.connect(threads=1)


def both(connection, tree, *people):
    """Return what both evaluators say of each; they must agree."""
    rule = parse_rule(tree, VOCABULARY)
    facts = list(people)
    table = evaluate(subject_table(facts), {"hit": rule}, scope_of(facts, []))
    rows = sorted(connection.to_pyarrow(table).to_pylist(), key=lambda r: r["customer_id"])
    batch = [r["hit"] for r in rows]
    assert batch == [compile_rule(rule)(f) for f in facts]
    return batch


def someone(**fields):
    return CustomerFacts(AS_OF, fields)


def due(days):
    return someone(due_on=AS_OF + timedelta(days=days))


@pytest.mark.parametrize(
    ("tree", "inside", "outside"),
    [
        ({"within_next_days": 30}, [1, 30], [0, 31, -1]),
        ({"within_last_days": 7}, [0, -6], [-7, 1]),
        ({"at_least_days_ago": 30}, [-30, -31], [-29, 0]),
        ({"at_least_days_ahead": 30}, [30, 31], [29, 0]),
        ({"above": AS_OF}, [1], [0, -1]),
        ({"at_least": AS_OF}, [0, 1], [-1]),
    ],
)
def test_windows_begin_and_end_on_the_right_day(connection, tree, inside, outside):
    rule = {"field": "due_on", **tree}
    assert all(both(connection, rule, *[due(n) for n in inside]))
    assert not any(both(connection, rule, *[due(n) for n in outside]))


def test_an_anniversary_is_kept_on_28_february_where_a_year_has_no_29th(connection):
    rule = {"field": "born_on", "anniversary_within_next_days": 0}
    leap = CustomerFacts(AS_OF, {"born_on": date(2000, 2, 29)})
    assert both(connection, rule, leap) == [False]  # as_of is 1 March
    compiled = compile_rule(parse_rule(rule, VOCABULARY))
    assert compiled(CustomerFacts(date(2025, 2, 28), {"born_on": date(2000, 2, 29)}))
    assert not compiled(CustomerFacts(date(2024, 2, 28), {"born_on": date(2000, 2, 29)}))
    assert compiled(CustomerFacts(date(2024, 2, 29), {"born_on": date(2000, 2, 29)}))


def test_a_missing_value_matches_nothing_but_its_complement(connection):
    nobody = someone()
    for by, value in (("is", 3), ("is_not", 3), ("at_least", 0), ("at_most", 0), ("in", [3]), ("not_in", [3])):
        assert both(connection, {"field": "age", by: value}, nobody) == [False]
        assert both(connection, {"field": "age", by: value, "negate": True}, nobody) == [True]
    assert both(connection, {"field": "age", "is_missing": True}, nobody, someone(age=3)) == [True, False]


def test_a_field_is_compared_with_another_times_a_factor_to_the_cent(connection):
    rule = {"field": "aum_amount", "below": {"field": "gap_amount", "times": 0.95}}
    at = someone(aum_amount=Decimal("95.00"), gap_amount=Decimal("100.00"))
    under = someone(aum_amount=Decimal("94.99"), gap_amount=Decimal("100.00"))
    missing = someone(aum_amount=Decimal("1.00"), gap_amount=None)
    assert both(connection, rule, at, under, missing) == [False, True, False]


def test_dividing_by_zero_gives_no_value(connection):
    rule = {"compute": {"divided_by": [{"field": "aum_amount"}, {"field": "gap_amount"}]}, "at_least": 0}
    assert both(connection, rule, someone(aum_amount=Decimal(1), gap_amount=Decimal(0))) == [False]


def test_greatest_is_of_those_present(connection):
    rule = {"compute": {"greatest": [{"field": "aum_amount"}, {"field": "gap_amount"}]}, "is": 5}
    assert both(connection, rule, someone(aum_amount=Decimal(5)), someone()) == [True, False]


def test_ordered_codes_compare_by_their_order_not_their_letters(connection):
    def tiered(tier):
        return CustomerFacts(AS_OF, {}, {"tier": TagFact(value_text=tier, from_on=AS_OF)})

    rule = {"tag": "tier", "at_least": "mid"}
    assert both(connection, rule, tiered("low"), tiered("mid"), tiered("high"), someone()) == [False, True, True, False]


def event(kind, day, hour=0, **fields):
    on = AS_OF - timedelta(days=day)
    return EventFact(kind, on, datetime(on.year, on.month, on.day, hour), fields)


def test_a_window_of_events_holds_its_last_day_and_not_the_day_before_its_first(connection):
    rule = {"event": "login", "within_days": 3}
    people = [CustomerFacts(AS_OF, events=[event("login", n)]) for n in (0, 2, 3, -1)]
    assert both(connection, rule, *people) == [True, True, False, False]


def test_no_events_are_a_count_of_zero(connection):
    rule = {"event": "login", "count": {"at_most": 0}, "within_days": 30}
    assert both(connection, rule, someone(), CustomerFacts(AS_OF, events=[event("login", 1)])) == [True, False]


def test_days_are_counted_once_each(connection):
    rule = {"event": "login", "days": {"at_least": 2}, "within_days": 30}
    one_day = CustomerFacts(AS_OF, events=[event("login", 1, 1), event("login", 1, 2)])
    two_days = CustomerFacts(AS_OF, events=[event("login", 1), event("login", 2)])
    assert both(connection, rule, one_day, two_days) == [False, True]


def test_viewing_and_not_applying_within_seven_days(connection):
    rule = {"event": "view", "then": "apply", "within_days": 7, "negate": True}
    viewed = CustomerFacts(AS_OF, events=[event("view", 3)])
    applied = CustomerFacts(AS_OF, events=[event("view", 3, 1), event("apply", 3, 2)])
    before = CustomerFacts(AS_OF, events=[event("view", 3, 2), event("apply", 3, 1)])
    same_moment = CustomerFacts(AS_OF, events=[event("view", 3, 1), event("apply", 3, 1)])
    nothing = someone()
    assert both(connection, rule, viewed, applied, before, same_moment, nothing) == [True, False, True, True, False]


def test_a_hostile_text_is_only_a_text(connection):
    rule = {"field": "colour", "is": "it's; drop table --"}
    assert both(connection, rule, someone(colour="it's; drop table --"), someone(colour="red")) == [True, False]

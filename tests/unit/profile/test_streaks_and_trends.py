"""Streaks, trends, swings, hours and different values, counted by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from math import sqrt

import pytest

from tests.unit.profile.bank import AS_OF, EARLY, account, balance, bank, engine, link, person, profile, txn
from zhike.kernel.definitions import Definition
from zhike.kernel.errors import BadInput
from zhike.profile.aggregates import longest_run, trailing_bits
from zhike.profile.features import parse_features

pytestmark = pytest.mark.requirement("C1")
ONE = {"customer": [person(1), person(2)], "identity_link": [link(1), link(2)]}


def features(**bodies):
    words = {"zh": "甲", "en": "A", "meaning_zh": "甲", "meaning_en": "A"}
    return parse_features([Definition("feature", k, {**words, **b}, "f.yaml", 1, k) for k, b in bodies.items()])


def facts(stat, window, value="integer", **more):
    return {"value": value, "facts": {"table": "transaction", "stat": stat, "window": window, **more}}


def days_ago(*ago, amount=10):
    return [txn("a", AS_OF - timedelta(days=n), "in", amount + i) for i, n in enumerate(ago)]


@pytest.mark.parametrize(
    ("bits", "width", "streak", "longest"),
    [(0, 5, 0, 0), (0b1, 5, 1, 1), (0b1011, 5, 2, 2), (0b11101, 5, 1, 3), (0b11110, 5, 0, 4), (0b11111, 5, 5, 5), ((1 << 31) - 1, 31, 31, 31)],
)  # fmt: skip
def test_runs_of_bits_are_counted_from_the_newest_and_at_their_longest(bits, width, streak, longest):
    import ibis

    value = ibis.literal(bits, "int64")
    found = [engine().connection.execute(f(value, width)) for f in (trailing_bits, longest_run)]
    assert found == [streak, longest]


def test_days_in_a_row_end_on_the_day_and_the_longest_run_may_lie_before():
    made = features(
        now=facts("streak", {"days": 30}),
        most=facts("longest_streak", {"days": 30}),
        days=facts("periods", {"days": 30}),
    )
    moves = days_ago(
        0, 1, 1, 3, 4, 5, 6, 29, 30
    )  # today and yesterday; four days before the day before; the 30th; too early
    rows = profile(bank(ONE, account("a", 1), {"transaction": moves}), features=made)
    assert [rows["c1"][n] for n in ("now", "most", "days")] == [2, 4, 7]
    assert [rows["c2"][n] for n in ("now", "most", "days")] == [0, 0, 0]


def test_weeks_are_seven_days_counted_back_from_the_day():
    made = features(now=facts("streak", {"days": 28}, by="week"), all=facts("periods", {"days": 28}, by="week"))
    moves = days_ago(6, 7, 13, 27)  # the first, the second twice, the fourth week; none in the third
    rows = profile(bank(ONE, account("a", 1), {"transaction": moves}), features=made)
    assert [rows["c1"][n] for n in ("now", "all")] == [2, 3]


def test_months_in_a_row_end_with_the_last_complete_one():
    made = features(
        now=facts("streak", {"complete_months": 6}, by="month"),
        most=facts("longest_streak", {"complete_months": 6}, by="month"),
    )
    on = [
        date(2025, 6, 30),
        date(2025, 5, 1),
        date(2025, 4, 30),
        date(2025, 2, 28),
        date(2025, 1, 1),
        date(2024, 12, 31),
        date(2024, 11, 30),
    ]
    moves = [txn("a", d, "in", 5) for d in on]  # June is not over; none in March; November is too early
    rows = profile(bank(ONE, account("a", 1), {"transaction": moves}), features=made)
    assert [rows["c1"][n] for n in ("now", "most")] == [2, 3]


def test_the_trend_of_monthly_sums_is_the_least_squares_slope():
    made = features(
        slope=facts("slope_months", {"complete_months": 4}, "amount", of="amount"),
        swing=facts("deviation_months", {"complete_months": 4}, "amount", of="amount"),
        count=facts("slope_months", {"complete_months": 4}, "number"),
    )
    sums = {2: 100, 3: 400, 5: 700}  # nothing in April: 100, 400, 0, 700
    moves = [txn("a", date(2025, m, 10), "in", a) for m, a in sums.items()] + [txn("a", date(2024, 1, 1), "in", 1)]
    rows = profile(bank(ONE, account("a", 1), {"transaction": moves}), features=made)
    # around the middle: (-1.5 × 100 - 0.5 × 400 + 0.5 × 0 + 1.5 × 700) / 5
    assert rows["c1"]["slope"] == Decimal("140.00")
    assert rows["c1"]["swing"] == Decimal(str(round(sqrt(((200**2) + (100**2) + (300**2) + (400**2)) / 4), 2)))
    assert rows["c1"]["count"] == -0.1  # 1, 1, 0, 1: (-1.5 - 0.5 + 1.5) / 5
    assert rows["c2"]["slope"] == Decimal("0.00")


def test_a_trend_takes_three_whole_months_of_history():
    made = features(slope=facts("slope_months", {"complete_months": 6}, "amount", of="amount"))
    moves = [txn("a", date(2025, 3, 2), "in", 1), txn("a", date(2025, 5, 10), "in", 100)]  # history begins on 2 March
    assert profile(bank(ONE, account("a", 1), {"transaction": moves}), features=made)["c1"]["slope"] is None
    moves += [txn("a", date(2025, 3, 1), "in", 1)]
    assert profile(bank(ONE, account("a", 1), {"transaction": moves}), features=made)["c1"]["slope"] == Decimal("49.00")


def test_money_swings_around_its_own_mean():
    june = [balance("a", date(2025, 6, 1), date(2025, 6, 20), 1000), balance("a", date(2025, 6, 21), None, 4000)]
    runs = [
        balance("a", date(2025, 3, 1), date(2025, 3, 31), 100),
        balance("a", date(2025, 4, 1), date(2025, 4, 30), 200),
    ]
    runs += [balance("a", date(2025, 5, 1), date(2025, 5, 31), 600), *june]
    rows = profile(
        bank(ONE, account("a", 1), {"balance_daily": runs}),
        "demand_deviation_30d_amount",
        "demand_slope_amount",
        "aum_variation",
    )
    assert rows["c1"]["demand_deviation_30d_amount"] == Decimal("1414.21")  # √((20 × 1000² + 10 × 2000²) / 30)
    assert rows["c1"]["demand_slope_amount"] == Decimal("250.00")  # 100, 200, 600
    assert rows["c2"]["demand_deviation_30d_amount"] == Decimal("0.00")
    assert rows["c2"]["aum_variation"] is None  # nothing over nothing


def test_hours_are_those_of_the_business_and_not_of_utc():
    made = features(
        late={
            "value": "integer",
            "facts": {"table": "event", "stat": "count", "where": {"hour": [0, 1]}, "window": {"days": 3}},
        }
    )
    at = [
        datetime(2025, 6, 29, 16, 30),
        datetime(2025, 6, 29, 17, 59),
        datetime(2025, 6, 29, 18, 0),
        datetime(2025, 6, 30, 0, 30),
    ]
    events = [
        {"event_id": str(i), "source": "core", "source_key": "k1", "event_kind": "page_view", "channel": "app", "on": date(2025, 6, 30), "at": t, "recorded_at": EARLY}
        for i, t in enumerate(at)
    ]  # fmt: skip
    assert profile(bank(ONE, {"event": events}), features=made)["c1"]["late"] == 2  # 00:30 and 01:59 in Shanghai


def test_different_values_are_counted_once_and_missing_ones_not():
    made = features(kinds=facts("distinct", {"days": 30}, of="counterparty_kind", where={"direction": "in"}))
    moves = [txn("a", AS_OF, "in", i, counterparty_kind=k) for i, k in enumerate(["cash", "cash", "merchant", None])]
    moves += [txn("a", AS_OF, "out", 9, counterparty_kind="bank")]
    rows = profile(bank(ONE, account("a", 1), {"transaction": moves}), features=made)
    assert [rows[c]["kinds"] for c in ("c1", "c2")] == [2, 0]


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ({"stat": "streak", "window": {"days": 63}}, "at most 62"),
        ({"stat": "streak", "window": {"days": 30}, "by": "week"}, "whole weeks"),
        ({"stat": "longest_streak", "window": {"days": 40}}, "at most 31"),
        ({"stat": "periods", "window": {"days": 30}, "by": "month"}, "of months"),
        ({"stat": "count", "by": "week", "window": {"days": 7}}, "take `by`"),
        ({"stat": "slope_months", "window": {"days": 90}, "of": "amount"}, "window of months"),
        ({"stat": "distinct", "window": {"days": 90}}, "needs `of`"),
    ],
)
def test_a_recipe_that_says_nothing_is_refused(recipe, says):
    with pytest.raises(BadInput, match=says):
        features(x={"value": "number", "facts": {"table": "transaction", **recipe}})

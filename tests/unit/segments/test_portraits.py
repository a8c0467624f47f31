"""Effect sizes by another route, traits ranked by what is sure, names that differ, and who cannot be painted."""

import itertools

import numpy as np
import pytest

from zhike.kernel.errors import NotEstimable
from zhike.kernel.terms import Text
from zhike.segments.discovery.portraits import (
    Described,
    cliff_delta,
    cohen_h,
    measure_traits,
    paint,
    paint_one,
    suggest_names,
)


def described(column, values, kind="number"):
    return Described(
        column,
        Text(f"中{column}", column.upper()),
        np.asarray(values, dtype=object if kind in ("flag", "code") else float),
        kind,
    )


def test_cliff_delta_counts_pairs():
    members, others = np.array([3.0, 4, 5]), np.array([1.0, 2, 3, 4])
    pairs = list(itertools.product(members, others))
    by_hand = (sum(a > b for a, b in pairs) - sum(a < b for a, b in pairs)) / len(pairs)
    found = cliff_delta(members, others)
    assert found.estimate == pytest.approx(by_hand)
    assert found.low < by_hand < found.high


def test_cliff_delta_of_full_dominance_keeps_room_for_doubt():
    found = cliff_delta(np.arange(10.0, 20), np.arange(0.0, 10))
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert 0 < found.low < 1


def test_the_interval_of_delta_covers_as_often_as_it_says():
    rng = np.random.default_rng(4)
    truth = 2 * 0.6915 - 1  # P(x > y) of two normals one half apart on √2: Φ(0.5)
    hits = 0
    for _ in range(300):
        found = cliff_delta(rng.normal(0.5 * np.sqrt(2), 1, 60), rng.normal(0, 1, 80))
        hits += found.low <= truth <= found.high
    assert 0.91 <= hits / 300 <= 0.985


@pytest.mark.requirement("D6")
def test_what_is_sure_and_large_comes_first_and_names_the_group():
    rng = np.random.default_rng(1)
    member = np.arange(400) < 100
    columns = [
        described("noise", rng.normal(size=400)),
        described("money", np.where(member, 9, 1) + rng.normal(size=400)),
        described("payroll", [bool(m) or i % 4 == 0 for i, m in enumerate(member)], "flag"),
        described("sex", ["女" if m and i % 3 else "男" for i, m in enumerate(member)], "code"),
    ]
    portrait = paint_one(columns, member)
    assert [t.column for t in portrait.traits[:2]] == ["money", "payroll"]
    assert portrait.name.zh == "中money高、中payroll"
    assert portrait.name.en == "High MONEY, payroll"
    payroll = next(t for t in portrait.traits if t.column == "payroll")
    assert (payroll.of_members, payroll.of_others, payroll.of_all) == (1.0, 0.25, 0.4375)
    assert payroll.tgi == pytest.approx(100 / 0.4375)
    assert next(t for t in portrait.traits if t.column == "noise").strength == 0
    women = next(t for t in portrait.traits if t.value == "女")
    assert women.of_members == pytest.approx(0.66)


def test_shares_of_a_code_add_up_to_one():
    member = np.arange(200) < 60
    traits = measure_traits([described("sex", [["a", "b", "c"][i % 3] for i in range(200)], "code")], member)
    assert sum(t.of_members for t in traits) == pytest.approx(1)
    assert sum(t.of_others for t in traits) == pytest.approx(1)


@pytest.mark.requirement("D6")
def test_groups_are_called_differently():
    labels = np.repeat([0, 1, 2], 60)
    rng = np.random.default_rng(0)
    columns = [
        described("money", np.array([0, 5, 9])[labels] + rng.normal(0, 0.1, 180)),
        described("age", np.array([30, 60, 30])[labels] + rng.normal(0, 0.1, 180)),
    ]
    names = [p.name for p in paint(columns, labels, [f"c{i}" for i in range(180)])]
    assert len({n.zh for n in names}) == len({n.en for n in names}) == 3


def test_groups_without_a_trait_are_numbered():
    assert [n.en for n in suggest_names([(), ()])] == ["Like everybody (1)", "Like everybody (2)"]


def test_few_members_and_everybody_are_not_painted():
    columns = [described("money", np.arange(100.0))]
    with pytest.raises(NotEstimable, match="only 29 members"):
        paint_one(columns, np.arange(100) < 29)
    with pytest.raises(NotEstimable, match="nothing to compare"):
        paint_one(columns, np.ones(100, dtype=bool))


def test_missing_values_are_left_out_of_the_comparison():
    values = np.arange(100.0)
    values[:20] = np.nan
    (trait,) = measure_traits([described("money", values)], np.arange(100) < 50)
    assert trait.n_known == 80
    assert measure_traits([described("money", np.full(100, np.nan))], np.arange(100) < 50) == ()


def test_cohen_h_refuses_an_empty_group():
    with pytest.raises(NotEstimable):
        cohen_h(0, 0, 1, 2)

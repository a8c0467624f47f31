"""The parts of the audience index on their own: sets in three forms, columns of many values, events by customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from zhike.rules.index.columns import MOST_CODES, encode, encode_texts
from zhike.rules.index.events import Events, Moments, days_together, followed, together
from zhike.rules.index.kept import events_of
from zhike.rules.index.members import (
    Members,
    bitmap_of_mask,
    bitmap_of_slots,
    everybody,
    in_all,
    in_any,
    in_at_least,
    nobody,
)
from zhike.rules.terms import EventStat

N = 200_000
FORMS: list[Callable[[Members], Members]] = [
    lambda m: Members(m.n, m.mask()),
    lambda m: Members(m.n, m.slots()),
    lambda m: m.kept(),
]


def some(seed: int, share: float, n: int = N) -> Members:
    return Members(n, np.random.default_rng(seed).random(n) < share)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.03, 0.0625, 0.5, 1.0])
def test_a_set_is_the_same_in_every_form(share: float) -> None:
    one = some(1, share)
    expected = np.flatnonzero(one.form)
    for form in FORMS:
        shown = form(one)
        assert len(shown) == len(expected)
        assert np.array_equal(shown.slots(), expected)
        assert np.array_equal(shown.mask(), one.form)
        assert list(shown.bitmap()) == expected.tolist()
        assert np.array_equal((~shown).slots(), np.flatnonzero(~one.form))
    assert bitmap_of_slots(one.slots()) == bitmap_of_mask(one.mask())


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.01, 0.5, 1.0]), st.integers(0, 9), st.sampled_from([0, 1, 2])),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=examples(60), deadline=None)
def test_sets_of_any_forms_are_joined_as_sets_are(drawn: list[tuple[float, int, int]]) -> None:
    n = 70_000
    sets = [FORMS[form](some(seed, share, n)) for share, seed, form in drawn]
    flags = np.stack([some(seed, share, n).form for share, seed, _ in drawn])
    assert np.array_equal(in_all(sets).mask(), flags.all(axis=0))
    assert np.array_equal(in_any(sets).mask(), flags.any(axis=0))
    for least in range(1, len(sets) + 1):
        assert np.array_equal(in_at_least(least, sets).mask(), flags.sum(axis=0) >= least)
    assert np.array_equal(some(drawn[0][1], drawn[0][0], n).form, flags[0])  # nothing was changed in place


def test_nobody_and_everybody() -> None:
    assert (len(nobody(5)), len(everybody(5)), len(~nobody(5)), len(~everybody(5)), len(nobody(0))) == (0, 5, 5, 0, 0)
    assert len(in_any([nobody(3), nobody(3)])) == 0


@pytest.mark.parametrize("n_different", [3, 255, 256, 60_000, MOST_CODES, MOST_CODES + 1, 180_000])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_column_of_however_many_values_is_compared_exactly_at_its_edges(n_different: int, is_sparse: bool) -> None:
    dice = np.random.default_rng(n_different)
    different = np.unique(dice.integers(-(10**12), 10**12, n_different + 500))[:n_different]
    values = different[np.concatenate([np.arange(n_different), dice.integers(0, n_different, N - n_different)])]
    there = dice.random(N) < 0.9
    there[:n_different] = True
    slots = np.arange(N, dtype=np.uint32) * 2 if is_sparse else None
    column = encode(2 * N if is_sparse else N, values, there, slots)
    assert (column.exact is not None) == (n_different > MOST_CODES)
    known = there & (values == values)

    def expect(flags: Any) -> list[int]:
        return (np.flatnonzero(flags & known) * (2 if is_sparse else 1)).tolist()

    picked = [different[i] for i in (0, 1, n_different // 2, n_different // 3, -1)]
    if column.exact is not None:
        picked += [column.values[1], column.values[-1], column.values[777], column.values[777] - 1]
    for low in [*picked, different[0] - 1, different[-1] + 1]:
        assert column.between(low, None).slots().tolist() == expect(values >= low)
        assert column.between(low, None, with_low=False).slots().tolist() == expect(values > low)
        assert column.between(None, low).slots().tolist() == expect(values <= low)
        assert column.between(None, low, with_high=False).slots().tolist() == expect(values < low)
        assert column.among([low]).slots().tolist() == expect(values == low)
        assert column.between(low, low + 10**10).slots().tolist() == expect((values >= low) & (values <= low + 10**10))
        assert column.between(low, low - 1).slots().tolist() == []
    wanted = [different[i] for i in range(0, n_different, max(n_different // 40, 1))]
    assert column.among(wanted).slots().tolist() == expect(np.isin(values, wanted))
    assert len(column.present()) == there.sum()


def test_a_column_nobody_has_a_value_in_matches_nobody() -> None:
    column = encode(4, np.zeros(4), np.zeros(4, bool))
    assert len(column.between(None, None)) == len(column.among([0.0])) == len(column.present()) == 0


def test_texts_are_compared_in_their_order_in_any_script_and_too_many_have_no_codes() -> None:
    column = encode_texts(5, pa.array(["张", None, "b", "張", "b"]))
    assert column is not None
    assert column.among(["b", "張", "z"]).slots().tolist() == [2, 3, 4]
    assert column.values.tolist() == sorted(["b", "张", "張"])
    assert encode_texts(70_000, pa.array([str(i) for i in range(70_000)])) is None


def events(rows: list[tuple[int, int, int]]) -> Events:
    """Events of (customer, day, moment), as they come."""
    who, day, at = ([r[i] for r in rows] for i in range(3))
    table = pa.table(
        {
            "customer_no": pa.array(who, pa.int64()),
            "on": pa.array(day, pa.int32()).cast(pa.date32()),
            "at": pa.array(at, pa.int64()).cast(pa.timestamp("us")),
        }
    )
    return events_of(np.arange(4), table)


ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(100, 110), st.integers(0, 23)).map(
        lambda r: (r[0], r[1], r[1] * 24 + r[2])
    ),
    max_size=14,
)


@given(ROWS, st.integers(1, 4), st.integers(99, 111))
@settings(max_examples=examples(300), deadline=None)
def test_the_last_but_k_says_who_has_at_least_so_many(rows: list[tuple[int, int, int]], least: int, first: int) -> None:
    counts = {c: sum(1 for r in rows if r[0] == c and r[1] >= first) for c in range(4)}
    found = events(rows).with_at_least(least, first)
    assert found.tolist() == [c for c, n in counts.items() if n >= least]


@given(ROWS, ROWS, st.integers(99, 111), st.integers(99, 111))
@settings(max_examples=examples(300), deadline=None)
def test_events_of_several_kinds_are_counted_as_by_hand(
    one: list[tuple[int, int, int]], other: list[tuple[int, int, int]], first: int, last: int
) -> None:
    parts = [events(one), events(other)]
    inside = [r for r in (*one, *other) if first <= r[1] <= last]
    having = sorted({r[0] for r in inside})
    for stat, expected in (
        (EventStat.COUNT, [sum(r[0] == c for r in inside) for c in having]),
        (EventStat.DAYS_SINCE, [max(r[1] for r in inside if r[0] == c) for c in having]),
    ):
        slots, numbers = together([e.reduced(stat, e.within(first, last)) for e in parts], stat)
        assert (slots.tolist(), numbers.tolist()) == (having, expected)
    slots, numbers = days_together([(e.slots()[f], e.day[f]) for e in parts for f in [e.within(first, last)]])
    assert (slots.tolist(), numbers.tolist()) == (having, [len({r[1] for r in inside if r[0] == c}) for c in having])
    once = parts[0].each_day_once()
    assert len(once) == len({(r[0], r[1]) for r in one})
    assert once.with_at_least(2, first).tolist() == [
        c for c in range(4) if len({r[1] for r in one if r[0] == c and r[1] >= first}) >= 2
    ]
    slots, numbers = parts[0].reduced(EventStat.DAYS, parts[0].within(first, last))
    mine = [r for r in one if first <= r[1] <= last]
    assert dict(zip(slots.tolist(), numbers.tolist(), strict=True)) == {
        c: len({r[1] for r in mine if r[0] == c}) for c in {r[0] for r in mine}
    }


@given(ROWS, ROWS, st.integers(0, 5))
@settings(max_examples=examples(300), deadline=None)
def test_one_thing_was_followed_by_another_as_by_looking_at_all_pairs(
    one: list[tuple[int, int, int]], other: list[tuple[int, int, int]], within: int
) -> None:
    def moments(rows: list[tuple[int, int, int]]) -> Moments:
        slot, day, at = (np.array([r[i] for r in rows], np.int64) for i in range(3))
        return Moments(slot.astype(np.uint32), day, at)

    expected = {a[0] for a in one for b in other if a[0] == b[0] and b[2] > a[2] and b[1] - a[1] <= within}
    assert followed(moments(one), moments(other), within).tolist() == sorted(expected)

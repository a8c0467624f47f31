"""Whatever the intervals: a migration's rows and columns are the sizes of the two days, and nobody is counted twice."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from tests.unit.segments.world import CONTRACTS, engine, member
from zhike.segments.tracking.migration import OUTSIDE, find_migration
from zhike.warehouse.testing import catalog

START = date(2025, 1, 1)
BUCKETS = ["a", "b", "c", None]


@st.composite
def histories(draw):
    """Intervals per customer that do not overlap; the first customer is there from the first day, so that it is known."""
    rows = [member("t", 0, START, bucket="a")]
    for number in range(1, draw(st.integers(1, 8))):
        day = START + timedelta(draw(st.integers(0, 20)))
        for _ in range(draw(st.integers(1, 3))):
            length = draw(st.integers(1, 20))
            is_open = draw(st.booleans())
            rows.append(
                member(
                    "t",
                    number,
                    day,
                    bucket=draw(st.sampled_from(BUCKETS)),
                    to_on=None if is_open else day + timedelta(length),
                )
            )
            if is_open:
                break
            day += timedelta(length + draw(st.integers(1, 10)))
    return rows


def held(rows, day):
    return {
        r["customer_id"]: r["bucket"] or ""
        for r in rows
        if r["from_on"] <= day and (r["to_on"] is None or r["to_on"] >= day)
    }


@pytest.mark.requirement("D7")
@settings(max_examples=examples(40))
@given(histories(), st.integers(0, 30), st.integers(1, 40))
def test_a_migration_adds_up(rows, start, length):
    first, last = START + timedelta(start), START + timedelta(start + length)
    members = catalog(engine(), {"segment_member": {"t": rows}}, CONTRACTS)["segment_member"]
    found = find_migration("t", members, first, last)
    before, after = held(rows, first), held(rows, last)
    for sizes, people in ((found.sizes(at_end=False), before), (found.sizes(at_end=True), after)):
        assert {b: n for b, n in sizes.items() if n} == {
            b: list(people.values()).count(b) for b in set(people.values())
        }
    assert sum(f.n_customers for f in found.flows) == len(before.keys() | after.keys())
    assert all((f.bucket_from, f.bucket_to) != (OUTSIDE, OUTSIDE) for f in found.flows)
    assert sum(n.n_net for n in found.nets()) == len(after) - len(before)

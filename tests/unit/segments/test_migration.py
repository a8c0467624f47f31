"""Who moved between two days: matrices that add up, money where it is known, and days of which nothing is known."""

from datetime import date
from decimal import Decimal

import ibis
import pytest

from tests.unit.segments.world import CONTRACTS, engine, member
from zhike.kernel.errors import BadInput, NotEstimable
from zhike.segments.tracking.migration import OUTSIDE, find_migration, periods
from zhike.warehouse.testing import catalog

FIRST, LAST = date(2025, 1, 1), date(2025, 6, 30)
START = date(2024, 12, 1)
BEFORE_LAST = date(2025, 5, 31)
ROWS = [
    member("t", 1, START, bucket="hi"),  # stays high
    member("t", 2, START, bucket="hi", to_on=BEFORE_LAST), member("t", 2, LAST, bucket="lo"),  # falls
    member("t", 3, START, bucket="lo", to_on=BEFORE_LAST), member("t", 3, LAST, bucket="hi"),  # rises
    member("t", 4, START, bucket="lo", to_on=BEFORE_LAST),  # is gone
    member("t", 5, LAST, bucket="lo"),  # is new
    member("t", 6, START, bucket="lo", to_on=date(2024, 12, 31)),  # was gone before
]  # fmt: skip


def table(rows):
    return catalog(engine(), {"segment_member": {"t": rows}}, CONTRACTS)["segment_member"]


def money(**amounts):
    rows = [{"customer_id": k, "amount": Decimal(v)} for k, v in amounts.items()]
    return ibis.memtable(rows, schema={"customer_id": "string", "amount": "decimal(18, 2)"})


@pytest.mark.requirement("D7")
def test_rows_add_up_to_the_first_day_and_columns_to_the_last():
    found = find_migration("t", table(ROWS), FIRST, LAST, order=["hi", "lo"])
    assert {(f.bucket_from, f.bucket_to): f.n_customers for f in found.flows} == {
        ("hi", "hi"): 1, ("hi", "lo"): 1, ("lo", "hi"): 1, ("lo", OUTSIDE): 1, (OUTSIDE, "lo"): 1,
    }  # fmt: skip
    assert found.sizes(at_end=False) == {"hi": 2, "lo": 2}
    assert found.sizes(at_end=True) == {"hi": 2, "lo": 2}
    assert found.buckets == ("hi", "lo", OUTSIDE)
    assert found.stay_rate == 0.25
    assert found.shift_psi == 0
    nets = {n.bucket: (n.n_came, n.n_went, n.n_net) for n in found.nets()}
    assert nets == {"hi": (1, 1, 0), "lo": (2, 2, 0)}
    assert found.money_missing == (FIRST, LAST)
    assert found.nets()[0].amount_came is None


@pytest.mark.requirement("D7")
def test_money_goes_with_the_customers():
    before, after = money(c1="100", c2="90", c3="5", c4="7"), money(c1="110", c2="1.50", c3="80", c5="3", c9="999")
    found = find_migration("t", table(ROWS), FIRST, LAST, money=(before, after), order=["hi", "lo"])
    flows = {(f.bucket_from, f.bucket_to): (f.amount_from, f.amount_to) for f in found.flows}
    assert flows["hi", "lo"] == (Decimal("90.00"), Decimal("1.50"))
    assert flows["lo", OUTSIDE] == (Decimal("7.00"), Decimal("0.00"))
    low = next(n for n in found.nets() if n.bucket == "lo")
    assert (low.amount_came, low.amount_went) == (Decimal("4.50"), Decimal("12.00"))
    assert found.money_missing == ()


def test_a_day_before_the_first_run_is_not_known():
    with pytest.raises(NotEstimable, match="known from 2024-12-01 on"):
        find_migration("t", table(ROWS), date(2024, 11, 30), LAST)
    with pytest.raises(NotEstimable, match="no day"):
        find_migration("t", table([]), FIRST, LAST)


def test_days_the_wrong_way_round_are_refused():
    with pytest.raises(BadInput, match="is not before"):
        find_migration("t", table(ROWS), LAST, FIRST)


def test_a_changed_definition_is_told():
    changed = [
        member("t", 1, START, bucket="hi", to_on=BEFORE_LAST),
        {**member("t", 1, LAST, bucket="lo"), "definition_hash": "new"},
    ]
    assert find_migration("t", table(changed), FIRST, LAST).is_redefined
    assert not find_migration("t", table(ROWS), FIRST, LAST).is_redefined


def test_a_segment_without_buckets_has_inside_and_outside():
    rows = [member("t", 1, START), member("t", 2, START, to_on=BEFORE_LAST)]
    found = find_migration("t", table(rows), FIRST, LAST)
    assert {(f.bucket_from, f.bucket_to) for f in found.flows} == {("", ""), ("", OUTSIDE)}


def test_the_month_is_looked_at_when_its_first_day_was():
    assert periods(date(2025, 7, 14), date(2025, 7, 13)) == (
        (date(2025, 7, 13), date(2025, 7, 14)), (date(2025, 5, 31), date(2025, 6, 30)),
    )  # fmt: skip
    assert periods(date(2025, 6, 30), date(2025, 6, 29))[1] == (date(2025, 5, 31), date(2025, 6, 30))
    assert periods(date(1994, 3, 31), date(1993, 6, 30)) == ((date(1993, 6, 30), date(1994, 3, 31)),)

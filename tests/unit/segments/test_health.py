"""Health by hand: penetration, match, gaps, retention; alerts and the day of review."""

from datetime import date
from decimal import Decimal

import ibis
import pytest

from tests.unit.segments.world import CONTRACTS, engine, member, segments
from zhike.kernel.errors import BadInput
from zhike.segments.tracking.alerts import AlertLimits, Standing, add_months, alert_limits, find_alerts, review_due_on
from zhike.segments.tracking.health import find_cohorts, find_gaps, find_match, find_penetration, find_stay_rates
from zhike.warehouse.testing import catalog

AS_OF = date(2025, 6, 30)
LIMITS = AlertLimits()


def people(**buckets):
    rows = [{"customer_id": k, "bucket": b} for k, b in buckets.items()]
    return ibis.memtable(rows, schema={"customer_id": "string", "bucket": "string"})


def held(*pairs):
    rows = [{"customer_id": c, "product_class": p} for c, p in pairs]
    return ibis.memtable(rows, schema={"customer_id": "string", "product_class": "string"})


def table(rows):
    return catalog(engine(), {"segment_member": {"t": rows}}, CONTRACTS)["segment_member"]


@pytest.mark.requirement("D8")
def test_match_is_the_share_of_what_is_usual_in_the_tier():
    tiers = people(a="rich", b="rich", c="rich", d="plain")
    holdings = held(("a", "fund"), ("a", "term"), ("b", "fund"), ("c", "term"), ("c", "gold"), ("d", "demand"))
    # usual of rich: fund (2 of 3) and term (2 of 3), not gold; of plain: demand
    assert find_match(people(a="", b=""), tiers, holdings) == pytest.approx((1 + 0.5) / 2)
    assert find_match(people(d=""), tiers, holdings) == 1.0
    assert find_match(people(a=""), tiers, held()) is None


@pytest.mark.requirement("D8")
def test_penetration_stands_beside_everybody():
    first, second = find_penetration({"fund": 30, "term": 10}, 100, {"fund": 150, "term": 200}, 1000)
    assert (first.product_class, first.interval.estimate, first.tgi) == ("fund", 0.3, pytest.approx(200))
    assert second.tgi == pytest.approx(50)
    assert find_penetration({}, 0, {"fund": 1}, 10) == ()


@pytest.mark.requirement("D8")
def test_a_gap_is_told_in_customers_when_it_is_sure():
    peers = {"best": (200, {"fund": 100, "term": 22}), "tiny": (5, {"fund": 5}), "worse": (100, {"fund": 20})}
    (gap,) = find_gaps({"fund": 20, "term": 10}, 100, peers)
    assert (gap.product_class, gap.peer, gap.n_customers) == ("fund", "best", 30)
    assert gap.difference.low > 0
    assert find_gaps({"fund": 0}, 29, peers) == ()


@pytest.mark.requirement("D8")
def test_cohorts_are_followed_month_by_month_and_by_first_channel():
    first = member("t", 0, date(2025, 1, 1))  # of the first run: no cohort
    rows = [
        first, member("t", 1, date(2025, 3, 10)), member("t", 2, date(2025, 3, 31), to_on=date(2025, 4, 20)),
        member("t", 3, date(2025, 3, 1), to_on=date(2025, 3, 20)), member("t", 3, date(2025, 5, 1)), member("t", 4, date(2025, 6, 15)),
    ]  # fmt: skip
    channels = ibis.memtable([{"customer_id": "c1", "channel": "app"}, {"customer_id": "c2", "channel": "branch"}])
    found = {
        (c.entered_month, c.channel, c.months): (c.n_entered, c.n_held)
        for c in find_cohorts(table(rows), AS_OF, channels)
    }
    march = date(2025, 3, 1)
    assert [found[march, "", n] for n in range(4)] == [(3, 3), (3, 1), (3, 2), (3, 2)]
    # after one month: c1 on 10 April; c2 left on 20 April, one month on is 30 April; c3 on 1 April is out, on 1 May back
    assert found[march, "app", 3] == (1, 1)
    assert found[march, "branch", 1] == (1, 0)
    assert found[date(2025, 6, 1), "", 0] == (1, 1)
    assert (date(2025, 6, 1), "", 1) not in found
    assert find_cohorts(table([]), AS_OF) == ()


@pytest.mark.requirement("D8")
def test_who_stayed_is_counted_from_the_day_then():
    rows = [
        member("t", 1, date(2025, 1, 1)),
        member("t", 2, date(2025, 1, 1), to_on=date(2025, 6, 10)),
        member("t", 3, date(2025, 6, 20)),
    ]
    assert find_stay_rates(table(rows), AS_OF, (30, 90, 900)) == {30: 0.5, 90: 0.5, 900: None}


# ---- alerts


def kinds(**more):
    return [a.kind for a in find_alerts(Standing("s", 100, **{"n_members": 50, **more}), AS_OF, LIMITS)]


@pytest.mark.requirement("D7")
def test_what_somebody_should_look_at():
    assert kinds() == []
    assert kinds(n_members=0) == ["nobody"]
    assert kinds(n_members=100) == ["everybody"]
    assert kinds(n_members=100, is_partition=True) == []
    assert kinds(n_before=40) == ["size"]
    assert kinds(n_before=45) == []
    assert kinds(n_members=29, n_before=10) == []
    assert kinds(n_before=0) == ["size"]
    assert kinds(shift_psi=0.3) == kinds(shift_psi=0.12) == ["drift"]
    assert kinds(review_on=AS_OF) == ["review"]
    assert kinds(review_on=date(2025, 7, 1)) == []


@pytest.mark.requirement("D7")
def test_a_definition_is_reviewed_a_year_after_approval_or_when_it_says():
    found = segments(
        plain={"when": {"everyone": True}}, soon={"when": {"everyone": True}, "review_after_months": 1},
        dated={"when": {"everyone": True}, "review_on": "2025-12-24"},
    )  # fmt: skip
    due = {k: review_due_on(s.definition, date(2024, 1, 31), LIMITS) for k, s in found.items()}
    assert due == {
        "plain": date(2025, 1, 31), "soon": date(2024, 2, 29), "dated": date(2025, 12, 24), "global_exclusion": date(2025, 1, 31),
    }  # fmt: skip
    assert review_due_on(found["plain"].definition, None, LIMITS) is None


def test_a_month_later_is_the_last_of_a_shorter_month():
    assert add_months(date(2025, 1, 31), 1) == date(2025, 2, 28)
    assert add_months(date(2024, 12, 31), 2) == date(2025, 2, 28)
    assert add_months(date(2025, 8, 31), 12) == date(2026, 8, 31)


def test_limits_come_from_parameters():
    assert alert_limits({"segment_alert_size_rate": 0.5, "other": Decimal(1)}).size_rate == 0.5
    with pytest.raises(BadInput, match="segment_alert_psi"):
        alert_limits({"segment_alert_psi": "a lot"})

"""Counters: a place is taken once, given back once, and windows end when they say."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from zhike.kernel.errors import BadInput
from zhike.kernel.terms import Channel, Purpose
from zhike.policy.caps import calendar_bounds, full_until
from zhike.policy.counters import CapReached, Claim, InMemoryContactCounters, Reserved, look_back
from zhike.policy.definitions import Cap, Window
from zhike.policy.terms import ContactMade

NOON = dt.datetime(2025, 6, 30, 4, 0, tzinfo=dt.UTC)  # Monday, 12:00 in Shanghai
DAY = dt.timedelta(days=1)


def _cap(at_most: int = 1, *, channels: tuple[Channel, ...] = (), reserved: int = 0, **window) -> Cap:
    told = window or {"calendar": "day"}
    return Cap(
        key="cap", zh="上限", en="cap", at_most=at_most, window=Window(**told), channels=channels, reserved=reserved, reserved_for_priority=2
    )  # fmt: skip


def _claim(contact_id: str, at: dt.datetime = NOON, **changes) -> Claim:
    return dataclasses.replace(Claim(contact_id, "c1", Channel.SMS, Purpose.MARKETING, at), **changes)


def test_the_day_is_the_recipients_own_calendar_day():
    counters = InMemoryContactCounters()
    late = NOON + dt.timedelta(hours=11, minutes=59)  # 23:59
    assert counters.reserve(_claim("a", late), [_cap()]) == Reserved("a")
    refused = counters.reserve(_claim("b"), [_cap()])
    assert refused == CapReached("cap", dt.datetime(2025, 6, 30, 16, tzinfo=dt.UTC))
    assert counters.reserve(_claim("b", late + dt.timedelta(minutes=1)), [_cap()]) == Reserved("b")


@pytest.mark.parametrize(
    ("calendar", "first", "after"),
    [
        ("day", "2024-02-29", "2024-03-01"),
        ("week", "2024-02-26", "2024-03-04"),
        ("month", "2024-02-01", "2024-03-01"),
    ],
)
def test_calendar_windows_start_and_end_where_people_think(calendar, first, after):
    bounds = calendar_bounds(dt.date(2024, 2, 29), calendar)
    assert bounds == (dt.date.fromisoformat(first), dt.date.fromisoformat(after))


def test_a_rolling_window_opens_when_its_oldest_contact_leaves():
    made = [ContactMade(Channel.SMS, Purpose.MARKETING, NOON - DAY * d) for d in (6, 2)]
    until = full_until(
        made, channel=Channel.SMS, at=NOON, cap=_cap(2, rolling_days=7), priority=5, timezone="Asia/Shanghai"
    )
    assert until == NOON + DAY


def test_a_claim_in_between_counts_the_contacts_after_it_too():
    counters = InMemoryContactCounters()
    cap = _cap(1, rolling_days=7)
    counters.reserve(_claim("later", NOON + 3 * DAY), [cap])
    assert counters.reserve(_claim("earlier", NOON), [cap]) == CapReached("cap", NOON + 10 * DAY)


def test_other_channels_other_purposes_and_other_people_do_not_count():
    counters = InMemoryContactCounters()
    cap = _cap(1, channels=(Channel.SMS,))
    counters.reserve(_claim("push", channel=Channel.APP_PUSH), [cap])
    counters.reserve(_claim("service", purpose=Purpose.SERVICE), [cap])
    counters.reserve(_claim("neighbour", recipient_id="c2"), [cap])
    assert counters.reserve(_claim("mine"), [cap]) == Reserved("mine")


def test_the_reserve_is_for_urgent_requests_only():
    counters = InMemoryContactCounters()
    cap = _cap(2, reserved=1)
    assert counters.reserve(_claim("a", priority=5), [cap]) == Reserved("a")
    assert isinstance(counters.reserve(_claim("b", priority=5), [cap]), CapReached)
    assert counters.reserve(_claim("c", priority=1), [cap]) == Reserved("c")
    assert isinstance(counters.reserve(_claim("d", priority=1), [cap]), CapReached)


def test_a_cap_of_zero_closes_the_channel():
    assert isinstance(InMemoryContactCounters().reserve(_claim("a"), [_cap(0)]), CapReached)


def test_all_caps_or_none():
    counters = InMemoryContactCounters()
    counters.reserve(_claim("a"), [_cap(1)])
    assert isinstance(counters.reserve(_claim("b"), [_cap(5, rolling_days=7), _cap(1)]), CapReached)
    assert len(counters.contacts("c1", since=NOON - DAY, until=NOON + DAY)) == 1


def test_releasing_gives_the_place_back_once():
    counters = InMemoryContactCounters()
    counters.reserve(_claim("a"), [_cap()])
    assert counters.release("a")
    assert not counters.release("a")
    assert counters.reserve(_claim("b"), [_cap()]) == Reserved("b")


def test_an_id_is_one_contact_for_ever():
    counters = InMemoryContactCounters([_claim("a")])
    assert counters.reserve(_claim("a"), [_cap()]) == Reserved("a")
    with pytest.raises(BadInput, match="policy.contact_id_reused"):
        counters.reserve(_claim("a", channel=Channel.RM), [_cap()])
    with pytest.raises(BadInput, match="policy.moment_naive"):
        counters.reserve(_claim("n", NOON.replace(tzinfo=None)), [_cap()])


def test_look_back_covers_the_longest_window():
    assert look_back([_cap(), _cap(rolling_days=60), _cap(calendar="month")]) == 60 * DAY

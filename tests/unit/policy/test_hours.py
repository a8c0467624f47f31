"""When a channel is closed, and when it opens again: midnight, weekdays, holidays, a day that loses an hour."""

from __future__ import annotations

import datetime as dt

import pytest

from zhike.kernel.terms import Channel
from zhike.policy.definitions import Holiday, QuietHours
from zhike.policy.hours import closed_reason, closes_at

NIGHT = QuietHours.model_validate({"from": "21:00", "to": "08:00"})
SHANGHAI = "Asia/Shanghai"


def _at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _closed(at: str, *, quiet=(NIGHT,), holidays=(), timezone=SHANGHAI, channel=Channel.SMS):
    return closed_reason(_at(at), channel=channel, timezone=timezone, quiet_hours=quiet, holidays=holidays)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2025-06-30T21:00:00+08:00", "2025-07-01T08:00:00+08:00"),
        ("2025-06-30T23:59:59+08:00", "2025-07-01T08:00:00+08:00"),
        ("2025-07-01T00:00:00+08:00", "2025-07-01T08:00:00+08:00"),
        ("2025-07-01T07:59:59+08:00", "2025-07-01T08:00:00+08:00"),
        ("2025-07-01T08:00:00+08:00", None),
        ("2025-06-30T20:59:59+08:00", None),
    ],
)
def test_the_night_is_quiet_and_says_when_it_ends(at, until):
    closed = _closed(at)
    assert (closed.until if closed else None) == (_at(until) if until else None)


def test_on_the_night_the_clocks_go_back_quiet_hours_end_at_local_eight():
    closed = _closed("2025-11-02T05:30:00+00:00", timezone="America/New_York")  # 01:30, the first of two
    assert closed is not None
    assert closed.until == _at("2025-11-02T08:00:00-05:00")


def test_rules_by_weekday_hold_on_the_day_of_the_moment():
    weekday = QuietHours.model_validate({"from": "21:00", "to": "09:00", "weekdays": [1, 2, 3, 4, 5, 6]})
    sunday = QuietHours.model_validate({"from": "21:00", "to": "12:00", "weekdays": [7]})
    told = {"quiet": (weekday, sunday), "timezone": "America/Chicago"}
    assert _closed("2025-06-29T11:30:00-05:00", **told).until == _at("2025-06-29T12:00:00-05:00")
    assert _closed("2025-06-28T11:30:00-05:00", **told) is None
    assert _closed("2025-06-28T22:00:00-05:00", **told).until == _at("2025-06-29T12:00:00-05:00")


def test_a_holiday_closes_its_channels_until_the_morning_after():
    spring = Holiday(
        zh="春节",
        en="Spring Festival",
        from_on=dt.date(2025, 1, 28),
        to_on=dt.date(2025, 1, 31),
        channels=(Channel.SMS,),
    )
    closed = _closed("2025-01-29T10:00:00+08:00", holidays=(spring,))
    assert "春节" in closed.zh
    assert closed.until == _at("2025-02-01T08:00:00+08:00")
    assert _closed("2025-01-29T10:00:00+08:00", holidays=(spring,), channel=Channel.APP_PUSH) is None


def test_an_opening_that_never_comes_has_no_until():
    always = (NIGHT, QuietHours.model_validate({"from": "08:00", "to": "21:00"}))
    closed = _closed("2025-06-30T10:00:00+08:00", quiet=always)
    assert closed is not None
    assert closed.until is None


def test_it_says_when_an_open_channel_closes():
    told = {"channel": Channel.SMS, "timezone": SHANGHAI, "quiet_hours": (NIGHT,), "holidays": ()}
    assert closes_at(_at("2025-06-30T20:00:00+08:00"), **told) == _at("2025-06-30T21:00:00+08:00")
    assert closes_at(_at("2025-06-30T20:00:00+08:00"), **{**told, "quiet_hours": ()}) is None


@pytest.mark.parametrize("body", [{"from": "08:00", "to": "08:00"}, {"from": "21:00", "to": "08:00", "weekdays": [0]}])
def test_hours_that_mean_nothing_are_refused(body):
    with pytest.raises(ValueError):
        QuietHours.model_validate(body)

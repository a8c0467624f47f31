"""No sequence of claims, releases and repeats beats a cap, in whatever order the moments come."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tests.property.effort import examples
from zhike.kernel.clock import business_day
from zhike.kernel.terms import Channel, Purpose
from zhike.policy.caps import calendar_bounds
from zhike.policy.counters import CapReached, Claim, InMemoryContactCounters, Reserved
from zhike.policy.definitions import Cap, Window

ZONE = "Asia/Shanghai"
START = dt.datetime(2025, 6, 25, 0, 0, tzinfo=dt.UTC)
CAPS = (
    Cap(key="sms_day", zh="s", en="s", at_most=1, window=Window(calendar="day"), channels=(Channel.SMS,)),
    Cap(key="any_3d", zh="a", en="a", at_most=2, window=Window(rolling_days=3), reserved=1, reserved_for_priority=2),
    Cap(key="any_week", zh="w", en="w", at_most=3, window=Window(calendar="week")),
    Cap(key="any_month", zh="m", en="m", at_most=5, window=Window(calendar="month")),
)  # fmt: skip
moments = st.integers(0, 24 * 14).map(lambda hours: START + dt.timedelta(hours=hours))


class Claims(RuleBasedStateMachine):
    """Claims arrive in any order of time, some are released, some repeated; a plain list is the judge."""

    taken = Bundle("taken")

    def __init__(self) -> None:
        super().__init__()
        self.counters = InMemoryContactCounters()
        self.held: dict[str, Claim] = {}
        self.n = 0

    @rule(
        target=taken, at=moments, channel=st.sampled_from([Channel.SMS, Channel.APP_PUSH]), priority=st.integers(1, 5)
    )
    def claim(self, at, channel, priority):
        self.n += 1
        claim = Claim(f"k{self.n}", "c1", channel, Purpose.MARKETING, at, priority, ZONE)
        answer = self.counters.reserve(claim, CAPS)
        if isinstance(answer, Reserved):
            self.held[claim.contact_id] = claim
        else:
            assert isinstance(answer, CapReached)
            assert answer.until > at
        return claim

    @rule(claim=taken)
    def repeat(self, claim):
        before = len(self.held)
        answer = self.counters.reserve(claim, CAPS)
        if isinstance(answer, Reserved):
            self.held[claim.contact_id] = claim
        assert len(self.held) - before <= (0 if claim.contact_id in self.held and before == len(self.held) else 1)

    @rule(claim=consumes(taken))
    def release(self, claim):
        assert self.counters.release(claim.contact_id) == (self.held.pop(claim.contact_id, None) is not None)

    @invariant()
    def no_window_holds_more_than_its_cap(self):
        claims = list(self.held.values())
        for cap in CAPS:
            counted = [c.at for c in claims if cap.covers(c.channel)]
            for at in counted:
                assert self._in_window(counted, at, cap.window) <= cap.at_most, cap.key

    @invariant()
    def the_store_holds_exactly_what_was_taken(self):
        made = self.counters.contacts("c1", since=START, until=START + dt.timedelta(days=15))
        assert sorted(m.at for m in made) == sorted(c.at for c in self.held.values())

    @staticmethod
    def _in_window(moments, at, window) -> int:
        if window.rolling_days is not None:
            length = dt.timedelta(days=window.rolling_days)
            return sum(at - length < m <= at for m in moments)
        first, after = calendar_bounds(business_day(at, ZONE), str(window.calendar))
        return sum(first <= business_day(m, ZONE) < after for m in moments)


Claims.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=40, deadline=None)
TestNoSequenceBeatsACap = pytest.mark.requirement("G5")(Claims.TestCase)

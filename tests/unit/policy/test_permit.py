"""Only policy makes permits, and a changed one is worthless."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import pickle

import pytest

from tests.unit.policy.world import AT, KEY, facts, policy, request
from zhike.kernel.errors import NotPermitted
from zhike.kernel.terms import Channel
from zhike.policy import Permit, verify


def _permit() -> Permit:
    answer = policy().decide(request(), facts(), AT)
    assert isinstance(answer, Permit)
    return answer


def test_a_permit_verifies_until_it_expires():
    permit = _permit()
    verify(permit, key=KEY, at=AT + dt.timedelta(minutes=9))
    for moment in (permit.expires_at, AT - dt.timedelta(seconds=1), AT.replace(tzinfo=None)):
        with pytest.raises(NotPermitted, match="policy.permit_expired"):
            verify(permit, key=KEY, at=moment)


def test_nobody_else_can_construct_one():
    fields = {f.name: getattr(_permit(), f.name) for f in dataclasses.fields(Permit)}
    with pytest.raises(NotPermitted, match="policy.permit_forged"):
        Permit(**fields)
    with pytest.raises((NotPermitted, ValueError, TypeError)):
        dataclasses.replace(_permit(), recipient_id="somebody else")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recipient_id", "c2"),
        ("customer_id", "c2"),
        ("channel", Channel.SMS),
        ("campaign", "other"),
        ("content_version", "2"),
        ("expires_at", AT + dt.timedelta(days=9)),
        ("rules", ()),
        ("signature", "0" * 64),
    ],
)
def test_a_permit_changed_by_force_does_not_verify(name, value):
    permit = _permit()
    object.__setattr__(permit, name, value)
    with pytest.raises(NotPermitted, match="policy.permit_forged"):
        verify(permit, key=KEY, at=AT)


def test_another_key_does_not_verify():
    with pytest.raises(NotPermitted, match="policy.permit_forged"):
        verify(_permit(), key=b"another key of sixteen bytes", at=AT)


def test_permits_are_neither_pickled_nor_copied():
    with pytest.raises(TypeError):
        pickle.dumps(_permit())
    with pytest.raises(TypeError):
        copy.copy(_permit())

"""One suite over every operations store: what the pipeline relies on holds in the process and in the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.stores import database_store
from zhike.kernel.errors import Conflict, NotFound, NotPermitted
from zhike.pipeline.store import InMemoryStore, OperationsStore, StoredVersion, verify_audit

AT = datetime(2025, 6, 30, 12, tzinfo=UTC)
TIER = StoredVersion(
    "tag", "customer_tier", 1, "abc", {"zh": "层级"}, "tags/value.yaml", 3, "files", False, "maker", AT
)


@pytest.fixture(params=["memory", "database"])
def store(request: pytest.FixtureRequest) -> Iterator[OperationsStore]:
    if request.param == "memory":
        yield InMemoryStore()
    else:
        with database_store() as opened:
            yield opened


def test_a_version_comes_back_as_it_was_kept(store: OperationsStore) -> None:
    store.add_version(TIER)
    assert list(store.versions("tag", "customer_tier")) == [TIER]
    assert store.versions("segment") == []


def test_a_version_number_is_used_once(store: OperationsStore) -> None:
    store.add_version(TIER)
    with pytest.raises(Conflict):
        store.add_version(replace(TIER, hash="other"))


def _keep_and_break_off(store: OperationsStore) -> None:
    with store.together():
        store.add_version(replace(TIER, version=2))
        store.add_override("tag", {"tag": "customer_tier"}, reason="", by="maker", at=AT)
        store.add_audit("maker", "definition.changed", "tag customer_tier", {}, AT)
        raise KeyboardInterrupt


def test_what_is_kept_together_is_kept_whole_or_not_at_all(store: OperationsStore) -> None:
    with store.together():
        store.add_version(TIER)
        store.decide(TIER, approve=True, by="checker", at=AT, reason="")
        store.add_audit("maker", "definition.new", "tag customer_tier", {}, AT)
    with pytest.raises(KeyboardInterrupt):
        _keep_and_break_off(store)
    assert [(v.version, v.is_approved) for v in store.versions()] == [(1, True)]
    assert store.overrides() == []
    assert [r.action for r in store.audit()] == ["definition.new"]
    assert verify_audit(list(store.audit())) is None


@pytest.mark.requirement("K5")
def test_the_maker_may_not_approve_their_own_version(store: OperationsStore) -> None:
    store.add_version(TIER)
    with pytest.raises(NotPermitted):
        store.decide(TIER, approve=True, by="maker", at=AT, reason="")
    store.decide(TIER, approve=True, by="checker", at=AT, reason="fine")
    kept = store.versions("tag", "customer_tier")[0]
    assert kept.is_approved
    assert kept.decided_by == "checker"


def test_a_version_is_decided_once(store: OperationsStore) -> None:
    store.add_version(TIER)
    store.decide(TIER, approve=False, by="checker", at=AT, reason="no")
    with pytest.raises(Conflict):
        store.decide(TIER, approve=True, by="another", at=AT, reason="")


def test_deciding_on_an_unknown_version_is_refused(store: OperationsStore) -> None:
    with pytest.raises(NotFound):
        store.decide(TIER, approve=True, by="checker", at=AT, reason="")


def test_an_override_is_withdrawn_once(store: OperationsStore) -> None:
    number = store.add_override("identity_merge", {"keys": ["core:1", "card:2"]}, reason="same person", by="a", at=AT)
    assert [o.number for o in store.overrides("identity_merge")] == [number]
    store.withdraw_override(number, reason="mistake", by="b", at=AT)
    assert store.overrides() == []
    with pytest.raises(NotFound):
        store.withdraw_override(number, reason="again", by="b", at=AT)


@pytest.mark.requirement("K3")
def test_the_audit_chain_is_whole_and_shows_a_change(store: OperationsStore) -> None:
    for i in range(3):
        store.add_audit("maker", "apply", f"tag t{i}", {"version": i}, AT)
    records = list(store.audit())
    assert verify_audit(records) is None
    forged = [records[0], replace(records[1], actor="nobody"), records[2]]
    assert verify_audit(forged) == 2
    assert verify_audit([records[0], records[2]]) == 2

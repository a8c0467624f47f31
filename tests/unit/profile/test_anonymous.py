"""Features, rules and evidence see what a customer did before the login that told who it was, and never before that was known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.unit.profile.bank import CONTRACTS, Rows, bank, engine, link, person, profile
from zhike.identity.anonymous import AnonymousSettings, events_step
from zhike.profile.known import facts_of
from zhike.profile.tags_steps import events_of_customers
from zhike.rules import UsedNames
from zhike.warehouse.catalog import Catalog
from zhike.warehouse.testing import run_step

pytestmark = [pytest.mark.requirement("B4"), pytest.mark.requirement("C1")]
LOGIN_ON, LAST_WEEK = date(2025, 6, 30), date(2025, 6, 25)
END_OF = {d: datetime(d.year, d.month, d.day, 16) for d in (LOGIN_ON, LAST_WEEK)}
PEOPLE = {
    "customer": [person(1), person(2)],
    "identity_link": [{**link(n), "version_on": date(2020, 1, 1)} for n in (1, 2)],
}


def event(event_id: str, on: date, user: str | None, kind: str, **more: Any) -> dict[str, Any]:
    at = datetime(on.year, on.month, on.day, 3)
    row = {
        "event_id": event_id,
        "source": "core",
        "source_key": user,
        "anonymous_id": "browser-1",
        "event_kind": kind,
        "channel": "web",
    }
    return {**row, "on": on, "at": at, "recorded_at": at + timedelta(hours=12), **more}


EVENTS = [
    event("e1", LAST_WEEK, None, "loan_page_view"), event("e2", LAST_WEEK, None, "limit_trial"),
    event("e3", LOGIN_ON, "k1", "identify"), event("e4", LOGIN_ON, "k1", "web_login", at=datetime(2025, 6, 30, 3, 1)),
]  # fmt: skip


def tables_of(events: Sequence[dict[str, Any]], as_of: date = LOGIN_ON) -> Catalog:
    """Return the tables of a run for a day: what the step of identity says of the events, and the events."""
    step = events_step(AnonymousSettings(), timezone="Asia/Shanghai")
    written = run_step(
        step, engine(), {"event": events, "identity_link": PEOPLE["identity_link"]}, as_of=as_of, contracts=CONTRACTS
    )
    told: dict[str, Rows] = {table: rows.to_pylist() for (table, _), rows in written.items()}
    return bank(PEOPLE, {"event": list(events)}, told)


def test_a_login_joins_last_weeks_browsing_to_the_features_of_the_customer() -> None:
    names = ("n_loan_page_7d", "n_limit_trial_7d", "n_active_days_30d", "n_logins_30d", "n_contacts_180d")
    rows = profile(tables_of(EVENTS), *names)
    assert [rows["c1"][n] for n in names] == [1, 1, 2, 1, 2]  # an identify is no contact of its own
    assert [rows["c2"][n] for n in names] == [0, 0, 0, 0, 0]


def test_as_of_a_day_before_the_login_the_browsing_is_nobodys() -> None:
    tables, names = tables_of(EVENTS), ("n_loan_page_7d", "n_active_days_30d")
    before = profile(tables, *names, as_of=LOGIN_ON - timedelta(days=1), is_past=True)["c1"]
    assert [before[n] for n in names] == [0, 0]
    assert profile(tables, *names, as_of=LOGIN_ON, is_past=True)["c1"]["n_loan_page_7d"] == 1
    early = tables_of(EVENTS, LAST_WEEK)  # and a run for that day says the same
    assert profile(early, *names, as_of=LAST_WEEK)["c1"]["n_loan_page_7d"] == 0


def test_rules_see_the_events_that_features_see() -> None:
    tables = tables_of(EVENTS)
    for day, known in ((LOGIN_ON, {"e1", "e2", "e4"}), (LAST_WEEK, set())):
        events = events_of_customers(tables, known_by=END_OF[day])
        found = {(r["event_id"], r["customer_id"]) for r in engine().fetch(events).to_pylist()}
        assert found == {(e, "c1") for e in known}


def test_the_evidence_of_a_tag_tells_the_browsing_too() -> None:
    tables = tables_of(EVENTS)
    given = {**{t: tables[t] for t in ("event", "event_party", "party_alias", "identity_link")}}
    given["profile"] = tables["customer"].select("customer_id", "customer_no", "party_kind")
    names = UsedNames(events=frozenset({"loan_page_view", "identify"}))
    facts = facts_of("c1", given, names, LOGIN_ON)
    assert [(e.event_kind, e.on) for e in facts.events] == [("loan_page_view", LAST_WEEK)]


def test_what_two_people_did_on_one_browser_is_counted_for_neither() -> None:
    other = event("e5", LAST_WEEK - timedelta(days=1), "k2", "web_login")
    rows = profile(tables_of([*EVENTS, other]), "n_loan_page_7d", "n_logins_30d")
    assert {c: (r["n_loan_page_7d"], r["n_logins_30d"]) for c, r in rows.items()} == {"c1": (0, 1), "c2": (0, 1)}

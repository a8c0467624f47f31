"""Whose events without a user are: the rule on literal events, case by case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.unit.identity.conftest import CONTRACTS, Row
from zhike.identity.anonymous import AnonymousSettings, attributed_events, customer_timeline, event_links, events_step
from zhike.identity.anonymous.step import count_events, given_events
from zhike.warehouse import Engine
from zhike.warehouse.catalog import Catalog
from zhike.warehouse.testing import catalog, run_step

pytestmark = pytest.mark.requirement("B4")
START = datetime(2025, 3, 1, 1)  # UTC: nine in the morning of that day
LATE = date(2025, 6, 30)
LINKS = [("ann", "A"), ("ann2", "A"), ("bob", "B"), ("cat", "C")]


def links(pairs: Sequence[tuple[str, str]] = LINKS) -> list[Row]:
    """Return ``identity_link`` of (user key, customer)."""
    return [
        {
            "source": "app", "source_key": key, "customer_id": customer, "customer_no": ord(customer[0]), "version_on": date(2025, 1, 1),
            "source_place": 0, "trust_rank": 0, "recency_rank": 0, "has_valid_document": False, "linked_by": "single",
        }
        for key, customer in pairs
    ]  # fmt: skip


def event(event_id: str, days: float, user: str | None = None, device: str | None = "tablet-1", **more: Any) -> Row:
    """Return an event ``days`` after the start, recorded at the end of its day: a page view, or ``identify`` with a user."""
    at = START + timedelta(days=days)
    day = at + timedelta(hours=8)
    kind = "page_view" if user is None else "identify"
    ends = datetime(day.year, day.month, day.day, 15, 59, 59)
    row = {"source": "app", "source_key": user, "anonymous_id": device, "event_kind": kind, "channel": "app"}
    return {"event_id": event_id, **row, "on": day.date(), "at": at, "recorded_at": ends, **more}


def told(
    engine: Engine, events: Sequence[Row], *, as_of: date = LATE, linked: Sequence[Row] | None = None,
    settings: AnonymousSettings | None = None,
) -> dict[str, list[Row]]:  # fmt: skip
    """Return the tables that the step writes."""
    step = events_step(settings or AnonymousSettings(), timezone="Asia/Shanghai")
    tables = {"event": events, "identity_link": links() if linked is None else linked}
    written = run_step(step, engine, tables, as_of=as_of, contracts=CONTRACTS)
    return {table: rows.to_pylist() for (table, _), rows in written.items()}


def whose(engine: Engine, events: Sequence[Row], **options: Any) -> dict[str, str | None]:
    """Return event → ``user how``, or why it is nobody's."""
    rows = told(engine, events, **options)["event_party"]
    return {r["event_id"]: f"{r['source_key']} {r['how']}" if r["how"] else r["left_because"] for r in rows}


@contextmanager
def published(engine: Engine, events: Sequence[Row], **options: Any) -> Iterator[Catalog]:
    """Give the tables that readers of events see."""
    linked = options.pop("linked", None) or links()
    rows = told(engine, events, linked=linked, **options)
    yield catalog(engine, {"event": events, "identity_link": linked, **rows}, CONTRACTS)


def customers_of(tables: Catalog, **known: Any) -> dict[str, str]:
    """Return event → customer, as features and rules see it."""
    events = attributed_events(tables["event"], tables["event_party"], **known)
    joined = events.inner_join(
        event_links(tables["identity_link"], tables["party_alias"], **known), ["source", "source_key"]
    )
    return {r["event_id"]: r["customer_id"] for r in joined.to_pyarrow().to_pylist()}


# ── the rule, case by case: all are asked in one run, each as a source of its own ────────────────────────────────────
def alias(event_id: str, days: float, newer: str, older: str, **more: Any) -> Row:
    """Return the event in which a device says which one it continues."""
    return event(event_id, days, None, newer, event_kind="alias", previous_id=older, **more)


def renumbered(newer: str, older: str) -> Row:
    """Return the event in which a user key says which one it continues."""
    return event("n", 3, newer, None, event_kind="alias", previous_id=older)


SECOND = 1 / 86_400
CHAIN = [alias(f"a{i}", 1, f"cookie-{i + 1}", f"cookie-{i}") for i in range(9)]
RING = [
    alias("a", 0, "cookie-1", "cookie-2"),
    alias("b", 0, "cookie-2", "cookie-3"),
    alias("c", 0, "cookie-3", "cookie-1"),
]
FACTORY = [alias(f"a{i}", 1, f"phone-{i}", "factory-1") for i in range(11)]
Case = tuple[list[Row], dict[str, str]]
CASES: dict[str, Case] = {
    "last weeks browsing is joined by the login": ([event("e", 0), event("i", 7, "ann")], {"e": "ann before_login"}),
    "a login more than the days later joins nothing": (
        [event("on_time", 0), event("late", -SECOND), event("i", 30, "ann")], {"on_time": "ann before_login", "late": "nobody_identified"}),
    "what follows the last login outside its session stays nobodys": ([event("i", 0, "ann"), event("e", 0.01)], {"e": "nobody_identified"}),
    "in the session of a login what comes before and after is the persons": (
        [event(n, d, u, session_id="s") for n, d, u in (("b", 0, None), ("i", 0.01, "ann"), ("a", 0.02, None))],
        {"b": "ann before_login", "a": "ann after_login"}),
    "a session ends with its business day whatever its id": (
        [event("i", 0, "ann", session_id="s"), event("e", 1, session_id="s")], {"e": "nobody_identified"}),
    "any event with user and device identifies": ([event("e", 0), event("i", 1, "ann", event_kind="app_login")], {"e": "ann before_login"}),
    "an event in the same second as the login belongs to it": ([event("e", 0), event("i", 0, "ann")], {"e": "ann before_login"}),
    "between logins of two people nothing is given to either": (
        [event("i", 0, "ann"), event("e", 1), event("j", 2, "bob"), event("f", 3), event("k", 4, "ann")],
        {"e": "several_people", "f": "several_people"}),
    "in a session of one of two people it is that persons": (
        [event("a0", 0, session_id="s1"), event("a1", 0.01, "ann", session_id="s1"), event("a2", 0.02, session_id="s1"),
         event("b0", 0.1, session_id="s2"), event("b1", 0.11, "bob", session_id="s2"), event("b2", 0.12, session_id="s2")],
        {"a0": "ann before_login", "a2": "ann after_login", "b0": "bob before_login", "b2": "bob after_login"}),
    "a session in which two people identify is nobodys": (
        [event("a", 0, "ann", session_id="s"), event("e", 0.01, session_id="s"), event("b", 0.02, "bob", session_id="s")],
        {"e": "several_people"}),
    "somebody else thirty days before makes it nobodys": (
        [event("e", 0), event("i", 1, "ann"), event("j", -30, "bob")], {"e": "several_people"}),
    "somebody else thirty days after makes it nobodys": (
        [event("e", 0), event("i", 1, "ann"), event("j", 30, "bob")], {"e": "several_people"}),
    "somebody else longer before does not": (
        [event("e", 0), event("i", 1, "ann"), event("j", -30 - SECOND, "bob")], {"e": "ann before_login"}),
    "somebody else longer after does not": (
        [event("e", 0), event("i", 1, "ann"), event("j", 30 + SECOND, "bob")], {"e": "ann before_login"}),
    "somebody counts though the person has identified since": (
        [event("j", -20, "bob"), event("h", -10, "ann"), event("e", 0), event("i", 1, "ann"), event("k", 2, "ann")],
        {"e": "several_people"}),
    "two users who are one customer are one person and the next is named": (
        [event("h", -1, "ann2"), event("e", 0), event("i", 1, "ann")], {"e": "ann before_login"}),
    "a user whom no record carries is somebody else": (
        [event("h", -1, "stranger"), event("e", 0), event("i", 1, "ann")], {"e": "several_people"}),
    **{f"{key} is no device": ([event("e", 0, device=key), event("i", 1, "ann", key)], {"e": "placeholder"}) for key in (
        "00000000-0000-0000-0000-000000000000", "unknown", "02:00:00:00:00:00", "xxxxxxxx", "123456", "a1")},
    "an event without user and device stays": ([event("e", 0, device=None), event("i", 1, "ann", None)], {"e": "no_key"}),
    "a renewed key carries what came before it to the login after it": (
        [event("e", 0, device="cookie-1"), alias("a", 1, "cookie-2", "cookie-1"), event("i", 2, "ann", "cookie-2")], {"e": "ann alias"}),
    "a chain of renewals is one device": ([event("e", 0, device="cookie-0"), event("i", 2, "ann", "cookie-9"), *CHAIN], {"e": "ann alias"}),
    "and the order in which they are told is no matter": (
        [*reversed(CHAIN), event("e", 0, device="cookie-0"), event("i", 2, "ann", "cookie-9")], {"e": "ann alias"}),
    "aliases that run in a ring end": ([event("e", 0, device="cookie-3"), event("i", 1, "ann", "cookie-1"), *RING], {"e": "ann alias"}),
    "somebody else on an earlier device of the chain counts": (
        [event("j", -1, "bob", "cookie-1"), event("e", 0, device="cookie-1"), event("i", 2, "ann", "cookie-2"),
         alias("a", 1, "cookie-2", "cookie-1")], {"e": "several_people"}),
    "a key that very many continue is a placeholder": (
        [event("e", 0, device="factory-1"), event("i", 2, "ann", "phone-3"), *FACTORY], {"e": "nobody_identified"}),
    "a key that says it continues very many is one too": (
        [event("e", 0, device="phone-3"), event("i", 2, "ann", "factory-1"),
         *[alias(f"a{i}", 1, "factory-1", f"phone-{i}") for i in range(11)]], {"e": "nobody_identified"}),
    "one that fewer continue is none": ([event("e", 0, device="factory-1"), event("i", 2, "ann", "phone-3"), *FACTORY[:10]], {"e": "ann alias"}),
    "an alias of a user to a device identifies it": (
        [event("e", 0), event("i", 1, "ann", None, event_kind="alias", previous_id="tablet-1")], {"e": "ann before_login"}),
    "a key without record and the one that continues it are one person": (
        [event("h", -1, "old-ann"), event("e", 0), event("i", 2, "ann"), renumbered("ann", "old-ann")], {"e": "ann before_login"}),
    "without that alias they are two": ([event("h", -1, "old-ann"), event("e", 0), event("i", 2, "ann")], {"e": "several_people"}),
    "two strangers who name one device stay two": (
        [event("i", -2, "dan", None, event_kind="alias", previous_id="tablet-1"), event("e", 0), event("j", 1, "eve", None, event_kind="alias", previous_id="tablet-1")],
        {"e": "several_people"}),
    "a key that two customers continue is neither": (
        [event("h", -1, "old-ann"), event("e", 0), event("i", 2, "ann"), renumbered("ann", "old-ann"),
         {**renumbered("bob", "old-ann"), "event_id": "m"}], {"e": "several_people"}),
}  # fmt: skip


def in_own_source(place: int, rows: Sequence[Row]) -> list[Row]:
    own = f"app{place:02d}"
    return [{**r, "source": own, **({"event_id": f"{own}-{r['event_id']}"} if "event_id" in r else {})} for r in rows]


@pytest.fixture(scope="module")
def answers(engine: Engine) -> dict[str, dict[str, str | None]]:
    """Case → event → whose it is; sources know nothing of one another, so that one run answers for all cases."""
    cases = list(enumerate(CASES.values()))
    events = [r for i, (rows, _) in cases for r in in_own_source(i, rows)]
    found = whose(engine, events, linked=[r for i, _ in cases for r in in_own_source(i, links())])
    keyed: dict[str, dict[str, str | None]] = {f"app{i:02d}": {} for i, _ in cases}
    for event_id, told_of in found.items():
        source, _, own = event_id.partition("-")
        keyed[source][own] = told_of
    return dict(zip(CASES, keyed.values(), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_whose_events_are(case: str, answers: dict[str, dict[str, str | None]]) -> None:
    assert answers[case] == CASES[case][1]


def test_the_days_of_the_rule_are_parameters(engine: Engine) -> None:
    events = [event("e", 0), event("i", 29, "ann"), event("f", 0, device="tablet-2"), event("j", 1, "ann", "tablet-2"), event("k", 29, "bob", "tablet-2")]  # fmt: skip
    assert whose(engine, events) == {"e": "ann before_login", "f": "several_people"}
    shorter = AnonymousSettings(before_login_days=28, alone_days=28)
    assert whose(engine, events, settings=shorter) == {"e": "nobody_identified", "f": "ann before_login"}


def test_what_is_known_by_a_login_tells_its_evidence_and_since_when(engine: Engine) -> None:
    late = alias("a", 1, "cookie-2", "cookie-1", recorded_at=datetime(2025, 5, 1))
    rows = [
        event("e", 0),
        event("i", 7, "ann"),
        event("f", 0, device="cookie-1"),
        late,
        event("j", 2, "ann", "cookie-2"),
    ]
    first, second = sorted(told(engine, rows)["event_party"], key=lambda r: r["event_id"])
    assert first == {
        "event_id": "e", "source": "app", "on": date(2025, 3, 1), "source_key": "ann", "how": "before_login", "evidence_id": "i",
        "known_at": datetime(2025, 3, 8, 15, 59, 59), "left_because": None,
    }  # fmt: skip
    assert (second["how"], second["evidence_id"], second["known_at"]) == ("alias", "j", datetime(2025, 5, 1))


def test_a_session_is_known_when_its_login_is_recorded(engine: Engine) -> None:
    login = event("i", 0.01, "ann", session_id="s", recorded_at=datetime(2025, 4, 1))
    (row,) = told(engine, [event("e", 0, session_id="s"), login])["event_party"]
    assert (row["how"], row["known_at"]) == ("before_login", datetime(2025, 4, 1))


def test_devices_of_two_sources_are_two_devices_though_their_keys_are_alike(engine: Engine) -> None:
    assert whose(engine, [event("e", 0, source="web"), event("i", 1, "ann")]) == {"e": "nobody_identified"}


def test_events_of_a_user_key_that_no_record_carries_follow_the_key_that_continues_it(engine: Engine) -> None:
    events = [
        event("e", 0, "old-ann", event_kind="app_login"), renumbered("ann", "old-ann"),
        event("f", 0, "bob", event_kind="app_login"), {**renumbered("cat", "bob"), "event_id": "m"},
    ]  # fmt: skip
    with published(engine, events) as tables:
        assert customers_of(tables) == {"e": "A", "f": "B"}  # records say who is one customer, an alias never does
        assert customers_of(tables, known_by=datetime(2025, 3, 1, 16)) == {"f": "B"}


# ── what changes later ───────────────────────────────────────────────────────────────────────────────────────────────
def test_a_run_for_an_earlier_day_knows_nothing_of_the_login(engine: Engine) -> None:
    events = [event("e", 0), event("i", 7, "ann")]
    assert whose(engine, events, as_of=date(2025, 3, 7)) == {"e": "nobody_identified"}
    with published(engine, events) as tables:
        assert customers_of(tables, known_by=datetime(2025, 3, 7, 15, 59, 59)) == {}
        assert customers_of(tables, known_by=datetime(2025, 3, 8, 15, 59, 59)) == {"e": "A"}


def test_a_correction_of_an_identification_moves_the_events_before_it(engine: Engine) -> None:
    events = [event("e", 0), event("i", 1, "bob")]
    fixed = event("c", 1, "ann", recorded_at=datetime(2025, 4, 1))
    assert whose(engine, events) == {"e": "bob before_login"}
    assert whose(engine, [*events, fixed]) == {"e": "ann before_login", "i": "corrected"}
    with published(engine, [*events, fixed]) as tables:
        assert customers_of(tables, known_by=datetime(2025, 3, 20)) == {}  # no more bob's; of ann nothing was known yet
        assert customers_of(tables, known_by=datetime(2025, 4, 1)) == {"e": "A"}
        assert {r["event_id"] for r in customer_timeline(tables, "B").to_pyarrow().to_pylist()} == set()
    assert whose(engine, [*events, fixed], as_of=date(2025, 3, 20)) == {"e": "bob before_login"}  # as it was known then


def test_a_file_that_is_sent_again_with_another_user_gives_what_it_would_have_given_at_once(engine: Engine) -> None:
    sent, again = [event("e", 0), event("i", 1, "bob")], [event("e", 0), event("i", 1, "ann")]
    assert whose(engine, sent) == {"e": "bob before_login"}
    assert whose(engine, again) == {"e": "ann before_login"}


def test_an_identification_of_an_unknown_user_waits_for_its_record(engine: Engine) -> None:
    events = [event("e", 0), event("i", 1, "form-77")]
    with published(engine, events) as tables:
        assert customers_of(tables) == {}
        assert told(engine, events)["event_party"][0]["source_key"] == "form-77"
    with published(engine, events, linked=links([("form-77", "D")])) as tables:
        assert customers_of(tables) == {"e": "D"}


def test_events_follow_their_customer_through_merge_and_split(engine: Engine) -> None:
    events = [
        event("e", 0, device="phone-1"),
        event("i", 1, "ann", "phone-1"),
        event("f", 0, device="phone-2"),
        event("j", 1, "bob", "phone-2"),
    ]
    events += [event("g", 0), event("k", 1, "ann"), event("h", 2), event("l", 3, "bob")]
    with published(engine, events) as tables:
        assert customers_of(tables) == {"e": "A", "f": "B"}
    with published(engine, events, linked=links([("ann", "A"), ("bob", "A")])) as tables:
        assert customers_of(tables) == dict.fromkeys("efgh", "A")
    with published(engine, events) as tables:  # and parted again: as before
        assert customers_of(tables) == {"e": "A", "f": "B"}


def test_the_result_does_not_depend_on_the_order_of_rows(engine: Engine) -> None:
    events = [
        event(f"e{i}", i / 10, [None, "ann", "bob"][i % 3], f"tablet-{i % 2}", session_id=f"s{i // 4}")
        for i in range(60)
    ]
    assert whose(engine, events) == whose(engine, list(reversed(events)))


# ── counts and the timeline ──────────────────────────────────────────────────────────────────────────────────────────
def test_all_events_are_counted_as_somebodys_or_nobodys(engine: Engine) -> None:
    events = [
        event("e", 0), event("i", 1, "ann"), event("n", 2, device=None), event("w", 3), event("p", 3, device="unknown"),
        event("d", 4, "bob", "tablet-2", event_kind="app_login"), event("u", 4, "stranger", "tablet-3", event_kind="app_login"),
        event("v", 3, device="tablet-3"), alias("x", 4, "tablet-4", "unknown"),
    ]  # fmt: skip
    tables = catalog(engine, {"event": events, "identity_link": links()}, CONTRACTS)
    known_by = datetime(2025, 7, 1)
    settings = AnonymousSettings()
    with given_events(engine, tables["event"], tables["identity_link"], known_by=known_by, settings=settings) as found:
        counts = count_events(engine, tables["event"], tables["identity_link"], found, known_by=known_by)
    assert counts == {
        "n_direct": 2, "n_attributed": 2, "n_unattributed": 3, "attributed_rate": 0.4,
        "attributed_by": {"before_login": 2, "after_login": 0, "alias": 0},
        "unattributed_because": {"no_key": 1, "placeholder": 1, "nobody_identified": 1, "several_people": 0},
        "n_users_unknown": 2, "n_aliases_ignored": 1, "n_identifications_corrected": 0,
    }  # fmt: skip


def test_without_events_nothing_is_written_and_nothing_fails(engine: Engine) -> None:
    assert told(engine, []) == {"event_party": [], "party_alias": []}


def test_the_timeline_says_of_each_event_how_it_is_known_to_be_the_customers(engine: Engine) -> None:
    events = [
        event("e", 0, device="cookie-1"), alias("a", 0.5, "tablet-1", "cookie-1"), event("f", 1, session_id="s"),
        event("i", 1.01, "ann", session_id="s"), event("g", 1.02, session_id="s"), event("o", 2, "old", event_kind="app_login", device=None),
        event("n", 3, "ann", None, event_kind="alias", previous_id="old"), event("b", 4, "bob", "phone-9"),
    ]  # fmt: skip
    with published(engine, events) as tables:
        rows = customer_timeline(tables, "A").to_pyarrow().to_pylist()
        assert [(r["event_id"], r["how"], r["evidence_id"]) for r in rows] == [
            ("e", "alias", "i"), ("f", "before_login", "i"), ("i", "direct", None), ("g", "after_login", "i"), ("o", "alias", None),
            ("n", "direct", None),
        ]  # fmt: skip
        early = customer_timeline(tables, "A", known_by=datetime(2025, 3, 1, 16)).to_pyarrow().to_pylist()
        assert early == []

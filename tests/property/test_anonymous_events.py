"""Whose events without a user are: against the rule in plain Python, and never earlier than it could be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from zhike.identity.anonymous import AnonymousSettings
from zhike.identity.anonymous.continuing import placeholders
from zhike.identity.anonymous.step import given_events
from zhike.identity.standard import standard_device
from zhike.sources.tables import OWNS
from zhike.warehouse import Engine, open_engine
from zhike.warehouse.conform import rows_table

pytestmark = pytest.mark.requirement("B4")
EVENT = next(c for c in OWNS if c.name == "event")
START = datetime(2025, 3, 1, 4)
HOUR = timedelta(hours=1)
CUSTOMER = {"ann": "A", "ann2": "A", "bob": "B", "cat": "C"}  # dan has no record
USERS = (*CUSTOMER, "dan")
DEVICES = ("device-1", "device-2", "device-3", "device-4")
RULE = AnonymousSettings(before_login_days=3, alone_days=2, most_aliases=10)
Row = dict[str, Any]


@cache
def engine() -> Engine:
    return open_engine(threads=1)


def many(**options: Any) -> st.SearchStrategy[list[list[Row]]]:
    """Many streams, which the engine is asked about at once: those of different sources know nothing of one another."""
    return st.lists(streams(**options), min_size=1, max_size=40)


@st.composite
def streams(
    draw: st.DrawFn, *, users: Sequence[str] = USERS, delay_days: int = 3, with_aliases: bool = True
) -> list[Row]:
    """Events of a few days on a few devices; each is recorded at once or up to ``delay_days`` later."""
    rows: list[Row] = []
    kinds = ["view", "view", "view", "login", "login", *(["alias"] if with_aliases else [])]
    for number in range(draw(st.integers(1, 16))):
        kind, hours = draw(st.sampled_from(kinds)), draw(st.integers(0, 24 * 9))
        at = START + hours * HOUR
        row: Row = {
            "event_id": f"e{number:02d}", "source": "app", "source_key": None, "anonymous_id": draw(st.sampled_from(DEVICES)), "previous_id": None,
            "event_kind": "page_view", "channel": "app", "on": (at + 8 * HOUR).date(), "at": at, "session_id": draw(st.sampled_from([None, "s", "t"])),
            "recorded_at": at + draw(st.integers(0, delay_days)) * 24 * HOUR,
        }  # fmt: skip
        if kind == "login":
            row |= {"event_kind": "app_login", "source_key": draw(st.sampled_from(users))}
        elif kind == "alias":
            row |= {"event_kind": "alias", "previous_id": draw(st.sampled_from(DEVICES)), "session_id": None}
        rows.append(row)
    return rows


def found(streams_: Sequence[Sequence[Row]]) -> list[dict[str, Row]]:
    """Return per stream: event → its row of ``event_party``."""
    names = [f"app{i:02d}" for i in range(len(streams_))]
    rows = [
        {**r, "source": n, "event_id": f"{n}-{r['event_id']}"}
        for n, rs in zip(names, streams_, strict=True)
        for r in rs
    ]
    pairs = [(n, user, n + c) for n in names for user, c in CUSTOMER.items()]
    columns = dict(zip(("source", "source_key", "customer_id"), zip(*pairs, strict=True), strict=True))
    links = ibis.memtable({**{k: list(v) for k, v in columns.items()}, "customer_no": [1] * len(pairs)})
    told: dict[str, dict[str, Row]] = {n: {} for n in names}
    with given_events(
        engine(), ibis.memtable(rows_table(EVENT, rows)), links, known_by=datetime(2026, 1, 1), settings=RULE
    ) as given_:
        for row in engine().fetch(given_.rows).to_pylist():
            told[row["source"]][row["event_id"].partition("-")[2]] = row
    return list(told.values())


def person(user: str) -> str:
    return CUSTOMER.get(user, user)


def lines(rows: Sequence[Row]) -> dict[str, str]:
    """Return device → one name for all devices that continue one another."""
    name = {d: d for d in DEVICES}
    for _ in DEVICES:
        for row in rows:
            if row["previous_id"]:
                lowest = min(name[row["anonymous_id"]], name[row["previous_id"]])
                name = {
                    d: lowest if n in (name[row["anonymous_id"]], name[row["previous_id"]]) else n
                    for d, n in name.items()
                }
    return name


def expected(rows: Sequence[Row]) -> dict[str, str | None]:
    """Return event → user, by the rule as it is written in words."""
    line = lines(rows)
    visits: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row["source_key"]:
            lone = row["event_id"] if row["session_id"] is None else None
            visits.setdefault((row["anonymous_id"], row["session_id"], lone, row["on"], row["source_key"]), []).append(
                row
            )
    begun = sorted(
        (min(v, key=lambda r: (r["at"], r["event_id"])) for v in visits.values()),
        key=lambda r: (r["at"], r["event_id"]),
    )
    return {
        r["event_id"]: _owner(r, rows, begun, line)
        for r in rows
        if r["source_key"] is None and r["event_kind"] != "alias"
    }


def _owner(event: Row, rows: Sequence[Row], begun: Sequence[Row], line: Mapping[str, str]) -> str | None:
    if event["session_id"] is not None:
        same = [
            r for r in rows if r["source_key"] and all(r[c] == event[c] for c in ("anonymous_id", "session_id", "on"))
        ]
        if len({person(r["source_key"]) for r in same}) == 1:
            return str(min(same, key=lambda r: (r["at"], r["source_key"]))["source_key"])
    mine = [v for v in begun if line[v["anonymous_id"]] == line[event["anonymous_id"]]]
    coming = [v for v in mine if v["at"] >= event["at"]]
    if not coming or coming[0]["at"] - event["at"] > timedelta(days=RULE.before_login_days):
        return None
    near = [v for v in mine if abs(v["at"] - event["at"]) <= timedelta(days=RULE.alone_days)]
    around = {person(v["source_key"]) for v in [*near, *(v for v in mine if event["at"] <= v["at"] <= coming[0]["at"])]}
    return str(coming[0]["source_key"]) if around <= {person(coming[0]["source_key"])} else None


@settings(max_examples=examples(25))
@given(many())
def test_events_are_given_as_the_rule_says(banks: list[list[Row]]) -> None:
    for rows, told in zip(banks, found(banks), strict=True):
        assert {e: r["source_key"] for e, r in told.items()} == expected(rows)


@settings(max_examples=examples(15))
@given(many(), st.integers(0, 12))
def test_nothing_is_known_before_it_could_be(banks: list[list[Row]], day: int) -> None:
    moment = START + day * 24 * HOUR
    before = found([[r for r in rows if r["recorded_at"] <= moment] for rows in banks])
    for then, now in zip(before, found(banks), strict=True):
        for event, row in now.items():
            if row["source_key"] is not None and row["known_at"] <= moment:
                assert then[event]["source_key"] is not None
                assert person(then[event]["source_key"]) == person(row["source_key"])


@settings(max_examples=examples(10))
@given(many(users=("ann",), delay_days=0, with_aliases=False), st.integers(0, 12))
def test_on_one_persons_devices_all_that_was_known_then_is_still_known(banks: list[list[Row]], day: int) -> None:
    moment = START + day * 24 * HOUR
    before = found([[r for r in rows if r["recorded_at"] <= moment] for rows in banks])
    for then, now in zip(before, found(banks), strict=True):
        known = {e for e, r in now.items() if r["source_key"] is not None and r["known_at"] <= moment}
        assert known == {e for e, r in then.items() if r["source_key"] is not None}


@settings(max_examples=examples(8))
@given(many(), st.randoms())
def test_the_order_of_rows_changes_nothing(banks: list[list[Row]], dice: Any) -> None:
    shuffled = [dice.sample(rows, len(rows)) for rows in banks]
    assert found(shuffled) == found(banks)


KEYS = st.one_of(
    st.sampled_from(["9774d56d682e549c", "unknown", "02:00:00:00:00:00", "DEFAULT", "{00000000-0000-0000-0000-000000000000}", "ffff ffff", "1234567"]),
    st.text("0123456789", max_size=16), st.text("ab-", max_size=20), st.text("0123456789abcdef-:", max_size=40), st.uuids().map(str),
)  # fmt: skip


@settings(max_examples=examples(60))
@given(st.lists(KEYS, min_size=1, max_size=20))
def test_the_engine_finds_the_placeholders_that_standard_device_finds(keys: list[str]) -> None:
    refused = {k for k in keys if standard_device(k).value is None}
    assert set(placeholders(engine(), ibis.memtable({"key": keys}))) == refused


def test_the_days_of_the_rule_are_business_days_of_the_contract() -> None:
    assert EVENT.column("on").kind == "day"
    assert date(2025, 3, 1) == (START + 8 * HOUR).date()

"""Whose events without a user are: Spark and DuckDB say the same."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest

from zhike.identity.anonymous import AnonymousSettings, attributed_events, event_links
from zhike.identity.anonymous.step import count_events, given_events
from zhike.sources.tables import OWNS
from zhike.warehouse import QueryEngine, open_engine
from zhike.warehouse.conform import rows_table
from zhike.warehouse.spark import open_spark_engine

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
EVENT = next(c for c in OWNS if c.name == "event")
START = datetime(2025, 3, 1, 4)
KNOWN = {"ann": "A", "ann2": "A", "bob": "B", "cat": "C"}
N_BANKS, N_EVENTS = 300, 16
RULE = AnonymousSettings(before_login_days=3, alone_days=2)
KINDS = {
    "view": {}, "login": {"event_kind": "app_login"}, "identify": {"event_kind": "identify"},
    "renew": {"event_kind": "alias", "session_id": None}, "renumber": {"event_kind": "alias", "session_id": None, "anonymous_id": None},
}  # fmt: skip


def draw_event(dice: random.Random, bank: int, number: int) -> dict[str, Any]:
    kind = dice.choice(["view", "view", "view", "login", "login", "identify", "renew", "renumber"])
    at = START + timedelta(hours=dice.randrange(9 * 24) if kind != "identify" else 24 * dice.randrange(4))
    row: dict[str, Any] = {
        "event_id": f"{bank:03d}-{number:02d}", "source": f"app{bank}", "source_key": None, "previous_id": None, "event_kind": "page_view",
        "anonymous_id": dice.choice(["device-1", "device-2", "device-3", "unknown", None]), "channel": "app", "on": (at + timedelta(hours=8)).date(),
        "at": at, "session_id": dice.choice([None, "s", "t"]), "recorded_at": at + timedelta(days=dice.randrange(4)),
    }  # fmt: skip
    if kind in ("login", "identify", "renumber"):
        row["source_key"] = dice.choice([*KNOWN, "dan", "old"])
    if kind in ("renew", "renumber"):
        row["previous_id"] = dice.choice(["device-1", "device-2", "old"])
    return row | KINDS[kind]


def answers(engine: QueryEngine, events: pa.Table, links: pa.Table) -> dict[str, Any]:
    """Return all that an engine says: rows, user keys that continue others, counts, and what readers see as of a day."""
    end, then = datetime(2026, 1, 1), datetime(2025, 3, 9)
    with (
        engine.temporary("all_events", events) as event,
        engine.temporary("all_links", links) as link,
        given_events(engine, event, link, known_by=end, settings=RULE) as found,
    ):
        keys = event_links(link, ibis.memtable(found.aliases), known_by=then)
        seen = attributed_events(event, found.rows, known_by=then).inner_join(keys, ["source", "source_key"])
        return {
            "rows": engine.fetch(found.rows.order_by("event_id")).to_pylist(), "aliases": found.aliases.to_pylist(),
            "counts": count_events(engine, event, link, found, known_by=end),
            "seen": engine.fetch(seen.select("event_id", "customer_id").order_by("event_id")).to_pylist(),
        }  # fmt: skip


@pytest.mark.requirement("B4")
@pytest.mark.requirement("L1")
def test_both_engines_give_the_same_events_to_the_same_people() -> None:
    dice = random.Random(7)
    rows = [draw_event(dice, bank, number) for bank in range(N_BANKS) for number in range(N_EVENTS)]
    pairs = [(f"app{bank}", key, f"{bank}{customer}") for bank in range(N_BANKS) for key, customer in KNOWN.items()]
    source, key, customer = zip(*pairs, strict=True)
    links = pa.table(
        {
            "source": source,
            "source_key": key,
            "customer_id": customer,
            "customer_no": pa.array([1] * len(pairs), pa.int64()),
        }
    )
    found = []
    for opened in (open_engine(threads=2), open_spark_engine()):
        found.append(answers(opened, rows_table(EVENT, rows), links))
        opened.close()
    ours, theirs = found
    assert ours == theirs
    assert min(ours["counts"]["attributed_by"].values()) > 10
    assert min(ours["counts"]["unattributed_because"].values()) > 10
    assert ours["counts"]["n_identifications_corrected"] > 10
    assert len(ours["aliases"]) > 10 and len(ours["seen"]) > 500

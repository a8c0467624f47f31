"""Whose the anonymous events of a simulated bank are, against what the simulation knows to be true."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest

from tests.unit.identity.conftest import CONTRACTS
from zhike.identity import IdentitySettings
from zhike.identity import steps as identity_steps
from zhike.kernel.clock import SystemClock
from zhike.simulator import BankPlan, simulate
from zhike.sources import open_mapping
from zhike.sources import steps as source_steps
from zhike.warehouse import Engine, RunPlan, Warehouse, open_catalog, run_steps

pytestmark = [pytest.mark.slow, pytest.mark.requirement("B4"), pytest.mark.requirement("L3")]
LAST_DAY = date(2025, 6, 30)
RIGHT = "count(*) filter (mine.true_party = truth.true_party)::double / count(*) filter (e.source_key is not null)"


@pytest.fixture(scope="module")
def told(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that shows what the night wrote (``e``) beside who really did it (``truth``)."""
    folder = tmp_path_factory.mktemp("anonymous")
    bank = simulate(BankPlan(n_customers=6_000, n_days=120, seed=5, last_day=LAST_DAY), folder / "bank")
    mapping = open_mapping(bank.mapping_file, CONTRACTS)
    loads = source_steps(mapping, bank.data_folder, LAST_DAY, CONTRACTS)
    plan = [s for s in loads if s.key.startswith(("load:source_party", "load:event."))]
    mine = identity_steps(settings=IdentitySettings(), overrides=[], key=b"secret")
    plan += [s for s in mine if s.key in ("identity:standardise", "identity:link", "identity:events")]
    warehouse = Warehouse(folder / "warehouse")
    run_steps(warehouse, engine, RunPlan(plan, CONTRACTS, LAST_DAY), clock=SystemClock(), results=folder / "runs")
    manifest = warehouse.current()
    assert manifest is not None
    tables = open_catalog(engine, warehouse, CONTRACTS, manifest.entries)
    found = duckdb.connect()
    for name in ("event_party", "event", "identity_link"):
        found.register(name, engine.fetch(tables[name]))
    files = bank.truth_folder
    found.execute(f"create table truth as from read_parquet('{files}/anonymous_event*.parquet')")
    found.execute(f"create table party as from read_parquet('{files}/party.parquet')")
    yield found
    found.close()


def one(told: duckdb.DuckDBPyConnection, query: str) -> Any:
    return told.execute(query).fetchall()[0][0]


JOINED = "event_party e join truth using (event_id) left join party mine on mine.source = e.source and mine.source_key = e.source_key"


def test_the_night_says_of_every_anonymous_event_whose_it_is_or_why_nobodys(told: duckdb.DuckDBPyConnection) -> None:
    anonymous = "source_key is null and event_kind not in ('identify', 'alias')"
    assert one(told, f"select count(*) from event where {anonymous}") == one(told, "select count(*) from event_party")
    assert one(told, "select count(*) from event_party where (source_key is null) = (left_because is null)") == 0
    assert (
        one(told, f"select count(*) from event where {anonymous} and event_id not in (select event_id from truth)") == 0
    )


def test_of_a_hundred_events_that_are_given_to_somebody_at_most_one_is_not_theirs(
    told: duckdb.DuckDBPyConnection,
) -> None:
    assert one(told, f"select count(*) from {JOINED} where e.source_key is not null") > 5_000
    assert one(told, f"select {RIGHT} from {JOINED}") >= 0.995
    worst = one(told, f"select min(p) from (select {RIGHT} as p from {JOINED} where e.how is not null group by e.how)")
    assert worst >= 0.98


def test_most_of_what_users_did_without_login_is_found(told: duckdb.DuckDBPyConnection) -> None:
    users = "truth.true_party in (select true_party from party where source = 'mobile')"
    assert one(told, f"select count(e.source_key)::double / count(*) from {JOINED} where {users}") >= 0.7
    never = "truth.true_party not in (select true_party from party where source = 'mobile')"
    assert one(told, f"select count(*) from {JOINED} where {never}") > 500
    assert one(told, f"select count(e.source_key)::double / count(*) from {JOINED} where {never}") <= 0.01


def test_two_people_on_one_tablet_stay_two(told: duckdb.DuckDBPyConnection) -> None:
    shared = """(select anonymous_id from event where source_key is not null and anonymous_id is not null
                 group by anonymous_id having count(distinct source_key) > 1)"""
    events = f"{JOINED} join event using (event_id) where anonymous_id in {shared}"
    assert one(told, f"select count(*) from {events} and e.source_key is not null") > 40
    assert one(told, f"select {RIGHT} from {events}") >= 0.95
    pairs = """select count(*) from identity_link a join identity_link b using (customer_id)
               join party p on (p.source, p.source_key) = (a.source, a.source_key)
               join party q on (q.source, q.source_key) = (b.source, b.source_key)"""
    assert one(told, f"{pairs} where p.true_party <> q.true_party") == 0

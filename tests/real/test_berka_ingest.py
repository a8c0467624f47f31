"""The Czech bank: all of it enters, the cut-off last line and nothing else is quarantined, nothing knows its future."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import ibis
import pytest

from tests.unit.sources.delivery import CONTRACTS
from zhike.kernel.clock import SystemClock
from zhike.sources import open_mapping, steps
from zhike.warehouse import Catalog, RunPlan, Warehouse, open_catalog, open_engine, run_steps

ROOT = Path(__file__).resolve().parents[2]
AS_OF = date(1994, 3, 31)
pytestmark = pytest.mark.real


def berka_folder() -> Path:
    """Return the data set's folder; skip where it is absent, but never in CI."""
    place = Path(os.environ.get("ZHIKE_REAL_DATA", ROOT.parent / "shared" / "data")) / "berka"
    if not place.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("the data set berka is absent, and must be present in CI")
        pytest.skip("the data set berka is not beside the project (set ZHIKE_REAL_DATA)")
    return place


@pytest.fixture(scope="module")
def berka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    folder = tmp_path_factory.mktemp("berka")
    mapping = open_mapping(ROOT / "examples" / "berka" / "mapping.yaml", CONTRACTS)
    planned = steps(mapping, berka_folder(), AS_OF, CONTRACTS, timezone="Europe/Prague")
    engine = open_engine(threads=2, scratch=folder)
    warehouse = Warehouse(folder / "warehouse")
    run_steps(warehouse, engine, RunPlan(planned, CONTRACTS, AS_OF), clock=SystemClock(), results=folder / "runs")
    manifest = warehouse.current()
    assert manifest is not None
    yield open_catalog(engine, warehouse, CONTRACTS, manifest.entries)
    engine.close()


def _count(berka: Catalog, table: str) -> int:
    return int(berka[table].count().to_pyarrow().as_py())


@pytest.mark.requirement("A1")
def test_every_file_enters_whole(berka: Catalog) -> None:
    tables = (
        "source_party",
        "account",
        "account_party",
        "party_relation",
        "loan",
        "card",
        "standing_order",
        "org_unit",
        "transaction",
    )
    assert {t: _count(berka, t) for t in tables} == {
        "source_party": 5369, "account": 4500, "account_party": 5369, "party_relation": 869, "loan": 682, "card": 892,
        "standing_order": 6471, "org_unit": 77, "transaction": 49_102 + 30_200,
    }  # fmt: skip


@pytest.mark.requirement("A2")
def test_the_cut_line_and_nothing_else_is_quarantined(berka: Catalog) -> None:
    (row,) = berka["quarantine"].to_pyarrow().to_pylist()
    assert (row["file"], row["row_number"], row["rule"]) == ("trans_part1_cut_tail.asc", 49_104, "open_quote")
    counts = berka["load_count"].to_pyarrow().to_pylist()
    assert all(c["n_read"] == c["n_loaded"] + c["n_quarantined"] + c["n_skipped"] for c in counts)
    assert sum(c["n_quarantined"] for c in counts) == 1


def test_birth_numbers_of_women_are_read(berka: Catalog) -> None:
    party = berka["source_party"]
    row = party.filter(party.source_key == "1").to_pyarrow().to_pylist()[0]  # 706213: born on 13 December 1970, a woman
    assert (row["sex"], row["birth_on"]) == ("female", date(1970, 12, 13))
    born = party.aggregate(first=party.birth_on.min(), last=party.birth_on.max()).to_pyarrow().to_pylist()[0]
    assert (born["first"].year, born["last"].year) == (1911, 1987)


def test_both_dialects_mean_the_same(berka: Catalog) -> None:
    txn = berka["transaction"]
    kinds = txn.group_by("direction", "txn_kind").aggregate(n=txn.count()).to_pyarrow().to_pylist()
    n = {(k["direction"], k["txn_kind"]): k["n"] for k in kinds}
    assert ("in", "other") not in n
    assert ("out", "other") not in n
    assert n[("in", "interest")] == 9463 + 5130
    assert n[("in", "cash_in")] == 9759 + 5304
    assert n[("out", "fee")] == 5445 + 64 + 3186 + 43


def test_what_was_not_known_on_the_day_is_dated_after_it(berka: Catalog) -> None:
    end = "1994-03-31 21:59:59"  # the last second of the day in Prague, in UTC
    order, fact, party = berka["standing_order"], berka["market_fact"], berka["source_party"]
    assert order.filter(order.recorded_at.cast("string") <= end).count().to_pyarrow().as_py() == 0
    assert fact.filter(fact.published_on <= AS_OF).count().to_pyarrow().as_py() == 0
    known = party.filter(party.valid_from_on <= AS_OF).count().to_pyarrow().as_py()
    assert 0 < known < 5369


def test_daily_balances_chain_from_day_to_day(berka: Catalog) -> None:
    """closing(day) = closing(day before) + what moved, to the cents that interest is rounded by; but for the 28 exceptions."""
    balance, txn = berka["balance_daily"], berka["transaction"]
    signed = ibis.cases((txn.direction == "in", txn.amount), else_=-txn.amount)
    moved = txn.group_by("account_id", "on").aggregate(moved=signed.sum())
    both = balance.join(moved, ["account_id", "on"])
    before = both.balance_amount.lag().over(group_by=both.account_id, order_by=both.on).fill_null(0)
    rows = both.mutate(off=(both.balance_amount - before - both.moved).abs())
    broken = rows.filter(rows.off > 0.21).to_pyarrow().to_pylist()
    assert rows.count().to_pyarrow().as_py() == _count(berka, "balance_daily")
    assert len(broken) == 28
    assert {r["on"] for r in broken} == {AS_OF}

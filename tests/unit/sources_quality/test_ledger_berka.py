"""The Czech bank of PKDD'99: its ledgers add up but for the last day of the cut part (facts of the data set's own notes)."""

from __future__ import annotations

import csv
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from tests.unit.sources_quality.conftest import CONTRACTS
from zhike.sources.ledger import broken_days, doubtful_days, prepare_movements
from zhike.warehouse import Engine
from zhike.warehouse.engine import empty_rows

FOLDER = Path(os.environ.get("ZHIKE_REAL_DATA", Path(__file__).parents[3].parent / "shared" / "data")) / "berka"
TOLERANCE = Decimal("0.10")
IN_WORDS = ("PRIJEM", "credit")


def movements(file: str, *, is_cut: bool) -> pa.Table:
    lines = (FOLDER / file).read_text(encoding="latin-1").splitlines()
    rows = list(csv.DictReader(lines[:-1] if is_cut else lines, delimiter=";"))
    columns = {
        "txn_id": [r["trans_id"] for r in rows], "account_id": [r["account_id"] for r in rows],
        "on": [datetime.strptime(r["date"], "%y%m%d").replace(tzinfo=UTC).date() for r in rows],
        "direction": ["in" if r["type"] in IN_WORDS else "out" for r in rows],
        "amount": [Decimal(r["amount"]) for r in rows], "balance_after_amount": [Decimal(r["balance"]) for r in rows],
    }  # fmt: skip
    schema = empty_rows(CONTRACTS["transaction"]).schema
    arrays = [pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(len(rows), f.type) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


@pytest.mark.real
@pytest.mark.requirement("A8")
@pytest.mark.skipif(not FOLDER.is_dir(), reason="the Berka data set is not beside the project")
@pytest.mark.parametrize(
    ("file", "is_cut", "n_rows", "exceptions"),
    [("trans_part1_cut_tail.asc", True, 49_102, {date(1994, 3, 31): 28}), ("trans_part2.csv", False, 30_200, {})],
)
def test_balances_add_up_in_any_order_but_on_the_last_day_of_the_cut_part(
    engine: Engine, file: str, is_cut: bool, n_rows: int, exceptions: dict[date, int]
) -> None:
    rows = movements(file, is_cut=is_cut)
    assert rows.num_rows == n_rows
    prepared = prepare_movements(ibis.memtable(rows))
    found = engine.fetch(broken_days(prepared, doubtful_days(prepared, TOLERANCE), TOLERANCE))["on"].to_pylist()
    assert {day: found.count(day) for day in found} == exceptions

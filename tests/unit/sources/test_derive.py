"""What follows from the bank's tables is written as the contract types it."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from zhike.sources.derive import derive_balances
from zhike.sources.tables import OWNS
from zhike.warehouse import open_engine
from zhike.warehouse.contracts import contract_by_name
from zhike.warehouse.testing import run_step

CONTRACTS = contract_by_name(OWNS)


def test_the_last_day_of_a_balance_is_written_as_a_day(tmp_path: Path) -> None:
    def movement(number: int, on: date, amount: int, after: int) -> dict[str, object]:
        return {
            "txn_id": str(number), "account_id": "a", "on": on, "direction": "in", "amount": Decimal(amount),
            "balance_after_amount": Decimal(after), "txn_kind": "cash_in", "recorded_at": datetime(2025, 1, 1),
        }  # fmt: skip

    engine = open_engine(threads=1, scratch=tmp_path)
    rows = [movement(1, date(2025, 1, 2), 10, 10), movement(2, date(2025, 1, 5), 5, 15)]
    made = run_step(
        derive_balances(), engine, {"transaction": {"all": rows}}, as_of=date(2025, 1, 9), contracts=CONTRACTS
    )
    engine.close()
    (table,) = made.values()
    assert table.schema.field("until_on").type == pa.date32()
    assert sorted(table["until_on"].to_pylist(), key=str) == [date(2025, 1, 4), None]

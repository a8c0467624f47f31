"""Lines are told exactly also where several threads read one file, and however many rows are bad."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.sources.delivery import MOVEMENT_COLUMNS, Delivery, accounts, movements
from zhike.warehouse import loading

pytestmark = pytest.mark.slow
N_ROWS = 400_000
BAD_AMOUNT, BROKEN, TWICE, CUT = 1000, 77_777, 250_001, 399_000


def _row(i: int) -> str:
    amount = "x" if i % 100_000 == BAD_AMOUNT else "12.34"
    account = "A9" if i == BROKEN else f"A{i % 5}"
    key = i - 200_000 if i == TWICE else i
    return "T1,cut" if i == CUT else f"T{key:08},{account},2025-01-02,C,{amount}"


EXPECTED = sorted(
    [(2 + BAD_AMOUNT + k * 100_000, "not_a_number") for k in range(4)]
    + [(2 + BROKEN, "broken_reference"), (2 + TWICE, "duplicate_key"), (2 + CUT, "too_few_columns")]
)


@pytest.mark.parametrize("picked", [20_000, 0])
@pytest.mark.parametrize("end", ["\n", "\n\n"])
def test_lines_are_exact_in_a_large_file(
    bank: Delivery, monkeypatch: pytest.MonkeyPatch, picked: int, end: str
) -> None:
    monkeypatch.setattr(loading, "PICKED_LINES", picked)  # both ways of finding the bad rows again
    bank.file("accounts.csv", "account_id,opened_on\n" + "".join(f"A{i},2024-01-05\n" for i in range(5)))
    text = "\n".join(_row(i) for i in range(N_ROWS))
    bank.file("movements.csv", f"txn_id,account_id,on,direction,amount\n{text}{end}")
    bank.mapping(accounts(), movements())
    bank.run()
    assert sorted((row, rule) for _, row, rule, _ in bank.bad()) == EXPECTED
    assert bank.counts()["movements.csv"] == (N_ROWS, N_ROWS - 7, 7, 0)
    sealed = {r["row_number"]: r["row_sealed"] for r in bank.rows("quarantine")}
    assert f"T{BROKEN:08}" in sealed[2 + BROKEN]
    assert f"T{TWICE - 200_000:08}" in sealed[2 + TWICE]


@pytest.mark.parametrize("picked", [20_000, 0])
def test_rows_are_exact_in_a_large_parquet_file(bank: Delivery, monkeypatch: pytest.MonkeyPatch, picked: int) -> None:
    monkeypatch.setattr(loading, "PICKED_LINES", picked)
    bank.file("accounts.csv", "account_id,opened_on\nA1,2024-01-05\n")
    ids = [f"T{i:08}" for i in range(N_ROWS)]
    ids[300_000] = ids[5]
    codes = ["C"] * N_ROWS
    codes[123_456] = "Z"
    table = pa.table(
        {
            "txn_id": ids,
            "account_id": ["A1"] * N_ROWS,
            "on": ["2025-01-02"] * N_ROWS,
            "direction": codes,
            "amount": [1.5] * N_ROWS,
        }
    )
    pq.write_table(table, bank.file("movements.parquet", b""), row_group_size=50_000)
    bank.mapping(accounts(), movements(file="movements.parquet", columns=MOVEMENT_COLUMNS))
    bank.run()
    assert bank.bad() == [
        ("movements.parquet", 123_457, "unknown_code", "direction"), ("movements.parquet", 300_001, "duplicate_key", "txn_id"),
    ]  # fmt: skip

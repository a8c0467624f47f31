"""Small banks that several tests of the simulator look at, drawn once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from zhike.simulator import BankPlan, BankSummary, simulate

LAST_DAY = date(2025, 6, 30)


@pytest.fixture(scope="session")
def small_bank(tmp_path_factory: pytest.TempPathFactory) -> BankSummary:
    return simulate(BankPlan(900, 75, 11, LAST_DAY), tmp_path_factory.mktemp("bank") / "parquet")


@pytest.fixture(scope="session")
def small_bank_as_files(tmp_path_factory: pytest.TempPathFactory) -> BankSummary:
    return simulate(BankPlan(900, 75, 11, LAST_DAY, delivery="bank_files"), tmp_path_factory.mktemp("bank") / "files")


class Reader:
    """Reads the Parquet delivery of a bank by file code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = duckdb.connect()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Run SQL in which ``{CODE}`` stands for all files of that code and ``{truth/NAME}`` for a truth table."""
        text = query
        for code in {p.stem for p in self.folder.glob("data/*/*.parquet")}:
            text = text.replace(
                f"{{{code}}}", f"read_parquet('{self.folder}/data/*/{code}.parquet', union_by_name=true)"
            )
        for file in self.folder.glob("truth/*.parquet"):
            text = text.replace(f"{{truth/{file.stem}}}", f"read_parquet('{file}')")
        return self.connection.execute(text).fetchall()

    def one(self, query: str) -> object:
        """Return the single value of a query."""
        return self.rows(query)[0][0]


@pytest.fixture(scope="session")
def bank(small_bank: BankSummary) -> Reader:
    return Reader(small_bank.folder)

"""The simulated bank that the benches work on: drawn once per size and kept, since drawing is not what they measure."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

LAST_DAY = date(2025, 6, 30)
N_DAYS = 180
FIXED_PER_YEAR, SCALED_PER_YEAR = 34.0, 46.0  # movements of a customer that activity leaves alone, and that it scales


@dataclass(frozen=True, slots=True)
class Size:
    """How large a bank; ``transactions`` is what is aimed at."""

    customers: int
    transactions: int
    days: int = N_DAYS

    @property
    def name(self) -> str:
        """Folder name of the bank."""
        return f"bank-{self.customers}-{self.transactions}-{self.days}"

    @property
    def activity(self) -> float:
        """Scale of everyday payments that gives about so many transactions."""
        a_year = self.transactions / self.customers / (self.days / 365)
        return min(max((a_year - FIXED_PER_YEAR) / SCALED_PER_YEAR, 0.02), 20.0)


def default_folder() -> Path:
    """Return where benches keep their banks when no folder is given."""
    return Path(tempfile.gettempdir()) / "zhike-bench"


def draw_bank(size: Size, folder: Path) -> Path:
    """Return the folder of the bank of this size, drawing it when it is not there."""
    from zhike.simulator import BankPlan, simulate

    target, drawing = folder / size.name, folder / f"{size.name}.drawing"
    if not target.is_dir():
        shutil.rmtree(drawing, ignore_errors=True)
        drawing.mkdir(parents=True)
        simulate(BankPlan(size.customers, size.days, 1, LAST_DAY, activity_rate=size.activity), drawing)
        drawing.rename(target)
    return target


def count_transactions(bank: Path) -> int:
    """Return how many transactions a drawn bank holds."""
    import pyarrow.parquet as pq

    return sum(pq.ParquetFile(f).metadata.num_rows for f in bank.glob("data/*/CORE_TXN.parquet"))


def size_options(parser: argparse.ArgumentParser, *, customers: int = 100_000, transactions: int = 2_000_000) -> None:
    """Add the options by which a bench is told its size and place."""
    parser.add_argument("--customers", type=int, default=customers)
    parser.add_argument("--transactions", type=int, default=transactions)
    parser.add_argument("--days", type=int, default=N_DAYS)
    parser.add_argument(
        "--folder", type=Path, default=default_folder(), help="where banks and results lie; banks are kept"
    )
    parser.add_argument("--repeats", type=int, default=3)


__all__ = ["LAST_DAY", "N_DAYS", "Size", "count_transactions", "default_folder", "draw_bank", "size_options"]

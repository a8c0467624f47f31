"""Drawing a simulated bank (goals: 20,000 customers × a year in 10 s; 1M customers × 50M movements in 5 minutes and 4 GB).

``--customers 1000000 --transactions 50000000`` is the second goal. The peak memory is that of all processes together.

Beside it a peer that only writes as many rows of random transactions with numpy and pyarrow: what the disk and the Parquet
encoder cost, without any bank behind the rows. ``--customers`` and ``--transactions`` choose the size; the activity of the
bank is scaled so that about that many movements come out, and the peer writes exactly as many.
"""

import argparse
import shutil
import sys
import tempfile
from datetime import date
from pathlib import Path

from measuring import compare, report

LAST_DAY = date(2025, 6, 30)
FIXED_PER_YEAR, SCALED_PER_YEAR = 35.6, 46.0  # movements of a customer that activity leaves alone, and that it scales
PEER_BATCH_ROWS = 1_000_000


def draw_bank(plan: tuple[int, int, float], folder: Path, workers: int) -> None:
    """Draw our bank of so many customers, days and so much activity."""
    from zhike.simulator import BankPlan, simulate

    customers, days, activity = plan
    simulate(BankPlan(customers, days, 1, LAST_DAY, activity_rate=activity), folder, n_workers=workers)


def write_random_rows(rows: int, folder: Path) -> None:
    """Write ``rows`` random transactions of the same columns: the peer."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    kinds = pa.array([f"{k:02d}" for k in range(23)])
    writer = None
    for start in range(0, rows, PEER_BATCH_ROWS):
        n = min(PEER_BATCH_ROWS, rows - start)
        table = pa.table({
            "TXN_SEQ": pa.array(np.arange(start, start + n)).cast(pa.string()),
            "ACCT_NO": pa.array(random.integers(10**15, 10**16, n)).cast(pa.string()),
            "TXN_DT": pa.array(random.integers(20_000, 20_365, n).astype(np.int32)).cast(pa.date32()),
            "TXN_TM": pa.array(random.integers(17 * 10**14, 18 * 10**14, n)).cast(pa.timestamp("us")),
            "DR_CR": pa.DictionaryArray.from_arrays(pa.array(random.integers(0, 2, n).astype(np.int8)), pa.array(["C", "D"])),
            "TXN_AMT": pa.array(random.integers(1, 10**7, n)),
            "ACCT_BAL": pa.array(random.integers(1, 10**9, n)),
            "TXN_CD": pa.DictionaryArray.from_arrays(pa.array(random.integers(0, 23, n).astype(np.int8)), kinds),
            "CHNL_CD": pa.DictionaryArray.from_arrays(pa.array(random.integers(0, 8, n).astype(np.int8)), kinds),
        })  # fmt: skip
        writer = writer or pq.ParquetWriter(
            folder / "transactions.parquet", table.schema, compression="zstd", compression_level=1
        )
        writer.write_table(table)
    if writer is not None:
        writer.close()


def count_movements(folder: Path) -> int:
    """Return how many transactions a drawn bank holds."""
    import pyarrow.parquet as pq

    return sum(pq.ParquetFile(f).metadata.num_rows for f in folder.glob("data/*/CORE_TXN.parquet"))


def main() -> None:
    """Measure, or do one of the two works in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--transactions", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--workers", type=int, default=2, help="processes that draw; 1 draws in one process")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None, help="where to write; a temporary folder by default")
    parser.add_argument("--work", choices=("bank", "rows"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    years = options.days / 365
    wanted = options.transactions / options.customers / years
    activity = min(max((wanted - FIXED_PER_YEAR) / SCALED_PER_YEAR, 0.02), 20.0)
    if options.work:
        target = options.folder / options.work
        shutil.rmtree(target, ignore_errors=True)
        if options.work == "bank":
            draw_bank((options.customers, options.days, activity), target, options.workers)
        else:
            write_random_rows(options.transactions, target)
        return
    folder = options.folder or Path(tempfile.mkdtemp(prefix="zhike-bench-"))
    again = [sys.executable, __file__, *sys.argv[1:], "--folder", str(folder), "--work"]
    try:
        result = compare("simulate", [*again, "bank"], [*again, "rows"], repeats=options.repeats, warm_up=False)
        written = count_movements(folder / "bank")
        size = sum(f.stat().st_size for f in (folder / "bank").rglob("*") if f.is_file())
        report(
            result, customers=options.customers, days=options.days, transactions_asked=options.transactions,
            transactions_written=written, workers=options.workers, bank_mb=round(size / 2**20), activity=round(activity, 3),
        )  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

"""Cost against data: ingest and features at two sizes (goal: 0.1 to 1 million customers, no faster than the data; at most 4 GB).

``cost_over_growth`` is how much more work the larger bank is over how much more data it holds; at most 1, but for noise.
CPU seconds are what is held to it: they do not move with what else the machine does. Memory is that of all processes together.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from bank import Size, count_transactions, default_folder, draw_bank
from features import Bench
from measuring import Timing, report, time_command

NOISE = 0.1  # medians of two runs of the same work lie this far apart on a shared machine


def time_ingest(size: Size, folder: Path, repeats: int) -> Timing:
    """Time our ingest of a bank."""
    options = ["--customers", str(size.customers), "--transactions", str(size.transactions), "--days", str(size.days)]
    command = [
        sys.executable,
        str(Path(__file__).parent / "ingest.py"),
        *options,
        "--folder",
        str(folder),
        "--work",
        "ours",
    ]
    try:
        return time_command(command, repeats=repeats, warm_up=False)
    finally:
        shutil.rmtree(folder / f"ingest-ours-{size.name}", ignore_errors=True)


def time_features(size: Size, folder: Path, repeats: int) -> Timing:
    """Time our features, tags and segments of a bank."""
    options = ["--customers", str(size.customers), "--transactions", str(size.transactions), "--days", str(size.days)]
    command = [
        sys.executable,
        str(Path(__file__).parent / "features.py"),
        *options,
        "--folder",
        str(folder),
        "--work",
        "ours",
    ]
    bench = Bench(size, folder)
    try:
        bench.make_before()
        return time_command(command, repeats=repeats, warm_up=False)
    finally:
        bench.clean()


def main() -> None:
    """Measure both works at both sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=100_000, help="customers")
    parser.add_argument("--large", type=int, default=1_000_000, help="customers")
    parser.add_argument("--transactions-each", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=default_folder())
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    sizes = [Size(n, n * options.transactions_each) for n in (options.small, options.large)]
    rows = [count_transactions(draw_bank(size, options.folder)) for size in sizes]
    growth = rows[1] / rows[0]
    facts: dict[str, object] = {
        "customers": [s.customers for s in sizes],
        "transactions": rows,
        "data_growth": round(growth, 3),
        "noise": NOISE,
    }
    timings: list[Timing] = []
    for name, measure in (("ingest", time_ingest), ("features", time_features)):
        small, large = (measure(size, options.folder, options.repeats) for size in sizes)
        facts[name] = {
            "cost_over_growth": round(large.cpu_seconds / small.cpu_seconds / growth, 3),
            "wall_over_growth": round(large.seconds / small.seconds / growth, 3),
            "peak_mb": [small.peak_mb, large.peak_mb],
        }
        timings += [small, large]
    report(*timings, **facts)


if __name__ == "__main__":
    main()

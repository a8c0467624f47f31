"""Ingest with key and reference checks, beside hand-written DuckDB SQL that does the same and writes the same Parquet (goal: 1.5 ×).

Both sides load 23 tables of a simulated bank's Parquet files: typed, translated, checked (values, codes, keys, references), bad
rows in quarantine with rule, masked value and the row as read, counts per file. Ours also fingerprints the files, fills the
column that says what to do, and publishes a manifest. Equality of every table, of the quarantine and of the counts is
proven before anything is timed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import duckdb

from bank import LAST_DAY, Size, count_transactions, draw_bank, size_options
from equality import Compared, compare_tables, require_equal
from measuring import compare, report

OURS_ONLY = {"quarantine": ("todo",), "load_count": ("n_declared", "file_fingerprint")}
OWN_KEYS = {
    "quarantine": ("table_name", "batch", "file", "row_number", "rule", "column_name"),
    "load_count": ("table_name", "batch", "file"),
}


def do_work(side: str, bank: Path, target: Path) -> None:
    """Load the bank's files anew, by one side."""
    shutil.rmtree(target, ignore_errors=True)
    if side == "ours":
        from ours import ingest

        ingest(bank, target, LAST_DAY)
    else:
        from peers.ingest import ingest as peer_ingest

        peer_ingest(bank / "data", target)


def compare_outputs(ours: Path, peer: Path) -> list[Compared]:
    """Compare what both sides wrote, table by table, without what only ours has."""
    from ours import published_files
    from peers.ingest_tables import TABLES

    con = duckdb.connect()
    files = published_files(ours)
    keys = {t.name: t.key for t in TABLES} | OWN_KEYS
    return [
        compare_tables(con, name, files[name], [peer / f"{name}.parquet"], key=key, without=OURS_ONLY.get(name, ()))
        for name, key in keys.items()
    ]


def main() -> None:
    """Prove equality and measure, or do one side's work in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    size_options(parser)
    parser.add_argument("--check", action="store_true", help="prove equality only")
    parser.add_argument("--work", choices=("ours", "peer"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = Size(options.customers, options.transactions, options.days)
    bank = draw_bank(size, options.folder)
    results = {side: options.folder / f"ingest-{side}-{size.name}" for side in ("ours", "peer")}
    if options.work:
        do_work(options.work, bank, results[options.work])
        return
    again = [sys.executable, __file__, *sys.argv[1:], "--work"]
    try:
        for side, target in results.items():
            do_work(side, bank, target)
        rows = require_equal(compare_outputs(results["ours"], results["peer"]))
        facts = {"customers": size.customers, "transactions": count_transactions(bank), "days": size.days}
        if options.check:
            report(**facts, equal_rows=rows)
            return
        result = compare("ingest", [*again, "ours"], [*again, "peer"], repeats=options.repeats, warm_up=False)
        report(result, **facts, equal_rows=rows, cpu_ratio=round(result.ours.cpu_seconds / result.peer.cpu_seconds, 3))
    finally:
        for target in results.values():
            shutil.rmtree(target, ignore_errors=True)


if __name__ == "__main__":
    main()

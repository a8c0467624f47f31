"""Features, tags and segments, beside hand-written DuckDB SQL that does the same and writes the same Parquet (goal: 1.3 ×, 4 GB).

The definitions lie in ``definitions/``: 106 features, 12 tags, 12 segments. Both sides read the same tables, prepared once, and the
intervals of a run a week before, and write profile, tag_value, tag_health, segment_member, segment_change and segment_health.
Equality of every cell of both nights is proven before anything is timed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from bank import LAST_DAY, Size, count_transactions, draw_bank, size_options
from equality import Compared, compare_tables, require_equal
from measuring import compare, report

KEYS = {
    "profile": ("customer_id",),
    "tag_value": ("customer_id", "tag", "from_on"),
    "tag_health": ("tag",),
    "segment_member": ("segment", "customer_id", "from_on"),
    "segment_change": ("segment", "customer_id", "changed_on"),
    "segment_health": ("segment",),
}


def make_peer(given: Path, target: Path) -> None:
    """Make the peer's night."""
    from peers.features import Given, Night

    shutil.rmtree(target, ignore_errors=True)
    Night(Given.read(given), target).run()


def compare_nights(state: Path, peer: Path) -> list[Compared]:
    """Compare all that both sides made, table by table, every cell."""
    from night import files_by_key

    con, found = duckdb.connect(), []
    for table, files in files_by_key(state).items():
        theirs = [peer / f"{table}.parquet"] if "" in files else [peer / table / f"{k}.parquet" for k in files]
        ours = [f for parts in files.values() for f in parts]
        found.append(compare_tables(con, table, ours, theirs, key=KEYS[table]))
    return found


def _named(found: list[Compared], day: date) -> list[Compared]:
    return [replace(c, table=f"{c.table} of {day}") for c in found]


class Bench:
    """Where things lie for one size: prepared tables, the state of the week before, each side's results."""

    def __init__(self, size: Size, folder: Path) -> None:
        self.size, self.folder = size, folder
        self.prepared = folder / f"prepared-{size.name}"
        self.room = folder / f"features-{size.name}"
        self.before, self.ours, self.peer = (self.room / n for n in ("before", "ours", "peer"))
        self.given, self.given_before = self.room / "given.json", self.room / "given-before.json"

    def work(self, side: str) -> None:
        """Make the measured night, by one side."""
        if side == "ours":
            from night import copy_state, make_night

            copy_state(self.before, self.ours)
            make_night(self.prepared, self.ours, LAST_DAY)
        else:
            make_peer(self.given, self.peer)

    def make_before(self) -> None:
        """Prepare the tables, and run our night of the week before."""
        from night import BEFORE, make_night, prepare

        prepare(draw_bank(self.size, self.folder), self.prepared)
        shutil.rmtree(self.room, ignore_errors=True)
        make_night(self.prepared, self.before, BEFORE)

    def prove(self) -> dict[str, int]:
        """Make the night before and the night by both sides; Unequal when anything differs."""
        from night import BEFORE, write_given

        self.make_before()
        write_given(self.prepared, None, BEFORE, self.given_before)
        make_peer(self.given_before, self.peer)
        require_equal(_named(compare_nights(self.before, self.peer), BEFORE))
        write_given(self.prepared, self.before, LAST_DAY, self.given)
        for side in ("ours", "peer"):
            self.work(side)
        return require_equal(_named(compare_nights(self.ours, self.peer), LAST_DAY))

    def clean(self) -> None:
        """Remove the results; what was prepared stays."""
        shutil.rmtree(self.room, ignore_errors=True)


def main() -> None:
    """Prove equality and measure, or do one side's work in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    size_options(parser)
    parser.add_argument("--check", action="store_true", help="prove equality only")
    parser.add_argument("--work", choices=("ours", "peer"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    bench = Bench(Size(options.customers, options.transactions, options.days), options.folder)
    if options.work:
        bench.work(options.work)
        return
    again = [sys.executable, __file__, *sys.argv[1:], "--work"]
    try:
        rows = bench.prove()
        facts = {
            "customers": bench.size.customers,
            "transactions": count_transactions(draw_bank(bench.size, bench.folder)),
            "days": bench.size.days,
            "equal_rows": rows,
        }
        if options.check:
            report(**facts)
            return
        result = compare("features", [*again, "ours"], [*again, "peer"], repeats=options.repeats, warm_up=False)
        report(result, **facts, cpu_ratio=round(result.ours.cpu_seconds / result.peer.cpu_seconds, 3))
    finally:
        bench.clean()


if __name__ == "__main__":
    main()

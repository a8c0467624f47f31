"""One more day: the profile of all standard features carried on from the day before, beside the full build (goal: 4 ×; sums alone 50 ×).

Both read the same tables, prepared once, and write the same Parquet; that every cell of what was timed is equal is proven.
``sums`` are the features of transactions and events alone, whose sums are carried; ``profile`` is everything.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import duckdb

from bank import LAST_DAY, Size, count_transactions, draw_bank, size_options
from equality import compare_tables, require_equal
from measuring import compare, report
from zhike.profile.features import FeatureSet, standard_features

BEFORE = LAST_DAY - timedelta(days=1)
SIDES = ("carried", "full")
DAILY = ("transaction", "event")


def features_of(part: str) -> FeatureSet:
    """Return all standard features, or those of the fact tables whose sums are carried."""
    from zhike.profile.carrying.rows import ACCRUALS

    everything = standard_features()
    if part == "profile":
        return everything
    carried = tuple(f for f in everything.features if f.facts and f.facts.table in ACCRUALS)
    return FeatureSet(carried, everything.hashes)


def dated(prepared: Path, target: Path) -> Path:
    """Return the prepared tables with transactions and events as a bank has them that delivered day by day: a partition for each month, by day."""
    if target.is_dir():
        return target
    working = target.with_suffix(".working")
    shutil.rmtree(working, ignore_errors=True)
    shutil.copytree(prepared, working, copy_function=os.link, ignore=shutil.ignore_patterns(*DAILY))
    con = duckdb.connect()
    con.execute("SET memory_limit='6GB'")
    for table in DAILY:
        rows = f"read_parquet('{prepared}/{table}/*.parquet', union_by_name=true)"
        (working / table).mkdir()
        for (month,) in con.execute(f"SELECT DISTINCT strftime(\"on\", '%Y-%m') FROM {rows} ORDER BY 1").fetchall():
            con.execute(
                f"COPY (FROM {rows} WHERE strftime(\"on\", '%Y-%m') = '{month}' ORDER BY \"on\") "
                f"TO '{working / table / month}.parquet' (COMPRESSION zstd)"
            )
    working.rename(target)
    return target


class Bench:
    """Where things lie for one size: prepared tables, the day before, each side's results."""

    def __init__(self, size: Size, folder: Path) -> None:
        self.size, self.folder = size, folder
        self.prepared = folder / f"dated-{size.name}"
        self.room = folder / f"carrying-{size.name}"

    def night(self, part: str, side: str) -> None:
        """Make the profile of a day: ``before``, and of the last day ``carried`` on or in ``full``."""
        from night import compiled, copy_state, given_steps
        from ours import TIMEZONE, run
        from zhike.profile.steps import profile_step
        from zhike.profile.tables import profile_contract

        features = features_of(part)
        before, state = self.room / part / "before", self.room / part / side
        if side == "before":
            shutil.rmtree(state, ignore_errors=True)
        else:
            copy_state(before, state)
        carried = None if side == "full" else state / "carried"
        steps = [*given_steps(self.prepared), profile_step(features, timezone=TIMEZONE, carried=carried)]
        contracts = {**compiled().contracts, "profile": profile_contract(features)}
        result = run(state, steps, contracts, BEFORE if side == "before" else LAST_DAY)
        (told,) = (s.metrics["carried"] for s in result.steps if s.key == "profile")
        if side == "carried" and not all(t["carried_from"] for t in told):
            raise SystemExit(f"nothing was carried on: {told}")

    def prove(self, part: str) -> dict[str, int]:
        """Compare what both sides made of the last day, cell by cell; Unequal when anything differs."""
        from night import files_by_key

        ours, full = (files_by_key(self.room / part / side)["profile"][""] for side in SIDES)
        return require_equal([compare_tables(duckdb.connect(), "profile", ours, full, key=("customer_id",))])

    def clean(self) -> None:
        """Remove the results; what was prepared stays."""
        shutil.rmtree(self.room, ignore_errors=True)


def main() -> None:
    """Prove equality and measure, or do one side's work in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    size_options(parser)
    parser.add_argument("--part", choices=("sums", "profile"), action="append", help="what to make; both by default")
    parser.add_argument("--work", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    bench = Bench(Size(options.customers, options.transactions, options.days), options.folder)
    parts = options.part or ["sums", "profile"]
    if options.work:
        bench.night(parts[0], options.work)
        return
    from night import prepare

    dated(prepare(draw_bank(bench.size, bench.folder), bench.folder / f"prepared-{bench.size.name}"), bench.prepared)
    facts = {
        "customers": bench.size.customers,
        "transactions": count_transactions(draw_bank(bench.size, bench.folder)),
        "days": bench.size.days,
    }
    size = [f"--customers={options.customers}", f"--transactions={options.transactions}", f"--days={options.days}"]
    results, rows = [], {}
    try:
        for part in parts:
            bench.night(part, "before")
            again = [sys.executable, __file__, *size, f"--folder={options.folder}", f"--part={part}"]
            sides = [[*again, f"--work={side}"] for side in SIDES]
            results.append(compare(part, sides[0], sides[1], repeats=options.repeats, warm_up=False))
            rows[part] = bench.prove(part)
        cheaper = {r.name: round(r.peer.cpu_seconds / r.ours.cpu_seconds, 2) for r in results}
        report(*results, **facts, equal_rows=rows, cpu_full_over_carried=cheaper)
    finally:
        bench.clean()


if __name__ == "__main__":
    main()

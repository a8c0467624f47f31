"""Placing records live, against a million: one at a time (goal: p99 < 20 ms), and ten thousand at once (goal: < 5 s).

The records to be placed are left out of a frozen set at random; the rest is linked, and the live index built, as a published run has
it. Each answer is then held against a whole run over all records. Everything happens in one process; the peer is that whole run.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bank import default_folder
from measuring import machine

AS_OF = date(2025, 12, 31)
KEY = b"the key of a benchmark"
SEED, N_PERSONS = 1, 690_000
N_SINGLE, N_BATCH = 2_000, 10_000


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


class Bench:
    """A bank of records, linked as by a run, and those that come after it."""

    def __init__(self, n_persons: int, n_later: int, folder: Path) -> None:
        from zhike.identity import IdentitySettings, read_match_models
        from zhike.kernel.definitions import read_definitions
        from zhike.pipeline.project import standard_pack
        from zhike.simulator.linkage import draw_linkage_set
        from zhike.warehouse import open_engine

        self.folder = folder
        self.settings = IdentitySettings()
        self.models = read_match_models(read_definitions([standard_pack()]).definitions)
        self.engine = open_engine(threads=2, memory="2GB")
        drawn = draw_linkage_set(n_persons, SEED).records
        later = np.random.default_rng(SEED).permutation(drawn.num_rows)[:n_later]
        is_later = np.zeros(drawn.num_rows, bool)
        is_later[later] = True
        self.everything, self.known, self.later = drawn, drawn.filter(pa.array(~is_later)), drawn.take(later)

    def versions(self, parties: pa.Table) -> pa.Table:
        """Return records in standard form."""
        from zhike.identity.standardise import standardised, versions_as_of

        with self.engine.holding("parties", parties) as rows:
            known = versions_as_of(rows, self.settings.as_of(AS_OF))
            return standardised(self.engine, known, self.settings.placeholder_birth_on)

    def link(self, parties: pa.Table, before: dict[str, Any] | None) -> dict[str, Any]:
        """Return the tables of identity:link over records, after an earlier run or none."""
        import ibis

        from zhike.identity.link import link_records
        from zhike.identity.rows import Previous
        from zhike.identity.tables import OWNS
        from zhike.warehouse.engine import empty_rows

        contracts = {c.name: c for c in OWNS}
        names = ("identity_link", "identity_register", "identity_change")
        tables = before or {n: ibis.memtable(empty_rows(contracts[n])) for n in names}
        found = link_records(
            self.engine, self.versions(parties), Previous(*(tables[n] for n in names)), as_of=self.settings.as_of(AS_OF),
            settings=self.settings, overrides=(), key=KEY, models=self.models,
        )  # fmt: skip
        written = {
            "identity_link": found.link,
            "identity_edge": found.edge,
            "identity_register": found.register,
            "identity_change": found.change,
        }
        kept: dict[str, Any] = {}
        for name, rows_ in written.items():
            expression = rows_ if not isinstance(rows_, pa.Table) else ibis.memtable(rows_)
            kept[name] = self.engine.connection.create_table(f"kept_{name}_{len(parties)}", expression, temp=True)
        return kept

    def index(self, tables: dict[str, Any]) -> tuple[Any, float]:
        """Build the live index; return it with the seconds that it took."""
        from zhike.identity.live import build_index

        versions = self.versions(self.known)
        begun = time.perf_counter()
        with self.engine.holding("versions", versions) as rows:
            found = build_index(
                self.folder, self.engine, {**tables, "identity_version": rows}, as_of=self.settings.as_of(AS_OF), settings=self.settings,
                models=self.models, run_id="bench",
            )  # fmt: skip
        return found, time.perf_counter() - begun

    def run(self) -> dict[str, Any]:
        """Measure, and prove the answers."""
        from zhike.identity.live import LiveIdentity

        first = self.link(self.known, None)
        index, built = self.index(first)
        rows = self.later.to_pylist()
        one = LiveIdentity(index, self.settings, self.models, KEY)
        one.place(rows[:1])
        single = []
        for row in rows[:N_SINGLE]:
            begun = time.perf_counter()
            one.place([row])
            single.append((time.perf_counter() - begun) * 1000)
        many = LiveIdentity(index, self.settings, self.models, KEY, open_engine=lambda: self.engine)
        begun = time.perf_counter()
        placed = many.place(rows)
        batch = time.perf_counter() - begun
        begun = time.perf_counter()
        whole = self.link(self.everything, first)
        whole_seconds = time.perf_counter() - begun
        links = self.engine.fetch(whole["identity_link"].select("source", "source_key", "customer_id"))
        told = dict(
            zip(
                zip(links["source"].to_pylist(), links["source_key"].to_pylist(), strict=True),
                links["customer_id"].to_pylist(),
                strict=True,
            )
        )
        wrong = [p for p in placed.placements if told[p.record.source, p.record.source_key] != p.customer_id]
        size = sum(f.stat().st_size for f in index.folder.iterdir())
        return {
            "records": self.known.num_rows, "single": len(single), "single_ms_median": round(statistics.median(single), 2),
            "single_ms_p95": round(_percentile(single, 0.95), 2), "single_ms_p99": round(_percentile(single, 0.99), 2), "single_ms_most": round(max(single), 2),
            "batch": len(rows), "batch_seconds": round(batch, 2), "whole_run_seconds": round(whole_seconds, 2), "unlike_whole_run": len(wrong),
            "index_seconds": round(built, 2), "index_mb": round(size / 1e6), "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
        }  # fmt: skip


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=N_PERSONS)
    parser.add_argument("--later", type=int, default=N_BATCH)
    parser.add_argument("--folder", type=Path, default=default_folder() / "identity-live")
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    facts = Bench(options.persons, options.later, options.folder).run()
    print(json.dumps({"bench": "identity_live", **facts, "machine": machine()}, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()

"""One customer, one id: how well and how fast records are joined, beside plain Splink 5 on the same records.

``quality`` puts every set with known truth before every side and prints precision, recall and F1 over pairs, wrong joins and persons
with more than one id. ``time`` runs training and applying in turn with the peer. ``growth`` applies at 100 thousand and at a million
records, in seconds and in the memory of all processes together.

Each side works in a process of its own. Seconds, by the wall and of the processor, are those of the work, from records in memory to
clusters in memory; the whole process, with starting Python and reading the file, is told beside. Sets are drawn once and kept.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bank import default_folder
from identity_sets import RECORD, SETS, is_current
from identity_watch import Watch
from measuring import report, run_once
from pairwise import score_clusters

Pair = tuple[float, float]  # wall and CPU seconds
Work = Callable[[str, pa.Table, Path, Watch], pa.Table | None]
DEFAULT_SETS = ("bank_10k", "bank_100k", "bank_unseen", "historical", "febrl1", "febrl2", "febrl3", "febrl4")


@dataclass(frozen=True, slots=True)
class Run:
    """One side's work on one set: wall and CPU seconds by part, and of the whole process wall and CPU seconds and peak MB."""

    wall: Mapping[str, float]
    cpu: Mapping[str, float]
    process: tuple[float, float, float]

    @property
    def seconds(self) -> float:
        """Wall seconds of the work."""
        return sum(self.wall.values())

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of the work."""
        return sum(self.cpu.values())


def kind_of(name: str) -> str:
    """Return the kind of a set: its columns and set-up are those of all sets of the kind."""
    return name.split("_", maxsplit=1)[0].rstrip("1234")


def _splink(name: str, records: pa.Table, folder: Path, watch: Watch) -> pa.Table:
    from peers.identity_splink import cluster_records, set_up_of

    found = cluster_records(records, set_up_of(name), watch)
    (folder / "splink-model.json").write_text(json.dumps(found.model), encoding="utf-8")
    return found.clusters


def _splink_simplified(name: str, records: pa.Table, _: Path, watch: Watch) -> pa.Table:
    from peers.identity_splink import cluster_records, set_up_of, simplified

    with watch.of("simplify"):
        simple = simplified(records)
    return cluster_records(simple, set_up_of(name), watch).clusters


def _splink_apply(name: str, records: pa.Table, folder: Path, watch: Watch) -> pa.Table:
    from peers.identity_splink import apply_model, set_up_of

    model = json.loads((folder / "splink-model.json").read_text(encoding="utf-8"))
    return apply_model(records, set_up_of(name), model, watch).clusters


def _rules(name: str, records: pa.Table, _: Path, watch: Watch) -> pa.Table:
    return _prepared_and_applied(name, records, None, watch)


def _shipped(name: str, records: pa.Table, _: Path, watch: Watch) -> pa.Table:
    import identity_ours

    return _prepared_and_applied(name, records, identity_ours.shipped_model(), watch)


def _ours_fit(name: str, records: pa.Table, folder: Path, watch: Watch) -> None:
    import identity_ours

    with watch.of("train"):
        model = identity_ours.fit(kind_of(name), records)
    identity_ours.write_model(model, folder / "model")


def _ours_apply(name: str, records: pa.Table, folder: Path, watch: Watch) -> pa.Table:
    import identity_ours

    return _prepared_and_applied(name, records, identity_ours.read_model(kind_of(name), folder / "model"), watch)


def _prepared_and_applied(name: str, records: pa.Table, model: Any, watch: Watch) -> pa.Table:
    import identity_ours

    with watch.of("standardise"):
        rows = identity_ours.prepare(kind_of(name), records)
    with watch.of("apply"):
        return identity_ours.apply(kind_of(name), rows, model)


def _ours(name: str, records: pa.Table, folder: Path, watch: Watch) -> pa.Table:
    _ours_fit(name, records, folder, watch)
    return _ours_apply(name, records, folder, watch)


SIDES: Mapping[str, Work] = {
    "rules": _rules, "shipped": _shipped, "ours": _ours, "ours_fit": _ours_fit, "ours_apply": _ours_apply,
    "splink": _splink, "splink_simplified": _splink_simplified, "splink_apply": _splink_apply,
}  # fmt: skip
BANK_ONLY = ("rules", "shipped", "splink_simplified")
QUALITY_SIDES = ("rules", "shipped", "ours", "splink", "splink_simplified")


class Bench:
    """Sets of records, and what each side made of them, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, name: str) -> Path:
        """Return the folder of a set, with ``records.parquet`` and ``truth.parquet``, made when it is not there."""
        place = self.folder / f"identity-{name}"
        if not is_current(name, place / "records.parquet"):
            place.mkdir(parents=True, exist_ok=True)
            drawn = SETS[name]()
            pq.write_table(pa.table({RECORD: drawn.records[RECORD], "truth": drawn.truth}), place / "truth.parquet")
            pq.write_table(drawn.records, place / "records.parquet")
        return place

    def work(self, side: str, name: str) -> None:
        """Do one side's work on a set; leaves its clusters and seconds."""
        place = self.place(name)
        watch = Watch()
        clusters = SIDES[side](name, pq.read_table(place / "records.parquet"), place, watch)
        if clusters is not None:
            pq.write_table(clusters, place / f"{side}.parquet")
        (place / f"{side}.json").write_text(json.dumps({"wall": watch.wall, "cpu": watch.cpu}), encoding="utf-8")

    def run(self, side: str, name: str) -> Run:
        """Do one side's work on a set in a process of its own."""
        place = self.place(name)
        (place / f"{side}.json").unlink(missing_ok=True)
        again = [sys.executable, __file__, "--folder", str(self.folder), "--work", side, "--sets", name]
        process = run_once(again)
        told = json.loads((place / f"{side}.json").read_text(encoding="utf-8"))
        return Run(told["wall"], told["cpu"], process)

    def score(self, side: str, name: str) -> dict[str, Any]:
        """Return how the clusters of one side agree with the truth of a set; ValueError when a record has no cluster."""
        place = self.place(name)
        truth, found = pq.read_table(place / "truth.parquet"), pq.read_table(place / f"{side}.parquet")
        if found.num_rows != truth.num_rows:
            raise ValueError(f"{side} gave {found.num_rows} records a cluster, {name} has {truth.num_rows}")
        at = pc.index_in(truth[RECORD], found["record"].combine_chunks())
        if at.null_count:
            raise ValueError(f"{side} gave {at.null_count} records of {name} no cluster")
        clusters = found["cluster"].combine_chunks().take(at.combine_chunks()).dictionary_encode().indices
        persons = truth["truth"].combine_chunks().dictionary_encode().indices
        return score_clusters(persons.to_numpy(), clusters.to_numpy(zero_copy_only=False)).as_facts()

    def quality(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the agreement of every side on every set, with its seconds."""
        found: dict[str, Any] = {}
        for name in names:
            sides = [s for s in QUALITY_SIDES if kind_of(name) == "bank" or s not in BANK_ONLY]
            found[name] = {side: {**_told(self.run(side, name)), **self.score(side, name)} for side in sides}
        return found


def _told(run: Run) -> dict[str, Any]:
    seconds, cpu, peak = run.process
    process = {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "peak_mb": round(peak)}
    parts = {p: {"seconds": run.wall[p], "cpu_seconds": run.cpu[p]} for p in run.wall}
    return {
        "seconds": round(run.seconds, 3),
        "cpu_seconds": round(run.cpu_seconds, 3),
        "parts": parts,
        "process": process,
    }


def medians(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the medians of several runs of one work, each part's for itself."""
    wall = {p: round(statistics.median(r.wall[p] for r in runs), 3) for p in runs[0].wall}
    cpu = {p: round(statistics.median(r.cpu[p] for r in runs), 3) for p in runs[0].cpu}
    seconds, used, peak = (statistics.median(r.process[i] for r in runs) for i in range(3))
    return {**_told(Run(wall, cpu, (seconds, used, peak))), "runs": [round(r.seconds, 3) for r in runs]}


def measure_times(bench: Bench, name: str, repeats: int) -> dict[str, Any]:
    """Return medians of each side's work on a set, run in turn, and ratios to the whole of plain Splink's, pair by pair.

    ``train_ratio`` is our training over the peer's, each from records as they come; ``apply_ratio`` our applying of a fitted model to
    standardised records, as a night keeps them, over all that the peer does; ``standardise_and_apply_ratio`` with standardising them
    first; ``apply_to_apply_ratio`` our applying over the peer's applying of a fitted model.
    """
    sides = ("splink", "ours_fit", "ours_apply", "splink_apply", "rules")
    runs: dict[str, list[Run]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            runs[side].append(bench.run(side, name))
    whole, trained, from_records = (_of(runs, side) for side in ("splink", "ours_fit", "ours_apply"))
    applied = [_of_parts(run, ("apply",)) for run in runs["ours_apply"]]
    training = [_of_parts(run, ("load", "train")) for run in runs["splink"]]
    ratios = {
        "train_ratio": _ratios(trained, training),
        "apply_ratio": _ratios(applied, whole),
        "standardise_and_apply_ratio": _ratios(from_records, whole),
        "apply_to_apply_ratio": _ratios(applied, _of(runs, "splink_apply")),
    }
    scores = {side: bench.score(side, name)["f1"] for side in ("ours_apply", "splink")}
    return {"ratios": ratios, "f1": scores, **{side: medians(r) for side, r in runs.items()}}


def _of(runs: Mapping[str, list[Run]], side: str) -> list[Pair]:
    return [(run.seconds, run.cpu_seconds) for run in runs[side]]


def _of_parts(run: Run, parts: Sequence[str]) -> Pair:
    return sum(run.wall[p] for p in parts), sum(run.cpu[p] for p in parts)


def _ratios(ours: Sequence[Pair], peer: Sequence[Pair]) -> dict[str, Any]:
    """Return the medians of the ratios pair by pair, of wall and of CPU seconds, with the spread of the former."""
    wall = sorted(a[0] / b[0] for a, b in zip(ours, peer, strict=True))
    cpu = [a[1] / b[1] for a, b in zip(ours, peer, strict=True)]
    spread = [round(wall[0], 3), round(wall[-1], 3)]
    return {"wall": round(statistics.median(wall), 3), "spread": spread, "cpu": round(statistics.median(cpu), 3)}


def measure_growth(bench: Bench, repeats: int) -> dict[str, Any]:
    """Return the cost of applying at 100 thousand and at a million records, and by how much it grew; each with its own model."""
    sides, names = ("ours_apply", "splink_apply"), ("bank_100k", "bank_1m")
    found: dict[str, Any] = {}
    for name in names:
        trained = {side: _told(bench.run(side, name)) for side in ("ours_fit", "splink")}
        runs = {side: [bench.run(side, name) for _ in range(repeats)] for side in sides}
        found[name] = {
            "training": trained, **{side: {**medians(r), **bench.score(side, name)} for side, r in runs.items()},
        }  # fmt: skip
    small, large = (found[n] for n in names)
    found["growth"] = {
        side: {
            "seconds": round(large[side]["seconds"] / small[side]["seconds"], 2),
            "cpu_seconds": round(large[side]["cpu_seconds"] / small[side]["cpu_seconds"], 2),
        }
        for side in sides
    }
    return found


def main() -> None:
    """Measure, or do one side's work in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=("quality", "time", "growth"), default="quality")
    parser.add_argument("--sets", nargs="+", choices=tuple(SETS), default=None)
    parser.add_argument(
        "--folder", type=Path, default=default_folder(), help="where sets and results lie; sets are kept"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", choices=tuple(SIDES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    bench = Bench(options.folder)
    if options.work:
        bench.work(options.work, options.sets[0])
    elif options.what == "quality":
        report(quality=bench.quality(options.sets or DEFAULT_SETS))
    elif options.what == "time":
        name = (options.sets or ("bank_100k",))[0]
        report(set=name, time=measure_times(bench, name, options.repeats))
    else:
        report(growth=measure_growth(bench, options.repeats))


if __name__ == "__main__":
    main()

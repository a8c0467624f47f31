"""A whole project on a simulated bank whose nights are run as processes, watched, killed and compared."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from zhike.pipeline.scaffold import make_project
from zhike.simulator import BankPlan, simulate
from zhike.warehouse import Warehouse
from zhike.warehouse.manifest import Manifest

ROOT = Path(__file__).resolve().parents[2]
ZHIKE = (sys.executable, "-c", "from zhike.cli.main import main; main()")
LAST_DAY = date(2025, 6, 30)
Rows = list[str]


@dataclass(frozen=True, slots=True)
class Place:
    """A project and the folder in which its bank delivers."""

    project: Path
    data: Path

    @property
    def state(self) -> Path:
        """Folder of everything that zhike writes."""
        return self.project / ".zhike"

    @property
    def warehouse(self) -> Warehouse:
        """The versions of the project's tables."""
        return Warehouse(self.state / "warehouse")

    def copy(self, project: Path) -> Place:
        """Return a copy of the project, with the same keys, over the same files of the bank."""
        shutil.copytree(self.project, project)
        return Place(project, self.data)


def make_place(folder: Path, *, n_customers: int, n_days: int) -> Place:
    """Simulate a bank and make a project on the standard pack over it."""
    bank = simulate(BankPlan(n_customers, n_days, 7, LAST_DAY), folder / "bank")
    make_project(folder / "project", name="Killed Bank", approval="on_apply")
    shutil.copyfile(bank.mapping_file, folder / "project" / "mapping.yaml")
    return Place(folder / "project", bank.data_folder)


@contextmanager
def started(place: Place, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start ``zhike WORDS`` as the head of a process group of its own; whatever is left of it is ended afterwards."""
    path = os.pathsep.join(p for p in (str(ROOT / "src"), os.environ.get("PYTHONPATH", "")) if p)
    environment = {**os.environ, "PYTHONPATH": path, "ZHIKE_LANGUAGE": "en"}
    with (place.project.parent / f"{place.project.name}.out").open("w") as out:
        process = subprocess.Popen(
            [*ZHIKE, *words], cwd=place.project, stdout=out, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            if members(process.pid):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stderr is not None:
                process.stderr.close()


def night(place: Place, day: str) -> tuple[str, ...]:
    """Return the words that run one night."""
    return ("run", "--data", str(place.data), "--as-of", day)


def members(group: int) -> list[int]:
    """Return the processes of a group that are still running."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the worker processes of a run."""
    return sorted(p for p in members(process.pid) if p != process.pid)


def wait_until(holds: Callable[[], bool], *, seconds: float) -> bool:
    """Return whether something comes to hold within some seconds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def published(place: Place) -> dict[str, bytes]:
    """Return every manifest, byte by byte."""
    folder = place.state / "warehouse"
    return {p.name: p.read_bytes() for p in (*folder.glob("manifest.json"), *folder.glob("manifests/[0-9]*.json"))}


def assert_readable(place: Place, manifest: Manifest) -> None:
    """Every table of a manifest is there and has the rows that the manifest says."""
    for entry in manifest.entries.values():
        found = sum(pq.read_metadata(p).num_rows for p in place.warehouse.paths(entry))
        assert found == entry.n_rows, entry.label


def contents(place: Place, number: int) -> dict[tuple[str, str], Rows]:
    """Return all rows of all tables of a manifest, in an order of their own."""
    entries = place.warehouse.manifest(number).entries
    return {
        k: sorted(repr(row) for p in place.warehouse.paths(e) for row in pq.read_table(p).to_pylist())
        for k, e in entries.items()
    }


def models(place: Place) -> dict[str, bytes]:
    """Return every file of every model."""
    folder = place.state / "models"
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


__all__ = [
    "Place", "assert_readable", "contents", "make_place", "members", "models", "night", "published", "started", "wait_until", "workers_of",
]  # fmt: skip

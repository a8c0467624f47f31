"""Chunks drawn by several processes leave in the order of chunks, and a process that ends is never waited for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from zhike.kernel.errors import BadInput, Bug
from zhike.simulator.arrays import ArrowTable
from zhike.simulator.files.columns import to_table
from zhike.simulator.files.terms import Data, FileSpec, Write, integer
from zhike.simulator.sharing import ChunkWorkers

DAY = date(2025, 6, 30)
SPEC = FileSpec("numbers", "NUM", "core", "number", columns=(integer("N"),))


class Collector:
    """Keeps what is written, row by row."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def write(self, spec: FileSpec, day: date, rows: Data | ArrowTable) -> None:
        assert (spec, day) == (SPEC, DAY)
        self.rows += to_table(spec, rows).column("N").to_pylist()


def slow_at_first(chunk: int, write: Write) -> str:
    """Write three pieces; the first chunk takes longest, so that others are through before it."""
    for piece in range(3):
        time.sleep(0.15 if chunk == 0 else 0.0)
        write(SPEC, DAY, {"N": np.array([chunk * 10 + piece])})
    return f"chunk {chunk}"


@pytest.mark.parametrize("n_workers", [0, 1, 2, 3, 8])
def test_rows_and_results_come_in_the_order_of_chunks(n_workers: int, tmp_path: Path) -> None:
    collector = Collector()
    with ChunkWorkers(slow_at_first, {SPEC.name: SPEC}, tmp_path / "spool", n_workers=n_workers) as workers:
        results = list(workers.draw(6, collector.write))
    assert results == [f"chunk {c}" for c in range(6)]
    assert collector.rows == [c * 10 + piece for c in range(6) for piece in range(3)]
    assert not multiprocessing.active_children()
    assert not (tmp_path / "spool").exists()


def test_what_a_chunk_wrote_is_there_when_its_result_is_told(tmp_path: Path) -> None:
    collector = Collector()
    with ChunkWorkers(slow_at_first, {SPEC.name: SPEC}, tmp_path / "spool", n_workers=2) as workers:
        for chunk, _ in enumerate(workers.draw(3, collector.write)):
            assert collector.rows == [c * 10 + piece for c in range(chunk + 1) for piece in range(3)]


def ends_itself(chunk: int, write: Write) -> None:
    write(SPEC, DAY, {"N": np.array([chunk])})
    if chunk == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_an_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with (
        pytest.raises(Bug) as told,
        ChunkWorkers(ends_itself, {SPEC.name: SPEC}, tmp_path / "spool", n_workers=2) as workers,
    ):
        list(workers.draw(4, Collector().write))
    assert told.value.code == "simulator.worker_ended"
    assert not multiprocessing.active_children()
    assert not (tmp_path / "spool").exists()


def refuses(chunk: int, write: Write) -> None:
    if chunk == 1:
        raise BadInput("simulator.plan", zh="不行", en="no")


def breaks(chunk: int, write: Write) -> None:
    if chunk == 1:
        raise KeyError("lost")


def test_an_error_of_ours_comes_as_it_is_and_any_other_with_its_text(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no"), ChunkWorkers(refuses, {}, tmp_path / "spool", n_workers=2) as workers:
        list(workers.draw(3, Collector().write))
    with (
        pytest.raises(Bug, match="KeyError: 'lost'") as told,
        ChunkWorkers(breaks, {}, tmp_path / "spool", n_workers=2) as workers,
    ):
        list(workers.draw(3, Collector().write))
    assert told.value.code == "simulator.chunk_failed"
    assert not multiprocessing.active_children()
    assert not (tmp_path / "spool").exists()


SCRIPT = """
import os, sys, time
from pathlib import Path
from zhike.simulator.sharing import ChunkWorkers

def task(chunk, write):
    os.write(1, b"%d\\n" % os.getpid())  # in one piece: two workers write to one pipe
    time.sleep(60)

with ChunkWorkers(task, {}, Path(sys.argv[1]), n_workers=2) as workers:
    list(workers.draw(2, lambda *_: None))
"""


def is_running(pid: int) -> bool:
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    assert all(is_running(pid) for pid in workers)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [pid for pid in workers if is_running(pid)]

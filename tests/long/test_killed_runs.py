"""A run killed at any moment leaves the earlier version readable, and the next run ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.long.tiny_run import CONTRACTS, N_STEPS
from zhike.warehouse import Warehouse

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
N_KILLS = 40


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.long.tiny_run", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def contents(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    warehouse = Warehouse(folder / "warehouse")
    manifest = warehouse.current()
    assert manifest is not None
    rows = {}
    for entry in manifest.entries.values():
        table = pa.concat_tables([pq.read_table(p) for p in warehouse.paths(entry)]).select(
            list(CONTRACTS[entry.table].column_names)
        )
        rows[entry.table] = sorted(zip(*(c.to_pylist() for c in table.columns), strict=True))
    return rows


def test_a_run_killed_at_random_moments_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    begun = time.monotonic()
    assert start(whole).wait() == 0
    seconds = time.monotonic() - begun
    moments = random.Random(7)
    n_killed = 0
    for attempt in range(N_KILLS):
        process = start(killed)
        time.sleep(moments.uniform(0.3, 1.0) * seconds)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            n_killed += 1
        process.wait()
        if (killed / "warehouse" / "manifest.json").exists():
            assert contents(killed) == contents(whole), f"attempt {attempt}"
            for path in (killed / "warehouse").glob("manifest*"):  # begin again, with what the finished steps left
                path.unlink() if path.is_file() else [p.unlink() for p in path.iterdir()]
            for record in sorted((killed / "warehouse" / "steps").glob("*.json"))[: moments.randrange(N_STEPS)]:
                record.unlink()
    assert n_killed > N_KILLS / 4
    assert start(killed).wait() == 0
    assert contents(killed) == contents(whole)


def test_a_resumed_run_does_not_repeat_finished_steps(tmp_path: Path) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step05"):
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    again = start(tmp_path)
    out, _ = again.communicate()
    states = dict(line.split() for line in out.splitlines())
    assert all(states[f"step{i:02d}"] == "reused" for i in range(6))
    assert states["step11"] == "ran"

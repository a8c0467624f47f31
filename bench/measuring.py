"""Time commands as whole processes, in turn with a peer, so that a ratio holds when the machine's speed drifts."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

SAMPLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Timing:
    """Medians over the counted runs of one command; ``peak_mb`` is of the process with all its children together."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    runs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours beside a peer; ``ratio`` is the median of the ratios pair by pair, ours / peer."""

    name: str
    ours: Timing
    peer: Timing
    ratio: float
    spread: tuple[float, float]


def _descendants(pid: int) -> list[int]:
    """Return a process and its descendants, as far as the system tells."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                waiting += [int(n) for n in children.read_text().split()]
            except OSError:  # ended meanwhile
                continue
    return found


def _held_mb(pid: int) -> float:
    """Return the memory of a process, pages that it shares counted in parts; 0 when it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)


@dataclass(slots=True)
class _Watch:
    """The most memory that a process and its children held together, by samples; 0 where the system tells nothing."""

    pid: int
    peak_mb: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        while not self.over.wait(SAMPLE_SECONDS):
            self.peak_mb = max(self.peak_mb, sum(map(_held_mb, _descendants(self.pid))))


@contextmanager
def _watched(pid: int) -> Iterator[_Watch]:
    watch = _Watch(pid)
    looking = threading.Thread(target=watch.look, daemon=True)
    looking.start()
    try:
        yield watch
    finally:
        watch.over.set()
        looking.join()


def run_once(command: Sequence[str]) -> tuple[float, float, float]:
    """Return (wall seconds, CPU seconds, peak MB) of one run, its children included; RuntimeError when it fails."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    with _watched(process.pid) as watch:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.monotonic()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said.decode()[-2000:]}")
    # the system's own figure counts what this process held when it forked: only where there is no other
    return ended - begun, usage.ru_utime + usage.ru_stime, watch.peak_mb or usage.ru_maxrss / 1024


def _timing(runs: Sequence[tuple[float, float, float]]) -> Timing:
    seconds, cpu, peak = (statistics.median(r[i] for r in runs) for i in range(3))
    return Timing(round(seconds, 3), round(cpu, 3), round(peak, 1), tuple(round(r[0], 3) for r in runs))


def time_command(command: Sequence[str], *, repeats: int = 3, warm_up: bool = True) -> Timing:
    """Return the medians of ``repeats`` runs after one that is not counted."""
    if warm_up:
        run_once(command)
    return _timing([run_once(command) for _ in range(repeats)])


def compare(
    name: str, ours: Sequence[str], peer: Sequence[str], *, repeats: int = 3, warm_up: bool = True
) -> Comparison:
    """Run both in turn and return medians and the ratio."""
    if warm_up:
        run_once(ours)
        run_once(peer)
    pairs = [(run_once(ours), run_once(peer)) for _ in range(repeats)]
    ratios = sorted(a[0] / b[0] for a, b in pairs)
    return Comparison(
        name, _timing([a for a, _ in pairs]), _timing([b for _, b in pairs]),
        round(statistics.median(ratios), 3), (round(ratios[0], 3), round(ratios[-1], 3)),
    )  # fmt: skip


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    return {
        "on": datetime.now(UTC).date().isoformat(),
        "cpus": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "load": [round(v, 2) for v in os.getloadavg()],
    }


def report(*results: Comparison | Timing, **facts: object) -> None:
    """Print results as one JSON object on stdout."""
    body = {"machine": machine(), **facts, "results": [asdict(r) for r in results]}
    json.dump(body, sys.stdout, ensure_ascii=False, indent=2)
    print()


__all__ = ["Comparison", "Timing", "compare", "machine", "report", "run_once", "time_command"]

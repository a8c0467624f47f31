"""Time commands as whole processes, in turn with a peer, so that a ratio holds when the machine's speed drifts."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Timing:
    """Medians over the counted runs of one command."""

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


def run_once(command: Sequence[str]) -> tuple[float, float, float]:
    """Return (wall seconds, CPU seconds, peak MB) of one run; RuntimeError when it fails."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said.decode()[-2000:]}")
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


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

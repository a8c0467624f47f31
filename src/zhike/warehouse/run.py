"""The run: steps in order, unchanged ones taken over, a killed one resumed, everything published together or nothing.

A step's fingerprint is a hash over its key, definition, material, the code, the day and the versions of its inputs. Its
outputs are written as drafts, moved to a folder named by that fingerprint, and recorded; a step whose record exists is
not run again, tonight or any night. Only when all steps are done does the manifest change.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from zhike.kernel.clock import Clock
from zhike.warehouse.engine import TableEngine
from zhike.warehouse.manifest import Entry, Manifest, write_atomically
from zhike.warehouse.ordering import order_steps
from zhike.warehouse.performing import Listener, Run, RunPlan, StepResult, StepState, code_fingerprint, perform_in_turn
from zhike.warehouse.store import Warehouse, keep_since
from zhike.warehouse.workers import EngineMaker, perform_among_workers

RESULTS_FILE = "run_results.json"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did; written as ``run_results.json``. ``manifest`` is None when nothing was published."""

    run_id: str
    as_of: str
    manifest: int | None
    is_current: bool
    seconds: float
    peak_memory_mb: int
    steps: tuple[StepResult, ...]

    @property
    def is_published(self) -> bool:
        """Whether a manifest was published."""
        return self.manifest is not None


def _carried(base: Manifest | None, plan: RunPlan) -> dict[tuple[str, str], Entry]:
    """What earlier days wrote into a log stays; batches and definitions that are gone do not."""
    if base is None:
        return {}
    logs = {c.name for c in plan.contracts.values() if c.partitioned_by == "log"}
    return {k: e for k, e in base.entries.items() if k[0] in logs}


def run_steps(
    warehouse: Warehouse,
    engine: TableEngine | EngineMaker,
    plan: RunPlan,
    *,
    clock: Clock,
    results: Path,
    listen: Listener | None = None,
    workers: int = 1,
) -> RunResult:
    """Run a plan and publish it as one manifest, or publish nothing.

    Parameters
    ----------
    engine : an open engine; with several workers, the function by which each opens its own.
    results : folder that receives ``<run_id>/run_results.json``, also when a step fails.
    listen : called with (step key, None) when a step starts and (step key, result) when it ends.
    workers : processes among which independent steps are shared.

    Raises
    ------
    ZhikeError : from the failing step, after the results are written; what was published before stays readable.
    Conflict : another run is in progress.
    """
    begun = time.monotonic()
    with warehouse.writing():
        earlier = warehouse.latest(before=plan.as_of)
        run = Run(
            run_id=_new_run_id(results, plan.as_of, clock),
            warehouse=warehouse,
            plan=plan,
            clock=clock,
            earlier=earlier.entries if earlier else {},
            entries=_carried(warehouse.latest(until=plan.as_of), plan),
        )
        ordered = order_steps(plan.steps)
        if callable(engine):
            outcomes, failure, peak = perform_among_workers(run, engine, ordered, listen, n_workers=workers)
        else:
            outcomes, failure, peak = perform_in_turn(run, engine, ordered, listen)
        manifest = None if failure else run.publish()
        current = warehouse.current()
        result = RunResult(
            run_id=run.run_id,
            as_of=plan.as_of.isoformat(),
            manifest=manifest,
            is_current=manifest is not None and current is not None and current.number == manifest,
            seconds=round(time.monotonic() - begun, 3),
            peak_memory_mb=peak,
            steps=outcomes,
        )
        text = json.dumps(asdict(result), ensure_ascii=False, indent=1, default=str)
        write_atomically(results / run.run_id / RESULTS_FILE, text)
        if failure is not None:
            raise failure
        warehouse.forget(keep_versions=plan.keep_versions, keep_since=keep_since(clock.now(), plan.keep_hours))
    return result


def _new_run_id(results: Path, as_of: date, clock: Clock) -> str:
    stamp = f"{as_of:%Y%m%d}-{clock.now():%Y%m%dT%H%M%S}"
    taken = sum(1 for _ in results.glob(f"{stamp}*"))
    return stamp if not taken else f"{stamp}-{taken + 1}"


__all__ = [
    "RESULTS_FILE",
    "Listener",
    "RunPlan",
    "RunResult",
    "StepResult",
    "StepState",
    "code_fingerprint",
    "run_steps",
]

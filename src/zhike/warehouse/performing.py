"""One run under way: its steps performed, taken over, and published. What a run is made of; ``run`` drives it."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import zhike
from zhike.kernel.clock import Clock
from zhike.kernel.errors import Bug, ZhikeError
from zhike.kernel.hashing import file_fingerprint, fingerprint
from zhike.warehouse.catalog import open_catalog
from zhike.warehouse.contracts import Contract
from zhike.warehouse.engine import TableEngine
from zhike.warehouse.manifest import Entry, Manifest
from zhike.warehouse.ordering import dependencies, most_urgent, urgencies
from zhike.warehouse.steps import Input, Output, Step, StepContext
from zhike.warehouse.store import FinishedStep, Warehouse

SHELL = ("cli", "backoffice", "serving", "public", "report", "standard")


class StepState(StrEnum):
    """How a step of a run ended."""

    RAN = "ran"
    REUSED = "reused"
    FAILED = "failed"
    NOT_REACHED = "not_reached"


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step of a run did; ``engine`` is where it ran, "" when it did not."""

    key: str
    state: StepState
    seconds: float = 0.0
    rows: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    engine: str = ""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to run: the steps, their contracts, the day, and the definitions frozen into the run."""

    steps: Sequence[Step]
    contracts: Mapping[str, Contract]
    as_of: date
    definitions: Mapping[str, str] = field(default_factory=dict)
    keep_versions: int = 7
    keep_hours: int = 48


Listener = Callable[[str, StepResult | None], None]


@cache
def code_fingerprint() -> str:
    """Return a hash of the code that makes tables: the package without its shell."""
    root = Path(zhike.__file__).parent
    files = (p for p in sorted(root.rglob("*.py")) if p.relative_to(root).parts[0] not in SHELL)
    return fingerprint([(str(p.relative_to(root)), file_fingerprint(p)) for p in files])


@dataclass(frozen=True, slots=True)
class _Planned:
    """A step of this run with what it will read: ``mark`` is the fingerprint of all that its result depends on."""

    step: Step
    mark: str
    inputs: tuple[str, ...]
    visible: Mapping[tuple[str, str], Entry]
    lagged: Mapping[tuple[str, str], Entry]


@dataclass(frozen=True, slots=True)
class Run:
    """One run under way: what it works with, and its entries so far (``entries`` grows step by step)."""

    run_id: str
    warehouse: Warehouse
    plan: RunPlan
    clock: Clock
    earlier: Mapping[tuple[str, str], Entry]
    entries: dict[tuple[str, str], Entry]

    def perform(self, steps: Sequence[Step], engine: TableEngine) -> list[StepResult]:
        """Do one step, or several of a family together; take over what those left that nothing has changed."""
        begun = time.monotonic()
        planned = [self._planned(step) for step in steps]
        found = {p.step.key: self._left(p) for p in planned}
        due = [p for p in planned if found[p.step.key] is None]
        contexts = [self._context(p, _engine_of(p.step, engine)) for p in due]
        for p, context, metrics in zip(due, contexts, _work_of(contexts), strict=True):
            found[p.step.key] = done = FinishedStep(tuple(self._adopt(context, o, p) for o in p.step.writes), metrics)
            self.warehouse.finish(p.mark, done)
        seconds = (time.monotonic() - begun) / len(steps)
        ran = {p.step.key for p in due}
        where = _engine_of(steps[0], engine).name
        told = [
            self._told(k, f, StepState.RAN if k in ran else StepState.REUSED, seconds) for k, f in found.items() if f
        ]
        return [replace(r, engine=where) if r.state is StepState.RAN else r for r in told]

    def _planned(self, step: Step) -> _Planned:
        visible = _select(self.entries, [r for r in step.reads if not r.lag])
        lagged = _select(self.earlier, [r for r in step.reads if r.lag])
        inputs = (*sorted(e.label for e in visible.values()), *sorted(f"~{e.label}" for e in lagged.values()))
        return _Planned(step, self._mark(step, inputs), inputs, visible, lagged)

    def _left(self, planned: _Planned) -> FinishedStep | None:
        """Return what an earlier run left of a step, unless some of it has been lost."""
        found, is_intact = self.warehouse.finished(planned.mark), planned.step.is_intact
        return None if found is None or (is_intact is not None and not is_intact(found.metrics)) else found

    def _told(self, key: str, found: FinishedStep, state: StepState, seconds: float) -> StepResult:
        self.entries.update({e.identity: e for e in found.entries})
        rows = {f"{e.table}/{e.partition}" if e.partition else e.table: e.n_rows for e in found.entries}
        return StepResult(key, state, round(seconds, 3), rows, found.metrics)

    def _mark(self, step: Step, inputs: tuple[str, ...]) -> str:
        shapes = [self.plan.contracts[o.table].column_names for o in step.writes]
        day = self.plan.as_of if step.is_dated else ""
        return fingerprint(step.key, step.definition, step.material, code_fingerprint(), day, inputs, shapes)

    def _context(self, planned: _Planned, engine: TableEngine) -> StepContext:
        reads = planned.step.reads
        tables, earlier = ({r.table for r in reads if bool(r.lag) == lag} for lag in (False, True))
        contracts = self.plan.contracts
        return StepContext(
            step=planned.step,
            as_of=self.plan.as_of,
            run_id=self.run_id,
            engine=engine,
            contracts=contracts,
            tables=open_catalog(engine, self.warehouse, contracts, planned.visible, declared=tables),
            previous=open_catalog(engine, self.warehouse, contracts, planned.lagged, declared=earlier),
            draft=lambda table, partition: self.warehouse.draft(self.run_id, table, partition),
        )

    def _adopt(self, context: StepContext, output: Output, planned: _Planned) -> Entry:
        step = planned.step
        if (output.table, output.partition) not in context.written:
            what = f"{step.key}: {output.table}/{output.partition}"
            raise Bug(
                "warehouse.output_missing",
                zh=f"步骤没有写出 {what}",
                en=f"a step did not write what it declares, {what}",
            )
        files = context.files_of(output.table, output.partition)
        entry = Entry(
            table=output.table,
            partition=output.partition,
            version=planned.mark[:20],
            run_id=self.run_id,
            step=step.key,
            as_of=self.plan.as_of.isoformat(),
            definition=step.definition,
            inputs=planned.inputs,
            n_rows=context.written[(output.table, output.partition)],
            n_bytes=sum(f.stat().st_size for f in files),
            written_at=self.clock.now().isoformat(timespec="seconds"),
            n_files=len(files),
        )
        self.warehouse.adopt(files[0], entry)
        return entry

    def publish(self) -> int:
        """Publish, unless exactly this is published for the day already; return the manifest's number."""
        before = self.warehouse.latest(until=self.plan.as_of)
        manifest = Manifest(
            number=max(self.warehouse.numbers(), default=0) + 1,
            run_id=self.run_id,
            as_of=self.plan.as_of,
            published_at=self.clock.now().isoformat(timespec="seconds"),
            entries=self.entries,
            definitions=self.plan.definitions,
        )
        if before is not None and replace(manifest, **_stamp(before)) == before:
            manifest = before  # published again all the same: a run may have been killed before it became current
        self.warehouse.publish(manifest)
        return manifest.number


def _engine_of(step: Step, engine: TableEngine) -> TableEngine:
    """Return the engine that a step runs on: the one of the run when the step is made for either, else DuckDB."""
    return engine if step.is_portable else engine.in_process


def _stamp(manifest: Manifest) -> dict[str, Any]:
    return {"number": manifest.number, "run_id": manifest.run_id, "published_at": manifest.published_at}


def _select(entries: Mapping[tuple[str, str], Entry], reads: Sequence[Input]) -> dict[tuple[str, str], Entry]:
    wanted = {(r.table, r.partition) for r in reads}
    return {k: e for k, e in entries.items() if (k[0], None) in wanted or k in wanted}


def peak_memory_mb() -> int:
    """Return the most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _work_of(contexts: Sequence[StepContext]) -> Sequence[Mapping[str, Any]]:
    """Do the work of steps of one family together, of any other step alone; return what each reports."""
    if len(contexts) > 1 and (family := contexts[0].step.family) is not None:
        return family.work(contexts)
    return [c.step.work(c) or {} for c in contexts]


@dataclass(frozen=True, slots=True)
class Performed:
    """What became of steps that were begun together: their results, and the error that ended the last of them."""

    results: tuple[StepResult, ...]
    error: BaseException | None = None


def perform_together(run: Run, steps: Sequence[Step], engine: TableEngine) -> Performed:
    """Do steps together; when that fails, one by one up to the first that fails, so that the culprit is named."""
    try:
        return Performed(tuple(run.perform(steps, engine)))
    except BaseException as error:  # noqa: BLE001 - told to the run, which writes its results and raises it
        if len(steps) == 1 or not isinstance(error, Exception):
            text = describe_error(error)
            where = _engine_of(steps[0], engine).name
            return Performed(tuple(StepResult(s.key, StepState.FAILED, error=text, engine=where) for s in steps), error)
    done: list[StepResult] = []
    for step in steps:
        one = perform_together(run, [step], engine)
        done += one.results
        if one.error is not None:
            return Performed(tuple(done), one.error)
    return Performed(tuple(done))


def perform_in_turn(
    run: Run, engine: TableEngine, ordered: Sequence[Step], listen: Listener | None
) -> tuple[tuple[StepResult, ...], BaseException | None, int]:
    """Perform steps one after another until one fails; return what each did, the failure and the peak memory in MB."""
    needs = dependencies(ordered)
    urgency = urgencies(ordered, needs)
    waiting = {s.key: s for s in ordered}
    finished: dict[str, StepResult] = {}
    failure: BaseException | None = None
    while waiting and failure is None:
        chosen = most_urgent([s for k, s in waiting.items() if needs[k] <= finished.keys()], urgency)
        for step in chosen:
            del waiting[step.key]
            tell(listen, step.key, None)
        performed = perform_together(run, chosen, engine)
        failure = performed.error
        for result in performed.results:
            finished[result.key] = result
            tell(listen, result.key, result)
    return in_order(ordered, finished), failure, peak_memory_mb()


def in_order(ordered: Sequence[Step], finished: Mapping[str, StepResult]) -> tuple[StepResult, ...]:
    """Return a result for each step, in order; those that were never begun say so."""
    return tuple(finished.get(s.key, StepResult(s.key, StepState.NOT_REACHED)) for s in ordered)


def describe_error(error: BaseException) -> str:
    """Return what a failed step says in the results; foreign errors by type and text."""
    return str(error) if isinstance(error, ZhikeError) else f"{type(error).__name__}: {error}"


def tell(listen: Listener | None, key: str, result: StepResult | None) -> None:
    """Tell a listener, if there is one."""
    if listen is not None:
        listen(key, result)


__all__ = [
    "Listener",
    "Performed",
    "Run",
    "RunPlan",
    "StepResult",
    "StepState",
    "code_fingerprint",
    "describe_error",
    "in_order",
    "peak_memory_mb",
    "perform_in_turn",
    "perform_together",
    "tell",
]

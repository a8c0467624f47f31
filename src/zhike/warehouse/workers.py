"""Independent steps shared among processes: each worker has its own engine, and what they exchange are files and entries.

Planning queries is Python's work and holds one core; the engine's threads cannot help there. Workers are forked once, before
any engine is open in them, and die with the run.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from zhike.kernel.errors import Bug, ZhikeError
from zhike.kernel.processes import become_worker
from zhike.warehouse.engine import Engine
from zhike.warehouse.manifest import Entry
from zhike.warehouse.ordering import dependencies, most_urgent, urgencies
from zhike.warehouse.performing import (
    Listener,
    Performed,
    Run,
    StepResult,
    StepState,
    describe_error,
    in_order,
    peak_memory_mb,
    perform_together,
    tell,
)
from zhike.warehouse.steps import Step

EngineMaker = Callable[[], Engine]


@dataclass(frozen=True, slots=True)
class _Done:
    """What a worker sends back: what became of its steps, the entries they made, and the most memory it has held."""

    performed: Performed
    entries: Mapping[tuple[str, str], Entry]
    peak_mb: int


def _portable(error: BaseException) -> BaseException:
    """Return an error that can cross the pipe: ours as it is, others as Bug with type and text."""
    if isinstance(error, ZhikeError):
        return error
    told = describe_error(error)
    return Bug("run.step_failed", zh=f"步骤内部错误：{told}", en=f"a step failed inside: {told}")


def _serve(connection: Connection, run: Run, steps: Mapping[str, Step], make_engine: EngineMaker, parent: int) -> None:
    """Perform the steps that are asked for until None is; forked workers hold one another's pipes, so no pipe just closes."""
    become_worker(parent)
    engine = make_engine()
    try:
        while True:
            asked = connection.recv()
            if asked is None:
                return
            keys, entries = asked
            mine = replace(run, entries=dict(entries))
            performed = perform_together(mine, [steps[k] for k in keys], engine)
            if performed.error is not None:
                performed = replace(performed, error=_portable(performed.error))
            made = {k: e for k, e in mine.entries.items() if entries.get(k) != e}
            connection.send(_Done(performed, made, peak_memory_mb()))
    except EOFError:
        return
    finally:
        engine.close()


def _answer_of(connection: Connection) -> _Done | None:
    """Return what a worker sent, or None when it ended without a word."""
    try:
        answer: _Done | None = connection.recv() if connection.poll() else None
    except EOFError:
        return None
    return answer


class _Pool:
    """Forked workers, each behind a pipe; ``free`` are those without work."""

    def __init__(self, run: Run, steps: Mapping[str, Step], make_engine: EngineMaker, n_workers: int) -> None:
        context = multiprocessing.get_context("fork")
        self._processes: dict[Connection, Any] = {}
        self.free: list[Connection] = []
        self.busy: dict[Connection, Sequence[str]] = {}
        self.peaks: dict[Connection, int] = {}
        for _ in range(n_workers):
            ours, theirs = context.Pipe()
            arguments: tuple[Any, ...] = (theirs, run, steps, make_engine, os.getpid())
            process = context.Process(target=_serve, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._processes[ours] = process
            self.free.append(ours)

    def ask(self, keys: Sequence[str], entries: Mapping[tuple[str, str], Entry]) -> None:
        """Give steps that are done together to a free worker."""
        connection = self.free.pop()
        connection.send((keys, entries))
        self.busy[connection] = keys

    def next_done(self) -> list[_Done]:
        """Wait until some worker is done; a worker that died is a failed step."""
        ended = {self._processes[c].sentinel: c for c in self.busy}
        ready = wait([*self.busy, *ended])
        done = []
        for connection in [c for c in self.busy if c in ready or self._processes[c].sentinel in ready]:
            keys = self.busy.pop(connection)
            answer = _answer_of(connection)
            if answer is not None:
                self.free.append(connection)
                self.peaks[connection] = answer.peak_mb
                done.append(answer)
            else:
                named = ", ".join(keys)
                text = f"the worker of {named} ended (out of memory?)"
                error = Bug("run.worker_ended", zh=f"执行 {named} 的进程中止（内存不足？）", en=text)
                failed = tuple(StepResult(k, StepState.FAILED, error=text) for k in keys)
                done.append(_Done(Performed(failed, error), {}, 0))
        return done

    def close(self, *, now: bool) -> None:
        """End the workers; at once when ``now``."""
        for connection in self.free:
            connection.send(None)
        for process in self._processes.values():
            if now:
                process.kill()
            process.join()
        for connection in (*self.free, *self.busy):
            connection.close()


def perform_among_workers(
    run: Run, make_engine: EngineMaker, ordered: Sequence[Step], listen: Listener | None, *, n_workers: int
) -> tuple[tuple[StepResult, ...], BaseException | None, int]:
    """Perform steps as soon as what they read is written; return what each did, the first failure, the peak memory in MB."""
    needs = dependencies(ordered)
    urgency = urgencies(ordered, needs)
    waiting = {s.key: s for s in ordered}
    finished: dict[str, StepResult] = {}
    failure: BaseException | None = None
    pool = _Pool(run, waiting.copy(), make_engine, n_workers)
    try:
        while (waiting and failure is None) or pool.busy:
            while pool.free and failure is None:
                ready = [s for k, s in waiting.items() if needs[k] <= finished.keys()]
                if not ready:
                    break
                chosen = [s.key for s in most_urgent(ready, urgency)]
                for key in chosen:
                    tell(listen, key, None)
                    del waiting[key]
                pool.ask(chosen, run.entries)
            for done in pool.next_done():
                failure = failure or done.performed.error
                run.entries.update(done.entries)
                for result in done.performed.results:
                    finished[result.key] = result
                    tell(listen, result.key, result)
    except BaseException:
        pool.close(now=True)
        raise
    pool.close(now=failure is not None)
    return in_order(ordered, finished), failure, peak_memory_mb() + sum(pool.peaks.values())


__all__ = ["EngineMaker", "perform_among_workers"]

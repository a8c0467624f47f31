"""Chunks shared among forked processes that draw, and written by this one in the order of chunks.

So the bytes cannot depend on how many draw. Rows cross in files of a spool folder that this process maps and unlinks: a pipe
would copy them four times. What belongs to a later chunk waits there until its turn, at most as many chunks as there are workers.
Workers are forked before this process starts its writing thread, and die with it.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import count
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from zhike.kernel.errors import Bug, ZhikeError
from zhike.kernel.processes import become_worker
from zhike.simulator.arrays import ArrowTable, pa
from zhike.simulator.files.columns import to_table
from zhike.simulator.files.terms import Data, FileSpec, Write

T = TypeVar("T")
Task = Callable[[int, Write], T]
ROWS, DONE, FAILED = "rows", "done", "failed"


class ChunkWorkers(Generic[T]):
    """Draws chunks in ``n_workers`` forked processes; with none, or where nothing can be forked, in this process.

    Use as a context manager, entered before any thread of the caller's is started.
    """

    def __init__(self, task: Task[T], specs: Mapping[str, FileSpec], spool: Path, *, n_workers: int) -> None:
        self._task = task
        self._specs = specs
        self._spool = spool
        self._n_workers = n_workers if "fork" in multiprocessing.get_all_start_methods() else 0
        self._processes: dict[Connection, Any] = {}
        self._free: list[Connection] = []
        self._busy: dict[Connection, int] = {}

    def __enter__(self) -> ChunkWorkers[T]:
        shutil.rmtree(self._spool, ignore_errors=True)  # of a process that was killed
        if self._n_workers:
            self._spool.mkdir(parents=True)
        for _ in range(self._n_workers):
            context = multiprocessing.get_context("fork")
            ours, theirs = context.Pipe()
            arguments = (theirs, self._task, self._spool, os.getpid(), [*self._processes, ours])
            process = context.Process(target=_serve, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._processes[ours] = process
            self._free.append(ours)
        return self

    def __exit__(self, *_: object) -> None:
        for connection, process in self._processes.items():
            process.kill()  # it has handed over all that it was asked for, or nobody wants it any more
            process.join()
            connection.close()
        shutil.rmtree(self._spool, ignore_errors=True)

    def draw(self, n_chunks: int, write: Write) -> Iterator[T]:
        """Yield what the task returns for each chunk, in order; all rows of a chunk have gone to ``write`` before.

        Raises
        ------
        Bug : a worker ended without a word, or its task failed inside.
        """
        if not self._processes:
            for chunk in range(n_chunks):
                yield self._task(chunk, write)
            return
        asked = current = 0
        held: dict[int, list[tuple[FileSpec, date, ArrowTable]]] = defaultdict(list)
        done: dict[int, T] = {}
        while current < n_chunks:
            while self._free and asked < min(n_chunks, current + len(self._processes) + 1):
                connection = self._free.pop(0)
                connection.send(asked)
                self._busy[connection] = asked
                asked += 1
            for connection in [c for c in wait(list(self._busy)) if isinstance(c, Connection)]:
                chunk = self._busy[connection]
                kind, content = self._receive(connection)
                if kind == DONE:
                    done[chunk] = content
                    self._free.append(connection)
                    del self._busy[connection]
                elif chunk == current:
                    write(*content)
                else:
                    held[chunk].append(content)
            while current in done:
                yield done.pop(current)
                current += 1
                for rows in held.pop(current, ()):
                    write(*rows)

    def _receive(self, connection: Connection) -> tuple[str, Any]:
        """Return the next message of a worker: rows of a file, or what its task returned."""
        try:
            kind, content = connection.recv()
        except (EOFError, OSError) as broken:
            raise Bug(
                "simulator.worker_ended", zh="模拟进程中止（内存不足？）", en="a drawing process ended (out of memory?)"
            ) from broken
        if kind == FAILED:
            raise content
        if kind == ROWS:
            name, day, path = content
            with pa.memory_map(path) as mapped:
                table = pa.ipc.open_stream(mapped).read_all()
            Path(path).unlink()
            return kind, (self._specs[name], day, table)
        return kind, content


def _serve(connection: Connection, task: Task[T], spool: Path, parent: int, inherited: list[Connection]) -> None:
    """Draw the chunks that are asked for until this process is killed or its parent's end is closed."""
    become_worker(parent)
    for other in inherited:  # the parent's ends: as long as we hold them, no pipe of its just closes
        other.close()

    serial = count()

    def write(spec: FileSpec, day: date, rows: Data | ArrowTable) -> None:
        table = to_table(spec, rows)
        path = str(spool / f"{os.getpid()}-{next(serial)}.arrow")
        with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
        connection.send((ROWS, (spec.name, day, path)))

    while True:
        try:
            chunk = connection.recv()
        except EOFError:
            return
        try:
            message: tuple[str, Any] = (DONE, task(chunk, write))
        except Exception as caught:  # noqa: BLE001 - sent to the parent, which raises it
            message = (FAILED, _portable(caught))
        connection.send(message)


def _portable(error: Exception) -> ZhikeError:
    """Return an error that can cross the pipe: ours as it is, others as Bug with type and text."""
    if isinstance(error, ZhikeError):
        return error
    told = f"{type(error).__name__}: {error}"
    return Bug("simulator.chunk_failed", zh=f"模拟过程内部错误：{told}", en=f"drawing a chunk failed inside: {told}")


__all__ = ["ChunkWorkers", "Task"]

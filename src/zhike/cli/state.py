"""Open a project with its operational store: what most commands begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zhike.kernel.clock import Clock, SystemClock
from zhike.pipeline.project import Project, open_project
from zhike.pipeline.store import OperationsStore


@dataclass(frozen=True, slots=True)
class State:
    """A project, its store and the clock."""

    project: Project
    store: OperationsStore
    clock: Clock


def open_state(folder: Path) -> State:
    """Open the project in ``folder`` and its store, made on first use."""
    from zhike.backoffice.setup import open_store

    project = open_project(folder)
    open_store(project.settings.state)
    from zhike.backoffice.stores.operations import DatabaseStore

    return State(project, DatabaseStore(), SystemClock())


__all__ = ["State", "open_state"]

"""Open a project with its operational store: what most commands begin with.

What is published was made from approved definitions, which the store keeps. Commands that look into it read those, so that a
mistake in a file that somebody is writing hides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zhike.cli.edge import say
from zhike.kernel.clock import Clock, SystemClock
from zhike.kernel.settings import Settings, load_settings
from zhike.pipeline.definitions import approved
from zhike.pipeline.project import Project, open_project, published
from zhike.pipeline.store import OperationsStore


@dataclass(frozen=True, slots=True)
class State:
    """A project, its store and the clock."""

    project: Project
    store: OperationsStore
    clock: Clock


def open_state(folder: Path) -> State:
    """Open the project in ``folder``, with the definitions of its files, and its store, made on first use."""
    project = open_project(folder)
    return State(project, _store(project.settings), SystemClock())


def open_kept(folder: Path) -> State:
    """Open the project in ``folder`` with the approved definitions of its store; its files are not read."""
    settings = load_settings(folder)
    store = _store(settings)
    return State(Project(settings, approved(store)), store, SystemClock())


def open_for_run(folder: Path) -> State:
    """Open the project in ``folder`` for a run, which reads the files only where applying them approves them."""
    on_apply = load_settings(folder).definitions_approval == "on_apply"
    return open_state(folder) if on_apply else open_kept(folder)


def _store(settings: Settings) -> OperationsStore:
    from zhike.backoffice.setup import open_store

    open_store(settings.state)
    from zhike.backoffice.stores.operations import DatabaseStore

    return DatabaseStore()


def say_as_of(project: Project) -> None:
    """Say, on stderr, of which day what is shown is; NotFound before the first run."""
    day = published(project).as_of
    say(f"截至 {day} 日终", f"as of the close of {day}")


__all__ = ["State", "open_for_run", "open_kept", "open_state", "say_as_of"]

"""Read everything that a project says and name all that is wrong; then apply it."""

from __future__ import annotations

from datetime import datetime

from zhike.kernel.definitions import DefinitionSet
from zhike.kernel.hashing import fingerprint
from zhike.pipeline.compiled import Compiled, compile_project
from zhike.pipeline.definitions import Change, apply
from zhike.pipeline.project import Project
from zhike.pipeline.scaffold import make_missing_keys
from zhike.pipeline.store import OperationsStore
from zhike.sources import open_mapping

_compiled: dict[str, Compiled] = {}


def compiled_project(project: Project, definitions: DefinitionSet) -> Compiled:
    """Return what the given definitions of a project mean, compiled once per process; BadInput lists what is wrong."""
    settings = project.settings
    make_missing_keys(settings, is_new=project.warehouse.current() is None)
    key = settings.secret(settings.permit_key)
    hashes = [(d.kind, d.key, d.hash) for d in definitions.definitions]
    mark = fingerprint(hashes, definitions.parameters, settings.business_timezone, key.hex())
    if mark not in _compiled:
        _compiled[mark] = compile_project(definitions, settings, permit_key=key)
    return _compiled[mark]


def check_project(project: Project) -> dict[str, int]:
    """Return how many definitions of each kind, and mapping entries, a project has; BadInput lists all that is wrong."""
    compiled = compiled_project(project, project.definitions)
    entries = len(open_mapping(project.mapping, compiled.contracts).tables) if project.mapping.is_file() else 0
    return {**compiled.counts(), "mapping entries": entries}


def apply_project(project: Project, store: OperationsStore, *, by: str, at: datetime) -> list[Change]:
    """Check the definitions of the files and keep them as new versions; approve them if the project says so."""
    compiled_project(project, project.definitions)
    on_apply = project.settings.definitions_approval == "on_apply"
    return apply(store, project.definitions, by=by, at=at, approve_now=on_apply)


__all__ = ["apply_project", "check_project", "compiled_project"]

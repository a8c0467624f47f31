"""A project: its settings, its definitions on top of the standard pack, its mapping, and where its state stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from zhike.kernel.definitions import DefinitionSet, read_definitions
from zhike.kernel.errors import NotFound
from zhike.kernel.settings import Settings, load_settings
from zhike.warehouse import Warehouse
from zhike.warehouse.manifest import Manifest

MAPPING_FILE = "mapping.yaml"
DEFINITIONS_FOLDER = "conf"


@dataclass(frozen=True, slots=True)
class Project:
    """What the files of a project say. ``definitions`` are as written; a run reads the approved ones from the store."""

    settings: Settings
    definitions: DefinitionSet

    @property
    def warehouse(self) -> Warehouse:
        """The versions of the project's tables."""
        return Warehouse(self.settings.state / "warehouse")

    @property
    def runs(self) -> Path:
        """Folder of ``<run_id>/run_results.json``."""
        return self.settings.state / "runs"

    @property
    def models(self) -> Path:
        """Folder of model artifacts."""
        return self.settings.state / "models"

    @property
    def mapping(self) -> Path:
        """The bank's mapping to the table contracts."""
        return self.settings.folder / MAPPING_FILE


def standard_pack() -> Path:
    """Return the folder of the definitions that zhike ships."""
    return Path(str(files("zhike") / "standard"))


def open_project(folder: Path) -> Project:
    """Read settings and definitions of the project in ``folder``.

    Raises
    ------
    BadInput : there is no project, or a file in it cannot be read; file and line are named.
    """
    settings = load_settings(folder)
    folders = [standard_pack()] if settings.standard_pack else []
    own = settings.folder / DEFINITIONS_FOLDER
    folders += [own] if own.is_dir() else []
    return Project(settings, without(read_definitions(folders), settings.leave_out))


def without(definitions: DefinitionSet, left_out: Sequence[str]) -> DefinitionSet:
    """Return the definitions except those named as ``kind:key``; NotFound when a name is nobody's."""
    for name in left_out:
        kind, _, key = name.partition(":")
        definitions.get(kind, key)
    kept = tuple(d for d in definitions.definitions if f"{d.kind}:{d.key}" not in set(left_out))
    return DefinitionSet(kept, definitions.parameters)


def published(project: Project) -> Manifest:
    """Return what is published; NotFound before the first run."""
    manifest = project.warehouse.current()
    if manifest is None:
        raise NotFound(
            "run.none_published", zh="尚无已发布的跑批结果", en="no run has been published yet",
            todo_zh="先运行 zhike run --as-of 日期", todo_en="run `zhike run --as-of DAY` first",
        )  # fmt: skip
    return manifest


__all__ = ["MAPPING_FILE", "Project", "open_project", "published", "standard_pack"]

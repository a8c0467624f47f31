"""What a machine must have to run zhike, examined one by one."""

from __future__ import annotations

import ctypes.util
import importlib
import importlib.metadata
import os
import shutil
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

PYTHON_FLOOR = (3, 11)
SQLITE_FLOOR = (3, 31)
MEMORY_FLOOR_GB = 4
DISK_FLOOR_GB = 2
PINNED = {"duckdb": "1.5.5", "ibis-framework": "12.0.0"}
IMPORTED = ("duckdb", "ibis", "pyarrow", "numpy", "scipy", "sklearn", "lightgbm", "django", "vl_convert")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined: what was found, and what to do when it is not good enough."""

    name: str
    is_ok: bool
    found: str
    todo: str = ""


def _python() -> Finding:
    good = sys.version_info >= PYTHON_FLOOR
    return Finding("python", good, sys.version.split()[0], "" if good else "install Python 3.11 or newer")


def _sqlite() -> Finding:
    good = sqlite3.sqlite_version_info >= SQLITE_FLOOR
    return Finding("sqlite", good, sqlite3.sqlite_version, "" if good else "install a Python with SQLite 3.31 or newer")


def _openmp() -> Finding:
    found = ctypes.util.find_library("gomp")
    todo = "" if found else "install libgomp1 (Debian, Ubuntu) or libgomp (RHEL, openEuler)"
    return Finding("libgomp", found is not None, found or "none", todo)


def _library(name: str) -> Finding:
    try:
        importlib.import_module(name)
    except (ImportError, OSError) as error:
        return Finding(name, is_ok=False, found=str(error).splitlines()[0], todo="install with: make install")
    return Finding(name, is_ok=True, found="imports")


def _pin(name: str, wanted: str) -> Finding:
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(f"{name} version", is_ok=False, found="none", todo="install with: make install")
    good = found == wanted
    return Finding(f"{name} version", good, found, "" if good else f"this release is held to {name} {wanted}")


def _memory() -> Finding:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    good = size >= MEMORY_FLOOR_GB * 0.9
    return Finding(
        "memory", good, f"{size:.1f} GB", "" if good else f"{MEMORY_FLOOR_GB} GB are needed for a million customers"
    )


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder if folder.exists() else Path.cwd()).free / 2**30
    good = free >= DISK_FLOOR_GB
    return Finding("disk", good, f"{free:.1f} GB free", "" if good else f"free at least {DISK_FLOOR_GB} GB")


def _project(folder: Path) -> list[Finding]:
    from zhike.kernel.errors import ZhikeError
    from zhike.kernel.settings import SETTINGS_FILE, load_settings

    if not (folder / SETTINGS_FILE).is_file():
        return [Finding("project", is_ok=True, found="none here", todo="make one with: zhike init DIR")]
    try:
        settings = load_settings(folder)
    except ZhikeError as error:
        return [Finding("project", is_ok=False, found=str(error).splitlines()[0], todo=error.todo_en)]
    writable = os.access(settings.state if settings.state.exists() else folder, os.W_OK)
    found = [Finding("project", is_ok=True, found=settings.name)]
    return [
        *found,
        Finding("state folder", writable, str(settings.state_folder), "" if writable else "make it writable"),
    ]


def examine(folder: Path) -> list[Finding]:
    """Return what was found, in the order in which a missing part would hurt."""
    return [
        _python(),
        _sqlite(),
        _openmp(),
        *(_library(n) for n in IMPORTED),
        *(_pin(n, v) for n, v in PINNED.items()),
        _memory(),
        _disk(folder),
        *_project(folder),
    ]


__all__ = ["Finding", "examine"]

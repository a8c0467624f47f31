"""A database store for tests: a real SQLite file, emptied after each use (a process can open one Django database)."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from zhike.backoffice.setup import open_store
from zhike.pipeline.store import OperationsStore


@cache
def store_folder() -> Path:
    """Return the one folder whose store this process has open."""
    folder = Path(tempfile.mkdtemp(prefix="store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    open_store(folder)
    return folder


@contextmanager
def database_store() -> Iterator[OperationsStore]:
    """Yield an empty store in the database."""
    store_folder()
    from zhike.backoffice.models import Approval, AuditEntry, DefinitionVersion, Override
    from zhike.backoffice.stores.operations import DatabaseStore

    yield DatabaseStore()
    for model in (Approval, DefinitionVersion, Override, AuditEntry):
        rows = model.objects.order_by("-pk")
        for row in rows:
            row.delete()

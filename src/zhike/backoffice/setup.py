"""Open the operational store of a project: configure Django once, bring the schema up to date."""

from __future__ import annotations

import os
from pathlib import Path

from zhike.kernel.errors import Bug

STORE_FILE = "store.sqlite3"


def open_store(state: Path) -> None:
    """Make Django use the store in ``state`` and apply migrations that are missing.

    A process serves one store: opening another one afterwards raises Bug, since models would silently mix.
    """
    path = state / STORE_FILE
    import django
    from django.conf import settings

    if settings.configured:
        opened = Path(str(settings.DATABASES["default"]["NAME"]))
        if opened != path:
            raise Bug("store.second_store", zh=f"本进程已打开 {opened}", en=f"this process has opened {opened} already")
    else:
        state.mkdir(parents=True, exist_ok=True)
        os.environ["ZHIKE_STORE"] = str(path)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhike.backoffice.settings")
        django.setup()
    _migrate()


def _migrate() -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


__all__ = ["STORE_FILE", "open_store"]

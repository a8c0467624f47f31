"""Open the operational store of a project: configure Django once, bring the schema up to date."""

from __future__ import annotations

import os
from pathlib import Path

from zhike.kernel.errors import Bug, Unavailable

STORE_FILE = "store.sqlite3"


def open_store(state: Path) -> None:
    """Make Django use the store in ``state`` and apply migrations that are missing.

    A process serves one store: opening another one afterwards raises Bug, since models would silently mix.

    Raises
    ------
    Unavailable : the file cannot be opened, read or written, or is no database.
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
    from django.db import DatabaseError

    try:
        _migrate()
    except DatabaseError as error:
        raise Unavailable(
            "store.cannot_be_opened", zh=f"无法打开操作库 {path}：{error}", en=f"the store {path} cannot be opened: {error}",
            todo_zh="让运行 zhike 的账户能读写该目录；文件损坏时从备份取回",
            todo_en="let the account that runs zhike read and write its folder; where the file is damaged, put your copy back",
        ) from error  # fmt: skip


def _migrate() -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


__all__ = ["STORE_FILE", "open_store"]

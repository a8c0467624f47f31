"""``zhike init``: a new project, ready for a bank's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zhike.cli.edge import guarded, say


@guarded
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new project.")],
    name: Annotated[str, typer.Option("--name", help="Name of the bank.")] = "",
) -> None:
    """Make a project: settings, keys, a mapping to fill in, and room for the bank's own definitions."""
    from zhike.pipeline.scaffold import make_project

    for path in make_project(folder, name=name or folder.resolve().name):
        print(path)
    say(
        "下一步：写好 mapping.yaml，然后 `zhike check`、`zhike apply`、由他人 `zhike approve all --by 姓名`、`zhike run --as-of 日期 --data 目录`",
        "next: write mapping.yaml, then `zhike check`, `zhike apply`, `zhike approve all --by SOMEBODY_ELSE`, `zhike run --as-of DAY --data DIR`",
    )


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(init)

"""``zhike report``: the static report of what is published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows, say


@guarded
def report(
    project: ProjectOption = HERE,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write to.", show_default="<project>/.zhike/reports")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the report of the published run as HTML, in Chinese and English, and print its main figures."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.reporting import write_report

    opened = open_kept(project).project
    written = write_report(opened, out or opened.settings.state / "reports")
    if json:
        print_json(written.figures)
    else:
        print_rows([{"figure": k, "value": v} for k, v in written.figures.items()])
    for path in written.files:
        say(f"报告：{path}", f"report: {path}")


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(report)

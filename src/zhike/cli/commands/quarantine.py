"""``zhike quarantine``: the rows that did not enter, with reason and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows, say

TableOption = Annotated[str, typer.Option("--table", help="Only rows meant for this table.", show_default="all tables")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="Rows shown at most.")]


@guarded
def quarantine(
    project: ProjectOption = HERE, table: TableOption = "", limit: LimitOption = 100, json: JsonOption = False
) -> None:
    """List the rows that the published run held back: file, row, column, rule, the value masked, and what to do."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.catalogue import list_quarantine

    rows, n_all = list_quarantine(open_kept(project).project, table=table, limit=limit)
    print_json(rows) if json else print_rows(rows)
    if n_all > len(rows):
        say(f"共 {n_all} 行；--limit 可多列", f"{n_all} rows in all; --limit shows more")


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(quarantine)

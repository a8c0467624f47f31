"""``zhike lineage``: from an output back to run, definition and input versions."""

from __future__ import annotations

from typing import Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows


@guarded
def lineage(
    table: Annotated[str, typer.Argument(help="Table, e.g. tag_value.")],
    partition: Annotated[
        str, typer.Argument(help="Its partition: the definition or batch in which the row stands.")
    ] = "",
    project: ProjectOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show what a table or partition was made of: run, definition and input versions, back to the files."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.project import published
    from zhike.warehouse.lineage import trace

    manifest = published(open_kept(project).project)
    rows = [
        {
            "depth": a.depth,
            "what": a.label,
            "run": a.entry.run_id if a.entry else "an earlier day's run" if a.is_lagged else "",
            "step": a.entry.step if a.entry else "",
            "definition": a.entry.definition[:12] if a.entry else "",
            "rows": a.entry.n_rows if a.entry else None,
        }
        for a in trace(manifest, table, partition)
    ]
    if json:
        print_json(rows)
    else:
        print_rows(rows)


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(lineage)

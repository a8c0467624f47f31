"""``zhike segments list | show | count | explain``, and the commands of ``segments_discovery``."""

from __future__ import annotations

from typing import Annotated

import typer

from zhike.cli.commands.segments_discovery import add_to
from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows

app = typer.Typer(help="The segments (客群): meaning, size, members entering and leaving.", no_args_is_help=True)
KeyArgument = Annotated[str, typer.Argument(help="Key of the segment.")]


@app.command("list")
@guarded
def list_(project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """List the segments with their sizes in what is published."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.catalogue import list_segments

    rows = list_segments(open_kept(project).project)
    print_json(rows) if json else print_rows(rows)


@app.command()
@guarded
def show(key: KeyArgument, project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Show what a segment means, in words and as written."""
    from zhike.pipeline.catalogue import show_definition
    from zhike.pipeline.project import open_project

    found = show_definition(open_project(project), "segment", key)
    print_json(found) if json else print_rows([{"": k, "value": v} for k, v in found.items()])


@app.command()
@guarded
def count(key: KeyArgument, project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Count the members of a segment, by bucket, with who entered and left in the last run."""
    from zhike.cli.state import open_kept, say_as_of
    from zhike.pipeline.catalogue import count_segment

    opened = open_kept(project).project
    say_as_of(opened)
    rows = count_segment(opened, key)
    print_json(rows) if json else print_rows(rows)


@app.command()
@guarded
def explain(
    customer: Annotated[str, typer.Argument(help="customer_id.")], key: KeyArgument, project: ProjectOption = HERE, json: JsonOption = False
) -> None:  # fmt: skip
    """Show why a customer is in a segment or not: which condition failed, and the value that it met."""
    from zhike.cli.commands.audience import show_explanation

    show_explanation(customer, key, project=project, json=json)


add_to(app)

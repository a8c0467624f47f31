"""``zhike tags list | show | count``."""

from __future__ import annotations

from typing import Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows

app = typer.Typer(help="The tag catalogue: meaning, coverage, values.", no_args_is_help=True)
KeyArgument = Annotated[str, typer.Argument(help="Key of the tag.")]


@app.command("list")
@guarded
def list_(project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """List the tags with their coverage in what is published."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.catalogue import list_tags

    rows = list_tags(open_kept(project).project)
    print_json(rows) if json else print_rows(rows)


@app.command()
@guarded
def show(key: KeyArgument, project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Show what a tag means, in words and as written, and what it is made of."""
    from zhike.pipeline.catalogue import show_definition
    from zhike.pipeline.project import open_project

    found = show_definition(open_project(project), "tag", key)
    print_json(found) if json else print_rows([{"": k, "value": v} for k, v in found.items()])


@app.command()
@guarded
def count(key: KeyArgument, project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Count the customers who carry a tag, by value."""
    from zhike.cli.state import open_kept, say_as_of
    from zhike.pipeline.catalogue import count_tag

    opened = open_kept(project).project
    say_as_of(opened)
    rows = count_tag(opened, key)
    print_json(rows) if json else print_rows(rows)


@app.command()
@guarded
def why(
    key: KeyArgument,
    customer: Annotated[str, typer.Argument(help="customer_id.")],
    project: ProjectOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show why a customer carries a tag, or not: the facts that decided it."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.catalogue import why_tag

    found = why_tag(open_kept(project).project, key, customer)
    print_json(found) if json else print_rows(found)

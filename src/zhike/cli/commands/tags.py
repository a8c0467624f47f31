"""``zhike tags list | show | count | why | health | lineage``."""

from __future__ import annotations

from datetime import date
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


@app.command()
@guarded
def health(
    key: Annotated[str, typer.Argument(help="Key of the tag; all when left out.")] = "",
    project: ProjectOption = HERE,
    on: Annotated[
        str,
        typer.Option(
            "--on", metavar="YYYY-MM-DD", help="Day against which freshness and expiry are held.", show_default="today"
        ),
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a tag has a warning.")] = False,
    json: JsonOption = False,
) -> None:
    """Show how tags stand: state, coverage, gains and losses, drift, freshness, usage; and what is amiss."""
    from zhike.cli.edge import say
    from zhike.cli.state import open_kept, say_as_of
    from zhike.kernel.clock import business_day
    from zhike.pipeline.tag_catalogue import tag_health, warned

    state = open_kept(project)
    zone = state.project.settings.business_timezone
    day = _day(on) if on else business_day(state.clock.now(), zone)
    rows = tag_health(state.project, state.store, on=day, key=key)
    if json:
        print_json(rows)
    else:
        say_as_of(state.project)
        shown = rows if not key else [{"": k, "value": v} for k, v in rows[0].items()]
        print_rows([{**r, "warnings": ", ".join(r["warnings"])} for r in rows] if not key else shown)
    amiss = warned(rows)
    if amiss:
        say(f"{len(amiss)} 个标签有警示", f"{len(amiss)} tag{'s' if len(amiss) > 1 else ''} with warnings")
        if strict:
            raise typer.Exit(1)


@app.command()
@guarded
def lineage(key: KeyArgument, project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Show what a tag is made of, up to the tables, and what uses it: tags, segments, models, gates, campaigns."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.tag_catalogue import tag_lineage

    rows = tag_lineage(open_kept(project).project, key)
    print_json(rows) if json else print_rows(rows)


def _day(written: str) -> date:
    from zhike.kernel.errors import BadInput

    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise BadInput(
            "cli.day",
            zh=f"{written} 不是日期",
            en=f"{written} is not a day",
            todo_zh="写成 2025-06-30",
            todo_en="write it as 2025-06-30",
        ) from error

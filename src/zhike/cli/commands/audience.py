"""``zhike audience count | funnel | overlap | reach | sample | explain | build``."""

from __future__ import annotations

from typing import Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows, speaks_chinese

app = typer.Typer(help="Audiences (受众): who matches a rule now, in milliseconds.", no_args_is_help=True)
RULE = "Key of a segment, file of YAML or JSON, or a rule in quotes, such as '{field: age, at_least: 60}'."
RuleArgument = Annotated[str, typer.Argument(help=RULE, metavar="RULE")]
ExcludeOption = Annotated[
    list[str] | None, typer.Option("--exclude", help="Segment to be left out, too; may be repeated.")
]


@app.command()
@guarded
def count(
    rule: RuleArgument, exclude: ExcludeOption = None, project: ProjectOption = HERE, json: JsonOption = False
) -> None:
    """Count an audience; whom a pinned segment takes out is not in it."""
    from zhike.cli.state import open_kept
    from zhike.pipeline import audiences

    with audiences.opened_audiences(open_kept(project).project) as view:
        found = audiences.count(view, rule, exclude=exclude or [])
    print_json(found) if json else print_rows([{"": k, "value": v} for k, v in found.items()])


@app.command()
@guarded
def funnel(
    rule: RuleArgument, exclude: ExcludeOption = None, project: ProjectOption = HERE, json: JsonOption = False
) -> None:
    """Show what each condition of a rule leaves, in order, and what is taken out at the end."""
    from zhike.cli.state import open_kept
    from zhike.pipeline import audiences

    with audiences.opened_audiences(open_kept(project).project) as view:
        rows = audiences.funnel(view, rule, exclude=exclude or [])
    language = "zh" if speaks_chinese() else "en"
    shown = [{"condition": "  " * r["level"] + r[language], "alone": r["alone"], "left": r["left"]} for r in rows]
    print_json(rows) if json else print_rows(shown)


@app.command()
@guarded
def overlap(
    rules: Annotated[list[str], typer.Argument(help=f"Two to four of: {RULE}", metavar="RULE...")],
    project: ProjectOption = HERE, json: JsonOption = False,
) -> None:  # fmt: skip
    """Show how many customers are in exactly which of two to four audiences."""
    from zhike.cli.state import open_kept
    from zhike.pipeline import audiences

    with audiences.opened_audiences(open_kept(project).project) as view:
        rows = audiences.overlap(view, rules)
    print_json(rows) if json else print_rows(rows)


@app.command()
@guarded
def reach(
    rule: RuleArgument,
    purpose: Annotated[str, typer.Option(help="marketing, service or profiling.")] = "marketing",
    line: Annotated[list[str] | None, typer.Option("--line", help="Product line; may be repeated, any when left out.")] = None,
    project: ProjectOption = HERE, json: JsonOption = False,
) -> None:  # fmt: skip
    """Show how many of an audience policy allows to be contacted, on any channel and on each."""
    from zhike.cli.state import open_kept
    from zhike.pipeline import audiences

    with audiences.opened_audiences(open_kept(project).project) as view:
        rows = audiences.reach(view, rule, purpose=purpose, product_lines=line or [])
    print_json(rows) if json else print_rows(rows)


@app.command()
@guarded
def sample(
    rule: RuleArgument,
    rows: Annotated[int, typer.Option(help="How many customers.", min=1, max=1000)] = 10,
    fields: Annotated[str, typer.Option(help="Fields of the profile, separated by commas; sensitive ones are refused.")] = "",
    seed: Annotated[int, typer.Option(help="Another number draws other customers.")] = 0,
    project: ProjectOption = HERE, json: JsonOption = False,
) -> None:  # fmt: skip
    """Show some members of an audience, drawn at random."""
    from zhike.cli.state import open_kept
    from zhike.pipeline import audiences

    with audiences.opened_audiences(open_kept(project).project) as view:
        wanted = [f.strip() for f in fields.split(",") if f.strip()]
        found = audiences.sample(view, rule, n=rows, fields=wanted, seed=seed)
    print_json(found) if json else print_rows(found)


@app.command()
@guarded
def explain(
    customer: Annotated[str, typer.Argument(help="customer_id.")], rule: RuleArgument, project: ProjectOption = HERE, json: JsonOption = False
) -> None:  # fmt: skip
    """Show whether a customer is in an audience, and which condition kept it out."""
    show_explanation(customer, rule, project=project, json=json)


def show_explanation(customer: str, rule: str, *, project: ProjectOption, json: bool) -> None:
    """Print why a customer is in an audience or a segment, or not."""
    from zhike.cli.state import open_kept
    from zhike.pipeline import audiences

    with audiences.opened_audiences(open_kept(project).project) as view:
        found = audiences.explain(view, customer, rule)
    language = "zh" if speaks_chinese() else "en"
    print_json(found) if json else print_rows(audiences.told_explanation(found, language=language))


@app.command()
@guarded
def build(project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Encode what definitions use, so that the first to ask after a run need not wait."""
    from zhike.cli.state import open_kept
    from zhike.pipeline import audiences

    with audiences.opened_audiences(open_kept(project).project) as view:
        found = audiences.build(view)
    print_json(found) if json else print_rows([found])

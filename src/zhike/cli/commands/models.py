"""``zhike models list | show | evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows

app = typer.Typer(help="Models: their runs, cards and evaluations.", no_args_is_help=True)
KeyArgument = Annotated[str, typer.Argument(help="Key of the model.")]


@app.command("list")
@guarded
def list_(project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """List the models with the figures of their last run."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.catalogue import list_models

    rows = list_models(open_kept(project).project)
    print_json(rows) if json else print_rows(rows)


@app.command()
@guarded
def show(key: KeyArgument, project: ProjectOption = HERE) -> None:
    """Print the model card of the last run, as JSON."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.catalogue import show_model_card

    print_json(show_model_card(open_kept(project).project, key))


@app.command()
@guarded
def evaluate(
    key: KeyArgument,
    data: Annotated[Path, typer.Option("--data", help="Folder of the data set that the definition names.")],
    project: ProjectOption = HERE,
    json: JsonOption = False,
) -> None:
    """Evaluate a model on a data set in time order, by the protocol of its definition."""
    from zhike.pipeline.evaluating import evaluate_model
    from zhike.pipeline.project import open_project

    figures = evaluate_model(open_project(project), key, data)
    print_json(figures) if json else print_rows([{"figure": k, "value": v} for k, v in figures.items()])

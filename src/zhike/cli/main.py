"""``zhike``: the commands, and nothing heavy at import, so that help comes at once."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

from zhike import __version__
from zhike.cli.commands import (
    audience,
    decisions,
    definitions,
    demo,
    doctor,
    identity,
    init,
    lineage,
    lists,
    models,
    quarantine,
    report,
    run,
    segments,
    tags,
)

COLLECT_AFTER = (
    100_000  # planning a night makes millions of small objects that all live a moment: look for cycles rarely
)

app = typer.Typer(
    name="zhike",
    help="zhike 知客: know the bank's customers, decide what to do for each under hard rules, and prove that it worked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(*, asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def root(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=lambda v: _version(asked=v), is_eager=True)] = False
) -> None:  # fmt: skip
    """zhike 知客: know the bank's customers, decide what to do for each under hard rules, and prove that it worked."""


for module in (init, definitions, run, quarantine, demo, decisions, report, lineage, doctor):
    module.register(app)
app.add_typer(tags.app, name="tags")
app.add_typer(segments.app, name="segments")
app.add_typer(audience.app, name="audience")
app.add_typer(lists.app, name="lists")
app.add_typer(models.app, name="models")
app.add_typer(identity.app, name="identity")


def main() -> None:
    """Run the command line."""
    gc.set_threshold(COLLECT_AFTER, 20, 50)  # forked workers inherit it; a fifth of a small night's time
    app()


__all__ = ["app", "main"]

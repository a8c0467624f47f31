"""``zhike demo``: a simulated bank, a night, the maturity story, a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zhike.cli.edge import JsonOption, guarded, print_json, progress, say


@guarded
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder of the simulated bank; made anew.")] = Path("demo-bank"),
    customers: Annotated[int, typer.Option(min=500, max=5_000_000, help="Customers of the bank.")] = 20_000,
    days: Annotated[int, typer.Option(min=90, max=1_100, help="Days of history.")] = 180,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bank.")] = 1,
    json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing while running.")] = False,
) -> None:
    """Simulate a bank, run the nightly job, tell the maturity story (到期承接) and measure it."""
    from zhike.cli.telling import tell_demo
    from zhike.pipeline.demo import DemoPlan, prepare_demo, run_demo

    plan = DemoPlan(folder.resolve(), n_customers=customers, n_days=days, seed=seed)
    prepare_demo(plan)
    from zhike.cli.state import open_state

    state = open_state(plan.folder)
    with progress(quiet=quiet or json) as listen:
        outcome = run_demo(plan, state.project, state.store, listen=listen)
    if json:
        print_json(outcome.as_json())
    else:
        tell_demo(outcome)
    for path in outcome.reports:
        say(f"报告：{path}", f"report: {path}")


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(demo)

"""``zhike run``: the nightly job for one business day."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows, progress, say

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the bank's files.", show_default="<project>/data")
]
AsOfOption = Annotated[
    datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Business day whose close is computed.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing while running.")]


@guarded
def run(
    as_of: AsOfOption,
    project: ProjectOption = HERE,
    data: DataOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Take in the bank's files and compute everything as of one day, publishing all of it or nothing."""
    from dataclasses import asdict

    from zhike.cli.state import open_state
    from zhike.pipeline.nightly import Night, run_night

    state = open_state(project)
    night = Night(state.project, data or state.project.settings.folder / "data", as_of.date())
    with progress(quiet=quiet) as listen:
        result = run_night(night, state.store, clock=state.clock, listen=listen)
    if json:
        print_json(asdict(result))
        return
    print_rows(
        [{"step": s.key, "state": s.state, "seconds": s.seconds, "rows": sum(s.rows.values())} for s in result.steps]
    )
    where = "current" if result.is_current else "kept beside the current later day"
    say(f"published as manifest {result.manifest} ({where}) in {result.seconds:.1f} s, peak {result.peak_memory_mb} MB")
    say(f"details: {state.project.runs / result.run_id / 'run_results.json'}")


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(run)

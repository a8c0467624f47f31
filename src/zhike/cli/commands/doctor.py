"""``zhike doctor``: say what this machine lacks, and how to get it."""

from __future__ import annotations

import typer

from zhike.cli.edge import EXIT_ENVIRONMENT, HERE, JsonOption, ProjectOption, guarded, print_json, print_rows, say


@guarded
def doctor(project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Check Python, libraries, memory, disk and the project; exit 3 when something is missing."""
    from dataclasses import asdict

    from zhike.cli.health import examine

    findings = examine(project)
    if json:
        print_json({"ok": all(f.is_ok for f in findings), "checks": [asdict(f) for f in findings]})
    else:
        print_rows(
            [{"": "ok" if f.is_ok else "MISSING", "check": f.name, "found": f.found, "todo": f.todo} for f in findings]
        )
    if not all(f.is_ok for f in findings):
        say("有缺项：见 todo 一列", "something is missing: see the column todo")
        raise typer.Exit(EXIT_ENVIRONMENT)


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(doctor)

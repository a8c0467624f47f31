"""``zhike check | apply | diff | export | approve``: definitions as approved versions."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows, say

ByOption = Annotated[str, typer.Option("--by", help="Who does it.", show_default="the account that is logged in")]
EVERYTHING = "all"


@guarded
def check(project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Read settings, mapping and every definition, and say all that is wrong, without running anything."""
    from zhike.pipeline.checking import check_project
    from zhike.pipeline.project import open_project

    found = check_project(open_project(project))
    if json:
        print_json(found)
    else:
        print_rows([{"kind": kind, "count": count} for kind, count in found.items()])
    say("all definitions are sound")


@guarded
def apply(project: ProjectOption = HERE, by: ByOption = "", json: JsonOption = False) -> None:
    """Keep the definitions of the files as new versions."""
    from zhike.cli.state import open_state
    from zhike.pipeline.checking import apply_project

    state = open_state(project)
    changes = apply_project(state.project, state.store, by=by or getpass.getuser(), at=state.clock.now())
    rows = [{"action": c.action, "kind": c.kind, "key": c.key} for c in changes]
    if json:
        print_json({"changes": rows, "approval": state.project.settings.definitions_approval})
    elif rows:
        print_rows(rows)
    else:
        say("nothing has changed")
    if rows and state.project.settings.definitions_approval == "four_eyes":
        say(
            "they wait for approval by somebody else: zhike approve KIND KEY --by NAME (or: zhike approve all --by NAME)"
        )


@guarded
def diff(project: ProjectOption = HERE) -> None:
    """Show what `apply` would change."""
    from zhike.cli.state import open_state
    from zhike.pipeline.definitions import compare, show_difference

    state = open_state(project)
    changes = compare(state.store, state.project.definitions)
    for change in changes:
        print(show_difference(change))
    say(f"{len(changes)} changes" if changes else "nothing has changed")


@guarded
def export(folder: Annotated[Path, typer.Argument(help="Folder to write to.")], project: ProjectOption = HERE) -> None:
    """Write the approved definitions back as YAML."""
    from zhike.cli.state import open_state
    from zhike.pipeline.definitions import approved
    from zhike.pipeline.definitions import export as write

    for path in write(approved(open_state(project).store), folder):
        print(path)


@guarded
def approve(
    kind: Annotated[str, typer.Argument(help="Kind of definition, or 'all' for everything that waits.")],
    key: Annotated[str, typer.Argument(help="Key of the definition.")] = "",
    project: ProjectOption = HERE,
    by: ByOption = "",
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
) -> None:
    """Approve definitions that somebody else applied."""
    from zhike.cli.state import open_state
    from zhike.pipeline.definitions import approve as decide
    from zhike.pipeline.definitions import pending

    state = open_state(project)
    wanted = [(v.kind, v.key) for v in pending(state.store)] if kind == EVERYTHING else [(kind, key)]
    for each_kind, each_key in wanted:
        version = decide(
            state.store, each_kind, each_key, by=by or getpass.getuser(), at=state.clock.now(), reason=reason
        )
        print(f"approved {version.kind} {version.key} v{version.version}")


@guarded
def audit(project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Show the audit log and verify that nobody changed it."""
    from dataclasses import asdict

    from zhike.cli.state import open_state
    from zhike.kernel.errors import ContractBroken
    from zhike.pipeline.store import verify_audit

    records = list(open_state(project).store.audit())
    broken = verify_audit(records)
    if json:
        print_json({"records": [asdict(r) for r in records], "first_broken": broken})
    else:
        print_rows(
            [
                {
                    "number": r.number,
                    "at": f"{r.at:%Y-%m-%d %H:%M:%S}",
                    "actor": r.actor,
                    "action": r.action,
                    "subject": r.subject,
                }
                for r in records
            ]
        )
    if broken is not None:
        raise ContractBroken(
            "audit.broken",
            zh=f"审计链自第 {broken} 条起被改动",
            en=f"the audit chain was changed from entry {broken} on",
        )
    say(f"the chain of {len(records)} entries is whole")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (check, apply, diff, export, approve, audit):
        app.command()(command)

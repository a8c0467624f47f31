"""``zhike check | apply | diff | export | approve``: definitions as approved versions."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows, say
from zhike.kernel.errors import BadInput

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
    say("所有定义均无误", "all definitions are sound")


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
        say("没有变化", "nothing has changed")
    if rows and state.project.settings.definitions_approval == "four_eyes":
        say(
            "待他人复核：zhike approve 种类 键 --by 姓名（或 zhike approve all --by 姓名）",
            "they wait for approval by somebody else: zhike approve KIND KEY --by NAME (or: zhike approve all --by NAME)",
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
    n = len(changes)
    say(f"{n} 处变化" if n else "没有变化", f"{n} change{'s' if n > 1 else ''}" if n else "nothing has changed")


@guarded
def export(folder: Annotated[Path, typer.Argument(help="Folder to write to.")], project: ProjectOption = HERE) -> None:
    """Write the approved definitions back as YAML."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.definitions import export as write

    written = write(open_kept(project).project.definitions, folder)
    for path in written:
        print(path)
    if not written:
        say("没有已复核的定义可导出", "there is no approved definition to export")


@guarded
def approve(
    kind: Annotated[str, typer.Argument(help="Kind of definition, or 'all' for everything that waits.")],
    key: Annotated[str, typer.Argument(help="Key of the definition.")] = "",
    project: ProjectOption = HERE,
    by: ByOption = "",
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
) -> None:
    """Approve definitions that somebody else applied."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.definitions import approve as decide
    from zhike.pipeline.definitions import approve_all

    if kind != EVERYTHING and not key:
        raise BadInput(
            "cli.key_missing", zh=f"未给出要复核的 {kind} 的键", en=f"which {kind} is approved is not said",
            todo_zh="写 zhike approve 种类 键，或 zhike approve all", todo_en="write zhike approve KIND KEY, or zhike approve all",
        )  # fmt: skip
    state = open_kept(project)
    who, at = by or getpass.getuser(), state.clock.now()
    if kind == EVERYTHING:
        done = approve_all(state.store, by=who, at=at, reason=reason)
    else:
        done = [decide(state.store, kind, key, by=who, at=at, reason=reason)]
    for version in done:
        print(f"approved {version.kind} {version.key} v{version.version}")
    if not done:
        say("没有待复核的定义", "nothing waits for approval")


@guarded
def audit(project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Show the audit log and verify that nobody changed it."""
    from dataclasses import asdict

    from zhike.cli.state import open_kept
    from zhike.kernel.errors import ContractBroken
    from zhike.pipeline.store import verify_audit

    records = list(open_kept(project).store.audit())
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
            todo_zh="保全数据库文件，通知审计",
            todo_en="keep the database as it is and tell internal audit",
        )
    say(f"审计链 {len(records)} 条完好", f"the chain of {len(records)} entries is whole")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (check, apply, diff, export, approve, audit):
        app.command()(command)

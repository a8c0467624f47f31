"""``zhike lists list | show | add | remove``."""

from __future__ import annotations

import getpass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows

if TYPE_CHECKING:
    from zhike.cli.state import State
    from zhike.pipeline.lists import Act

app = typer.Typer(help="Static lists (名单): customers named one by one.", no_args_is_help=True)
KeyArgument = Annotated[str, typer.Argument(help="Key of the list.")]
FileArgument = Annotated[Path, typer.Argument(help="CSV with a column customer_id, or source and source_key.")]
ReasonOption = Annotated[str, typer.Option(help="Why; kept in the audit.")]
ByOption = Annotated[str, typer.Option(help="Who does it; your account when left out.")]
FromOption = Annotated[str, typer.Option("--from", help="First day, such as 2025-03-31; today when left out.")]


@app.command("list")
@guarded
def list_(project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """List the lists with how many are on them."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.lists import list_lists

    rows = list_lists(open_kept(project).project)
    print_json(rows) if json else print_rows(
        [{k: r[k] for k in ("list", "zh", "en", "held_by", "owner", "customers")} for r in rows]
    )


@app.command()
@guarded
def show(key: KeyArgument, project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Show who is on a list that is filled here, since when, and who put them on it."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.lists import show_list

    rows = show_list(open_kept(project).project, key)
    print_json(rows) if json else print_rows(rows)


@app.command()
@guarded
def add(
    key: KeyArgument, file: FileArgument, reason: ReasonOption, from_on: FromOption = "",
    to_on: Annotated[str, typer.Option("--to", help="Last day; open when left out.")] = "", by: ByOption = "", project: ProjectOption = HERE, json: JsonOption = False,
) -> None:  # fmt: skip
    """Put the customers that a file names on a list; the next run follows."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.lists import Keeping, add_to_list

    state = open_kept(project)
    act = _act(state, by, reason, from_on, to_on)
    found = add_to_list(Keeping(state.project, state.store), key, file, act)
    print_json(found) if json else print_rows([found])


@app.command()
@guarded
def remove(
    key: KeyArgument, file: FileArgument, reason: ReasonOption, from_on: FromOption = "", by: ByOption = "", project: ProjectOption = HERE,
    json: JsonOption = False,
) -> None:  # fmt: skip
    """Take the customers that a file names off a list: the day before is their last."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.lists import Keeping, take_off_list

    state = open_kept(project)
    act = _act(state, by, reason, from_on, "")
    found = take_off_list(Keeping(state.project, state.store), key, file, act)
    print_json(found) if json else print_rows([found])


def _act(state: State, by: str, reason: str, from_on: str, to_on: str) -> Act:
    from zoneinfo import ZoneInfo

    from zhike.pipeline.lists import Act

    now = state.clock.now()
    today = now.astimezone(ZoneInfo(state.project.settings.business_timezone)).date()
    return Act(by or getpass.getuser(), reason, now, _day(from_on) or today, _day(to_on))


def _day(written: str) -> date | None:
    from zhike.kernel.errors import BadInput

    try:
        return date.fromisoformat(written) if written else None
    except ValueError as error:
        raise BadInput("lists.day", zh=f"{written} 不是日期", en=f"{written} is no day", todo_zh="写成 2025-03-31", todo_en="write it as 2025-03-31") from error  # fmt: skip

"""``zhike run``: the nightly job for one business day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows, progress, say
from zhike.kernel.clock import business_day
from zhike.kernel.errors import BadInput
from zhike.kernel.settings import EngineName

if TYPE_CHECKING:
    from zhike.pipeline.project import Project
    from zhike.warehouse import RunResult

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the bank's files.", show_default="<project>/data")
]
AsOfOption = Annotated[str, typer.Option("--as-of", metavar="YYYY-MM-DD", help="Business day whose close is computed.")]
EngineOption = Annotated[
    EngineName | None,
    typer.Option("--engine", help="Where steps made for both engines run.", show_default="the setting engine"),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing while running.")]


def refuse_future(on: date, today: date) -> None:
    """Raise BadInput when a day lies ahead: published, it would stay current until it has come."""
    if on > today:
        raise BadInput(
            "run.day_ahead", zh=f"{on} 尚未到来（今天是 {today}）", en=f"{on} has not come yet (today is {today})",
            todo_zh="检查 --as-of 的年份", todo_en="check the year in --as-of",
        )  # fmt: skip


@guarded
def run(
    as_of: AsOfOption,
    project: ProjectOption = HERE,
    data: DataOption = None,
    engine: EngineOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Take in the bank's files and compute everything as of one day, publishing all of it or nothing."""
    from dataclasses import asdict

    from zhike.cli.state import open_for_run
    from zhike.pipeline.nightly import Night, run_night

    on = day_written(as_of)
    state = open_for_run(project)
    refuse_future(on, business_day(state.clock.now(), state.project.settings.business_timezone))
    night = Night(state.project, data or state.project.settings.folder / "data", on, engine=engine)
    with progress(quiet=quiet) as listen, telling_what_stays(state.project):
        result = run_night(night, state.store, clock=state.clock, listen=listen)
    if json:
        print_json(asdict(result))
        return
    print_rows(
        [{"step": s.key, "state": s.state, "seconds": s.seconds, "rows": sum(s.rows.values())} for s in result.steps]
    )
    _tell(result, state.project)


def _tell(result: RunResult, project: Project) -> None:
    n_held = sum(int(s.metrics.get("n_quarantined", 0)) for s in result.steps)
    if n_held:
        say(
            f"{n_held} 行在隔离区，没有进入：zhike quarantine 列出原因与处理建议",
            f"{n_held} row{'s' if n_held > 1 else ''} held back in quarantine: zhike quarantine lists them, with reason and what to do",
        )
    tell_anonymous(result)
    tell_engines(result)
    took = f"{result.seconds:.1f} s, {result.peak_memory_mb} MB"
    beside_zh, beside_en = "已发布，但有更晚一日为当前", "kept beside the current later day"
    where_zh, where_en = ("当前", "current") if result.is_current else (beside_zh, beside_en)
    say(
        f"已发布为第 {result.manifest} 版（{where_zh}），{took}",
        f"published as manifest {result.manifest} ({where_en}) in {took}",
    )
    details = project.runs / result.run_id / "run_results.json"
    say(f"详情：{details}", f"details: {details}")


def tell_engines(result: RunResult) -> None:
    """Say how many steps ran on which engine, when not all ran on DuckDB."""
    ran = Counter(s.engine for s in result.steps if s.engine)
    if ran.keys() - {"duckdb"}:
        counted = "、".join(f"{name} {n} 步" for name, n in sorted(ran.items()))
        told = ", ".join(f"{n} steps on {name}" for name, n in sorted(ran.items()))
        say(f"引擎：{counted}（逐步见 run_results.json）", f"engines: {told} (each step: run_results.json)")


def tell_anonymous(result: RunResult) -> None:
    """Say what became of the events that touchpoints recorded without knowing their visitor."""
    counts = next((s.metrics for s in result.steps if s.key == "identity:events"), {})
    n_joined, n_left = int(counts.get("n_attributed", 0)), int(counts.get("n_unattributed", 0))
    if n_joined + n_left:
        say(
            f"未登录的行为 {n_joined + n_left} 条：{n_joined} 条归到来源客户，{n_left} 条无法归属（原因见 run_results.json 的 identity:events）",
            f"{n_joined + n_left} events without a user: {n_joined} joined to parties, {n_left} nobody's (why: identity:events in run_results.json)",
        )


def day_written(text: str) -> date:
    """Return the day that was written; BadInput when it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(
            "cli.not_a_day", zh=f"{text} 不是日期", en=f"{text} is no day",
            todo_zh="写成 2025-03-31，且须是日历上有的一天", todo_en="write it as 2025-03-31, a day that the calendar has",
        ) from error  # fmt: skip


@contextmanager
def telling_what_stays(project: Project) -> Iterator[None]:
    """Say, when a run fails, that nothing of it was published and what stays readable; then let the error be told."""
    try:
        yield
    except Exception:
        before = project.warehouse.current()
        if before is None:
            say("没有发布任何内容", "nothing was published")
        else:
            say(
                f"没有发布任何内容；{before.as_of} 的结果（第 {before.number} 版）仍可读",
                f"nothing was published; what was published as of {before.as_of} (manifest {before.number}) stays readable",
            )
        raise


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(run)

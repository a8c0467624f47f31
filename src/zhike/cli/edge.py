"""The edge of every command: options that all share, printing, and errors mapped to exit codes."""

from __future__ import annotations

import functools
import json
import os
import select
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer

from zhike.kernel.errors import BadInput, Bug, Conflict, NotFound, NotPermitted, Unavailable, ZhikeError

if TYPE_CHECKING:
    from zhike.warehouse.run import StepResult

P = ParamSpec("P")
R = TypeVar("R")

EXIT_FAILED, EXIT_USAGE, EXIT_ENVIRONMENT, EXIT_INTERRUPTED = 1, 2, 3, 130

ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", help="Project folder (holds zhike.toml).", show_default="this folder")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
HERE = Path()


def exit_code(error: ZhikeError) -> int:
    """Return the exit code of an error: 2 what the caller can mend, 3 what the environment lacks, else 1."""
    if isinstance(error, BadInput | NotFound | NotPermitted | Conflict):
        return EXIT_USAGE
    return EXIT_ENVIRONMENT if isinstance(error, Unavailable) else EXIT_FAILED


def speaks_chinese() -> bool:
    """Return whether messages are shown in Chinese: ``ZHIKE_LANGUAGE``, else the locale."""
    chosen = os.environ.get("ZHIKE_LANGUAGE") or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return chosen.startswith("zh")


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors of a command into a message on stderr, with ``--json`` an object on stdout, and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            outcome = command(*args, **kwargs)
            sys.stdout.flush()  # here, where a reader that has gone and a full disk are still told
        except (typer.Exit, typer.Abort):
            _flush()
            raise
        except KeyboardInterrupt as error:
            say(
                "已中断：没有发布任何半成品，重跑即可继续",
                "interrupted; nothing partial is published, run again to go on",
            )
            raise typer.Exit(EXIT_INTERRUPTED) from error
        except Exception as error:
            if isinstance(error, BrokenPipeError) and _is_reader_gone():
                _forget_stdout()
                raise typer.Exit(0) from None
            told = error if isinstance(error, ZhikeError) else _as_ours(error)
            raise typer.Exit(_tell(told, as_json=bool(kwargs.get("json")))) from error
        return outcome

    return run


def _tell(error: ZhikeError, *, as_json: bool) -> int:
    """Tell an error to people, and to a program that asked for JSON; return the exit code."""
    say(error.in_chinese(), str(error))
    if error.code == "cli.bug":
        if os.environ.get("ZHIKE_DEBUG"):
            traceback.print_exc()
        else:
            say(
                "  → 这是我们的错误；设 ZHIKE_DEBUG=1 可看调用栈",
                "  → this is our mistake; set ZHIKE_DEBUG=1 for the trace",
            )
    if as_json:
        print_json({"error": error.as_json()})
    _flush()
    return exit_code(error)


def _as_ours(error: Exception) -> ZhikeError:
    """Return what the machine refused (a file, a folder, the disk, the store) as what it is, and anything else as our mistake."""
    database = sys.modules.get("django.db")  # loaded by the commands that use the store, and by no other
    if database is not None and isinstance(error, database.DatabaseError):
        return Unavailable(
            "store.refuses", zh=f"操作库拒绝：{error}", en=f"the operational store refuses: {error}",
            todo_zh="等另一命令结束，并让运行 zhike 的账户能读写 store.sqlite3 及其目录",
            todo_en="wait for another command to end, and let the account that runs zhike read and write store.sqlite3 and its folder",
        )  # fmt: skip
    if not isinstance(error, OSError) or isinstance(error, BrokenPipeError) or error.errno is None:
        told = f"{type(error).__name__}: {error}"
        return Bug("cli.bug", zh=told, en=told)
    where = str(error.filename or "stdout")
    if isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
        return BadInput(
            "cli.wrong_place", zh=f"{where}：{error.strerror}", en=f"{where}: {error.strerror}",
            todo_zh="换一个路径：要目录时给目录，要文件时给文件", todo_en="name another path: a folder where one is asked for, a file where one is",
        )  # fmt: skip
    if isinstance(error, PermissionError):
        todo_zh, todo_en = "把读写权限给运行 zhike 的账户", "let the account that runs zhike read and write it"
    else:
        todo_zh, todo_en = "核对路径与磁盘空间后重试", "check the path and the room on the disk, then try again"
    return Unavailable(
        "cli.machine_refuses", zh=f"{where}：{error.strerror}", en=f"{where}: {error.strerror}",
        todo_zh=todo_zh, todo_en=todo_en,
    )  # fmt: skip


def _is_reader_gone() -> bool:
    """Whether nobody reads stdout any more; a broken pipe may be another, such as a worker's."""
    asked = select.poll()
    asked.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in asked.poll(0))


def _flush() -> None:
    """Write what is still to be written to stdout; where that cannot be, the exit code has told already."""
    try:
        sys.stdout.flush()
    except OSError:
        _forget_stdout()


def _forget_stdout() -> None:
    """Let what is still to be written to stdout go nowhere, so that the interpreter's end does not fail on it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(zh: str, en: str) -> None:
    """Print a line for people on stderr, in the language of messages."""
    print(zh if speaks_chinese() else en, file=sys.stderr, flush=True)


def print_json(data: object) -> None:
    """Print one JSON object on stdout."""
    print(json.dumps(data, ensure_ascii=False, indent=2, default=str))


def print_rows(rows: Sequence[Mapping[str, Any]], *, title: str = "") -> None:
    """Print rows as a table on stdout: drawn on a terminal, tab-separated in a pipe."""
    if not rows:
        say("没有可显示的内容", "nothing to show")
        return
    names = list(rows[0])
    if not sys.stdout.isatty():
        print("\t".join(names))
        for row in rows:
            print("\t".join("" if row[n] is None else str(row[n]) for n in names))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*names, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*("" if row[n] is None else str(row[n]) for n in names))
    Console().print(table)


def _say_step(key: str, result: StepResult | None) -> None:
    if result is not None:
        line = f"{result.state:<7} {result.seconds:>7.2f}s  {key}"
        say(line, line)


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Callable[[str, StepResult | None], None]]:
    """Yield a listener for runs: a live line on a terminal, one plain line per finished step otherwise, on stderr."""
    if quiet:
        yield lambda _key, _result: None
        return
    if not sys.stderr.isatty():
        yield _say_step
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("") as status:

        def listen(key: str, result: StepResult | None) -> None:
            if result is None:
                status.update(key)
            else:
                console.print(f"{result.state:<7} {result.seconds:>7.2f}s  {key}", highlight=False)

        yield listen


__all__ = [
    "EXIT_ENVIRONMENT",
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "EXIT_USAGE",
    "HERE",
    "JsonOption",
    "ProjectOption",
    "exit_code",
    "guarded",
    "print_json",
    "print_rows",
    "progress",
    "say",
    "speaks_chinese",
]

"""The edge of every command: options that all share, printing, and errors mapped to exit codes."""

from __future__ import annotations

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer

from zhike.kernel.errors import BadInput, Conflict, NotFound, NotPermitted, Unavailable, ZhikeError

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
    """Turn errors of a command into a message on stderr and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ZhikeError as error:
            say(error.in_chinese() if speaks_chinese() else str(error))
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt as error:
            say("interrupted; nothing partial is published, run again to go on")
            raise typer.Exit(EXIT_INTERRUPTED) from error
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:  # the edge: ours, told as ours
            say(f"bug: {type(error).__name__}: {error}")
            if os.environ.get("ZHIKE_DEBUG"):
                traceback.print_exc()
            else:
                say("  → this is our mistake; set ZHIKE_DEBUG=1 for the trace")
            raise typer.Exit(EXIT_FAILED) from error

    return run


def say(message: str) -> None:
    """Print a line for people, on stderr."""
    print(message, file=sys.stderr, flush=True)


def print_json(data: object) -> None:
    """Print one JSON object on stdout."""
    print(json.dumps(data, ensure_ascii=False, indent=2, default=str))


def print_rows(rows: Sequence[Mapping[str, Any]], *, title: str = "") -> None:
    """Print rows as a table on stdout: drawn on a terminal, tab-separated in a pipe."""
    if not rows:
        say("nothing to show")
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


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Callable[[str, StepResult | None], None]]:
    """Yield a listener for runs: a live line on a terminal, one plain line per finished step otherwise, on stderr."""
    if quiet:
        yield lambda _key, _result: None
        return
    if not sys.stderr.isatty():
        yield lambda key, result: say(f"{result.state:<7} {result.seconds:>7.2f}s  {key}") if result else None
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
]

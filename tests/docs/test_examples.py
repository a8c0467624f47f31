"""Examples in Python run; commands that pages show exist, with their options."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.docs.pages import Example, examples, written_pages
from zhike.cli.main import app

PAGES_WITH_PYTHON = [p for p in written_pages() if any(e.kind == "python" for e in examples(p))]
SHELL = {"console", "bash", "sh"}


def shown_commands() -> list[tuple[Example, str]]:
    """Every ``zhike …`` line of every shell block."""
    return [
        (e, line.strip().removeprefix("$ "))
        for page in written_pages()
        for e in examples(page)
        if e.kind.split(" ")[0] in SHELL
        for line in e.content.replace("\\\n", " ").splitlines()
        if line.strip().removeprefix("$ ").startswith("zhike")
    ]


@pytest.mark.parametrize("page", PAGES_WITH_PYTHON, ids=lambda p: p.name)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": f"docs.{page.stem}"}
    for example in examples(page):
        if example.kind == "python":
            code = "\n" * (example.line - 1) + example.content
            exec(compile(code, str(page), "exec"), space)


def parsed(line: str) -> Any:
    """Parse a command as the shell would, without calling it; a wrong command, option or missing argument raises."""
    words = shlex.split(line, comments=True)[1:]
    command: Any = typer.main.get_command(app)
    context = command.make_context("zhike", words)
    while hasattr(command, "commands"):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        command, context = found, found.make_context(name, rest, parent=context)
    return context


@pytest.mark.parametrize(("example", "line"), shown_commands(), ids=lambda v: str(v)[:60])
def test_a_command_shown_is_a_command(example: Example, line: str):
    try:
        parsed(line.split(" > ", maxsplit=1)[0])
    except typer._click.exceptions.ClickException as error:
        pytest.fail(f"{example}: {line}: {error.format_message()}")


def test_a_command_that_does_not_exist_is_found_out():
    for wrong in (
        "zhike rum --as-of 2025-01-31",
        "zhike run --as-off 2025-01-31",
        "zhike explain",
        "zhike tags shwo x",
    ):
        with pytest.raises(typer._click.exceptions.ClickException):
            parsed(wrong)

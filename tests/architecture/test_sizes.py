"""Stops on size: a file that reached its stop has more than one subject."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "zhike"
FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if "migrations" not in p.parts]
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS, MAX_CLASS_DEPTH = 600, 60, 6, 2
BANNED_NAMES = {"utils", "misc", "helpers", "common", "base", "manager", "processor", "info"}

# path::function → reason and date. Add a line only with both.
LONG_ON_PURPOSE: dict[str, str] = {}


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file, parsed once."""
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_keeps_its_stops(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= MAX_FILE_LINES
    assert path.stem not in BANNED_NAMES
    for function in functions(parsed(path)):
        name = f"{path.relative_to(PACKAGE)}::{function.name}"
        body = function.body
        documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        start = body[1].lineno if documented and len(body) > 1 else body[0].lineno
        length = (function.end_lineno or 0) - start + 1
        assert length <= MAX_FUNCTION_LINES or name in LONG_ON_PURPOSE, f"{name}: {length} lines"
        positional = [a.arg for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in ("self", "cls")]
        is_command = "cli" in path.parts
        assert is_command or len(positional) <= MAX_PARAMETERS, f"{name}: {len(positional)} positional parameters"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_says_what_it_is_for(path: Path) -> None:
    tree = parsed(path)
    assert ast.get_docstring(tree) or not tree.body


def test_only_the_clock_asks_the_machine_for_the_time() -> None:
    asking = []
    for path in FILES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
                owner = node.value.id if isinstance(node.value, ast.Name) else ""
                if owner in {"datetime", "date"} and path.name != "clock.py":
                    asking.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert asking == []


def test_public_names_are_listed_and_exist() -> None:
    import importlib

    for path in FILES:
        if path.name != "__init__.py" or path.parent.name in {
            "cli",
            "backoffice",
            "commands",
            "stores",
            "serving",
            "public",
        }:
            continue
        module = importlib.import_module(".".join(path.parent.relative_to(PACKAGE.parent).parts))
        if any(not n.startswith("_") for n in vars(module)):
            assert hasattr(module, "__all__"), module.__name__
            assert [n for n in module.__all__ if not hasattr(module, n)] == []

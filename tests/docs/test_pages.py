"""Pages say what is so: generated ones are current, links resolve, settings, errors and requirements are all there."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest
import typer

from tests.docs.pages import DOCS, ROOT, pages, prose
from zhike.cli.main import app
from zhike.kernel.settings import PREFIX, Settings

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PATH_NAMED = re.compile(r"`((?:tests|docs|examples|bench|src)/[\w./-]+\.\w+)`")
DOCS_NAMED = re.compile(r"docs/[\w./-]+\.md")
SOURCES = sorted((ROOT / "src" / "zhike").rglob("*.py"))
PACKAGES = sorted(p.parent.name for p in (ROOT / "src" / "zhike").glob("*/__init__.py"))
NOT_BUILT = {"voice", "content", "channels", "journeys", "care", "serving", "public"}


@cache
def generate() -> ModuleType:
    """The script that writes the generated pages."""
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def written() -> dict[str, str]:
    """File name → content of every generated page, as the code says it now."""
    pages: dict[str, str] = generate().pages()
    return pages


@cache
def errors() -> tuple[tuple[str, str, str], ...]:
    """Code, kind and text of every error that the code raises."""
    return tuple(generate().error_calls())


def anchor(heading: str) -> str:
    """The fragment that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_every_generated_page_is_current():
    stale = [
        name
        for name, content in written().items()
        if not (DOCS / "reference" / name).is_file()
        or (DOCS / "reference" / name).read_text(encoding="utf-8") != content
    ]
    assert stale == [], "run: make docs"


def test_no_generated_page_is_left_over():
    assert {p.name for p in (DOCS / "reference").glob("*.md")} == set(written())


def resolves(page: Path, target: str) -> bool:
    """Whether a relative link leads to a file of the project, and to a heading of it where it names one."""
    file, _, fragment = unquote(target).partition("#")
    place = (page.parent / file).resolve() if file else page
    if not place.exists() or not place.is_relative_to(ROOT):
        return False
    return not fragment or fragment in {anchor(h) for h in HEADING.findall(place.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_resolves(page: Path):
    targets = [t for t in LINK.findall(prose(page)) if not re.match(r"[a-z]+:", t)]
    assert [t for t in targets if not resolves(page, t)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_file_named_exists(page: Path):
    if page.parent == DOCS / "reference":
        return
    assert [n for n in PATH_NAMED.findall(prose(page)) if not (ROOT / n).exists()] == []


def test_every_page_of_the_documentation_named_in_the_code_exists():
    named = {(p.relative_to(ROOT), n) for p in SOURCES for n in DOCS_NAMED.findall(p.read_text(encoding="utf-8"))}
    assert [f"{p}: {n}" for p, n in sorted(named) if not (ROOT / n).is_file()] == []


def test_every_command_is_documented():
    text = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    spoken = (DOCS / "concepts" / "cli.md").read_text(encoding="utf-8")
    commands = typer.main.get_command(app).commands
    assert [name for name in commands if f"## zhike {name}\n" not in text] == []
    assert [name for name in commands if f"`zhike {name}" not in spoken] == []


def test_every_setting_is_documented_with_its_default_and_variable():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+)$", (DOCS / "settings.md").read_text(encoding="utf-8"), re.MULTILINE))
    fields = {n: f for n, f in Settings.model_fields.items() if n != "folder"}
    assert set(rows) == set(fields)
    for name, field in fields.items():
        default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        shown, variable = (cell.strip() for cell in rows[name].split("|")[:2])
        assert shown == (f"`{default}`" if field.default != () else "none"), name
        assert variable == (f"`{PREFIX}{name.upper()}`" if field.default != () else "–"), name


def test_every_error_code_is_documented():
    text = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    codes = {code for code, _, _ in errors()}
    assert len(codes) > 100
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []


def test_every_error_says_something_and_has_an_area_and_a_reason():
    told = errors()
    assert [code for code, _, english in told if not english] == []
    assert [code for code, _, _ in told if not re.fullmatch(r"[a-z_]+\.[a-z_0-9]+", code)] == []


def test_every_requirement_that_a_test_proves_is_written_down():
    assert sorted(set(generate().requirements_tested()) - set(generate().requirements_written())) == []


def test_every_package_has_its_page():
    not_built = (DOCS / "concepts" / "not-built-yet.md").read_text(encoding="utf-8")
    for package in PACKAGES:
        if package in NOT_BUILT:
            assert f"`{package}`" in not_built
        else:
            page = (DOCS / "concepts" / f"{package}.md").read_text(encoding="utf-8")
            for part in ("**The question it answers.**", "## Where to add", "```"):
                assert part in page, f"{package}: {part}"


def test_every_decision_record_says_what_enforces_it():
    records = sorted((DOCS / "decisions").glob("*.md"))
    assert [int(p.name[:4]) for p in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text(encoding="utf-8")
        for part in (
            "**Context.**",
            "**Decision.**",
            "**Consequences.**",
            "**Alternatives.**",
            "**What enforces it.**",
        ):
            assert part in text, f"{record.name}: {part}"


def test_the_readme_shows_both_commands_before_it_explains():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.index("make demo") < text.index("## What it does")
    assert "make test" in text
    assert "<!-- demo:begin" in text
    assert "<!-- demo:end -->" in text

"""Write the report: one self-contained HTML file per language, each linking to the other. No scripts, no requests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from zhike.report.pictures import draw_pictures
from zhike.report.speech import LANGUAGES, Language, Speech
from zhike.report.terms import Absent, RunReport

TEMPLATES = Path(__file__).parent / "templates"
SECTIONS = ("effect", "roi", "reach", "funnel", "models", "tiers", "segments", "quality", "reconciliation", "steps")
FILE_NAME = "run_report.{language}.html"


def _zip_with(left: Iterable[Any], right: Iterable[Any]) -> list[tuple[Any, Any]]:
    return list(zip(left, right, strict=True))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["absent"] = lambda value: isinstance(value, Absent)
    environment.filters["zip_with"] = _zip_with
    return environment


def render_page(report: RunReport, *, language: Language) -> str:
    """Return the report as one HTML page; the same data give the same text."""
    say = Speech(language, report.currency)
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            say=say,
            pictures=draw_pictures(report, say),
            sections=SECTIONS,
            style=style,
            other_file=FILE_NAME.format(language=say.other),
        )
    )


def render_run_report(report: RunReport, folder: Path) -> tuple[Path, ...]:
    """Write the report in both languages into ``folder`` and return the files, Chinese first.

    Files are replaced whole, so a reader never sees half of one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for language in LANGUAGES:
        path = folder / FILE_NAME.format(language=language)
        draft = path.with_suffix(".part")
        draft.write_text(render_page(report, language=language), encoding="utf-8")
        draft.replace(path)
        written.append(path)
    return tuple(written)


__all__ = ["FILE_NAME", "SECTIONS", "render_page", "render_run_report"]

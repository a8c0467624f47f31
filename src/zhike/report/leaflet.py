"""One self-contained page about one question, in both languages one below the other: sentences, tables, pictures. No scripts.

The nightly report has its own page; a leaflet answers a single command (``--out``). Text is escaped by the template.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from zhike.kernel.terms import Text
from zhike.report.speech import LANGUAGES, Language, Speech

TEMPLATES = Path(__file__).parent / "templates"
Cell = Text | str | int


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the first column names the row; ``numbers`` are the columns that are aligned right."""

    title: Text
    head: tuple[Text, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture, drawn per language and width."""

    title: Text
    draw: Callable[[Language, int], Markup]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a leaflet: title, sentences, warnings, then pictures and tables in order."""

    title: Text
    sentences: tuple[Text, ...] = ()
    cautions: tuple[Text, ...] = ()
    items: tuple[Grid | Drawing, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaflet:
    """The page: its title, of what day and project it is, what it says first, and its chapters."""

    title: Text
    project: str
    currency: str
    as_of: date
    lead: Text
    chapters: tuple[Chapter, ...]
    meaning: Text


def render_leaflet(leaflet: Leaflet) -> str:
    """Return the page as HTML; the same figures give the same text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    speeches = [Speech(language, leaflet.currency) for language in LANGUAGES]
    page = environment.get_template("leaflet.html")
    return page.render(leaflet=leaflet, speeches=speeches, style=style, is_grid=lambda item: isinstance(item, Grid))


def write_leaflet(leaflet: Leaflet, path: Path) -> Path:
    """Write the page to ``path``, replaced whole; return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(render_leaflet(leaflet), encoding="utf-8")
    draft.replace(path)
    return path


def grid(title: Text, head: Sequence[Text], rows: Sequence[Sequence[Cell]], numbers: Sequence[int] = ()) -> Grid:
    """Return a table from lists."""
    return Grid(title, tuple(head), tuple(tuple(r) for r in rows), frozenset(numbers))


__all__ = ["Cell", "Chapter", "Drawing", "Grid", "Leaflet", "grid", "render_leaflet", "write_leaflet"]

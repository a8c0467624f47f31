"""The written pages of the project and the fenced examples in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """One fenced block: what follows the fence (``yaml wrong``), its text, and the line on which the text begins."""

    page: Path
    line: int
    kind: str
    content: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every Markdown page that people read."""
    return sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])


def written_pages() -> list[Path]:
    """Those that are written by hand."""
    return [p for p in pages() if p.parent != DOCS / "reference"]


def examples(page: Path) -> list[Example]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [Example(page, text.count("\n", 0, m.start(2)) + 1, m[1].strip(), m[2]) for m in FENCE.finditer(text)]


def prose(page: Path) -> str:
    """The text of a page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


__all__ = ["DOCS", "ROOT", "Example", "examples", "pages", "prose", "written_pages"]

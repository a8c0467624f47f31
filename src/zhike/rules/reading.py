"""What the parser carries along: the vocabulary, every mistake found so far with its path, and how large the rule has grown.

Mistakes are collected, not raised, so that an author sees all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import Finding
from zhike.rules.terms import Condition, EventValue
from zhike.rules.vocabulary import Vocabulary

MAX_DEPTH = 12
MAX_PARTS = 400
MAX_LIST_VALUES = 1000
MAX_EVENT_DAYS = 400
MAX_EVENT_MONTHS, MAX_EVENT_WEEKS, MAX_YEARS_AGO = 12, 26, 2
MAX_WINDOW_DAYS = 36_500
MAX_EVENT_LEAVES = 40
MAX_RELATION_HOPS = 3
SHOWN_CHARACTERS = 40


@dataclass(slots=True)
class Reading:
    """One reading of one rule. Not frozen: it gathers findings while the tree is walked."""

    vocabulary: Vocabulary
    findings: list[Finding] = field(default_factory=list)
    n_parts: int = 0
    n_event_leaves: int = 0
    n_hops_around: int = 0
    read_condition: Callable[[Reading, object, str, int], Condition | None] | None = None

    read_event_value: Callable[[Reading, Mapping[str, Any], str], EventValue | None] | None = None

    def event_value(self, tree: Mapping[str, Any], path: str) -> EventValue | None:
        """Return the number about events that stands inside an expression, read by the parser that began this reading."""
        if self.read_event_value is None:
            self.wrong(path, "no events may stand here", "此处不能写事件")
            return None
        return self.read_event_value(self, tree, path)

    def condition(self, tree: object, path: str, depth: int) -> Condition | None:
        """Return the condition that stands inside an expression, read by the parser that began this reading."""
        if self.read_condition is None:
            self.wrong(path, "no condition may stand here", "此处不能写条件")
            return None
        return self.read_condition(self, tree, path, depth)

    def wrong(self, path: str, en: str, zh: str, *, value: object = "", near: str = "") -> None:
        """Record one mistake, in both languages."""
        todo = f"did you mean {near}? 是否要写 {near}？" if near else ""
        self.findings.append(Finding(path, f"{en} · {zh}", _shown(value), todo))

    def unknown(self, path: str, what: tuple[str, str], word: object, known: Iterable[str]) -> None:
        """Record a name that does not exist; ``what`` says in English and Chinese what it should have been."""
        near = suggest(str(word), known)
        self.wrong(path, f"there is no {what[0]} called {_shown(word)}", f"没有{what[1]} {_shown(word)}", near=near)

    def enter(self, path: str, depth: int) -> bool:
        """Count one part of the rule; false (and a mistake, once) when the rule is too deep or too large."""
        self.n_parts += 1
        if depth > MAX_DEPTH:
            self.wrong(path, f"nested deeper than {MAX_DEPTH}", f"嵌套超过 {MAX_DEPTH} 层")
            return False
        if self.n_parts > MAX_PARTS:
            if self.n_parts == MAX_PARTS + 1:
                self.wrong(path, f"the rule has more than {MAX_PARTS} parts", f"规则超过 {MAX_PARTS} 个部分")
            return False
        return True

    def only(self, path: str, tree: Mapping[str, Any], known: Collection[str]) -> None:
        """Record the words of a mapping that mean nothing there."""
        for word in tree:
            if word not in known:
                near = suggest(str(word), known)
                self.wrong(
                    f"{path}.{_shown(word)}",
                    f"this word means nothing here; known are {', '.join(sorted(known))}",
                    "此处不认识这个词",
                    near=near,
                )

    def whole(self, path: str, value: object, *, least: int, most: int) -> int | None:
        """Return a whole number between ``least`` and ``most``, or None after recording the mistake."""
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.wrong(
            path, f"must be a whole number from {least} to {most}", f"应为 {least} 至 {most} 的整数", value=value
        )
        return None


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


__all__ = [
    "MAX_DEPTH",
    "MAX_EVENT_DAYS",
    "MAX_EVENT_LEAVES",
    "MAX_EVENT_MONTHS",
    "MAX_EVENT_WEEKS",
    "MAX_LIST_VALUES",
    "MAX_PARTS",
    "MAX_RELATION_HOPS",
    "MAX_WINDOW_DAYS",
    "MAX_YEARS_AGO",
    "Reading",
]

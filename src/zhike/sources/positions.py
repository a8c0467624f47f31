"""A YAML file whose words ``on``, ``off``, ``yes`` and ``no`` stay words, and the line of each of its parts.

YAML 1.1 takes them for flags; ``on`` is a column of many contracts. Only ``true`` and ``false`` are flags here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from zhike.kernel.definitions import SafeLoader

FLAG_TAG = "tag:yaml.org,2002:bool"


class _Words(SafeLoader):  # type: ignore[valid-type,misc] # chosen when it is imported
    """A safe loader that knows no flags but ``true`` and ``false``."""


_Words.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != FLAG_TAG]
    for letter, resolvers in SafeLoader.yaml_implicit_resolvers.items()
}
_Words.add_implicit_resolver(FLAG_TAG, re.compile(r"^(?:true|True|false|False)$"), list("tTfF"))


def read_words(path: Path) -> Any:
    """Return the content of a YAML file that is known to parse."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Words)  # noqa: S506 - a SafeLoader


@dataclass(frozen=True, slots=True)
class Positions:
    """Line (from 1) of each key and list item of one YAML file, by path."""

    lines: dict[tuple[str | int, ...], int]

    def line(self, path: Sequence[object]) -> int:
        """Return the line of ``path``, or of the nearest part around it that is written in the file."""
        for length in range(len(path), 0, -1):
            found = self.lines.get(tuple(p if isinstance(p, int) else str(p) for p in path[:length]))
            if found is not None:
                return found
        return 1


def read_positions(path: Path) -> Positions:
    """Return the positions in a YAML file that is known to parse."""
    lines: dict[tuple[str | int, ...], int] = {}
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=SafeLoader)
    if root is not None:
        _walk(root, (), lines)
    return Positions(lines)


def _walk(node: yaml.Node, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            lines[inner] = key.start_mark.line + 1
            _walk(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines[(*path, i)] = value.start_mark.line + 1
            _walk(value, (*path, i), lines)


__all__ = ["Positions", "read_positions", "read_words"]

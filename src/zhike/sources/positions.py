"""Lines of a YAML file by path, so that a mistake deep inside is told with its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml


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
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
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


__all__ = ["Positions", "read_positions"]

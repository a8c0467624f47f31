"""Where a row came from: its version, the run, the definition, and the versions it was made of, back to the files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zhike.kernel.errors import NotFound
from zhike.warehouse.manifest import Entry, Manifest


@dataclass(frozen=True, slots=True)
class Ancestor:
    """An entry on the way back, ``depth`` steps away; ``is_lagged`` when it came from the run of an earlier day."""

    depth: int
    entry: Entry | None
    label: str
    is_lagged: bool


def trace(manifest: Manifest, table: str, partition: str = "") -> Iterator[Ancestor]:
    """Yield the entry of a table or partition and everything it was made of, nearest first, each once.

    Inputs from runs of earlier days are named by label but not followed further.

    Raises
    ------
    NotFound : the manifest has no such table or partition.
    """
    if (table, partition) not in manifest.entries:
        raise NotFound(
            "lineage.unknown", zh=f"已发布的数据中没有 {table}/{partition}", en=f"nothing is published as {table}/{partition}",
            todo_en=f"partitions of {table}: {', '.join(manifest.partitions(table)) or 'none'}",
            todo_zh=f"{table} 的分区：{', '.join(manifest.partitions(table)) or '无'}",
        )  # fmt: skip
    by_label = {e.label: e for e in manifest.entries.values()}
    start = manifest.entries[(table, partition)]
    queue = [Ancestor(0, start, start.label, is_lagged=False)]
    seen = {start.label}
    while queue:
        ancestor = queue.pop(0)
        yield ancestor
        for label in ancestor.entry.inputs if ancestor.entry else ():
            plain = label.removeprefix("~")
            if plain not in seen:
                seen.add(plain)
                lagged = label.startswith("~")
                entry = None if lagged else by_label.get(plain)
                queue.append(Ancestor(ancestor.depth + 1, entry, plain, is_lagged=lagged))


__all__ = ["Ancestor", "trace"]

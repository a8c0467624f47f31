"""What is published: entries (one written version of one table or partition) and the manifest that names them together."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

WHOLE = ""  # the partition of a table that is written in one piece


@dataclass(frozen=True, slots=True)
class Entry:
    """One immutable version of a table, or of one partition of it, and everything it came from.

    ``version`` is a hash over step, definition, code, day and input versions: equal versions hold equal rows.
    ``inputs`` are ``table/partition@version``, with a leading ``~`` for reads of the last run of an earlier day. The rows lie in
    ``n_files`` files; more than one where a table is so wide that it is made in parts.
    """

    table: str
    partition: str
    version: str
    run_id: str
    step: str
    as_of: str
    definition: str
    inputs: tuple[str, ...]
    n_rows: int
    n_bytes: int
    written_at: str
    n_files: int = 1

    @property
    def identity(self) -> tuple[str, str]:
        """Table and partition: what a newer version replaces."""
        return (self.table, self.partition)

    @property
    def label(self) -> str:
        """``table/partition@version``, as other entries' inputs name it."""
        return f"{self.table}/{self.partition}@{self.version}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """All entries that are visible together. A reader keeps the manifest it opened."""

    number: int
    run_id: str
    as_of: date
    published_at: str
    entries: Mapping[tuple[str, str], Entry] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)

    def partitions(self, table: str) -> tuple[str, ...]:
        """Return the partitions of ``table`` that are published, in order."""
        return tuple(sorted(p for t, p in self.entries if t == table))

    def to_json(self) -> str:
        """Return the manifest as it is written to disk."""
        body = {
            "number": self.number,
            "run_id": self.run_id,
            "as_of": self.as_of.isoformat(),
            "published_at": self.published_at,
            "definitions": dict(self.definitions),
            "entries": [asdict(self.entries[k]) for k in sorted(self.entries)],
        }
        return json.dumps(body, ensure_ascii=False, indent=1)


def entry_from_json(body: Mapping[str, Any]) -> Entry:
    """Return the entry that ``body`` (a decoded JSON object) describes."""
    return Entry(**{**body, "inputs": tuple(body["inputs"])})


def manifest_from_json(content: str) -> Manifest:
    """Return the manifest written by :meth:`Manifest.to_json`."""
    body = json.loads(content)
    entries = (entry_from_json(e) for e in body["entries"])
    return Manifest(
        number=body["number"],
        run_id=body["run_id"],
        as_of=date.fromisoformat(body["as_of"]),
        published_at=body["published_at"],
        definitions=body["definitions"],
        entries=entries_by_identity(entries),
    )


def entries_by_identity(entries: Iterable[Entry]) -> dict[tuple[str, str], Entry]:
    """Return (table, partition) → entry; a later entry replaces an earlier one."""
    return {e.identity: e for e in entries}


def write_atomically(path: Path, content: str) -> None:
    """Replace ``path`` by ``content`` so that a reader, or a crash, sees the old or the new file and nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


__all__ = [
    "WHOLE",
    "Entry",
    "Manifest",
    "entries_by_identity",
    "entry_from_json",
    "manifest_from_json",
    "sync_folder",
    "write_atomically",
]

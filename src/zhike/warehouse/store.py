"""Versions on disk: a folder of Parquet per version, one manifest that is replaced atomically, and what may be forgotten.

::

    warehouse/
    ├── manifest.json                       the one that readers open
    ├── manifests/000012.json               every one that is kept
    ├── steps/<fingerprint>.json            finished steps: what a resumed or unchanged run takes over
    ├── tables/<table>/<partition>/<version>/data.parquet, and data-2.parquet … of a table that is made in parts
    └── drafts/<run>/…                      half-written; removed by the next run
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from zhike.kernel.errors import Conflict, NotFound
from zhike.warehouse.manifest import Entry, Manifest, entry_from_json, manifest_from_json, sync_folder, write_atomically

DATA_FILE = "data.parquet"


@dataclass(frozen=True, slots=True)
class FinishedStep:
    """What a step left behind: its entries and what it reported."""

    entries: tuple[Entry, ...]
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The versions under one folder. Reading needs no lock; writing a run holds one."""

    folder: Path

    def paths(self, entry: Entry) -> tuple[Path, ...]:
        """Return the Parquet files of an entry, in order: one, unless it was made in parts."""
        return part_paths(self.version_folder(entry.table, entry.partition, entry.version) / DATA_FILE, entry.n_files)

    def version_folder(self, table: str, partition: str, version: str) -> Path:
        """Return the folder of one version; partition names are made safe for a file system."""
        return self.folder / "tables" / table / (quote(partition, safe="") or "_") / version

    # ── manifests ────────────────────────────────────────────────────────────────────────────────────────────────────
    def current(self) -> Manifest | None:
        """Return the published manifest; None before the first run."""
        path = self.folder / "manifest.json"
        return manifest_from_json(path.read_text(encoding="utf-8")) if path.is_file() else None

    def numbers(self) -> list[int]:
        """Return the numbers of the manifests that are kept, oldest first."""
        return sorted(int(p.stem) for p in (self.folder / "manifests").glob("[0-9]*.json"))

    def manifest(self, number: int) -> Manifest:
        """Return a kept manifest; NotFound when it was never published or is no longer kept."""
        path = self.folder / "manifests" / f"{number:06d}.json"
        if not path.is_file():
            raise NotFound("warehouse.manifest_unknown", zh=f"没有第 {number} 版", en=f"manifest {number} is not kept")
        return manifest_from_json(path.read_text(encoding="utf-8"))

    def kept(self) -> Iterator[Manifest]:
        """Return the kept manifests, newest first."""
        for number in reversed(self.numbers()):
            yield self.manifest(number)

    def latest(self, *, before: date | None = None, until: date | None = None) -> Manifest | None:
        """Return the newest manifest of the latest day that is earlier than ``before`` and not later than ``until``."""
        fitting = [
            m for m in self.kept() if (before is None or m.as_of < before) and (until is None or m.as_of <= until)
        ]  # fmt: skip
        return max(fitting, key=lambda m: (m.as_of, m.number), default=None)

    def publish(self, manifest: Manifest) -> bool:
        """Write a manifest; make it current unless a later day is. Return whether it became current."""
        write_atomically(self.folder / "manifests" / f"{manifest.number:06d}.json", manifest.to_json())
        now = self.current()
        if now is not None and manifest.as_of < now.as_of:
            return False
        write_atomically(self.folder / "manifest.json", manifest.to_json())
        return True

    # ── finished steps ───────────────────────────────────────────────────────────────────────────────────────────────
    def finished(self, fingerprint: str) -> FinishedStep | None:
        """Return what a step with this fingerprint left, if it finished and its files are still there."""
        path = self.folder / "steps" / f"{fingerprint}.json"
        if not path.is_file():
            return None
        body = json.loads(path.read_text(encoding="utf-8"))
        entries = tuple(entry_from_json(e) for e in body["entries"])
        return (
            FinishedStep(entries, body["metrics"]) if all(p.is_file() for e in entries for p in self.paths(e)) else None
        )

    def finish(self, fingerprint: str, step: FinishedStep) -> None:
        """Record that a step is finished; written after its files."""
        body = {"entries": [asdict(e) for e in step.entries], "metrics": dict(step.metrics)}
        write_atomically(self.folder / "steps" / f"{fingerprint}.json", json.dumps(body, ensure_ascii=False))

    def draft(self, run_id: str, table: str, partition: str) -> Path:
        """Return the (first) file that a run writes before its folder is moved into place."""
        return self.folder / "drafts" / run_id / table / (quote(partition, safe="") or "_") / DATA_FILE

    def adopt(self, draft: Path, entry: Entry) -> None:
        """Move a written draft to its version's place, durably."""
        target = self.version_folder(entry.table, entry.partition, entry.version)
        if target.exists():  # left by a run that was killed before it could record the step
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.parent.replace(target)
        sync_folder(target.parent)

    # ── upkeep ───────────────────────────────────────────────────────────────────────────────────────────────────────
    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the one write lock; Conflict when another run holds it. A killed run holds nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                handle.seek(0)
                raise Conflict(
                    "warehouse.run_in_progress", zh="另一个跑批正在进行", en="another run is in progress",
                    todo_zh=f"等它结束（进程 {handle.read().strip()}）", todo_en="wait for it to end",
                ) from error  # fmt: skip
            handle.seek(0)
            handle.truncate()
            handle.write(str(os.getpid()))
            handle.flush()
            shutil.rmtree(self.folder / "drafts", ignore_errors=True)
            yield

    def forget(self, *, keep_versions: int, keep_since: datetime) -> int:
        """Remove versions that no kept manifest names; return how many.

        Kept are the newest ``keep_versions`` manifests and all published since ``keep_since`` (aware, UTC); files younger
        than that stay too, since an unfinished run may still resume from them.
        """
        manifests = list(self.kept())
        kept = [
            m
            for i, m in enumerate(manifests)
            if i < keep_versions or datetime.fromisoformat(m.published_at) >= keep_since
        ]
        if (now := self.current()) is not None:
            kept.append(now)
        named = {self.version_folder(e.table, e.partition, e.version) for m in kept for e in m.entries.values()}
        numbers = {m.number for m in kept}
        for manifest in manifests:
            if manifest.number not in numbers:
                (self.folder / "manifests" / f"{manifest.number:06d}.json").unlink()
        gone = 0
        for folder in (self.folder / "tables").glob("*/*/*"):
            if folder not in named and folder.stat().st_mtime < keep_since.timestamp():
                shutil.rmtree(folder)
                gone += 1
        for record in (self.folder / "steps").glob("*.json"):
            if record.stat().st_mtime < keep_since.timestamp() and self.finished(record.stem) is None:
                record.unlink()
        return gone


def part_paths(first: Path, n_files: int) -> tuple[Path, ...]:
    """Return the files of a table that is made in parts: the first, and those that are numbered after it."""
    return (first, *(first.with_stem(f"{first.stem}-{i}") for i in range(2, n_files + 1)))


def keep_since(now: datetime, hours: int) -> datetime:
    """Return the moment before which a version may be forgotten."""
    return now - timedelta(hours=hours)


__all__ = ["DATA_FILE", "FinishedStep", "Warehouse", "keep_since", "part_paths"]

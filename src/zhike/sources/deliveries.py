"""Which files a bank has delivered: one per business day or one for all, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path, PurePosixPath

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.mistakes import did_you_mean
from zhike.sources.mapping import Entry, Mapping

SHOWN = 10
UNDATED = "*"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file of one entry: ``path`` on disk (the archive where there is one), its ``member``, and the control file."""

    entry: str
    day: date | None
    path: Path
    label: str
    member: str | None = None
    control: Path | None = None
    control_member: str | None = None

    @property
    def batch(self) -> str:
        """The business day as text, ``*`` where the file has none."""
        return self.day.isoformat() if self.day else UNDATED

    def relabelled(self, label: str) -> Delivery:
        """Return the same file under another label."""
        return replace(self, label=label)


def find_deliveries(mapping: Mapping, entry: Entry, folder: Path, as_of: date) -> tuple[Delivery, ...]:
    """Return the files of an entry that a run of ``as_of`` reads, oldest first.

    Files of later business days are not read; of a ``full`` entry only the last file counts, of an entry that ``follows``
    a full one only the days after that file.

    Raises
    ------
    BadInput : the day lies before the first day of the data, or files are missing; each is named.
    """
    first = entry.first_day or mapping.calendar.first_day
    if as_of < mapping.calendar.first_day:
        raise BadInput(
            "sources.before_first_day",
            zh=f"{as_of} 早于数据起始日 {mapping.calendar.first_day}",
            en=f"{as_of} lies before the first day of the data, {mapping.calendar.first_day}",
            todo_zh="请用起始日或之后的日期", todo_en="take that day or a later one",
        )  # fmt: skip
    if not folder.is_dir():
        raise BadInput(
            "sources.no_data_folder", zh=f"找不到数据目录 {folder}", en=f"there is no data folder {folder}",
            todo_zh="把文件放在其中，或用 --data 指定", todo_en="put the files there, or name another with --data",
        )  # fmt: skip
    if not entry.is_dated:
        return _of_day(entry, folder, None) or _missing(entry, folder, [None])
    if entry.follows:
        base = find_deliveries(mapping, mapping.entry(entry.follows), folder, as_of)
        first = max(first, *(d.day + timedelta(days=1) for d in base if d.day is not None))
    days = [first + timedelta(days=i) for i in range((as_of - first).days + 1)]
    if entry.delivery == "full":
        return _last_full(entry, folder, days)
    found = [(day, _of_day(entry, folder, day)) for day in days]
    absent = [day for day, files in found if not files]
    if entry.expected == "every_day" and absent:
        return _missing(entry, folder, absent)
    files = tuple(f for _, some in found for f in some)
    return files if files or not days or entry.follows else _missing(entry, folder, days)


def _last_full(entry: Entry, folder: Path, days: list[date]) -> tuple[Delivery, ...]:
    for day in reversed(days):
        files = _of_day(entry, folder, day)
        if files:
            return files
        if entry.expected == "every_day":
            return _missing(entry, folder, [day])
    return _missing(entry, folder, days) if days else ()


def _filled(pattern: str, day: date | None) -> str:
    return pattern.format(day=day) if day is not None else pattern


def _of_day(entry: Entry, folder: Path, day: date | None) -> tuple[Delivery, ...]:
    name = _filled(entry.path, day)
    paths = sorted(folder.glob(name)) if re.search(r"[*?\[]", name) else [folder / name]
    return tuple(_delivery(entry, folder, path, day) for path in paths if path.is_file())


def _delivery(entry: Entry, folder: Path, path: Path, day: date | None) -> Delivery:
    relative = path.relative_to(folder).as_posix()
    member = _filled(entry.file or "", day) if entry.archive else None
    control = control_member = None
    if entry.control is not None:
        file = PurePosixPath(member if entry.control.is_in_archive and member else relative)
        named = entry.control.file.replace("{file}", str(file)).replace("{stem}", str(file.with_suffix("")))
        named = _filled(named, day)
        control, control_member = (None, named) if entry.control.is_in_archive else (folder / named, None)
    label = f"{relative}!{member}" if member else relative
    return Delivery(entry.name, day, path, label, member, control, control_member)


def _near(folder: Path, name: str) -> str:
    """The file or folder nearest to a missing one, among what lies beside it; suffixes alone make nothing near."""
    path = folder / name
    parent = path.parent
    while not parent.is_dir() and parent != folder:
        path, parent = parent, parent.parent
    stems = {p.name.split(".")[0]: p.name for p in sorted(parent.iterdir())} if parent.is_dir() else {}
    return stems.get(suggest(path.name.split(".")[0], stems), "")


def _finding(entry: Entry, folder: Path, day: date | None) -> Finding:
    name = _filled(entry.path, day)
    where = f"{entry.name} {name}"
    if (folder / name).is_dir():
        return Finding(where, "is a folder, not a file · 是目录，不是文件")
    return Finding(where, "missing · 缺少", todo=did_you_mean(_near(folder, name)))


def _missing(entry: Entry, folder: Path, days: list[date] | list[None]) -> tuple[Delivery, ...]:
    n = len(days)
    raise BadInput(
        "sources.file_missing",
        zh=f"{folder} 中 {entry.name} 缺少 {n} 个文件", en=f"{entry.name} lacks {n} file{'s' if n > 1 else ''} in {folder}",
        todo_zh="等待或补送文件；若并非每日都有，请在映射中写 expected: as_delivered",
        todo_en="wait for the delivery or have it sent again; where there is no file each day, map expected: as_delivered",
        findings=tuple(_finding(entry, folder, day) for day in days[:SHOWN]),
        facts={"table": entry.name, "n_missing": n},
    )  # fmt: skip


def group_by_batch(deliveries: tuple[Delivery, ...], batches: str) -> Iterator[tuple[str, tuple[Delivery, ...]]]:
    """Yield (label, files) per day, month or year, in order; undated files are one batch of their own."""
    length = {"day": 10, "month": 7, "year": 4}[batches]
    groups: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        groups.setdefault(delivery.batch[:length], []).append(delivery)
    for label, files in groups.items():
        yield label, tuple(files)


__all__ = ["UNDATED", "Delivery", "find_deliveries", "group_by_batch"]

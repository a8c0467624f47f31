"""What is kept of a night for the next one: the aggregates of every customer, and what they were made from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import ibis.expr.types as ir

from zhike.profile.atoms import Atom
from zhike.profile.plan import CUSTOMER
from zhike.profile.windows import Days
from zhike.warehouse import TableEngine
from zhike.warehouse.manifest import write_atomically

KEEP = 3  # days, of each fact table
Files = Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Basis:
    """What kept aggregates were made from; ``files``: table → partition → the files of the version that was read.

    ``marker`` says what else they depend on (the code, the zone): another one, and nothing can be carried on from them.
    """

    as_of: date
    known_at: datetime
    marker: str
    files: Files
    atoms: tuple[Atom, ...]

    def has_files(self, tables: Sequence[str]) -> bool:
        """Whether the versions that were read are still there."""
        return all(Path(f).is_file() for t in tables for files in self.files.get(t, {}).values() for f in files)


def is_same_version(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether files are those of one version: a version is named by the folder it lies in, wherever the warehouse stands."""
    return [Path(f).parts[-2:] for f in some] == [Path(f).parts[-2:] for f in others]


def others_than(
    some: Mapping[str, tuple[str, ...]], others: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return the partitions of ``some`` that are not there in ``others`` in the same version."""
    return {p: f for p, f in some.items() if p not in others or not is_same_version(f, others[p])}


def column(place: int) -> str:
    """Return the column of an aggregate in what is kept."""
    return f"c{place}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder in which the aggregates of one fact table are kept."""

    folder: Path

    def latest(self, *, before: date, marker: str) -> Basis | None:
        """Return the newest basis of an earlier day that has the marker; None when there is none."""
        days = sorted((p for p in self.folder.glob("*.json") if p.stem < before.isoformat()), reverse=True)
        for path in days:
            body = _json(path)
            if body.get("marker") == marker and path.with_suffix(".parquet").is_file():
                return _read(body)
        return None

    def _rows(self, as_of: date) -> Path:
        return self.folder / f"{as_of.isoformat()}.parquet"

    def rows(self, basis: Basis, engine: TableEngine) -> ir.Table:
        """Return what was kept: ``customer_no``, and :func:`column` of each of its atoms."""
        return engine.read_file(self._rows(basis.as_of))

    def keep(self, basis: Basis, names: Sequence[str], grouped: ir.Table, engine: TableEngine) -> ir.Table:
        """Keep the aggregates ``names`` (in the order of the atoms of ``basis``), forget those of long ago, and return what was kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        place, said = self._rows(basis.as_of), self._rows(basis.as_of).with_suffix(".json")
        said.unlink(missing_ok=True)
        working = place.with_suffix(".working")
        rows = grouped.select(CUSTOMER, **{column(i): grouped[name] for i, name in enumerate(names)})
        engine.write(rows, working)
        working.replace(place)
        write_atomically(said, json.dumps(asdict(basis), default=str))
        others = sorted(p for p in self.folder.glob("*.json") if p != said)
        for old in others[: 1 - KEEP]:
            old.unlink()
            old.with_suffix(".parquet").unlink(missing_ok=True)
        return engine.read_file(place).rename({name: column(i) for i, name in enumerate(names)})


def _json(path: Path) -> dict[str, Any]:
    """Return what a file says; nothing when it cannot be read: then it is no basis, and everything is counted anew."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _read(body: Mapping[str, Any]) -> Basis:
    atoms = tuple(Atom(**{**a, "days": _days(a["days"])}) for a in body["atoms"])
    files = {t: {p: tuple(f) for p, f in parts.items()} for t, parts in body["files"].items()}
    return Basis(
        date.fromisoformat(body["as_of"]), datetime.fromisoformat(body["known_at"]), body["marker"], files, atoms
    )


def _days(body: Mapping[str, str] | None) -> Days | None:
    return None if body is None else Days(date.fromisoformat(body["first"]), date.fromisoformat(body["last"]))


__all__ = ["Basis", "Files", "Shelf", "column", "others_than"]

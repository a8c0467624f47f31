"""Encoded columns and events of an audience index, made from Arrow and kept in files that the next process maps into memory."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.kernel.hashing import fingerprint
from zhike.rules.index.columns import Column, encode, encode_texts
from zhike.rules.index.events import Events
from zhike.rules.index.source import NUMBER
from zhike.rules.terms import TEXT_KINDS
from zhike.rules.vocabulary import EVENT_FIELDS
from zhike.warehouse.contracts import Kind

Numbers = npt.NDArray[np.int64]
DONE = "done.json"


def numbered(known: Numbers, wanted: npt.NDArray[Any], *, missing: int | None = None) -> npt.NDArray[np.uint32]:
    """Return the slots of customers by their numbers; one that is not known is left out, or is ``missing``."""
    place = np.searchsorted(known, wanted)
    at = np.minimum(place, max(len(known) - 1, 0))
    is_known = known[at] == wanted if len(known) else np.zeros(len(wanted), np.bool_)
    if missing is None:
        found: npt.NDArray[np.uint32] = at[is_known].astype(np.uint32)
        return found
    return np.where(is_known, at, missing).astype(np.uint32)


def column_of(n: int, values: Any, kind: Kind, slots: npt.NDArray[np.uint32] | None = None) -> Column | None:
    """Return an Arrow column as codes; amounts come as cents. None where there are too many different texts."""
    if kind in TEXT_KINDS:
        return encode_texts(n, values, slots)
    there = np.asarray(
        values.is_valid().to_numpy(zero_copy_only=False)
        if isinstance(values, pa.Array)
        else values.is_valid().to_numpy(),
        np.bool_,
    )
    if kind is Kind.DAY:
        plain = values.cast(pa.int32()).fill_null(0).to_numpy()
    elif kind is Kind.FLAG:
        plain = values.cast(pa.uint8()).fill_null(0).to_numpy()
    else:
        plain = values.fill_null(0).to_numpy()
    return encode(n, np.asarray(plain), there, slots)


def events_of(known: Numbers, rows: pa.Table) -> Events:
    """Return the events of one kind; rows of customers that are not known are left out."""
    slot = numbered(known, rows[NUMBER].to_numpy(), missing=len(known))
    at = rows["at"].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    day = rows["on"].cast(pa.int32()).to_numpy()
    order = np.lexsort((at, day, slot))
    order = order[: int((slot < len(known)).sum())]
    slot = slot[order]
    starts = np.flatnonzero(np.concatenate([[True], slot[1:] != slot[:-1]])) if len(slot) else np.zeros(0, np.int64)
    at_rows: Any = pa.array(order)
    ordered = rows.take(at_rows)
    columns = {
        name: column_of(len(order), ordered[name], kind)
        for name, kind in EVENT_FIELDS.items()
        if name in rows.column_names
    }
    return Events(
        slot[starts], np.append(starts, len(slot)), np.clip(day[order], 0, 65_535).astype(np.uint16), at[order].astype(np.int64),
        {name: c for name, c in columns.items() if c is not None},
    )  # fmt: skip


class Kept:
    """The files of one version of an index; without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def column(self, at: Sequence[str]) -> Column | None:
        """Return a column that was kept."""
        place = self._place("column", *at)
        if place is None:
            return None
        return _open_column(place, json.loads((place / DONE).read_text(encoding="utf-8"))["n"])

    def keep_column(self, at: Sequence[str], column: Column) -> None:
        """Keep a column."""
        self._write({"n": column.n}, _arrays_of(column), "column", *at)

    def events(self, kind: str, as_of: date) -> Events | None:
        """Return the events of a kind that were kept for a day."""
        place = self._place("events", kind, as_of.isoformat())
        if place is None:
            return None
        told = json.loads((place / DONE).read_text(encoding="utf-8"))
        columns = {name: _open_column(place, told["n"], f"{name}.") for name in told["columns"]}
        customers, starts, day, at = (_open(place, n) for n in ("customers", "starts", "day", "at"))
        return Events(customers, starts, day, at, columns)

    def keep_events(self, kind: str, as_of: date, events: Events) -> None:
        """Keep the events of a kind."""
        arrays: dict[str, Any] = {n: getattr(events, n) for n in ("customers", "starts", "day", "at")}
        for name, column in events.columns.items():
            arrays |= {f"{name}.{n}": a for n, a in _arrays_of(column).items()}
        self._write({"n": len(events), "columns": list(events.columns)}, arrays, "events", kind, as_of.isoformat())

    def _place(self, *at: str) -> Path | None:
        if self._folder is None:
            return None
        place = self._folder / fingerprint(list(at))
        return place if (place / DONE).is_file() else None

    def _write(self, told: dict[str, Any], arrays: dict[str, Any], *at: str) -> None:
        if self._folder is None:
            return
        place = self._folder / fingerprint(list(at))
        making = self._folder / f"{place.name}.{os.getpid()}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        for name, array in arrays.items():
            np.save(making / f"{name}.npy", array)
        (making / DONE).write_text(json.dumps({**told, "of": list(at)}, ensure_ascii=False), encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)
        making.rename(place)


def _arrays_of(column: Column) -> dict[str, Any]:
    arrays = {"codes": column.codes, "values": column.values, "exact": column.exact, "slots": column.slots}
    return {name: array for name, array in arrays.items() if array is not None}


def _open(place: Path, name: str) -> Any:
    path = place / f"{name}.npy"
    return np.load(path, mmap_mode="r") if path.is_file() else None


def _open_column(place: Path, n: int, prefix: str = "") -> Column:
    codes, values, exact, slots = (_open(place, prefix + name) for name in ("codes", "values", "exact", "slots"))
    return Column(n, np.asarray(codes), np.asarray(values), exact, None if slots is None else np.asarray(slots))


__all__ = ["Kept", "column_of", "events_of", "numbered"]

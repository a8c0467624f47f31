"""The live index: where records stand that a new one could be, found in microseconds, built once per published run.

Files in one folder, mapped into memory and never changed: standardised rows (Arrow), their keys as sorted hashes with the
records that have them, and per record its component (all records that shared keys or weights connect, contradictions or not)
and its customer. A component is closed: whatever a new record changes, it changes inside the components that it touches.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute
from pyarrow import ipc

from zhike.identity.clusters import connected
from zhike.identity.edges import edges_from_lists
from zhike.identity.link import with_forced
from zhike.identity.live.few import block_key, block_keys, exact_key, exact_keys
from zhike.identity.matching import MatchModel
from zhike.identity.rules import KEY_JOINT, KEYS, NAMELESS
from zhike.identity.standardise import COLUMNS
from zhike.identity.terms import AsOf, IdentitySettings, RecordKey
from zhike.kernel.errors import NotFound
from zhike.kernel.hashing import fingerprint
from zhike.warehouse import Engine

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
pc: Any = pyarrow.compute  # its stubs know fewer calls than there are
ROWS, REGISTER, META = "rows.arrow", "register.arrow", "index.json"
NOBODY = np.zeros(0, np.int64)
FORM = 2  # raise when the files of an index change: an older index is then built anew


def hash_texts(texts: Sequence[str]) -> Hashes:
    """Return 64-bit hashes of texts: the same in every process. Two keys of one hash are told apart when they are compared."""
    found: Hashes = pd.util.hash_array(np.array(texts, dtype=object), categorize=False)
    return found


def own_key(source: str, source_key: str) -> str:
    """Return the key under which a record itself is found."""
    return KEY_JOINT.join(("@", source, source_key))


@dataclass(frozen=True, slots=True)
class FoundBy:
    """A key under which a row is found. More records than ``limit`` make it mean nobody; ``model`` for keys of blocks."""

    key: str
    limit: int
    model: int | None = None


def keys_of_row(row: Mapping[str, Any], models: Sequence[MatchModel], settings: IdentitySettings) -> Iterator[FoundBy]:
    """Yield the keys of a standardised row: its own, exact ones, values that may be somebody's only one, and blocks."""
    yield FoundBy(own_key(row["source"], row["source_key"]), 1)
    for rule, key in exact_keys(row):
        yield FoundBy(exact_key(rule, key), settings.limit(rule))
    for rule, column in NAMELESS.items():
        if row[column] is not None and row["party_kind"] == "person":
            yield FoundBy(exact_key(rule, row[column]), settings.limit(rule))
    for number, block_no, values in block_keys(row, models):
        yield FoundBy(block_key(number, block_no, values), models[number].widest_block, number)


def _columns_of_keys(rows: pa.Table, models: Sequence[MatchModel]) -> Iterator[tuple[Any, Any, bool]]:
    """Yield (keys, their rows' positions, whether of a block) for a whole table: those of :func:`keys_of_row`, column by column."""
    kinds = rows["party_kind"].combine_chunks()
    everything = pa.array(np.ones(rows.num_rows, bool))
    is_person = pc.equal(kinds, "person")
    asked: list[tuple[str, Sequence[str], Any]] = [("@", ("source", "source_key"), everything)]
    asked += [(r, c, everything) for r, c in KEYS.items()]
    asked += [(rule, (column,), is_person) for rule, column in NAMELESS.items()]
    for number, model in enumerate(models):
        is_mine = pc.is_in(kinds, pa.array(model.party_kinds))
        asked += [(f"{number}.{b}", columns, is_mine) for b, columns in enumerate(model.blocks)]
    n_exact = 1 + len(KEYS) + len(NAMELESS)
    for position, (name, columns, is_there) in enumerate(asked):
        values = [rows[c].combine_chunks() for c in columns]
        keys = pc.if_else(is_there, pc.binary_join_element_wise(name, *values, KEY_JOINT), None)
        at = pc.indices_nonzero(pc.is_valid(keys))
        yield keys.take(at), at, position >= n_exact


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """An open index. ``run_id`` and ``as_of`` of the run that it was built for."""

    folder: Path
    rows: pa.Table
    arrays: Mapping[str, Any]
    register: pa.Table
    meta: Mapping[str, Any]

    @property
    def n_records(self) -> int:
        """How many records there are."""
        return len(self.arrays["component"])

    def records_with(self, hashes: Hashes, limits: Ints) -> list[Ints]:
        """Return per key the records that have it; none where more than ``limits`` have, for then it means nobody."""
        keys, records = self.arrays["key_hash"], self.arrays["key_record"]
        first, last = np.searchsorted(keys, hashes, "left"), np.searchsorted(keys, hashes, "right")
        spans = zip(first.tolist(), last.tolist(), limits.tolist(), strict=True)
        return [records[a:b] if b - a <= limit else NOBODY for a, b, limit in spans]

    def n_having(self, hashes: Hashes) -> Ints:
        """Return per key how many records have it; of a block, how many rows."""
        keys = self.arrays["key_hash"]
        found: Ints = np.searchsorted(keys, hashes, "right") - np.searchsorted(keys, hashes, "left")
        return found

    def numbers_of(self, records: Sequence[RecordKey]) -> list[int | None]:
        """Return the numbers of records; None for one that the run did not know."""
        hashes = hash_texts([own_key(r.source, r.source_key) for r in records])
        found = self.records_with(hashes, np.ones(len(records), np.int64))
        numbers = [int(f[0]) if len(f) else None for f in found]
        at = self.arrays["row_of_record"]
        names = [
            None if n is None else self.rows.slice(int(at[n]), 1).select(["source", "source_key"]).to_pylist()[0]
            for n in numbers
        ]
        return [
            n if n is not None and name == {"source": r.source, "source_key": r.source_key} else None
            for n, name, r in zip(numbers, names, records, strict=True)
        ]

    def components_of(self, records: Ints) -> list[int]:
        """Return the components that records are in."""
        found: list[int] = np.unique(self.arrays["component"][records]).tolist()
        return found

    def members_of(self, component: int) -> Ints:
        """Return the records of a component."""
        start = self.arrays["component_start"]
        members: Ints = self.arrays["by_component"][start[component] : start[component + 1]]
        return members

    def rows_of(self, records: Ints, columns: Sequence[str] = COLUMNS) -> pa.Table:
        """Return the standardised rows of records, all versions."""
        start = self.arrays["row_of_record"]
        rows = self.rows.select(list(columns))
        at = [np.arange(start[r], start[r + 1]) for r in records.tolist()]
        return rows.take(np.concatenate(at)) if at else rows.slice(0, 0)

    def founded_by(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows of the register whose founding records have these own keys."""
        hashes = hash_texts(keys)
        known = self.arrays["founder_hash"]
        first, last = np.searchsorted(known, hashes, "left"), np.searchsorted(known, hashes, "right")
        at = [self.arrays["founder_row"][a:b] for a, b in zip(first.tolist(), last.tolist(), strict=True) if b > a]
        if not at:
            return []
        rows: list[dict[str, Any]] = self.register.take(np.concatenate(at)).to_pylist()
        return rows

    def with_number(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows of the register with these customer numbers."""
        at = np.searchsorted(self.arrays["register_no"], np.array(numbers, np.int64))
        rows: list[dict[str, Any]] = self.register.take(at).to_pylist()
        return rows


def index_fingerprint(models: Sequence[MatchModel], settings: IdentitySettings, run_id: str) -> str:
    """Return what an index depends on: the run that it was built for, and how records are matched."""
    from dataclasses import asdict

    return fingerprint(FORM, run_id, [asdict(m) for m in models], asdict(settings), list(COLUMNS))


def build_index(
    folder: Path, engine: Engine, tables: Mapping[str, Any], *, as_of: AsOf, settings: IdentitySettings,
    models: Sequence[MatchModel], run_id: str,
) -> LiveIndex:  # fmt: skip
    """Build the index of a published run and open it; an index that is there already is opened.

    Parameters
    ----------
    folder : where indices are kept; those of other runs are removed.
    tables : ``identity_version``, ``identity_link``, ``identity_edge``, ``identity_register`` and ``identity_change`` of the run.
    """
    place = folder / index_fingerprint(models, settings, run_id)
    if not (place / META).is_file():
        making = folder / f"{place.name}.{os.getpid()}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        rows = engine.fetch(tables["identity_version"])
        rows = rows.sort_by([("record_no", "ascending"), ("valid_from_on", "ascending")]).combine_chunks()
        _write_rows(making, rows)
        _write_arrays(making, engine, rows, tables, models)
        _write_register(making, engine, with_forced(tables["identity_register"], tables["identity_change"]))
        meta = {"run_id": run_id, "as_of": as_of.on.isoformat(), "n_records": _n_records(rows)}
        (making / META).write_text(json.dumps(meta), encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)
        making.rename(place)
        _remove_others(folder, place)
    return open_index(place)


def _remove_others(folder: Path, place: Path) -> None:
    for other in folder.iterdir():
        if other != place:
            shutil.rmtree(other, ignore_errors=True)


def _n_records(rows: pa.Table) -> int:
    return int(pc.max(rows["record_no"]).as_py()) + 1 if rows.num_rows else 0


def _write_table(path: Path, table: pa.Table) -> None:
    with ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def _write_rows(folder: Path, rows: pa.Table) -> None:
    _write_table(folder / ROWS, rows)


def _write_arrays(
    folder: Path, engine: Engine, rows: pa.Table, tables: Mapping[str, Any], models: Sequence[MatchModel]
) -> None:
    n = _n_records(rows)
    record_of_row = rows["record_no"].to_numpy().astype(np.int64)
    key_hash, key_record = _sorted_keys(rows, record_of_row, models)
    component, customer_no = _components(engine, rows, tables, n)
    by_component = np.argsort(component, kind="stable")
    n_components = int(component.max()) + 1 if n else 0
    arrays: dict[str, Any] = {
        "key_hash": key_hash, "key_record": key_record, "component": component, "by_component": by_component,
        "component_start": np.searchsorted(component[by_component], np.arange(n_components + 1)),
        "customer_no": customer_no, "row_of_record": np.searchsorted(record_of_row, np.arange(n + 1)),
    }  # fmt: skip
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)


def _sorted_keys(rows: pa.Table, record_of_row: Ints, models: Sequence[MatchModel]) -> tuple[Hashes, Ints]:
    """Return all keys, ascending, with their records: each record once, but for blocks, whose width is counted in rows."""
    hashes, records, counts = [], [], []
    for keys, at, is_block in _columns_of_keys(rows, models):
        hashes.append(hash_texts(keys.to_pylist()))
        records.append(record_of_row[at.to_numpy().astype(np.int64)])
        counts.append(np.full(len(at), is_block))
    key_hash, key_record = np.concatenate(hashes), np.concatenate(records)
    order = np.lexsort((key_record, key_hash))
    key_hash, key_record, in_block = key_hash[order], key_record[order], np.concatenate(counts)[order]
    is_kept = np.ones(len(order), bool)
    is_kept[1:] = in_block[1:] | (key_hash[1:] != key_hash[:-1]) | (key_record[1:] != key_record[:-1])
    return key_hash[is_kept], key_record[is_kept]


def _components(engine: Engine, rows: pa.Table, tables: Mapping[str, Any], n: int) -> tuple[Ints, Ints]:
    """Return per record its component and its customer's number."""
    numbered = rows.filter(rows["is_latest"]).select(["record_no", "source", "source_key"])
    with engine.holding("identity_numbered", numbered) as records:
        edges = tables["identity_edge"]
        for side in ("left", "right"):
            ends = {
                f"{side}_source": records.source,
                f"{side}_key": records.source_key,
                f"{side}_no": records.record_no,
            }
            edges = edges.inner_join(records.select(**ends), [f"{side}_source", f"{side}_key"])
        pairs = engine.fetch(edges.select("left_no", "right_no"))
        links = tables["identity_link"].select("source", "source_key", "customer_no")
        linked = engine.fetch(records.inner_join(links, ["source", "source_key"]).select("record_no", "customer_no"))
    a, b = (pairs[c].to_numpy().astype(np.int64).tolist() for c in ("left_no", "right_no"))
    customer_no = np.full(n, -1, np.int64)
    customer_no[linked["record_no"].to_numpy()] = linked["customer_no"].to_numpy()
    return connected(n, edges_from_lists(a, b, [1] * len(a), [0] * len(a))), customer_no


def _write_register(folder: Path, engine: Engine, register: Any) -> None:
    """Write the register in the order of its numbers: what ids records inherit, and which come back."""
    columns = ("customer_no", "customer_id", "founding_source", "founding_key", "generation", "was_forced")
    alive = register.select(*columns, is_alive=register.ended_on.isnull())
    rows = engine.fetch(alive.order_by("customer_no")).combine_chunks()  # one piece: look-ups take from it row by row
    _write_table(folder / REGISTER, rows)
    founders = pc.binary_join_element_wise("@", rows["founding_source"], rows["founding_key"], KEY_JOINT)
    hashes = hash_texts(founders.to_pylist())
    order = np.argsort(hashes, kind="stable")
    np.save(folder / "founder_hash.npy", hashes[order])
    np.save(folder / "founder_row.npy", order)
    np.save(folder / "register_no.npy", rows["customer_no"].to_numpy().astype(np.int64))


def open_index(place: Path) -> LiveIndex:
    """Open an index that :func:`build_index` wrote.

    Raises
    ------
    NotFound : there is none.
    """
    if not (place / META).is_file():
        raise NotFound(
            "identity.index_missing", zh="尚未建立实时识别索引", en="the live index of identity has not been built",
            todo_zh="先运行 zhike run，再运行 zhike identity place", todo_en="run `zhike run`, then `zhike identity place`",
        )  # fmt: skip
    names = [p.stem for p in place.glob("*.npy")]
    arrays = {n: np.load(place / f"{n}.npy", mmap_mode="r") for n in names}
    rows = ipc.open_file(pa.memory_map(str(place / ROWS))).read_all()
    register = ipc.open_file(pa.memory_map(str(place / REGISTER))).read_all()
    return LiveIndex(place, rows, arrays, register, json.loads((place / META).read_text(encoding="utf-8")))


__all__ = ["LiveIndex", "build_index", "hash_texts", "keys_of_row", "open_index", "own_key"]

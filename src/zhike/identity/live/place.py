"""Place new and changed records without a whole run: which customer each is, and what that changes for others.

A record can only change customers in the components that it touches. These are resolved anew with it, by the same rules, and
inherit the ids of the last run as the next one will: the answer is the same as a whole run's over all records so far, in
whatever order they came. So the id of a customer founded since the last run may still change with a record that comes later.
What was placed is remembered until the index of the next run is opened.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.identity.changes import ChangeRow, explain_changes
from zhike.identity.clusters import Clusters
from zhike.identity.inherit import NONE, Inheritance, Register, inherit
from zhike.identity.live.few import resolve_few, weigh_pair
from zhike.identity.live.index import NOBODY, FoundBy, LiveIndex, hash_texts, keys_of_row, own_key
from zhike.identity.matching import MatchModel
from zhike.identity.resolve import resolve_records
from zhike.identity.rows import SINGLE
from zhike.identity.rules import MEANINGS
from zhike.identity.standardise import standard_rows
from zhike.identity.terms import Action, IdentitySettings, Override, RecordKey
from zhike.kernel.errors import NotFound
from zhike.kernel.hashing import keyed_id
from zhike.warehouse import QueryEngine

Ints = npt.NDArray[np.int64]
Row = dict[str, Any]
MOST_WEIGHED = 50  # records at once whose candidates are weighed one by one
MOST_IN_PROCESS = 300  # rows that are resolved one by one; more are worth a query


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one record was placed. ``linked_by`` : the strongest rule that links it, or ``single``; ``n_records`` of the customer."""

    record: RecordKey
    customer_id: str
    is_new_customer: bool
    linked_by: str
    n_records: int


@dataclass(frozen=True, slots=True)
class LiveChange:
    """What placing did to a customer id: the kinds of ``identity_change``."""

    kind: str
    customer_id: str
    other_customer_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Placed:
    """The placements in the order of the records given, and the changes to ids that were there before."""

    placements: tuple[Placement, ...]
    changes: tuple[LiveChange, ...]


@dataclass(frozen=True, slots=True)
class Reconsidered:
    """Who records will be in the next run if nothing but overrides changes: all records around those asked about, in order.

    ``refused`` : pairs of records that a key or an officer's merge would join and that stay apart, with the rule and what keeps
    them apart.
    """

    placements: tuple[Placement, ...]
    changes: tuple[LiveChange, ...]
    refused: tuple[tuple[RecordKey, RecordKey, str, str], ...]


@dataclass(slots=True)
class LiveIdentity:
    """An index with what has been placed on top of it. Not safe for several threads at once: give each process its own.

    ``open_engine`` is asked when many records come at once. ``overrides`` may be later than the run: a record that an officer's
    merge ties to others is looked at together with them.
    """

    index: LiveIndex
    settings: IdentitySettings
    models: Sequence[MatchModel]
    key: bytes
    overrides: Sequence[Override] = ()
    open_engine: Callable[[], QueryEngine] | None = None
    _rows: dict[RecordKey, list[Row]] = field(default_factory=dict)
    _keys: dict[int, set[RecordKey]] = field(default_factory=lambda: defaultdict(set))
    _node: dict[Any, Any] = field(
        default_factory=dict
    )  # union-find over components (int) and placed records (RecordKey)
    _inside: dict[Any, list[Any]] = field(default_factory=dict)
    _customer: dict[RecordKey, str] = field(default_factory=dict)
    _tied: dict[RecordKey, list[RecordKey]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        merges = [o for o in self.overrides if o.action is Action.MERGE]
        ends = self.index.numbers_of([o.left for o in merges]), self.index.numbers_of([o.right for o in merges])
        component = self.index.arrays["component"]
        for override, left, right in zip(merges, *ends, strict=True):
            if left is not None and right is not None:
                self._join(int(component[left]), [int(component[right])])
            else:  # one of them has not come yet
                self._tied[override.left].append(override.right)
                self._tied[override.right].append(override.left)

    def under(self, overrides: Sequence[Override]) -> LiveIdentity:
        """Return the same index under other overrides, with nothing placed on top of it."""
        return LiveIdentity(self.index, self.settings, self.models, self.key, overrides, self.open_engine)

    def place(self, records: Sequence[Mapping[str, Any]]) -> Placed:
        """Place records with the columns of ``source_party``; one that is known already becomes a newer version.

        Returns
        -------
        Where each is, in order, and which other customers were merged, split or moved by it.
        """
        rows = self._standardised(records)
        touched = self._remember(rows)
        around, numbers = self._around(touched)
        local, keys = _numbered(around)
        clusters, previous, inheritance, ids = self._inherited(local, keys, numbers)
        self._customer |= {k: ids[n] for k, n in zip(keys, inheritance.customer_no.tolist(), strict=True)}
        asked = [RecordKey(r["source"], r["source_key"]) for r in rows]
        return Placed(
            _placements(asked, keys, clusters, inheritance, ids), _explained(clusters, previous, inheritance, ids)
        )

    def reconsider(self, records: Sequence[RecordKey]) -> Reconsidered:
        """Return who records that the run knows will be in the next one, by the overrides given.

        Raises
        ------
        NotFound : the run does not know a record.
        """
        numbers = self.index.numbers_of(records)
        if None in numbers:
            raise NotFound(
                "identity.record_unknown", zh="已发布的结果中没有该来源记录", en="what is published has no such record",
                todo_zh="请检查来源系统与客户号", todo_en="check the source and its key",
            )  # fmt: skip
        component = self.index.arrays["component"]
        groups = set()
        for number in numbers:
            node = int(component[number])
            self._join(node, [])
            groups.add(self._root(node))
        around, known = self._around(groups)
        local, keys = _numbered(around)
        clusters, previous, inheritance, ids = self._inherited(local, keys, known)
        names = [*MEANINGS]
        refused = clusters.refused
        pairs = zip(refused.left.tolist(), refused.right.tolist(), refused.priority.tolist(), strict=True)
        return Reconsidered(
            _placements(keys, keys, clusters, inheritance, ids), _explained(clusters, previous, inheritance, ids),
            tuple((keys[a], keys[b], names[p], r.value) for (a, b, p), r in zip(pairs, clusters.refused_because, strict=True)),
        )  # fmt: skip

    def _inherited(
        self, local: Sequence[Row], keys: Sequence[RecordKey], known: Mapping[RecordKey, int]
    ) -> tuple[Clusters, Ints, Inheritance, dict[int, str]]:
        """Return the clusters of records, the numbers that the run gave them, those that they inherit, and the ids of all numbers."""
        clusters = self._resolve(local)
        previous = np.array([known.get(k, NONE) for k in keys], np.int64)
        register = self._register_of(keys, previous)
        inheritance = inherit(clusters.root, previous, _as_register(register, keys), clusters.forced_roots)
        return clusters, previous, inheritance, self._ids(inheritance, register, keys)

    def customer_of(self, record: RecordKey) -> str | None:
        """Return the customer of a record that was placed here or stood beside one; None for others, which the run tells."""
        return self._customer.get(record)

    def _standardised(self, records: Sequence[Mapping[str, Any]]) -> list[Row]:
        today = date.fromisoformat(self.index.meta["as_of"])
        raw = [{"valid_from_on": today, **r, "is_latest": True, "row_no": 0, "record_no": 0} for r in records]
        return standard_rows(raw, self.settings.placeholder_birth_on)

    def _remember(self, rows: Sequence[Row]) -> set[Any]:
        """Keep rows with the keys under which they are found; return the groups of records that they touch."""
        asked = [list(keys_of_row(row, self.models, self.settings)) for row in rows]
        hashes = hash_texts([k.key for keys in asked for k in keys])
        limits = np.array([k.limit for keys in asked for k in keys], np.int64)
        found = self.index.records_with(hashes, limits)
        is_weighed = len(rows) <= MOST_WEIGHED  # of many, the engine weighs the candidates
        at = 0
        for row, keys in zip(rows, asked, strict=True):
            record = RecordKey(row["source"], row["source_key"])
            mine, own = hashes[at : at + len(keys)].tolist(), found[at : at + len(keys)]
            at += len(keys)
            beside = self._likely(row, keys, own) if is_weighed else np.unique(np.concatenate(own))
            placed = {r for h in mine for r in self._keys.get(h, ())}
            self._join(record, [*self.index.components_of(beside), *placed, *self._tied_to(record)])
            for h in mine:
                self._keys[h].add(record)
            versions = [v for v in self._rows.get(record, []) if v["valid_from_on"] != row["valid_from_on"]]
            self._rows[record] = [*versions, row]
        return {self._root(RecordKey(r["source"], r["source_key"])) for r in rows}

    def _tied_to(self, record: RecordKey) -> list[Any]:
        """Return what an officer's merge ties a record to that the run did not know, so far as it is there by now."""
        others = self._tied.get(record, [])
        numbers = self.index.numbers_of(others) if others else []
        component = self.index.arrays["component"]
        known = [int(component[n]) for n in numbers if n is not None]
        return known + [other for other in others if other in self._rows]

    def _likely(self, row: Row, keys: Sequence[FoundBy], found: Sequence[Ints]) -> Ints:
        """Return the records that a row changes something for: those that share a key, those of a block that becomes too wide
        with it, and of the other blocks those that a model links or wants seen.
        """
        sure = [r for k, r in zip(keys, found, strict=True) if k.model is None or len(r) == k.limit]
        for number, model in enumerate(self.models):
            in_block = [r for k, r in zip(keys, found, strict=True) if k.model == number]
            records = np.unique(np.concatenate(in_block)) if in_block else NOBODY
            columns = list(dict.fromkeys(["record_no", "resident_id", "uscc", *model.columns]))
            others = self.index.rows_of(records, columns).to_pylist()
            likely = [r["record_no"] for r in others if weigh_pair(model, row, r) is not None]
            sure.append(np.array(likely, np.int64))
        return np.unique(np.concatenate(sure))

    def _root(self, node: Any) -> Any:
        while (above := self._node.setdefault(node, node)) != node:
            self._node[node] = self._node[above]
            node = above
        return node

    def _join(self, one: Any, others: Sequence[Any]) -> None:
        """Put a component or record and others into one group."""
        for node in (one, *others):
            if node not in self._node:
                self._inside[node] = [node]
        for other in others:
            a, b = self._root(one), self._root(other)
            if a != b:
                self._node[b] = a
                self._inside[a] += self._inside.pop(b)

    def _around(self, groups: set[Any]) -> tuple[dict[RecordKey, list[Row]], dict[RecordKey, int]]:
        """Return the versions of all records of groups, those placed here replacing or following those of the run, and the
        customer numbers that the run gave them.
        """
        nodes = [n for g in sorted(groups, key=str) for n in self._inside[g]]
        members = [self.index.members_of(n) for n in nodes if isinstance(n, int)]
        records = np.unique(np.concatenate(members)) if members else np.zeros(0, np.int64)
        found: dict[RecordKey, list[Row]] = defaultdict(list)
        customers = self.index.arrays["customer_no"]
        numbers: dict[RecordKey, int] = {}
        for row in self.index.rows_of(records).to_pylist():
            record = RecordKey(row["source"], row["source_key"])
            numbers[record] = int(customers[row["record_no"]])
            found[record].append(row)
        for node in nodes:
            if isinstance(node, RecordKey):
                mine = self._rows[node]
                new = {r["valid_from_on"] for r in mine}
                found[node] = [r for r in found[node] if r["valid_from_on"] not in new] + mine
        return found, numbers

    def _resolve(self, local: Sequence[Row]) -> Clusters:
        few = len(local) <= MOST_IN_PROCESS or self.open_engine is None
        if few:
            return resolve_few(
                local, settings=self.settings, models=self.models, overrides=self.overrides, too_wide=self._too_wide(local)
            ).clusters  # fmt: skip
        assert self.open_engine is not None
        engine = self.open_engine()
        table = pa.Table.from_pylist(list(local), schema=self.index.rows.schema)
        return resolve_records(
            engine, table, settings=self.settings, overrides=self.overrides, models=self.models
        ).clusters

    def _too_wide(self, local: Sequence[Row]) -> set[str]:
        """Return the keys of records that mean nobody, since too many records of the run have them, most of which are not here."""
        keys = {k.key: k.limit for row in local for k in keys_of_row(row, self.models, self.settings)}
        texts, limits = list(keys), np.array(list(keys.values()), np.int64)
        return {texts[i] for i in np.flatnonzero(self.index.n_having(hash_texts(texts)) > limits).tolist()}

    def _register_of(self, keys: Sequence[RecordKey], previous: Ints) -> list[Row]:
        """Return the run's rows of all ids that these records founded or carry, in the order of their numbers."""
        rows = self.index.founded_by([own_key(k.source, k.source_key) for k in keys])
        rows += self.index.with_number(np.unique(previous[previous != NONE]).tolist())
        by_number = {int(r["customer_no"]): r for r in rows}
        return [by_number[n] for n in sorted(by_number)]

    def _ids(self, inheritance: Inheritance, register: Sequence[Row], keys: Sequence[RecordKey]) -> dict[int, str]:
        """Return the id of each customer number."""
        ids = {int(r["customer_no"]): str(r["customer_id"]) for r in register}
        columns = (inheritance.created_no, inheritance.created_root, inheritance.created_generation)
        for number, root, generation in zip(*(c.tolist() for c in columns), strict=True):
            ids[number] = keyed_id(self.key, keys[root].source, keys[root].source_key, str(generation))
        return ids


def _explained(
    clusters: Clusters, previous: Ints, inheritance: Inheritance, ids: Mapping[int, str]
) -> tuple[LiveChange, ...]:
    """Return what the next run will say that happened to ids."""
    alive = np.unique(previous[previous != NONE])
    rows = explain_changes(clusters, previous, inheritance, alive_before=alive, rule_names=list(MEANINGS))
    return tuple(_told(row, ids) for row in rows)


def _told(row: ChangeRow, ids: Mapping[int, str]) -> LiveChange:
    other = ids[row.other_no] if row.other_no != NONE else None
    return LiveChange(row.kind.value, ids[row.customer_no], other, row.reason)


def _numbered(around: Mapping[RecordKey, list[Row]]) -> tuple[list[Row], list[RecordKey]]:
    """Return all rows with dense record and row numbers in the order of keys, the newest version marked; and the keys."""
    keys = sorted(around)
    local: list[Row] = []
    for number, record in enumerate(keys):
        versions = sorted(around[record], key=lambda r: r["valid_from_on"])
        for row in versions:
            is_latest = row is versions[-1]
            local.append({**row, "record_no": number, "row_no": len(local), "is_latest": is_latest})
    return local, keys


def _as_register(rows: Sequence[Row], keys: Sequence[RecordKey]) -> Register:
    at = {k: i for i, k in enumerate(keys)}
    founders = [at.get(RecordKey(r["founding_source"], r["founding_key"]), NONE) for r in rows]
    return Register(
        np.array([r["customer_no"] for r in rows], np.int64), np.array(founders, np.int64),
        np.array([r["generation"] for r in rows], np.int64), np.array([r["is_alive"] for r in rows], bool),
        np.array([r["was_forced"] for r in rows], bool),
    )  # fmt: skip


def _placements(
    asked: Sequence[RecordKey],
    keys: Sequence[RecordKey],
    clusters: Clusters,
    inheritance: Inheritance,
    ids: Mapping[int, str],
) -> tuple[Placement, ...]:
    at = {k: i for i, k in enumerate(keys)}
    names = [*MEANINGS, SINGLE]
    strongest = np.full(len(keys), len(names) - 1, np.int64)
    for side in (clusters.used.left, clusters.used.right):
        np.minimum.at(strongest, side, clusters.used.priority)
    new = set(inheritance.created_no.tolist())
    numbers = inheritance.customer_no.tolist()
    n_records = Counter(numbers)
    found = []
    for record in asked:
        place = at[record]
        number = numbers[place]
        linked_by = names[strongest[place]]
        found.append(Placement(record, ids[number], number in new, linked_by, n_records[number]))
    return tuple(found)


__all__ = ["LiveChange", "LiveIdentity", "Placed", "Placement", "Reconsidered"]

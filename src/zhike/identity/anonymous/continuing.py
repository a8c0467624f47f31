"""Keys that continue one another: a renewed cookie, an app that was installed anew, a user key that was renumbered.

Aliases are few and form chains: they are followed in arrays. All keys of a chain get one root, and each the moment from which it
is known to belong to that root: whoever joins two keys knows of it no earlier than the later of both moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from zhike.identity.anonymous.tables import PARTY_ALIAS
from zhike.identity.anonymous.terms import ALIAS
from zhike.identity.standard import standard_device
from zhike.identity.standard.numbers import DEVICE_FILLERS
from zhike.warehouse import QueryEngine

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Values = Any  # an Arrow array: its type parameters say nothing here
pc: Any = pyarrow.compute  # its stubs know fewer calls than there are
NEVER = np.iinfo(np.int64).max
SHORT = 12
APART_BY = "\x1f"
ONE_OF = [*"abcdefghijklmnopqrstuvwxyz#_", r"\*", r"\.", r"\?"]
APART = r"[\s:\-{}]*"
ODD = rf"(?i)^{APART}(?:[0-9\s:\-{{}}]+|" + "|".join(f"(?:{c}{APART})+" for c in ONE_OF) + ")$"
CHAINS = ibis.schema({"source": "string", "key": "string", "root": "string", "joined_at": "timestamp(6)"}).to_pyarrow()
ALIASES = ibis.schema(PARTY_ALIAS.schema()).to_pyarrow()
ASKED = ("event_id", "source", "source_key", "anonymous_id", "previous_id", "recorded_at")


@dataclass(frozen=True, slots=True)
class Continued:
    """Chains of devices and of user keys [source, key, root, joined_at], and how many aliases named placeholders."""

    devices: pa.Table
    users: pa.Table
    n_ignored: int


def placeholders(engine: QueryEngine, keys: ir.Table) -> list[str]:
    """Return those of ``keys`` (one column ``key``) that name no browser or install: what ``standard_device`` refuses.

    The engine picks out the few that might be: short ones, numbers, one letter repeated, known bad ids.
    """
    rows = keys.filter(keys.key.notnull()).distinct()
    might_be = (rows.key.length() < SHORT) | rows.key.re_search(ODD) | rows.key.upper().isin(sorted(DEVICE_FILLERS))
    asked = engine.fetch(rows.filter(might_be).order_by("key"))["key"].to_pylist()
    return [str(k) for k in asked if standard_device(str(k)).value is None]


def find_continued(engine: QueryEngine, events: ir.Table, *, most_aliases: int) -> Continued:
    """Return the chains that the aliases among ``events`` (table ``event``) make, those of placeholders left out."""
    told = events.filter((events.event_kind == ALIAS) & events.previous_id.notnull()).select(*ASKED)
    rows = engine.fetch(told.order_by("recorded_at", "event_id"))
    if not rows.num_rows:
        return Continued(CHAINS.empty_table(), CHAINS.empty_table(), 0)
    with engine.holding("event_aliases", rows) as held:
        both = held.select(key="anonymous_id").union(held.select(key="previous_id"))
        bad = pa.array(placeholders(engine, both), pa.string())
    is_bad = pc.or_(pc.is_in(rows["anonymous_id"], bad), pc.is_in(rows["previous_id"], bad))
    of_devices = rows.filter(pc.and_(pc.is_valid(rows["anonymous_id"]), pc.invert(is_bad)))
    of_users = rows.filter(pc.and_(pc.is_null(rows["anonymous_id"]), pc.is_valid(rows["source_key"])))
    n_neither = rows.num_rows - of_devices.num_rows - of_users.num_rows
    of_users = _of_keys(engine, events, of_users) if of_users.num_rows else of_users
    devices, n_devices = chains_of(of_devices, "anonymous_id", most_aliases)
    users, n_users = chains_of(of_users, "source_key", most_aliases)
    return Continued(devices, users, n_devices + n_users + n_neither)


def _of_keys(engine: QueryEngine, events: ir.Table, rows: pa.Table) -> pa.Table:
    """Return the aliases of users that continue a user key; those that name a device identify it, which is another matter."""
    with engine.holding("event_user_aliases", rows) as held:
        named = held.select(d_source="source", d_key="previous_id").distinct()
        made = events.select("source", "anonymous_id")
        found = made.inner_join(named, [made.source == named.d_source, made.anonymous_id == named.d_key])
        places = engine.fetch(found.select("source", "anonymous_id").distinct())
    devices = pc.binary_join_element_wise(places["source"], places["anonymous_id"], APART_BY)
    return rows.filter(
        pc.invert(pc.is_in(pc.binary_join_element_wise(rows["source"], rows["previous_id"], APART_BY), devices))
    )


def chains_of(rows: pa.Table, newer: str, most_aliases: int) -> tuple[pa.Table, int]:
    """Return [source, key, root, joined_at] of all keys of chains, and how many rows were ignored.

    Parameters
    ----------
    rows : aliases with ``source``, the column ``newer``, ``previous_id`` and ``recorded_at``, in order of recording.
    most_aliases : rows with a key that is named by more of them are ignored.
    """
    if not rows.num_rows:
        return CHAINS.empty_table(), 0
    both = [
        pc.binary_join_element_wise(rows["source"], rows[c], APART_BY).combine_chunks() for c in (newer, "previous_id")
    ]
    names = pa.concat_arrays(both).dictionary_encode()
    codes = names.indices.to_numpy().astype(np.int64)
    left, right = codes[: rows.num_rows], codes[rows.num_rows :]
    recorded = rows["recorded_at"].cast(pa.int64()).to_numpy()
    is_pair = left != right
    pairs = np.unique(np.sort(np.stack([left, right], axis=1)[is_pair], axis=1), axis=0)
    n_named = np.bincount(pairs.ravel(), minlength=len(names.dictionary))
    is_kept = is_pair & (n_named[left] <= most_aliases) & (n_named[right] <= most_aliases)
    root, joined = follow(left[is_kept], right[is_kept], recorded[is_kept], len(names.dictionary))
    held = np.flatnonzero(root >= 0)
    parts = pc.split_pattern(names.dictionary.take(pa.array(held)), APART_BY)
    roots = pc.split_pattern(names.dictionary.take(pa.array(root[held])), APART_BY)
    chains = pa.table(
        {
            "source": pc.list_element(parts, 0), "key": pc.list_element(parts, 1), "root": pc.list_element(roots, 1),
            "joined_at": pa.array(joined[held]).cast(pa.timestamp("us")),
        },
        schema=CHAINS,
    )  # fmt: skip
    return chains.sort_by([("source", "ascending"), ("key", "ascending")]), int((is_pair & ~is_kept).sum())


def follow(left: Ints, right: Ints, recorded: Ints, n_keys: int) -> tuple[Ints, Ints]:
    """Return per key the root of its chain (-1 for keys of none) and the moment from which it is known to belong to it.

    The root is the older key of the alias of the chain that was recorded first. The moment is that of the last alias on the way
    to the root, on the way on which it comes earliest; the root itself belongs from the chain's first alias on.
    """
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n_keys, n_keys))
    chain = connected_components(graph, directed=False)[1]
    order = np.lexsort((np.arange(len(left)), recorded))
    _, first = np.unique(chain[left[order]], return_index=True)
    root_of_chain = np.full(chain.max(initial=-1) + 1, -1, np.int64)
    root_of_chain[chain[left[order[first]]]] = right[order[first]]
    root = root_of_chain[chain]
    joined = np.full(n_keys, NEVER, np.int64)
    is_root = root == np.arange(n_keys)
    joined[right[order[first]]] = recorded[order[first]]
    while True:  # one round per link of the longest chain
        before = joined.copy()
        np.minimum.at(joined, left, np.where(before[right] == NEVER, NEVER, np.maximum(before[right], recorded)))
        np.minimum.at(joined, right, np.where(before[left] == NEVER, NEVER, np.maximum(before[left], recorded)))
        joined[is_root] = before[is_root]
        if np.array_equal(before, joined):
            return root, joined


def party_aliases(engine: QueryEngine, events: ir.Table, links: ir.Table, users: pa.Table) -> pa.Table:
    """Return the rows of ``party_alias``: user keys that no record of a party carries, with the known key that continues them.

    A chain of user keys that are several customers says nothing: who is one customer is decided by records, never by an alias.

    Parameters
    ----------
    events : ``event``; only keys that made an event are told.
    links : ``identity_link``.
    users : chains of user keys.
    """
    if not users.num_rows:
        return ALIASES.empty_table()
    known = links.select(k_source="source", k_key="source_key", customer="customer_id")
    keys = ibis.memtable(users)
    keys = keys.left_join(known, [keys.source == known.k_source, keys.key == known.k_key])
    carried = keys.filter(keys.customer.notnull())
    target = ibis.struct({"key": carried.key, "joined_at": carried.joined_at})
    chains = carried.mutate(target=target).group_by(r_source="source", r_root="root")
    one = chains.aggregate(a=lambda t: t.customer.min(), b=lambda t: t.customer.max(), target=lambda t: t.target.min())
    one = one.filter(one.a == one.b)
    bare = keys.filter(keys.customer.isnull()).select("source", "key", "root", "joined_at")
    bare = bare.inner_join(one, [bare.source == one.r_source, bare.root == one.r_root])
    made = events.filter(events.source_key.notnull()).select(e_source="source", e_key="source_key")
    bare = bare.semi_join(made, [bare.source == made.e_source, bare.key == made.e_key])
    rows = bare.select(
        "source", previous_key="key", source_key=bare.target["key"],
        known_at=ibis.greatest(bare.joined_at, bare.target["joined_at"]).cast("timestamp"),
    )  # fmt: skip
    return engine.fetch(rows.order_by("source", "previous_key")).cast(ALIASES)


__all__ = ["CHAINS", "Continued", "chains_of", "find_continued", "follow", "party_aliases", "placeholders"]

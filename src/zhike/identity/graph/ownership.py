"""Shares multiplied through chains of companies: what a person holds in the end, directly and through others.

V = P + V·A, with P the persons' direct shares and A those of companies: each company hands on what is held in it. Without rings
this is a sum over chains. A ring (companies that hold one another) is a geometric series, solved exactly as one small linear
system; what flows in from outside is divided as often as it goes round. A ring that nobody outside holds a share of belongs to
nobody: no share of a person comes out of it. So every outcome is reached in a bounded number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from zhike.identity.graph.terms import (
    MOST_IN_RING,
    MOST_LEVELS,
    NOBODY,
    SMALLEST_SHARE,
    TOLERANCE,
    Floats,
    Ints,
    Links,
    Nodes,
)


@dataclass(frozen=True, slots=True)
class Rings:
    """The rings of companies: per node its ring (NOBODY for most), and how many had to be cut.

    ``n_closed`` rings are held by nobody outside; ``n_too_large`` ones exceed what is believed to be a structure.
    """

    ring: Ints
    n_rings: int
    n_closed: int
    n_too_large: int


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of natural holders in companies, multiplied through: parallel arrays, sorted by company and holder.

    ``direct`` is the part held without anybody between; ``through`` the company that brings most of the rest, if it brings
    more than is held directly, else NOBODY.
    """

    holder: Ints
    company: Ints
    share: Floats
    direct: Floats
    through: Ints
    rings: Rings
    n_cut_chains: int = 0
    total: Floats = field(default_factory=lambda: np.zeros(0))


def find_rings(inner: Links, n_nodes: int) -> tuple[Ints, Ints]:
    """Return per node the number of its ring, NOBODY where it is in none, and the sizes of the rings."""
    graph = coo_array((np.ones(len(inner)), (inner.holder, inner.company)), shape=(n_nodes, n_nodes)).tocsr()
    _, label = connected_components(graph, directed=True, connection="strong")
    size = np.bincount(label)
    is_ring = size > 1
    number = np.where(is_ring, np.cumsum(is_ring) - 1, NOBODY)
    return number[label].astype(np.int64), size[is_ring].astype(np.int64)


def multiply_shares(holdings: Links, nodes: Nodes, *, at_least: float = 0.0) -> Shares:
    """Return what each natural holder has of each company in the end, where that is at least ``at_least``.

    Parameters
    ----------
    holdings : of companies, each company's shares at most 1 (:func:`zhike.identity.graph.terms.proper_holdings`).
    at_least : share in [0, 1]; smaller ones are left out.

    Returns
    -------
    shares of persons and sole traders; those of one company add up to 1 at most, and to 1 exactly where every share of it and
    of its holders is known and no ring without outside holders is above it. ``total`` per node is the sum over all holders.
    """
    n = len(nodes)
    is_inner = nodes.is_company[holdings.holder]
    inner, outer = holdings.where(is_inner), holdings.where(~is_inner)
    rings, resolved = _resolve_rings(holdings, inner, n)
    between = inner.where(
        (rings.ring[inner.holder] == NOBODY) | (rings.ring[inner.holder] != rings.ring[inner.company])
    )
    step = _matrix(between, n) @ resolved
    direct = _matrix(outer, n)
    flow = (direct @ resolved).tocsr()
    owned, n_levels = flow.copy(), 0
    while flow.nnz and n_levels < MOST_LEVELS:
        flow = _without_traces((flow @ step).tocsr())
        owned = owned + flow
        n_levels += 1
    total = np.asarray(owned.sum(axis=0)).ravel()
    found = owned.tocoo()
    kept = found.data >= max(at_least, SMALLEST_SHARE) - TOLERANCE / 2
    holder, company, share = found.row[kept].astype(np.int64), found.col[kept].astype(np.int64), found.data[kept]
    order = np.lexsort((holder, company))
    holder, company, share = holder[order], company[order], share[order]
    own, through = _last_link(holder, company, inner, direct, owned.tocsr())
    return Shares(holder, company, share, own, through, rings, len(np.unique(flow.indices)), total)


def _matrix(links: Links, n: int) -> csr_array:
    return coo_array((links.share, (links.holder, links.company)), shape=(n, n)).tocsr()


def _without_traces(flow: csr_array) -> csr_array:
    flow.data[flow.data < SMALLEST_SHARE] = 0.0
    flow.eliminate_zeros()
    return flow


def _resolve_rings(holdings: Links, inner: Links, n: int) -> tuple[Rings, csr_array]:
    """Return the rings and the matrix that turns what flows into a ring into what its members are held by: (I − A_ring)⁻¹."""
    ring, sizes = find_rings(inner, n)
    inside = inner.where((ring[inner.holder] != NOBODY) & (ring[inner.holder] == ring[inner.company]))
    n_inside = (
        np.bincount(ring[inside.company], minlength=len(sizes)) if len(inside) else np.zeros(len(sizes), np.int64)
    )
    edges = np.argsort(ring[inside.company], kind="stable")
    edge_ends = np.concatenate([[0], np.cumsum(n_inside)])
    in_ring = np.flatnonzero(ring != NOBODY)
    members = in_ring[np.argsort(ring[in_ring], kind="stable")]
    member_ends = np.concatenate([[0], np.cumsum(sizes)])
    plain = np.flatnonzero(ring == NOBODY)
    rows, columns, values = [plain], [plain], [np.ones(len(plain))]
    n_closed = n_too_large = 0
    for number, size in enumerate(sizes.tolist()):
        of_ring = members[member_ends[number] : member_ends[number + 1]]
        mine = inside.where(edges[edge_ends[number] : edge_ends[number + 1]])
        block: Any = np.eye(size)
        if size > MOST_IN_RING:
            n_too_large += 1
            rows, columns, values = [*rows, of_ring], [*columns, of_ring], [*values, np.ones(size)]
            continue
        shares = np.zeros((size, size))
        at = (np.searchsorted(of_ring, mine.holder), np.searchsorted(of_ring, mine.company))
        np.add.at(shares, at, mine.share)
        if (shares.sum(axis=0) >= 1 - TOLERANCE).all():
            n_closed += 1
        else:
            block = np.linalg.inv(block - shares)
        rows.append(np.repeat(of_ring, size))
        columns.append(np.tile(of_ring, size))
        values.append(block.ravel())
    shape = (n, n)
    resolved = coo_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape).tocsr()
    return Rings(ring, len(sizes), n_closed, n_too_large), resolved


def _last_link(holder: Ints, company: Ints, inner: Links, direct: csr_array, owned: csr_array) -> tuple[Floats, Ints]:
    """Return per (holder, company) the direct share, and the company through which most of the rest comes."""
    if not len(holder):
        return np.zeros(0), np.zeros(0, np.int64)
    own = np.asarray(direct[holder, company]).ravel()
    by_company = np.argsort(inner.company, kind="stable")
    starts = np.searchsorted(inner.company[by_company], company, side="left")
    n_above = np.searchsorted(inner.company[by_company], company, side="right") - starts
    row = np.repeat(np.arange(len(holder)), n_above)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(n_above) - n_above, n_above)
    edge = by_company[starts[row] + nth]
    through = np.full(len(holder), NOBODY, np.int64)
    if len(row):
        brought = np.asarray(owned[holder[row], inner.holder[edge]]).ravel() * inner.share[edge]
        order = np.lexsort((inner.holder[edge], -brought, row))
        first = order[np.concatenate([[True], np.diff(row[order]) > 0])]
        most = first[brought[first] > own[row[first]] + TOLERANCE]
        through[row[most]] = inner.holder[edge[most]]
    return own, through


__all__ = ["Rings", "Shares", "find_rings", "multiply_shares"]

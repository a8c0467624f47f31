"""Groups of companies: who controls whom, by more than half of the votes, directly or together with what is controlled already.

A group begins as every company alone. A holder outside joins it to its own group when the shares of that whole group in it exceed
half of its votes; what a company's own group holds in it has no vote. So groups only grow, and each round ends some of them: it
cannot go on for ever, whatever the shares say, and is ended after MOST_LEVELS rounds (chains of plain majorities take one). Companies that control one another in a ring are one group, led by the one with the
lowest customer number. Where shares give nobody control, the controller that a source names does, if there is just one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from zhike.identity.graph.terms import MOST_LEVELS, NOBODY, TOLERANCE, Flags, Floats, GraphSettings, Ints, Links, Nodes
from zhike.kernel.errors import Bug

HEAD, BY_SHARES, BY_CONTROLLER, IN_RING = range(4)
BASES = ("head", "shares", "controller", "ring")


@dataclass(frozen=True, slots=True)
class Groups:
    """Per node: ``head`` of its group, itself where nobody controls it, ``parent`` its nearest holder in the group, and why.

    ``level`` counts links below the head (0: head, or member of the ring that leads), ``parent_share`` is what the parent holds
    directly, ``group_share`` what the whole group holds of it. ``basis`` is a place in ``BASES``.
    """

    head: Ints
    parent: Ints
    level: Ints
    basis: Ints
    parent_share: Floats
    group_share: Floats
    is_cut: bool
    n_agents: int


class _Growing:
    """Groups while they grow. ``core[i]``: the group that node i leads alone or in a ring, NOBODY for those who are controlled."""

    def __init__(self, nodes: Nodes) -> None:
        n = len(nodes)
        self.head = np.arange(n)
        self.core = np.arange(n)
        self.is_ring = np.zeros(n, np.bool_)
        self.basis = np.zeros(n, np.int64)

    def votes(self, holdings: Links, above: float) -> tuple[Ints, Ints]:
        """Return groups that lack a controller and the head that controls them by shares."""
        group = self.core[holdings.company]
        held = group != NOBODY
        group, owner, share = group[held], self.head[holdings.holder[held]], holdings.share[held]
        n = len(self.head)
        is_own = owner == group
        own = np.bincount(group[is_own], weights=share[is_own], minlength=n)
        size = np.bincount(self.core[self.core != NOBODY], minlength=n)
        pair, place = np.unique(group[~is_own] * n + owner[~is_own], return_inverse=True)
        total = np.bincount(place, weights=share[~is_own], minlength=len(pair))
        group, owner = pair // n, pair % n
        wins = total > above * (size - own)[group] + TOLERANCE
        return group[wins], owner[wins]

    def named(self, controllers: Links) -> tuple[Ints, Ints]:
        """Return groups that lack a controller and the head of the only one whom sources call so."""
        group, owner = self.core[controllers.company], self.head[controllers.holder]
        asked = (group != NOBODY) & (owner != group)
        n = len(self.head)
        pair = np.unique(group[asked] * n + owner[asked])
        group, owner = pair // n, pair % n
        is_only = np.bincount(group, minlength=n)[group] == 1
        return group[is_only], owner[is_only]

    def join(self, group: Ints, owner: Ints, basis: int) -> None:
        """Put groups under their owners; owners in a ring of their own become one group that nobody controls yet."""
        n = len(self.head)
        above = np.arange(n)
        above[group] = owner
        graph = coo_array((np.ones(len(group)), (group, owner)), shape=(n, n)).tocsr()
        _, label = connected_components(graph, directed=True, connection="strong")
        is_ring = (np.bincount(label) > 1)[label]
        lowest = np.full(int(label.max()) + 1, n)
        np.minimum.at(lowest, label, np.arange(n))
        above[is_ring] = lowest[label[is_ring]]
        mine = np.flatnonzero(self.core != NOBODY)
        own_core = self.core[mine]
        led = is_ring[own_core]
        self.core[mine[led]] = above[own_core[led]]
        self.is_ring[mine[led]] = True
        freed = ~led & (above[own_core] != own_core)
        self.core[mine[freed]] = NOBODY
        self.basis[mine[freed]] = basis
        while (above[above] != above).any():
            above = above[above]
        self.head = above[self.head]


def find_groups(holdings: Links, controllers: Links, nodes: Nodes, settings: GraphSettings) -> Groups:
    """Return the groups of companies, and where each company stands in its group.

    Parameters
    ----------
    holdings : shares of companies, each company's at most 1 (:func:`zhike.identity.graph.terms.proper_holdings`).
    controllers : whom sources call the controller of a company; no shares.

    Returns
    -------
    one value per node. The outcome depends on the shares and the order of customer numbers alone, not on the order of edges.
    """
    named = np.bincount(controllers.holder, minlength=len(nodes))
    agents = named > settings.most_controlled
    controllers = controllers.where(~agents[controllers.holder] & nodes.is_company[controllers.company])
    growing = _Growing(nodes)
    for _ in range(MOST_LEVELS):
        basis = BY_SHARES
        group, owner = growing.votes(holdings, settings.control_above_rate)
        if not len(group):
            basis = BY_CONTROLLER
            group, owner = growing.named(controllers)
        is_cut = len(group) > 0
        if not is_cut:
            break
        growing.join(group, owner, basis)
    return _placed(growing, holdings, controllers, is_cut, int(agents.sum()))


def _placed(growing: _Growing, holdings: Links, controllers: Links, is_cut: bool, n_agents: int) -> Groups:  # noqa: FBT001
    """Return per node its parent and its level below the head: the largest holder inside the group, without going in circles."""
    head, n = growing.head, len(growing.head)
    holder, company = (
        np.concatenate([getattr(h, side) for h in (holdings, controllers)]) for side in ("holder", "company")
    )
    share = np.concatenate([holdings.share, np.zeros(len(controllers))])
    inside = (head[holder] == head[company]) & (growing.core[company] == NOBODY)
    holder, company, share = holder[inside], company[inside], share[inside]
    order = np.lexsort((holder, -share, company))
    holder, company, share = holder[order], company[order], share[order]
    is_largest = np.concatenate([[True], np.diff(company) > 0]) if len(company) else np.zeros(0, np.bool_)
    level = np.where(growing.core != NOBODY, 0, NOBODY)
    parent, parent_share = np.full(n, NOBODY, np.int64), np.zeros(n)
    while (level == NOBODY).any():
        is_ready = (level[holder] != NOBODY) & (level[company] == NOBODY)
        ready = np.flatnonzero(is_largest & is_ready)
        if not len(ready):  # largest holders that hold one another: each group begins with the largest that is placed
            ready = np.flatnonzero(is_ready)
            ready = ready[np.lexsort((company[ready], -share[ready], head[company[ready]]))]
            ready = ready[np.unique(head[company[ready]], return_index=True)[1]]
        if not len(ready):
            raise Bug("identity.group_unplaced", zh="集团成员没有上级", en="a member of a group has no holder in it")
        level[company[ready]] = level[holder[ready]] + 1
        parent[company[ready]], parent_share[company[ready]] = holder[ready], share[ready]
    group_share: Floats = np.bincount(company, weights=share, minlength=n).astype(np.float64)
    basis = np.where(growing.core != NOBODY, np.where(growing.is_ring, IN_RING, HEAD), growing.basis)
    return Groups(head, parent, level, basis, parent_share, group_share, is_cut, n_agents)


def companies_led(head: Ints, is_company: Flags) -> Ints:
    """Return per node how many companies the group has that it belongs to."""
    return np.bincount(head[is_company], minlength=len(head))[head]


__all__ = ["BASES", "BY_CONTROLLER", "BY_SHARES", "HEAD", "IN_RING", "Groups", "companies_led", "find_groups"]

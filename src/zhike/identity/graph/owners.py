"""The natural persons behind a company, and since when what is above it has stood as it does.

After 《受益所有人信息管理办法》 (People's Bank of China and State Administration for Market Regulation, 2024 no. 3): whoever finally
holds a quarter or more, directly or through others; whoever controls it otherwise; where there is nobody, who runs it, for which its
legal representative stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhike.identity.graph.control import Groups
from zhike.identity.graph.ownership import Shares
from zhike.identity.graph.terms import MOST_LEVELS, NOBODY, Flags, Floats, GraphSettings, Ints, Links, Nodes

BASES = ("shares", "control", "legal_representative")
BY_SHARES, BY_CONTROL, BY_REPRESENTATIVE = range(3)


@dataclass(frozen=True, slots=True)
class Owners:
    """Beneficial owners: parallel arrays, sorted by company and person. ``basis`` is a place in ``BASES``.

    ``share`` is multiplied through, ``direct`` the part without anybody between, ``through`` the company that brings most (or
    NOBODY); ``total`` is how much of the company all natural holders together have.
    """

    company: Ints
    person: Ints
    basis: Ints
    share: Floats
    direct: Floats
    through: Ints
    total: Floats


def find_owners(
    shares: Shares, groups: Groups, controllers: Links, representatives: Links, *, nodes: Nodes, settings: GraphSettings
) -> Owners:
    """Return the beneficial owners of every company of ``nodes`` for which there is one.

    Parameters
    ----------
    shares : of all natural holders, also small ones.
    controllers, representatives : whom sources call so.
    """
    is_large = shares.share >= settings.owner_from_rate - 5e-7
    found = [(shares.company[is_large], shares.holder[is_large], BY_SHARES)]
    led = np.flatnonzero(nodes.is_company & ~nodes.is_company[groups.head])
    found.append((led, groups.head[led], BY_CONTROL))
    named = controllers.where(nodes.is_company[controllers.company] & ~nodes.is_company[controllers.holder])
    named = named.where(np.bincount(named.holder, minlength=len(nodes))[named.holder] <= settings.most_controlled)
    found.append((named.company, named.holder, BY_CONTROL))
    has_owner = np.zeros(len(nodes), np.bool_)
    for company, _, _ in found:
        has_owner[company] = True
    is_left = nodes.is_company[representatives.company] & ~nodes.is_company[representatives.holder]
    left = representatives.where(is_left & ~has_owner[representatives.company])
    found.append((left.company, left.holder, BY_REPRESENTATIVE))
    company, person, basis = _strongest(found)
    at = _place(shares, company, person, len(nodes))
    is_held = at != NOBODY
    share, direct, through = np.zeros(len(company)), np.zeros(len(company)), np.full(len(company), NOBODY, np.int64)
    share[is_held], direct[is_held], through[is_held] = (
        a[at[is_held]] for a in (shares.share, shares.direct, shares.through)
    )
    return Owners(company, person, basis, share, direct, through, shares.total[company])


def _strongest(found: list[tuple[Ints, Ints, int]]) -> tuple[Ints, Ints, Ints]:
    """Return (company, person, basis), each pair once with its strongest basis, sorted."""
    company, person = (np.concatenate([f[i] for f in found]).astype(np.int64) for i in (0, 1))
    basis = np.concatenate([np.full(len(c), b, np.int64) for c, _, b in found])
    order = np.lexsort((basis, person, company))
    company, person, basis = company[order], person[order], basis[order]
    is_first = np.ones(len(company), np.bool_)
    is_first[1:] = (np.diff(company) != 0) | (np.diff(person) != 0)
    return company[is_first], person[is_first], basis[is_first]


def _place(shares: Shares, company: Ints, person: Ints, n: int) -> Ints:
    """Return where in ``shares`` each (company, person) stands, NOBODY where it holds no share."""
    if not len(shares.company):
        return np.full(len(company), NOBODY, np.int64)
    known, wanted = shares.company * n + shares.holder, company * n + person
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, at, NOBODY)


def standing_since(n_nodes: int, current: Links, ended: Links) -> tuple[Ints, Flags]:
    """Return per node the day (since 1970) from which nothing above it has changed, and whether every day is a source's own.

    It is the latest day on which an edge into it, or into whoever is above it, began, or one that is there no more ended:
    since then, at the least, what follows from the edges has been so. Nodes with no edge get the smallest number.

    Parameters
    ----------
    ended : edges that hold no more; ``since`` is the first day without them.
    """
    since = np.full(n_nodes, np.iinfo(np.int64).min)
    is_dated = np.ones(n_nodes, np.bool_)
    for links in (current, ended):
        np.maximum.at(since, links.company, links.since)
        np.logical_and.at(is_dated, links.company, links.is_dated)
    edge = np.arange(len(current))
    for _ in range(MOST_LEVELS):  # days only grow and flags only fall, so that rings come to rest
        above, below = current.holder[edge], current.company[edge]
        is_later, is_weaker = since[above] > since[below], is_dated[below] & ~is_dated[above]
        edge, above, below = (a[is_later | is_weaker] for a in (edge, above, below))
        if not len(edge):
            break
        np.maximum.at(since, below, since[above])
        np.logical_and.at(is_dated, below, is_dated[above])
        touched = np.zeros(n_nodes, np.bool_)
        touched[below] = True
        edge = np.flatnonzero(touched[current.holder])
    return since, is_dated


__all__ = ["BASES", "BY_CONTROL", "BY_REPRESENTATIVE", "BY_SHARES", "Owners", "find_owners", "standing_since"]

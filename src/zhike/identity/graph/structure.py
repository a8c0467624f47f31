"""Group structure of a bank's companies in one go: edges of the day in, rows of ``company_group`` and ``beneficial_owner`` out.

Edges are few (a bank has at most a million companies), so they are worked on in arrays, not in the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zhike.identity.graph.control import BASES as GROUP_BASES
from zhike.identity.graph.control import Groups, companies_led, find_groups
from zhike.identity.graph.owners import BASES as OWNER_BASES
from zhike.identity.graph.owners import BY_REPRESENTATIVE, Owners, find_owners, standing_since
from zhike.identity.graph.ownership import multiply_shares
from zhike.identity.graph.terms import NOBODY, Flags, GraphSettings, Ints, Links, Nodes, proper_holdings

SHAREHOLDER, CONTROLLER, REPRESENTATIVE = "shareholder_of", "controller_of", "legal_representative_of"
KINDS = (SHAREHOLDER, CONTROLLER, REPRESENTATIVE)


@dataclass(frozen=True, slots=True)
class Structure:
    """Rows by dense customer number, ``*_no``, which the caller turns into ids; days as dates."""

    groups: pa.Table
    owners: pa.Table
    metrics: Mapping[str, Any]


def company_structure(edges: pa.Table, settings: GraphSettings, *, today: int) -> Structure:
    """Return groups and beneficial owners as the edges of a day make them.

    Parameters
    ----------
    edges : from_no, to_no, is_from_company, is_to_company, kind, share_rate, valid_from_on, valid_to_on, is_dated. Edges that hold on
        the day, and those that have ended: these say since when things are as they are.
    today : the day, since 1970.
    """
    nodes, links, kind = _read(edges)
    ends = _days(edges["valid_to_on"], NOBODY)
    is_over = (ends != NOBODY) & (ends < today)
    of = {k: kind == i for i, k in enumerate(KINDS)}
    written = links.where(of[SHAREHOLDER] & ~is_over)
    holdings, n_scaled = proper_holdings(written, nodes)
    controllers = links.where(of[CONTROLLER] & ~is_over)
    representatives = links.where(of[REPRESENTATIVE] & ~is_over)
    shares = multiply_shares(holdings, nodes)
    groups = find_groups(holdings, controllers, nodes, settings)
    owners = find_owners(shares, groups, controllers, representatives, nodes=nodes, settings=settings)
    is_above = of[SHAREHOLDER] | of[CONTROLLER]
    gone = links.where(is_above & is_over)
    gone = Links(gone.holder, gone.company, gone.share, ends[is_above & is_over] + 1, gone.is_dated)
    dates = standing_since(len(nodes), links.where(is_above & ~is_over), gone)
    grouped = _group_rows(groups, nodes, dates)
    owned = _owner_rows(owners, nodes, dates, representatives)
    metrics = {
        "n_shareholdings": len(holdings), "n_companies_oversold": n_scaled, "n_rings": shares.rings.n_rings,
        "n_closed_rings": shares.rings.n_closed, "n_rings_too_large": shares.rings.n_too_large,
        "n_companies_below_cut_chains": shares.n_cut_chains, "is_group_search_cut": groups.is_cut, "n_agents": groups.n_agents,
        "n_companies_in_groups": grouped.num_rows, "n_beneficial_owners": owned.num_rows,
    }  # fmt: skip
    return Structure(grouped, owned, metrics)


def _read(edges: pa.Table) -> tuple[Nodes, Links, Ints]:
    first, last = _numbers(edges["from_no"]), _numbers(edges["to_no"])
    number, place = np.unique(np.concatenate([first, last]), return_inverse=True)
    is_company = np.zeros(len(number), np.bool_)
    flags = [edges[c].to_numpy().astype(bool) for c in ("is_from_company", "is_to_company")]
    is_company[place] = np.concatenate(flags)
    share = _filled(edges["share_rate"], 0.0).to_numpy()
    since, is_dated = _days(edges["valid_from_on"], NOBODY), edges["is_dated"].to_numpy().astype(bool)
    links = Links(place[: len(first)], place[len(first) :], share, since, is_dated)
    return Nodes(number, is_company), links, _numbers(pc.index_in(edges["kind"], pa.array(KINDS)))


def _filled(column: Any, missing: float) -> Any:
    return pc.fill_null(column, missing)


def _numbers(column: Any) -> Ints:
    return np.asarray(column.to_numpy(), np.int64)


def _days(column: Any, missing: int) -> Ints:
    return _numbers(_filled(pc.cast(column, pa.int32()), missing))


def _dates(days: Ints) -> Any:
    return pa.array(days.astype(np.int32)).cast(pa.date32())


def _names(names: tuple[str, ...], places: Ints) -> Any:
    texts: Any = pa.array(names)
    return texts.take(pa.array(places))


def _optional(nodes: Nodes, places: Ints) -> Any:
    """Return customer numbers of places, missing for NOBODY."""
    is_somebody = places != NOBODY
    numbers = np.append(nodes.number, NOBODY)  # the last stands for nobody
    return pa.array(numbers[np.where(is_somebody, places, -1)], mask=~is_somebody)


def _group_rows(groups: Groups, nodes: Nodes, dates: tuple[Ints, Flags]) -> pa.Table:
    """Return one row for each company of a group of at least two."""
    n_companies = companies_led(groups.head, nodes.is_company)
    who = np.flatnonzero(nodes.is_company & (n_companies > 1))
    since, is_dated = _since_in_group(groups, dates)
    return pa.table({
        "customer_no": nodes.number[who], "head_no": nodes.number[groups.head[who]], "parent_no": _optional(nodes, groups.parent[who]),
        "level": groups.level[who], "basis": _names(GROUP_BASES, groups.basis[who]), "parent_rate": groups.parent_share[who],
        "group_rate": groups.group_share[who], "n_companies": n_companies[who], "since_on": _dates(since[who]), "is_dated": is_dated[who],
    })  # fmt: skip


def _since_in_group(groups: Groups, dates: tuple[Ints, Flags]) -> tuple[Ints, Flags]:
    """Return since when a node has stood in its group at the least; a head, since the first of its present members has."""
    since, is_dated = dates
    is_head = groups.head == np.arange(len(since))
    first = np.full(len(since), np.iinfo(np.int64).max)
    np.minimum.at(first, groups.head[~is_head], since[~is_head])
    return np.where(is_head, first, since), is_dated


def _owner_rows(owners: Owners, nodes: Nodes, dates: tuple[Ints, Flags], representatives: Links) -> pa.Table:
    since, is_dated = dates[0][owners.company], dates[1][owners.company]
    by_name = owners.basis == BY_REPRESENTATIVE
    named_since = np.full(len(nodes), np.iinfo(np.int64).min)
    named_dated = np.ones(len(nodes), np.bool_)
    np.maximum.at(named_since, representatives.company, representatives.since)
    np.logical_and.at(named_dated, representatives.company, representatives.is_dated)
    since = np.where(by_name, np.maximum(since, named_since[owners.company]), since)
    is_dated &= ~by_name | named_dated[owners.company]
    return pa.table({
        "company_no": nodes.number[owners.company], "person_no": nodes.number[owners.person], "basis": _names(OWNER_BASES, owners.basis),
        "share_rate": owners.share, "direct_rate": owners.direct, "through_no": _optional(nodes, owners.through),
        "known_rate": np.minimum(owners.total, 1.0), "since_on": _dates(since), "is_dated": is_dated,
    })  # fmt: skip


__all__ = ["KINDS", "Structure", "company_structure"]

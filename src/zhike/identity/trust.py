"""How far linked records may be trusted, and what was probably missed: from the precision of rules and the weight of pairs.

Two records of a customer are one person if every link on the way between them is right. Links of one key stand or fall together, so
each key counts once on the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.identity.matching import probability
from zhike.identity.rules import MODEL_RULE, OVERRIDE_RULE

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Key = tuple[str, int]
Edge = tuple[float, Key, int, int]  # precision, key, left, right
UNKNOWN_RULE = 0.999


@dataclass(frozen=True, slots=True)
class Links:
    """Used edges as arrays: record numbers of both ends, rule, and weight in bits where a model weighed them."""

    left: Ints
    right: Ints
    rule: Sequence[str]
    weight: Floats


@dataclass(frozen=True, slots=True)
class Trust:
    """``n_pairs`` linked pairs, of which ``n_right`` are expected to be one person; customers expected to hold more than one person,
    and by how many persons more.
    """

    n_pairs: int
    n_right: float
    n_over_merged: float
    n_extra_persons: float


@dataclass(frozen=True, slots=True)
class Missed:
    """Customers that are expected to be one with another, and pairs of records that so are missed."""

    n_customers: float
    n_pairs: float


def trust_of(customer: Ints, links: Links, precision: Mapping[str, float]) -> Trust:
    """Return how far customers may be trusted.

    Parameters
    ----------
    customer : per record its customer's number.
    links : used edges.
    precision : rule → how often it is right; an officer's word is, and a model's link as its weight says.
    """
    mine: dict[int, list[Edge]] = defaultdict(list)
    homes = customer[links.left].tolist()
    columns = (links.left.tolist(), links.right.tolist(), links.rule, links.weight.tolist())
    for number, (home, left, right, rule, weight) in enumerate(zip(homes, *columns, strict=True)):
        mine[home].append((_precision(rule, weight, precision), _key(rule, left, number), left, right))
    sizes = dict(zip(*(a.tolist() for a in np.unique(customer, return_counts=True)), strict=True))
    n_pairs = sum(n * (n - 1) // 2 for n in sizes.values())
    n_right = over = extra = 0.0
    for edges in mine.values():
        tree = _strongest_tree(edges)
        n_right += sum(_right_pairs(tree))
        keys = {key: p for p, key, _, _ in tree}
        over += 1.0 - float(np.prod(list(keys.values())))
        extra += sum(1.0 - p for p in keys.values())
    return Trust(n_pairs, n_right, over, extra)


def _precision(rule: str, weight: float, precision: Mapping[str, float]) -> float:
    if rule == MODEL_RULE:
        return probability(weight)
    return 1.0 if rule == OVERRIDE_RULE else precision.get(rule, UNKNOWN_RULE)


def _key(rule: str, left: int, number: int) -> Key:
    """Return what stands for a link's key: links of one rule around one record are of one key, each pair that was weighed is its own."""
    return (rule, number if rule in (MODEL_RULE, OVERRIDE_RULE) else left)


def _strongest_tree(edges: Iterable[Edge]) -> list[Edge]:
    """Return the most precise links that hold a customer's records together."""
    parent: dict[int, int] = {}

    def find(record: int) -> int:
        while parent.setdefault(record, record) != record:
            record = parent[record]
        return record

    tree = []
    for edge in sorted(edges, key=lambda e: (-e[0], e[2], e[3], e[1])):
        a, b = find(edge[2]), find(edge[3])
        if a != b:
            parent[b] = a
            tree.append(edge)
    return tree


def _right_pairs(tree: Sequence[Edge]) -> Iterable[float]:
    """Yield for each pair of records that a tree joins how probably it is one person."""
    beside: dict[int, list[tuple[int, float, Key]]] = defaultdict(list)
    for p, key, left, right in tree:
        beside[left].append((right, p, key))
        beside[right].append((left, p, key))
    for start in beside:
        queue: list[tuple[int, int, float, frozenset[Key]]] = [(start, -1, 1.0, frozenset())]
        while queue:
            here, came_from, so_far, seen = queue.pop()
            if here > start:
                yield so_far
            for there, p, key in beside[here]:
                if there != came_from:
                    queue.append((there, here, so_far if key in seen else so_far * p, seen | {key}))


def missed_customers(customer: Ints, documents: Ints, weighed: pa.Table) -> Missed:
    """Return what was probably missed: pairs of customers by the weight of their heaviest pair of records.

    Parameters
    ----------
    customer, documents : per record its customer's number, and a code for its valid document number (-1 without).
    weighed : [left_record, right_record, weight] of pairs of records of different customers.

    Pairs of customers whose document numbers differ are two. A customer that could be one of several counts as one at most.
    """
    document: dict[int, int] = {}
    for home, code in zip(customer[documents >= 0].tolist(), documents[documents >= 0].tolist(), strict=True):
        document.setdefault(home, code)
    best: dict[tuple[int, int], float] = {}
    ends = [customer[weighed[f"{side}_record"].to_numpy().astype(np.int64)].tolist() for side in ("left", "right")]
    for a, b, weight in zip(*ends, weighed["weight"].to_pylist(), strict=True):
        pair = (a, b) if a < b else (b, a)
        if a != b and (a not in document or b not in document or document[a] == document[b]):
            best[pair] = max(best.get(pair, weight), weight)
    chance = {pair: probability(weight) for pair, weight in best.items()}
    total: dict[int, float] = defaultdict(float)
    for (a, b), p in chance.items():
        total[a] += p
        total[b] += p
    sizes = np.bincount(customer)
    shares = {pair: p / max(1.0, total[pair[0]], total[pair[1]]) for pair, p in chance.items()}
    n_pairs = sum(p * int(sizes[a]) * int(sizes[b]) for (a, b), p in shares.items())
    return Missed(sum(shares.values()), n_pairs)


__all__ = ["Links", "Missed", "Trust", "missed_customers", "trust_of"]

"""Why two records are one customer, or why they are not: the chain of shared keys between them."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

import ibis.expr.types as ir

from zhike.identity.rules import MEANINGS
from zhike.identity.terms import RecordKey
from zhike.kernel.errors import NotFound
from zhike.kernel.terms import Text


@dataclass(frozen=True, slots=True)
class Step:
    """One link of the chain: two records and the rule under which they share a key."""

    left: RecordKey
    right: RecordKey
    rule: str
    meaning: Text


@dataclass(frozen=True, slots=True)
class LinkExplanation:
    """``is_linked`` with the chain that links two records, or the refusals that keep their customers apart."""

    is_linked: bool
    chain: tuple[Step, ...] = ()
    refusals: tuple[tuple[Step, str], ...] = ()


def explain_link(links: ir.Table, edges: ir.Table, *, left: RecordKey, right: RecordKey) -> LinkExplanation:
    """Return why two records are, or are not, one customer.

    Parameters
    ----------
    links, edges : ``identity_link`` and ``identity_edge`` of one run.

    Returns
    -------
    For one customer: the chain with fewest steps, the strongest rules first. For two: every refused edge between them;
    none means that they share no key at all.

    Raises
    ------
    NotFound : a record is in none of the customers.
    """
    homes = {key: _customer_of(links, key) for key in (left, right)}
    if homes[left] == homes[right]:
        return LinkExplanation(is_linked=True, chain=_shortest(_edges_inside(links, edges, homes[left]), left, right))
    return LinkExplanation(is_linked=False, refusals=_refused_between(links, edges, homes[left], homes[right]))


def _customer_of(links: ir.Table, key: RecordKey) -> str:
    found = (
        links.filter((links.source == key.source) & (links.source_key == key.source_key))
        .customer_id.to_pyarrow()
        .to_pylist()
    )
    if not found:
        raise NotFound(
            "identity.record_unknown", zh=f"来源 {key.source} 中没有该客户号", en=f"source {key.source} has no record with that key",
            todo_zh="请检查来源系统与客户号", todo_en="check the source and its key",
        )  # fmt: skip
    return str(found[0])


def _members(links: ir.Table, customer_id: str, side: str) -> ir.Table:
    mine = links.filter(links.customer_id == customer_id)
    return mine.select(**{f"{side}_source": mine.source, f"{side}_key": mine.source_key})


def _as_step(row: dict[str, str]) -> Step:
    return Step(
        RecordKey(row["left_source"], row["left_key"]), RecordKey(row["right_source"], row["right_key"]), row["rule"], MEANINGS[row["rule"]]
    )  # fmt: skip


def _edges_inside(links: ir.Table, edges: ir.Table, customer_id: str) -> list[Step]:
    used = edges.filter(edges.state == "used").semi_join(
        _members(links, customer_id, "left"), ["left_source", "left_key"]
    )
    priority = list(MEANINGS)
    found = [_as_step(r) for r in used.to_pyarrow().to_pylist()]
    return sorted(found, key=lambda s: (priority.index(s.rule), s.left, s.right))


def _shortest(steps: list[Step], left: RecordKey, right: RecordKey) -> tuple[Step, ...]:
    """Return the shortest chain from one record to the other; between equals, the one found by stronger rules."""
    beside: dict[RecordKey, list[tuple[RecordKey, Step]]] = defaultdict(list)
    for step in steps:
        beside[step.left].append((step.right, step))
        beside[step.right].append((step.left, step))
    came: dict[RecordKey, tuple[RecordKey, Step] | None] = {left: None}
    queue = deque([left])
    while queue and right not in came:
        here = queue.popleft()
        for there, step in beside[here]:
            if there not in came:
                came[there] = (here, step)
                queue.append(there)
    chain: list[Step] = []
    at = right
    while (origin := came.get(at)) is not None:
        at, step = origin
        chain.append(step)
    return tuple(reversed(chain))


def _refused_between(links: ir.Table, edges: ir.Table, one: str, other: str) -> tuple[tuple[Step, str], ...]:
    refused = edges.filter(edges.state == "refused")
    found = []
    for a, b in ((one, other), (other, one)):
        between = refused.semi_join(_members(links, a, "left"), ["left_source", "left_key"])
        between = between.semi_join(_members(links, b, "right"), ["right_source", "right_key"])
        found += [(_as_step(r), str(r["refused_because"])) for r in between.to_pyarrow().to_pylist()]
    return tuple(sorted(found, key=lambda f: (f[0].left, f[0].right, f[0].rule)))


__all__ = ["LinkExplanation", "Step", "explain_link"]

"""Why two records are one customer, or why they are not: the chain of edges between them, and what was weighed of each pair."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir

from zhike.identity.around import Around
from zhike.identity.evidence import Contradiction, SharedKey, Waterfall, contradictions, shared_keys, waterfall
from zhike.identity.matching import MatchModel
from zhike.identity.rules import MEANINGS
from zhike.identity.terms import Override, RecordKey, Refusal
from zhike.kernel.errors import NotFound
from zhike.kernel.terms import Text

MOST_REFUSED_SHOWN = 5
REFUSALS: Mapping[str, Text] = {
    Refusal.RESIDENT_ID: Text("两个不同的有效身份证号", "Two different valid resident id numbers"),
    Refusal.USCC: Text("两个不同的有效统一社会信用代码", "Two different valid unified social credit codes"),
    Refusal.BIRTH: Text("出生日期矛盾", "Days of birth contradict each other"),
    Refusal.BIRTH_AND_SEX: Text("性别矛盾", "Sexes contradict each other"),
    Refusal.KIND: Text("一为个人、一为企业", "One is a person and one a company"),
    Refusal.OVERRIDE: Text("人工判定为不同客户", "An officer decided that they are two"),
    Refusal.AMBIGUOUS: Text("同时符合两个互相矛盾的客户，无法判断属于谁", "It fits two customers who contradict each other: whose it is cannot be told"),
    Refusal.SIZE: Text("归并后客户过大", "The customer would become too large"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One link of the chain: two records and the rule under which they share a key; ``weight`` in bits where a model weighed them."""

    left: RecordKey
    right: RecordKey
    rule: str
    meaning: Text
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class LinkExplanation:
    """``is_linked`` with the chain that links two records, or the refusals that keep their customers apart."""

    is_linked: bool
    chain: tuple[Step, ...] = ()
    refusals: tuple[tuple[Step, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PairExplained:
    """All that is known of two records: keys that they share, and the evidence of the match model (None: none is for them)."""

    left: RecordKey
    right: RecordKey
    shared: tuple[SharedKey, ...]
    weighed: Waterfall | None


@dataclass(frozen=True, slots=True)
class Rival:
    """Why an edge is ambiguous: ``record`` fits ``customer_id`` as well, which contradicts the customer that it could have joined."""

    record: RecordKey
    customer_id: str
    rule: str
    contradiction: Contradiction


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two records are one customer or two.

    ``pairs`` : the pair asked about first, then those of the chain, or the refused ones. ``contradictions`` : between the two
    customers. ``overrides`` : officers' words about records of the two.
    """

    left: RecordKey
    right: RecordKey
    left_customer_id: str
    right_customer_id: str
    link: LinkExplanation
    pairs: tuple[PairExplained, ...]
    contradictions: tuple[Contradiction, ...]
    rivals: tuple[Rival, ...]
    overrides: tuple[Override, ...]


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
    members = links.filter(links.customer_id.isin(sorted(set(homes.values())))).select(
        "source", "source_key", "customer_id"
    )
    rows = members.to_pyarrow().to_pylist()
    customer_of = {RecordKey(r["source"], r["source_key"]): str(r["customer_id"]) for r in rows}
    near = edges.semi_join(members, [edges.left_source == members.source, edges.left_key == members.source_key])
    return _link(customer_of, near.to_pyarrow().to_pylist(), left, right)


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


def _link(
    customer_of: Mapping[RecordKey, str], edges: Sequence[Mapping[str, Any]], left: RecordKey, right: RecordKey
) -> LinkExplanation:
    one, other = customer_of[left], customer_of[right]
    if one == other:
        used = [_as_step(r) for r in edges if r["state"] == "used"]
        inside = [s for s in used if customer_of.get(s.left) == one]
        return LinkExplanation(is_linked=True, chain=_shortest(sorted(inside, key=_strength), left, right))
    both = {one, other}
    refused = [(_as_step(r), str(r["refused_because"])) for r in edges if r["state"] == "refused"]
    between = [(s, why) for s, why in refused if {customer_of.get(s.left), customer_of.get(s.right)} == both]
    return LinkExplanation(is_linked=False, refusals=tuple(sorted(between, key=lambda f: _strength(f[0]))))


def _strength(step: Step) -> tuple[int, float, RecordKey, RecordKey]:
    return (list(MEANINGS).index(step.rule), -(step.weight or 0.0), step.left, step.right)


def _as_step(row: Mapping[str, Any]) -> Step:
    left, right = (RecordKey(row[f"{side}_source"], row[f"{side}_key"]) for side in ("left", "right"))
    return Step(left, right, row["rule"], MEANINGS[row["rule"]], row["weight"])


def _shortest(steps: Sequence[Step], left: RecordKey, right: RecordKey) -> tuple[Step, ...]:
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


def explain_pair(
    around: Around, left: RecordKey, right: RecordKey, *, models: Sequence[MatchModel], overrides: Sequence[Override] = ()
) -> Explanation:  # fmt: skip
    """Return why two records are, or are not, one customer, with the evidence of every pair concerned.

    Parameters
    ----------
    around : records and edges of the customers of both, see ``around.fetch_around``.
    models, overrides : those of the run.
    """
    link = _link(around.customer_of, around.edges, left, right)
    one, other = around.customer_of[left], around.customer_of[right]
    steps = link.chain or [s for s, _ in link.refusals[:MOST_REFUSED_SHOWN]]
    pairs = dict.fromkeys([(left, right), *((s.left, s.right) for s in steps if {s.left, s.right} != {left, right})])
    apart = () if one == other else contradictions(around.latest_of(one), around.latest_of(other))
    mine = {k for k, customer in around.customer_of.items() if customer in (one, other)}
    return Explanation(
        left, right, one, other, link, tuple(_pair(around, a, b, models) for a, b in pairs), apart,
        tuple(_rivals(around, link, {one, other})), tuple(o for o in overrides if {o.left, o.right} <= mine),
    )  # fmt: skip


def _pair(around: Around, left: RecordKey, right: RecordKey, models: Sequence[MatchModel]) -> PairExplained:
    mine, theirs = around.versions[left], around.versions[right]
    return PairExplained(left, right, shared_keys(mine, theirs), waterfall(models, mine, theirs))


def _rivals(around: Around, link: LinkExplanation, both: Collection[str]) -> Iterator[Rival]:
    """Yield for each ambiguous edge a third customer that one of its records fits and that contradicts the other's."""
    told: set[tuple[RecordKey, str]] = set()
    for step, why in link.refusals:
        if why != Refusal.AMBIGUOUS:
            continue
        for record, kept_from in ((step.left, step.right), (step.right, step.left)):
            home = around.customer_of[kept_from]
            for rule, third in around.beside(record):
                customer = around.customer_of.get(third)
                if customer is None or customer in both or (record, customer) in told:
                    continue
                apart = contradictions(around.latest_of(customer), around.latest_of(home))
                if apart:
                    told.add((record, customer))
                    yield Rival(record, customer, rule, apart[0])


def most_telling(
    around: Around, one: Collection[RecordKey], other: Collection[RecordKey], models: Sequence[MatchModel]
) -> tuple[RecordKey, RecordKey]:
    """Return the pair of records, one of each side, that says most: by its strongest edge, else by its weight, else the first."""
    edges = [_as_step(r) for r in around.edges]
    between = [s for s in edges if (s.left in one and s.right in other) or (s.left in other and s.right in one)]
    if between:
        best = min(between, key=_strength)
        return (best.left, best.right) if best.left in one else (best.right, best.left)
    weighed = [
        (w.total if (w := waterfall(models, around.versions[a], around.versions[b])) else float("-inf"), a, b)
        for a in sorted(one) for b in sorted(other) if a != b
    ]  # fmt: skip
    _, left, right = max(weighed, key=lambda f: f[0])
    return left, right


__all__ = [
    "REFUSALS",
    "Explanation",
    "LinkExplanation",
    "PairExplained",
    "Rival",
    "Step",
    "explain_link",
    "explain_pair",
    "most_telling",
]

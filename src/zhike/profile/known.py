"""What is known of one customer, and of those whom relations lead to, read from the tables of a run for the single evaluator.

Each table is read once for all of them, whatever their number: a company of ten thousand employees costs no more queries than one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir

from zhike.identity.anonymous import attributed_events, event_links
from zhike.kernel.errors import BadInput, NotFound
from zhike.rules import (
    CustomerFacts,
    EventFact,
    ScoreFact,
    SegmentFact,
    TagFact,
    UsedNames,
    holding_on,
    listed_customers,
)
from zhike.rules.facts import RelationKey
from zhike.rules.vocabulary import EVENT_FIELDS

MOST_RELATED = 20_000  # customers that one explanation looks at
Edge = tuple[str, RelationKey, str]


class Tables(Protocol):
    """Typed Ibis tables by name: a catalog, or a plain mapping."""

    def __getitem__(self, table: str, /) -> ir.Table:
        """Return the table called ``table``."""
        ...


def facts_of(customer_id: str, tables: Tables, names: UsedNames, as_of: date) -> CustomerFacts:
    """Return what is known of one customer, as far as rules that use ``names`` look; related parties as far as they lead.

    Raises
    ------
    NotFound : the profile has no such customer.
    BadInput : relations lead to too many customers to look at each.
    """
    edges = _edges(customer_id, tables, names, as_of)
    ids = list(dict.fromkeys([customer_id, *(other for _, _, other in edges)]))
    known = _known(ids, tables, names, as_of)
    if not known[customer_id].has_profile:
        raise NotFound(
            "profile.customer_unknown", zh=f"画像中没有客户 {customer_id}", en=f"the profile has no customer {customer_id}",
            todo_zh="核对客户号与业务日", todo_en="check the id and the day",
        )  # fmt: skip
    for one, key, other in edges:
        related = known[one].related
        assert isinstance(related, dict)  # made here, and filled before anybody sees it
        related.setdefault(key, []).append(known[other])
    return known[customer_id]


def _edges(customer_id: str, tables: Tables, names: UsedNames, as_of: date) -> list[Edge]:
    """Return the relations by which rules get from one customer to others, as far as they go."""
    found: list[Edge] = []
    seen, reached = {customer_id}, [customer_id]
    for _ in range(names.relation_hops):
        if not reached:
            break
        step = list(_steps(reached, tables["customer_relation"], names, as_of))
        found += step
        reached = sorted({other for _, _, other in step} - seen)
        seen.update(reached)
        if len(seen) > MOST_RELATED:
            raise BadInput(
                "profile.too_many_related", zh=f"关联方超过 {MOST_RELATED} 个，无法逐一说明",
                en=f"relations lead to more than {MOST_RELATED} customers: too many to look at each",
                todo_zh="以跑批结果为准，或减少规则中的关系层数", todo_en="take the result of the run, or let the rule follow fewer relations",
            )  # fmt: skip
    return found


def _steps(ids: list[str], relations: ir.Table, names: UsedNames, as_of: date) -> Iterable[Edge]:
    held = holding_on(relations, as_of, first="valid_from_on", last="valid_to_on")
    for is_inverse, one, other in (
        (False, "from_customer_id", "to_customer_id"),
        (True, "to_customer_id", "from_customer_id"),
    ):
        kinds = sorted(r for r, way in names.relation_ways if way == is_inverse)
        if kinds:
            asked = held.filter(held.kind.isin(kinds)).select(
                customer_id=held[one], other_id=held[other], kind=held.kind, is_declared=held.is_declared
            )
            for row in _rows(asked, ids):
                yield row["customer_id"], (row["kind"], is_inverse, row["is_declared"] is not False), row["other_id"]


def _rows(table: ir.Table, ids: list[str]) -> list[dict[str, Any]]:
    """Return the rows of some customers."""
    if len(ids) == 1:
        return list(table.filter(table.customer_id == ids[0]).to_pyarrow().to_pylist())
    wanted = ibis.memtable({"wanted_id": ids})
    return list(table.semi_join(wanted, table.customer_id == wanted.wanted_id).to_pyarrow().to_pylist())


def _by_customer(table: ir.Table, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(table, ids):
        found[row["customer_id"]].append(row)
    return found


def _known(ids: list[str], tables: Tables, names: UsedNames, as_of: date) -> dict[str, CustomerFacts]:
    """Return facts of each customer, without relations."""
    profile = {i: rows[0] for i, rows in _by_customer(tables["profile"], ids).items()}
    nothing: dict[str, list[dict[str, Any]]] = {}
    tags = _by_customer(holding_on(tables["tag_value"], as_of), ids) if names.tags else nothing
    segments = _by_customer(holding_on(tables["segment_member"], as_of), ids) if names.segments else nothing
    scores = _by_customer(tables["score_value"], ids) if names.models else nothing
    contactable = _by_customer(tables["contactability"], ids) if names.contactability else nothing
    events = _events(ids, tables, names, as_of) if names.events else nothing
    lists = _lists(ids, tables, as_of) if names.lists else nothing
    return {
        i: CustomerFacts(
            as_of,
            profile.get(i, {}),
            {
                r["tag"]: TagFact(r["value_text"], r["value_number"], r["value_amount"], r["value_on"], r["from_on"])
                for r in tags.get(i, ())
            },
            {r["segment"]: SegmentFact(r["bucket"], r["from_on"]) for r in segments.get(i, ())},
            {r["model"]: ScoreFact(r["score"], r["decile"]) for r in scores.get(i, ())},
            tuple(
                EventFact(r["event_kind"], r["on"], r["at"], {n: r.get(n) for n in EVENT_FIELDS})
                for r in events.get(i, ())
            ),
            {},
            frozenset(
                (r["channel"], r["purpose"], r["product_line"]) for r in contactable.get(i, ()) if r["is_allowed"]
            ),
            {r["list"]: r["from_on"] for r in lists.get(i, ())},
            i,
            i in profile,
        )
        for i in ids
    }


def _lists(ids: list[str], tables: Tables, as_of: date) -> dict[str, list[dict[str, Any]]]:
    """Return the lists that customers are on, the latest stay last."""
    named = listed_customers(tables["customer_list"], tables["identity_link"], tables["list_entry"])
    return _by_customer(holding_on(named, as_of).order_by("from_on"), ids)


def _events(ids: list[str], tables: Tables, names: UsedNames, as_of: date) -> dict[str, list[dict[str, Any]]]:
    event = tables["event"]
    wanted = event.filter(event.event_kind.isin(sorted(names.events)) & (event.on <= ibis.literal(as_of)))
    events = attributed_events(wanted, tables["event_party"])
    links = event_links(tables["identity_link"], tables["party_alias"])
    return _by_customer(events.inner_join(links, ["source", "source_key"]), ids)


__all__ = ["MOST_RELATED", "Tables", "facts_of"]

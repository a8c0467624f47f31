"""Why a customer has a tag, or has not: the evidence is computed when asked, from the tables of the run that gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir

from zhike.identity.anonymous import attributed_events, event_links
from zhike.kernel.errors import NotFound
from zhike.kernel.terms import Text
from zhike.profile.tags import Tag
from zhike.profile.tags_values import PART_COLUMNS
from zhike.rules import (
    CustomerFacts,
    EventFact,
    Evidence,
    ScoreFact,
    SegmentFact,
    TagFact,
    UsedNames,
    compile_expression,
    holding_on,
    matches,
    trace,
)
from zhike.rules.vocabulary import EVENT_FIELDS


class Tables(Protocol):
    """Typed Ibis tables by name: a catalog, or a plain mapping."""

    def __getitem__(self, table: str, /) -> ir.Table:
        """Return the table called ``table``."""
        ...


@dataclass(frozen=True, slots=True)
class Why:
    """Why one customer has a tag on a day, or not.

    ``holds`` is what the rules say of the facts of the day; ``value`` are the parts of the value then; ``since_on`` is
    when the interval began that the warehouse holds, None when it holds none.
    """

    tag: str
    customer_id: str
    as_of: date
    holds: bool
    value: Mapping[str, Any]
    since_on: date | None
    evidence: tuple[Evidence, ...]

    def lines(self, *, language: str = "zh") -> list[str]:
        """Return the answer as lines of text."""
        said = {"zh": ("有", "没有"), "en": ("has", "has not")}[language][0 if self.holds else 1]
        value = ", ".join(f"{k}={v}" for k, v in self.value.items() if v is not None)
        head = f"{self.customer_id} {said} {self.tag}" + (f" ({value})" if value else "")
        return [head, *(line for e in self.evidence for line in e.lines(language=language, indent=1))]


def _rows(table: ir.Table) -> list[dict[str, Any]]:
    return list(table.to_pyarrow().to_pylist())


def _one(table: ir.Table, customer_id: str) -> ir.Table:
    return table.filter(table.customer_id == customer_id)


def facts_of(
    customer_id: str, tables: Tables, names: UsedNames, as_of: date, *, relation_depth: int = 2
) -> CustomerFacts:
    """Return what is known of one customer, as far as rules that use ``names`` look.

    Raises
    ------
    NotFound : the profile has no such customer.
    """
    profile = _rows(_one(tables["profile"], customer_id))
    if not profile:
        raise NotFound(
            "profile.customer_unknown", zh=f"画像中没有客户 {customer_id}", en=f"the profile has no customer {customer_id}",
            todo_zh="核对客户号与业务日", todo_en="check the id and the day",
        )  # fmt: skip
    return CustomerFacts(
        as_of,
        profile[0],
        _tags(customer_id, tables, as_of) if names.tags else {},
        _segments(customer_id, tables, as_of) if names.segments else {},
        _scores(customer_id, tables) if names.models else {},
        _events(customer_id, tables, names, as_of) if names.events else (),
        _related(customer_id, tables, names, as_of, relation_depth) if names.relations and relation_depth else {},
        _contactable(customer_id, tables) if names.contactability else frozenset(),
    )


def _tags(customer_id: str, tables: Tables, as_of: date) -> dict[str, TagFact]:
    rows = _rows(holding_on(_one(tables["tag_value"], customer_id), as_of))
    return {
        r["tag"]: TagFact(r["value_text"], r["value_number"], r["value_amount"], r["value_on"], r["from_on"])
        for r in rows
    }


def _segments(customer_id: str, tables: Tables, as_of: date) -> dict[str, SegmentFact]:
    rows = _rows(holding_on(_one(tables["segment_member"], customer_id), as_of))
    return {r["segment"]: SegmentFact(r["bucket"], r["from_on"]) for r in rows}


def _scores(customer_id: str, tables: Tables) -> dict[str, ScoreFact]:
    rows = _rows(_one(tables["score_value"], customer_id))
    return {r["model"]: ScoreFact(r["score"], r["decile"]) for r in rows}


def _events(customer_id: str, tables: Tables, names: UsedNames, as_of: date) -> tuple[EventFact, ...]:
    links, event = event_links(tables["identity_link"], tables["party_alias"]), tables["event"]
    wanted = event.filter(event.event_kind.isin(sorted(names.events)) & (event.on <= ibis.literal(as_of)))
    known = attributed_events(wanted, tables["event_party"])
    rows = _rows(known.semi_join(_one(links, customer_id), ["source", "source_key"]))
    return tuple(EventFact(r["event_kind"], r["on"], r["at"], {n: r.get(n) for n in EVENT_FIELDS}) for r in rows)


def _contactable(customer_id: str, tables: Tables) -> frozenset[tuple[str, str, str]]:
    rows = _rows(_one(tables["contactability"], customer_id))
    return frozenset((r["channel"], r["purpose"], r["product_line"]) for r in rows if r["is_allowed"])


def _related(
    customer_id: str, tables: Tables, names: UsedNames, as_of: date, depth: int
) -> dict[tuple[str, bool], list[CustomerFacts]]:
    edges = holding_on(tables["customer_relation"], as_of, first="valid_from_on", last="valid_to_on")
    mine = (edges.from_customer_id == customer_id) | (edges.to_customer_id == customer_id)
    found: dict[tuple[str, bool], list[CustomerFacts]] = {}
    for row in _rows(edges.filter(mine & edges.kind.isin(sorted(names.relations)))):
        for is_inverse, own, other in (
            (False, "from_customer_id", "to_customer_id"),
            (True, "to_customer_id", "from_customer_id"),
        ):
            if row[own] == customer_id:
                facts = facts_of(row[other], tables, names, as_of, relation_depth=depth - 1)
                found.setdefault((row["kind"], is_inverse), []).append(facts)
    return found


def _value(tag: Tag, facts: CustomerFacts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if tag.cases:
        found["value_text"] = next((c.value for c in tag.cases if matches(c.when, facts)), None)
    for part, choices in tag.parts.items():
        taken = (c for c in choices if c.when is None or matches(c.when, facts))
        choice = next(taken, None)
        found[PART_COLUMNS[part]] = compile_expression(choice.value)(facts) if choice else None
    return found


def _evidence(tag: Tag, facts: CustomerFacts) -> tuple[Evidence, ...]:
    found = [trace(tag.when, facts, tag.vocabulary)] if tag.when is not None else []
    for case in tag.cases:
        inside = trace(case.when, facts, tag.vocabulary)
        says = Text(f"取值“{case.names.zh}”", f"value “{case.names.en}”")
        found.append(Evidence(says, inside.held, (), (inside,)))
        if inside.held:
            break
    if tag.ends_when is not None:
        inside = trace(tag.ends_when, facts, tag.vocabulary)
        found.append(Evidence(Text("提前结束", "ended early"), inside.held, (), (inside,)))
    return tuple(found)


def why(tag: Tag, customer_id: str, tables: Tables, as_of: date) -> Why:
    """Return why a customer has a tag on the day of ``tables``, or has not, condition by condition with the values met.

    Parameters
    ----------
    tables : the published tables of that day: ``profile``, ``tag_value`` and those that the tag's rules name.

    Raises
    ------
    NotFound : there is no such customer, or the tag is not for such customers.
    """
    facts = facts_of(customer_id, tables, tag.names(), as_of)
    kind = facts.fields.get("party_kind")
    if kind not in {k.value for k in tag.definition.subjects}:
        raise NotFound(
            "tag.other_subjects", zh=f"标签 {tag.key} 不适用于 {kind}", en=f"tag {tag.key} is not for a {kind}",
            todo_zh="见标签定义的 subjects", todo_en="see subjects in the tag's definition",
        )  # fmt: skip
    held = _rows(holding_on(_one(tables["tag_value"], customer_id), as_of).filter(lambda t: t.tag == tag.key))
    value = _value(tag, facts)
    is_met = (tag.when is None or matches(tag.when, facts)) and (not tag.cases or value.get("value_text") is not None)
    is_ended = tag.ends_when is not None and matches(tag.ends_when, facts)
    holds = bool(held) if tag.definition.kind == "manual" else is_met and not is_ended
    lives_on = bool(held) and tag.definition.lives_days is not None and not is_ended
    return Why(
        tag=tag.key,
        customer_id=customer_id,
        as_of=as_of,
        holds=holds or lives_on,
        value=value if holds and tag.definition.kind != "manual" else _stored(held),
        since_on=held[0]["from_on"] if held else None,
        evidence=_evidence(tag, facts),
    )


def _stored(held: list[dict[str, Any]]) -> dict[str, Any]:
    return {c: held[0][c] for c in PART_COLUMNS.values()} if held else {}


__all__ = ["Tables", "Why", "facts_of", "why"]

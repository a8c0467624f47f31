"""Why a customer has a tag, or has not: the evidence is computed when asked, from the tables of the run that gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from zhike.kernel.errors import NotFound
from zhike.kernel.terms import Text
from zhike.profile.known import Tables, facts_of
from zhike.profile.tags import Tag
from zhike.profile.tags_values import PART_COLUMNS
from zhike.rules import (
    CustomerFacts,
    Evidence,
    compile_expression,
    holding_on,
    matches,
    trace,
)


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
    values = tables["tag_value"]
    mine = values.filter((values.customer_id == customer_id) & (values.tag == tag.key))
    held = list(holding_on(mine, as_of).to_pyarrow().to_pylist())
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

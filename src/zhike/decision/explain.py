"""Why this, that day: takes a past decision again from what the log kept, and says whether it comes out the same.

Nothing is read but the log row and the book of rules it names: no profile, no current definition, no clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from zhike.decision.book import Book, open_book
from zhike.decision.calendar import plan_day
from zhike.decision.log import LIMIT_RULES
from zhike.decision.one import Inputs, OneCustomer
from zhike.decision.terms import RULES, Candidate, FunnelStage
from zhike.kernel.errors import ContractBroken
from zhike.kernel.terms import Text
from zhike.policy.decide import BUILT_IN, InForce
from zhike.warehouse.contracts import Kind

TOLERANCE = 1e-5
COMPARED = ("stage", "rule", "channel", "rank")


@dataclass(frozen=True, slots=True)
class Reason:
    """What became of one offer, in words, with the rule's source in law where it has one."""

    offer_id: str
    offer: Text
    stage: FunnelStage
    rule: str | None
    text: Text
    source: str
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Explanation:
    """A past decision, taken again.

    ``is_reproduced`` says whether every offer came out as it was logged; ``differences`` names what did not.
    """

    decision_id: str
    campaign: str
    customer_id: str
    decided_on: date
    arm: str | None
    model_version: str | None
    book_hash: str
    reasons: tuple[Reason, ...]
    facts: Mapping[str, Any]
    is_reproduced: bool
    differences: tuple[str, ...]


def _typed(value: Any, kind: Kind | None) -> Any:
    if value is None or kind is None:
        return value
    match kind:
        case Kind.DAY:
            return date.fromisoformat(str(value)[:10])
        case Kind.AMOUNT:
            return Decimal(str(value))
        case Kind.RATE | Kind.NUMBER:
            return float(value)
        case Kind.INTEGER:
            return int(value)
        case _:
            return value


def _facts(text: str, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    told = json.loads(text, parse_float=Decimal)
    return {name: _typed(value, kinds.get(name)) for name, value in told.items()}


def _inputs(row: Mapping[str, Any], book: Book) -> Inputs:
    logged = json.loads(row["outcome"])
    limits = {offer: o["rule"] for offer, o in logged.items() if o and o.get("rule") in LIMIT_RULES}
    other = row["recipient_inputs"]
    return Inputs(
        fields=_facts(row["inputs"], book.kinds),
        recipient=_facts(other, book.kinds) if other not in (None, "{}") else None,
        has_recipient=other != "{}",
        limits=limits,
    )


def _words(rule: str | None, rules: InForce) -> tuple[Text, str]:
    if rule is None:
        return Text("入选", "came through"), ""
    for gate in rules.gates:
        if gate.ref.key == rule:
            return gate.reason, _cited(gate.ref.source, gate.ref.article, is_verified=gate.ref.is_verified)
    if rule.startswith("cap."):
        for policy in rules.contact_policies:
            for cap in policy.definition.caps:
                if cap.key == rule.removeprefix("cap."):
                    return Text(f"已达{cap.zh}", f"{cap.en}: the cap is reached"), policy.ref.source
    if rule.startswith("content."):
        for regulation in rules.regulations:
            if regulation.ref.key == rule.removeprefix("content."):
                ref = regulation.ref
                words = Text(regulation.definition.reason_zh, regulation.definition.reason_en)
                return words, _cited(ref.source, ref.article, is_verified=ref.is_verified)
    zh, en = RULES.get(rule) or BUILT_IN.get(rule) or (rule, rule)
    return Text(zh, en), ""


def _cited(source: str, article: str, *, is_verified: bool) -> str:
    mark = "" if is_verified else "（未经法务核对 · not checked by counsel）"
    return f"{source} {article}".strip() + mark


def _differences(found: Mapping[str, Candidate], logged: Mapping[str, Any]) -> tuple[str, ...]:
    told: list[str] = []
    if set(found) != set(logged):
        told.append(f"offers: {sorted(found)} ≠ {sorted(logged)}")
    for offer in sorted(set(found) & set(logged)):
        candidate, was = found[offer], logged[offer]
        for name in COMPARED:
            now = getattr(candidate, name)
            if (now if now is None else str(now)) != (was[name] if was[name] is None else str(was[name])):
                told.append(f"{offer}.{name}: {now} ≠ {was[name]}")
        now, then = candidate.priority, was["priority"]
        if (now is None) != (then is None) or (
            now is not None and abs(now - float(then)) > TOLERANCE * max(1.0, abs(now))
        ):
            told.append(f"{offer}.priority: {now} ≠ {then}")
    return tuple(told)


def explain(row: Mapping[str, Any], book_body: str) -> Explanation:
    """Return a past decision taken again from its stored inputs, with reasons in both languages.

    Parameters
    ----------
    row : one row of ``decision_log``.
    book_body : ``body`` of the ``decision_book`` row that has the log row's ``book_hash``.

    Raises
    ------
    ContractBroken : the book is not the one that the decision names.
    """
    book = open_book(book_body)
    if book.hash != row["book_hash"]:
        raise ContractBroken(
            "decision.book_differs", zh="规则册与决策记录的规则版本不符", en="this book is not the one that the decision was taken by",
            todo_zh="用决策记录中的 book_hash 查找 decision_book", todo_en="look up decision_book by the log row's book_hash",
        )  # fmt: skip
    decided_on: date = row["decided_on"]
    rules = book.policy.on(decided_on)
    decider = OneCustomer(book.campaign, rules, plan_day(book.campaign, book.policy, as_of=decided_on), decided_on)
    inputs = _inputs(row, book)
    found = decider.candidates(inputs)
    differences = _differences(found, json.loads(row["outcome"]))
    names = {o.offer_id: Text(o.definition.zh, o.definition.en) for o in book.campaign.offers}
    reasons = []
    for offer_id, candidate in found.items():
        words, source = _words(candidate.rule, rules)
        reasons.append(Reason(offer_id, names[offer_id], candidate.stage, candidate.rule, words, source, candidate))
    return Explanation(
        decision_id=row["decision_id"],
        campaign=row["campaign"],
        customer_id=row["customer_id"],
        decided_on=decided_on,
        arm=row["arm"],
        model_version=row["model_version"],
        book_hash=row["book_hash"],
        reasons=tuple(reasons),
        facts=inputs.fields,
        is_reproduced=not differences,
        differences=differences,
    )


__all__ = ["Explanation", "Reason", "explain"]

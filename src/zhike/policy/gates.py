"""Gates compiled from their definitions: one definition, two forms (columns for a batch, a predicate for one customer).

A gate's condition speaks of fields only: the profile, the control flags, and what the request says. A missing value matches
nothing, so that what is not known refuses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from zhike.kernel.clock import moment_on
from zhike.kernel.definitions import Definition, DefinitionSet, parse_definition
from zhike.kernel.errors import BadInput
from zhike.kernel.terms import PartyKind, Text
from zhike.policy.definitions import Dated, GateDefinition
from zhike.policy.tables import CUSTOMER_CONTROL
from zhike.policy.terms import STAGES, Combination, ProductLine, RuleRef, Stage, Subject
from zhike.rules.facts import CustomerFacts
from zhike.rules.parser import parse_rule
from zhike.rules.single import Predicate, compile_rule
from zhike.rules.terms import Expression, Field, Literal, Rule
from zhike.rules.vocabulary import FieldTerm, Vocabulary, field_terms
from zhike.rules.walking import used_names
from zhike.warehouse.contracts import Kind

REVIEWS = ("senior", "risk", "related_party")
COMBINATION_FIELDS: Mapping[str, FieldTerm] = {
    t.name: t
    for t in (
        FieldTerm("channel", Kind.CODE, "渠道", "Channel"),
        FieldTerm("purpose", Kind.CODE, "用途", "Purpose"),
        FieldTerm("product_line", Kind.CODE, "产品条线", "Product line", tuple(p.value for p in ProductLine)),
        FieldTerm("consent_state", Kind.CODE, "同意状态", "Consent", ("granted", "withdrawn", "unknown")),
        FieldTerm("profiling_consent_state", Kind.CODE, "个性化同意", "Consent to profiling", ("granted", "withdrawn", "unknown")),
    )
}  # fmt: skip
OFFER_FIELDS: Mapping[str, FieldTerm] = {
    t.name: t
    for t in (
        FieldTerm("product_class", Kind.CODE, "产品大类", "Product class"),
        FieldTerm("product_risk_level", Kind.INTEGER, "产品风险等级数", "R-level of the product, 0 when it has none"),
        *(FieldTerm(f"has_review_{r}", Kind.FLAG, f"已复核：{r}", f"Reviewed: {r}") for r in REVIEWS),
    )
}
CONTROL_FIELDS: Mapping[str, FieldTerm] = {
    name: term for name, term in field_terms(CUSTOMER_CONTROL).items() if name.startswith(("has_", "complaint_"))
}


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate, ready to be asked: of one customer by ``predicate``, of a table by ``rule``."""

    definition: GateDefinition
    rule: Rule
    predicate: Predicate
    ref: RuleRef
    uses: frozenset[str]

    @property
    def needs_offer(self) -> bool:
        """Whether it speaks of the product, so that it can only be asked of a customer and an offer together."""
        return bool(self.uses & OFFER_FIELDS.keys())

    @property
    def reason(self) -> Text:
        """What is said when it refuses."""
        return Text(self.definition.reason_zh, self.definition.reason_en)

    def concerns(self, combination: Combination) -> bool:
        """Return whether it is asked for this channel, purpose and product line."""
        written = self.definition
        return (
            combination.purpose in written.purposes
            and (not written.product_lines or combination.product_line in written.product_lines)
            and (not written.channels or combination.channel in written.channels)
        )

    def binds(self, party_kind: object) -> bool:
        """Return whether it binds this kind of party; an unknown kind is bound by all."""
        kinds = self.definition.party_kinds
        return not kinds or party_kind is None or PartyKind(str(party_kind)) in kinds

    def missing(self, fields: Mapping[str, object]) -> tuple[str, ...]:
        """Return the names it needs that are not among the facts at all (None is a known absence)."""
        return tuple(sorted(self.uses - fields.keys()))

    def passes(self, fields: Mapping[str, Any], *, as_of: date) -> bool:
        """Return whether the condition holds for one subject's facts."""
        return self.predicate(CustomerFacts(as_of, fields))

    def until(self, fields: Mapping[str, Any], *, at: datetime, today: date, timezone: str) -> datetime | None:
        """Return when it may be asked again after a refusal, or None: not until something changes."""
        again = self.definition.until
        if again is None:
            return None
        day = fields.get(again.field) if again.field else today
        if not isinstance(day, date):
            return None
        moment = moment_on(day + timedelta(days=again.plus_days), timezone)
        return moment if moment > at else moment_on(today + timedelta(days=1), timezone)


def rule_ref(definition: Definition, dated: Dated) -> RuleRef:
    """Return which version of a rule speaks, for Permits, Refusals and the decision log."""
    return RuleRef(
        key=definition.key,
        hash=definition.hash,
        source=dated.source,
        article=dated.article,
        effective_from=dated.effective_from,
        is_verified=dated.verified,
    )


def gate_vocabulary(vocabulary: Vocabulary) -> Vocabulary:
    """Return what gates may speak of: the given fields, control flags, the request and the product; no tags or segments."""
    fields = {**vocabulary.fields, **CONTROL_FIELDS, **COMBINATION_FIELDS, **OFFER_FIELDS}
    return Vocabulary(fields=fields, relations={})


def compile_gate(definition: Definition, vocabulary: Vocabulary) -> Gate:
    """Return a gate of a definition.

    Raises
    ------
    BadInput : the definition or its rule is malformed, or it speaks of product and channel at once.
    """
    written = parse_definition(GateDefinition, definition)
    where = f"{definition.file}:{definition.line} {definition.key}"
    rule = parse_rule(written.pass_when, vocabulary, path=f"{where}.pass_when")
    names = used_names(rule)
    gate = Gate(written, rule, compile_rule(rule), rule_ref(definition, written), names.fields)
    if gate.needs_offer and (written.channels or gate.uses & COMBINATION_FIELDS.keys()):
        raise BadInput(
            "policy.gate_mixed", zh=f"{where} 不能同时以产品与渠道为条件", en=f"{where} speaks of the product and of the channel at once",
            todo_zh="请拆成两个闸口", todo_en="write two gates",
        )  # fmt: skip
    return gate


def compile_gates(definitions: DefinitionSet, vocabulary: Vocabulary) -> tuple[Gate, ...]:
    """Return all gates in the order in which they are asked: stage, order, key. Waived ones are included."""
    words = gate_vocabulary(vocabulary)
    gates = [compile_gate(d, words) for d in definitions.of_kind("gate")]
    place = {stage: i for i, stage in enumerate(STAGES)}
    return tuple(sorted(gates, key=lambda g: (place[g.definition.stage], g.definition.order, g.definition.key)))


def gates_in_force(gates: Iterable[Gate], *, on: date, jurisdiction: str) -> tuple[Gate, ...]:
    """Return the gates that hold on a day in a jurisdiction and are not waived, in their order."""
    return tuple(
        g for g in gates if g.definition.holds(on=on, jurisdiction=jurisdiction) and not g.definition.waived_because
    )


def has_legal_basis(gates: Iterable[Gate], combination: Combination) -> bool:
    """Return whether some gate in force says on what legal basis this purpose stands."""
    return any(g.definition.is_legal_basis and g.concerns(combination) for g in gates)


def substitute(rule: Any, values: Mapping[str, Expression]) -> Any:
    """Return a rule in which the named fields are other expressions."""
    if isinstance(rule, Field):
        return values.get(rule.name, rule)
    if isinstance(rule, tuple):
        return tuple(substitute(part, values) for part in rule)
    if dataclasses.is_dataclass(rule) and not isinstance(rule, type):
        changed = {f.name: substitute(getattr(rule, f.name), values) for f in dataclasses.fields(rule)}
        return dataclasses.replace(rule, **changed)
    return rule


def first_place(
    gates: Iterable[Gate], fields: Mapping[Subject, Mapping[str, Any]], combination: Combination, *, as_of: date
) -> int | None:
    """Return the place of the first gate that refuses one customer, or None: the single form of a batch's columns.

    Parameters
    ----------
    gates : those in force, in their order.
    fields : what each subject's gates may see, with what the request says.
    """
    for place, gate in enumerate(gates):
        told = fields[gate.definition.subject]
        if not gate.concerns(combination) or not gate.binds(told.get("party_kind")):
            continue
        if gate.missing(told) or not gate.passes(told, as_of=as_of):
            return place
    return None


def code_literal(value: str) -> Literal:
    """Return a code as a constant of the rule language."""
    return Literal(value, Kind.CODE)


def is_asked_of(gate: Gate, subject: Subject, stages: Iterable[Stage]) -> bool:
    """Return whether a gate binds this subject and stands in one of these stages."""
    return gate.definition.subject is subject and gate.definition.stage in stages


__all__ = [
    "COMBINATION_FIELDS",
    "CONTROL_FIELDS",
    "OFFER_FIELDS",
    "REVIEWS",
    "Gate",
    "code_literal",
    "compile_gate",
    "compile_gates",
    "first_place",
    "gate_vocabulary",
    "gates_in_force",
    "has_legal_basis",
    "is_asked_of",
    "rule_ref",
    "substitute",
]  # fmt: skip

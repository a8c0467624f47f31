"""Campaigns and offers compiled: their rules and expressions read against the project's vocabulary, mistakes named by file and line."""

from __future__ import annotations

from typing import Any

from zhike.decision.definitions import CampaignDefinition, ContextDefinition, OfferDefinition
from zhike.decision.terms import Campaign, ChannelChoice, ContextWeight, Offer
from zhike.kernel.definitions import Definition, DefinitionSet, parse_definition
from zhike.kernel.errors import BadInput
from zhike.policy.gates import CONTROL_FIELDS
from zhike.rules.expressions import read_expression
from zhike.rules.parser import malformed, parse_rule
from zhike.rules.reading import Reading
from zhike.rules.terms import NUMERIC_KINDS, Everyone, Expression, Rule
from zhike.rules.vocabulary import Vocabulary


def decision_vocabulary(vocabulary: Vocabulary) -> Vocabulary:
    """Return what offers and campaigns may speak of: the project's words and the control flags; no events or relations."""
    return Vocabulary(
        fields={**vocabulary.fields, **CONTROL_FIELDS},
        tags=vocabulary.tags,
        segments=vocabulary.segments,
        models=vocabulary.models,
        events={},
        relations={},
    )


def _rule(tree: Any, vocabulary: Vocabulary, path: str) -> Rule:
    return Everyone() if tree is None else parse_rule(tree, vocabulary, path=path)


def _value(tree: Any, vocabulary: Vocabulary, path: str) -> Expression:
    reading = Reading(vocabulary)
    expression = read_expression(reading, tree, path)
    if expression is not None and expression.kind not in NUMERIC_KINDS:
        reading.wrong(path, "must be an amount", "应为金额", value=expression.kind)
    if expression is None or reading.findings:
        raise malformed(tuple(reading.findings), where=path)
    return expression


def compile_offer(definition: Definition, vocabulary: Vocabulary) -> Offer:
    """Return an offer of a definition; BadInput names each mistake."""
    written = parse_definition(OfferDefinition, definition)
    where = f"{definition.file}:{definition.line} {definition.key}"
    choices = [
        ChannelChoice(
            channel=c.channel,
            definition=c,
            usable=_rule(c.when, vocabulary, f"{where}.channels.{c.channel}.when"),
            preferred=None
            if c.prefer_when is None
            else _rule(c.prefer_when, vocabulary, f"{where}.channels.{c.channel}.prefer_when"),
        )
        for c in written.channels
    ]
    return Offer(
        definition=written,
        hash=definition.hash,
        eligible=_rule(written.eligible_when, vocabulary, f"{where}.eligible_when"),
        applicable=_rule(written.applicable_when, vocabulary, f"{where}.applicable_when"),
        value=_value(written.value, vocabulary, f"{where}.value"),
        channels=tuple(choices),
    )


def _context(written: ContextDefinition, vocabulary: Vocabulary, path: str) -> ContextWeight:
    return ContextWeight(
        _rule(written.when, vocabulary, path), written.weight, written.issue, written.group, written.offer
    )


def compile_campaign(definition: Definition, definitions: DefinitionSet, vocabulary: Vocabulary) -> Campaign:
    """Return a campaign with its offers.

    Raises
    ------
    BadInput : a rule is malformed, or names a tag, segment, model or field that does not exist.
    NotFound : an offer does not exist; the nearest is named.
    """
    words = decision_vocabulary(vocabulary)
    written = parse_definition(CampaignDefinition, definition)
    where = f"{definition.file}:{definition.line} {definition.key}"
    model = written.propensity.model
    if model and model not in words.models:
        raise BadInput(
            "decision.model_unknown", zh=f"{where} 没有模型 {model}", en=f"{where}: there is no model {model}"
        )
    offers = [compile_offer(definitions.get("offer", key), words) for key in written.offers]
    return Campaign(
        definition=written,
        hash=definition.hash,
        audience=_rule(written.audience, words, f"{where}.audience"),
        offers=tuple(offers),
        context=tuple(_context(c, words, f"{where}.context[{i}].when") for i, c in enumerate(written.context)),
    )


def compile_campaigns(definitions: DefinitionSet, vocabulary: Vocabulary) -> tuple[Campaign, ...]:
    """Return all campaigns, the highest priority first; ties by key."""
    found = [compile_campaign(d, definitions, vocabulary) for d in definitions.of_kind("campaign")]
    return tuple(sorted(found, key=lambda c: (c.definition.priority, c.key)))


__all__ = ["compile_campaign", "compile_campaigns", "compile_offer", "decision_vocabulary"]

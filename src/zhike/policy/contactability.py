"""Who may be contacted how, for everybody: one row per customer, channel, purpose and product line, with the first reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from zhike.kernel.terms import Channel, Purpose
from zhike.policy.batch import (
    NO_BASIS,
    NOBODY,
    PASSES,
    GateTables,
    combinations_of,
    fields_of,
    gate_subjects,
    refusal_columns,
)
from zhike.policy.decide import BUILT_IN, InForce
from zhike.policy.terms import ProductLine, Stage

CHANNELS = (Channel.RM, Channel.WECOM, Channel.APP_PUSH, Channel.SMS, Channel.CALL_CENTRE)
TOPICS = (
    (Purpose.MARKETING, ProductLine.DEPOSIT),
    (Purpose.MARKETING, ProductLine.INVESTMENT),
    (Purpose.MARKETING, ProductLine.LOAN),
    (Purpose.SERVICE, ProductLine.SERVICE),
)


def refusal_names(rules: InForce) -> dict[int, tuple[str, str, str, str]]:
    """Return place of a refusal → (stage, rule, reason zh, reason en), for gates and for policy's own manners."""
    names = {i: (g.definition.stage.value, g.ref.key, g.reason.zh, g.reason.en) for i, g in enumerate(rules.gates)}
    for place, rule in ((NOBODY, "policy.no_recipient"), (NO_BASIS, "policy.no_legal_basis")):
        names[place] = (Stage.CONSENT.value, rule, *BUILT_IN[rule])
    return names


def named(place: ir.Value, names: dict[int, tuple[str, str, str, str]], part: int) -> ir.Value:
    """Return the part (0 stage, 1 rule, 2 zh, 3 en) of the refusal at a place; missing when it passes."""
    return place.cases(*((i, told[part]) for i, told in names.items()), else_=ibis.null("string"))


def contactability(
    tables: GateTables, rules: InForce, *, as_of: date,
    channels: Sequence[Channel] = CHANNELS, topics: Sequence[tuple[Purpose, ProductLine]] = TOPICS,
) -> ir.Table:  # fmt: skip
    """Return the ``contactability`` table as of a day.

    Gates about a product, caps and hours are not asked here: they need an offer, a channel's count or a moment.
    """
    combinations = combinations_of(channels, topics)
    asked = [g for g in rules.gates if not g.needs_offer]
    subjects = gate_subjects(tables, fields_of(asked), combinations, as_of=as_of)
    wide = refusal_columns(subjects, rules.gates, combinations, as_of=as_of)
    long = wide.pivot_longer([c.column for c in combinations], names_to="combination", values_to="place")
    names = refusal_names(rules)

    def part(get: int) -> ir.Value:
        told = [(c.column, (c.channel, c.purpose, c.product_line)[get].value) for c in combinations]
        return long.combination.cases(*told, else_=ibis.null("string"))

    return long.select(
        "customer_id",
        "recipient_id",
        channel=part(0),
        purpose=part(1),
        product_line=part(2),
        is_allowed=long.place == PASSES,
        stage=named(long.place, names, 0),
        rule=named(long.place, names, 1),
        reason=named(long.place, names, 2),
        reason_en=named(long.place, names, 3),
    )


__all__ = ["CHANNELS", "TOPICS", "contactability", "named", "refusal_names"]

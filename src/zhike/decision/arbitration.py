"""Priority = Propensity × Context × Value × Levers, each of which can be switched off; the formula that Pega documents.

Levers: the weights of issue, group and offer are added, divided by 100, plus 1 (a total of 55 gives 1.55). Context weights
that hold are added in the same way. Every factor and the priority are rounded to six places before anything is ranked, so
that sums in another order cannot change a rank; ties go to the smaller offer id.

Source
------
Pega Customer Decision Hub, arbitration strategy: ``FinalPropensity * ContextWeight * Value * Weight``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import ibis.expr.types as ir

from zhike.decision.definitions import Switches
from zhike.decision.terms import SCALE, Campaign, Offer

_STEP = 10.0**SCALE


def rounded(value: float) -> float:
    """Return a number rounded to six places, halves away from zero, as engines round doubles."""
    return math.copysign(math.floor(abs(value) * _STEP + 0.5) / _STEP, value)


def weight_factor(weights: Iterable[float]) -> float:
    """Return the factor of added weights: 1 + total / 100, never below 0."""
    return max(0.0, rounded(1.0 + sum(weights) / 100.0))


def lever_weight(campaign: Campaign, offer: Offer) -> float:
    """Return the levers' factor of an offer in a campaign: business pressure of issue, group and offer."""
    written = campaign.definition
    return weight_factor(
        (
            written.issue_weights.get(offer.definition.issue, 0.0),
            written.group_weights.get(offer.definition.group, 0.0),
            offer.definition.weight,
        )
    )


def priority(p_accept: float, context: float, value_amount: float, levers: float, *, switches: Switches) -> float:
    """Return the priority of one candidate; a factor that is switched off counts as 1.

    Parameters
    ----------
    p_accept : probability of acceptance (or uplift), in [0, 1] (uplift may be negative).
    context, levers : factors around 1.
    value_amount : worth of one acceptance, base currency.
    """
    factors = (
        (switches.propensity, p_accept),
        (switches.context, context),
        (switches.value, value_amount),
        (switches.levers, levers),
    )
    result = 1.0
    for is_on, factor in factors:
        result = result * factor if is_on else result
    return rounded(result)


def priority_column(table: ir.Table, switches: Switches) -> ir.Value:
    """Return the column of :func:`priority` over p_accept, context_weight, value_amount and lever_weight."""
    factors = (
        (switches.propensity, table.p_accept),
        (switches.context, table.context_weight),
        (switches.value, table.value_amount.cast("float64")),
        (switches.levers, table.lever_weight),
    )
    result: Any = None
    for is_on, factor in factors:
        if is_on:
            result = factor if result is None else result * factor
    if result is None:
        return table.p_accept.notnull().ifelse(1.0, 1.0)
    return result.round(SCALE)


__all__ = ["lever_weight", "priority", "priority_column", "rounded", "weight_factor"]

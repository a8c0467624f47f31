"""The funnel of an experiment: assigned → contacted → delivered → answered → positive → converted, by arm and channel."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from zhike.measure.terms import ExperimentPlan

STAGES = ("assigned", "contacted", "delivered", "answered", "positive", "converted")
ALL_CHANNELS = "*"


def count_stages(plan: ExperimentPlan, *, metric_key: str, exposure: ir.Table, outcome: ir.Table) -> ir.Table:
    """Return ``campaign_funnel`` rows: customers per stage, arm and channel of first contact, and over all channels.

    Each stage counts customers, not messages. ``converted`` is everyone with a headline outcome above 0, contacted or not,
    so that the control arm's line shows who comes anyway.
    """
    won = outcome.filter(lambda t: (t.metric == metric_key) & (t.value > 0)).select(
        "customer_id", has_won=ibis.literal(1)
    )
    joined = exposure.left_join(won, "customer_id")
    flags = joined.select(
        "arm",
        channel=joined.first_channel,
        assigned=ibis.literal(1),
        contacted=(joined.n_contacts > 0).ifelse(1, 0),
        delivered=joined.is_delivered.ifelse(1, 0),
        answered=joined.is_answered.ifelse(1, 0),
        positive=joined.is_positive.ifelse(1, 0),
        converted=joined.has_won.fill_null(0),
    )
    every = flags.mutate(channel=ibis.literal(ALL_CHANNELS))
    both = ibis.union(every, flags.filter(lambda t: t.channel.notnull()))
    wide = both.group_by("arm", "channel").aggregate(**{s: both[s].sum().cast("int64") for s in STAGES})
    long = wide.pivot_longer(list(STAGES), names_to="stage", values_to="n_customers")
    return long.mutate(experiment=ibis.literal(plan.experiment))


__all__ = ["ALL_CHANNELS", "STAGES", "count_stages"]

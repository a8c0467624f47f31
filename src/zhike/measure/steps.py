"""Steps of measuring, one per experiment: exposure → outcome → effect, funnel and ROI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.kernel.errors import NotEstimable
from zhike.kernel.hashing import fingerprint
from zhike.kernel.terms import Text
from zhike.measure.effect import Effect, arm_rows, as_table, change_within, effect_row, estimate_effect, gather_sums
from zhike.measure.exposure import expose, register_assigned
from zhike.measure.funnel import count_stages
from zhike.measure.metrics import find_metric
from zhike.measure.outcome import due_by, observe, observe_before
from zhike.measure.terms import Arm, ExperimentPlan, Metric
from zhike.measure.worth import deposit_margin, roi_row, sum_costs
from zhike.statistics import Moments
from zhike.warehouse import Input, Output, Step, StepContext

WRITES = ("exposure", "outcome", "effect_arm", "effect", "campaign_funnel", "roi")
READS = ("assignment", "contact", "receipt")
MARGIN_READS = ("term_contract", "product", "ftp_rate")


def steps(plans: Sequence[ExperimentPlan], metrics: Mapping[str, Metric]) -> list[Step]:
    """Return one step per experiment.

    Parameters
    ----------
    metrics : key → metric, e.g. of :func:`standard_metrics`.

    Raises
    ------
    NotFound : a plan names a metric that there is not.
    """
    return [_step(plan, metrics) for plan in plans]


def _step(plan: ExperimentPlan, metrics: Mapping[str, Metric]) -> Step:
    chosen = [(find_metric(key, dict(metrics)), days) for key, days in plan.metrics]
    needed = (*READS, *(MARGIN_READS if plan.margin_days else ()), *(t for m, _ in chosen for t in m.reads))
    tables = tuple(dict.fromkeys(needed))
    return Step(
        key=f"measure:{plan.experiment}",
        writes=tuple(Output(table, plan.experiment) for table in WRITES),
        reads=(*(Input(t) for t in tables), Input("exposure", plan.experiment, lag=1)),
        work=partial(_measure, plan, chosen),
        definition=fingerprint(repr(plan), [(m.key, m.settings) for m, _ in chosen]),
    )


def _measure(plan: ExperimentPlan, metrics: Sequence[tuple[Metric, int]], context: StepContext) -> dict[str, Any]:
    part, tables, as_of = plan.experiment, context.tables, context.as_of
    before = context.previous.part("exposure", part)
    assigned = register_assigned(plan, assignment=tables["assignment"], before=before, as_of=as_of)
    exposed = expose(plan, assigned=assigned, contact=tables["contact"], receipt=tables["receipt"], as_of=as_of)
    context.write("exposure", _held(context, "exposure", exposed), partition=part)
    exposure = _read_back(context, "exposure", part)
    has_control = bool((exposure.arm == Arm.CONTROL.value).any().to_pyarrow().as_py())
    outcomes = []
    for metric, days in metrics:
        outcomes.append(observe(plan, metric, window_days=days, exposure=exposure, tables=tables, as_of=as_of))
        if metric.has_before and not has_control:
            outcomes.append(
                observe_before(plan, metric, window_days=days, exposure=exposure, tables=tables, as_of=as_of)
            )
    context.write("outcome", ibis.union(*outcomes) if len(outcomes) > 1 else outcomes[0], partition=part)
    return _conclude(plan, metrics, context, exposure, has_control=has_control)


def _conclude(
    plan: ExperimentPlan, metrics: Sequence[tuple[Metric, int]], context: StepContext, exposure: ir.Table, *, has_control: bool
) -> dict[str, Any]:  # fmt: skip
    part, as_of = plan.experiment, context.as_of
    outcome = _read_back(context, "outcome", part)
    effects: list[Effect] = []
    for metric, days in metrics:
        last = due_by(as_of, window_days=days, settle_days=metric.settle_days)
        arms = gather_sums(metric.key, exposure=exposure, outcome=outcome, last_assigned_on=last)
        change: Moments | None = change_within(metric, outcome) if metric.has_before and not has_control else None
        effects.append(estimate_effect(plan, metric, arms, before_after=change))
    rows = [effect_row(plan, effect, as_of=as_of) for effect in effects]
    context.write("effect", as_table(rows, _schema(context, "effect")), partition=part)
    arm_table = as_table([row for effect in effects for row in arm_rows(plan, effect)], _schema(context, "effect_arm"))
    context.write("effect_arm", arm_table, partition=part)
    headline = metrics[0][0].key
    begun = exposure.filter(
        exposure.assigned_on < as_of
    )  # who was assigned tonight is contacted tomorrow at the earliest
    context.write(
        "campaign_funnel", count_stages(plan, metric_key=headline, exposure=begun, outcome=outcome), partition=part
    )
    n_contacts, cost = sum_costs(headline, exposure=exposure, outcome=outcome)
    valued = _with_margin(plan, context)
    worth = roi_row(valued, effects[0], n_contacts=n_contacts, cost_amount=cost, as_of=as_of)
    context.write("roi", as_table([worth], _schema(context, "roi")), partition=part)
    told = ("metric", "design", "n_treated", "n_control", "treated_level", "control_level", "effect", "effect_low", "effect_high", "warnings", "reason")  # fmt: skip
    return {"experiment": part, "effects": [{k: row[k] for k in told} for row in rows]}


def _with_margin(plan: ExperimentPlan, context: StepContext) -> ExperimentPlan:
    """Return the plan with the worth of one unit taken from transfer prices, where it asks for that and they are known."""
    if not plan.margin_days or plan.unit_value_amount is not None:
        return plan
    try:
        margin = deposit_margin(context.tables, as_of=context.as_of, horizon_days=plan.margin_days)
    except NotEstimable as error:
        return replace(plan, unit_value_basis=Text(error.zh, error.en))
    basis = Text(
        f"每承接一元按存续合约的FTP利差计 {plan.margin_days} 天，为 {margin} 元",
        f"a kept unit of money earns the transfer-price margin of running contracts for {plan.margin_days} days: {margin}",
    )
    return replace(plan, unit_value_amount=margin, unit_value_basis=basis)


def _schema(context: StepContext, table: str) -> pa.Schema:
    schema: pa.Schema = ibis.schema(context.contracts[table].schema()).to_pyarrow()
    return schema


def _held(context: StepContext, table: str, rows: ir.Table) -> ir.Table:
    return rows.select(*context.contracts[table].column_names)


def _read_back(context: StepContext, table: str, part: str) -> ir.Table:
    """Return what this step has just written, so that a large join is worked out once."""
    return context.engine.read([context.draft(table, part)], context.contracts[table])


__all__ = ["READS", "WRITES", "steps"]

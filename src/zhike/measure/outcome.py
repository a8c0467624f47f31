"""What came of it: one outcome per assigned customer and metric, once the window is over and its facts are complete."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from zhike.measure.terms import ExperimentPlan, Metric, Tables, Windows

BEFORE = ".before"


def due_by(as_of: date, *, window_days: int, settle_days: int) -> date:
    """Return the last day of assignment whose window and settling time are over at the end of ``as_of``."""
    return as_of - timedelta(days=window_days + settle_days)


def _shifted(day: ir.DateValue, days: int) -> ir.DateValue:
    shifted: ir.DateValue = (day.cast("timestamp") + ibis.interval(days=days)).cast("date")
    return shifted


def observe(
    plan: ExperimentPlan, metric: Metric, *, window_days: int, exposure: ir.Table, tables: Tables, as_of: date
) -> ir.Table:
    """Return ``outcome`` rows of one metric for all customers assigned long enough ago, whatever reached them.

    The window is the ``window_days`` days after the day of assignment.
    """
    last = due_by(as_of, window_days=window_days, settle_days=metric.settle_days)
    due = exposure.filter(lambda t: t.assigned_on <= last)
    units = due.select(
        "customer_id", "arm",
        from_on=_shifted(due.assigned_on, 1), until_on=_shifted(due.assigned_on, window_days),
    )  # fmt: skip
    return _rows(plan, metric.key, metric, units, _windows(units, tables, as_of))


def observe_before(
    plan: ExperimentPlan, metric: Metric, *, window_days: int, exposure: ir.Table, tables: Tables, as_of: date
) -> ir.Table:
    """Return the same metric over the ``window_days`` days up to the day of assignment, under ``<metric>.before``.

    Only for experiments without a control arm: before against after is a weaker comparison.
    """
    last = due_by(as_of, window_days=window_days, settle_days=metric.settle_days)
    due = exposure.filter(lambda t: t.assigned_on <= last)
    units = due.select(
        "customer_id", "arm", from_on=_shifted(due.assigned_on, 1 - window_days), until_on=due.assigned_on
    )
    return _rows(plan, metric.key + BEFORE, metric, units, _windows(units, tables, as_of))


def _windows(units: ir.Table, tables: Tables, as_of: date) -> Windows:
    return Windows(tables, units.select("customer_id", "from_on", "until_on"), as_of)


def _rows(plan: ExperimentPlan, key: str, metric: Metric, units: ir.Table, windows: Windows) -> ir.Table:
    found = metric.compute(windows).select("customer_id", "value", "weight")
    joined = units.inner_join(found, "customer_id")
    return joined.select(
        experiment=ibis.literal(plan.experiment),
        customer_id=joined.customer_id,
        metric=ibis.literal(key),
        arm=joined.arm,
        value=joined.value.cast("float64"),
        weight=joined.weight.cast("float64"),
        measured_from_on=joined.from_on,
        measured_to_on=_shifted(joined.until_on, metric.settle_days),
    )


__all__ = ["BEFORE", "due_by", "observe", "observe_before"]

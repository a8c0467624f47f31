"""The effect: treated less control on everyone assigned, with interval, sample-ratio check and what weakens it.

Arms are compared as assigned, not as contacted (intention to treat). Sums come from the engine, numbers from
``statistics``. Where there is no control the design says so and the number is shown as weaker, never as an effect of the
contact; where there is too little data the effect is absent with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import ibis.expr.types as ir
import pyarrow as pa

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.measure.outcome import BEFORE
from zhike.measure.terms import Arm, Caution, Design, ExperimentPlan, Metric, Shape
from zhike.statistics import (
    Difference,
    Interval,
    Moments,
    Proportion,
    RatioSums,
    check_sample_ratio,
    detectable_mean_difference,
    detectable_proportion_difference,
    detectable_ratio_difference,
    mean_interval,
    newcombe_difference,
    ratio_difference,
    ratio_interval,
    welch_difference,
    wilson_interval,
)


@dataclass(frozen=True, slots=True)
class ArmSums:
    """One arm of one metric: who was assigned, who is waiting, and the sums of outcomes."""

    arm: Arm
    n_assigned: int
    n_waiting: int
    n_contacted: int
    holdout_rate: float | None
    sums: RatioSums

    def level(self, metric: Metric, confidence: float) -> Interval | None:
        """Return the arm's rate, mean or ratio with its interval; None when there is too little data."""
        try:
            if metric.shape is Shape.PROPORTION:
                return wilson_interval(_proportion(self.sums), confidence=confidence)
            if metric.shape is Shape.MEAN:
                return mean_interval(_moments(self.sums), confidence=confidence)
            return ratio_interval(self.sums, confidence=confidence, bounds=metric.bounds)
        except NotEstimable:
            return None


@dataclass(frozen=True, slots=True)
class Effect:
    """One row of ``effect`` before it is a row. ``difference`` is None with a ``reason``."""

    metric: Metric
    design: Design
    arms: Mapping[Arm, ArmSums]
    difference: Difference | None
    detectable: float | None = None
    sample_ratio_p: float | None = None
    warnings: tuple[str, ...] = field(default=())
    reason: str = ""


def _proportion(sums: RatioSums) -> Proportion:
    return Proportion(sums.n, round(sums.y))


def _moments(sums: RatioSums) -> Moments:
    return Moments(sums.n, sums.y, sums.yy)


def gather_sums(
    metric_key: str, *, exposure: ir.Table, outcome: ir.Table, last_assigned_on: date
) -> dict[Arm, ArmSums]:
    """Return the sums of each arm: one aggregation over ``exposure`` and one over ``outcome``, a handful of rows.

    Parameters
    ----------
    last_assigned_on : customers assigned later are still waiting for their window to end.
    """
    people = exposure.group_by("arm").aggregate(
        n_assigned=lambda t: t.count().cast("int64"),
        n_waiting=lambda t: (t.assigned_on > last_assigned_on).ifelse(1, 0).sum().cast("int64"),
        n_contacted=lambda t: (t.n_contacts > 0).ifelse(1, 0).sum().cast("int64"),
        holdout_rate=lambda t: t.holdout_rate.mean(),
    )
    totals = (
        outcome.filter(lambda t: t.metric == metric_key)
        .group_by("arm")
        .aggregate(
            n=lambda t: t.count().cast("int64"),
            y=lambda t: t.value.sum(),
            x=lambda t: t.weight.sum(),
            yy=lambda t: (t.value * t.value).sum(),
            xx=lambda t: (t.weight * t.weight).sum(),
            xy=lambda t: (t.value * t.weight).sum(),
        )
    )
    found = {row["arm"]: row for row in totals.to_pyarrow().to_pylist()}
    arms = {}
    for row in people.to_pyarrow().to_pylist():
        sums = found.get(row["arm"])
        known = (
            RatioSums(*(sums[k] for k in ("n", "y", "x", "yy", "xx", "xy"))) if sums else RatioSums(0, 0, 0, 0, 0, 0)
        )
        arms[Arm(row["arm"])] = ArmSums(
            Arm(row["arm"]), row["n_assigned"], row["n_waiting"], row["n_contacted"], row["holdout_rate"], known
        )
    return arms


def _compare(metric: Metric, treated: RatioSums, control: RatioSums, confidence: float) -> Difference:
    if metric.shape is Shape.PROPORTION:
        return newcombe_difference(_proportion(treated), _proportion(control), confidence=confidence)
    if metric.shape is Shape.MEAN:
        return welch_difference(_moments(treated), _moments(control), confidence=confidence)
    return ratio_difference(treated, control, confidence=confidence)


def _detectable(metric: Metric, treated: RatioSums, control: RatioSums, plan: ExperimentPlan) -> float | None:
    options = {"power": plan.power, "confidence": plan.confidence}
    try:
        if metric.shape is Shape.PROPORTION:
            return detectable_proportion_difference(treated.n, control.n, _proportion(control).rate, **options)
        if metric.shape is Shape.MEAN:
            one, two = _moments(treated), _moments(control)
            pooled = ((one.n - 1) * one.variance + (two.n - 1) * two.variance) / (one.n + two.n - 2)
            return detectable_mean_difference(one.n, two.n, pooled**0.5, **options)
        return detectable_ratio_difference(treated, control, **options)
    except (NotEstimable, BadInput):  # BadInput: a control rate of 1 cannot rise
        return None


def _sample_ratio(arms: Mapping[Arm, ArmSums]) -> tuple[float | None, tuple[str, ...]]:
    planned = arms[Arm.CONTROL].holdout_rate
    if planned is None or not 0 < planned < 1:
        return None, ()
    counts = [arms[Arm.TREATMENT].n_assigned, arms[Arm.CONTROL].n_assigned]
    try:
        check = check_sample_ratio(counts, [1 - planned, planned])
    except NotEstimable:
        return None, ()
    return check.p_value, ((Caution.SAMPLE_RATIO.value,) if check.is_alert else ())


def estimate_effect(
    plan: ExperimentPlan, metric: Metric, arms: Mapping[Arm, ArmSums], *, before_after: Moments | None = None
) -> Effect:
    """Return the effect of one metric from the sums of its arms.

    Parameters
    ----------
    before_after : moments of each treated customer's change (after less before); read only where nobody was held out.
    """
    empty = RatioSums(0, 0, 0, 0, 0, 0)
    treated = arms.get(Arm.TREATMENT)
    control = arms.get(Arm.CONTROL)
    waiting = (Caution.PARTLY_WAITING.value,) if any(a.n_waiting for a in arms.values()) else ()
    if treated is None or control is None:
        return _uncontrolled(plan, metric, arms, before_after, waiting)
    p_ratio, ratio_warning = _sample_ratio(arms)
    contacted = (Caution.CONTROL_CONTACTED.value,) if control.n_contacted else ()
    warnings = (*ratio_warning, *contacted, *waiting)
    sums = (treated.sums or empty, control.sums or empty)
    try:
        difference = _compare(metric, *sums, plan.confidence)
    except NotEstimable as error:
        return Effect(metric, Design.RANDOMISED, arms, None, None, p_ratio, warnings, error.code)
    caveats = tuple(c.value for c in difference.interval.caveats)
    detectable = _detectable(metric, *sums, plan)
    return Effect(metric, Design.RANDOMISED, arms, difference, detectable, p_ratio, (*warnings, *caveats))


def _uncontrolled(
    plan: ExperimentPlan, metric: Metric, arms: Mapping[Arm, ArmSums], before_after: Moments | None, waiting: tuple[str, ...]
) -> Effect:  # fmt: skip
    """Nobody was held out (or nobody treated): before against after where that is fair, else the level alone."""
    warnings = (Caution.NO_CONTROL.value, *waiting)
    if before_after is None or Arm.TREATMENT not in arms:
        return Effect(metric, Design.LEVEL_ONLY, arms, None, warnings=warnings, reason=Caution.NO_CONTROL.value)
    try:
        interval = mean_interval(before_after, confidence=plan.confidence)
    except NotEstimable as error:
        return Effect(metric, Design.PRE_POST, arms, None, warnings=warnings, reason=error.code)
    paired = Interval(interval.estimate, interval.low, interval.high, interval.confidence, "paired_t", interval.caveats)
    caveats = tuple(c.value for c in paired.caveats)
    return Effect(metric, Design.PRE_POST, arms, Difference(paired, None, None), warnings=(*warnings, *caveats))


def change_within(metric: Metric, outcome: ir.Table) -> Moments:
    """Return the moments of each customer's change from before to after, of those that have both."""
    after = outcome.filter(lambda t: t.metric == metric.key).select("customer_id", after="value")
    earlier = outcome.filter(lambda t: t.metric == metric.key + BEFORE).select("customer_id", earlier="value")
    row = (
        after.inner_join(earlier, "customer_id")
        .mutate(change=lambda t: t.after - t.earlier)
        .aggregate(
            n=lambda t: t.count().cast("int64"),
            total=lambda t: t.change.sum().fill_null(0.0),
            squares=lambda t: (t.change * t.change).sum().fill_null(0.0),
        )
        .to_pyarrow()
        .to_pylist()[0]
    )
    return Moments(row["n"], row["total"], row["squares"])


def effect_row(plan: ExperimentPlan, effect: Effect, *, as_of: date) -> dict[str, object]:
    """Return the effect as one row of table ``effect``."""
    sides = {arm: effect.arms.get(arm) for arm in Arm}
    levels = {arm: side.level(effect.metric, plan.confidence) if side else None for arm, side in sides.items()}
    treated, control = sides[Arm.TREATMENT], sides[Arm.CONTROL]
    found = effect.difference
    return {
        "experiment": plan.experiment,
        "metric": effect.metric.key,
        "shape": effect.metric.shape.value,
        "unit": effect.metric.unit,
        "design": effect.design.value,
        "measured_on": as_of,
        "n_treated": treated.sums.n if treated else 0,
        "n_control": control.sums.n if control else 0,
        "treated_level": _estimate(levels[Arm.TREATMENT]),
        "control_level": _estimate(levels[Arm.CONTROL]),
        "effect": found.estimate if found else None,
        "effect_low": found.low if found else None,
        "effect_high": found.high if found else None,
        "confidence": plan.confidence,
        "p_value": found.p_value if found else None,
        "method": found.interval.method if found else None,
        "detectable": effect.detectable,
        "sample_ratio_p": effect.sample_ratio_p,
        "warnings": " ".join(effect.warnings) or None,
        "reason": effect.reason or None,
    }


def _estimate(interval: Interval | None) -> float | None:
    return None if interval is None else interval.estimate


def arm_rows(plan: ExperimentPlan, effect: Effect) -> list[dict[str, object]]:
    """Return one row of table ``effect_arm`` per arm that has customers."""
    rows: list[dict[str, object]] = []
    for arm, side in sorted(effect.arms.items()):
        level = side.level(effect.metric, plan.confidence)
        rows.append({
            "experiment": plan.experiment, "metric": effect.metric.key, "arm": arm.value, "n_assigned": side.n_assigned,
            "n_waiting": side.n_waiting, "n": side.sums.n, "y": side.sums.y, "x": side.sums.x, "yy": side.sums.yy,
            "xx": side.sums.xx, "xy": side.sums.xy, "level": level.estimate if level else None,
            "level_low": level.low if level else None, "level_high": level.high if level else None,
        })  # fmt: skip
    return rows


def as_table(rows: list[dict[str, object]], schema: pa.Schema) -> pa.Table:
    """Return literal rows as the columns of ``schema``; missing keys are missing values."""
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)


__all__ = [
    "ArmSums",
    "Effect",
    "arm_rows",
    "as_table",
    "change_within",
    "effect_row",
    "estimate_effect",
    "gather_sums",
]

"""Was the order of the plan any good? The headline outcome of the days after planning, where the bank's files reach that far.

Only for a past day that was run late, as in a trial on old files. It looks at what customers did by themselves: nobody was
contacted, so it says how well the plan was ordered and nothing about what contact would have changed. Nothing else in zhike
reads a fact dated after the day of the run; the effect of contacts is in ``measure``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.kernel.terms import Text
from zhike.measure import Metric
from zhike.measure.terms import Shape, Windows
from zhike.report import ReportSource
from zhike.report.inputs import rows_of
from zhike.report.terms import Figure, Quantity, Unit
from zhike.statistics import Interval, Proportion, wilson_interval

FIRST_SHARE = 0.1
REACHED = ("arbitration", "final")
NOT_CAUSAL = Text(
    "事后回看：观察日之后各客户自己做了什么；无人被联系，不是效果，不代表因果",
    "hindsight: what customers did by themselves after the day; nobody was contacted, so it is no effect and not causal",
)
GROUPS: Mapping[str, Text] = {
    "first": Text("计划中最先联系的十分之一", "the first tenth of the plan"),
    "plan": Text("计划联系", "the whole plan"),
    "held_out": Text("留出", "held out"),
    "eligible": Text("通过全部关口者", "all who passed every gate"),
    "all": Text("全部客户", "everybody known on the day"),
}


@dataclass(frozen=True, slots=True)
class Hindsight:
    """How many of each group did it in [``from_on``, ``until_on``]; customers to whom the question does not apply are out."""

    metric: Metric
    from_on: date
    until_on: date
    groups: Mapping[str, Proportion]

    def interval(self, group: str) -> Interval:
        """Return the rate of a group with its 95 % interval (Wilson); NotEstimable for an empty one."""
        return wilson_interval(self.groups[group])


def last_known_on(source: ReportSource, metric: Metric) -> date | None:
    """Return the last day of the dated facts that a metric reads, whenever they were recorded; None without any."""
    found = []
    for table in metric.reads:
        contract = source.planned.contracts.get(table)
        if contract is not None and contract.dated_by:
            last = source.planned[table][contract.dated_by].max().to_pyarrow().as_py()
            found += [last] if last is not None else []
    return max(found, default=None)


def look_back(source: ReportSource, metric: Metric) -> Hindsight | None:
    """Return what became of the customers of a plan after its day.

    Returns
    -------
    None where there is nothing to see: the files end with the day, or the outcome is no yes or no.

    Notes
    -----
    Who owns what is as of the day of planning: what happens on accounts opened later is not seen.
    """
    until = last_known_on(source, metric)
    if metric.shape is not Shape.PROPORTION or until is None or until <= source.planned_on:
        return None
    start = source.planned_on + timedelta(days=1)
    known = source.planned["profile"].select("customer_id")
    units = known.mutate(from_on=ibis.literal(start), until_on=ibis.literal(until))
    came = metric.compute(Windows(source.planned, units, until)).select("customer_id", "value")
    row = rows_of(_counted(_placed(source, came)))[0]
    groups = {key: Proportion(int(row[f"n_{key}"] or 0), int(row[f"hits_{key}"] or 0)) for key in GROUPS}
    return Hindsight(metric, start, until, groups)


def _placed(source: ReportSource, came: ir.Table) -> ir.Table:
    """Add where each customer stood in the campaign: the place in the plan, held out, passed every gate."""
    plan = source.planned.part("next_action", source.campaign)
    best = plan.group_by("customer_id").aggregate(priority=plan.priority.max())
    order = [ibis.desc(best.priority), best.customer_id]
    ranked = best.select(p_id="customer_id", place=ibis.row_number().over(order_by=order))
    arms = source.planned["assignment"].filter(lambda t: t.experiment == source.experiment)
    held = arms.filter(arms.arm == "control").select(h_id="customer_id").distinct()
    tried = source.planned["candidate"].filter(lambda t: t.campaign == source.campaign)
    passed = tried.filter(tried.stage.isin(REACHED)).select(e_id="customer_id").distinct()
    joined = came.left_join(ranked, came.customer_id == ranked.p_id)
    joined = joined.left_join(held, joined.customer_id == held.h_id)
    return joined.left_join(passed, joined.customer_id == passed.e_id)


def _counted(placed: ir.Table) -> ir.Table:
    n_planned = int(placed.place.count().to_pyarrow().as_py())
    n_first = math.ceil(n_planned * FIRST_SHARE)
    member: dict[str, ir.Value] = {
        "first": (placed.place < n_first).fill_null(False),  # noqa: FBT003 - ibis
        "plan": placed.place.notnull(),
        "held_out": placed.h_id.notnull(),
        "eligible": placed.e_id.notnull(),
        "all": placed.customer_id.notnull(),
    }
    did = placed.value > 0
    sums = {f"n_{key}": inside.sum() for key, inside in member.items()}
    sums |= {f"hits_{key}": (inside & did).sum() for key, inside in member.items()}
    return placed.aggregate(**sums)


def as_values(seen: Hindsight) -> dict[str, Any]:
    """Return the figures for ``zhike report``: flat, JSON-able, rates to four places."""
    values: dict[str, Any] = {
        "hindsight_metric": seen.metric.key,
        "hindsight_from": seen.from_on.isoformat(),
        "hindsight_until": seen.until_on.isoformat(),
        "hindsight_note": NOT_CAUSAL.en,
    }
    for key, sample in seen.groups.items():
        values |= {f"hindsight_{key}_customers": sample.n, f"hindsight_{key}_did": sample.n_hits}
        if sample.n:
            rate = seen.interval(key)
            values |= {
                f"hindsight_{key}_rate": round(rate.estimate, 4),
                f"hindsight_{key}_rate_low": round(rate.low, 4),
            }
            values[f"hindsight_{key}_rate_high"] = round(rate.high, 4)
    return values


def as_figures(seen: Hindsight) -> tuple[Figure, ...]:
    """Return the same figures for the page: one rate per group that has customers, with its interval and what it is not."""
    figures = []
    for key, name in GROUPS.items():
        sample = seen.groups[key]
        if not sample.n:
            continue
        rate = seen.interval(key)
        label = Text(
            f"事后回看·{seen.metric.name.zh}：{name.zh}", f"Hindsight, {seen.metric.name.en.lower()}: {name.en}"
        )
        counted = Text(
            f"{seen.from_on} 至 {seen.until_on}，{sample.n} 位客户中 {sample.n_hits} 位；{NOT_CAUSAL.zh}",
            f"{sample.n_hits} of {sample.n} customers, {seen.from_on} to {seen.until_on}; {NOT_CAUSAL.en}",
        )
        quantity = Quantity(rate.estimate, Unit.RATE, rate.low, rate.high)
        figures.append(Figure(label, quantity, counted, seen.until_on))
    return tuple(figures)


__all__ = ["FIRST_SHARE", "GROUPS", "NOT_CAUSAL", "Hindsight", "as_figures", "as_values", "last_known_on", "look_back"]

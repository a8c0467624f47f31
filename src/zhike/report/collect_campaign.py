"""Sections about a campaign: where candidates fell out, who was reached, the effect, what it was worth."""

from __future__ import annotations

from zhike.kernel.terms import Text
from zhike.report.inputs import ReportSource, Row, Tables, has_table, name_of, rows_of, tell
from zhike.report.speech import read_words
from zhike.report.terms import (
    Absent,
    DropRow,
    EffectRow,
    EffectSection,
    FunnelSection,
    Quantity,
    ReachRow,
    ReachSection,
    RoiSection,
    StageRow,
    Unit,
)

STAGES = ("eligible", "applicable", "suitable", "contact_policy", "arbitration", "final")
REACHED = ("assigned", "contacted", "delivered", "answered", "positive", "converted")


def coded(prefix: str, code: str) -> Text:
    """Return the words of a code (``warning_few_units``), or the code itself when there are none."""
    key = f"{prefix}_{code}".replace(".", "_")
    return tell(key) if key in read_words() else Text(code, code)


def rule_name(source: ReportSource, rule: str) -> Text:
    """Return the bilingual name of a rule that dropped a candidate: a gate, a campaign's own rule, or its code."""
    from zhike.decision.terms import RULES

    if rule in RULES:
        return Text(*RULES[rule])
    for kind in ("gate", "contact_policy"):
        named = name_of(source.definitions, kind, rule.removeprefix(f"{kind}."))
        if named.zh != rule.removeprefix(f"{kind}."):
            return named
    return coded("rule", rule)


def collect_funnel(source: ReportSource) -> FunnelSection | Absent:
    """Return how many candidates of the campaign passed each stage and which rule dropped the others."""
    if not source.campaign:
        return Absent(tell("absent_no_campaign"))
    if not has_table(source.planned, "candidate"):
        return Absent(tell("absent_no_candidates"))
    mine = source.planned["candidate"].filter(lambda t: t.campaign == source.campaign)
    counted = rows_of(
        mine.group_by("stage", "rule", "is_final")
        .aggregate(n=lambda t: t.count().cast("int64"))
        .order_by("stage", "rule")
    )
    if not counted:
        return Absent(tell("absent_no_candidates"))
    lost = [r for r in counted if not r["is_final"]]
    left, stages = sum(r["n"] for r in counted), []
    for stage in STAGES[:-1]:
        dropped = sum(r["n"] for r in lost if r["stage"] == stage)
        stages.append(StageRow(stage, coded("stage", stage), left, left - dropped))
        left -= dropped
    lost.sort(
        key=lambda r: (STAGES.index(r["stage"]) if r["stage"] in STAGES else len(STAGES), -r["n"], r["rule"] or "")
    )
    drops = tuple(
        DropRow(r["stage"], coded("stage", r["stage"]), r["rule"] or "", rule_name(source, r["rule"] or ""), r["n"])
        for r in lost
    )
    name = name_of(source.definitions, "campaign", source.campaign)
    return FunnelSection(source.campaign, name, tuple(stages), drops, source.planned_on)


def measured_tables(source: ReportSource, *tables: str) -> Tables | Absent:
    """Return the tables of the day of measuring, or why there are none."""
    if not source.experiment:
        return Absent(tell("absent_no_campaign"))
    if source.measured is None or not has_table(source.measured, *tables):
        return Absent(tell("absent_not_measured"))
    return source.measured


def collect_reach(source: ReportSource) -> ReachSection | Absent:
    """Return customers per stage from assignment to outcome in both arms."""
    tables = measured_tables(source, "campaign_funnel")
    if isinstance(tables, Absent):
        return tables
    found = rows_of(tables.part("campaign_funnel", source.experiment).filter(lambda t: t.channel == "*"))
    if not found:
        return Absent(tell("absent_not_measured"))
    counts = {(r["arm"], r["stage"]): r["n_customers"] for r in found}
    has_control = any(arm == "control" for arm, _ in counts)
    rows = [
        ReachRow(s, coded("reach", s), counts.get(("treatment", s), 0), counts.get(("control", s), 0) if has_control else None)
        for s in REACHED
    ]  # fmt: skip
    return ReachSection(source.experiment, tuple(rows), source.last_on)


def _units(row: Row) -> tuple[Unit, Unit]:
    """Return the units of a metric's level and of its difference."""
    if row["unit"] == "rate":
        return Unit.RATE, Unit.POINTS
    return (Unit.AMOUNT, Unit.AMOUNT_CHANGE) if row["unit"] == "amount" else (Unit.NUMBER, Unit.NUMBER)


def collect_effect(source: ReportSource) -> EffectSection | Absent:
    """Return the measured effect of every metric of the experiment, with the simulated truth beside it where it is given."""
    tables = measured_tables(source, "effect", "effect_arm")
    if isinstance(tables, Absent):
        return tables
    effects = rows_of(tables.part("effect", source.experiment))
    arms = {(r["metric"], r["arm"]): r for r in rows_of(tables.part("effect_arm", source.experiment))}
    if not effects:
        return Absent(tell("absent_not_measured"))
    order = list(source.metrics)
    effects.sort(key=lambda r: (order.index(r["metric"]) if r["metric"] in order else len(order), r["metric"]))
    return EffectSection(source.experiment, tuple(_effect_row(source, r, arms) for r in effects), source.last_on)


def _effect_row(source: ReportSource, row: Row, arms: dict[tuple[str, str], Row]) -> EffectRow:
    level, change = _units(row)
    metric = source.metrics.get(row["metric"])
    truth = source.truth.get(row["metric"])

    def arm(key: str) -> Quantity:
        found = arms.get((row["metric"], key), {})
        return Quantity(found.get("level"), level, found.get("level_low"), found.get("level_high"))

    return EffectRow(
        metric=row["metric"],
        name=metric.name if metric else Text(row["metric"], row["metric"]),
        meaning=metric.meaning if metric else Text("", ""),
        design=row["design"],
        n_treated=row["n_treated"],
        n_control=row["n_control"],
        treated=arm("treatment"),
        control=arm("control"),
        effect=Quantity(row["effect"], change, row["effect_low"], row["effect_high"]),
        confidence=row["confidence"],
        p_value=row["p_value"],
        detectable=Quantity(row["detectable"], change),
        sample_ratio_p=row["sample_ratio_p"],
        warnings=tuple(coded("warning", w) for w in (row["warnings"] or "").split()),
        reason=coded("reason", row["reason"]) if row["reason"] else None,
        truth=None if truth is None else Quantity(truth, change),
        as_of=row["measured_on"],
    )


def collect_roi(source: ReportSource) -> RoiSection | Absent:
    """Return cost, incremental revenue and profit of the experiment with their intervals."""
    tables = measured_tables(source, "roi", "effect")
    if isinstance(tables, Absent):
        return tables
    found = rows_of(tables.part("roi", source.experiment))
    if not found:
        return Absent(tell("absent_not_measured"))
    row = found[0]
    shapes = {r["metric"]: r["shape"] for r in rows_of(tables.part("effect", source.experiment))}
    won = Unit.NUMBER if shapes.get(row["metric"]) == "proportion" else Unit.AMOUNT_CHANGE

    def amount(name: str) -> Quantity:
        return Quantity(row[f"{name}_amount"], Unit.AMOUNT, row[f"{name}_low_amount"], row[f"{name}_high_amount"])

    return RoiSection(
        experiment=source.experiment,
        design=row["design"],
        n_contacts=row["n_contacts"],
        cost=Quantity(row["cost_amount"], Unit.AMOUNT),
        incremental=Quantity(row["incremental"], won, row["incremental_low"], row["incremental_high"]),
        revenue=amount("revenue"),
        profit=amount("profit"),
        roi=Quantity(row["roi_rate"], Unit.RATE, row["roi_low_rate"], row["roi_high_rate"]),
        basis=Text(row["basis_zh"] or "", row["basis_en"] or ""),
        reason=coded("reason", row["reason"]) if row["reason"] else None,
        as_of=row["measured_on"],
    )


__all__ = [
    "coded",
    "collect_effect",
    "collect_funnel",
    "collect_reach",
    "collect_roi",
    "measured_tables",
    "rule_name",
]

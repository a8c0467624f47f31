"""What a run could not do or did not ask, said beside what it did.

Whom the campaign dropped and by which rule, models without scores, waived gates, legal grounds that nobody has verified.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from zhike.decision import FunnelStage
from zhike.kernel.terms import Text
from zhike.pipeline.compiled import Compiled
from zhike.policy.decide import Policy
from zhike.report import ReportSource
from zhike.report.inputs import name_of, rows_of
from zhike.report.terms import Figure, Quantity, Unit


def unpublished_models(source: ReportSource) -> dict[str, Text]:
    """Return model → why it gives no scores, for the models of the run that give none."""
    run = source.planned["model_run"]
    silent = run.filter(run.is_in_use & ~run.is_published).order_by("model")
    rows = rows_of(silent.select("model", "not_published_zh", "not_published_en"))
    return {r["model"]: Text(r["not_published_zh"] or "", r["not_published_en"] or "") for r in rows}


def dropped(source: ReportSource) -> dict[str, int]:
    """Return ``stage.rule`` → candidates of the campaign that it dropped, the first stage first."""
    mine = source.planned["candidate"].filter(lambda t: (t.campaign == source.campaign) & ~t.is_final)
    rows = rows_of(mine.group_by("stage", "rule").aggregate(n=mine.count().cast("int64")))
    place = {stage.value: i for i, stage in enumerate(FunnelStage)}
    rows.sort(key=lambda r: (place[r["stage"]], -r["n"], r["rule"]))
    return {f"{r['stage']}.{r['rule']}": r["n"] for r in rows}


def assumed_grounds(policy: Policy, on: date) -> list[str]:
    """Return the gates in force that give a legal basis and that nobody has verified."""
    return [g.ref.key for g in policy.on(on).gates if g.definition.is_legal_basis and not g.definition.verified]


def as_values(source: ReportSource, compiled: Compiled) -> dict[str, Any]:
    """Return the figures for ``zhike report``; nothing where nothing is amiss."""
    values: dict[str, Any] = {f"dropped_{rule}": n for rule, n in dropped(source).items()} if source.campaign else {}
    values |= {f"model_{key}": f"no scores: {why.en}" for key, why in unpublished_models(source).items()}
    grounds = assumed_grounds(compiled.policy, source.planned_on)
    if grounds:
        values["legal_basis_not_verified"] = ", ".join(grounds)
    if compiled.policy.waived:
        values["gates_waived"] = ", ".join(g.ref.key for g in compiled.policy.waived)
    return values


def as_figures(source: ReportSource, compiled: Compiled) -> tuple[Figure, ...]:
    """Return the same for the page: a number that is not there, with the reason."""
    day, none = source.planned_on, Quantity(None, Unit.NUMBER)
    figures = [
        Figure(_named(source, key), none, why, day) for key, why in unpublished_models(source).items()
    ]  # fmt: skip
    grounds = assumed_grounds(compiled.policy, day)
    if grounds:
        said = Text(
            f"合法性依据未经核对：{'、'.join(grounds)}", f"the legal basis is not verified: {', '.join(grounds)}"
        )
        figures.append(
            Figure(
                Text("未核对的合法性依据", "Legal basis not verified"), Quantity(len(grounds), Unit.COUNT), said, day
            )
        )
    waived = compiled.policy.waived
    if waived:
        reasons = "; ".join(f"{g.ref.key}: {g.definition.waived_because}" for g in waived)
        figures.append(
            Figure(Text("豁免的闸口", "Gates waived"), Quantity(len(waived), Unit.COUNT), Text(reasons, reasons), day)
        )
    return tuple(figures)


def _named(source: ReportSource, model: str) -> Text:
    name = name_of(source.definitions, "model", model)
    return Text(f"模型无评分：{name.zh}", f"Model without scores: {name.en}")


__all__ = ["as_figures", "as_values", "assumed_grounds", "dropped", "unpublished_models"]

"""The report of what is published: which manifests, cards and run results it is read from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from zhike.kernel.clock import SystemClock
from zhike.kernel.definitions import Definition, DefinitionSet
from zhike.pipeline import hindsight, shortfalls
from zhike.pipeline.checking import compiled_project
from zhike.pipeline.compiled import Compiled
from zhike.pipeline.project import Project, published
from zhike.report import ReportSource, collect_report, read_cards, render_run_report
from zhike.warehouse import Engine, open_catalog, open_engine
from zhike.warehouse.manifest import Manifest
from zhike.warehouse.run import RESULTS_FILE


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """Files written and the figures at their head."""

    files: tuple[Path, ...]
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """What a report speaks of: the night of planning, the later night of measuring, and what only a simulation knows."""

    planned: Manifest
    measured: Manifest | None = None
    campaign: str = ""
    experiment: str = ""
    truth: Mapping[str, float] = field(default_factory=dict)
    is_simulated: bool = False


def run_results(project: Project, manifests: Sequence[Manifest]) -> list[Mapping[str, Any]]:
    """Return what the runs behind manifests wrote about themselves."""
    paths = [project.runs / m.run_id / RESULTS_FILE for m in manifests]
    return [json.loads(p.read_text(encoding="utf-8")) for p in paths if p.is_file()]


def report_source(
    project: Project, compiled: Compiled, engine: Engine, plan: ReportPlan, *, made_at: datetime
) -> ReportSource:
    """Return everything the report is read from."""
    planned = open_catalog(engine, project.warehouse, compiled.contracts, plan.planned.entries)
    measured = None
    if plan.measured is not None:
        measured = open_catalog(engine, project.warehouse, compiled.contracts, plan.measured.entries)
    manifests = [plan.planned, *([plan.measured] if plan.measured else [])]
    return ReportSource(
        project=project.settings.name,
        currency=project.settings.base_currency,
        made_at=made_at,
        run_id=manifests[-1].run_id,
        planned=planned,
        planned_on=plan.planned.as_of,
        definitions=compiled.definitions,
        measured=measured,
        measured_on=plan.measured.as_of if plan.measured else None,
        campaign=plan.campaign,
        experiment=plan.experiment,
        metrics=compiled.metrics,
        cards=read_cards(project.models, planned),
        runs=run_results(project, manifests),
        truth=plan.truth,
        is_simulated=plan.is_simulated,
    )


def render(source: ReportSource, folder: Path) -> tuple[Path, ...]:
    """Write both languages and return their paths."""
    return render_run_report(collect_report(source), folder)


def campaign_of(definitions: Sequence[Definition], manifest: Manifest) -> str:
    """Return the campaign that a report of a plain run shows: the first, by key, that planned contacts."""
    planned = {p for p in manifest.partitions("next_action") if manifest.entries["next_action", p].n_rows}
    return next((d.key for d in definitions if d.key in planned), "")


def write_report(project: Project, folder: Path) -> WrittenReport:
    """Write the report of what is published now.

    Raises
    ------
    NotFound : nothing has been published yet.
    """
    manifest = published(project)
    definitions = project.definitions
    compiled = compiled_project(project, definitions)
    campaign = campaign_of(definitions.of_kind("campaign"), manifest)
    experiment = next((c.experiment for c in compiled.campaigns if c.key == campaign), "")
    engine = open_engine(threads=project.settings.engine_threads, memory=project.settings.engine_memory)
    try:
        plan = ReportPlan(manifest, campaign=campaign, experiment=experiment)
        source = report_source(project, compiled, engine, plan, made_at=SystemClock().now())
        seen = look_back_on(source, compiled)
        shown = (*(hindsight.as_figures(seen) if seen else ()), *shortfalls.as_figures(source, compiled))
        files = render(replace(source, extra_figures=shown), folder)
        further = {**shortfalls.as_values(source, compiled), **(hindsight.as_values(seen) if seen else {})}
        return WrittenReport(files, {**plain_figures(source, definitions), **further})
    finally:
        engine.close()


def look_back_on(source: ReportSource, compiled: Compiled) -> hindsight.Hindsight | None:
    """Return what became of the campaign's customers after the day, where the files reach that far."""
    shown = next((c for c in compiled.campaigns if c.key == source.campaign), None)
    return hindsight.look_back(source, compiled.metrics[shown.definition.outcomes[0].metric]) if shown else None


def _value(expression: Any) -> Any:
    return expression.to_pyarrow().as_py()


def plain_figures(source: ReportSource, definitions: DefinitionSet) -> dict[str, Any]:
    """Return the main figures of a run: customers, tags, segments, contacts planned and held out."""
    tables = source.planned
    figures: dict[str, Any] = {
        "as_of": source.planned_on.isoformat(),
        "customers": _value(tables["profile"].count()),
        "quarantined": _value(tables["quarantine"].count()),
        "segment_members": _value(tables["segment_member"].filter(lambda t: t.to_on.isnull()).count()),
    }
    if source.campaign:
        arms = tables["assignment"].filter(lambda t: (t.experiment == source.experiment) & (t.arm == "control"))
        final = tables.part("candidate", source.campaign).filter(lambda t: t.is_final)
        held_out = final.semi_join(arms, "customer_id").customer_id.nunique()
        figures |= {
            "campaign": source.campaign,
            "contacts_planned": _value(tables.part("next_action", source.campaign).count()),
            "held_out": _value(held_out),
        }
    return figures


__all__ = ["ReportPlan", "WrittenReport", "render", "report_source", "run_results", "write_report"]

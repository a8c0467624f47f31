"""Read tables and run results into the plain data of a report. Small aggregates only; the engine does the sums."""

from __future__ import annotations

from zhike.report.collect_campaign import collect_effect, collect_funnel, collect_reach, collect_roi
from zhike.report.collect_data import (
    collect_quality,
    collect_reconciliation,
    collect_steps,
    collect_tiers,
)
from zhike.report.collect_models import collect_models
from zhike.report.collect_segments import collect_segments
from zhike.report.collect_story import collect_story
from zhike.report.inputs import ReportSource
from zhike.report.terms import RunReport


def collect_report(source: ReportSource) -> RunReport:
    """Return the report of a run or of a campaign; sections without data say why."""
    effect = collect_effect(source)
    return RunReport(
        project=source.project,
        as_of=source.last_on,
        run_id=source.run_id,
        made_at=source.made_at,
        currency=source.currency,
        is_simulated=source.is_simulated,
        story=collect_story(source, effect),
        quality=collect_quality(source),
        reconciliation=collect_reconciliation(source),
        tiers=collect_tiers(source),
        segments=collect_segments(source),
        funnel=collect_funnel(source),
        reach=collect_reach(source),
        models=collect_models(source),
        effect=effect,
        roi=collect_roi(source),
        steps=collect_steps(source),
    )


__all__ = ["collect_report"]

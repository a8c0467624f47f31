"""Answers about segments as pages: what ``--out`` writes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from zhike.kernel.terms import Text
from zhike.pipeline.catalogue import opened
from zhike.pipeline.project import Project
from zhike.pipeline.segments.discovering import Discovered, PaintedSegment, RfmAnswer
from zhike.pipeline.segments.tracking import Health, MigrationAnswer
from zhike.profile.tags import tag_term
from zhike.report.leaflet import Leaflet, write_leaflet
from zhike.report.product_classes import PRODUCT_CLASSES
from zhike.report.segment_health_page import HealthFigures, health_page
from zhike.report.segment_pages import (
    Found,
    PageOf,
    association_page,
    discovery_page,
    migration_page,
    portrait_page,
    rfm_page,
)
from zhike.segments.discovery import Associations


def _page_of(project: Project, as_of: date) -> PageOf:
    return PageOf(project.settings.name, project.settings.base_currency, as_of)


def _column_names(project: Project) -> dict[str, Text]:
    with opened(project) as o:
        return {c.name: Text(c.zh, c.en) for c in o.compiled.contracts["profile"].columns}


def _thing_names(project: Project) -> dict[str, Text]:
    """Return the names of what may go together: ``product:class``, ``tag:key``, ``tag:key=value``."""
    names = {f"product:{key}": name for key, name in PRODUCT_CLASSES.items()}
    with opened(project) as o:
        for key, tag in o.compiled.tags.items():
            term = tag_term(tag.definition)
            names[f"tag:{key}"] = Text(term.zh, term.en)
            names |= {
                f"tag:{key}={v}": Text(f"{term.zh}：{n.zh}", f"{term.en}: {n.en}") for v, n in term.values.items()
            }
    return names


def rfm_leaflet(project: Project, answer: RfmAnswer) -> Leaflet:
    """Return the page of RFM."""
    names = _column_names(project)
    columns = [names.get(c, Text(c, c)) for c in answer.columns]
    return rfm_page(_page_of(project, answer.as_of), answer.rfm, answer.cells, columns)


def discovery_leaflet(project: Project, found: Discovered) -> Leaflet:
    """Return the page of a discovered clustering."""
    shown = Found(
        found.clustering, found.prepared, found.portraits, found.surrogate, found.n_customers, _column_names(project)
    )
    return discovery_page(_page_of(project, found.as_of), shown)


def portrait_leaflet(project: Project, painted: tuple[PaintedSegment, ...]) -> Leaflet:
    """Return the page of a segment's portraits."""
    body = project.definitions.get("segment", painted[0].segment).body
    names = Text(str(body.get("zh", painted[0].segment)), str(body.get("en", painted[0].segment)))
    return portrait_page(_page_of(project, painted[0].as_of), names, [(p.names, p.portrait) for p in painted])


def association_leaflet(project: Project, as_of: date, found: Associations) -> Leaflet:
    """Return the page of association rules."""
    return association_page(_page_of(project, as_of), found, _thing_names(project))


def migration_leaflet(project: Project, answer: MigrationAnswer) -> Leaflet:
    """Return the page of a migration."""
    page = _page_of(project, answer.migration.to_on)
    return migration_page(page, answer.segment, answer.migration, answer.names)


def health_leaflet(project: Project, health: Health) -> Leaflet:
    """Return the page of one segment's health."""
    figures = HealthFigures(
        health.names, health.standing.n_members, health.coverage_rate, health.match_rate, health.stay_rates, health.active_days,
        health.alerts, health.penetration, health.gaps, health.cohorts, health.peers,
    )  # fmt: skip
    return health_page(_page_of(project, health.as_of), figures)


def write_page(page: Leaflet, path: Path) -> Path:
    """Write a page; return its file."""
    return write_leaflet(page, path)


__all__ = [
    "association_leaflet",
    "discovery_leaflet",
    "health_leaflet",
    "migration_leaflet",
    "portrait_leaflet",
    "rfm_leaflet",
    "write_page",
]

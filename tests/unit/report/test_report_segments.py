"""The section of segments: alerts, the migration that is shown, portraits in a sentence; from literal tables to the page."""

from dataclasses import replace
from datetime import date

import pytest
from tests.unit.report.report_sample import sample_report
from tests.unit.segments.world import CONTRACTS, engine

from zhike.kernel.definitions import Definition, DefinitionSet
from zhike.report.collect_segments import collect_alerts, collect_move, collect_portraits
from zhike.report.inputs import ReportSource
from zhike.report.render import render_page
from zhike.warehouse.testing import catalog

AS_OF, BEFORE = date(2025, 6, 30), date(2025, 6, 29)
MONTH = date(2025, 5, 31)


def moved(segment, start, rows):
    return [
        {
            "segment": segment,
            "period_from_on": start,
            "period_to_on": AS_OF,
            "bucket_from": a,
            "bucket_to": b,
            "n_customers": n,
        }
        for a, b, n in rows
    ]


def source(**tables):
    body = {"zh": "层级", "en": "Tiers", "is_partition": True, "buckets": [{"key": "hi", "zh": "高", "en": "High"}], "otherwise": {"key": "lo", "zh": "低", "en": "Low"}}  # fmt: skip
    definitions = DefinitionSet((Definition("segment", "value_tiers", body, "x.yaml", 1, "h"), Definition("segment", "few", {"zh": "少", "en": "Few"}, "x.yaml", 9, "h")), {})  # fmt: skip
    known = {
        n: CONTRACTS[n]
        for n in (
            "segment_member",
            "segment_change",
            "segment_health",
            "segment_migration",
            "segment_portrait",
            "profile",
        )
    }
    found = catalog(engine(), tables, known)
    return ReportSource("bank", "CNY", None, "run", found, AS_OF, definitions)  # type: ignore[arg-type]


@pytest.mark.requirement("D7")
def test_the_longest_period_of_the_tiers_is_shown():
    rows = moved("value_tiers", BEFORE, [("hi", "hi", 9)]) + moved(
        "value_tiers", MONTH, [("lo", "hi", 3), ("hi", "hi", 6), ("~", "lo", 2)]
    )
    move = collect_move(source(segment_migration={"value_tiers": rows, "few": moved("few", MONTH, [("", "", 1)])}))
    assert (move.migration.from_on, move.name.zh) == (MONTH, "层级")
    assert [(f.bucket_from, f.n_customers) for f in move.migration.flows] == [("hi", 6), ("lo", 3), ("~", 2)]
    assert [f.n_customers for f in move.largest()] == [3, 2]
    assert move.name_of("~").en == "Outside"
    assert move.name_of("gone").en == "gone"
    assert collect_move(source()) is None


@pytest.mark.requirement("D7")
def test_alerts_are_told_of_segments_that_need_a_look():
    def standing(key, n_members, **more):
        return {"segment": key, "measured_on": AS_OF, "n_subjects": 100, "n_members": n_members, **more}

    health = {"few": [standing("few", 0)], "value_tiers": [standing("value_tiers", 100, n_entered=50, n_left=0)]}
    rows = moved("value_tiers", BEFORE, [("hi", "lo", 50), ("~", "lo", 50)])
    alerts = collect_alerts(source(segment_health=health, segment_migration={"value_tiers": rows}))
    assert [(a.key, a.text.zh.split(" ")[0]) for a in alerts] == [
        ("few", "定义不匹配任何客户"), ("value_tiers", "规模由"), ("value_tiers", "分档构成"),
    ]  # fmt: skip


@pytest.mark.requirement("D6")
def test_a_portrait_is_a_sentence_per_bucket():
    def row(value, n, share, base):
        return {"segment": "value_tiers", "bucket": "hi", "dimension": "sex", "value": value, "n_members": n, "n_all_members": 50, "share_rate": share, "base_share_rate": base}  # fmt: skip

    (one,) = collect_portraits(
        source(segment_portrait={"value_tiers": [row("female", 40, 0.8, 0.5), row("male", 10, 0.2, 0.5)]})
    )
    assert (one.bucket.zh, one.n_members) == ("高", 50)
    assert one.text.en == "Sex female: 80% (all: 50%, TGI 160)"


def test_the_page_shows_all_three():
    report = sample_report()
    tables = source(
        segment_migration={"value_tiers": moved("value_tiers", MONTH, [("lo", "hi", 3), ("hi", "hi", 6)])},
        segment_health={"few": [{"segment": "few", "measured_on": AS_OF, "n_subjects": 9, "n_members": 0}]},
    )
    section = replace(report.segments, move=collect_move(tables), alerts=collect_alerts(tables))
    page = render_page(replace(report, segments=section), language="zh")
    assert "层级：2025-05-31 至 2025-06-30 的迁移" in page
    assert "定义不匹配任何客户" in page
    assert 'id="segments-move-wide-title"' in page

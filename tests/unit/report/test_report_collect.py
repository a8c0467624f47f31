import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from report_sample import NOTHING

from zhike.decision.tables import ASSIGNMENT, CANDIDATE
from zhike.identity.anonymous.tables import EVENT_PARTY
from zhike.kernel.definitions import Definition, DefinitionSet
from zhike.measure import standard_metrics
from zhike.measure.tables import OWNS as MEASURE
from zhike.profile.tables import PROFILE, TAG_VALUE
from zhike.report import render_page
from zhike.report.collect import collect_report
from zhike.report.collect_models import read_cards
from zhike.report.inputs import ReportSource
from zhike.report.terms import Absent, Unit
from zhike.scores.tables import MODEL_RUN, SCORE_VALUE
from zhike.sources.tables.quality import OWNS as QUALITY
from zhike.warehouse import open_engine
from zhike.warehouse.contracts import Contract, code, contract_by_name, day, text
from zhike.warehouse.testing import catalog

PLANNED, MEASURED = date(2025, 6, 1), date(2025, 6, 15)
MEMBER = Contract(
    "segment_member", "segments", "成员", "Members", key=("segment", "customer_id", "from_on"), partitioned_by="definition",
    columns=(code("segment", "客群", "Segment"), text("customer_id", "客户", "Customer"), code("bucket", "档", "Bucket"), day("from_on", "起", "From"), day("to_on", "止", "To")),
)  # fmt: skip
CHANGE = Contract(
    "segment_change", "segments", "变动", "Changes", key=("segment", "customer_id", "changed_on"),
    columns=(code("segment", "客群", "Segment"), text("customer_id", "客户", "Customer"), day("changed_on", "日", "On"), code("change", "变动", "Change")),
)  # fmt: skip
CONTRACTS = contract_by_name((*QUALITY, PROFILE, TAG_VALUE, MEMBER, CHANGE, SCORE_VALUE, MODEL_RUN, CANDIDATE, ASSIGNMENT, EVENT_PARTY, *MEASURE))  # fmt: skip
METRICS = standard_metrics(aum_classes=("demand",), external_counterparties=("cash",))


def define(kind, key, **body):
    return Definition(kind, key, body, "f.yaml", 1, "h")


DEFINITIONS = DefinitionSet(
    (
        define("campaign", "deposit_maturity", zh="定存到期承接", en="Deposit maturity"),
        define("gate", "complaint_open", zh="投诉处理中", en="Complaint open"),
        define("segment", "maturing_pool", zh="到期资金池", en="Maturing pool"),
        define("segment", "win_back", zh="赢回", en="Win back"),
        define(
            "tag", "customer_tier", zh="客户层级", en="Tier", values=[{"key": "private", "zh": "私行", "en": "Private"}]
        ),
    ),
    {},
)


@pytest.fixture(scope="module")
def engine():
    opened = open_engine(threads=1, memory="1GB")
    yield opened
    opened.close()


def planned_rows():
    people = ("a", "b", "c", "d")
    money = {"a": 8_000_000, "b": 100_000, "c": 50_000, "d": 0}
    return {
        "load_count": {"20250601": [
            {"table_name": "customer_file", "batch": "20250601", "file": "x", "n_read": 10, "n_loaded": 8, "n_quarantined": 2, "file_fingerprint": "f"},
            {"table_name": "customer_file", "batch": "20250602", "file": "y", "n_read": 5, "n_loaded": 5, "n_quarantined": 0, "file_fingerprint": "g"},
        ]},
        "quarantine": {"20250601": [{"table_name": "customer_file", "batch": "20250601", "file": "x", "row_number": n, "rule": "unknown_code", "column_name": "sex"} for n in (1, 2)]},
        "quality_result": [{"table_name": "customer_file", "column_name": "email", "dimension": "completeness", "measured_on": PLANNED, "value": 0.4, "is_alert": True}],
        "reconciliation": [
            {"check_key": "aum", "on": date(2025, 5, 31), "org_id": "1", "product_class": "demand", "unit": "amount", "ours_amount": 1, "theirs_amount": 9, "difference_amount": -8, "is_red": True},
            {"check_key": "aum", "on": PLANNED, "org_id": "1", "product_class": "demand", "unit": "amount", "ours_amount": 100, "theirs_amount": 100, "difference_amount": 0, "is_red": False},
            {"check_key": "aum", "on": PLANNED, "org_id": "2", "product_class": "demand", "unit": "amount", "ours_amount": 50, "theirs_amount": 53, "difference_amount": -3, "is_red": True},
        ],
        "profile": [{"customer_id": c, "customer_no": n, "aum_point_amount": money[c], "maturing_30d_amount": money[c] // 2} for n, c in enumerate(people, 1)],
        "tag_value": {"customer_tier": [{"customer_id": c, "tag": "customer_tier", "value_text": t, "from_on": PLANNED, "definition_hash": "h"} for c, t in zip(people, ("private", "value", "value", "tail"), strict=True)]},
        "segment_member": {"maturing_pool": [{"segment": "maturing_pool", "customer_id": c, "from_on": PLANNED} for c in "abc"] + [{"segment": "maturing_pool", "customer_id": "d", "from_on": date(2025, 5, 1), "to_on": date(2025, 5, 31)}]},
        "segment_change": [{"segment": "maturing_pool", "customer_id": "a", "changed_on": PLANNED, "change": "entered"}, {"segment": "maturing_pool", "customer_id": "d", "changed_on": PLANNED, "change": "left"}, {"segment": "maturing_pool", "customer_id": "b", "changed_on": date(2025, 5, 1), "change": "entered"}],
        "score_value": {"maturity_leave": [{"customer_id": "a", "model": "maturity_leave", "score": 0.5, "raw_score": 0.5, "decile": 1, "model_version": "v"}, {"customer_id": "b", "model": "maturity_leave", "score": 0.2, "raw_score": 0.2, "decile": 2, "model_version": "v"}]},
        "candidate": {"deposit_maturity": [
            {"campaign": "deposit_maturity", "customer_id": "a", "offer_id": "o", "decided_on": PLANNED, "stage": "final", "is_final": True},
            {"campaign": "deposit_maturity", "customer_id": "b", "offer_id": "o", "decided_on": PLANNED, "stage": "final", "is_final": True},
            {"campaign": "deposit_maturity", "customer_id": "c", "offer_id": "o", "decided_on": PLANNED, "stage": "contact_policy", "rule": "complaint_open", "is_final": False},
            {"campaign": "deposit_maturity", "customer_id": "d", "offer_id": "o", "decided_on": PLANNED, "stage": "eligible", "rule": "offer.eligible_when", "is_final": False},
        ]},
        "assignment": {"deposit_maturity": [{"experiment": "deposit_maturity", "customer_id": c, "arm": a, "share": 0.5, "holdout_rate": 0.2, "assigned_on": PLANNED} for c, a in (("a", "treatment"), ("b", "control"))]},
    }  # fmt: skip


def measured_rows(*, low=0.01):
    key = {"experiment": "deposit_maturity", "metric": "maturity_kept"}
    return {
        "effect": {"deposit_maturity": [key | {"shape": "ratio", "unit": "rate", "design": "randomised", "measured_on": MEASURED, "n_treated": 90, "n_control": 30, "treated_level": 0.86, "control_level": 0.8, "effect": 0.06, "effect_low": low, "effect_high": 0.11, "confidence": 0.95, "p_value": 0.02, "method": "ratio_delta_welch", "detectable": 0.08, "sample_ratio_p": 0.5, "warnings": "partly_waiting few_effective_units"}]},
        "effect_arm": {"deposit_maturity": [key | {"arm": a, "n_assigned": 100, "n_waiting": 10, "n": n, "y": y, "x": 100.0, "yy": 1.0, "xx": 1.0, "xy": 1.0, "level": y / 100, "level_low": 0.7, "level_high": 0.9} for a, n, y in (("treatment", 90, 86.0), ("control", 30, 80.0))]},
        "campaign_funnel": {"deposit_maturity": [{"experiment": "deposit_maturity", "arm": a, "channel": ch, "stage": s, "n_customers": n} for a, ch, s, n in (("treatment", "*", "assigned", 100), ("treatment", "*", "contacted", 95), ("treatment", "sms", "contacted", 95), ("control", "*", "assigned", 30))]},
        "roi": {"deposit_maturity": [key | {"design": "randomised", "measured_on": MEASURED, "n_treated": 90, "n_contacts": 95, "cost_amount": Decimal("12.30"), "incremental": 6.0, "incremental_low": 1.0, "incremental_high": 11.0, "reason": "measure.unit_value_unknown"}]},
    }  # fmt: skip


def source(engine, planned=None, measured=None, **changes):
    made = {
        "project": "示例", "currency": "CNY", "made_at": datetime(2025, 6, 15, 4, tzinfo=UTC), "run_id": "r1",
        "planned": catalog(engine, planned_rows() if planned is None else planned, CONTRACTS), "planned_on": PLANNED, "definitions": DEFINITIONS,
        "measured": None if measured is None else catalog(engine, measured, CONTRACTS), "measured_on": None if measured is None else MEASURED,
        "campaign": "deposit_maturity", "experiment": "deposit_maturity", "metrics": METRICS,
    }  # fmt: skip
    return ReportSource(**(made | changes))


@pytest.fixture(scope="module")
def report(engine):
    return collect_report(source(engine, measured=measured_rows(), truth={"maturity_kept": 0.05}, is_simulated=True))


def test_loads_and_quarantine_add_up_over_files(report):
    (row,) = report.quality.loads
    assert (row.n_files, row.n_read, row.n_loaded, row.n_quarantined) == (2, 15, 13, 2)
    assert report.quality.quarantined[0].n_rows == 2
    assert report.quality.alerts[0].column == "email"


def test_events_without_a_user_are_counted_as_somebodys_or_nobodys(engine, report):
    assert report.quality.anonymous is None  # no touchpoint delivered any
    row = {"source": "app", "on": PLANNED}
    told = [{"event_id": str(i), "source_key": "u1", "how": "before_login", **row} for i in range(3)]
    told += [{"event_id": w, "left_because": w, **row} for w in ("nobody_identified", "several_people", "corrected")]
    seen = collect_report(source(engine, {**planned_rows(), "event_party": told})).quality.anonymous
    assert (seen.n_attributed, seen.n_unattributed) == (3, 2)  # a corrected identification is no event of anybody's
    assert seen.n_left == {"nobody_identified": 1, "several_people": 1}


def test_reconciliation_shows_the_latest_day_of_each_check(report):
    (check,) = report.reconciliation.checks
    assert (check.on, check.n_compared, check.n_red) == (PLANNED, 2, 1)
    assert (check.ours, check.theirs, check.largest_difference) == (150, 153, -3)


def test_tiers_stand_richest_first_with_the_names_of_their_definition(report):
    rows = report.tiers.tiers
    assert [(t.key, t.n_customers, t.aum_amount) for t in rows] == [
        ("private", 1, 8_000_000),
        ("value", 2, 150_000),
        ("tail", 1, 0),
    ]
    assert rows[0].name.zh == "私行"
    assert rows[2].name.zh == "tail"


def test_segments_count_members_of_the_day_and_show_empty_ones(report):
    pool, empty = report.segments.segments
    assert (pool.key, pool.n_customers, pool.n_entered, pool.n_left) == ("maturing_pool", 3, 1, 1)
    assert (empty.key, empty.n_customers) == ("win_back", 0)


@pytest.mark.requirement("F2")
def test_the_funnel_keeps_stage_and_rule_of_every_dropped_candidate(report):
    stages = {s.key: (s.n_in, s.n_out) for s in report.funnel.stages}
    assert stages["eligible"] == (4, 3)
    assert stages["contact_policy"] == (3, 2)
    assert stages["arbitration"] == (2, 2)
    assert [(d.rule, d.name.zh, d.n_dropped) for d in report.funnel.drops] == [("offer.eligible_when", "不满足产品准入条件", 1), ("complaint_open", "投诉处理中", 1)]  # fmt: skip


@pytest.mark.requirement("G11")
def test_the_head_tells_the_maturity_story_with_truth(report):
    story = report.story
    assert story.title.zh == "联系之后，到期资金多留住 6.0 个百分点"
    assert story.title.en == "Contacting customers kept 6.0 pp more of the maturing money"
    values = {f.label.en: f.quantity.value for f in story.figures}
    assert values["Maturing within 30 days"] == 4_075_000
    assert values["Expected to leave"] == pytest.approx(0.5 * 4_000_000 + 0.2 * 50_000)
    assert (values["May be contacted"], values["Held out"]) == (1, 1)
    assert values["Simulated truth"] == 0.05
    assert "1 held out" not in story.lead.en
    assert "¥2.01M" in story.lead.en


def test_an_effect_whose_interval_holds_zero_is_not_sold_as_a_success(engine):
    unclear = collect_report(source(engine, planned={}, measured=measured_rows(low=-0.01)))
    assert "含零" in unclear.story.title.zh
    assert "nothing is proven yet" in unclear.story.title.en


def test_effect_rows_carry_units_warnings_and_definition(report):
    (row,) = report.effect.rows
    assert (row.treated.unit, row.effect.unit) == (Unit.RATE, Unit.POINTS)
    assert (row.treated.value, row.treated.low) == (0.86, 0.7)
    assert [w.en for w in row.warnings] == ["some customers' windows are not over and they are not counted yet", "money sits with a few customers: the interval is optimistic"]  # fmt: skip
    assert "到期承接率" in row.meaning.zh
    assert row.truth.value == 0.05


def test_reach_and_roi_are_read_from_the_day_of_measuring(report):
    assert [(r.key, r.n_treatment, r.n_control) for r in report.reach.stages][:2] == [
        ("assigned", 100, 30),
        ("contacted", 95, 0),
    ]
    assert report.roi.cost.value == Decimal("12.30")
    assert report.roi.profit.value is None
    assert "FTP" in report.roi.reason.zh
    assert report.roi.incremental.unit is Unit.AMOUNT_CHANGE


def test_the_collected_report_can_be_rendered_in_both_languages(report):
    assert "多留住 6.0 个百分点" in render_page(report, language="zh")
    assert "simulated bank" in render_page(report, language="en")


def test_before_measuring_the_head_says_how_many_may_be_contacted(engine):
    waiting = collect_report(source(engine))
    assert waiting.story.title.zh.startswith("可联系 1 户")
    assert isinstance(waiting.effect, Absent)
    assert "尚未度量" in waiting.effect.reason.zh


def test_a_plain_run_without_campaign_has_data_sections_and_says_what_is_missing(engine):
    plain = collect_report(source(engine, campaign="", experiment=""))
    assert plain.story.title.en == "4 customers identified and profiled"
    assert not isinstance(plain.tiers, Absent)
    for section in (plain.funnel, plain.reach, plain.effect, plain.roi):
        assert "没有活动" in section.reason.zh


def test_an_empty_warehouse_gives_a_report_of_reasons(engine):
    bare = collect_report(source(engine, planned={}, campaign="", experiment="", definitions=DefinitionSet((), {})))
    absent = [
        s
        for s in (bare.quality, bare.reconciliation, bare.tiers, bare.segments, bare.models, bare.steps)
        if isinstance(s, Absent)
    ]
    assert len(absent) == 6
    assert "本节没有数据" in render_page(bare, language="zh")


def test_a_level_without_control_is_told_as_weaker(engine):
    rows = measured_rows()
    (effect,) = rows["effect"]["deposit_maturity"]
    effect |= {"metric": "loan_taken", "design": "level_only", "effect": None, "effect_low": None, "effect_high": None, "reason": "no_control", "shape": "proportion"}  # fmt: skip
    rows["effect_arm"]["deposit_maturity"] = [
        rows["effect_arm"]["deposit_maturity"][0] | {"metric": "loan_taken", "y": 9.0, "level": 0.1}
    ]
    story = collect_report(source(engine, planned={}, measured=rows)).story
    assert "10.0%" in story.title.zh
    assert "较弱" in story.caution.zh
    assert {f.label.en: f.quantity.value for f in story.figures}["Customers who did it"] == 9


def test_steps_are_taken_from_every_run_slowest_first(engine):
    runs = [
        {"seconds": 2.5, "peak_memory_mb": 300, "steps": [{"key": "profile", "state": "ran", "seconds": 2.0, "rows": {"profile": 4}}]},
        {"seconds": 1.0, "peak_memory_mb": 420, "steps": [{"key": "score", "state": "reused", "seconds": 0.0, "rows": {"a": 1, "b": 2}}, {"key": "slow", "state": "ran", "seconds": 3.0}]},
    ]  # fmt: skip
    steps = collect_report(source(engine, planned={}, campaign="", runs=runs)).steps
    assert [(s.key, s.n_rows) for s in steps.steps] == [("slow", 0), ("profile", 4), ("score", 3)]
    assert (steps.seconds, steps.peak_memory_mb) == (3.5, 420)


def card():
    def interval(value):
        return {"estimate": value, "low": value - 0.02, "high": value + 0.02}

    return {
        "key": "maturity_leave", "name": {"zh": "到期流失", "en": "Leaves at maturity"}, "purpose": {"zh": "用途", "en": "use"}, "learner": "lightgbm", "version": "0123456789abcdef",
        "doubts": [{"zh": "疑", "en": "doubt"}], "not_published": {"zh": "太好", "en": "too good"},
        "evaluation": {"auc": interval(0.8), "pr_auc": interval(0.5), "alift": interval(0.7), "top_decile_lift": interval(2.5), "ece": 0.02, "base_rate": 0.25, "doubts": [],
                       "calibration": [{"n_rows": 50, "mean_p": 0.1, "observed_rate": 0.1}, {"n_rows": 50, "mean_p": 0.4, "observed_rate": 0.42}], "gains": [[0.0, 0.0], [0.5, 0.8], [1.0, 1.0]]},
    }  # fmt: skip


@pytest.mark.requirement("E1")
def test_a_model_card_becomes_curves_figures_and_warnings(engine):
    (model,) = collect_report(source(engine, planned={}, campaign="", cards=[card()])).models
    assert [(d.decile, d.n_customers, d.n_positive) for d in model.deciles] == [(1, 50, 21), (2, 50, 5)]
    assert model.gains[1] == (0.5, 0.8)
    assert [w.en for w in model.warnings] == ["doubt", "scores are not published: too good"]
    assert {f.label.en: f.quantity.value for f in model.figures}["Lift of the best tenth"] == 2.5


def test_cards_of_the_versions_in_use_are_read_from_the_models_folder(engine, tmp_path):
    for version in ("v1", "v2"):
        folder: Path = tmp_path / "maturity_leave" / "versions" / version
        folder.mkdir(parents=True)
        (folder / "card.json").write_text(json.dumps({"key": version}), encoding="utf-8")
    row = {"model": "maturity_leave", "definition_hash": "h", "features_hash": "h", "training_key": "k", "first_used_on": PLANNED, "last_used_on": PLANNED, "is_published": True}  # fmt: skip
    runs = [row | {"model_version": "v1", "is_in_use": False}, row | {"model_version": "v2", "is_in_use": True}]
    tables = catalog(engine, {"model_run": {"maturity_leave": runs}}, CONTRACTS)
    assert read_cards(tmp_path, tables) == [{"key": "v2"}]


def test_nothing_is_an_absent_section():
    assert isinstance(NOTHING, Absent)

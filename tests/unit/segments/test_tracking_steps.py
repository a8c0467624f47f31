"""The two steps of every run: migration of partitions, portraits of segments that are large enough."""

from datetime import date

import pytest

from tests.unit.segments.world import AS_OF, BEFORE, CONTRACTS, customer, engine, member, segments
from zhike.segments.tracking import tracking_steps
from zhike.warehouse.testing import run_step

TIERS = {
    "is_partition": True,
    "buckets": [{"key": "hi", "zh": "高", "en": "High", "when": {"field": "aum_mavg_amount", "at_least": 100}}],
    "otherwise": {"key": "lo", "zh": "低", "en": "Low"},
}
FOUND = segments(
    tiers=TIERS, women={"when": {"field": "sex", "is": "female"}}, few={"when": {"field": "age", "above": 90}}
)
MIGRATION, PORTRAIT = tracking_steps(FOUND)


def health(day):
    return {"tiers": [{"segment": "tiers", "measured_on": day, "n_subjects": 3, "n_members": 3}]}


def run(step, **more):
    return {
        t: rows.to_pylist() for t, rows in run_step(step, engine(), as_of=AS_OF, contracts=CONTRACTS, **more).items()
    }


@pytest.mark.requirement("D7")
def test_migration_since_the_last_run_and_over_the_month_is_kept():
    members = [
        member("tiers", 1, date(2025, 1, 1), bucket="hi", to_on=BEFORE), member("tiers", 1, AS_OF, bucket="lo"),
        member("tiers", 2, date(2025, 1, 1), bucket="lo"), member("tiers", 3, date(2025, 6, 10), bucket="lo"),
    ]  # fmt: skip
    rows = run(MIGRATION, tables={"segment_member": {"tiers": members}}, previous={"segment_health": health(BEFORE)})
    told = {
        (r["period_from_on"], r["bucket_from"], r["bucket_to"]): r["n_customers"]
        for r in rows["segment_migration", "tiers"]
    }
    month = date(2025, 5, 31)
    assert told == {
        (BEFORE, "hi", "lo"): 1, (BEFORE, "lo", "lo"): 2,
        (month, "hi", "lo"): 1, (month, "lo", "lo"): 1, (month, "~", "lo"): 1,
    }  # fmt: skip


def test_the_first_run_has_no_migration():
    members = [member("tiers", 1, AS_OF, bucket="hi")]
    rows = run(MIGRATION, tables={"segment_member": {"tiers": members}}, previous={})
    assert rows["segment_migration", "tiers"] == []


@pytest.mark.requirement("D6")
def test_a_portrait_is_kept_of_segments_of_thirty_and_more():
    profile = [customer(i, sex="female" if i <= 40 else "male", age=30 if i % 2 else 50) for i in range(1, 101)]
    members = [member("women", i, AS_OF) for i in range(1, 41)]
    members += [member("women", i, BEFORE, to_on=BEFORE) for i in range(41, 60)]
    parts = {"women": members, "few": [member("few", 1, AS_OF)], "tiers": [member("tiers", i, AS_OF, bucket="lo") for i in range(1, 101)], "global_exclusion": []}  # fmt: skip
    rows = run(PORTRAIT, tables={"profile": profile, "segment_member": parts}, previous={})
    women = {(r["dimension"], r["value"]): r for r in rows["segment_portrait", "women"]}
    assert women["sex", "female"]["share_rate"] == 1.0
    assert women["sex", "female"]["base_share_rate"] == 0.4
    assert women["sex", "female"]["tgi"] == 250
    assert women["sex", "male"]["n_members"] == 0
    by_age = [r["share_rate"] for r in rows["segment_portrait", "women"] if r["dimension"] == "age"]
    assert sum(by_age) == pytest.approx(1)
    assert rows["segment_portrait", "few"] == rows["segment_portrait", "global_exclusion"] == []
    assert rows["segment_portrait", "tiers"] == []  # everybody: nothing to compare with


@pytest.mark.requirement("D6")
def test_each_bucket_of_a_partition_has_its_portrait():
    profile = [customer(i, sex="female" if i <= 40 else "male") for i in range(1, 101)]
    tiers = [member("tiers", i, AS_OF, bucket="hi" if i <= 35 else "lo") for i in range(1, 101)]
    parts = {"women": [], "few": [], "tiers": tiers, "global_exclusion": []}
    rows = run(PORTRAIT, tables={"profile": profile, "segment_member": parts}, previous={})["segment_portrait", "tiers"]
    shares = {r["bucket"]: r["share_rate"] for r in rows if r["value"] == "female"}
    assert shares == {"hi": 1.0, "lo": pytest.approx(5 / 65)}
    assert {r["bucket"]: r["n_all_members"] for r in rows} == {"hi": 35, "lo": 65}


def test_a_project_without_segments_has_no_steps():
    assert tracking_steps({}) == []

"""Who belongs, since when, in which bucket; and who entered, left or moved since the run before."""

import json
from datetime import date

import pytest

from tests.unit.segments.world import AS_OF, BEFORE, CONTRACTS, customer, engine, member, run, segments
from zhike.segments.steps import segment_step, segment_steps
from zhike.warehouse.testing import run_step, run_together

RICH = {"when": {"field": "aum_mavg_amount", "at_least": 100}}
TIERS = {
    "is_partition": True,
    "buckets": [
        {"key": "top", "zh": "高", "en": "Top", "when": {"field": "aum_mavg_amount", "at_least": 1000}},
        {"key": "middle", "zh": "中", "en": "Middle", "when": {"field": "aum_mavg_amount", "at_least": 100}},
    ],
    "otherwise": {"key": "rest", "zh": "余", "en": "Rest"},
}


def held(rows: dict, table: str = "segment_member") -> dict:
    return {r["customer_id"]: (r["bucket"], r["from_on"]) for r in rows[table] if r["to_on"] is None}


@pytest.mark.requirement("D1")
def test_a_partition_puts_every_subject_into_exactly_one_bucket_the_first_that_matches():
    profile = [
        customer(1, aum_mavg_amount=5000),
        customer(2, aum_mavg_amount=100),
        customer(3, aum_mavg_amount="99.99"),
        customer(4),
        customer(5, party_kind="company", aum_mavg_amount=9999),
    ]
    rows = run(segments(tiers=TIERS)["tiers"], profile)
    assert held(rows) == {"c1": ("top", AS_OF), "c2": ("middle", AS_OF), "c3": ("rest", AS_OF), "c4": ("rest", AS_OF)}
    (health,) = rows["segment_health"]
    assert (health["n_subjects"], health["n_members"], health["coverage_rate"]) == (4, 4, 1.0)
    assert json.loads(health["bucket_sizes"]) == {"middle": 1, "rest": 2, "top": 1}


@pytest.mark.requirement("D5")
def test_the_first_run_of_a_segment_makes_members_but_no_triggers():
    rows = run(segments(rich=RICH)["rich"], [customer(1, aum_mavg_amount=100), customer(2, aum_mavg_amount=1)])
    assert held(rows) == {"c1": (None, AS_OF)}
    assert rows["segment_change"] == []
    assert rows["segment_health"][0]["n_entered"] is None


@pytest.mark.requirement("D5")
def test_an_empty_first_run_is_a_run_and_what_follows_are_entries():
    rows = run(segments(rich=RICH)["rich"], [customer(1, aum_mavg_amount=100)], previous=[])
    assert [(r["customer_id"], r["change"]) for r in rows["segment_change"]] == [("c1", "entered")]


@pytest.mark.requirement("D5")
def test_entering_leaving_moving_and_staying_are_told_apart():
    previous = [
        member("tiers", 1, date(2025, 5, 1), bucket="top"),  # stays
        member("tiers", 2, date(2025, 5, 2), bucket="top"),  # moves down
        member("tiers", 3, date(2025, 5, 3), bucket="rest"),  # no customer any more
        member("tiers", 2, date(2025, 4, 1), bucket="rest", to_on=date(2025, 5, 1)),  # long over
    ]
    profile = [customer(1, aum_mavg_amount=1000), customer(2, aum_mavg_amount=500), customer(4, aum_mavg_amount=7)]
    rows = run(segments(tiers=TIERS)["tiers"], profile, previous=previous)
    assert held(rows) == {"c1": ("top", date(2025, 5, 1)), "c2": ("middle", AS_OF), "c4": ("rest", AS_OF)}
    over = {(r["customer_id"], r["from_on"], r["to_on"]) for r in rows["segment_member"] if r["to_on"]}
    assert over == {
        ("c2", date(2025, 5, 2), BEFORE),
        ("c3", date(2025, 5, 3), BEFORE),
        ("c2", date(2025, 4, 1), date(2025, 5, 1)),
    }
    changes = {(r["customer_id"], r["change"], r["bucket_from"], r["bucket_to"]) for r in rows["segment_change"]}
    assert changes == {("c2", "moved", "top", "middle"), ("c3", "left", "rest", None), ("c4", "entered", None, "rest")}
    (health,) = rows["segment_health"]
    assert (health["n_entered"], health["n_left"], health["n_moved"]) == (1, 1, 1)
    assert health["stay_rate"] == pytest.approx(2 / 3, abs=1e-6)


def test_nothing_changes_when_nobody_does():
    previous = [member("rich", 1, date(2025, 5, 1))]
    rows = run(segments(rich=RICH)["rich"], [customer(1, aum_mavg_amount=100)], previous=previous)
    assert held(rows) == {"c1": (None, date(2025, 5, 1))}
    assert rows["segment_change"] == []
    assert rows["segment_member"][0]["definition_hash"] == "hash of rich"


def test_a_customer_who_comes_back_begins_a_new_interval():
    previous = [member("rich", 1, date(2025, 1, 1), to_on=date(2025, 3, 1))]
    rows = run(segments(rich=RICH)["rich"], [customer(1, aum_mavg_amount=100)], previous=previous)
    assert sorted((r["from_on"], r["to_on"]) for r in rows["segment_member"] if r["to_on"]) == [
        (date(2025, 1, 1), date(2025, 3, 1))
    ]
    assert held(rows) == {"c1": (None, AS_OF)}
    assert [r["change"] for r in rows["segment_change"]] == ["entered"]


def test_buckets_without_otherwise_let_the_rest_go():
    body = {**TIERS, "is_partition": False, "otherwise": None}
    rows = run(segments(some=body)["some"], [customer(1, aum_mavg_amount=1000), customer(2, aum_mavg_amount=1)])
    assert held(rows) == {"c1": ("top", AS_OF)}


def test_segments_of_tags_and_of_segments_read_only_what_they_name():
    found = segments(
        tagged={"when": [{"tag": "rich", "at_least": 50}, {"segment": "other", "negate": True}]}, other=RICH
    )
    tagged = found["tagged"]
    tags = {"rich": [{"customer_id": f"c{i}", "tag": "rich", "value_amount": a, "from_on": BEFORE, "definition_hash": "h"} for i, a in ((1, 50), (2, 49), (3, 99))]}  # fmt: skip
    members = {"other": [member("other", 3, BEFORE)]}
    rows = run(tagged, [customer(i) for i in (1, 2, 3, 4)], tag_value=tags, segment_member=members)
    assert held(rows) == {"c1": (None, AS_OF)}


def test_segments_that_are_done_together_are_what_each_is_alone():
    found = segments(
        young={"when": {"field": "age", "below": 30}},
        ages={
            "buckets": [{"key": "child", "zh": "童", "en": "child", "when": {"field": "age", "below": 18}}],
            "otherwise": {"key": "grown", "zh": "成", "en": "grown"},
            "is_partition": True,
        },
        staff={"when": {"field": "is_staff"}},
    )
    people = [customer(i, age=10 * i, is_staff=i == 3) for i in range(1, 6)]
    before = {
        "young": [member("young", 1, BEFORE), member("young", 4, BEFORE)],
        "ages": [member("ages", i, BEFORE, bucket="child") for i in (1, 2)],
    }
    for previous in ({}, {"segment_member": before}):
        alone = {}
        for segment in found.values():
            own = {"segment_member": {k: v for k, v in before.items() if k == segment.key}} if previous else {}
            alone |= run_step(
                segment_step(segment), engine(), {"profile": people}, as_of=AS_OF, contracts=CONTRACTS, previous=own
            )
        together = run_together(
            segment_steps(found), engine(), {"profile": people}, as_of=AS_OF, contracts=CONTRACTS, previous=previous
        )
        assert together.keys() == alone.keys()
        for key, table in together.items():
            assert sorted(map(str, table.to_pylist())) == sorted(map(str, alone[key].to_pylist())), key
    assert [r["change"] for r in together["segment_change", "young"].to_pylist()].count("entered") == 1
    assert together["segment_change", "staff"].num_rows == 0
    assert together["segment_health", "staff"].column("n_entered").to_pylist() == [None]

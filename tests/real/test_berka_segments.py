"""The Czech bank on two days, 1993-06-30 and 1994-03-31: tiers and stages of all clients, who moved, RFM, one clustering."""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path

import pytest

from zhike.kernel.clock import SystemClock
from zhike.pipeline.nightly import Night, run_night
from zhike.pipeline.project import Project, open_project
from zhike.pipeline.reporting import write_report
from zhike.pipeline.scaffold import write_key
from zhike.pipeline.segments.discovering import (
    DiscoverRequest,
    RfmRequest,
    answer_rfm,
    discover,
    paint_segment,
    save_discovered,
)
from zhike.pipeline.segments.tracking import answer_migration, judge_health
from zhike.pipeline.store import InMemoryStore

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ZHIKE_REAL_DATA", ROOT.parent / "shared" / "data")) / "berka"
FIRST, LAST = date(1993, 6, 30), date(1994, 3, 31)
FEATURES = ("aum_mavg_amount", "inflow_90d_amount", "n_initiated_90d", "n_household_bills_90d", "n_pensions_90d", "age")
pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture(scope="module")
def bank(store: InMemoryStore, tmp_path_factory: pytest.TempPathFactory) -> Project:
    if not DATA.is_dir():
        reason = "the Berka data set is not beside the project (ZHIKE_REAL_DATA names another place)"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("berka") / "project"
    shutil.copytree(ROOT / "examples" / "berka", folder, ignore=shutil.ignore_patterns(".zhike"))
    settings = folder / "zhike.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "run_workers = 1\n", encoding="utf-8")
    write_key(folder / ".zhike" / "identity.key", "public-data-so-this-key-is-no-secret")
    project = open_project(folder)
    for day in (FIRST, LAST):
        run_night(Night(project, DATA, day), store, clock=SystemClock())
    return project


@pytest.mark.requirement("D7")
@pytest.mark.parametrize("key", ["value_tiers", "relationship_stages"])
def test_who_moved_adds_up_to_all_clients_of_both_days(bank: Project, key: str) -> None:
    found = answer_migration(bank, key, FIRST, LAST).migration
    assert sum(found.sizes(at_end=False).values()) == 678
    assert sum(found.sizes(at_end=True).values()) == 1_489
    assert sum(f.n_customers for f in found.flows if f.bucket_from == "~") == 1_489 - 678
    assert not [f for f in found.flows if f.bucket_to == "~"]  # nobody leaves this bank
    assert found.money_missing == ()
    assert sum(f.amount_from for f in found.flows if f.amount_from) > 15_000_000


@pytest.mark.requirement("D7")
def test_new_clients_of_the_first_day_have_grown_up(bank: Project) -> None:
    found = answer_migration(bank, "relationship_stages", FIRST, LAST).migration
    assert (found.n("new", "mature"), found.n("new", "growing"), found.n("new", "new")) == (245, 11, 0)
    assert found.n("disponent", "disponent") == 124
    tiers = answer_migration(bank, "value_tiers", FIRST, LAST).migration
    assert (tiers.n("value", "value"), tiers.n("wealth", "value"), tiers.n("basic", "value")) == (85, 21, 98)


@pytest.mark.requirement("D6")
def test_rfm_of_all_clients_leaves_the_disponents_apart(bank: Project) -> None:
    found = answer_rfm(bank, RfmRequest())
    sizes = {c.key: c.n_customers for c in found.cells}
    assert sum(sizes.values()) == 1_489
    assert sizes["none"] == 260  # who only disposes of somebody else's account
    assert sizes["important_value"] == 210


@pytest.mark.requirement("D6")
def test_pensioners_are_discovered_and_can_be_named_from_their_portrait(bank: Project) -> None:
    found = discover(bank, DiscoverRequest(FEATURES))
    assert found.clustering.n_clusters == 4
    assert found.clustering.chosen.rand_median > 0.9
    assert sum(p.n_members for p in found.portraits) == 1_489
    pensioners = next(p for p in found.portraits if p.traits[0].column == "n_pensions_90d" and p.traits[0].is_more)
    assert 190 <= pensioners.n_members <= 240
    assert pensioners.name.en == "High pensions of 90 days, pension recipient"
    age = next(t for t in pensioners.traits if t.column == "age")
    assert age.of_members > 60
    assert len({p.name.zh for p in found.portraits}) == 4
    assert all(len(p.typical) == 5 for p in found.portraits)
    path = save_discovered(bank, found, "found_groups")
    kept = open_project(bank.settings.folder).definitions.get("segment", "found_groups")
    assert path.name == "found_groups.yaml"
    assert kept.body["is_partition"] is True
    path.unlink()


@pytest.mark.requirement("D6")
def test_tiers_have_portraits(bank: Project) -> None:
    painted = {p.bucket: p.portrait for p in paint_segment(bank, "value_tiers")}
    assert painted["long_tail"].n_members == 316
    assert "private" not in painted  # 25 clients: too few


@pytest.mark.requirement("D8")
def test_health_and_the_report_say_what_to_look_at(bank: Project, store: InMemoryStore) -> None:
    health = judge_health(bank, store, "loan_holders")
    assert health.standing.n_members == 38
    assert [a.kind for a in health.alerts] == ["size"]
    written = write_report(bank, bank.settings.folder / "report")
    page = written.files[0].read_text(encoding="utf-8")
    assert "价值层级六档：1993-06-30 至 1994-03-31 的迁移" in page
    assert "定义不匹配任何客户" in page
    assert "养老金客户" in page  # the discovered groups, kept as rules, with their portraits
    assert "年龄 ≥65 占" in page


@pytest.mark.requirement("D6")
def test_the_groups_that_were_kept_as_rules_are_those_that_are_discovered(bank: Project) -> None:
    found = discover(bank, DiscoverRequest(FEATURES))
    kept = {p.bucket: p.portrait.n_members for p in paint_segment(bank, "discovered_groups")}
    sizes = sorted(p.n_members for p in found.portraits)
    assert sum(kept.values()) == 1_489
    assert sorted(kept.values()) == pytest.approx(sizes, abs=25)
    assert 200 <= kept["pensioners"] <= 230

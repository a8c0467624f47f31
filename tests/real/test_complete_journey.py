"""The grocer's 801 households: RFM and portraits through the command-line functions; clusters are refused, since there are none."""

from __future__ import annotations

import importlib.util
import os
import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from zhike.kernel.clock import SystemClock
from zhike.kernel.errors import NotEstimable
from zhike.pipeline.nightly import Night, run_night
from zhike.pipeline.project import Project, open_project
from zhike.pipeline.scaffold import write_key
from zhike.pipeline.segments.discovering import DiscoverRequest, RfmRequest, answer_rfm, discover, paint_segment
from zhike.pipeline.store import InMemoryStore

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ZHIKE_REAL_DATA", ROOT.parent / "shared" / "data")) / "complete_journey"
AS_OF = date(2018, 1, 1)
REQUEST = RfmRequest(recency="days_since_basket", frequency="n_baskets", monetary="spent_amount")
pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.requirement("D6")]


@pytest.fixture(scope="module")
def grocer(tmp_path_factory: pytest.TempPathFactory) -> Project:
    if not DATA.is_dir():
        reason = "the complete_journey data set is not beside the project (ZHIKE_REAL_DATA names another place)"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("grocer") / "project"
    shutil.copytree(ROOT / "examples" / "complete_journey", folder, ignore=shutil.ignore_patterns(".zhike"))
    spec = importlib.util.spec_from_file_location("prepare_journey", folder / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.prepare(DATA, folder / "data") == {"households": 801, "baskets": 25_877, "redemptions": 1_669}
    settings = folder / "zhike.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "run_workers = 1\n", encoding="utf-8")
    write_key(folder / ".zhike" / "identity.key", "public-data-so-this-key-is-no-secret")
    project = open_project(folder)
    run_night(Night(project, folder / "data", AS_OF), InMemoryStore(), clock=SystemClock())
    return project


def test_rfm_is_what_pandas_counts(grocer: Project) -> None:
    baskets = pd.read_csv(grocer.settings.folder / "data" / "baskets.csv", dtype={"household_id": str})
    baskets["day"] = pd.to_datetime(baskets["day"])
    each = baskets.groupby("household_id").agg(last=("day", "max"), n=("basket_id", "count"), spent=("amount", "sum"))
    days = (pd.Timestamp(AS_OF) - each["last"]).dt.days
    recent, often, much = days <= days.mean(), each["n"] >= each["n"].mean(), each["spent"] >= each["spent"].mean()
    found = answer_rfm(grocer, REQUEST)
    assert len(found.ids) == 801
    assert found.rfm.limits == pytest.approx((days.mean(), each["n"].mean(), each["spent"].mean()), rel=1e-6)
    sizes = {c.key: c.n_customers for c in found.cells}
    assert sizes["important_value"] == int((recent & often & much).sum()) == 236
    assert sizes["general_win_back"] == int((~recent & ~often & ~much).sum()) == 185
    assert sizes["none"] == 0
    top = next(c for c in found.cells if c.key == "important_value")
    assert top.amount_share_rate == pytest.approx(0.518, abs=0.001)  # 29 % of households, 52 % of the money


def test_coupon_users_spend_more_and_come_more_often(grocer: Project) -> None:
    (painted,) = paint_segment(grocer, "coupon_users")
    assert painted.portrait.n_members == 295
    traits = {t.column: t for t in painted.portrait.traits}
    assert traits["spent_amount"].effect.low > 0.3
    assert traits["n_baskets"].effect.low > 0.3
    assert traits["annual_income_amount"].effect.estimate > 0


def test_each_rhythm_has_its_portrait(grocer: Project) -> None:
    painted = {p.bucket: p.portrait for p in paint_segment(grocer, "purchase_rhythm")}
    assert {k: p.n_members for k, p in painted.items()} == {"regular": 375, "monthly": 376, "rare": 50}
    assert all(p.traits[0].strength for p in painted.values())


def test_households_are_one_cloud_and_that_is_said(grocer: Project) -> None:
    features = ("days_since_basket", "n_baskets", "basket_mean_amount", "n_coupons")
    with pytest.raises(NotEstimable, match="no stable clusters") as told:
        discover(grocer, DiscoverRequest(features))
    assert len(told.value.facts) == 7

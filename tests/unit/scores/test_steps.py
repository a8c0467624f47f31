"""The step of a customer model on a tiny bank: it learns from the past only, scores, explains, registers, and repeats itself."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.scores.example import model_body
from tests.unit.scores.tiny_bank import FIRST, N_DAYS, bank_tables, contracts, features
from zhike.kernel.definitions import Definition
from zhike.kernel.errors import BadInput
from zhike.profile.build import build_profile
from zhike.scores.definition import ModelDefinition
from zhike.scores.steps import ModelSetting, model_steps
from zhike.warehouse import open_engine
from zhike.warehouse.testing import catalog, run_step

pytestmark = pytest.mark.slow  # whole steps on a real engine, some twenty seconds together

AS_OF = FIRST + timedelta(days=N_DAYS - 1)
BODY = model_body(
    population={"field": "demand_amount", "at_least": 10_000},
    label={
        "zh": "三十天后余额减半",
        "en": "balance halves",
        "horizon_days": 30,
        "rule": {"field": "demand_amount", "at_most": {"field": "demand_amount_at_cutoff", "times": 0.5}},
    },
    cutoffs={"n": 4, "step": "days", "every_days": 30, "history_days": 5},
    features=["age", "tenure_days", "demand_amount", "aum_point_amount", "party_kind"],
    excluded={"sex": {"zh": "受保护属性", "en": "protected"}},
    fairness_by=["sex", "age"],
)


@pytest.fixture(scope="module")
def engine():
    opened = open_engine(threads=2)
    yield opened
    opened.close()


def _steps(models: Path, **changes: Any):
    body = {**BODY, **changes}
    definition = Definition("model", "leaves", body, "models/test.yaml", 1, "hash-of-" + str(sorted(changes)))
    return model_steps(definition, ModelDefinition.model_validate(body), ModelSetting(features(), models))


def _run(engine, models: Path, *, tables=None, as_of: date = AS_OF, previous=None, **changes: Any):
    tables = dict(tables or bank_tables())
    known = contracts()
    profile = build_profile(catalog(engine, tables, known), features(), as_of)
    learn, score = _steps(models, **changes)
    learned = run_step(learn, engine, tables, as_of=as_of, contracts=known, previous=previous)
    now = {
        "profile": engine.fetch(profile).to_pylist(),
        "model_run": {"leaves": learned["model_run", "leaves"].to_pylist()},
    }
    return {**learned, **run_step(score, engine, now, as_of=as_of, contracts=known)}


@pytest.fixture(scope="module")
def first(engine, tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    return models, _run(engine, models)


@pytest.mark.requirement("E1")
def test_each_customer_of_the_population_has_a_probability_a_tenth_and_reasons(first):
    _, written = first
    scores = written[("score_value", "leaves")].to_pylist()
    assert len(scores) > 100
    assert all(0 <= s["score"] <= 1 and 1 <= s["decile"] <= 10 for s in scores)
    assert all(
        s["reason_1"].split("=")[0] in ("age", "demand_amount", "tenure_days", "aum_point_amount") for s in scores
    )
    best = [s["score"] for s in scores if s["decile"] == 1]
    worst = [s["score"] for s in scores if s["decile"] == 10]
    assert min(best) >= max(worst)


def test_the_young_score_higher_since_their_money_leaves(first):
    _, written = first
    scores = written[("score_value", "leaves")].to_pylist()
    ages = {c["customer_id"]: 2025 - c["birth_on"].year for c in bank_tables()["customer"]}
    young = [s["score"] for s in scores if ages[s["customer_id"]] < 30]
    old = [s["score"] for s in scores if ages[s["customer_id"]] > 55]
    assert sum(young) / len(young) > sum(old) / len(old) + 0.2


@pytest.mark.requirement("E6")
def test_the_registry_names_version_definition_data_and_worth(first):
    models, written = first
    (row,) = written[("model_run", "leaves")].to_pylist()
    assert row["is_published"]
    assert row["is_in_use"]
    assert row["first_used_on"] == row["last_used_on"] == AS_OF
    assert row["auc_low"] > 0.5
    assert len(row["cutoffs"].split()) == 4
    assert max(row["cutoffs"].split()) <= (AS_OF - timedelta(days=30)).isoformat()
    folder = models / "leaves" / "versions" / row["model_version"]
    assert {p.name for p in folder.iterdir()} == {"scorer.json", "model.txt", "card.json", "card.md", "card.html"}


def test_health_is_measured_for_the_score_and_every_feature(first):
    _, written = first
    health = {h["feature"]: h for h in written[("model_health", "leaves")].to_pylist()}
    assert set(health) == {"score", "age", "tenure_days", "demand_amount", "aum_point_amount", "party_kind"}
    assert health["age"]["state"] == "stable"


def test_a_second_night_scores_with_the_kept_model_and_keeps_the_registry(engine, first):
    models, written = first
    registry = written[("model_run", "leaves")].to_pylist()
    known = sorted(p.name for p in (models / "leaves" / "versions").iterdir())
    tomorrow = AS_OF - timedelta(days=1)
    again = _run(engine, models, as_of=tomorrow, previous={"model_run": {"leaves": registry}})
    (row,) = again[("model_run", "leaves")].to_pylist()
    assert row["model_version"] == registry[0]["model_version"]
    assert row["first_used_on"] == AS_OF
    assert sorted(p.name for p in (models / "leaves" / "versions").iterdir()) == known


@pytest.mark.slow
def test_learning_anew_elsewhere_gives_the_same_version_and_scores(engine, first, tmp_path):
    _, written = first
    again = _run(engine, tmp_path)
    assert again[("score_value", "leaves")].equals(written[("score_value", "leaves")])


@pytest.mark.slow
def test_facts_after_the_cutoffs_outcome_change_nothing_that_was_learned(engine, first, tmp_path):
    """Whatever happens after the last outcome day cannot reach the model: no look-ahead."""
    _, written = first
    (row,) = written[("model_run", "leaves")].to_pylist()
    last_outcome = date.fromisoformat(max(row["cutoffs"].split())) + timedelta(days=30)
    tables, after = bank_tables(), last_outcome + timedelta(days=1)
    crash = [
        {**b, "on": after, "balance_amount": 1, "recorded_at": datetime(after.year, after.month, after.day, 15)}
        for b in tables["balance_daily"]
        if b["on"] <= last_outcome <= b["until_on"]
    ]
    for b in tables["balance_daily"]:
        if b["on"] <= last_outcome <= b["until_on"]:
            b["until_on"] = last_outcome
    assert after <= AS_OF
    assert len(crash) == 400
    again = _run(engine, tmp_path, tables={**tables, "balance_daily": [*tables["balance_daily"], *crash]})
    assert again[("model_run", "leaves")].to_pylist()[0]["model_version"] == row["model_version"]
    assert again[("score_value", "leaves")].num_rows == 0


@pytest.mark.slow
@pytest.mark.requirement("E1")
def test_an_outcome_that_a_feature_gives_away_is_not_published_until_somebody_has_checked(engine, tmp_path):
    gift = {"label": {"zh": "年轻", "en": "is young", "horizon_days": 30, "rule": {"field": "age", "below": 40}}}
    written = _run(engine, tmp_path, **gift)
    (row,) = written[("model_run", "leaves")].to_pylist()
    assert row["auc"] > 0.9
    assert not row["is_published"]
    assert "suspicious" in row["not_published_en"]
    assert written[("score_value", "leaves")].num_rows == 0
    checked = _run(engine, tmp_path, **gift, leak_checked=True)
    assert checked[("score_value", "leaves")].num_rows > 0
    assert "leak_checked" in checked[("model_run", "leaves")].to_pylist()[0]["doubts_en"]


def test_too_short_a_history_scores_nobody_and_says_why(engine, tmp_path):
    early = FIRST + timedelta(days=60)
    written = _run(engine, tmp_path, as_of=early)
    assert written[("score_value", "leaves")].num_rows == 0
    assert written[("model_health", "leaves")].num_rows == 0
    (row,) = written[("model_run", "leaves")].to_pylist()
    assert not row["is_published"]
    assert "cutoffs" in row["not_published_en"]
    assert "截止日" in row["not_published_zh"]


@pytest.mark.slow
def test_a_model_no_better_than_chance_is_not_published(engine, tmp_path):
    written = _run(engine, tmp_path, features=["tenure_days"])
    (row,) = written[("model_run", "leaves")].to_pylist()
    assert not row["is_published"]
    assert "chance" in row["not_published_en"]
    assert written[("score_value", "leaves")].num_rows == 0


@pytest.mark.slow
@pytest.mark.requirement("E6")
def test_rolling_back_scores_with_the_named_version(engine, first):
    models, written = first
    registry = written[("model_run", "leaves")].to_pylist()
    other = _run(engine, models, previous={"model_run": {"leaves": registry}}, features=["age", "demand_amount"])
    rows = {r["model_version"]: r for r in other[("model_run", "leaves")].to_pylist()}
    old = registry[0]["model_version"]
    assert len(rows) == 2
    assert not rows[old]["is_in_use"]
    back = _run(engine, models, previous={"model_run": {"leaves": list(rows.values())}}, use_version=old)
    assert {r["model_version"] for r in back[("model_run", "leaves")].to_pylist() if r["is_in_use"]} == {old}
    assert back[("score_value", "leaves")].equals(written[("score_value", "leaves")])


def test_a_rule_on_an_unknown_field_fails_before_any_run(tmp_path):
    with pytest.raises(BadInput, match="demand_amont") as caught:
        _steps(tmp_path, population={"field": "demand_amont", "at_least": 1})
    assert "demand_amount" in str(caught.value)

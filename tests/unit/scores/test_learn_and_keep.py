"""Learning over cutoffs, the artifact on disk, reasons, health, fairness, and the card."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.scores.example import FEATURES, bank_rows, model, model_body
from zhike.kernel.definitions import Definition
from zhike.kernel.errors import ContractBroken, NotEstimable, NotFound
from zhike.kernel.terms import Text
from zhike.profile.tables import PROFILE
from zhike.scores.artifact import (
    build_artifact,
    kept_versions,
    open_artifact,
    remember_refusal,
    save_artifact,
    trained_before,
)
from zhike.scores.card import build_card, render_card
from zhike.scores.compiled import compile_model
from zhike.scores.fairness import judge_fairness
from zhike.scores.health import HealthState, learn_reference, measure_health
from zhike.scores.learn import CutoffRows, learn_model
from zhike.scores.reasons import describe_reason, strongest_reasons
from zhike.scores.score import score_rows
from zhike.scores.terms import Rows

START = date(2025, 1, 30)


def _part(i: int, n: int = 1_500, days: int = 30) -> CutoffRows:
    rows = bank_rows(n, seed=100 + i)
    sex = np.random.default_rng(i).choice(["female", "male"], n)
    shares = np.random.default_rng(7).random(n)  # the same customers at every cutoff
    return CutoffRows(
        START + timedelta(days=days * i), rows, shares, pa.table({"sex": sex, "age": np.arange(n) % 60 + 18})
    )


@pytest.fixture(scope="module")
def learned():
    return learn_model(model(), FEATURES, [_part(i) for i in range(4)])


@pytest.mark.requirement("E1")
def test_a_model_is_judged_on_the_last_cutoff_and_learned_from_all_but_the_last(learned):
    assert learned.cutoffs[-1] == START + timedelta(days=90)
    assert learned.evaluation.n_rows == 1_500
    assert learned.n_train == 4_500
    assert learned.evaluation.auc.estimate > 0.75
    assert learned.evaluation.ece < 0.05
    assert learned.importance[0][0] == "balance_amount"


def test_candidates_compete_and_the_first_wins_near_ties():
    parts = [_part(i) for i in range(3)]
    twice = model(learners=[{"learner": "logistic"}, {"learner": "logistic", "settings": {"c": 0.1001}}])
    found = learn_model(twice, FEATURES, parts)
    assert found.scorer.candidate == "logistic"
    assert len(found.tried) == 2
    weak = model(
        learners=[{"learner": "lightgbm", "settings": {"n_trees": 1, "num_leaves": 2}}, {"learner": "logistic"}]
    )
    assert learn_model(weak, FEATURES, parts).scorer.candidate == "logistic"


def test_overlapping_outcome_windows_keep_test_customers_out_of_training():
    found = learn_model(model(), FEATURES, [_part(i, days=10) for i in range(4)])
    assert found.evaluation.n_rows < 1_500 * 0.4
    assert any("overlap" in d.en for d in found.doubts)


def test_two_cutoffs_are_enough_and_say_what_that_costs():
    found = learn_model(model(), FEATURES, [_part(i) for i in range(2)])
    assert any("only two cutoffs" in d.en for d in found.doubts)
    assert found.evaluation.n_rows == 1_500


def test_one_cutoff_gives_no_model():
    empty = CutoffRows(START, bank_rows(0), np.empty(0), pa.table({"sex": pa.array([], pa.string())}))
    with pytest.raises(NotEstimable, match="too_few_cutoffs"):
        learn_model(model(), FEATURES, [empty, _part(1)])


def _artifact(learned, key: str = "leaves"):
    return build_artifact(key, learned.scorer, FEATURES, learned.reference, {"key": key, "note": "测试"})


@pytest.mark.requirement("E6")
def test_an_artifact_opens_and_scores_exactly_as_when_it_was_learned(learned, tmp_path):
    made = _artifact(learned)
    save_artifact(made, tmp_path, {"card.md": "#"}, training_key="t1")
    again = open_artifact(tmp_path, "leaves", made.version)
    later = bank_rows(400, 9)
    assert (again.scorer.score(later) == learned.scorer.score(later)).all()
    assert score_rows(later, again).equals(score_rows(later, made))
    assert again.features == FEATURES
    assert again.reference == learned.reference
    assert trained_before(tmp_path, "leaves", "t1") == made.version
    assert trained_before(tmp_path, "leaves", "t2") is None
    assert kept_versions(tmp_path, "leaves") == (made.version,)


def test_equal_models_have_one_version_and_one_folder(learned, tmp_path):
    for key in ("t1", "t2"):
        save_artifact(_artifact(learned), tmp_path, {}, training_key=key)
    assert len(kept_versions(tmp_path, "leaves")) == 1


def test_that_nothing_could_be_learned_is_remembered_with_its_reason(tmp_path):
    remember_refusal(tmp_path, "leaves", "t1", Text("太少", "too few"))
    assert trained_before(tmp_path, "leaves", "t1") == Text("太少", "too few")


def test_a_changed_file_is_an_error_not_another_score(learned, tmp_path):
    made = _artifact(learned)
    folder = save_artifact(made, tmp_path, {}, training_key="t1")
    text = (folder / "scorer.json").read_text()
    (folder / "scorer.json").write_text(text.replace('"fill": 3.0', '"fill": 4.0', 1))
    with pytest.raises(ContractBroken, match="artifact_changed"):
        open_artifact(tmp_path, "leaves", made.version)


def test_an_unknown_version_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="version_unknown"):
        open_artifact(tmp_path, "leaves", "0" * 16)


def test_only_the_best_scores_are_explained_when_there_are_very_many(learned):
    rows, made = bank_rows(300, 12), _artifact(learned)
    every, best = score_rows(rows, made), score_rows(rows, made, explain_from=0.5)
    assert best.drop_columns([c for c in best.column_names if c.startswith("reason")]).equals(
        every.drop_columns([c for c in every.column_names if c.startswith("reason")])
    )
    for one, other in zip(every.to_pylist(), best.to_pylist(), strict=True):
        assert other["reason_1"] == (one["reason_1"] if one["raw_score"] >= 0.5 else None)


def test_reasons_are_the_largest_contributions_with_value_and_sign():
    rows = Rows(pa.table({"a": [1.25, None], "b": ["x", "y"], "c": [True, False]}))
    found = strongest_reasons(rows, ("a", "b", "c"), np.array([[0.1, -2.0, 0.5], [-0.3, 0.0, 0.0]]))
    assert [k.to_pylist() for k in found.keys] == [["b=x", "a=missing"], ["c=true", None], ["a=1.25", None]]
    assert [e.to_pylist() for e in found.effects] == [[-2.0, -0.3], [0.5, None], [0.1, None]]


def test_reasons_are_said_in_both_languages():
    known = {f.name: f for f in FEATURES}
    assert describe_reason("balance_amount=1250.00", 0.4, known) == "余额 = 1250.00 CNY（推高）"
    assert describe_reason("opened_on=-12", -0.4, known, language="en") == "Opened on 12 days ahead (lowers it)"
    assert describe_reason("has_app=true", 0.1, known) == "手机银行 是（推高）"
    assert describe_reason("n_logins=missing", -0.1, known, language="en") == "Logins is missing (lowers it)"
    assert describe_reason("gone=1", 0.1, {}, language="en") == "gone = 1 (raises it)"


def test_the_same_customers_are_stable_and_moved_ones_are_not(learned):
    coding = learned.scorer.coding
    past = bank_rows(3_000, 5)
    reference = learn_reference(past, coding, learned.scorer.score(past))
    same = {h.feature: h for h in measure_health(past, coding, learned.scorer.score(past), reference)}
    assert all(h.psi == 0 for h in same.values())
    richer = Rows(past.features.set_column(0, "balance_amount", pa.array(past.features.column(0).to_numpy() + 1.5)))
    moved = {h.feature: h for h in measure_health(richer, coding, learned.scorer.score(richer), reference)}
    assert moved["balance_amount"].state is HealthState.SHIFTED
    assert moved["score"].state is HealthState.SHIFTED
    assert moved["city"].state is HealthState.STABLE
    assert same["n_logins"].missing_current_rate == pytest.approx(0.1, abs=0.03)


def test_health_of_nobody_is_nothing(learned):
    assert measure_health(bank_rows(0), learned.scorer.coding, np.empty(0), learned.reference) == ()


def test_groups_are_judged_and_small_ones_are_not():
    generator = np.random.default_rng(2)
    p = generator.random(1_000)
    y = (generator.random(1_000) < p).astype(float)
    groups = pa.table({"sex": ["f"] * 600 + ["m"] * 380 + [None] * 20, "age": [30] * 500 + [70] * 500})
    found = {(g.attribute, g.group): g for g in judge_fairness(groups, p, y, ["sex", "age", "absent"])}
    assert set(found) == {("sex", "f"), ("sex", "m"), ("sex", "missing"), ("age", "25-34"), ("age", "65+")}
    assert found[("sex", "f")].auc > 0.7
    assert found[("sex", "missing")].auc is None
    assert found[("sex", "missing")].observed_rate is None
    selected = sum(g.selected_rate * g.n_rows for k, g in found.items() if k[0] == "sex")
    assert selected == pytest.approx(100, abs=1)


def test_the_card_holds_what_a_reviewer_asks_for(learned):
    body = model_body(population={"field": "age", "above": 3}, label={"zh": "减<半", "en": "halves", "horizon_days": 30, "rule": {"field": "age", "above": 3}}, features=["age"])  # fmt: skip
    compiled = compile_model(
        Definition("model", "leaves", body, "models/own.yaml", 7, "h"),
        model(**{k: v for k, v in body.items() if k != "key"}),
        PROFILE,
    )
    shown = learned.__class__(
        **{**{f: getattr(learned, f) for f in learned.__slots__}, "importance": (("age", 0.4),), "telling": ()}
    )
    card = build_card(compiled, shown, training_key="t", not_published=Text("区间含 0.5", "no better than chance"))
    assert set(card) >= {
        "purpose",
        "population",
        "label",
        "features",
        "left_out",
        "definition",
        "evaluation",
        "fairness",
        "limits",
        "contact",
        "doubts",
    }
    json.dumps(card)
    pages = render_card(card)
    assert "减&lt;半" in pages["card.html"]
    assert "减<半" in pages["card.md"]
    assert "no better than chance" in pages["card.md"]
    assert "models/own.yaml:7" in pages["card.html"]

"""Term-deposit calls of a Portuguese bank in the order of the calls (Moro et al. 2014), without the duration of the call.

Floor measured by others with the same settings: AUC .771, ALIFT .723, 79.7 % of buyers in the best half.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zhike.kernel.definitions import read_definitions
from zhike.kernel.errors import BadInput
from zhike.scores import evaluate_in_order, model_in
from zhike.scores.dataset import read_dataset
from zhike.scores.leaks import choose_features

PROJECT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ZHIKE_REAL_DATA", PROJECT.parent / "shared" / "data")) / "bank_marketing"
pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DATA / "bank-additional.zip").is_file() and os.environ.get("CI", "").lower() != "true",
        reason="the Bank Marketing data set is not beside the project",
    ),
]


@pytest.fixture(scope="module")
def definition():
    return model_in(read_definitions([PROJECT / "examples" / "bank_marketing" / "conf"]), "term_deposit")


@pytest.fixture(scope="module")
def found(definition):
    return evaluate_in_order(definition, DATA)


@pytest.mark.requirement("E1")
def test_the_rolling_window_reaches_the_published_order(found):
    pooled = found.headline.pooled
    assert found.headline.candidate.startswith("lightgbm")
    assert pooled.n_rows == 21_188
    assert pooled.auc.estimate >= 0.76
    assert pooled.alift.estimate >= 0.71
    assert pooled.top_half_capture.estimate >= 0.79


def test_within_windows_the_order_is_far_weaker_and_that_is_said(found):
    assert 0.55 < found.headline.mean_auc_within < 0.65
    assert len(found.headline.windows) == 22


def test_fitted_once_the_model_is_far_weaker_and_the_base_rate_has_moved(found):
    fixed = found.fixed.evaluation
    assert found.fixed.n_train == 28_832
    assert fixed.base_rate_train == pytest.approx(0.056, abs=0.001)
    assert fixed.base_rate == pytest.approx(0.246, abs=0.001)
    assert fixed.auc.estimate < 0.70
    assert any("moved" in d.en for d in fixed.doubts)
    assert len(found.fixed.tried) == 5


def test_the_duration_of_the_call_is_left_out_and_refused_by_name(definition, found):
    assert "duration" not in found.features
    assert [x.feature for x in found.left_out] == ["duration"]
    _, known = read_dataset(definition, DATA)
    with pytest.raises(BadInput, match="duration: known only after the decision"):
        choose_features(definition.model_copy(update={"features": ("age", "duration")}), known)


def test_every_row_is_read(definition):
    rows, _ = read_dataset(definition, DATA)
    assert (rows.n, int(rows.outcomes.sum())) == (41_188, 4_640)

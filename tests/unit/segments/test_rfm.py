"""RFM by hand: fifths by rank with ties alike, eight cells about the means, and customers without any activity."""

import numpy as np
import pytest

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.segments.discovery.rfm import (
    CELL_NAMES,
    MONEY,
    Money,
    choose_column,
    score_fifths,
    score_rfm,
    summarise_cells,
)

NAN = float("nan")


def test_ten_values_fall_into_five_pairs():
    assert score_fifths(np.arange(10.0)).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert score_fifths(np.arange(10.0), is_high_good=False).tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]


def test_equal_values_share_the_score_of_their_mean_rank():
    # ranks 1, then 2-5 share 3.5, then 6-10 share 8: 1 + floor(5 (r - 1/2) / 10)
    assert score_fifths(np.array([0, 1, 1, 1, 1, 2, 2, 2, 2, 2.0])).tolist() == [1, 2, 2, 2, 2, 4, 4, 4, 4, 4]
    assert set(score_fifths(np.full(50, 7.0)).tolist()) == {3}


@pytest.mark.requirement("D6")
def test_the_eight_cells_ask_for_the_good_side_of_the_mean():
    recency = [0, 0, 0, 0, 40, 40, 40, 40, NAN]  # mean 20 of those with activity
    frequency = [9, 9, 1, 1, 9, 9, 1, 1, 0]  # mean 5
    money = [100, 0, 100, 0, 100, 0, 100, 0, 900]  # mean 50: who has no activity does not move it
    rfm = score_rfm(recency, frequency, money, least_active=8)
    assert rfm.limits == (20.0, 5.0, 50.0)
    assert [CELL_NAMES[c].zh for c in rfm.cell] == [
        "重要价值客户", "一般价值客户", "重要发展客户", "一般发展客户", "重要保持客户", "一般保持客户", "重要挽留客户", "一般挽留客户", "无活动客户",
    ]  # fmt: skip
    assert rfm.total[-1] == 0
    assert rfm.total[0] > rfm.total[7]


@pytest.mark.requirement("D6")
def test_customers_and_money_of_the_cells_add_up():
    rng = np.random.default_rng(3)
    r, f, m = rng.integers(0, 90, 400).astype(float), rng.poisson(3, 400).astype(float), rng.lognormal(8, 2, 400)
    r[:60] = NAN
    for cut in ("mean", "median"):
        rfm = score_rfm(r, f, m, cut=cut)
        cells = summarise_cells(rfm, r, f, m)
        assert sum(c.n_customers for c in cells) == 400
        assert sum(c.share_rate for c in cells) == pytest.approx(1)
        assert sum(c.amount for c in cells) == pytest.approx(m.sum())
        assert next(c for c in cells if c.key == "none").n_customers == 60
        assert set(np.unique(rfm.recency[60:])) == {1, 2, 3, 4, 5}


def test_what_is_exactly_at_the_limit_is_on_the_good_side():
    rfm = score_rfm([5.0] * 40, [2.0] * 40, [7.0] * 40)
    assert set(rfm.cell) == {"important_value"}


def test_too_few_with_activity_are_refused():
    with pytest.raises(NotEstimable, match="only 29 customers have any activity"):
        score_rfm([1.0] * 29 + [NAN] * 500, [1.0] * 529, [1.0] * 529)


@pytest.mark.parametrize("recency", [[1.0] * 30, [-1.0] + [1.0] * 30])
def test_malformed_columns_are_refused(recency):
    with pytest.raises(BadInput):
        score_rfm(recency, [1.0] * 31, [1.0] * 31)


def test_money_is_the_first_column_that_the_profile_has():
    assert choose_column(["x", "aum_point_amount"], MONEY[Money.AUM], "M") == "aum_point_amount"
    with pytest.raises(BadInput, match="contribution_amount"):
        choose_column(["x"], MONEY[Money.CONTRIBUTION], "M")

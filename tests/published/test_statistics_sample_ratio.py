"""The worked example of the literature on sample-ratio mismatch."""

import pytest

from zhike.statistics import check_sample_ratio


@pytest.mark.requirement("J1")
def test_the_mismatch_of_kohavi_tang_xu_2020_chapter_21_is_found():
    check = check_sample_ratio([821_588, 815_482], [0.5, 0.5])
    assert check.p_value == pytest.approx(1.8e-6, abs=0.05e-6)
    assert check.is_alert

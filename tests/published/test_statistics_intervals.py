"""Numbers printed in papers on intervals for one rate."""

import pytest

from zhike.statistics import Proportion, wilson_interval


@pytest.mark.requirement("J1")
@pytest.mark.parametrize(
    ("n_hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_limits_of_newcombe_1998a_table_1_method_3(n_hits, n, low, high):
    interval = wilson_interval(Proportion(n, n_hits))
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)

"""Sizes and powers that R prints in the examples of its own help pages."""

import pytest

from zhike.statistics import detectable_mean_difference, detectable_proportion_difference


def test_two_proportions_as_in_the_help_page_of_power_prop_test():
    """``power.prop.test(p1 = .50, p2 = .75, power = .90)`` gives n = 76.7; ``(n = 50, …)`` gives power 0.740."""
    assert detectable_proportion_difference(77, 77, 0.5, power=0.90) < 0.25
    assert detectable_proportion_difference(76, 76, 0.5, power=0.90) > 0.25
    assert detectable_proportion_difference(50, 50, 0.5, power=0.740) == pytest.approx(0.25, abs=2e-4)


def test_two_means_as_in_the_help_page_of_power_t_test():
    """``power.t.test(n = 20, delta = 1, sd = 1)`` gives power 0.8689528; ``(power = .90, delta = 1)`` gives n = 22.02."""
    assert detectable_mean_difference(20, 20, 1.0, power=0.8689528) == pytest.approx(1.0, abs=1e-6)
    assert detectable_mean_difference(23, 23, 1.0, power=0.90) < 1 < detectable_mean_difference(22, 22, 1.0, power=0.90)

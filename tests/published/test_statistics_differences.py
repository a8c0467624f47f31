"""Numbers printed in papers and by reference libraries on differences of two groups."""

import pytest
from scipy import stats

from zhike.statistics import Moments, Proportion, RatioSums, newcombe_difference, ratio_difference, welch_difference

DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


@pytest.mark.requirement("J1")
@pytest.mark.parametrize(
    ("a", "m", "b", "n", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_newcombe_gives_the_limits_of_newcombe_1998b_table_2_method_10(a, m, b, n, low, high):
    difference = newcombe_difference(Proportion(m, a), Proportion(n, b))
    assert (round(difference.low, 4), round(difference.high, 4)) == (low, high)


def test_welch_gives_what_r_prints_for_students_sleep_data():
    difference = welch_difference(Moments.of(DRUG_1), Moments.of(DRUG_2))
    assert difference.freedom == pytest.approx(17.776, abs=5e-4)
    assert difference.p_value == pytest.approx(0.07939, abs=5e-6)
    assert (difference.low, difference.high) == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)


def test_welch_gives_what_gbstats_tests_for_two_large_groups():
    """GrowthBook gbstats, tests/frequentist/test_tests.py: 0.41 ± 3.9 (3407) against 0.70 ± 6.2 (3461)."""

    def of(n, mean, deviation):
        return Moments(n, n * mean, (n - 1) * deviation**2 + n * mean**2)

    difference = welch_difference(of(3461, 0.7, 6.2), of(3407, 0.41, 3.9))
    assert (round(difference.low, 5), round(difference.high, 5)) == (0.04538, 0.53462)
    assert round(difference.p_value, 5) == 0.02016


def test_the_p_value_of_two_rates_is_the_chi_square_of_scipy():
    difference = newcombe_difference(Proportion(70, 56), Proportion(80, 48))
    expected = stats.chi2_contingency([[56, 14], [48, 32]], correction=False).pvalue
    assert difference.p_value == pytest.approx(expected, rel=1e-9)


def test_a_ratio_with_denominator_one_is_welch():
    one, two = [(v, 1.0) for v in DRUG_1], [(v, 1.0) for v in DRUG_2]
    ratio = ratio_difference(RatioSums.of(one), RatioSums.of(two))
    assert (ratio.low, ratio.high, ratio.p_value) == pytest.approx((-3.3654832, 0.2054832, 0.0793941), abs=5e-7)

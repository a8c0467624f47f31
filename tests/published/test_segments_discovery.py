"""Association rules of a textbook basket; Cohen's h of his own table; portraits' delta against scipy's U."""

import numpy as np
import pytest
from scipy import stats

from zhike.segments.discovery.association import AssociationSettings, common_sets, find_associations
from zhike.segments.discovery.portraits import cliff_delta, cohen_h

# Han, Kamber & Pei (2011), "Data Mining", 3rd edition, table 6.1: nine transactions of AllElectronics
BASKETS = ["125", "24", "23", "124", "13", "23", "13", "1235", "123"]
THINGS = {f"I{i}": np.array([str(i) in b for b in BASKETS]) for i in range(1, 6)}


@pytest.mark.requirement("D6")
def test_frequent_sets_of_the_textbook():
    found, is_cut = common_sets(THINGS, n_least=2, most_things=4)
    told = {"".join(sorted(i[1] for i in s)): n for s, n in found.items()}
    assert told == {
        "1": 6, "2": 7, "3": 6, "4": 2, "5": 2, "12": 4, "13": 4, "15": 2, "23": 4, "24": 2, "25": 2, "123": 2, "125": 2,
    }  # fmt: skip
    assert not is_cut


@pytest.mark.requirement("D6")
def test_confidences_of_the_textbook():
    """Example 6.4: {I1,I2} ⇒ I5 50 %, {I1,I5} ⇒ I2 100 %, {I2,I5} ⇒ I1 100 %."""
    settings = AssociationSettings(0, 2, 0, 0, 1)
    rules = {(r.having, r.then): r for r in find_associations(THINGS, settings).rules}
    everything = find_associations({**THINGS}, settings)
    assert everything.n_tested == 2 * 6 + 3 * 2
    assert rules[("I5",), "I1"].confidence == 1.0
    assert rules[("I5",), "I2"].lift == pytest.approx(9 / 7)
    assert rules[("I1", "I2"), "I5"].confidence == 0.5
    assert rules[("I1", "I2"), "I5"].leverage == pytest.approx(2 / 9 - 4 / 9 * 2 / 9)
    table = [[2, 2], [0, 5]]  # who has I1 and I2, who has I5
    assert rules[("I1", "I2"), "I5"].p_value == pytest.approx(stats.fisher_exact(table, alternative="greater")[1])


def test_h_of_cohens_table():
    """Cohen (1988), table 6.2.2: φ(.50) = 1.571, φ(.30) = 1.159, φ(.90) = 2.498."""
    assert cohen_h(50, 100, 30, 100).estimate == pytest.approx(1.571 - 1.159, abs=1e-3)
    assert cohen_h(90, 100, 50, 100).estimate == pytest.approx(2.498 - 1.571, abs=1e-3)


def test_delta_is_the_u_statistic_of_mann_and_whitney():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 20, 70).astype(float), rng.integers(3, 20, 90).astype(float)
    u = stats.mannwhitneyu(x, y).statistic
    assert cliff_delta(x, y).estimate == pytest.approx(2 * u / (70 * 90) - 1)

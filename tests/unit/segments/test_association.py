"""Sets against counting by brute force; rules of chance are not kept; what a shorter rule says is not said again."""

from itertools import combinations

import numpy as np
import pytest

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.segments.discovery.association import AssociationSettings, common_sets, find_associations


def things(n=500, seed=0):
    rng = np.random.default_rng(seed)
    found = {f"t{i}": rng.random(n) < rng.uniform(0.1, 0.6) for i in range(7)}
    found["goes_with_t0"] = found["t0"] ^ (rng.random(n) < 0.05)
    return found


def test_common_sets_are_those_of_brute_force():
    have = things()
    found, is_cut = common_sets(have, n_least=30, most_things=3)
    by_hand = {
        frozenset(names): n
        for size in (1, 2, 3)
        for names in combinations(have, size)
        if (n := int(np.logical_and.reduce([have[x] for x in names]).sum())) >= 30
    }
    assert found == by_hand
    assert not is_cut


@pytest.mark.requirement("D6")
def test_what_goes_together_is_found_and_what_is_chance_is_not():
    found = find_associations(things(), AssociationSettings(false_most=0.001))
    assert {(r.having, r.then) for r in found.rules} == {(("t0",), "goes_with_t0"), (("goes_with_t0",), "t0")}
    assert found.n_tested > 40
    (first, _) = found.rules
    assert first.lift == pytest.approx(first.confidence * first.n / first.n_then)
    assert first.q_value < 1e-20


def test_counting_stops_and_says_so():
    found = find_associations(things(), AssociationSettings(candidates_most=5))
    assert found.is_cut


def test_too_few_customers_and_malformed_flags_are_refused():
    with pytest.raises(NotEstimable):
        find_associations({"a": np.ones(10, dtype=bool), "b": np.ones(10, dtype=bool)})
    with pytest.raises(NotEstimable):
        find_associations({})
    with pytest.raises(BadInput):
        find_associations({"a": np.ones(100, dtype=bool), "b": np.ones(99, dtype=bool)})

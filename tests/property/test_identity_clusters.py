"""Clusters on any records: they partition them, never join contradictions, and do not depend on the order of input."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from zhike.identity.clusters import Clusters, Facts, build_clusters
from zhike.identity.codes import MISSING
from zhike.identity.edges import Edges, concatenate, edges_from_lists
from zhike.identity.inherit import NONE, Inheritance, Register, inherit

MAYBE = st.integers(-1, 2)
MODEL = 9
WEIGHED = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.integers(1, 120)), max_size=12)
BIRTHS = st.sampled_from([MISSING, 19800102, 19800201, 19800103, 19911130])


@dataclass(frozen=True)
class Record:
    name: int
    resident_id: int
    uscc: int
    birth_on: int
    sex: int
    kind: int
    keys: tuple[int, ...]  # one value per rule, MISSING = none


RECORDS = st.lists(
    st.builds(Record, name=st.integers(0, 10**6), resident_id=MAYBE, uscc=MAYBE, birth_on=BIRTHS, sex=st.integers(-1, 1), kind=st.integers(0, 2),
              keys=st.tuples(MAYBE, MAYBE, MAYBE)),
    max_size=12, unique_by=lambda r: r.name,
)  # fmt: skip


def numbered(records: list[Record]) -> list[Record]:
    """Return the records in the order of their names, as the engine numbers them."""
    return sorted(records, key=lambda r: r.name)


def facts_of(records: list[Record]) -> Facts:
    columns = ("resident_id", "uscc", "birth_on", "sex", "kind")
    return Facts(*(np.array([getattr(r, c) for r in records], np.int64) for c in columns))


def stars_of(records: list[Record]) -> Edges:
    shared: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, record in enumerate(records):
        for rule, value in enumerate(record.keys, start=1):
            if value != MISSING:
                shared[(rule, value)].append(number)
    rows = [(points[0], p, rule, k) for k, ((rule, _), points) in enumerate(sorted(shared.items())) for p in points[1:]]
    return edges_from_lists(*([r[i] for r in rows] for i in range(4)))


def weighed_of(records: list[Record], drawn: list[tuple[int, int, int]]) -> Edges:
    """Return edges of a match model between records: (one, other, bits), each pair once."""
    n = len(records)
    found = {(min(a % n, b % n), max(a % n, b % n)): bits / 4 for a, b, bits in drawn if n and a % n != b % n}
    rows = sorted(found.items(), key=lambda f: (-f[1], f[0]))
    left, right = [pair[0] for pair, _ in rows], [pair[1] for pair, _ in rows]
    return edges_from_lists(left, right, [MODEL] * len(rows), list(range(len(rows))), [bits for _, bits in rows])


def groups(records: list[Record], clusters: Clusters) -> set[frozenset[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for record, root in zip(records, clusters.root.tolist(), strict=True):
        found[root].add(record.name)
    return {frozenset(g) for g in found.values()}


def contradict(one: Record, other: Record) -> bool:
    """Two days of birth that cannot be one, or one that may be, of a man and a woman."""
    if MISSING in (one.birth_on, other.birth_on):
        return False
    known_slips = {frozenset((19800102, 19800201)), frozenset((19800102, 19800103))}
    is_one_day = one.birth_on == other.birth_on or frozenset((one.birth_on, other.birth_on)) in known_slips
    return not is_one_day or (MISSING not in (one.sex, other.sex) and one.sex != other.sex)


def pairs(records: list[Record], draw: list[tuple[int, int]]) -> list[tuple[int, int]]:
    n = len(records)
    return sorted({(min(a % n, b % n), max(a % n, b % n)) for a, b in draw if n and a % n != b % n})


@pytest.mark.requirement("B1")
@given(RECORDS, WEIGHED, st.randoms(use_true_random=False))
def test_clusters_partition_the_records_whatever_the_order_of_records_and_edges(
    records: list[Record], weighed: list[tuple[int, int, int]], random: object
) -> None:
    ordered = numbered(records)
    edges = concatenate([stars_of(ordered), weighed_of(ordered, weighed)])
    first = build_clusters(facts_of(ordered), edges)
    assert sorted(itertools.chain.from_iterable(groups(ordered, first))) == [r.name for r in ordered]
    shuffle = list(range(len(edges)))
    random.shuffle(shuffle)  # type: ignore[attr-defined]
    mixed = edges.take(np.array(shuffle, np.int64))
    assert groups(ordered, build_clusters(facts_of(ordered), mixed)) == groups(ordered, first)


@pytest.mark.requirement("B2")
@settings(max_examples=examples(300))
@given(
    RECORDS,
    WEIGHED,
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=3),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=3),
)
def test_no_cluster_holds_two_document_numbers_and_overrides_hold(
    records: list[Record],
    weighed: list[tuple[int, int, int]],
    merge: list[tuple[int, int]],
    split: list[tuple[int, int]],
) -> None:
    ordered = numbered(records)
    merges, splits = pairs(ordered, merge), pairs(ordered, split)
    if set(merges) & set(splits):
        merges = []
    edges = concatenate([stars_of(ordered), weighed_of(ordered, weighed)])
    clusters = build_clusters(facts_of(ordered), edges, merges=merges, splits=splits)
    members: dict[int, list[Record]] = defaultdict(list)
    for record, root in zip(ordered, clusters.root.tolist(), strict=True):
        members[root].append(record)
    for group in members.values():
        for column in ("resident_id", "uscc"):
            assert len({getattr(r, column) for r in group} - {MISSING}) <= 1
        if not merges:
            assert not any(contradict(a, b) for a, b in itertools.combinations(group, 2))
            assert not {0, 2} <= {r.kind for r in group}
    assert all(clusters.root[a] != clusters.root[b] for a, b in splits)
    for left, right in zip(clusters.used.left.tolist(), clusters.used.right.tolist(), strict=True):
        assert clusters.root[left] == clusters.root[right]


@given(RECORDS, WEIGHED, st.integers(2, 6))
def test_no_cluster_grows_beyond_its_limit_but_by_numbers_of_the_person_itself(
    records: list[Record], weighed: list[tuple[int, int, int]], largest: int
) -> None:
    ordered = [
        Record(r.name, MISSING, MISSING, MISSING, MISSING, 0, (MISSING, MISSING, r.keys[2])) for r in numbered(records)
    ]
    edges = concatenate([stars_of(ordered), weighed_of(ordered, weighed)])
    clusters = build_clusters(facts_of(ordered), edges, largest=largest)
    assert all(len(g) <= largest for g in groups(ordered, clusters))
    numbers = [Record(r.name, MISSING, MISSING, MISSING, MISSING, 0, (*r.keys[:2], MISSING)) for r in numbered(records)]
    free = build_clusters(facts_of(numbers), stars_of(numbers), largest=largest)
    assert groups(numbers, free) == groups(numbers, build_clusters(facts_of(numbers), stars_of(numbers)))


@given(RECORDS)
def test_records_without_contradiction_are_joined_exactly_when_keys_connect_them(records: list[Record]) -> None:
    ordered = [Record(r.name, MISSING, MISSING, MISSING, MISSING, 0, r.keys) for r in numbered(records)]
    clusters = build_clusters(facts_of(ordered), stars_of(ordered))
    connected = [{i} for i in range(len(ordered))]
    for i, j in itertools.combinations(range(len(ordered)), 2):
        if any(a == b != MISSING for a, b in zip(ordered[i].keys, ordered[j].keys, strict=True)):
            one, other = (next(g for g in connected if x in g) for x in (i, j))
            if one is not other:
                connected.remove(other)
                one |= other
    assert groups(ordered, clusters) == {frozenset(ordered[i].name for i in g) for g in connected}


def register_after(before: Register, result: Inheritance) -> Register:
    """Return the register as the next run reads it; record numbers do not change here."""
    numbers = np.concatenate([before.customer_no, result.created_no])
    founder = np.concatenate([before.founder, result.created_root])
    generation = np.concatenate([before.generation, result.created_generation])
    return Register(numbers, founder, generation, np.isin(numbers, result.customer_no))


@pytest.mark.requirement("B2")
@settings(max_examples=examples(300))
@given(st.lists(st.lists(st.integers(0, 5), min_size=8, max_size=8), min_size=1, max_size=6))
def test_ids_are_never_given_to_two_clusters_and_returning_to_a_former_grouping_needs_no_third_id(
    runs: list[list[int]],
) -> None:
    register, previous = Register.empty(), np.full(8, NONE, np.int64)
    founded: dict[tuple[int, int], int] = {}
    for labels in runs:
        root = np.array([labels.index(x) for x in labels], np.int64)
        result = inherit(root, previous, register)
        by_root = {(r, n) for r, n in zip(root.tolist(), result.customer_no.tolist(), strict=True)}
        assert len(by_root) == len(set(root.tolist())) == len(set(result.customer_no.tolist()))
        for number, founder, generation in zip(
            result.created_no.tolist(), result.created_root.tolist(), result.created_generation.tolist(), strict=True
        ):
            assert (founder, generation) not in founded
            founded[(founder, generation)] = number
        register = register_after(register, result)
        previous = result.customer_no
        again = inherit(root, previous, register)
        assert (again.customer_no == previous).all()
        assert len(again.created_no) == 0


@pytest.mark.requirement("B2")
@given(st.lists(st.integers(0, 5), min_size=8, max_size=8), st.integers(0, 7), st.integers(0, 7))
def test_a_merge_that_is_undone_restores_every_id(labels: list[int], one: int, other: int) -> None:
    root = np.array([labels.index(x) for x in labels], np.int64)
    first = inherit(root, np.full(8, NONE, np.int64), Register.empty())
    register = register_after(Register.empty(), first)
    joined = np.array([labels[one] if x == labels[other] else x for x in labels])
    merged_root = np.array([joined.tolist().index(x) for x in joined.tolist()], np.int64)
    merged = inherit(merged_root, first.customer_no, register)
    register = register_after(register, merged)
    undone = inherit(root, merged.customer_no, register)
    assert (undone.customer_no == first.customer_no).all()

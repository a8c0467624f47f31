"""The match model: its levels mean one thing in three forms, its file says what is wrong with it, its thresholds keep a promise."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from zhike.identity import IdentitySettings, MatchModel, read_match_models
from zhike.identity.fitting import fit_model
from zhike.identity.matching import Comparison, Level, probability
from zhike.identity.matching.calibrate import Bin, thresholds
from zhike.identity.matching.definition import KIND, body_of, rounded
from zhike.identity.matching.levels import KINDS
from zhike.identity.resolve import resolve_records
from zhike.identity.standardise import standardised, versions_as_of
from zhike.kernel.definitions import Definition
from zhike.kernel.errors import BadInput
from zhike.simulator import draw_linkage_set
from zhike.warehouse import Engine, open_engine

TEXTS = [
    "张伟明", "张维明", "张伟", "张", "欧阳娜娜", "一二三四五六", "ZHANG WEI", "ZHANGWEI", "19800102", "19800201", "19800103", "19801231", "a", "ab", "abc",
    "+8613912345679", "+8613912345678",
]  # fmt: skip
SIZES = {"edits": 2, "one_character": 3, "prefix": 4, "suffix": 2, "inside": 2}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_level_means_the_same_for_tables_for_two_records_and_for_splink(engine: Engine, kind: str) -> None:
    texts = [t for t in TEXTS if t.isascii()] if kind == "edits" else TEXTS
    texts = [t for t in texts if len(t) == 8 and t.isdigit()] if kind == "swapped_day_month" else texts
    pairs = list(itertools.product(texts, repeat=2))
    level, size = KINDS[kind], SIZES.get(kind, 0)
    said = [level.pair(a, b, size) for a, b in pairs]
    rows = pa.table({"i": range(len(pairs)), "x_l": [a for a, _ in pairs], "x_r": [b for _, b in pairs]})
    with engine.holding("pairs", rows) as table:
        left, right = {"x": table.x_l}, {"x": table.x_r}
        by_table = engine.fetch(table.select("i", met=level.table(left, right, "x", size)).order_by("i"))  # type: ignore[arg-type]
    assert by_table["met"].to_pylist() == said
    found = duckdb.connect().execute(f"SELECT {level.sql('x', size)} FROM rows ORDER BY i").fetchall()
    assert [row[0] for row in found] == said
    assert True in said
    assert False in said


def test_one_character_is_told_by_characters_and_not_by_bytes() -> None:
    same = KINDS["one_character"].pair
    assert same("张伟明", "张维明", 3)
    assert not same("张伟", "张威", 3)
    assert not same("张伟明", "张明伟", 3)


def record(**values: Any) -> dict[str, Any]:
    names = ("name_key", "sound", "family", "born", "mobile", "email", "door", "region", "sex")
    return {**dict.fromkeys(names), **values}


def test_the_evidence_of_two_records_adds_up_to_their_weight(person_model: MatchModel) -> None:
    one = record(name_key="张伟", sound="WEI ZHANG", family="张", born="19800102", mobile="+8613912345679")
    other = record(name_key="张威", sound="WEI ZHANG", family="张", born="19800201", sex="male")
    evidence = {e.comparison: e for e in person_model.compare(one, other)}
    assert {n: e.level for n, e in evidence.items()} == {
        "name": "same_sound", "birth": "swapped", "mobile": "missing", "email": "missing", "place": "missing", "region": "missing", "sex": "missing",
    }  # fmt: skip
    weight = person_model.weight(tuple(evidence.values()))
    assert weight == pytest.approx(person_model.prior_weight + evidence["name"].weight + evidence["birth"].weight)
    assert probability(weight) == pytest.approx(2**weight / (1 + 2**weight))
    assert person_model.automatic_from(tuple(evidence.values())) == 14
    assert person_model.compare(other, one)[0].weight == evidence["name"].weight


def test_a_common_name_is_worth_less_than_a_rare_one() -> None:
    names = Comparison(
        "name",
        (Level("equal", "equal", "name_key", m=0.9, u=1e-4), Level("different", "else", m=0.1, u=0.9999)),
        {"张伟": 1e-2},
        1e-5,
    )
    model = MatchModel("m", ("person",), 1e-5, (names,), (("name_key",),), "name", 0.0)
    common, rare = (model.compare({"name_key": n}, {"name_key": n})[0] for n in ("张伟", "厍狄"))
    assert common.weight == rare.weight
    assert common.rarity == pytest.approx(-6.64, abs=0.01)
    assert rare.rarity == pytest.approx(3.32, abs=0.01)


def definition(body: dict[str, Any]) -> Definition:
    return Definition(KIND, "person", body, "person.yaml", 1, "hash")


def test_a_model_is_written_as_it_is_read(person_model: MatchModel) -> None:
    assert rounded(person_model) == person_model
    assert read_match_models([definition(body_of(person_model))]) == (person_model,)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"gate": "nose"}, "gate"),
        ({"prior": 0}, "prior"),
        ({"blocks": [["nonsense"]]}, "nonsense"),
        ({"comparisons": {"name": {"levels": [{"level": "a", "kind": "equal", "column": "name_key", "m": 0.5, "u": 0.5}] * 2}}}, "else"),
        ({"comparisons": {"name": {"levels": [{"level": "a", "kind": "bytes", "column": "name_key", "m": 0.5, "u": 0.5}, {"level": "b", "kind": "else", "m": 1, "u": 1}]}}}, "bytes"),
        ({"extra": 1}, "extra"),
    ],
)  # fmt: skip
def test_a_model_that_is_malformed_says_where(person_model: MatchModel, change: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput) as error:
        read_match_models([definition({**body_of(person_model), **change})])
    assert told in str(error.value.findings)


def test_thresholds_take_the_surest_bins_until_the_promise_would_break() -> None:
    bins = [Bin("equal", w, 100, 50, 50, p) for w, p in ((20.0, 1.0), (10.0, 0.9999), (5.0, 0.985), (0.0, 0.6))]
    assert thresholds(bins, precision=0.9997) == {"equal": 10.0}
    assert thresholds(bins, precision=0.99) == {"equal": 5.0}
    assert thresholds(bins, precision=0.6) == {"equal": 5.0}, "nobody is linked by evidence that errs so often"
    assert thresholds([], precision=0.9997) == {}


def test_a_cautious_level_links_only_where_known_pairs_say_so() -> None:
    few = [Bin("one_character", 30.0, 10, 2, 2, 1.0)]
    many = [
        Bin("one_character", 30.0, 10, 8, 8, 1.0),
        Bin("one_character", 20.0, 10, 9, 9, 1.0),
        Bin("one_character", 10.0, 10, 9, 5, 0.6),
    ]
    bulk = [Bin("equal", 30.0, 10_000, 5_000, 5_000, 1.0)]
    cautious = {"one_character"}
    assert thresholds(bulk + few, precision=0.9997, cautious=cautious) == {"equal": 30.0}
    assert thresholds(bulk + few, precision=0.9997) == {"equal": 30.0, "one_character": 30.0}
    assert thresholds(bulk + many, precision=0.9997, cautious=cautious) == {"equal": 30.0, "one_character": 20.0}


@pytest.mark.slow
@pytest.mark.requirement("B1")
def test_a_fitted_model_joins_a_bank_as_promised_and_one_that_nobody_tuned(person_model: MatchModel) -> None:
    for n_persons, seed in ((6_900, 1), (6_900, 77)):
        drawn = draw_linkage_set(n_persons, seed)
        opened, limits = open_engine(threads=2), IdentitySettings()
        as_of = limits.as_of(date(2025, 12, 31))
        with opened.holding("parties", drawn.records) as parties:
            versions = standardised(opened, versions_as_of(parties, as_of))
        fitted = fit_model(opened, versions, person_model, as_of=as_of.on)
        found = resolve_records(opened, versions, settings=limits, models=[fitted.model])
        opened.close()
        precision, recall = pairwise(found.clusters.root.tolist(), truth_of(drawn.truth))
        assert precision >= 0.9995
        assert 2 * precision * recall / (precision + recall) >= 0.985  # .99 at 100 thousand, see docs/benchmarks.md


def truth_of(truth: pa.Table) -> list[int]:
    ordered: list[int] = truth.sort_by([("source", "ascending"), ("source_key", "ascending")])["person"].to_pylist()
    return ordered


def pairwise(found: list[int], truth: list[int]) -> tuple[float, float]:
    def n_pairs(labels: list[Any]) -> int:
        counts: dict[Any, int] = {}
        for label in labels:
            counts[label] = counts.get(label, 0) + 1
        return sum(n * (n - 1) // 2 for n in counts.values())

    both = n_pairs(list(zip(found, truth, strict=True)))
    return both / n_pairs(found), both / n_pairs(truth)


def test_too_few_records_are_not_learned_from(engine: Engine, person_model: MatchModel) -> None:
    drawn, limits = draw_linkage_set(50, 1), IdentitySettings()
    as_of = limits.as_of(date(2025, 12, 31))
    with engine.holding("parties", drawn.records) as parties:
        versions = standardised(engine, versions_as_of(parties, as_of))
    with pytest.raises(BadInput, match="too few"):
        fit_model(engine, versions, replace(person_model), as_of=as_of.on)

"""One customer, one id on both engines: Spark and DuckDB make the same clusters, and Spark's Splink learns a model that works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from zhike.identity import IdentitySettings, MatchModel, read_match_models
from zhike.identity.fitting import fit_model
from zhike.identity.resolve import Resolved, resolve_records
from zhike.identity.standardise import standardised, versions_as_of
from zhike.kernel.definitions import read_definitions
from zhike.pipeline.project import standard_pack
from zhike.simulator import draw_linkage_set
from zhike.warehouse import QueryEngine, open_engine
from zhike.warehouse.spark import open_spark_engine

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
AS_OF = date(2025, 12, 31)
LIMITS = IdentitySettings()


@pytest.fixture(scope="module")
def spark() -> Iterator[QueryEngine]:
    opened = open_spark_engine()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def duckdb() -> Iterator[QueryEngine]:
    opened = open_engine(threads=2)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def models() -> Sequence[MatchModel]:
    return read_match_models(read_definitions([standard_pack()]).definitions)


def resolved(engine: QueryEngine, records: pa.Table, models: Sequence[MatchModel]) -> Resolved:
    with engine.holding("parties", records) as parties:
        versions = standardised(engine, versions_as_of(parties, LIMITS.as_of(AS_OF)), LIMITS.placeholder_birth_on)
    return resolve_records(engine, versions, settings=LIMITS, models=models)


@pytest.mark.requirement("L1")
def test_both_engines_make_the_same_clusters_of_a_hundred_thousand_records(
    spark: QueryEngine, duckdb: QueryEngine, models: Sequence[MatchModel]
) -> None:
    records = draw_linkage_set(69_000, 1).records
    assert records.num_rows > 99_000
    ours, theirs = resolved(duckdb, records, models), resolved(spark, records, models)
    assert np.array_equal(ours.clusters.root, theirs.clusters.root)
    pairs = ["left_record", "right_record", "is_automatic"]
    assert ours.weighed.num_rows > 1_000
    assert ours.weighed.select(pairs).equals(theirs.weighed.select(pairs))
    assert ours.weighed["weight"].to_pylist() == pytest.approx(theirs.weighed["weight"].to_pylist(), abs=2e-4)


@pytest.mark.requirement("L1")
def test_a_model_learned_on_spark_is_the_model_learned_on_duckdb_within_chance(
    spark: QueryEngine, duckdb: QueryEngine, models: Sequence[MatchModel]
) -> None:
    records = draw_linkage_set(13_800, 3).records
    person = next(m for m in models if m.key == "person")
    found = []
    for engine in (duckdb, spark):
        with engine.holding("parties", records) as parties:
            versions = standardised(engine, versions_as_of(parties, LIMITS.as_of(AS_OF)))
        found.append(fit_model(engine, versions, person, as_of=AS_OF).model)
    for one, other in zip(*(m.comparisons for m in found), strict=True):
        for a, b in zip(one.levels, other.levels, strict=True):
            assert a.m == pytest.approx(b.m, abs=0.01), (one.name, a.name)
            assert a.u == pytest.approx(b.u, rel=0.5, abs=2e-4), (one.name, a.name)

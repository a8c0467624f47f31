"""The same two nights on DuckDB and on Spark publish the same tables: keys and words exactly, numbers to 1e-9."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.long.nights import LAST_DAY, Place, make_place, night, started
from zhike.profile.tables import OWNS as PROFILE
from zhike.segments.tables import OWNS as SEGMENTS
from zhike.warehouse.manifest import Manifest

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]
DAYS = ("2025-06-29", LAST_DAY.isoformat())
ON_SPARK = ("profile", "tag_value", "tag_health", "segment_member", "segment_change", "segment_health")


@dataclass(frozen=True, slots=True)
class Both:
    """The same project and bank, run night by night on either engine."""

    duckdb: Place
    spark: Place

    def places(self) -> dict[str, Place]:
        """Return the places by the engine that ran there."""
        return {"duckdb": self.duckdb, "spark": self.spark}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("engines")
    first = make_place(folder, n_customers=200, n_days=400)
    found = Both(first, first.copy(folder / "on-spark"))
    for engine, place in found.places().items():
        for day in DAYS:
            with started(place, *night(place, day), "--engine", engine) as process:
                _, errors = process.communicate(timeout=1500)
            assert process.returncode == 0, (engine, day, errors[-3000:])
    yield found
    shutil.rmtree(folder, ignore_errors=True)


def read(place: Place, manifest: Manifest, table: str) -> pa.Table:
    entries = [e for (name, _), e in sorted(manifest.entries.items()) if name == table]
    return pa.concat_tables([pq.read_table(p) for e in entries for p in place.warehouse.paths(e)])


def is_close(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return type(one) is type(other) and one == other


def differences(ours: pa.Table, theirs: pa.Table, key: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Return (key, column, one value, the other) of what differs; rows that only one has by their key alone."""
    assert ours.schema.equals(theirs.schema), (ours.schema, theirs.schema)
    mine, others = ({tuple(row[k] for k in key): row for row in t.to_pylist()} for t in (ours, theirs))
    assert (len(mine), len(others)) == (ours.num_rows, theirs.num_rows)
    found: list[tuple[Any, ...]] = [(k,) for k in mine.keys() ^ others.keys()]
    for k in mine.keys() & others.keys():
        found += [(k, c, v, others[k][c]) for c, v in mine[k].items() if not is_close(v, others[k][c])]
    return found


@pytest.mark.requirement("L1")
@pytest.mark.parametrize("table", [c.name for c in (*PROFILE, *SEGMENTS) if c.name in ON_SPARK])
@pytest.mark.parametrize("number", [1, 2])
def test_both_engines_publish_the_same_rows(both: Both, table: str, number: int) -> None:
    manifests = {e: p.warehouse.manifest(number) for e, p in both.places().items()}
    assert manifests["duckdb"].as_of == manifests["spark"].as_of
    ours, theirs = (read(p, manifests[e], table) for e, p in both.places().items())
    assert ours.num_rows or (table, number) == ("segment_change", 1)
    (contract,) = (c for c in (*PROFILE, *SEGMENTS) if c.name == table)
    assert differences(ours, theirs, contract.key)[:10] == []


@pytest.mark.requirement("L1")
def test_what_follows_from_tables_of_spark_is_the_same_in_every_table(both: Both) -> None:
    manifests = {e: p.warehouse.manifest(2) for e, p in both.places().items()}
    mine, others = ({k: e.n_rows for k, e in m.entries.items()} for m in manifests.values())
    assert mine == others


@pytest.mark.requirement("L1")
def test_the_results_say_which_step_ran_on_which_engine(both: Both) -> None:
    results = sorted((both.spark.state / "runs").glob("*/run_results.json"))
    steps = {s["key"]: s for r in results for s in json.loads(r.read_text(encoding="utf-8"))["steps"]}
    assert {s["engine"] for s in steps.values() if s["state"] == "ran"} == {"duckdb", "spark"}
    for key, step in steps.items():
        if step["state"] == "ran" and key.split(":")[0] in ("profile", "tag", "tag_health", "segment"):
            assert step["engine"] == "spark", key
    plain = sorted((both.duckdb.state / "runs").glob("*/run_results.json"))
    assert {s["engine"] for r in plain for s in json.loads(r.read_text(encoding="utf-8"))["steps"]} <= {"duckdb", ""}

"""The benches' peers as oracles: SQL written by hand, knowing nothing of ours, gives the same tables on a simulated bank."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

BENCH = Path(__file__).parents[2] / "bench"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for banks and results, with the modules of ``bench/`` importable."""
    sys.path.insert(0, str(BENCH))
    yield tmp_path_factory.mktemp("bench")
    sys.path.remove(str(BENCH))


def checked(bench: str, folder: Path) -> dict[str, int]:
    """Have a bench prove equality on a small bank, as its reader would; return how many rows of each table were equal."""
    asked = ["--check", "--customers", "600", "--transactions", "12000", "--folder", str(folder)]
    ended = subprocess.run(
        [sys.executable, str(BENCH / f"{bench}.py"), *asked], capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, ended.stderr
    rows: dict[str, int] = json.loads(ended.stdout)["equal_rows"]
    return rows


def test_ingest_gives_what_hand_written_sql_gives(folder: Path) -> None:
    rows = checked("ingest", folder)
    assert rows["transaction"] > 10_000
    assert rows["quarantine"] > 20


def test_profile_tags_and_segments_are_what_hand_written_sql_gives(folder: Path) -> None:
    rows = checked("features", folder)
    assert rows["profile of 2025-06-30"] > 600
    assert rows["segment_change of 2025-06-30"] > 20
    assert rows["tag_health of 2025-06-30"] == rows["segment_health of 2025-06-30"] == 12


def test_one_cell_or_row_that_differs_is_told(folder: Path) -> None:
    from equality import Unequal, compare_tables, require_equal

    con = duckdb.connect()
    rows = "FROM (VALUES ('a', 1, NULL), ('b', 2, 'x'), ('c', 3, 'y')) t(k, n, s)"
    changes = {"same": "*", "cell": "* REPLACE (CASE WHEN k = 'b' THEN 9 ELSE n END AS n)"}
    for name, columns in changes.items():
        con.execute(f"COPY (SELECT {columns} {rows}) TO '{folder}/{name}.parquet'")
    con.execute(f"COPY (SELECT * {rows} WHERE k <> 'c') TO '{folder}/row.parquet'")
    ours = [folder / "same.parquet"]
    assert compare_tables(con, "t", ours, ours, key=("k",)).is_equal
    for name, told in (("cell", "cells {'n': 1}"), ("row", "1 in one only")):
        with pytest.raises(Unequal, match=told):
            require_equal([compare_tables(con, "t", ours, [folder / f"{name}.parquet"], key=("k",))])

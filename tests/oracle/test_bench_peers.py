"""The benches' peers as oracles: SQL written by hand, knowing nothing of ours, gives the same tables on a simulated bank."""

from __future__ import annotations

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


def test_ingest_gives_what_hand_written_sql_gives(folder: Path) -> None:
    import ingest
    from bank import Size, draw_bank
    from equality import require_equal

    bank = draw_bank(Size(600, 12_000), folder)
    for side in ("ours", "peer"):
        ingest.do_work(side, bank, folder / side)
    rows = require_equal(ingest.compare_outputs(folder / "ours", folder / "peer"))
    assert rows["transaction"] > 10_000
    assert rows["quarantine"] > 20


def test_profile_tags_and_segments_are_what_hand_written_sql_gives(folder: Path) -> None:
    from bank import Size
    from features import Bench

    rows = Bench(Size(600, 12_000), folder).prove()
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

"""SQL as it goes to Spark: doubles are written as doubles, the rest is as it was."""

from __future__ import annotations

import pytest

from zhike.warehouse.spark_sql import with_doubles


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("SELECT cast(0.000001234567890123456789 AS double) AS a", "SELECT 0.000001234567890123456789D AS a"),
        ("SELECT try_cast(3 AS float8) AS a", "SELECT 3D AS a"),
        ("SELECT cast('Infinity' AS double) AS a", "SELECT CAST('Infinity' AS DOUBLE) AS a"),
        ("SELECT cast(x AS double) AS a, cast(3 AS int) AS b FROM t", "SELECT CAST(x AS DOUBLE) AS a, CAST(3 AS INT) AS b FROM t"),
    ],
)  # fmt: skip
def test_only_numbers_cast_to_double_are_written_otherwise(written: str, sent: str) -> None:
    assert " ".join(with_doubles(written).split()) == sent

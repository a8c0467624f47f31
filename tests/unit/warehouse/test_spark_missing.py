"""Who asks for Spark where it is not installed is told what to install."""

from __future__ import annotations

import pytest

from zhike.kernel.errors import Unavailable
from zhike.warehouse.spark import open_spark_engine


@pytest.mark.requirement("L1")
def test_without_java_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(Unavailable, match="zhike") as caught:
        open_spark_engine()
    assert caught.value.code == "warehouse.spark_missing"

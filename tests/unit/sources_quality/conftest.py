"""Literal tables and a real engine for reconciliation and quality."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest

from zhike.sources.tables import OWNS
from zhike.warehouse import Contract, Engine, open_engine

CONTRACTS: dict[str, Contract] = {c.name: c for c in OWNS}
DAY = date(2025, 3, 1)
MOMENT = datetime(2025, 1, 1, 12)
Row = dict[str, Any]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    opened = open_engine(threads=2, memory="1GB")
    yield opened
    opened.close()

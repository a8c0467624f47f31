"""One engine for all tests of decision."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from zhike.warehouse import Engine, open_engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine on one thread."""
    opened = open_engine(threads=1)
    yield opened
    opened.close()

"""How hard property tests try: in full everywhere, with a fifth of the examples in ``make test-quick``."""

from __future__ import annotations

import gc

import pytest
from hypothesis import settings

settings.register_profile("quick", max_examples=20)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the collector what imports and collection made: it stays for good, and expressions are made of many objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)

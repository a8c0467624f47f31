"""How hard property tests try: in full everywhere, with a fifth of the examples in ``make test-quick``."""

from __future__ import annotations

import gc

import pytest
from hypothesis import settings

# No deadlines: how long an example takes on a busy machine says nothing about it.
settings.register_profile("full", settings(), deadline=None)
settings.register_profile("quick", settings(), deadline=None, max_examples=20)
settings.load_profile("full")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the collector what imports and collection made: it stays for good, and expressions are made of many objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)

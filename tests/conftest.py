"""How hard property tests try: in full everywhere, with a fifth of the examples in ``make test-quick``.

A forked worker that is still at work shortly before its test's time is over says where (in the test's captured stderr).
"""

from __future__ import annotations

import faulthandler
import gc
import os

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


SECONDS_BEFORE_TELLING = 270  # of the 300 that a test is given

os.register_at_fork(after_in_child=lambda: faulthandler.dump_traceback_later(SECONDS_BEFORE_TELLING, file=2))

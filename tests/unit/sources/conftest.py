from pathlib import Path

import pytest

from tests.unit.sources.delivery import Delivery


@pytest.fixture
def bank(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)

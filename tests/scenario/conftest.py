"""A bank that has published one night, made once per process and copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenario.commands import Commands, open_commands
from tests.scenario.tiny_bank import FIRST_NIGHT, Bank, copy, fill


@pytest.fixture(scope="session")
def zhike() -> Iterator[Commands]:
    with open_commands() as commands:
        yield commands


@pytest.fixture(scope="session")
def published_bank(zhike: Commands, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = tmp_path_factory.mktemp("published") / "bank"
    made = zhike("init", str(folder), "--name", "Tiny Bank", folder=folder.parent)
    assert made.code == 0, made.err
    bank = fill(folder)
    done = zhike("run", "--as-of", FIRST_NIGHT, "--quiet", "--json", folder=folder)
    assert done.code == 0, done.err
    return bank


@pytest.fixture
def bank(published_bank: Bank, tmp_path: Path) -> Bank:
    return copy(published_bank, tmp_path / "bank")

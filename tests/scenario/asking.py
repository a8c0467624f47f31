"""What officers' stories at the command line do again and again: run a night, ask ``zhike identity``, be refused."""

from __future__ import annotations

from typing import Any

from tests.scenario.commands import Commands
from tests.scenario.tiny_bank import Bank


def run(zhike: Commands, bank: Bank, night: str) -> None:
    """Run a night, which succeeds."""
    done = zhike("run", "--as-of", night, "--quiet", "--json", folder=bank.folder)
    assert done.code == 0, done.err


def ask(zhike: Commands, bank: Bank, *words: str) -> Any:
    """Return what ``zhike identity WORDS --json`` answers."""
    told = zhike("identity", *words, "--json", folder=bank.folder)
    assert told.code == 0, told.err
    return told.json


def refused(zhike: Commands, bank: Bank, *words: str) -> str:
    """Return the code of the error with which ``zhike identity WORDS`` is refused."""
    told = zhike("identity", *words, "--json", folder=bank.folder)
    assert told.code == 2, told.err
    return str(told.json["error"]["code"])


__all__ = ["ask", "refused", "run"]

"""Table contracts: what a table holds, said once, and kept by every writer.

A contract names columns, types, units, keys, references, personal-data class and meaning in both languages. Each package
declares in its ``tables.py`` the contracts it ``OWNS`` and what it ``READS``; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import ibis.expr.datatypes as dt


class Kind(StrEnum):
    """What a value is; each has one physical type on every engine."""

    TEXT = "text"
    CODE = "code"  # text from a closed or documented list
    INTEGER = "integer"
    AMOUNT = "amount"  # DECIMAL(18,2) in the base currency
    RATE = "rate"  # double in [0, 1] unless said otherwise, rounded to 6 places
    NUMBER = "number"  # double, rounded to 6 places
    FLAG = "flag"
    DAY = "day"  # business date
    MOMENT = "moment"  # UTC timestamp without zone


class Personal(StrEnum):
    """Personal-data class; direct identifiers live only in tables of sources, identity and channels."""

    NONE = "none"
    QUASI = "quasi"  # describes a person, identifies only in combination
    DIRECT = "direct"  # name, number, address: identifies alone
    SENSITIVE = "sensitive"  # PIPL art. 28: financial accounts, health, minors ...


DATATYPES: dict[Kind, dt.DataType] = {
    Kind.TEXT: dt.string,
    Kind.CODE: dt.string,
    Kind.INTEGER: dt.int64,
    Kind.AMOUNT: dt.Decimal(18, 2),
    Kind.RATE: dt.float64,
    Kind.NUMBER: dt.float64,
    Kind.FLAG: dt.boolean,
    Kind.DAY: dt.date,
    Kind.MOMENT: dt.timestamp,
}
ROUND_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract.

    ``required`` forbids missing values; ``minimum``/``maximum`` bound numbers and ISO days; ``allowed`` closes a code
    list; ``references`` is ``table.column`` whose values must exist; ``known_on`` names the moment the value becomes known
    relative to the decision it may feed (``before`` or ``after``): models refuse columns known only after.
    """

    name: str
    kind: Kind
    zh: str
    en: str
    required: bool = False
    unit: str = ""
    personal: Personal = Personal.NONE
    minimum: float | str | None = None
    maximum: float | str | None = None
    allowed: tuple[str, ...] = ()
    references: str = ""
    known_on: str = "before"


@dataclass(frozen=True, slots=True)
class Contract:
    """One table: who owns it, its key, its columns, and the column by which it is dated.

    ``dated_by`` is the business-date column that an as-of reader filters on ("" for undated tables, which give relations,
    never features). ``partitioned_by`` says how a table is written in parts: by ``definition``, by ``batch`` (every run names all
    of them), as a ``log`` (parts of earlier days stay); "" when it is written whole.
    """

    name: str
    owner: str
    zh: str
    en: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    dated_by: str = ""
    partitioned_by: str = ""

    def column(self, name: str) -> Column:
        """Return the column called ``name``; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in the order they are written."""
        return tuple(c.name for c in self.columns)

    def schema(self) -> dict[str, dt.DataType]:
        """Return name → physical type, in order."""
        return {c.name: DATATYPES[c.kind] for c in self.columns}


@dataclass(frozen=True, slots=True)
class Reads:
    """A declaration that a package reads ``table``; ``lag`` = 1 means the last published run of an earlier day."""

    table: str
    columns: tuple[str, ...] = ()
    lag: int = 0


def _maker(kind: Kind) -> Callable[..., Column]:
    """Return a function that makes columns of one kind: ``amount("fee_amount", "手续费", "Fee", required=True)``."""

    def make(name: str, zh: str, en: str, **options: Any) -> Column:
        return Column(name, kind, zh, en, **options)

    return make


text = _maker(Kind.TEXT)
code = _maker(Kind.CODE)
integer = _maker(Kind.INTEGER)
amount = _maker(Kind.AMOUNT)
rate = _maker(Kind.RATE)
number = _maker(Kind.NUMBER)
flag = _maker(Kind.FLAG)
day = _maker(Kind.DAY)
moment = _maker(Kind.MOMENT)


def contract_by_name(contracts: Sequence[Contract]) -> dict[str, Contract]:
    """Return name → contract; two contracts of one name are a mistake."""
    named = {c.name: c for c in contracts}
    if len(named) != len(contracts):
        twice = sorted({c.name for c in contracts if sum(o.name == c.name for o in contracts) > 1})
        raise ValueError(f"declared twice: {twice}")
    return named


__all__ = [
    "DATATYPES",
    "ROUND_DIGITS",
    "Column",
    "Contract",
    "Kind",
    "Personal",
    "Reads",
    "amount",
    "code",
    "contract_by_name",
    "day",
    "flag",
    "integer",
    "moment",
    "number",
    "rate",
    "text",
]

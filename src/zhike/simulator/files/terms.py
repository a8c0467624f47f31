"""How one file of the bank looks: its columns by the bank's own names, its codes, its form; the mapping follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import numpy as np

from zhike.simulator.arrays import ArrowTable, Ints, Texts

ColumnKind = Literal["text", "code", "amount", "cents", "day", "day_text", "moment", "integer", "number"]
Form = Literal["bar", "fixed", "csv", "archive"]
Mode = Literal["full", "increment", "zipper", "append"]
Data = Mapping[str, Ints | Texts]
Write = Callable[["FileSpec", date, Data | ArrowTable], None]  # appends rows to the file of a business day
UNKNOWN_CODE = "Z?"
NO_AMOUNT = np.int64(-(2**63))
NO_DAY = np.int32(-(2**31))


@dataclass(frozen=True, slots=True)
class FileColumn:
    """One column of a file.

    ``codes`` lists the bank's code and the contract's value for it, by position; data give positions (-1 missing). The
    position after the last is a code nobody knows (planted dirt). ``width`` in bytes is used by fixed-width files.
    """

    name: str
    kind: ColumnKind
    to: str = ""
    codes: tuple[tuple[str, Any], ...] = ()
    width: int = 20
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file (or one per business day) of the bank: what it is called, feeds, holds and looks like."""

    name: str
    code: str
    source: str
    to: str
    columns: tuple[FileColumn, ...]
    mode: Mode = "full"
    is_dated: bool = True
    is_daily: bool = False
    form: Form = "bar"
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def column(self, name: str) -> FileColumn:
        """Return the column called ``name`` by the bank."""
        return next(c for c in self.columns if c.name == name)


def text(name: str, to: str = "", width: int = 20) -> FileColumn:
    """Return a text column."""
    return FileColumn(name, "text", to, width=width)


def code(name: str, to: str, codes: Mapping[str, Any] | tuple[str, ...]) -> FileColumn:
    """Return a coded column; a tuple of values gets the codes 01, 02, ... by position."""
    pairs = (
        tuple(codes.items()) if isinstance(codes, Mapping) else tuple((f"{i + 1:02d}", v) for i, v in enumerate(codes))
    )
    return FileColumn(name, "code", to, codes=pairs, width=4)


def plain(name: str, to: str, values: tuple[str, ...]) -> FileColumn:
    """Return a coded column whose codes are the values themselves, so that the mapping needs no dictionary."""
    return FileColumn(name, "code", to, codes=tuple((v, None) for v in values), width=max(map(len, values)))


def flag(name: str, to: str) -> FileColumn:
    """Return a Y/N column: positions 0 = Y, 1 = N."""
    return FileColumn(name, "code", to, codes=(("Y", True), ("N", False)), width=1)


def amount(name: str, to: str = "") -> FileColumn:
    """Return a column of yuan with two places; data are cents."""
    return FileColumn(name, "amount", to, width=18)


def cents(name: str, to: str = "") -> FileColumn:
    """Return a column that the bank delivers in cents."""
    return FileColumn(name, "cents", to, width=18)


def day(name: str, to: str = "") -> FileColumn:
    """Return a column of business days; data are days since 1970."""
    return FileColumn(name, "day", to, width=8)


def day_text(name: str, to: str = "") -> FileColumn:
    """Return a column of days that is text (YYYYMMDD) even in typed files, as hosts deliver it."""
    return FileColumn(name, "day_text", to, width=8)


def moment(name: str, to: str = "") -> FileColumn:
    """Return a column of local wall-clock moments; data are microseconds since 1970, local."""
    return FileColumn(name, "moment", to, width=14)


def integer(name: str, to: str = "") -> FileColumn:
    """Return a column of whole numbers; the smallest 64-bit number is missing."""
    return FileColumn(name, "integer", to, width=12)


def number(name: str, to: str = "") -> FileColumn:
    """Return a column of decimal numbers with up to six places; NaN is missing."""
    return FileColumn(name, "number", to, width=14)


__all__ = [
    "NO_AMOUNT",
    "NO_DAY",
    "UNKNOWN_CODE",
    "Data",
    "FileColumn",
    "FileSpec",
    "Write",
    "amount",
    "cents",
    "code",
    "day",
    "day_text",
    "flag",
    "integer",
    "moment",
    "number",
    "plain",
    "text",
]

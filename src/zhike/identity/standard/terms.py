"""What comes of a written value: its standard form, or what is wrong with it. A value with a flaw is kept and never matches."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Flaw(StrEnum):
    """Why a written value is no usable identifier."""

    FILLER = "filler"
    MASKED = "masked"
    MALFORMED = "malformed"
    CHECK_DIGIT = "check_digit"
    IMPOSSIBLE_DATE = "impossible_date"
    NOT_MOBILE = "not_mobile"
    HINT = "hint_only"


class Standard(NamedTuple):
    """A standard form, or a flaw; neither for an empty value."""

    value: str | None
    flaw: Flaw | None = None


EMPTY = Standard(None)

__all__ = ["EMPTY", "Flaw", "Standard"]

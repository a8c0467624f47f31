"""Widths, blanks and scripts of texts: what every kind of value goes through first."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

CHINESE = re.compile(r"^[\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]+$")
BLANKS = re.compile(r"[\s\u200b-\u200f\ufeff]+")


def narrow(text: str) -> str:
    """Return a text in half width and composed form (NFKC): full-width letters, ligatures and compatibility characters."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def without_blanks(text: str) -> str:
    """Return a text without blanks and invisible characters."""
    return BLANKS.sub("", text)


def is_chinese(text: str) -> bool:
    """Whether a text is Chinese characters only, rare ones of the extensions included."""
    return CHINESE.match(text) is not None


def without_accents(text: str) -> str:
    """Return Latin letters without their accents."""
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


@cache
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


@cache
def _is_simplified(character: str) -> bool:
    return bool(_converter().convert(character) == character)


def simplified(text: str) -> str:
    """Return a text in simplified characters, by OpenCC's table of words and characters."""
    if all(map(_is_simplified, text)):  # of no word does OpenCC change a character that it would leave when alone
        return text
    converted: str = _converter().convert(text)
    return converted


def all_simplified(texts: Sequence[str]) -> list[str]:
    """Return texts without line breaks in simplified characters, converted in one go; as :func:`simplified` does each."""
    converted: str = _converter().convert("\n".join(texts))
    return converted.split("\n") if texts else []


__all__ = ["all_simplified", "is_chinese", "narrow", "simplified", "without_accents", "without_blanks"]

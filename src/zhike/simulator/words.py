"""Our own word lists (``words.yaml``), read once, as arrays ready for look-up by drawn positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from zhike.kernel.definitions import SafeLoader
from zhike.simulator.arrays import Bits, Ints, Texts, pa
from zhike.simulator.randomness import choose

FILE = Path(__file__).with_name("words.yaml")


@dataclass(frozen=True, slots=True)
class WeightedWords:
    """A list of words with weights; drawn by position."""

    words: tuple[str, ...]
    weights: tuple[float, ...]

    def draw(self, bits: Bits, shift: int = 48) -> Ints:
        """Return positions drawn in proportion to the weights."""
        return choose(bits, self.weights, shift)

    def take(self, positions: Ints) -> Texts:
        """Return the words at ``positions``; a negative position gives a missing value."""
        return take_words(self.words, positions)


@dataclass(frozen=True, slots=True)
class Words:
    """All lists of ``words.yaml``."""

    surnames: WeightedWords
    given_male: WeightedWords
    given_female: WeightedWords
    districts: Mapping[str, str]
    streets: tuple[str, ...]
    company_words: tuple[str, ...]
    industries: WeightedWords
    shop_tails: tuple[str, ...]
    occupations: WeightedWords
    education: WeightedWords
    other_banks: WeightedWords
    merchants: WeightedWords


def take_words(words: tuple[str, ...], positions: Ints) -> Texts:
    """Return ``words[positions]`` as text; negative positions are missing."""
    return pa.array(words, pa.string()).take(pa.array(positions, pa.int64(), mask=positions < 0))


@cache
def read_words() -> Words:
    """Return the lists of ``words.yaml``."""
    raw = yaml.load(FILE.read_text(encoding="utf-8"), Loader=SafeLoader)  # noqa: S506 - it is safe

    def weighted(name: str) -> WeightedWords:
        return WeightedWords(tuple(raw[name]), tuple(float(w) for w in raw[name].values()))

    industries = raw["industries"]
    return Words(
        surnames=weighted("surnames"),
        given_male=weighted("given_male"),
        given_female=weighted("given_female"),
        districts=raw["districts"],
        streets=tuple(raw["streets"]),
        company_words=tuple(raw["company_words"]),
        industries=WeightedWords(tuple(i["code"] for i in industries), tuple(float(i["weight"]) for i in industries)),
        shop_tails=tuple(raw["shop_tails"]),
        occupations=weighted("occupations"),
        education=weighted("education"),
        other_banks=weighted("other_banks"),
        merchants=weighted("merchants"),
    )


__all__ = ["WeightedWords", "Words", "read_words", "take_words"]

"""Saying things in one language: fixed words, bilingual texts, numbers, days. One object per language, used by templates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Literal

from zhike.kernel.definitions import read_yaml
from zhike.kernel.errors import Bug
from zhike.kernel.terms import Text
from zhike.report import numbers
from zhike.report.terms import Number, Quantity, Unit

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
WORDS_FILE = Path(__file__).parent / "words.yaml"


@cache
def read_words() -> dict[str, dict[str, str]]:
    """Return key → {zh, en} of the fixed words."""
    words, _ = read_yaml(WORDS_FILE)
    return dict(words)


@dataclass(frozen=True, slots=True)
class Speech:
    """How the report speaks: one language, one currency."""

    language: Language
    currency: str

    @property
    def other(self) -> Language:
        """The language this one is not."""
        return "en" if self.language == "zh" else "zh"

    def word(self, key: str, **values: object) -> str:
        """Return a fixed text with ``{name}`` filled in; Bug when there is no such key."""
        try:
            return read_words()[key][self.language].format(**values)
        except KeyError as error:
            raise Bug(
                "report.word_missing", zh=f"报告缺少词条或取值 {error}", en=f"the report has no word or value {error}"
            ) from error

    def text(self, text: Text) -> str:
        """Return a bilingual text."""
        return text.zh if self.language == "zh" else text.en

    def show(self, quantity: Quantity) -> str:
        """Return a quantity without its interval."""
        return numbers.show(quantity, language=self.language, currency=self.currency)

    def interval(self, quantity: Quantity) -> str:
        """Return a quantity's interval, "" when it has none."""
        return numbers.show_interval(quantity, language=self.language, currency=self.currency)

    def exact(self, quantity: Quantity) -> str:
        """Return a quantity in full."""
        return numbers.exact(quantity)

    def number(self, value: Number | None, unit: str = "count") -> str:
        """Return a bare number of one unit; a dash when there is none."""
        return self.show(Quantity(value, Unit(unit)))

    def tick(self, value: float, unit: Unit) -> str:
        """Return a number for the axis of a chart: no needless decimals, no words."""
        return numbers.show_tick(value, unit, language=self.language, currency=self.currency)

    def percent(self, value: float) -> str:
        """Return a share that is a setting rather than a measurement: 95%, not 95.0%."""
        return f"{value * 100:g}%"

    def share(self, part: Number, whole: Number) -> str:
        """Return part of whole in %, a dash when there is no whole."""
        return self.show(Quantity(float(part) / float(whole) if whole else None, Unit.RATE))

    def p_value(self, value: float | None) -> str:
        """Return a p-value with three places; smaller ones as a bound."""
        if value is None:
            return numbers.NO_NUMBER
        return "<0.001" if value < 0.001 else f"{value:.3f}"

    def day(self, day: date) -> str:
        """Return a business date."""
        return day.isoformat()

    def moment(self, moment: datetime) -> str:
        """Return a moment to the minute."""
        return moment.strftime("%Y-%m-%d %H:%M")


__all__ = ["LANGUAGES", "Language", "Speech", "read_words"]

"""One way to show numbers to people, in both languages: 万/亿 or K/M, ¥, %, percentage points, signs, intervals.

Full values stay behind the shown ones (``exact``), for hovering and copying.
"""

from __future__ import annotations

import re
from decimal import Decimal

from zhike.kernel.money import show_amount, to_amount
from zhike.report.terms import Number, Quantity, Unit

SYMBOLS = {"CNY": "¥", "CZK": "Kč ", "EUR": "€", "USD": "$", "HKD": "HK$"}
NO_NUMBER = "—"
SIGNED = (Unit.POINTS, Unit.AMOUNT_CHANGE)
SUFFIX = {
    "zh": {"points": " 个百分点", "seconds": " 秒", "times": " 倍"},
    "en": {"points": " pp", "seconds": " s", "times": "×"},
}
MINUS = "−"


def currency_symbol(currency: str) -> str:
    """Return the symbol of an ISO currency, or its code and a space."""
    return SYMBOLS.get(currency, f"{currency} ")


def show_count(value: Number) -> str:
    """Return a whole number with thousands apart."""
    return f"{int(value):,}".replace("-", MINUS)


def show_number(value: Number, unit: Unit, *, language: str, currency: str) -> str:
    """Return one number as people read it in ``language``."""
    sign = "+" if unit in SIGNED and float(value) > 0 else ""
    if unit in (Unit.AMOUNT, Unit.AMOUNT_CHANGE):
        shown = show_amount(to_amount(value), language=language, symbol=currency_symbol(currency))
    elif unit is Unit.COUNT:
        shown = show_count(value)
    elif unit in (Unit.RATE, Unit.POINTS):
        suffix = "%" if unit is Unit.RATE else SUFFIX[language]["points"]
        shown = f"{float(value) * 100:.1f}{suffix}"
    elif unit is Unit.SECONDS:
        shown = f"{float(value):,.2f}{SUFFIX[language]['seconds']}"
    elif unit is Unit.TIMES:
        shown = f"{float(value):.2f}{SUFFIX[language]['times']}"
    else:
        shown = f"{float(value):,.4g}" if abs(float(value)) < 1 else f"{float(value):,.2f}"
    return sign + shown.replace("-", MINUS)


def show_tick(value: float, unit: Unit, *, language: str, currency: str) -> str:
    """Return a number for an axis: as short as it can be, e.g. ``¥2万``, ``5%``, ``−1.5``."""
    if unit in (Unit.RATE, Unit.POINTS):
        return f"{value * 100:.10g}%".replace("-", MINUS)
    if unit in (Unit.AMOUNT, Unit.AMOUNT_CHANGE):
        shown = show_number(value, Unit.AMOUNT, language=language, currency=currency)
        return (
            re.sub(r"(\.\d*?)0+(?=\D|$)", r"\1", shown)
            .replace(".万", "万")
            .replace(".亿", "亿")
            .replace(".K", "K")
            .replace(".M", "M")
            .rstrip(".")
        )
    return f"{value:,.10g}".replace("-", MINUS)


def show(quantity: Quantity, *, language: str, currency: str = "CNY") -> str:
    """Return a quantity without its interval; a dash when there is no number."""
    if quantity.value is None:
        return NO_NUMBER
    return show_number(quantity.value, quantity.unit, language=language, currency=currency)


def show_interval(quantity: Quantity, *, language: str, currency: str = "CNY") -> str:
    """Return ``[low, high]`` with the unit said once where it is a suffix; "" when there is no interval."""
    if quantity.low is None or quantity.high is None:
        return ""
    low, high = (
        show_number(v, quantity.unit, language=language, currency=currency) for v in (quantity.low, quantity.high)
    )
    tail = SUFFIX[language]["points"] if quantity.unit is Unit.POINTS else ""
    if tail:
        low = low.removesuffix(tail)
        high = high.removesuffix(tail)
    return f"[{low}, {high}]{tail}"


def exact(quantity: Quantity) -> str:
    """Return the value in full, for machines and for hovering."""
    value = quantity.value
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value) if isinstance(value, int) else repr(float(value))


__all__ = ["NO_NUMBER", "currency_symbol", "exact", "show", "show_count", "show_interval", "show_number", "show_tick"]

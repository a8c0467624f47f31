"""Money: DECIMAL in the base currency, two places, rounded half-even; and how it is shown to people."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")
WAN = Decimal(10_000)
YI = Decimal(100_000_000)


def to_amount(value: Decimal | int | float | str) -> Decimal:
    """Return ``value`` as an amount with two places; a float goes through its shortest text form."""
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return number.quantize(CENT, rounding=ROUND_HALF_EVEN)


def show_amount(value: Decimal | float, *, language: str = "zh", symbol: str = "¥") -> str:
    """Return an amount as people read it: ``¥3.52亿``, ``¥12.5万`` in Chinese, ``¥352.0M`` in English."""
    amount = to_amount(value)
    sign = "-" if amount < 0 else ""
    size = abs(amount)
    steps = ((YI, "亿"), (WAN, "万")) if language == "zh" else ((Decimal(10**6), "M"), (Decimal(10**3), "K"))
    for unit, suffix in steps:
        if size >= unit:
            return f"{sign}{symbol}{size / unit:,.2f}{suffix}"
    return f"{sign}{symbol}{size:,.2f}"


__all__ = ["show_amount", "to_amount"]

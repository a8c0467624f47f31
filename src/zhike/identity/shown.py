"""Values as they may be shown to people: enough to compare two of them, not enough to know whose they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

STAR = "*"
LONG_NAME = 6  # a company's name, or one in Latin letters


def _ends(text: str, first: int, last: int) -> str:
    """Return a text with its first and last characters only; of a short one fewer of them."""
    while first + last >= len(text) and (first or last):
        first, last = (first - 1, last) if first > last else (first, last - 1)
    return text[:first] + STAR * (len(text) - first - last) + (text[-last:] if last else "")


def _name(text: str) -> str:
    return _ends(text, 2, 2) if len(text) > LONG_NAME else _ends(text, 1, 0)


def _sound(text: str) -> str:
    return " ".join(_name(part) for part in text.split())


def _mobile(text: str) -> str:
    bare = "".join(text.removeprefix("+86").split())
    return _ends(bare, 3, 4)


def _email(text: str) -> str:
    local, at, domain = text.partition("@")
    return f"{_ends(local, 1, 0)}{at}{domain}"


def _day(text: str) -> str:
    return _ends(text, 4, 0)


def _number(text: str) -> str:
    """Return the ends of a number: at most half of it."""
    first = min(3, (len(text) // 2 + 1) // 2)
    return _ends(text, first, min(2, len(text) // 2 - first))


HIDDEN: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys(("name", "name_key", "full_name", "given"), _name),
    **dict.fromkeys(("resident_id", "uscc", "document", "id_number", "wechat_unionid", "wechat_openid", "device_id", "source_key"), _number),
    **dict.fromkeys(("born", "birth_on", "written_born", "document_birth_on"), _day),
    "sound": _sound, "mobile": _mobile, "email": _email, "door": lambda t: _ends(t, 1, 1), "address": lambda t: _ends(t, 3, 0),
    "annual_income_amount": lambda t: STAR * len(t), "annual_revenue_amount": lambda t: STAR * len(t), "deceased_on": _day,
}  # fmt: skip
"""Column or field → how it is hidden; others (sex, region, industry) do not tell whose they are."""


def shown(column: str, value: Any, *, is_open: bool = False) -> str | None:
    """Return a value as text, hidden as its column asks unless ``is_open``; None for a missing one."""
    if value is None:
        return None
    text = value.isoformat() if isinstance(value, date) else str(value)
    hide = HIDDEN.get(column)
    return text if is_open or hide is None else hide(text)


__all__ = ["HIDDEN", "shown"]

"""What of a bad value may be shown, where a shifted file has put a name into a column that is not personal.

The warehouse masks the values of personal columns. In the others a value is worth seeing (which code is unknown?), and that is where
a lost delimiter puts names: so letters show only their shape, unless they are a code. A code comes again and again, a name does not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

COMES_AGAIN = 3
LONGEST_CODE = 12
FOREIGN = re.compile(r"[^\x00-\x7f]")
LETTER = re.compile(r"[A-Za-z]")
SPEAKING_OF_LINES = frozenset({"too_few_columns", "too_many_columns", "open_quote", "line_too_long", "unreadable_line"})


def shown_values(rules: Sequence[str], columns: Sequence[str], values: Sequence[str | None]) -> list[str | None]:
    """Return the values as they may be shown, beside the rules that they break and the columns in which they stand."""
    times = Counter(zip(rules, columns, values, strict=True))
    return [
        value if value is None or rule in SPEAKING_OF_LINES else _shown(rule, value, times[rule, column, value])
        for rule, column, value in zip(rules, columns, values, strict=True)
    ]


def _shown(rule: str, value: str, n_times: int) -> str:
    is_code = rule == "unknown_code" and len(value) <= LONGEST_CODE and (value.isascii() or n_times >= COMES_AGAIN)
    if is_code or rule in ("duplicate_key", "broken_reference"):
        return value if is_code else FOREIGN.sub("※", value)
    return FOREIGN.sub("※", LETTER.sub("x", value))


__all__ = ["shown_values"]

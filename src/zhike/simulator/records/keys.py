"""How each source names a customer: its own numbers, one to one with ours and never alike between sources."""

from __future__ import annotations

from zhike.simulator.arrays import Ints, Texts
from zhike.simulator.identifiers import as_text, core_numbers, digits, joined, scrambled, second_core_numbers

PREFIXES = {"card": ("CC", 2), "mobile": ("U", 3), "wecom": ("wm", 4), "call_centre": ("KF", 5)}


def source_keys(source: str, number: Ints) -> Texts:
    """Return the keys by which ``source`` names customers (positions in the bank)."""
    if source == "core":
        return as_text(core_numbers(number))
    prefix, salt = PREFIXES[source]
    return as_text(joined(prefix, digits(scrambled(number, salt), 9), n=len(number)))


def second_core_keys(number: Ints) -> Texts:
    """Return the second core number of a customer who was entered twice."""
    return as_text(second_core_numbers(number))


__all__ = ["PREFIXES", "second_core_keys", "source_keys"]

"""Columns of an audience index: values as codes in their order, so that a comparison with a constant is one sweep over small integers.

Up to 65,534 different values each have a code of their own. A column with more is cut into as many bins of its sorted values; then
whole bins are decided by their codes, and only the rows of the bins in which the constant lies are looked at exactly. Code 0 is missing.
A column that few customers have (a part of a tag) lists their slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zhike.rules.index.members import Members, in_any, nobody

Codes = npt.NDArray[Any]  # uint8 or uint16
MOST_CODES = 65_534
SMALL = 254  # values up to which a code is one byte
IN_PARTS = 2_000_000  # rows from which a sweep is shared by threads
FEW_RANGES = 6
_POOL = ThreadPoolExecutor(2, thread_name_prefix="index")


@dataclass(frozen=True, slots=True)
class Column:
    """One value per customer, or per customer of ``slots``.

    ``codes`` from 1, 0 = missing. ``values`` : the sorted different values (of all, or the lowest of each bin). ``exact`` : the values
    themselves, where ``values`` are bins. Values are cents of amounts, numbers, days since 1970, 0 and 1 of flags, texts.
    """

    n: int
    codes: Codes
    values: npt.NDArray[Any]
    exact: npt.NDArray[Any] | None = None
    slots: npt.NDArray[np.uint32] | None = None

    def members(self, flags: npt.NDArray[np.bool_]) -> Members:
        """Return the customers whose rows are flagged."""
        return Members(self.n, flags if self.slots is None else self.slots[flags])

    def present(self) -> Members:
        """Return who has a value."""
        return self.members(self.codes != 0)

    def between(self, low: Any, high: Any, *, with_low: bool = True, with_high: bool = True) -> Members:
        """Return who has a value from ``low`` to ``high``; None is an open end."""
        if self.exact is None:
            first = 1 if low is None else int(np.searchsorted(self.values, low, "left" if with_low else "right")) + 1
            last = (
                len(self.values)
                if high is None
                else int(np.searchsorted(self.values, high, "right" if with_high else "left"))
            )
            return self.members(self._swept(first, last))
        first = 1 if low is None else max(int(np.searchsorted(self.values, low, "right")), 1)
        last = len(self.values) if high is None else int(np.searchsorted(self.values, high, "right"))
        flags = self._swept(first, last)
        for code in {first, last} if first <= last else ():
            self._settle(flags, code, (low, with_low), (high, with_high))
        return self.members(flags)

    def _settle(self, flags: npt.NDArray[np.bool_], code: int, low: tuple[Any, bool], high: tuple[Any, bool]) -> None:
        """Decide the rows of one bin by their values."""
        assert self.exact is not None
        at = np.flatnonzero(self.codes == code)
        values = self.exact[at]
        fits = np.ones(len(at), np.bool_)
        if low[0] is not None:
            fits &= values >= low[0] if low[1] else values > low[0]
        if high[0] is not None:
            fits &= values <= high[0] if high[1] else values < high[0]
        flags[at] = fits

    def among(self, wanted: Sequence[Any]) -> Members:
        """Return who has one of some values."""
        if self.exact is not None:
            return in_any([self.between(value, value) for value in wanted]) if wanted else nobody(self.n)
        places = np.searchsorted(self.values, np.array(wanted, self.values.dtype))
        found = sorted(
            {int(p) + 1 for p, v in zip(places, wanted, strict=True) if p < len(self.values) and self.values[p] == v}
        )
        return self.coded(found)

    def coded(self, wanted: Sequence[int]) -> Members:
        """Return who has one of some codes, each from 1."""
        if not wanted:
            return self.members(np.zeros(len(self.codes), np.bool_))
        ranges = _ranges(wanted)
        if len(ranges) <= FEW_RANGES:
            flags = self._swept(*ranges[0])
            for first, last in ranges[1:]:
                flags |= self._swept(first, last)
            return self.members(flags)
        table = np.zeros(len(self.values) + 1, np.bool_)
        table[list(wanted)] = True
        return self.members(_in_parts(len(self.codes), lambda part: table[self.codes[part]]))

    def _swept(self, first: int, last: int) -> npt.NDArray[np.bool_]:
        """Return the flags of the rows with codes from ``first`` to ``last``."""
        if first > last:
            return np.zeros(len(self.codes), np.bool_)
        kind = self.codes.dtype.type
        if last >= len(self.values):
            return _in_parts(len(self.codes), lambda part: self.codes[part] >= kind(first))
        if first == last:
            return _in_parts(len(self.codes), lambda part: self.codes[part] == kind(first))
        width = kind(last - first)  # a smaller code wraps round to a large one
        return _in_parts(len(self.codes), lambda part: (self.codes[part] - kind(first)) <= width)

    def numbers(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Return (values, whether there) per row."""
        there = self.codes != 0
        if self.exact is not None:
            return self.exact, there
        if not len(self.values):
            return np.zeros(len(self.codes), self.values.dtype), there
        return self.values[np.maximum(self.codes, 1) - 1], there


def _ranges(codes: Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending codes as runs of neighbours."""
    found: list[tuple[int, int]] = []
    for code in codes:
        if found and code == found[-1][1] + 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found


def _in_parts(n: int, sweep: Any) -> npt.NDArray[np.bool_]:
    """Return the flags of all rows, made in two threads where there are many."""
    if n < IN_PARTS:
        return sweep(slice(0, n))
    half = n // 2
    parts = list(_POOL.map(sweep, (slice(0, half), slice(half, n))))
    return np.concatenate(parts)


def encode(
    n: int, values: npt.NDArray[Any], there: npt.NDArray[np.bool_], slots: npt.NDArray[np.uint32] | None = None
) -> Column:
    """Return the column of some values.

    Parameters
    ----------
    n : customers of the index.
    values : one per row; what stands where ``there`` is false does not matter. No NaN where it is true.
    slots : the customer of each row, ascending; None = row i is customer i.
    """
    known = values[there]
    different = np.unique(known)
    if len(different) <= MOST_CODES:
        kind: Any = np.uint8 if len(different) <= SMALL else np.uint16
        codes = np.zeros(len(values), kind)
        codes[there] = (np.searchsorted(different, known) + 1).astype(kind)
        return Column(n, codes, different, None, slots)
    edges = different[(np.arange(MOST_CODES) * len(different)) // MOST_CODES]
    codes = np.zeros(len(values), np.uint16)
    codes[there] = np.searchsorted(edges, known, "right").astype(np.uint16)
    exact = np.where(there, values, different[0])
    return Column(n, codes, edges, exact, slots)


def encode_texts(n: int, texts: Any, slots: npt.NDArray[np.uint32] | None = None) -> Column | None:
    """Return the column of an Arrow array of texts, as :func:`encode`; None where there are too many different ones for codes."""
    encoded = (
        texts.combine_chunks().dictionary_encode() if hasattr(texts, "combine_chunks") else texts.dictionary_encode()
    )
    found = np.array([str(v) for v in encoded.dictionary.to_pylist()], dtype=object)
    if len(found) > MOST_CODES:
        return None
    order = np.argsort(found.astype(str), kind="stable") if len(found) else np.zeros(0, np.int64)
    code_of = np.empty(len(found) + 1, np.int64)
    code_of[order] = np.arange(1, len(found) + 1)
    code_of[-1] = 0  # where the index is missing
    at = encoded.indices.fill_null(len(found)).to_numpy()
    kind: Any = np.uint8 if len(found) <= SMALL else np.uint16
    return Column(
        n, code_of[at].astype(kind), found[order].astype(str) if len(found) else np.zeros(0, "<U1"), None, slots
    )


__all__ = ["Column", "encode", "encode_texts"]

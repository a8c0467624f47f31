"""Values as whole numbers: equal values have equal codes, so that joining and counting records are a few sweeps over arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
MISSING = -1


class Codes:
    """Codes of the columns of a table; each column is encoded when it is asked for first."""

    def __init__(self, rows: pa.Table, known: Mapping[str, npt.NDArray[np.int32]] | None = None) -> None:
        self._rows = rows
        self._known = dict(known or {})
        self._repeated: dict[str, npt.NDArray[np.bool_]] = {}

    def of(self, column: str) -> npt.NDArray[np.int32]:
        """Return one code per row, from 0; ``MISSING`` where there is no value."""
        if column not in self._known:
            self._known[column] = codes_of(self._rows[column])
        return self._known[column]

    def is_repeated(self, column: str) -> npt.NDArray[np.bool_]:
        """Return per row whether it has a value that another row has, too."""
        if column not in self._repeated:
            codes = self.of(column)
            self._repeated[column] = (np.bincount(codes + 1)[codes + 1] > 1) & (codes != MISSING)
        return self._repeated[column]

    def shared(self, columns: Sequence[str]) -> tuple[Ints, Ints]:
        """Return (rows, codes): the positions of rows that have all of the columns, and a code of their values together, from 0; left out
        are rows that certainly share it with no other.
        """
        rows = np.flatnonzero(np.logical_and.reduce([self.is_repeated(c) for c in columns]))
        codes = self.of(columns[0])[rows].astype(np.int64)
        for column in columns[1:]:
            other = self.of(column)[rows].astype(np.int64)
            codes = codes_of(pa.array(codes * (int(other.max(initial=0)) + 1) + other)).astype(np.int64)
        return rows, codes

    def of_chosen(self, rows: pa.Table, chosen: npt.NDArray[np.bool_]) -> Codes:
        """Return the codes of some of the rows: of the table ``rows``, which holds those that are ``chosen``."""
        return self if chosen.all() else Codes(rows, {column: codes[chosen] for column, codes in self._known.items()})


def codes_of(values: Any) -> npt.NDArray[np.int32]:
    """Return the codes of an Arrow column; see :meth:`Codes.of`."""
    column = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    indices: Any = column.dictionary_encode().indices
    codes: npt.NDArray[np.int32] = indices.fill_null(MISSING).to_numpy()
    return codes


def starts_of(ordered: npt.NDArray[Any]) -> Ints:
    """Return where each run of equal values begins in an ordered array, and last its length."""
    changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return np.concatenate([[0], changes, [len(ordered)]]) if len(ordered) else np.zeros(1, np.int64)


__all__ = ["MISSING", "Codes", "codes_of", "starts_of"]

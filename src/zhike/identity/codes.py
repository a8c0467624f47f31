"""Values as whole numbers: equal values have equal codes, so that joining and counting records are a few sweeps over arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
MISSING = -1


class Codes:
    """Codes of the columns of a table; each column is encoded when it is asked for first."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows
        self._known: dict[str, npt.NDArray[np.int32]] = {}

    def of(self, column: str) -> npt.NDArray[np.int32]:
        """Return one code per row, dense from 0 in the order of appearance; ``MISSING`` where there is no value."""
        if column not in self._known:
            self._known[column] = codes_of(self._rows[column])
        return self._known[column]

    def together(self, columns: Sequence[str]) -> tuple[Ints, Ints]:
        """Return (rows, codes): the positions of the rows that have all of the columns, and a dense code of their values together."""
        first = self.of(columns[0])
        rows = np.flatnonzero(np.logical_and.reduce([self.of(c) != MISSING for c in columns]))
        codes = first[rows].astype(np.int64)
        for column in columns[1:]:
            other = self.of(column)[rows].astype(np.int64)
            codes = codes_of(pa.array(codes * (int(other.max(initial=0)) + 1) + other)).astype(np.int64)
        return rows, codes


def codes_of(values: Any) -> npt.NDArray[np.int32]:
    """Return the codes of an Arrow column; see :meth:`Codes.of`."""
    column = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    codes: npt.NDArray[np.int32] = pc.fill_null(column.dictionary_encode().indices, MISSING).to_numpy()
    return codes


def starts_of(ordered: npt.NDArray[Any]) -> Ints:
    """Return where each run of equal values begins in an ordered array, and last its length."""
    changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return np.concatenate([[0], changes, [len(ordered)]]) if len(ordered) else np.zeros(1, np.int64)


__all__ = ["MISSING", "Codes", "codes_of", "starts_of"]

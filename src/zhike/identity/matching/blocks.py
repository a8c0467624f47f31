"""Blocks: which records a match model compares, since all pairs would be too many. Values are looked at as codes, in arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.identity.codes import Codes
from zhike.identity.matching.model import MatchModel

Ints = npt.NDArray[np.int64]


def candidate_pairs(rows: pa.Table, model: MatchModel, codes: Codes | None = None) -> tuple[Ints, Ints]:
    """Return (left, right): positions of rows of different homes that agree on all columns of a block, each pair once and in order,
    the lower record on the left.

    Parameters
    ----------
    rows : record_no, home and the columns of the model's blocks. A block of more rows than the model's ``widest_block`` joins none.
    codes : of the rows, where others use them, too.
    """
    codes = codes or Codes(rows)
    record, home = (rows[c].to_numpy().astype(np.int64) for c in ("record_no", "home"))
    found = [_pairs_of_block(codes, columns, record, home, model.widest_block) for columns in model.blocks]
    pairs = np.unique(np.concatenate(found))
    left, right = np.divmod(pairs, max(len(record), 1))
    return left, right


def _pairs_of_block(codes: Codes, columns: tuple[str, ...], record: Ints, home: Ints, widest: int) -> Ints:
    """Return the pairs of one block, each as one number: left position times the number of rows, plus right position."""
    rows, block = codes.shared(columns)
    sizes = np.bincount(block)[block]
    is_usable = (sizes > 1) & (sizes <= widest)
    rows, block = rows[is_usable], block[is_usable]
    order = np.lexsort((rows, record[rows], block))
    rows, block = rows[order], block[order]
    found = [np.zeros(0, np.int64)]
    at, distance = np.arange(len(rows)), 1
    while len(at):  # pairs of neighbours in a block, then of those two apart, and so on
        at = at[at + distance < len(rows)]
        at = at[block[at] == block[at + distance]]
        left, right = rows[at], rows[at + distance]
        is_new = home[left] != home[right]
        found.append(left[is_new] * len(record) + right[is_new])
        distance += 1
    return np.concatenate(found)


__all__ = ["candidate_pairs"]

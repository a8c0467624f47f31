"""Sets of customers, as slots 0 … n-1: a flag per customer, sorted slots, or a roaring bitmap, whichever the work at hand makes cheap.

A leaf that is asked for the first time is a mask or a few slots, and masks are joined as they are; one that is asked for again becomes
a roaring bitmap, which is small enough to be kept and quick to join with others. Bitmaps are written in roaring's own portable form
and read back by its library: that is a hundred times quicker than adding members one by one.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

Mask = npt.NDArray[np.bool_]
Slots = npt.NDArray[np.uint32]
CHUNK = 65_536  # members of one container
MOST_IN_ARRAY = 4_096  # members up to which a container lists them
NO_RUNS = 12_346  # of the portable form: containers follow without runs


@dataclass(frozen=True, slots=True)
class Members:
    """Some of ``n`` customers, in one of three forms."""

    n: int
    form: Any  # Mask | Slots | BitMap

    def __len__(self) -> int:
        if self.is_mask:
            return int(np.count_nonzero(self.form))
        return len(self.form)

    @property
    def is_mask(self) -> bool:
        """Whether it is a flag per customer."""
        return isinstance(self.form, np.ndarray) and self.form.dtype == np.bool_

    @property
    def is_bitmap(self) -> bool:
        """Whether it is a roaring bitmap."""
        return isinstance(self.form, BitMap)

    def mask(self) -> Mask:
        """Return a flag per customer."""
        if self.is_mask:
            return self.form
        found = np.zeros(self.n, np.bool_)
        found[self.slots()] = True
        return found

    def slots(self) -> Slots:
        """Return the slots, ascending."""
        if self.is_mask:
            return np.flatnonzero(self.form).astype(np.uint32)
        return np.frombuffer(self.form.to_array(), np.uint32) if self.is_bitmap else self.form

    def bitmap(self) -> BitMap:
        """Return the roaring bitmap."""
        if self.is_bitmap:
            return self.form
        return bitmap_of_mask(self.form) if self.is_mask else bitmap_of_slots(self.form)

    def kept(self) -> Members:
        """Return the same as a bitmap, which is what is kept."""
        return self if self.is_bitmap else Members(self.n, self.bitmap())

    def __invert__(self) -> Members:
        if self.is_bitmap:
            return Members(self.n, self.form.flip(0, self.n))
        if self.is_mask:
            return Members(self.n, ~self.form)
        found = np.ones(self.n, np.bool_)
        found[self.form] = False
        return Members(self.n, found)


def nobody(n: int) -> Members:
    """Return none of ``n`` customers."""
    return Members(n, np.zeros(0, np.uint32))


def everybody(n: int) -> Members:
    """Return all of ``n`` customers."""
    return Members(n, np.ones(n, np.bool_))


def in_all(sets: Sequence[Members]) -> Members:
    """Return who is in every one of some sets."""
    masks, few, bitmaps = _by_form(sets)
    n = sets[0].n
    if bitmaps:
        return Members(n, reduce(lambda a, b: a & b, sorted((s.bitmap() for s in sets), key=len)))
    mask = reduce(np.logical_and, masks) if masks else None
    if not few:
        return Members(n, mask)
    slots = min(few, key=len)
    for other in few:
        if other is not slots:
            slots = np.intersect1d(slots, other, assume_unique=True)
    return Members(n, slots if mask is None else slots[mask[slots]])


def in_any(sets: Sequence[Members]) -> Members:
    """Return who is in at least one of some sets."""
    masks, few, bitmaps = _by_form(sets)
    n = sets[0].n
    if bitmaps:
        return Members(n, BitMap.union(*(s.bitmap() for s in sets)))
    if not masks:
        return Members(n, np.unique(np.concatenate(few)))
    mask = reduce(np.logical_or, masks)
    if few:
        mask = mask.copy() if len(masks) == 1 else mask
        for slots in few:
            mask[slots] = True
    return Members(n, mask)


def in_at_least(least: int, sets: Sequence[Members]) -> Members:
    """Return who is in at least so many of some sets."""
    n = sets[0].n
    found: Any = np.zeros(n, np.uint16)
    for one in sets:
        found += one.mask()
    return Members(n, found >= least)


def _by_form(sets: Sequence[Members]) -> tuple[list[Mask], list[Slots], list[BitMap]]:
    masks = [s.form for s in sets if s.is_mask]
    bitmaps = [s.form for s in sets if s.is_bitmap]
    return masks, [s.form for s in sets if not s.is_mask and not s.is_bitmap], bitmaps


def bitmap_of_mask(mask: Mask) -> BitMap:
    """Return the roaring bitmap of a flag per customer."""
    n_chunks = -(-len(mask) // CHUNK)
    bits = np.zeros(n_chunks * CHUNK // 8, np.uint8)
    packed = np.packbits(mask, bitorder="little")
    bits[: len(packed)] = packed
    sizes = np.bitwise_count(bits.view(np.uint64)).reshape(n_chunks, -1).sum(axis=1, dtype=np.int64)
    keys = np.flatnonzero(sizes)
    is_few = sizes <= MOST_IN_ARRAY
    listed = np.flatnonzero(mask).astype(np.uint16) if is_few[keys].any() else np.zeros(0, np.uint16)
    ends = np.cumsum(sizes)
    width = CHUNK // 8
    body = [
        listed[ends[k] - sizes[k] : ends[k]].tobytes() if is_few[k] else bits[k * width : (k + 1) * width].tobytes()
        for k in keys.tolist()
    ]
    return _bitmap(keys, sizes[keys], body)


def bitmap_of_slots(slots: Slots) -> BitMap:
    """Return the roaring bitmap of ascending slots."""
    if not len(slots):
        return BitMap()
    high = (slots >> 16).astype(np.uint16)
    starts = np.flatnonzero(np.concatenate([[True], high[1:] != high[:-1]]))
    sizes = np.diff(np.append(starts, len(slots)))
    low = slots.astype(np.uint16)
    body = []
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        inside = low[start : start + size]
        if size > MOST_IN_ARRAY:
            flags = np.zeros(CHUNK, np.bool_)
            flags[inside] = True
            body.append(np.packbits(flags, bitorder="little").tobytes())
        else:
            body.append(inside.tobytes())
    return _bitmap(high[starts], sizes, body)


def _bitmap(keys: npt.NDArray[Any], sizes: npt.NDArray[Any], body: Sequence[bytes]) -> BitMap:
    """Return a bitmap of containers: their high 16 bits, how many members each has, and each as it is written."""
    if not len(keys):
        return BitMap()
    head = np.empty((len(keys), 2), np.uint16)
    head[:, 0], head[:, 1] = keys, sizes - 1
    lengths = np.array([len(b) for b in body], np.int64)
    begin = 8 + 8 * len(keys)
    offsets = (begin + np.concatenate([[0], np.cumsum(lengths)[:-1]])).astype(np.uint32)
    written = struct.pack("<II", NO_RUNS, len(keys)) + head.tobytes() + offsets.tobytes() + b"".join(body)
    found: BitMap = BitMap.deserialize(written)
    return found


__all__ = ["Members", "bitmap_of_mask", "bitmap_of_slots", "everybody", "in_all", "in_any", "in_at_least", "nobody"]

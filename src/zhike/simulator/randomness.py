"""Random bits that depend on nothing but seed, topic and counters; and distributions by table look-up.

Philox is counter-based: chunk 7 on day 200 draws the same bits whatever was drawn before, on however many threads. The
distributions are tables rounded to nine places, so that no machine's ``log`` or ``exp`` can change a bank.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np

from zhike.simulator.arrays import Bits, Floats, Ints

TABLE_BITS = 12
IS_LITTLE_ENDIAN = sys.byteorder == "little"
_TWO_64 = 18446744073709551616.0


def draw_bits(seed: int, topic: str, *counters: int, size: int) -> Bits:
    """Return ``size`` independent 64-bit words; the same for the same seed, topic and counters."""
    text = ":".join(str(part) for part in (seed, topic, *counters))
    key = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")
    words: Bits = np.random.Philox(key=key).random_raw(size)
    return words


def draw_rows(seed: int, topic: str, *counters: int, n_rows: int, size: int) -> Bits:
    """Return ``n_rows`` × ``size`` words, one row per decision, one column per customer."""
    return draw_bits(seed, topic, *counters, size=n_rows * size).reshape(n_rows, size)


def uniform(bits: Bits) -> Floats:
    """Return numbers in [0, 1) from the upper 53 bits."""
    return (bits >> np.uint64(11)).astype(np.float64) * (1.0 / 9007199254740992.0)


def _sixteen(bits: Bits, shift: int) -> Bits:
    """Return the 16 bits at ``shift`` of each word; a view where whole 16-bit words can be picked."""
    if IS_LITTLE_ENDIAN and shift % 16 == 0 and bits.flags.c_contiguous:
        words: Bits = bits.view(np.uint16)[shift // 16 :: 4]
        return words
    return (bits >> np.uint64(shift)) & np.uint64(0xFFFF)


def part(bits: Bits, shift: int, n_values: int) -> Ints:
    """Return integers in [0, n_values) from 16 bits at ``shift``: independent of the upper bits that opened a gate."""
    piece: Ints = _sixteen(bits, shift).astype(np.int64)
    piece *= n_values
    piece >>= 16
    return piece


def part_uniform(bits: Bits, shift: int) -> Floats:
    """Return numbers in [0, 1) with 16 bits of resolution from the bits at ``shift``."""
    return _sixteen(bits, shift) * (1.0 / 65536.0)


def threshold(p: Floats | float) -> Bits:
    """Return 64-bit words such that ``bits < threshold(p)`` holds with probability ``p`` (clipped to [0, 0.9999])."""
    words: Bits = (np.clip(p, 0.0, 0.9999) * _TWO_64).astype(np.uint64)
    return words


def mixed(bits: Bits) -> Bits:
    """Return other words made of ``bits``, as good as new ones for a second decision of the same customer."""
    words = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def hits(bits: Bits, limit: Bits) -> Ints:
    """Return the positions where ``bits`` falls under ``limit``."""
    found: Ints = (bits < limit).nonzero()[0]
    return found


@cache
def _normal_table() -> Floats:
    inverse = NormalDist().inv_cdf
    size = 1 << TABLE_BITS
    return np.array([round(inverse((i + 0.5) / size), 9) for i in range(size)])


@cache
def _lognormal_table(sigma: float) -> Floats:
    return np.array([round(math.exp(sigma * float(z)), 9) for z in _normal_table()])


@cache
def _logistic_table() -> Floats:
    return np.array([round(1 / (1 + math.exp(-i / 256)), 9) for i in range(-2560, 2561)])


def normal(bits: Bits, shift: int = 48) -> Floats:
    """Return standard normal numbers (4,096 levels, |z| < 3.7) from 12 bits at ``shift``."""
    index = (bits >> np.uint64(shift + 16 - TABLE_BITS)) & np.uint64((1 << TABLE_BITS) - 1)
    return _normal_table()[index.astype(np.intp)]


def lognormal(bits: Bits, sigma: float, shift: int = 48) -> Floats:
    """Return numbers of median 1 and log-scale ``sigma`` from 12 bits at ``shift``."""
    index = (bits >> np.uint64(shift + 16 - TABLE_BITS)) & np.uint64((1 << TABLE_BITS) - 1)
    return _lognormal_table(sigma)[index.astype(np.intp)]


def logistic(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x) by table, for x clipped to [-10, 10], in steps of 1/256."""
    return _logistic_table()[np.rint((np.clip(x, -10.0, 10.0) + 10.0) * 256.0).astype(np.intp)]


@cache
def _choice_table(weights: tuple[float, ...]) -> Ints:
    total = math.fsum(weights)
    limits = [0]
    running = 0.0
    for weight in weights:
        running += weight
        limits.append(round(65536 * running / total))
    return np.repeat(np.arange(len(weights)), np.diff(np.array(limits)))


def choose(bits: Bits, weights: Sequence[float], shift: int = 48) -> Ints:
    """Return positions in ``weights`` (any positive scale), drawn in proportion to them from 16 bits at ``shift``."""
    return _choice_table(tuple(weights)).take(_sixteen(bits, shift))


__all__ = [
    "choose",
    "draw_bits",
    "draw_rows",
    "hits",
    "logistic",
    "lognormal",
    "mixed",
    "normal",
    "part",
    "part_uniform",
    "threshold",
    "uniform",
]

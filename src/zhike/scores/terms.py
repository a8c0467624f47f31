"""The nouns of scores: a feature, the rows a model learns from, what was left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]


class FeatureKind(StrEnum):
    """How a feature is read: a number (amounts, counts, rates, flags), days before the cutoff, or a code."""

    NUMBER = "number"
    FLAG = "flag"
    DAY = "day"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of a model, with its meaning in both languages.

    ``known_on`` is ``after`` for what becomes known only after the decision; such a feature is refused. ``is_scheduled``
    marks days that may rightly lie after the cutoff (a maturity, an expiry). ``is_sensitive``: may not enter a model.
    """

    name: str
    kind: FeatureKind
    zh: str
    en: str
    unit: str = ""
    known_on: str = "before"
    is_scheduled: bool = False
    is_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A feature that a model does not use, and why."""

    feature: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Rows:
    """What a model learns from or is asked about: one row per customer and cutoff (or per row of a file).

    ``features`` holds one column per feature; days already as days before the cutoff (negative = still to come).
    ``labels`` are 0.0 or 1.0, shape (n_rows,); None where they are asked for. ``units`` tell whose row it is.
    """

    features: pa.Table
    labels: Floats | None = None
    units: pa.Array[Any] | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.features.num_rows)

    @property
    def outcomes(self) -> Floats:
        """The labels; ValueError where there are none."""
        if self.labels is None:
            raise ValueError("these rows have no labels")
        return self.labels

    def take(self, keep: npt.NDArray[np.bool_] | slice) -> Rows:
        """Return the rows where ``keep`` is true (a mask of shape (n_rows,)), or those of a slice."""
        index = np.arange(self.n)[keep]
        labels = None if self.labels is None else self.labels[index]
        units = None if self.units is None else self.units.take(index)
        return Rows(self.features.take(index), labels, units)


def stack_rows(parts: Sequence[Rows]) -> Rows:
    """Return the rows of ``parts`` one after the other; all have the same columns."""
    labels = None if any(p.labels is None for p in parts) else np.concatenate([p.outcomes for p in parts])
    units = [p.units for p in parts if p.units is not None]
    joined = pa.concat_arrays([u for part in units for u in _chunks(part)]) if len(units) == len(parts) else None
    return Rows(pa.concat_tables([p.features for p in parts]).combine_chunks(), labels, joined)


def _chunks(values: pa.Array[Any] | pa.ChunkedArray[Any]) -> list[pa.Array[Any]]:
    return list(values.chunks) if isinstance(values, pa.ChunkedArray) else [values]


__all__ = ["Feature", "FeatureKind", "Floats", "LeftOut", "Rows", "stack_rows"]

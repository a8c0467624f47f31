"""From features to numbers and back, as plain JSON: levels of codes, what fills a gap, mean and spread.

One coding, two designs. A tree sees each feature as one column (codes as level numbers, missing as NaN); a linear model
sees gaps filled and flagged, codes spread over 0/1 columns, everything standardised. Learned from training rows only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from zhike.kernel.errors import ContractBroken
from zhike.scores.columns import Column, counts_of_codes, numbers_of, places_in
from zhike.scores.terms import Feature, FeatureKind, Floats, Rows

MOST_LEVELS = 40
FEWEST_ROWS_OF_LEVEL = 10


@dataclass(frozen=True, slots=True)
class ColumnCoding:
    """How one feature becomes numbers. A code seen too seldom, or never, is the level after the last: "other"."""

    name: str
    kind: FeatureKind
    levels: tuple[str, ...] = ()
    fill: float = 0.0
    has_gaps: bool = False
    centre: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Number of columns in the linear design."""
        return len(self.levels) + 1 if self.kind is FeatureKind.CATEGORY else 1 + self.has_gaps


@dataclass(frozen=True, slots=True)
class Coding:
    """How rows become matrices; equal codings give equal matrices, on every machine."""

    columns: tuple[ColumnCoding, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the order of the tree design's columns."""
        return tuple(c.name for c in self.columns)

    @property
    def categories(self) -> list[int]:
        """Positions of the codes among the tree design's columns."""
        return [i for i, c in enumerate(self.columns) if c.kind is FeatureKind.CATEGORY]

    @property
    def owners(self) -> Floats:
        """For each column of the linear design the position of its feature; shape (width,)."""
        return np.repeat(np.arange(len(self.columns)), [c.width for c in self.columns]).astype(np.float64)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the coding as JSON values."""
        return [asdict(c) for c in self.columns]


def coding_from_json(body: Sequence[Mapping[str, Any]]) -> Coding:
    """Return the coding written by ``Coding.to_json``."""
    return Coding(
        tuple(
            ColumnCoding(
                name=c["name"],
                kind=FeatureKind(c["kind"]),
                levels=tuple(c["levels"]),
                fill=float(c["fill"]),
                has_gaps=bool(c["has_gaps"]),
                centre=tuple(c["centre"]),
                spread=tuple(c["spread"]),
            )
            for c in body
        )
    )


def learn_coding(rows: Rows, features: Sequence[Feature]) -> Coding:
    """Return the coding learned from training rows; a feature that never varies keeps its place and says nothing."""
    return Coding(tuple(_learn_column(_column(rows, f.name), f) for f in features))


def _column(rows: Rows, name: str) -> Column:
    if name not in rows.features.column_names:
        raise ContractBroken(
            "scores.feature_missing", zh=f"缺少特征列 {name}", en=f"the rows lack the feature {name}", facts={"feature": name}
        )  # fmt: skip
    return rows.features.column(name)


def _learn_column(column: Column, feature: Feature) -> ColumnCoding:
    if feature.kind is FeatureKind.CATEGORY:
        often = [(-n, code) for code, n in counts_of_codes(column) if n >= FEWEST_ROWS_OF_LEVEL]
        levels = tuple(sorted(value for _, value in sorted(often)[:MOST_LEVELS]))
        draft = ColumnCoding(feature.name, feature.kind, levels)
    else:
        numbers = numbers_of(column)
        present = numbers[~np.isnan(numbers)]
        fill = float(np.median(present)) if len(present) else 0.0
        draft = ColumnCoding(feature.name, feature.kind, fill=fill, has_gaps=len(present) < len(numbers))
    raw = _spread_out(draft, column)
    centre, spread = raw.mean(axis=0), raw.std(axis=0)
    spread[spread < 1e-9 * np.maximum(1.0, np.abs(centre))] = 0.0
    return ColumnCoding(
        draft.name, draft.kind, draft.levels, draft.fill, draft.has_gaps,
        tuple(float(c) for c in centre), tuple(float(s) for s in spread),
    )  # fmt: skip


def _spread_out(coding: ColumnCoding, column: Column) -> Floats:
    """Return the linear design's columns of one feature, not yet standardised; shape (n_rows, width)."""
    if coding.kind is FeatureKind.CATEGORY:
        number = places_in(column, coding.levels)
        return (number[:, None] == np.arange(len(coding.levels) + 1)[None, :]).astype(np.float64)
    values = numbers_of(column)
    gaps = np.isnan(values)
    filled = np.where(gaps, coding.fill, values)
    return np.column_stack([filled, gaps.astype(np.float64)]) if coding.has_gaps else filled[:, None]


def encode_for_trees(rows: Rows, coding: Coding) -> Floats:
    """Return one column per feature: numbers as they are, codes as level numbers, missing as NaN; shape (n_rows, n_features)."""
    matrix = np.empty((rows.n, len(coding.columns)), dtype=np.float64, order="F")
    for i, column in enumerate(coding.columns):
        values = _column(rows, column.name)
        is_code = column.kind is FeatureKind.CATEGORY
        matrix[:, i] = places_in(values, column.levels) if is_code else numbers_of(values)
    return matrix


def encode_linear(rows: Rows, coding: Coding) -> Floats:
    """Return the standardised design; columns that never varied in training are 0; shape (n_rows, sum of widths)."""
    parts = []
    for column in coding.columns:
        raw = _spread_out(column, _column(rows, column.name))
        spread = np.asarray(column.spread)
        scale = np.where(spread > 0, spread, 1.0)
        parts.append(np.where(spread > 0, (raw - np.asarray(column.centre)) / scale, 0.0))
    return np.concatenate(parts, axis=1) if parts else np.empty((rows.n, 0))


__all__ = ["Coding", "ColumnCoding", "coding_from_json", "encode_for_trees", "encode_linear", "learn_coding"]

"""Why this customer has this score: the three features that moved it most, with value and direction, in words of both languages.

Stored as ``feature=value`` keys beside the effect in log-odds; the words come from the feature definitions when shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.scores.columns import shown_values
from zhike.scores.terms import Feature, FeatureKind, Floats, Rows

N_REASONS = 3
MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Reasons:
    """The strongest reasons of each row: ``keys[k]`` (``feature=value`` or missing) and ``effects[k]`` in log-odds, best first."""

    keys: tuple[pa.Array[Any], ...]
    effects: tuple[pa.Array[Any], ...]


def strongest_reasons(rows: Rows, names: tuple[str, ...], contributions: Floats) -> Reasons:
    """Return the three largest contributions per row by size, ties in the order of the features; zero is no reason.

    Parameters
    ----------
    names : features in the order of the columns of ``contributions`` (shape (n_rows, n_features), log-odds).
    """
    order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :N_REASONS]
    sizes = np.take_along_axis(contributions, order, axis=1)
    keys: list[pa.Array[Any]] = []
    effects: list[pa.Array[Any]] = []
    for k in range(N_REASONS):
        if k >= order.shape[1]:
            keys.append(pa.nulls(rows.n, pa.string()))
            effects.append(pa.nulls(rows.n, pa.float64()))
            continue
        says = sizes[:, k] != 0
        keys.append(_keys_of(rows, names, np.where(says, order[:, k], -1)))
        effects.append(pa.array(np.where(says, sizes[:, k], np.nan), pa.float64(), from_pandas=True))
    return Reasons(tuple(keys), tuple(effects))


def _keys_of(rows: Rows, names: tuple[str, ...], chosen: npt.NDArray[np.int64]) -> pa.Array[Any]:
    """Return ``feature=value`` for the feature chosen in each row (-1 = none); a loop over features, not over rows."""
    texts = np.full(rows.n, None, dtype=object)
    for i in np.unique(chosen[chosen >= 0]):
        mask, name = chosen == i, names[int(i)]
        values = rows.features.column(name).filter(pa.array(mask))
        texts[mask] = [f"{name}={value}" for value in shown_values(values, missing=MISSING)]
    return pa.array(texts, pa.string())


def describe_reason(key: str, effect: float, features: Mapping[str, Feature], *, language: str = "zh") -> str:
    """Return a reason in words, e.g. ``近30天行外净流入 = -20000.00 元（推高）``."""
    name, _, value = key.partition("=")
    feature = features.get(name)
    title = name if feature is None else (feature.zh if language == "zh" else feature.en)
    shown = _value_in_words(value, feature, language)
    if language == "zh":
        return f"{title} {shown}（{'推高' if effect > 0 else '拉低'}）"
    return f"{title} {shown} ({'raises it' if effect > 0 else 'lowers it'})"


def _value_in_words(value: str, feature: Feature | None, language: str) -> str:
    is_zh = language == "zh"
    if value == MISSING:
        return "缺失" if is_zh else "is missing"
    if feature is not None and feature.kind is FeatureKind.DAY:
        days = round(float(value))
        if is_zh:
            return f"在 {abs(days)} 天{'前' if days >= 0 else '后'}"
        return f"{abs(days)} days {'ago' if days >= 0 else 'ahead'}"
    if feature is not None and feature.kind is FeatureKind.FLAG:
        yes = value in ("true", "1", "1.0")
        return ("是" if yes else "否") if is_zh else ("yes" if yes else "no")
    unit = f" {feature.unit}" if feature is not None and feature.unit else ""
    return f"= {value}{unit}"


__all__ = ["MISSING", "N_REASONS", "Reasons", "describe_reason", "strongest_reasons"]

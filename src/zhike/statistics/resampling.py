"""Bootstrap with a seed that comes from a name, so that the same data give the same interval on every machine and run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.kernel.hashing import fingerprint
from zhike.statistics.intervals import Interval, check_confidence

Floats: TypeAlias = NDArray[np.float64]
CHUNK_CELLS = 4_000_000


def seeded_generator(*parts: object) -> np.random.Generator:
    """Return a generator whose stream depends on ``parts`` only (names, days, keys), not on the clock or the process."""
    return np.random.Generator(np.random.PCG64(int(fingerprint(*parts), 16)))


def bootstrap_interval(
    columns: Floats,
    statistic: Callable[[Floats], float],
    *,
    seed: str,
    n_draws: int = 1_000,
    confidence: float = 0.95,
) -> Interval:
    """Return the percentile interval of a statistic of weighted column means, resampling whole units.

    Parameters
    ----------
    columns : array of shape (n_units, n_columns), one row per independent unit (a customer, not a contract).
    statistic : function of the column means, shape (n_columns,), to one number: ``lambda m: m[0] / m[1]`` for a ratio.
    seed : name of the number being estimated; the same name and data give the same interval.
    n_draws : resamples, >= 100.

    Raises
    ------
    NotEstimable : fewer than two units, or the statistic has no finite value in some resample.

    Source
    ------
    Efron & Tibshirani (1993), chapter 13 (percentile interval); multinomial weights equal drawing rows with return.
    """
    check_confidence(confidence)
    data = np.asarray(columns, dtype=np.float64)
    if data.ndim != 2 or n_draws < 100:
        raise BadInput(
            "statistics.bootstrap_shape", zh="自助法需要二维数组与至少 100 次抽样", en="the bootstrap needs a two-dimensional array and at least 100 draws",
        )  # fmt: skip
    n = data.shape[0]
    if n < 2:
        raise NotEstimable(
            "statistics.too_few",
            zh="自助法至少需要 2 个单位",
            en="the bootstrap needs at least two units",
            facts={"n": n},
        )
    generator = seeded_generator("bootstrap", seed)
    per_chunk = max(1, CHUNK_CELLS // n)
    values: list[float] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(statistic(data.mean(axis=0)))
        while len(values) < n_draws:
            size = min(per_chunk, n_draws - len(values))
            weights = generator.multinomial(n, np.full(n, 1.0 / n), size=size)
            values.extend(float(statistic(row)) for row in weights @ data / n)
    drawn = np.asarray(values)
    if not (np.isfinite(drawn).all() and np.isfinite(estimate)):
        raise NotEstimable(
            "statistics.bootstrap_undefined", zh="部分抽样中统计量无定义", en="the statistic has no value in some resamples",
            todo_zh="扩大样本", todo_en="take more units", facts={"n": n},
        )  # fmt: skip
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high), confidence, "bootstrap_percentile")


__all__ = ["bootstrap_interval", "seeded_generator"]

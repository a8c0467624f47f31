"""RFM: how lately, how often, how much, as five scores and as the eight named cells of Chinese practice.

Scores are fifths of the customers *with activity*, by rank; equal values take the mean of the ranks they share, so that two
customers who are alike never get different scores (a fifth may then hold more or less than 20 %). The eight cells ask of each of the
three whether it is on the good side of the mean (or of the median, which one large customer cannot move). Who has no activity is in
neither: a cell of their own, never «the oldest».

What counts as money is the caller's choice: money moved, AUM, contribution (``MONEY``).

Source
------
Hughes (1994), "Strategic Database Marketing", chapter 5 (quintiles); the eight cells as Chinese banks and retailers name them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.kernel.terms import Text

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
N_SCORES = 5
LEAST_ACTIVE = 30


class Money(StrEnum):
    """What M means at a bank."""

    AUM = "aum"
    CONTRIBUTION = "contribution"
    MOVED = "moved"


# the first column that the profile has is taken
MONEY: Mapping[Money, tuple[str, ...]] = {
    Money.AUM: ("aum_mavg_amount", "aum_point_amount"),
    Money.CONTRIBUTION: ("contribution_amount",),
    Money.MOVED: ("inflow_90d_amount", "external_inflow_90d_amount", "inflow_30d_amount", "external_inflow_30d_amount"),
}
RECENCY: tuple[str, ...] = ("days_since_initiated", "days_since_login")
FREQUENCY: tuple[str, ...] = ("n_initiated_90d", "n_initiated_180d", "n_initiated_30d")
NO_ACTIVITY = "none"

# (recent, often, much) → key and names
CELLS: Mapping[tuple[bool, bool, bool], tuple[str, Text]] = {
    (True, True, True): ("important_value", Text("重要价值客户", "Important, valuable")),
    (True, False, True): ("important_develop", Text("重要发展客户", "Important, to develop")),
    (False, True, True): ("important_keep", Text("重要保持客户", "Important, to keep")),
    (False, False, True): ("important_win_back", Text("重要挽留客户", "Important, to win back")),
    (True, True, False): ("general_value", Text("一般价值客户", "General, valuable")),
    (True, False, False): ("general_develop", Text("一般发展客户", "General, to develop")),
    (False, True, False): ("general_keep", Text("一般保持客户", "General, to keep")),
    (False, False, False): ("general_win_back", Text("一般挽留客户", "General, to win back")),
}
CELL_NAMES: Mapping[str, Text] = {**dict(CELLS.values()), NO_ACTIVITY: Text("无活动客户", "No activity")}


@dataclass(frozen=True, slots=True)
class Rfm:
    """RFM of some customers, in their order.

    ``recency``, ``frequency``, ``monetary`` are scores 1 (worst) … 5 (best), 0 for who has no activity; ``cell`` is a key of
    ``CELL_NAMES``. ``limits`` are the three values that divide good from bad (days, times, money).
    """

    recency: Integers
    frequency: Integers
    monetary: Integers
    cell: npt.NDArray[np.str_]
    limits: tuple[float, float, float]
    cut: str

    @property
    def total(self) -> Integers:
        """The three scores as one number, 111 … 555; 0 for who has no activity."""
        whole: Integers = 100 * self.recency + 10 * self.frequency + self.monetary
        return whole


def score_fifths(values: Floats, *, is_high_good: bool = True) -> Integers:
    """Return 1 … 5 per value by rank, equal values alike: 1 + floor(5 · (mean rank − ½) / n)."""
    ranks = stats.rankdata(values if is_high_good else -values, method="average")
    scores: Integers = 1 + np.floor(N_SCORES * (ranks - 0.5) / len(values)).astype(np.int64)
    return np.clip(scores, 1, N_SCORES)


def score_rfm(
    recency_days: npt.ArrayLike,
    frequency: npt.ArrayLike,
    monetary: npt.ArrayLike,
    *,
    cut: Literal["mean", "median"] = "mean",
    least_active: int = LEAST_ACTIVE,
) -> Rfm:
    """Return scores and cells of customers, one per position.

    Parameters
    ----------
    recency_days : days since the last activity, ≥ 0; NaN = none ever seen. frequency : times in the window; missing is 0.
    monetary : money, any sign; missing is 0.
    cut : what divides the eight cells, over customers with activity. Being exactly at it is on the good side.

    Raises
    ------
    BadInput : the three are not equally long, or a recency is negative.
    NotEstimable : fewer than ``least_active`` customers have any activity: fifths of so few say nothing.
    """
    r, f, m = (np.asarray(x, dtype=np.float64) for x in (recency_days, frequency, monetary))
    if not len(r) == len(f) == len(m) or bool((r < 0).any()):
        raise BadInput(
            "rfm.malformed", zh="R、F、M 须等长且 R 不为负", en="R, F and M must be equally long, and R not negative",
            todo_zh="检查所选列", todo_en="check the columns that were chosen",
        )  # fmt: skip
    f, m = np.nan_to_num(f, nan=0.0), np.nan_to_num(m, nan=0.0)
    active = ~np.isnan(r)
    n_active = int(active.sum())
    if n_active < least_active:
        raise NotEstimable(
            "rfm.too_few", zh=f"仅 {n_active} 位客户有活动，不足 {least_active} 位，不做 RFM", en=f"only {n_active} customers have any activity, fewer than {least_active}: no RFM",
            todo_zh="扩大客户范围或观察期", todo_en="take more customers or a longer time", facts={"n_active": n_active},
        )  # fmt: skip
    middle = np.mean if cut == "mean" else np.median
    limits = tuple(float(middle(x[active])) for x in (r, f, m))
    cell = np.full(len(r), NO_ACTIVITY, dtype="<U24")
    good = (r <= limits[0], f >= limits[1], m >= limits[2])
    for sides, (key, _) in CELLS.items():
        here = active.copy()
        for is_good, wanted in zip(good, sides, strict=True):
            here &= is_good == wanted
        cell[here] = key
    scores = [np.zeros(len(r), dtype=np.int64) for _ in range(3)]
    for score, values, is_high_good in zip(scores, (r, f, m), (False, True, True), strict=True):
        score[active] = score_fifths(values[active], is_high_good=is_high_good)
    return Rfm(scores[0], scores[1], scores[2], cell, (limits[0], limits[1], limits[2]), cut)


@dataclass(frozen=True, slots=True)
class CellSize:
    """One cell: customers and money in it, with their shares of everybody."""

    key: str
    names: Text
    n_customers: int
    share_rate: float
    amount: float
    amount_share_rate: float | None
    mean_recency_days: float | None
    mean_frequency: float


def summarise_cells(
    rfm: Rfm, recency_days: npt.ArrayLike, frequency: npt.ArrayLike, monetary: npt.ArrayLike
) -> tuple[CellSize, ...]:
    """Return the nine cells in the order of ``CELL_NAMES``, empty ones included; customers and money add up to all."""
    r, f, m = (np.asarray(x, dtype=np.float64) for x in (recency_days, frequency, monetary))
    f, m = np.nan_to_num(f, nan=0.0), np.nan_to_num(m, nan=0.0)
    n, whole = len(r), float(m.sum())
    found = []
    for key, names in CELL_NAMES.items():
        here = rfm.cell == key
        size, money = int(here.sum()), float(m[here].sum())
        lately = r[here & ~np.isnan(r)]
        found.append(
            CellSize(
                key, names, size, size / n if n else 0.0, money, money / whole if whole > 0 else None,
                float(lately.mean()) if len(lately) else None, float(f[here].mean()) if size else 0.0,
            )
        )  # fmt: skip
    return tuple(found)


def choose_column(columns: Sequence[str], wanted: Sequence[str], what: str) -> str:
    """Return the first of ``wanted`` that there is; BadInput, naming all, when there is none."""
    for name in wanted:
        if name in columns:
            return name
    raise BadInput(
        "rfm.no_column", zh=f"画像没有可作 {what} 的列：{'、'.join(wanted)}", en=f"the profile has no column for {what}: {', '.join(wanted)}",
        todo_zh="以 --recency、--frequency、--money 指定列", todo_en="name columns with --recency, --frequency, --money",
    )  # fmt: skip


__all__ = [
    "CELLS",
    "CELL_NAMES",
    "FREQUENCY",
    "LEAST_ACTIVE",
    "MONEY",
    "NO_ACTIVITY",
    "RECENCY",
    "CellSize",
    "Money",
    "Rfm",
    "choose_column",
    "score_fifths",
    "score_rfm",
    "summarise_cells",
]

"""Set the weights from which records are linked without review, by the precision that is to be expected there.

Pairs whose documents are both known tell: equal numbers are one customer, different ones are two. They are counted in steps of
weight per level of the gate, weighted so that they stand for the pairs that lack a document, of which the matching decides.
Where few or none are known, the model's own probability takes their place; not so at cautious levels, where the pairs known from
there on upwards have to outweigh a doubt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.identity.matching.model import NEVER, Level, MatchModel
from zhike.identity.matching.score import compared_pairs, match_weight
from zhike.warehouse import QueryEngine

Floats = npt.NDArray[np.float64]
STEP = 1.0  # bits
BELIEF = 5.0  # pairs that the model's own probability is worth beside those that are known
SURE_ENOUGH = 0.98  # nobody is linked by evidence that errs more often than this, however many are linked rightly
DOUBT, DOUBTED = 3.0, 0.9  # what a cautious level is believed before any pair is known, in pairs
WIDEST = 60.0


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs of one gate level and one step of weight: how many, and how many of them are one customer as far as can be told."""

    level: str
    from_weight: float
    n_pairs: float
    n_known: float
    n_right: float
    precision: float


def calibrate(engine: QueryEngine, rows: ir.Table, model: MatchModel) -> tuple[MatchModel, list[Bin]]:
    """Return the model with thresholds for the precision that it promises, and the bins that they were set by.

    Parameters
    ----------
    rows : one row per record as ``fit`` takes them, with ``home`` = record_no and ``source``.
    """
    blind = rows.mutate(born=rows.written_born, birth_year=rows.written_born.substr(0, 4))
    shares = rows.group_by("source").aggregate(share=rows.document_no.notnull().mean())
    has = {r["source"]: float(r["share"]) for r in engine.fetch(shares).to_pylist()}
    with (
        engine.temporary("identity_blind", blind) as told,
        compared_pairs(engine, told, model, labelled=True) as compared,
    ):
        weighed = compared.select(
            "is_same",
            "left_source",
            "right_source",
            level=compared[f"{model.gate}_level"].cast("int64"),
            weight=match_weight(compared, model),
        )
        fetched = engine.fetch(weighed.mutate(stands_for=_stands_for(weighed, has)).drop("left_source", "right_source"))
    bins = bins_of(fetched, model)
    return with_thresholds(model, bins), bins


def _stands_for(weighed: ir.Table, has_document: Mapping[str, float]) -> ir.FloatingValue:
    """Return for how many pairs that lack a document each pair with two of them stands; 0 where such pairs are not met."""
    share = {s: max(v, 1e-3) for s, v in has_document.items()}
    left = ibis.cases(*((weighed.left_source == s, v) for s, v in share.items()), else_=1.0)
    right = ibis.cases(*((weighed.right_source == s, v) for s, v in share.items()), else_=1.0)
    return ibis.least(1.0 / (left * right) - 1.0, MOST_STOOD_FOR)


MOST_STOOD_FOR = 50.0


def bins_of(weighed: pa.Table, model: MatchModel) -> list[Bin]:
    """Return the bins, by level and falling weight.

    Parameters
    ----------
    weighed : [level, weight, is_same (missing = unknown), stands_for] per candidate pair.
    """
    names = [level.name for level in model.gate_comparison.levels]
    level = np.asarray(weighed["level"].to_numpy(), np.int64)
    weight = np.clip(np.asarray(weighed["weight"].to_numpy(), np.float64), -WIDEST, WIDEST)
    same = np.array([np.nan if v is None else float(v) for v in weighed["is_same"].to_pylist()], np.float64)
    stands = np.asarray(weighed["stands_for"].to_numpy(), np.float64)
    step = np.floor(weight / STEP)
    found = []
    for number in np.unique(level[level >= 0]).tolist():
        for s in sorted(np.unique(step[level == number]).tolist(), reverse=True):
            at = (level == number) & (step == s)
            found.append(_bin(names[number], s * STEP, weight[at], same[at], stands[at]))
    return found


def _bin(name: str, from_weight: float, weight: Floats, same: Floats, stands: Floats) -> Bin:
    is_known = ~np.isnan(same)
    believed = float(np.mean(1.0 / (1.0 + 2.0 ** (-weight))))
    known, right = float(stands[is_known].sum()), float((stands * same)[is_known].sum())
    size = max(float(stands[is_known].max(initial=1.0)), 1.0)
    precision = (right + believed * BELIEF * size) / (known + BELIEF * size)
    unknown = float((~is_known).sum())
    return Bin(name, from_weight, unknown or known, float(is_known.sum()), float(same[is_known].sum()), precision)


def thresholds(bins: Sequence[Bin], *, precision: float, cautious: Collection[str] = ()) -> dict[str, float]:
    """Return per gate level the weight from which pairs are linked so that ``precision`` is to be expected of all of them.

    A level's bins are taken from the heaviest down; among levels, the most precise bin goes first.
    """
    by_level: dict[str, list[Bin]] = {}
    for b in bins:
        by_level.setdefault(b.level, []).append(b)
    waiting = {name: _proven(rest) if name in cautious else rest for name, rest in by_level.items()}
    chosen: dict[str, float] = {}
    right = total = 0.0
    while any(waiting.values()):
        _, name = max((rest[0].precision, name) for name, rest in waiting.items() if rest)
        head = waiting[name][0]
        n_right = right + head.precision * head.n_pairs
        if head.precision < SURE_ENOUGH or n_right < precision * (total + head.n_pairs):
            waiting[name] = []
            continue
        waiting[name] = waiting[name][1:]
        right, total = n_right, total + head.n_pairs
        chosen[name] = head.from_weight
    return chosen


def _proven(bins: Sequence[Bin]) -> list[Bin]:
    """Return the bins of a cautious level with the precision of all pairs known at them and above, against a doubt; bins above
    the first that is proven count with it.
    """
    found: list[Bin] = []
    n_known = n_right = n_pairs = 0.0
    for b in bins:
        n_known, n_right, n_pairs = n_known + b.n_known, n_right + b.n_right, n_pairs + b.n_pairs
        precision = (n_right + DOUBT * DOUBTED) / (n_known + DOUBT)
        if found or precision >= SURE_ENOUGH:
            n_new = b.n_pairs if found else n_pairs
            found.append(replace(b, precision=min(precision, b.precision), n_pairs=n_new))
    return found


def with_thresholds(model: MatchModel, bins: Sequence[Bin]) -> MatchModel:
    """Return the model with the weights from which its gate's levels are linked."""
    never = {level.name for level in model.gate_comparison.levels if (level.automatic_weight or 0.0) >= NEVER}
    cautious = {level.name for level in model.gate_comparison.levels if level.is_cautious}
    found = thresholds([b for b in bins if b.level not in never], precision=model.precision, cautious=cautious)
    comparisons = tuple(
        replace(c, levels=tuple(_with_threshold(level, found) for level in c.levels)) if c.name == model.gate else c
        for c in model.comparisons
    )
    return replace(model, comparisons=comparisons)


def _with_threshold(level: Level, found: Mapping[str, float]) -> Level:
    """Return the level with its threshold; a level that the definition says is never linked stays so."""
    never = level.automatic_weight is not None and level.automatic_weight >= NEVER
    return level if never else replace(level, automatic_weight=found.get(level.name, HIGHEST))


HIGHEST = 99.0  # bits: no pair has been seen there, so that none is linked; another fit may find some

__all__ = ["Bin", "bins_of", "calibrate", "thresholds", "with_thresholds"]

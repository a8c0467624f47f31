"""Set the weights from which records are linked without review, by the precision that is to be expected there.

Pairs whose documents are both known tell: equal numbers are one customer, different ones are two; of the wrong ones those count that
nothing else would keep apart. They are counted in steps of
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
import pyarrow.compute as pc

from zhike.identity.clusters import MARGIN
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


def calibrate(engine: QueryEngine, rows: pa.Table, model: MatchModel) -> tuple[MatchModel, list[Bin]]:
    """Return the model with thresholds for the precision that it promises, and the bins that they were set by.

    Parameters
    ----------
    rows : one row per record as ``fit`` takes them, with ``home`` = record_no and ``source``.
    """
    written = {"born": rows["written_born"], "birth_year": pc.utf8_slice_codeunits(rows["written_born"], 0, 4)}
    blind = pa.table({**{c: rows[c] for c in rows.column_names}, **written})
    has = _shares_with_document(rows)
    with compared_pairs(engine, blind, model, labelled=True) as compared:
        weighed = compared.select(
            "is_same",
            "left_record",
            "right_record",
            "left_source",
            "right_source",
            level=compared[f"{model.gate}_level"].cast("int64"),
            weight=match_weight(compared, model),
        )
        fetched = engine.fetch(weighed.mutate(stands_for=_stands_for(weighed, has)))
    bins = bins_of(_undefended(fetched, has), model)
    return with_thresholds(model, bins), bins


def _shares_with_document(rows: pa.Table) -> dict[str, float]:
    """Return source → share of its records that carry a document."""
    told = pa.table({"source": rows["source"], "has": pc.cast(rows["document_no"].is_valid(), pa.float64())})
    shares = told.group_by("source").aggregate([("has", "mean")])
    return {str(r["source"]): float(r["has_mean"]) for r in shares.to_pylist()}


def _undefended(weighed: pa.Table, has_document: Mapping[str, float]) -> pa.Table:
    """Return the pairs without those of two customers that would be kept apart anyway: each side has its document, or fits a
    record of its own customer that has one no worse, whose number then contradicts.
    """
    left, right = (weighed[c].to_numpy().astype(np.int64) for c in ("left_record", "right_record"))
    weight = weighed["weight"].to_numpy().astype(np.float64)
    same = weighed["is_same"].to_pylist()
    is_right = np.array([s is True for s in same], bool)
    best = np.full(int(max(left.max(initial=0), right.max(initial=0))) + 1, -np.inf)
    for side in (left, right):
        np.maximum.at(best, side[is_right], weight[is_right])
    is_safe = np.ones(len(weight), bool)
    complete = pa.array([s for s, share in has_document.items() if share >= ALWAYS], pa.string())
    for side, source in ((left, "left_source"), (right, "right_source")):
        always = np.asarray(pc.is_in(weighed[source], complete).to_numpy(), bool)
        is_safe &= np.logical_or(always, best[side] >= weight - MARGIN)
    is_wrong = np.array([s is False for s in same], bool)
    return weighed.filter(pa.array(~(is_wrong & is_safe)))


ALWAYS = 0.999  # share of a source's records that carry a document, from which on each is taken to


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
    smooth = {name: _monotone(rest) for name, rest in by_level.items()}
    waiting = {name: _proven(rest) if name in cautious else rest for name, rest in smooth.items()}
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


def _monotone(bins: Sequence[Bin]) -> list[Bin]:
    """Return the bins of a level with precisions that do not rise as the weight falls: one pair wrong by chance in a small bin is
    judged together with the lighter bins, which would know if it were more than chance (isotonic regression).
    """
    from sklearn.isotonic import IsotonicRegression

    weights = np.array([b.from_weight for b in bins])
    sure = IsotonicRegression(increasing=True).fit_transform(
        weights, np.array([b.precision for b in bins]), sample_weight=np.array([b.n_known + BELIEF for b in bins])
    )
    return [replace(b, precision=float(p)) for b, p in zip(bins, sure, strict=True)]


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

"""Candidate pairs and their match weights, in the engine: what ``MatchModel.compare`` says of two records, for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from zhike.identity.codes import MISSING, Codes
from zhike.identity.matching.blocks import candidate_pairs
from zhike.identity.matching.levels import KINDS
from zhike.identity.matching.model import NEVER, Comparison, MatchModel, gate_weights
from zhike.warehouse import QueryEngine

pc: Any = pyarrow.compute  # its stubs know fewer calls than there are


def _level(comparison: Comparison, left: Any, right: Any) -> ir.Value:
    """Return the number of the level reached, from 0; -1 where a side has no value."""
    branches = [(left[comparison.column].isnull() | right[comparison.column].isnull(), -1)]
    for number, level in enumerate(comparison.levels[:-1]):
        met = KINDS[level.kind].table(left, right, level.column, level.size)
        branches.append((met.fill_null(False), number))  # noqa: FBT003 - a literal value
    return ibis.cases(*branches, else_=len(comparison.levels) - 1).cast("int8")


def _paired(rows: pa.Table, model: MatchModel, codes: Codes, *, labelled: bool) -> pa.Table:
    """Return the candidate pairs with the columns of both sides side by side (``…_l``, ``…_r``), and with ``<comparison>_bits``, what the
    left value is worth for being rare or common.

    Pairs that carry two different valid document numbers are left out: no weight would ever link them. ``labelled`` : keep them, and
    leave out what other facts would keep apart anyway: a man and a woman whose births are known.
    """
    left, right = candidate_pairs(rows, model, codes)

    def differ(column: str) -> npt.NDArray[np.bool_]:
        a, b = codes.of(column)[left], codes.of(column)[right]
        return (a != b) & (a != MISSING) & (b != MISSING)

    is_apart = np.zeros(len(left), bool)
    if not labelled:
        is_apart = differ("resident_id") | differ("uscc")
    elif {"sex", "born"} <= set(model.columns):
        born = codes.of("born") != MISSING
        is_apart = differ("sex") & born[left] & born[right]
    left, right = left[~is_apart], right[~is_apart]
    columns = dict.fromkeys([*model.columns, "record_no", *(["source", "document_no"] if labelled else [])])
    positions: list[tuple[str, Any]] = [("l", pa.array(left)), ("r", pa.array(right))]
    sides: dict[str, Any] = {f"{c}_{side}": rows[c].take(at) for side, at in positions for c in columns}
    bits = {f"{c.name}_bits": _rarity(sides[f"{c.column}_l"], c) for c in model.comparisons if c.rare}
    return pa.table({**sides, **bits})


def _rarity(values: Any, comparison: Comparison) -> Any:
    """Return the bits that equal values are worth for being rare or common."""
    known = list(comparison.frequencies)
    at = pc.index_in(values, pa.array(known, pa.string()))
    return pc.fill_null(pa.array([comparison.rarity(v) for v in known], pa.float64()).take(at), comparison.rarity(""))


class _Side:
    """One side of a pair, by the names that its columns have on a row."""

    def __init__(self, both: ir.Table, suffix: str) -> None:
        self._both, self._suffix = both, suffix

    def __getitem__(self, column: str) -> ir.Value:
        return self._both[column + self._suffix]


def _compared(both: ir.Table, model: MatchModel, *, labelled: bool) -> ir.Table:
    """Return [left_record, right_record, <comparison>_level …, <comparison>_bits …] of pairs side by side; ``labelled`` : with what their
    documents say (``is_same``, missing where one has none) and their sources.
    """
    sides = [_Side(both, suffix) for suffix in ("_l", "_r")]
    levels = {f"{c.name}_level": _level(c, *sides) for c in model.comparisons}
    told = {}
    if labelled:
        is_same = both.document_no_l == both.document_no_r
        told = {"is_same": is_same, "left_source": both.source_l, "right_source": both.source_r}
    bits = [f"{c.name}_bits" for c in model.comparisons if c.rare]
    return both.select(*bits, left_record="record_no_l", right_record="record_no_r", **levels, **told)


def match_weight(compared: ir.Table, model: MatchModel) -> ir.FloatingValue:
    """Return the match weight of compared pairs, in bits."""
    weight: ir.FloatingValue = ibis.literal(model.prior_weight)
    for comparison in model.comparisons:
        reached = compared[f"{comparison.name}_level"]
        weight = weight + ibis.cases(
            *((reached == n, level.weight) for n, level in enumerate(comparison.levels)), else_=0.0
        )
        if comparison.rare:
            weight = weight + (reached == 0).ifelse(compared[f"{comparison.name}_bits"], 0.0)
    return weight


def weigh(compared: ir.Table, model: MatchModel) -> ir.Table:
    """Return [left_record, right_record, weight, from_weight]: the match weight, and that from which it links."""
    gate, needed = model.gate_comparison, gate_weights(model)
    reached = compared[f"{gate.name}_level"]
    from_weight = ibis.cases(*((reached == n, needed[level.name]) for n, level in enumerate(gate.levels)), else_=NEVER)
    weighed = compared.select(
        "left_record", "right_record", weight=match_weight(compared, model), from_weight=from_weight
    )
    return weighed.filter((weighed.weight >= model.review_weight) | (weighed.weight >= weighed.from_weight))


def best_of_pair(weighed: ir.Table) -> ir.Table:
    """Return one row per pair of records, its strongest versions: [left_record, right_record, weight, is_automatic]."""
    grouped = weighed.group_by("left_record", "right_record").aggregate(
        weight=weighed.weight.max(), is_automatic=(weighed.weight >= weighed.from_weight).any()
    )
    return grouped.mutate(weight=grouped.weight.round(WEIGHT_DIGITS))


WEIGHT_DIGITS = 4


@contextmanager
def compared_pairs(
    engine: QueryEngine, rows: pa.Table, model: MatchModel, codes: Codes | None = None, *, labelled: bool = False
) -> Iterator[ir.Table]:
    """Give the compared candidate pairs, while they are needed; see :func:`_compared`."""
    rows = rows.combine_chunks()
    pairs = _paired(rows, model, codes or Codes(rows), labelled=labelled)
    with engine.holding("identity_pairs", pairs) as both:
        yield _compared(both, model, labelled=labelled)


def score(engine: QueryEngine, rows: pa.Table, model: MatchModel, codes: Codes | None = None) -> pa.Table:
    """Return the pairs of records that the model links or wants seen: [left_record, right_record, weight, is_automatic].

    Parameters
    ----------
    rows : one row per version of a record: record_no, home (records of one home are known to be one customer already), resident_id,
        uscc and the model's columns.
    codes : of the rows, where others use them, too.
    """
    with compared_pairs(engine, rows, model, codes) as compared:
        return engine.fetch(best_of_pair(weigh(compared, model)).order_by("left_record", "right_record"))


__all__ = ["best_of_pair", "compared_pairs", "match_weight", "score", "weigh"]

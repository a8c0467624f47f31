"""Candidate pairs and their match weights, in the engine: what ``MatchModel.compare`` says of two records, for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.identity.matching.levels import KINDS
from zhike.identity.matching.model import NEVER, Comparison, MatchModel, gate_weights
from zhike.warehouse import QueryEngine

ROW = ("row_no", "record_no", "home")


def block_keys(rows: ir.Table, model: MatchModel) -> ir.Table:
    """Return [block_no, block_key, row_no, record_no, home]: one key per row and block whose columns are all there.

    Keys are hashes, which differ from engine to engine and mean nothing outside a query: two values of one hash are compared
    and found different.
    """
    parts = []
    for number, columns in enumerate(model.blocks):
        key: ir.IntegerValue = rows[columns[0]].hash()
        for column in columns[1:]:
            key = key ^ rows[column].hash()
        there = ibis.and_(*(rows[c].notnull() for c in columns))
        parts.append(rows.filter(there).select(*ROW, block_no=ibis.literal(number, type="int8"), block_key=key))
    return ibis.union(*parts)


def usable_blocks(keys: ir.Table, widest: int) -> ir.Table:
    """Return [block_no, block_key] of the blocks that join records of different homes and are not too wide."""
    grouped = keys.group_by("block_no", "block_key").aggregate(
        n=keys.record_no.count().cast("int64"), first_home=keys.home.min(), last_home=keys.home.max()
    )
    return grouped.filter((grouped.n <= widest) & (grouped.first_home < grouped.last_home)).select(
        "block_no", "block_key"
    )


def candidate_pairs(keys: ir.Table, usable: ir.Table) -> ir.Table:
    """Return [left_row, right_row]: rows of different homes that share a usable block, each pair once, lower record first."""
    inside = keys.semi_join(usable, ["block_no", "block_key"])
    left = inside.select("block_no", "block_key", left_row="row_no", left_record="record_no", left_home="home")
    right = inside.select("block_no", "block_key", right_row="row_no", right_record="record_no", right_home="home")
    joined = left.inner_join(right, ["block_no", "block_key"])
    joined = joined.filter((joined.left_record < joined.right_record) & (joined.left_home != joined.right_home))
    return joined.select("left_row", "right_row").distinct()


def _level(comparison: Comparison, left: ir.Table, right: ir.Table) -> ir.Value:
    """Return the number of the level reached, from 0; -1 where a side has no value."""
    branches = [(left[comparison.column].isnull() | right[comparison.column].isnull(), -1)]
    for number, level in enumerate(comparison.levels[:-1]):
        met = KINDS[level.kind].table(left, right, level.column, level.size)
        branches.append((met.fill_null(False), number))  # noqa: FBT003 - a literal value
    return ibis.cases(*branches, else_=len(comparison.levels) - 1).cast("int8")


def compare_pairs(pairs: ir.Table, rows: ir.Table, model: MatchModel, *, labelled: bool = False) -> ir.Table:
    """Return [left_record, right_record, <comparison>_level …, <comparison>_value …] of candidate pairs.

    A value is there where its first level is reached and its rarity counts. Pairs that carry two different valid document numbers
    are left out: no weight would ever link them. ``labelled`` : keep them, with what the documents say (``is_same``), and leave out
    what other facts would keep apart anyway: a man and a woman whose births are known.
    """
    columns = dict.fromkeys(
        [*model.columns, "record_no", "resident_id", "uscc", *(["source", "document_no"] if labelled else [])]
    )
    left = rows.select(left_row="row_no", **{f"{c}_l": rows[c] for c in columns})
    right = rows.select(right_row="row_no", **{f"{c}_r": rows[c] for c in columns})
    both = pairs.inner_join(left, "left_row").inner_join(right, "right_row").view()  # a join is not joined further
    for c in () if labelled else ("resident_id", "uscc"):
        both = both.filter((both[f"{c}_l"] == both[f"{c}_r"]).fill_null(True))  # noqa: FBT003 - a literal value
    if labelled and {"sex", "born"} <= set(model.columns):
        are_born = both.born_l.notnull() & both.born_r.notnull()
        both = both.filter(~(are_born & (both.sex_l != both.sex_r)).fill_null(False))  # noqa: FBT003 - a literal value
    sides = [_Side(both, suffix) for suffix in ("_l", "_r")]
    levels = {f"{c.name}_level": _level(c, *sides) for c in model.comparisons}
    told = {}
    if labelled:
        is_same = both.document_no_l == both.document_no_r
        told = {"is_same": is_same, "left_source": both.source_l, "right_source": both.source_r}
    return both.select(
        left_record="record_no_l", right_record="record_no_r", **levels, **_rare_values(both, levels, model),
        **told,
    )  # fmt: skip


class _Side:
    """One side of a pair, by the names that its columns have on a row."""

    def __init__(self, both: ir.Table, suffix: str) -> None:
        self._both, self._suffix = both, suffix

    def __getitem__(self, column: str) -> ir.Value:
        return self._both[column + self._suffix]


def _rare_values(both: ir.Table, levels: Mapping[str, ir.Value], model: MatchModel) -> dict[str, ir.Value]:
    return {
        f"{c.name}_value": (levels[f"{c.name}_level"] == 0).ifelse(both[f"{c.column}_l"], ibis.null("string"))
        for c in model.comparisons
        if c.rare
    }


def with_rarity(compared: ir.Table, model: MatchModel, kept: ExitStack, engine: QueryEngine) -> ir.Table:
    """Return compared pairs with ``<comparison>_rarity``: the bits that an equal value is worth for being rare or common."""
    for comparison in model.comparisons:
        if not comparison.rare:
            continue
        value, named = f"{comparison.name}_value", f"{comparison.name}_rarity"
        values = list(comparison.frequencies)
        bits = pa.array([comparison.rarity(v) for v in values], pa.float64())
        known = pa.table({value: pa.array(values, pa.string()), named: bits})
        found = kept.enter_context(engine.holding(f"identity_{named}", known))
        joined = compared.left_join(found, value)
        rarity = joined[value].isnull().ifelse(0.0, joined[named].fill_null(comparison.rarity("")))
        compared = joined.mutate(**{named: rarity})
    return compared


def match_weight(compared: ir.Table, model: MatchModel) -> ir.FloatingValue:
    """Return the match weight of compared pairs, in bits."""
    weight: ir.FloatingValue = ibis.literal(model.prior_weight)
    for comparison in model.comparisons:
        reached = compared[f"{comparison.name}_level"]
        weight = weight + ibis.cases(
            *((reached == n, level.weight) for n, level in enumerate(comparison.levels)), else_=0.0
        )
        if comparison.rare:
            weight = weight + compared[f"{comparison.name}_rarity"]
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
    engine: QueryEngine, rows: ir.Table, model: MatchModel, *, labelled: bool = False
) -> Iterator[ir.Table]:
    """Keep the compared candidate pairs in the engine while they are needed; see :func:`compare_pairs`."""
    with ExitStack() as kept:
        keys = kept.enter_context(engine.temporary("identity_blocks", block_keys(rows, model)))
        usable = kept.enter_context(engine.temporary("identity_usable", usable_blocks(keys, model.widest_block)))
        pairs = kept.enter_context(engine.temporary("identity_pairs", candidate_pairs(keys, usable)))
        compared = with_rarity(compare_pairs(pairs, rows, model, labelled=labelled), model, kept, engine)
        yield kept.enter_context(engine.temporary("identity_levels", compared))


def score(engine: QueryEngine, rows: ir.Table, model: MatchModel) -> pa.Table:
    """Return the pairs of records that the model links or wants seen: [left_record, right_record, weight, is_automatic].

    Parameters
    ----------
    rows : one row per version of a record: row_no, record_no, home (records of one home are known to be one customer
        already), resident_id, uscc and the model's columns.
    """
    with compared_pairs(engine, rows, model) as compared:
        return engine.fetch(best_of_pair(weigh(compared, model)).order_by("left_record", "right_record"))


__all__ = ["best_of_pair", "compared_pairs", "match_weight", "score", "weigh"]

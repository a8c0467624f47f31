"""Learn a match model from the records themselves, without labels: Splink estimates m and u, known documents set the thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import ibis.expr.types as ir

from zhike.identity.matching.levels import KINDS
from zhike.identity.matching.model import Comparison, Level, MatchModel
from zhike.warehouse import QueryEngine

MAX_PAIRS = 1_000_000
SEED = 20250301
FEWEST_KNOWN_PAIRS = 1_000
M_FLOOR, U_FLOOR = 2e-3, 1e-6


def splink_settings(model: MatchModel) -> dict[str, Any]:
    """Return the model as Splink's settings."""
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "row_no",
        "blocking_rules_to_generate_predictions": [],
        "comparisons": [_comparison(c) for c in model.comparisons],
        "probability_two_random_records_match": model.prior,
        "retain_intermediate_calculation_columns": False,
        "retain_matching_columns": False,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    column = comparison.column
    levels: list[dict[str, Any]] = [
        {
            "sql_condition": f"{column}_l IS NULL OR {column}_r IS NULL",
            "label_for_charts": "missing",
            "is_null_level": True,
        }
    ]
    for level in comparison.levels[:-1]:
        levels.append(
            {"sql_condition": KINDS[level.kind].sql(level.column, level.size), "label_for_charts": level.name}
        )
    levels.append({"sql_condition": "ELSE", "label_for_charts": comparison.levels[-1].name})
    return {"output_column_name": comparison.name, "comparison_levels": levels}


def learn(engine: QueryEngine, rows: ir.Table, model: MatchModel) -> MatchModel:
    """Return ``model`` with m, u, prior and frequencies learned from ``rows``; thresholds are set by ``calibrate``.

    Parameters
    ----------
    rows : one row per record: row_no, resident_id, uscc, document_no (whichever of both is there) and the model's columns.
    """
    with engine.temporary("identity_training", rows.mutate(born=rows.written_born)) as training:
        n_rows = int(training.count().to_pyarrow().as_py())
        by_document = _pairs_by_document(engine, training)
        learned = _estimate(engine, model, has_documents=by_document.n_same >= FEWEST_KNOWN_PAIRS)
        fitted = replace(model, prior=_prior(engine, training, model, n_rows))
        comparisons = []
        for comparison in model.comparisons:
            levels = _with_probabilities(comparison, learned[comparison.name])
            if comparison.levels[0].kind == "equal" and by_document.n_same >= FEWEST_KNOWN_PAIRS:
                u = _u_of_equal(engine, training, comparison.column, by_document)
                levels = levels if u is None else _with_first_u(levels, u)
            comparisons.append(_with_frequencies(engine, training, replace(comparison, levels=levels), n_rows))
    return replace(
        fitted,
        comparisons=tuple(comparisons),
        trained={**model.trained, "n_records": n_rows, "n_known_pairs": by_document.n_same, "splink": splink_version()},
    )


def _estimate(
    engine: QueryEngine, model: MatchModel, *, has_documents: bool
) -> Mapping[str, Mapping[str, tuple[float, float]]]:
    """Return comparison → level → (m, u) as Splink estimates them."""
    import logging

    from splink import Linker, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    api = engine.splink()
    linker = Linker(api.register("identity_training"), splink_settings(model), log_level=logging.ERROR)
    linker.training.estimate_u_using_random_sampling(max_pairs=MAX_PAIRS, seed=SEED)
    if has_documents:
        linker.training.estimate_m_from_label_column("document_no")
    else:
        for block in model.training_blocks:
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(*block))
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for comparison in linker.misc.save_model_to_json()["comparisons"]:
        levels = {
            level["label_for_charts"]: (
                float(level.get("m_probability") or 0.0),
                float(level.get("u_probability") or 0.0),
            )
            for level in comparison["comparison_levels"]
            if not level.get("is_null_level")
        }
        found[comparison["output_column_name"]] = levels
    return found


def splink_version() -> str:
    """Return the version of Splink that models are learned with."""
    from importlib.metadata import version

    return version("splink")


def _with_probabilities(comparison: Comparison, learned: Mapping[str, tuple[float, float]]) -> tuple[Level, ...]:
    """Return the levels with what was learned; a level that no pair has reached, be it of one person or of two, keeps what the
    model said: floors on both sides would make strong evidence of nothing.
    """
    found = []
    for level in comparison.levels:
        m, u = learned.get(level.name, (0.0, 0.0))
        is_met = m > 0.0 or u > 0.0
        found.append(replace(level, m=max(m, M_FLOOR), u=max(u, U_FLOOR)) if is_met else level)
    return tuple(found)


def _with_first_u(levels: Sequence[Level], u: float) -> tuple[Level, ...]:
    return (replace(levels[0], u=u), *levels[1:])


class _Known:
    """How many pairs of records are known to be one customer, or two, by their documents."""

    def __init__(self, n_records: int, n_same: int) -> None:
        self.n_same = n_same
        self.n_different = n_records * (n_records - 1) // 2 - n_same


def _n_pairs(engine: QueryEngine, rows: ir.Table, *columns: str) -> int:
    sizes = rows.group_by(*columns).aggregate(n=rows.count().cast("int64"))
    counted = sizes.aggregate(n=(sizes.n * (sizes.n - 1) // 2).sum().cast("int64"))
    return int(engine.fetch(counted)["n"][0].as_py() or 0)


def _pairs_by_document(engine: QueryEngine, training: ir.Table) -> _Known:
    known = training.filter(training.document_no.notnull())
    return _Known(
        int(engine.fetch(known.aggregate(n=known.count().cast("int64")))["n"][0].as_py()),
        _n_pairs(engine, known, "document_no"),
    )


def _u_of_equal(engine: QueryEngine, training: ir.Table, column: str, known: _Known) -> float | None:
    """Return how often two records of different documents have equal values: counted, since a sample hardly meets any; None where no
    two have a value.
    """
    there = training.filter(training.document_no.notnull() & training[column].notnull())
    n = int(engine.fetch(there.aggregate(n=there.count().cast("int64")))["n"][0].as_py())
    if n < 2:
        return None
    equal = _n_pairs(engine, there, column) - _n_pairs(engine, there, column, "document_no")
    same = _n_pairs(engine, there, "document_no")
    return max((equal + 0.5) / max(n * (n - 1) / 2 - same, 1.0), U_FLOOR / 100)


def _prior(engine: QueryEngine, training: ir.Table, model: MatchModel, n_rows: int) -> float:
    """Return the share of all pairs of records that are one customer: pairs that agree on a strict block, over their recall."""
    strict = model.blocks[0]
    there = training
    for column in strict:
        there = there.filter(there[column].notnull())
    found = _n_pairs(engine, there, *strict)
    return min(max(found / ASSUMED_RECALL, 1.0) / max(n_rows * (n_rows - 1) / 2, 1.0), 0.5)


ASSUMED_RECALL = 0.7


def _with_frequencies(engine: QueryEngine, training: ir.Table, comparison: Comparison, n_rows: int) -> Comparison:
    """Return the comparison with the shares of its common values, where it asks for them."""
    if not comparison.rare:
        return comparison
    there = training.filter(training[comparison.column].notnull())
    counted = there.group_by(value=there[comparison.column]).aggregate(n=there.count().cast("int64"))
    n = int(engine.fetch(there.aggregate(n=there.count().cast("int64")))["n"][0].as_py())
    common = counted.filter(counted.n >= FEWEST_COMMON).order_by(counted.n.desc(), counted.value).limit(MOST_COMMON)
    rows = engine.fetch(common).to_pylist()
    shares = {r["value"]: round(r["n"] / n, 8) for r in rows}
    least = min(shares.values(), default=1.0 / max(n, 1))
    return replace(comparison, frequencies=shares, rare=max(least / 2, 1.0 / max(n, 1)))


FEWEST_COMMON, MOST_COMMON = 5, 3_000

__all__ = ["learn", "splink_settings"]

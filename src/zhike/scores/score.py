"""Score today's customers: probability, tenth and three reasons each, in batches, and how far they have drifted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import ibis
import numpy as np
import pyarrow as pa

from zhike.kernel.errors import ContractBroken
from zhike.scores.artifact import Artifact
from zhike.scores.columns import Mask, numbers_of, order_by
from zhike.scores.compiled import CUSTOMER, CompiledModel
from zhike.scores.gather import feature_columns, population_of
from zhike.scores.health import SCORE, HealthState, measure_health
from zhike.scores.reasons import Reasons, strongest_reasons
from zhike.scores.tables import MODEL_HEALTH
from zhike.scores.terms import Rows, stack_rows
from zhike.warehouse import StepContext

BATCH_ROWS = 100_000
HEALTH_ROWS = 200_000
REASONS_AT_MOST = 200_000  # customers: exact reasons cost about fifty times a score


def score_customers(context: StepContext, compiled: CompiledModel, artifact: Artifact | None) -> Mapping[str, Any]:
    """Write the model's part of score_value and model_health; both empty when ``artifact`` is None. Return what to report.

    Raises
    ------
    ContractBroken : the profile lacks a feature that the model was learned with.
    """
    if artifact is None:
        _write(context, compiled.key, _with_deciles(_no_scores()), _no_health())
        return {"n_scored": 0}
    parts, kept = [_no_scores()], []
    n_kept = 0
    explain_from = _explain_from(context, compiled, artifact)
    for rows in _population(context, compiled, artifact):
        parts.append(score_rows(rows, artifact, explain_from=explain_from))
        if n_kept < HEALTH_ROWS:
            kept.append(rows)
            n_kept += rows.n
    scores = _with_deciles(pa.concat_tables(parts, promote_options="default"))
    health = _health_table(artifact, stack_rows(kept)) if kept else _no_health()
    _write(context, compiled.key, scores, health)
    found = health.to_pylist()
    return {
        "n_scored": scores.num_rows,
        "mean_score": _mean(scores),
        "score_psi": next((h["psi"] for h in found if h["feature"] == SCORE), None),
        "shifted_features": [h["feature"] for h in found if h["state"] == HealthState.SHIFTED],
    }


def _population(context: StepContext, compiled: CompiledModel, artifact: Artifact) -> Iterator[Rows]:
    profile = context.tables["profile"]
    missing = [f.name for f in artifact.features if f.name not in profile.columns]
    if missing:
        raise ContractBroken(
            "scores.feature_missing", zh=f"画像缺少模型 {compiled.key} 的特征 {', '.join(missing)}",
            en=f"the profile lacks features of model {compiled.key}: {', '.join(missing)}",
            todo_zh="恢复特征定义，或去掉 use_version 重新训练", todo_en="restore the features, or drop use_version to learn anew",
            facts={"features": missing},
        )  # fmt: skip
    table = population_of(profile, compiled.population, context.as_of)
    asked = table.select(CUSTOMER, *feature_columns(table, artifact.features, context.as_of))
    names = [f.name for f in artifact.features]
    for batch in context.engine.in_process.connection.to_pyarrow_batches(asked, chunk_size=BATCH_ROWS):
        if batch.num_rows:
            rows = pa.Table.from_batches([batch])
            yield Rows(rows.select(names), None, rows.column(CUSTOMER).combine_chunks())


def _explain_from(context: StepContext, compiled: CompiledModel, artifact: Artifact) -> float:
    """Return the raw score from which customers get reasons: 0 (all of them), or that of the 200,000th best."""
    table = population_of(context.tables["profile"], compiled.population, context.as_of)
    n = int(context.engine.fetch(table.aggregate(n=table.count())).column("n")[0].as_py())
    if n <= REASONS_AT_MOST:
        return 0.0
    raw = np.concatenate([artifact.scorer.raw(rows) for rows in _population(context, compiled, artifact)])
    return float(np.partition(raw, n - REASONS_AT_MOST)[n - REASONS_AT_MOST])


def score_rows(rows: Rows, artifact: Artifact, *, explain_from: float = 0.0) -> pa.Table:
    """Return one row per customer: calibrated and raw score, version, three reasons with their effects (log-odds).

    Parameters
    ----------
    explain_from : customers with a lower raw score get no reasons.
    """
    scorer = artifact.scorer
    raw = scorer.raw(rows)
    reasons = _reasons_of(rows, artifact, raw >= explain_from)
    columns: dict[str, Any] = {
        CUSTOMER: rows.units,
        "model": pa.array([artifact.key] * rows.n, pa.string()),
        "score": scorer.calibrator.apply(raw),
        "raw_score": raw,
        "model_version": pa.array([artifact.version] * rows.n, pa.string()),
    }
    for k, (key, effect) in enumerate(zip(reasons.keys, reasons.effects, strict=True), start=1):
        columns[f"reason_{k}"] = key
        columns[f"reason_{k}_effect"] = effect
    return pa.table(columns)


def _reasons_of(rows: Rows, artifact: Artifact, wanted: Mask) -> Reasons:
    coding = artifact.scorer.coding
    chosen = rows if wanted.all() else rows.take(wanted)
    found = strongest_reasons(chosen, coding.names, artifact.scorer.fitted.contributions(chosen, coding))
    if wanted.all():
        return found
    place: pa.Array[Any] = pa.array(np.cumsum(wanted) - 1, pa.int64(), mask=~wanted)
    return Reasons(tuple(k.take(place) for k in found.keys), tuple(e.take(place) for e in found.effects))


def _with_deciles(scores: pa.Table) -> pa.Table:
    """Return the rows by customer, with the tenth of each, 1 = highest raw score; ties by customer, so that runs agree."""
    ordered = order_by(scores, [("raw_score", "descending"), (CUSTOMER, "ascending")])
    n = ordered.num_rows
    decile = np.arange(n, dtype=np.int64) * 10 // max(1, n) + 1
    return ordered.append_column("decile", pa.array(decile, pa.int64())).sort_by(CUSTOMER)


def _health_table(artifact: Artifact, rows: Rows) -> pa.Table:
    found = measure_health(rows, artifact.scorer.coding, artifact.scorer.score(rows), artifact.reference)
    body = [
        {
            "model": artifact.key,
            "feature": h.feature,
            "model_version": artifact.version,
            "psi": h.psi,
            "state": str(h.state),
            "n_reference": h.n_reference,
            "n_current": h.n_current,
            "missing_reference_rate": h.missing_reference_rate,
            "missing_current_rate": h.missing_current_rate,
        }
        for h in found
    ]
    return pa.Table.from_pylist(body) if body else _no_health()


def _no_scores() -> pa.Table:
    texts = (CUSTOMER, "model", "model_version", "reason_1", "reason_2", "reason_3")
    numbers = ("score", "raw_score", "reason_1_effect", "reason_2_effect", "reason_3_effect")
    empty = {n: pa.array([], pa.string()) for n in texts}
    return pa.table({**empty, **{n: pa.array([], pa.float64()) for n in numbers}})


def _no_health() -> pa.Table:
    return ibis.schema(MODEL_HEALTH.schema()).to_pyarrow().empty_table()


def _mean(scores: pa.Table) -> float | None:
    return round(float(numbers_of(scores.column("score")).mean()), 6) if scores.num_rows else None


def _write(context: StepContext, key: str, scores: pa.Table, health: pa.Table) -> None:
    context.write("score_value", scores, partition=key)
    context.write("model_health", health, partition=key)


__all__ = ["score_customers", "score_rows"]

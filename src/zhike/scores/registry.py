"""The registry of learned models: which version scored when, what it was learned from, and what it was worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from zhike.kernel.terms import Text
from zhike.scores.artifact import Artifact
from zhike.scores.compiled import CompiledModel
from zhike.scores.tables import MODEL_RUN
from zhike.warehouse import StepContext


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a model tonight: the version in use, or why there is none; ``reason`` says why scores stay unpublished."""

    compiled: CompiledModel
    training_key: str
    artifact: Artifact | None
    reason: Text | None


def registry_rows(context: StepContext, outcome: Outcome) -> pa.Table:
    """Return the model's registry: the versions known from the last run, with today's in use."""
    compiled = outcome.compiled
    today = _today(context, outcome)
    earlier = context.engine.fetch(context.previous.part("model_run", compiled.key)).to_pylist()
    rows = [{**row, "is_in_use": False} for row in earlier if row["model_version"] != today["model_version"]]
    first = [row["first_used_on"] for row in earlier if row["model_version"] == today["model_version"]]
    rows.append({**today, "first_used_on": first[0] if first else context.as_of})
    names = MODEL_RUN.column_names
    return pa.Table.from_pylist([{n: row.get(n) for n in names} for row in rows], schema=_schema())


def _schema() -> pa.Schema:
    import ibis

    return ibis.schema(MODEL_RUN.schema()).to_pyarrow()


def _today(context: StepContext, outcome: Outcome) -> dict[str, Any]:
    compiled, artifact, reason = outcome.compiled, outcome.artifact, outcome.reason
    row: dict[str, Any] = {
        "model": compiled.key,
        "model_version": artifact.version if artifact else "",
        "definition_hash": compiled.definition.hash,
        "features_hash": compiled.features_hash,
        "training_key": outcome.training_key,
        "last_used_on": context.as_of,
        "is_in_use": True,
        "is_published": artifact is not None and reason is None,
        "not_published_zh": reason.zh if reason else None,
        "not_published_en": reason.en if reason else None,
    }
    return {**row, **(_worth(artifact.card) if artifact else {})}


def _worth(card: Mapping[str, Any]) -> dict[str, Any]:
    found = card["evaluation"]
    return {
        "definition_hash": card["definition"]["hash"],
        "features_hash": card["features_hash"],
        "training_key": card["training_key"],
        "learner": card["learner"],
        "cutoffs": " ".join(card["cutoffs"]),
        "n_train": card["n_train"],
        "n_train_positives": card["n_train_positives"],
        "n_test": found["n_rows"],
        "n_test_positives": found["n_positives"],
        "base_rate_train": found["base_rate_train"],
        "base_rate_test": found["base_rate"],
        "auc": found["auc"]["estimate"],
        "auc_low": found["auc"]["low"],
        "auc_high": found["auc"]["high"],
        **{name: found[name]["estimate"] for name in ("pr_auc", "alift", "top_decile_lift", "top_half_capture")},
        "ece": found["ece"],
        "doubts_zh": "\n".join(d["zh"] for d in card["doubts"]) or None,
        "doubts_en": "\n".join(d["en"] for d in card["doubts"]) or None,
    }


__all__ = ["Outcome", "registry_rows"]

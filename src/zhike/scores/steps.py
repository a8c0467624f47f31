"""The steps of scores: two per customer model. One learns when a new cutoff is complete, one scores every night.

What a model learned from is named by its training key: definition, feature definitions, cutoffs, and how many rows of each
fact table had been recorded by then. While that stands still the kept version scores; the night stays cheap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.kernel.definitions import Definition
from zhike.kernel.errors import NotEstimable
from zhike.kernel.hashing import fingerprint
from zhike.kernel.terms import Text
from zhike.profile.build import build_profile, reads_of
from zhike.profile.features import FeatureSet
from zhike.profile.observation import BUSINESS_TIMEZONE, end_of_day, history_starts
from zhike.profile.tables import profile_contract
from zhike.scores.artifact import (
    FORMAT,
    Artifact,
    build_artifact,
    is_kept,
    open_artifact,
    remember_refusal,
    save_artifact,
    trained_before,
)
from zhike.scores.card import build_card, render_card
from zhike.scores.compiled import CompiledModel, compile_model
from zhike.scores.cutoffs import choose_cutoffs
from zhike.scores.definition import ModelDefinition
from zhike.scores.gather import PastProfiles, columns_by_day, gather_cutoff, restricted_features
from zhike.scores.learn import LearnedModel, learn_model, need_cutoffs
from zhike.scores.registry import Outcome, registry_rows
from zhike.scores.score import score_customers
from zhike.warehouse import Input, Output, Step, StepContext

LEARNING_COST, SCORING_COST = 40.0, 4.0  # of an ordinary step: profiles of past days, then the learners


@dataclass(frozen=True, slots=True)
class ModelSetting:
    """What all models of a project share: feature definitions, where models are kept, how many workers learn."""

    features: FeatureSet
    models: Path
    threads: int = 2
    timezone: str = BUSINESS_TIMEZONE


def model_steps(definition: Definition, model: ModelDefinition, setting: ModelSetting) -> tuple[Step, Step]:
    """Return the two steps of a customer model: one learns and registers (model_run), one scores (score_value, model_health).

    Learning reads facts of the past and not tonight's profile, so it goes on beside the profile and all that follows from it.

    Raises
    ------
    BadInput : the definition's rules or features are wrong.
    """
    compiled = compile_model(definition, model, profile_contract(setting.features))

    def learn(context: StepContext) -> Mapping[str, Any]:
        return _learn_and_register(context, compiled, setting)

    def score(context: StepContext) -> Mapping[str, Any]:
        return score_customers(context, compiled, _in_use(context, compiled, setting))

    hashes = sorted(setting.features.hashes.items())
    return Step(
        key=f"learn:{model.key}",
        writes=(Output("model_run", model.key),),
        reads=(*(Input(table) for table in reads_of(setting.features)), Input("model_run", model.key, lag=1)),
        work=learn,
        definition=definition.hash,
        material=(FORMAT, fingerprint(hashes), setting.timezone),
        is_intact=lambda told: not told["version"] or is_kept(setting.models, model.key, str(told["version"])),
        cost=LEARNING_COST,
    ), Step(
        key=f"score:{model.key}",
        writes=(Output("score_value", model.key), Output("model_health", model.key)),
        reads=(Input("profile"), Input("model_run", model.key)),
        work=score,
        definition=definition.hash,
        material=(FORMAT, setting.timezone),
        cost=SCORING_COST,
    )


def steps(models: Sequence[tuple[Definition, ModelDefinition]], setting: ModelSetting) -> list[Step]:
    """Return the steps of all customer models; dataset models have none, they are evaluated on command."""
    return [step for d, m in models if m.dataset is None for step in model_steps(d, m, setting)]


def _learn_and_register(context: StepContext, compiled: CompiledModel, setting: ModelSetting) -> Mapping[str, Any]:
    histories = history_starts(context.tables, context.as_of)
    cutoffs = choose_cutoffs(
        compiled.cutoffs,
        horizon_days=compiled.horizon_days,
        as_of=context.as_of,
        first_day=min(histories.values(), default=None),
    )
    training_key = _training_key(context, compiled, setting, cutoffs)
    artifact, reason, is_new = _find_or_learn(context, compiled, setting, cutoffs, training_key)
    outcome = Outcome(compiled, training_key, artifact, reason)
    context.write("model_run", registry_rows(context, outcome), partition=compiled.key)
    return {
        "version": artifact.version if artifact else None,
        "is_published": reason is None,
        "not_published": reason.en if reason else "",
        "is_newly_learned": is_new,
        "cutoffs": [d.isoformat() for d in cutoffs],
    }


def _in_use(context: StepContext, compiled: CompiledModel, setting: ModelSetting) -> Artifact | None:
    """Return the version that the registry says is in use; None when there is none or its scores are not published."""
    runs = context.tables.part("model_run", compiled.key)
    found = context.engine.fetch(runs.filter(runs.is_in_use & runs.is_published).select("model_version")).to_pylist()
    return open_artifact(setting.models, compiled.key, found[0]["model_version"]) if found else None


def _training_key(context: StepContext, compiled: CompiledModel, setting: ModelSetting, cutoffs: Sequence[date]) -> str:
    """Return the fingerprint of everything learning would read."""
    recorded: dict[str, int] = {}
    if cutoffs:
        known_by = end_of_day(cutoffs[-1] + timedelta(days=compiled.horizon_days), setting.timezone)
        for name in reads_of(setting.features):
            table = context.tables[name]
            if "recorded_at" in table.columns:
                known = table.filter(table.recorded_at <= ibis.literal(known_by))
                recorded[name] = int(context.engine.fetch(known.aggregate(n=known.count())).column("n")[0].as_py())
    features = sorted(setting.features.hashes.items())
    return fingerprint(
        FORMAT, compiled.definition.hash, compiled.features_hash, features, [str(c) for c in cutoffs], recorded
    )[:24]


def _find_or_learn(
    context: StepContext, compiled: CompiledModel, setting: ModelSetting, cutoffs: Sequence[date], training_key: str
) -> tuple[Artifact | None, Text | None, bool]:
    """Return the model to use, why its scores are not published (None when they are), and whether it was learned now."""
    known = compiled.model.use_version or trained_before(setting.models, compiled.key, training_key)
    if isinstance(known, Text):
        return None, known, False
    if known:
        artifact = open_artifact(setting.models, compiled.key, known)
        return artifact, _reason_in(artifact), False
    try:
        need_cutoffs(compiled.key, len(cutoffs))
        learned = _learn(context, compiled, setting, cutoffs)
    except NotEstimable as error:
        refusal = Text(error.zh, error.en)
        remember_refusal(setting.models, compiled.key, training_key, refusal)
        return None, refusal, False
    reason = _not_published(compiled, learned)
    card = build_card(compiled, learned, training_key=training_key, not_published=reason)
    artifact = build_artifact(compiled.key, learned.scorer, compiled.features, learned.reference, card)
    save_artifact(artifact, setting.models, render_card(artifact.card), training_key=training_key)
    return open_artifact(setting.models, compiled.key, artifact.version), reason, True


def _learn(
    context: StepContext, compiled: CompiledModel, setting: ModelSetting, cutoffs: Sequence[date]
) -> LearnedModel:
    histories = history_starts(context.tables, context.as_of)

    kept: list[ir.Table] = []  # intermediate results of one day's profile; that of the day before is written by then

    def keep(table: ir.Table) -> ir.Table:
        kept.append(table.cache())
        return kept[-1]

    def profile_at(day: date, columns: frozenset[str]) -> ir.Table:
        kept.clear()
        wanted = restricted_features(setting.features, columns)
        return build_profile(context.tables, wanted, day, timezone=setting.timezone, histories=histories, keep=keep)

    columns = columns_by_day(compiled, cutoffs, known=setting.features.names)
    with TemporaryDirectory(dir=context.engine.scratch) as folder:
        past = PastProfiles(context.engine.in_process, profile_at, columns, Path(folder))
        per_cutoff = compiled.model.rows_at_most // max(1, len(cutoffs))
        parts = [gather_cutoff(compiled, past, c, as_of=context.as_of, rows_at_most=per_cutoff) for c in cutoffs]
        kept.clear()
    return learn_model(compiled.model, compiled.features, parts, threads=setting.threads)


def _not_published(compiled: CompiledModel, learned: LearnedModel) -> Text | None:
    if learned.evaluation.is_suspicious and not compiled.model.leak_checked:
        return Text(
            f"AUC {learned.evaluation.auc.estimate:.3f} 高得可疑，须检查泄漏并写 leak_checked: true",
            f"an AUC of {learned.evaluation.auc.estimate:.3f} is suspicious: check for leaks, then write leak_checked: true",
        )
    if learned.evaluation.auc.low <= 0.5:
        return Text(
            f"AUC {learned.evaluation.auc.estimate:.3f} 的区间含 0.5：不优于随机",
            f"the interval of the AUC {learned.evaluation.auc.estimate:.3f} reaches 0.5: no better than chance",
        )
    return None


def _reason_in(artifact: Artifact) -> Text | None:
    written = artifact.card.get("not_published")
    return None if written is None else Text(written["zh"], written["en"])


__all__ = ["ModelSetting", "model_steps", "steps"]

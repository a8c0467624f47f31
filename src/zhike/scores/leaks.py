"""The leak guard: nothing known only after the decision may enter a model, and nothing that must not decide.

Three lines of defence: a feature declared as known after is refused by name; a day that lies after the cutoff is refused
unless it is a scheduled one; an order too good to be true is doubted, with the features that alone explain it named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, Finding
from zhike.scores.columns import numbers_of, texts_of
from zhike.scores.definition import ModelDefinition
from zhike.scores.terms import Feature, FeatureKind, LeftOut, Rows
from zhike.statistics.discrimination import rank_outcomes, roc_auc

TELLING_AUC = 0.8


def choose_features(
    model: ModelDefinition, known: Sequence[Feature]
) -> tuple[tuple[Feature, ...], tuple[LeftOut, ...]]:
    """Return the features a model uses, in the order of ``known``, and those it leaves out with the reason.

    Raises
    ------
    BadInput : the definition asks by name for a feature that does not exist, is known only after the decision, is
        sensitive, or is excluded by the same definition.
    """
    by_name = {f.name: f for f in known}
    asked = None if model.features == "all" else model.features
    findings = _refusals(model, by_name, asked or ())
    if findings:
        raise BadInput(
            "scores.feature_refused",
            zh=f"模型 {model.key} 用了不允许的特征",
            en=f"model {model.key} asks for features that it may not use",
            todo_zh="从 features 中删去", todo_en="remove them from features",
            findings=tuple(findings),
        )  # fmt: skip
    used: list[Feature] = []
    left: list[LeftOut] = []
    for feature in known:
        why = _why_not(feature, model)
        if why is not None:
            left.append(why)
        elif asked is None or feature.name in asked:
            used.append(feature)
    return tuple(used), tuple(left)


def _refusals(model: ModelDefinition, known: Mapping[str, Feature], asked: Sequence[str]) -> list[Finding]:
    findings = []
    for name in asked:
        if name not in known:
            near = suggest(name, known)
            findings.append(
                Finding(f"{model.key}.features", f"{name} is no feature", todo=f"did you mean {near}?" if near else "")
            )
        elif (why := _why_not(known[name], model)) is not None:
            findings.append(Finding(f"{model.key}.features", f"{name}: {why.en}"))
    for name in model.excluded:
        if name not in known:
            near = suggest(name, known)
            findings.append(
                Finding(f"{model.key}.excluded", f"{name} is no feature", todo=f"did you mean {near}?" if near else "")
            )
    return findings


def _why_not(feature: Feature, model: ModelDefinition) -> LeftOut | None:
    if feature.known_on != "before":
        return LeftOut(feature.name, "决策之后才知道", "known only after the decision")
    if feature.is_sensitive:
        return LeftOut(feature.name, "敏感个人信息，不得入模", "sensitive personal data, may not enter a model")
    if feature.name in model.excluded:
        reason = model.excluded[feature.name]
        return LeftOut(feature.name, reason.zh, reason.en)
    return None


def refuse_later_days(days: pa.Table, features: Sequence[Feature]) -> None:
    """Refuse day features that lie after the cutoff.

    Parameters
    ----------
    days : the day features as days before the cutoff (negative = after it).

    Raises
    ------
    BadInput : a day feature that is not a scheduled day has values after the cutoff.
    """
    findings = []
    for feature in features:
        if feature.kind is not FeatureKind.DAY or feature.is_scheduled:
            continue
        n_later = int((numbers_of(days.column(feature.name)) < 0).sum())
        if n_later:
            findings.append(Finding(feature.name, f"{n_later} values lie after the cutoff"))
    if findings:
        raise BadInput(
            "scores.later_than_cutoff",
            zh="特征中有晚于截止日的日期",
            en="features hold days later than the cutoff",
            todo_zh="如为约定日期（到期、失效），在特征定义中标明；否则排除该特征",
            todo_en="mark scheduled days (maturity, expiry) as such; exclude anything else",
            findings=tuple(findings),
        )


def telling_features(
    rows: Rows, features: Sequence[Feature], *, above: float = TELLING_AUC
) -> tuple[tuple[str, float], ...]:
    """Return features which alone order the outcomes with an AUC above ``above`` (either way round), best first.

    Numbers by size, codes by their share of yes in these very rows: this is a search for leaks, not a measure of worth.
    """
    outcomes = rows.outcomes
    if not 0 < outcomes.sum() < rows.n:
        return ()
    found = []
    for feature in features:
        column = rows.features.column(feature.name)
        if feature.kind is FeatureKind.CATEGORY:
            _, group = np.unique(texts_of(column, missing=""), return_inverse=True)
            values = (np.bincount(group, weights=outcomes) / np.bincount(group))[group]
        else:
            values = np.nan_to_num(numbers_of(column), nan=-1e300)
        auc = roc_auc(rank_outcomes(outcomes, values))
        found.append((feature.name, max(auc, 1 - auc)))
    return tuple(sorted([f for f in found if f[1] > above], key=lambda f: (-f[1], f[0])))


__all__ = ["choose_features", "refuse_later_days", "telling_features"]

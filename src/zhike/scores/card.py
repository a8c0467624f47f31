"""The model card: what a model is for, whom it is about, what it learned from, how good it is, what to doubt, whom to ask.

One JSON object holds everything; the Markdown and HTML pages are made from it and add nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from zhike.kernel.terms import Text
from zhike.rules import describe
from zhike.scores.compiled import CompiledModel
from zhike.scores.learn import LearnedModel

TEMPLATES = Path(__file__).parent / "templates"
MOST_SHOWN = 20


def build_card(
    compiled: CompiledModel, learned: LearnedModel, *, training_key: str, not_published: Text | None
) -> dict[str, Any]:
    """Return the card of a learned model as JSON values; it holds no customer and no date of making."""
    model = compiled.model
    label = model.label
    titles = {f.name: {"zh": f.zh, "en": f.en} for f in compiled.features}
    return {
        "key": model.key,
        "name": {"zh": model.zh, "en": model.en},
        "purpose": model.purpose.model_dump(),
        "owner": model.owner,
        "contact": model.contact or model.owner,
        "limits": model.limits.model_dump() if model.limits else None,
        "population": {"rule": model.population, **_said(compiled)},
        "label": None if label is None else label.model_dump(),
        "definition": {"hash": compiled.definition.hash, "file": f"{compiled.definition.file}:{compiled.definition.line}"},
        "features_hash": compiled.features_hash,
        "training_key": training_key,
        "cutoffs": [d.isoformat() for d in learned.cutoffs],
        "n_train": learned.n_train,
        "n_train_positives": learned.n_train_positives,
        "learner": learned.scorer.candidate,
        "calibration": learned.scorer.calibrator.method,
        "tried": [{"candidate": name, "auc": auc} for name, auc in learned.tried],
        "evaluation": learned.evaluation.to_json(),
        "importance": [{"feature": n, "mean_effect": e, **titles[n]} for n, e in learned.importance[:MOST_SHOWN]],
        "telling": [{"feature": n, "auc": a, **titles[n]} for n, a in learned.telling],
        "fairness": [g.to_json() for g in learned.fairness],
        "features": list(titles),
        "left_out": [asdict(x) for x in compiled.left_out],
        "doubts": [asdict(d) for d in learned.doubts],
        "is_published": not_published is None,
        "not_published": None if not_published is None else asdict(not_published),
    }  # fmt: skip


def _said(compiled: CompiledModel) -> dict[str, str]:
    return {
        language: describe(compiled.population, compiled.vocabulary, language=language) for language in ("zh", "en")
    }


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda x: "–" if x is None else f"{x:.1%}"
    environment.filters["three"] = lambda x: "–" if x is None else f"{x:.3f}"
    return environment


def render_card(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the pages of a card by file name: ``card.md`` and ``card.html``, Chinese first, English beside it."""
    return {
        name: _templates().get_template(name).render(card=card, measures=_measures(card))
        for name in ("card.md", "card.html")
    }


def _measures(card: Mapping[str, Any]) -> Sequence[tuple[str, str, Mapping[str, Any]]]:
    """Return (Chinese, English, interval) of each measure in the order of the page."""
    found = card["evaluation"]
    return [
        ("排序 AUC", "Order, AUC", found["auc"]),
        ("平均精度 PR-AUC", "Average precision, PR-AUC", found["pr_auc"]),
        ("累计增益面积 ALIFT", "Area of cumulative gains, ALIFT", found["alift"]),
        ("首十分位提升", "Lift of the best tenth", found["top_decile_lift"]),
        ("前一半命中率", "Share of yes in the best half", found["top_half_capture"]),
    ]


__all__ = ["build_card", "render_card"]

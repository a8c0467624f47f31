"""Fit a match model to what is published, show what it would change, and write it as a definition to be checked and approved.

A fitted model changes nothing by being written: it is applied and approved like any definition, and the next run uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import yaml

from zhike.identity import MatchModel, RecordKey
from zhike.identity.agreement import score_clusters
from zhike.identity.fitting import Fitted, fit_model
from zhike.identity.matching.calibrate import HIGHEST
from zhike.identity.matching.definition import body_of
from zhike.identity.matching.model import NEVER, Level
from zhike.identity.resolve import Resolved, resolve_records
from zhike.identity.review import review_rows
from zhike.kernel.definitions import read_yaml, suggest
from zhike.kernel.errors import Conflict, NotFound
from zhike.pipeline.identity.opening import IdentityView
from zhike.pipeline.identity.telling import record_text
from zhike.pipeline.project import DEFINITIONS_FOLDER
from zhike.warehouse.manifest import write_atomically

Row = dict[str, Any]
Ints = npt.NDArray[np.int64]
MODELS_FOLDER = "identity_models"
MOST_EXAMPLES = 10
BITS = 2


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """The fitted model with the one that it was fitted from, and what putting it in its place would change."""

    before: MatchModel
    fitted: Fitted
    figures: Row


def fit(view: IdentityView, key: str) -> FitOutcome:
    """Fit the approved match model called ``key`` to the records that are published, and apply both.

    Raises
    ------
    NotFound : no such model is approved.
    BadInput : there are too few records.
    """
    approved = {m.key: m for m in view.run.compiled.match_models}
    if key not in approved:
        near = suggest(key, approved)
        raise NotFound(
            "identity.model_unknown", zh=f"没有已复核的匹配模型 {key}", en=f"no match model called {key} is approved",
            todo_zh=f"是否要找 {near}？" if near else f"已有：{'、'.join(approved) or '无'}",
            todo_en=f"did you mean {near}?" if near else f"there are {', '.join(approved) or 'none'}",
        )  # fmt: skip
    before, versions = approved[key], view.versions()
    fitted = fit_model(view.engine, versions, before, as_of=view.as_of.on)
    others = [m for k, m in approved.items() if k != key]
    return FitOutcome(before, fitted, _changed(view, versions, [*others, before], [*others, fitted.model]))


def _changed(view: IdentityView, versions: pa.Table, before: Sequence[MatchModel], after: Sequence[MatchModel]) -> Row:
    """Return how customers and the queue differ under two sets of models, with everything else as it is."""
    old, new = (
        resolve_records(view.engine, versions, settings=view.settings, overrides=view.overrides, models=models)
        for models in (before, after)
    )
    pairs = score_clusters(old.clusters.root, new.clusters.root)
    return {
        "n_records": old.records.num_rows, "n_customers_before": _n_clusters(old), "n_customers_after": _n_clusters(new),
        "n_pairs_newly_linked": pairs.n_found_pairs - pairs.n_right_pairs, "n_pairs_no_longer_linked": pairs.n_true_pairs - pairs.n_right_pairs,
        "n_to_review_before": _n_to_review(old), "n_to_review_after": _n_to_review(new),
        "newly_linked": _examples(new, old), "no_longer_linked": _examples(old, new),
    }  # fmt: skip


def _n_clusters(found: Resolved) -> int:
    return len(np.unique(found.clusters.root))


def _n_to_review(found: Resolved) -> int:
    """Return how many pairs of customers an officer would be asked about."""
    names = pa.array([str(n) for n in range(found.records.num_rows)], pa.string())
    roots = found.clusters.root
    return int(review_rows(found.records, found.clusters, found.weighed, names, roots, splits=found.splits).num_rows)


def _examples(here: Resolved, there: Resolved) -> list[Row]:
    """Return pairs that a model links here and that are two customers there, the lightest first: those to look at."""
    sure = here.weighed.filter(here.weighed["is_automatic"])
    left, right = (sure[f"{side}_record"].to_numpy().astype(np.int64) for side in ("left", "right"))
    mine, other = here.clusters.root, there.clusters.root
    is_new = (mine[left] == mine[right]) & (other[left] != other[right])
    rows = sure.filter(pa.array(is_new)).sort_by(
        [("weight", "ascending"), ("left_record", "ascending"), ("right_record", "ascending")]
    )
    keys = here.records.select(["source", "source_key"])
    return [
        {"left": _named(keys, r["left_record"]), "right": _named(keys, r["right_record"]), "weight": round(r["weight"], BITS)}
        for r in rows.slice(0, MOST_EXAMPLES).to_pylist()
    ]  # fmt: skip


def _named(keys: pa.Table, number: int) -> str:
    [row] = keys.slice(number, 1).to_pylist()
    return record_text(RecordKey(row["source"], row["source_key"]))


def told_fit(outcome: FitOutcome) -> Row:
    """Return the outcome as plain values: levels with m, u, bits and thresholds, the bins, and what would change."""
    old = {(c.name, level.name): level for c in outcome.before.comparisons for level in c.levels}
    levels = [
        {
            "comparison": c.name, "level": level.name, "m": level.m, "u": level.u, "bits": round(level.weight, BITS),
            "bits_before": round(was.weight, BITS) if (was := old.get((c.name, level.name))) else None,
            **({"links_from": _links_from(level), "links_from_before": _links_from(was) if was else None} if c.name == outcome.fitted.model.gate else {}),
        }
        for c in outcome.fitted.model.comparisons for level in c.levels
    ]  # fmt: skip
    bins = [
        {"level": b.level, "from_bits": b.from_weight, "n_pairs": round(b.n_pairs), "n_known": round(b.n_known), "precision": round(b.precision, 6)}
        for b in outcome.fitted.bins if b.n_pairs
    ]  # fmt: skip
    return {
        "model": outcome.before.key, "trained": dict(outcome.fitted.model.trained), "prior": outcome.fitted.model.prior, "levels": levels,
        "bins": bins, **outcome.figures,
    }  # fmt: skip


def _links_from(level: Level) -> float | str | None:
    """Return from which weight pairs at a level are linked; ``never`` where nothing that was seen is."""
    if level.automatic_weight is None:
        return None
    return "never" if level.automatic_weight >= min(HIGHEST, NEVER) else round(level.automatic_weight, BITS)


def write_model(folder: Path, model: MatchModel, *, run_id: str, on: date) -> Path:
    """Write a model as the project's own definition; return the file.

    Parameters
    ----------
    folder : of the project.
    run_id, on : what it was fitted to, and today, for the comment at its head.

    Raises
    ------
    Conflict : the file holds other models, or another file has this one: neither is written over.
    """
    path = folder / DEFINITIONS_FOLDER / MODELS_FOLDER / f"{model.key}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    for file in sorted(path.parent.glob("*.yaml")):
        keys = list(read_yaml(file)[0] or {})
        if (file == path and set(keys) - {model.key}) or (file != path and model.key in keys):
            raise Conflict(
                "identity.model_elsewhere", zh=f"{file.name} 含有 {'、'.join(keys)}，不能改写", en=f"{file.name} holds {', '.join(keys)} and is not written over",
                todo_zh=f"把 {model.key} 单独放入 {path.name}", todo_en=f"let {model.key} stand alone in {path.name}",
            )  # fmt: skip
    trained = model.trained
    head = (
        f"# {on.isoformat()}: fitted by zhike identity fit to {trained.get('n_records', 0)} records as of {trained.get('as_of', '')} (run {run_id}),\n"
        f"# of which {trained.get('n_known_pairs', 0)} pairs are known by their documents. m, u: how often records of one person, and of two, reach\n"
        "# the level; links_from: weight in bits from which a pair is linked without review.\n"
    )
    write_atomically(path, head + model_yaml(model))
    return path


def model_yaml(model: MatchModel) -> str:
    """Return a model as the text of its definition: a line per level, frequencies as one inline mapping."""
    body = body_of(model)
    comparisons = body.pop("comparisons")
    lines = [f"{model.key}:"]
    for name, value in body.items():
        lines.append(f"  {name}: {_inline(value)}")
    lines.append("  comparisons:")
    for name, comparison in comparisons.items():
        lines.append(f"    {name}:")
        if "rare" in comparison:
            lines.append(f"      rare: {_inline(comparison['rare'])}")
        lines.append("      levels:")
        lines += [f"        - {_inline(level)}" for level in comparison["levels"]]
        if "frequencies" in comparison:
            lines.append(f"      frequencies: {_inline(comparison['frequencies'])}")
    return "\n".join(lines) + "\n"


def _inline(value: Any) -> str:
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=float("inf"))
    return text.removesuffix("...\n").strip()


__all__ = ["FitOutcome", "fit", "model_yaml", "told_fit", "write_model"]

"""Learned models on disk: a folder per version, named by the hash of what is in it. Text only, never a pickle.

::

    models/<key>/
    ├── versions/<version>/
    │   ├── scorer.json       coding, calibration, features, cutoffs, distributions: all that scoring needs
    │   ├── model.txt         LightGBM text, or logistic coefficients as JSON
    │   └── card.json, card.md, card.html
    └── trained/<training key>    what came of learning from exactly these data: a version, or why there is none

Opening a version checks its hash: a changed file is an error, not another score.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zhike.kernel.errors import ContractBroken, NotFound
from zhike.kernel.hashing import fingerprint
from zhike.kernel.terms import Text
from zhike.scores.calibrate import calibrator_from_json
from zhike.scores.encode import coding_from_json
from zhike.scores.health import Reference, reference_from_json
from zhike.scores.learn import Scorer
from zhike.scores.learners import model_from_text
from zhike.scores.terms import Feature, FeatureKind

FORMAT = 1
VERSION_DIGITS = 16
SCORER_FILE, MODEL_FILE, CARD_FILE = "scorer.json", "model.txt", "card.json"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A learned model as kept: what scores, what it expects, and its card. ``version`` is a hash of scorer and model."""

    key: str
    version: str
    scorer: Scorer
    features: tuple[Feature, ...]
    reference: tuple[Reference, ...]
    card: Mapping[str, Any]


def build_artifact(
    key: str, scorer: Scorer, features: Sequence[Feature], reference: Sequence[Reference], card: Mapping[str, Any]
) -> Artifact:
    """Return an artifact with its version; equal contents have equal versions."""
    body = _scorer_json(key, scorer, features, reference)
    version = _version_of(body, scorer.fitted.to_text())
    return Artifact(key, version, scorer, tuple(features), tuple(reference), {**card, "version": version})


def _scorer_json(
    key: str, scorer: Scorer, features: Sequence[Feature], reference: Sequence[Reference]
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "key": key,
        "learner": scorer.fitted.learner,
        "candidate": scorer.candidate,
        "coding": scorer.coding.to_json(),
        "calibrator": scorer.calibrator.to_json(),
        "features": [asdict(f) for f in features],
        "reference": [r.to_json() for r in reference],
    }


def _version_of(body: Mapping[str, Any], model_text: str) -> str:
    return fingerprint(body, model_text)[:VERSION_DIGITS]


def save_artifact(artifact: Artifact, models: Path, pages: Mapping[str, str], *, training_key: str) -> Path:
    """Write an artifact so that it is whole or absent, and remember what it was learned from; return its folder.

    Parameters
    ----------
    models : folder of all models of a project.
    pages : further files by name: the card to read.
    """
    folder = models / artifact.key / "versions" / artifact.version
    if not folder.is_dir():
        draft = folder.with_name(f".{artifact.version}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        body = _scorer_json(artifact.key, artifact.scorer, artifact.features, artifact.reference)
        _write(draft / SCORER_FILE, _json(body))
        _write(draft / MODEL_FILE, artifact.scorer.fitted.to_text())
        _write(draft / CARD_FILE, _json(artifact.card))
        for name, content in pages.items():
            _write(draft / name, content)
        draft.replace(folder)
    _remember(models / artifact.key / "trained" / training_key, {"version": artifact.version})
    return folder


def remember_refusal(models: Path, key: str, training_key: str, reason: Text) -> None:
    """Remember that nothing can be learned from exactly these data, so that no night tries again."""
    _remember(models / key / "trained" / training_key, {"not_estimable": asdict(reason)})


def _remember(mark: Path, body: Mapping[str, Any]) -> None:
    mark.parent.mkdir(parents=True, exist_ok=True)
    draft = mark.with_name(f".{mark.name}.{os.getpid()}")
    _write(draft, _json(body))
    draft.replace(mark)


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, indent=1, default=str)


def _write(path: Path, content: str) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def trained_before(models: Path, key: str, training_key: str) -> str | Text | None:
    """Return what came of learning from exactly these data and definitions: a version that is whole, or why there is none.

    None when they were never learned from, or what was kept is gone.
    """
    mark = models / key / "trained" / training_key
    if not mark.is_file():
        return None
    body = json.loads(mark.read_text(encoding="utf-8"))
    if "not_estimable" in body:
        return Text(**body["not_estimable"])
    version = str(body["version"])
    return version if (models / key / "versions" / version / CARD_FILE).is_file() else None


def is_kept(models: Path, key: str, version: str) -> bool:
    """Return whether a version of a model is on disk."""
    return (models / key / "versions" / version / SCORER_FILE).is_file()


def open_artifact(models: Path, key: str, version: str) -> Artifact:
    """Return a kept artifact; it scores exactly as when it was learned.

    Raises
    ------
    NotFound : there is no such version.
    ContractBroken : its files are not those that were written.
    """
    folder = models / key / "versions" / version
    if not is_kept(models, key, version):
        raise NotFound(
            "scores.version_unknown", zh=f"模型 {key} 没有版本 {version}", en=f"model {key} has no version {version}",
            todo_zh="zhike models list 列出已有版本", todo_en="`zhike models list` shows the versions that are kept",
        )  # fmt: skip
    try:
        body = json.loads((folder / SCORER_FILE).read_text(encoding="utf-8"))
        model_text = (folder / MODEL_FILE).read_text(encoding="utf-8")
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _changed(key, version) from error
    if body.get("format") != FORMAT or _version_of(body, model_text) != version:
        raise _changed(key, version)
    scorer = Scorer(
        body["candidate"],
        coding_from_json(body["coding"]),
        model_from_text(body["learner"], model_text),
        calibrator_from_json(body["calibrator"]),
    )
    features = tuple(Feature(**{**f, "kind": FeatureKind(f["kind"])}) for f in body["features"])
    return Artifact(key, version, scorer, features, tuple(reference_from_json(r) for r in body["reference"]), card)


def _changed(key: str, version: str) -> ContractBroken:
    return ContractBroken(
        "scores.artifact_changed", zh=f"模型 {key} 版本 {version} 的文件被改动或不完整", en=f"files of model {key} version {version} were changed or are incomplete",
        todo_zh="删除该版本目录后重跑以重新训练", todo_en="remove that version's folder and run again to learn it anew",
    )  # fmt: skip


def kept_versions(models: Path, key: str) -> tuple[str, ...]:
    """Return the versions of a model that are kept, in order of their names."""
    return tuple(sorted(p.name for p in (models / key / "versions").glob("[0-9a-f]*") if (p / CARD_FILE).is_file()))


__all__ = [
    "Artifact",
    "build_artifact",
    "is_kept",
    "kept_versions",
    "open_artifact",
    "remember_refusal",
    "save_artifact",
    "trained_before",
]

"""A match model as a file says it: ``conf/identity_models/<key>.yaml``, checked on reading, written by ``zhike identity fit``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zhike.identity.matching.levels import KINDS
from zhike.identity.matching.model import NEVER, Comparison, Level, MatchModel
from zhike.kernel.definitions import Definition, parse_definition
from zhike.kernel.errors import BadInput, Finding

KIND = "identity_model"
PartyKind = Literal["person", "sole_trader", "company"]
Share = Field(ge=0.0, le=1.0)
WEIGHT_DIGITS = 2


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LevelDefinition(_Strict):
    """One level of agreement; ``kind: else`` is what reached none before it. ``links_from``: weight in bits, or ``never``;
    ``cautious``: fitting sets a weight only where pairs of known documents show that it is right.
    """

    level: str = Field(min_length=1)
    kind: str
    column: str = ""
    size: int = Field(default=0, ge=0)
    m: float = Share
    u: float = Share
    links_from: float | Literal["never"] | None = None
    cautious: bool = False

    @model_validator(mode="after")
    def _is_known(self) -> LevelDefinition:
        if self.kind != "else" and self.kind not in KINDS:
            raise ValueError(f"there is no kind of level {self.kind}: {', '.join(KINDS)} or else")
        if (self.kind == "else") != (self.column == ""):
            raise ValueError("every level but else names the column that it compares")
        return self


class ComparisonDefinition(_Strict):
    """What is compared, strictest level first. ``rare``: share of records with any value that is not in ``frequencies``."""

    levels: tuple[LevelDefinition, ...] = Field(min_length=2)
    rare: float = Field(default=0.0, ge=0.0, le=1.0)
    frequencies: dict[str, float] = {}

    @model_validator(mode="after")
    def _ends_with_else(self) -> ComparisonDefinition:
        if [level.kind == "else" for level in self.levels] != [False] * (len(self.levels) - 1) + [True]:
            raise ValueError("the last level, and no other, is of the kind else")
        names = [level.level for level in self.levels]
        if len(set(names)) < len(names):
            raise ValueError("two levels have one name")
        return self


class ModelDefinition(_Strict):
    """The whole model; see ``matching.model.MatchModel``."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    party_kinds: tuple[PartyKind, ...] = Field(min_length=1)
    prior: float = Field(gt=0.0, lt=1.0)
    precision: float = Field(default=0.9997, gt=0.5, lt=1.0)
    gate: str
    review_from: float
    links_from: float = NEVER
    widest_block: int = Field(default=60, ge=2, le=1000)
    blocks: tuple[tuple[str, ...], ...] = Field(min_length=1)
    training_blocks: tuple[tuple[str, ...], ...] = Field(min_length=1)
    comparisons: dict[str, ComparisonDefinition] = Field(min_length=1)
    trained: dict[str, Any] = {}

    @model_validator(mode="after")
    def _has_its_gate(self) -> ModelDefinition:
        if self.gate not in self.comparisons:
            raise ValueError(f"the gate {self.gate} is none of the comparisons")
        return self


def read_models(definitions: Sequence[Definition], *, columns: Sequence[str]) -> tuple[MatchModel, ...]:
    """Return the match models of a project, in the order of their keys.

    Parameters
    ----------
    columns : the columns of standardised records that may be compared.

    Raises
    ------
    BadInput : a definition is malformed or compares a column that there is not.
    """
    found = []
    for definition in definitions:
        if definition.kind == KIND:
            model = _model(definition.key, parse_definition(ModelDefinition, definition))
            _check_columns(definition, model, columns)
            found.append(model)
    return tuple(found)


def _check_columns(definition: Definition, model: MatchModel, columns: Sequence[str]) -> None:
    unknown = sorted(set(model.columns) - set(columns))
    if unknown:
        where = f"{definition.file}:{definition.line} {definition.key}"
        names = ", ".join(unknown)
        raise BadInput(
            "identity.column_unknown", zh=f"匹配模型引用了不存在的列：{names}", en=f"the match model compares columns that there are not: {names}",
            findings=[Finding(where, f"no column {c}", todo=f"one of {', '.join(columns)}") for c in unknown],
        )  # fmt: skip


def _model(key: str, written: ModelDefinition) -> MatchModel:
    comparisons = tuple(
        Comparison(name, tuple(map(_level, c.levels)), c.frequencies, c.rare) for name, c in written.comparisons.items()
    )
    return MatchModel(
        key, written.party_kinds, written.prior, comparisons, written.blocks, written.gate, written.review_from, written.links_from,
        written.precision, written.training_blocks, written.widest_block, written.trained, (written.zh, written.en),
    )  # fmt: skip


def _level(written: LevelDefinition) -> Level:
    links_from = NEVER if written.links_from == "never" else written.links_from
    return Level(
        written.level, written.kind, written.column, written.size, written.m, written.u, links_from, written.cautious
    )


def body_of(model: MatchModel) -> dict[str, Any]:
    """Return a model as its definition says it: what ``read_models`` reads back as the same model, to the digits kept."""
    zh, en = model.meaning
    body: dict[str, Any] = {
        "zh": zh, "en": en, "party_kinds": list(model.party_kinds), "prior": _short(model.prior), "precision": model.precision,
        "gate": model.gate, "review_from": model.review_weight, **({"links_from": model.automatic_weight} if model.automatic_weight < NEVER else {}),
        "widest_block": model.widest_block, "blocks": [list(b) for b in model.blocks], "training_blocks": [list(b) for b in model.training_blocks],
        "comparisons": {c.name: _comparison_body(c) for c in model.comparisons}, "trained": dict(model.trained),
    }  # fmt: skip
    return body


def _comparison_body(comparison: Comparison) -> dict[str, Any]:
    found: dict[str, Any] = {"levels": [_level_body(level) for level in comparison.levels]}
    if comparison.rare:
        found["rare"] = _short(comparison.rare)
    if comparison.frequencies:
        found["frequencies"] = {v: _short(s) for v, s in comparison.frequencies.items()}
    return found


def _level_body(level: Level) -> dict[str, Any]:
    found: dict[str, Any] = {"level": level.name, "kind": level.kind}
    if level.column:
        found["column"] = level.column
    if level.size:
        found["size"] = level.size
    found |= {"m": _short(level.m), "u": _short(level.u)}
    if level.automatic_weight is not None:
        found["links_from"] = (
            "never" if level.automatic_weight >= NEVER else round(level.automatic_weight, WEIGHT_DIGITS)
        )
    if level.is_cautious:
        found["cautious"] = True
    return found


def _short(share: float) -> float:
    """Return a share with four digits that count: more say nothing."""
    return float(f"{share:.4g}")


def rounded(model: MatchModel) -> MatchModel:
    """Return a model as it will be read back from its file, so that thresholds are set for what will be used."""
    return _model(model.key, ModelDefinition.model_validate(body_of(model)))


__all__ = ["KIND", "ModelDefinition", "body_of", "read_models", "rounded"]

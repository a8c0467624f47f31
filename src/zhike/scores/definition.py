"""A model as a business person writes it: what is predicted, for whom, from what, how it is judged. YAML, checked on reading.

Two kinds. A *customer model* learns from profiles as of past cutoffs and scores today's customers; its label is a rule over
the profile ``horizon_days`` later. A *dataset model* learns from the rows of one file in their order and is only evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zhike.kernel.definitions import Definition, DefinitionSet, parse_definition
from zhike.kernel.errors import BadInput, Finding, ZhikeError
from zhike.scores.learners import LearnerName
from zhike.scores.terms import FeatureKind

Rule = dict[str, Any]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wording(_Strict):
    """A text in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class LabelDefinition(_Strict):
    """What counts as yes: ``rule`` over the profile ``horizon_days`` after the cutoff.

    The rule reads the later profile by its field names and the profile at the cutoff by ``<field>_at_cutoff``. Customers
    for whom ``known_when`` does not hold later have no outcome and are left out.
    """

    zh: str
    en: str
    horizon_days: int = Field(ge=1, le=1100)
    rule: Rule
    known_when: Rule | None = None


class CutoffDefinition(_Strict):
    """The past days to learn from: the last ``n`` month ends, or days ``every_days`` apart, whose outcome is known.

    The days are the same from one night to the next, so that a model is learned anew when a new cutoff is complete, not
    every night; ``counted_from`` is one day of a row of days ``every_days`` apart. ``history_days`` is how much of the
    data's beginning is not used: features need a past, too.
    """

    n: int = Field(ge=2, le=60)
    step: Literal["month_end", "days"] = "month_end"
    every_days: int = Field(default=30, ge=1, le=366)
    counted_from: date = date(2000, 1, 1)
    history_days: int = Field(default=31, ge=0, le=1100)


class CandidateDefinition(_Strict):
    """A learner with its settings; the candidates of a model compete on later rows."""

    learner: LearnerName
    settings: dict[str, Any] = {}

    @property
    def label(self) -> str:
        """``lightgbm n_trees=200``: how results name it."""
        return " ".join([self.learner, *(f"{k}={v}" for k, v in sorted(self.settings.items()))])


class DatasetField(_Strict):
    """One column of a file: what it means and when it is known, ``before`` or ``after`` the decision."""

    zh: str
    en: str
    kind: FeatureKind
    unit: str = ""
    known_on: Literal["before", "after"] = "before"
    is_sensitive: bool = False


class DatasetLabel(_Strict):
    """The column that holds the outcome, and its words for either (not called yes and no: YAML reads those as true, false)."""

    column: str
    positive: tuple[str, ...] = Field(min_length=1)
    negative: tuple[str, ...] = Field(min_length=1)


class DatasetDefinition(_Strict):
    """A delimited file, or one member of a zip archive, whose rows are in the order in which they happened."""

    file: str
    member: str = ""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    empty: tuple[str, ...] = ("",)
    label: DatasetLabel
    fields: dict[str, DatasetField] = Field(min_length=1)


class RollingEvaluation(_Strict):
    """Learn from ``train_rows``, predict the ``predict_rows`` that follow, move on; beside it one fixed split in time."""

    kind: Literal["rolling"]
    train_rows: int = Field(ge=100)
    predict_rows: int = Field(ge=10)
    fixed_train_share: float = Field(default=0.7, gt=0.2, lt=0.95)


class TimeSplitEvaluation(_Strict):
    """Learn from earlier cutoffs, judge on the last one."""

    kind: Literal["time_split"] = "time_split"


EvaluationDefinition = Annotated[RollingEvaluation | TimeSplitEvaluation, Field(discriminator="kind")]


class ModelDefinition(_Strict):
    """A model; see the module.

    ``features`` is ``all`` (every field that is allowed) or a list of names. ``leak_checked``: somebody has looked into an
    order that is too good and found no leak. ``use_version`` rolls back: that version scores, nothing is learned.
    """

    key: str
    zh: str
    en: str
    purpose: Wording
    owner: str
    contact: str = ""
    limits: Wording | None = None
    population: Rule | None = None
    label: LabelDefinition | None = None
    cutoffs: CutoffDefinition | None = None
    dataset: DatasetDefinition | None = None
    features: Literal["all"] | tuple[str, ...] = "all"
    excluded: dict[str, Wording] = {}
    learners: tuple[CandidateDefinition, ...] = (
        CandidateDefinition(learner="lightgbm"),
        CandidateDefinition(learner="logistic"),
    )
    evaluation: EvaluationDefinition = TimeSplitEvaluation()
    calibration: Literal["auto", "platt", "isotonic", "none"] = "auto"
    fairness_by: tuple[str, ...] = ("sex", "age", "district")
    rows_at_most: int = Field(default=200_000, ge=1_000, le=5_000_000)
    seed: int = Field(default=1, ge=0)
    leak_checked: bool = False
    use_version: str = Field(default="", pattern=r"^([0-9a-f]{16})?$")

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> ModelDefinition:
        parts = {"population": self.population, "label": self.label, "cutoffs": self.cutoffs}
        if self.dataset is None:
            absent = [name for name, part in parts.items() if part is None]
            if absent:
                raise ValueError(f"a customer model needs {', '.join(absent)}")
            if self.evaluation.kind != "time_split":
                raise ValueError("a customer model is evaluated by time_split")
        elif any(part is not None for part in parts.values()):
            raise ValueError("a dataset model has no population, label or cutoffs of its own: the dataset names them")
        elif self.evaluation.kind != "rolling":
            raise ValueError("a dataset model is evaluated in the order of its rows: evaluation.kind is rolling")
        if not self.learners:
            raise ValueError("a model needs at least one learner")
        return self


def parse_model(definition: Definition) -> ModelDefinition:
    """Return the model that a definition describes; BadInput names file, line and field."""
    return parse_definition(ModelDefinition, definition)


def parse_models(definitions: DefinitionSet) -> list[tuple[Definition, ModelDefinition]]:
    """Return all models of a project, in key order; BadInput collects what is wrong with each."""
    parsed: list[tuple[Definition, ModelDefinition]] = []
    findings: list[Finding] = []
    for definition in definitions.of_kind("model"):
        try:
            parsed.append((definition, parse_model(definition)))
        except ZhikeError as error:
            findings += error.findings or [Finding(f"{definition.file}:{definition.line}", error.en)]
    if findings:
        raise BadInput(
            "scores.models_malformed", zh="模型定义有误", en="model definitions are malformed", findings=tuple(findings)
        )  # fmt: skip
    return parsed


def model_in(definitions: DefinitionSet, key: str) -> ModelDefinition:
    """Return one model of a project; NotFound names the nearest key."""
    return parse_model(definitions.get("model", key))


def settings_of(model: ModelDefinition) -> Sequence[tuple[LearnerName, Mapping[str, Any]]]:
    """Return learner and settings of each candidate, in the order written."""
    return [(c.learner, c.settings) for c in model.learners]


__all__ = [
    "CandidateDefinition",
    "CutoffDefinition",
    "DatasetDefinition",
    "DatasetField",
    "LabelDefinition",
    "ModelDefinition",
    "RollingEvaluation",
    "Wording",
    "model_in",
    "parse_model",
    "parse_models",
    "settings_of",
]

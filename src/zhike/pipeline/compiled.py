"""A project's definitions, read once: features, words, tags, segments, models, policy, campaigns, and the tables they make.

Everything is checked here, all mistakes of a kind at once; ``zhike check`` does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from zhike.decision import Campaign, compile_campaigns
from zhike.kernel.definitions import Definition, DefinitionSet
from zhike.kernel.errors import BadInput, Finding, ZhikeError
from zhike.kernel.settings import Settings
from zhike.kernel.terms import Text
from zhike.measure import ExperimentPlan, Metric, standard_metrics
from zhike.pipeline.tables import contracts_with
from zhike.policy.decide import Policy, read_policy
from zhike.profile.features import FeatureSet, parse_features
from zhike.profile.tables import profile_contract
from zhike.profile.tags import Tag, tag_terms
from zhike.profile.tags_reading import parse_tags
from zhike.rules import Vocabulary, field_terms
from zhike.scores.definition import ModelDefinition, parse_models
from zhike.segments import Segment, parse_segments, segment_terms
from zhike.warehouse import Contract

T = TypeVar("T")

ORDERED_CODES = ("risk_grade", "five_class_worst", "highest_held_risk_grade")


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the definitions of a project mean."""

    definitions: DefinitionSet
    features: FeatureSet
    contracts: Mapping[str, Contract]
    vocabulary: Vocabulary
    tags: Mapping[str, Tag]
    segments: Mapping[str, Segment]
    models: Sequence[tuple[Definition, ModelDefinition]]
    policy: Policy
    campaigns: tuple[Campaign, ...]
    metrics: Mapping[str, Metric]

    @property
    def experiments(self) -> list[ExperimentPlan]:
        """How each campaign is measured."""
        return [experiment_of(c) for c in self.campaigns]

    def counts(self) -> dict[str, int]:
        """Return how many there are of each kind."""
        return {
            "features": len(self.features.features),
            "tags": len(self.tags),
            "segments": len(self.segments),
            "models": len(self.models),
            "gates": len(self.policy.gates),
            "campaigns": len(self.campaigns),
        }


def experiment_of(campaign: Campaign) -> ExperimentPlan:
    """Return how a campaign is measured: its outcomes, what a contact costs, what a kept yuan is worth."""
    costs: dict[str, Decimal] = {}
    for offer in campaign.offers:
        for channel in offer.channels:
            costs[channel.channel.value] = max(
                costs.get(channel.channel.value, Decimal(0)), channel.definition.cost_amount
            )
    written = campaign.definition
    keeps_money = written.outcomes[0].metric == "maturity_kept"
    return ExperimentPlan(
        experiment=campaign.experiment,
        campaign=campaign.key,
        metrics=tuple((o.metric, o.window_days) for o in written.outcomes),
        contact_cost_amounts=costs,
        margin_days=90 if keeps_money else 0,
    )


def compile_project(definitions: DefinitionSet, settings: Settings, *, permit_key: bytes) -> Compiled:
    """Read every definition of a project.

    Raises
    ------
    BadInput : definitions are malformed or name what there is not; every mistake found is listed with file and line.
    """
    found = definitions.definitions
    features = parse_features(found)
    profile = profile_contract(features)
    words = Vocabulary(
        fields=field_terms(profile, ordered=ORDERED_CODES),
        models={
            d.key: Text(str(d.body.get("zh", d.key)), str(d.body.get("en", d.key)))
            for d in definitions.of_kind("model")
        },
    )
    findings: list[Finding] = []
    tags_words = _collect(findings, lambda: replace(words, segments=segment_terms(found))) or words
    tags = _collect(findings, lambda: parse_tags(definitions.of_kind("tag"), tags_words)) or {}
    known = _collect(findings, lambda: replace(words, tags=tag_terms(definitions.of_kind("tag")))) or words
    segments = _collect(findings, lambda: parse_segments(found, known)) or {}
    models = _collect(findings, lambda: parse_models(definitions)) or []
    whole = replace(known, segments=tags_words.segments)
    policy = _collect(
        findings, lambda: read_policy(definitions, whole, timezone=settings.business_timezone, key=permit_key)
    )
    campaigns = _collect(findings, lambda: compile_campaigns(definitions, whole)) or ()
    if findings or policy is None:
        raise BadInput(
            "project.malformed", zh=f"定义有 {len(findings)} 处错误", en=f"{len(findings)} mistakes in the definitions",
            findings=tuple(findings), todo_zh="逐条改正后再运行 zhike check", todo_en="mend them and run `zhike check` again",
        )  # fmt: skip
    parameters = definitions.parameters
    metrics = standard_metrics(
        aum_classes=parameters["aum_classes"], external_counterparties=parameters["external_counterparties"],
        timezone=settings.business_timezone,
    )  # fmt: skip
    contracts = contracts_with(profile)
    return Compiled(definitions, features, contracts, whole, tags, segments, models, policy, campaigns, metrics)


def _collect(findings: list[Finding], read: Callable[[], T]) -> T | None:
    """Return what ``read`` gives, or None after noting what is wrong, so that all kinds are checked in one go."""
    try:
        return read()
    except ZhikeError as error:
        findings.extend(error.findings or [Finding(error.code, error.en, todo=error.todo_en)])
        return None


__all__ = ["Compiled", "compile_project", "experiment_of"]

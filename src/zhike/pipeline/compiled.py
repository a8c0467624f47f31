"""A project's definitions, read once: features, words, tags, segments, models, policy, campaigns, and the tables they make.

Everything is checked here, all mistakes of a kind at once; ``zhike check`` does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TypeVar

from zhike.decision import Campaign, compile_campaigns
from zhike.identity import MatchModel, RelationSettings, read_match_models, relation_settings
from zhike.identity.anonymous import AnonymousSettings, anonymous_settings
from zhike.kernel.definitions import Definition, DefinitionSet
from zhike.kernel.errors import BadInput, Finding, ZhikeError
from zhike.kernel.settings import Settings
from zhike.kernel.terms import Text
from zhike.measure import ExperimentPlan, Metric, standard_metrics
from zhike.pipeline.tables import contracts_with
from zhike.policy.decide import Policy, read_policy
from zhike.profile.features import FeatureSet, parse_features
from zhike.profile.tables import profile_contract
from zhike.profile.tags import Tag, not_live, tag_terms
from zhike.profile.tags_reading import parse_tags, told_not_live
from zhike.rules import Vocabulary, field_terms
from zhike.scores.definition import ModelDefinition, parse_models
from zhike.segments import Segment, parse_segments, segment_terms
from zhike.segments.definition import GLOBAL_EXCLUSION
from zhike.segments.lists import ListDefinition, list_terms, parse_lists
from zhike.warehouse import Contract

T = TypeVar("T")

METRIC_PARAMETERS = ("aum_classes", "external_counterparties")
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
    lists: Mapping[str, ListDefinition]
    models: Sequence[tuple[Definition, ModelDefinition]]
    match_models: tuple[MatchModel, ...]
    policy: Policy
    campaigns: tuple[Campaign, ...]
    metrics: Mapping[str, Metric]
    relations: RelationSettings
    anonymous: AnonymousSettings

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
            "lists": len(self.lists),
            "models": len(self.models),
            "identity_models": len(self.match_models),
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
    words = replace(words, lists=_collect(findings, lambda: list_terms(found)) or {})
    tag_words, broken_tags = _terms(findings, definitions.of_kind("tag"), tag_terms)
    segment_words, broken_segments = _terms(findings, definitions.of_kind("segment"), segment_terms)
    whole = replace(words, tags=tag_words, segments=segment_words)
    sound = [d for d in found if d not in broken_tags and d not in broken_segments]
    tags = _collect(findings, lambda: parse_tags([d for d in sound if d.kind == "tag"], replace(whole, tags={}))) or {}
    segments = _collect(findings, lambda: parse_segments(sound, replace(whole, segments={}))) or {}
    models = _collect(findings, lambda: parse_models(definitions)) or []
    match_models = _collect(findings, lambda: read_match_models(found)) or ()
    policy = _collect(
        findings, lambda: read_policy(definitions, whole, timezone=settings.business_timezone, key=permit_key)
    )
    campaigns = _collect(findings, lambda: compile_campaigns(definitions, whole)) or ()
    relations = _collect(findings, lambda: relation_settings(definitions.parameters))
    anonymous = _collect(findings, lambda: anonymous_settings(definitions.parameters))
    findings += _parameters_missing(definitions)
    if findings or policy is None or relations is None or anonymous is None:
        states = not_live(definitions.of_kind("tag"))
        findings = [told_not_live(f, states) for f in findings]
        told = _told_once(findings, [*broken_tags, *broken_segments], found)
        n = len(told)
        raise BadInput(
            "project.malformed", zh=f"定义有 {n} 处错误", en=f"{n} mistake{'s' if n > 1 else ''} in the definitions",
            findings=told, todo_zh="逐条改正后再运行 zhike check", todo_en="mend them and run `zhike check` again",
        )  # fmt: skip
    metrics = standard_metrics(
        **{n: definitions.parameters[n] for n in METRIC_PARAMETERS}, timezone=settings.business_timezone
    )
    contracts = contracts_with(profile)
    return Compiled(
        definitions,
        features,
        contracts,
        whole,
        tags,
        segments,
        parse_lists(found),
        models,
        match_models,
        policy,
        campaigns,
        metrics,
        relations,
        anonymous,
    )


def _terms(
    findings: list[Finding], definitions: Sequence[Definition], read: Callable[[Sequence[Definition]], dict[str, T]]
) -> tuple[dict[str, T], list[Definition]]:
    """Return what rules may say of definitions, and those whose body is malformed, after noting what is wrong with them."""
    terms: dict[str, T] = {}
    broken = []
    for definition in definitions:
        found = _collect(findings, partial(read, [definition]))
        terms |= found or {}
        if found is None:
            broken.append(definition)
    return terms, broken


def _told_once(
    findings: Sequence[Finding], broken: Sequence[Definition], definitions: Sequence[Definition]
) -> tuple[Finding, ...]:
    """Return the findings, each once, without the echoes of a broken definition: that it is not there, where a rule names it,
    and that a measure is not there, where it is made of such a rule."""
    echoes = {"": [f"there is no {d.kind} called {d.key} " for d in broken]}
    if any(d.key == GLOBAL_EXCLUSION for d in broken):
        echoes[""].append(f"the segment {GLOBAL_EXCLUSION} ")
    for d in definitions if broken else ():
        measures = d.body.get("measures")
        if isinstance(measures, Mapping):
            echoes[f"{d.file}:{d.line} {d.key}."] = [f"there is no field called {m} " for m in measures]

    def is_echo(finding: Finding) -> bool:
        return any(
            finding.where.startswith(where) and finding.problem.startswith(tuple(beginnings))
            for where, beginnings in echoes.items()
        )

    return tuple(dict.fromkeys(f for f in findings if not is_echo(f)))


def _parameters_missing(definitions: DefinitionSet) -> list[Finding]:
    """Return a finding for each parameter that measuring needs and the project, which does without the standard pack, lacks."""
    names = [n for n in METRIC_PARAMETERS if n not in definitions.parameters]
    todo = "write it as in 请按此页填写 docs/reference/parameters.md"
    return [Finding(f"parameters.yaml {n}", "is required · 必填", todo=todo) for n in names]


def _collect(findings: list[Finding], read: Callable[[], T]) -> T | None:
    """Return what ``read`` gives, or None after noting what is wrong, so that all kinds are checked in one go."""
    try:
        return read()
    except ZhikeError as error:
        todo = " ".join(t for t in (error.todo_en, error.todo_zh) if t)
        findings.extend(error.findings or [Finding(error.code, f"{error.en} · {error.zh}", todo=todo)])
        return None


__all__ = ["Compiled", "compile_project", "experiment_of"]

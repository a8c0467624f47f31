"""The nightly job: every package's steps for one business day, over the approved definitions, published together."""

from __future__ import annotations

import getpass
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path

from zhike.decision.steps import steps as decision_steps
from zhike.identity import IdentitySettings
from zhike.identity.steps import steps as identity_steps
from zhike.kernel.clock import Clock
from zhike.kernel.definitions import DefinitionSet
from zhike.kernel.errors import BadInput
from zhike.kernel.settings import EngineName, Settings
from zhike.measure.steps import steps as measure_steps
from zhike.pipeline.checking import apply_project, compiled_project
from zhike.pipeline.compiled import Compiled
from zhike.pipeline.definitions import approved, pending
from zhike.pipeline.engagement import EngagementLog, snapshot_steps
from zhike.pipeline.identity.overrides import identity_overrides
from zhike.pipeline.project import Project
from zhike.pipeline.store import OperationsStore, StoredOverride
from zhike.policy.steps import steps as policy_steps
from zhike.profile.steps import profile_step
from zhike.profile.tables import TAG_OVERRIDE
from zhike.profile.tags_steps import tag_steps
from zhike.scores.steps import ModelSetting
from zhike.scores.steps import steps as score_steps
from zhike.segments.steps import segment_steps
from zhike.segments.tracking import tracking_steps
from zhike.sources import open_mapping
from zhike.sources.checks import read_checks
from zhike.sources.quality import quality_step
from zhike.sources.reconcile import reconcile_step
from zhike.sources.steps import steps as source_steps
from zhike.sources.tables import DELIVERED
from zhike.warehouse import Engine, Output, RunPlan, RunResult, Step, StepContext, TableEngine, open_engine, run_steps
from zhike.warehouse.conform import rows_table
from zhike.warehouse.run import Listener

SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class Night:
    """What is run: a project, the folder its bank delivered to, and the business day; ``engine`` None as the settings say."""

    project: Project
    data: Path
    as_of: date
    without: frozenset[str] = field(default_factory=frozenset)
    engine: EngineName | None = None


def engagement_log(project: Project) -> EngagementLog:
    """Return where contacts, receipts and consent entries of a project are kept."""
    return EngagementLog(project.settings.state / "engagement")


def tag_overrides(overrides: Sequence[StoredOverride]) -> Step:
    """Return the step that brings the manual tags of the store into the run."""
    given = [{**o.subject, "given_on": o.made_at.date().isoformat()} for o in overrides if o.kind == "tag"]
    names = TAG_OVERRIDE.column_names
    rows = [{n: _as_day(n, row.get(n)) for n in names} for row in given]

    def work(context: StepContext) -> Mapping[str, object]:
        return {"rows": context.write(TAG_OVERRIDE.name, rows_table(TAG_OVERRIDE, rows))}

    return Step(
        "snapshot:tag_override", (Output(TAG_OVERRIDE.name),), (), work, material=tuple(map(str, given)), is_dated=False
    )


def _as_day(name: str, value: object) -> object:
    return date.fromisoformat(str(value)) if name.endswith("_on") and value is not None else value


def identity_settings(parameters: Mapping[str, object]) -> IdentitySettings:
    """Return the parameters of identity; those that a project does not set keep their defaults.

    Raises
    ------
    BadInput : own places are no codes with names, or the bar of mentions is no probability.
    """
    usual = IdentitySettings()
    priority = parameters.get("identity_source_priority")
    places = parameters.get("identity_own_places", {})
    if not isinstance(places, dict) or not all(
        re.fullmatch(r"\d{6}", str(c)) and isinstance(n, str) for c, n in places.items()
    ):
        raise BadInput(
            "identity.own_places", zh="参数 identity_own_places 应为 六位区划代码: 地名", en="parameter identity_own_places must map codes of six digits to names",
            todo_zh='写成 {"379901": 安河区}', todo_en='write {"379901": 安河区}',
        )  # fmt: skip
    link_from = parameters.get("identity_mention_link_from", usual.mention_link_from)
    if not isinstance(link_from, int | float) or not usual.mention_review_from < link_from <= 1:
        raise BadInput(
            "identity.mention_link_from", zh=f"参数 identity_mention_link_from 应在 ({usual.mention_review_from}, 1]", en=f"parameter identity_mention_link_from must lie in ({usual.mention_review_from}, 1]",
            todo_zh="写入概率，如 0.99", todo_en="write a probability, such as 0.99",
        )  # fmt: skip
    return replace(
        usual, source_priority=tuple(priority) if isinstance(priority, list) else usual.source_priority,
        own_places={str(c): n for c, n in places.items()}, mention_link_from=float(link_from),
    )  # fmt: skip


def plan_night(night: Night, compiled: Compiled, store: OperationsStore) -> RunPlan:
    """Return the steps of a night, frozen to the definitions given.

    Raises
    ------
    BadInput : the mapping is malformed, files are missing, or the day lies before the data begin.
    """
    project, settings = night.project, night.project.settings
    zone = settings.business_timezone
    mapping = open_mapping(project.mapping, compiled.contracts)
    checks = read_checks(mapping.reconcile, dated_tables=[c.name for c in DELIVERED if c.dated_by])
    setting = ModelSetting(compiled.features, project.models, settings.engine_threads, zone)
    steps: list[Step] = [
        *snapshot_steps(engagement_log(project)),
        tag_overrides(store.overrides()),
        *source_steps(
            mapping,
            night.data,
            night.as_of,
            compiled.contracts,
            timezone=zone,
            fingerprints=settings.state / "fingerprints.json",
        ),
        *([reconcile_step(checks, compiled.contracts, timezone=zone, runs=project.runs)] if checks else []),
        quality_step([c for c in DELIVERED if c.name in {e.to for e in mapping.tables}]),
        *identity_steps(
            settings=identity_settings(compiled.definitions.parameters),
            overrides=identity_overrides(store.overrides()),
            key=settings.secret(settings.identity_key),
            models=compiled.match_models,
            relations=compiled.relations,
            anonymous=compiled.anonymous,
        ),
        *policy_steps(compiled.policy),
        profile_step(compiled.features, timezone=zone, carried=settings.state / "carried"),
        *tag_steps(compiled.tags, timezone=zone),
        *segment_steps(compiled.segments, timezone=zone),
        *tracking_steps(compiled.segments),
        *score_steps(compiled.models, setting),
        *decision_steps(
            compiled.definitions,
            compiled.policy,
            compiled.vocabulary,
            as_of=night.as_of,
            currency=settings.base_currency,
        ),
        *measure_steps(compiled.experiments, compiled.metrics),
    ]
    chosen = [s for s in steps if s.key not in night.without]
    frozen = {f"{d.kind}:{d.key}": d.hash for d in compiled.definitions.definitions}
    return RunPlan(chosen, compiled.contracts, night.as_of, frozen, settings.keep_versions, settings.keep_hours)


def run_night(night: Night, store: OperationsStore, *, clock: Clock, listen: Listener | None = None) -> RunResult:
    """Run the night and publish it, or publish nothing.

    Under ``definitions_approval = "on_apply"`` changed files are applied first; otherwise what is approved is run.

    Raises
    ------
    ZhikeError : from what failed; the details are in ``run_results.json`` and the earlier version stays readable.
    """
    settings = night.project.settings
    if settings.definitions_approval == "on_apply":
        apply_project(night.project, store, by=getpass.getuser(), at=clock.now())
    compiled = compiled_project(night.project, definitions_of_run(store))
    plan = plan_night(night, compiled, store)
    sweep_scratch(settings.state / SCRATCH)
    results = night.project.runs
    is_on_spark = (night.engine or settings.engine) is EngineName.SPARK
    if is_on_spark or settings.run_workers == 1:
        engine = spark_engine(settings) if is_on_spark else worker_engine(settings)
        try:
            return run_steps(night.project.warehouse, engine, plan, clock=clock, results=results, listen=listen)
        finally:
            engine.close()
    return run_steps(
        night.project.warehouse, partial(worker_engine, settings), plan, clock=clock, results=results, listen=listen,
        workers=settings.run_workers,
    )  # fmt: skip


def definitions_of_run(store: OperationsStore) -> DefinitionSet:
    """Return the approved definitions; BadInput when there is none, for then nothing could be said about anybody."""
    found = approved(store)
    if found.definitions:
        return found
    n = len(pending(store))
    raise BadInput(
        "run.nothing_approved", zh=f"没有已复核的定义（{n} 个待复核）", en=f"no definition is approved ({n} wait for approval)",
        todo_zh="先 zhike apply，再由他人 zhike approve all --by 姓名；一个人的项目可设 definitions_approval = \"on_apply\"",
        todo_en='run `zhike apply`, then have somebody else run `zhike approve all --by NAME`; where one person does everything, set definitions_approval = "on_apply"',
    )  # fmt: skip


def worker_engine(settings: Settings) -> Engine:
    """Open the engine of one worker, with its part of the memory and a scratch folder of its own process."""
    size, unit = float(settings.engine_memory[:-2]), settings.engine_memory[-2:]
    memory = f"{size / settings.run_workers:g}{unit}"
    own = settings.state / SCRATCH / str(os.getpid())
    return open_engine(threads=settings.engine_threads, memory=memory, scratch=own)


def spark_engine(settings: Settings) -> TableEngine:
    """Open Spark with a DuckDB engine beside it that has all of the memory set for DuckDB: such a run is one process."""
    from zhike.warehouse.spark import open_spark_engine

    alone = settings.model_copy(update={"run_workers": 1})
    size, unit = float(settings.spark_memory[:-2]), settings.spark_memory[-2:]
    megabytes = round(size * (1024 if unit == "GB" else 1))
    own = settings.state / SCRATCH / str(os.getpid())
    return open_spark_engine(
        master=settings.spark_master, memory=f"{megabytes}m", scratch=own, beside=worker_engine(alone)
    )


def sweep_scratch(folder: Path) -> int:
    """Remove what processes that are gone have left to spill into; return how many folders. A killed run leaves its own."""
    left = [p for p in folder.iterdir() if not _is_alive(p.name)] if folder.is_dir() else []
    for place in left:
        shutil.rmtree(place, ignore_errors=True)  # another run may be sweeping, too
    return len(left)


def _is_alive(name: str) -> bool:
    if not name.isdecimal():
        return False
    try:
        os.kill(int(name), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


__all__ = ["Night", "engagement_log", "plan_night", "run_night", "sweep_scratch"]

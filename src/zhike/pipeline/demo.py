"""The demo: a simulated bank, its nightly job, and the maturity story (到期承接) told on a virtual clock.

Whose money matures within 30 days, who will leave, who may be contacted and who not and why, who is held out; two weeks
later what was kept, with an interval, beside the effect that only a simulation can know.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from zhike.channels.tables import CONTACT
from zhike.decision import Campaign
from zhike.kernel.clock import VirtualClock, moment_on
from zhike.kernel.errors import Conflict, NotEstimable
from zhike.kernel.hashing import fingerprint
from zhike.kernel.terms import Channel
from zhike.pipeline.checking import compiled_project
from zhike.pipeline.compiled import Compiled
from zhike.pipeline.definitions import approved
from zhike.pipeline.nightly import Night, engagement_log, run_night
from zhike.pipeline.project import MAPPING_FILE, Project
from zhike.pipeline.reporting import ReportPlan, render, report_source
from zhike.pipeline.scaffold import make_project, write_key
from zhike.pipeline.sending import Outcome, SendingDesk, refusals_by_rule
from zhike.pipeline.store import OperationsStore
from zhike.simulator import BankPlan, Contact, continue_with_contacts, simulate, true_effect
from zhike.warehouse import Catalog, Engine, RunResult, open_catalog, open_engine
from zhike.warehouse.manifest import Manifest
from zhike.warehouse.run import Listener, StepResult, StepState

LAST_DAY = date(2025, 6, 30)
CAMPAIGN = "deposit_maturity"
METRIC = "maturity_kept"
PER_CUSTOMER = "maturity_kept_per_customer"
CORE = "core"
STORY_DAYS = 14
NIGHT_HOUR = 3
MARK = ".zhike-demo"


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """How large a bank, how long a history, which seed, and where."""

    folder: Path
    n_customers: int = 20_000
    n_days: int = 180
    seed: int = 1

    @property
    def bank(self) -> BankPlan:
        """The bank to simulate."""
        return BankPlan(self.n_customers, self.n_days, self.seed, LAST_DAY)


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """What the demo found; ``truth`` is what only a simulation knows."""

    plan: DemoPlan
    figures: Mapping[str, Any]
    truth: Mapping[str, float]
    reports: tuple[Path, ...]

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {**self.figures, "reports": [str(p) for p in self.reports]}


class _Times:
    """Seconds per part of the demo, measured by the listener's own clock."""

    def __init__(self, listen: Listener | None) -> None:
        self.seconds: dict[str, float] = {}
        self._listen = listen

    def part(self, key: str, began: float, ended: float, **rows: int) -> None:
        self.seconds[key] = round(ended - began, 3)
        if self._listen:
            self._listen(key, StepResult(key, StepState.RAN, self.seconds[key], rows))


def prepare_demo(plan: DemoPlan) -> None:
    """Make the folder anew: a project that approves on applying, with keys that follow from the seed.

    Raises
    ------
    Conflict : the folder holds something that no demo wrote.
    """
    folder = plan.folder
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise Conflict(
            "demo.folder_used", zh=f"{folder} 里有别的内容", en=f"{folder} holds something that no demo wrote",
            todo_zh="换一个目录", todo_en="name another folder",
        )  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("made by zhike demo; made anew each time\n", encoding="utf-8")
    for key in ("identity", "permit"):
        write_key(folder / ".zhike" / f"{key}.key", fingerprint("demo", key, plan.seed))
    make_project(folder, name="安河银行 Anhe Bank (simulated)", approval="on_apply")


def run_demo(
    plan: DemoPlan, project: Project, store: OperationsStore, *, listen: Listener | None = None
) -> DemoOutcome:
    """Simulate, run the night, contact, wait two weeks, run the night again, measure, report."""
    import time

    times = _Times(listen)
    began = time.monotonic()
    bank_folder = plan.folder / "bank"
    bank = simulate(plan.bank, bank_folder)
    shutil.copyfile(bank.mapping_file, project.settings.folder / MAPPING_FILE)
    times.part("demo:simulate", began, time.monotonic(), files=len(bank.n_rows))
    zone = project.settings.business_timezone
    clock = VirtualClock(moment_on(LAST_DAY + timedelta(days=1), zone, hour=NIGHT_HOUR))
    first = run_night(Night(project, bank.data_folder, LAST_DAY), store, clock=clock, listen=listen)
    compiled = compiled_project(project, approved(store))
    campaign = next(c for c in compiled.campaigns if c.key == CAMPAIGN)
    began = time.monotonic()
    planned = project.warehouse.manifest(first.manifest or 0)
    outcomes, contacts = _contact(project, compiled, campaign, planned, clock)
    continue_with_contacts(bank_folder, contacts, LAST_DAY + timedelta(days=STORY_DAYS))
    times.part("demo:contact", began, time.monotonic(), contacts=len(contacts))
    clock.advance(moment_on(LAST_DAY + timedelta(days=STORY_DAYS + 1), zone, hour=NIGHT_HOUR) - clock.now())
    second = run_night(
        Night(project, bank.data_folder, LAST_DAY + timedelta(days=STORY_DAYS)), store, clock=clock, listen=listen
    )
    began = time.monotonic()
    measured = project.warehouse.manifest(second.manifest or 0)
    engine = open_engine(threads=project.settings.engine_threads, memory=project.settings.engine_memory)
    try:
        told = _Telling(project, compiled, campaign, engine, planned, measured, bank_folder)
        truth = told.true_effect()
        files = told.write(plan.folder / "report", clock, truth)
        times.part("demo:report", began, time.monotonic(), files=len(files))
        figures = told.figures(first, second, outcomes, truth)
    finally:
        engine.close()
    seconds = {**_seconds("night 1", first), **times.seconds, **_seconds("night 2", second)}
    settings = {"customers": plan.n_customers, "days": plan.n_days, "seed": plan.seed}
    return DemoOutcome(plan, {"settings": settings, **figures, "seconds": seconds}, truth, files)


def _contact(
    project: Project, compiled: Compiled, campaign: Campaign, planned: Manifest, clock: VirtualClock
) -> tuple[list[Outcome], list[Contact]]:
    """Ask policy again for each planned contact, keep what became of it, and name the permitted ones as the bank does."""
    engine = open_engine(threads=project.settings.engine_threads, memory=project.settings.engine_memory)
    try:
        tables = open_catalog(engine, project.warehouse, compiled.contracts, planned.entries)
        actions = engine.fetch(tables.part("next_action", campaign.key)).to_pylist()
        outcomes = SendingDesk(compiled.policy, campaign, tables, as_of=planned.as_of).send(actions, clock)
        keys = core_keys(tables, engine)
    finally:
        engine.close()
    rows = [o.as_contact() for o in outcomes]
    engagement_log(project).keep_rows(CONTACT, rows, name=f"{planned.as_of:%Y%m%d}-{campaign.key}")
    sent = [
        Contact(r["contact_id"], keys[r["customer_id"]], Channel(r["channel"]), r["on"], r["offer_id"])
        for r in rows
        if r["state"] == "sent" and r["customer_id"] in keys
    ]
    return outcomes, sent


def core_keys(tables: Catalog, engine: Engine) -> dict[str, str]:
    """Return customer_id → the customer's number in the core system (the first, where one has several)."""
    link = tables["identity_link"]
    core = link.filter(link.source == CORE).group_by("customer_id").aggregate(source_key=link.source_key.min())
    return {r["customer_id"]: r["source_key"] for r in engine.fetch(core).to_pylist()}


def _seconds(night: str, result: RunResult) -> dict[str, float]:
    return {f"{night}: {s.key}": s.seconds for s in result.steps}


@dataclass(frozen=True, slots=True)
class _Telling:
    """The figures and the report of the story, read from the two nights."""

    project: Project
    compiled: Compiled
    campaign: Campaign
    engine: Engine
    planned: Manifest
    measured: Manifest
    bank_folder: Path

    def _tables(self, manifest: Manifest) -> Catalog:
        return open_catalog(self.engine, self.project.warehouse, self.compiled.contracts, manifest.entries)

    def effects(self, truth: Mapping[str, float]) -> dict[str, dict[str, Any]]:
        """Return metric → measured effect with its interval, and the simulated truth where there is one."""
        effect = self._tables(self.measured).part("effect", self.campaign.experiment)
        rows = self.engine.fetch(effect.order_by("metric")).to_pylist()
        return {r["metric"]: {**_plain(r), "simulated_truth": truth.get(r["metric"])} for r in rows}

    def true_effect(self) -> dict[str, float]:
        """Return metric → true effect on the customers of the experiment; empty where one arm has no maturing money."""
        tables = self._tables(self.planned)
        keys = core_keys(tables, self.engine)
        arms = self.engine.fetch(tables.part("assignment", self.campaign.experiment)).to_pylist()
        treated, control = (
            [keys[a["customer_id"]] for a in arms if a["arm"] == arm and a["customer_id"] in keys]
            for arm in ("treatment", "control")
        )
        try:
            found = true_effect(self.bank_folder, treated, control)
        except NotEstimable:
            return {}
        return {METRIC: found.effect_of_money, PER_CUSTOMER: found.effect}

    def write(self, folder: Path, clock: VirtualClock, truth: Mapping[str, float]) -> tuple[Path, ...]:
        """Write the report in both languages."""
        plan = ReportPlan(
            self.planned, self.measured, campaign=self.campaign.key, experiment=self.campaign.experiment,
            truth=truth, is_simulated=True,
        )  # fmt: skip
        source = report_source(self.project, self.compiled, self.engine, plan, made_at=clock.now())
        return render(source, folder)

    def figures(
        self, first: RunResult, second: RunResult, outcomes: list[Outcome], truth: Mapping[str, float]
    ) -> dict[str, Any]:
        """Return the figures that ``--json`` prints."""
        tables, later = self._tables(self.planned), self._tables(self.measured)
        member = tables["segment_member"].filter(lambda t: t.to_on.isnull())
        candidate = tables.part("candidate", self.campaign.key)
        return {
            "as_of": self.planned.as_of.isoformat(),
            "measured_on": self.measured.as_of.isoformat(),
            "customers": self.engine.fetch(tables["profile"].count().as_table()).to_pylist()[0].popitem()[1],
            "rows": {k: v for s in first.steps for k, v in s.rows.items()},
            "quarantined": self._counts(tables["quarantine"], "rule"),
            "segments": self._counts(member, "segment"),
            "funnel": self._counts(
                candidate.mutate(stage=candidate.is_final.ifelse("final", candidate.stage)), "stage"
            ),
            "arms": self._counts(tables.part("assignment", self.campaign.experiment), "arm"),
            "planned": len(outcomes),
            "contacted": sum(o.as_contact()["state"] == "sent" for o in outcomes),
            "refused_at_sending": refusals_by_rule(outcomes),
            "held_out": self._counts(tables.part("assignment", self.campaign.experiment), "arm").get("control", 0),
            "effect": self.effects(truth),
            "roi": [_plain(r) for r in self.engine.fetch(later.part("roi", self.campaign.experiment)).to_pylist()],
            "peak_memory_mb": max(first.peak_memory_mb, second.peak_memory_mb),
        }

    def _counts(self, table: Any, column: str) -> dict[str, int]:
        counted = table.group_by(of=table[column]).aggregate(n=table.count().cast("int64")).order_by("of")
        return {str(r["of"]): r["n"] for r in self.engine.fetch(counted).to_pylist()}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(dict(row), default=str)))


__all__ = ["CAMPAIGN", "DemoOutcome", "DemoPlan", "core_keys", "prepare_demo", "run_demo"]

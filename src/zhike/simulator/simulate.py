"""Drawing a whole bank into a folder: chunk by chunk, day by day, with truth kept apart."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from zhike.kernel.errors import BadInput, NotFound
from zhike.simulator import dirt
from zhike.simulator.arrays import pa
from zhike.simulator.contacting import DueContact
from zhike.simulator.files.mapping import mapping_document
from zhike.simulator.files.terms import FileSpec
from zhike.simulator.files.write import DeliveryWriter
from zhike.simulator.identifiers import day_number, to_date
from zhike.simulator.population import draw_people
from zhike.simulator.records import bank, business, daily, holdings, parties, standing
from zhike.simulator.records.accounts_of import Keys, make_keys
from zhike.simulator.running import known_sources, run_day, unit_prices
from zhike.simulator.start import opening_state
from zhike.simulator.state import ChunkState, save_state
from zhike.simulator.terms import BankPlan, BankSummary
from zhike.simulator.totals import Totals
from zhike.simulator.truth import Truth

SPECS: tuple[FileSpec, ...] = (
    *bank.SPECS, *parties.SPECS, *standing.SPECS, *holdings.SPECS, *daily.SPECS, *business.SPECS, bank.CONTROL,
)  # fmt: skip
BY_NAME = {s.name: s for s in SPECS}
PLAN_FILE = "plan.json"


def simulate(plan: BankPlan, folder: Path) -> BankSummary:
    """Draw the bank of ``plan`` into ``folder``: ``mapping.yaml``, ``data/`` (the bank's files), ``truth/`` (never to be read by a run).

    The same plan gives the same bytes. Memory is bounded by the size of one chunk of 20,000 customers.

    Raises
    ------
    BadInput : the folder already holds a bank.
    """
    folder = folder.resolve()
    if (folder / "truth" / PLAN_FILE).exists():
        raise BadInput(
            "simulator.folder_taken", zh="该目录已有一家模拟银行", en="the folder already holds a simulated bank",
            todo_zh="请换一个空目录", todo_en="choose an empty folder",
        )  # fmt: skip
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    totals, truth = Totals(plan), Truth(folder / "truth")
    planted: Counter[tuple[str, str, str]] = Counter()
    with DeliveryWriter(folder / "data", plan.delivery) as writer:
        for name, rows in bank.bank_tables(plan).items():
            writer.write(BY_NAME[name], plan.initial_day, rows)
        for chunk in range(plan.n_chunks):
            planted += _draw_chunk(plan, chunk, _Outputs(writer, totals, truth, folder))
        _report(plan, writer, totals)
    truth.finish(plan, planted)
    (folder / "mapping.yaml").write_text(mapping_document(plan, SPECS), encoding="utf-8")
    write_plan(plan, folder)
    by_reason: Counter[tuple[str, str]] = Counter()
    for (file, reason, _), count in planted.items():
        by_reason[(file, reason)] += count
    return summary(plan, folder, writer.n_rows, by_reason)


def summary(
    plan: BankPlan, folder: Path, n_rows: Mapping[str, int], planted: Mapping[tuple[str, str], int]
) -> BankSummary:
    """Return what was written where."""
    return BankSummary(
        folder=folder, data_folder=folder / "data", truth_folder=folder / "truth", mapping_file=folder / "mapping.yaml",
        first_day=plan.first_day, last_day=plan.last_day, n_rows=dict(sorted(n_rows.items())), planted_dirt=dict(sorted(planted.items())),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Outputs:
    """Where a chunk is written."""

    writer: DeliveryWriter
    totals: Totals
    truth: Truth
    folder: Path


def _draw_chunk(plan: BankPlan, chunk: int, outputs: _Outputs) -> Counter[tuple[str, str, str]]:
    """Draw one chunk from its first day to its last and write everything; return the dirt planted."""
    people = draw_people(plan, chunk)
    state = opening_state(plan, people, chunk)
    keys, known_in = make_keys(people), known_sources(plan, state)
    initial = day_number(plan.initial_day)
    first = day_number(plan.first_day)
    while state.day < initial:
        run_day(plan, state, known_in)
        if outputs.totals.is_reporting_day(state.day, initial):
            outputs.totals.add(state)
    identity = parties.Identity(plan, people, chunk)
    tables: dict[str, Any] = daily.take_daily(state, keys, price_list(plan, state), is_first=True)
    tables[daily.REPAYMENTS.name] = _together(
        tables[daily.REPAYMENTS.name], holdings.plan_ahead(state, state.day + 366)
    )
    tables |= {parties.CORE.name: parties.core_customers(identity)} | parties.other_sources(identity, known_in)
    tables |= standing.standing_tables(plan, state, keys, known_in) | holdings.accounts(
        state, keys, identity.is_twice, after=-(10**6)
    )
    tables |= (
        holdings.cards(plan, state, keys, first)
        | holdings.lending(plan, state, keys)
        | business.business_tables(plan, state, keys, first)
    )
    planted: Counter[tuple[str, str, str]] = Counter()
    for name, clean in tables.items():
        bad, counts = dirt.plant(BY_NAME[name], clean, plan.seed, chunk) if plan.has_dirt else ([], {})
        planted.update(counts)
        for rows in (clean, *bad):
            outputs.writer.write(BY_NAME[name], plan.initial_day, rows)
    write_days(
        plan,
        state,
        keys,
        identity.is_twice,
        day_number(plan.last_day),
        writer=outputs.writer,
        totals=outputs.totals,
        known_in=known_in,
    )
    outputs.truth.add_chunk(plan, state, identity, known_in)
    save_state(state, outputs.folder / "truth" / "state" / f"{state.day}" / f"chunk-{chunk:05d}.npz")
    return planted


def write_days(
    plan: BankPlan, state: ChunkState, keys: Keys, twice: Any, until: int, *, writer: DeliveryWriter, totals: Totals, known_in: Any,
    contacts: Mapping[int, list[DueContact]] | None = None,
) -> None:  # fmt: skip
    """Run a chunk on to ``until``, one delivery per day."""
    while state.day < until:
        run_day(plan, state, known_in, (contacts or {}).get(state.day + 1, ()))
        totals.add(state)
        tables = daily.take_daily(state, keys, price_list(plan, state), is_first=False)
        tables |= holdings.accounts(state, keys, twice, after=state.day - 1)
        for name, rows in tables.items():
            writer.write(BY_NAME[name], to_date(state.day), rows)


def price_list(plan: BankPlan, state: ChunkState) -> dict[int, tuple[int, int, int]]:
    """Return unit prices by day, from the eve of the history to the state's day."""
    first = day_number(plan.first_day) - 1
    return {d: unit_prices(plan, d) for d in range(first, state.day + 1)}


def _together(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: pa.concat_arrays([first[name], second[name]])
        if isinstance(first[name], pa.Array)
        else np.concatenate([first[name], second[name]])
        for name in first
    }


def _report(plan: BankPlan, writer: DeliveryWriter, totals: Totals) -> None:
    initial = day_number(plan.initial_day)
    writer.write(bank.CONTROL, plan.initial_day, totals.rows([d for d in totals.days if d <= initial]))
    report_days(writer, totals, after=initial)


def report_days(writer: DeliveryWriter, totals: Totals, *, after: int) -> None:
    """Write the bank's own report for each day after ``after``."""
    for day in totals.days:
        if day > after:
            writer.write(bank.CONTROL, to_date(day), totals.rows([day]))


def write_plan(plan: BankPlan, folder: Path) -> None:
    """Keep the plan beside the truth, so that the bank can be continued."""
    body = dataclasses.asdict(plan) | {"last_day": plan.last_day.isoformat(), "simulated_to": plan.last_day.isoformat()}
    (folder / "truth" / PLAN_FILE).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def read_plan(folder: Path) -> tuple[BankPlan, date]:
    """Return the plan of a bank and the last day simulated so far.

    Raises
    ------
    NotFound : the folder holds no simulated bank.
    """
    file = folder / "truth" / PLAN_FILE
    if not file.is_file():
        raise NotFound(
            "simulator.no_bank",
            zh="目录中没有模拟银行",
            en="there is no simulated bank in the folder",
            todo_en="run simulate first",
            todo_zh="请先生成模拟银行",
        )
    body = json.loads(file.read_text(encoding="utf-8"))
    simulated_to = date.fromisoformat(body.pop("simulated_to"))
    return BankPlan(**(body | {"last_day": date.fromisoformat(body["last_day"])})), simulated_to


__all__ = [
    "BY_NAME",
    "SPECS",
    "price_list",
    "read_plan",
    "report_days",
    "simulate",
    "summary",
    "write_days",
    "write_plan",
]

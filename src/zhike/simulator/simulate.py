"""Drawing a whole bank into a folder: its own tables, its customers chunk by chunk, its report, with truth kept apart."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path

from zhike.kernel.errors import BadInput, NotFound
from zhike.simulator.drawing import BY_NAME, SPECS, draw_chunk
from zhike.simulator.files.mapping import mapping_document
from zhike.simulator.files.write import DeliveryWriter
from zhike.simulator.identifiers import day_number, to_date
from zhike.simulator.records import bank
from zhike.simulator.sharing import ChunkWorkers
from zhike.simulator.terms import BankPlan, BankSummary
from zhike.simulator.totals import Totals
from zhike.simulator.truth import Truth

PLAN_FILE, SPOOL = "plan.json", ".drawing"


def simulate(plan: BankPlan, folder: Path, *, n_workers: int = 2) -> BankSummary:
    """Draw the bank of ``plan`` into ``folder``: ``mapping.yaml``, ``data/`` (the bank's files), ``truth/`` (never to be read by a run).

    The same plan gives the same bytes, whatever the number of workers. Memory is bounded by the size of some chunks of 20,000
    customers: one per worker, and as many in this process.

    Parameters
    ----------
    n_workers : processes that draw chunks while this one writes; with 1, or one chunk, this one draws, too.

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
    with (
        ChunkWorkers(
            partial(draw_chunk, plan, folder), BY_NAME, folder / SPOOL, n_workers=workers_for(plan, n_workers)
        ) as workers,
        DeliveryWriter(folder / "data", plan.delivery) as writer,
    ):
        for name, rows in bank.bank_tables(plan).items():
            writer.write(BY_NAME[name], plan.initial_day, rows)
        for done in workers.draw(plan.n_chunks, writer.write):
            totals.add_all(done.totals)
            truth.write(done.truth)
            planted += done.planted
        _report(plan, writer, totals)
    truth.finish(planted)
    (folder / "mapping.yaml").write_text(mapping_document(plan, SPECS), encoding="utf-8")
    write_plan(plan, folder)
    by_reason: Counter[tuple[str, str]] = Counter()
    for (file, reason, _), count in planted.items():
        by_reason[(file, reason)] += count
    return summary(plan, folder, writer.n_rows, by_reason)


def workers_for(plan: BankPlan, n_workers: int) -> int:
    """Return how many processes are worth starting for a bank: at most one per chunk, none for one chunk."""
    return min(n_workers, plan.n_chunks) if n_workers > 1 and plan.n_chunks > 1 else 0


def summary(
    plan: BankPlan, folder: Path, n_rows: Mapping[str, int], planted: Mapping[tuple[str, str], int]
) -> BankSummary:
    """Return what was written where."""
    return BankSummary(
        folder=folder, data_folder=folder / "data", truth_folder=folder / "truth", mapping_file=folder / "mapping.yaml",
        first_day=plan.first_day, last_day=plan.last_day, n_rows=dict(sorted(n_rows.items())), planted_dirt=dict(sorted(planted.items())),
    )  # fmt: skip


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


__all__ = ["PLAN_FILE", "SPOOL", "read_plan", "report_days", "simulate", "summary", "workers_for", "write_plan"]

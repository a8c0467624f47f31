"""The run publishes everything or nothing, skips what is unchanged and resumes what was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from zhike.kernel.clock import VirtualClock
from zhike.kernel.errors import BadInput, Bug, Conflict, ContractBroken
from zhike.warehouse import (
    Contract,
    Engine,
    Input,
    Output,
    RunPlan,
    Step,
    StepContext,
    Warehouse,
    open_catalog,
    open_engine,
    run_steps,
)
from zhike.warehouse.contracts import amount, code, contract_by_name, day, text
from zhike.warehouse.lineage import trace
from zhike.warehouse.run import StepState

RAW = Contract(
    "raw", "test", "原始", "Raw", ("id",), (text("id", "号", "Id", required=True), amount("paid_amount", "额", "Paid"))
)
SUMS = Contract(
    "sums",
    "test",
    "合计",
    "Sums",
    ("kind",),
    (code("kind", "类", "Kind"), amount("total_amount", "合计", "Total"), day("on", "日", "Day")),
    partitioned_by="definition",
)
BATCHED = Contract(
    "batched", "test", "批", "Batched", ("id",), (text("id", "号", "Id", required=True),), partitioned_by="log"
)
CONTRACTS = contract_by_name((RAW, SUMS, BATCHED))
DAY = date(2025, 3, 1)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine()
    yield opened
    opened.close()


class Bank:
    """A tiny plan whose steps count how often they work."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.warehouse = Warehouse(folder / "warehouse")
        self.folder = folder
        self.engine = engine
        self.worked: list[str] = []
        self.rows = [("a", 1), ("b", 2)]
        self.broken = False
        self.seen_before: list[int] = []

    def load(self, context: StepContext) -> dict[str, object]:
        self.worked.append("load")
        context.write("raw", pa.table({"id": [r[0] for r in self.rows], "paid_amount": [r[1] for r in self.rows]}))
        return {"n": len(self.rows)}

    def sum(self, context: StepContext) -> None:
        self.worked.append("sum")
        if self.broken:
            raise ContractBroken("test.broken", zh="坏", en="broken on purpose")
        self.seen_before.append(context.previous["sums"].count().execute())
        total = context.tables["raw"].aggregate(total_amount=lambda t: t.paid_amount.sum())
        context.write("sums", total.mutate(kind=ibis.literal("all"), on=ibis.literal(context.as_of)), partition="all")

    def plan(self, as_of: date = DAY) -> RunPlan:
        load = Step("load", (Output("raw"),), (), self.load, material=tuple(self.rows), is_dated=False)
        total = Step("sum", (Output("sums", "all"),), (Input("raw"), Input("sums", lag=1)), self.sum)
        return RunPlan([total, load], CONTRACTS, as_of)

    def run(self, as_of: date = DAY):
        clock = VirtualClock(datetime(2025, 3, 2, tzinfo=UTC))
        return run_steps(self.warehouse, self.engine, self.plan(as_of), clock=clock, results=self.folder / "runs")

    def total(self) -> float:
        manifest = self.warehouse.current()
        assert manifest is not None
        tables = open_catalog(self.engine, self.warehouse, CONTRACTS, manifest.entries)
        return float(tables["sums"].total_amount.sum().execute())


@pytest.fixture
def bank(tmp_path: Path, engine: Engine) -> Bank:
    return Bank(tmp_path, engine)


def test_steps_run_in_the_order_of_what_they_read(bank: Bank) -> None:
    result = bank.run()
    assert bank.worked == ["load", "sum"]
    assert result.is_published
    assert bank.total() == 3


def test_a_second_run_of_the_same_day_works_on_nothing_and_publishes_the_same(bank: Bank) -> None:
    first = bank.run()
    second = bank.run()
    assert bank.worked == ["load", "sum"]
    assert second.manifest == first.manifest
    assert {s.state for s in second.steps} == {StepState.REUSED}


def test_a_changed_input_runs_again_what_depends_on_it(bank: Bank) -> None:
    bank.run()
    bank.rows.append(("c", 10))
    bank.run()
    assert bank.worked == ["load", "sum", "load", "sum"]
    assert bank.total() == 13


def test_a_failed_run_publishes_nothing_and_the_next_resumes(bank: Bank) -> None:
    bank.run()
    bank.rows.append(("c", 10))
    bank.broken = True
    with pytest.raises(ContractBroken):
        bank.run()
    assert bank.total() == 3
    bank.broken = False
    bank.run()
    assert bank.worked.count("load") == 2  # the second load was kept from the failed run
    assert bank.total() == 13


def test_a_lagged_read_sees_the_last_earlier_day_and_a_repeat_sees_the_same(bank: Bank) -> None:
    bank.run(DAY)
    bank.run(date(2025, 3, 2))
    bank.rows.append(("c", 1))
    bank.run(date(2025, 3, 2))
    assert bank.seen_before == [0, 1, 1]


def test_a_past_day_never_becomes_current(bank: Bank) -> None:
    bank.run(date(2025, 3, 5))
    past = bank.run(DAY)
    assert past.is_published
    assert not past.is_current
    current = bank.warehouse.current()
    assert current is not None
    assert current.as_of == date(2025, 3, 5)


def test_a_duplicate_key_stops_the_run(bank: Bank) -> None:
    bank.rows.append(("a", 5))
    with pytest.raises(ContractBroken, match="duplicate key"):
        bank.run()
    assert bank.warehouse.current() is None


def test_two_runs_at_once_are_refused(bank: Bank) -> None:
    with bank.warehouse.writing(), pytest.raises(Conflict):
        bank.run()


def test_a_ring_of_definitions_is_named(bank: Bank) -> None:
    one = Step("tag:one", (Output("sums", "one"),), (Input("sums", "two"),), bank.sum)
    two = Step("tag:two", (Output("sums", "two"),), (Input("sums", "one"),), bank.sum)
    clock = VirtualClock(datetime(2025, 3, 2, tzinfo=UTC))
    with pytest.raises(BadInput, match="tag:one → tag:two → tag:one|tag:two → tag:one → tag:two"):
        run_steps(bank.warehouse, bank.engine, RunPlan([one, two], CONTRACTS, DAY), clock=clock, results=bank.folder)


def test_an_undeclared_read_is_our_mistake_and_says_so(bank: Bank) -> None:
    def peek(context: StepContext) -> None:
        context.tables["raw"].count().execute()

    step = Step("peek", (), (), peek)
    clock = VirtualClock(datetime(2025, 3, 2, tzinfo=UTC))
    with pytest.raises(Bug, match="does not declare"):
        run_steps(bank.warehouse, bank.engine, RunPlan([step], CONTRACTS, DAY), clock=clock, results=bank.folder)


def test_every_output_is_traced_to_its_inputs(bank: Bank) -> None:
    bank.run()
    manifest = bank.warehouse.current()
    assert manifest is not None
    labels = [a.label for a in trace(manifest, "sums", "all")]
    assert labels[0].startswith("sums/all@")
    assert labels[1].startswith("raw/@")


def test_parts_of_a_log_from_earlier_days_stay(bank: Bank) -> None:
    def load(batch: str) -> Step:
        def work(context: StepContext) -> None:
            context.write("batched", pa.table({"id": [batch]}), partition=batch)

        return Step(f"load:{batch}", (Output("batched", batch),), (), work, is_dated=False)

    clock = VirtualClock(datetime(2025, 3, 2, tzinfo=UTC))
    for offset, batch in enumerate(("20250301", "20250302")):
        plan = RunPlan([load(batch)], CONTRACTS, date(2025, 3, 1 + offset))
        run_steps(bank.warehouse, bank.engine, plan, clock=clock, results=bank.folder / "runs")
    manifest = bank.warehouse.current()
    assert manifest is not None
    assert manifest.partitions("batched") == ("20250301", "20250302")


def test_a_run_killed_before_its_manifest_became_current_is_finished_by_the_next(bank: Bank) -> None:
    bank.run()
    (bank.warehouse.folder / "manifest.json").unlink()
    result = bank.run()
    assert result.is_current
    assert bank.total() == 3


def among_workers(bank: Bank, workers: int = 2):
    clock = VirtualClock(datetime(2025, 3, 2, tzinfo=UTC))
    return run_steps(
        bank.warehouse, open_engine, bank.plan(), clock=clock, results=bank.folder / "runs", workers=workers
    )


def test_a_run_shared_among_workers_publishes_the_same(bank: Bank) -> None:
    result = among_workers(bank)
    assert result.is_published
    assert bank.total() == 3
    assert {s.state for s in among_workers(bank).steps} == {StepState.REUSED}


def test_a_step_that_fails_in_a_worker_is_told_as_it_was_and_publishes_nothing(bank: Bank) -> None:
    bank.broken = True
    with pytest.raises(ContractBroken, match="broken on purpose"):
        among_workers(bank)
    assert bank.warehouse.current() is None


def test_a_worker_that_dies_is_a_failed_step_and_not_a_hanging_run(bank: Bank) -> None:
    def die(context: StepContext) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    plan = RunPlan([Step("die", (), (), die), *bank.plan().steps], CONTRACTS, DAY)
    clock = VirtualClock(datetime(2025, 3, 2, tzinfo=UTC))
    with pytest.raises(Bug, match="the worker of die ended"):
        run_steps(bank.warehouse, open_engine, plan, clock=clock, results=bank.folder / "runs", workers=2)
    assert bank.warehouse.current() is None

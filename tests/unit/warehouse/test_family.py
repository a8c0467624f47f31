"""Steps of a family are done in one go, and yet each is its own: version, rows, error, and what is taken over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from zhike.kernel.clock import SystemClock
from zhike.kernel.errors import Bug, ContractBroken
from zhike.warehouse import (
    Contract,
    Family,
    Input,
    Output,
    RunPlan,
    RunResult,
    Step,
    StepContext,
    Warehouse,
    merged,
    open_catalog,
    open_engine,
    run_steps,
    write_together,
)
from zhike.warehouse.contracts import code, contract_by_name, integer
from zhike.warehouse.ordering import dependencies, most_urgent, urgencies

RAW = Contract("raw", "test", "原始", "Raw", ("n",), (integer("n", "数", "Number", required=True),))
MULTIPLE = Contract(
    "multiple", "test", "倍数", "Multiple", ("of", "n"), (code("of", "几", "Of", required=True), integer("n", "数", "Number")),
    partitioned_by="definition",
)  # fmt: skip
CONTRACTS = contract_by_name((RAW, MULTIPLE))
DAY = date(2025, 3, 1)


class Multiples:
    """A family that writes the multiples of each member's number; it remembers who came together."""

    def __init__(self, *, doubled: str = "") -> None:
        self.together: list[list[str]] = []
        self.doubled = doubled

    def work(self, contexts: Sequence[StepContext]) -> list[Mapping[str, Any]]:
        keys = [c.step.key for c in contexts]
        self.together.append(keys)
        raw = merged([c.tables for c in contexts])["raw"]
        each = [raw.filter(raw.n % int(k) == 0).select(of=ibis.literal(k), n=raw.n) for k in keys]
        each += [rows for k, rows in zip(keys, each, strict=True) if k == self.doubled]
        rows = each[0] if len(each) == 1 else ibis.union(*each)
        return [{"n_rows": n} for n in write_together(contexts, "multiple", rows, by="of")]

    def steps(self, *numbers: str, versions: Mapping[str, str] | None = None) -> list[Step]:
        family = Family("multiples", self.work)
        first = Step("raw", (Output("raw"),), (), _write_raw)
        return [first, *(_member(family, k, (versions or {}).get(k, "1")) for k in numbers)]


def _write_raw(context: StepContext) -> None:
    context.write("raw", pa.table({"n": list(range(1, 13))}))


def _member(family: Family, key: str, version: str) -> Step:
    return Step(key, (Output("multiple", key),), (Input("raw"),), family.alone, definition=version, family=family)


def run(folder: Path, steps: Sequence[Step], *, workers: int = 1) -> RunResult:
    plan = RunPlan(steps, CONTRACTS, DAY)
    rest = {"clock": SystemClock(), "results": folder / "runs"}
    if workers > 1:
        maker = partial(open_engine, threads=1)
        return run_steps(Warehouse(folder / "warehouse"), maker, plan, workers=workers, **rest)
    engine = open_engine(threads=1)
    try:
        return run_steps(Warehouse(folder / "warehouse"), engine, plan, **rest)
    finally:
        engine.close()


def rows(folder: Path) -> dict[str, list[int]]:
    warehouse = Warehouse(folder / "warehouse")
    manifest = warehouse.current()
    assert manifest is not None
    engine = open_engine(threads=1)
    try:
        tables = open_catalog(engine, warehouse, CONTRACTS, manifest.entries)
        return {
            p: sorted(engine.fetch(tables.part("multiple", p)).column("n").to_pylist())
            for p in tables.partitions("multiple")
        }
    finally:
        engine.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_members_that_are_ready_at_once_come_together_and_each_writes_its_own_part(tmp_path, workers):
    family = Multiples()
    result = run(tmp_path, family.steps("3", "5", "20"), workers=workers)
    assert rows(tmp_path) == {"3": [3, 6, 9, 12], "5": [5, 10], "20": []}
    assert {s.key: s.metrics for s in result.steps if s.key != "raw"} == {
        "3": {"n_rows": 4}, "5": {"n_rows": 2}, "20": {"n_rows": 0}
    }  # fmt: skip
    if workers == 1:
        assert family.together == [["3", "5", "20"]]


def test_members_that_nothing_has_changed_are_taken_over_and_only_the_rest_is_done(tmp_path):
    family = Multiples()
    run(tmp_path, family.steps("3", "5"))
    result = run(tmp_path, family.steps("3", "5", "4", versions={"5": "2"}))
    assert family.together == [["3", "5"], ["5", "4"]]
    assert {s.key: str(s.state) for s in result.steps} == {"raw": "reused", "3": "reused", "5": "ran", "4": "ran"}
    assert rows(tmp_path)["4"] == [4, 8, 12]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_member_that_fails_is_named_and_those_before_it_are_kept(tmp_path, workers):
    broken = Multiples(doubled="5")
    with pytest.raises(ContractBroken, match="duplicate key"):
        run(tmp_path, broken.steps("3", "5", "7"), workers=workers)
    assert Warehouse(tmp_path / "warehouse").current() is None
    told = next((tmp_path / "runs").rglob("run_results.json")).read_text(encoding="utf-8")
    assert '"key": "5",\n   "state": "failed"' in told
    mended = Multiples()
    result = run(tmp_path, mended.steps("3", "5", "7"))
    assert {s.key: str(s.state) for s in result.steps} == {"raw": "reused", "3": "reused", "5": "ran", "7": "ran"}


def test_rows_of_a_part_that_nobody_declared_are_refused(tmp_path):
    def stray(contexts: Sequence[StepContext]) -> list[Mapping[str, Any]]:
        rows = contexts[0].tables["raw"].select(of=ibis.literal("elsewhere"), n="n")
        return [{"n": n} for n in write_together(contexts, "multiple", rows, by="of")]

    family = Family("stray", stray)
    with pytest.raises(Bug, match="elsewhere"):
        run(tmp_path, [Step("raw", (Output("raw"),), (), _write_raw), _member(family, "3", "1")])


def test_what_has_the_costliest_work_waiting_starts_first():
    def step(key: str, *reads: str, cost: float = 1.0) -> Step:
        return Step(key, (Output(key),), tuple(Input(r) for r in reads), _write_raw, cost=cost)

    ordered = [step("a"), step("b"), step("c", "b", cost=10.0), step("d", "a", "c")]
    urgency = urgencies(ordered, dependencies(ordered))
    assert urgency == {"d": 1.0, "c": 11.0, "b": 12.0, "a": 2.0}
    assert [s.key for s in most_urgent(ordered[:2], urgency)] == ["b"]


def test_a_step_whose_traces_outside_the_warehouse_are_gone_is_done_again(tmp_path):
    outside = tmp_path / "model.txt"
    n_done = []

    def work(context: StepContext) -> Mapping[str, Any]:
        n_done.append(1)
        outside.write_text("learned", encoding="utf-8")
        _write_raw(context)
        return {"file": outside.name}

    step = Step("raw", (Output("raw"),), (), work, is_intact=lambda told: (tmp_path / told["file"]).is_file())
    run(tmp_path, [step])
    assert run(tmp_path, [step]).steps[0].state == "reused"
    outside.unlink()
    assert run(tmp_path, [step]).steps[0].state == "ran"
    assert len(n_done) == 2
    assert outside.is_file()

"""A run with two engines: what is made for either goes to the one of the run, all else to DuckDB; the results say which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from zhike.kernel.clock import VirtualClock
from zhike.kernel.errors import Bug, ContractBroken
from zhike.warehouse import (
    Contract,
    Engine,
    Input,
    Output,
    RunPlan,
    Step,
    StepContext,
    Warehouse,
    open_engine,
    run_steps,
)
from zhike.warehouse.contracts import contract_by_name, day, integer

COUNTED = Contract("counted", "test", "数", "Counted", ("n",), (integer("n", "数", "N"), day("on", "日", "On")))
DOUBLED = Contract("doubled", "test", "倍", "Doubled", ("n",), (integer("n", "数", "N"), day("on", "日", "On")))
CONTRACTS = contract_by_name((COUNTED, DOUBLED))
DAY = date(2025, 3, 1)


@dataclass(frozen=True, slots=True)
class Elsewhere(Engine):
    """An engine that is not the one of the process, as Spark is not."""

    beside: Engine | None = None

    @property
    def in_process(self) -> Engine:
        """The engine beside it."""
        assert self.beside is not None
        return self.beside


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    beside, other = open_engine(threads=1), open_engine(threads=1)
    yield Elsewhere(other.connection, other.scratch, name="elsewhere", beside=beside)
    beside.close()
    other.close()


def count(context: StepContext) -> None:
    """Write three rows from memory."""
    context.write("counted", pa.table({"n": [1, 2, 3], "on": pa.array([DAY] * 3, pa.date32())}))


def double(context: StepContext) -> None:
    """Double what was counted."""
    rows = context.tables["counted"]
    context.write("doubled", rows.mutate(n=rows.n * 2))


def stopping(context: StepContext) -> None:
    """Fail."""
    raise ContractBroken("test.broken", zh="坏", en="broken on purpose")


def run(folder: Path, engine: Engine, work: Any = double) -> dict[str, tuple[str, str]]:
    """Return step → state and engine."""
    steps = [
        Step("count", (Output("counted"),), (), count),
        Step("double", (Output("doubled"),), (Input("counted"),), work, is_portable=True),
    ]
    clock = VirtualClock(datetime(2025, 3, 2, tzinfo=UTC))
    plan = RunPlan(steps, CONTRACTS, DAY)
    done = run_steps(Warehouse(folder / "w"), engine, plan, clock=clock, results=folder / "runs")
    return {s.key: (s.state.value, s.engine) for s in done.steps}


def test_a_step_runs_where_it_is_made_for_and_the_results_say_where(elsewhere: Elsewhere, tmp_path: Path) -> None:
    assert run(tmp_path, elsewhere) == {"count": ("ran", "duckdb"), "double": ("ran", "elsewhere")}


def test_what_one_engine_has_done_the_other_takes_over(elsewhere: Elsewhere, tmp_path: Path) -> None:
    run(tmp_path, elsewhere)
    assert run(tmp_path, elsewhere.in_process) == {"count": ("reused", ""), "double": ("reused", "")}


def test_a_step_that_fails_says_where(elsewhere: Elsewhere, tmp_path: Path) -> None:
    with pytest.raises(ContractBroken, match="on purpose"):
        run(tmp_path, elsewhere, stopping)
    (results,) = (tmp_path / "runs").glob("*/run_results.json")
    assert '"engine": "elsewhere"' in results.read_text(encoding="utf-8")


def test_a_day_that_the_engine_made_a_moment_of_is_refused(elsewhere: Elsewhere, tmp_path: Path) -> None:
    def later(context: StepContext) -> None:
        rows = context.tables["counted"]
        context.write("doubled", rows.mutate(on=rows.on + ibis.interval(days=1)))

    with pytest.raises(Bug, match="on: timestamp") as caught:
        run(tmp_path, elsewhere, later)
    assert caught.value.code == "warehouse.types_differ"

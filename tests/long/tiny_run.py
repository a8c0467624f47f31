"""A run of a dozen dependent steps, as a process of its own, so that a test can kill it anywhere.

Usage: ``python -m tests.long.tiny_run FOLDER``; prints one line per finished step.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import ibis
import pyarrow as pa

from zhike.kernel.clock import SystemClock
from zhike.warehouse import Contract, Input, Output, RunPlan, Step, StepContext, Warehouse, open_engine, run_steps
from zhike.warehouse.contracts import contract_by_name, integer, text

N_STEPS = 12
N_ROWS = 20_000
TABLES = tuple(
    Contract(
        f"t{i}",
        "test",
        "表",
        "Table",
        ("id",),
        (text("id", "号", "Id", required=True), integer("value", "值", "Value")),
    )
    for i in range(N_STEPS)
)
CONTRACTS = contract_by_name(TABLES)


def first(context: StepContext) -> None:
    """Write literal rows."""
    context.write("t0", pa.table({"id": [f"{i:06d}" for i in range(N_ROWS)], "value": list(range(N_ROWS))}))


def following(number: int) -> Step:
    """Return a step that adds its number to every value of the table before it."""

    def work(context: StepContext) -> dict[str, object]:
        before = context.tables[f"t{number - 1}"]
        context.write(f"t{number}", before.mutate(value=before.value + ibis.literal(number)))
        return {"number": number}

    return Step(f"step{number:02d}", (Output(f"t{number}"),), (Input(f"t{number - 1}"),), work)


def plan() -> RunPlan:
    """Return the plan."""
    steps = [Step("step00", (Output("t0"),), (), first), *(following(i) for i in range(1, N_STEPS))]
    return RunPlan(steps, CONTRACTS, date(2025, 3, 1))


def main(folder: Path) -> None:
    """Run the plan in ``folder``."""
    engine = open_engine(threads=1, scratch=folder / "scratch")
    run_steps(
        Warehouse(folder / "warehouse"), engine, plan(), clock=SystemClock(), results=folder / "runs",
        listen=lambda key, result: print(key, result.state, flush=True) if result else None,
    )  # fmt: skip
    engine.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""数据质量 Data quality: completeness, validity, uniqueness, timeliness, drift and volume per table and column, over time.

One scan of a table gives all of its counts; one more of its earlier version gives what to compare with. Bins are fixed
(powers of ten, closed code lists), so that two runs over the same rows give the same index. What is measured becomes rows
of ``quality_result``; the picture of it is drawn by ``quality_report``. Nothing here stops a run: that is for
``reconcile`` and for the limits of loading.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.kernel.errors import NotEstimable
from zhike.sources.tables.quality import QUALITY_RESULT
from zhike.statistics.stability import stability_index
from zhike.warehouse import Column, Contract, Engine, Input, Kind, Output, Step, StepContext
from zhike.warehouse.conform import rows_table
from zhike.warehouse.counting import Binned, count_spread

WHOLE_TABLE = "*"
NUMBER_EDGES = (
    -1_000_000.0,
    -10_000.0,
    -100.0,
    -1e-9,
    1e-9,
    1.0,
    10.0,
    100.0,
    1_000.0,
    10_000.0,
    100_000.0,
    1_000_000.0,
    10_000_000.0,
)
RATE_EDGES = (1e-9, 0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
INTEGER_EDGES = (0.5, 1.5, 2.5, 3.5, 5.5, 10.5, 20.5, 30.5, 60.5, 90.5, 180.5, 365.5, 1_000.5)
EDGES = {Kind.AMOUNT: NUMBER_EDGES, Kind.NUMBER: NUMBER_EDGES, Kind.RATE: RATE_EDGES, Kind.INTEGER: INTEGER_EDGES}
MISSING = "missing"
DUPLICATE_RULES = ("duplicate_key",)


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Beyond which a measure is marked as an alert.

    ``completeness_drop_rate`` and ``volume_change_rate`` compare with the earlier version; ``psi`` is the stability index;
    ``window_days`` is the stretch of days compared for tables that only grow; ``history_days`` is how long results are kept.
    """

    completeness_drop_rate: float = 0.05
    validity_at_least_rate: float = 0.99
    uniqueness_at_least_rate: float = 0.999
    volume_change_rate: float = 0.5
    psi: float = 0.25
    age_days: int = 3
    window_days: int = 28
    history_days: int = 400


@dataclass(frozen=True, slots=True)
class Counts:
    """What one scan of a table counted. ``bins`` maps column → bin → rows; ``newest_on`` is the latest business date."""

    n_rows: int
    present: Mapping[str, int]
    bins: Mapping[str, Mapping[str, int]]
    newest_on: date | None


def quality_step(contracts: Sequence[Contract], *, limits: QualityLimits | None = None) -> Step:
    """Return the step that measures the delivered tables named by ``contracts`` and writes ``quality_result``.

    Tables that only grow are compared with their own days before; others with their version of an earlier run.
    """
    chosen = tuple(contracts)
    replaced = [c.name for c in chosen if not is_growing(c)]
    reads = [*(Input(c.name) for c in chosen), Input("load_count"), Input("quarantine")]
    reads += [*(Input(name, lag=1) for name in replaced), Input("quality_result", lag=1)]
    used = limits or QualityLimits()
    return Step(
        "sources:quality", writes=(Output("quality_result"),), reads=tuple(reads), work=_Measure(chosen, used),
        material=(1, asdict(used)),
    )  # fmt: skip


def is_growing(contract: Contract) -> bool:
    """Whether a table is written batch by batch, so that its newest days stand beside the days before them."""
    return contract.partitioned_by == "batch" and bool(contract.dated_by)


@dataclass(frozen=True, slots=True)
class _Measure:
    contracts: tuple[Contract, ...]
    limits: QualityLimits

    def __call__(self, context: StepContext) -> Mapping[str, Any]:
        loads = loaded_shares(context.engine.in_process, context.tables["load_count"], context.tables["quarantine"])
        rows: list[dict[str, Any]] = []
        for contract in self.contracts:
            now, before = self._counts(context, contract)
            rows += measure(contract, now, before, as_of=context.as_of, limits=self.limits)
            rows += measure_loading(contract, loads, as_of=context.as_of, limits=self.limits)
        kept_from = context.as_of - timedelta(days=self.limits.history_days)
        earlier = context.previous["quality_result"]
        earlier = earlier.filter((earlier.measured_on >= kept_from) & (earlier.measured_on < context.as_of))
        context.write("quality_result", earlier.union(ibis.memtable(rows_table(QUALITY_RESULT, rows))))
        return {"n_measures": len(rows), "n_alerts": sum(bool(r["is_alert"]) for r in rows)}

    def _counts(self, context: StepContext, contract: Contract) -> tuple[Counts, Counts | None]:
        table = context.tables[contract.name]
        if not is_growing(contract):
            before = count_values(context.engine.in_process, context.previous[contract.name], contract)
            return count_values(context.engine.in_process, table, contract), before if before.n_rows else None
        from_on = context.as_of - timedelta(days=self.limits.window_days - 1)
        before_on = from_on - timedelta(days=self.limits.window_days)
        day = table[contract.dated_by]
        recent = count_values(
            context.engine.in_process, table.filter((day >= from_on) & (day <= context.as_of)), contract
        )
        older = count_values(context.engine.in_process, table.filter((day >= before_on) & (day < from_on)), contract)
        return recent, older if older.n_rows else None


def count_values(engine: Engine, table: ir.Table, contract: Contract) -> Counts:
    """Count a table in one scan: rows, present values, bins of numbers and closed codes, newest business date."""
    found = count_spread(engine, table, [_binned(c) for c in contract.columns], dated_by=contract.dated_by)
    present = {c.name: n for c, n in zip(contract.columns, found.present, strict=True)}
    bins = {
        column.name: {**dict(zip(_labels(column), counts, strict=True)), MISSING: found.n_rows - present[column.name]}
        for column, counts in zip(contract.columns, found.bins, strict=True)
        if counts
    }
    return Counts(found.n_rows, present, bins, found.newest_on)


def _binned(column: Column) -> Binned:
    """Return the bins in which a column is compared; none for texts, days and open codes."""
    if column.allowed:
        return Binned(column.name, codes=column.allowed)
    return Binned(column.name, edges=EDGES.get(column.kind, ()), is_flag=column.kind is Kind.FLAG)


def _labels(column: Column) -> list[str]:
    """Return what the bins of a column are called, in order."""
    if column.allowed:
        return list(column.allowed)
    if column.kind is Kind.FLAG:
        return ["true", "false"]
    edges = EDGES[column.kind]
    inner = [f"({low:g}, {high:g}]" for low, high in itertools.pairwise(edges)]
    return [f"<= {edges[0]:g}", *inner, f"> {edges[-1]:g}"]


def measure(
    contract: Contract, now: Counts, before: Counts | None, *, as_of: date, limits: QualityLimits
) -> Iterator[dict[str, Any]]:
    """Yield the measures of one table that come from its own rows.

    volume : rows. completeness : share of present values, per column. timeliness : days from the newest business date to
    ``as_of``. drift : stability index against ``before``, per column with bins.
    """
    shift = abs(now.n_rows - before.n_rows) / before.n_rows if before else 0.0
    yield _row(contract, WHOLE_TABLE, "volume", as_of, now.n_rows, is_alert=shift > limits.volume_change_rate)
    if now.newest_on is not None and now.newest_on <= as_of:
        age_days = (as_of - now.newest_on).days
        yield _row(
            contract,
            WHOLE_TABLE,
            "timeliness",
            as_of,
            age_days,
            is_alert=is_growing(contract) and age_days > limits.age_days,
        )
    if not now.n_rows:
        return
    for column in contract.columns:
        share = now.present[column.name] / now.n_rows
        earlier = before.present[column.name] / before.n_rows if before else share
        yield _row(
            contract,
            column.name,
            "completeness",
            as_of,
            share,
            is_alert=earlier - share > limits.completeness_drop_rate,
        )
        if before and column.name in now.bins:
            psi = _drift(before.bins[column.name], now.bins[column.name])
            if psi is not None:
                yield _row(contract, column.name, "drift", as_of, psi, is_alert=psi > limits.psi)


def _drift(before: Mapping[str, int], now: Mapping[str, int]) -> float | None:
    """Return the stability index over all bins, missing values being one; None where one side has no rows."""
    labels = list(now)
    try:
        return stability_index([before[x] for x in labels], [now[x] for x in labels])
    except NotEstimable:
        return None


@dataclass(frozen=True, slots=True)
class Loading:
    """Rows read of one table, and how many were held back per column, and for a key that came before."""

    n_read: int
    n_held: int
    n_held_by_column: Mapping[str, int]
    n_duplicates: int


def loaded_shares(engine: Engine, load_count: ir.Table, quarantine: ir.Table) -> dict[str, Loading]:
    """Return table → what loading read and held back; a row held for several reasons counts once per column and in all."""
    read = load_count.group_by("table_name").aggregate(
        n_read=load_count.n_read.sum().cast("int64"), n_held=load_count.n_quarantined.sum().cast("int64")
    )
    held = quarantine.group_by("table_name", "column_name", "rule").aggregate(n=quarantine.count().cast("int64"))
    by_column: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    duplicates: dict[str, int] = defaultdict(int)
    for row in engine.fetch(held).to_pylist():
        if row["rule"] in DUPLICATE_RULES:
            duplicates[row["table_name"]] += row["n"]
        else:
            by_column[row["table_name"]][row["column_name"]] += row["n"]
    return {
        r["table_name"]: Loading(
            r["n_read"], r["n_held"], dict(by_column[r["table_name"]]), duplicates[r["table_name"]]
        )
        for r in engine.fetch(read).to_pylist()
    }


def measure_loading(
    contract: Contract, loads: Mapping[str, Loading], *, as_of: date, limits: QualityLimits
) -> Iterator[dict[str, Any]]:
    """Yield the measures of one table that come from what loading held back.

    validity : share of rows read that were not held back, in all and per column. uniqueness : share whose key was new.
    """
    loading = loads.get(contract.name)
    if loading is None or not loading.n_read:
        return
    valid = 1 - loading.n_held / loading.n_read
    yield _row(contract, WHOLE_TABLE, "validity", as_of, valid, is_alert=valid < limits.validity_at_least_rate)
    unique = 1 - loading.n_duplicates / loading.n_read
    yield _row(contract, WHOLE_TABLE, "uniqueness", as_of, unique, is_alert=unique < limits.uniqueness_at_least_rate)
    for column in contract.columns:
        share = 1 - loading.n_held_by_column.get(column.name, 0) / loading.n_read
        yield _row(contract, column.name, "validity", as_of, share, is_alert=share < limits.validity_at_least_rate)


def _row(
    contract: Contract, column: str, dimension: str, as_of: date, value: float, *, is_alert: bool
) -> dict[str, Any]:
    return {
        "table_name": contract.name,
        "column_name": column,
        "dimension": dimension,
        "measured_on": as_of,
        "value": float(value),
        "is_alert": bool(is_alert),
    }


__all__ = [
    "Counts",
    "Loading",
    "QualityLimits",
    "count_values",
    "loaded_shares",
    "measure",
    "measure_loading",
    "quality_step",
]

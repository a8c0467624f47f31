"""Audiences counted by the index, beside hand-written SQL on a native DuckDB file: the five rules of a marketing manager's day.

A bank of customers × 40 columns and events of 40 kinds over 90 days is drawn once and kept. Both sides have two threads and everything in
memory; each count is held equal. Of ours two things are told: a rule whose conditions nobody has asked before (columns and events are
there), and the same rule asked again, its conditions being kept as bitmaps.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bank import default_folder
from measuring import report
from zhike.rules import FieldTerm, Rule, RuleScope, Vocabulary, parse_rule
from zhike.rules.index import AudienceIndex, TableSource
from zhike.warehouse import Engine, open_engine
from zhike.warehouse.contracts import Kind

AS_OF = date(2025, 6, 30)
N_DAYS, N_KINDS, N_FILLERS = 90, 40, 26
PROVINCES, CITIES, JOBS = 31, 300, 12
INTEGERS = ("age", "rfm_r", "rfm_f", "risk", "login_days", "n_products")
FLAGS = ("consent", "black", "has_loan", "has_app")
CODES = {"province": PROVINCES, "city": CITIES, "job": JOBS}
RATES = ("p_loan",)
FIELDS = {
    **dict.fromkeys(INTEGERS, Kind.INTEGER), **dict.fromkeys(FLAGS, Kind.FLAG), **dict.fromkeys(CODES, Kind.CODE), **dict.fromkeys(RATES, Kind.RATE),
    "aum": Kind.AMOUNT, **{f"x{i}": Kind.AMOUNT for i in range(N_FILLERS)},
}  # fmt: skip
WORDS = Vocabulary(fields={n: FieldTerm(n, k) for n, k in FIELDS.items()})


def _codes(name: str, numbers: range) -> list[str]:
    return [f"{name}{i:03d}" for i in numbers]


RULES: dict[str, Any] = {
    "r1": [
        {"field": "age", "between": [25, 45]}, {"field": "aum", "at_least": 50000},
        {"field": "province", "in": _codes("province", range(4))}, {"field": "consent"}, {"field": "black", "is": False},
    ],
    "r2": {"any": [
        {"all": [{"field": "rfm_r", "at_least": 4}, {"field": "rfm_f", "at_least": 3}]},
        {"all": [{"field": "p_loan", "above": 0.8}, {"field": "risk", "at_least": 3}]},
    ]},
    "r3": [
        {"field": "city", "in": _codes("city", range(0, 80, 2))}, {"field": "job", "in": _codes("job", range(3))},
        {"field": "has_loan", "is": False}, {"field": "login_days", "at_most": 30},
    ],
    "r4": [
        {"field": "age", "at_least": 30}, {"field": "aum", "at_least": 10000}, {"field": "consent"},
        {"event": "kind03", "count": {"at_least": 3}, "within_days": 30},
    ],
    "r5": [
        {"any": [{"field": "rfm_r", "at_least": 4}, {"field": "has_app"}]},
        {"event": "kind05", "count": {"at_least": 2}, "within_days": 30},
        {"event": "kind07", "within_days": 7, "count": {"is": 0}},
    ],
}  # fmt: skip


def _events_sql(kind: int, days: int, least: int) -> str:
    first = AS_OF - timedelta(days=days - 1)
    return f"SELECT customer_no FROM event WHERE kind = {kind} AND day >= DATE '{first}' GROUP BY 1 HAVING count(*) >= {least}"


def _listed(name: str, numbers: range) -> str:
    return ", ".join(f"'{c}'" for c in _codes(name, numbers))


SQL = {
    "r1": f"SELECT count(*) FROM profile WHERE age BETWEEN 25 AND 45 AND aum >= 50000 AND province IN ({_listed('province', range(4))}) AND consent AND NOT black",
    "r2": "SELECT count(*) FROM profile WHERE (rfm_r >= 4 AND rfm_f >= 3) OR (p_loan > 0.8 AND risk >= 3)",
    "r3": f"SELECT count(*) FROM profile WHERE city IN ({_listed('city', range(0, 80, 2))}) AND job IN ({_listed('job', range(3))}) AND NOT has_loan AND login_days <= 30",
    "r4": f"SELECT count(*) FROM profile SEMI JOIN ({_events_sql(3, 30, 3)}) USING (customer_no) WHERE age >= 30 AND aum >= 10000 AND consent",
    "r5": f"SELECT count(*) FROM (FROM profile SEMI JOIN ({_events_sql(5, 30, 2)}) USING (customer_no)) ANTI JOIN ({_events_sql(7, 7, 1)}) USING (customer_no) WHERE rfm_r >= 4 OR has_app",
}  # fmt: skip


def draw(folder: Path, n: int, n_events: int) -> None:
    """Draw the customers and their events into Parquet and into a native DuckDB file."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    dice = np.random.default_rng(7)
    pq.write_table(_profile(dice, n), folder / "profile.parquet")
    step = 10_000_000
    with pq.ParquetWriter(folder / "event.parquet", _events(dice, n, 1, (0.0, 1.0)).schema) as writer:
        for done in range(0, n_events, step):
            size = min(step, n_events - done)
            writer.write_table(_events(dice, n, size, (done / n_events, (done + size) / n_events)))
    con = duckdb.connect(str(folder / "native.duckdb"), config={"threads": 2})
    con.execute(f"CREATE TABLE profile AS FROM '{folder}/profile.parquet'")
    con.execute(f"""CREATE TABLE event AS SELECT customer_no::UINTEGER AS customer_no, substr(event_kind, 5)::UTINYINT AS kind, "on" AS day
        FROM '{folder}/event.parquet'""")
    con.close()
    (folder / "done").touch()


def _profile(dice: np.random.Generator, n: int) -> pa.Table:
    number = np.arange(1, n + 1)

    def amount() -> pa.Array:
        cents = np.minimum(np.round(dice.lognormal(9, 2, n) * 100), 1e14).astype(np.int64)
        return pa.Array.from_buffers(
            pa.decimal128(18, 2), n, [None, pa.py_buffer(np.stack([cents, np.zeros_like(cents)], 1).tobytes())]
        )

    columns: dict[str, Any] = {"customer_id": pa.array([f"c{i:09d}" for i in number]), "customer_no": number}
    most = {"age": 90, "rfm_r": 6, "rfm_f": 6, "risk": 6, "login_days": 365, "n_products": 12}
    columns |= {name: dice.integers(0, most[name], n) for name in INTEGERS}
    columns |= {name: dice.random(n) < 0.5 for name in FLAGS}
    columns["black"] = dice.random(n) < 0.02
    for name, size in CODES.items():
        columns[name] = pa.array(_codes(name, range(size))).take(pa.array(dice.integers(0, size, n)))
    columns["p_loan"] = np.round(dice.random(n), 6)
    columns |= {name: amount() for name, kind in FIELDS.items() if kind is Kind.AMOUNT}
    return pa.table(columns)


def _events(dice: np.random.Generator, n: int, size: int, part: tuple[float, float]) -> pa.Table:
    """Events of a part of the time, in its order; a few customers have many."""
    at_share = np.sort(part[0] + (part[1] - part[0]) * dice.random(size))
    days = (N_DAYS * (1 - at_share)).astype(np.int64)
    who = (n * dice.random(size) ** 3).astype(np.int64) + 1
    on = np.datetime64(AS_OF) - days.astype("timedelta64[D]")
    at = on.astype("datetime64[us]") + dice.integers(0, 86_400_000_000, size).astype("timedelta64[us]")
    kinds = pa.array([f"kind{i:02d}" for i in range(N_KINDS)]).take(pa.array(dice.integers(0, N_KINDS, size)))
    return pa.table({"customer_no": who, "event_kind": kinds, "on": pa.array(on), "at": pa.array(at)})


def _timed(work: Callable[[], int], repeats: int) -> tuple[int, float]:
    """Return what the work gave, and the median of its milliseconds."""
    found, times = 0, []
    for _ in range(repeats):
        begun = time.perf_counter()
        found = work()
        times.append((time.perf_counter() - begun) * 1000)
    return found, statistics.median(times)


def open_index(folder: Path, engine: Engine, kept: Path | None) -> AudienceIndex:
    """Open the index over the Parquet files."""
    profile = engine.connection.read_parquet(str(folder / "profile.parquet"))
    event = engine.connection.read_parquet(str(folder / "event.parquet"))
    return AudienceIndex(TableSource(engine, profile, RuleScope(AS_OF, event=event)), AS_OF, kept)


def unasked(index: AudienceIndex) -> AudienceIndex:
    """Return the index with its columns and events, and nothing that was asked before."""
    return AudienceIndex(index.source, index.as_of, index.folder, None, index._columns, index._tables, index._events)


def five_rules(folder: Path, repeats: int) -> dict[str, Any]:
    """Count the five rules on both sides."""
    con = duckdb.connect(str(folder / "native.duckdb"), read_only=True, config={"threads": 2})
    engine = open_engine(threads=2, memory="6GB")
    rules = {name: parse_rule(tree, WORDS) for name, tree in RULES.items()}
    index = open_index(folder, engine, None)
    begun = time.perf_counter()
    for rule in rules.values():
        index.count(rule)
    found: dict[str, Any] = {
        "n": index.n,
        "read_and_encode_seconds": round(time.perf_counter() - begun, 2),
        "rules": {},
    }
    totals = {"sql": 0.0, "first": 0.0, "again": 0.0}
    for name, rule in rules.items():
        expected, sql = _timed(lambda name=name: con.execute(SQL[name]).fetchone()[0], repeats)  # type: ignore[misc,index]
        first_count, first = _timed(lambda rule=rule: unasked(index).count(rule), repeats)  # type: ignore[misc]
        index.count(rule)
        again_count, again = _timed(lambda rule=rule: index.count(rule), repeats)  # type: ignore[misc]
        if not expected == first_count == again_count:
            raise SystemExit(f"{name}: SQL counts {expected}, the index {first_count} and {again_count}")
        found["rules"][name] = {
            "count": expected,
            "sql_ms": round(sql, 2),
            "first_ms": round(first, 3),
            "again_ms": round(again, 3),
        }
        for key, value in (("sql", sql), ("first", first), ("again", again)):
            totals[key] += value
    found["times_faster"] = {
        "asked_first": round(totals["sql"] / totals["first"], 1),
        "asked_again": round(totals["sql"] / totals["again"], 1),
    }
    found["per_customer_ns"] = {k: round(v * 1e6 / index.n, 2) for k, v in totals.items()}
    con.close()
    return {**found, "further": _further(index)}


def _random_rule(dice: np.random.Generator) -> Rule:
    """A rule of three to six conditions, as people make them."""
    leaves: list[Any] = [
        {"field": "age", "between": sorted(int(v) for v in dice.integers(18, 90, 2))}, {"field": "aum", "at_least": float(dice.integers(0, 500_000))},
        {"field": "city", "in": _codes("city", range(int(dice.integers(1, 60))))}, {"field": "has_app"},
        {"field": "p_loan", "above": round(float(dice.random()), 3)}, {"field": "x3", "below": float(dice.integers(0, 90_000)), "above": 100},
        {"event": f"kind{int(dice.integers(1, 10)):02d}", "count": {"at_least": int(dice.integers(1, 4))}, "within_days": int(dice.integers(1, 90))},
        {"event": f"kind{int(dice.integers(1, 10)):02d}", "days": {"at_least": int(dice.integers(1, 3))}, "within_days": int(dice.integers(1, 90))},
    ]  # fmt: skip
    chosen = [leaves[i] for i in dice.permutation(len(leaves))[: int(dice.integers(3, 7))]]
    return parse_rule({"any": [{"all": chosen[:2]}, *chosen[2:]]} if dice.random() < 0.3 else chosen, WORDS)


def _further(index: AudienceIndex) -> dict[str, Any]:
    """Return how long unasked rules take, and editing one condition of ten."""
    dice = np.random.default_rng(11)
    drawn = [_random_rule(dice) for _ in range(60)]
    for rule in drawn:
        index.count(rule)
    times = []
    for rule in drawn:
        begun = time.perf_counter()
        unasked(index).count(rule)
        times.append((time.perf_counter() - begun) * 1000)
    ten = [
        {"field": "age", "between": [25, 60]}, {"field": "consent"}, {"field": "black", "is": False}, {"field": "has_loan", "is": False},
        {"field": "risk", "at_least": 2}, {"field": "rfm_r", "at_least": 2}, {"field": "job", "in": _codes("job", range(8))}, {"field": "x1", "above": 100},
        {"event": "kind04", "within_days": 60},
    ]  # fmt: skip
    edits = []
    for i in range(32):
        begun = time.perf_counter()
        index.count(parse_rule([*ten, {"field": "aum", "at_least": 10_000 + 1_234 * i}], WORDS))
        edits.append((time.perf_counter() - begun) * 1000)
    edits = sorted(edits[2:])
    times.sort()
    return {
        "unasked_rules_ms": {
            "median": round(statistics.median(times), 2),
            "p95": round(times[int(len(times) * 0.95)], 2),
        },
        "one_of_ten_edited_ms": {"median": round(statistics.median(edits), 2), "most": round(edits[-1], 2)},
    }


def main() -> None:
    """Draw what is not there, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--folder", type=Path, default=default_folder())
    options = parser.parse_args()
    folder = options.folder / f"audience-{options.customers}-{options.events}"
    if not (folder / "done").is_file():
        draw(folder, options.customers, options.events)
    report(audience=five_rules(folder, options.repeats))


if __name__ == "__main__":
    main()

"""One language, three evaluators: a thousand random rules over a simulated bank, and a hundred segments for one customer.

Rules are drawn from the whole vocabulary of a project: its fields, tags, segments, scores, events, relations, lists and what policy
allows. Each is answered by the batch evaluator on DuckDB, which is the oracle, by the audience index over everybody, and for some customers
by the evaluator of one; every difference is told. Then the segments of the project, repeated to a hundred, are asked for one customer.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from bank import default_folder
from measuring import report
from zhike.cli.state import open_kept
from zhike.pipeline.audiences import AudienceView, opened_audiences
from zhike.profile.known import facts_of
from zhike.profile.tags_steps import ANYTHING, scope_of
from zhike.rules import Rule, compile_rule, describe, evaluate, read_rule, used_names
from zhike.rules.index import AudienceIndex
from zhike.rules.vocabulary import RELATIONS
from zhike.warehouse.contracts import Kind

AT_ONCE = 25  # rules of one query
NUMERIC = (Kind.AMOUNT, Kind.INTEGER, Kind.RATE, Kind.NUMBER)


class Drawing:
    """Draws rules whose constants are values that customers really have."""

    def __init__(self, view: AudienceView, seed: int) -> None:
        self.dice = np.random.default_rng(seed)
        self.view = view
        self.words = view.run.compiled.vocabulary
        self.fields = sorted(
            n for n, t in self.words.fields.items() if t.kind is not Kind.MOMENT and t.kind is not Kind.TEXT
        )
        event = view.run.tables["event"]
        self.events = [
            r["event_kind"] for r in view.run.rows(event.select("event_kind").distinct().order_by("event_kind"))
        ]
        relation = view.run.tables["customer_relation"]
        kinds = {r["kind"] for r in view.run.rows(relation.select("kind").distinct())}
        self.relations = sorted(kinds & RELATIONS.keys())
        self._values: dict[str, list[Any]] = {}

    def pick(self, of: Any) -> Any:
        """Return one of some things."""
        return of[int(self.dice.integers(len(of)))]

    def value(self, field: str) -> Any:
        """Return a value that some customer has, as YAML would write it."""
        if field not in self._values:
            column = self.view.run.tables["profile"][field]
            found = self.view.run.tables.engine.fetch(self.view.run.tables["profile"].select(x=column).distinct())["x"]
            known = pc.drop_null(found).to_pylist()
            known.sort(key=str)
            self._values[field] = known[:: max(1, len(known) // 400)]
        if not self._values[field]:
            return None
        value = self.pick(self._values[field])
        return (
            float(value) if isinstance(value, Decimal) else value.isoformat() if hasattr(value, "isoformat") else value
        )

    def field_leaf(self) -> Any:
        """Return a condition on a field."""
        field = self.pick(self.fields)
        kind, value = self.words.fields[field].kind, self.value(field)
        if value is None or self.dice.random() < 0.05:
            return {"field": field, self.pick(["is_missing", "is_present"]): True}
        if kind is Kind.FLAG:
            return {"field": field, "is": value}
        if kind is Kind.CODE:
            return {"field": field, self.pick(["in", "not_in"]): [value, self.value(field)]}
        if kind is Kind.DAY:
            word = self.pick(
                [
                    "within_last_days",
                    "within_next_days",
                    "at_least_days_ago",
                    "at_least_days_ahead",
                    "below",
                    "at_least",
                ]
            )
            return {"field": field, word: value if word in ("below", "at_least") else int(self.dice.integers(0, 400))}
        others = [f for f in self.fields if self.words.fields[f].kind in NUMERIC]
        if self.dice.random() < 0.15:
            return {"field": field, "above": {"field": self.pick(others), "times": 0.5}}
        if self.dice.random() < 0.1:
            return {"compute": {"field": field, "minus": {"field": self.pick(others)}}, "at_least": value}
        return {"field": field, self.pick(["at_least", "at_most", "above", "below", "is", "is_not"]): value}

    def event_leaf(self) -> Any:
        """Return a condition on events."""
        kinds = [self.pick(self.events) for _ in range(int(self.dice.integers(1, 3)))]
        window = self.pick([
            {"within_days": int(self.dice.integers(1, 180))}, {"within_trading_days": int(self.dice.integers(1, 30))}, {"within_complete_months": 2},
            {"month_to_date": True}, {"within_days": 20, "years_ago": 1}, {"in_each_of_months": 3}, {"in_each_of_weeks": 3},
        ])  # fmt: skip
        where = self.pick([{}, {}, {"where": {"channel": ["app", "branch"]}}, {"where": {"value": {"above": 100}}}])
        if self.dice.random() < 0.2:
            days = int(self.dice.integers(1, 20))
            return {
                "event": kinds,
                "then": self.pick(self.events),
                "within_days": days,
                "in_last_days": days + 20,
                "negate": bool(self.dice.random() < 0.4),
            }
        asked = self.pick([
            {"count": {self.pick(["at_least", "at_most", "is"]): int(self.dice.integers(0, 4))}}, {"days": {"at_least": int(self.dice.integers(1, 4))}},
            {"sum": {"above": float(self.dice.integers(0, 10_000))}}, {"days_since": {"at_most": int(self.dice.integers(0, 60))}},
        ])  # fmt: skip
        return {"event": list(dict.fromkeys(kinds)), **asked, **window, **where}

    def leaf(self) -> Any:
        """Return a condition of any kind."""
        roll = self.dice.random()
        if roll < 0.55:
            return self.field_leaf()
        if roll < 0.72:
            return self.event_leaf()
        if roll < 0.82:
            tag = self.pick(sorted(self.words.tags))
            return (
                {"tag": tag}
                if self.dice.random() < 0.6
                else {"tag": tag, "value": "since", "at_least_days_ago": int(self.dice.integers(0, 30))}
            )
        if roll < 0.88:
            return {"segment": self.pick(sorted(self.words.segments))}
        if roll < 0.91 and self.words.models:
            return {
                "score": self.pick(sorted(self.words.models)),
                "value": "decile",
                "at_most": int(self.dice.integers(1, 10)),
            }
        if roll < 0.95 and self.relations:
            return {
                "relation": [self.pick(self.relations)], "inverse": self.pick([False, True, "either"]), "hops": int(self.dice.integers(1, 4)),
                "where": self.field_leaf(),
            }  # fmt: skip
        return self.pick(
            [
                {"contactable": "marketing", "channel": ["sms"]},
                {"list": "strategic"},
                {"calendar": "month", "in": [6, 7]},
                {"everyone": True},
            ]
        )

    def tree(self, depth: int = 0) -> Any:
        """Return a rule."""
        if depth >= 2 or self.dice.random() < 0.35 + 0.2 * depth:
            return self.leaf()
        of = [self.tree(depth + 1) for _ in range(int(self.dice.integers(2, 4)))]
        return self.pick(
            [{"all": of}, {"any": of}, {"none": of}, {"at_least_of": {"n": 2, "of": of}}, {"negate": {"all": of}}]
        )


def draw_rules(view: AudienceView, n: int, seed: int) -> dict[str, Rule]:
    """Return ``n`` rules that can be read."""
    drawing, found = Drawing(view, seed), {}
    while len(found) < n:
        rule, _ = read_rule(drawing.tree(), drawing.words)
        if rule is not None:
            found[f"r{len(found)}"] = rule
    return found


def agreement(view: AudienceView, n: int, seed: int, n_single: int) -> dict[str, Any]:
    """Return how many rules the evaluators answer differently, and how many of them mean somebody and not everybody."""
    rules, run = draw_rules(view, n, seed), view.run
    profile, scope = (
        run.tables["profile"],
        scope_of(run.tables, None, run.manifest.as_of, timezone=view.project.settings.business_timezone),
    )
    index: AudienceIndex = view.audiences.index
    rows = run.tables.engine.fetch(profile.select("customer_id", "customer_no").order_by("customer_no"))
    ids = rows["customer_id"].to_pylist()
    chosen = np.random.default_rng(seed).choice(len(ids), n_single, replace=False).tolist()
    known = {
        i: facts_of(ids[i], run.tables, used_names(*rules.values()) | ANYTHING_KNOWN, run.manifest.as_of)
        for i in chosen
    }
    of_index, of_single, telling, wrong, seconds = 0, 0, 0, [], {"batch": 0.0, "index": 0.0, "single": 0.0}
    keys = list(rules)
    for start in range(0, n, AT_ONCE):
        some = {k: rules[k] for k in keys[start : start + AT_ONCE]}
        begun = time.perf_counter()
        table = run.tables.engine.fetch(evaluate(profile, some, scope)).sort_by("customer_id")
        seconds["batch"] += time.perf_counter() - begun
        order = np.argsort(np.array(ids))
        for key, rule in some.items():
            expected = np.zeros(len(ids), bool)
            expected[order] = table[key].to_numpy()
            begun = time.perf_counter()
            found = index.members(rule).mask()
            seconds["index"] += time.perf_counter() - begun
            matches = compile_rule(rule)
            begun = time.perf_counter()
            single = [matches(known[i]) for i in chosen]
            seconds["single"] += time.perf_counter() - begun
            is_same = [bool((found == expected).all()), single == expected[chosen].tolist()]
            of_index, of_single = of_index + (not is_same[0]), of_single + (not is_same[1])
            telling += 0 < expected.sum() < len(ids)
            if not all(is_same):
                wrong.append(describe(rule, run.compiled.vocabulary, language="en")[:300])
    return {
        "rules": n, "customers": len(ids), "mean_somebody_and_not_everybody": int(telling), "index_differs": of_index, "single_differs": of_single,
        "single_customers": n_single, "seconds": {k: round(v, 2) for k, v in seconds.items()}, "wrong": wrong[:10],
    }  # fmt: skip


ANYTHING_KNOWN = type(ANYTHING)()


def one_customer(view: AudienceView, n: int) -> dict[str, Any]:
    """Return how long one customer's answer about ``n`` segments takes, in microseconds."""
    segments: Mapping[str, Any] = view.run.compiled.segments
    rules = [r for s in segments.values() for r in ([s.when] if s.when else []) + [rule for _, rule in s.buckets]]
    names = used_names(*rules)
    compiled = [compile_rule(rules[i % len(rules)]) for i in range(n)]
    ids = [
        r["customer_id"]
        for r in view.run.rows(view.run.tables["profile"].select("customer_id").order_by("customer_id").limit(400))
    ][::40]
    times = []
    for customer in ids:
        facts = facts_of(customer, view.run.tables, names, view.run.manifest.as_of)
        for _ in range(200):
            begun = time.perf_counter()
            for matches in compiled:
                matches(facts)
            times.append((time.perf_counter() - begun) * 1e6)
    times.sort()
    return {
        "segments": n, "different_rules": len(rules), "median_us": round(statistics.median(times), 1), "p99_us": round(times[int(len(times) * 0.99)], 1),
    }  # fmt: skip


def main() -> None:
    """Measure on a project that has published a night; ``zhike demo`` makes one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=default_folder() / "demo")
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--single", type=int, default=25)
    options = parser.parse_args()
    with opened_audiences(open_kept(options.project).project) as view:
        told = agreement(view, options.rules, options.seed, options.single)
        report(rules=told, one_customer=one_customer(view, 100))
    if told["index_differs"] or told["single_differs"]:
        raise SystemExit("the evaluators differ")


if __name__ == "__main__":
    main()

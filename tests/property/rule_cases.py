"""Random rules, as people could write them, and random customers: strategies shared by the property tests of rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa
from hypothesis import strategies as st

from zhike.kernel.terms import Text
from zhike.rules import (
    CustomerFacts,
    EventFact,
    FieldTerm,
    RuleScope,
    ScoreFact,
    SegmentFact,
    SegmentTerm,
    TagFact,
    TagTerm,
    Vocabulary,
)
from zhike.rules.terms import TagPart
from zhike.warehouse.contracts import Kind

AS_OF = date(2025, 3, 1)
RELATION_KINDS = ("spouse_of", "shareholder_of")
Edge = tuple[int, int, str, bool]  # from, to, kind, is declared
GRADES = ("C1", "C2", "C3", "C4", "C5")
CODES = ("red", "green", "it's; drop table --", "白")
FIELDS: dict[str, Kind] = {
    "aum_amount": Kind.AMOUNT,
    "gap_amount": Kind.AMOUNT,
    "age": Kind.INTEGER,
    "n_logins": Kind.INTEGER,
    "share_rate": Kind.RATE,
    "trend": Kind.NUMBER,
    "colour": Kind.CODE,
    "grade": Kind.CODE,
    "has_app": Kind.FLAG,
    "due_on": Kind.DAY,
    "born_on": Kind.DAY,
}
NUMBERS = ("aum_amount", "gap_amount", "age", "n_logins", "share_rate", "trend")
TIERS = {"low": Text("低", "low"), "mid": Text("中", "mid"), "high": Text("高", "high")}
VOCABULARY = Vocabulary(
    fields={
        n: FieldTerm(n, k, allowed=GRADES if n == "grade" else (), is_ordered=n == "grade") for n, k in FIELDS.items()
    },
    tags={
        "tier": TagTerm("tier", parts=(TagPart.TEXT, TagPart.AMOUNT, TagPart.NUMBER), values=TIERS, is_ordered=True),
        "native": TagTerm("native"),
        "due": TagTerm("due", parts=(TagPart.DAY,)),
    },
    segments={"pool": SegmentTerm("pool", buckets={"A": Text("甲", "A"), "B": Text("乙", "B")})},
    models={"churn": Text("流失", "churn")},
    events={k: Text(k, k) for k in ("login", "view", "apply")},
    lists={"strategic": Text("战略", "strategic")},
)

# ---- customers -------------------------------------------------------------------------------------------------------

# few values, close together: the mistakes are at the edges, and the edges must be met
cents = st.integers(-4, 12).map(lambda n: Decimal(n) / 2) | st.integers(-(10**12), 10**12).map(
    lambda n: Decimal(n) / 100
)
whole = st.integers(-2, 6)
ratios = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, -1.0]) | st.integers(-2_000_000, 2_000_000).map(
    lambda n: n / 1_000_000
)
days = st.integers(-6, 6).map(lambda n: AS_OF + timedelta(days=n)) | st.dates(date(1990, 2, 20), date(1992, 3, 10))
OF_KIND: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.AMOUNT: cents,
    Kind.INTEGER: whole,
    Kind.RATE: ratios,
    Kind.NUMBER: ratios,
    Kind.CODE: st.sampled_from(CODES),
    Kind.FLAG: st.booleans(),
    Kind.DAY: days,
}
rows = st.fixed_dictionaries(
    {n: st.none() | (st.sampled_from(GRADES) if n == "grade" else OF_KIND[k]) for n, k in FIELDS.items()}
)
events = st.lists(
    st.builds(
        lambda kind, ago, hour, channel, value: EventFact(
            kind, AS_OF - timedelta(days=ago), datetime.combine(AS_OF - timedelta(days=ago), time(hour)),
            {"channel": channel, "value": value},
        ),
        st.sampled_from(["login", "view", "apply", "unheard_of"]), st.integers(-2, 9) | st.integers(20, 70) | st.integers(360, 375), st.integers(0, 3),
        st.sampled_from(["app", "web"]), st.none() | ratios,
    ),
    max_size=8,
)  # fmt: skip
_since = st.integers(0, 6).map(lambda n: AS_OF - timedelta(days=n))
tags = st.fixed_dictionaries(
    {},
    optional={
        "tier": st.builds(TagFact, st.none() | st.sampled_from(list(TIERS)), st.none() | ratios, st.none() | cents, st.none(), _since),
        "native": st.builds(TagFact, from_on=_since),
        "due": st.builds(TagFact, value_on=st.none() | days, from_on=_since),
    },
)  # fmt: skip
segments = st.fixed_dictionaries({}, optional={"pool": st.builds(SegmentFact, st.sampled_from(["A", "B"]), _since)})
scores = st.fixed_dictionaries({}, optional={"churn": st.builds(ScoreFact, ratios.map(abs), st.integers(1, 10))})
allowed = st.frozensets(
    st.tuples(st.sampled_from(["app_push", "sms"]), st.sampled_from(["marketing", "service"]), st.sampled_from(["deposit", "loan"])),
    max_size=3,
)  # fmt: skip
on_lists = st.fixed_dictionaries({}, optional={"strategic": st.integers(0, 6).map(lambda n: AS_OF - timedelta(days=n))})
customers = st.builds(
    CustomerFacts,
    st.just(AS_OF),
    rows,
    tags=tags,
    segments=segments,
    scores=scores,
    events=events,
    contactable=allowed,
    lists=on_lists,
)
populations = st.lists(customers, min_size=1, max_size=10)

# ---- rules -----------------------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """As YAML would hold it."""
    return float(value) if isinstance(value, Decimal) else value


constants = st.one_of(cents.map(_plain), whole, ratios)
operands = st.one_of(
    constants,
    st.builds(lambda f: {"field": f}, st.sampled_from(NUMBERS)),
    st.builds(lambda f, x: {"field": f, "times": x}, st.sampled_from(NUMBERS), st.sampled_from([0.95, 1.6, 2, 0.3333])),
    st.builds(
        lambda f, by, g: {"field": f, by: {"field": g}},
        st.sampled_from(NUMBERS), st.sampled_from(["plus", "minus", "divided_by", "or_else"]), st.sampled_from(NUMBERS),
    ),
    st.builds(
        lambda by, f, g: {by: [{"field": f}, {"field": g}, 5]},
        st.sampled_from(["greatest", "least", "times"]), st.sampled_from(NUMBERS), st.sampled_from(NUMBERS),
    ),
    st.builds(lambda a, b: {"lookup": {"tag": "tier"}, "in": {"high": a, "low": b}}, cents.map(_plain), cents.map(_plain)),
    st.just({"days_until": {"field": "due_on"}}),
    st.just({"days_until": {"month_start_ahead": 1}}),
    st.builds(
        lambda kinds, stat, window, change: {"event": kinds, "stat": stat, **window, **change},
        st.sampled_from(["login", ["view", "apply"]]), st.sampled_from(["count", "days", "sum", "days_since"]), st.deferred(lambda: _windows),
        st.sampled_from([{}, {"times": 0.5}, {"plus": {"field": "age"}}, {"provided": {"field": "has_app"}}]),
    ),
    st.builds(lambda f, n: {"field": f, "provided": {"field": "n_logins", "at_least": n}}, st.sampled_from(NUMBERS), whole),
)  # fmt: skip
lefts = st.one_of(
    st.builds(lambda f: {"field": f}, st.sampled_from(NUMBERS)),
    st.sampled_from([{"tag": "tier", "value": "amount"}, {"tag": "tier", "value": "number"}, {"score": "churn"}]),
    st.just({"score": "churn", "value": "decile"}),
    operands.filter(lambda o: isinstance(o, dict)).map(lambda o: {"compute": o}),
)
_tests = st.sampled_from(["is", "is_not", "at_least", "at_most", "above", "below"])
numeric = st.one_of(
    st.builds(lambda left, by, right: {**left, by: right}, lefts, _tests, operands),
    st.builds(
        lambda left, by, right: {**left, by: right},
        lefts, st.sampled_from(["in", "not_in"]), st.lists(operands, min_size=1, max_size=3),
    ),
    st.builds(lambda left, a, b: {**left, "between": sorted([a, b])}, lefts, whole, whole),
    st.builds(lambda f, by: {"field": f, by: True}, st.sampled_from(list(FIELDS)), st.sampled_from(["is_missing", "is_present"])),
)  # fmt: skip
words = st.one_of(
    st.builds(lambda by, c: {"field": "colour", by: c}, st.sampled_from(["is", "is_not", "starts_with"]), st.sampled_from(CODES)),
    st.builds(lambda by, c: {"field": "colour", by: c}, st.sampled_from(["in", "not_in"]), st.lists(st.sampled_from(CODES), min_size=1)),
    st.builds(lambda by, c: {"field": "grade", by: c}, _tests, st.sampled_from(GRADES)),
    st.builds(lambda by, c: {"tag": "tier", by: c}, _tests, st.sampled_from(list(TIERS))),
    st.builds(lambda v: {"field": "has_app", "is": v}, st.booleans()),
    st.just({"field": "has_app"}),
)  # fmt: skip
dates = st.one_of(
    st.builds(
        lambda left, by, n: {**left, by: n},
        st.sampled_from([{"field": "due_on"}, {"field": "born_on"}, {"tag": "due"}, {"tag": "native", "value": "since"}]),
        st.sampled_from(["within_next_days", "within_last_days", "at_least_days_ago", "at_least_days_ahead", "anniversary_within_next_days"]),
        st.integers(0, 6),
    ),
    st.builds(lambda by, d: {"field": "due_on", by: d.isoformat()}, _tests, days),
    st.builds(lambda by: {"field": "due_on", by: {"field": "born_on"}}, _tests),
)  # fmt: skip
_kinds = st.lists(st.sampled_from(["login", "view", "apply"]), min_size=1, max_size=2, unique=True)
_where = st.one_of(
    st.just({}), st.just({"where": {"channel": "app"}}), st.just({"where": {"value": {"at_least": 0.1}}})
)
_windows = st.one_of(
    st.integers(1, 9).map(lambda n: {"within_days": n}), st.integers(1, 5).map(lambda n: {"within_trading_days": n}),
    st.integers(1, 3).map(lambda n: {"within_complete_months": n}), st.just({"month_to_date": True}),
    st.builds(lambda n, y: {"within_days": n, "years_ago": y}, st.integers(1, 30), st.integers(0, 2)),
)  # fmt: skip
_running = st.one_of(
    st.integers(2, 3).map(lambda n: {"in_each_of_months": n}), st.integers(2, 4).map(lambda n: {"in_each_of_weeks": n})
)
behaviour = st.one_of(
    st.builds(
        lambda kinds, where, by, n, window: {"event": kinds, **where, "sum": {by: n}, **window},
        _kinds, _where, st.sampled_from(["is", "at_least", "at_most", "above", "below"]), ratios, _windows | _running,
    ),
    st.builds(
        lambda kinds, where, unit, by, n, window: {"event": kinds, **where, unit: {by: n}, **window},
        _kinds, _where, st.sampled_from(["count", "days", "days_since"]), st.sampled_from(["at_least", "at_most", "is"]), st.integers(0, 3), _windows | _running,
    ),
    st.builds(
        lambda kinds, where, unit, by, n, within: {"event": kinds, **where, unit: {by: n}, "within_days": within},
        _kinds, _where, st.sampled_from(["count", "days"]), st.sampled_from(["is", "at_least", "at_most", "above", "below"]),
        st.integers(0, 3), st.integers(1, 9),
    ),
    st.builds(
        lambda a, b, within, more, negate: {
            "event": a, "then": b, "within_days": within, "in_last_days": within + more, "negate": negate
        },
        _kinds, _kinds, st.integers(1, 5), st.integers(0, 5), st.booleans(),
    ),
)  # fmt: skip
members = st.one_of(
    st.sampled_from([{"tag": "tier"}, {"tag": "native"}, {"segment": "pool"}, {"segment": "pool", "bucket": ["A"]}]),
    st.builds(lambda n: {"segment": "pool", "entered_within_days": n}, st.integers(1, 6)),
    st.sampled_from([{"contactable": "marketing"}, {"contactable": "marketing", "channel": ["sms"], "product_line": "loan"}]),
    st.just({"list": "strategic"}), st.builds(lambda n: {"list": "strategic", "entered_within_days": n}, st.integers(1, 6)),
    st.sampled_from([{"calendar": "trading_day_of_month", "between": [1, 3]}, {"calendar": "trading_days_left", "is": 0}, {"calendar": "lunar_month", "is": 2}]),
    st.sampled_from([{"everyone": True}, {"calendar": "day_of_month", "between": [1, 5]}, {"calendar": "month", "is": 7}]),
)  # fmt: skip
leaves = st.one_of(numeric, words, dates, behaviour, members)
_negations = st.sampled_from([{}, {"negate": True}])


def _grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda word, of, no: {word: of, **no}, st.sampled_from(["all", "any", "none"]), lists, _negations),
        lists.flatmap(lambda of: st.integers(1, len(of)).map(lambda n: {"at_least_of": {"n": n, "of": of}})),
        inner.map(lambda c: {"negate": c}),
        relations(st.one_of(words, st.just({"field": "aum_amount", "above": 5}), relations(words))),
    )  # fmt: skip


_relation_kinds = st.lists(st.sampled_from(RELATION_KINDS), min_size=1, max_size=2, unique=True)


def relations(where: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Rules about those whom a customer is related to, over one or several relations."""
    return st.builds(
        lambda kinds, inverse, declared, hops, c: {"relation": kinds, "inverse": inverse, "hops": hops, "where": c, **declared},
        _relation_kinds, st.sampled_from([False, True, "either"]), st.sampled_from([{}, {}, {"declared": True}, {"declared": False}]),
        st.integers(1, 3), where,
    )  # fmt: skip


rule_trees = st.recursive(leaves, _grow, max_leaves=6)
relation_trees = relations(st.one_of(words, members, relations(st.one_of(words, relations(words)))))


def relation_edges(n_customers: int, *, max_size: int) -> st.SearchStrategy[list[Edge]]:
    """Relations among so many customers: rings, double ones, and of a customer to itself."""
    person = st.integers(0, n_customers - 1)
    edge = st.tuples(person, person, st.sampled_from(RELATION_KINDS), st.booleans())
    return st.lists(edge, max_size=max_size, unique=True)


# ---- the same customers as tables ------------------------------------------------------------------------------------

TAG_TYPES = pa.schema([
    ("customer_id", pa.string()), ("tag", pa.string()), ("value_text", pa.string()), ("value_number", pa.float64()),
    ("value_amount", pa.decimal128(18, 2)), ("value_on", pa.date32()), ("from_on", pa.date32()), ("to_on", pa.date32()),
])  # fmt: skip
ARROW = {
    Kind.AMOUNT: pa.decimal128(18, 2), Kind.INTEGER: pa.int64(), Kind.RATE: pa.float64(), Kind.NUMBER: pa.float64(),
    Kind.CODE: pa.string(), Kind.FLAG: pa.bool_(), Kind.DAY: pa.date32(),
}  # fmt: skip


def name_of(i: int) -> str:
    """The customer_id of the i-th of a population."""
    return f"c{i:02d}"


def with_relations(population: list[CustomerFacts], edges: list[Edge]) -> list[CustomerFacts]:
    """Return the population in which each knows those it is related to, who know theirs."""
    people = [replace(c, related={}, customer_id=name_of(i)) for i, c in enumerate(population)]
    for a, b, kind, is_declared in edges:
        people[a].related.setdefault((kind, False, is_declared), []).append(people[b])
        people[b].related.setdefault((kind, True, is_declared), []).append(people[a])
    return people


def subject_table(population: list[CustomerFacts]) -> ibis.Table:
    """Return the fields of a population, one row per customer."""
    schema = pa.schema([("customer_id", pa.string()), *((n, ARROW[k]) for n, k in FIELDS.items())])
    return ibis.memtable(
        pa.Table.from_pylist([{"customer_id": name_of(i), **c.fields} for i, c in enumerate(population)], schema)
    )


def _intervals(population: list[CustomerFacts]) -> list[dict[str, Any]]:
    held = [
        {"customer_id": name_of(i), "tag": tag, "value_text": f.value_text, "value_number": f.value_number,
         "value_amount": f.value_amount, "value_on": f.value_on, "from_on": f.from_on, "to_on": None}
        for i, c in enumerate(population) for tag, f in c.tags.items()
    ]  # fmt: skip
    gone = [
        {"customer_id": name_of(i), "tag": "native", "from_on": AS_OF - timedelta(days=90), "to_on": AS_OF - timedelta(days=40)}
        for i in range(len(population))
    ]  # fmt: skip
    return held + gone


def scope_of(population: list[CustomerFacts], edges: list[Edge]) -> RuleScope:
    """Return the tables that hold what the facts of a population say."""

    def table(rows: list[dict[str, Any]], *columns: tuple[str, pa.DataType]) -> ibis.Table:
        return ibis.memtable(pa.Table.from_pylist(rows, pa.schema(columns)))

    everyone = list(enumerate(population))
    text, day = pa.string(), pa.date32()
    return RuleScope(
        AS_OF,
        subjects=subject_table(population),
        tag_value=ibis.memtable(pa.Table.from_pylist(_intervals(population), TAG_TYPES)),
        segment_member=table(
            [{"customer_id": name_of(i), "segment": s, "bucket": f.bucket, "from_on": f.from_on} for i, c in everyone for s, f in c.segments.items()],
            ("customer_id", text), ("segment", text), ("bucket", text), ("from_on", day), ("to_on", day),
        ),
        score_value=table(
            [{"customer_id": name_of(i), "model": m, "score": f.score, "decile": f.decile} for i, c in everyone for m, f in c.scores.items()],
            ("customer_id", text), ("model", text), ("score", pa.float64()), ("decile", pa.int64()),
        ),
        event=table(
            [{"customer_id": name_of(i), "event_kind": e.event_kind, "on": e.on, "at": e.at, **e.fields} for i, c in everyone for e in c.events],
            ("customer_id", text), ("event_kind", text), ("on", day), ("at", pa.timestamp("us")), ("channel", text), ("value", pa.float64()),
        ),
        customer_relation=table(
            [
                {"from_customer_id": name_of(a), "to_customer_id": name_of(b), "kind": k, "is_declared": d, "valid_from_on": date(2000, 1, 1)}
                for a, b, k, d in edges
            ]
            + [
                {"from_customer_id": name_of(a), "to_customer_id": name_of(0), "kind": k, "is_declared": True, "valid_from_on": date(2000, 1, 1), "valid_to_on": date(2001, 1, 1)}
                for a, _ in everyone for k in RELATION_KINDS
            ],
            ("from_customer_id", text), ("to_customer_id", text), ("kind", text), ("is_declared", pa.bool_()), ("valid_from_on", day), ("valid_to_on", day),
        ),
        customer_list=table(
            [{"customer_id": name_of(i), "list": name, "from_on": since} for i, c in everyone for name, since in c.lists.items()]
            + [{"customer_id": name_of(i), "list": "strategic", "from_on": AS_OF - timedelta(days=90), "to_on": AS_OF - timedelta(days=1)} for i, _ in everyone],
            ("customer_id", text), ("list", text), ("from_on", day), ("to_on", day),
        ),
        contactability=table(
            [{"customer_id": name_of(i), "channel": ch, "purpose": p, "product_line": line, "is_allowed": True} for i, c in everyone for ch, p, line in c.contactable]
            + [{"customer_id": name_of(0), "channel": "wecom", "purpose": "marketing", "product_line": "deposit", "is_allowed": False}],
            ("customer_id", text), ("channel", text), ("purpose", text), ("product_line", text), ("is_allowed", pa.bool_()),
        ),
    )  # fmt: skip

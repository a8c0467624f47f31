"""The profile: all features of all customers as of a day, as one Ibis expression that can be asked for any past day.

Features of one fact table are one group-by; the groups are joined to the customers by the dense ``customer_no``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

import ibis
import ibis.expr.types as ir

from zhike.identity.golden import golden_as_of
from zhike.identity.terms import AsOf
from zhike.profile.aggregates import FactPlan, zero_of
from zhike.profile.balances import BalancePlan, is_daily
from zhike.profile.base_definitions import interest_margin, maturity_kept, pay_day_retention
from zhike.profile.carrying import Carrier
from zhike.profile.facts import FACTS, MONEY_READS, fact_table
from zhike.profile.features import Base, Facts, Feature, FeatureSet
from zhike.profile.formula import compile_formula
from zhike.profile.money import money_runs
from zhike.profile.observation import BUSINESS_TIMEZONE, Observation, Tables, observe, undropped, unkept
from zhike.profile.patterns import PATTERNS, VALUE
from zhike.profile.plan import CUSTOMER, Plan, unknown
from zhike.profile.ranks import with_ranks
from zhike.warehouse.contracts import DATATYPES, ROUND_DIGITS, Kind

FIXED = ("customer_id", CUSTOMER)
UNCHANGING = frozenset({"party_kind", "since_on", "registered_on", "birth_on", "sex", "founded_on"})
JOINS_AT_ONCE = 4
_DAYS = frozenset({"deceased_on"})
SHORT_DAYS = 31
MONEY = "balance"


def reads_of(features: FeatureSet) -> tuple[str, ...]:
    """Return the names of the tables that the features read, in order."""
    found = {"customer", "balance_daily", "holding_daily", "transaction"}
    for feature in features.features:
        found.update(reads_of_feature(feature))
    return tuple(sorted(found))


def reads_of_feature(feature: Feature) -> set[str]:
    """Return the names of the tables that one feature reads by itself, not by way of the features that it needs."""
    found: set[str] = set()
    if feature.attribute:
        found.add("customer")
        if feature.attribute not in UNCHANGING:
            found.update(("source_party", "identity_link", "identity_flaw"))
    if feature.balance:
        found.update(MONEY_READS)
    if feature.facts:
        found.update(fact_table(feature.facts.table).reads)
    if feature.relation:
        found.update(("customer_relation", "customer"))
    if feature.base and feature.base.definition in PATTERNS:
        found.update(FACTS[PATTERNS[feature.base.definition].table].reads)
    elif feature.base:
        found.update((*MONEY_READS, "ftp_rate", *FACTS["term_contract"].reads, *FACTS["payroll_item"].reads))
    return found


def _is_short(facts: Facts) -> bool:
    """Whether a feature takes one sum for each day or code of a few days: those are aggregated apart, over few rows."""
    return facts.stat in ("largest_day", "largest_day_on", "leading_code") and bool(
        facts.window and facts.window.days and facts.window.days <= SHORT_DAYS
    )


def _grouped(features: Sequence[Feature]) -> dict[tuple[str, str], list[Feature]]:
    groups: dict[tuple[str, str], list[Feature]] = {}
    for feature in features:
        if feature.balance is not None:
            groups.setdefault((MONEY, "daily" if is_daily(feature) else "linear"), []).append(feature)
        elif feature.facts is not None:
            kind = "short" if _is_short(feature.facts) else "facts"
            groups.setdefault((kind, feature.facts.table), []).append(feature)
    return groups


def _group_plan(features: Sequence[Feature], observation: Observation, *, only: ir.Table | None = None) -> Plan:
    """Return the plan of features of one group; ``only`` (customer_no as ``other``) limits it to a few customers."""
    first = features[0]
    rows = fact_table(first.facts.table).view(observation) if first.facts else money_runs(observation)
    if only is not None:
        rows = rows.semi_join(only, rows[CUSTOMER] == only.other)
    if first.facts:
        return FactPlan(rows, features, observation).plan
    return BalancePlan(rows, features, observation).plan


def _population(features: Sequence[Feature], observation: Observation) -> ir.Table:
    """Return the customers known by the day with their attributes as they were on it; days after the day are unknown.

    The golden record is that of the run's own day. For an earlier day it gives only what cannot change; all else comes from
    the dated versions of the records, and is missing where none had been recorded by then.
    """
    customers = observation.tables["customer"]
    day = ibis.literal(observation.as_of)
    known = customers.filter(customers.since_on.isnull() | (customers.since_on <= day))
    dated = sorted({f.attribute for f in features if f.attribute} - UNCHANGING)
    if dated and not observation.shows_states:
        tables, by_then = observation.tables, AsOf(observation.as_of, observation.known_at)
        party, link, flaw = (tables[t] for t in ("source_party", "identity_link", "identity_flaw"))
        golden = golden_as_of(party, link, flaw, dated, as_of=by_then)
        known = known.drop(*dated).left_join(golden.rename(golden_no=CUSTOMER), [(CUSTOMER, "golden_no")])
    columns: dict[str, ir.Value] = {}
    for feature in features:
        if feature.attribute:
            value = known[feature.attribute]
            value = ibis.ifelse(value <= day, value, None) if feature.key in _DAYS else value
            columns[feature.key] = typed(value, feature.value)
    return known.select("customer_id", CUSTOMER, **columns)


@dataclass(frozen=True, slots=True)
class Group:
    """Features that come from one aggregate: one row per customer with a fact; ``zeros`` for customers without one."""

    rows: ir.Table
    features: tuple[Feature, ...]
    zeros: Mapping[str, ir.Value]

    def keyed(self, place: int) -> ir.Table:
        """Return the features, typed, under a key of their own name."""
        values = {f.key: typed(self.rows[f.key], f.value) for f in self.features}
        return self.rows.select(**{f"no_{place}": self.rows[CUSTOMER]}, **values)

    def filled(self, joined: ir.Table) -> dict[str, ir.Value]:
        """Return the features after the join, with zeros where nothing happened."""
        found = {f.key: joined[f.key] for f in self.features}
        return {n: v.fill_null(self.zeros[n]) if n in self.zeros else v for n, v in found.items()}


def _all_joined(population: ir.Table, groups: Iterable[Group], observation: Observation) -> ir.Table:
    """Return the population with the features of all groups, each computed before the next is planned.

    A few groups at a time are joined to the bare customers and computed: after a long chain of joins of which each finds some
    customers and misses others, an engine that works on batches of rows is left with a handful of rows in each. Customers go in the
    order of their numbers, so that a part of them is read from a part of what was computed.
    """
    numbers = observation.keep(population.select(CUSTOMER).order_by(CUSTOMER))
    joined = numbers.rename(population_no=CUSTOMER).inner_join(population, [("population_no", CUSTOMER)])
    drawn, names = enumerate(groups), list(population.columns)
    while some := [(group, observation.keep(group.keyed(place))) for place, group in islice(drawn, JOINS_AT_ONCE)]:
        key = f"of_{len(names)}"
        together = observation.keep(_joined_to(numbers.rename({key: CUSTOMER}), key, some))
        for _, side in some:
            observation.drop(side)
        joined = joined.left_join(together, [(CUSTOMER, key)])
        names += [f.key for group, _ in some for f in group.features]
    return joined.select(*names)


def _joined_to(numbers: ir.Table, key: str, some: Sequence[tuple[Group, ir.Table]]) -> ir.Table:
    joined = numbers
    for _, side in some:
        joined = joined.left_join(side, [(key, side.columns[0])])
    columns: dict[str, ir.Value] = {}
    for group, _ in some:
        columns |= group.filled(joined)
    return joined.select(key, **columns)


def _relation_groups(features: FeatureSet, observation: Observation) -> Iterator[Group]:
    """Give the groups of relations: all counts of one side at once, and all features that are read of the same related parties."""
    counts: dict[str, list[Feature]] = {}
    others: dict[tuple[object, ...], list[Feature]] = {}
    for feature in features.features:
        relation = feature.relation
        if relation is None:
            continue
        if relation.of is None:
            counts.setdefault(relation.look, []).append(feature)
        else:
            kind = next(iter(_grouped([features[relation.of]])))
            others.setdefault((relation.kinds, relation.look, kind), []).append(feature)
    for same in counts.values():
        yield Group(_related_counts(same, observation), tuple(same), _zeros_of(same))
    for same in others.values():
        yield Group(_related_values(same, features, observation), tuple(same), _zeros_of(same))


def _zeros_of(features: Sequence[Feature]) -> dict[str, ir.Value]:
    return {f.key: typed(ibis.literal(0), f.value) for f in features if f.relation and f.relation.stat != "max"}


def _ends(features: Sequence[Feature], observation: Observation) -> ir.Table:
    """Return me and other (customer_no), and the kind, of the relations in force that some features look at."""
    relations = [f.relation for f in features if f.relation]
    kinds = sorted({k for r in relations for k in r.kinds})
    edges = observation.tables["customer_relation"]
    edges = edges.filter(edges.kind.isin(kinds) & observation.in_force(edges))
    mine, theirs = (
        ("to_customer_id", "from_customer_id")
        if relations[0].look == "from"
        else ("from_customer_id", "to_customer_id")
    )
    customers = observation.tables["customer"]
    ends = edges.select(my_id=edges[mine], their_id=edges[theirs], kind="kind").distinct()
    ends = ends.inner_join(customers.select(my_id="customer_id", me=CUSTOMER), "my_id").drop("my_id")
    ends = ends.inner_join(customers.select(their_id="customer_id", other=CUSTOMER), "their_id").drop("their_id")
    return ends.select("me", "other", "kind")


def _related_counts(features: Sequence[Feature], observation: Observation) -> ir.Table:
    ends = _ends(features, observation)
    values = {f.key: ends.other.nunique(where=ends.kind.isin(f.relation.kinds)) for f in features if f.relation}
    return ends.group_by(customer_no="me").aggregate(**values)


def _related_values(features: Sequence[Feature], known: FeatureSet, observation: Observation) -> ir.Table:
    ends = _ends(features, observation).select("me", "other").distinct()
    sources = {r.of: known[r.of] for r in (f.relation for f in features) if r and r.of}
    narrow = _group_plan(list(sources.values()), observation, only=ends).table()
    joined = ends.left_join(narrow, ends.other == narrow[CUSTOMER]).drop(CUSTOMER)
    values: dict[str, ir.Scalar] = {}
    for feature in features:
        relation = feature.relation
        assert relation is not None
        assert relation.of is not None
        value = joined[relation.of].cast("float64").fill_null(0.0)
        stats = {"max": value.max(), "sum": value.sum(), "count_positive": (value > 0).cast("int64").sum()}
        values[feature.key] = stats[relation.stat]
    return joined.group_by(customer_no="me").aggregate(**values)


def _kept(feature: str, base: Base, observation: Observation) -> ir.Table:
    contracts = fact_table("term_contract").view(observation)
    last = observation.as_of - timedelta(days=base.to_days_ago)
    first = observation.as_of - timedelta(days=base.from_days_ago)
    matured = contracts.filter(
        contracts.matures_on.between(ibis.literal(first), ibis.literal(last))
        & (contracts.end_kind.isnull() | (contracts.end_kind != "broken"))
    ).select("contract_id", CUSTOMER, "matures_on", "principal_amount")
    rows = maturity_kept(observation, matured, aum_classes=base.aum_classes)
    weight = rows.principal_amount.cast("float64")
    totals = rows.group_by(CUSTOMER).aggregate(kept=(rows.kept_rate * weight).sum(), weight=weight.sum())
    return totals.select(CUSTOMER, **{feature: totals.kept / totals.weight.nullif(0)})


def _retention(features: Sequence[Feature], observation: Observation) -> ir.Table:
    """Return all features of retention: the latest pay days are followed once, each feature takes as many as it asks."""
    bases = [f.base for f in features if f.base]
    items = fact_table("payroll_item").view(observation)
    items = items.filter((items.purpose == "wage") & (items.on <= ibis.literal(observation.as_of - timedelta(days=7))))
    days = items.group_by(CUSTOMER, "on").aggregate(amount=items.amount.sum().cast("decimal(18, 2)"))
    rank = ibis.row_number().over(group_by=CUSTOMER, order_by=days.on.desc())
    latest = days.mutate(place=rank).filter(lambda t: t.place < max(b.pay_days for b in bases))
    points = latest.mutate(point_id=latest[CUSTOMER].cast("string") + "@" + latest.on.cast("string"))
    kept = pay_day_retention(observation, points.drop("place"), aum_classes=bases[0].aum_classes)
    rows = kept.inner_join(points.select(p_id="point_id", place="place"), kept.point_id == points.point_id)
    values: dict[str, ir.Scalar] = {}
    for feature, base in zip(features, bases, strict=True):
        rate = ibis.ifelse(rows.place < base.pay_days, rows.retention_d7_rate, None)
        stat = {"mean": rate.mean(), "max": rate.max(), "min": rate.min()}[base.stat]
        values[feature.key] = ibis.ifelse(rate.count() >= base.pay_days, stat, None)
    return rows.group_by(CUSTOMER).aggregate(**values)


def _base_groups(features: Sequence[Feature], observation: Observation) -> Iterator[Group]:
    retention: dict[tuple[str, ...], list[Feature]] = {}
    for feature in features:
        if feature.base and feature.base.definition == "retention_d7_rate":
            retention.setdefault(feature.base.aum_classes, []).append(feature)
    for same in retention.values():
        yield Group(_retention(same, observation), tuple(same), {})
    for feature in features:
        base = feature.base
        if base and base.definition == "maturity_kept_rate":
            yield Group(_kept(feature.key, base, observation), (feature,), {})
        elif base and base.definition == "interest_margin_amount":
            margins = interest_margin(observation, deposit_classes=base.deposit_classes, loan_classes=base.loan_classes)
            yield Group(margins.rename({feature.key: "interest_margin_amount"}), (feature,), {})
    yield from _pattern_groups([f for f in features if f.base and f.base.definition in PATTERNS], observation)


def _pattern_groups(features: Sequence[Feature], observation: Observation) -> Iterator[Group]:
    """Give the groups of patterns: features that differ in their ``stat`` only come from one look at the facts."""
    alike: dict[str, list[Feature]] = {}
    for feature in features:
        assert feature.base is not None
        alike.setdefault(feature.base.model_copy(update={"stat": "mean"}).model_dump_json(), []).append(feature)
    for same in alike.values():
        bases = [f.base for f in same if f.base]
        pattern = PATTERNS[bases[0].definition]
        rows = pattern.make(bases[0], observation)
        stats = [b.stat if len(pattern.zeros) > 1 else VALUE for b in bases]
        columns = {f.key: rows[stat] for f, stat in zip(same, stats, strict=True)}
        zeros = {
            f.key: typed(ibis.literal(pattern.zeros[stat]), f.value)
            for f, stat in zip(same, stats, strict=True)
            if pattern.zeros[stat] is not None
        }
        yield Group(rows.select(CUSTOMER, **columns), tuple(same), zeros)


def typed(value: ir.Value, kind: Kind) -> ir.Value:
    """Return a value as its contract types it; ratios rounded before any threshold sees them."""
    if kind in (Kind.RATE, Kind.NUMBER):
        return value.cast("float64").round(ROUND_DIGITS)
    if kind is Kind.AMOUNT and value.type().is_floating():
        return value.round(2).cast(DATATYPES[kind])
    return value if value.type().copy(nullable=True) == DATATYPES[kind] else value.cast(DATATYPES[kind])


def _derived(table: ir.Table, features: Sequence[Feature], observation: Observation) -> ir.Table:
    """Add the features of formulas and ranks, those that need no other first; as few projections as possible."""
    left, done = [f for f in features if f.derive or f.rank], set(table.columns)
    while left:
        ready = [f for f in left if all(n in done for n in f.needs)]
        formulas = [f for f in ready if f.derive]
        if formulas:
            table = table.mutate(**{f.key: typed(_computed(table, f, observation.as_of), f.value) for f in formulas})
        else:  # ranks wait for every formula that can be computed: all of them then take one sort
            table = with_ranks(table, ready, observation)
            table = table.mutate(**{f.key: typed(table[f.key], f.value) for f in ready})
        done.update(f.key for f in formulas or ready)
        left = [f for f in left if f.key not in done]
    return table


def _computed(table: ir.Table, feature: Feature, as_of: date) -> ir.Value:
    assert feature.derive is not None
    given = {n: ibis.literal(v) for n, v in feature.derive.given.items()}
    known = {**{n: table[n] for n in feature.needs}, **given, "as_of": ibis.literal(as_of)}
    return compile_formula(feature.derive.formula, known)


def _plain_groups(
    groups: Iterable[Sequence[Feature]], observation: Observation, carrier: Carrier | None = None
) -> Iterator[Group]:
    for group in groups:
        facts, grouped = group[0].facts, None
        if facts and carrier and carrier.takes(facts.table) and not _is_short(facts):
            fact = FactPlan(fact_table(facts.table).view(observation), group, observation)
            plan, grouped = fact.plan, carrier.grouped(fact, group, observation)
        else:
            plan = _group_plan(group, observation)
        zeros = {f.key: (zero_of(f), f.value) for f in group if plan.finals[f.key] is not unknown}
        fills = {n: typed(z, kind) for n, (z, kind) in zeros.items() if z is not None}
        yield Group(plan.table(grouped), tuple(group), fills)


def _groups(features: FeatureSet, observation: Observation, carrier: Carrier | None) -> Iterator[Group]:
    """Give one group after another: all of money first, whose many runs are then given up."""
    grouped = _grouped(features.features)
    yield from _plain_groups([g for (kind, _), g in grouped.items() if kind == MONEY], observation)
    yield from _base_groups(features.features, observation)
    yield from _relation_groups(features, observation)
    observation.forget("money_runs")
    yield from _plain_groups([g for (kind, _), g in grouped.items() if kind != MONEY], observation, carrier)


def build_profile(
    tables: Tables, features: FeatureSet, as_of: date, *,
    timezone: str = BUSINESS_TIMEZONE, histories: Mapping[str, date] | None = None,
    keep: Callable[[ir.Table], ir.Table] = unkept, drop: Callable[[ir.Table], None] = undropped,
    made_on: date | None = None, carrier: Carrier | None = None,
) -> ir.Table:  # fmt: skip
    """Return every customer with every feature, as of the end of a business day.

    Parameters
    ----------
    tables : the tables of :func:`reads_of`, typed by their contracts; may hold rows after the day, which are not read.
    features : parsed definitions.
    as_of : facts dated after the end of this business day, or recorded after it, are not read. Any past day is allowed.
    timezone : of the business day (IANA name), for ``recorded_at``.
    histories : first day of the long fact tables; looked up (one small query each) when not given.
    keep : what to do with intermediate results; that of ``keeping`` computes each once and keeps the plan small.
    drop : how to give up what ``keep`` returned, when nothing reads it any more.
    made_on : day of the run that made ``customer``. On that day its attributes, and states such as arrears, are taken as they
        stand. On any other day, and when not given, attributes come from the versions of the records that were known by
        ``as_of``, and features of states are missing.
    carrier : carries sums of long fact tables on from an earlier day, and keeps those of this one; the result is the same.

    Returns
    -------
    one row per customer known by ``as_of``: customer_id, customer_no, then the features in the order of ``features``.
    Amounts in base currency; where a customer has no fact, amounts and counts are 0 and all else is missing.
    """
    observation = observe(tables, as_of, timezone=timezone, histories=histories, keep=keep, drop=drop, made_on=made_on)
    table = _all_joined(
        _population(features.features, observation), _groups(features, observation, carrier), observation
    )
    table = _derived(table, features.features, observation)
    return table.select(*FIXED, *features.names)


__all__ = ["UNCHANGING", "build_profile", "reads_of", "reads_of_feature", "typed"]

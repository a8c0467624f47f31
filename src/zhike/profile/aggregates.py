"""Features of facts: filters and windows turned into conditional aggregates, one group-by per fact table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

import ibis
import ibis.expr.types as ir

from zhike.profile.atoms import Atom, FactRows, column_of, months_between, text_of, wheres_of
from zhike.profile.facts import fact_table
from zhike.profile.features import Facts, Feature
from zhike.profile.money import from_cents
from zhike.profile.observation import Observation
from zhike.profile.plan import NO, Final, Plan, unknown
from zhike.profile.windows import Days
from zhike.warehouse.contracts import Kind

LEAST_MONTHS = 3  # fewer say nothing of a trend
DAYS_OF_WEEK, DAYS_OF_WORD = 7, 28  # a word of bits holds as many days as four weeks have
COUNTED = ("count", "sum", "days", "largest_day", "distinct", "periods", "streak", "longest_streak")


class FactPlan:
    """Adds the features of one fact table to one plan over its rows."""

    def __init__(self, rows: ir.Table, features: Sequence[Feature], observation: Observation) -> None:
        self.observation = observation
        self.facts = FactRows(self._pruned(rows, features), features, observation)
        self.source = self.facts.source
        self.plan = Plan(self.facts.rows)
        for feature in features:
            if feature.facts:
                self.plan.finish(feature.key, self._final(feature.key, feature.facts))

    def _pruned(self, rows: ir.Table, features: Sequence[Feature]) -> ir.Table:
        """Leave out rows before every window, where all features look at windows of the table's own date."""
        firsts = []
        for facts in (f.facts for f in features if f.facts):
            dated_by = fact_table(facts.table).dated_by
            if facts.window is None or (facts.dated_by or dated_by) != dated_by:
                return rows
            firsts.append((facts.window.on(self.observation.as_of).first, dated_by))
        first, dated_by = min(firsts)
        return rows.filter(rows[dated_by] >= ibis.literal(first))

    def _atom(self, feature: str, facts: Facts, days: Days | None, *, stat: str, by: str = "") -> str:
        """Return the name of an aggregate of a feature, adding it when it is new."""
        dated, of = facts.dated_by or self.source.dated_by, facts.of or ""
        for name in filter(None, (dated, of)):
            column_of(self.plan.rows, feature, name)
        takes_column = stat not in ("count", "bits", "first_on", "last_on")
        atom = Atom(stat, of if takes_column else "", text_of(facts.where), dated, days, by)
        return self.plan.atom(atom, lambda: self.facts.aggregate(atom))

    def _count(self, feature: str, facts: Facts, days: Days | None) -> str:
        return self._atom(feature, facts, days, stat="count")

    def _sum(self, feature: str, facts: Facts, days: Days | None) -> str:
        return self._atom(feature, facts, days, stat="sum")

    def _shown(self, feature: str, facts: Facts, value: ir.Value) -> ir.Value:
        return from_cents(value) if column_of(self.plan.rows, feature, facts.of or "").type().is_decimal() else value

    def _final(self, feature: str, facts: Facts) -> Final:
        days = facts.window.on(self.observation.as_of) if facts.window else None
        history = self.observation.history_of(facts.table)
        if facts.window and facts.window.from_days_ago is not None and history and days and days.first < history:
            return unknown
        if not self.observation.shows_states and {facts.of, *facts.where} & set(self.source.states):
            return unknown
        makers: Mapping[str, Callable[[str, Facts, Days | None], Final]] = {
            "count": self._counted, "any": self._counted, "sum": self._summed, "mean": self._averaged, "days": self._active_days,
            "largest_day": self._largest_day, "largest_day_on": self._largest_day, "leading_code": self._leading_code,
            "months_with": self._months_with, "months_with_days": self._months_with,
            "distinct": self._distinct, "periods": self._of_periods, "streak": self._of_periods, "longest_streak": self._of_periods,
            "slope_months": self._of_months, "deviation_months": self._of_months,
        }  # fmt: skip
        return makers.get(facts.stat, self._picked)(feature, facts, days)

    def _counted(self, feature: str, facts: Facts, days: Days | None) -> Final:
        name = self._count(feature, facts, days)
        return (lambda t: t[name] > 0) if facts.stat == "any" else (lambda t: t[name].cast("int64"))

    def _summed(self, feature: str, facts: Facts, days: Days | None) -> Final:
        name = self._sum(feature, facts, days)
        return lambda t: self._shown(feature, facts, t[name].fill_null(0))

    def _averaged(self, feature: str, facts: Facts, days: Days | None) -> Final:
        total, n = self._sum(feature, facts, days), self._atom(feature, facts, days, stat="known")
        return lambda t: self._shown(feature, facts, (t[total] / t[n].cast("float64").nullif(0)).round())

    def _picked(self, feature: str, facts: Facts, days: Days | None) -> Final:
        name = self._atom(feature, facts, days, stat=facts.stat)
        if facts.stat == "all":
            return lambda t: t[name] == 1
        return lambda t: t[name] if facts.missing is None else t[name].fill_null(facts.missing)

    def _largest_day(self, feature: str, facts: Facts, window: Days | None) -> Final:
        """Greatest daily total, or the (earliest) day that has it; no day when nothing moved."""
        days = each_day(window) if window else []
        names = [self._sum(feature, facts, d) for d in days]

        def largest(table: ir.Table) -> ir.Value:
            return ibis.greatest(*(table[n].fill_null(0) for n in names))

        if facts.stat == "largest_day":
            return lambda t: self._shown(feature, facts, largest(t))

        def on(table: ir.Table) -> ir.Value:
            most = largest(table)
            some = zip(names, days, strict=True)
            return ibis.cases(*(((table[n] == most) & (most > 0), ibis.literal(d.first)) for n, d in some), else_=None)

        return on

    def _leading_code(self, feature: str, facts: Facts, days: Days | None) -> Final:
        """The code, among those that ``where`` lists, whose rows add up to most; the first listed on ties."""
        code, wheres = facts.code or "", wheres_of(facts)
        codes = [str(w[code]) for w in wheres]
        names = [self._sum(feature, facts.model_copy(update={"where": w}), days) for w in wheres]

        def final(table: ir.Table) -> ir.Value:
            most = ibis.greatest(*(table[n].fill_null(0) for n in names))
            some = zip(names, codes, strict=True)
            return ibis.cases(*(((table[n] == most) & (most > 0), c) for n, c in some), else_=None)

        return final

    def _active_days(self, feature: str, facts: Facts, days: Days | None) -> Final:
        """Distinct days as one bit each: a bitwise or, then a count of bits; no distinct aggregate."""
        name, width = self._bits(feature, facts.model_copy(update={"by": "day"}), days)
        return lambda t: count_bits(t[name].fill_null(0), width)

    def _bits(self, feature: str, facts: Facts, days: Days | None) -> tuple[str, int]:
        """Return what has a bit for each day, week or month with a row, the newest lowest, and how many bits there are."""
        days = days or Days(self.observation.as_of, self.observation.as_of)
        if facts.by == "week":
            return self._week_bits(feature, facts, days)
        name = self._atom(feature, facts, days, stat="bits", by=facts.by)
        width = months_between(days.first, days.last) + 1 if facts.by == "month" else days.n_days
        return name, width

    def _week_bits(self, feature: str, facts: Facts, days: Days) -> tuple[str, int]:
        """Weeks are counted back from the last day, so that their borders move every day: bits of days are kept, weeks made of them."""
        words = [
            Days(max(days.first, days.last - timedelta(days=end + DAYS_OF_WORD - 1)), days.last - timedelta(days=end))
            for end in range(0, days.n_days, DAYS_OF_WORD)
        ]
        names = [self._atom(feature, facts, word, stat="bits", by="day") for word in words]
        width, each = -(-days.n_days // DAYS_OF_WEEK), DAYS_OF_WORD // DAYS_OF_WEEK

        def weeks(table: ir.Table) -> ir.Value:
            found = []
            for week in range(width):
                bits = table[names[week // each]].fill_null(0) >> (week % each * DAYS_OF_WEEK)
                found.append(ibis.ifelse((bits & ((1 << DAYS_OF_WEEK) - 1)) != 0, 1 << week, 0).cast("int64"))
            return sum_of(found)

        return self.plan.middle(("weeks", *names), weeks), width

    def _of_periods(self, feature: str, facts: Facts, days: Days | None) -> Final:
        """Periods with a row, those in a row up to the last of the window, or the longest run of them."""
        name, width = self._bits(feature, facts, days)
        count = {"periods": count_bits, "streak": trailing_bits, "longest_streak": longest_run}[facts.stat]
        return lambda t: count(t[name].fill_null(0), width)

    def _distinct(self, feature: str, facts: Facts, days: Days | None) -> Final:
        name = self._atom(feature, facts, days, stat="distinct")
        return lambda t: t[name].cast("int64")

    def _of_months(self, feature: str, facts: Facts, _: Days | None) -> Final:
        """Slope or deviation of the sums (counts, without ``of``) of whole months; months before the history do not count."""
        months = facts.window.months_on(self.observation.as_of) if facts.window else ()
        history = self.observation.history_of(facts.table)
        known = [m for m in months if history is None or m.first >= history]
        if len(known) < LEAST_MONTHS:
            return unknown
        make = self._count if facts.of is None else self._sum
        names = [make(feature, facts, m) for m in reversed(known)]
        is_money = facts.of is not None and column_of(self.plan.rows, feature, facts.of).type().is_decimal()
        of = trend_of(self.plan, [partial(plain, name) for name in names], is_slope=facts.stat == "slope_months")
        return (lambda t: from_cents(of(t).round())) if is_money else of

    def _months_with(self, feature: str, facts: Facts, _: Days | None) -> Final:
        least = facts.at_least or 0
        months = facts.window.months_on(self.observation.as_of) if facts.window else ()
        if facts.stat == "months_with_days":
            finals = [self._active_days(feature, facts, m) for m in months]
            return lambda t: sum_of([(f(t) >= least).cast("int64") for f in finals])
        if facts.of is None:
            names = [self._count(feature, facts, m) for m in months]
            return lambda t: sum_of([(t[n] >= least).cast("int64") for n in names])
        names = [self._sum(feature, facts, m) for m in months]
        line = least * 100 if column_of(self.plan.rows, feature, facts.of).type().is_decimal() else least
        return lambda t: sum_of([(t[n].fill_null(0) >= line).cast("int64") for n in names])


def each_day(days: Days) -> list[Days]:
    """Return the single days of a run."""
    return [Days(d, d) for d in (days.first + timedelta(days=i) for i in range(days.n_days))]


def sum_of(values: Sequence[ir.Value]) -> ir.Value:
    """Return the sum of a few values of one row."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def trailing_bits(bits: ir.Value, width: int) -> ir.Value:
    """Return how many of the lowest bits of an integer are set in a row, counted from the lowest."""
    masks = [(1 << (i + 1)) - 1 for i in range(width)]
    return sum_of([((bits & m) == m).cast("int64") for m in masks])


def longest_run(bits: ir.Value, width: int) -> ir.Value:
    """Return the length of the longest run of set bits among the lowest ``width`` bits of an integer.

    Where a run of ``n`` begins is told by two runs of a power of two that cover it: a flat expression, since engines that write
    code for expressions choke on one that is nested ``width`` deep.
    """
    begins = {1: bits}
    while 2 * (power := max(begins)) <= width:
        begins[2 * power] = begins[power] & (begins[power] >> power)
    found = []
    for n in range(1, width + 1):
        power = 1 << (n.bit_length() - 1)
        covered = begins[power] if n == power else begins[power] & (begins[power] >> (n - power))
        found.append((covered != 0).cast("int64"))
    return sum_of(found)


def slope(values: Sequence[ir.Value]) -> ir.Value:
    """Return the least-squares slope of values one step apart, oldest first: per step, in their unit."""
    n = len(values)
    doubled = [2 * i - (n - 1) for i in range(n)]  # twice the distance from the middle: whole numbers keep sums exact
    return (
        sum_of([v * float(d) for v, d in zip(values, doubled, strict=True)]) * 2.0 / float(sum(d * d for d in doubled))
    )


def deviation(values: Sequence[ir.Value], mean: ir.Value) -> ir.Value:
    """Return the standard deviation of a few values around their mean, over their number (not one less)."""
    return (sum_of([(v - mean) * (v - mean) for v in values]) / float(len(values))).sqrt()


def trend_of(plan: Plan, values: Sequence[Final], *, is_slope: bool) -> Final:
    """Return the slope of a few values, oldest first, or their standard deviation, whose mean is computed once."""
    if is_slope:
        return lambda t: slope([v(t) for v in values])
    mean = plan.middle(
        ("mean", *(_mark(v) for v in values)), lambda t: sum_of([v(t) for v in values]) / float(len(values))
    )
    return lambda t: deviation([v(t) for v in values], t[mean])


def _mark(value: Final) -> object:
    return value.args if isinstance(value, partial) else value


def plain(name: str, table: ir.Table) -> ir.Value:
    """Return an atom as a double, 0 where there was no row."""
    return table[name].fill_null(0).cast("float64")


def count_bits(bits: ir.Value, width: int) -> ir.Value:
    """Return how many of the lowest ``width`` bits of an integer are set."""
    return sum_of([(bits >> i) & 1 for i in range(width)]).cast("int64")


def zero_of(feature: Feature) -> ir.Value | None:
    """Return what a customer without a row has: 0 or false where nothing happened, None where the value is unknown."""
    facts, balance = feature.facts, feature.balance
    if balance is not None:
        return ibis.literal(0)
    if facts is None:
        return None
    if facts.stat == "any":
        return ibis.literal(NO)
    if facts.missing is not None:
        return ibis.literal(facts.missing)
    counted = facts.stat in COUNTED or "months" in facts.stat
    return ibis.literal(0) if counted and feature.value in (Kind.INTEGER, Kind.AMOUNT, Kind.NUMBER, Kind.RATE) else None


__all__ = [
    "FactPlan",
    "count_bits",
    "deviation",
    "each_day",
    "longest_run",
    "plain",
    "slope",
    "sum_of",
    "trailing_bits",
    "trend_of",
    "zero_of",
]

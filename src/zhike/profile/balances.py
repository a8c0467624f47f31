"""Features of balances: conditional sums over runs of money, finished into points, means, least, greatest and counts of days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial

import ibis
import ibis.expr.types as ir

from zhike.profile.aggregates import LEAST_MONTHS, plain, trend_of
from zhike.profile.features import Balance, Feature
from zhike.profile.money import cent_days, cents, counts, covers, from_cents, mean_from_cents, number_of, overlaps
from zhike.profile.observation import Observation
from zhike.profile.plan import Final, Plan, sum_where, unknown
from zhike.profile.windows import Days, Window

LONG_AGO = date(2, 1, 1)
DAILY = ("min", "max", "days_below_median", "deviation")


def is_daily(feature: Feature) -> bool:
    """Whether a feature needs a total for each day; those are aggregated apart, to keep the group-by narrow."""
    return feature.balance is not None and feature.balance.stat in DAILY


def _windows(balance: Balance, as_of: date) -> tuple[Days, ...]:
    if balance.window is None:
        day = as_of - timedelta(days=balance.days_ago)
        return (Days(day, day),)
    whole = (balance.window.on(as_of),)
    return (*whole, Window(complete_months=balance.months).on(as_of)) if balance.months else whole


def earliest_day(features: Sequence[Feature], as_of: date) -> date:
    """Return the first day that any of the features looks at."""
    return min((w.first for f in features if f.balance for w in _windows(f.balance, as_of)), default=as_of)


def membership(rows: ir.Table, balance: Balance) -> ir.BooleanValue:
    """Return whether a run counts for ``balance``: its class, and where said its grade or kind of account."""
    return counts(rows, balance.classes, grades=balance.grades, account_kinds=balance.account_kinds)


def _component(balance: Balance) -> tuple[object, ...]:
    return (balance.classes, balance.grades, balance.account_kinds)


class BalancePlan:
    """Adds the features of balances to one plan over runs of money."""

    def __init__(self, runs: ir.Table, features: Sequence[Feature], observation: Observation) -> None:
        self.as_of = observation.as_of
        self.history = observation.history_of("balance_daily", "holding_daily") or LONG_AGO
        components = {_component(f.balance): f.balance for f in features if f.balance}
        self.flags = {key: f"in_{i}" for i, key in enumerate(components)}
        flagged = runs.filter(runs.last_day >= number_of(earliest_day(features, self.as_of)))
        flagged = flagged.mutate(**{self.flags[k]: membership(flagged, b) for k, b in components.items()})
        any_flag = flagged[next(iter(self.flags.values()))]
        for name in list(self.flags.values())[1:]:
            any_flag = any_flag | flagged[name]
        self.plan = Plan(flagged.filter(any_flag))
        for feature in features:
            if feature.balance:
                self.plan.finish(feature.key, self._final(feature.balance))

    def _sum_at(self, balance: Balance, day: date) -> str:
        rows, flag = self.plan.rows, self.flags[_component(balance)]
        return self.plan.atom((flag, "at", day), lambda: sum_where(rows.amount, rows[flag] & covers(rows, day)))

    def _sum_over(self, balance: Balance, days: Days) -> str:
        rows, flag = self.plan.rows, self.flags[_component(balance)]
        return self.plan.atom(
            (flag, "over", days.first, days.last),
            lambda: sum_where(cent_days(rows, days), rows[flag] & overlaps(rows, days)),
        )

    def _mean(self, balance: Balance, window: Days) -> Final:
        days = window.since(self.history)
        if not days.n_days:
            return unknown
        name = self._sum_over(balance, days)
        return lambda t: mean_from_cents(t[name].fill_null(0), days.n_days)

    def _months(self, balance: Balance, months: Sequence[Days]) -> list[Final]:
        return [self._mean(balance, m) for m in months if m.since(self.history).n_days]

    def _days(self, balance: Balance) -> list[str]:
        window = balance.window or Window(days=1)
        known = window.on(self.as_of).since(self.history)
        return [self._sum_at(balance, known.first + timedelta(days=i)) for i in range(known.n_days)]

    def _final(self, balance: Balance) -> Final:
        makers: dict[str, Callable[[Balance], Final]] = {
            "point": self._point, "mean": lambda b: self._mean(b, _windows(b, self.as_of)[0]), "peak_month": self._of_months,
            "median_month": self._of_months, "min": self._extreme, "max": self._extreme, "days_below_median": self._days_below,
            "deviation": self._deviation, "slope_months": self._trend, "deviation_months": self._trend,
        }  # fmt: skip
        return makers[balance.stat](balance)

    def _of_months(self, balance: Balance) -> Final:
        means = self._months(balance, balance.window.months_on(self.as_of) if balance.window else ())
        if not means:
            return unknown
        if balance.stat == "peak_month":
            return lambda t: ibis.greatest(*(m(t) for m in means))
        return lambda t: median_of([m(t) for m in means])

    def _extreme(self, balance: Balance) -> Final:
        names = self._days(balance)
        if not names:
            return unknown
        best = ibis.least if balance.stat == "min" else ibis.greatest
        return lambda t: from_cents(best(*(t[n].fill_null(0) for n in names)))

    def _deviation(self, balance: Balance) -> Final:
        names = self._days(balance)
        if not names:
            return unknown
        of = trend_of(self.plan, [partial(plain, name) for name in names], is_slope=False)
        return lambda t: from_cents(of(t).round())

    def _trend(self, balance: Balance) -> Final:
        """Slope or deviation of the monthly means; a month of which the history knows no day does not count."""
        means = self._months(balance, balance.window.months_on(self.as_of) if balance.window else ())
        if len(means) < LEAST_MONTHS:
            return unknown
        oldest_first = [partial(_double, mean) for mean in reversed(means)]
        of = trend_of(self.plan, oldest_first, is_slope=balance.stat == "slope_months")
        return lambda t: of(t).round(2)

    def _point(self, balance: Balance) -> Final:
        day = self.as_of - timedelta(days=balance.days_ago)
        if day < self.history:
            return unknown
        name = self._sum_at(balance, day)
        return lambda t: from_cents(t[name].fill_null(0))

    def _days_below(self, balance: Balance) -> Final:
        names = self._days(balance)
        months = Window(complete_months=balance.months).months_on(self.as_of)
        means, times = self._months(balance, months), balance.times or 0.0
        if not means or not names:
            return unknown

        def final(table: ir.Table) -> ir.Value:
            line = median_of([m(table) for m in means]).cast("float64") * 100 * times
            below = [(table[n].fill_null(0) < line).cast("int64") for n in names]
            return sum(below[1:], below[0])

        return final


def _double(mean: Final, table: ir.Table) -> ir.Value:
    return mean(table).cast("float64")


def median_of(values: Sequence[ir.Value]) -> ir.Value:
    """Return the median of a few present values of one row, as an amount; of an even number, the mean of the middle two."""
    ordered = ibis.array(list(values)).sort()
    middle = len(values) // 2
    if len(values) % 2:
        return ordered[middle].cast("decimal(18, 2)")
    return mean_from_cents(cents(ordered[middle - 1]) + cents(ordered[middle]), 2)


__all__ = ["BalancePlan", "earliest_day", "is_daily", "median_of", "membership"]

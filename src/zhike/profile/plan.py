"""One group-by for many features: partial sums are shared by key, and each feature is finished from them.

A plan keeps *atoms* (conditional aggregates, named once however many features ask for them), *middles* (values of the atoms that
are asked for many times, such as a mean) and *finals* (features as expressions over both).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import ibis
import ibis.expr.types as ir

Final = Callable[[ir.Table], ir.Value]
CUSTOMER = "customer_no"
YES, NO = True, False  # of flags, in expressions


def unknown(_: ir.Table) -> ir.Value:
    """Final of a feature whose window lies before the bank's history: missing for everybody, never 0."""
    return ibis.null("float64")


def only_where(value: ir.Value, where: ir.BooleanValue | None) -> ir.Value:
    """Return ``value`` where a condition holds, else missing: aggregated, twice as fast as a filtered aggregate."""
    return value if where is None else ibis.ifelse(where, value, None)


def sum_where(value: ir.Value, where: ir.BooleanValue | None) -> ir.Scalar:
    """Return the sum of ``value`` over rows where a condition holds."""
    return only_where(value, where).sum()


def count_where(rows: ir.Table, where: ir.BooleanValue | None) -> ir.Scalar:
    """Return how many rows satisfy a condition."""
    return rows.count() if where is None else ibis.ifelse(where, 1, None).count()


@dataclass(slots=True)
class Plan:
    """What is to be aggregated over ``rows`` (one row per fact, with ``customer_no``); ``keys``: name of an atom → what identifies it."""

    rows: ir.Table
    atoms: dict[str, ir.Scalar] = field(default_factory=dict)
    finals: dict[str, Final] = field(default_factory=dict)
    middles: dict[str, Final] = field(default_factory=dict)
    keys: dict[str, Hashable] = field(default_factory=dict)
    _names: dict[Hashable, str] = field(default_factory=dict)

    def atom(self, key: Hashable, make: Callable[[], ir.Scalar]) -> str:
        """Return the name of the aggregate that ``key`` identifies, adding it when it is new."""
        if key not in self._names:
            self._names[key] = f"a{len(self._names)}"
            self.atoms[self._names[key]] = make()
            self.keys[self._names[key]] = key
        return self._names[key]

    def middle(self, key: Hashable, final: Final) -> str:
        """Return the name of a value of the atoms that finals use many times: computed once, before them."""
        if key not in self._names:
            self._names[key] = f"m{len(self._names)}"
            self.middles[self._names[key]] = final
        return self._names[key]

    def finish(self, feature: str, final: Final) -> None:
        """Say how a feature comes out of the atoms."""
        self.finals[feature] = final

    def grouped(self) -> ir.Table:
        """Return one row per customer with a fact: ``customer_no`` and the atoms."""
        return self.rows.group_by(CUSTOMER).aggregate(**self.atoms)

    def table(self, grouped: ir.Table | None = None) -> ir.Table:
        """Return one row per customer with a fact: ``customer_no`` and the features; ``grouped`` are the atoms when they are known."""
        grouped = self.grouped() if grouped is None else grouped
        if self.middles:
            grouped = grouped.mutate(**{name: middle(grouped) for name, middle in self.middles.items()})
        return grouped.select(CUSTOMER, **{name: final(grouped) for name, final in self.finals.items()})


__all__ = ["CUSTOMER", "NO", "YES", "Final", "Plan", "count_where", "only_where", "sum_where", "unknown"]

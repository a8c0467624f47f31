"""What features of facts are made of: conditional aggregates over the rows of one fact table, each said as data.

An :class:`Atom` can be asked of any rows of its table: of all of them, or of those of a few days only, which is how sums are carried
from one day to the next (``carrying``).
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import reduce

import ibis
import ibis.expr.types as ir

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput
from zhike.profile.facts import FactTable, fact_table
from zhike.profile.features import Condition, Facts, Feature, Test
from zhike.profile.money import cents, day_number, number_of
from zhike.profile.observation import Observation
from zhike.profile.plan import NO, YES, count_where, only_where, sum_where
from zhike.profile.windows import Days

OF_DAY = ("days_ago_at_least", "days_ahead_at_least")


@dataclass(frozen=True, slots=True)
class Atom:
    """One aggregate: ``stat`` of the column ``of`` over the rows for which ``where`` holds and whose date lies in ``days``.

    ``stat`` is count, known (rows where ``of`` is not missing), sum, max, min, all, first_on, last_on, earliest, latest, distinct or bits (a bit for each day or month of ``days``
    with a row, the newest lowest: ``by``). ``where`` is the text of the condition (:func:`text_of`), "" for every row; ``days`` None
    is any day.
    """

    stat: str
    of: str
    where: str
    dated: str
    days: Days | None
    by: str = ""

    def over(self, days: Days | None) -> Atom:
        """Return the same aggregate over other days."""
        return replace(self, days=days)

    @property
    def width(self) -> int:
        """How many bits a ``bits`` has."""
        assert self.days is not None
        return months_between(self.days.first, self.days.last) + 1 if self.by == "month" else self.days.n_days


def text_of(where: Mapping[str, Condition]) -> str:
    """Return a condition as a text that is equal for equal conditions; "" when there is none."""
    return json.dumps({n: str(w) for n, w in sorted(where.items())}, ensure_ascii=False) if where else ""


def wheres_of(facts: Facts | None) -> list[Mapping[str, Condition]]:
    """Return the conditions that a feature needs: its own, or one for each code among which it looks for the leading one."""
    if facts is None:
        return []
    if facts.code is None:
        return [facts.where]
    listed = facts.where[facts.code]
    codes = listed if isinstance(listed, tuple) else (listed,)
    return [{**facts.where, facts.code: code} for code in codes if not isinstance(code, Test)]


def months_between(first: date, last: date) -> int:
    """Return how many calendar months ``last`` lies after ``first``."""
    return (last.year - first.year) * 12 + last.month - first.month


def column_of(rows: ir.Table, feature: str, name: str) -> ir.Column:
    """Return a column; BadInput names the feature and the nearest column when there is none."""
    if name not in rows.columns:
        near = suggest(name, rows.columns)
        raise BadInput(
            "feature.column_unknown", zh=f"特征 {feature}：表中没有列 {name}", en=f"feature {feature}: the table has no column {name}",
            todo_zh=f"是否要找 {near}？" if near else "", todo_en=f"did you mean {near}?" if near else "",
        )  # fmt: skip
    return rows[name]


class FactRows:
    """Rows of one fact table made ready for the atoms of some features: a boolean for each condition, cents for each amount.

    ``moving`` are the texts of conditions that change with the day (``days_ago_at_least`` …).
    """

    def __init__(self, rows: ir.Table, features: Sequence[Feature], observation: Observation) -> None:
        first = features[0].facts
        self.source: FactTable = fact_table(first.table if first else "")
        self.as_of = observation.as_of
        self.moving: set[str] = set()
        tests: dict[str, ir.BooleanValue] = {}
        amounts: dict[str, ir.Value] = {}
        for feature in features:
            for where in wheres_of(feature.facts):
                if where and text_of(where) not in tests:
                    each = [self._test(column_of(rows, feature.key, n), w) for n, w in where.items()]
                    tests[text_of(where)] = reduce(operator.and_, each)
                    if any(isinstance(w, Test) and w.model_fields_set & set(OF_DAY) for w in where.values()):
                        self.moving.add(text_of(where))
            of = feature.facts.of if feature.facts else None
            if of and of in rows.columns and rows[of].type().is_decimal():
                amounts[of] = cents(rows[of])
        self.flags = {text: f"where_{i}" for i, text in enumerate(tests)}
        self.amounts = {of: f"cents_{of}" for of in amounts}
        flagged = {self.flags[text]: test for text, test in tests.items()}
        self.rows = rows.mutate(**flagged, **{self.amounts[of]: value for of, value in amounts.items()})

    def _test(self, column: ir.Column, wanted: Condition) -> ir.BooleanValue:
        if isinstance(wanted, tuple):
            return column.isin(wanted)
        if not isinstance(wanted, Test):
            return column == wanted
        tests: list[ir.BooleanValue] = []
        if wanted.not_in is not None:
            tests.append((~column.isin(wanted.not_in)).fill_null(YES))
        if wanted.is_missing is not None:
            tests.append(column.isnull() if wanted.is_missing else column.notnull())
        for limit, by in ((wanted.at_least, "__ge__"), (wanted.at_most, "__le__"), (wanted.more_than, "__gt__"), (wanted.less_than, "__lt__")):  # fmt: skip
            if limit is not None:
                tests.append(getattr(column.cast("float64"), by)(limit))
        if wanted.days_ago_at_least is not None:
            tests.append(column <= ibis.literal(self.as_of - timedelta(days=wanted.days_ago_at_least)))
        if wanted.days_ahead_at_least is not None:
            tests.append(column >= ibis.literal(self.as_of + timedelta(days=wanted.days_ahead_at_least)))
        return reduce(operator.and_, tests) if tests else column.notnull()

    def test(self, atom: Atom) -> ir.BooleanValue | None:
        """Return the condition of an atom on the rows; None when every row counts."""
        tests = [self.rows[self.flags[atom.where]]] if atom.where else []
        if atom.days is not None:
            column = self.rows[atom.dated]
            tests.append(column >= ibis.literal(atom.days.first))
            is_clipped = self.source.is_clipped and atom.dated == self.source.dated_by
            if not is_clipped or atom.days.last != self.as_of:
                tests.append(column <= ibis.literal(atom.days.last))
        return reduce(operator.and_, tests) if tests else None

    def aggregate(self, atom: Atom) -> ir.Scalar:
        """Return an atom of the rows."""
        where, dated = self.test(atom), self.rows[atom.dated]
        is_summand = atom.stat in ("sum", "known")
        of = dated if not atom.of else self._summand(atom.of) if is_summand else self.rows[atom.of]
        makers: Mapping[str, Callable[[], ir.Scalar]] = {
            "count": lambda: count_where(self.rows, where),
            "known": lambda: only_where(of, where).count(),
            "sum": lambda: sum_where(of, where),
            "max": lambda: only_where(of, where).max(),
            "min": lambda: only_where(of, where).min(),
            "first_on": lambda: only_where(dated, where).min(),
            "last_on": lambda: only_where(dated, where).max(),
            "earliest": lambda: of.argmin(self._order(dated), where=where),
            "latest": lambda: of.argmax(self._order(dated), where=where),
            "all": lambda: only_where(of.fill_null(NO).cast("int64"), where).min(),
            "distinct": lambda: of.nunique(where=where),
            "bits": lambda: only_where(self._bit(atom), where).bit_or(),
        }
        return makers[atom.stat]()

    def _summand(self, of: str) -> ir.Value:
        return self.rows[self.amounts[of]] if of in self.amounts else self.rows[of].cast("float64")

    def _order(self, dated: ir.Column) -> ir.Value:
        return dated.cast("string") + self.rows[self.source.tie].cast("string")

    def _bit(self, atom: Atom) -> ir.Value:
        assert atom.days is not None
        dated, last = self.rows[atom.dated], atom.days.last
        if atom.by == "month":
            offset = last.year * 12 + last.month - (dated.year() * 12 + dated.month())
        else:
            offset = number_of(last) - day_number(dated)
        inside = ibis.ifelse((offset >= 0) & (offset < atom.width), offset, 0).cast("int64")
        return ibis.literal(1, "int64") << inside

    def over(self, rows: ir.Table) -> FactRows:
        """Return other rows that were made ready in the same way: some of them, or some of their columns."""
        same = copy(self)
        same.rows = rows
        return same

    def columns(self, atoms: Iterable[Atom]) -> list[str]:
        """Return the columns that some atoms, of counts, sums, days and bits, look at."""
        found = {self.source.dated_by}
        for atom in atoms:
            found.add(atom.dated)
            if atom.where:
                found.add(self.flags[atom.where])
            if atom.of:
                found.add(self.amounts.get(atom.of, atom.of))
        return sorted(found)

    def is_whole(self, of: str) -> bool:
        """Whether sums of a column are sums of whole numbers, so that what was added can be taken away again without a trace."""
        return of in self.amounts or self.rows[of].type().is_integer()


__all__ = ["Atom", "FactRows", "column_of", "months_between", "text_of", "wheres_of"]

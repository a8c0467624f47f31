"""The rows a customer model learns from: profiles as of past cutoffs, and what had become of the customers a horizon later.

Nothing is read that was not recorded by the cutoff (features) or by the end of the horizon (outcome); the profile's own
as-of reading sees to that, the leak guard checks the days. Each past day's profile is computed once and kept on disk for
the run, however many cutoffs meet in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.kernel.errors import BadInput
from zhike.profile.features import FeatureSet
from zhike.rules import Rule, RuleScope, bind
from zhike.scores.columns import Column, numbers_of, rows_of
from zhike.scores.compiled import AT_CUTOFF, CUSTOMER, CompiledModel
from zhike.scores.leaks import refuse_later_days
from zhike.scores.learn import CutoffRows
from zhike.scores.terms import Feature, FeatureKind, Floats, Rows
from zhike.warehouse.engine import Engine

ProfileAt = Callable[[date, frozenset[str]], ir.Table]
SINCE = "since_on"
SHARE_DIGITS = 8
SHARE = "_share"


@dataclass(slots=True)
class PastProfiles:
    """Profiles as of past days, each computed once with the columns it is asked for and kept in the engine's scratch folder."""

    engine: Engine
    profile_at: ProfileAt
    columns: Mapping[date, frozenset[str]]
    folder: Path
    _kept: dict[date, ir.Table] = field(default_factory=dict)

    def at(self, day: date) -> ir.Table:
        """Return the profile as of one of the days of ``columns``."""
        if day not in self._kept:
            wanted = self.columns[day]
            whole = self.profile_at(day, wanted)
            names = [n for n in whole.columns if n in wanted or n in (CUSTOMER, SINCE)]
            path = self.folder / f"profile-{day}.parquet"
            self.engine.write(whole.select(*names), path)
            self._kept[day] = self.engine.connection.read_parquet(str(path))
        return self._kept[day]


def restricted_features(features: FeatureSet, wanted: Collection[str]) -> FeatureSet:
    """Return the features called ``wanted`` and those they are computed from: a past profile need not be complete."""
    needed: set[str] = set()
    open_names = [n for n in wanted if n in features.names]
    by_name = {f.key: f for f in features.features}
    while open_names:
        name = open_names.pop()
        if name not in needed:
            needed.add(name)
            open_names.extend(by_name[name].needs)
    kept = tuple(f for f in features.features if f.key in needed)
    return FeatureSet(kept, {f.key: features.hashes[f.key] for f in kept})


def columns_by_day(
    compiled: CompiledModel, cutoffs: Sequence[date], *, known: Collection[str]
) -> dict[date, frozenset[str]]:
    """Return which columns of the profile are needed as of which day; ``known`` are the columns the profile has."""
    names = {f.name for f in compiled.features} | compiled.population_fields | compiled.carried_fields
    at_cutoff = frozenset(n for n in (*names, *compiled.model.fairness_by, SINCE) if n in known)
    days: dict[date, frozenset[str]] = {}
    for cutoff in cutoffs:
        outcome_on = cutoff + timedelta(days=compiled.horizon_days)
        days[cutoff] = days.get(cutoff, frozenset()) | at_cutoff
        days[outcome_on] = days.get(outcome_on, frozenset()) | compiled.later_fields
    return days


def gather_cutoff(
    compiled: CompiledModel, past: PastProfiles, cutoff: date, *, as_of: date, rows_at_most: int
) -> CutoffRows:
    """Return the labelled rows of one cutoff: customers of the population whose outcome is known.

    Parameters
    ----------
    as_of : the day of the run; outcomes later than it are not known yet.
    rows_at_most : a larger population is sampled by a hash of the customer, so that the base rate stays.

    Raises
    ------
    BadInput : the outcome would lie after ``as_of``, or a feature is dated after the cutoff.
    """
    outcome_on = cutoff + timedelta(days=compiled.horizon_days)
    if outcome_on > as_of:
        raise BadInput(
            "scores.look_ahead", zh=f"截止日 {cutoff} 的结果要到 {outcome_on} 才知道", en=f"the outcome of cutoff {cutoff} is known on {outcome_on}",
            todo_zh=f"运行日为 {as_of}", todo_en=f"the day of the run is {as_of}",
        )  # fmt: skip
    members = _members(compiled, past, cutoff, rows_at_most)
    labels = _outcomes(compiled, past, outcome_on, members)
    found, place = rows_of(members.column(CUSTOMER), labels.column(CUSTOMER))
    known = members.filter(pa.array(found))
    yes = numbers_of(labels.column("is_yes"))[place]
    features = known.select([f.name for f in compiled.features])
    refuse_later_days(features, compiled.features)
    rows = Rows(features, yes, known.column(CUSTOMER).combine_chunks())
    shares = _shares_in(known.column(SHARE))
    by = [a for a in compiled.model.fairness_by if a in known.column_names]
    return CutoffRows(cutoff, rows, shares, known.select(by))


def _members(compiled: CompiledModel, past: PastProfiles, cutoff: date, rows_at_most: int) -> pa.Table:
    """Return the population at the cutoff, in customer order: features (days as days before it), attributes, carried fields."""
    table = population_of(past.at(cutoff), compiled.population, cutoff)
    n = int(past.engine.fetch(table.aggregate(n=table.count())).column("n")[0].as_py())
    if n > rows_at_most:
        table = table.filter(_hashed(table, "sample") < _prefix(rows_at_most / n))
    names = {f.name for f in compiled.features}
    looked_at = [a for a in compiled.model.fairness_by if a in table.columns and a not in names]
    carried = {f"{n}{AT_CUTOFF}": table[n] for n in sorted(compiled.carried_fields)}
    columns = feature_columns(table, compiled.features, cutoff)
    chosen = table.select(CUSTOMER, *columns, *looked_at, **{SHARE: _hashed(table, "split")}, **carried)
    return past.engine.fetch(chosen.order_by(CUSTOMER))


def population_of(profile: ir.Table, rule: Rule, on: date) -> ir.Table:
    """Return the rows of a profile whom a model is about: customers known by the day who match its population."""
    bound = bind(profile, [rule], RuleScope(as_of=on))
    table = bound.table.filter(bound.flag(rule))
    if SINCE in table.columns:
        table = table.filter(table[SINCE].isnull() | (table[SINCE] <= ibis.literal(on)))
    return table


def feature_columns(table: ir.Table, features: Collection[Feature], on: date) -> list[ir.Value]:
    """Return the columns of ``features``; days as days before ``on`` (negative = still to come)."""
    day = ibis.literal(on)
    return [
        day.delta(table[f.name], unit="day").cast("int64").name(f.name) if f.kind is FeatureKind.DAY else table[f.name]
        for f in features
    ]


def _outcomes(compiled: CompiledModel, past: PastProfiles, outcome_on: date, members: pa.Table) -> pa.Table:
    """Return ``customer_id`` and ``is_yes`` of the members whose outcome is known."""
    carried = [CUSTOMER, *(f"{n}{AT_CUTOFF}" for n in sorted(compiled.carried_fields))]
    later = past.at(outcome_on).inner_join(ibis.memtable(members.select(carried)), CUSTOMER)
    rules = [compiled.label, *([compiled.known_when] if compiled.known_when is not None else [])]
    bound = bind(later, rules, RuleScope(as_of=outcome_on))
    table = bound.table
    if compiled.known_when is not None:
        is_known = bound.flag(compiled.known_when)
        return past.engine.fetch(table.filter(is_known).select(CUSTOMER, is_yes=bound.flag(compiled.label)))
    return past.engine.fetch(table.select(CUSTOMER, is_yes=bound.flag(compiled.label)))


def _hashed(table: ir.Table, salt: str) -> ir.StringValue:
    """Return 8 hex digits that place a customer uniformly, the same at every cutoff and on every engine."""
    text = ibis.literal(f"{salt}:").concat(table[CUSTOMER])
    return text.hexdigest("md5").substr(0, SHARE_DIGITS)


def _prefix(share: float) -> str:
    return f"{min(int(share * 16**SHARE_DIGITS), 16**SHARE_DIGITS - 1):0{SHARE_DIGITS}x}"


def _shares_in(column: Column) -> Floats:
    """Return hex texts of 8 digits as shares in [0, 1)."""
    if not len(column):
        return np.empty(0)
    letters = np.frombuffer("".join(str(v) for v in column.to_pylist()).encode(), dtype=np.uint8).reshape(
        -1, SHARE_DIGITS
    )
    digits: npt.NDArray[np.int64] = np.where(letters >= ord("a"), letters - ord("a") + 10, letters - ord("0")).astype(
        np.int64
    )
    return (digits @ (16 ** np.arange(SHARE_DIGITS - 1, -1, -1, dtype=np.int64))) / float(16**SHARE_DIGITS)


__all__ = [
    "PastProfiles",
    "ProfileAt",
    "columns_by_day",
    "feature_columns",
    "gather_cutoff",
    "population_of",
    "restricted_features",
]

"""Columns of the published profile as arrays, of the customers that a segment or a question is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.terms import PartyKind, Text
from zhike.pipeline.catalogue import Opened
from zhike.rules import holding_on
from zhike.segments.discovery import Described
from zhike.segments.discovery.surrogate import NUMERIC
from zhike.segments.portrait import DIMENSIONS
from zhike.warehouse.contracts import Kind

Floats = npt.NDArray[np.float64]
PEOPLE = (PartyKind.PERSON, PartyKind.SOLE_TRADER)
KINDS = {Kind.AMOUNT: "amount", Kind.RATE: "rate", Kind.FLAG: "flag", Kind.CODE: "code"}

# what groups of people are looked for by, where nothing else is asked: money, its form, what is held, what is done, how
DISCOVERY_FEATURES = (
    "aum_mavg_amount", "deposit_share_rate", "n_product_classes", "first_account_age_days", "n_initiated_90d", "external_net_inflow_90d_amount",
    "digital_share_rate", "n_logins_30d", "loan_balance_amount", "wage_mean_amount", "contribution_amount", "age",
)  # fmt: skip


LEAST_USUAL = 4  # a profile with fewer of the usual features is another business's: all of it is taken


@dataclass(frozen=True, slots=True)
class Customers:
    """Some customers in the order of their ids, with columns of the profile."""

    ids: tuple[str, ...]
    table: pa.Table

    def numbers(self, name: str) -> Floats:
        """Return a column as numbers, NaN = missing; flags as 0 and 1."""
        column = self.table[name]
        cast = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
        found: Floats = cast.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
        return found

    def codes(self, name: str) -> npt.NDArray[np.object_]:
        """Return a column as texts and None."""
        found: npt.NDArray[np.object_] = np.asarray(self.table[name].to_pylist(), dtype=object)
        return found


def kinds_of(o: Opened) -> dict[str, Kind]:
    """Return the kind of each column of the profile."""
    return {c.name: c.kind for c in o.compiled.contracts["profile"].columns}


def read_customers(o: Opened, names: Sequence[str], subjects: Sequence[PartyKind] = PEOPLE) -> Customers:
    """Return columns of the profile of customers of some kinds.

    Raises
    ------
    BadInput : a column does not exist; the nearest name is told.
    """
    profile = o.tables["profile"]
    wrong = [n for n in names if n not in profile.columns]
    if wrong:
        raise BadInput(
            "discovery.no_such_feature", zh=f"画像没有这些特征：{'、'.join(wrong)}", en=f"the profile has no such features: {', '.join(wrong)}",
            todo_zh="全部特征见 docs/reference/features.md", todo_en="docs/reference/features.md lists them all",
            findings=tuple(Finding("--features", "is not there · 不存在", n, suggest(n, profile.columns) or "") for n in wrong),
        )  # fmt: skip
    wanted = profile.filter(profile.party_kind.isin([k.value for k in subjects]))
    rows = o.tables.engine.fetch(wanted.select("customer_id", *dict.fromkeys(names)).order_by("customer_id"))
    return Customers(tuple(str(i) for i in rows["customer_id"].to_pylist()), rows)


def numeric_features(o: Opened, asked: Sequence[str]) -> tuple[str, ...]:
    """Return the features to discover by: those asked for, else the usual ones that this bank's profile has.

    Raises
    ------
    BadInput : a feature that was asked for is no number, or fewer than two are there.
    """
    kinds = kinds_of(o)
    found = tuple(dict.fromkeys(asked)) or tuple(n for n in DISCOVERY_FEATURES if n in kinds)
    if not asked and len(found) < LEAST_USUAL:
        found = tuple(n for n, kind in kinds.items() if kind in NUMERIC and n != "customer_no")
    wrong = [n for n in found if n in kinds and kinds[n] not in NUMERIC]
    if wrong or len(found) < 2:
        raise BadInput(
            "discovery.not_numbers", zh=f"聚类至少需两个数值特征，{'、'.join(wrong) or '现不足两个'}", en=f"clustering takes two or more numbers: {', '.join(wrong) or 'fewer than two were given'}",
            todo_zh="--features a,b,c；编码与日期不可用", todo_en="--features a,b,c; codes and days cannot be used",
        )  # fmt: skip
    return found


def portrait_columns(o: Opened, features: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns a portrait compares: those of the nightly portrait and the usual features, plus those asked for; of a
    profile that has few of them, all that can be compared."""
    kinds = kinds_of(o)
    usual = (*(d.field for d in DIMENSIONS), *DISCOVERY_FEATURES)
    comparable = [n for n, kind in kinds.items() if kind in (*NUMERIC, Kind.CODE) and n != "customer_no"]
    chosen = [n for n in usual if n in comparable]
    wanted = chosen if len(chosen) >= LEAST_USUAL else comparable
    return tuple(dict.fromkeys(n for n in (*features, *wanted) if n in comparable))


def describe_columns(o: Opened, customers: Customers, names: Sequence[str]) -> list[Described]:
    """Return columns with names and values, ready to be compared."""
    columns = {c.name: c for c in o.compiled.contracts["profile"].columns}
    own = {d.field: d.names for d in DIMENSIONS}
    found = []
    for name in names:
        column = columns[name]
        kind = KINDS.get(column.kind, "number")
        values = customers.codes(name) if kind in ("code", "flag") else customers.numbers(name)
        found.append(Described(name, own.get(name, Text(column.zh, column.en)), values, kind))
    return found


def describe_tags(o: Opened, customers: Customers, subjects: Sequence[PartyKind] = PEOPLE) -> list[Described]:
    """Return, for each tag that somebody of ``customers`` has, who has it on the day; gates' tags say nothing about people and are left out.

    Parameters
    ----------
    customers : those that :func:`read_customers` gave for the same ``subjects``.
    """
    kinds = {s.value for s in subjects}
    shown = {
        k: t for k, t in o.compiled.tags.items()
        if t.definition.use != "gate" and kinds & {s.value for s in t.definition.subjects} and o.tables.partitions("tag_value")
    }  # fmt: skip
    if not shown:
        return []
    profile = o.tables["profile"]
    mine = profile.filter(profile.party_kind.isin(sorted(kinds))).select("customer_id")
    placed = mine.mutate(place=ibis.row_number().over(order_by=mine.customer_id))
    held = holding_on(o.tables["tag_value"], o.manifest.as_of)
    rows = o.tables.engine.fetch(held.inner_join(placed, "customer_id").select("place", "tag"))
    place, tag = rows["place"].to_numpy(), rows["tag"].combine_chunks().dictionary_encode()
    found = []
    for code, key in enumerate(tag.dictionary.to_pylist()):
        if key in shown:
            has = np.zeros(len(customers.ids), bool)
            has[place[tag.indices.to_numpy() == code]] = True
            found.append(Described(f"tag:{key}", Text(shown[key].definition.zh, shown[key].definition.en), has, "flag"))
    return sorted(found, key=lambda d: d.column)


__all__ = [
    "DISCOVERY_FEATURES",
    "PEOPLE",
    "Customers",
    "describe_columns",
    "describe_tags",
    "kinds_of",
    "numeric_features",
    "portrait_columns",
    "read_customers",
]

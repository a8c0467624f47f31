"""A bank of a few literal rows: whatever a test leaves out is empty, and a person with one demand account is one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from zhike.identity.tables import OWNS as IDENTITY
from zhike.profile.build import build_profile
from zhike.profile.features import FeatureSet, standard_features
from zhike.profile.observation import Observation, observe
from zhike.profile.tables import OWNS as PROFILE
from zhike.sources.tables import OWNS as SOURCES
from zhike.warehouse import Engine, open_engine
from zhike.warehouse.catalog import Catalog
from zhike.warehouse.contracts import Contract, Kind
from zhike.warehouse.testing import catalog

Rows = list[dict[str, Any]]
AS_OF = date(2025, 6, 30)
EARLY = datetime(2020, 1, 1)
CONTRACTS: Mapping[str, Contract] = {c.name: c for c in (*SOURCES, *IDENTITY, *PROFILE)}

PRODUCTS: Rows = [
    {"product_id": "D", "name": "活期", "family": "deposit", "product_class": "demand", "risk_grade": None, "annual_rate": 0.001, "counts_in_aum": True},
    {"product_id": "T", "name": "定期", "family": "deposit", "product_class": "term", "risk_grade": None, "annual_rate": 0.015, "counts_in_aum": True},
    {"product_id": "W", "name": "理财", "family": "wealth", "product_class": "fixed_income", "risk_grade": "R2", "annual_rate": 0.025, "counts_in_aum": True},
    {"product_id": "F", "name": "基金", "family": "wealth", "product_class": "fund", "risk_grade": "R4", "annual_rate": None, "counts_in_aum": True},
    {"product_id": "X", "name": "三方存管", "family": "wealth", "product_class": "trust", "risk_grade": "R3", "annual_rate": None, "counts_in_aum": False},
    {"product_id": "M", "name": "按揭", "family": "credit", "product_class": "mortgage", "risk_grade": None, "annual_rate": 0.03, "counts_in_aum": False},
]  # fmt: skip


@cache
def engine() -> Engine:
    """One engine for all tests of this folder."""
    return open_engine(threads=2)


def person(number: int, **more: Any) -> dict[str, Any]:
    """A customer called ``c<number>`` with ``customer_no`` number."""
    row = {"customer_id": f"c{number}", "customer_no": number, "party_kind": "person", "since_on": date(2020, 1, 1)}
    return {**row, "n_records": 1, **more}


def link(number: int) -> dict[str, Any]:
    """The core system's key ``k<number>`` is the customer ``c<number>``."""
    return {"source": "core", "source_key": f"k{number}", "customer_id": f"c{number}", "customer_no": number, "linked_by": "single"}  # fmt: skip


def account(account_id: str, owner: int, *, kind: str = "demand", product: str | None = "D") -> dict[str, Rows]:
    """An account of one owner."""
    return {
        "account": [{"account_id": account_id, "product_id": product, "account_kind": kind, "opened_on": date(2020, 1, 1), "recorded_at": EARLY}],
        "customer_account": [{"customer_id": f"c{owner}", "account_id": account_id, "role": "owner", "share_rate": 1.0}],
    }  # fmt: skip


def balance(account_id: str, on: date, until: date | None, amount: float) -> dict[str, Any]:
    """A run of days with one balance."""
    return {"account_id": account_id, "on": on, "until_on": until, "balance_amount": amount, "recorded_at": EARLY}


def txn(account_id: str, on: date, direction: str, amount: float, **more: Any) -> dict[str, Any]:
    """A movement; its key is made of what it says."""
    row = {
        "txn_id": f"{account_id}{on}{direction}{amount}{more}",
        "account_id": account_id,
        "on": on,
        "direction": direction,
        "amount": amount,
    }
    return {**row, "txn_kind": "transfer_out" if direction == "out" else "transfer_in", "recorded_at": EARLY, **more}  # fmt: skip


def merged(*parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Rows]:
    """Tables of several parts, rows added up."""
    found: dict[str, Rows] = {"product": list(PRODUCTS)}
    for part in parts:
        for table, rows in part.items():
            found.setdefault(table, []).extend(dict(r) for r in rows)
    return found


def bank(*parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> Catalog:
    """The tables of several parts as a catalog."""
    tables = merged(*parts)
    return catalog(engine(), {name: [_exact(name, row) for row in rows] for name, rows in tables.items()}, CONTRACTS)


def _exact(table: str, row: dict[str, Any]) -> dict[str, Any]:
    amounts = {c.name for c in CONTRACTS[table].columns if c.kind is Kind.AMOUNT}
    return {n: Decimal(str(v)) if n in amounts and v is not None else v for n, v in row.items()}


def seen(tables: Catalog, as_of: date = AS_OF) -> Observation:
    """An observation of a tiny bank."""
    return observe(tables, as_of, made_on=as_of)


def profile(
    tables: Catalog, *names: str, as_of: date = AS_OF, features: FeatureSet | None = None, is_past: bool = False
) -> dict[str, dict[str, Any]]:
    """Customer → feature → value; only the named features (and what they need) are computed.

    ``is_past``: the tables were made by a run of some later day.
    """
    chosen = features or only(*names)
    rows = engine().fetch(build_profile(tables, chosen, as_of, made_on=None if is_past else as_of)).to_pylist()
    return {row["customer_id"]: row for row in rows}


def only(*names: str) -> FeatureSet:
    """The standard features called ``names`` and those they need."""
    everything = standard_features()
    wanted: set[str] = set()

    def need(name: str) -> None:
        if name not in wanted:
            wanted.add(name)
            for other in everything[name].needs:
                need(other)

    for name in names:
        need(name)
    return FeatureSet(tuple(f for f in everything.features if f.key in wanted), everything.hashes)

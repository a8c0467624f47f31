"""A bank of a few hundred customers as source tables, where money leaves young customers of low balance each month."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from zhike.identity.relation_tables import CUSTOMER_RELATION
from zhike.identity.tables import CUSTOMER, CUSTOMER_ACCOUNT
from zhike.profile.features import FeatureSet, standard_features
from zhike.profile.tables import profile_contract
from zhike.scores.gather import restricted_features
from zhike.scores.tables import OWNS
from zhike.sources.tables import OWNS as SOURCES
from zhike.warehouse.contracts import Contract, contract_by_name

FIRST = date(2025, 1, 1)
N_DAYS = 200
WANTED = ("demand_amount", "aum_point_amount", "age", "tenure_days", "party_kind", "sex", "since_on")


def features() -> FeatureSet:
    """Return the few standard features that the tiny bank's model uses."""
    return restricted_features(standard_features(), WANTED)


def contracts() -> dict[str, Contract]:
    """Return every contract that the step may read or write."""
    profile = profile_contract(features())
    return contract_by_name([*SOURCES, CUSTOMER, CUSTOMER_ACCOUNT, CUSTOMER_RELATION, profile, *OWNS])


def bank_tables(n: int = 400, seed: int = 3) -> dict[str, list[dict[str, Any]]]:
    """Return rows by table: balances change every 30 days; the young lose most of it more often than the old."""
    generator = np.random.default_rng(seed)
    tables: dict[str, list[dict[str, Any]]] = {
        "customer": [],
        "account": [],
        "customer_account": [],
        "balance_daily": [],
    }
    for i in range(n):
        customer, account = f"c{i:04d}", f"a{i:04d}"
        age = int(generator.integers(20, 70))
        tables["customer"].append(
            {
                "customer_id": customer,
                "customer_no": i + 1,
                "party_kind": "person",
                "since_on": date(2020, 1, 1) + timedelta(days=int(generator.integers(0, 1500))),
                "n_records": 1,
                "sex": "female" if i % 2 else "male",
                "birth_on": date(2025 - age, 1, 1),
            }
        )
        tables["account"].append(
            {
                "account_id": account,
                "account_kind": "demand",
                "opened_on": date(2020, 1, 1),
                "recorded_at": _end(date(2020, 1, 1)),
            }
        )
        tables["customer_account"].append(
            {"customer_id": customer, "account_id": account, "role": "owner", "share_rate": 1.0}
        )
        tables["balance_daily"].extend(_balances(account, age, generator))
    return tables


def _balances(account: str, age: int, generator: np.random.Generator) -> list[dict[str, Any]]:
    rows = []
    for on in range(0, N_DAYS, 30):
        p_leave = 1 / (1 + np.exp(0.12 * (age - 35)))
        amount = 20_000 + 200 * age
        if generator.random() < p_leave:
            amount //= 10
        first = FIRST + timedelta(days=on)
        last = FIRST + timedelta(days=on + 29)
        rows.append(
            {"account_id": account, "on": first, "until_on": last, "balance_amount": amount, "recorded_at": _end(first)}
        )
    return rows


def _end(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 15, 0, 0)

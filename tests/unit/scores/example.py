"""Rows, features and definitions that the tests of scores share: a small bank whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from zhike.scores.definition import ModelDefinition
from zhike.scores.terms import Feature, FeatureKind, Rows

FEATURES = (
    Feature("balance_amount", FeatureKind.NUMBER, "余额", "Balance", unit="CNY"),
    Feature("n_logins", FeatureKind.NUMBER, "登录次数", "Logins"),
    Feature("city", FeatureKind.CATEGORY, "城市", "City"),
    Feature("has_app", FeatureKind.FLAG, "手机银行", "Mobile bank"),
    Feature("opened_on", FeatureKind.DAY, "开户日", "Opened on"),
)


def bank_rows(n: int, seed: int = 1, *, shift: float = 0.0) -> Rows:
    """Return labelled rows: rich customers of city `a` with an app say yes; ``shift`` moves the base rate in log-odds."""
    generator = np.random.default_rng(seed)
    balance = generator.normal(size=n)
    logins = generator.poisson(3, n).astype(float)
    logins[generator.random(n) < 0.1] = np.nan
    city = generator.choice(["a", "b", "c"], n)
    app = generator.random(n) < 0.5
    opened = generator.integers(1, 3_000, n)
    odds = -1.0 + shift + 1.2 * balance + 1.0 * (city == "a") + 0.5 * app
    yes = (generator.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    features = pa.table(
        {
            "balance_amount": balance,
            "n_logins": pa.array(logins, from_pandas=True),
            "city": city,
            "has_app": app,
            "opened_on": pa.array(opened, pa.int64()),
        }
    )
    return Rows(features, yes, pa.array([f"c{i:05d}" for i in range(n)]))


def model_body(**changes: Any) -> dict[str, Any]:
    """Return the body of a customer model; ``changes`` replace fields."""
    body: dict[str, Any] = {
        "key": "leaves",
        "zh": "流失",
        "en": "Leaves",
        "purpose": {"zh": "用途", "en": "purpose"},
        "owner": "marketing",
        "population": {"field": "balance_amount", "above": 0},
        "label": {"zh": "减半", "en": "halves", "horizon_days": 30, "rule": {"field": "balance_amount", "at_most": 1}},
        "cutoffs": {"n": 4, "step": "days", "every_days": 30},
    }
    return {**body, **changes}


def model(**changes: Any) -> ModelDefinition:
    """Return a parsed customer model."""
    return ModelDefinition.model_validate(model_body(**changes))

"""Make a bank-like delivery of the households: one row per household, one per basket, one per coupon redeemed.

``python prepare.py SOURCE TARGET``. Only the 801 households whose demographics are known are taken: of the others nothing but
purchases is known. Classes of age and income become the middle of the class; what is open at one end, its known end.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

AGES = {"19-24": 22, "25-34": 30, "35-44": 40, "45-54": 50, "55-64": 60, "65+": 65}
INCOMES = {
    "Under 15K": 15_000, "15-24K": 19_500, "25-34K": 29_500, "35-49K": 42_000, "50-74K": 62_000, "75-99K": 87_000,
    "100-124K": 112_000, "125-149K": 137_000, "150-174K": 162_000, "175-199K": 187_000, "200-249K": 224_500, "250K+": 250_000,
}  # fmt: skip
YEAR = 2017


def prepare(source: Path, target: Path) -> dict[str, int]:
    """Write households.csv, baskets.csv and redemptions.csv into ``target``; return the rows of each."""
    target.mkdir(parents=True, exist_ok=True)
    people = pd.read_parquet(source / "demographics.parquet")
    households = pd.DataFrame(
        {
            "household_id": people["household_id"],
            "born_on": [f"{YEAR - AGES[a]}-07-01" for a in people["age"]],
            "income": [INCOMES[i] for i in people["income"]],
            "marital": people["marital_status"].astype("string"),
            "n_children": [3 if k == "3+" else int(k) for k in people["kids_count"].astype("string")],
        }
    )
    items = pd.read_parquet(source / "transactions_sample.parquet")
    items = items[items["household_id"].isin(households["household_id"])].copy()
    items["day"] = items["transaction_timestamp"].dt.strftime("%Y-%m-%d")
    baskets = items.groupby(["basket_id", "household_id", "day"], as_index=False).agg(
        store_id=("store_id", "first"), amount=("sales_value", "sum")
    )
    baskets["amount"] = baskets["amount"].round(2)
    coupons = pd.read_parquet(source / "coupon_redemptions.parquet")
    coupons = coupons[coupons["household_id"].isin(households["household_id"])].reset_index(drop=True)
    coupons["event_id"] = [f"r{i}" for i in coupons.index]
    found = {"households": households, "baskets": baskets, "redemptions": coupons}
    for name, rows in found.items():
        rows.to_csv(target / f"{name}.csv", index=False)
    return {name: len(rows) for name, rows in found.items()}


if __name__ == "__main__":
    for name, n in prepare(Path(sys.argv[1]), Path(sys.argv[2])).items():
        print(f"{name}\t{n}")

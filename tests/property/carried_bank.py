"""A small bank that changes from day to day: rows come late and ahead of their day, are corrected and taken away, accounts and keys
change hands, and events of nobody turn out to be somebody's. For the tests of sums that are carried from one day to the next.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.unit.profile.bank import CONTRACTS, engine, link, person
from zhike.kernel.hashing import fingerprint
from zhike.profile.build import build_profile
from zhike.profile.carrying import Carrier
from zhike.profile.features import Feature, FeatureSet
from zhike.profile.steps import profile_step
from zhike.warehouse import Catalog, StepContext
from zhike.warehouse.conform import rows_table

FIRST = date(2025, 1, 20)
N_CUSTOMERS, N_QUIET = 24, 6  # of whom some have a row now and then
ZONE = "Asia/Shanghai"
Row = dict[str, Any]
LOGIN = {"event_kind": ["app_login", "counter_visit"]}
FACTS: dict[str, dict[str, Any]] = {
    "transaction": {
        "largest_amount": {"stat": "max", "of": "amount", "window": {"days": 30}},
        "kinds": {"stat": "distinct", "of": "txn_kind", "window": {"days": 90}},
        "mean_amount": {"stat": "mean", "of": "balance_after_amount", "window": {"days": 10}},
        "share_rate": {"stat": "count", "window": {"days": 30}},
        "ahead": {"stat": "count", "window": {"ahead_days": 1}},
        "today": {"stat": "count", "window": {"days": 1}},
        "days_of_two_months": {"stat": "periods", "window": {"days": 62}},
        "latest_kind": {"stat": "latest", "of": "txn_kind", "window": {"days": 60}},
        "first_on": {"stat": "first_on", "window": {"days": 20}},
        "ever_on": {"stat": "first_on", "where": {"direction": "in"}},
        "last_on": {"stat": "last_on", "where": {"direction": "out"}, "window": {"days": 25}},
        "long_ago": {"stat": "count", "window": {"from_days_ago": 40, "to_days_ago": 11}},
        "months": {"stat": "months_with", "at_least": 1, "window": {"months": 3}},
        "month_amount": {"stat": "sum", "of": "amount", "window": {"month_to_date": True}},
        "slope_amount": {"stat": "slope_months", "of": "amount", "window": {"complete_months": 4}},
        "settled": {"stat": "count", "where": {"on": {"days_ago_at_least": 3}}},
        "night": {"stat": "any", "where": {"hour": {"at_least": 20}}, "window": {"days": 7}},
    },
    "event": {
        "logins": {"stat": "count", "where": LOGIN, "window": {"days": 30}},
        "login_days": {"stat": "days", "where": LOGIN, "window": {"days": 30}},
        "weeks": {"stat": "streak", "by": "week", "window": {"days": 182}},
        "longest": {"stat": "longest_streak", "by": "week", "where": LOGIN, "window": {"days": 182}},
        "event_months": {"stat": "streak", "by": "month", "window": {"months": 6}},
        "seen_on": {"stat": "last_on"},
        "month_days": {"stat": "months_with_days", "at_least": 2, "window": {"complete_months": 3}},
    },
}  # fmt: skip


@cache
def features() -> FeatureSet:
    """A feature of each statistic and each way to say a window, over transactions and over events."""
    words = {"zh": "x", "en": "x", "meaning_zh": "x", "meaning_en": "x"}
    made = [
        Feature.model_validate({**words, "key": key, "value": _kind_of(key), "facts": {"table": table, **facts}})
        for table, all_facts in FACTS.items()
        for key, facts in all_facts.items()
    ]
    return FeatureSet(tuple(made), {})


def _kind_of(key: str) -> str:
    if key == "night":
        return "flag"
    return next(
        (
            kind
            for ending, kind in {"_amount": "amount", "_rate": "rate", "_on": "day", "_kind": "code"}.items()
            if key.endswith(ending)
        ),
        "integer",
    )


@dataclass(slots=True)
class ChangingBank:
    """The bank, day by day; ``folder`` holds its versions of tables and what is carried, ``batch`` names the partition of a day."""

    folder: Path
    dice: random.Random
    batch: str = "%Y-%m-%d"
    tables: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    on: date = FIRST
    n_rows: int = 0

    def __post_init__(self) -> None:
        """Begin with accounts, keys and the history of a first delivery."""
        numbers = range(1, N_CUSTOMERS + 1)
        self.tables = {
            "customer": {"": [person(i) for i in numbers]},
            "customer_account": {"": [_owner(f"a{i}", i) for i in numbers]},
            "identity_link": {"": [link(i) for i in numbers]},
            "party_alias": {"": []},
            "event_party": {"": []},
            "transaction": {},
            "event": {},
        }
        for back in range(80, -1, -4):
            self._deliver(self.on - timedelta(days=back), n=12)

    def _deliver(self, on: date, *, n: int) -> None:
        for table, make in (("transaction", self._transaction), ("event", self._event)):
            self.tables[table].setdefault(on.strftime(self.batch), []).extend(make(on) for _ in range(n))

    def _dated(self, delivered_on: date) -> Row:
        """Most rows are of the day; some come late, a few are dated ahead."""
        on = delivered_on - timedelta(days=self.dice.choice([0] * 12 + [1, 2, 9, 45, 88, -2]))
        self.n_rows += 1
        recorded = datetime.combine(delivered_on, time(12))
        return {"on": on, "at": datetime.combine(on, time(self.dice.randint(0, 15))), "recorded_at": recorded}

    def _somebody(self) -> int:
        return self.dice.randint(1, N_CUSTOMERS - N_QUIET if self.dice.random() < 0.97 else N_CUSTOMERS)

    def _transaction(self, on: date) -> Row:
        dice = self.dice
        way = dice.choice(["in", "out"])
        return {
            **self._dated(on), "txn_id": f"t{self.n_rows}", "account_id": f"a{self._somebody()}", "direction": way,
            "amount": Decimal(dice.randint(1, 900_000)) / 100, "channel": dice.choice(["app", "branch", "atm", "pos"]),
            "txn_kind": dice.choice(["transfer_in", "transfer_out", "settlement", "consume", "product_purchase", "salary", "cash"]),
            "counterparty_kind": dice.choice(["other_bank_self", "cash", "own_bank_self", "other_bank_other", None]),
            "counterparty_key": f"p{dice.randint(1, 5)}",
            "balance_after_amount": dice.choice([None, None, Decimal(dice.randint(1, 900_000)) / 100]),
        }  # fmt: skip

    def _event(self, on: date) -> Row:
        dice = self.dice
        is_silent = dice.random() < 0.2
        return {
            **self._dated(on), "event_id": f"e{self.n_rows}", "source": "core", "source_key": None if is_silent else f"k{self._somebody()}",
            "event_kind": dice.choice(["app_login", "loan_page_view", "counter_visit", "product_page_view", "identify"]),
            "channel": dice.choice(["app", "branch", "mini_program"]),
        }  # fmt: skip

    def next_day(self, *, days: int = 1) -> None:
        """Go on to another day, with all that may happen until then."""
        self.on += timedelta(days=days)
        self._deliver(self.on, n=self.dice.choice([0, 5, 25]))
        for happens, share in (
            (self._correct, 0.25),
            (self._take_away, 0.15),
            (self._hand_over, 0.2),
            (self._identify, 0.4),
            (self._alias, 0.15),
            (self._link, 0.15),
            (self._merge, 0.15),
            (self._move, 0.15),
        ):
            if self.dice.random() < share:
                happens()

    def _some(self, table: str) -> tuple[list[Row], int] | None:
        parts = [rows for rows in self.tables[table].values() if rows]
        rows = self.dice.choice(parts)
        return rows, self.dice.randrange(len(rows))

    def _correct(self) -> None:
        rows, at = self._some("transaction")
        rows[at] = {
            **rows[at],
            "amount": Decimal(self.dice.randint(1, 900_000)) / 100,
            "recorded_at": datetime.combine(self.on, time(12)),
        }

    def _take_away(self) -> None:
        rows, at = self._some(self.dice.choice(["transaction", "event"]))
        del rows[at]

    def _merge(self) -> None:
        """Two deliveries become one partition."""
        parts = self.tables[self.dice.choice(["transaction", "event"])]
        if len(parts) > 2:
            one, other = self.dice.sample(sorted(parts), 2)
            parts[other] = [*parts[other], *parts.pop(one)]

    def _move(self) -> None:
        """A movement turns out to be of another day and another account."""
        rows, at = self._some("transaction")
        on = rows[at]["on"] + timedelta(days=self.dice.randint(-30, 3))
        rows[at] = {**rows[at], "on": on, "account_id": f"a{self._somebody()}"}

    def _hand_over(self) -> None:
        rows = self.tables["customer_account"][""]
        rows[self.dice.randrange(len(rows))] = _owner(
            f"a{self.dice.randint(1, N_CUSTOMERS)}", self.dice.randint(1, N_CUSTOMERS)
        )
        self.tables["customer_account"][""] = list({(r["account_id"], r["customer_id"]): r for r in rows}.values())

    def _identify(self) -> None:
        known = {r["event_id"] for r in self.tables["event_party"][""]}
        silent = [
            r
            for rows in self.tables["event"].values()
            for r in rows
            if r["source_key"] is None and r["event_id"] not in known
        ]
        for row in self.dice.sample(silent, min(3, len(silent))):
            self.tables["event_party"][""].append(
                {"event_id": row["event_id"], "source": "core", "on": row["on"], "source_key": f"k{self.dice.randint(1, N_CUSTOMERS)}",
                 "how": "before_login", "known_at": datetime.combine(self.on, time(self.dice.choice([3, 23])))}
            )  # fmt: skip

    def _alias(self) -> None:
        key = f"k{self.dice.randint(1, N_CUSTOMERS)}"
        links = self.tables["identity_link"][""]
        self.tables["identity_link"][""] = [r for r in links if r["source_key"] != key]
        alias = {
            "source": "core",
            "previous_key": key,
            "source_key": f"k{self.dice.randint(1, N_CUSTOMERS)}",
            "known_at": datetime.combine(self.on, time(3)),
        }
        self.tables["party_alias"][""] = [r for r in self.tables["party_alias"][""] if r["previous_key"] != key] + [
            alias
        ]

    def _link(self) -> None:
        rows = self.tables["identity_link"][""]
        at = self.dice.randrange(len(rows))
        other = link(self.dice.randint(1, N_CUSTOMERS))
        rows[at] = {**other, "source_key": rows[at]["source_key"]}

    def catalog(self) -> Catalog:
        """Return the tables of the day; a partition that has not changed lies where it lay."""
        files = {}
        for table, parts in self.tables.items():
            for partition, rows in parts.items():
                path = (
                    self.folder
                    / "tables"
                    / table
                    / f"{partition or '_'}-{fingerprint([str(r) for r in rows])[:12]}.parquet"
                )
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.is_file():
                    pq.write_table(rows_table(CONTRACTS[table], rows), path)
                files[(table, partition)] = (path,)
        return Catalog(engine(), CONTRACTS, files)

    def carrier(self, tables: Catalog) -> Carrier:
        """Return what carries the sums of the day."""
        context = StepContext(
            profile_step(features()),
            self.on,
            "test",
            engine(),
            CONTRACTS,
            tables,
            tables,
            lambda t, p: self.folder / t / p,
        )
        return Carrier(context, self.folder / "carried", "test", ZONE, least_rows=0)


def some_features(dice: random.Random) -> FeatureSet:
    """Return most of the features: definitions come and go."""
    return FeatureSet(
        tuple(f for f in features().features if dice.random() < 0.9 or f.key == "logins" or f.key == "long_ago"), {}
    )


def profile_of(
    tables: Catalog, on: date, carrier: Carrier | None = None, wanted: FeatureSet | None = None
) -> list[Row]:
    """Return the profile of a day, carried on or counted anew."""
    from zhike.profile.keeping import keeping

    with keeping(engine()) as kept:
        rows = build_profile(
            tables, wanted or features(), on, timezone=ZONE, keep=kept, drop=kept.drop, made_on=on, carrier=carrier
        )
        found: Mapping[str, Any] = engine().fetch(rows.order_by("customer_no")).to_pydict()
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def _owner(account_id: str, number: int) -> Row:
    return {"customer_id": f"c{number}", "account_id": account_id, "role": "owner", "share_rate": 1.0}


__all__ = ["ChangingBank", "features", "profile_of", "some_features"]

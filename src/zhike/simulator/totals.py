"""The bank's own report: balances per unit and product class at the close of a day, to the cent, and who owns them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np

from zhike.simulator.arrays import Ints, pa
from zhike.simulator.catalogue import DEPOSIT_PRODUCTS, HOLDING_PRODUCTS, LOAN_PRODUCTS, position_of, products
from zhike.simulator.identifiers import to_date
from zhike.simulator.ledger import NOT_OPEN
from zhike.simulator.organisation import n_sub_branches, sub_branch_id
from zhike.simulator.records.bank import CLASSES
from zhike.simulator.state import ChunkState
from zhike.simulator.terms import BankPlan

AUM, DEPOSIT, LOAN, CUSTOMERS = range(4)
DEMAND_CLASS = CLASSES.index("demand")


def _class_of(product_id: str) -> int:
    return CLASSES.index(products()[position_of(product_id)].product_class)


DEPOSIT_CLASSES = np.array([_class_of(p) for p in DEPOSIT_PRODUCTS])
HOLDING_CLASSES = np.array([_class_of(p) for p in HOLDING_PRODUCTS])
LOAN_CLASSES = np.array([_class_of(p) for p in LOAN_PRODUCTS])


class Totals:
    """Adds up what chunks hold on reporting days; cents are whole numbers, so the order of adding never matters."""

    def __init__(self, plan: BankPlan) -> None:
        self.n_orgs = n_sub_branches(plan.n_customers)
        self._sums: dict[int, Ints] = {}

    def is_reporting_day(self, day: int, from_day: int) -> bool:
        """Return whether the bank reports on ``day``: month ends before, every day from ``from_day`` on."""
        return day >= from_day or (to_date(day) + datetime.timedelta(days=1)).day == 1

    def add(self, state: ChunkState) -> None:
        """Add what a chunk holds at the close of its day."""
        sums = self._sums.setdefault(state.day, np.zeros((4, self.n_orgs, len(CLASSES)), np.int64))
        people, n = state.people, state.size
        cash_class = np.full(n, DEMAND_CLASS)
        held = np.zeros((n, len(CLASSES)), np.bool_)
        for book, classes, measures in (
            (state.cash, cash_class, (AUM, DEPOSIT)), (state.deposits, np.tile(DEPOSIT_CLASSES, n), (AUM, DEPOSIT)),
            (state.holdings, np.tile(HOLDING_CLASSES, n), (AUM,)), (state.loans, LOAN_CLASSES[np.maximum(people.loan, 0)], (LOAN,)),
        ):  # fmt: skip
            cells = np.flatnonzero(book.since != NOT_OPEN)
            who = cells // (len(book.value) // n)
            self._add_values(sums, book.value[cells], people.org[who] * len(CLASSES) + classes[cells], measures)
            held[who, classes[cells]] = True
        who, cls = np.nonzero(held)
        counted = np.bincount(people.org[who] * len(CLASSES) + cls, minlength=self.n_orgs * len(CLASSES))
        sums[CUSTOMERS] += counted.reshape(self.n_orgs, len(CLASSES))

    def _add_values(self, sums: Ints, values: Ints, target: Ints, measures: tuple[int, ...]) -> None:
        value = np.bincount(target, weights=values, minlength=self.n_orgs * len(CLASSES)).astype(np.int64)
        for measure in measures:
            sums[measure] += value.reshape(self.n_orgs, len(CLASSES))

    def add_all(self, other: Totals) -> None:
        """Add what another chunk's totals hold."""
        for day, sums in other._sums.items():
            self._sums[day] = self._sums[day] + sums if day in self._sums else sums

    def rows(self, days: Mapping[int, Any] | list[int]) -> dict[str, Any]:
        """Return the report of ``days`` as rows of the control file; measures without anything are left out."""
        parts = []
        for day in sorted(days):
            measure, org, cls = np.nonzero(self._sums[day])
            parts.append((np.full(len(org), day), org, cls, measure, self._sums[day][measure, org, cls]))
        on, org, cls, measure, value = (np.concatenate(p) for p in zip(*parts, strict=True))
        names = pa.array([sub_branch_id(i) for i in range(self.n_orgs)])
        return {
            "RPT_DT": on, "ORG_NO": names.take(pa.array(org)), "PROD_CLS": cls, "IDX_CD": measure,
            "IDX_VAL": np.where(measure == CUSTOMERS, value * 100, value),
        }  # fmt: skip

    @property
    def days(self) -> list[int]:
        """Days reported so far, ascending."""
        return sorted(self._sums)


__all__ = ["Totals"]

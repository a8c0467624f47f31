"""Account numbers of one chunk, made once and looked up by position: (customer, slot) → number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhike.simulator.arrays import Ints, Texts, pa
from zhike.simulator.catalogue import DEPOSIT_PRODUCTS, HOLDING_PRODUCTS, LOAN_PRODUCTS, position_of, products
from zhike.simulator.identifiers import account_numbers, as_text, core_numbers, digits
from zhike.simulator.population import People

SLOTS = (10, 50, 51, 11, 12, 13, 14, 20, 21, 22, 23, 24, 25, 26, 30, 31, 32, 33, 34, 40)
SLOT_POSITION = np.full(100, -1, np.int64)
SLOT_POSITION[list(SLOTS)] = np.arange(len(SLOTS))
DEPOSIT_SLOTS = np.array((11, 12, 13, 14))
HOLDING_SLOTS = np.array([products()[position_of(p)].slot for p in HOLDING_PRODUCTS])
LOAN_SLOTS = np.array([products()[position_of(p)].slot for p in LOAN_PRODUCTS])
NO_SUCH_ACCOUNT = "62990000000000000"
N_DEPOSITS, N_HOLDINGS = len(DEPOSIT_PRODUCTS), len(HOLDING_PRODUCTS)


@dataclass(frozen=True, slots=True)
class Keys:
    """Texts by which the bank names the customers of a chunk and their accounts."""

    accounts: pa.Array  # customer-major, one per slot; last an account that does not exist
    core: Texts
    number: Ints  # eight digits of each customer's number, as bytes

    def account(self, who: Ints, slot: Ints | int) -> Texts:
        """Return account numbers as a dictionary column, so that each text is stored once."""
        return _compact(who * len(SLOTS) + SLOT_POSITION[slot], self.accounts)

    def customer(self, who: Ints) -> Texts:
        """Return core customer numbers as a dictionary column."""
        return _compact(who, self.core)


def _compact(cells: Ints, texts: Texts) -> Texts:
    """Return ``texts[cells]`` with a dictionary of the texts in use, in their order, and the last one."""
    if len(cells) < len(texts) // 64:  # a day's few rows: sorting them is cheaper than looking at every text
        used, position = np.unique(np.append(cells, len(texts) - 1), return_inverse=True)
        return pa.DictionaryArray.from_arrays(pa.array(position[:-1].astype(np.int32)), texts.take(pa.array(used)))
    used = np.zeros(len(texts), np.bool_)
    used[cells] = True
    used[-1] = True
    position = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return pa.DictionaryArray.from_arrays(pa.array(position[cells]), texts.take(pa.array(np.flatnonzero(used))))


def make_keys(people: People) -> Keys:
    """Return the texts of a chunk."""
    n = people.size
    numbers = as_text(account_numbers(np.repeat(people.number, len(SLOTS)), np.tile(np.array(SLOTS), n)))
    accounts = pa.concat_arrays([numbers, pa.array([NO_SUCH_ACCOUNT])])
    return Keys(accounts, as_text(core_numbers(people.number)), digits(people.number, 8))


__all__ = [
    "DEPOSIT_SLOTS",
    "HOLDING_SLOTS",
    "LOAN_SLOTS",
    "NO_SUCH_ACCOUNT",
    "N_DEPOSITS",
    "N_HOLDINGS",
    "SLOTS",
    "SLOT_POSITION",
    "Keys",
    "make_keys",
]

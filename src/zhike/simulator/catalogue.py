"""The simulated bank's products (``products.yaml``) and the codes that its records use, as positions in fixed lists."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from zhike.kernel.definitions import SafeLoader
from zhike.simulator.arrays import Flags, Ints

FILE = Path(__file__).with_name("products.yaml")
IN_AUM = ("deposit", "wealth")
RATE_CUT_BP = 10  # by so much posted rates fell in the middle of the history

TXN_KINDS = (
    "cash_in", "cash_out", "transfer_in", "transfer_out", "payment", "card_payment", "payroll", "pension", "interest", "fee",
    "direct_debit", "loan_drawdown", "loan_repayment", "product_purchase", "product_redemption", "reversal", "judicial", "tax",
    "settlement", "cross_border", "insurance", "household", "other",
)  # fmt: skip
COUNTERPARTIES = (
    "own_bank_self", "own_bank_other", "other_bank_self", "other_bank_other", "broker_self", "wallet_self", "merchant",
    "employer", "cash", "bank", "government", "unknown",
)  # fmt: skip
# the others that a customer pays or is paid by, by number: 0 not told, then regular partners (the first of them sister
# companies, where there is a group), then staff who are paid one by one
N_PARTNERS, N_SISTERS, N_FRIENDS, FIRST_STAFF, MAX_STAFF = 40, 8, 6, 41, 40
KIND = {name: position for position, name in enumerate(TXN_KINDS)}
PARTNER = {name: position for position, name in enumerate(COUNTERPARTIES)}


@dataclass(frozen=True, slots=True)
class Product:
    """One product; ``slot`` is the two-digit account slot that holds it (0 = none), ``tenor_days`` 0 = no term."""

    product_id: str
    name: str
    family: str
    product_class: str
    annual_rate: float
    tenor_days: int
    minimum_amount: int
    slot: int
    grade: str

    @property
    def counts_in_aum(self) -> bool:
        """Whether its balances are assets of the customer."""
        return self.family in IN_AUM


@cache
def products() -> tuple[Product, ...]:
    """Return the products in the order of the file."""
    rows = yaml.load(FILE.read_text(encoding="utf-8"), Loader=SafeLoader)["products"]  # noqa: S506 - it is safe
    return tuple(
        Product(
            product_id=r["id"], name=r["zh"], family=r["family"], product_class=r["class"], annual_rate=r.get("rate", 0.0),
            tenor_days=r.get("tenor_days", 0), minimum_amount=r.get("minimum", 0), slot=r.get("slot", 0), grade=r.get("grade", ""),
        )
        for r in rows
    )  # fmt: skip


def position_of(product_id: str) -> int:
    """Return the position of a product in :func:`products`."""
    return next(i for i, p in enumerate(products()) if p.product_id == product_id)


@dataclass(frozen=True, slots=True)
class TermProducts:
    """What money can be placed in for a term, as arrays over a short list (``place`` = position in this list)."""

    product: Ints
    tenor_days: Ints
    rate_bp: Ints  # basis points of a yearly rate
    minimum_cents: Ints
    slot: Ints
    is_deposit: Flags
    holding: Ints  # column of the holding book, -1 for deposits
    deposit: Ints  # column of the deposit book, -1 for holdings


HOLDING_PRODUCTS = ("WM0030", "WM0090", "WM0180", "WM0360", "SB0003", "IN0005", "CW0001", "FD0001", "FD0002", "GD0001",
                    "MX0001", "TR0001", "PN0001")  # fmt: skip
CASH_WEALTH, BOND_FUND, SHARE_FUND, GOLD = 6, 7, 8, 9
DEPOSIT_PRODUCTS = ("TD0000", "LC0000", "ST0000", "NT0000")
LOAN_PRODUCTS = ("ML0001", "CL0001", "BL0001", "AL0001", "WC0001")


@cache
def term_products() -> TermProducts:
    """Return the products with a term, with the book column that carries each."""
    chosen = [i for i, p in enumerate(products()) if p.tenor_days]
    rows = [products()[i] for i in chosen]
    slots = {11: 0, 12: 1, 13: 2}
    return TermProducts(
        product=np.array(chosen),
        tenor_days=np.array([p.tenor_days for p in rows], np.int32),
        rate_bp=np.array([round(p.annual_rate * 10_000) for p in rows]),
        minimum_cents=np.array([p.minimum_amount * 100 for p in rows]),
        slot=np.array([p.slot for p in rows]),
        is_deposit=np.array([p.family == "deposit" for p in rows]),
        holding=np.array([HOLDING_PRODUCTS.index(p.product_id) if p.family == "wealth" else -1 for p in rows]),
        deposit=np.array([slots[p.slot] if p.family == "deposit" else -1 for p in rows]),
    )


__all__ = [
    "BOND_FUND",
    "CASH_WEALTH",
    "COUNTERPARTIES",
    "DEPOSIT_PRODUCTS",
    "FIRST_STAFF",
    "GOLD",
    "HOLDING_PRODUCTS",
    "KIND",
    "LOAN_PRODUCTS",
    "MAX_STAFF",
    "N_FRIENDS",
    "N_PARTNERS",
    "N_SISTERS",
    "PARTNER",
    "RATE_CUT_BP",
    "SHARE_FUND",
    "TXN_KINDS",
    "Product",
    "TermProducts",
    "position_of",
    "products",
    "term_products",
]

"""Nouns of the simulated bank: the plan it is drawn from, what was written, contacts handed in, effects handed out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from zhike.kernel.errors import BadInput
from zhike.kernel.terms import Channel

Delivery = Literal["parquet", "bank_files"]
CHUNK_CUSTOMERS = 20_000  # part of the recipe: another size draws another bank


@dataclass(frozen=True, slots=True)
class BankPlan:
    """What bank to draw. The same plan gives the same bytes on every machine.

    Parameters
    ----------
    n_customers : true customers (persons, sole traders and companies together), >= 50.
    n_days : days of history that end on ``last_day``, >= 30.
    seed : any integer >= 0.
    last_day : last business day delivered.
    delivery : ``parquet`` (typed files) or ``bank_files`` (header-less text, fixed width, archives, control files).
    n_daily_folders : the last days that come as daily increments; all earlier history comes in one first folder.
    activity_rate : scales everyday payments; 1.0 gives about 60 movements per customer and year.
    has_dirt : plant bad rows that a reader must hold back (counted in ``truth/dirt.parquet``).
    """

    n_customers: int
    n_days: int
    seed: int
    last_day: date
    delivery: Delivery = "parquet"
    n_daily_folders: int = 2
    activity_rate: float = 1.0
    has_dirt: bool = True

    def __post_init__(self) -> None:
        limits = (
            ("n_customers", self.n_customers >= 50, ">= 50"),
            ("n_days", 30 <= self.n_days <= 3_660, "30-3660"),
            ("seed", self.seed >= 0, ">= 0"),
            ("delivery", self.delivery in ("parquet", "bank_files"), "parquet | bank_files"),
            ("n_daily_folders", 0 <= self.n_daily_folders < self.n_days, "0 … n_days - 1"),
            ("activity_rate", 0 < self.activity_rate <= 20, "(0, 20]"),
        )
        for name, is_fine, rule in limits:
            if not is_fine:
                raise BadInput(
                    "simulator.plan", zh=f"模拟银行参数 {name} 应为 {rule}", en=f"the bank plan's {name} must be {rule}",
                    todo_zh="请修改该参数", todo_en=f"change {name}",
                )  # fmt: skip

    @property
    def first_day(self) -> date:
        """First day of the history."""
        return self.last_day - timedelta(days=self.n_days - 1)

    @property
    def initial_day(self) -> date:
        """Business day of the first folder: it holds all history up to and including this day."""
        return self.last_day - timedelta(days=self.n_daily_folders)

    @property
    def n_chunks(self) -> int:
        """Independent parts the bank is drawn in."""
        return -(-self.n_customers // CHUNK_CUSTOMERS)

    def chunk_size(self, chunk: int) -> int:
        """Customers of part ``chunk`` (0-based)."""
        return min(CHUNK_CUSTOMERS, self.n_customers - chunk * CHUNK_CUSTOMERS)


@dataclass(frozen=True, slots=True)
class BankSummary:
    """What ``simulate`` or a continuation wrote.

    ``n_rows`` counts rows per file entry of the mapping, planted dirt included; ``planted_dirt`` counts bad rows per
    ``(entry, reason)``; all paths are absolute.
    """

    folder: Path
    data_folder: Path
    truth_folder: Path
    mapping_file: Path
    first_day: date
    last_day: date
    n_rows: Mapping[str, int]
    planted_dirt: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact made by the bank, named in the bank's own words.

    ``source_key`` is the customer number of the core system; ``channel`` one of ``kernel.terms.Channel``; ``offer`` the
    offer's key or a product class; ``contact_id`` comes back on the receipt.
    """

    contact_id: str
    source_key: str
    channel: Channel
    on: date
    offer: str = ""


@dataclass(frozen=True, slots=True)
class TrueEffect:
    """The true mean effect of contacting, from potential outcomes, on customers whose money matures in the window.

    ``kept_rate_*`` are means over customers of kept over matured principal, at maturity + 7 days. ``effect`` is their
    difference on those who were contacted; ``standard_error`` says how far a *realised* difference of two independent
    groups of these sizes may lie from it. ``effect_of_money`` weighs each customer by principal: what a kept rate of sums
    estimates.
    """

    n_treated: int
    n_control: int
    kept_rate_contacted: float
    kept_rate_not_contacted: float
    kept_rate_control: float
    effect: float
    effect_amount: float
    effect_of_money: float
    standard_error: float


__all__ = ["CHUNK_CUSTOMERS", "BankPlan", "BankSummary", "Contact", "Delivery", "TrueEffect"]

"""Nouns of measuring: metrics, experiment plans, and how far a number may be believed (its design)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import ibis.expr.types as ir

from zhike.kernel.terms import Text


class Arm(StrEnum):
    """Which side of an experiment a customer was assigned to, by hash and for good."""

    TREATMENT = "treatment"
    CONTROL = "control"


class Shape(StrEnum):
    """How customers' outcomes become one number."""

    PROPORTION = "proportion"  # share of customers who did it
    MEAN = "mean"  # value per customer
    RATIO = "ratio"  # Σ value / Σ weight, e.g. yuan kept per yuan matured; the customer is the cluster


class Design(StrEnum):
    """What the comparison rests on, strongest first. Anything but ``randomised`` is shown as weaker."""

    RANDOMISED = "randomised"  # against a hold-out drawn by hash
    PRE_POST = "pre_post"  # the same customers before and after: not causal
    LEVEL_ONLY = "level_only"  # what happened among the treated, with nothing to compare


class Caution(StrEnum):
    """Warnings of a measured effect; kept with it and shown. Those of ``statistics.Caveat`` stand beside them."""

    NO_CONTROL = "no_control"
    SAMPLE_RATIO = "sample_ratio_mismatch"
    CONTROL_CONTACTED = "control_contacted"
    PARTLY_WAITING = "partly_waiting"
    COST_UNKNOWN = "cost_unknown"


class Tables(Protocol):
    """Tables by name, as a catalog or a plain mapping gives them."""

    def __getitem__(self, table: str, /) -> ir.Table: ...


@dataclass(frozen=True, slots=True)
class Windows:
    """What a metric function is handed.

    ``units`` has one row per assigned customer: customer_id, ``from_on`` and ``until_on`` (inclusive): the days in which
    the outcome may arise. ``as_of`` bounds every read of facts, also by ``recorded_at``.
    """

    tables: Tables
    units: ir.Table
    as_of: date


@dataclass(frozen=True, slots=True)
class Metric:
    """One outcome per customer, and how it is said.

    Parameters
    ----------
    compute : gives customer_id, value (float), weight (float; 1 except for ratios), one row per customer *to whom the
        question applies*, decided by facts from before the assignment only (else the comparison is biased).
    reads : tables that ``compute`` opens.
    settle_days : days after the window until its facts are complete.
    bounds : where the number can only lie, for cutting intervals.
    settings : parameters that ``compute`` was made with; a change measures anew.
    has_before : whether the same window before the assignment is a fair (if weaker) comparison.
    """

    key: str
    name: Text
    meaning: Text
    shape: Shape
    unit: str
    compute: Callable[[Windows], ir.Table]
    reads: tuple[str, ...]
    settle_days: int = 0
    bounds: tuple[float, float] | None = None
    has_before: bool = False
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """How one experiment is measured; agreed before it starts.

    Parameters
    ----------
    experiment : key in ``assignment``.
    campaign : key in ``contact`` whose contacts count as its exposure.
    metrics : (metric key, window_days > 0) in order; the first is the headline and feeds the ROI.
    contact_cost_amounts : cost of one contact by channel, in base currency.
    unit_value_amount : worth of one unit of the headline (of one kept yuan, of one loan); None when unknown.
    unit_value_basis : where that worth comes from, in words, shown beside the ROI.
    margin_days : > 0 takes the worth of one kept yuan from transfer prices over so many days, where none is given.
    """

    experiment: str
    campaign: str
    metrics: tuple[tuple[str, int], ...]
    contact_cost_amounts: Mapping[str, Decimal] = field(default_factory=dict)
    unit_value_amount: Decimal | None = None
    unit_value_basis: Text | None = None
    margin_days: int = 0
    confidence: float = 0.95
    power: float = 0.8


__all__ = ["Arm", "Caution", "Design", "ExperimentPlan", "Metric", "Shape", "Tables", "Windows"]

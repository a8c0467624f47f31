"""The outcomes zhike can measure. Each rests on the base definition that the profile shows, so both say the same number.

A metric applies to customers by facts from before the assignment only; what happened after it decides the value, never who
is counted. To add one: a function of :class:`Windows` and an entry in :func:`standard_metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import ibis
import ibis.expr.types as ir

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import NotFound
from zhike.kernel.terms import Text
from zhike.measure.terms import Metric, Shape, Windows
from zhike.profile.base_definitions import KEPT_AFTER_DAYS, WORDS, first_loan_with_us, maturity_kept
from zhike.profile.facts import FACTS, MONEY_READS, fact_table
from zhike.profile.money import holders
from zhike.profile.observation import BUSINESS_TIMEZONE, Observation, observe


def _observation(windows: Windows, timezone: str) -> Observation:
    return observe(windows.tables, windows.as_of, timezone=timezone, histories={})


def _numbered(windows: Windows) -> ir.Table:
    """Return the units with customer_no."""
    numbers = windows.tables["customer"].select("customer_id", "customer_no")
    return windows.units.inner_join(numbers, "customer_id")


def due_contracts(windows: Windows, observation: Observation) -> ir.Table:
    """Return the term contracts that ran when the window opened and fall due in it, one row per owner.

    A contract broken inside the window before it matured counts from the day it was broken: its money was set free then,
    and leaving it out would drop just the customers whom a contact may have kept from breaking it.

    Returns
    -------
    contract_id (unique per owner), customer_id, customer_no, matures_on, principal_amount (the owner's share).
    """
    own, units = holders(observation), _numbered(windows)
    contracts = observation.known("term_contract", dated_by="started_on")
    rows = contracts.inner_join(own, "account_id").inner_join(units, "customer_no")
    ran = (rows.started_on < rows.from_on) & (rows.ended_on.isnull() | (rows.ended_on >= rows.from_on))
    due_on = ibis.least(rows.matures_on, ibis.coalesce(rows.ended_on, rows.matures_on))
    rows = rows.mutate(due_on=due_on).filter(lambda t: ran & (t.due_on >= t.from_on) & (t.due_on <= t.until_on))
    share = rows.principal_amount.cast("float64") * rows.share_rate.fill_null(1.0)
    return rows.select(
        "customer_id", "customer_no",
        contract_id=rows.contract_id + "/" + rows.customer_no.cast("string"),
        matures_on=rows.due_on,
        principal_amount=share.round(2).cast("decimal(18, 2)"),
    )  # fmt: skip


def kept_at_maturity(windows: Windows, *, aum_classes: Sequence[str], timezone: str) -> ir.Table:
    """Return per customer yuan kept (value) of yuan that fell due in the window (weight)."""
    observation = _observation(windows, timezone)
    contracts = due_contracts(windows, observation)
    kept = maturity_kept(observation, contracts.drop("customer_id"), aum_classes=aum_classes)
    principal = kept.principal_amount.cast("float64")
    by_number = kept.group_by("customer_no").aggregate(value=(kept.kept_rate * principal).sum(), weight=principal.sum())
    return by_number.inner_join(_numbered(windows), "customer_no").select("customer_id", "value", "weight")


def kept_per_customer(windows: Windows, *, aum_classes: Sequence[str], timezone: str) -> ir.Table:
    """Return each customer's own kept rate: every customer counts once, so that a few large sums do not drown the rest."""
    money = kept_at_maturity(windows, aum_classes=aum_classes, timezone=timezone)
    return money.select("customer_id", value=money.value / money.weight.nullif(0.0), weight=ibis.literal(1.0))


def took_first_loan(windows: Windows, *, timezone: str) -> ir.Table:
    """Return 1 for customers whose first loan at this bank was drawn in the window, else 0.

    Customers who had one before the window are left out: they cannot take a first one.
    """
    first = first_loan_with_us(_observation(windows, timezone))
    units = _numbered(windows).left_join(first, "customer_no")
    open_ones = units.filter(units.first_loan_on.isnull() | (units.first_loan_on >= units.from_on))
    inside = open_ones.first_loan_on.notnull() & (open_ones.first_loan_on <= open_ones.until_on)
    return open_ones.select("customer_id", value=inside.ifelse(1.0, 0.0), weight=ibis.literal(1.0))


def net_inflow(windows: Windows, *, external_counterparties: Sequence[str], timezone: str) -> ir.Table:
    """Return money from less money to other banks, brokers, wallets and cash in the window, for every customer."""
    observation = _observation(windows, timezone)
    moves = fact_table("transaction").view(observation)
    moves = moves.filter(moves.counterparty_kind.isin(tuple(external_counterparties)))
    units = _numbered(windows)
    inside = moves.inner_join(units, "customer_no").filter(lambda t: (t.on >= t.from_on) & (t.on <= t.until_on))
    signed = (inside.direction == "in").ifelse(1, -1) * inside.amount
    sums = inside.group_by("customer_no").aggregate(net=signed.sum())
    joined = units.left_join(sums, "customer_no")
    return joined.select("customer_id", value=joined.net.fill_null(0).cast("float64"), weight=ibis.literal(1.0))


def standard_metrics(
    *, aum_classes: Sequence[str], external_counterparties: Sequence[str], timezone: str = BUSINESS_TIMEZONE
) -> dict[str, Metric]:
    """Return key → metric of the standard pack.

    Parameters
    ----------
    aum_classes, external_counterparties : the parameters of these names.
    timezone : IANA name of the zone of business days.
    """
    found = (
        Metric(
            "maturity_kept", Text("到期承接率", "Kept at maturity"), WORDS["maturity_kept_rate"], Shape.RATIO, "rate",
            partial(kept_at_maturity, aum_classes=tuple(aum_classes), timezone=timezone),
            ("term_contract", *MONEY_READS), settle_days=KEPT_AFTER_DAYS, bounds=(0.0, 1.0), settings=(*aum_classes, timezone),
        ),
        Metric(
            "maturity_kept_per_customer", Text("户均到期承接率", "Kept at maturity, each customer once"), WORDS["maturity_kept_rate"],
            Shape.MEAN, "rate", partial(kept_per_customer, aum_classes=tuple(aum_classes), timezone=timezone),
            ("term_contract", *MONEY_READS), settle_days=KEPT_AFTER_DAYS, bounds=(0.0, 1.0), settings=(*aum_classes, timezone),
        ),
        Metric(
            "loan_taken", Text("首次提款率", "Took a first loan"), WORDS["first_loan_with_us"], Shape.PROPORTION, "rate",
            partial(took_first_loan, timezone=timezone), FACTS["loan"].reads, bounds=(0.0, 1.0), settings=(timezone,),
        ),
        Metric(
            "external_net_inflow", Text("行外净流入(户均)", "External net inflow per customer"), WORDS["external_net_inflow_amount"],
            Shape.MEAN, "amount",
            partial(net_inflow, external_counterparties=tuple(external_counterparties), timezone=timezone),
            FACTS["transaction"].reads, has_before=True, settings=(*external_counterparties, timezone),
        ),
    )  # fmt: skip
    return {m.key: m for m in found}


def find_metric(key: str, metrics: dict[str, Metric]) -> Metric:
    """Return the metric called ``key``; NotFound names the nearest."""
    if key not in metrics:
        near = suggest(key, metrics)
        raise NotFound(
            "measure.metric_unknown", zh=f"没有指标 {key}", en=f"there is no metric {key}",
            todo_zh=f"是否要找 {near}？" if near else f"可用：{', '.join(metrics)}",
            todo_en=f"did you mean {near}?" if near else f"there are {', '.join(metrics)}",
        )  # fmt: skip
    return metrics[key]


__all__ = ["due_contracts", "find_metric", "kept_at_maturity", "net_inflow", "standard_metrics", "took_first_loan"]

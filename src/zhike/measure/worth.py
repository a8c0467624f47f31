"""What it was worth: cost of contacts against what would not have come anyway.

Incremental units = effect per customer (or per yuan) × what was treated; revenue = units × worth of one; profit = revenue −
cost. The interval of the effect is carried through all of it. A bank that counts every conversion of the contacted as won
counts those who would have come anyway; this does not.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import ibis.expr.types as ir

from zhike.kernel.errors import NotEstimable
from zhike.kernel.money import to_amount
from zhike.measure.effect import Effect
from zhike.measure.terms import Arm, Caution, ExperimentPlan, Shape, Tables


def sum_costs(metric_key: str, *, exposure: ir.Table, outcome: ir.Table) -> tuple[int, Decimal | None]:
    """Return number and cost of the contacts made to the treated customers whose outcome of ``metric_key`` is known.

    The cost is None when one of those contacts has no cost: half a cost would flatter the result.
    """
    measured = outcome.filter(lambda t: (t.metric == metric_key) & (t.arm == Arm.TREATMENT.value))
    row = (
        exposure.semi_join(measured, "customer_id")
        .aggregate(
            n_contacts=lambda t: t.n_contacts.sum().fill_null(0).cast("int64"),
            cost=lambda t: t.contact_cost_amount.sum(),
            n_unknown=lambda t: t.contact_cost_amount.isnull().ifelse(1, 0).sum().fill_null(0).cast("int64"),
        )
        .to_pyarrow()
        .to_pylist()[0]
    )
    known = row["n_unknown"] == 0
    return row["n_contacts"], to_amount(row["cost"] or Decimal(0)) if known else None


def roi_row(
    plan: ExperimentPlan, effect: Effect, *, n_contacts: int, cost_amount: Decimal | None, as_of: date
) -> dict[str, object]:
    """Return the row of table ``roi``: the headline metric of a plan in money, with ``reason`` where a number is missing.

    Returns
    -------
    revenue, profit and rate are missing when the effect, the unit value or the cost is; a profit over no cost has no rate.
    """
    treated = effect.arms.get(Arm.TREATMENT)
    row: dict[str, object] = {
        "experiment": plan.experiment, "metric": effect.metric.key, "design": effect.design.value, "measured_on": as_of,
        "n_treated": treated.sums.n if treated else 0, "n_contacts": n_contacts, "cost_amount": cost_amount,
        "unit_value_amount": None if plan.unit_value_amount is None else float(plan.unit_value_amount),
        "basis_zh": plan.unit_value_basis.zh if plan.unit_value_basis else None,
        "basis_en": plan.unit_value_basis.en if plan.unit_value_basis else None,
    }  # fmt: skip
    if effect.difference is None or treated is None:
        return {**row, "reason": effect.reason or Caution.NO_CONTROL.value}
    base = treated.sums.x if effect.metric.shape is Shape.RATIO else float(treated.sums.n)
    won = effect.difference.interval.scaled(base)
    ends = {"": won.estimate, "_low": won.low, "_high": won.high}
    row |= {f"incremental{end}": value for end, value in ends.items()}
    if plan.unit_value_amount is None:
        return {**row, "reason": "measure.unit_value_unknown"}
    revenues = {end: to_amount(Decimal(str(value)) * plan.unit_value_amount) for end, value in ends.items()}
    row |= {f"revenue{end}_amount": value for end, value in revenues.items()}
    if cost_amount is None:
        return {**row, "reason": Caution.COST_UNKNOWN.value}
    profits = {end: value - cost_amount for end, value in revenues.items()}
    row |= {f"profit{end}_amount": value for end, value in profits.items()}
    if cost_amount > 0:
        row |= {f"roi{end}_rate": float(value / cost_amount) for end, value in profits.items()}
    return row


def deposit_margin(tables: Tables, *, as_of: date, horizon_days: int) -> Decimal:
    """Return what one kept yuan earns over ``horizon_days``: Σ principal × (FTP − rate) / Σ principal × days / 365.

    Taken over the term contracts running on ``as_of`` whose product class has a funds-transfer price that day: the
    deposit part of 综合贡献. Six decimal places, base currency per yuan; may be negative.

    Raises
    ------
    NotEstimable : no running contract has both a rate and a funds-transfer price.
    """
    contract, product, price = tables["term_contract"], tables["product"], tables["ftp_rate"]
    running = contract.filter(
        lambda t: (t.started_on <= as_of) & (t.ended_on.isnull() | (t.ended_on > as_of)) & t.annual_rate.notnull()
    )
    valid = price.filter(lambda t: (t.valid_from_on <= as_of) & (t.valid_to_on.isnull() | (t.valid_to_on >= as_of)))
    priced = running.inner_join(product.select("product_id", "product_class"), "product_id").inner_join(
        valid.select("product_class", ftp="annual_rate"), "product_class"
    )
    principal = priced.principal_amount.cast("float64")
    row = (
        priced.aggregate(
            earned=(principal * (priced.ftp - priced.annual_rate)).sum(),
            principal=principal.sum(),
        )
        .to_pyarrow()
        .to_pylist()[0]
    )
    if not row["principal"]:
        raise NotEstimable(
            "measure.margin_unknown", zh="没有同时具备利率与FTP价格的存续合约，无法估计每元价值",
            en="no running contract has both a rate and a funds-transfer price, so a kept yuan has no known worth",
            todo_zh="接入 ftp_rate，或在参数中给出每元价值", todo_en="map ftp_rate, or give the worth of a kept yuan as a parameter",
        )  # fmt: skip
    yearly = Decimal(str(row["earned"] / row["principal"]))
    return (yearly * horizon_days / 365).quantize(Decimal("0.000001"))


__all__ = ["deposit_margin", "roi_row", "sum_costs"]

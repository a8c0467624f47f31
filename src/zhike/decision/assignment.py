"""Who is held out: decided by a hash, the same for ever, on every engine, with the probability written down.

Only customers who are eligible and permitted are split, so that both arms are comparable. An earlier assignment stands,
whatever the rate has become since.
"""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

from zhike.decision.terms import Arm
from zhike.kernel.hashing import ASSIGNMENT_HEX_DIGITS, assignment_share


def arm_of(experiment: str, customer_id: str, *, holdout_rate: float) -> Arm:
    """Return the arm of one customer: control when its share falls below ``holdout_rate``."""
    return Arm.CONTROL if assignment_share(experiment, customer_id) < holdout_rate else Arm.TREATMENT


def share_column(experiment: str, customer_id: ir.StringValue) -> ir.FloatingValue:
    """Return where each customer falls in [0, 1): the same number as ``kernel.hashing.assignment_share``.

    Hex digits are read one by one by their place in the alphabet of digits, which every engine does alike.
    """
    digest = (ibis.literal(f"{experiment}:") + customer_id).hexdigest("md5")
    digits = ibis.literal("0123456789abcdef")
    parts = [
        digits.find(digest.substr(i, 1)).cast("float64") * float(16 ** (ASSIGNMENT_HEX_DIGITS - 1 - i))
        for i in range(ASSIGNMENT_HEX_DIGITS)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total / float(16**ASSIGNMENT_HEX_DIGITS)


def assign(
    permitted: ir.Table, before: ir.Table, *, experiment: str, holdout_rate: float, assigned_on: date
) -> ir.Table:
    """Return everybody ever assigned to an experiment: earlier assignments as they were, and the new ones.

    Parameters
    ----------
    permitted : customer_id of those who came through the funnel today.
    before : the table ``assignment`` of the last earlier run (may be empty).
    """
    earlier = before.filter(before.experiment == experiment)
    new = permitted.select("customer_id").distinct().anti_join(earlier, "customer_id")
    share = share_column(experiment, new.customer_id)
    fresh = new.select(
        experiment=ibis.literal(experiment),
        customer_id=new.customer_id,
        arm=(share < holdout_rate).ifelse(Arm.CONTROL.value, Arm.TREATMENT.value),
        share=share,
        holdout_rate=ibis.literal(holdout_rate, type="float64"),
        assigned_on=ibis.literal(assigned_on),
    )
    return earlier.select(*fresh.columns).union(fresh)


__all__ = ["arm_of", "assign", "share_column"]

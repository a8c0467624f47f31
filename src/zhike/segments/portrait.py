"""What sets a segment apart: share of its members in each class of a few dimensions, beside the share of everybody it is for.

TGI (target group index) is 100 × share of members / share of the base; 100 is "like everybody". Classes with few members are
shown, but never singled out in the sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from zhike.kernel.terms import Text

LEAST_MEMBERS = 30
MISSING = "unknown"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One column of the profile and the lower bounds that cut it into classes; () takes its codes as they are."""

    field: str
    names: Text
    bounds: tuple[float, ...] = ()


DIMENSIONS: tuple[Dimension, ...] = (
    Dimension("party_kind", Text("客户类型", "Kind of customer")),
    Dimension("sex", Text("性别", "Sex")),
    Dimension("age", Text("年龄", "Age"), (0, 18, 25, 35, 45, 55, 65)),
    Dimension("tenure_days", Text("客户年资(天)", "Days with us"), (0, 90, 365, 1095, 1825)),
    Dimension("aum_mavg_amount", Text("月日均AUM", "Monthly mean AUM"), (0, 1_000, 50_000, 200_000, 1_000_000, 6_000_000)),
    Dimension("deposit_share_rate", Text("存款占比", "Share in deposits"), (0, 0.2, 0.5, 0.8)),
    Dimension("n_product_classes", Text("产品大类数", "Product classes"), (0, 1, 2, 4)),
    Dimension("has_payroll", Text("代发", "Payroll")),
    Dimension("has_mobile_bank", Text("手机银行", "Mobile bank")),
    Dimension("has_wecom", Text("企微好友", "WeCom connected")),
    Dimension("digital_share_rate", Text("线上占比", "Digital share"), (0, 0.2, 0.5, 0.8)),
    Dimension("risk_grade", Text("风险等级", "Risk grade")),
    Dimension("company_size", Text("企业规模", "Company size")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trait:
    """One class of one dimension: how common among members, how common in the base, and the index of the two."""

    dimension: str
    value: str
    n_members: int
    share_rate: float
    base_share_rate: float

    @property
    def tgi(self) -> float | None:
        """100 × share / base share; None when the base has nobody in the class."""
        return round(100 * self.share_rate / self.base_share_rate, 1) if self.base_share_rate else None


def class_of(table: ir.Table, dimension: Dimension) -> ir.Value:
    """Return the class of a dimension that each customer is in; ``MISSING`` where it is not known."""
    value = table[dimension.field]
    if not dimension.bounds:
        return value.cast("string").fill_null(MISSING)
    number = value.cast("float64")
    bounds = dimension.bounds
    labels = [_label(low, high) for low, high in zip(bounds, (*bounds[1:], None), strict=True)]
    tests = [(number >= low, label) for low, label in reversed(list(zip(bounds, labels, strict=True)))]
    return ibis.cases(*tests, else_=ibis.ifelse(number.isnull(), MISSING, f"<{bounds[0]:g}"))


def _label(low: float, high: float | None) -> str:
    return f"≥{low:g}" if high is None else f"{low:g}–<{high:g}"


def say_portrait(traits: Sequence[Trait], *, language: str = "zh", most: int = 3) -> str:
    """Return one sentence with the traits in which a segment differs most from its base; "" when it is like everybody."""
    names: Mapping[str, Text] = {d.field: d.names for d in DIMENSIONS}
    marked = [
        t for t in traits if t.value != MISSING and t.n_members >= LEAST_MEMBERS and t.tgi is not None and t.tgi >= 120
    ]
    chosen = sorted(marked, key=lambda t: (-(t.share_rate - t.base_share_rate), t.dimension, t.value))[:most]
    if language == "zh":
        return "；".join(
            f"{names[t.dimension].zh} {t.value} 占 {t.share_rate:.0%}（全体 {t.base_share_rate:.0%}，TGI {t.tgi:.0f}）"
            for t in chosen
        )
    return "; ".join(
        f"{names[t.dimension].en} {t.value}: {t.share_rate:.0%} (all: {t.base_share_rate:.0%}, TGI {t.tgi:.0f})"
        for t in chosen
    )


__all__ = ["DIMENSIONS", "LEAST_MEMBERS", "Dimension", "Trait", "class_of", "say_portrait"]

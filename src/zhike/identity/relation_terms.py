"""Nouns of relations: where one comes from, and what it takes to infer one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir

from zhike.identity.graph import GraphSettings
from zhike.kernel.errors import BadInput, Finding

DECLARED_ORIGINS = ("party_relation", "company_contact")
INFERRED_ORIGINS = ("shared_account", "wages", "invoices", "same_representative", "ownership")
ORIGINS = (*DECLARED_ORIGINS, *INFERRED_ORIGINS)
WAGE_PURPOSES = ("wage", "bonus")


def day_before(day: ir.Value) -> ir.Value:
    """Return the day before, as a date: engines make a moment of a date and an interval, and Ibis leaves a plain cast out."""
    return (day - ibis.interval(days=1)).cast("timestamp").cast("date")


def day_after(day: ir.Value) -> ir.Value:
    """Return the day after, as a date."""
    return (day + ibis.interval(days=1)).cast("timestamp").cast("date")


class Tables(Protocol):
    """Typed Ibis tables by name: a catalog, or a plain mapping."""

    def __getitem__(self, table: str, /) -> ir.Table:
        """Return the table called ``table``."""
        ...


@dataclass(frozen=True, slots=True)
class RelationSettings:
    """What it takes to infer a relation, filled from the definitions' parameters by the pipeline.

    ``most_in_household`` : an account with more holders is a club or a cash box. ``employer_least_months`` : months with wages from
    one company that make an employee; ``employer_gap_days`` : days without wages after which the last pay day was the end.
    ``supplier_least_invoices``, ``supplier_gap_days`` : the same of invoices between businesses.
    ``representative_most_companies`` : who represents more companies is an agent, and makes no group.
    """

    most_in_household: int = 6
    employer_least_months: int = 2
    employer_gap_days: int = 75
    supplier_least_invoices: int = 2
    supplier_gap_days: int = 365
    representative_most_companies: int = 10
    graph: GraphSettings = field(default_factory=GraphSettings)


@dataclass(frozen=True, slots=True)
class _Limit:
    """A parameter: the field of the settings that it fills, and the numbers that make sense (``below`` itself does not)."""

    field: str
    least: float
    below: float
    is_whole: bool = True
    is_of_graph: bool = False


PARAMETERS: Mapping[str, _Limit] = {
    "household_most_holders": _Limit("most_in_household", 2, 101),
    "employer_least_months": _Limit("employer_least_months", 1, 61),
    "employer_gap_days": _Limit("employer_gap_days", 31, 3_661),
    "supplier_least_invoices": _Limit("supplier_least_invoices", 1, 1_001),
    "supplier_gap_days": _Limit("supplier_gap_days", 1, 3_661),
    "representative_most_companies": _Limit("representative_most_companies", 1, 101),
    "beneficial_owner_from_rate": _Limit("owner_from_rate", 0.01, 1.000001, is_whole=False, is_of_graph=True),
    "group_control_above_rate": _Limit("control_above_rate", 0.5, 1, is_whole=False, is_of_graph=True),
    "group_most_controlled": _Limit("most_controlled", 1, 1_000_001, is_of_graph=True),
}


def relation_settings(parameters: Mapping[str, object]) -> RelationSettings:
    """Return what it takes to infer relations, groups and owners; a parameter that a project does not set keeps its default.

    Raises
    ------
    BadInput : ``identity.relation_parameters`` with every parameter that makes no sense.
    """
    findings = []
    given: dict[bool, dict[str, Any]] = {True: {}, False: {}}
    for name, limit in PARAMETERS.items():
        value = parameters.get(name)
        if value is None:
            continue
        if _makes_sense(value, limit):
            given[limit.is_of_graph][limit.field] = value
        else:
            kind = ("a whole number", "整数") if limit.is_whole else ("a number", "数值")
            span = f"{limit.least:g} ≤ {name} < {limit.below:g}"
            findings.append(
                Finding(f"parameters.yaml {name}", f"must be {kind[0]}, {span} · 应为{kind[1]}，{span}", str(value))
            )
    if findings:
        raise BadInput(
            "identity.relation_parameters", zh="关联关系参数不合理", en="parameters of relations make no sense", findings=tuple(findings),
            todo_zh="修改 parameters.yaml 中的参数", todo_en="change them in parameters.yaml",
        )  # fmt: skip
    return RelationSettings(**given[False], graph=GraphSettings(**given[True]))


def _makes_sense(value: object, limit: _Limit) -> bool:
    is_number = isinstance(value, int if limit.is_whole else int | float) and not isinstance(value, bool)
    return is_number and limit.least <= value < limit.below  # type: ignore[operator]  # a number


__all__ = [
    "DECLARED_ORIGINS", "INFERRED_ORIGINS", "ORIGINS", "PARAMETERS", "WAGE_PURPOSES", "RelationSettings", "Tables", "day_after", "day_before",
    "relation_settings",
]  # fmt: skip

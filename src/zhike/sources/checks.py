"""The checks that a mapping asks for under ``reconcile``: read, typed, and refused with the nearest known name.

What a check computes is in ``reconcile`` (control totals, age) and ``ledger`` (running balances).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.mistakes import did_you_mean, finding_of

Measure = Literal["aum_amount", "deposit_amount", "loan_amount", "n_customers"]


class _Check(BaseModel):
    """``key`` names the check in ``reconciliation``; more red rows than ``exceptions_at_most`` stop the run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    exceptions_at_most: int = Field(default=0, ge=0)


class ControlTotalCheck(_Check):
    """Our total per unit and product class beside the bank's own report (table ``control_total``)."""

    kind: Literal["control_total"]
    measure: Measure
    tolerance_amount: Decimal = Field(default=Decimal("0.01"), ge=0)


class RunningBalanceCheck(_Check):
    """Each movement must start where another ended: the same day in any order, or the account's day before.

    ``last_days`` looks at that many days up to the day of the run; missing: all of them.
    """

    kind: Literal["running_balance"]
    table: Literal["transaction"] = "transaction"
    tolerance_amount: Decimal = Field(default=Decimal("0.01"), ge=0)
    last_days: int | None = Field(default=None, ge=1)


class MaximumAgeCheck(_Check):
    """The newest row of a table may be ``at_most_days`` old (by the table's business date).

    ``holds`` says what a red check holds back: ``publishing`` stops the run; ``sends`` only marks the row for those who
    plan contacts.
    """

    kind: Literal["maximum_age"]
    table: str
    at_most_days: int = Field(ge=0)
    holds: Literal["publishing", "sends"] = "publishing"


Check = ControlTotalCheck | RunningBalanceCheck | MaximumAgeCheck
KINDS: Mapping[str, type[ControlTotalCheck | RunningBalanceCheck | MaximumAgeCheck]] = {
    "control_total": ControlTotalCheck, "running_balance": RunningBalanceCheck, "maximum_age": MaximumAgeCheck,
}  # fmt: skip


def read_checks(
    entries: Sequence[Mapping[str, Any]], *, dated_tables: Sequence[str], file: str = "mapping.yaml"
) -> tuple[Check, ...]:
    """Return the checks written under ``reconcile``.

    Parameters
    ----------
    entries : as read from YAML.
    dated_tables : tables that have a business date, for ``maximum_age``.
    file : named in errors.

    Raises
    ------
    BadInput : a kind or field is unknown, a value is out of range, a key is written twice; all mistakes at once.
    """
    checks: list[Check] = []
    findings: list[Finding] = []
    for position, entry in enumerate(entries):
        where = f"{file} reconcile[{position}] {entry.get('key', '')}".strip()
        found = _parse(entry, where)
        if isinstance(found, list):
            findings += found
            continue
        if any(c.key == found.key for c in checks):
            findings.append(
                Finding(where, "the key is written twice · 键写了两次", found.key, "give each its own 各用一个键")
            )
        if isinstance(found, MaximumAgeCheck) and found.table not in dated_tables:
            near = suggest(found.table, dated_tables)
            findings.append(
                Finding(
                    where,
                    "there is no dated table of that name · 没有该名称且带日期的表",
                    found.table,
                    did_you_mean(near),
                )
            )
        checks.append(found)
    if findings:
        raise BadInput(
            "sources.reconcile_malformed",
            zh=f"{file} 的 reconcile 有误",
            en=f"reconcile of {file} is malformed",
            todo_zh="核对的写法见 docs/concepts/sources.md",
            todo_en="docs/concepts/sources.md explains the checks",
            findings=tuple(findings),
        )
    return tuple(checks)


def _parse(entry: Mapping[str, Any], where: str) -> Check | list[Finding]:
    """Return the check, or what is wrong with it."""
    kind = str(entry.get("kind", ""))
    model = KINDS.get(kind)
    if model is None:
        near = suggest(kind, KINDS)
        return [
            Finding(
                f"{where}.kind",
                "there is no such kind of check · 没有这种核对",
                kind,
                did_you_mean(near) or f"one of 应为 {', '.join(KINDS)}",
            )
        ]
    try:
        return model.model_validate(dict(entry))
    except ValidationError as error:
        known = model.model_fields
        return [
            finding_of(
                item, ".".join([where, *(str(p) for p in item["loc"])]), nearest=lambda name: suggest(name, known)
            )
            for item in error.errors()
        ]


__all__ = ["Check", "ControlTotalCheck", "MaximumAgeCheck", "RunningBalanceCheck", "read_checks"]

"""The bank's ``mapping.yaml``, written from the same descriptions that its files are written from."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import yaml

from zhike.simulator.files.terms import FileColumn, FileSpec
from zhike.simulator.files.write import DELIMITER, ENCODING, archive_name, file_name
from zhike.simulator.terms import BankPlan, Delivery

RECONCILE: tuple[dict[str, Any], ...] = (
    {"key": "aum_by_branch", "kind": "control_total", "measure": "aum_amount", "tolerance_amount": 0.01},
    {"key": "deposits_by_branch", "kind": "control_total", "measure": "deposit_amount", "tolerance_amount": 0.01},
    {"key": "loans_by_branch", "kind": "control_total", "measure": "loan_amount", "tolerance_amount": 0.01},
    {"key": "customers_by_branch", "kind": "control_total", "measure": "n_customers", "tolerance_amount": 0},
    {
        "key": "running_balance",
        "kind": "running_balance",
        "table": "transaction",
        "tolerance_amount": 0.01,
        "exceptions_at_most": 0,
    },
)
LEDGER_GAPS = 200  # a planted bad movement is held back, and leaves a gap in its account's ledger


def _checks(plan: BankPlan) -> list[dict[str, Any]]:
    """Return the checks of the bank; movements that a reader must hold back leave gaps that the bank knows of."""
    gaps = LEDGER_GAPS if plan.has_dirt else 0
    return [{**c, "exceptions_at_most": gaps} if c["key"] == "running_balance" else dict(c) for c in RECONCILE]


def mapping_document(plan: BankPlan, specs: Sequence[FileSpec]) -> str:
    """Return the text of ``mapping.yaml`` for a delivery."""
    document = {
        "version": 1,
        "calendar": {"first_day": plan.initial_day},
        "tables": [_entry(spec, plan.delivery, plan.initial_day) for spec in specs],
        "reconcile": _checks(plan),
    }
    head = "# Mapping of the simulated bank's files (安河银行) to the table contracts.\n"
    return head + yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=150)


def _entry(spec: FileSpec, delivery: Delivery, first_day: datetime.date) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": spec.name,
        "source": spec.source,
        "to": spec.to,
        "file": file_name(spec, delivery, None),
    }
    if delivery == "bank_files":
        if spec.form == "archive":
            entry["archive"] = archive_name(spec, None)
            entry["control"] = {"file": f"{archive_name(spec, None)}.OK"}
        elif spec.form != "csv":
            entry["control"] = {"file": "{file}.OK"}
        entry["format"] = _format(spec) | {"empty": [""]}
    if spec.is_dated:
        entry["mode"] = spec.mode
        entry["expected"] = "every_day" if spec.is_daily else "as_delivered"
        entry["first_day"] = first_day
    entry["columns"] = {c.to: _column(c, delivery) for c in spec.columns if c.to} | dict(spec.fixed)
    return entry


def _format(spec: FileSpec) -> dict[str, Any]:
    names = [c.name for c in spec.columns]
    if spec.form == "csv":
        return {"kind": "csv", "encoding": "utf-8", "header": True}
    if spec.form == "fixed":
        return {
            "kind": "fixed_width",
            "encoding": ENCODING,
            "header": False,
            "columns": names,
            "widths": [c.width for c in spec.columns],
        }
    return {"kind": "delimited", "encoding": ENCODING, "delimiter": DELIMITER, "header": False, "columns": names}


def _column(column: FileColumn, delivery: Delivery) -> str | dict[str, Any]:
    source: dict[str, Any] = {"column": column.name, **column.extra}
    is_text = delivery == "bank_files"
    if column.kind == "code" and any(value is not None for _, value in column.codes):
        source["values"] = dict(column.codes)
    if column.kind == "cents":
        source["unit"] = 0.01
    if column.kind == "day_text" or (is_text and column.kind == "day"):
        source["date"] = "%Y%m%d"
    if is_text and column.kind == "moment":
        source["date"] = "%Y%m%d%H%M%S"
    return column.name if len(source) == 1 else source


__all__ = ["RECONCILE", "mapping_document"]

"""What a red reconciliation leaves for people: every compared total in the run's folder, since a red run publishes no table.

``reconciliation.csv`` is the whole table (a spreadsheet opens it), ``reconciliation.html`` shows what is beyond tolerance
first. Accounts are masked as in the quality report. Nothing here decides what is red; that is ``reconcile``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from zhike.kernel.terms import Text
from zhike.sources.tables.quality import RECONCILIATION
from zhike.warehouse.manifest import write_atomically

LEDGER = "ledger"
NO_UNIT = "*"
MOST_ROWS = 1000
TABLE_FILE, PAGE_FILE = "reconciliation.csv", "reconciliation.html"
SPREADSHEET_MARK = "\ufeff"  # without it spreadsheets take UTF-8 for the system's own encoding
WORDS: Mapping[str, Text] = {
    "title": Text("总分核对未通过", "Reconciliation is red"),
    "nothing": Text("本次运行未发布任何结果，此前版本仍可用", "Nothing of this run was published; the earlier version stays readable"),
    "beyond": Text("超容差", "Beyond tolerance"), "within": Text("容差以内", "Within tolerance"), "rows": Text("项", "rows"),
    "more": Text("其余见", "the rest is in"),
}  # fmt: skip


def masked_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of ``reconciliation`` fit to be shown: ledger checks name accounts, of which the last digits remain."""
    return [dict(r) | ({"org_id": f"…{r['org_id'][-4:]}"} if _names_account(r) else {}) for r in rows]


def _names_account(row: Mapping[str, Any]) -> bool:
    return bool(row["product_class"] == LEDGER and row["org_id"] != NO_UNIT)


def write_reconciliation(rows: Sequence[Mapping[str, Any]], folder: Path) -> tuple[Path, Path]:
    """Write ``reconciliation.csv`` and ``reconciliation.html`` into ``folder``; return their paths.

    Parameters
    ----------
    rows : rows of the table ``reconciliation``, red or not; shown red first, then by check, day, unit and class.
    """
    shown = sorted(
        masked_rows(rows), key=lambda r: (not r["is_red"], r["check_key"], r["on"], r["org_id"], r["product_class"])
    )
    table, page = folder / TABLE_FILE, folder / PAGE_FILE
    write_atomically(table, SPREADSHEET_MARK + _as_csv(shown))
    environment = Environment(
        loader=PackageLoader("zhike.sources", "templates"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    parts = {"beyond": [r for r in shown if r["is_red"]], "within": [r for r in shown if not r["is_red"]]}
    text = environment.get_template("reconciliation.html").render(
        words=WORDS, columns=RECONCILIATION.columns, parts=parts, most=MOST_ROWS, table_file=TABLE_FILE
    )
    write_atomically(page, text)
    return table, page


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as CSV under the contract's column names; missing values are empty."""
    written = io.StringIO()
    writer = csv.DictWriter(written, RECONCILIATION.column_names, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


__all__ = ["masked_rows", "write_reconciliation"]

"""The data-quality report: one JSON file and one self-contained page per language, from rows of the quality tables.

Pictures are bars and lines in plain SVG and CSS, so that the page needs neither network nor script. It shows counts and
shares only, never a value of a customer.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from zhike.kernel.terms import Text
from zhike.sources.reconcile_report import masked_rows
from zhike.warehouse import Catalog, Contract

DIMENSIONS: Mapping[str, Text] = {
    "completeness": Text("完整性", "Completeness"), "validity": Text("有效性", "Validity"), "uniqueness": Text("唯一性", "Uniqueness"),
    "timeliness": Text("及时性", "Timeliness"), "drift": Text("分布漂移", "Drift"), "volume": Text("数据量", "Volume"),
}  # fmt: skip
WORDS: Mapping[str, Text] = {
    "title": Text("数据质量报告", "Data-quality report"), "as_of": Text("数据日期", "As of"), "tables": Text("表", "tables"),
    "alerts": Text("告警", "Alerts"), "no_alerts": Text("没有告警", "No alerts"), "overview": Text("总览", "Overview"), "table": Text("表", "Table"),
    "column": Text("列", "Column"), "dimension": Text("维度", "Dimension"), "value": Text("数值", "Value"), "over_time": Text("走势", "Over time"),
    "details": Text("各列完整性与漂移", "Columns: completeness and drift"), "loading": Text("装载：读入 = 装载 + 隔离", "Loading: read = loaded + held back"),
    "read": Text("读入", "Read"), "loaded": Text("装载", "Loaded"), "held": Text("隔离", "Held back"), "reasons": Text("隔离原因", "Why rows were held back"),
    "rule": Text("规则", "Rule"), "rows": Text("行数", "Rows"), "reconciliation": Text("总分核对", "Reconciliation"), "check": Text("核对项", "Check"),
    "unit": Text("机构", "Unit"), "class": Text("产品大类", "Product class"), "ours": Text("本系统", "Ours"), "theirs": Text("总账", "The bank's"),
    "difference": Text("差异", "Difference"), "red": Text("超容差", "Beyond tolerance"), "all_green": Text("全部在容差内", "All within tolerance"),
    "days": Text("天", "days"), "age_note": Text("及时性为最新业务日距数据日的天数", "Timeliness is the age of the newest business date in days"),
    "worst": Text("（取各列最差值）", "(worst column)"), "other_language": Text("English", "中文"), "psi": Text("PSI", "PSI"),
}  # fmt: skip
MOST_ROWS = 200
SPARK_WIDTH, SPARK_HEIGHT = 120, 26


@dataclass(frozen=True, slots=True)
class QualityRows:
    """What the report is made of: rows as in the tables ``quality_result`` (all days), ``load_count``, quarantine counted by
    table, rule and column (``n_rows``), and ``reconciliation``."""

    results: Sequence[Mapping[str, Any]]
    loads: Sequence[Mapping[str, Any]] = ()
    held: Sequence[Mapping[str, Any]] = ()
    reconciled: Sequence[Mapping[str, Any]] = ()


def quality_rows(tables: Catalog) -> QualityRows:
    """Return what the report is made of, read from published tables; quarantined rows are counted, never read."""
    held = tables["quarantine"]
    counted = held.group_by("table_name", "rule", "column_name").aggregate(n_rows=held.count().cast("int64"))
    fetched = [
        tables.engine.fetch(t).to_pylist()
        for t in (tables["quality_result"], tables["load_count"], counted, tables["reconciliation"])
    ]
    return QualityRows(*fetched)


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of the overview, ready to show; ``level`` is good, watch, bad or none."""

    text: str
    level: str
    share: float | None = None


def write_quality_report(rows: QualityRows, folder: Path, *, contracts: Sequence[Contract] = ()) -> tuple[Path, ...]:
    """Write ``quality.json``, ``quality.zh.html`` and ``quality.en.html`` into ``folder``; return their paths.

    Parameters
    ----------
    contracts : give tables and columns their names in both languages; others are shown by their technical name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summary = summarise(rows)
    written = [folder / "quality.json"]
    written[0].write_text(json.dumps(summary, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("zhike.sources", "templates"),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("quality.html")
    for language in ("zh", "en"):
        page = template.render(
            language=language, words={k: getattr(t, language) for k, t in WORDS.items()},
            dimensions={k: getattr(t, language) for k, t in DIMENSIONS.items()}, names=_names(contracts, language), report=summary,
            overview=overview(rows.results), trends=trends(rows.results),
        )  # fmt: skip
        written.append(folder / f"quality.{language}.html")
        written[-1].write_text(page, encoding="utf-8")
    return tuple(written)


def summarise(rows: QualityRows) -> dict[str, Any]:
    """Return the content of ``quality.json``: the newest day's measures, alerts, loading, reasons and totals."""
    day = newest_day(rows.results)
    today = [dict(r) for r in rows.results if r["measured_on"] == day]
    alerts = sorted((r for r in today if r["is_alert"]), key=_place)
    red = [dict(r) for r in rows.reconciled if r["is_red"]]
    return {
        "as_of": day, "n_tables": len({r["table_name"] for r in today}), "n_measures": len(today), "n_alerts": len(alerts),
        "alerts": alerts[:MOST_ROWS], "measures": sorted(today, key=_place), "loading": _loading(rows.loads),
        "held_back": sorted((dict(r) for r in rows.held), key=lambda r: (-r["n_rows"], r["table_name"], r["rule"])),
        "reconciliation": {"n_rows": len(rows.reconciled), "n_red": len(red), "red": masked_rows(red[:MOST_ROWS])},
    }  # fmt: skip


def newest_day(results: Iterable[Mapping[str, Any]]) -> date | None:
    """Return the latest day measured; None when nothing ever was."""
    return max((r["measured_on"] for r in results), default=None)


def _place(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["table_name"], row["column_name"], row["dimension"]


def _loading(loads: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in loads:
        for i, name in enumerate(("n_read", "n_loaded", "n_quarantined")):
            sums[row["table_name"]][i] += row[name]
    return [
        {
            "table_name": t,
            "n_read": n[0],
            "n_loaded": n[1],
            "n_quarantined": n[2],
            "held_rate": n[2] / n[0] if n[0] else 0.0,
        }
        for t, n in sorted(sums.items())
    ]


def overview(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per table of the newest day: its worst figure per dimension as a :class:`Cell`, alerts counted."""
    day = newest_day(results)
    by_table: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in results:
        if row["measured_on"] == day:
            by_table[row["table_name"]][row["dimension"]].append(row)
    return [
        {
            "table_name": table, "cells": {d: asdict(_cell(d, found[d])) for d in DIMENSIONS},
            "n_alerts": sum(r["is_alert"] for rows in found.values() for r in rows),
        }
        for table, found in sorted(by_table.items())
    ]  # fmt: skip


def _cell(dimension: str, rows: Sequence[Mapping[str, Any]]) -> Cell:
    if not rows:
        return Cell("–", "none")
    is_alert = any(r["is_alert"] for r in rows)
    if dimension == "completeness":
        value = sum(r["value"] for r in rows) / len(rows)
        return Cell(f"{value:.1%}", "bad" if is_alert else "good", value)
    whole = [r for r in rows if r["column_name"] == "*"] or rows
    if dimension in ("validity", "uniqueness"):
        value = min(r["value"] for r in whole)
        return Cell(f"{value:.2%}", "bad" if is_alert else "good", value)
    if dimension == "drift":
        value = max(r["value"] for r in rows)
        return Cell(f"{value:.3f}", "bad" if is_alert else "watch" if value > 0.1 else "good")
    value = whole[0]["value"]
    return Cell(f"{value:,.0f}", "bad" if is_alert else "good")


def trends(results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return table → points of a line of its volume over the days measured, for an SVG of SPARK_WIDTH × SPARK_HEIGHT."""
    series: dict[str, list[tuple[date, float]]] = defaultdict(list)
    for row in results:
        if row["dimension"] == "volume":
            series[row["table_name"]].append((row["measured_on"], row["value"]))
    return {table: _points(sorted(found)) for table, found in series.items() if len(found) > 1}


def _points(series: Sequence[tuple[date, float]]) -> str:
    first, last = series[0][0], series[-1][0]
    low, high = min(v for _, v in series), max(v for _, v in series)
    width, height = max((last - first).days, 1), max(high - low, 1e-9)
    return " ".join(
        f"{(on - first).days / width * SPARK_WIDTH:.1f},{SPARK_HEIGHT - 2 - (v - low) / height * (SPARK_HEIGHT - 4):.1f}"
        for on, v in series
    )


def _names(contracts: Sequence[Contract], language: str) -> dict[str, str]:
    """Return technical name → name in the language, for tables and ``table.column``."""
    names = {c.name: getattr(c, language) for c in contracts}
    for contract in contracts:
        names |= {f"{contract.name}.{c.name}": getattr(c, language) for c in contract.columns}
    return names


__all__ = ["QualityRows", "overview", "quality_rows", "summarise", "trends", "write_quality_report"]

"""The report as JSON and as pages in both languages: complete, self-contained, without personal data."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sources_quality.conftest import CONTRACTS, DAY
from zhike.sources.quality_report import (
    DIMENSIONS,
    WORDS,
    QualityRows,
    overview,
    quality_rows,
    trends,
    write_quality_report,
)
from zhike.warehouse import Engine
from zhike.warehouse.testing import catalog

EARLIER = date(2025, 2, 28)


def result(column: str, dimension: str, value: float, *, is_alert: bool = False, on: date = DAY) -> dict[str, Any]:
    return {
        "table_name": "source_party",
        "column_name": column,
        "dimension": dimension,
        "measured_on": on,
        "value": value,
        "is_alert": is_alert,
    }


ROWS = QualityRows(
    results=[
        result("*", "volume", 10, on=EARLIER), result("*", "volume", 12), result("mobile", "completeness", 0.5, is_alert=True),
        result("name", "completeness", 1.0), result("sex", "drift", 0.12), result("*", "validity", 0.96, is_alert=True), result("*", "timeliness", 2),
    ],
    loads=[{"table_name": "source_party", "n_read": 50, "n_loaded": 48, "n_quarantined": 2}] * 2,
    held=[{"table_name": "source_party", "rule": "unknown_code", "column_name": "sex", "n_rows": 2}],
    reconciled=[
        {"check_key": "running_balance", "on": DAY, "org_id": "6222020200112233", "product_class": "ledger", "unit": "amount", "ours_amount": Decimal(1), "theirs_amount": None, "difference_amount": None, "is_red": True},
        {"check_key": "aum", "on": DAY, "org_id": "B1", "product_class": "demand", "unit": "amount", "ours_amount": Decimal(1), "theirs_amount": Decimal(1), "difference_amount": Decimal(0), "is_red": False},
    ],
)  # fmt: skip


class Balance(HTMLParser):
    """Counts tags that stay open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.requirement("A5")
def test_the_report_is_one_json_file_and_a_self_contained_page_per_language(tmp_path: Path) -> None:
    paths = write_quality_report(ROWS, tmp_path, contracts=list(CONTRACTS.values()))
    assert [p.name for p in paths] == ["quality.json", "quality.zh.html", "quality.en.html"]
    content = json.loads(paths[0].read_text(encoding="utf-8"))
    assert (content["as_of"], content["n_alerts"], content["n_tables"]) == ("2025-03-01", 2, 1)
    assert content["loading"] == [
        {"table_name": "source_party", "n_read": 100, "n_loaded": 96, "n_quarantined": 4, "held_rate": 0.04}
    ]
    for path, words in zip(
        paths[1:],
        (
            ("数据质量报告", "来源客户", "手机号", "完整性"),
            ("Data-quality report", "Party as one source knows it", "Mobile number"),
        ),
        strict=True,
    ):
        page = path.read_text(encoding="utf-8")
        assert all(w in page for w in words)
        assert not re.search(r"<script|https?://|<link", page)
        parser = Balance()
        parser.feed(page)
        assert parser.open == []


def test_accounts_are_shown_by_their_last_digits_only(tmp_path: Path) -> None:
    for path in write_quality_report(ROWS, tmp_path):
        text = path.read_text(encoding="utf-8")
        assert "6222020200112233" not in text
        assert "…2233" in text


def test_the_overview_marks_alerts_and_drift_to_watch() -> None:
    [row] = overview(ROWS.results)
    assert row["n_alerts"] == 2
    levels = {d: c["level"] for d, c in row["cells"].items()}
    assert levels == {
        "completeness": "bad",
        "validity": "bad",
        "uniqueness": "none",
        "timeliness": "good",
        "drift": "watch",
        "volume": "good",
    }
    assert row["cells"]["completeness"]["text"] == "75.0%"


def test_a_line_over_time_runs_from_the_first_day_to_the_last() -> None:
    assert trends(ROWS.results) == {"source_party": "0.0,24.0 120.0,2.0"}


def test_a_report_on_nothing_can_still_be_read(tmp_path: Path) -> None:
    paths = write_quality_report(QualityRows([]), tmp_path)
    assert json.loads(paths[0].read_text(encoding="utf-8"))["as_of"] is None


def test_the_rows_of_a_report_are_read_from_the_published_tables(engine: Engine) -> None:
    held = [
        {
            "table_name": "event",
            "batch": "*",
            "file": "a",
            "row_number": n,
            "rule": "unknown_code",
            "column_name": "channel",
            "row_sealed": "secret",
        }
        for n in (1, 2)
    ]
    rows = quality_rows(catalog(engine, {"quarantine": held, "quality_result": ROWS.results[:2]}, CONTRACTS))
    assert rows.held == [{"table_name": "event", "rule": "unknown_code", "column_name": "channel", "n_rows": 2}]
    assert (len(rows.results), rows.loads, rows.reconciled) == (2, [], [])


def test_every_word_is_there_in_both_languages() -> None:
    assert all(t.zh and t.en for t in (*WORDS.values(), *DIMENSIONS.values()))

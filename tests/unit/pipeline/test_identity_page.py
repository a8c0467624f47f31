"""The page of identity quality: what it says of rules and names, and that its widest table fits a screen of 1,200 pixels."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from zhike.pipeline.identity.measuring import IDENTIFIER_NAMES, write_page

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROBE = """<script>addEventListener("load", () => { const all = [...document.querySelectorAll(".scroll")];
document.title = "widths " + all.map((e) => e.scrollWidth - e.clientWidth).join(" "); })</script></body>"""
ESTIMATED = (
    "precision", "recall", "over_merge_rate", "ids_per_person", "n_linked_pairs", "n_wrong_pairs", "n_missed_pairs_weighed",
    "n_missed_pairs_never_compared", "n_missed_pairs_without_identifier", "n_records_without_identifier", "blocking_recall",
    "n_over_merged_customers", "n_surplus_customers",
)  # fmt: skip


def report(**values: Any) -> dict[str, Any]:
    """Return the figures of a large bank whose sources carry every identifier."""
    counts = dict.fromkeys((*IDENTIFIER_NAMES, "n_linked_to_other_source", "n_single", "n_thin"), 11_111_111)
    sources = [{"source": s, "n_records": 12_345_678, **counts} for s in ("core", "mobile_bank", "wealth_management")]
    model = {
        "rule": "match_model",
        "zh": "综合匹配",
        "en": "Weighed",
        "n_links": 0,
        "n_known_pairs": 7,
        "n_right_pairs": 6,
        "precision": None,
    }
    return {
        "as_of": "2025-03-01", "project": "Tiny Bank", "n_records": 12_345_678, "n_customers": 9_876_543, "estimated": dict.fromkeys(ESTIMATED, 0.5),
        "true": None, "sources": sources, "sizes": {"1": 5, "2": 3}, "rules": [model], "review": [], "flaws": [], "too_wide": [], "widest": [],
        "names_apart": [], **values,
    }  # fmt: skip


def test_a_rule_without_links_has_no_precision_and_names_apart_are_masked_and_name_no_record(tmp_path: Path) -> None:
    pair = {"customer_id": "c1", "left": "card:20011", "left_name": "李*", "right": "core:10011", "right_name": "张*"}
    apart = [{"rule": "id_number", "zh": "号同名异", "en": "Names apart", "n_customers": 4, "examples": [pair]}]
    page = write_page(report(names_apart=apart), tmp_path / "q.html", language="en").read_text(encoding="utf-8")
    [model] = [line for line in page.splitlines() if "match_model" in line]
    assert re.findall(r'<td class="n">(.*?)</td>', model) == ["0", "7", "6", "–"]
    shown = [w for w in ("号同名异", "Names apart", "c1", "card", "core", "李*", "张*") if w in page]
    assert len(shown) == 7
    assert "20011" not in page
    empty = write_page(report(), tmp_path / "none.html", language="en").read_text(encoding="utf-8")
    assert "nothing in common" not in empty


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_table_of_a_large_bank_scrolls_sideways_at_1200_pixels(tmp_path: Path, language: str) -> None:
    assert BROWSER is not None
    page = write_page(report(), tmp_path / "q.html", language=language)
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", PROBE), encoding="utf-8")
    words = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900", f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom")  # fmt: skip
    told = subprocess.run([BROWSER, *words, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    widths = re.search(r"<title>widths ([-0-9 ]+)</title>", told.stdout)
    assert widths is not None
    assert set(widths[1].split()) == {"0"}

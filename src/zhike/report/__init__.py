"""报告 The report of a run: one static HTML page per language that shows the result before it explains.

In: the published tables of a run (any package's), its ``run_results.json``, and, on a simulated bank, the truth as an
argument. Out: two self-contained files, without scripts or requests, that print to A4. ``collect`` reads tables into the
plain data of ``terms``; ``render`` shows them; no number is made on the way but sums and shares.

To add a section: a dataclass in ``terms``, a reader in ``collect``, a template under ``templates/sections``, words in
``words.yaml``, a picture in ``pictures``. Every number carries its as-of day and its definition (口径).
"""

from zhike.report.collect import collect_report
from zhike.report.collect_models import read_cards
from zhike.report.inputs import ReportSource
from zhike.report.render import render_page, render_run_report
from zhike.report.terms import Absent, Figure, Quantity, RunReport, Story, Unit

__all__ = [
    "Absent",
    "Figure",
    "Quantity",
    "ReportSource",
    "RunReport",
    "Story",
    "Unit",
    "collect_report",
    "read_cards",
    "render_page",
    "render_run_report",
]

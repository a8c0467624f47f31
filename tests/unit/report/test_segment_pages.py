"""Pages about segments: whole in both languages, readable without colour, without scripts; the Sankey adds up."""

import itertools
import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from zhike.kernel.terms import Text
from zhike.report.leaflet import render_leaflet, write_leaflet
from zhike.report.product_classes import PRODUCT_CLASSES
from zhike.report.sankey import SankeyWords, draw_sankey
from zhike.report.segment_health_page import HealthFigures, health_page
from zhike.report.segment_pages import PageOf, association_page, migration_page, portrait_page, rfm_page
from zhike.segments.discovery import Described, find_associations, paint_one, score_rfm, summarise_cells
from zhike.segments.tracking import Alert, Flow, Migration
from zhike.segments.tracking.health import CohortCell, find_gaps, find_penetration
from zhike.sources.tables.money import PRODUCT

PAGE = PageOf("a <b>bank</b>", "CNY", date(2025, 6, 30))
FLOWS = (
    Flow("hi", "hi", 60, Decimal(900), Decimal(950)), Flow("hi", "lo", 20, Decimal(10), Decimal(4)),
    Flow("lo", "~", 10, Decimal(1), Decimal(0)), Flow("~", "lo", 10, Decimal(0), Decimal(3)),
)  # fmt: skip
MOVED = Migration("t", date(2025, 1, 1), date(2025, 6, 30), FLOWS)
NAMES = {"hi": Text("高档 <&>", "High <&>"), "lo": Text("低档", "Low"), "~": Text("客群外", "Outside")}


class Words(HTMLParser):
    def __init__(self):
        super().__init__()
        self.words, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def read(html):
    words = Words()
    words.feed(html)
    return " ".join(" ".join(words.words).split()), words.tags


def words():
    return SankeyWords(
        "who moved",
        "described",
        ("2025-01-01", "2025-06-30"),
        {"hi": "High <&>", "lo": "Low", "~": "Outside"},
        lambda n: f"{n}",
    )


@pytest.mark.requirement("D7")
def test_the_picture_says_its_title_and_every_size_and_heights_are_customers():
    svg = draw_sankey(MOVED, words(), ident="x", width=620)
    tree = ET.fromstring(svg)
    assert tree.attrib["role"] == "img"
    title, desc = tree.find("{*}title"), tree.find("{*}desc")
    assert (title.text, desc.text) == ("who moved", "described")
    assert tree.attrib["aria-labelledby"] == f"{title.attrib['id']} {desc.attrib['id']}"
    told = {t.text for t in tree.iter() if t.tag.endswith("text")}
    assert {"High <&> 80", "Low 10", "Outside 10", "High <&> 60", "Low 30"} <= told
    heights = [float(r.attrib["height"]) for r in tree.iter() if r.tag.endswith("rect")]
    assert heights[0] / heights[1] == pytest.approx(8, abs=0.1)
    assert sum(heights[:3]) == pytest.approx(sum(heights[3:]), abs=0.2)
    assert len([p for p in tree.iter() if p.tag.endswith("path")]) == 4


def test_labels_of_thin_nodes_do_not_touch():
    flows = (Flow("hi", "hi", 10_000), *(Flow(f"b{i}", f"b{i}", 1) for i in range(12)))
    tree = ET.fromstring(
        draw_sankey(Migration("t", date(2025, 1, 1), date(2025, 2, 1), flows), words(), ident="x", width=340)
    )
    labels = [
        (float(t.attrib["x"]), float(t.attrib["y"]))
        for t in tree.iter()
        if t.tag.endswith("text") and t.text[:2] != "20"
    ]
    left = sorted(y for x, y in labels if x == labels[0][0])
    assert min(b - a for a, b in itertools.pairwise(left)) >= 17.9
    height = float(tree.attrib["viewBox"].split()[3])
    assert max(left) < height


def test_nobody_gives_no_picture():
    assert draw_sankey(Migration("t", date(2025, 1, 1), date(2025, 2, 1), ()), words(), ident="x", width=340) == ""


@pytest.mark.requirement("D7")
def test_the_page_of_a_migration_is_whole_in_both_languages():
    html = render_leaflet(migration_page(PAGE, Text("层级", "Tiers"), MOVED, NAMES))
    told, tags = read(html)
    assert "层级：客群迁移" in told
    assert "Tiers: migration" in told
    assert "75.0% 留在原档" not in told
    assert "66.7% 留在原档，20 户换档，10 户进入，10 户离开" in told
    assert "<b>bank" not in html
    assert "&lt;b&gt;bank" in html
    assert not [t for t, _ in tags if t in ("script", "link", "iframe", "img")]
    assert not re.findall(r"""(?:src|href)=["']https?:""", html)
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert told.count("¥") >= 8


def test_what_is_not_known_is_said():
    moved = Migration("t", date(2025, 1, 1), date(2025, 6, 30), FLOWS, True, (date(2025, 1, 1),))
    told, _ = read(render_leaflet(migration_page(PAGE, Text("层级", "Tiers"), moved, NAMES)))
    assert "2025-01-01 的画像版本未保留" in told
    assert "The definition changed in between" in told


@pytest.mark.requirement("D6")
def test_rfm_portrait_and_associations_have_pages(tmp_path):
    rng = np.random.default_rng(0)
    r, f, m = rng.integers(0, 90, 200) * 1.0, rng.poisson(4, 200) * 1.0, rng.lognormal(8, 1, 200)
    rfm = score_rfm(r, f, m)
    told, _ = read(render_leaflet(rfm_page(PAGE, rfm, summarise_cells(rfm, r, f, m), [Text("最近", "Last")] * 3)))
    assert "重要价值客户" in told
    assert "Important, valuable" in told
    portrait = paint_one([Described("money", Text("资产", "Money"), m, "amount")], m > np.median(m))
    page = portrait_page(PAGE, Text("富裕", "Rich"), [(Text("富裕", "Rich"), portrait)])
    told, _ = read(render_leaflet(page))
    assert "资产：中位数 ¥" in told
    assert "Money: median ¥" in told
    things = {"a": rng.random(200) < 0.5}
    things["b"] = things["a"] | (rng.random(200) < 0.1)
    told, _ = read(render_leaflet(association_page(PAGE, find_associations(things), {"a": Text("存款", "Deposits")})))
    assert "存款" in told
    assert "Deposits" in told
    assert "Held together is not caused" in told
    assert "strongest" not in told
    told, _ = read(render_leaflet(association_page(PAGE, find_associations(things), {}, most=1)))
    assert "the 1 strongest are shown" in told
    assert write_leaflet(page, tmp_path / "new" / "page.html").read_text(encoding="utf-8") == render_leaflet(page)


def test_every_class_of_product_has_a_name():
    assert {*PRODUCT.column("product_class").allowed, "payroll", "direct_debit"} <= set(PRODUCT_CLASSES)


@pytest.mark.requirement("D8")
def test_the_page_of_health_shows_alerts_gaps_and_cohorts():
    peers = {"best": (200, {"fund": 100})}
    figures = HealthFigures(
        Text("投资", "Investors"), 100, 0.1, 0.8, {30: 0.9, 90: None}, 4.0, [Alert("t", "size", Text("规模变了", "it grew"))],
        find_penetration({"fund": 20}, 100, {"fund": 150}, 1000), find_gaps({"fund": 20}, 100, peers),
        [CohortCell(date(2025, 3, 1), "", 0, 10, 10), CohortCell(date(2025, 3, 1), "", 1, 10, 7), CohortCell(date(2025, 3, 1), "app", 0, 4, 4)],
        {"best": Text("对标", "Best")},
    )  # fmt: skip
    told, _ = read(render_leaflet(health_page(PAGE, figures)))
    for text in ("规模变了", "it grew", "Product gaps", "对标", "2025-03", "70.0%", "Still members after 90 days"):
        assert text in told

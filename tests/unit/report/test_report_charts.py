import re

import pytest

from zhike.report.charts import (
    Bar,
    Span,
    bar_chart,
    draw,
    line_chart,
    paired_bar_chart,
    round_ticks,
    shorten,
    span_chart,
    text_width,
)


def svg(spec, ident="x"):
    return str(draw(spec, ident=ident, title="标题", description="说明"))


def test_chinese_labels_stay_text_with_a_font_stack_that_has_them():
    drawn = svg(bar_chart([Bar("私人银行客户", 3, "3 户")], width=620))
    assert ">私人银行客户</text>" in drawn
    assert "Noto Sans CJK SC, Microsoft YaHei, PingFang SC, sans-serif" in drawn


def test_a_chart_reads_out_its_title_and_description():
    drawn = svg(bar_chart([Bar("a", 1, "1")], width=340), ident="sizes")
    assert 'role="img" aria-labelledby="sizes-title sizes-desc"' in drawn
    assert '<title id="sizes-title">标题</title><desc id="sizes-desc">说明</desc>' in drawn


def test_a_label_cannot_smuggle_markup_into_the_page():
    drawn = svg(bar_chart([Bar("<script>alert(1)</script>", 1, "<b>1</b>")], width=620))
    assert "<script" not in drawn
    assert "<b>" not in drawn


@pytest.mark.parametrize("width", [340, 620])
def test_no_text_leaves_the_drawing(width):
    bars = [Bar("这是一个很长很长的客群名称用来检查截断", 10, "1,234,567 (−12,345)"), Bar("短", 1, "1")]
    drawn = svg(bar_chart(bars, width=width))
    assert float(re.search(r'viewBox="0 0 ([\d.]+)', drawn)[1]) == width
    anchors = re.findall(r'text-anchor="start" transform="translate\(([\d.]+),[^>]*>([^<]*)</text>', drawn)
    left = float(re.search(r'<g fill="none"[^>]*transform="translate\(([\d.]+),', drawn)[1])
    assert anchors
    assert all(left + float(x) + text_width(t) <= width + 1 for x, t in anchors)


def test_bars_with_equal_labels_stay_apart():
    spec = bar_chart([Bar("同名", 1, "1"), Bar("同名", 2, "2")], width=620)
    assert len({row["label"] for row in spec["data"]["values"]}) == 2


def test_the_layout_does_not_depend_on_the_fonts_of_the_machine():
    assert bar_chart([Bar("甲", 1, "1")], width=620)["autosize"] == {"type": "none"}


def test_every_kind_of_chart_can_be_drawn_also_when_all_is_zero():
    flat = [Bar("甲", 0, "0", "s"), Bar("乙", 0, "0", "t")]
    for spec in (
        bar_chart(flat, width=340), paired_bar_chart(flat, width=340),
        line_chart([(0, 0), (1, 0)], [(0, 0), (1, 1)], width=340, titles=("x", "y")),
        span_chart([Span("甲", 0.0, 0.0, 0.0, "0")], width=340, tell=str, zero_line=True),
    ):  # fmt: skip
        assert svg(spec).endswith("</svg>")


def test_the_truth_is_drawn_as_a_diamond_only_where_there_is_one():
    def spans(mark):
        spec = span_chart([Span("差异", 0.06, 0.01, 0.11, "6 pp", mark=mark)], width=620, tell=str, zero_line=True)
        return svg(spec).count('stroke="#c2600c"')

    assert (spans(None), spans(0.05)) == (0, 1)


def test_ticks_are_round_and_inside():
    assert round_ticks(-0.011, 0.137, 6) == [0.0, 0.05, 0.1]
    assert round_ticks(-7_754, 61_900, 6) == [0, 20_000, 40_000, 60_000]
    assert round_ticks(3, 3, 5) == [3]


def test_shortening_counts_chinese_as_double():
    assert shorten("客户", 24) == "客户"
    assert shorten("客户客户", 40) == "客户…"

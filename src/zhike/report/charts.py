"""Chart specifications (Vega-Lite, as dicts) and their drawing to SVG that stays text.

Fixed padding from our own text widths, not the renderer's: it measures with whatever fonts a machine has, so automatic
layout would differ from machine to machine and crowd Chinese labels. Colours are tokens that the page restyles for dark
mode; every bar carries its own label, so colour is never the only carrier.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

Spec = dict[str, Any]

DRAWING_FONT = "sans-serif"
SHOWN = ("label", "text", "title")  # keys of a spec whose strings people read
FONT = "Noto Sans CJK SC, Microsoft YaHei, PingFang SC, sans-serif"
INK, MUTED, GRID = "#1f2328", "#5f6672", "#e4e7ec"
BLUE, TEAL, ORANGE, RED, GREY = "#1677ff", "#0e9f9f", "#c2600c", "#c8202f", "#a3a9b4"
FONT_SIZE = 12
WIDE, NARROW = 620, 340
BAR_STEP = 30
INVISIBLE = "\u200b"  # keeps bars of equal labels apart


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Return the width of ``text`` in pixels, near enough: full-width characters one em, others 0.56."""
    return size * sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.56 for c in text)


def shorten(text: str, width: float) -> str:
    """Return ``text`` cut to ``width`` pixels with an ellipsis; the table beside the chart has it in full."""
    if text_width(text) <= width:
        return text
    while text and text_width(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its length, the text at its end, its series and colour."""

    label: str
    value: float
    text: str
    series: str = ""
    color: str = BLUE


@dataclass(frozen=True, slots=True)
class Span:
    """One estimate with its interval on a line of its own; ``mark`` is a reference (the simulated truth)."""

    label: str
    estimate: float
    low: float
    high: float
    text: str
    color: str = BLUE
    mark: float | None = None


def _frame(width: float, height: float, padding: tuple[float, float, float, float]) -> Spec:
    """Return the outer spec: padding is (left, top, right, bottom) in pixels, inner size is what remains."""
    left, top, right, bottom = padding
    axis = {"labelFontSize": FONT_SIZE, "titleFontSize": FONT_SIZE, "labelColor": INK, "titleColor": MUTED, "titleFontWeight": "normal",
            "domainColor": GRID, "tickColor": GRID, "gridColor": GRID}  # fmt: skip
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "autosize": {"type": "none"},
        "padding": {"left": left, "top": top, "right": right, "bottom": bottom},
        "width": max(40.0, width - left - right),
        "height": height,
        "background": None,
        "config": {
            "font": FONT,
            "view": {"stroke": None},
            "axis": axis,
            "aria": False,
            "text": {"fontSize": FONT_SIZE},
        },
    }


def _label_room(labels: Sequence[str], width: float) -> float:
    """Return the room left of the bars: the longest label, at most 42 % of the width."""
    longest = max((text_width(label) for label in labels), default=0.0)
    return round(min(longest + 14, width * 0.42))


def _label_axis(order: Sequence[str]) -> Spec:
    return {
        "field": "label", "type": "nominal", "sort": list(order), "title": None,
        "axis": {"domain": False, "ticks": False, "labelPadding": 8, "labelLimit": 1000},
    }  # fmt: skip


def bar_chart(bars: Sequence[Bar], *, width: int) -> Spec:
    """Return horizontal bars in the given order, each with its text at the end; no value axis is needed."""
    room = _label_room([b.label for b in bars], width)
    labels = [shorten(b.label, room - 12) for b in bars]
    labels = [label if labels.count(label) == 1 else f"{label}{INVISIBLE * i}" for i, label in enumerate(labels)]
    right = round(max((text_width(b.text) for b in bars), default=0) + 12)
    spec = _frame(width, BAR_STEP * len(bars), (room, 4, right, 4))
    spec["data"] = {
        "values": [
            {"label": n, "value": b.value, "text": b.text, "color": b.color} for n, b in zip(labels, bars, strict=True)
        ]
    }
    top = max((b.value for b in bars), default=0) or 1
    encoding = {
        "y": _label_axis(labels),
        "x": {"field": "value", "type": "quantitative", "axis": None, "scale": {"domain": [0, top]}, "stack": None},
    }
    spec["layer"] = [
        {
            "mark": {"type": "bar", "height": 14},
            "encoding": {**encoding, "color": {"field": "color", "type": "nominal", "scale": None}},
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 6, "color": INK},
            "encoding": {**encoding, "text": {"field": "text"}},
        },
    ]
    return spec


def paired_bar_chart(bars: Sequence[Bar], *, width: int) -> Spec:
    """Return horizontal bars in groups of the same label, one bar per series, in the given order."""
    order = list(dict.fromkeys(b.label for b in bars))
    series = list(dict.fromkeys(b.series for b in bars))
    colors = {b.series: b.color for b in bars}
    room = _label_room(order, width)
    short = {label: shorten(label, room - 12) for label in order}
    right = round(max((text_width(b.text) for b in bars), default=0) + 12)
    spec = _frame(width, (BAR_STEP - 8) * len(series) * len(order), (room, 4, right, 4))
    spec["data"] = {
        "values": [{"label": short[b.label], "value": b.value, "text": b.text, "series": b.series} for b in bars]
    }
    top = max((b.value for b in bars), default=0) or 1
    encoding = {
        "y": {**_label_axis([short[o] for o in order]), "scale": {"paddingInner": 0.28, "paddingOuter": 0.14}},
        "yOffset": {"field": "series", "type": "nominal", "sort": series},
        "x": {"field": "value", "type": "quantitative", "axis": None, "scale": {"domain": [0, top]}, "stack": None},
    }
    color = {
        "field": "series",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": series, "range": [colors[s] for s in series]},
    }
    spec["layer"] = [
        {"mark": {"type": "bar"}, "encoding": {**encoding, "color": color}},
        {
            "mark": {"type": "text", "align": "left", "dx": 6, "color": INK},
            "encoding": {**encoding, "text": {"field": "text"}},
        },
    ]
    return spec


def line_chart(
    points: Sequence[tuple[float, float]], reference: Sequence[tuple[float, float]], *, width: int, titles: tuple[str, str]
) -> Spec:  # fmt: skip
    """Return a line with points over [0, 1] × [0, 1], both axes in %, and a dashed reference line.

    Parameters
    ----------
    titles : of the horizontal and of the vertical axis (the latter is written above the plot, unrotated).
    """
    spec = _frame(width, 230, (46, 26, 14, 44))
    top = max([y for _, y in points] + [y for _, y in reference] + [0.01])
    right = max([x for x, _ in points] + [x for x, _ in reference] + [0.01])
    percent = {"format": ".0%", "tickCount": 5}
    x = {"field": "x", "type": "quantitative", "title": titles[0], "axis": percent, "scale": {"domain": [0, right]}}
    y = {"field": "y", "type": "quantitative", "title": titles[1], "scale": {"domain": [0, top]},
         "axis": {**percent, "titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleX": -36, "titleY": -16, "titleBaseline": "middle"}}  # fmt: skip
    spec["layer"] = [
        {"data": {"values": [{"x": a, "y": b} for a, b in reference]}, "mark": {"type": "line", "strokeDash": [4, 4], "color": GREY}, "encoding": {"x": x, "y": y}},
        {"data": {"values": [{"x": a, "y": b} for a, b in points]}, "mark": {"type": "line", "color": BLUE, "strokeWidth": 2, "point": {"color": BLUE, "size": 36}}, "encoding": {"x": x, "y": y}},
    ]  # fmt: skip
    return spec


def round_ticks(low: float, high: float, count: int) -> list[float]:
    """Return at most ``count`` + 1 round numbers (1, 2, 5 × a power of ten apart) within [low, high]."""
    spread = high - low
    if not spread > 0 or not math.isfinite(spread):
        return [low]
    rough = spread / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _told_axis(ticks: Sequence[float], tell: Callable[[float], str]) -> Spec:
    """Return an axis whose labels are ours: the renderer's own formats know neither 万 nor 亿."""
    return {"values": list(ticks), "told": [tell(t) for t in ticks]}


def span_chart(spans: Sequence[Span], *, width: int, tell: Callable[[float], str], zero_line: bool) -> Spec:
    """Return estimates as dots on their intervals, one line each, label above it and numbers beside; a diamond for the truth.

    Parameters
    ----------
    tell : how a number on the axis is written. zero_line : whether zero matters ("no difference") and is drawn.
    """
    rows = [{"row": i, "label": s.label, "estimate": s.estimate, "low": s.low, "high": s.high, "text": s.text, "color": s.color, "mark": s.mark} for i, s in enumerate(spans)]  # fmt: skip
    ends = [v for s in spans for v in (s.low, s.high, s.estimate, *((s.mark,) if s.mark is not None else ()))]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    if zero_line:
        low, high = min(low, 0.0), max(high, 0.0)
    slack = (high - low or abs(high) or 1) * 0.06
    is_narrow = width <= NARROW
    spec = _frame(width, (80 if is_narrow else 62) * len(spans), (16, 6, 16, 30))
    ticks = round_ticks(low - slack, high + slack, 4 if is_narrow else 6)
    x = {
        "type": "quantitative", "title": None,
        "scale": {"domain": [low - slack, high + slack], "nice": False, "zero": False},
        "axis": {"grid": True, "labelFlush": True, "labelOverlap": False, **_told_axis(ticks, tell)},
    }  # fmt: skip
    y = {"field": "row", "type": "ordinal", "axis": None}
    color = {"field": "color", "type": "nominal", "scale": None}
    spec["data"] = {"values": rows}
    below = 20 if is_narrow else 12  # how far under the middle of its row an interval lies
    told = {"align": "left", "yOffset": -6, "x": 0} if is_narrow else {"align": "right", "yOffset": -14, "x": "width"}
    place = {"y": y, "x": {"value": told.pop("x")}}
    spec["layer"] = [
        {"mark": {"type": "rule", "strokeWidth": 3, "yOffset": below}, "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": color}},
        {"mark": {"type": "point", "filled": True, "size": 110, "yOffset": below, "opacity": 1}, "encoding": {"y": y, "x": {**x, "field": "estimate"}, "color": color}},
        {"transform": [{"filter": "datum.mark != null"}], "mark": {"type": "point", "shape": "diamond", "size": 130, "yOffset": below, "color": ORANGE, "filled": False, "strokeWidth": 2},
         "encoding": {"y": y, "x": {**x, "field": "mark"}}},
        {"name": "haloed_label", "mark": {"type": "text", "align": "left", "yOffset": -24 if is_narrow else -14, "color": INK, "fontWeight": "bold"}, "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "label"}}},
        {"name": "haloed_text", "mark": {"type": "text", "color": INK, **told}, "encoding": {**place, "text": {"field": "text"}}},
    ]  # fmt: skip
    if zero_line:
        rule = {"mark": {"type": "rule", "color": MUTED, "strokeDash": [3, 3]}, "encoding": {"x": {**x, "datum": 0}}}
        spec["layer"].insert(0, rule)
    return spec


def _veil(value: Any, words: list[str]) -> Any:
    """Return a spec whose texts are replaced by short marks ``w0000``, which are looked up in ``words`` after drawing.

    The renderer shapes each text with whatever fonts it finds, which is slow for Chinese and needless: places are ours.
    """

    def mark(text: str) -> str:
        if text not in words:
            words.append(text)
        return f"w{words.index(text):04d}"

    if isinstance(value, dict):
        veiled = {k: mark(v) if k in SHOWN and isinstance(v, str) else _veil(v, words) for k, v in value.items()}
        if "told" in veiled:
            told = json.dumps([mark(t) for t in value["told"]])
            del veiled["told"]
            veiled["labelExpr"] = f"{told}[indexof({json.dumps(value['values'])}, datum.value)]"
        return veiled
    if isinstance(value, list):
        return [mark(v) if isinstance(v, str) and v in words else _veil(v, words) for v in value]
    return value


def draw(spec: Spec, *, ident: str, title: str, description: str) -> Markup:
    """Return the chart as an inline SVG that scales, keeps its text as text, and reads out title and description.

    Parameters
    ----------
    ident : unique in the page; prefixes every id inside the drawing.
    """
    import vl_convert

    words: list[str] = []
    svg = vl_convert.vegalite_to_svg(json.dumps(_veil(spec, words), ensure_ascii=False))
    head, _, body = svg.partition(">")
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head)
    if size is None:  # the renderer always writes one; without it the drawing would not scale
        raise ValueError("the drawing has no viewBox")
    width, height = (float(n) for n in size.groups())
    body = re.sub(r'id="([^"]+)"', rf'id="{ident}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{ident}-\1)", body)
    body = re.sub(r' (role|aria-[a-z]+|pointer-events)="[^"]*"', "", body)
    body = body.replace(f'font-family="{DRAWING_FONT}"', f'font-family="{FONT}"')
    body = re.sub(r">w(\d{4})<", lambda m: f">{escape(words[int(m[1])])}<", body)
    opening = (
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" style="max-width:{width:g}px" role="img" '
        f'aria-labelledby="{ident}-title {ident}-desc"><title id="{ident}-title">{escape(title)}</title>'
        f'<desc id="{ident}-desc">{escape(description)}</desc>'
    )
    return Markup(opening + body)  # noqa: S704 - texts are escaped here; the rest is the renderer's


__all__ = [
    "BLUE",
    "GREY",
    "NARROW",
    "ORANGE",
    "RED",
    "TEAL",
    "WIDE",
    "Bar",
    "Span",
    "bar_chart",
    "draw",
    "line_chart",
    "paired_bar_chart",
    "round_ticks",
    "shorten",
    "span_chart",
    "text_width",
]

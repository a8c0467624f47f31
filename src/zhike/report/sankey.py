"""A Sankey picture of who moved between buckets: hand-drawn SVG of two columns, told by labels, colours only help.

Self-contained: no script, no font, no request. Heights are proportional to customers; a node is never thinner than a line. Labels
that would touch are moved apart. Grey = stayed, blue = moved, teal = came from outside, red = went outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from zhike.report.charts import BLUE, FONT, FONT_SIZE, GREY, INK, MUTED, NARROW, RED, TEAL, shorten, text_width
from zhike.segments.tracking.migration import OUTSIDE, Migration

NODE_WIDTH, NODE_GAP, LEAST_HEIGHT, LABEL_STEP = 12, 10, 1.5, 18
TOP, BOTTOM = 30, 6


@dataclass(frozen=True, slots=True)
class SankeyWords:
    """What a picture says: title, description, the two days, names of buckets, how a count is written."""

    title: str
    description: str
    days: tuple[str, str]
    names: Mapping[str, str]
    tell: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class _Node:
    bucket: str
    n: int
    y: float
    height: float


def _stack(sizes: Mapping[str, int], scale: float) -> tuple[dict[str, _Node], float]:
    y, found = float(TOP), {}
    for bucket, n in sizes.items():
        height = max(n * scale, LEAST_HEIGHT)
        found[bucket] = _Node(bucket, n, y, height)
        y += max(height, LABEL_STEP - NODE_GAP) + NODE_GAP
    return found, y - NODE_GAP + BOTTOM


def _places(nodes: Sequence[_Node]) -> list[float]:
    """Return the height of each label: the middle of its node, moved down where it would touch the one above."""
    found: list[float] = []
    for node in nodes:
        middle = node.y + node.height / 2
        found.append(max(middle, found[-1] + LABEL_STEP) if found else middle)
    return found


def _color(bucket_from: str, bucket_to: str) -> str:
    if bucket_from == bucket_to:
        return GREY
    if bucket_from == OUTSIDE:
        return TEAL
    return RED if bucket_to == OUTSIDE else BLUE


def draw_sankey(migration: Migration, words: SankeyWords, *, ident: str, width: int) -> Markup:
    """Return the migration as an inline SVG that scales and reads out title and description; "" when nobody is in it.

    Parameters
    ----------
    ident : unique in the page.
    """
    order = [b for b in migration.buckets if any(b in (f.bucket_from, f.bucket_to) for f in migration.flows)]
    left = {b: sum(f.n_customers for f in migration.flows if f.bucket_from == b) for b in order}
    right = {b: sum(f.n_customers for f in migration.flows if f.bucket_to == b) for b in order}
    left, right = ({b: n for b, n in side.items() if n} for side in (left, right))
    total = sum(left.values())
    if not total:
        return Markup("")
    scale = (240 if width <= NARROW else 300) / total
    (from_nodes, low), (to_nodes, high) = _stack(left, scale), _stack(right, scale)
    labels = {
        s: {b: f"{words.names.get(b, b)} {words.tell(n)}" for b, n in side.items()}
        for s, side in (("l", left), ("r", right))
    }
    most = width * 0.34
    room = {s: min(max((text_width(t) for t in told.values()), default=0) + 8, most) for s, told in labels.items()}
    x0, x1 = room["l"] + NODE_WIDTH, width - room["r"] - NODE_WIDTH
    parts = [_band(f, x0, x1) for f in _bands(migration, order, from_nodes, to_nodes, scale)]
    lowest = 0.0
    for side, nodes, x, anchor, text_x in (
        ("l", from_nodes, x0 - NODE_WIDTH, "end", x0 - NODE_WIDTH - 6), ("r", to_nodes, x1, "start", x1 + NODE_WIDTH + 6),
    ):  # fmt: skip
        for node, y in zip(nodes.values(), _places(list(nodes.values())), strict=True):
            parts.append(
                f'<rect x="{x:.1f}" y="{node.y:.1f}" width="{NODE_WIDTH}" height="{node.height:.1f}" fill="{MUTED}"/>'
            )
            parts.append(_text(shorten(labels[side][node.bucket], most - 8), text_x, y + FONT_SIZE * 0.35, anchor))
            lowest = max(lowest, y)
    parts.append(_text(words.days[0], x0 - NODE_WIDTH, 14, "start", MUTED))
    parts.append(_text(words.days[1], x1 + NODE_WIDTH, 14, "end", MUTED))
    height = max(low, high, lowest + LABEL_STEP)
    opening = (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" style="max-width:{width}px" role="img" '
        f'aria-labelledby="{ident}-title {ident}-desc" font-family="{FONT}" font-size="{FONT_SIZE}">'
        f'<title id="{ident}-title">{escape(words.title)}</title><desc id="{ident}-desc">{escape(words.description)}</desc>'
    )
    return Markup(opening + "".join(parts) + "</svg>")  # noqa: S704 - numbers and escaped text only


def _text(text: str, x: float, y: float, anchor: str, color: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'


@dataclass(frozen=True, slots=True)
class _Band:
    y0: float
    y1: float
    height: float
    color: str


def _bands(
    migration: Migration, order: Sequence[str], left: Mapping[str, _Node], right: Mapping[str, _Node], scale: float
) -> list[_Band]:
    start = {b: n.y for b, n in left.items()}
    end = {b: n.y for b, n in right.items()}
    place = {b: i for i, b in enumerate(order)}
    found = []
    for flow in sorted(migration.flows, key=lambda f: (place[f.bucket_from], place[f.bucket_to])):
        height = flow.n_customers * scale
        found.append(_Band(start[flow.bucket_from], 0, height, _color(flow.bucket_from, flow.bucket_to)))
        start[flow.bucket_from] += height
    bands = dict(
        zip(sorted(migration.flows, key=lambda f: (place[f.bucket_from], place[f.bucket_to])), found, strict=True)
    )
    ends = []
    for flow in sorted(migration.flows, key=lambda f: (place[f.bucket_to], place[f.bucket_from])):
        band = bands[flow]
        ends.append(_Band(band.y0, end[flow.bucket_to], band.height, band.color))
        end[flow.bucket_to] += band.height
    return sorted(ends, key=lambda b: -b.height)


def _band(band: _Band, x0: float, x1: float) -> str:
    middle, a, b, h = (x0 + x1) / 2, band.y0, band.y1, max(band.height, 0.6)
    path = (
        f"M{x0:.1f},{a:.1f} C{middle:.1f},{a:.1f} {middle:.1f},{b:.1f} {x1:.1f},{b:.1f} L{x1:.1f},{b + h:.1f} "
        f"C{middle:.1f},{b + h:.1f} {middle:.1f},{a + h:.1f} {x0:.1f},{a + h:.1f} Z"
    )
    return f'<path d="{path}" fill="{band.color}" fill-opacity="0.45"/>'


__all__ = ["SankeyWords", "draw_sankey"]

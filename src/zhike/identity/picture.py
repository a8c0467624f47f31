"""A customer as a picture (SVG): its records in rows, the links between them as arcs, and records of others that were kept apart.

Rows that are tied strongly stand side by side, so that a weak link between two halves is seen at once. Arcs are thicker where the
rule is stronger and carry the number of the rule in the legend: colour is never the only carrier. Keys are masked and names reduced
to an initial. One file without script or network.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from zhike.identity.around import Around
from zhike.identity.explain import REFUSALS
from zhike.identity.rules import MEANINGS, MODEL_RULE
from zhike.identity.shown import shown
from zhike.identity.terms import RecordKey, Refusal
from zhike.kernel.terms import Text

MOST_ROWS, MOST_FOREIGN = 40, 12
ROW, BOX, MARGIN, HEAD = 28, 330, 24, 64
NARROWEST = 760  # room for the title
NARROW_ARCS, WIDE_ARCS, RIGHT = 130, 280, 110
FONT = "system-ui, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
INK, SOFT, LINE, PAPER, RED = "#1d2129", "#5b6470", "#d6dae1", "#ffffff", "#a2160d"
COLOURS = (
    "#8a2be2",
    "#0b5fd0",
    "#0e8a6d",
    "#b5540a",
    "#7a5c00",
    "#c02677",
    "#3f6b1a",
    "#00788f",
    "#5b4bb8",
    "#8c3b2e",
    "#4a6072",
    "#555555",
)
NUMBER_RADIUS = 7
PIECES = re.compile(r"[\x21-\x7e…–]+ *|.")
WORDS: Mapping[str, Text] = {
    "title": Text("客户 {id} 的来源记录与归并依据", "Records of customer {id} and what links them"),
    "desc": Text(
        "{n} 条记录，来自 {sources}；{edges} 条归并依据：{rules}；{refused} 条与其他客户的记录未归并。",
        "{n} record{n_s} of {sources}; {edges} link{edges_s}: {rules}; {refused} link{refused_s} to records of other customers {refused_were} refused.",
    ),
    "others": Text("其他客户的记录（未归并）", "Records of other customers, kept apart"), "customer": Text("客户", "customer"),
    "left_out": Text("另有 {n} 条未画出", "{n} more {n_are} not drawn"), "nameless": Text("无姓名", "no name"), "none": Text("无", "none"),
    "bits": Text("{w:.1f} 位", "{w:.1f} bits"),
}  # fmt: skip

AGREEING = {
    "s": ("", "s"),
    "are": ("is", "are"),
    "were": ("was", "were"),
}  # English after one, and after any other number


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """One row: its source, its key masked, the first character of its name."""

    source: str
    key: str
    initial: str


@dataclass(frozen=True, slots=True)
class PictureEdge:
    """A link between two rows by their positions; ``weight`` in bits where a model weighed them."""

    left: int
    right: int
    rule: str
    weight: float | None


@dataclass(frozen=True, slots=True)
class PictureRefusal:
    """A link from a row to a record of another customer that was refused."""

    record: int
    other: PictureRecord
    customer_id: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class ClusterPicture:
    """What is drawn. ``n_records``, ``n_refused`` count also what is left out."""

    customer_id: str
    records: Sequence[PictureRecord]
    edges: Sequence[PictureEdge]
    refusals: Sequence[PictureRefusal]
    n_records: int
    n_refused: int


def picture_of(around: Around, customer_id: str) -> ClusterPicture:
    """Return what is drawn of a customer: at most forty records and twelve records of others."""
    members = around.records_of(customer_id)
    used = [
        (a, b, str(r["rule"]), r["weight"])
        for r in around.edges
        if r["state"] == "used" and (a := _end(r, "left")) in members and (b := _end(r, "right")) in members
    ]
    order = _side_by_side(members, used)[:MOST_ROWS]
    at = {key: i for i, key in enumerate(order)}
    ends = [(min(at[a], at[b]), max(at[a], at[b]), rule, w) for a, b, rule, w in used if a in at and b in at]
    edges = [PictureEdge(left, right, rule, w) for left, right, rule, w in ends]
    refusals = []
    for row in around.edges:
        both = {_end(row, "left"), _end(row, "right")}
        mine = [k for k in both if k in at]
        if row["state"] == "refused" and len(mine) == 1:
            [other] = both - set(mine)
            home = around.customer_of.get(other, "")
            if home != customer_id:
                seen = _record(around, other)
                refusals.append(PictureRefusal(at[mine[0]], seen, home, row["rule"], row["refused_because"]))
    refusals.sort(key=lambda r: (r.other.source, r.other.key, r.record, r.rule))
    shown_others = list(dict.fromkeys((r.other, r.customer_id) for r in refusals))[:MOST_FOREIGN]
    kept = [r for r in refusals if (r.other, r.customer_id) in shown_others]
    return ClusterPicture(customer_id, [_record(around, k) for k in order], edges, kept, len(members), len(refusals))


def _end(row: Mapping[str, object], side: str) -> RecordKey:
    return RecordKey(str(row[f"{side}_source"]), str(row[f"{side}_key"]))


def _record(around: Around, key: RecordKey) -> PictureRecord:
    latest = [r for r in around.versions.get(key, ()) if r["is_latest"]]
    initial = str(latest[0]["initial"] or "") if latest else ""
    return PictureRecord(key.source, shown("source_key", key.source_key) or "", initial)


def _side_by_side(members: Sequence[RecordKey], used: Sequence[tuple[RecordKey, RecordKey, str, float | None]]) -> list[RecordKey]:  # fmt: skip
    """Return the records in an order in which those that are tied strongest stand together."""
    rows = {key: [key] for key in members}
    strength = list(MEANINGS)
    for a, b, _, _ in sorted(used, key=lambda u: (strength.index(u[2]), -(u[3] or 0.0), u[0], u[1])):
        if rows[a] is not rows[b]:
            joined = rows[a] + rows[b]
            for key in joined:
                rows[key] = joined
    return [key for group in {id(r): r for r in (rows[m] for m in members)}.values() for key in group]


def draw_cluster(picture: ClusterPicture, *, language: str = "zh") -> str:
    """Return the picture as SVG, its texts in ``language`` (zh or en)."""
    return _Drawing(picture, language).svg()


class _Drawing:
    """One picture being drawn: where rows stand, which number and colour a rule has."""

    def __init__(self, picture: ClusterPicture, language: str) -> None:
        self.picture, self.language = picture, language
        self.rules = sorted({e.rule for e in picture.edges}, key=list(MEANINGS).index)
        longest = max((e.right - e.left for e in picture.edges), default=0)
        self.arcs = NARROW_ARCS if longest <= 6 else WIDE_ARCS
        self.box_left = MARGIN + self.arcs
        self.box_right = self.box_left + BOX
        self.others = list(dict.fromkeys((r.other, r.customer_id) for r in picture.refusals))
        self.others_top = HEAD + ROW * len(picture.records) + 40
        legend = max(len(self.rules), 1)
        rows = self.others_top + (ROW * len(self.others) + 16 if self.others else -28)
        self.legend_top = rows + 16
        self.height = self.legend_top + 22 * legend + MARGIN
        self.width = max(self.box_right + RIGHT + (430 if self.others else 60), NARROWEST)

    def word(self, key: str, **values: object) -> str:
        """Return a text of the picture in its language; English words agree with the numbers that they stand by."""
        agreeing = {
            f"{name}_{word}": one if n == 1 else more
            for name, n in values.items() for word, (one, more) in AGREEING.items()
        }  # fmt: skip
        return str(getattr(WORDS[key], self.language)).format(**values, **agreeing)

    def rule_name(self, rule: str) -> str:
        return str(getattr(MEANINGS[rule], self.language))

    def svg(self) -> str:
        """Return the whole file."""
        p = self.picture
        title = self.word("title", id=p.customer_id)
        sources = ", ".join(sorted({r.source for r in p.records}))
        names = "; ".join(map(self.rule_name, self.rules)) or self.word("none")
        desc = self.word("desc", n=p.n_records, sources=sources, edges=len(p.edges), rules=names, refused=p.n_refused)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}" '
            f'role="img" aria-labelledby="title desc" lang="{"zh-CN" if self.language == "zh" else "en"}" font-family="{FONT}" font-size="13">',
            f'<title id="title">{escape(title)}</title><desc id="desc">{escape(desc)}</desc>',
            f'<rect width="{self.width}" height="{self.height}" fill="{PAPER}"/>',
            _text(MARGIN, 28, title, size=16, weight=600), _text(MARGIN, 48, self._counts(desc), fill=SOFT),
            *self._arcs(), *self._rows(), *self._refusals(), *self._legend(), "</svg>",
        ]  # fmt: skip
        return "\n".join(parts) + "\n"

    def _counts(self, desc: str) -> str:
        left_out = self.picture.n_records - len(self.picture.records)
        first = desc.split("；" if self.language == "zh" else ";", maxsplit=1)[0]
        return first + (f" · {self.word('left_out', n=left_out)}" if left_out else "")

    def y(self, row: int) -> float:
        return HEAD + ROW * row + ROW / 2

    def _arcs(self) -> list[str]:
        longest = max((e.right - e.left for e in self.picture.edges), default=1)
        deepest = self.arcs - 26
        seen: dict[tuple[int, int], int] = {}
        found = []
        for e in sorted(self.picture.edges, key=lambda e: (e.left - e.right, e.left, self.rules.index(e.rule))):
            nth = seen.setdefault((e.left, e.right), 0)
            seen[e.left, e.right] += 1
            depth = min(deepest, 22 + (deepest - 40) * (e.right - e.left - 1) / max(longest - 1, 1) + 18 * nth)
            found.append(self._arc(e, depth))
        return found

    def _arc(self, e: PictureEdge, depth: float) -> str:
        x, y1, y2 = self.box_left, self.y(e.left), self.y(e.right)
        control, middle = x - depth * 4 / 3, (y1 + y2) / 2
        number = self.rules.index(e.rule) + 1
        colour = COLOURS[list(MEANINGS).index(e.rule) % len(COLOURS)]
        told = f"{self._called(e.left)} – {self._called(e.right)}: {self.rule_name(e.rule)}"
        told += f", {self.word('bits', w=e.weight)}" if e.weight is not None else ""
        return (
            f'<g><title>{escape(told)}</title><path d="M{x},{y1:.1f} C{control:.1f},{y1:.1f} {control:.1f},{y2:.1f} {x},{y2:.1f}" fill="none" '
            f'stroke="{colour}" stroke-width="{_width(e):.1f}" stroke-opacity="0.75"/>'
            f'<circle cx="{x - depth:.1f}" cy="{middle:.1f}" r="{NUMBER_RADIUS}" fill="{PAPER}" stroke="{colour}"/>'
            f"{_text(x - depth, middle + 3.5, str(number), size=10, anchor='middle', fill=colour)}</g>"
        )

    def _called(self, row: int) -> str:
        record = self.picture.records[row]
        return f"{record.source} {record.key}"

    def _row(self, record: PictureRecord, y: float, *, is_other: bool = False) -> str:
        name = record.initial or self.word("nameless")
        style = f'fill="none" stroke="{LINE}" stroke-dasharray="4 3"' if is_other else f'fill="#f6f8fb" stroke="{LINE}"'
        x = self.box_left
        return (
            f'<g><rect x="{x}" y="{y - ROW / 2 + 2}" width="{BOX}" height="{ROW - 4}" rx="4" {style}/>'
            f"{_text(x + 10, y + 4.5, record.source, weight=600)}{_text(x + 120, y + 4.5, record.key, fill=SOFT)}{_text(x + BOX - 12, y + 4.5, name, anchor='end')}</g>"
        )

    def _rows(self) -> list[str]:
        return [self._row(r, self.y(i)) for i, r in enumerate(self.picture.records)]

    def _refusals(self) -> list[str]:
        if not self.others:
            return []
        left_out = self.picture.n_refused - len(self.picture.refusals)
        head = self.word("others") + (f" · {self.word('left_out', n=left_out)}" if left_out else "")
        found = [_text(self.box_left, self.others_top - 12, head, fill=SOFT)]
        for i, (other, customer_id) in enumerate(self.others):
            y = self.others_top + ROW * i + ROW / 2
            mine = [r for r in self.picture.refusals if (r.other, r.customer_id) == (other, customer_id)]
            reasons = "; ".join(dict.fromkeys(str(getattr(REFUSALS[Refusal(r.reason)], self.language)) for r in mine))
            told = f"{self.word('customer')} {customer_id[:8]}… {reasons}"
            found.append(self._row(other, y, is_other=True))
            found += [
                self._refused(self.y(row), y, told, reach=RIGHT - 30 - 5 * i)
                for row in dict.fromkeys(r.record for r in mine)
            ]
            found += _wrapped(self.box_right + RIGHT - 20, y + 4.5, told, width=self.width - self.box_right - RIGHT)
        return found

    def _refused(self, y1: float, y2: float, told: str, *, reach: float) -> str:
        x, reach = self.box_right, self.box_right + reach
        return (
            f'<g><title>{escape(told)}</title><path d="M{x},{y1:.1f} C{reach},{y1:.1f} {reach},{y2:.1f} {x},{y2:.1f}" fill="none" stroke="{RED}" '
            'stroke-width="1.4" stroke-dasharray="6 4"/></g>'
        )

    def _legend(self) -> list[str]:
        found = []
        for i, rule in enumerate(self.rules):
            y, x = self.legend_top + 22 * i + 10, self.box_left
            colour = COLOURS[list(MEANINGS).index(rule) % len(COLOURS)]
            weights = [e.weight for e in self.picture.edges if e.rule == rule and e.weight is not None]
            name = self.rule_name(rule) + (
                f" ({self.word('bits', w=min(weights))}+)" if weights and rule == MODEL_RULE else ""
            )
            width = _width(next(e for e in self.picture.edges if e.rule == rule))
            found.append(
                f'<g><line x1="{x - 56}" y1="{y}" x2="{x - 8}" y2="{y}" stroke="{colour}" stroke-width="{width:.1f}" stroke-opacity="0.75"/>'
                f'<circle cx="{x - 32}" cy="{y}" r="{NUMBER_RADIUS}" fill="{PAPER}" stroke="{colour}"/>'
                f"{_text(x - 32, y + 3.5, str(i + 1), size=10, anchor='middle', fill=colour)}{_text(x, y + 4.5, name)}</g>"
            )
        return found


def _width(edge: PictureEdge) -> float:
    """Return the width of a link in pixels: by the place of its rule, or by the weight of the match model."""
    if edge.weight is not None:
        return min(1.2 + max(edge.weight - 10.0, 0.0) / 12, 3.0)
    place = list(MEANINGS).index(edge.rule)
    return max(5.0 - 0.5 * place, 1.5)


def _text(x: float, y: float, text: str, *, size: int = 0, weight: int = 0, anchor: str = "", fill: str = INK) -> str:
    """Return a line of text."""
    extra = (f' font-size="{size}"' if size else "") + (f' font-weight="{weight}"' if weight else "")
    extra += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}"{extra}>{escape(text)}</text>'


def _wrapped(x: float, y: float, text: str, *, width: float, size: float = 12.0) -> list[str]:
    """Return a text in at most two lines around ``y``, broken between words and between Chinese characters."""
    lines = [""]
    for piece in PIECES.findall(text):
        if lines[-1] and _measure((lines[-1] + piece).rstrip(), size) > width:
            lines.append("")
        lines[-1] += piece
    top = y - 7.0 * (min(len(lines), 2) - 1)
    return [_text(x, top + 14 * i, line.strip(), size=12, fill=RED) for i, line in enumerate(lines[:2])]


def _measure(text: str, size: float) -> float:
    """Return the width of a text in pixels, near enough."""
    return size * sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.56 for c in text)


__all__ = ["ClusterPicture", "PictureEdge", "PictureRecord", "PictureRefusal", "draw_cluster", "picture_of"]

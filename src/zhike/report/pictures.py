"""Which picture shows which section: sections in, drawn charts with title and description out. No numbers are made here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from zhike.report import charts
from zhike.report.charts import Bar, Span, Spec
from zhike.report.sankey import SankeyWords, draw_sankey
from zhike.report.speech import Speech
from zhike.report.terms import (
    Absent,
    EffectRow,
    EffectSection,
    FunnelSection,
    ModelSection,
    QualitySection,
    Quantity,
    ReachSection,
    ReconciliationSection,
    RoiSection,
    RunReport,
    SegmentMove,
    SegmentSection,
    StepSection,
    TierSection,
    Unit,
)

MOST_BARS = 15
NOTHING = Quantity(None, Unit.NUMBER)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart drawn twice: for a wide page or print, and for a phone."""

    title: str
    wide: Markup
    narrow: Markup


@dataclass(frozen=True, slots=True)
class _Sketch:
    ident: str
    title: str
    description: str
    build: Callable[[int], Spec]


def _quality(section: QualitySection, say: Speech) -> list[_Sketch]:
    rows = sorted((r for r in section.loads if r.n_loaded), key=lambda r: -r.n_loaded)[:MOST_BARS]
    found = []
    if rows:
        bars = [Bar(say.text(r.name), r.n_loaded, say.number(r.n_loaded)) for r in rows]
        described = say.word("quality_chart_desc", name=bars[0].label, n=bars[0].text)
        found.append(_Sketch("loads", say.word("quality_chart"), described, lambda w: charts.bar_chart(bars, width=w)))
    held = sorted(section.quarantined, key=lambda r: -r.n_rows)[:MOST_BARS]
    if held:
        reasons = [
            Bar(f"{r.table} · {r.column} · {r.rule}", r.n_rows, say.number(r.n_rows), color=charts.ORANGE) for r in held
        ]
        described = say.word("quarantine_chart_desc", n=say.number(section.n_quarantined))
        found.append(
            _Sketch("quarantine", say.word("quarantine_chart"), described, lambda w: charts.bar_chart(reasons, width=w))
        )
    return found


def _reconciliation(section: ReconciliationSection, say: Speech) -> list[_Sketch]:
    bars = []
    for check in section.checks:
        label, green = say.text(check.name), check.n_compared - check.n_red
        bars.append(Bar(label, green, f"{say.number(green)} {say.word('green')}", say.word("green"), charts.TEAL))
        bars.append(
            Bar(label, check.n_red, f"{say.number(check.n_red)} {say.word('red')}", say.word("red"), charts.RED)
        )
    n_red = sum(c.n_red for c in section.checks)
    n_green = sum(c.n_compared for c in section.checks) - n_red
    described = say.word("reconciliation_chart_desc", n_green=say.number(n_green), n_red=say.number(n_red))
    return [
        _Sketch(
            "reconciliation",
            say.word("reconciliation_chart"),
            described,
            lambda w: charts.paired_bar_chart(bars, width=w),
        )
    ]


def _tiers(section: TierSection, say: Speech) -> list[_Sketch]:
    n_all = sum(t.n_customers for t in section.tiers) or 1
    amount_all = float(sum(t.aum_amount for t in section.tiers)) or 1.0
    bars = []
    for tier in section.tiers:
        label = say.text(tier.name)
        people, money = tier.n_customers / n_all, float(tier.aum_amount) / amount_all
        for share, series, color in ((people, "series_customers", charts.GREY), (money, "series_aum", charts.BLUE)):
            bars.append(
                Bar(label, max(share, 0.0), f"{say.show(Quantity(share, Unit.RATE))} {say.word(series)}", series, color)
            )
    return [
        _Sketch(
            "tiers",
            say.word("tiers_chart"),
            say.word("tiers_chart_desc"),
            lambda w: charts.paired_bar_chart(bars, width=w),
        )
    ]


def _segments(section: SegmentSection, say: Speech) -> list[_Sketch]:
    rows = [s for s in section.segments if s.n_customers][:MOST_BARS]
    if not rows:
        return []
    bars = [Bar(say.text(s.name), s.n_customers, say.number(s.n_customers)) for s in rows]
    described = say.word("segments_chart_desc", name=bars[0].label, n=bars[0].text)
    return [_Sketch("segments", say.word("segments_chart"), described, lambda w: charts.bar_chart(bars, width=w))]


def _funnel(section: FunnelSection, say: Speech) -> list[_Sketch]:
    if not section.stages:
        return []
    start = section.stages[0].n_in
    bars = [Bar(say.word("funnel_start"), start, say.number(start), color=charts.GREY)]
    for stage in section.stages:
        lost = f" (−{say.number(stage.n_in - stage.n_out)})" if stage.n_in > stage.n_out else ""
        bars.append(Bar(say.text(stage.name), stage.n_out, say.number(stage.n_out) + lost))
    described = say.word("funnel_chart_desc", n_in=bars[0].text, n_out=say.number(section.stages[-1].n_out))
    return [_Sketch("funnel", say.word("funnel_chart"), described, lambda w: charts.bar_chart(bars, width=w))]


def _reach(section: ReachSection, say: Speech) -> list[_Sketch]:
    bars = []
    for stage in section.stages:
        label = say.text(stage.name)
        bars.append(
            Bar(
                label,
                stage.n_treatment,
                f"{say.number(stage.n_treatment)} {say.word('column_treated')}",
                "t",
                charts.BLUE,
            )
        )
        if stage.n_control is not None:
            bars.append(
                Bar(
                    label,
                    stage.n_control,
                    f"{say.number(stage.n_control)} {say.word('column_control')}",
                    "c",
                    charts.GREY,
                )
            )
    build = charts.paired_bar_chart if any(s.n_control is not None for s in section.stages) else charts.bar_chart
    return [_Sketch("reach", say.word("reach_chart"), say.word("reach_chart_desc"), lambda w: build(bars, width=w))]


def _model(model: ModelSection, say: Speech) -> list[_Sketch]:
    n_all, n_positive = sum(d.n_customers for d in model.deciles), sum(d.n_positive for d in model.deciles)
    if not n_all or not n_positive:
        return []
    gains, people, caught = [(0.0, 0.0)], 0, 0
    for decile in model.deciles:
        people, caught = people + decile.n_customers, caught + decile.n_positive
        gains.append((people / n_all, caught / n_positive))
    gains = list(model.gains) or gains
    predicted = sorted((d.mean_score, d.rate) for d in model.deciles if d.n_customers)
    top = max(max(p) for p in predicted) or 1.0
    name, ident = say.text(model.name), "".join(c if c.isalnum() else "-" for c in model.model)
    first = say.share(model.deciles[0].n_positive, n_positive)
    gain_titles = (say.word("gain_x"), say.word("gain_y"))
    calibration_titles = (say.word("calibration_x"), say.word("calibration_y"))
    return [
        _Sketch(f"gains-{ident}", say.word("gain_chart", model=name), say.word("gain_chart_desc", captured=first),
                lambda w: charts.line_chart(gains, [(0, 0), (1, 1)], width=w, titles=gain_titles)),
        _Sketch(f"calibration-{ident}", say.word("calibration_chart", model=name), say.word("calibration_chart_desc"),
                lambda w: charts.line_chart(predicted, [(0, 0), (top, top)], width=w, titles=calibration_titles)),
    ]  # fmt: skip


def _teller(unit: Unit, say: Speech) -> Callable[[float], str]:
    """Return how numbers on an axis are written: short, without the words that stand beside the chart."""
    return lambda value: say.tick(value, unit)


def _span(label: str, quantity: Quantity, say: Speech, *, color: str, mark: float | None = None) -> Span | None:
    if quantity.value is None or quantity.low is None or quantity.high is None:
        return None
    shown = f"{say.show(quantity)}  {say.interval(quantity)}"
    return Span(label, float(quantity.value), float(quantity.low), float(quantity.high), shown, color, mark)


def _effect_row(row: EffectRow, say: Speech) -> list[_Sketch]:
    tell_level, tell_gap = _teller(row.treated.unit, say), _teller(row.effect.unit, say)
    name = say.text(row.name)
    arms = [
        _span(say.word("column_treated"), row.treated, say, color=charts.BLUE),
        _span(say.word("column_control"), row.control, say, color=charts.GREY),
    ]
    levels = [s for s in arms if s is not None]
    found = []
    if levels:
        described = say.word(
            "effect_chart_desc", metric=name, treated=say.show(row.treated), control=say.show(row.control)
        )
        found.append(_Sketch(f"levels-{row.metric}", f"{name}: {say.word('effect_chart')}", described,
                             lambda w: charts.span_chart(levels, width=w, tell=tell_level, zero_line=False)))  # fmt: skip
    truth = None if row.truth is None or row.truth.value is None else float(row.truth.value)
    label = (
        say.word("column_difference")
        if truth is None
        else say.word("difference_truth", truth=say.show(row.truth or NOTHING))
    )
    gap = _span(label, row.effect, say, color=charts.TEAL, mark=truth)
    if gap is not None:
        described = say.word(
            "difference_chart_desc", metric=name, effect=say.show(row.effect), interval=say.interval(row.effect)
        )
        found.append(_Sketch(f"difference-{row.metric}", f"{name}: {say.word('difference_chart')}", described,
                             lambda w: charts.span_chart([gap], width=w, tell=tell_gap, zero_line=True)))  # fmt: skip
    return found


def _effect(section: EffectSection, say: Speech) -> list[_Sketch]:
    return [sketch for row in section.rows[:2] for sketch in _effect_row(row, say)]


def _roi(section: RoiSection, say: Speech) -> list[_Sketch]:
    spans = [
        _span(say.word("roi_revenue"), section.revenue, say, color=charts.BLUE),
        _span(say.word("roi_profit"), section.profit, say, color=charts.TEAL),
    ]
    drawn = [s for s in spans if s is not None]
    if not drawn:
        return []
    tell = _teller(Unit.AMOUNT, say)
    described = say.word("roi_chart_desc", revenue=say.show(section.revenue), profit=say.show(section.profit))
    return [
        _Sketch(
            "roi",
            say.word("roi_chart"),
            described,
            lambda w: charts.span_chart(drawn, width=w, tell=tell, zero_line=True),
        )
    ]


def _steps(section: StepSection, say: Speech) -> list[_Sketch]:
    rows = sorted((s for s in section.steps if s.seconds > 0), key=lambda s: -s.seconds)[:MOST_BARS]
    if not rows:
        return []
    bars = [Bar(s.key, s.seconds, say.number(s.seconds, "seconds")) for s in rows]
    described = say.word("steps_chart_desc", name=bars[0].label, seconds=bars[0].text)
    return [_Sketch("steps", say.word("steps_chart"), described, lambda w: charts.bar_chart(bars, width=w))]


def _drawn(sketches: list[_Sketch]) -> list[Picture]:
    pictures = []
    for s in sketches:
        wide, narrow = (
            charts.draw(s.build(width), ident=f"{s.ident}-{size}", title=s.title, description=s.description)
            for width, size in ((charts.WIDE, "wide"), (charts.NARROW, "narrow"))
        )
        pictures.append(Picture(s.title, wide, narrow))
    return pictures


def draw_pictures(report: RunReport, say: Speech) -> dict[str, list[Picture]]:
    """Return section → its pictures, in one language; sections without data have none. Models are keyed ``model:<key>``."""
    sketches: dict[str, list[_Sketch]] = {}
    if not isinstance(report.quality, Absent):
        sketches["quality"] = _quality(report.quality, say)
    if not isinstance(report.reconciliation, Absent):
        sketches["reconciliation"] = _reconciliation(report.reconciliation, say)
    if not isinstance(report.tiers, Absent):
        sketches["tiers"] = _tiers(report.tiers, say)
    if not isinstance(report.segments, Absent):
        sketches["segments"] = _segments(report.segments, say)
    if not isinstance(report.funnel, Absent):
        sketches["funnel"] = _funnel(report.funnel, say)
    if not isinstance(report.reach, Absent):
        sketches["reach"] = _reach(report.reach, say)
    if not isinstance(report.models, Absent):
        sketches |= {f"model:{m.model}": _model(m, say) for m in report.models}
    if not isinstance(report.effect, Absent):
        sketches["effect"] = _effect(report.effect, say)
    if not isinstance(report.roi, Absent):
        sketches["roi"] = _roi(report.roi, say)
    if not isinstance(report.steps, Absent):
        sketches["steps"] = _steps(report.steps, say)
    drawn = {section: _drawn(found) for section, found in sketches.items()}
    if not isinstance(report.segments, Absent) and report.segments.move is not None:
        drawn["segments_move"] = [_move(report.segments.move, say)]
    return drawn


def _move(move: SegmentMove, say: Speech) -> Picture:
    """Return the Sankey of who moved between the buckets of a segment."""
    m = move.migration
    days = (say.day(m.from_on), say.day(m.to_on))
    title = say.word("segments_moved", name=say.text(move.name), from_on=days[0], to_on=days[1])
    described = say.word("segments_moved_desc", stay=say.show(Quantity(m.stay_rate, Unit.RATE)))
    words = SankeyWords(title, described, days, {b: say.text(move.name_of(b)) for b in m.buckets}, say.number)
    wide, narrow = (
        draw_sankey(m, words, ident=f"segments-move-{size}", width=width)
        for width, size in ((charts.WIDE, "wide"), (charts.NARROW, "narrow"))
    )
    return Picture(title, wide, narrow)


__all__ = ["Picture", "draw_pictures"]

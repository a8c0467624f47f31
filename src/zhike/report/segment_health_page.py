"""The page of one segment's health: figures, alerts, penetration, gaps, retention by month of entering and by channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zhike.kernel.terms import Text
from zhike.report.leaflet import Cell, Chapter, Grid, Leaflet, grid
from zhike.report.numbers import NO_NUMBER
from zhike.report.product_classes import PRODUCT_CLASSES
from zhike.report.segment_pages import PageOf, percent
from zhike.segments.tracking.alerts import Alert
from zhike.segments.tracking.health import CohortCell, Gap, Penetration


@dataclass(frozen=True, slots=True)
class HealthFigures:
    """What the page shows of one segment."""

    names: Text
    n_members: int
    coverage_rate: float | None
    match_rate: float | None
    stay_rates: Mapping[int, float | None]
    active_days: float | None
    alerts: Sequence[Alert]
    penetration: Sequence[Penetration]
    gaps: Sequence[Gap]
    cohorts: Sequence[CohortCell]
    peers: Mapping[str, Text] = field(default_factory=dict)
    classes: Mapping[str, Text] = field(default_factory=lambda: PRODUCT_CLASSES)


def _figures(h: HealthFigures) -> Grid:
    stay: list[list[Cell]] = [
        [Text(f"{n} 天留存率", f"Still members after {n} days"), percent(rate)] for n, rate in h.stay_rates.items()
    ]
    active = NO_NUMBER if h.active_days is None else f"{h.active_days:g}"
    rows: list[list[Cell]] = [
        [Text("成员数", "Members"), h.n_members], [Text("覆盖率", "Coverage"), percent(h.coverage_rate)],
        [Text("匹配度", "Match"), percent(h.match_rate)], *stay, [Text("活跃天数中位数(30天)", "Median active days of 30"), active],
    ]  # fmt: skip
    return grid(Text("主要数字", "Key figures"), [Text("指标", "Figure"), Text("数值", "Value")], rows, (1,))


def _penetration(h: HealthFigures) -> Grid:
    head = [Text("产品大类", "Product class"), Text("持有成员", "Members"), Text("渗透率", "Share"), Text("95% 区间", "95% interval"), Text("全体", "All"), Text("TGI", "TGI")]  # fmt: skip
    rows: list[list[Cell]] = [
        [h.classes.get(p.product_class, Text(p.product_class, p.product_class)), p.n_members, percent(p.interval.estimate),
         f"[{percent(p.interval.low)}, {percent(p.interval.high)}]", percent(p.base_share_rate), NO_NUMBER if p.tgi is None else f"{p.tgi:.0f}"]
        for p in h.penetration
    ]  # fmt: skip
    return grid(Text("产品渗透率", "Penetration by product class"), head, rows, range(1, 6))


def _gaps(h: HealthFigures) -> Grid:
    head = [Text("产品大类", "Product class"), Text("本客群", "Here"), Text("对标客群", "Best comparable"), Text("对标渗透率", "Its share"), Text("差额区间", "Difference"), Text("缺口(户)", "Gap, customers")]  # fmt: skip
    rows: list[list[Cell]] = [
        [h.classes.get(g.product_class, Text(g.product_class, g.product_class)), percent(g.share_rate), h.peers.get(g.peer, Text(g.peer, g.peer)),
         percent(g.peer_share_rate), f"[{percent(g.difference.low)}, {percent(g.difference.high)}]", g.n_customers]
        for g in h.gaps
    ]  # fmt: skip
    return grid(Text("产品缺口", "Product gaps"), head, rows, (1, 3, 4, 5))


def cohort_grid(cohorts: Sequence[CohortCell]) -> Grid:
    """Return retention: one row per month of entering and channel, one column per month since."""
    most = max((c.months for c in cohorts), default=0)
    cells = {(c.entered_month, c.channel, c.months): c for c in cohorts}
    rows: list[list[Cell]] = []
    for month, channel in dict.fromkeys((c.entered_month, c.channel) for c in cohorts):
        found = [cells.get((month, channel, n)) for n in range(most + 1)]
        first = next(c for c in found if c is not None)
        rows.append([f"{month:%Y-%m}", channel or Text("全部", "all"), first.n_entered, *(percent(c.retention_rate) if c else "" for c in found)])  # fmt: skip
    head = [Text("进入月", "Entered"), Text("首触渠道", "First seen on"), Text("进入(户)", "Customers"), *(Text(f"{n} 月后", f"+{n} mo") for n in range(most + 1))]  # fmt: skip
    return grid(Text("进入批次留存", "Retention by cohort"), head, rows, range(2, len(head)))


def health_page(page: PageOf, h: HealthFigures) -> Leaflet:
    """Return the page of one segment's health."""
    title = Text(f"{h.names.zh}：客群健康", f"{h.names.en}: health")
    n = len(h.alerts)
    lead = Text(f"{h.n_members:,} 位成员，覆盖率 {percent(h.coverage_rate)}，{n} 条提醒。", f"{h.n_members:,} members, coverage {percent(h.coverage_rate)}, {n} alert{'' if n == 1 else 's'}.")  # fmt: skip
    nothing = (
        Text("尚无可跟踪的进入批次：首跑成员不计。", "No cohort to follow yet: members of the first run are none."),
    )
    chapters = (
        Chapter(Text("概况", "At a glance"), (), tuple(a.text for a in h.alerts), (_figures(h),)),
        Chapter(Text("产品", "Products"), (), (), (*((_penetration(h),) if h.penetration else ()), *((_gaps(h),) if h.gaps else ()))),
        Chapter(Text("留存", "Retention"), () if h.cohorts else nothing, (), (cohort_grid(h.cohorts),) if h.cohorts else ()),
    )  # fmt: skip
    meaning = Text(
        "匹配度 = 成员已持有其价值层级常见产品(该层半数以上客户持有)的平均比例；缺口 = 与渗透率最高的可比客群之差 × 成员数，区间不含零才列。",
        "Match = mean share, held by members, of the product classes usual in their value tier (held by half of it or more); gap = difference from the best comparable segment × members, told only when the interval leaves zero out.",
    )
    return Leaflet(title, page.project, page.currency, page.as_of, lead, chapters, meaning)


__all__ = ["HealthFigures", "cohort_grid", "health_page"]

"""Leaflets about segments: a migration with its picture, RFM, a discovered clustering, a portrait, associations, health.

In: the figures of ``segments.discovery`` and ``segments.tracking``. Out: ``leaflet.Leaflet``. No number is made here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from markupsafe import Markup

from zhike.kernel.terms import Text
from zhike.report import charts
from zhike.report.charts import BLUE, GREY, ORANGE, Bar, Span, span_chart
from zhike.report.leaflet import Cell, Chapter, Drawing, Grid, Leaflet, grid
from zhike.report.numbers import NO_NUMBER, show_number
from zhike.report.sankey import SankeyWords, draw_sankey
from zhike.report.speech import Language
from zhike.report.terms import Unit
from zhike.segments.discovery.association import Associations
from zhike.segments.discovery.clustering import Choice, Clustering
from zhike.segments.discovery.portraits import Portrait, Trait, as_h
from zhike.segments.discovery.preparing import Prepared
from zhike.segments.discovery.rfm import CellSize, Rfm
from zhike.segments.discovery.surrogate import Surrogate
from zhike.segments.tracking.migration import OUTSIDE, Migration

CUSTOMERS = Text("客户数", "Customers")
SHARE = Text("占比", "Share")
MOST_TRAITS, MOST_DRAWN = 10, 6
MEASURES = {"share": Text("占比", "share"), "mean": Text("均值", "mean"), "median": Text("中位数", "median")}


@dataclass(frozen=True, slots=True)
class PageOf:
    """What every page says of itself."""

    project: str
    currency: str
    as_of: date


def money(value: float | Decimal | None, currency: str) -> Text:
    """Return an amount in both languages; a dash when there is none."""
    if value is None:
        return Text(NO_NUMBER, NO_NUMBER)
    return Text(*(show_number(value, Unit.AMOUNT, language=x, currency=currency) for x in ("zh", "en")))


def percent(value: float | None) -> str:
    """Return a share in percent; a dash when there is none."""
    return NO_NUMBER if value is None else show_number(value, Unit.RATE, language="en", currency="")


def _value(trait: Trait, value: float, currency: str) -> Text:
    if trait.effect_kind == "cohen_h" or trait.kind == "rate":
        return Text(percent(value), percent(value))
    if trait.kind == "amount":
        return money(value, currency)
    return Text(f"{value:,.4g}", f"{value:,.4g}")


# ── migration ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def migration_drawing(migration: Migration, names: Mapping[str, Text], segment: Text, *, ident: str) -> Drawing:
    """Return the Sankey of a migration; ``ident`` is unique in the page."""
    days = (migration.from_on.isoformat(), migration.to_on.isoformat())
    title = Text(f"{segment.zh}：{days[0]} 至 {days[1]} 的迁移", f"{segment.en}: who moved from {days[0]} to {days[1]}")

    def draw(language: Language, width: int) -> Markup:
        is_zh = language == "zh"
        told = {b: (t.zh if is_zh else t.en) for b, t in names.items()}
        largest = sorted((f for f in migration.flows if f.bucket_from != f.bucket_to), key=lambda f: -f.n_customers)[:3]
        flows = ("；" if is_zh else "; ").join(
            f"{told.get(f.bucket_from, f.bucket_from)} → {told.get(f.bucket_to, f.bucket_to)} {f.n_customers:,}"
            for f in largest
        )
        described = f"左为期初、右为期末，带宽为客户数。最大的迁移：{flows or '无'}。" if is_zh else f"Left the first day, right the last; the width of a band is its customers. Largest moves: {flows or 'none'}."  # fmt: skip
        words = SankeyWords(title.zh if is_zh else title.en, described, days, told, lambda n: f"{n:,}")
        return draw_sankey(migration, words, ident=f"{ident}-{language}-{width}", width=width)

    return Drawing(title, draw)


def matrix_grid(migration: Migration, names: Mapping[str, Text]) -> Grid:
    """Return the matrix: rows add up to the sizes on the first day, columns to those on the last."""
    has_outside = any(OUTSIDE in (f.bucket_from, f.bucket_to) for f in migration.flows)
    buckets = [b for b in migration.buckets if b != OUTSIDE or has_outside]
    head = [Text("期初 ＼ 期末", "From ＼ to"), *(names.get(b, Text(b, b)) for b in buckets), Text("合计", "Total")]
    rows: list[list[Cell]] = []
    for b in buckets:
        cells = [migration.n(b, c) for c in buckets]
        rows.append([names.get(b, Text(b, b)), *(Text("", "") if b == c == OUTSIDE else n for c, n in zip(buckets, cells, strict=True)), sum(cells)])  # fmt: skip
    columns = [sum(migration.n(b, c) for b in buckets) for c in buckets]
    rows.append([Text("合计", "Total"), *columns, sum(columns)])
    return grid(Text("迁移矩阵（客户数）", "Migration matrix (customers)"), head, rows, range(1, len(head)))


def nets_grid(migration: Migration, names: Mapping[str, Text], currency: str) -> Grid:
    """Return net flows per bucket, in customers and in money."""
    head = [
        Text("分档", "Bucket"), Text("期初", "First day"), Text("期末", "Last day"), Text("转入", "Came"), Text("转出", "Went"),
        Text("净流", "Net"), Text("转入AUM(期末)", "AUM that came (last day)"), Text("转出AUM(期初)", "AUM that went (first day)"),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [names.get(n.bucket, Text(n.bucket, n.bucket)), n.n_from, n.n_to, n.n_came, n.n_went, f"{n.n_net:+,}".replace("-", "−") if n.n_net else 0,
         money(n.amount_came, currency), money(n.amount_went, currency)]
        for n in migration.nets()
    ]  # fmt: skip
    return grid(Text("净流：客户与资产", "Net flows: customers and money"), head, rows, range(1, 8))


def migration_page(page: PageOf, segment: Text, migration: Migration, names: Mapping[str, Text]) -> Leaflet:
    """Return the page of a migration between two days."""
    stay = percent(migration.stay_rate)
    moved = sum(
        f.n_customers
        for f in migration.flows
        if f.bucket_from != f.bucket_to and OUTSIDE not in (f.bucket_from, f.bucket_to)
    )
    came = sum(f.n_customers for f in migration.flows if f.bucket_from == OUTSIDE)
    went = sum(f.n_customers for f in migration.flows if f.bucket_to == OUTSIDE)
    lead = Text(
        f"{migration.from_on} 至 {migration.to_on}：{stay} 留在原档，{moved:,} 户换档，{came:,} 户进入，{went:,} 户离开。",
        f"From {migration.from_on} to {migration.to_on}: {stay} stayed where they were, {moved:,} moved, {came:,} came in, {went:,} went out.",
    )
    cautions = []
    if migration.money_missing:
        days = ", ".join(d.isoformat() for d in migration.money_missing)
        cautions.append(
            Text(
                f"{days} 的画像版本未保留，金额不可得。",
                f"No version of the profile of {days} is kept, so there is no money for it.",
            )
        )
    if migration.is_redefined:
        cautions.append(
            Text(
                "两日之间客群定义有变，迁移中含定义变化。",
                "The definition changed in between: some of this is the definition, not the customers.",
            )
        )
    items = (
        migration_drawing(migration, names, segment, ident="migration"),
        matrix_grid(migration, names),
        nets_grid(migration, names, page.currency),
    )
    title = Text(f"{segment.zh}：客群迁移", f"{segment.en}: migration")
    meaning = Text("按成员区间还原两日所在分档；行合计为期初规模，列合计为期末规模；两次跑批之间以前一次为准。", "The bucket on both days from the intervals of members; rows add up to the sizes on the first day, columns to the last; between two runs the earlier holds.")  # fmt: skip
    return Leaflet(
        title, page.project, page.currency, page.as_of, lead, (Chapter(title, (), tuple(cautions), items),), meaning
    )


# ── portraits, clusters ──────────────────────────────────────────────────────────────────────────────────────────────────────


SIZES = {"large": Text("差别大", "a large difference"), "medium": Text("差别中等", "a medium difference"), "small": Text("差别小", "a small difference"), "slight": Text("差别轻微", "a slight difference")}  # fmt: skip


def trait_sentence(trait: Trait, currency: str) -> Text:
    """Return one difference as a sentence: what members have, what others have, how large that is and how sure."""
    members, others = _value(trait, trait.of_members, currency), _value(trait, trait.of_others, currency)
    e, size = trait.effect, SIZES[trait.size]
    sure = f"{e.estimate:+.2f} [{e.low:+.2f}, {e.high:+.2f}]".replace("-", "−")
    value = f" {trait.value}" if trait.value else ""
    if trait.effect_kind == "cohen_h":
        tgi = NO_NUMBER if trait.tgi is None else f"{trait.tgi:.0f}"
        return Text(f"{trait.names.zh}{value}：占 {members.zh}，其余客户 {others.zh}，TGI {tgi}，{size.zh}（h {sure}）", f"{trait.names.en}{value}: {members.en}, others {others.en}, TGI {tgi}, {size.en} (h {sure})")  # fmt: skip
    by = Text("均值", "mean") if trait.is_mean else Text("中位数", "median")
    return Text(f"{trait.names.zh}：{by.zh} {members.zh}，其余客户 {others.zh}，{size.zh}（δ {sure}）", f"{trait.names.en}: {by.en} {members.en}, others {others.en}, {size.en} (δ {sure})")  # fmt: skip


def _effects_drawing(traits: Sequence[Trait], ident: str) -> Drawing:
    """Return effect sizes with their intervals about zero; delta is shown as the h it would be, so that all share one axis."""
    title = Text(
        "效应量与 95% 区间（右为成员更高，0.8 以上为大）",
        "Effect sizes with 95 % intervals (right: members have more; from 0.8 on large)",
    )

    def draw(language: Language, width: int) -> Markup:
        spans = []
        for t in traits:
            ends = (t.effect.estimate, t.effect.low, t.effect.high)
            estimate, low, high = ends if t.effect_kind == "cohen_h" else (max(-4.0, min(4.0, as_h(e))) for e in ends)
            label = (t.names.zh if language == "zh" else t.names.en) + (f" {t.value}" if t.value else "")
            spans.append(
                Span(label, estimate, low, high, f"{estimate:+.2f}".replace("-", "−"), BLUE if estimate > 0 else ORANGE)
            )
        spec = span_chart(spans, width=width, tell=lambda v: f"{v:+g}".replace("-", "−") if v else "0", zero_line=True)
        said = title.zh if language == "zh" else title.en
        described = "; ".join(f"{x.label} {x.text}" for x in spans)
        return charts.draw(spec, ident=f"{ident}-{language}-{width}", title=said, description=described)

    return Drawing(title, draw)


def portrait_chapter(portrait: Portrait, currency: str, ident: str, *, title: Text | None = None) -> Chapter:
    """Return a group in words: its size, its three strongest differences, all that are sure, and typical customers."""
    told = [t for t in portrait.traits if t.strength][:MOST_TRAITS]
    size = Text(
        f"{portrait.n_members:,} 位客户，占 {percent(portrait.share_rate)}。", f"{portrait.n_members:,} customers, {percent(portrait.share_rate)} of all."
    )  # fmt: skip
    sentences = [size, *(trait_sentence(t, currency) for t in told[:3])]
    if not told:
        sentences.append(Text("与其余客户没有确定的差别。", "There is no sure difference from everybody else."))
    if portrait.typical:
        ids = ", ".join(portrait.typical)
        sentences.append(Text(f"典型客户：{ids}", f"Typical customers: {ids}"))
    head = [Text("特征", "Trait"), Text("取值", "Of what"), Text("成员", "Members"), Text("其余", "Others"), Text("TGI", "TGI"), Text("效应量", "Effect"), Text("95% 区间", "95% interval")]  # fmt: skip
    rows: list[list[Cell]] = [
        [t.names, t.value or MEASURES["share" if t.effect_kind == "cohen_h" else "mean" if t.is_mean else "median"], _value(t, t.of_members, currency), _value(t, t.of_others, currency), NO_NUMBER if t.tgi is None else f"{t.tgi:.0f}",
         f"{'h' if t.effect_kind == 'cohen_h' else 'δ'} {t.effect.estimate:+.2f}".replace("-", "−"), f"[{t.effect.low:+.2f}, {t.effect.high:+.2f}]".replace("-", "−")]
        for t in told
    ]  # fmt: skip
    items: tuple[Grid | Drawing, ...] = ()
    if told:
        table = grid(Text("差别由大到小", "Differences, largest first"), head, rows, (2, 3, 4, 5, 6))
        items = (_effects_drawing(told[:MOST_DRAWN], ident), table)
    return Chapter(title or portrait.name, tuple(sentences), (), items)


def portrait_page(page: PageOf, segment: Text, portraits: Sequence[tuple[Text, Portrait]]) -> Leaflet:
    """Return the page of a segment's portraits, one chapter per bucket."""
    title = Text(f"{segment.zh}：画像", f"{segment.en}: portrait")
    lead = Text(
        f"{len(portraits)} 组，各与其余适用客户对比。",
        f"{len(portraits)} groups, each against everybody else it is for.",
    )
    chapters = tuple(
        portrait_chapter(p, page.currency, f"portrait-{i}", title=Text(f"{names.zh}（{p.name.zh}）", f"{names.en} ({p.name.en})"))
        for i, (names, p) in enumerate(portraits)
    )  # fmt: skip
    return Leaflet(title, page.project, page.currency, page.as_of, lead, chapters, PORTRAIT_MEANING)


PORTRAIT_MEANING = Text(
    "TGI = 100 × 占比 / 全体占比；h 为 Cohen h（占比），δ 为 Cliff δ（数值）；按区间近零一端排序，先说确定的差别。",
    "TGI = 100 × share / share of all; h is Cohen's (shares), δ Cliff's (numbers); ordered by the end of the interval nearer to zero: what is sure comes first.",
)


@dataclass(frozen=True, slots=True)
class Found:
    """A discovered clustering as a page shows it."""

    clustering: Clustering
    prepared: Prepared
    portraits: Sequence[Portrait]
    surrogate: Surrogate
    n_customers: int
    names: Mapping[str, Text]  # column → names


def _choice_row(choice: Choice, chosen: int) -> list[Cell]:
    verdict = Text(choice.refused_zh or "可信", choice.refused_en or "believed")
    if choice.n_clusters == chosen:
        verdict = Text("选定", "chosen")
    rand = f"{choice.rand_median:.2f} [{choice.rand_low:.2f}, {choice.rand_high:.2f}]"
    bic = NO_NUMBER if choice.bic is None else f"{choice.bic:,.0f}"
    p = NO_NUMBER if choice.p_value is None else f"{choice.p_value:.2f}"
    return [f"k = {choice.n_clusters}", f"{choice.silhouette:.2f}", bic, rand, f"{min(choice.jaccard):.2f}", p, verdict]


def discovery_page(page: PageOf, found: Found) -> Leaflet:
    """Return the page of a discovered clustering: what was found, why it is believed, and each group's portrait."""
    chosen, fidelity = found.clustering.chosen, found.surrogate.fidelity
    told = percent(fidelity.estimate)
    lead = Text(
        f"{found.n_customers:,} 位客户分为 {chosen.n_clusters} 类：" + "；".join(f"{p.name.zh} {percent(p.share_rate)}" for p in found.portraits) + "。",
        f"{found.n_customers:,} customers fall into {chosen.n_clusters} groups: " + "; ".join(f"{p.name.en} {percent(p.share_rate)}" for p in found.portraits) + ".",
    )  # fmt: skip
    head = [Text("类数", "Clusters"), Text("轮廓系数", "Silhouette"), Text("BIC", "BIC"), Text("调整兰德(10–90%)", "Adjusted Rand (10–90 %)"), Text("最差 Jaccard", "Worst Jaccard"), Text("p(无类点云)", "p (cloud without clusters)"), Text("结论", "Verdict")]  # fmt: skip
    choices = grid(
        Text("为什么是这么多类", "Why so many clusters"),
        head,
        [_choice_row(c, chosen.n_clusters) for c in found.clustering.choices],
        range(1, 6),
    )
    used: list[list[Cell]] = [
        [found.names.get(p.column, Text(p.column, p.column)), Text(*CHANGES[p.change]), f"{p.n_filled:,}"]
        for p in found.prepared.plans
    ]
    dropped: list[list[Cell]] = [
        [
            found.names.get(d.column, Text(d.column, d.column)),
            Text(f"未用：{d.reason.zh}", f"left out: {d.reason.en}"),
            "",
        ]
        for d in found.prepared.dropped
    ]
    columns = grid(
        Text("所用特征", "Features"),
        [Text("特征", "Feature"), Text("处理", "What was done"), Text("填补缺失", "Missing, filled")],
        [*used, *dropped],
        (2,),
    )
    why = Chapter(
        Text("可信吗", "Is it to be believed"),
        (
            Text(f"重抽样后分组一致程度（调整兰德指数中位数）{chosen.rand_median:.2f}；写成规则可还原 {told}。", f"Groups found again in resamples agree at {chosen.rand_median:.2f} (median adjusted Rand index); written as rules they agree for {told}."),
        ),
        (Text("各类边界相互接近（轮廓系数低于 0.25），名称仅概括主要差别。", "The groups lie close together (silhouette below 0.25); their names tell the main differences only."),) if chosen.silhouette < 0.25 else (),
        (choices, columns),
    )  # fmt: skip
    chapters = (*(portrait_chapter(p, page.currency, f"cluster-{i}") for i, p in enumerate(found.portraits)), why)
    title = Text("客群发现", "Segments discovered")
    return Leaflet(title, page.project, page.currency, page.as_of, lead, chapters, PORTRAIT_MEANING)


CHANGES = {
    "none": ("标准化", "scaled"),
    "log": ("对数后标准化", "logarithm, scaled"),
    "rank": ("秩变换后标准化", "ranks, scaled"),
}


# ── RFM, associations ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _cells_drawing(cells: Sequence[CellSize]) -> Drawing:
    title = Text("各类的客户占比与金额占比", "Share of customers and of money, by cell")

    def draw(language: Language, width: int) -> Markup:
        bars = []
        for cell in cells:
            label = cell.names.zh if language == "zh" else cell.names.en
            for share, series, color in (
                (cell.share_rate, CUSTOMERS, GREY),
                (cell.amount_share_rate or 0.0, Text("金额", "Money"), BLUE),
            ):
                said = series.zh if language == "zh" else series.en
                bars.append(Bar(label, max(share, 0.0), f"{percent(share)} {said}", said, color))
        described = "; ".join(f"{b.label} {b.text}" for b in bars)
        shown = title.zh if language == "zh" else title.en
        return charts.draw(
            charts.paired_bar_chart(bars, width=width),
            ident=f"cells-{language}-{width}",
            title=shown,
            description=described,
        )

    return Drawing(title, draw)


def rfm_page(page: PageOf, rfm: Rfm, cells: Sequence[CellSize], columns: Sequence[Text]) -> Leaflet:
    """Return the page of RFM: the named cells and the counts per score."""
    top = max(cells, key=lambda c: c.amount)
    lead = Text(
        f"{top.names.zh}占客户 {percent(top.share_rate)}、占金额 {percent(top.amount_share_rate)}。", f"{top.names.en}: {percent(top.share_rate)} of customers and {percent(top.amount_share_rate)} of the money."
    )  # fmt: skip
    head = [Text("类别", "Cell"), CUSTOMERS, SHARE, Text("金额", "Money"), Text("金额占比", "Share of money"), Text("平均最近(天)", "Mean recency (days)"), Text("平均频次", "Mean frequency")]  # fmt: skip
    rows: list[list[Cell]] = [
        [c.names, c.n_customers, percent(c.share_rate), money(c.amount, page.currency), percent(c.amount_share_rate),
         NO_NUMBER if c.mean_recency_days is None else f"{c.mean_recency_days:,.1f}", f"{c.mean_frequency:,.1f}"]
        for c in cells
    ]  # fmt: skip
    scores: list[list[Cell]] = [
        [Text(*names), *(int((values == s).sum()) for s in range(1, 6))]
        for names, values in ((("R 最近", "R recency"), rfm.recency), (("F 频次", "F frequency"), rfm.frequency), (("M 金额", "M money"), rfm.monetary))
    ]  # fmt: skip
    items = (
        _cells_drawing(cells),
        grid(Text("八类与无活动", "Eight cells and no activity"), head, rows, range(1, 7)),
        grid(
            Text("五分位得分的客户数", "Customers per score"),
            [Text("", ""), *(Text(str(s), str(s)) for s in range(1, 6))],
            scores,
            range(1, 6),
        ),
    )
    r, f, m = rfm.limits
    cut = Text(*{"mean": ("均值", "means"), "median": ("中位数", "medians")}[rfm.cut])
    limits = Text(
        f"分界为有活动客户的{cut.zh}：R ≤ {r:,.1f} 天，F ≥ {f:,.2f} 次，M ≥ {money(m, page.currency).zh}。", f"Divided at the {cut.en} of customers with activity: R ≤ {r:,.1f} days, F ≥ {f:,.2f} times, M ≥ {money(m, page.currency).en}."
    )  # fmt: skip
    used = Text(
        "R " + "；F ".join(c.zh for c in columns[:2]) + f"；M {columns[2].zh}",
        "R " + "; F ".join(c.en for c in columns[:2]) + f"; M {columns[2].en}",
    )
    meaning = Text(f"{used.zh}。同值同分（取平均名次）。", f"{used.en}. Equal values score alike (mean rank).")
    title = Text("RFM 分群", "RFM")
    return Leaflet(
        title, page.project, page.currency, page.as_of, lead, (Chapter(title, (limits,), (), items),), meaning
    )


def association_page(page: PageOf, found: Associations, names: Mapping[str, Text], *, most: int = 50) -> Leaflet:
    """Return the page of rules, strongest first; a thing that has no name in ``names`` is told by its key."""

    def named(things: Sequence[str]) -> Text:
        told = [names.get(thing, Text(thing, thing)) for thing in things]
        return Text(" + ".join(t.zh for t in told), " + ".join(t.en for t in told))

    is_all = len(found.rules) <= most
    lead = Text(
        f"{found.n_things} 项中检验 {found.n_tested:,} 条规则，保留 {len(found.rules):,} 条{'' if is_all else f'，下列最强的 {most} 条'}。",
        f"Of {found.n_things} things {found.n_tested:,} rules were tested and {len(found.rules):,} kept{'' if is_all else f'; the {most} strongest are shown'}.",
    )  # fmt: skip
    head = [Text("已有", "Having"), Text("则有", "Then"), CUSTOMERS, Text("支持度", "Support"), Text("置信度", "Confidence"), Text("提升度", "Lift"), Text("杠杆", "Leverage"), Text("q 值", "q")]  # fmt: skip
    rows: list[list[Cell]] = [
        [named(r.having), named([r.then]), r.n_both, percent(r.support), percent(r.confidence), f"{r.lift:.2f}", f"{r.leverage:.4f}", f"{r.q_value:.1e}" if r.q_value >= 1e-300 else "< 1e-300"]
        for r in found.rules[:most]
    ]  # fmt: skip
    cautions = [
        Text(
            "同时持有不等于因果；由产品推导的标签与该产品必然相伴。",
            "Held together is not caused; a tag made from a product goes with it by definition.",
        )
    ]
    if found.is_cut:
        cautions.append(Text("组合过多，计数已截止。", "There were too many combinations: counting was stopped."))
    title = Text("产品与标签关联", "What goes together")
    meaning = Text(
        "q 为 Fisher 精确检验经 Benjamini–Hochberg 校正后的 p 值。",
        "q is the p-value of Fisher's exact test after Benjamini and Hochberg's correction.",
    )
    chapter = Chapter(title, (), tuple(cautions), (grid(Text("规则", "Rules"), head, rows, range(2, 8)),))
    return Leaflet(title, page.project, page.currency, page.as_of, lead, (chapter,), meaning)


__all__ = [
    "Found",
    "PageOf",
    "association_page",
    "discovery_page",
    "matrix_grid",
    "migration_drawing",
    "migration_page",
    "money",
    "nets_grid",
    "percent",
    "portrait_page",
    "rfm_page",
    "trait_sentence",
]

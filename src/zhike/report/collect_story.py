"""The head of the report: the result in words, by what there is to tell. Every sentence comes from ``words.yaml``."""

from __future__ import annotations

from decimal import Decimal

from zhike.kernel.terms import Text
from zhike.report.inputs import ReportSource, Row, has_table, interval_text, name_of, rows_of, tell
from zhike.report.terms import Absent, EffectRow, EffectSection, Figure, Quantity, Story, Unit

MATURITY_METRIC = "maturity_kept"
LEAVE_MODEL = "maturity_leave"


def _figure(
    key: str, quantity: Quantity, source: ReportSource, *, measured: bool = False, accent: bool = False
) -> Figure:
    day = source.last_on if measured else source.planned_on
    return Figure(tell(f"figure_{key}"), quantity, tell(f"figure_{key}_meaning"), day, accent)


def _maturing(source: ReportSource) -> list[Figure]:
    """Return how much matures within 30 days, at how many customers, and how much of it is expected to leave."""
    if not has_table(source.planned, "profile"):
        return []
    profile = source.planned["profile"]
    if "maturing_30d_amount" not in profile.columns:
        return []
    money = profile.filter(lambda t: t.maturing_30d_amount > 0).select("customer_id", "maturing_30d_amount")
    row = rows_of(money.aggregate(n=money.count().cast("int64"), amount=money.maturing_30d_amount.sum()))[0]
    figures = [
        _figure("maturing", Quantity(row["amount"] or Decimal(0), Unit.AMOUNT), source),
        _figure("maturing_customers", Quantity(row["n"], Unit.COUNT), source),
    ]
    if has_table(source.planned, "score_value"):
        scores = source.planned.part("score_value", LEAVE_MODEL).select("customer_id", "score")
        joined = money.inner_join(scores, "customer_id")
        expected = joined.aggregate(
            n=joined.count().cast("int64"), amount=(joined.maturing_30d_amount.cast("float64") * joined.score).sum()
        )
        found = rows_of(expected)[0]
        if found["n"]:
            figures.append(_figure("leaving", Quantity(found["amount"], Unit.AMOUNT), source))
    return figures


def _assigned(source: ReportSource) -> tuple[int, int]:
    """Return how many customers are to be contacted and how many are held out, as assigned by the day of planning."""
    if not has_table(source.planned, "assignment"):
        return 0, 0
    mine = source.planned["assignment"].filter(lambda t: t.experiment == source.experiment)
    rows = rows_of(mine.group_by("arm").aggregate(n=lambda t: t.count().cast("int64")))
    counts = {r["arm"]: r["n"] for r in rows}
    return counts.get("treatment", 0), counts.get("control", 0)


def _effect_figures(row: EffectRow, source: ReportSource) -> list[Figure]:
    def figure(key: str, quantity: Quantity, meaning: Text, *, accent: bool = False) -> Figure:
        return Figure(tell(f"figure_{key}", metric=row.name), quantity, meaning, row.as_of, accent)

    figures = [figure("treated_level", row.treated, row.meaning, accent=row.design == "level_only")]
    if row.control.value is not None:
        figures.append(figure("control_level", row.control, row.meaning))
    if row.effect.value is not None:
        says = tell("figure_effect_meaning", percent=f"{row.confidence * 100:g}%", design=tell(f"design_{row.design}"))
        figures.append(figure("effect", row.effect, says, accent=True))
    if row.truth is not None:
        figures.append(figure("truth", row.truth, tell("figure_truth_meaning")))
    return figures


def _converted(source: ReportSource) -> Row | None:
    """Return n and y of the treated for the headline metric: how many there are and how many did it."""
    if source.measured is None or not has_table(source.measured, "effect_arm"):
        return None
    found = rows_of(source.measured.part("effect_arm", source.experiment).filter(lambda t: t.arm == "treatment"))
    return found[0] if found else None


def _title(row: EffectRow, source: ReportSource, treated: int) -> Text:
    money = source.currency
    if row.effect.value is None:
        if row.treated.value is None:
            return tell("title_not_measured", n=Quantity(treated, Unit.COUNT))
        return tell("title_level", n=Quantity(row.n_treated, Unit.COUNT), metric=row.name, level=row.treated)
    value, low, high = (float(v or 0) for v in (row.effect.value, row.effect.low, row.effect.high))
    kept = row.metric == MATURITY_METRIC
    size = Quantity(abs(value), Unit.POINTS if row.effect.unit is Unit.POINTS else Unit.AMOUNT)
    plain = Text(*(t.lstrip("+") for t in _both(size, money)))
    if low <= 0 <= high:
        return tell(
            "title_unclear", money, metric=row.name, effect=row.effect, interval=interval_text(row.effect, money)
        )
    direction = "more" if value > 0 else "less"
    return tell(f"title_{'kept' if kept else 'effect'}_{direction}", money, metric=row.name, size=plain)


def _both(quantity: Quantity, currency: str) -> tuple[str, str]:
    said = tell("plain", currency, value=quantity)
    return said.zh, said.en


def _lead(figures: list[Figure], treated: int, control: int, source: ReportSource) -> Text:
    counts: dict[str, object] = {"treated": Quantity(treated, Unit.COUNT), "control": Quantity(control, Unit.COUNT)}
    if len(figures) >= 3:
        return tell("lead_maturity", source.currency, maturing=figures[0].quantity, customers=figures[1].quantity, leaving=figures[2].quantity, **counts)  # fmt: skip
    return tell(
        "lead_campaign", source.currency, campaign=name_of(source.definitions, "campaign", source.campaign), **counts
    )


def collect_story(source: ReportSource, effect: EffectSection | Absent) -> Story | Absent:
    """Return the head: of a campaign its result; of a plain run how many customers are known."""
    if not source.campaign:
        return _plain(source)
    treated, control = _assigned(source)
    headline = None if isinstance(effect, Absent) else effect.rows[0]
    about_maturity = headline.metric == MATURITY_METRIC if headline else LEAVE_MODEL in {c["key"] for c in source.cards}
    figures = _maturing(source) if about_maturity else []
    lead = _lead(figures, treated, control, source)
    figures.append(_figure("contactable", Quantity(treated, Unit.COUNT), source))
    figures.append(_figure("held_out", Quantity(control, Unit.COUNT), source))
    if headline is None:
        title = tell("title_not_measured", n=Quantity(treated, Unit.COUNT))
        return Story(title, lead, (*figures, *source.extra_figures))
    figures += _effect_figures(headline, source)
    won = _converted(source)
    if headline.treated.unit is Unit.RATE and headline.metric != MATURITY_METRIC and won is not None:
        figures.append(_figure("converted", Quantity(round(won["y"]), Unit.COUNT), source, measured=True))
    weaker = None if headline.design == "randomised" else tell("caution_weaker")
    return Story(_title(headline, source, treated), lead, (*figures, *source.extra_figures), weaker)


def _plain(source: ReportSource) -> Story | Absent:
    if not has_table(source.planned, "profile"):
        return Absent(tell("absent_no_profile"))
    profile = source.planned["profile"]
    n = Quantity(int(profile.count().to_pyarrow().as_py()), Unit.COUNT)
    figures = [_figure("customers", n, source)]
    if "aum_point_amount" in profile.columns:
        total = profile.aum_point_amount.sum().to_pyarrow().as_py()
        figures.append(_figure("aum", Quantity(total or Decimal(0), Unit.AMOUNT), source))
    return Story(tell("title_plain", n=n), tell("lead_plain"), (*figures, *source.extra_figures))


__all__ = ["collect_story"]

"""``zhike segments rfm | discover | portrait | associations | migration | health``: what is found out about segments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows, say, speaks_chinese
from zhike.kernel.errors import BadInput

if TYPE_CHECKING:
    from zhike.kernel.terms import PartyKind
    from zhike.pipeline.project import Project
    from zhike.report.leaflet import Leaflet

KeyArgument = Annotated[str, typer.Argument(help="Key of the segment.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Page to write, in Chinese and English.")]
SubjectsOption = Annotated[
    str, typer.Option("--subjects", help="Kinds of customers: person, sole_trader, company.", show_default="person,sole_trader")
]  # fmt: skip


def _opened(folder: Path) -> Project:
    from zhike.cli.state import open_kept, say_as_of

    project = open_kept(folder).project
    say_as_of(project)
    return project


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise BadInput(
            "cli.not_one_of", zh=f"{option} 不能是 {value}", en=f"{option} cannot be {value}",
            todo_zh=f"可取 {'、'.join(allowed)}", todo_en=f"take one of {', '.join(allowed)}",
        )  # fmt: skip
    return value


def _subjects(text: str) -> tuple[PartyKind, ...]:
    from zhike.kernel.terms import PartyKind

    kinds = tuple(k.value for k in PartyKind)
    return tuple(PartyKind(_one_of("--subjects", part, kinds)) for part in _list(text) or ("person", "sole_trader"))


def _write(page: Leaflet | None, out: Path | None) -> None:
    if page is not None and out is not None:
        from zhike.pipeline.segments.pages import write_page

        path = write_page(page, out)
        say(f"页面：{path}", f"page: {path}")


def _name(body: Any) -> str:
    return str(body.zh if speaks_chinese() else body.en)


@guarded
def rfm(
    project: ProjectOption = HERE,
    money: Annotated[str, typer.Option("--money", help="What M is: aum, contribution, moved, or a column of the profile.")] = "aum",
    recency: Annotated[str, typer.Option("--recency", help="Column of R, in days.", show_default="the usual one")] = "",
    frequency: Annotated[str, typer.Option("--frequency", help="Column of F.", show_default="the usual one")] = "",
    cut: Annotated[str, typer.Option("--cut", help="What divides good from bad: mean or median.")] = "mean",
    subjects: SubjectsOption = "",
    out: OutOption = None,
    json: JsonOption = False,
) -> None:  # fmt: skip
    """Score customers by recency, frequency and money, and count the eight named cells."""
    from zhike.pipeline.segments.discovering import RfmRequest, answer_rfm
    from zhike.pipeline.segments.pages import rfm_leaflet
    from zhike.segments.discovery import Money

    forms = {m.value for m in Money}
    form, column = (Money(money), "") if money in forms else (Money.AUM, money)
    by = "median" if _one_of("--cut", cut, ("mean", "median")) == "median" else "mean"
    opened = _opened(project)
    request = RfmRequest(form, "median" if by == "median" else "mean", recency, frequency, column, _subjects(subjects))
    answer = answer_rfm(opened, request)
    print_json(answer.as_json()) if json else print_rows(answer.rows())
    _write(rfm_leaflet(opened, answer) if out else None, out)


@guarded
def tiers(
    project: ProjectOption = HERE,
    field: Annotated[str, typer.Option("--field", help="Amount of the profile that is tiered.")] = "aum_mavg_amount",
    thresholds: Annotated[str, typer.Option("--thresholds", help="Tiers that are set, a,b,c.", show_default="the parameters tier_…_amount")] = "",
    learn: Annotated[int | None, typer.Option("--learn", min=3, max=20, help="How many tiers to learn.", show_default="as many as are set")] = None,
    subjects: SubjectsOption = "",
    json: JsonOption = False,
) -> None:  # fmt: skip
    """Compare the value tiers that are set with those into which the money falls by itself; nothing is adopted."""
    from zhike.pipeline.segments.tiers import compare, rows_of

    try:
        limits = [float(t) for t in _list(thresholds)]
    except ValueError as error:
        raise BadInput(
            "cli.not_numbers", zh="--thresholds 应为数字", en="--thresholds must be numbers", todo_zh="写成 1000,50000", todo_en="write 1000,50000"
        ) from error  # fmt: skip
    found = compare(_opened(project), field=field, thresholds=limits, n_tiers=learn, subjects=_subjects(subjects))
    if json:
        print_json(found)
        return
    print_rows(rows_of(found))
    moved = "" if found["moved_set"] is None else f"; {found['moved_set']:.1%} / {found['moved_learned']:.1%}"
    say(
        f"解释的离散度 {found['fit_set']:.1%} / {found['fit_learned']:.1%}，一致性 {found['agreement']:.2f}"
        + (f"，较上月换档{moved[1:]}" if moved else ""),
        f"spread between tiers, set / learned: {found['fit_set']:.1%} / {found['fit_learned']:.1%}; agreement {found['agreement']:.2f}"
        + (f"; in another tier than a month ago{moved[1:]}" if moved else ""),
    )


@guarded
def discover(
    project: ProjectOption = HERE,
    features: Annotated[str, typer.Option("--features", help="Features to look by, a,b,c.", show_default="the usual ones")] = "",
    method: Annotated[str, typer.Option("--method", help="kmeans or mixture.")] = "kmeans",
    most: Annotated[int, typer.Option("--most", min=2, max=20, help="Most clusters that are tried.")] = 8,
    clusters: Annotated[int | None, typer.Option("--clusters", min=2, max=20, help="Try this number only.", show_default="2 to --most")] = None,
    subjects: SubjectsOption = "",
    save: Annotated[str, typer.Option("--save", help="Keep the clusters as a segment of this key, written as rules.")] = "",
    out: OutOption = None,
    json: JsonOption = False,
) -> None:  # fmt: skip
    """Look for groups of customers that are stable, say what sets each apart, and refuse when there are none."""
    from zhike.pipeline.segments.discovering import DiscoverRequest, save_discovered
    from zhike.pipeline.segments.discovering import discover as look
    from zhike.pipeline.segments.pages import discovery_leaflet

    by = _one_of("--method", method, ("kmeans", "mixture"))
    opened = _opened(project)
    request = DiscoverRequest(
        _list(features), "mixture" if by == "mixture" else "kmeans", most, clusters, _subjects(subjects)
    )
    found = look(opened, request)
    if json:
        print_json(found.as_json())
    else:
        print_rows([_told(p, opened.settings.base_currency) for p in found.portraits])
    _write(discovery_leaflet(opened, found) if out else None, out)
    if save:
        path = save_discovered(opened, found, save)
        told = f"{found.surrogate.fidelity.estimate:.1%}"
        say(
            f"已写成规则（还原 {told}）：{path}；改名后 zhike apply",
            f"written as rules (agree for {told}): {path}; name them, then `zhike apply`",
        )


def _told(portrait: Any, currency: str, bucket: str = "") -> dict[str, Any]:
    from zhike.report.segment_pages import trait_sentence

    sentences = [_name(trait_sentence(t, currency)) for t in portrait.traits[:3] if t.strength]
    head = {"bucket": bucket} if bucket else {}
    return {
        **head, "name": _name(portrait.name), "members": portrait.n_members, "share": f"{portrait.share_rate:.1%}",
        "portrait": ("；" if speaks_chinese() else "; ").join(sentences),
    }  # fmt: skip


@guarded
def portrait(key: KeyArgument, project: ProjectOption = HERE, out: OutOption = None, json: JsonOption = False) -> None:
    """Say what sets a segment, or each bucket of it, apart from everybody it is for."""
    from zhike.pipeline.segments.discovering import paint_segment, portrait_json
    from zhike.pipeline.segments.pages import portrait_leaflet

    opened = _opened(project)
    painted = paint_segment(opened, key)
    if json:
        print_json([{"bucket": p.bucket, **portrait_json(p.portrait)} for p in painted])
    else:
        print_rows([_told(p.portrait, opened.settings.base_currency, p.bucket or key) for p in painted])
    _write(portrait_leaflet(opened, painted) if out else None, out)


@guarded
def associations(
    project: ProjectOption = HERE,
    between: Annotated[str, typer.Option("--between", help="products, tags, or products,tags.")] = "products,tags",
    support: Annotated[float, typer.Option("--support", min=0.0001, max=1, help="Least share of customers.")] = 0.01,
    confidence: Annotated[float, typer.Option("--confidence", min=0, max=1, help="Least confidence.")] = 0.3,
    lift: Annotated[float, typer.Option("--lift", min=0, help="Least lift.")] = 1.1,
    subjects: SubjectsOption = "",
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """List which products and tags go together, with an exact test corrected for how many were tried."""
    from dataclasses import replace

    from zhike.pipeline.segments.discovering import AssociationRequest, associate
    from zhike.pipeline.segments.pages import association_leaflet
    from zhike.segments.discovery import AssociationSettings

    wanted = {_one_of("--between", part, ("products", "tags")) for part in _list(between)}
    settings = replace(AssociationSettings(), support_least=support, confidence_least=confidence, lift_least=lift)
    request = AssociationRequest("products" in wanted, "tags" in wanted, settings, _subjects(subjects))
    opened = _opened(project)
    as_of, found = associate(opened, request)
    rows = [
        {"having": " + ".join(r.having), "then": r.then, "customers": r.n_both, "support": round(r.support, 4), "confidence": round(r.confidence, 4),
         "lift": round(r.lift, 3), "leverage": round(r.leverage, 5), "q": float(f"{r.q_value:.2e}")}
        for r in found.rules
    ]  # fmt: skip
    if json:
        told = {"n_customers": found.n_customers, "n_things": found.n_things, "n_sets": found.n_sets, "n_tested": found.n_tested, "is_cut": found.is_cut}  # fmt: skip
        print_json({"as_of": as_of, **told, "rules": rows})
    else:
        print_rows(rows)
        say(
            f"{found.n_things} 项，检验 {found.n_tested} 条规则，保留 {len(rows)} 条",
            f"{found.n_things} things, {found.n_tested} rules tested, {len(rows)} kept",
        )
    _write(association_leaflet(opened, as_of, found) if out else None, out)


@guarded
def migration(
    key: KeyArgument,
    from_: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    to: Annotated[
        str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day.", show_default="the published day")
    ] = "",
    project: ProjectOption = HERE,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Show who moved between the buckets of a segment from one day to another, in customers and in money."""
    from zhike.cli.commands.run import day_written
    from zhike.pipeline.segments.pages import migration_leaflet
    from zhike.pipeline.segments.tracking import answer_migration

    opened = _opened(project)
    answer = answer_migration(opened, key, day_written(from_), day_written(to) if to else None)
    told = answer.as_json()
    if json:
        print_json(told)
    else:
        print_rows(
            [
                {**flow, "from": _name(answer.names[flow["from"]]), "to": _name(answer.names[flow["to"]])}
                for flow in told["flows"]
            ]
        )
    for day in answer.migration.money_missing:
        say(
            f"{day} 的画像版本未保留，金额不可得",
            f"no version of the profile of {day} is kept, so there is no money for it",
        )
    if answer.migration.is_redefined:
        say("两日之间定义有变", "the definition changed in between")
    _write(migration_leaflet(opened, answer) if out else None, out)


@guarded
def health(
    key: Annotated[str, typer.Argument(help="Key of the segment; without it, all of them with their alerts.")] = "",
    project: ProjectOption = HERE,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Show coverage, penetration, match, stickiness, retention, product gaps and alerts of a segment; or alerts of all."""
    from zhike.cli.state import open_kept, say_as_of
    from zhike.pipeline.segments.pages import health_leaflet
    from zhike.pipeline.segments.tracking import judge_health, list_health

    state = open_kept(project)
    say_as_of(state.project)
    if not key:
        if out is not None:
            raise BadInput("cli.out_needs_key", zh="--out 须指明客群键", en="--out takes the key of one segment", todo_zh="zhike segments health 键 --out 页面", todo_en="zhike segments health KEY --out PAGE")  # fmt: skip
        found = list_health(state.project, state.store)
        rows = [
            {"segment": h.segment, "members": h.standing.n_members, "of": h.standing.n_subjects, "before": h.standing.n_before,
             "review_on": h.standing.review_on, "alerts": "; ".join(_name(a.text) for a in h.alerts)}
            for h in found
        ]  # fmt: skip
        print_json(rows) if json else print_rows(rows)
        return
    one = judge_health(state.project, state.store, key)
    told = one.as_json()
    if json:
        print_json(told)
    else:
        print_rows([{"figure": k, "value": v} for k, v in told.items() if not isinstance(v, list)])
        print_rows(told["penetration"])
        if told["gaps"]:
            print_rows(told["gaps"])
        for alert in one.alerts:
            say(f"提醒：{alert.text.zh}", f"alert: {alert.text.en}")
    _write(health_leaflet(state.project, one) if out else None, out)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to ``zhike segments``."""
    for command in (rfm, tiers, discover, portrait, associations, migration, health):
        app.command()(command)

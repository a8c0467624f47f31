"""``zhike identity``: why two are one, what a customer is made of, what waits for an officer, and officers' decisions."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, say, speaks_chinese

if TYPE_CHECKING:
    from zhike.cli.state import State
    from zhike.pipeline.identity.deciding import Decision
    from zhike.pipeline.identity.looking import Reader
    from zhike.pipeline.identity.opening import IdentityView


class Language(StrEnum):
    """The languages of what is written."""

    ZH = "zh"
    EN = "en"


class MentionStates(StrEnum):
    """What was made of a mention of a company."""

    REVIEW = "review"
    LINKED = "linked"
    UNLINKED = "unlinked"


app = typer.Typer(
    help="Identity (统一标识): why, golden records, history, review, merge, split, quality.", no_args_is_help=True
)
SUBJECT_HELP = "A record as source:key, or a customer by its id."
MENTION_HELP = f"{SUBJECT_HELP[:-1]}; or a mention as mention:<id>."
SubjectArgument = Annotated[str, typer.Argument(help=SUBJECT_HELP)]
OneArgument = Annotated[str, typer.Argument(help=MENTION_HELP)]
OtherArgument = Annotated[str, typer.Argument(help=f"The other: {MENTION_HELP[0].lower()}{MENTION_HELP[1:]}")]
ByOption = Annotated[str, typer.Option("--by", help="Who does it.", show_default="the account that is logged in")]
ValuesOption = Annotated[bool, typer.Option("--show-values", help="Show values whole, not masked; audited under --by.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="What the decision rests on; kept with it.")]
LanguageOption = Annotated[
    Language | None, typer.Option("--language", help="Language shown first.", show_default="the language of messages")
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Say what the next run would do; decide nothing.")]


@contextmanager
def _opened(project: Path) -> Iterator[tuple[State, IdentityView]]:
    from zhike.cli.state import open_kept
    from zhike.pipeline.identity.opening import opened_identity

    state = open_kept(project)
    with opened_identity(state.project, state.store) as view:
        yield state, view


def _reader(state: State, by: str, *, sees_values: bool) -> Reader:
    from zhike.pipeline.identity.looking import Reader

    return Reader(by or getpass.getuser(), state.clock.now(), sees_values)


def _decision(state: State, reason: str, by: str, *, is_dry: bool) -> Decision:
    from zhike.pipeline.identity.deciding import Decision

    return Decision(reason, by or getpass.getuser(), state.clock.now(), is_dry, _say_built)


def _language(asked: Language | None) -> str:
    return asked.value if asked else ("zh" if speaks_chinese() else "en")


def _say_built(seconds: float) -> None:
    say(f"已为该次跑批建立实时索引，用时 {seconds:.1f} 秒", f"built the live index of this run in {seconds:.1f} s")


@app.command()
@guarded
def why(
    one: OneArgument,
    other: OtherArgument,
    project: ProjectOption = HERE,
    show_values: ValuesOption = False,
    by: ByOption = "",
    json: JsonOption = False,
) -> None:
    """Say whether two are one customer and why: links, what was weighed, what keeps them apart; or whether a mention means a company."""
    from zhike.cli.identity_telling import tell_why, tell_why_mention
    from zhike.pipeline.identity.looking import why as explain
    from zhike.pipeline.identity.mentioning import names_mention, why_mention

    is_of_mention = names_mention(one, other)
    with _opened(project) as (state, view):
        reader = _reader(state, by, sees_values=show_values)
        found = why_mention(view, one, other, reader) if is_of_mention else explain(view, one, other, reader)
    if json:
        print_json(found)
    else:
        tell_why_mention(found) if is_of_mention else tell_why(found)


@app.command()
@guarded
def show(
    customer: SubjectArgument,
    project: ProjectOption = HERE,
    show_values: ValuesOption = False,
    by: ByOption = "",
    json: JsonOption = False,
) -> None:
    """Show a customer's golden record, each field with its source, its day and why it survived, and the records behind it."""
    from zhike.cli.identity_telling import tell_customer
    from zhike.pipeline.identity.looking import show as describe

    with _opened(project) as (state, view):
        found = describe(view, customer, _reader(state, by, sees_values=show_values))
    print_json(found) if json else tell_customer(found)


@app.command()
@guarded
def history(customer: SubjectArgument, project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """Show every event of a customer id, also of one out of use: reason, decision behind it, and how to undo it."""
    from zhike.cli.identity_telling import tell_history
    from zhike.pipeline.identity.history import history as look_back

    with _opened(project) as (_, view):
        found = look_back(view, customer)
    print_json(found) if json else tell_history(found)


@app.command()
@guarded
def review(
    one: Annotated[str, typer.Argument(help="One of a pair, to see that case: record or customer.")] = "",
    other: Annotated[str, typer.Argument(help="The other of the pair.")] = "",
    project: ProjectOption = HERE,
    reason: Annotated[str, typer.Option("--reason", help="Only cases of this reason.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Cases shown at most.")] = 50,
    show_values: ValuesOption = False,
    by: ByOption = "",
    json: JsonOption = False,
) -> None:
    """List the pairs of customers that an officer should look at, likeliest first; with two names, that case with its evidence."""
    from zhike.cli.identity_telling import tell_case, tell_queue
    from zhike.kernel.errors import BadInput
    from zhike.pipeline.identity.looking import review_case, review_queue

    if bool(one) != bool(other):
        raise BadInput(
            "identity.other_missing", zh="只给出了一方", en="only one of the pair is named",
            todo_zh="给出两方，或都不给以列出队列", todo_en="name both, or neither to list the queue",
        )  # fmt: skip
    with _opened(project) as (state, view):
        if one:
            case = review_case(view, one, other, _reader(state, by, sees_values=show_values))
            print_json(case) if json else tell_case(case)
            return
        queue = review_queue(view, reason=reason, limit=limit)
    print_json(queue) if json else tell_queue(queue)


@app.command()
@guarded
def mentions(
    mention: Annotated[str, typer.Argument(help="One mention, as mention:<id>, to see what it says.")] = "",
    project: ProjectOption = HERE,
    state: Annotated[
        MentionStates, typer.Option("--state", help="Only mentions of this state.")
    ] = MentionStates.REVIEW,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Mentions shown at most.")] = 50,
    show_values: ValuesOption = False,
    by: ByOption = "",
    json: JsonOption = False,
) -> None:
    """List companies named on invoices and in call notes that an officer should settle, or show one. Settle by merge or split."""
    from zhike.cli.identity_telling import tell_mention, tell_mentions
    from zhike.pipeline.identity.mentioning import mention_queue, show_mention

    with _opened(project) as (opened, view):
        reader = _reader(opened, by, sees_values=show_values)
        if mention:
            one = show_mention(view, mention, reader)
            print_json(one) if json else tell_mention(one)
            return
        found = mention_queue(view, reader, state=state.value, limit=limit)
    print_json(found) if json else tell_mentions(found)


@app.command()
@guarded
def relations(
    customer: SubjectArgument, project: ProjectOption = HERE, language: LanguageOption = None, json: JsonOption = False
) -> None:
    """Show whom a customer is related to on the day of the run: relations, group, the persons behind it, managers, units."""
    from dataclasses import asdict

    from zhike.identity import show_relations
    from zhike.pipeline.identity.opening import RELATION_TABLES

    with _opened(project) as (_, view):
        tables = {name: view.table(name) for name in RELATION_TABLES}
        found = show_relations(view.subject(customer).customer_id, tables, view.as_of.on)
    print_json(asdict(found)) if json else print("\n".join(found.lines(language=_language(language))))


@app.command()
@guarded
def merge(
    one: OneArgument,
    other: OtherArgument,
    reason: ReasonOption,
    project: ProjectOption = HERE,
    by: ByOption = "",
    dry_run: DryOption = False,
    json: JsonOption = False,
) -> None:
    """Decide that two are one customer, or that a mention means a company. It holds from the next run on, until it is undone."""
    from zhike.cli.identity_telling import tell_decision
    from zhike.identity import Action
    from zhike.pipeline.identity.deciding import merge as decide
    from zhike.pipeline.identity.mentioning import decide_mention, names_mention

    with _opened(project) as (state, view):
        decision = _decision(state, reason, by, is_dry=dry_run)
        is_of_mention = names_mention(one, other)
        found = (
            decide_mention(view, Action.MERGE, one, other, decision)
            if is_of_mention
            else decide(view, one, other, decision)
        )
    print_json(found) if json else tell_decision(found)


@app.command()
@guarded
def split(
    names: Annotated[
        list[str], typer.Argument(help="Two records; or a customer and its records that leave; or two customers.")
    ],
    reason: ReasonOption,
    project: ProjectOption = HERE,
    by: ByOption = "",
    dry_run: DryOption = False,
    json: JsonOption = False,
) -> None:
    """Decide that records are two customers, or what a mention does not mean. It holds from the next run on, until it is undone."""
    from zhike.cli.identity_telling import tell_decision
    from zhike.identity import Action
    from zhike.pipeline.identity.deciding import split as decide
    from zhike.pipeline.identity.mentioning import decide_mention, names_mention

    with _opened(project) as (state, view):
        decision = _decision(state, reason, by, is_dry=dry_run)
        is_of_mention = names_mention(*names) and len(names) == 2
        found = (
            decide_mention(view, Action.SPLIT, names[0], names[1], decision)
            if is_of_mention
            else decide(view, names, decision)
        )
    print_json(found) if json else tell_decision(found)


@app.command()
@guarded
def undo(
    number: Annotated[int, typer.Argument(min=1, help="Number of the merge or split.")],
    reason: ReasonOption,
    project: ProjectOption = HERE,
    by: ByOption = "",
    dry_run: DryOption = False,
    json: JsonOption = False,
) -> None:
    """Take back a merge or split: the next run restores customers and ids as they were before it."""
    from zhike.cli.identity_telling import tell_decision
    from zhike.pipeline.identity.deciding import undo as take_back

    with _opened(project) as (state, view):
        found = take_back(view, number, _decision(state, reason, by, is_dry=dry_run))
    print_json(found) if json else tell_decision(found)


@app.command()
@guarded
def decisions(project: ProjectOption = HERE, json: JsonOption = False) -> None:
    """List the merges and splits that are in force, with who decided them and why."""
    from zhike.cli.identity_telling import tell_decisions
    from zhike.cli.state import open_kept
    from zhike.pipeline.identity.deciding import list_decisions

    rows = list_decisions(open_kept(project).store.overrides())
    print_json(rows) if json else tell_decisions(rows)


@app.command()
@guarded
def place(
    file: Annotated[str, typer.Argument(help="JSON lines with the columns of source_party; - reads stdin.")],
    project: ProjectOption = HERE,
    json: JsonOption = False,
) -> None:
    """Place live records without a run: which customer each is, as the next run would say. Nothing is kept."""
    from zhike.cli.identity_telling import tell_placed
    from zhike.pipeline.identity.placing import place as put
    from zhike.pipeline.identity.placing import read_file

    with _opened(project) as (state, view):
        records = read_file(file, now=state.clock.now(), on=view.as_of.on)
        found = put(view, records, _say_built)
    print_json(found) if json else tell_placed(found)


@app.command()
@guarded
def fit(
    project: ProjectOption = HERE,
    model: Annotated[str, typer.Option("--model", help="Key of the match model.")] = "person",
    write: Annotated[bool, typer.Option("--write", help="Write conf/identity_models/<model>.yaml.")] = False,
    json: JsonOption = False,
) -> None:
    """Fit a match model to the published records, without labels, and show what it would change."""
    from zhike.cli.identity_telling import tell_fit
    from zhike.kernel.clock import business_day
    from zhike.pipeline.identity.fitting import fit as learn
    from zhike.pipeline.identity.fitting import told_fit, write_model

    with _opened(project) as (state, view):
        outcome = learn(view, model)
        told = told_fit(outcome)
        settings = state.project.settings
        today = business_day(state.clock.now(), settings.business_timezone)
        path = (
            write_model(settings.folder, outcome.fitted.model, run_id=view.run.manifest.run_id, on=today)
            if write
            else None
        )
    told["file"] = str(path) if path else None
    print_json(told) if json else tell_fit(told)


@app.command()
@guarded
def picture(
    customer: SubjectArgument,
    out: Annotated[Path, typer.Option("--out", help="SVG file to write.")],
    project: ProjectOption = HERE,
    language: LanguageOption = None,
    json: JsonOption = False,
) -> None:
    """Draw a customer as SVG: its records, what links them, and what was kept apart from them."""
    from zhike.pipeline.identity.picturing import write_picture

    with _opened(project) as (_, view):
        found = write_picture(view, customer, out, language=_language(language))
    if json:
        print_json(found)
    say(f"图：{out}", f"picture: {out}")


@app.command()
@guarded
def quality(
    project: ProjectOption = HERE,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Parquet or CSV with source, source_key, person.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="HTML file to write, in both languages.")] = None,
    language: LanguageOption = None,
    json: JsonOption = False,
) -> None:
    """Report how good identity is: coverage, precision, recall, over-merges, estimated and, with a truth, true."""
    from zhike.cli.identity_telling import tell_quality
    from zhike.pipeline.identity.measuring import measure, read_truth, write_page

    known = read_truth(truth) if truth else None
    with _opened(project) as (_, view):
        found = measure(view, known)
    if out:
        write_page(found, out, language=_language(language))
    print_json(found) if json else tell_quality(found)
    if out:
        say(f"报告：{out}", f"report: {out}")

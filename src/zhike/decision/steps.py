"""The steps of decision: one per campaign, in the order of their priority, so that a contact planned by one counts for the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.decision.assignment import assign
from zhike.decision.book import input_kinds, write_book
from zhike.decision.calendar import PlannedDay, plan_day
from zhike.decision.compile import compile_campaigns, decision_vocabulary
from zhike.decision.flat import lookups
from zhike.decision.funnel import Funnel, funnel_counts
from zhike.decision.inputs import DecisionTables, audience, input_rows, planned_on, subject_rows
from zhike.decision.log import LogStamp, decision_ids, log_rows
from zhike.decision.terms import Arm, Campaign
from zhike.decision.wording import JOINERS, check_sentence, fields_in, sentence_column, with_score_reasons
from zhike.kernel.definitions import DefinitionSet
from zhike.kernel.errors import BadInput
from zhike.policy.batch import GateTables
from zhike.policy.contacts import contacts_made
from zhike.policy.decide import Policy
from zhike.policy.steps import day_end, policy_hash
from zhike.rules.vocabulary import Vocabulary
from zhike.rules.walking import used_names
from zhike.warehouse import Input, Output, Step, StepContext
from zhike.warehouse.contracts import Kind

SENTENCE_FIELDS = {"score": Kind.RATE, "p_accept": Kind.RATE, "value_amount": Kind.AMOUNT}


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one campaign's step needs, made once."""

    campaign: Campaign
    policy: Policy
    vocabulary: Vocabulary
    kinds: dict[str, Kind]
    book_hash: str
    book: str
    earlier: tuple[str, ...]
    currency: str = "CNY"

    @property
    def reason_fields(self) -> tuple[str, ...]:
        """Profile fields that the reasons name."""
        written = self.campaign.definition
        named = {*fields_in(written.reason_zh), *fields_in(written.reason_en)}
        return tuple(sorted(named - SENTENCE_FIELDS.keys()))


def log_partition(campaign: str, as_of: date) -> str:
    """Return the partition of the decision log for a campaign and a day; earlier ones stay."""
    return f"{campaign}@{as_of.isoformat()}"


# ---- reading


def _tables(context: StepContext, plan: Plan) -> DecisionTables:
    campaign, tables = plan.campaign, context.tables
    until = day_end(context.as_of, plan.policy.timezone)
    control = tables["customer_control"]
    made = contacts_made(tables["contact_history"], tables["contact"], tables["identity_link"], control, day_end=until)
    for key in plan.earlier:
        planned = tables.part("next_action", key)
        made = made.union(planned.select("recipient_id", "channel", "purpose", on="planned_on"))
    since = ibis.literal(planned_on(campaign, context.as_of) - timedelta(days=campaign.definition.repeat_after_days))
    contact, before = tables["contact"], context.previous["next_action"]
    own = contact.filter(
        (contact.campaign == campaign.key) & (contact.on > since) & contact.state.notin(["refused", "failed"])
    )
    promised = before.filter((before.campaign == campaign.key) & (before.planned_on > since))
    return DecisionTables(
        gates=GateTables(tables["profile"], control, tables["consent"]),
        tag_value=tables["tag_value"],
        segment_member=tables["segment_member"],
        score_value=tables["score_value"],
        made=made,
        repeated=own.select("customer_id").union(promised.select("customer_id")),
    )


def _reads(plan: Plan) -> tuple[Input, ...]:
    used = used_names(plan.campaign.audience)
    looked_up = lookups(plan.campaign)
    whole = ("profile", "customer_control", "consent", "identity_link", "contact_history", "contact")
    return (
        *(Input(t) for t in whole),
        *(Input("tag_value", t) for t in sorted(used.tags | set(looked_up.tags))),
        *(Input("segment_member", s) for s in sorted(used.segments | set(looked_up.segments))),
        *(Input("score_value", m) for m in sorted(used.models | set(looked_up.models))),
        *(Input(t, "-") for t in ("tag_value", "segment_member", "score_value", "next_action")),
        *(Input("next_action", k) for k in plan.earlier),
        Input("next_action", plan.campaign.key, lag=1),
        Input("assignment", plan.campaign.experiment, lag=1),
    )


# ---- writing


def _candidate_rows(arbitrated: ir.Table, plan: Plan, as_of: date) -> ir.Table:
    return arbitrated.mutate(campaign=ibis.literal(plan.campaign.key), decided_on=ibis.literal(as_of))


def _actions(
    final: ir.Table, rows: ir.Table, scores: ir.Table, plan: Plan, *, stamp: LogStamp, day: PlannedDay
) -> ir.Table:
    """Return the contact plan of the treated: channel, moment, reasons and what to say."""
    campaign = plan.campaign
    written = campaign.definition
    named = rows.select(_row="customer_id", **{n: rows[n] for n in plan.reason_fields})
    joined = final.left_join(named, final.customer_id == named["_row"]).drop("_row")
    model = written.propensity.model
    own = scores.filter(scores.model == model).select(_key="customer_id", score="score")
    joined = joined.left_join(own, joined.customer_id == own["_key"]).drop("_key")
    features = {n: (t.zh or n, t.en or n) for n, t in plan.vocabulary.fields.items()}
    told = with_score_reasons(joined, scores, features, model=model)
    kinds = {**plan.kinds, **SENTENCE_FIELDS}
    reason_zh = sentence_column(told, written.reason_zh, kinds, language="zh", currency=plan.currency)
    reason_en = sentence_column(told, written.reason_en, kinds, language="en", currency=plan.currency)
    return told.select(
        "customer_id", "recipient_id", "offer_id", "channel", "p_accept", "value_amount", "cost_amount", "priority",
        campaign=ibis.literal(campaign.key),
        decision_id=decision_ids(told.customer_id, stamp),
        decided_on=ibis.literal(stamp.decided_on),
        purpose=ibis.literal(written.purpose.value),
        planned_on=ibis.literal(planned_on(campaign, stamp.decided_on)),
        planned_at=told.channel.cases(
            *((c.value, ibis.literal(m.replace(tzinfo=None))) for c, m in day.moments.items()), else_=ibis.null("timestamp")
        ),
        product_line=_by_offer(told, campaign, {o.offer_id: o.definition.product_line.value for o in campaign.offers}),
        content_version=_by_offer(told, campaign, {o.offer_id: o.definition.content.version for o in campaign.offers}),
        reason_zh=reason_zh + _why(told.score_reasons_zh, "；主要原因：", "。"),
        reason_en=reason_en + _why(told.score_reasons_en, "; mainly: ", "."),
        talking_points_zh=_by_offer(told, campaign, {o.offer_id: JOINERS["zh"].join(o.definition.talking_points_zh) for o in campaign.offers}),
        talking_points_en=_by_offer(told, campaign, {o.offer_id: JOINERS["en"].join(o.definition.talking_points_en) for o in campaign.offers}),
    )  # fmt: skip


def _why(reasons: ir.Value, before: str, after: str) -> ir.Value:
    return reasons.isnull().ifelse(after, before + reasons + after)


def _by_offer(table: ir.Table, campaign: Campaign, words: dict[str, str]) -> ir.Value:
    return table.offer_id.cases(*((o.offer_id, words[o.offer_id]) for o in campaign.offers), else_=ibis.null("string"))


def _work(plan: Plan, context: StepContext) -> dict[str, Any]:
    campaign, as_of = plan.campaign, context.as_of
    tables = _tables(context, plan)
    rules, day = plan.policy.on(as_of), plan_day(campaign, plan.policy, as_of=as_of)
    chosen = audience(campaign, tables, as_of=as_of).cache()
    subjects = subject_rows(campaign, tables, rules, chosen, as_of=as_of, reason_fields=plan.reason_fields).cache()
    rows = input_rows(campaign, tables, rules, subjects, chosen, as_of=as_of).cache()
    funnel = Funnel(campaign, rules, day, as_of)
    candidate = funnel.arbitrated(funnel.candidates(rows, subjects)).cache()
    final = candidate.filter(candidate.is_final)
    context.write("candidate", _candidate_rows(candidate, plan, as_of), partition=campaign.key)
    arms = assign(
        final,
        context.previous["assignment"],
        experiment=campaign.experiment,
        holdout_rate=campaign.definition.holdout_rate,
        assigned_on=as_of,
    ).cache()
    context.write("assignment", arms, partition=campaign.experiment)
    stamp = LogStamp(campaign, as_of, plan.book_hash)
    treated = final.semi_join(arms.filter(arms.arm == Arm.TREATMENT.value), "customer_id")
    actions = _actions(treated, rows, tables.score_value, plan, stamp=stamp, day=day)
    n_actions = context.write("next_action", actions, partition=campaign.key)
    log = log_rows(rows, subjects, candidate, tables.score_value, stamp=stamp, kinds=plan.kinds)
    now = final.select("customer_id").distinct().inner_join(arms.select("customer_id", "arm"), "customer_id")
    armed = now.select("arm", _key="customer_id")
    log = log.left_join(armed, log.customer_id == armed["_key"])
    context.write("decision_log", log, partition=log_partition(campaign.key, as_of))
    context.write("decision_book", _book_rows(plan, as_of), partition=log_partition(campaign.key, as_of))
    return {"actions": n_actions, **_metrics(context, candidate, now, plan)}


def _book_rows(plan: Plan, as_of: date) -> pa.Table:
    return pa.Table.from_pylist(
        [{"campaign": plan.campaign.key, "decided_on": as_of, "book_hash": plan.book_hash, "body": plan.book}]
    )


def _metrics(context: StepContext, candidate: ir.Table, arms: ir.Table, plan: Plan) -> dict[str, Any]:
    counted = context.engine.fetch(
        funnel_counts(candidate.mutate(campaign=ibis.literal(plan.campaign.key))).order_by("stage", "rule")
    ).to_pylist()
    held_out = context.engine.fetch(arms.aggregate(n=(arms.arm == Arm.CONTROL.value).sum())).to_pylist()[0]["n"]
    return {
        "catalogue": sum(c["n_candidates"] for c in counted),
        "held_out": int(held_out or 0),
        "funnel": [{k: c[k] for k in ("stage", "rule", "n_candidates", "n_customers")} for c in counted],
    }


# ---- steps


def make_plans(
    definitions: DefinitionSet, policy: Policy, vocabulary: Vocabulary, *, currency: str = "CNY"
) -> tuple[Plan, ...]:
    """Return the plans of all campaigns, the highest priority first.

    Raises
    ------
    BadInput : a campaign or offer is malformed, or its reason names a field that there is not.
    """
    words = decision_vocabulary(vocabulary)
    plans: list[Plan] = []
    for campaign in compile_campaigns(definitions, vocabulary):
        written = campaign.definition
        for sentence in (written.reason_zh, written.reason_en):
            check_sentence(sentence, [*words.fields, *SENTENCE_FIELDS], where=f"{campaign.key}.reason")
        named = {*fields_in(written.reason_zh), *fields_in(written.reason_en)} - SENTENCE_FIELDS.keys()
        kinds = input_kinds(campaign, policy, vocabulary, further=named)
        book_hash, book = write_book(campaign, definitions, policy, vocabulary)
        earlier = tuple(p.campaign.key for p in plans)
        _check_experiment(campaign, plans)
        plans.append(Plan(campaign, policy, words, kinds, book_hash, book, earlier, currency))
    return tuple(plans)


def _check_experiment(campaign: Campaign, plans: Sequence[Plan]) -> None:
    twin = next((p.campaign.key for p in plans if p.campaign.experiment == campaign.experiment), None)
    if twin is not None:
        raise BadInput(
            "decision.experiment_twice", zh=f"活动 {twin} 与 {campaign.key} 使用同一实验 {campaign.experiment}",
            en=f"campaigns {twin} and {campaign.key} name one experiment, {campaign.experiment}",
            todo_zh="为其中一个另取 experiment", todo_en="give one of them another experiment",
        )  # fmt: skip


def _step(plan: Plan, as_of: date) -> Step:
    key = plan.campaign.key
    partition = log_partition(key, as_of)
    return Step(
        key=f"decision:{key}",
        writes=(
            Output("candidate", key),
            Output("assignment", plan.campaign.experiment),
            Output("next_action", key),
            Output("decision_log", partition),
            Output("decision_book", partition),
        ),
        reads=_reads(plan),
        work=lambda context: _work(plan, context),
        definition=plan.book_hash,
        material=(policy_hash(plan.policy), plan.currency),
    )


def steps(
    definitions: DefinitionSet, policy: Policy, vocabulary: Vocabulary, *, as_of: date, currency: str = "CNY"
) -> list[Step]:
    """Return one step per campaign.

    Parameters
    ----------
    vocabulary : the project's words: profile fields, tags, segments and models.
    as_of : the day of the run; it names the day's part of the decision log, which is kept.
    currency : code of the base currency, shown with the amounts in reasons.
    """
    return [_step(plan, as_of) for plan in make_plans(definitions, policy, vocabulary, currency=currency)]


def campaign_keys(plans: Sequence[Plan]) -> tuple[str, ...]:
    """Return the keys of campaigns in the order in which they are decided."""
    return tuple(p.campaign.key for p in plans)


__all__ = ["Plan", "campaign_keys", "log_partition", "make_plans", "steps"]

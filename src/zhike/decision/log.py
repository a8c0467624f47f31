"""The decision log: one row per customer of the audience, with the facts and the outcome as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from zhike.decision.inputs import cap_columns, recipient_facts
from zhike.decision.terms import Campaign
from zhike.warehouse.contracts import Kind

ID_DIGITS = 24
LIMIT_RULES = ("campaign.over_capacity", "campaign.over_budget")


@dataclass(frozen=True, slots=True)
class LogStamp:
    """What all rows of one run share."""

    campaign: Campaign
    decided_on: date
    book_hash: str


def decision_ids(customer_id: ir.StringValue, stamp: LogStamp) -> ir.StringValue:
    """Return the decision's id: the same for the same campaign, customer and day."""
    text = ibis.literal(f"{stamp.campaign.key}:{stamp.decided_on.isoformat()}:") + customer_id
    return text.hexdigest("md5").substr(0, ID_DIGITS)


def _json(table: ir.Table, names: Sequence[str]) -> ir.Value:
    return ibis.struct({n: table[n] for n in names}).cast("json").cast("string")


def _outcomes(candidate: ir.Table, campaign: Campaign) -> ir.Table:
    """Return _key and ``outcome``: per offer its stage, rule, channel, priority and rank, as JSON."""
    parts = {}
    for offer in campaign.offers:
        own = candidate.offer_id == offer.offer_id
        parts[offer.offer_id] = ibis.struct(
            {
                name: candidate[name].max(where=own)
                for name in ("stage", "rule", "channel", "p_accept", "value_amount", "priority", "rank")
            }
        )
    grouped = candidate.group_by(_key="customer_id").aggregate(**parts)
    return grouped.select("_key", outcome=_json(grouped, list(parts)))


def log_rows(
    rows: ir.Table,
    subjects: ir.Table,
    candidate: ir.Table,
    scores: ir.Table,
    *,
    stamp: LogStamp,
    kinds: Mapping[str, Kind],
) -> ir.Table:
    """Return the rows of ``decision_log``, without the arm.

    Parameters
    ----------
    rows : see ``inputs.input_rows``. subjects : see ``inputs.subject_rows``. candidate : after arbitration.
    scores : ``score_value``, for the model's version.
    kinds : names of the values to keep, see ``book.input_kinds``.
    """
    campaign = stamp.campaign
    consent = [c for c in rows.columns if c.startswith("consent__")]
    facts = [n for n in sorted(kinds) if n in rows.columns]
    kept = [*facts, *consent, *cap_columns(campaign.channels).values(), "is_repeated"]
    of_recipient = [*(n for n in sorted(kinds) if n in subjects.columns), *consent]
    others = recipient_facts(subjects, of_recipient)
    joined = rows.left_join(others, rows.recipient_id == others["_key"])
    told = joined.select(
        customer_id=joined.customer_id,
        recipient_id=joined.recipient_id,
        inputs=_json(joined, kept),
        recipient_inputs=_recipient_json(joined, of_recipient),
    )
    outcome = _outcomes(candidate, campaign)
    told = told.left_join(outcome, told.customer_id == outcome["_key"]).drop("_key")
    model = campaign.definition.propensity.model
    versions = scores.filter(scores.model == model).select(_key="customer_id", model_version="model_version")
    told = told.left_join(versions, told.customer_id == versions["_key"]).drop("_key")
    return told.mutate(
        decision_id=decision_ids(told.customer_id, stamp),
        campaign=ibis.literal(campaign.key),
        decided_on=ibis.literal(stamp.decided_on),
        book_hash=ibis.literal(stamp.book_hash),
    )


def _recipient_json(joined: ir.Table, names: Sequence[str]) -> ir.Value:
    """The recipient's facts where it is another person; ``{}`` where nobody may receive."""
    is_other = (joined.recipient_id != joined.customer_id) & joined["_key"].notnull()
    text = ibis.struct({n: joined[f"recipient__{n}"] for n in names}).cast("json").cast("string")
    return ibis.cases((joined["_key"].isnull(), "{}"), (is_other, text), else_=ibis.null("string"))


__all__ = ["LIMIT_RULES", "LogStamp", "decision_ids", "log_rows"]

"""Look at identity: why two are one or two, what a customer is made of, what happened to an id, what waits for an officer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from zhike.identity import RecordKey
from zhike.identity.around import Around
from zhike.identity.explain import explain_pair, most_telling
from zhike.identity.golden import GOLDEN_COLUMNS, FieldOrigin, explain_fields
from zhike.identity.rules import MEANINGS
from zhike.identity.shown import shown
from zhike.identity.survival import REASONS
from zhike.kernel.errors import BadInput, NotFound
from zhike.kernel.terms import Text
from zhike.pipeline.identity.opening import IdentityView, Subject
from zhike.pipeline.identity.telling import REFUSALS_BY_NAME, both, record_text, told_explanation
from zhike.pipeline.store import OperationsStore

Row = dict[str, Any]
SINGLE = Text("单独成客户", "Stands alone")
REVIEW_REASONS: Mapping[str, Text] = {"grey": Text("匹配模型不确定", "The match model is not sure"), **REFUSALS_BY_NAME}
KINDS: Mapping[str, Text] = {k.name: Text(k.zh, k.en) for k in GOLDEN_COLUMNS}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks, and whether personal values are shown to them whole: then an audit entry says so."""

    name: str
    at: datetime
    sees_values: bool = False

    def note(self, store: OperationsStore, what: str, customer_ids: Sequence[str]) -> None:
        """Keep an audit entry that values of customers were shown, where they are."""
        if self.sees_values:
            customers = list(dict.fromkeys(customer_ids))
            store.add_audit(self.name, "identity.values_shown", f"identity {what}", {"customers": customers}, self.at)


def why(view: IdentityView, one: str, other: str, reader: Reader) -> Row:
    """Return why two records or customers are one customer or two; for customers, of the pair of records that says most.

    Raises
    ------
    BadInput : both words name the same record or customer.
    NotFound : there is no such record or customer.
    """
    a, b = view.subject(one), view.subject(other)
    around = view.around([a.customer_id, b.customer_id])
    left, right = pair_of(view, around, a, b)
    reader.note(view.store, "why", [a.customer_id, b.customer_id])
    found = explain_pair(around, left, right, models=view.models, overrides=view.overrides)
    told = told_explanation(found, is_open=reader.sees_values, published_at=view.published_at)
    return {"as_of": view.as_of.on.isoformat(), **told}


def pair_of(view: IdentityView, around: Around, one: Subject, other: Subject) -> tuple[RecordKey, RecordKey]:
    """Return the two records by which two subjects are compared."""
    if one.record is not None and other.record is not None and one.record != other.record:
        return one.record, other.record
    sides = [[s.record] if s.record is not None else around.records_of(s.customer_id) for s in (one, other)]
    mine, theirs = sides
    if one.customer_id == other.customer_id:
        if one.record is None and other.record is not None:
            mine = [k for k in mine if k != other.record]
        if other.record is None and one.record is not None:
            theirs = [k for k in theirs if k != one.record]
        if one.record == other.record or not mine or not theirs:
            raise same_subject()
    return most_telling(around, mine, theirs, view.models)


def same_subject() -> BadInput:
    """Return the error of two words that name one and the same."""
    return BadInput(
        "identity.same_subject", zh="给出的两者是同一个", en="both name one and the same",
        todo_zh="给出两条不同的记录或两个不同的客户", todo_en="name two records or two customers",
    )  # fmt: skip


def show(view: IdentityView, written: str, reader: Reader) -> Row:
    """Return a customer's golden record, field by field with its origin, and the records that it is made of.

    Raises
    ------
    NotFound : there is no such record or customer.
    """
    subject = view.subject(written)
    customer_id = subject.customer_id
    tables = [view.table(t) for t in ("source_party", "identity_link", "identity_flaw")]
    customers = view.table("customer")
    head = view.rows(customers.filter(customers.customer_id == customer_id))[0]
    origins = explain_fields(*tables, customer_id=customer_id)
    reader.note(view.store, "show", [customer_id])
    return {
        "customer_id": customer_id, **{n: head[n] for n in ("customer_no", "party_kind", "since_on", "n_records", "is_thin")},
        "fields": [_told_field(f, reader) for f in origins.values()],
        "records": list(_records(view, customer_id)),
    }  # fmt: skip


def _told_field(origins: Sequence[FieldOrigin], reader: Reader) -> Row:
    best = origins[0]
    others = [
        {"value": shown(o.field, o.value, is_open=reader.sees_values), "source": o.source, "source_key": o.source_key,
         "known_on": o.known_on, "rule": o.rule, **both(REASONS[o.rule])}
        for o in origins[1:]
    ]  # fmt: skip
    return {
        "field": best.field, **both(KINDS[best.field], "field_"), "value": shown(best.field, best.value, is_open=reader.sees_values),
        "source": best.source, "source_key": best.source_key, "known_on": best.known_on, "recorded_at": best.recorded_at,
        "rule": best.rule, **both(REASONS[best.rule]), "others": others,
    }  # fmt: skip


def _records(view: IdentityView, customer_id: str) -> Iterator[Row]:
    links = view.table("identity_link")
    mine = links.filter(links.customer_id == customer_id).order_by("trust_rank")
    flaws = view.table("identity_flaw").semi_join(mine, ["source", "source_key"])
    wrong: dict[tuple[str, str], list[str]] = {}
    for r in view.rows(flaws.order_by("source", "source_key", "field")):
        wrong.setdefault((r["source"], r["source_key"]), []).append(f"{r['field']}: {r['flaw']}")
    for r in view.rows(mine):
        linked_by = MEANINGS.get(r["linked_by"], SINGLE)
        yield {
            "record": record_text(RecordKey(r["source"], r["source_key"])), "version_on": r["version_on"], "linked_by": r["linked_by"],
            **both(linked_by), "has_valid_document": r["has_valid_document"], "flaws": wrong.get((r["source"], r["source_key"]), []),
        }  # fmt: skip


def review_queue(view: IdentityView, *, reason: str = "", limit: int = 50) -> Row:
    """Return the pairs of customers that an officer should look at, the likeliest first, and how many there are by reason.

    Pairs decided since the run are told with the number of the decision.

    Raises
    ------
    NotFound : there is no such reason.
    """
    if reason and reason not in REVIEW_REASONS:
        raise NotFound(
            "identity.reason_unknown", zh=f"没有原因 {reason}", en=f"there is no reason {reason}",
            todo_zh=f"可用：{'、'.join(REVIEW_REASONS)}", todo_en=f"there are {', '.join(REVIEW_REASONS)}",
        )  # fmt: skip
    review = view.table("identity_review")
    counted = review.group_by("reason").aggregate(n=review.count().cast("int64"))
    counts = {r["reason"]: r["n"] for r in view.rows(counted.order_by("reason"))}
    chosen = review.filter(review.reason == reason) if reason else review
    order = [chosen.weight.isnull(), chosen.weight.desc(), "left_source", "left_key", "right_source", "right_key"]
    decided = {frozenset((o.left, o.right)): int(o.override_id) for o in view.overrides}
    return {
        "as_of": view.as_of.on.isoformat(), "counts": counts, "n_all": sum(counts.values()) if not reason else counts.get(reason, 0),
        "cases": [_told_case(r, decided) for r in view.rows(chosen.order_by(*order).limit(limit))],
    }  # fmt: skip


def _told_case(row: Row, decided: Mapping[frozenset[RecordKey], int]) -> Row:
    left, right = RecordKey(row["left_source"], row["left_key"]), RecordKey(row["right_source"], row["right_key"])
    return {
        "left": record_text(left), "right": record_text(right), "left_customer_id": row["left_customer_id"],
        "right_customer_id": row["right_customer_id"], "reason": row["reason"], **both(REVIEW_REASONS[row["reason"]]),
        "weight": None if row["weight"] is None else round(row["weight"], 2), "probability_rate": row["probability_rate"],
        "decided_by_override": decided.get(frozenset((left, right))),
    }  # fmt: skip


def review_case(view: IdentityView, one: str, other: str, reader: Reader) -> Row:
    """Return one case of the queue with its evidence.

    Raises
    ------
    NotFound : there is no such record or customer, or their customers are not in the queue.
    """
    a, b = view.subject(one), view.subject(other)
    review = view.table("identity_review")
    both_ways = [
        (review.left_customer_id == x) & (review.right_customer_id == y)
        for x, y in ((a.customer_id, b.customer_id), (b.customer_id, a.customer_id))
    ]
    found = view.rows(review.filter(both_ways[0] | both_ways[1]))
    if not found:
        raise NotFound(
            "identity.not_in_review", zh="这两个客户不在待核实队列中", en="these two customers are not in the queue",
            todo_zh="zhike identity review 列出队列；zhike identity why 说明任意两者", todo_en="`zhike identity review` lists the queue; `zhike identity why` explains any two",
        )  # fmt: skip
    left, right = (record_text(RecordKey(found[0][f"{s}_source"], found[0][f"{s}_key"])) for s in ("left", "right"))
    decided = {frozenset((o.left, o.right)): int(o.override_id) for o in view.overrides}
    return {"case": _told_case(found[0], decided), **why(view, left, right, reader)}


__all__ = ["Reader", "pair_of", "review_case", "review_queue", "same_subject", "show", "why"]

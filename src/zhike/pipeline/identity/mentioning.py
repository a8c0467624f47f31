"""Companies that others name: what waits for an officer, what one mention says, and the officer's word on whom it means.

A mention is written ``mention:<id>`` where a record could stand. An officer's word about it is an override like any other: a merge
says that it means a customer, a split that it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhike.identity import Action, RecordKey
from zhike.identity.mentions import CALL_NOTE, tax_number
from zhike.identity.mentions_link import EVIDENCE
from zhike.identity.mentions_step import MENTION
from zhike.identity.shown import shown
from zhike.identity.terms import MentionState, Refusal
from zhike.kernel.errors import BadInput, Conflict, NotFound
from zhike.kernel.terms import Text
from zhike.pipeline.identity.deciding import (
    Decision,
    Sides,
    check_reason,
    keep,
    n_other_decisions,
    overrides_in_force,
    told_effect,
    two_documents,
)
from zhike.pipeline.identity.looking import Reader
from zhike.pipeline.identity.opening import IdentityView, Subject
from zhike.pipeline.identity.telling import REFUSALS_BY_NAME, both, record_text, told_overrides

Row = dict[str, Any]
PREFIX = f"{MENTION}:"
OUTSIDE = "outside:"
NO_EVIDENCE = Text("无", "nothing")
PERSONAL = ("name", "tax_id", "phone")
AROUND = 24  # characters of a note on either side of a name


def names_mention(*words: str) -> bool:
    """Whether one of the words of a command names a mention."""
    return any(w.startswith(PREFIX) for w in words)


def mention_queue(view: IdentityView, reader: Reader, *, state: str = MentionState.REVIEW, limit: int = 50) -> Row:
    """Return mentions of companies of one state, those that an officer can settle soonest first, and how many there are by state.

    Those that may mean a customer come first, of them the likeliest, of equals those on most documents.
    """
    mentions = view.table("company_mention")
    counted = mentions.group_by("state").aggregate(n=mentions.count().cast("int64"))
    counts = {r["state"]: r["n"] for r in view.rows(counted.order_by("state"))}
    chosen = mentions.filter(mentions.state == state)
    is_customer = chosen.candidate_customer_id.notnull() | chosen.customer_id.notnull()
    order = [is_customer.desc(), chosen.probability.desc(), chosen.n_documents.desc(), chosen.mention_id]
    found = view.rows(chosen.order_by(order).limit(limit))
    reader.note(view.store, "mentions", [c for r in found for c in _customers_of(r)])
    decided = _decided(view)
    return {
        "as_of": view.as_of.on.isoformat(), "counts": counts, "n_all": counts.get(state, 0), "state": state,
        "mentions": [_told(r, decided, reader) for r in found],
    }  # fmt: skip


def show_mention(view: IdentityView, word: str, reader: Reader) -> Row:
    """Return what one mention says, which company it is taken for, and on what grounds; the words around it for those who see values.

    Raises
    ------
    BadInput : the word names no mention.
    NotFound : there is no such mention.
    """
    row = _mention(view, word)
    told = _told(row, _decided(view), reader)
    reader.note(view.store, "mentions", _customers_of(row))
    return {"as_of": view.as_of.on.isoformat(), **told, "context": _context(view, row) if reader.sees_values else None}


def why_mention(view: IdentityView, one: str, other: str, reader: Reader) -> Row:
    """Return why a mention is taken for a company, or is not, as far as the run kept it: the likeliest company, by what, how likely.

    Raises
    ------
    BadInput : both words are mentions, or the other names a person.
    NotFound : there is no such mention, record, customer or company outside.
    """
    word, whose = (one, other) if names_mention(one) else (other, one)
    if names_mention(whose):
        raise BadInput(
            "identity.two_mentions", zh="给出的两者都是提及", en="both are mentions",
            todo_zh="另一方写企业客户、其来源记录或 outside:行外企业号；zhike identity mentions <提及> 说明其所指", todo_en="name a company beside it: a customer, a record or outside:<id>; `zhike identity mentions <mention>` tells for which it is taken",
        )  # fmt: skip
    row = _mention(view, word)
    told = _told(row, _decided(view), reader)
    if whose.startswith(OUTSIDE):
        company, contradictions = _outside_company(view, whose), []
    else:
        subject = view.subject(whose)
        company, record = subject.customer_id, _company_record(view, subject)
        contradictions = _other_number(view, row, subject, record, is_open=reader.sees_values)
    reader.note(view.store, "why", [*_customers_of(row), *([] if whose.startswith(OUTSIDE) else [company])])
    mention = RecordKey(MENTION, row["mention_id"])
    overrides = [o for o in view.overrides if mention in (o.left, o.right)]
    return {
        "as_of": view.as_of.on.isoformat(), "mention": told, "company": company, "is_meant": company == _meant(row),
        **both(_headline(row, company)), "contradictions": contradictions, "decisions": told_overrides(overrides, view.published_at),
    }  # fmt: skip


def _outside_company(view: IdentityView, word: str) -> str:
    """Return the company outside that a word names, as commands write it."""
    outside = view.table("outside_company")
    if not view.rows(outside.filter(outside.outside_id == word.removeprefix(OUTSIDE)).select("outside_no")):
        raise NotFound(
            "identity.outside_unknown", zh="没有该行外企业", en="there is no such company outside",
            todo_zh="zhike identity mentions 列出提及及其企业", todo_en="`zhike identity mentions` lists mentions and their companies",
        )  # fmt: skip
    return word


def _meant(row: Row, prefix: str = "") -> str | None:
    """Return the company that a mention means, or with the prefix ``candidate_`` may mean, as commands write it."""
    customer, outside = row[f"{prefix}customer_id"], row[f"{prefix}outside_id"]
    return customer or (f"{OUTSIDE}{outside}" if outside else None)


def _headline(row: Row, company: str) -> Text:
    """Return in one sentence what the run made of a mention with respect to a company."""
    meant, candidate = _meant(row), _meant(row, "candidate_")
    evidence = EVIDENCE.get(row["linked_by"] or "", NO_EVIDENCE)
    zh, en = f"依据：{evidence.zh}", f"by: {evidence.en}"
    if company == meant:
        return Text(f"该提及指 {company}，{zh}", f"the mention means {company}, {en}")
    if meant is not None:
        if company == candidate:
            return Text(
                f"该提及指 {meant}，{zh}；也可能指 {company}",
                f"the mention means {meant}, {en}; it may mean {company} instead",
            )
        return Text(
            f"该提及不指 {company}，而指 {meant}，{zh}；其余可能未保存",
            f"the mention does not mean {company} but {meant}, {en}; what is less likely is not kept",
        )
    waits = row["state"] == MentionState.REVIEW
    if candidate is None:
        return Text(
            f"该提及不指 {company}：没有可能的企业", f"the mention does not mean {company}: no company is likely"
        )
    if company == candidate:
        why = (
            Text("把握不足，待人工核实", "not surely enough: an officer is asked")
            if waits
            else Text("可能性太小", "too unlikely to ask about")
        )
        return Text(f"{company} 是最可能的企业，{zh}；{why.zh}", f"{company} is the likeliest company, {en}; {why.en}")
    return Text(
        f"最可能的不是 {company}，而是 {candidate}，{zh}；其余可能未保存",
        f"not {company} is the likeliest but {candidate}, {en}; what is less likely is not kept",
    )


def _other_number(view: IdentityView, row: Row, subject: Subject, record: RecordKey, *, is_open: bool) -> list[Row]:
    """Return what contradicts a customer: a valid number on the documents that is not its own."""
    printed, numbers = _numbers(view, row, subject)
    if not printed or not numbers or printed in numbers:
        return []
    return [{
        "reason": Refusal.USCC.value, **both(REFUSALS_BY_NAME[Refusal.USCC.value]), "left": f"{PREFIX}{row['mention_id']}", "right": record_text(record),
        "left_value": shown("uscc", printed, is_open=is_open), "right_value": shown("uscc", numbers[0], is_open=is_open), "is_final": True,
    }]  # fmt: skip


def decide_mention(view: IdentityView, action: Action, one: str, other: str, decision: Decision) -> Row:
    """Decide that a mention means a customer (a merge), or does not (a split); return what was decided.

    Raises
    ------
    BadInput : what is named beside the mention is no customer, or a person, or no reason is given.
    NotFound : there is no such mention, record or customer.
    Conflict : the number printed on the invoices is another company's, or what is in force says the same or the opposite.
    """
    check_reason(decision)
    word, whose = (one, other) if names_mention(one) else (other, one)
    if names_mention(whose) or whose.startswith(OUTSIDE):
        raise BadInput(
            "identity.mention_of_no_customer", zh="提及只能判定为（或不为）本行客户", en="a mention is decided to mean a customer, or not to",
            todo_zh="另一方写企业客户或其来源记录；行外企业由单据自行归集", todo_en="name a company that is a customer, or one of its records; companies outside are gathered from documents by themselves",
        )  # fmt: skip
    row, subject = _mention(view, word), view.subject(whose)
    mention, record = RecordKey(MENTION, row["mention_id"]), _company_record(view, subject)
    if action is Action.MERGE:
        _check_number(view, row, subject)
    _check_in_force(view, action, mention, record, subject)
    sides = Sides([mention], [record], (subject.customer_id,))
    told: Row = {
        "override": None, "action": action.value, "left": [record_text(mention)], "right": [record_text(record)],
        "is_kept": not decision.is_dry, "n_other_decisions": n_other_decisions(view), **told_effect(),
        "changes": [_meaning(action, subject.customer_id)],
    }  # fmt: skip
    return told if decision.is_dry else {**told, "override": keep(view, action, sides, decision)}


def _mention(view: IdentityView, word: str) -> Row:
    if not names_mention(word):
        raise BadInput(
            "identity.not_a_mention", zh="给出的不是提及", en="what is given is no mention",
            todo_zh="写成 mention:提及号；zhike identity mentions 列出", todo_en="write mention:<id>; `zhike identity mentions` lists them",
        )  # fmt: skip
    mentions = view.table("company_mention")
    found = view.rows(mentions.filter(mentions.mention_id == word.removeprefix(PREFIX)))
    if not found:
        raise NotFound(
            "identity.mention_unknown", zh="没有该提及", en="there is no such mention",
            todo_zh="zhike identity mentions 列出；提及号在更正单据后会变", todo_en="`zhike identity mentions` lists them; the id changes when its document is corrected",
        )  # fmt: skip
    return found[0]


def _customers_of(row: Row) -> list[str]:
    return [c for c in (row["customer_id"], row["candidate_customer_id"]) if c]


def _decided(view: IdentityView) -> Mapping[str, int]:
    """Return mention → the latest override in force about it."""
    pairs = ((o.override_id, k) for o in view.overrides for k in (o.left, o.right) if k.source == MENTION)
    return {k.source_key: int(number) for number, k in sorted(pairs, key=lambda p: int(p[0]))}


def _told(row: Row, decided: Mapping[str, int], reader: Reader) -> Row:
    is_open = reader.sees_values
    hidden = {
        c: shown("uscc" if c == "tax_id" else "mobile" if c == "phone" else c, row[c], is_open=is_open)
        for c in PERSONAL
    }
    evidence = EVIDENCE.get(row["linked_by"] or "", NO_EVIDENCE)
    plain = ("kind", "source", "region", "is_branch", "n_documents", "first_on", "last_on", "state", "customer_id", "outside_id", "linked_by",
             "probability", "candidate_customer_id", "candidate_outside_id")  # fmt: skip
    customer, outside = (row[c] or row[f"candidate_{c}"] for c in ("customer_id", "outside_id"))
    company = customer or (f"{OUTSIDE}{outside}" if outside else None)
    return {
        "mention": f"{PREFIX}{row['mention_id']}", **hidden, **{c: row[c] for c in plain}, **both(evidence), "company": company,
        "decided_by_override": decided.get(row["mention_id"]),
    }  # fmt: skip


def _context(view: IdentityView, row: Row) -> str | None:
    """Return the words of a note around a mention; None for invoices."""
    if row["kind"] != CALL_NOTE:
        return None
    notes = view.table("text")
    found = view.rows(notes.filter((notes.source == row["source"]) & (notes.text_id == row["text_id"])).select("body"))
    if not found:
        return None
    body, start = str(found[0]["body"]), int(row["start"])
    return body[max(0, start - AROUND) : start + len(row["name"]) + AROUND]


def _company_record(view: IdentityView, subject: Subject) -> RecordKey:
    """Return the record by which a customer is named in a decision; BadInput where it is a person."""
    customers = view.table("customer")
    [customer] = view.rows(customers.filter(customers.customer_id == subject.customer_id).select("party_kind"))
    if customer["party_kind"] == "person":
        raise BadInput(
            "identity.mention_of_person", zh="该客户是个人，提及的是企业", en="that customer is a person; a mention means a company",
            todo_zh="写企业客户或其来源记录", todo_en="name a company, or one of its records",
        )  # fmt: skip
    return subject.record or view.around([subject.customer_id]).records_of(subject.customer_id)[0]


def _numbers(view: IdentityView, row: Row, subject: Subject) -> tuple[str, list[str]]:
    """Return the valid number that a mention carries, "" without, and those of a customer."""
    records = view.around([subject.customer_id]).latest_of(subject.customer_id)
    return tax_number(row["tax_id"]).uscc, sorted({str(r["uscc"]) for r in records if r["uscc"]})


def _check_number(view: IdentityView, row: Row, subject: Subject) -> None:
    """Raise Conflict where the mention carries a valid number that is not the customer's."""
    printed, numbers = _numbers(view, row, subject)
    if printed and numbers and printed not in numbers:
        raise two_documents(f"{shown('uscc', printed)} ≠ {shown('uscc', numbers[0])}")


def _check_in_force(
    view: IdentityView, action: Action, mention: RecordKey, record: RecordKey, subject: Subject
) -> None:
    """Raise Conflict where what is in force about a mention says the same, or forbids what is asked."""
    links = view.table("identity_link")
    for o in view.overrides:
        if mention not in (o.left, o.right):
            continue
        there = o.right if o.left == mention else o.left
        mine = links.filter((links.source == there.source) & (links.source_key == there.source_key))
        homes = {r["customer_id"] for r in view.rows(mine.select("customer_id"))}
        is_same_customer = there == record or subject.customer_id in homes
        if o.action is action and is_same_customer:
            raise Conflict(
                "identity.already_decided", zh=f"第 {o.override_id} 条人工判定已如此裁定", en=f"override {o.override_id} says so already",
                todo_zh="无需再做", todo_en="there is nothing to do",
            )  # fmt: skip
        if is_same_customer or o.action is action is Action.MERGE:
            raise overrides_in_force([o.override_id], o.action)


def _meaning(action: Action, customer_id: str) -> Row:
    """Return what the next run will take a mention for."""
    if action is Action.MERGE:
        text = Text(f"该提及指客户 {customer_id}", f"the mention means customer {customer_id}")
    else:
        text = Text(f"该提及不指客户 {customer_id}", f"the mention does not mean customer {customer_id}")
    return {"kind": f"mention_{action.value}", "customer_id": customer_id, **both(text)}


__all__ = ["decide_mention", "mention_queue", "names_mention", "show_mention", "why_mention"]

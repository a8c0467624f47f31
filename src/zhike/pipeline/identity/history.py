"""What happened to a customer id, event by event: with the officer's word behind it, and how it would be undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zhike.identity import Action, Change, RecordKey
from zhike.identity.changes import UNDONE
from zhike.identity.rules import OVERRIDE_RULE
from zhike.identity.terms import Refusal
from zhike.kernel.errors import NotFound
from zhike.kernel.terms import Text
from zhike.pipeline.identity.opening import CUSTOMER_ID, IdentityView
from zhike.pipeline.identity.overrides import OVERRIDE_KINDS
from zhike.pipeline.identity.telling import both, reason_text, record_text
from zhike.pipeline.store import OperationsStore

Row = dict[str, Any]
WITHDRAWN = "identity.override_withdrawn"
FINAL = (Refusal.RESIDENT_ID, Refusal.USCC)


@dataclass(frozen=True, slots=True)
class Decided:
    """A merge or split that was decided once, in force or not."""

    number: int
    action: Action
    customers: frozenset[str]
    reason: str
    by: str
    at: str
    undone: Mapping[str, str] | None


def history(view: IdentityView, written: str) -> Row:
    """Return every event of an id, in order; also of one that is no longer in use.

    Raises
    ------
    NotFound : no such id was ever given, or there is no such record.
    """
    customer_id = written if CUSTOMER_ID.match(written) else view.subject(written).customer_id
    register, change = view.table("identity_register"), view.table("identity_change")
    known = view.rows(register.filter(register.customer_id == customer_id))
    if not known:
        raise NotFound(
            "identity.customer_unknown", zh=f"没有客户 {customer_id}", en=f"there is no customer {customer_id}",
            todo_zh="请检查客户标识；记录写成 来源:客户号", todo_en="check the id; a record is written source:key",
        )  # fmt: skip
    mine = change.filter((change.customer_id == customer_id) | (change.other_customer_id == customer_id))
    decided = decisions_made(view.store)
    events = [_told(r, customer_id, decided) for r in view.rows(mine.order_by("change_id"))]
    head = {n: known[0][n] for n in ("created_on", "ended_on", "merged_into", "generation")}
    return {"customer_id": customer_id, **head, "events": events}


def decisions_made(store: OperationsStore) -> list[Decided]:
    """Return every merge and split that was ever decided, from the audit, and those in force that it does not tell of."""
    audit = store.audit()
    undone = {
        r.subject: {"by": r.actor, "at": r.at.isoformat(timespec="seconds"), "reason": str(r.detail.get("reason", ""))}
        for r in audit if r.action == WITHDRAWN
    }  # fmt: skip
    actions = {f"identity.{a.value}_decided": a for a in Action}
    found = {
        r.subject: Decided(
            int(r.subject.split()[1]), actions[r.action], frozenset(r.detail["customers"]), str(r.detail["reason"]), r.actor,
            r.at.isoformat(timespec="seconds"), undone.get(r.subject),
        )
        for r in audit if r.action in actions
    }  # fmt: skip
    for o in store.overrides():
        if o.kind in OVERRIDE_KINDS and f"override {o.number}" not in found:
            customers = frozenset(o.subject.get("customers", ()))
            made = Decided(
                o.number,
                OVERRIDE_KINDS[o.kind],
                customers,
                o.reason,
                o.made_by,
                o.made_at.isoformat(timespec="seconds"),
                None,
            )
            found[f"override {o.number}"] = made
    return sorted(found.values(), key=lambda d: d.number)


def _told(row: Row, customer_id: str, decided: Sequence[Decided]) -> Row:
    kind, is_mine = Change(row["kind"]), row["customer_id"] == customer_id
    other = row["other_customer_id"] if is_mine else row["customer_id"]
    record = record_text(RecordKey(row["source"], row["source_key"])) if row["source_key"] is not None else None
    behind = _behind(row, decided)
    return {
        "change_id": row["change_id"], "on": row["changed_on"], "kind": kind.value, "other_customer_id": other, "n_records": row["n_records"],
        "record": record, "reason": row["reason"], **both(reason_text(row["reason"]), "reason_"),
        **both(_sentence(kind, other, record, int(row["n_records"]), is_mine=is_mine)),
        "decisions": [
            {"override": d.number, "action": d.action.value, "reason": d.reason, "by": d.by, "at": d.at, "undone": d.undone} for d in behind
        ],
        **both(_undoing(kind, row, behind), "undo_"),
    }  # fmt: skip


def _behind(row: Row, decided: Sequence[Decided]) -> list[Decided]:
    """Return the officers' words that made an event: about both customers or, where they have changed since, about the one."""
    wanted = {OVERRIDE_RULE: Action.MERGE, UNDONE: Action.MERGE, Refusal.OVERRIDE.value: Action.SPLIT}.get(
        row["reason"]
    )
    if wanted is None:
        return []
    pair = {row["customer_id"], row["other_customer_id"]}
    mine = [d for d in decided if d.action is wanted]
    return [d for d in mine if pair <= d.customers] or [d for d in mine if d.customers & pair]


def _sentence(kind: Change, other: str | None, record: str | None, n_records: int, *, is_mine: bool) -> Text:
    n = f"{n_records} record{'' if n_records == 1 else 's'}"
    told = {
        Change.CREATED: (Text(f"由 {n_records} 条记录建立", f"given to {n}"),) * 2,
        Change.MERGED: (Text(f"并入 {other}", f"merged into {other}"), Text(f"{other} 并入本客户", f"{other} was merged into it")),
        Change.SPLIT: (Text(f"自 {other} 拆出", f"split out of {other}"), Text(f"拆出 {other}", f"{other} was split out of it")),
        Change.MOVED: (Text(f"记录 {record} 自 {other} 移入", f"record {record} came from {other}"),
                       Text(f"记录 {record} 移往 {other}", f"record {record} went to {other}")),
        Change.RETIRED: (Text("注销：来源记录已不存在", "retired: none of its records is left"),) * 2,
    }  # fmt: skip
    return told[kind][0 if is_mine else 1]


def _undoing(kind: Change, row: Row, behind: Sequence[Decided]) -> Text:
    """Return how an event would be undone."""
    standing = [d.number for d in behind if d.undone is None]
    if standing:
        command = f"zhike identity undo {standing[-1]} --reason … --by …"
        return Text(command, command)
    one, other = row["customer_id"], row["other_customer_id"]
    if kind in (Change.CREATED, Change.RETIRED):
        return Text("无需撤销", "nothing to undo")
    if kind is Change.MERGED:
        command = f"zhike identity split {other} RECORD … --reason … --by …"
        return Text(f"{command}（RECORD 为要拆出的记录）", f"{command} (RECORD: those that leave)")
    if row["reason"] in FINAL:
        return Text(
            "证件号不同，不得归并；若证件号有误，请在来源系统更正",
            "document numbers differ: only a correction in the source joins them again",
        )
    command = f"zhike identity merge {one} {other} --reason … --by …"
    return Text(command, command)


__all__ = ["Decided", "decisions_made", "history"]

"""Officers' decisions: these two are one, these are not, that one is taken back. Each is shown before it is kept, and audited.

What the next run will do is computed, not guessed: the records concerned are resolved anew with the decision, by the live index of
the published run (``identity.live``), once with it and once without it: what it does is told apart from what was pending already. A
decision that the run would not carry out, or that defeats another one, is refused at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from zhike.identity import Action, Override, RecordKey
from zhike.identity.around import Around
from zhike.identity.evidence import contradictions
from zhike.identity.live import LiveChange, LiveIdentity, Reconsidered
from zhike.identity.rules import OVERRIDE_RULE
from zhike.identity.shown import shown
from zhike.identity.terms import Refusal
from zhike.kernel.errors import BadInput, Conflict, NotFound
from zhike.pipeline.identity.history import WITHDRAWN
from zhike.pipeline.identity.looking import same_subject
from zhike.pipeline.identity.opening import IdentityView, Subject
from zhike.pipeline.identity.overrides import KIND_OF, OVERRIDE_KINDS, sides_of, subject_of
from zhike.pipeline.identity.telling import REFUSALS_BY_NAME, record_text, told_change
from zhike.pipeline.store import StoredOverride

Row = dict[str, Any]
NEW = "0"  # the number of an override that is not kept yet
MOST_PAIRS = 2_000
DECIDED_ACTIONS = frozenset(f"identity.{a.value}_decided" for a in Action)
Told = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides, why and when; ``is_dry``: only to be shown what would happen. ``told`` hears how long building the index took."""

    reason: str
    by: str
    at: datetime
    is_dry: bool = False
    told: Told = lambda _: None


@dataclass(frozen=True, slots=True)
class Sides:
    """The records of both sides of a decision, and the customers that they are."""

    left: Sequence[RecordKey]
    right: Sequence[RecordKey]
    customers: tuple[str, ...]

    def overrides(self, action: Action, decision: Decision) -> list[Override]:
        """Return the decision pair by pair."""
        return [
            Override(NEW, action, a, b, decision.reason, decision.by, decision.at)
            for a, b in product(self.left, self.right)
        ]


def merge(view: IdentityView, one: str, other: str, decision: Decision) -> Row:
    """Decide that two records or customers are one; return what the next run will do.

    Raises
    ------
    BadInput : both are one and the same, or no reason is given.
    NotFound : there is no such record or customer.
    Conflict : two valid document numbers, or a person and a company, would be joined, a split or the same merge is in force, or it would
        have no effect.
    """
    check_reason(decision)
    a, b = view.subject(one), view.subject(other)
    around = view.around([a.customer_id, b.customer_id])
    left, right = (s.record or around.records_of(s.customer_id)[0] for s in (a, b))
    if left == right or (a.customer_id == b.customer_id and None in (a.record, b.record)):
        raise same_subject()
    _check_documents(around, a, b)
    sides = Sides([left], [right], tuple(sorted({a.customer_id, b.customer_id})))
    _check_against(view, Action.MERGE, sides, around)
    return _decide(view, Action.MERGE, sides, decision)


def split(view: IdentityView, names: Sequence[str], decision: Decision) -> Row:
    """Decide that records are two customers, every pair across, as one decision; return what the next run will do.

    Parameters
    ----------
    names : two records; or a customer and the records that leave it; or two customers (or a record and a customer) that are to stay two.

    Raises
    ------
    BadInput : the names make no two sides, or no reason is given.
    NotFound : there is no such record or customer.
    Conflict : a merge of these records is in force, or the same split.
    """
    check_reason(decision)
    subjects = [view.subject(n) for n in names]
    around = view.around([s.customer_id for s in subjects])
    left, right = _two_sides(around, subjects)
    if len(left) * len(right) > MOST_PAIRS:
        raise BadInput(
            "identity.split_too_large", zh=f"一次拆分涉及 {len(left) * len(right)} 对记录，过多", en=f"one split of {len(left) * len(right)} pairs of records is too much",
            todo_zh=f"每次至多 {MOST_PAIRS} 对：分几次拆出", todo_en=f"at most {MOST_PAIRS} pairs at once: let fewer records leave at a time",
        )  # fmt: skip
    sides = Sides(left, right, tuple(sorted({s.customer_id for s in subjects})))
    _check_against(view, Action.SPLIT, sides, around)
    return _decide(view, Action.SPLIT, sides, decision)


def undo(view: IdentityView, number: int, decision: Decision) -> Row:
    """Take back a decision; return what the next run will do.

    Raises
    ------
    BadInput : no reason is given.
    NotFound : no merge or split of that number is in force.
    """
    check_reason(decision)
    kept = {o.number: o for o in view.store.overrides() if o.kind in OVERRIDE_KINDS}
    if number not in kept:
        numbers = ", ".join(map(str, sorted(kept))) or "–"
        raise NotFound(
            "identity.override_unknown", zh=f"没有生效中的第 {number} 条人工判定", en=f"no merge or split number {number} is in force",
            todo_zh=f"生效中的有：{numbers}", todo_en=f"in force are: {numbers}",
        )  # fmt: skip
    override = kept[number]
    left, right = sides_of(override)
    remaining = [o for o in view.overrides if o.override_id != str(number)]
    outcome = _outcome(view, remaining, [*left, *right], decision)
    told: Row = {
        "override": number, "action": "undo", "undoes": OVERRIDE_KINDS[override.kind].value, "made_by": override.made_by,
        "made_for": override.reason, "is_kept": not decision.is_dry, "n_other_decisions": n_other_decisions(view, number), **outcome.told,
    }  # fmt: skip
    if not decision.is_dry:
        with view.store.together():
            view.store.withdraw_override(number, reason=decision.reason, by=decision.by, at=decision.at)
            detail = {"customers": _customers_of(override, outcome), "reason": decision.reason}
            view.store.add_audit(decision.by, WITHDRAWN, f"override {number}", detail, decision.at)
    return told


def _customers_of(override: StoredOverride, outcome: Outcome) -> list[str]:
    customers = override.subject.get("customers")
    return list(customers) if customers else sorted(set(outcome.before.values()))


def check_reason(decision: Decision) -> None:
    """Raise BadInput unless a decision has a reason and a name."""
    if not decision.reason.strip() or not decision.by.strip():
        raise BadInput(
            "identity.reason_missing", zh="人工判定须写明理由与经办人", en="a decision needs a reason and a name",
            todo_zh="用 --reason 写明依据（如 柜面核实原件），用 --by 写明经办人", todo_en="say with --reason what it rests on, and with --by who decides",
        )  # fmt: skip


def _check_documents(around: Around, one: Subject, other: Subject) -> None:
    """Raise Conflict where two valid document numbers, or a person and a company, would be joined: nobody may."""
    if one.customer_id == other.customer_id:
        return
    found = [
        c for c in contradictions(around.latest_of(one.customer_id), around.latest_of(other.customer_id)) if c.is_final
    ]
    if found:
        c = found[0]
        if c.reason is Refusal.KIND:
            raise Conflict(
                "identity.merge_two_kinds", zh="一方是个人，一方是企业，不得归并", en="one is a person and one a company: they may not be merged",
                todo_zh="核对客户号；若某一来源的客户类型有误，请在来源系统更正后再跑批", todo_en="check the ids; if a source has the kind wrong, have it corrected there and run again",
            )  # fmt: skip
        raise two_documents(f"{shown(c.column, c.left_value)} ≠ {shown(c.column, c.right_value)}")


def two_documents(values: str) -> Conflict:
    """Return the error of a merge of two valid numbers that differ; ``values`` shows them masked."""
    return Conflict(
        "identity.merge_two_documents", zh=f"两者的有效证件号不同（{values}），不得归并", en=f"their valid document numbers differ ({values}): they may not be merged",
        todo_zh="若某一来源的证件号有误，请在来源系统更正后再跑批", todo_en="if one of the numbers is wrong, have its source corrected and run again",
    )  # fmt: skip


def _two_sides(around: Around, subjects: Sequence[Subject]) -> tuple[list[RecordKey], list[RecordKey]]:
    """Return the records that are parted from each other."""
    first, others = subjects[0], subjects[1:]
    if len(others) == 1:
        [other] = others
        if first.record is not None and other.record is not None:
            left, right = [first.record], [other.record]
        elif first.customer_id == other.customer_id:
            leaving = [r for r in (first.record, other.record) if r is not None]
            left, right = leaving, [k for k in around.records_of(first.customer_id) if k not in leaving]
        else:
            left, right = ([s.record] if s.record else around.records_of(s.customer_id) for s in (first, other))
    elif first.record is None and all(s.record is not None and s.customer_id == first.customer_id for s in others):
        leaving = [s.record for s in others if s.record is not None]
        left, right = leaving, [k for k in around.records_of(first.customer_id) if k not in leaving]
    else:
        left, right = [], []
    if not left or not right or set(left) & set(right):
        raise BadInput(
            "identity.split_of_nothing", zh="给出的内容不构成两方", en="what is named makes no two sides",
            todo_zh="写两条记录；或一个客户及要拆出的部分记录；或两个客户", todo_en="name two records; or a customer and some of its records, which leave; or two customers",
        )  # fmt: skip
    return left, right


def _check_against(view: IdentityView, action: Action, sides: Sides, around: Around) -> None:
    """Raise Conflict where the same, or the opposite, has been decided already."""
    asked = {frozenset(pair) for pair in product(sides.left, sides.right)}
    mine = {frozenset((o.left, o.right)): o for o in view.overrides}
    same = [mine[p] for p in asked if p in mine and mine[p].action is action]
    if len(same) == len(asked):
        raise Conflict(
            "identity.already_decided", zh=f"第 {same[0].override_id} 条人工判定已如此裁定", en=f"override {same[0].override_id} says so already",
            todo_zh="无需再做", todo_en="there is nothing to do",
        )  # fmt: skip
    opposite = {
        o.override_id
        for p, o in mine.items()
        if o.action is not action and (p in asked or _is_across(o, action, sides, around))
    }
    if opposite:
        raise overrides_in_force(sorted(opposite, key=int), Action.SPLIT if action is Action.MERGE else Action.MERGE)


def _is_across(override: Override, action: Action, sides: Sides, around: Around) -> bool:
    """Whether a split parts records of the two customers that a merge would join."""
    if action is not Action.MERGE or len(sides.customers) < 2:
        return False
    homes = {around.customer_of.get(override.left), around.customer_of.get(override.right)}
    return homes == set(sides.customers)


def overrides_in_force(numbers: Sequence[str], action: Action) -> Conflict:
    """Return the error of a decision against which overrides of one kind are in force."""
    named, undoing = ", ".join(numbers), "; ".join(f"zhike identity undo {n} --reason … --by …" for n in numbers)
    zh, en = ("归并", "merge") if action is Action.MERGE else ("拆分", "split")
    return Conflict(
        "identity.override_in_force", zh=f"与生效中的第 {named} 条人工{zh}相抵触", en=f"override {named}, a {en}, is in force and says otherwise",
        todo_zh=f"若其有误，先撤销：{undoing}", todo_en=f"if it is wrong, undo it first: {undoing}", facts={"overrides": [int(n) for n in numbers]},
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the next run will make of records: their customers as published and then, what is refused, and what the decision does to it."""

    before: Mapping[RecordKey, str]
    after: Reconsidered | None
    told: Row


def _decide(view: IdentityView, action: Action, sides: Sides, decision: Decision) -> Row:
    """Show what a decision will do and, unless it is only asked, keep it."""
    wanted = sides.overrides(action, decision)
    outcome = _outcome(view, [*view.overrides, *wanted], [*sides.left, *sides.right], decision)
    _check_effect(view, action, sides, outcome)
    told: Row = {
        "override": None, "action": action.value, "left": [record_text(k) for k in sides.left], "right": [record_text(k) for k in sides.right],
        "is_kept": not decision.is_dry, "n_other_decisions": n_other_decisions(view), **outcome.told,
    }  # fmt: skip
    return told if decision.is_dry else {**told, "override": keep(view, action, sides, decision)}


def keep(view: IdentityView, action: Action, sides: Sides, decision: Decision) -> int:
    """Keep a decision, with an entry of the audit; return its number."""
    with view.store.together():
        subject = subject_of(sides.left, sides.right, sides.customers)
        number = view.store.add_override(
            KIND_OF[action], subject, reason=decision.reason, by=decision.by, at=decision.at
        )
        n_pairs = len(sides.left) * len(sides.right)
        detail = {"customers": list(sides.customers), "reason": decision.reason, "n_pairs": n_pairs}
        view.store.add_audit(decision.by, f"identity.{action.value}_decided", f"override {number}", detail, decision.at)
    return number


def _check_effect(view: IdentityView, action: Action, sides: Sides, outcome: Outcome) -> None:
    """Raise Conflict where a decision would not hold in the next run, or would keep an earlier merge from holding."""
    if outcome.after is None:
        return
    merges = {frozenset((o.left, o.right)): o.override_id for o in view.overrides if o.action is Action.MERGE}
    refused = {frozenset((a, b)) for a, b, rule, _ in outcome.after.refused if rule == OVERRIDE_RULE}
    defeated = sorted({merges[p] for p in refused if p in merges}, key=int)
    if action is Action.SPLIT and defeated:
        raise overrides_in_force(defeated, Action.MERGE)
    home = {p.record: p.customer_id for p in outcome.after.placements}
    if action is Action.MERGE and home[sides.left[0]] != home[sides.right[0]]:
        reasons = sorted({why for a, b, rule, why in outcome.after.refused if rule == OVERRIDE_RULE})
        zh, en = (
            "；".join(REFUSALS_BY_NAME[r].zh for r in reasons),
            "; ".join(REFUSALS_BY_NAME[r].en for r in reasons),
        )
        raise Conflict(
            "identity.decision_without_effect", zh=f"归并不会生效：{zh}", en=f"the merge would have no effect: {en}",
            todo_zh="用 zhike identity why 查看依据", todo_en="see `zhike identity why`",
        )  # fmt: skip


def _outcome(
    view: IdentityView, overrides: Sequence[Override], records: Sequence[RecordKey], decision: Decision
) -> Outcome:
    """Return what the next run will make of records under overrides, if nothing else changes."""
    live = view.live(overrides, decision.told)
    known = [r for r, n in zip(records, live.index.numbers_of(records), strict=True) if n is not None]
    if not known:
        return Outcome({}, None, told_effect())
    after, anyway = live.reconsider(known), live.under(view.overrides).reconsider(known)
    told = told_effect(
        changes=[c for c in after.changes if c not in anyway.changes],
        averted=[c for c in anyway.changes if c not in after.changes],
        pending=[c for c in after.changes if c in anyway.changes],
    )
    without = {p.record: p.customer_id for p in anyway.placements}
    return Outcome(_published(view, live, after), after, {**told, "customers": _told_customers(without, after)})


def told_effect(
    *, changes: Sequence[LiveChange] = (), averted: Sequence[LiveChange] = (), pending: Sequence[LiveChange] = ()
) -> Row:
    """Return what a decision does to the next run.

    Parameters
    ----------
    changes, averted : what the run does because of it, and no longer does.
    pending : what the run does with the same records in any case.
    """
    parts = {"changes": changes, "averted": averted, "pending": pending}
    return {name: [told_change(c) for c in part] for name, part in parts.items()} | {"customers": []}


def n_other_decisions(view: IdentityView, number: int | None = None) -> int:
    """Return how many decisions wait for the next run beside number ``number``: those made since the last one, and those undone since."""
    since = view.published_at
    made = {int(o.override_id) for o in view.overrides if o.decided_at is not None and o.decided_at > since}
    audit = view.store.audit()
    of_since = {r.subject for r in audit if r.at > since and r.action in DECIDED_ACTIONS}
    undone = {r.subject for r in audit if r.at > since and r.action == WITHDRAWN} - of_since
    return len(made - {number}) + len(undone)


def _published(view: IdentityView, live: LiveIdentity, after: Reconsidered) -> dict[RecordKey, str]:
    """Return the customers of records as they are published."""
    records = [p.record for p in after.placements]
    numbers = live.index.arrays["customer_no"][[n for n in live.index.numbers_of(records) if n is not None]].tolist()
    register = {int(r["customer_no"]): str(r["customer_id"]) for r in live.index.with_number(sorted(set(numbers)))}
    return {r: register[n] for r, n in zip(records, numbers, strict=True)}


def _told_customers(before: Mapping[RecordKey, str], after: Reconsidered) -> list[Row]:
    """Return the customers that differ, with the records that they would have without the decision (``before``) and will have with it."""
    found: dict[str, list[RecordKey]] = {}
    for p in after.placements:
        found.setdefault(p.customer_id, []).append(p.record)
    was: dict[str, set[RecordKey]] = {}
    for record, customer in before.items():
        was.setdefault(customer, set()).add(record)
    changed = sorted(c for c in {*found, *was} if set(found.get(c, [])) != was.get(c, set()))
    return [
        {"customer_id": c, "records_before": sorted(map(record_text, was.get(c, set()))), "records_after": sorted(map(record_text, found.get(c, [])))}
        for c in changed
    ]  # fmt: skip


def list_decisions(overrides: Sequence[StoredOverride]) -> list[Row]:
    """Return the merges and splits that are in force, oldest first."""
    rows = []
    for o in overrides:
        if o.kind in OVERRIDE_KINDS:
            left, right = sides_of(o)
            rows.append({
                "override": o.number, "action": OVERRIDE_KINDS[o.kind].value, "left": ", ".join(map(record_text, left)),
                "right": ", ".join(map(record_text, right)), "reason": o.reason, "by": o.made_by, "at": o.made_at.isoformat(timespec="seconds"),
            })  # fmt: skip
    return rows


__all__ = [
    "Decision",
    "Sides",
    "check_reason",
    "keep",
    "list_decisions",
    "merge",
    "n_other_decisions",
    "overrides_in_force",
    "split",
    "told_effect",
    "two_documents",
    "undo",
]

"""Outcomes back into rows: mentions with the companies they mean, and the register of companies outside.

Ids of outside companies are inherited from run to run by the largest overlap of mentions, as those of customers are; a company
that opened an account ends here and says which customer it became.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from zhike.identity.inherit import NONE, Inheritance, Register, inherit
from zhike.identity.mentions_known import KnownCompanies
from zhike.identity.mentions_link import Outcome
from zhike.identity.standard.companies import CompanyName
from zhike.identity.terms import MentionState
from zhike.kernel.hashing import keyed_id

Row = dict[str, Any]
GIVEN = (
    "kind",
    "source",
    "source_key",
    "text_id",
    "start",
    "name",
    "tax_id",
    "phone",
    "n_documents",
    "first_on",
    "last_on",
)
BECAME_CUSTOMER, MERGED, GONE = "became_customer", "merged", "gone"


@dataclass(frozen=True, slots=True)
class Mention:
    """One mention as it is written (``row``, the columns of ``GIVEN``), its name taken apart, and what was made of it."""

    mention_id: str
    row: Row
    name: CompanyName | None
    uscc: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Before:
    """The last run's ``outside_company`` rows, and mention id → outside id of its ``company_mention``."""

    outside: Sequence[Row] = ()
    outside_of: Mapping[str, str] = field(default_factory=dict)


def mention_rows(
    known: KnownCompanies, mentions: Sequence[Mention], before: Before, *, as_of: date, key: bytes
) -> tuple[list[Row], list[Row]]:
    """Return the rows of ``company_mention`` and ``outside_company``, in order of mention and of number."""
    ordered = sorted(mentions, key=lambda m: m.mention_id)
    heirs = _inherited(known, ordered, before)
    ids = _ids(heirs, ordered, before, key)
    no_of_company = {
        m.outcome.company: int(no) for m, no in zip(ordered, heirs.customer_no.tolist(), strict=True) if no != NONE
    }
    id_of = {at: ids[no] for at, no in no_of_company.items()}
    return [_mention_row(known, m, id_of) for m in ordered], _outside_rows(
        known, ordered, before, _Numbers(heirs, ids, no_of_company, id_of), as_of
    )


def _is_outside(known: KnownCompanies, outcome: Outcome) -> bool:
    return outcome.company >= 0 and not known.all[outcome.company].customer_id


def _inherited(known: KnownCompanies, mentions: Sequence[Mention], before: Before) -> Inheritance:
    """Return the number of each mention's outside company; NONE of mentions that mean a customer or nobody."""
    at_of = {m.mention_id: i for i, m in enumerate(mentions)}
    no_of = {r["outside_id"]: r["outside_no"] for r in before.outside}
    inside = np.array([_is_outside(known, m.outcome) for m in mentions], bool)
    first: dict[int, int] = {}
    for i, m in enumerate(mentions):
        if inside[i]:
            first.setdefault(m.outcome.company, i)
    members = np.flatnonzero(inside)
    root = np.array([first[mentions[i].outcome.company] for i in members.tolist()], np.int64)
    place = {int(i): p for p, i in enumerate(members.tolist())}
    previous = np.array(
        [no_of.get(before.outside_of.get(mentions[i].mention_id, ""), NONE) for i in members.tolist()], np.int64
    )
    dense_root = np.array([place[int(r)] for r in root.tolist()], np.int64)
    found = inherit(dense_root, previous, _register(before, at_of, place))
    numbers = np.full(len(mentions), NONE, np.int64)
    numbers[members] = found.customer_no
    created = np.array([members[r] for r in found.created_root.tolist()], np.int64)
    return Inheritance(numbers, created, found.created_no, found.created_generation, found.revived_no)


def _register(before: Before, at_of: Mapping[str, int], place: Mapping[int, int]) -> Register:
    if not before.outside:
        return Register.empty()
    rows = sorted(before.outside, key=lambda r: int(r["outside_no"]))
    founder = [place.get(at_of.get(r["founding_mention_id"], NONE), NONE) for r in rows]
    return Register(
        np.array([r["outside_no"] for r in rows], np.int64), np.array(founder, np.int64), np.array([r["generation"] for r in rows], np.int64),
        np.array([r["ended_on"] is None for r in rows], bool),
    )  # fmt: skip


def _ids(heirs: Inheritance, mentions: Sequence[Mention], before: Before, key: bytes) -> dict[int, str]:
    """Return number → id, of all ids ever given."""
    ids = {int(r["outside_no"]): str(r["outside_id"]) for r in before.outside}
    for root, no, generation in zip(
        heirs.created_root.tolist(), heirs.created_no.tolist(), heirs.created_generation.tolist(), strict=True
    ):
        ids[no] = keyed_id(key, "outside", mentions[root].mention_id, str(generation))
    return ids


def _mention_row(known: KnownCompanies, mention: Mention, id_of: Mapping[int, str]) -> Row:
    outcome = mention.outcome
    row: Row = {"mention_id": mention.mention_id, **{c: mention.row.get(c) for c in GIVEN}}
    row |= {
        "region": (mention.name.region or None) if mention.name else None, "is_branch": mention.name.is_branch if mention.name else None,
        "state": outcome.state.value, "linked_by": outcome.linked_by or None, "probability": outcome.probability if outcome.candidate >= 0 else None,
        "customer_id": None, "outside_id": None, "candidate_customer_id": None, "candidate_outside_id": None,
    }  # fmt: skip
    if outcome.company >= 0:
        row["customer_id"] = known.all[outcome.company].customer_id or None
        row["outside_id"] = id_of.get(outcome.company)
    if (
        outcome.candidate >= 0
        and outcome.candidate != outcome.company
        and (outcome.state is MentionState.REVIEW or outcome.company >= 0)
    ):
        row["candidate_customer_id"] = known.all[outcome.candidate].customer_id or None
        row["candidate_outside_id"] = id_of.get(outcome.candidate)
    return row


@dataclass(frozen=True, slots=True)
class _Numbers:
    heirs: Inheritance
    ids: Mapping[int, str]
    no_of_company: Mapping[int, int]
    id_of: Mapping[int, str]


def _outside_rows(
    known: KnownCompanies, mentions: Sequence[Mention], before: Before, numbers: _Numbers, as_of: date
) -> list[Row]:
    members: dict[int, list[Mention]] = defaultdict(list)
    for mention, no in zip(mentions, numbers.heirs.customer_no.tolist(), strict=True):
        if no != NONE:
            members[no].append(mention)
    old = {int(r["outside_no"]): r for r in before.outside}
    created = {
        no: (mentions[root].mention_id, generation)
        for root, no, generation in zip(numbers.heirs.created_root.tolist(), numbers.heirs.created_no.tolist(), numbers.heirs.created_generation.tolist(), strict=True)
    }  # fmt: skip
    company_of = {no: at for at, no in numbers.no_of_company.items()}
    fates = _fates(known, mentions, before, numbers)
    rows = []
    for no in sorted({*old, *members}):
        row: Row = dict(old.get(no, {})) | {"outside_id": numbers.ids[no], "outside_no": no}
        if no in created:
            row |= {"founding_mention_id": created[no][0], "generation": created[no][1], "created_on": as_of}
        if no in members:
            row |= _described(members[no]) | _head(known, company_of[no], numbers.id_of)
            row |= {"ended_on": None, "ended_because": None, "became_customer_id": None, "merged_into": None}
        elif row.get("ended_on") is None:
            row |= {"ended_on": as_of, "n_mentions": 0, "n_documents": 0} | fates[no]
        rows.append(row)
    return rows


def _described(members: Sequence[Mention]) -> Row:
    """Return what the mentions of one outside company say of it."""
    by_name: Counter[str] = Counter()
    by_number: Counter[str] = Counter()
    for m in members:
        if m.row.get("name"):
            by_name[m.row["name"]] += m.row["n_documents"] * (3 if m.name is not None and m.name.is_full else 1)
        if m.uscc or m.row.get("tax_id"):
            by_number[m.uscc or m.row["tax_id"]] += m.row["n_documents"] * (3 if m.uscc else 1)
    names = [m.name for m in members if m.name is not None]
    region = max((n.region for n in names), key=lambda r: (len(r.rstrip("0")), r), default="")
    trade = Counter(n.trade for n in names if n.trade)
    return {
        "name": _commonest(by_name), "tax_id": _commonest(by_number), "region": region or None, "trade": _commonest(trade),
        "is_branch": any(n.is_branch for n in names), "n_mentions": len(members), "n_documents": sum(m.row["n_documents"] for m in members),
        "first_on": min(m.row["first_on"] for m in members), "last_on": max(m.row["last_on"] for m in members),
    }  # fmt: skip


def _commonest(counts: Counter[str]) -> str | None:
    """Return the value counted most; of equals the first in order of text."""
    return min(counts, key=lambda v: (-counts[v], v)) if counts else None


def _head(known: KnownCompanies, at: int, id_of: Mapping[int, str]) -> Row:
    """Return whose branch a company is, where exactly one company has its head's name."""
    keys = {n.head_key for n in known.all[at].names if n.is_branch}
    heads = {h for key in keys for h in known.by_key.get(key, ()) if h != at}
    head = next(iter(heads)) if len(heads) == 1 else -1
    return {
        "head_customer_id": (known.all[head].customer_id or None) if head >= 0 else None,
        "head_outside_id": id_of.get(head) if head >= 0 and not known.all[head].customer_id else None,
    }  # fmt: skip


def _fates(known: KnownCompanies, mentions: Sequence[Mention], before: Before, numbers: _Numbers) -> dict[int, Row]:
    """Return what became of each id of the last run that nobody carries today: where most of its mentions went."""
    went: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for mention in mentions:
        old = before.outside_of.get(mention.mention_id)
        if old and mention.outcome.company >= 0:
            customer = known.all[mention.outcome.company].customer_id
            went[old][
                (BECAME_CUSTOMER, customer) if customer else (MERGED, numbers.id_of[mention.outcome.company])
            ] += 1
    fates = {}
    for row in before.outside:
        places = went.get(row["outside_id"])
        because, where = min(places, key=lambda p: (-places[p], p)) if places else (GONE, None)
        fates[int(row["outside_no"])] = {
            "ended_because": because, "became_customer_id": where if because == BECAME_CUSTOMER else None,
            "merged_into": where if because == MERGED else None,
        }  # fmt: skip
    return fates


__all__ = ["Before", "Mention", "Row", "mention_rows"]

"""What speaks for and against two records, or two customers, being one: shared keys, the match model's weights, contradictions.

The same functions as in a run are asked about two records at a time, so that what is told is what was weighed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import product
from typing import Any

from zhike.identity.clusters import births_contradict, sets_of_births_contradict
from zhike.identity.live.few import block_keys, exact_keys
from zhike.identity.matching import Evidence, MatchModel, probability
from zhike.identity.matching.model import MISSING_LEVEL, NEVER
from zhike.identity.rules import KEYS
from zhike.identity.terms import RecordKey, Refusal
from zhike.kernel.terms import Text

Row = Mapping[str, Any]
Versions = Sequence[Row]  # standardised versions of one record
SOLE_TRADER, COMPANY = "sole_trader", "company"
PERHAPS = 80.0  # bits from which on a level links nothing that has been seen


class Verdict(StrEnum):
    """What the match model would make of two records if nothing else spoke."""

    LINKED = "linked"
    REVIEW = "review"
    TOO_LITTLE = "too_little"
    NOT_COMPARED = "not_compared"
    DOCUMENTS = "documents_differ"
    NO_MODEL = "no_model"


VERDICTS: Mapping[str, Text] = {
    Verdict.LINKED: Text("模型单独即可自动归并", "the model alone would link them"),
    Verdict.REVIEW: Text("模型不确定，交人工核实", "the model is not sure: an officer would be asked"),
    Verdict.TOO_LITTLE: Text("依据不足，不归并", "too little speaks for it: they would stay apart"),
    Verdict.NOT_COMPARED: Text("两条记录没有共同的比对分组，模型不会比较它们", "they agree on no block, so the model never compares them"),
    Verdict.DOCUMENTS: Text("有效证件号不同，模型不比较", "valid document numbers differ: the model is not asked"),
    Verdict.NO_MODEL: Text("没有适用于此类客户的匹配模型", "no match model is for customers of these kinds"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The evidence of the match model for two records, from the prior to the verdict; weights in bits.

    ``left_on``, ``right_on`` : which versions were compared: those that weigh most. ``links_from`` : the weight from which a pair at
    the level ``gate_level`` of the comparison ``gate`` is linked; None = never. ``blocks`` : sets of columns on which they agree. ``columns`` : whose values the evidence names, comparison by comparison.
    """

    model: str
    left_on: date
    right_on: date
    prior: float
    evidence: tuple[Evidence, ...]
    columns: tuple[str, ...]
    total: float
    probability: float
    gate: str
    gate_level: str
    links_from: float | None
    review_from: float
    blocks: tuple[tuple[str, ...], ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two facts of two customers that cannot be of one. ``is_final`` : not even an officer's merge overrules it."""

    reason: Refusal
    column: str
    left: RecordKey
    left_value: Any
    right: RecordKey
    right_value: Any
    is_final: bool


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A key that two records have in common under a rule; ``values`` of the columns that make it."""

    rule: str
    values: tuple[tuple[str, str], ...]


def shared_keys(left: Versions, right: Versions) -> tuple[SharedKey, ...]:
    """Return the keys that any versions of two records have in common, strongest rule first."""
    found = []
    mine = {(rule, key): row for row in left for rule, key in exact_keys(row)}
    theirs = {key for row in right for key in exact_keys(row)}
    for (rule, key), row in mine.items():
        if (rule, key) in theirs:
            found.append(SharedKey(rule, tuple((c, str(row[c])) for c in KEYS[rule])))
    order = list(KEYS)
    return tuple(sorted(found, key=lambda s: (order.index(s.rule), s.values)))


def waterfall(models: Sequence[MatchModel], left: Versions, right: Versions) -> Waterfall | None:
    """Return the evidence of the model that is for both records, of the versions that weigh most; None when no model is.

    Of versions that agree on a block those come first, since a run compares no others.
    """
    found = [
        _weighed(number, model, a, b)
        for number, model in enumerate(models)
        for a, b in product(left, right)
        if a["party_kind"] in model.party_kinds and b["party_kind"] in model.party_kinds
    ]
    return max(found, key=lambda w: (bool(w.blocks), w.total, w.left_on, w.right_on), default=None)


def _weighed(number: int, model: MatchModel, left: Row, right: Row) -> Waterfall:
    evidence = model.compare(left, right)
    total = model.weight(evidence)
    needed = model.automatic_from(evidence)
    gate = next(e.level for e in evidence if e.comparison == model.gate)
    shared = set(block_keys(left, [model])) & set(block_keys(right, [model]))
    blocks = tuple(model.blocks[block_no] for _, block_no, _ in sorted(shared))
    verdict = Verdict.TOO_LITTLE
    if _documents_differ(left, right):
        verdict = Verdict.DOCUMENTS
    elif not blocks:
        verdict = Verdict.NOT_COMPARED
    elif total >= needed:
        verdict = Verdict.LINKED
    elif total >= model.review_weight:
        verdict = Verdict.REVIEW
    return Waterfall(
        model.key, left["valid_from_on"], right["valid_from_on"], model.prior_weight, evidence, tuple(c.column for c in model.comparisons),
        total, probability(total), model.gate, gate,
        None if gate == MISSING_LEVEL or needed >= min(NEVER, PERHAPS) else needed, model.review_weight, blocks, verdict,
    )  # fmt: skip


def _documents_differ(left: Row, right: Row) -> bool:
    return any(left[c] is not None and right[c] is not None and left[c] != right[c] for c in ("resident_id", "uscc"))


def contradictions(left: Sequence[Row], right: Sequence[Row]) -> tuple[Contradiction, ...]:
    """Return what keeps two customers apart, given the latest standardised rows of their records; the strongest first.

    It is what a run asks before it joins two clusters (``clusters``), told with the records that say it.
    """
    return tuple(_contradictions(left, right))


def _contradictions(left: Sequence[Row], right: Sequence[Row]) -> Iterator[Contradiction]:
    for column, reason in (("resident_id", Refusal.RESIDENT_ID), ("uscc", Refusal.USCC)):
        mine, theirs = _said(left, column), _said(right, column)
        if mine and theirs and not mine.keys() & theirs.keys():
            yield _between(reason, column, mine, theirs, is_final=True)
    kinds, other_kinds = _said(left, "party_kind"), _said(right, "party_kind")
    sides = [{k: r for k, r in s.items() if k != SOLE_TRADER} for s in (kinds, other_kinds)]
    if all(sides) and not _sides(sides[0]) & _sides(sides[1]):
        yield _between(Refusal.KIND, "party_kind", *sides, is_final=True)
    born, other_born = _said(left, "born"), _said(right, "born")
    if sets_of_births_contradict(list(map(int, born)), list(map(int, other_born))):
        a, b = next((x, y) for x, y in product(born, other_born) if births_contradict(int(x), int(y)))
        yield Contradiction(Refusal.BIRTH, "born", born[a], a, other_born[b], b, is_final=False)
        return
    sexes, other_sexes = (_said([r for r in rows if r["born"] is not None], "sex") for rows in (left, right))
    if sexes and other_sexes and not sexes.keys() & other_sexes.keys():  # a sex counts beside a day of birth only
        yield _between(Refusal.BIRTH_AND_SEX, "sex", sexes, other_sexes)


def _sides(said: Mapping[str, RecordKey]) -> set[bool]:
    return {kind == COMPANY for kind in said}


def _said(rows: Sequence[Row], column: str) -> dict[str, RecordKey]:
    """Return value → the first record that says it."""
    found: dict[str, RecordKey] = {}
    for row in sorted(rows, key=lambda r: (r["source"], r["source_key"])):
        if row[column] is not None:
            found.setdefault(row[column], RecordKey(row["source"], row["source_key"]))
    return found


def _between(
    reason: Refusal, column: str, left: Mapping[str, RecordKey], right: Mapping[str, RecordKey], *, is_final: bool = False
) -> Contradiction:  # fmt: skip
    (a, one), (b, other) = next(iter(left.items())), next(iter(right.items()))
    return Contradiction(reason, column, one, a, other, b, is_final)


__all__ = [
    "VERDICTS",
    "Contradiction",
    "SharedKey",
    "Verdict",
    "Versions",
    "Waterfall",
    "contradictions",
    "shared_keys",
    "waterfall",
]

"""Which of several values of one field survives: an order of criteria per field, the same for a table and for an explanation.

Each record of a customer gets a rank per field, the lowest survives; a rank is made of criteria in fixed places, so that it can be
read back to say which of them decided. Nothing here reads a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import ibis
import ibis.expr.types as ir

from zhike.kernel.terms import Text


class Criterion(StrEnum):
    """What makes one value better than another."""

    PROVEN = "resident_id"
    VALID = "valid"
    AGREED = "agreement"
    TRUSTED = "trusted_source"
    RECENT = "most_recent"
    EARLIEST = "earliest"
    ANY_TRUE = "any_true"


ONLY, SAME = "only_value", "same_value"
REASONS: Mapping[str, Text] = {
    Criterion.PROVEN: Text("有效身份证号所载", "A valid resident id number says so"),
    Criterion.VALID: Text("值有效者优先", "A valid value beats a doubtful one"),
    Criterion.AGREED: Text("更多来源一致", "More sources agree on it"),
    Criterion.TRUSTED: Text("来源更可信", "Its source is trusted more"),
    Criterion.RECENT: Text("更新", "It is more recent"),
    Criterion.EARLIEST: Text("取最早", "The earliest day counts"),
    Criterion.ANY_TRUE: Text("任一来源为是即为是", "True when any source says so"),
    ONLY: Text("唯一取值", "There is no other value"),
    SAME: Text("取值相同", "It says the same"),
}
_P, _V, _A, _T, _R = Criterion.PROVEN, Criterion.VALID, Criterion.AGREED, Criterion.TRUSTED, Criterion.RECENT
RULES: Mapping[str, tuple[Criterion, ...]] = {
    "name": (_V, _T), "id_type": (_V, _T), "id_number": (_V, _T), "id_expires_on": (_V, _T),
    "mobile": (_V, _R), "email": (_V, _R),
    "birth_on": (_P, _V, _A, _T), "sex": (_P, _A, _T),
    "education": (_A, _T), "industry": (_A, _T), "founded_on": (_A, _T),
    "occupation": (_A, _R), "district": (_A, _R),
    "marital_status": (_R,), "n_children": (_R,), "is_student": (_R,), "annual_income_amount": (_R,),
    "registered_on": (Criterion.EARLIEST,), "deceased_on": (Criterion.EARLIEST,),
    "is_staff": (Criterion.ANY_TRUE,), "has_court_record": (Criterion.ANY_TRUE,),
}  # fmt: skip
"""Field → criteria, the first that tells two values apart decides. A field that is not named follows the trusted source."""
USUAL = (Criterion.TRUSTED,)
CARRIED = {"birth_on": "document_birth_on", "sex": "document_sex"}
"""What a valid resident id says by itself → the column that says it."""
COMPANIONS: Mapping[str, str] = {"id_type": "id_number", "id_expires_on": "id_number"}
"""Fields that mean nothing without another of the same record: they come from the record whose number survived."""
FLAWED: Mapping[str, str] = {
    "name": "name", "mobile": "mobile", "email": "email", "id_number": "document", "id_type": "document", "id_expires_on": "document",
    "birth_on": "birth_on",
}  # fmt: skip
"""Field → the field of ``identity_flaw`` that says what is wrong with it."""
WRITTEN = ("name", "mobile", "email", "id_number")  # by hand: blanks around them make no other value
MOBILE_DIGITS = 11  # of a mainland number
FINE, DOUBTFUL, FILLER = 0, 1, 2
PLACES, SOURCES = 10_000_000, 1_000
AGREE = SOURCES * PLACES  # one step of validity


def rule_of(field: str) -> tuple[Criterion, ...]:
    """Return the criteria of a field, the first decides."""
    return RULES.get(field, USUAL)


def agreed_fields(fields: Sequence[str]) -> list[str]:
    """Return the fields of which values that several sources agree on are preferred."""
    return [f for f in fields if Criterion.AGREED in rule_of(f)]


def usable_value(rows: ir.Table, field: str) -> ir.Value:
    """Return a field's value where it may survive: what a valid resident id says first, a filler never.

    ``rows`` : records of ``source_party`` with the columns of ``identity_link`` and ``<field>_flaw`` of each flawed field.
    """
    value = rows[field].strip().nullif("") if field in WRITTEN else rows[field]
    value = _as_dialled(value) if field == "mobile" else value
    if field in FLAWED:
        value = (rows[f"{FLAWED[field]}_flaw"] == FILLER).ifelse(ibis.null(value.type()), value)
    return ibis.coalesce(rows[CARRIED[field]], value) if field in CARRIED else value


def _as_dialled(number: ir.StringValue) -> ir.StringValue:
    """Return a mainland mobile number as its eleven digits, however it was written (+86 138 0000 0001); others as they are."""
    joined = number.re_replace(r"[\s()\-]", "")
    is_mainland = joined.re_search(r"^((\+|00)?86)?1[3-9][0-9]{9}$")
    return (number.length() == MOBILE_DIGITS).ifelse(number, is_mainland.ifelse(joined.right(MOBILE_DIGITS), number))


def may_survive(rows: ir.Table, field: str) -> ir.BooleanValue:
    """Return whether a record may give a field's value: it has one, or, of a companion, it has what that belongs to."""
    return usable_value(rows, COMPANIONS.get(field, field)).notnull()


def rank(rows: ir.Table, field: str) -> ir.IntegerValue:
    """Return the rank of each record for a field, the lowest survives; two records of a customer never have one rank.

    ``rows`` : as for :func:`usable_value`, with ``trust_rank``, ``recency_rank`` and ``<field>_sources`` of agreed fields.
    """
    rule = rule_of(field)
    place: ir.IntegerValue = rows.recency_rank if Criterion.RECENT in rule else rows.trust_rank
    if Criterion.AGREED in rule:
        place = place + (ibis.literal(SOURCES - 1) - rows[f"{field}_sources"]) * PLACES
    if Criterion.VALID in rule:
        place = place + _doubt(rows, field) * AGREE
    if Criterion.PROVEN in rule:
        place = place + rows[CARRIED[field]].isnull().ifelse(10 * AGREE, 0)
    return place.cast("int64")


def _doubt(rows: ir.Table, field: str) -> ir.IntegerValue:
    """Return 0 for a value that is proven or fine, and more where it is doubted; a number that proves itself beats any other."""
    doubtful: ir.IntegerValue = rows[f"{FLAWED[field]}_flaw"]
    if COMPANIONS.get(field, field) == "id_number":
        return doubtful * 2 + rows.has_valid_document.ifelse(0, 1)
    return doubtful


@dataclass(frozen=True, slots=True)
class Rank:
    """A rank read back into its criteria; smaller is better in each."""

    proven: int
    valid: int
    agreed: int
    place: int


def read_rank(value: int) -> Rank:
    """Return the criteria that a rank is made of."""
    rest, place = divmod(value, PLACES)
    doubt, agreed = divmod(rest, SOURCES)
    return Rank(doubt // 10, doubt % 10, agreed, place)


def deciding(field: str, better: int, worse: int, *, is_same_source: bool, is_same_day: bool) -> str:
    """Return the criterion by which one rank of a field beats another.

    ``is_same_source``, ``is_same_day`` : of the two records; an order by trust falls back on recency and the reverse.
    """
    one, other = read_rank(better), read_rank(worse)
    for criterion, a, b in (
        (_P, one.proven, other.proven),
        (_V, one.valid, other.valid),
        (_A, one.agreed, other.agreed),
    ):
        if a != b:
            return criterion.value
    if Criterion.RECENT in rule_of(field):
        return (Criterion.TRUSTED if is_same_day else Criterion.RECENT).value
    return (Criterion.RECENT if is_same_source else Criterion.TRUSTED).value


__all__ = [
    "COMPANIONS", "DOUBTFUL", "FILLER", "FINE", "FLAWED", "ONLY", "REASONS", "SAME", "Criterion", "agreed_fields", "deciding", "may_survive",
    "rank", "rule_of", "usable_value",
]  # fmt: skip

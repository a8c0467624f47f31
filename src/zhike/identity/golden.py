"""The golden record: for each field of a customer, which record's value survives, and how to say why.

Two orders of trust, each total: by source (the bank's own ranking, then the newest) and by recency (the newest, then the
ranking). Contact details follow recency, everything else the ranking; a missing value never survives a known one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.identity.document_numbers import (
    birth_of_resident_id,
    compact_number,
    resident_serial,
    sex_of_resident_id,
    valid_resident_id,
    valid_uscc,
)
from zhike.identity.standardise import records_as_of
from zhike.identity.terms import AsOf
from zhike.kernel.errors import NotFound
from zhike.sources.tables.party import SOURCE_PARTY

NOT_GOLDEN = (
    "source", "source_key", "party_kind", "valid_from_on", "valid_to_on", "recorded_at", "wechat_unionid", "device_id", "address",
)  # fmt: skip
GOLDEN_COLUMNS = tuple(c for c in SOURCE_PARTY.columns if c.name not in NOT_GOLDEN)
BY_RECENCY = (
    "mobile",
    "email",
    "marital_status",
    "n_children",
    "is_student",
    "district",
    "occupation",
    "annual_income_amount",
)
EARLIEST = ("registered_on", "deceased_on")
ANY_TRUE = ("is_staff", "has_court_record")
KIND_ORDER: Mapping[str, int] = {"company": 0, "sole_trader": 1, "person": 2}


@dataclass(frozen=True, slots=True)
class FieldOrigin:
    """Where one field of a golden record comes from. ``rule`` says why this record's value survived."""

    field: str
    value: Any
    source: str
    source_key: str
    known_on: date
    recorded_at: datetime
    rule: str


def _ranked(parties: ir.Table, links: ir.Table, *, as_of: AsOf, source_priority: Sequence[str]) -> ir.Table:
    """Return the records as of the day with their customer and two total orders, 0 best."""
    records = records_as_of(parties, as_of)
    joined = records.inner_join(
        links.select("source", "source_key", "customer_id", "customer_no"), ["source", "source_key"]
    )
    trust = (
        ibis.cases(*((joined.source == s, i) for i, s in enumerate(source_priority)), else_=len(source_priority))
        if source_priority
        else ibis.literal(0)
    )
    joined = joined.mutate(
        trust=trust, number=compact_number(joined.id_number), serial=resident_serial(compact_number(joined.id_number))
    )
    newest = [joined.valid_from_on.desc(), joined.recorded_at.desc()]
    tie = [joined.source, joined.source_key]
    by_customer = {"group_by": "customer_no"}
    ranked = joined.mutate(
        trust_rank=ibis.row_number().over(order_by=[joined.trust, *newest, *tie], **by_customer),
        recency_rank=ibis.row_number().over(order_by=[*newest, joined.trust, *tie], **by_customer),
    )
    resident = (ranked.party_kind == "company").ifelse(
        ibis.null("string"), valid_resident_id(ranked.number, ranked.serial)
    )
    uscc = (ranked.party_kind == "person").ifelse(ibis.null("string"), valid_uscc(ranked.number))
    return ranked.mutate(resident_id=resident, is_valid_document=resident.notnull() | uscc.notnull())


def _survivor(ranked: ir.Table, name: str) -> ir.Value:
    """Return the aggregate that picks one field's surviving value."""
    value = ranked[name]
    if name in EARLIEST:
        return value.min()
    if name in ANY_TRUE:
        return value.any()
    if name == "id_number":
        order = ranked.trust_rank + ranked.is_valid_document.ifelse(0, 1_000_000)
        return value.argmin(order, where=value.notnull())
    return value.argmin(ranked.recency_rank if name in BY_RECENCY else ranked.trust_rank, where=value.notnull())


def golden_records(parties: ir.Table, links: ir.Table, *, as_of: AsOf, source_priority: Sequence[str]) -> ir.Table:
    """Return one row per customer with the surviving value of each field.

    Parameters
    ----------
    parties : ``source_party``; versions known at the end of ``as_of`` are read.
    links : ``identity_link`` of the same day.
    source_priority : sources, most trusted first.

    Returns
    -------
    the columns of ``customer``. A valid resident id says birth and sex, whatever the records say.
    """
    ranked = _ranked(parties, links, as_of=as_of, source_priority=source_priority)
    fields = {c.name: _survivor(ranked, c.name) for c in GOLDEN_COLUMNS}
    kind_order = ibis.cases(*((ranked.party_kind == k, o) for k, o in KIND_ORDER.items()), else_=len(KIND_ORDER))
    grouped = ranked.group_by("customer_id", "customer_no").aggregate(
        party_kind=ranked.party_kind.argmin(kind_order),
        n_records=ranked.count().cast("int64"),
        first_valid_on=ranked.valid_from_on.min(),
        resident_id=ranked.resident_id.argmin(ranked.trust_rank, where=ranked.resident_id.notnull()),
        **fields,
    )
    return grouped.mutate(
        since_on=ibis.coalesce(grouped.registered_on, grouped.first_valid_on),
        birth_on=ibis.coalesce(birth_of_resident_id(grouped.resident_id), grouped.birth_on),
        sex=ibis.coalesce(sex_of_resident_id(grouped.resident_id), grouped.sex),
    )


def explain_field(
    parties: ir.Table, links: ir.Table, *, customer_id: str, field: str, as_of: AsOf, source_priority: Sequence[str]
) -> tuple[FieldOrigin, ...]:
    """Return where a field of one customer comes from: the surviving record first, then the others that have a value.

    Raises
    ------
    NotFound : the field is none of the golden record, or the customer has no value for it.
    """
    if field not in {c.name for c in GOLDEN_COLUMNS}:
        raise NotFound("identity.field_unknown", zh=f"客户没有字段 {field}", en=f"a customer has no field {field}")
    mine = links.filter(links.customer_id == customer_id)
    ranked = _ranked(parties, mine, as_of=as_of, source_priority=source_priority)
    carried = {"birth_on": birth_of_resident_id, "sex": sex_of_resident_id}
    if field in carried:
        from_document = carried[field](ranked.resident_id)
        ranked = ranked.mutate(
            from_document=from_document.notnull(), **{field: ibis.coalesce(from_document, ranked[field])}
        )
    else:
        ranked = ranked.mutate(from_document=ibis.literal(False))  # noqa: FBT003 - a literal value
    known = ranked.filter(ranked[field].notnull())
    ordered, rule = _order(known, field)
    rows = known.order_by(ordered).to_pyarrow().to_pylist()
    if not rows:
        raise NotFound(
            "identity.field_missing", zh=f"该客户没有 {field} 的值", en=f"this customer has no value for {field}"
        )
    return tuple(
        FieldOrigin(field, r[field], r["source"], r["source_key"], r["valid_from_on"], r["recorded_at"],
                    "resident_id" if r["from_document"] else rule)
        for r in rows
    )  # fmt: skip


def _order(known: ir.Table, field: str) -> tuple[list[ir.Value], str]:
    """Return the order of survival of one field and its name."""
    if field in EARLIEST:
        return [known[field], known.trust_rank], "earliest"
    if field in ANY_TRUE:
        return [known[field].desc(), known.trust_rank], "any_true"
    if field in BY_RECENCY:
        return [known.recency_rank], "most_recent"
    if field == "id_number":
        return [known.is_valid_document.desc(), known.trust_rank], "valid_then_trusted_source"
    return [known.from_document.desc(), known.trust_rank], "trusted_source"


__all__ = ["BY_RECENCY", "GOLDEN_COLUMNS", "FieldOrigin", "explain_field", "golden_records"]

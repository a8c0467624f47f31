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

from zhike.identity.standardise import versions_as_of
from zhike.identity.terms import AsOf
from zhike.kernel.errors import NotFound
from zhike.sources.tables.party import SOURCE_PARTY

NOT_GOLDEN = (
    "source", "source_key", "party_kind", "valid_from_on", "valid_to_on", "recorded_at", "wechat_unionid", "wechat_openid", "device_id", "address",
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
CARRIED = {"birth_on": "document_birth_on", "sex": "document_sex"}  # what a valid resident id says by itself
UNPROVEN = 1_000_000  # puts records without proof behind all with it
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


def _linked(parties: ir.Table, links: ir.Table) -> ir.Table:
    """Return the version of each record that its link was made of, with its customer and its places in both orders."""
    chosen = links.mutate(valid_from_on=links.version_on).drop("version_on", "linked_by")
    return parties.inner_join(chosen, ["source", "source_key", "valid_from_on"])


def _survivor(linked: ir.Table, name: str) -> ir.Value:
    """Return the aggregate that picks one field's surviving value."""
    value = linked[name]
    if name in EARLIEST:
        return value.min()
    if name in ANY_TRUE:
        return value.any()
    if name in CARRIED:
        value = ibis.coalesce(linked[CARRIED[name]], value)
        order = linked.trust_rank + linked[CARRIED[name]].isnull().ifelse(UNPROVEN, 0)
        return value.argmin(order, where=value.notnull())
    if name == "id_number":
        return value.argmin(linked.trust_rank + linked.has_valid_document.ifelse(0, UNPROVEN), where=value.notnull())
    return value.argmin(linked.recency_rank if name in BY_RECENCY else linked.trust_rank, where=value.notnull())


def golden_records(parties: ir.Table, links: ir.Table) -> ir.Table:
    """Return one row per customer with the surviving value of each field.

    Parameters
    ----------
    parties : ``source_party``; the versions that ``links`` names are read, no later ones.
    links : ``identity_link`` of the day.

    Returns
    -------
    the columns of ``customer``. A valid resident id says birth and sex, whatever the records say.
    """
    linked = _linked(parties, links)
    fields = {c.name: _survivor(linked, c.name) for c in GOLDEN_COLUMNS}
    kind_order = ibis.cases(*((linked.party_kind == k, o) for k, o in KIND_ORDER.items()), else_=len(KIND_ORDER))
    grouped = linked.group_by("customer_no").aggregate(
        customer_id=linked.customer_id.min(),
        party_kind=linked.party_kind.argmin(kind_order),
        n_records=linked.count().cast("int64"),
        first_valid_on=linked.valid_from_on.min(),
        **fields,
    )
    return grouped.mutate(since_on=ibis.coalesce(grouped.registered_on, grouped.first_valid_on))


def golden_as_of(parties: ir.Table, links: ir.Table, names: Sequence[str], *, as_of: AsOf) -> ir.Table:
    """Return fields of the golden record as they would have been at the end of a past day.

    Which records are one customer is taken from ``links``, whatever day those are of (a relation, not a feature); what the
    records say, and which of them survives, comes only from versions that held by then and had been recorded by then.

    Parameters
    ----------
    parties : ``source_party``, all versions.
    links : ``identity_link``.
    names : fields of the golden record.

    Returns
    -------
    ``customer_no`` and the fields; customers none of whose records was known by then have no row.
    """
    versions = versions_as_of(parties, as_of)
    known = versions.filter(versions.is_latest)
    places = links.drop("version_on", "trust_rank", "recency_rank", "linked_by")
    linked = known.inner_join(places, ["source", "source_key"])
    newest = [linked.valid_from_on.desc(), linked.recorded_at.desc()]
    by_trust = [linked.source_place, *newest, linked.record_no]
    by_recency = [*newest, linked.source_place, linked.record_no]
    ranked = linked.mutate(
        trust_rank=ibis.row_number().over(group_by="customer_no", order_by=by_trust),
        recency_rank=ibis.row_number().over(group_by="customer_no", order_by=by_recency),
    )
    return ranked.group_by("customer_no").aggregate(**{n: _survivor(ranked, n) for n in names})


def explain_field(parties: ir.Table, links: ir.Table, *, customer_id: str, field: str) -> tuple[FieldOrigin, ...]:
    """Return where a field of one customer comes from: the surviving record first, then the others that have a value.

    Raises
    ------
    NotFound : the field is none of the golden record, or the customer has no value for it.
    """
    if field not in {c.name for c in GOLDEN_COLUMNS}:
        raise NotFound("identity.field_unknown", zh=f"客户没有字段 {field}", en=f"a customer has no field {field}")
    linked = _linked(parties, links.filter(links.customer_id == customer_id))
    proof = linked[CARRIED[field]] if field in CARRIED else ibis.null(linked[field].type())
    linked = linked.mutate(is_proven=proof.notnull(), shown=ibis.coalesce(proof, linked[field]))
    known = linked.filter(linked.shown.notnull())
    ordered, rule = _order(known, field)
    rows = known.order_by(ordered).to_pyarrow().to_pylist()
    if not rows:
        raise NotFound(
            "identity.field_missing", zh=f"该客户没有 {field} 的值", en=f"this customer has no value for {field}"
        )
    return tuple(
        FieldOrigin(field, r["shown"], r["source"], r["source_key"], r["valid_from_on"], r["recorded_at"],
                    "resident_id" if r["is_proven"] else rule)
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
        return [known.has_valid_document.desc(), known.trust_rank], "valid_then_trusted_source"
    return [known.is_proven.desc(), known.trust_rank], "trusted_source"


__all__ = ["BY_RECENCY", "GOLDEN_COLUMNS", "FieldOrigin", "explain_field", "golden_as_of", "golden_records"]

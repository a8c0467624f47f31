"""The golden record: for each field of a customer, which record's value survives, and how to say why.

``survival`` says by which criteria; here they are asked of a table of customers, of a past day, and of one customer to be
explained, all through the same ranks, so that what is explained is what stands in the table. A missing value never survives a
known one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.identity.standard import Flaw
from zhike.identity.standardise import versions_as_of
from zhike.identity.survival import (
    COMPANIONS,
    DOUBTFUL,
    FILLER,
    FINE,
    FLAWED,
    ONLY,
    SAME,
    Criterion,
    agreed_fields,
    deciding,
    may_survive,
    rank,
    rule_of,
    usable_value,
)
from zhike.identity.terms import AsOf
from zhike.kernel.errors import NotFound
from zhike.sources.tables.party import SOURCE_PARTY

NOT_GOLDEN = (
    "source", "source_key", "party_kind", "valid_from_on", "valid_to_on", "recorded_at", "wechat_unionid", "wechat_openid", "device_id", "address",
)  # fmt: skip
GOLDEN_COLUMNS = tuple(c for c in SOURCE_PARTY.columns if c.name not in NOT_GOLDEN)
GOLDEN_FIELDS = tuple(c.name for c in GOLDEN_COLUMNS)
KIND_ORDER: Mapping[str, int] = {"company": 0, "sole_trader": 1, "person": 2}
RECORD = ["source", "source_key"]
NOTHING = {"string": ibis.literal(""), "date": ibis.date("9999-12-31")}  # what a companion that is missing is ranked as


@dataclass(frozen=True, slots=True)
class FieldOrigin:
    """Where one value of a field comes from.

    ``rule`` : of the surviving value the criterion that set it before the best other one, of the others that by which they
    lost; see ``survival.REASONS``.
    """

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


def _with_flaws(linked: ir.Table, flaws: ir.Table) -> ir.Table:
    """Add how doubtful the flawed values of each record are: ``<field of identity_flaw>_flaw``, from FINE to FILLER."""
    doubt = (flaws.flaw == Flaw.FILLER.value).ifelse(FILLER, DOUBTFUL)
    fields = sorted(set(FLAWED.values()))
    pivoted = flaws.group_by(*RECORD).aggregate(
        **{f"{f}_flaw": (flaws.field == f).ifelse(doubt, FINE).max().cast("int64") for f in fields}
    )
    joined = linked.left_join(pivoted, RECORD)
    return joined.select(*linked.columns, **{f"{f}_flaw": joined[f"{f}_flaw"].fill_null(FINE) for f in fields})


def _with_agreement(linked: ir.Table, fields: Sequence[str]) -> ir.Table:
    """Add ``<field>_sources`` of the fields that look at agreement: how many sources of the customer say a record's value.

    Counted only of customers whose records differ; 0 elsewhere.
    """
    asked = agreed_fields(fields)
    if not asked:
        return linked
    said = linked.select(*RECORD, "customer_no", **{f: usable_value(linked, f) for f in asked})
    ends = said.group_by("customer_no").aggregate(
        **{f"{f}_low": said[f].min() for f in asked}, **{f"{f}_high": said[f].max() for f in asked}
    )
    disputed = ends.filter(ibis.or_(*(ends[f"{f}_low"] != ends[f"{f}_high"] for f in asked))).select("customer_no")
    inside = said.semi_join(disputed, "customer_no")
    counts = inside.select(*RECORD)
    for f in asked:
        known = inside.filter(inside[f].notnull())
        n_sources = known.group_by("customer_no", f).aggregate(**{f"{f}_sources": known.source.nunique().cast("int64")})
        of_records = known.inner_join(n_sources, ["customer_no", f]).select(*RECORD, f"{f}_sources")
        counts = counts.left_join(of_records, RECORD).select(*counts.columns, f"{f}_sources")
    joined = linked.left_join(counts, RECORD)
    return joined.select(*linked.columns, **{f"{f}_sources": joined[f"{f}_sources"].fill_null(0) for f in asked})


def _survivor(rows: ir.Table, name: str) -> ir.Value:
    """Return the aggregate that picks one field's surviving value."""
    value = usable_value(rows, name)
    if Criterion.EARLIEST in rule_of(name):
        return value.min()
    if Criterion.ANY_TRUE in rule_of(name):
        return value.any()
    if name in COMPANIONS:
        nothing = NOTHING[str(value.type())]
        return value.fill_null(nothing).argmin(rank(rows, name), where=may_survive(rows, name)).nullif(nothing)
    return value.argmin(rank(rows, name), where=may_survive(rows, name))


def golden_records(parties: ir.Table, links: ir.Table, flaws: ir.Table) -> ir.Table:
    """Return one row per customer with the surviving value of each field.

    Parameters
    ----------
    parties : ``source_party``; the versions that ``links`` names are read, no later ones.
    links, flaws : ``identity_link`` and ``identity_flaw`` of the day.

    Returns
    -------
    the columns of ``customer``. A valid resident id says birth and sex, whatever the records say. ``is_thin``: no record has
    anything by which its owner could be found again in another source.
    """
    linked = _with_agreement(_with_flaws(_linked(parties, links), flaws), GOLDEN_FIELDS)
    fields = {name: _survivor(linked, name) for name in GOLDEN_FIELDS}
    kind_order = ibis.cases(*((linked.party_kind == k, o) for k, o in KIND_ORDER.items()), else_=len(KIND_ORDER))
    grouped = linked.group_by("customer_no").aggregate(
        customer_id=linked.customer_id.min(),
        party_kind=linked.party_kind.argmin(kind_order),
        n_records=linked.count().cast("int64"),
        is_thin=~linked.has_identifier.any(),
        first_valid_on=linked.valid_from_on.min(),
        **fields,
    )
    return grouped.mutate(since_on=ibis.coalesce(grouped.registered_on, grouped.first_valid_on))


def golden_as_of(parties: ir.Table, links: ir.Table, flaws: ir.Table, names: Sequence[str], *, as_of: AsOf) -> ir.Table:
    """Return fields of the golden record as they would have been at the end of a past day.

    Which records are one customer, and which of their values are flawed, is taken from ``links`` and ``flaws``, whatever day
    those are of (a relation, not a feature); what the records say, and which of them survives, comes only from versions that
    held by then and had been recorded by then.

    Parameters
    ----------
    parties : ``source_party``, all versions.
    links, flaws : ``identity_link`` and ``identity_flaw``.
    names : fields of the golden record.

    Returns
    -------
    ``customer_no`` and the fields; customers none of whose records was known by then have no row.
    """
    versions = versions_as_of(parties, as_of)
    known = versions.filter(versions.is_latest)
    places = links.drop("version_on", "trust_rank", "recency_rank", "linked_by")
    linked = known.inner_join(places, RECORD)
    newest = [linked.valid_from_on.desc(), linked.recorded_at.desc()]
    by_trust = [linked.source_place, *newest, linked.record_no]
    by_recency = [*newest, linked.source_place, linked.record_no]
    ranked = linked.mutate(
        trust_rank=ibis.row_number().over(group_by="customer_no", order_by=by_trust),
        recency_rank=ibis.row_number().over(group_by="customer_no", order_by=by_recency),
    )
    ranked = _with_agreement(_with_flaws(ranked, flaws), names)
    return ranked.group_by("customer_no").aggregate(**{n: _survivor(ranked, n) for n in names})


def explain_fields(
    parties: ir.Table, links: ir.Table, flaws: ir.Table, *, customer_id: str, fields: Sequence[str] = GOLDEN_FIELDS
) -> dict[str, tuple[FieldOrigin, ...]]:
    """Return where fields of one customer come from: per field the surviving value first, then the others, best first.

    Fields for which no record has a value are not there.

    Raises
    ------
    NotFound : a field is none of the golden record.
    """
    for field in fields:
        if field not in GOLDEN_FIELDS:
            raise NotFound("identity.field_unknown", zh=f"客户没有字段 {field}", en=f"a customer has no field {field}")
    mine = links.filter(links.customer_id == customer_id)
    linked = _with_agreement(_with_flaws(_linked(parties, mine), flaws), fields)
    told = linked.select(
        *RECORD, "valid_from_on", "recorded_at", "trust_rank", "source_place",
        **{f"value_{f}": may_survive(linked, f).ifelse(usable_value(linked, f), ibis.null(linked[f].type())) for f in fields},
        **{f"rank_{f}": may_survive(linked, f).ifelse(rank(linked, f), ibis.null("int64")) for f in fields},
    )  # fmt: skip
    rows = told.order_by("trust_rank").to_pyarrow().to_pylist()
    found = {f: _origins(f, [r for r in rows if r[f"rank_{f}"] is not None]) for f in fields}
    return {f: origins for f, origins in found.items() if origins}


def explain_field(
    parties: ir.Table, links: ir.Table, flaws: ir.Table, *, customer_id: str, field: str
) -> tuple[FieldOrigin, ...]:
    """Return where a field of one customer comes from; see :func:`explain_fields`.

    Raises
    ------
    NotFound : the field is none of the golden record, or the customer has no value for it.
    """
    found = explain_fields(parties, links, flaws, customer_id=customer_id, fields=(field,))
    if field not in found:
        raise NotFound(
            "identity.field_missing", zh=f"该客户没有 {field} 的值", en=f"this customer has no value for {field}"
        )
    return found[field]


def _origins(field: str, rows: Sequence[Mapping[str, Any]]) -> tuple[FieldOrigin, ...]:
    """Return the origins of one field, the surviving one first."""
    special = rule_of(field)[0]
    if special in (Criterion.EARLIEST, Criterion.ANY_TRUE):
        ordered = sorted(rows, key=lambda r: r[f"value_{field}"], reverse=special is Criterion.ANY_TRUE)
    else:
        ordered = sorted(rows, key=lambda r: r[f"rank_{field}"])
    if field in COMPANIONS and ordered and ordered[0][f"value_{field}"] is None:
        return ()  # the number that survived says nothing of it
    ordered = [r for r in ordered if r[f"value_{field}"] is not None]
    return tuple(
        FieldOrigin(field, r[f"value_{field}"], r["source"], r["source_key"], r["valid_from_on"], r["recorded_at"], _because(field, ordered, i))
        for i, r in enumerate(ordered)
    )  # fmt: skip


def _because(field: str, ordered: Sequence[Mapping[str, Any]], at: int) -> str:
    """Return why the value at a place survives, or does not."""
    value, best = f"value_{field}", ordered[0]
    others = [r for r in ordered if r[value] != best[value]]
    if at and ordered[at][value] == best[value]:
        return SAME
    if not others:
        return ONLY
    special = rule_of(field)[0]
    if special in (Criterion.EARLIEST, Criterion.ANY_TRUE):
        return special.value
    worse = ordered[at] if at else others[0]
    return deciding(
        field, best[f"rank_{field}"], worse[f"rank_{field}"], is_same_source=best["source_place"] == worse["source_place"],
        is_same_day=(best["valid_from_on"], best["recorded_at"]) == (worse["valid_from_on"], worse["recorded_at"]),
    )  # fmt: skip


__all__ = [
    "GOLDEN_COLUMNS",
    "GOLDEN_FIELDS",
    "FieldOrigin",
    "explain_field",
    "explain_fields",
    "golden_as_of",
    "golden_records",
]

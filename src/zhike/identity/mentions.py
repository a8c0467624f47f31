"""Where companies are named by others: distinct sides of invoices, and call notes; what they say, in one form.

A side of an invoice is who it was made out by or to: name, taxpayer number, telephone as printed, and the source's own key where
the bank knows it. Equal sides are one record, however many invoices carry them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from zhike.identity.standard.numbers import standard_uscc
from zhike.identity.standard.texts import narrow
from zhike.identity.terms import AsOf

INVOICE_SIDE, CALL_NOTE = "invoice_side", "call_note"
SIDES = ("seller", "buyer")
CALL_NOTE_KIND = "call_note"
OLD_TAX_ID = re.compile(r"^[0-9]{6}[0-9A-Z]{9}$")
NOISE = re.compile(r"[\s\-·.*]")
USCC_LENGTH = 18
MISREAD = str.maketrans("OISZ", "0152")  # letters that no credit code has, and the digits they were read for
SIDE = ("source", "source_key", "name", "tax_id")


def invoice_sides(invoice: ir.Table, as_of: AsOf) -> ir.Table:
    """Return one row per distinct side of the invoices known at the end of ``as_of``.

    Returns
    -------
    [source, source_key, name, tax_id, phone, n_documents, first_on, last_on]: texts as printed, missing where nothing is; ``phone``
    is one of those printed. Sides that say neither key, name nor number are left out.
    """
    known = invoice.filter((invoice.issued_on <= as_of.on) & (invoice.recorded_at <= as_of.known_by))
    sides = ibis.union(*(_side(known, side) for side in SIDES))
    said = sides.filter(sides.source_key.notnull() | sides.name.notnull() | sides.tax_id.notnull())
    return said.group_by(*SIDE).aggregate(
        phone=said.phone.max(),
        n_documents=said.count().cast("int64"),
        first_on=said.issued_on.min(),
        last_on=said.issued_on.max(),
    )


def _side(invoice: ir.Table, side: str) -> ir.Table:
    texts = {
        c: invoice[f"{side}_{f}"].strip().nullif("")
        for c, f in (("source_key", "key"), ("name", "name"), ("tax_id", "tax_id"), ("phone", "phone"))
    }
    return invoice.select("source", "issued_on", **texts)


def side_id(
    source: ir.StringValue, source_key: ir.StringValue, name: ir.StringValue, tax_id: ir.StringValue
) -> ir.StringValue:
    """Return the id of a distinct side: a hash of what it says, the same in every run."""
    parts = [v.strip().fill_null("") for v in (source_key, name, tax_id)]
    return ibis.literal("|").join([ibis.literal(INVOICE_SIDE), source, *parts]).hexdigest("md5")


def call_notes(text: ir.Table, as_of: AsOf) -> ir.Table:
    """Return the call notes known at the end of ``as_of``: [source, source_key, text_id, on, body]."""
    is_known = (text.on <= as_of.on) & (text.recorded_at <= as_of.known_by)
    notes = text.filter(is_known & (text.text_kind == CALL_NOTE_KIND))
    return notes.select("source", "source_key", "text_id", "on", "body")


class TaxNumber(NamedTuple):
    """What a taxpayer number says; "" where it says nothing.

    ``number`` : compact, in capitals, with letters that no code has read as the digits they resemble; ``uscc`` : a unified social
    credit code whose check character is right; ``organisation`` : the nine-character organisation code inside such a code, or
    inside an old number of 15 digits: the same company has the same under both.
    """

    number: str = ""
    uscc: str = ""
    organisation: str = ""


def tax_number(written: str | None) -> TaxNumber:
    """Return what a written taxpayer number says."""
    number = NOISE.sub("", narrow(written)).upper() if written else ""
    if len(number) == USCC_LENGTH:
        number = number.translate(MISREAD)
        uscc = standard_uscc(number).value or ""
        return TaxNumber(number, uscc, uscc[8:17])
    return TaxNumber(number, "", number[6:] if OLD_TAX_ID.match(number) else "")


def invoice_parties(invoice: ir.Table, mentions: ir.Table) -> ir.Table:
    """Return who each invoice is between: [invoice_id, seller_customer_id, seller_outside_id, buyer_customer_id, buyer_outside_id].

    Parameters
    ----------
    invoice : ``invoice``.
    mentions : ``company_mention``; only what was linked is told, the rest is missing.
    """
    linked = mentions.filter((mentions.kind == INVOICE_SIDE) & (mentions.state == "linked"))
    ids = {
        f"{s}_mention": side_id(invoice.source, invoice[f"{s}_key"], invoice[f"{s}_name"], invoice[f"{s}_tax_id"])
        for s in SIDES
    }
    found = invoice.select("invoice_id", **ids)
    for side in SIDES:
        ends = linked.select(
            **{
                f"{side}_mention": linked.mention_id,
                f"{side}_customer_id": linked.customer_id,
                f"{side}_outside_id": linked.outside_id,
            }
        )
        found = found.left_join(ends, f"{side}_mention").drop(f"{side}_mention_right")
    return found.select("invoice_id", *(f"{s}_{c}" for s in SIDES for c in ("customer_id", "outside_id")))


__all__ = ["CALL_NOTE", "INVOICE_SIDE", "call_notes", "invoice_parties", "invoice_sides", "side_id", "tax_number"]

"""Bring records of all sources to one form, so that equal things are equal text. Expressions only; nothing is guessed.

What cannot be a value (a placeholder, a masked number, a check digit that fails) becomes missing: a missing value links
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from zhike.identity.document_numbers import (
    birth_of_resident_id,
    compact_number,
    half_width,
    resident_serial,
    valid_resident_id,
    valid_uscc,
)
from zhike.identity.terms import AsOf

MOBILE = r"^1[3-9][0-9]{9}$"
EMAIL = r"^[a-z0-9._%+\-]+@[a-z0-9.\-]+\.[a-z]{2,}$"
NAME_NOISE = r"[\s·•．.,，、()（）\-_*'’&/]"
PLAIN_NAME = r"^[一-龥]{2,4}$"
NO_NAME = ("", "未知", "无", "不详", "匿名", "游客", "TEST", "测试", "NULL", "NONE", "UNKNOWN")
TITLES = r"(先生|女士|小姐|太太|老师|老板|经理)+$"  # what is left of 王先生 is a surname: no name
USED = ("record_no", "is_latest", "valid_from_on", "recorded_at", "source", "source_key", "party_kind", "id_type", "birth_on",
        "wechat_unionid", "device_id")  # fmt: skip
KEPT = ("record_no", "is_latest", "valid_from_on", "recorded_at", "source", "source_key", "party_kind", "resident_id", "uscc",
        "name_key", "initial", "mobile", "email")  # fmt: skip
OTHER_DOCUMENTS = ("passport", "hk_macau_permit", "other")
SHORTEST_DOCUMENT = 6


def standard_mobile(value: ir.StringValue) -> ir.StringValue:
    """Return an 11-digit mainland mobile number, else missing (masked, foreign, fixed-line or one digit repeated)."""
    digits = half_width(value).re_replace(r"[^0-9+]", "").re_replace(r"^(\+?0{0,2}86)", "")
    is_real = digits.re_search(MOBILE) & ~digits.substr(3, 8).re_search(r"^(0{8}|1{8}|8{8}|9{8}|12345678)$")
    return is_real.ifelse(digits, ibis.null("string"))


def standard_email(value: ir.StringValue) -> ir.StringValue:
    """Return an e-mail address in small letters, else missing."""
    address = half_width(value).strip().lower()
    return address.re_search(EMAIL).ifelse(address, ibis.null("string"))


def _is_plain(value: ir.StringValue) -> ir.BooleanValue:
    """Whether a text is a Chinese name as it should be: two to four characters, no title. Nearly all are; the rest costs more."""
    return value.re_search(PLAIN_NAME) & ~value.re_search(TITLES) & ~value.isin(NO_NAME)


def name_initial(value: ir.StringValue) -> ir.StringValue:
    """Return the first character of whatever stands for a name (王 of 王先生, 张 of 张*); missing when nothing does."""
    bare = half_width(value).upper().re_replace(NAME_NOISE, "")
    is_hint = ~bare.isin(NO_NAME) & ~bare.re_search(r"^[*＊?？]")
    return _is_plain(value).ifelse(value.substr(0, 1), is_hint.ifelse(bare.substr(0, 1), ibis.null("string")))


def standard_name(value: ir.StringValue) -> ir.StringValue:
    """Return a name in capitals, half-width, without blanks, dots and titles; missing when it is none or is masked."""
    bare = half_width(value).upper().re_replace(r"\s", "").re_replace(TITLES, "")
    is_masked = bare.re_search(r"[*＊?？]")
    key = bare.re_replace(NAME_NOISE, "")
    is_name = ~is_masked & (key.length() >= 2) & ~key.isin(NO_NAME)
    return _is_plain(value).ifelse(value, is_name.ifelse(key, ibis.null("string")))


def versions_as_of(parties: ir.Table, as_of: AsOf) -> ir.Table:
    """Return the versions of source records known at the end of ``as_of``, with ``record_no`` and ``is_latest``.

    ``record_no`` numbers the records from 0 by (source, source_key); ``is_latest`` marks one version of each. A record whose
    validity has ended keeps its last version: its history still belongs to a customer.
    """
    known = parties.filter((parties.valid_from_on <= as_of.on) & (parties.recorded_at <= as_of.known_by))
    records = known.group_by("source", "source_key").aggregate(last_on=known.valid_from_on.max())
    records = records.mutate(record_no=ibis.row_number().over(order_by=["source", "source_key"]))
    joined = known.inner_join(records, ["source", "source_key"])
    return joined.mutate(is_latest=joined.valid_from_on == joined.last_on).drop("last_on")


def as_columns(table: ir.Table) -> ir.Table:
    """Return the table with its expressions kept as columns, so that what follows names a result and not its formula.

    Ibis writes formulas out at each place that names them; a formula that uses chance (dropped again by whoever selects
    from this) is never written out twice.
    """
    return table.mutate(kept_apart=ibis.random())


def standardise(versions: ir.Table, placeholder_birth_on: Sequence[date] = ()) -> ir.Table:
    """Return one standardised row per version of a record.

    Columns: record_no, is_latest, valid_from_on, recorded_at, source, source_key, party_kind, resident_id, uscc, document
    (any other number with its type), mobile, email, name_key, initial (also of a name that is only hinted at), birth_on (the
    one in a valid resident id beats the one written), wechat_unionid, device_id.
    """
    texts = as_columns(versions.select(
        *USED, number=compact_number(versions.id_number), name_key=standard_name(versions.name), initial=name_initial(versions.name),
        mobile=standard_mobile(versions.mobile), email=standard_email(versions.email),
    ))  # fmt: skip
    numbered = as_columns(texts.mutate(serial=resident_serial(texts.number)).drop("kept_apart"))
    missing = ibis.null("string")
    documents = numbered.mutate(
        resident_id=(numbered.party_kind == "company").ifelse(
            missing, valid_resident_id(numbered.number, numbered.serial)
        ),
        uscc=(numbered.party_kind == "person").ifelse(missing, valid_uscc(numbered.number)),
    )
    documents = as_columns(documents.drop("kept_apart"))
    is_other = documents.id_type.isin(OTHER_DOCUMENTS) & (documents.number.length() >= SHORTEST_DOCUMENT)
    born = documents.birth_on
    for day in placeholder_birth_on:
        born = born.nullif(day)
    written = (documents.party_kind == "company").ifelse(ibis.null("date"), born)
    return documents.select(
        *KEPT,
        document=is_other.ifelse(documents.id_type + ":" + documents.number, missing),
        birth_on=ibis.coalesce(birth_of_resident_id(documents.resident_id), written),
        wechat_unionid=documents.wechat_unionid.strip().nullif(""),
        device_id=documents.device_id.strip().nullif(""),
    )


__all__ = [
    "as_columns",
    "name_initial",
    "standard_email",
    "standard_mobile",
    "standard_name",
    "standardise",
    "versions_as_of",
]

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
USED = (
    "is_latest",
    "source",
    "source_key",
    "party_kind",
    "id_type",
    "mobile",
    "email",
    "birth_on",
    "wechat_unionid",
    "device_id",
)
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
    """Return the versions of source records known at the end of ``as_of``, with ``is_latest`` marking one per record.

    A record whose validity has ended keeps its last version: its history still belongs to a customer.
    """
    known = parties.filter((parties.valid_from_on <= as_of.on) & (parties.recorded_at <= as_of.known_by))
    newest_first = [known.valid_from_on.desc(), known.recorded_at.desc()]
    return known.mutate(is_latest=ibis.row_number().over(group_by=["source", "source_key"], order_by=newest_first) == 0)


def records_as_of(parties: ir.Table, as_of: AsOf) -> ir.Table:
    """Return the latest version of each source record known at the end of ``as_of``."""
    versions = versions_as_of(parties, as_of)
    return versions.filter(versions.is_latest).drop("is_latest")


def standardise(versions: ir.Table, placeholder_birth_on: Sequence[date] = ()) -> ir.Table:
    """Return one standardised row per version, records numbered by (source, source_key).

    Columns: record_no (dense, from 0, one per record), is_latest, source, source_key, party_kind, resident_id, uscc, document (any other document
    number with its type), mobile, email, name_key, initial (of a name that is only hinted at, too), birth_on (the one in a valid resident id beats the one written),
    wechat_unionid, device_id.
    """
    numbered = versions.select(
        *USED,
        number=compact_number(versions.id_number),
        serial=resident_serial(compact_number(versions.id_number)),
        name_key=standard_name(versions.name),
        initial=name_initial(versions.name),
        record_no=ibis.dense_rank().over(
            order_by=["source", "source_key"]
        ),  # a window also keeps both numbers columns of their own
    )
    missing = ibis.null("string")
    is_company = numbered.party_kind == "company"
    documents = numbered.mutate(
        resident_id=is_company.ifelse(missing, valid_resident_id(numbered.number, numbered.serial)),
        uscc=(numbered.party_kind == "person").ifelse(missing, valid_uscc(numbered.number)),
    )
    is_other = documents.id_type.isin(OTHER_DOCUMENTS) & (documents.number.length() >= SHORTEST_DOCUMENT)
    born = documents.birth_on
    for day in placeholder_birth_on:
        born = born.nullif(day)
    written = (documents.party_kind == "company").ifelse(ibis.null("date"), born)
    return documents.select(
        "record_no", "is_latest", "source", "source_key", "party_kind", "resident_id", "uscc", "name_key", "initial",
        document=is_other.ifelse(documents.id_type + ":" + documents.number, missing),
        mobile=standard_mobile(documents.mobile),
        email=standard_email(documents.email),
        birth_on=ibis.coalesce(birth_of_resident_id(documents.resident_id), written),
        wechat_unionid=documents.wechat_unionid.strip().nullif(""),
        device_id=documents.device_id.strip().nullif(""),
    )  # fmt: skip


__all__ = [
    "name_initial",
    "records_as_of",
    "standard_email",
    "standard_mobile",
    "standard_name",
    "standardise",
    "versions_as_of",
]

"""Bring records of all sources to one form, so that equal things are equal text; nothing is guessed.

What a value is, is said by the functions of ``standard``, asked once per distinct value. A value with a flaw (a placeholder, a
masked number, a check digit that fails) becomes missing, and a missing value links nothing; the flaw is told beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute

from zhike.identity.matching import MatchModel
from zhike.identity.matching.definition import read_models
from zhike.identity.standard import (
    Flaw,
    Standard,
    door_of,
    region_prefix,
    regions_of,
    standard_company_name,
    standard_device,
    standard_document,
    standard_email,
    standard_person_name,
    standard_phone,
    standard_wechat_id,
)
from zhike.identity.standard.companies import full_company_name
from zhike.identity.standard.plain import plain_doors, plain_emails, plain_person_names, plain_phones, plain_residents
from zhike.identity.terms import AsOf
from zhike.kernel.definitions import Definition
from zhike.warehouse import QueryEngine

Values = Any  # an Arrow array: its type parameters say nothing here
pc: Any = pyarrow.compute  # its stubs know fewer calls than there are
DAY_FORM = "%Y%m%d"
CARRIED = ("row_no", "record_no", "is_latest", "valid_from_on", "recorded_at", "source", "source_key", "party_kind")
ASKED = (
    "name", "id_type", "id_number", "mobile", "email", "wechat_unionid", "wechat_openid", "device_id", "address", "district", "sex",
    "birth_on",
)  # fmt: skip
NAME_COLUMNS = ("name_key", "sound", "family", "given", "initial", "name_flaw")
DOCUMENT_COLUMNS = ("resident_id", "uscc", "document", "document_flaw")
SIMPLE: Mapping[str, Callable[[str | None], Standard]] = {
    "mobile": standard_phone,
    "email": standard_email,
    "wechat_unionid": standard_wechat_id,
    "wechat_openid": standard_wechat_id,
    "device_id": standard_device,
}
PLAIN: Mapping[str, Callable[[Values], Values]] = {"mobile": plain_phones, "email": plain_emails}
NO_TEXT = pa.scalar(None, pa.string())
MANY = 50  # values from which a column is read at once
FLAWS = ("name", "document", *SIMPLE, "birth_on")
IDENTIFIERS = (
    "resident_id",
    "uscc",
    "document",
    "mobile",
    "email",
    "wechat_unionid",
    "wechat_openid",
    "device_id",
    "full_name",
)
"""Columns any of which is enough to find a record's owner again in another source; a name or a day of birth alone is not."""
COMPARED = (
    "resident_id", "uscc", "document", "mobile", "email", "name_key", "full_name", "sound", "family", "given", "initial", "born", "birth_year", "sex",
    "region", "door", "wechat_unionid", "wechat_openid", "device_id",
)  # fmt: skip
COLUMNS = (*CARRIED, *COMPARED, "birth_on", "written_born", *(f"{f}_flaw" for f in FLAWS))


def read_match_models(definitions: Sequence[Definition]) -> tuple[MatchModel, ...]:
    """Return the match models of a project; BadInput when one is malformed or compares what a standardised record has not."""
    return read_models(definitions, columns=COMPARED)


def versions_as_of(parties: ir.Table, as_of: AsOf) -> ir.Table:
    """Return the versions of source records known at the end of ``as_of``, with ``record_no``, ``row_no`` and ``is_latest``.

    ``record_no`` numbers the records from 0 by (source, source_key), ``row_no`` their versions; ``is_latest`` marks one version
    of each. A record whose validity has ended keeps its last version: its history still belongs to a customer.
    """
    known = parties.filter((parties.valid_from_on <= as_of.on) & (parties.recorded_at <= as_of.known_by))
    records = known.group_by("source", "source_key").aggregate(last_on=known.valid_from_on.max())
    records = records.mutate(record_no=ibis.row_number().over(order_by=["source", "source_key"]))
    joined = known.inner_join(records, ["source", "source_key"])
    row_no = ibis.row_number().over(order_by=["record_no", "valid_from_on"])
    return joined.mutate(is_latest=joined.valid_from_on == joined.last_on, row_no=row_no).drop("last_on")


def standardised(engine: QueryEngine, versions: ir.Table, placeholder_birth_on: Sequence[date] = ()) -> pa.Table:
    """Return one standardised row per version of a record; see :func:`standardise`."""
    return standardise(engine.fetch(versions.select(*CARRIED, *ASKED)), placeholder_birth_on)


def standardise(raw: pa.Table, placeholder_birth_on: Sequence[date] = ()) -> pa.Table:
    """Return standardised rows of :data:`COLUMNS` for rows of :data:`CARRIED` and :data:`ASKED`, in their order.

    ``document`` is any other number with its type, ``initial`` is also there for a name that is only hinted at, ``birth_on`` and
    ``sex`` of a valid resident id beat those written, ``born`` is YYYYMMDD, ``full_name`` the key of a company's name that is
    written in full and so nearly unique, ``region`` a GB/T 2260 code, ``door`` the numbers of
    an address, ``…_flaw`` says why a value was dropped.
    """
    columns = {name: raw[name].combine_chunks() for name in (*CARRIED, *ASKED)}
    is_company = pc.equal(columns["party_kind"], "company")
    found: dict[str, Values] = {name: columns[name] for name in CARRIED}
    found |= _names(columns["name"], is_company)
    found |= _documents(columns, is_company)
    for name, ask in SIMPLE.items():
        plain = PLAIN[name](columns[name]) if name in PLAIN else _none(len(columns[name]))
        asked = _asked(_unless(plain, columns[name]), (name, f"{name}_flaw"), ask)
        found |= {**asked, name: pc.coalesce(plain, asked[name])}
    doors, is_plain = plain_doors(columns["address"])
    odd = _asked(pc.if_else(is_plain, NO_TEXT, columns["address"]), ("door",), lambda value: (door_of(value),))
    found["door"] = pc.coalesce(doors, odd["door"])
    found["region"] = _regions(columns["district"], columns["address"])
    found |= _born(columns, found["resident_id"], is_company, placeholder_birth_on)
    return pa.table({name: found[name] for name in COLUMNS})


def has_identifier(versions: pa.Table, n_records: int) -> Values:
    """Return per record, in the order of their numbers, whether any version of it has one of :data:`IDENTIFIERS`."""
    there = np.zeros(versions.num_rows, bool)
    for name in IDENTIFIERS:
        there |= versions[name].is_valid().to_numpy()
    found = np.zeros(n_records, bool)
    found[versions["record_no"].to_numpy()[there]] = True
    return pa.array(found)


def standard_rows(rows: Sequence[Mapping[str, Any]], placeholder_birth_on: Sequence[date] = ()) -> list[dict[str, Any]]:
    """Return a few live records in standard form; each has the columns of ``source_party`` and of :data:`CARRIED`."""
    raw = pa.table({name: pa.array([r.get(name) for r in rows], _type_of(name)) for name in (*CARRIED, *ASKED)})
    return standardise(raw, placeholder_birth_on).to_pylist()


def load_words() -> None:
    """Bring in the words that names and places are read with, for which the first record would wait half a second otherwise."""
    sample = {"name": "张伟", "address": "浙江省杭州市西湖区文三路1号"}
    standard_rows([{**sample, "party_kind": kind} for kind in ("person", "company")])


def _type_of(name: str) -> pa.DataType:
    kinds: dict[str, pa.DataType] = {
        "row_no": pa.int64(), "record_no": pa.int64(), "is_latest": pa.bool_(), "valid_from_on": pa.date32(),
        "recorded_at": pa.timestamp("us"), "birth_on": pa.date32(),
    }  # fmt: skip
    return kinds.get(name, pa.string())


def _joined(*parts: Values, by: str = "") -> Values:
    """Return texts side by side; missing where any is."""
    return pc.binary_join_element_wise(*parts, by)


def _asked(values: Values, names: Sequence[str], ask: Callable[[str], Sequence[str | None]]) -> dict[str, Values]:
    """Return the columns that ``ask`` answers with, asked once per distinct value."""
    encoded = values.dictionary_encode()
    answers = list(zip(*map(ask, encoded.dictionary.to_pylist()), strict=True)) or [()] * len(names)
    return {n: pa.array(a, pa.string()).take(encoded.indices) for n, a in zip(names, answers, strict=True)}


def _names(names: Values, is_company: Values) -> dict[str, Values]:
    """Return what names say: those of persons that are plain all at once, of the others each distinct one for itself."""
    of_companies = pc.if_else(is_company, names, NO_TEXT)
    companies = _asked(
        of_companies, (*NAME_COLUMNS, "full_name"), lambda n: (*standard_company_name(n), full_company_name(n))
    )
    encoded = pc.if_else(is_company, NO_TEXT, names).dictionary_encode()
    distinct = encoded.dictionary
    plain = plain_person_names(distinct) if len(distinct) >= MANY else {c: _none(len(distinct)) for c in NAME_COLUMNS}
    plain["name_flaw"] = _none(len(distinct))
    odd = _asked(_unless(plain["name_key"], distinct), NAME_COLUMNS, standard_person_name)
    persons = {c: pc.coalesce(plain[c], odd[c]).take(encoded.indices) for c in NAME_COLUMNS}
    return {**companies, **{c: pc.coalesce(persons[c], companies[c]) for c in NAME_COLUMNS}}


def _about_document(asked: str) -> Sequence[str | None]:
    kind, id_type, number = asked.split("|", 2)
    return standard_document(kind, id_type, number)


def _none(n: int) -> Values:
    """Return a column of ``n`` missing texts."""
    return pa.nulls(n, pa.string())


def _unless(plain: Values, values: Values) -> Values:
    """Return the values that are not plain."""
    return pc.if_else(pc.is_valid(plain), NO_TEXT, values)


def _documents(columns: Mapping[str, Values], is_company: Values) -> dict[str, Values]:
    plain = plain_residents(pc.if_else(is_company, NO_TEXT, columns["id_number"]))
    odd = _unless(plain, columns["id_number"])
    asked = _asked(
        _joined(columns["party_kind"], pc.fill_null(columns["id_type"], ""), odd, by="|"),
        DOCUMENT_COLUMNS,
        _about_document,
    )
    return {**asked, "resident_id": pc.coalesce(plain, asked["resident_id"])}


def _regions(districts: Values, addresses: Values) -> Values:
    """Return region codes: the district where it is a code, else what district and address say in words."""
    is_code = pc.fill_null(pc.match_substring_regex(districts, r"^[0-9]{6}$"), False)  # noqa: FBT003 - a literal value
    place = _joined(pc.fill_null(districts, ""), pc.fill_null(addresses, ""))
    asked = pc.if_else(is_code, None, place).dictionary_encode()
    prefixes = pa.array([region_prefix(v) for v in asked.dictionary.to_pylist()], pa.string()).dictionary_encode()
    distinct: Values = prefixes.dictionary
    codes = pa.array(regions_of(distinct.to_pylist()), pa.string())
    read = codes.take(prefixes.indices).take(asked.indices)
    return pc.if_else(is_code, districts, read)


def _born(
    columns: Mapping[str, Values], resident_id: Values, is_company: Values, placeholder_birth_on: Sequence[date]
) -> dict[str, Values]:
    """Return days of birth and sex: those inside a valid resident id, else those written."""
    is_placeholder = pc.is_in(columns["birth_on"], pa.array(placeholder_birth_on, pa.date32()))
    nobody = pc.or_(is_company, is_placeholder)
    written = pc.strftime(pc.if_else(nobody, None, columns["birth_on"]), DAY_FORM)
    is_filler = pc.and_(is_placeholder, pc.invert(is_company))
    born = pc.coalesce(pc.utf8_slice_codeunits(resident_id, 6, 14), written)
    order = pc.cast(pc.utf8_slice_codeunits(resident_id, 16, 17), pa.int8())
    carried = pc.if_else(pc.equal(pc.bit_wise_and(order, 1), 1), "male", "female")
    return {
        "born": born, "birth_year": pc.utf8_slice_codeunits(born, 0, 4), "written_born": written,
        "birth_on": pc.cast(pc.strptime(born, DAY_FORM, "s"), pa.date32()),
        "sex": pc.coalesce(carried, pc.if_else(is_company, None, columns["sex"])),
        "birth_on_flaw": pc.if_else(is_filler, Flaw.FILLER.value, NO_TEXT),
    }  # fmt: skip


__all__ = [
    "COLUMNS",
    "COMPARED",
    "FLAWS",
    "IDENTIFIERS",
    "has_identifier",
    "load_words",
    "read_match_models",
    "standard_rows",
    "standardise",
    "standardised",
    "versions_as_of",
]

"""Numbers and addresses that a person is reached by or known by: telephones, e-mail, documents, WeChat ids, devices.

Checks of resident ids and credit codes follow GB 11643 and GB 32100; whether a county code existed in the year of birth is not
asked, since merged counties are a common reason for false alarms. Placeholders that clerks and systems write (13800000000,
111111, all zeros) are fillers: kept in the source, of no meaning here.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache, lru_cache
from operator import mul
from typing import Any, NamedTuple

from zhike.identity.standard.terms import EMPTY, Flaw, Standard
from zhike.identity.standard.texts import narrow, without_blanks

MAINLAND = re.compile(r"^(?:\+?0{0,2}86)?(1[3-9][0-9]{9})$")
MASK = re.compile(r"[*＊xX●#]{2,}")
EMAIL = re.compile(r"^[a-z0-9._%+\-]+@[a-z0-9\-]+(?:\.[a-z0-9\-]+)*\.[a-z]{2,}$")
EMAIL_FILLERS = frozenset(
    [
        "test",
        "testing",
        "tester",
        "none",
        "null",
        "no",
        "na",
        "unknown",
        "noreply",
        "no-reply",
        "email",
        "mail",
        "abc",
        "aaa",
        "a",
        "xxx",
        "user",
        "admin",
        "info",
        "无",
    ]
)
ID_FILLERS = frozenset({"NULL", "NONE", "UNKNOWN", "NA", "N/A", "0", "无", "未知"})
DEVICE_FILLERS = frozenset({
    "9774D56D682E549C", "020000000000", "00000000000000000000000000000000", "0123456789ABCDEF", "UNKNOWN", "NULL", "NONE", "NA", "DEFAULT",
    "DEFACE", "GENERIC", "UNDEFINED",
})  # fmt: skip
RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RESIDENT_CHECKS = "10X98765432"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_VALUES = {c: i for i, c in enumerate(USCC_ALPHABET)}
PROVINCES = "1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91"
RESIDENT = re.compile(rf"^(?:{PROVINCES})[0-9]{{15}}[0-9X]$|^(?:{PROVINCES})[0-9]{{13}}$")
PLAIN_RESIDENT = re.compile(r"^[0-9]{17}[0-9X]$")
USCC = re.compile(rf"^[0-9]{{8}}[{USCC_ALPHABET}]{{10}}$")
DOCUMENT_FORMS = {
    "passport": re.compile(r"^[A-Z]{1,2}[0-9]{6,9}$|^[0-9]{8,9}$|^[A-Z0-9]{7,9}$"),
    "hk_macau_permit": re.compile(r"^[HMCW][A-Z]?[0-9]{7,10}$|^[0-9]{8}(?:[0-9]{2})?$"),
}
SHORTEST_DOCUMENT = 6
EARLIEST_YEAR, LATEST_YEAR = 1800, 2099


class Document(NamedTuple):
    """A document number by its kind: at most one of ``resident_id``, ``uscc`` and ``other`` (``kind:number``) is there."""

    resident_id: str | None = None
    uscc: str | None = None
    other: str | None = None
    flaw: Flaw | None = None


NO_DOCUMENT = Document()


def is_filler_number(digits: str) -> bool:
    """Whether digits are one repeated, or run up or down without a break (111111, 12345678, 987654321)."""
    if len(set(digits)) <= 1:
        return True
    return len(digits) >= 5 and (digits in "01234567890123456789" or digits in "98765432109876543210")


def standard_phone(written: str | None) -> Standard:
    """Return a mobile number in E.164 (``+8613912345678``); numbers without a country code are mainland ones."""
    if not written:
        return EMPTY
    text = written if written.isdigit() else re.sub(r"[\s\-()（）.·—－_]", "", narrow(written))
    if found := MAINLAND.match(text):
        number = found.group(1)
        is_filler = is_filler_number(number[3:]) or number == "13800138000"
        return Standard(None, Flaw.FILLER) if is_filler else Standard("+86" + number)
    if MASK.search(text):
        return Standard(None, Flaw.MASKED)
    if is_filler_number(text.lstrip("+")):
        return Standard(None, Flaw.FILLER) if text else EMPTY
    return _by_numbering_plan(text)


def _by_numbering_plan(text: str) -> Standard:
    """Return what the numbering plans of the world say of a number that is no plain mainland mobile."""
    import phonenumbers as pn

    try:
        parsed = pn.parse(text, "CN")
    except pn.NumberParseException:
        return Standard(None, Flaw.MALFORMED)
    if not pn.is_valid_number(parsed):
        return Standard(None, Flaw.MALFORMED)
    if pn.number_type(parsed) not in (pn.PhoneNumberType.MOBILE, pn.PhoneNumberType.FIXED_LINE_OR_MOBILE):
        return Standard(None, Flaw.NOT_MOBILE)
    return Standard(pn.format_number(parsed, pn.PhoneNumberFormat.E164))


def standard_email(written: str | None) -> Standard:
    """Return an e-mail address in small letters and half width."""
    if written is None:
        return EMPTY
    address = without_blanks(narrow(written)).lower()
    if not address:
        return EMPTY
    if MASK.search(address.partition("@")[0]):
        return Standard(None, Flaw.MASKED)
    user, _, _ = address.partition("@")
    if user in EMAIL_FILLERS or (user.isdigit() and is_filler_number(user)):
        return Standard(None, Flaw.FILLER)
    if not EMAIL.match(address) or ".." in address:
        return Standard(None, Flaw.MALFORMED)
    return Standard(address)


def resident_check_digit(serial: str) -> str:
    """Return the check character of the first 17 digits of a resident id (ISO 7064 MOD 11-2)."""
    return RESIDENT_CHECKS[sum(map(mul, map(int, serial), RESIDENT_WEIGHTS)) % 11]


def standard_resident_id(number: str) -> Standard:
    """Return the 18-character resident id of a compact number; a first-generation one of 15 digits is lengthened."""
    if not RESIDENT.match(number):
        return Standard(None, Flaw.MALFORMED)
    serial = number[:17] if len(number) == 18 else number[:6] + "19" + number[6:]
    if not _is_day(serial[6:14]):
        return Standard(None, Flaw.IMPOSSIBLE_DATE)
    whole = serial + resident_check_digit(serial)
    if len(number) == 18 and whole != number:
        return Standard(None, Flaw.CHECK_DIGIT)
    return Standard(whole)


@lru_cache(100_000)
def _is_day(eight: str) -> bool:
    """Whether YYYYMMDD is a day of the calendar on which somebody may have been born."""
    try:
        return EARLIEST_YEAR <= date(int(eight[:4]), int(eight[4:6]), int(eight[6:])).year <= LATEST_YEAR
    except ValueError:
        return False


def standard_uscc(number: str) -> Standard:
    """Return a unified social credit code of a compact number."""
    if not USCC.match(number):
        return Standard(None, Flaw.MALFORMED)
    total = sum(USCC_VALUES[c] * w for c, w in zip(number, USCC_WEIGHTS, strict=False))
    if USCC_ALPHABET[(31 - total % 31) % 31] != number[17]:
        return Standard(None, Flaw.CHECK_DIGIT)
    return Standard(number)


def standard_document(party_kind: str, id_type: str | None, written: str | None) -> Document:
    """Return a document number by what it is, whatever the source says it is, where its check digits prove it.

    Parameters
    ----------
    party_kind : ``person``, ``sole_trader`` or ``company``: a company has no resident id, a person no credit code.
    id_type : the source's word for the document; decides only about numbers without check digits.
    """
    if not written:
        return NO_DOCUMENT
    number = written if PLAIN_RESIDENT.match(written) else re.sub(r"[\s\-·.]", "", narrow(written)).upper()
    if party_kind != "company" and RESIDENT.match(number):
        resident, why = standard_resident_id(number)
        return Document(resident_id=resident, flaw=Flaw.FILLER if why and is_filler_number(number) else why)
    if party_kind != "person" and USCC.match(number):
        code, why = standard_uscc(number)
        return Document(uscc=code, flaw=why)
    return _other_document(id_type, number) if number else NO_DOCUMENT


def _other_document(id_type: str | None, number: str) -> Document:
    """Return a number that no check digit proves, where it has the form of its kind."""
    if MASK.search(number):
        return Document(flaw=Flaw.MASKED)
    if number in ID_FILLERS or (number.isdigit() and is_filler_number(number)):
        return Document(flaw=Flaw.FILLER)
    form = DOCUMENT_FORMS.get(id_type or "")
    is_known = id_type == "other" or (form is not None and form.match(number) is not None)
    if is_known and len(number) >= SHORTEST_DOCUMENT:
        return Document(other=f"{id_type}:{number}")
    return Document(flaw=Flaw.MALFORMED)


def standard_wechat_id(written: str | None) -> Standard:
    """Return a WeChat union id or open id: opaque, case counts."""
    if written is None:
        return EMPTY
    text = without_blanks(narrow(written))
    if not text:
        return EMPTY
    if text.upper() in ID_FILLERS or len(set(text)) == 1:
        return Standard(None, Flaw.FILLER)
    return Standard(text)


def standard_device(written: str | None) -> Standard:
    """Return a device id in capitals without separators; ids that many devices share by mistake are fillers."""
    if written is None:
        return EMPTY
    text = re.sub(r"[\s:\-{}]", "", narrow(written)).upper()
    if not text:
        return EMPTY
    if text in DEVICE_FILLERS or len(set(text)) == 1 or (text.isdigit() and is_filler_number(text)):
        return Standard(None, Flaw.FILLER)
    is_formed = text.isascii() and len(text) >= SHORTEST_DOCUMENT
    return Standard(text) if is_formed else Standard(None, Flaw.MALFORMED)


@cache
def _parse_regions() -> Any:
    import cpca

    return cpca.transform


PREFIX_LENGTH = 18


def door_of(address: str | None) -> str | None:
    """Return the numbers of an address (``41-18-2-203`` of 光明路41号18号楼2单元203室) when there are two at least: nearly a door."""
    numbers = re.findall(r"[0-9]+", narrow(address)) if address else []
    return "-".join(numbers) if len(numbers) > 1 else None


def region_prefix(address: str) -> str:
    """Return the beginning of an address, where its province, city and district stand."""
    return without_blanks(narrow(address))[:PREFIX_LENGTH]


def regions_of(prefixes: list[str]) -> list[str | None]:
    """Return the six-digit code (GB/T 2260) of the region of each address, as deep as it is certain: 330100, 330106.

    A district that many cities have (朝阳区) says nothing when neither city nor province is written.
    """
    if not prefixes:
        return []
    table = _parse_regions()(prefixes)
    codes = zip(prefixes, *(table[c] for c in ("省", "市", "区", "adcode")), strict=True)
    return [_certain(text, *parts) for text, *parts in codes]


def _certain(text: str, province: Any, city: Any, district: Any, code: Any) -> str | None:
    if not isinstance(code, str):
        return None
    names = [n for n in (province, city) if isinstance(n, str) and n != "市辖区"]
    if any(n[:2] in text for n in names):
        return code
    return None


__all__ = [
    "Document", "door_of", "is_filler_number", "region_prefix", "regions_of", "resident_check_digit", "standard_device",
    "standard_document", "standard_email", "standard_phone", "standard_resident_id", "standard_uscc", "standard_wechat_id",
]  # fmt: skip

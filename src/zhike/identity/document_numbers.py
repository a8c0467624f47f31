"""Document numbers as expressions: the checksum of resident ids (GB 11643) and unified social credit codes (GB 32100).

Written over columns because a million numbers must take a second; ``python-stdnum`` is the oracle of the tests. Whether a
county code existed in the year of birth is not asked: merged counties are a common reason for false alarms.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RESIDENT_CHECKS = "10X98765432"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
FULL_WIDTH = "ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ０１２３４５６７８９＋＠－．＿　"
HALF_WIDTH = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+@-._ "
ANY_FULL_WIDTH = "[！-～　]"
PROVINCES = "1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91"
RESIDENT_18 = rf"^({PROVINCES})[0-9]{{4}}(18|19|20)[0-9]{{2}}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{{3}}[0-9X]$"
RESIDENT_15 = rf"^({PROVINCES})[0-9]{{4}}[0-9]{{2}}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{{3}}$"
USCC_18 = rf"^[0-9]{{8}}[{USCC_ALPHABET}]{{10}}$"


def half_width(value: ir.StringValue) -> ir.StringValue:
    """Return a text with full-width letters, digits and blanks as narrow ones; looked for first, since few texts have any."""
    return value.re_search(ANY_FULL_WIDTH).ifelse(value.translate(FULL_WIDTH, HALF_WIDTH), value)


def compact_number(value: ir.StringValue) -> ir.StringValue:
    """Return a document number in capitals, half-width, without blanks and hyphens; missing when nothing is left."""
    return half_width(value).upper().re_replace(r"[\s\-·*]", "").nullif("")


def resident_serial(number: ir.StringValue) -> ir.StringValue:
    """Return the first 17 digits of a resident id, 15 digits lengthened to them; missing for anything else.

    Keep it as a column before it is handed to :func:`valid_resident_id`, which names it some twenty times.
    """
    old = number.substr(0, 6) + "19" + number.substr(6, 9)
    return ibis.cases(
        (number.re_search(RESIDENT_18), number.substr(0, 17)),
        (number.re_search(RESIDENT_15), old),
        else_=ibis.null("string"),
    )


def _resident_check(serial: ir.StringValue) -> ir.StringValue:
    """Return the check character of 17 digits (ISO 7064 MOD 11-2)."""
    total = ibis.literal(0)
    for position, weight in enumerate(RESIDENT_WEIGHTS):
        total = total + serial.substr(position, 1).try_cast("int64") * weight
    return ibis.literal(RESIDENT_CHECKS).substr(total % len(RESIDENT_CHECKS), 1)


def _real_day(eight: ir.StringValue) -> ir.DateValue:
    """Return YYYYMMDD as a day; missing when the calendar has no such day."""
    return eight.re_replace(r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3").try_cast("date")


def valid_resident_id(number: ir.StringValue, serial: ir.StringValue) -> ir.StringValue:
    """Return the 18-digit resident id when it is valid, else missing; a first-generation 15-digit one is lengthened.

    Valid: known province, real day of birth, right check character (only where there is one: 15 digits carry none).

    Parameters
    ----------
    number : compact, see :func:`compact_number`.
    serial : of the same number, see :func:`resident_serial`.
    """
    is_real_day = _real_day(serial.substr(6, 8)).notnull()
    lengthened = serial + _resident_check(serial)
    is_valid = is_real_day & ((number.length() == 15) | (number == lengthened))
    return is_valid.ifelse(lengthened, ibis.null("string"))


def birth_of_resident_id(resident_id: ir.StringValue) -> ir.DateValue:
    """Return the day of birth that a valid resident id carries."""
    return _real_day(resident_id.substr(6, 8))


def sex_of_resident_id(resident_id: ir.StringValue) -> ir.StringValue:
    """Return the sex that a valid resident id carries: the 17th digit is odd for men."""
    rest = resident_id.substr(16, 1).try_cast("int64") % 2
    return ibis.cases((rest == 1, "male"), (rest == 0, "female"), else_=ibis.null("string"))


def valid_uscc(number: ir.StringValue) -> ir.StringValue:
    """Return the unified social credit code when its check character (modulus 31) is right, else missing."""
    alphabet = ibis.literal(USCC_ALPHABET)
    total = ibis.literal(0)
    for position, weight in enumerate(USCC_WEIGHTS):
        total = total + alphabet.find(number.substr(position, 1)) * weight
    check = alphabet.substr((31 - total % 31) % 31, 1)
    is_valid = number.re_search(USCC_18) & (number.substr(17, 1) == check)
    return is_valid.ifelse(number, ibis.null("string"))


__all__ = [
    "birth_of_resident_id",
    "compact_number",
    "half_width",
    "resident_serial",
    "sex_of_resident_id",
    "valid_resident_id",
    "valid_uscc",
]

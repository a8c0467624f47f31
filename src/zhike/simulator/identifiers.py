"""Numbers by which sources name people and accounts: built as bytes, thousands at a time, with their check digits.

District codes are unassigned (3799xx), so that no resident id is anybody's.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import cache

import numpy as np

from zhike.simulator.arrays import Bits, Days, Flags, Ints, Texts, pa

Digits = Ints
RESIDENT_WEIGHTS = np.array((7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
RESIDENT_CHECKS = np.frombuffer(b"10X98765432", np.uint8)
USCC_WEIGHTS = np.array((1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28))
USCC_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHJKLMNPQRTUWXY", np.uint8)
BANK_PREFIX = 629_900  # an unassigned issuer number
MOBILE_PREFIXES = np.array((139, 138, 137, 136, 135, 150, 151, 158, 159, 186, 185, 188, 187, 133, 189, 177, 199, 130))
MODULUS, FACTOR, STEP = 999_999_937, 387_420_489, 1_000_003  # prime; one to one below it
CORE_SALT, SECOND_SALT = 1, 6
DOUBLED = np.array((0, 2, 4, 6, 8, 1, 3, 5, 7, 9), np.uint8)  # twice a digit, its digits added up
EPOCH = datetime.date(1970, 1, 1)
NO_DAY = np.int32(-(2**31))


@cache
def _four_digits() -> Digits:
    """Return the four ASCII digits of 0 … 9999, each packed into one 32-bit word so that a look-up moves a whole word."""
    numbers = np.arange(10_000)
    rows = np.stack([numbers // 10**power % 10 + 48 for power in (3, 2, 1, 0)], axis=1).astype(np.uint8)
    words: Digits = rows.view(np.uint32)[:, 0]
    return words


def digits(values: Ints, width: int) -> Digits:
    """Return the last ``width`` decimal digits of ``values`` as ASCII bytes, one row each."""
    groups = -(-width // 4)
    out = np.empty((len(values), groups), np.uint32)
    rest = values.astype(np.int64, copy=False)
    for group in range(groups - 1, -1, -1):
        above = rest // 10_000
        out[:, group] = _four_digits()[rest - above * 10_000]
        rest = above
    return out.view(np.uint8)[:, groups * 4 - width :]


def as_text(matrix: Digits, missing: Flags | None = None) -> Texts:
    """Return rows of ASCII bytes as texts of equal length; where ``missing`` is true, as missing values."""
    n, width = matrix.shape
    offsets = np.arange(n + 1, dtype=np.int32) * np.int32(width)
    validity = None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(matrix))]
    return pa.Array.from_buffers(pa.string(), n, buffers)


def joined(*pieces: Digits | str, n: int) -> Digits:
    """Return pieces side by side; a plain text repeats in every row."""
    columns = [np.frombuffer(p.encode(), np.uint8)[None, :] if isinstance(p, str) else p for p in pieces]
    out = np.empty((n, sum(c.shape[1] for c in columns)), np.uint8)
    start = 0
    for column in columns:
        out[:, start : start + column.shape[1]] = column
        start += column.shape[1]
    return out


def numbered(prefix: str, values: Ints, width: int) -> Texts:
    """Return ``prefix`` followed by ``values`` in ``width`` digits."""
    return as_text(joined(prefix, digits(values, width), n=len(values)))


def day_number(day: datetime.date) -> int:
    """Return days since 1970-01-01."""
    return (day - EPOCH).days


def to_date(number: int) -> datetime.date:
    """Return the day that lies ``number`` days after 1970-01-01."""
    return EPOCH + datetime.timedelta(days=int(number))


def calendar_numbers(days: Ints) -> Ints:
    """Return days as YYYYMMDD numbers."""
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    day_of_month = (days.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64) + 1
    month_count = months.astype(np.int64)
    year, month = np.divmod(month_count, 12)
    return (year + 1970) * 10_000 + (month + 1) * 100 + day_of_month


def day_digits(days: Days) -> Digits:
    """Return days as six digits YYMMDD, by a table over their range."""
    if len(days) == 0:
        return np.empty((0, 6), np.uint8)
    first = int(days.min())
    table = digits(calendar_numbers(np.arange(first, int(days.max()) + 1, dtype=np.int32)) % 1_000_000, 6)
    found: Digits = table.take(days - first, axis=0)
    return found


def resident_ids(district: Ints, born: Ints, serial: Ints) -> Digits:
    """Return 18-character resident ids (GB 11643-1999) with their check character; odd serials are men."""
    body = joined(digits(district, 6), digits(calendar_numbers(born), 8), digits(serial, 3), n=len(serial))
    total = (body.astype(np.int64) - 48) @ RESIDENT_WEIGHTS
    return np.concatenate([body, RESIDENT_CHECKS[total % 11][:, None]], axis=1)


def credit_codes(leading: str, district: Ints, serial: Ints, series: str = "MA") -> Digits:
    """Return 18-character unified social credit codes (GB 32100-2015); ``leading`` is 91 company, 92 sole trader.

    ``series`` begins the organisation code inside: no two organisations of one series have the same ``serial``.
    """
    body = joined(leading, digits(district, 6), series, digits(serial, 7), n=len(serial))
    table = np.zeros(128, np.int64)
    table[USCC_ALPHABET] = np.arange(31)
    total = table[body] @ USCC_WEIGHTS
    return np.concatenate([body, USCC_ALPHABET[(31 - total % 31) % 31][:, None]], axis=1)


def mobiles(bits: Bits) -> Digits:
    """Return 11-digit mobile numbers."""
    prefix = MOBILE_PREFIXES[(bits % np.uint64(len(MOBILE_PREFIXES))).astype(np.int64)]
    return joined(
        digits(prefix, 3), digits(((bits >> np.uint64(8)) % np.uint64(10**8)).astype(np.int64), 8), n=len(bits)
    )


def luhn(body: Digits) -> Digits:
    """Return rows of digits with the Luhn check digit appended."""
    n, width = body.shape
    total = np.zeros(n, np.uint8)  # at most 9 for each of 19 digits
    for place in range(width):
        digit = body[:, place] - np.uint8(48)
        total += digit if (width - place) % 2 == 0 else DOUBLED[digit]
    return joined(body, ((10 - total % 10) % 10 + 48)[:, None], n=n)


def account_numbers(customer: Ints, slot: Ints) -> Digits:
    """Return 17-digit account numbers: issuer, account slot, customer, check digit."""
    n = len(customer)
    return luhn(joined(str(BANK_PREFIX), digits(slot, 2), digits(customer, 8), n=n))


def scrambled(customer: Ints, salt: int) -> Ints:
    """Return another nine-digit number for each customer below 10^8, one to one, so that keys of two sources never look alike."""
    return (customer * FACTOR + salt * STEP) % MODULUS


def core_numbers(customer: Ints) -> Digits:
    """Return the core system's ten-digit customer numbers."""
    return joined("1", digits(scrambled(customer, CORE_SALT), 9), n=len(customer))


def second_core_numbers(customer: Ints) -> Digits:
    """Return the second core number of customers who were entered twice."""
    return joined("3", digits(scrambled(customer, SECOND_SALT), 9), n=len(customer))


def customer_of_core_number(keys: Sequence[str]) -> Ints:
    """Return the simulator's own customer position of each core number, first or second; -1 where it is none of ours."""
    inverse = pow(FACTOR, -1, MODULUS)
    salts = {"1": CORE_SALT, "3": SECOND_SALT}
    found = []
    for key in keys:
        is_ours = len(key) == 10 and key.isascii() and key.isdigit() and key[0] in salts
        found.append((int(key[1:]) - salts[key[0]] * STEP) * inverse % MODULUS if is_ours else -1)
    return np.array(found, np.int64)


__all__ = [
    "NO_DAY",
    "account_numbers",
    "as_text",
    "calendar_numbers",
    "core_numbers",
    "credit_codes",
    "customer_of_core_number",
    "day_digits",
    "day_number",
    "digits",
    "joined",
    "mobiles",
    "numbered",
    "resident_ids",
    "scrambled",
    "second_core_numbers",
    "to_date",
]

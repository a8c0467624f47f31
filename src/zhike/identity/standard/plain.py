"""Plain values, a column at a time: those that are as they should be, which nearly all are, need no function called for each.

Each function returns the standard form where a value is plain and missing elsewhere; what is not plain is asked about one by
one. Property tests hold that both say the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from zhike.identity.standard.names import COMPOUND, FAMILY_READINGS, NO_NAME, TITLE_ENDS, sound_of
from zhike.identity.standard.numbers import RESIDENT_CHECKS, RESIDENT_WEIGHTS
from zhike.identity.standard.texts import all_simplified

PLAIN_MOBILE = r"^1[3-9][0-9]{9}$"
ODD_MOBILE = r"^...(0{8}|1{8}|2{8}|3{8}|4{8}|5{8}|6{8}|7{8}|8{8}|9{8}|00138000|[0-9]*(4567|7654|8901|1098)[0-9]*)$"
PLAIN_EMAIL = r"^[a-z0-9][a-z0-9._+\-]{4,}@[a-z0-9\-]+(\.[a-z0-9\-]+)*\.[a-z]{2,}$"
ODD_EMAIL = r"^(test|none|null|unknown|noreply|no-reply|email|mail|user|admin|info)|\.\.|xx|^[0-9]+@"
NO_RUN = r"^[0-9]*(0[2-8]|1[3-9]|2[04-9]|3[015-9]|4[0-26-9]|5[0-37-9]|6[0-48-9]|7[0-59]|8[0-6]|9[1-7])[0-9]*@"  # two digits that are no neighbours
PLAIN_RESIDENT = r"^(1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91)[0-9]{4}(18|19|20)[0-9]{9}[0-9X]$"
PLAIN_NAME = r"^[\x{3400}-\x{9fff}\x{f900}-\x{faff}\x{20000}-\x{323af}]{2,4}$"
PLAIN_ADDRESS = r"^[\x{00}-\x{7f}\x{4e00}-\x{9fff}]*$"
PLAIN_NAME_LENGTH = 4
MONTH_DAYS = np.array((0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31))
LENGTH = 18
Values = Any  # an Arrow array: its type parameters say nothing here
pc: Any = pyarrow.compute  # its stubs know fewer calls than there are


def _where(is_plain: Values, values: Values) -> Values:
    return pc.if_else(pc.fill_null(is_plain, False), values, pa.scalar(None, pa.string()))  # noqa: FBT003 - a literal value


def plain_phones(values: Values) -> Values:
    """Return mainland mobiles of eleven digits in E.164."""
    is_plain = pc.and_(
        pc.match_substring_regex(values, PLAIN_MOBILE), pc.invert(pc.match_substring_regex(values, ODD_MOBILE))
    )
    return _where(is_plain, pc.binary_join_element_wise("+86", values, ""))


def plain_emails(values: Values) -> Values:
    """Return e-mail addresses that are in small letters already."""
    is_odd = pc.match_substring_regex(values, ODD_EMAIL)
    is_number = pc.match_substring_regex(values, NO_RUN)  # a QQ number, not 123456
    is_plain = pc.and_(pc.match_substring_regex(values, PLAIN_EMAIL), pc.or_(pc.invert(is_odd), is_number))
    return _where(is_plain, values)


def plain_residents(values: Values) -> Values:
    """Return resident ids of 18 characters with a real day of birth and the right check character."""
    is_formed = pc.fill_null(pc.match_substring_regex(values, PLAIN_RESIDENT), False)  # noqa: FBT003 - a literal value
    formed = values.filter(is_formed)
    text = np.frombuffer("".join(formed.to_pylist()).encode("ascii"), np.uint8).reshape(-1, LENGTH)
    digits = text[:, :17].astype(np.int64) - ord("0")
    check = np.frombuffer(RESIDENT_CHECKS.encode(), np.uint8)[digits @ np.array(RESIDENT_WEIGHTS) % 11]
    is_good = np.zeros(len(values), bool)
    is_good[is_formed.to_numpy(zero_copy_only=False)] = (check == text[:, 17]) & _are_days(digits[:, 6:14])
    return _where(pa.array(is_good), values)


def _are_days(eight: Any) -> Any:
    """Whether rows of eight digits YYYYMMDD are days of the calendar."""
    year = eight[:, :4] @ np.array((1000, 100, 10, 1))
    month, day = eight[:, 4:6] @ np.array((10, 1)), eight[:, 6:8] @ np.array((10, 1))
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = np.where((month == 2) & ~is_leap, 28, MONTH_DAYS[np.minimum(month, 12)])
    return (month >= 1) & (month <= 12) & (day >= 1) & (day <= last)


def plain_doors(values: Values) -> tuple[Values, Values]:
    """Return the doors of addresses in plain characters, and of which it is so: a plain address may have no door."""
    is_plain = pc.fill_null(pc.match_substring_regex(values, PLAIN_ADDRESS), False)  # noqa: FBT003 - a literal value
    numbers = pc.utf8_trim(pc.replace_substring_regex(_where(is_plain, values), "[^0-9]+", "-"), "-")
    return _where(pc.match_substring(numbers, "-"), numbers), is_plain


def plain_person_names(distinct: Values) -> dict[str, Values]:
    """Return the parts of Chinese names of two to four characters without a title: name_key, sound, family, given, initial."""
    is_formed = pc.fill_null(pc.match_substring_regex(distinct, PLAIN_NAME), False)  # noqa: FBT003 - a literal value
    is_odd = pc.or_(pc.match_substring(distinct, "某"), pc.is_in(distinct, pa.array(sorted(NO_NAME))))
    is_formed = pc.and_not(is_formed, is_odd).to_numpy(zero_copy_only=False)
    names = np.array(all_simplified(distinct.filter(is_formed).to_pylist()), f"U{PLAIN_NAME_LENGTH}")
    codes = names.view(np.uint32).reshape(-1, PLAIN_NAME_LENGTH)
    length = (codes > 0).sum(axis=1)
    is_filler = (
        (length > 2) & (codes[:, :3] == codes[:, :1]).all(axis=1) & ((codes[:, 3] == 0) | (codes[:, 3] == codes[:, 0]))
    )
    is_titled = np.isin(codes[np.arange(len(names)), length - 1], [ord(c) for c in TITLE_ENDS])
    is_plain = ~(is_filler | is_titled)
    parts = _parts_of_names(names[is_plain], codes[is_plain], length[is_plain])
    number = np.zeros(len(distinct), np.int64)
    there = np.flatnonzero(is_formed)[is_plain]
    number[there] = np.arange(len(there))
    missing = np.ones(len(distinct), bool)
    missing[there] = False
    at: Values = pa.array(number, mask=missing)
    return {column: values.take(at) for column, values in parts.items()}


def _parts_of_names(names: Any, codes: Any, length: Any) -> dict[str, Values]:
    """Return the parts of simplified names: an array of texts, their characters as rows of numbers, and how many those are."""
    key = pa.array(names, pa.string())
    characters, each = np.unique(codes, return_inverse=True)
    each = each.reshape(codes.shape)
    written = ["" if c == 0 else chr(c) for c in characters.tolist()]
    sounds: Values = pa.array([sound_of(c) if c else "" for c in written], pa.string())
    first: Values = pa.array([FAMILY_READINGS.get(c) or (sound_of(c) if c else "") for c in written], pa.string())
    pairs = codes[:, 0].astype(np.int64) << 32 | codes[:, 1]
    is_compound = (length > 2) & np.isin(pairs, [ord(n[0]) << 32 | ord(n[1]) for n in COMPOUND])
    read = [FAMILY_READINGS.get(n) or "".join(map(sound_of, n)) for n in names[is_compound].astype("U2").tolist()]
    compound = pa.array(is_compound)
    family_sound = pc.replace_with_mask(first.take(pa.array(each[:, 0])), compound, pa.array(read, pa.string()))
    second = pc.if_else(compound, "", sounds.take(pa.array(each[:, 1])))
    given_sound = pc.binary_join_element_wise(second, *(sounds.take(pa.array(each[:, i])) for i in (2, 3)), "")
    is_first = pc.less(family_sound, given_sound)
    sides = pc.if_else(is_first, family_sound, given_sound), pc.if_else(is_first, given_sound, family_sound)
    start = pc.utf8_slice_codeunits(key, 0, 1)
    return {
        "name_key": key, "sound": pc.binary_join_element_wise(*sides, " "),
        "family": pc.if_else(compound, pc.utf8_slice_codeunits(key, 0, 2), start),
        "given": pc.if_else(compound, pc.utf8_slice_codeunits(key, 2), pc.utf8_slice_codeunits(key, 1)),
        "initial": start,
    }  # fmt: skip


__all__ = ["plain_doors", "plain_emails", "plain_person_names", "plain_phones", "plain_residents"]

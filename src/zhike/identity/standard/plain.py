"""Plain values, a column at a time: those that are as they should be, which nearly all are, need no function called for each.

Each function returns the standard form where a value is plain and missing elsewhere; what is not plain is asked about one by
one. A property test holds that both say the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from zhike.identity.standard.numbers import RESIDENT_CHECKS, RESIDENT_WEIGHTS

PLAIN_MOBILE = r"^1[3-9][0-9]{9}$"
ODD_MOBILE = r"^...(0{8}|1{8}|2{8}|3{8}|4{8}|5{8}|6{8}|7{8}|8{8}|9{8}|00138000|[0-9]*(4567|7654|8901|1098)[0-9]*)$"
PLAIN_EMAIL = r"^[a-z0-9][a-z0-9._+\-]{4,}@[a-z0-9\-]+(\.[a-z0-9\-]+)*\.[a-z]{2,}$"
ODD_EMAIL = r"^(test|none|null|unknown|noreply|no-reply|email|mail|user|admin|info)|\.\.|xx|^[0-9]+@"
NO_RUN = r"^[0-9]*(0[2-8]|1[3-9]|2[04-9]|3[015-9]|4[0-26-9]|5[0-37-9]|6[0-48-9]|7[0-59]|8[0-6]|9[1-7])[0-9]*@"  # two digits that are no neighbours
PLAIN_RESIDENT = r"^(1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91)[0-9]{4}(18|19|20)[0-9]{9}[0-9X]$"
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


__all__ = ["plain_emails", "plain_phones", "plain_residents"]

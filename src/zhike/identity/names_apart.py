"""Customers held together by a number although their names have nothing in common: the number decides, and somebody should look.

An official number or a WeChat union id joins records whatever they are called. Most names differ by a slip, a title, the script, or
because one was borne before; where no character is left in common, and no part of the sound, the number may have been entered for
another. Nothing is changed here. Sole traders are left out (a person's name here, a shop's there), and so are companies in Latin letters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from zhike.identity.codes import MISSING, Codes
from zhike.identity.rules import KEYS
from zhike.identity.standard.companies import CompanyNames
from zhike.identity.standard.texts import is_chinese
from zhike.identity.terms import IdentitySettings, RecordKey

Ints = npt.NDArray[np.int64]
pc: Any = pyarrow.compute  # its stubs know fewer calls than there are
DECIDING = ("id_number", "uscc", "wechat_unionid")
COMPANY = "company"
KINDS = ("person", COMPANY)
ASKED = ("record_no", "source", "source_key", "party_kind", "name_key", "sound")
MOST_SHOWN = 5


class Name(NamedTuple):
    """A name in standard form. ``characters`` : the Chinese ones, of a company those of its core name; ``sound`` of a person only."""

    party_kind: str
    key: str
    sound: str | None
    characters: frozenset[str]


@dataclass(frozen=True, slots=True)
class PairApart:
    """Two records of one customer that share a number, and what each is called."""

    customer_id: str
    left: RecordKey
    right: RecordKey
    left_name: str
    right_name: str


@dataclass(frozen=True, slots=True)
class NamesApart:
    """How many customers a rule holds together although names have nothing in common, and the first of them, one pair each."""

    rule: str
    n_customers: int
    examples: Sequence[PairApart]


def names_apart(versions: pa.Table, customer: Ints, ids: Any, settings: IdentitySettings) -> list[NamesApart]:
    """Return per deciding rule the customers some of whose records share its key and have no name in common, if there are any.

    A record's names are those of all versions that carry the key, so that a name which one source knows as the former one explains the
    other. Keys that too many records share join nobody and are passed over.

    Parameters
    ----------
    versions : standardised versions of records.
    customer, ids : per record the number and the id of its customer.
    """
    record = versions["record_no"].to_numpy().astype(np.int64)
    is_named = pc.and_(versions["name_key"].is_valid(), pc.is_in(versions["party_kind"], pa.array(KINDS))).to_numpy()
    codes, home, found = Codes(versions), customer[record], []
    name, asked = codes.of("name_key").astype(np.int64), versions.select(ASKED)
    for rule in DECIDING:
        key = codes.of(KEYS[rule][0]).astype(np.int64)
        rows = np.flatnonzero(is_named & (key != MISSING) & ~_is_too_wide(key, record, settings.limit(rule)))
        apart: dict[int, PairApart] = {}
        for group in _with_several_names(rows, home[rows], key[rows], name[rows]):
            at: Any = pa.array(group)
            pair = _first_apart(asked.take(at).to_pylist())
            if pair is not None:
                apart.setdefault(int(home[group[0]]), _told(*pair, str(ids[int(record[group[0]])])))
        if apart:
            found.append(NamesApart(rule, len(apart), list(apart.values())[:MOST_SHOWN]))
    return found


def _is_too_wide(key: Ints, record: Ints, limit: int) -> npt.NDArray[np.bool_]:
    """Return per row whether more records than ``limit`` have its key."""
    pairs = np.unique(np.stack([key, record]), axis=1)
    wide: npt.NDArray[np.bool_] = (np.bincount(pairs[0] + 1, minlength=int(key.max(initial=0)) + 2) > limit)[key + 1]
    return wide


def _with_several_names(rows: Ints, home: Ints, key: Ints, name: Ints) -> Iterator[Ints]:
    """Yield the rows of each customer and key under which there are several names, in the order of the customers."""
    order = np.lexsort((rows, key, home))
    rows, home, key, name = (a[order] for a in (rows, home, key, name))
    starts = (
        np.flatnonzero(np.concatenate([[True], (home[1:] != home[:-1]) | (key[1:] != key[:-1])])) if len(rows) else rows
    )
    ends = np.append(starts[1:], len(rows))
    is_mixed = np.minimum.reduceat(name, starts) != np.maximum.reduceat(name, starts) if len(rows) else starts > 0
    for first, last in zip(starts[is_mixed].tolist(), ends[is_mixed].tolist(), strict=True):
        yield rows[first:last]


@cache
def _companies() -> CompanyNames:
    return CompanyNames()


def _name(row: Mapping[str, Any]) -> Name:
    key = str(row["name_key"])
    core = (_companies().parse(key).core or key) if row["party_kind"] == COMPANY else key
    return Name(row["party_kind"], key, row["sound"], frozenset(c for c in core if is_chinese(c)))


def _first_apart(rows: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Return the first two rows whose records have no names in common; None where any two have."""
    of_record: dict[int, list[tuple[Name, Mapping[str, Any]]]] = {}
    for row in rows:
        of_record.setdefault(row["record_no"], []).append((_name(row), row))
    for mine, others in combinations(of_record.values(), 2):
        if all(_have_nothing_in_common(a, b) for a, _ in mine for b, _ in others):
            return mine[-1][1], others[-1][1]
    return None


def _told(left: Mapping[str, Any], right: Mapping[str, Any], customer_id: str) -> PairApart:
    keys = [RecordKey(r["source"], r["source_key"]) for r in (left, right)]
    return PairApart(customer_id, keys[0], keys[1], left["name_key"], right["name_key"])


def _have_nothing_in_common(one: Name, other: Name) -> bool:
    """Whether two names share no character or, where one is in Latin letters, no part of the sound."""
    if (
        one.party_kind != other.party_kind
        or one.key == other.key
        or (one.sound is not None and one.sound == other.sound)
    ):
        return False
    if one.characters and other.characters:
        return not one.characters & other.characters
    return one.sound is not None and other.sound is not None and not set(one.sound.split()) & set(other.sound.split())


__all__ = ["NamesApart", "PairApart", "names_apart"]

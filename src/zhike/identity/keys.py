"""Which keys standardised records share, and the edges that they make; a key that too many records share makes none.

Works on ``record_no`` (dense integers) and on codes of values, so that the graph is a few arrays. A key makes a star: its first record
with every other one. A star is enough to say which records it joins. A former number is still a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from zhike.identity.codes import MISSING, Codes, starts_of
from zhike.identity.edges import Edges
from zhike.identity.rules import KEY_JOINT, KEYS, NAMELESS
from zhike.identity.terms import Rule

Ints = npt.NDArray[np.int64]
pc: Any = pyarrow.compute  # its stubs know fewer calls than there are


@dataclass(frozen=True, slots=True)
class SharedKeys:
    """The keys that at least two records share, and which records share them.

    Per key: ``rule`` its priority, ``centre`` the lowest record, ``row`` the position of a row that has it, ``number`` its place by
    rule, centre and text, ``n_records`` that share it, ``is_too_wide`` whether these are more than its rule allows. ``key`` and
    ``record`` : one entry per key and record, records ascending.
    """

    rule: Ints
    centre: Ints
    row: Ints
    number: Ints
    n_records: Ints
    is_too_wide: npt.NDArray[np.bool_]
    key: Ints
    record: Ints

    def stars(self) -> Edges:
        """Return the edges of the usable keys, ``left`` the centre of the star."""
        is_used = ~self.is_too_wide[self.key] & (self.record != self.centre[self.key])
        key, right = self.key[is_used], self.record[is_used]
        return Edges(self.centre[key], right, self.rule[key], self.number[key], np.zeros(len(key)))


def shared_keys(versions: pa.Table, rules: Sequence[Rule], codes: Codes | None = None) -> SharedKeys:
    """Return the keys that records share.

    Parameters
    ----------
    versions : standardised versions of records.
    rules : with their limits; those without keys (officers, match models) are passed over.
    codes : of the versions, where others use them, too.
    """
    codes = codes or Codes(versions)
    record_no = versions["record_no"].to_numpy().astype(np.int64)
    asked = [r for r in rules if r.name in KEYS or r.name in NAMELESS]
    parts = [_shared(record_no, *_having(codes, versions, rule.name), rule) for rule in asked]
    offsets = np.cumsum([0, *(len(p.rule) for p in parts)])
    fields = {
        n: np.concatenate([getattr(p, n) for p in parts])
        for n in ("rule", "centre", "row", "n_records", "is_too_wide", "record")
    }
    key = np.concatenate([p.key + offset for p, offset in zip(parts, offsets, strict=False)])
    number = _places(versions, fields["rule"], fields["centre"], fields["row"], {r.priority: r.name for r in asked})
    return SharedKeys(**fields, key=key, number=number)


def columns_of(rule: str) -> tuple[str, ...]:
    """Return the columns whose values are a rule's key."""
    return KEYS[rule] if rule in KEYS else (NAMELESS[rule],)


def texts_of(versions: pa.Table, rule: str, rows: Ints) -> list[str]:
    """Return the keys that rows make under a rule, as texts."""
    at: Any = pa.array(rows)
    values = [versions[c].take(at).to_pylist() for c in columns_of(rule)]
    return [KEY_JOINT.join(v) for v in zip(*values, strict=True)]


def _having(codes: Codes, versions: pa.Table, rule: str) -> tuple[Ints, Ints]:
    """Return the rows that have a key under a rule, and its code."""
    rows, key = codes.shared(columns_of(rule))
    if rule in KEYS:
        return rows, key
    is_person = np.asarray(pc.equal(versions["party_kind"], "person").to_numpy(), bool)[rows]
    rows, key = rows[is_person], key[is_person]
    is_usable = _belongs_to_one(key, codes.of("name_key")[rows], codes.of("initial")[rows])[key]
    return rows[is_usable], key[is_usable]


def _belongs_to_one(key: Ints, name: npt.NDArray[np.int32], initial: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Return per key whether a record without a name has it and it belongs to one name: no two names, and no hint at a name (王先生,
    张*) that begins otherwise.
    """
    n_keys = int(key.max(initial=-1)) + 1
    found: npt.NDArray[np.bool_] = np.bincount(key[name == MISSING], minlength=n_keys) > 0
    for said in (name, initial):
        is_said = (said != MISSING) & found[key]
        pairs = np.unique(np.stack([key[is_said], said[is_said]]), axis=1)
        found &= np.bincount(pairs[0], minlength=n_keys) <= 1
    return found


def _shared(record_no: Ints, rows: Ints, key: Ints, rule: Rule) -> SharedKeys:
    """Return the keys of one rule that at least two records share; they are not numbered yet."""
    is_repeated = np.bincount(key)[key] > 1
    rows, key = rows[is_repeated], key[is_repeated]
    order = np.lexsort((rows, record_no[rows], key))
    rows, key = rows[order], key[order]
    record = record_no[rows]
    is_first = np.ones(len(key), bool)
    is_first[1:] = (key[1:] != key[:-1]) | (record[1:] != record[:-1])
    rows, key, record = rows[is_first], key[is_first], record[is_first]
    starts = starts_of(key)
    sizes = np.diff(starts)
    is_shared = sizes >= 2
    inside = np.repeat(is_shared, sizes)
    first, n_records = starts[:-1][is_shared], sizes[is_shared]
    n = len(first)
    return SharedKeys(
        np.full(n, rule.priority, np.int64), record[first], rows[first], np.zeros(n, np.int64), n_records,
        n_records > rule.max_records, np.repeat(np.arange(n), n_records), record[inside],
    )  # fmt: skip


def _places(versions: pa.Table, rule: Ints, centre: Ints, row: Ints, names: dict[int, str]) -> Ints:
    """Return the place of each key by rule, centre and text; the text is looked at where rule and centre are those of another key."""
    order = np.lexsort((centre, rule))
    is_tied = np.zeros(len(order), bool)
    same = (rule[order][1:] == rule[order][:-1]) & (centre[order][1:] == centre[order][:-1])
    is_tied[order[1:]] |= same
    is_tied[order[:-1]] |= same
    by_text = np.zeros(len(order), np.int64)
    for priority, name in names.items():
        tied = np.flatnonzero(is_tied & (rule == priority))
        texts = texts_of(versions, name, row[tied])
        by_text[tied[sorted(range(len(texts)), key=texts.__getitem__)]] = np.arange(len(texts))
    place = np.empty(len(order), np.int64)
    place[np.lexsort((by_text, centre, rule))] = np.arange(len(order))
    return place


__all__ = ["SharedKeys", "columns_of", "shared_keys", "texts_of"]

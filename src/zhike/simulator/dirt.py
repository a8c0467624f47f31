"""Bad rows planted in the first delivery, as sources have them; truth counts them by file and reason.

Every bad row is an extra row: genuine rows stay whole, so that ledgers and the bank's own totals still agree once the bad
ones are held back. Reasons name what a reader must find.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zhike.simulator.arrays import Ints, pa
from zhike.simulator.files.terms import FileSpec
from zhike.simulator.identifiers import numbered
from zhike.simulator.randomness import draw_bits
from zhike.simulator.records.accounts_of import NO_SUCH_ACCOUNT

IMPOSSIBLE_DAY = "20250230"


@dataclass(frozen=True, slots=True)
class Slip:
    """One way in which rows of a file go wrong: in ``column``, for ``reason``; one row in ``every`` (at least two)."""

    file: str
    reason: str
    column: str
    every: int


SLIPS = (
    Slip("core_customers", "impossible_date", "BIRTH_DT", 4_000),
    Slip("core_customers", "unknown_code", "CUST_TYPE", 5_000),
    Slip("core_customers", "missing_value", "CUST_NO", 8_000),
    Slip("mobile_users", "duplicate_key", "USER_ID", 2_000),
    Slip("card_customers", "impossible_date", "BIRTH_DT", 1_000),
    Slip("core_accounts", "broken_reference", "PROD_CD", 6_000),
    Slip("core_accounts", "unknown_code", "ACCT_TYPE", 6_000),
    Slip("core_account_owners", "broken_reference", "ACCT_NO", 6_000),
    Slip("core_transactions", "unknown_code", "TXN_CD", 50_000),
    Slip("core_transactions", "broken_reference", "ACCT_NO", 50_000),
    Slip("core_transactions", "duplicate_key", "TXN_SEQ", 50_000),
    Slip("core_transactions", "out_of_range", "TXN_AMT", 80_000),
    Slip("core_balances", "broken_reference", "ACCT_NO", 50_000),
    Slip("core_term_contracts", "broken_reference", "ACCT_NO", 4_000),
    Slip("core_term_contracts", "out_of_range", "PRIN_AMT", 6_000),
    Slip("mobile_events", "unknown_code", "CHNL_CD", 20_000),
    Slip("core_events", "duplicate_key", "EVT_ID", 5_000),
    Slip("consent_records", "unknown_code", "CONSENT_ST", 20_000),
    Slip("risk_tests", "unknown_code", "RISK_LVL", 3_000),
    Slip("party_relations", "unknown_code", "REL_CD", 3_000),
)  # fmt: skip
FILES = frozenset(s.file for s in SLIPS)
FRESH_KEYS = {
    "core_customers": "CUST_NO", "card_customers": "CARD_CUST_ID", "core_accounts": "ACCT_NO", "core_transactions": "TXN_SEQ",
    "core_term_contracts": "CONTR_NO", "mobile_events": "EVT_ID", "consent_records": "CUST_NO", "risk_tests": "CUST_NO", "party_relations": "CUST_NO_A",
}  # fmt: skip


def plant(
    spec: FileSpec, pieces: Sequence[Mapping[str, Any]], seed: int, chunk: int
) -> tuple[list[dict[str, Any]], dict[tuple[str, str, str], int]]:
    """Return blocks of bad rows that belong behind ``pieces``, and how many they are by (file, reason, column)."""
    blocks: list[dict[str, Any]] = []
    counts: dict[tuple[str, str, str], int] = {}
    n = sum(len(next(iter(piece.values()))) for piece in pieces)
    serial = 0
    for position, slip in enumerate(s for s in SLIPS if s.file == spec.name):
        if n == 0:
            break
        size = max(2, n // slip.every)
        picked = (draw_bits(seed, f"dirt:{spec.name}", chunk, position, size=size) % np.uint64(n)).astype(np.int64)
        picked = np.unique(picked)
        bad = _rows_of(pieces, picked)
        key = FRESH_KEYS.get(spec.name)
        if slip.reason != "duplicate_key" and key and key != slip.column:
            fresh = 9_000_000_000_000 + chunk * 1_000_000 + serial + np.arange(len(picked))
            bad[key] = numbered("X", fresh, 16)
        serial += len(picked)
        if slip.reason != "duplicate_key":
            bad[slip.column] = _spoilt(spec, slip, bad[slip.column], len(picked))
        blocks.append(bad)
        counts[(spec.name, slip.reason, slip.column)] = len(picked)
    return blocks, counts


def _spoilt(spec: FileSpec, slip: Slip, values: Any, n: int) -> Any:
    if slip.reason == "impossible_date":
        return pa.array([IMPOSSIBLE_DAY] * n)
    if slip.reason == "missing_value":
        return pa.nulls(n, pa.string())
    if slip.reason == "out_of_range":
        return -np.asarray(values) - 1
    if slip.reason == "broken_reference" and spec.column(slip.column).kind == "text":
        return pa.array([NO_SUCH_ACCOUNT] * n)
    return np.full(n, len(spec.column(slip.column).codes))


def _rows_of(pieces: Sequence[Mapping[str, Any]], picked: Ints) -> dict[str, Any]:
    """Return rows ``picked`` (ascending, counted through all pieces), texts as plain texts."""
    found: dict[str, list[Any]] = {}
    start = 0
    for piece in pieces:
        n = len(next(iter(piece.values())))
        mine = picked[(picked >= start) & (picked < start + n)] - start
        for name, values in piece.items():
            found.setdefault(name, []).append(_take(values, mine))
        start += n
    return {
        name: pa.concat_arrays(parts) if isinstance(parts[0], pa.Array) else np.concatenate(parts)
        for name, parts in found.items()
    }


def _take(values: Any, rows: Ints) -> Any:
    if not isinstance(values, pa.Array):
        return values[rows]
    taken = values.take(pa.array(rows))
    return taken.dictionary_decode() if pa.types.is_dictionary(taken.type) else taken


__all__ = ["FILES", "SLIPS", "Slip", "plant"]

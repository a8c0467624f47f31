"""For any mixture of good and bad rows: good + bad = input, and what is loaded is exactly the good."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from tests.unit.sources.delivery import Delivery, accounts, movements

AMOUNTS = st.one_of(
    st.decimals(min_value=0, max_value=10**9, places=2).map(str),
    st.sampled_from(["", "x", "-1", "1_0", "nan", "0x1", "1e99"]),
)
DAYS = st.one_of(st.dates().map(str), st.sampled_from(["2025-02-30", "", "20250101", "infinity"]))
ROW = st.tuples(
    st.sampled_from([f"T{i}" for i in range(8)] + ["", " T1 ", "号1"]), st.sampled_from(["A1", "A2", "A9", ""]), DAYS,
    st.sampled_from(["C", "D", "X", ""]), AMOUNTS,
)  # fmt: skip
LAYOUTS = st.sampled_from(["csv", "|+|", "gb18030", "utf-16"])


def _is_sound(row: tuple[str, ...]) -> bool:
    """Judged by other means than the loader's: Python, row by row."""
    from datetime import date
    from decimal import Decimal, InvalidOperation

    key, account, on, direction, amount = row
    try:
        if len(on) != 10 or date.fromisoformat(on) < date(1, 1, 1) or "_" in amount:
            return False
        value = Decimal(amount)
    except (ValueError, InvalidOperation):
        return False
    fits = value.is_finite() and 0 <= value < Decimal(10) ** 16
    return bool(key.strip()) and account in ("A1", "A2") and direction in ("C", "D") and fits


@pytest.mark.requirement("A2")
@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(ROW, min_size=1, max_size=30), layout=LAYOUTS)
def test_good_and_bad_rows_are_the_input_and_the_good_are_loaded(rows: list[tuple[str, ...]], layout: str) -> None:
    with TemporaryDirectory() as folder:
        bank = Delivery(Path(folder))
        bank.file("accounts.csv", "account_id,opened_on\nA1,2024-01-05\nA2,2024-01-05\n")
        delimiter = "|+|" if layout != "csv" else ","
        encoding = layout if layout in ("gb18030", "utf-16") else "utf-8"
        lines = [delimiter.join(row) for row in (("txn_id", "account_id", "on", "direction", "amount"), *rows)]
        bank.file("movements.txt", "\n".join(lines) + "\n", encoding=encoding)
        form = {"kind": "delimited", "delimiter": delimiter, "encoding": encoding, "header": True}
        bank.mapping(accounts(), movements(file="movements.txt", format=form, quarantine_at_most_rate=1))
        bank.run()
        expected: dict[str, tuple[str, ...]] = {}
        for row in rows:
            if _is_sound(row):
                expected.setdefault(row[0].strip(), row)
        loaded = {r["txn_id"]: (r["account_id"], str(r["on"]), r["amount"]) for r in bank.rows("transaction")}
        assert {k: v[:2] for k, v in loaded.items()} == {k: (r[1], r[2]) for k, r in expected.items()}
        n_read, n_loaded, n_bad, n_skipped = bank.counts()["movements.txt"]
        assert (n_read, n_loaded, n_skipped) == (len(rows), len(expected), 0)
        assert n_bad == len(rows) - len(expected) == len({row for _, row, _, _ in bank.bad()})

"""Every bad row is kept with file, line, column, rule and what to do; every good one loads."""

from datetime import date
from decimal import Decimal

import pytest

from tests.unit.sources.delivery import MOVEMENT_COLUMNS, Delivery, accounts, movements
from zhike.kernel.errors import ContractBroken

HEADER = "txn_id,account_id,on,direction,amount\n"
ACCOUNTS = "account_id,opened_on\nA1,2024-01-05\nA2,2024-02-06\n"


def _load(bank: Delivery, rows: str, **changes: object) -> None:
    bank.file("accounts.csv", ACCOUNTS)
    bank.file("movements.csv", HEADER + rows)
    bank.mapping(accounts(), movements(**changes))
    bank.run()


@pytest.mark.requirement("A1")
def test_clean_rows_load_typed_and_counted(bank: Delivery) -> None:
    _load(bank, "T1,A1,2025-01-02,C,12.30\nT2,A2,2025-01-03,D,1000\n")
    assert bank.rows("transaction", "txn_id", "direction", "amount") == [
        ("T1", "in", Decimal("12.30")), ("T2", "out", Decimal("1000.00")),
    ]  # fmt: skip
    assert bank.bad() == []
    assert bank.counts() == {"accounts.csv": (2, 2, 0, 0), "movements.csv": (2, 2, 0, 0)}


def test_the_end_of_a_chinese_business_day_is_recorded_in_utc(bank: Delivery) -> None:
    _load(bank, "T1,A1,2025-01-02,C,12.30\n")
    assert str(bank.rows("transaction", "recorded_at")[0]) == "2025-01-02 15:59:59"


@pytest.mark.requirement("A2")
@pytest.mark.parametrize(
    ("row", "rule", "column"),
    [
        ("T9,A1,2025-02-30,C,1", "impossible_date", "on"),
        ("T9,A1,2025-1-3,C,1", "impossible_date", "on"),
        ("T9,A1,infinity,C,1", "impossible_date", "on"),
        ("T9,A1,2025-01-02,X,1", "unknown_code", "direction"),
        ("T9,A1,2025-01-02,C,abc", "not_a_number", "amount"),
        ("T9,A1,2025-01-02,C,1_000", "not_a_number", "amount"),
        ("T9,A1,2025-01-02,C,0x10", "not_a_number", "amount"),
        ("T9,A1,2025-01-02,C,99999999999999999999", "not_a_number", "amount"),
        ("T9,A1,2025-01-02,C,-1", "below_minimum", "amount"),
        ("T9,A1,2025-01-02,C,", "missing", "amount"),
        (",A1,2025-01-02,C,1", "missing", "txn_id"),
        ("T9,  ,2025-01-02,C,1", "missing", "account_id"),
        ("T9,A7,2025-01-02,C,1", "broken_reference", "account_id"),
        ("T1,A2,2025-01-05,D,5", "duplicate_key", "txn_id"),
        ("T9,A1,2025-01-02", "too_few_columns", "direction"),
        ("T9,A1,2025-01-02,C,1,extra", "too_many_columns", "*"),
    ],
)
def test_a_bad_row_is_quarantined_alone(bank: Delivery, row: str, rule: str, column: str) -> None:
    _load(bank, f"T1,A1,2025-01-02,C,12.30\n{row}\nT2,A2,2025-01-03,D,1000\n")
    bad = [b for b in bank.bad() if not (rule.startswith("too_few") and b[3] != column)]
    assert ("movements.csv", 3, rule, column) in bad or (
        rule == "too_few_columns" and bad[0][:3] == ("movements.csv", 3, rule)
    )
    assert {b[:2] for b in bank.bad()} == {("movements.csv", 3)}
    assert bank.rows("transaction", "txn_id") == ["T1", "T2"]
    assert bank.counts()["movements.csv"] == (3, 2, 1, 0)
    assert all(r["todo"] for r in bank.rows("quarantine"))


def test_one_row_may_break_several_rules_and_counts_once(bank: Delivery) -> None:
    _load(bank, "T1,A1,2025-02-30,X,-5\nT2,A2,2025-01-03,D,1000\n")
    assert bank.bad() == [
        ("movements.csv", 2, "below_minimum", "amount"),
        ("movements.csv", 2, "impossible_date", "on"),
        ("movements.csv", 2, "unknown_code", "direction"),
    ]
    assert bank.counts()["movements.csv"] == (2, 1, 1, 0)


def test_of_rows_that_share_a_key_the_first_sound_one_stays(bank: Delivery) -> None:
    _load(bank, "T1,A1,2025-02-30,C,1\nT1,A1,2025-01-03,C,2\nT1,A1,2025-01-04,C,3\nT1,A7,2025-01-04,C,4\n")
    assert bank.rows("transaction", "txn_id", "amount") == [("T1", Decimal("2.00"))]
    assert bank.bad() == [
        ("movements.csv", 2, "impossible_date", "on"),
        ("movements.csv", 4, "duplicate_key", "txn_id"),
        ("movements.csv", 5, "broken_reference", "account_id"),
    ]


def test_a_last_line_that_was_cut_off_is_quarantined_alone(bank: Delivery) -> None:
    _load(bank, 'T1,A1,2025-01-02,C,12.30\nT2,A2,2025-01-03,D,1000\nT3,A2,"2025-')
    assert bank.rows("transaction", "txn_id") == ["T1", "T2"]
    assert bank.bad()[0][:3] == ("movements.csv", 4, "open_quote")
    assert bank.counts()["movements.csv"] == (3, 2, 1, 0)


def test_lines_are_counted_past_rejected_ones(bank: Delivery) -> None:
    _load(bank, "T1,A1\nT2,A1,2025-01-02,C,1\nT3,A1,2025-01-02\nT4,A1,2025-13-02,C,1\nT5,A1,2025-01-02,C,x\n")
    assert {(row, rule) for _, row, rule, _ in bank.bad()} == {
        (2, "too_few_columns"), (4, "too_few_columns"), (5, "impossible_date"), (6, "not_a_number"),
    }  # fmt: skip


def test_personal_values_are_shown_by_their_shape_only(bank: Delivery) -> None:
    bank.file("parties.csv", "no,born,mobile\n13800138000,1990-02-30,1\n13800138001,1990-02-03,1\n")
    columns = {
        "source_key": "no", "party_kind": {"constant": "person"}, "birth_on": "born", "mobile": "mobile",
        "valid_from_on": {"constant": "2025-01-01"}, "recorded_at": {"day_end": "valid_from_on"},
    }  # fmt: skip
    bank.mapping({"name": "parties", "to": "source_party", "source": "core", "file": "parties.csv", "columns": columns})
    bank.run()
    (row,) = bank.rows("quarantine")
    assert (row["rule"], row["value_masked"]) == ("impossible_date", "####-##-##")
    assert "13800138000" not in f"{row['value_masked']}{row['todo']}"
    assert "13800138000" in row["row_sealed"]


def test_too_many_bad_rows_hold_the_table(bank: Delivery) -> None:
    rows = "".join(f"T{i},A1,2025-01-02,C,{'x' if i % 2 else 1}\n" for i in range(40))
    with pytest.raises(ContractBroken) as held:
        _load(bank, rows)
    assert held.value.code == "sources.too_many_bad_rows"
    assert "20 of 40 rows are bad" in str(held.value)
    assert "movements.csv:3 amount: not_a_number" in str(held.value)
    assert bank.rows("account") == []  # nothing partial is published


def test_the_share_of_bad_rows_that_is_let_pass_can_be_set(bank: Delivery) -> None:
    rows = "".join(f"T{i:02},A1,2025-01-02,C,{'x' if i % 2 else 1}\n" for i in range(40))
    _load(bank, rows, quarantine_at_most_rate=0.5)
    assert bank.counts()["movements.csv"] == (40, 20, 20, 0)


def test_rows_that_the_mapping_leaves_out_are_counted_as_such(bank: Delivery) -> None:
    _load(bank, "T1,A1,2025-01-02,C,1\nT2,A1,2025-01-02,D,1\nT3,A1,2025-01-02,D,x\n", where="direction = 'D'")
    assert bank.counts()["movements.csv"] == (3, 1, 1, 1)
    assert bank.bad() == [("movements.csv", 4, "not_a_number", "amount")]


def test_codes_units_dates_and_separators_are_translated(bank: Delivery) -> None:
    columns = {
        **MOVEMENT_COLUMNS,
        "amount": {"column": "amount", "unit": 0.01, "thousands": ","},
        "on": {"column": "on", "date": ["%Y%m%d", "%d.%m.%Y"]},
        "is_initiated": {"column": "direction", "values": {"C": False, "D": True}},
        "channel": {"column": "direction", "values": {"C": None, "D": "app"}, "default": "unknown"},
    }
    _load(bank, 'T1,A1,20250102,C,"123,450"\nT2,A1,03.01.2025,D,7\n', columns=columns)
    assert bank.rows("transaction", "amount", "on", "is_initiated", "channel") == [
        (Decimal("1234.50"), date(2025, 1, 2), False, "unknown"),
        (Decimal("0.07"), date(2025, 1, 3), True, "app"),
    ]


def test_a_moment_with_an_offset_keeps_it_and_one_without_is_local(bank: Delivery) -> None:
    columns = {**MOVEMENT_COLUMNS, "at": "at"}
    bank.file("accounts.csv", ACCOUNTS)
    bank.file(
        "movements.csv",
        "txn_id,account_id,on,direction,amount,at\nT1,A1,2025-01-02,C,1,2025-01-02 10:00:00\n"
        "T2,A1,2025-01-02,C,1,2025-01-02T10:00:00Z\nT3,A1,2025-01-02,C,1,2025-01-02T10:00:00+09:00\nT4,A1,2025-01-02,C,1,x\n",
    )
    bank.mapping(accounts(), movements(columns=columns))
    bank.run()
    assert [str(v) for v in bank.rows("transaction", "at")] == [
        "2025-01-02 02:00:00",
        "2025-01-02 10:00:00",
        "2025-01-02 01:00:00",
    ]
    assert bank.bad() == [("movements.csv", 5, "impossible_date", "at")]


def test_an_expression_that_fails_on_a_row_quarantines_that_row(bank: Delivery) -> None:
    columns = {**MOVEMENT_COLUMNS, "amount": {"sql": "amount::int * 2"}}
    _load(bank, "T1,A1,2025-01-02,C,4\nT2,A1,2025-01-02,C,four\nT3,A1,2025-01-02,C,\n", columns=columns)
    assert bank.rows("transaction", "amount") == [Decimal("8.00")]
    assert ("movements.csv", 3, "expression_fails", "amount") in bank.bad()
    assert ("movements.csv", 4, "missing", "amount") in bank.bad()


def test_a_nul_byte_quarantines_its_row(bank: Delivery) -> None:
    _load(bank, "T1,A1,2025-01-02,C,1\nT\0002,A1,2025-01-02,C,1\n")
    assert bank.rows("transaction", "txn_id") == ["T1"]
    assert bank.bad() == [("movements.csv", 3, "control_character", "txn_id")]


def test_keys_are_checked_across_the_files_of_a_table(bank: Delivery) -> None:
    bank.file("accounts.csv", ACCOUNTS)
    bank.file("movements.csv", HEADER + "T1,A1,2025-01-02,C,1\nT2,A1,2025-01-02,C,1\n")
    bank.file("more.csv", HEADER + "T3,A1,2025-01-02,C,1\nT2,A1,2025-01-02,C,1\n")
    bank.mapping(accounts(), movements(), movements(name="more", file="more.csv"))
    bank.run()
    assert bank.rows("transaction", "txn_id") == ["T1", "T2", "T3"]
    assert bank.bad() == [("more.csv", 3, "duplicate_key", "txn_id")]


def test_a_row_about_an_unknown_customer_is_a_broken_reference(bank: Delivery) -> None:
    bank.file("parties.csv", "no\nP1\n")
    bank.file("accounts.csv", ACCOUNTS)
    bank.file("owners.csv", "account_id,no\nA1,P1\nA2,P2\n")
    party = {
        "source_key": "no", "party_kind": {"constant": "person"}, "valid_from_on": {"constant": "2025-01-01"},
        "recorded_at": {"day_end": "valid_from_on"},
    }  # fmt: skip
    owner = {"account_id": "account_id", "source_key": "no", "role": {"constant": "owner"}}
    entry = {"name": "owners", "to": "account_party", "source": "core", "file": "owners.csv", "columns": owner}
    parties = {"name": "parties", "to": "source_party", "source": "core", "file": "parties.csv", "columns": party}
    bank.mapping(parties, accounts(), entry)
    bank.run()
    assert bank.rows("account_party", "account_id") == ["A1"]
    assert bank.bad() == [("owners.csv", 3, "broken_reference", "source, source_key")]
    bank.mapping(parties, accounts(), {**entry, "unchecked_references": ["source_key"]})
    bank.run()
    assert bank.rows("account_party", "account_id") == ["A1", "A2"]

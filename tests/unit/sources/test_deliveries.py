"""One folder per business day: full, increment, zipper and append; late files; what is read, skipped, replaced."""

from datetime import date
from decimal import Decimal

import pytest

from tests.unit.sources.delivery import MOVEMENT_COLUMNS, Delivery, accounts, movements
from zhike.kernel.errors import BadInput
from zhike.warehouse.performing import StepState

RATE = {
    "product_class": "class",
    "annual_rate": "rate",
    "valid_from_on": "begin",
    "valid_to_on": {"column": "end", "empty": "9999-12-31"},
}
PARTY = {
    "source_key": "no", "party_kind": {"constant": "person"}, "name": "name", "valid_from_on": {"day": True},
    "recorded_at": {"day_end": True},
}  # fmt: skip


def parties(**changes: object) -> dict[str, object]:
    return {
        "name": "parties", "to": "source_party", "source": "core", "file": "{day:%Y%m%d}/party.csv", "mode": "increment",
        "columns": PARTY, **changes,
    }  # fmt: skip


def rates(**changes: object) -> dict[str, object]:
    return {
        "name": "rates",
        "to": "ftp_rate",
        "file": "{day:%Y%m%d}/rate.csv",
        "mode": "zipper",
        "columns": RATE,
        **changes,
    }


def day(n: int) -> date:
    return date(2025, 1, n)


@pytest.mark.requirement("A7")
def test_of_full_files_only_the_last_counts(bank: Delivery) -> None:
    bank.file("20250101/accounts.csv", "account_id,opened_on\nA1,2024-01-05\nA2,2024-01-05\n")
    bank.file("20250102/accounts.csv", "account_id,opened_on\nA2,2024-01-05\nA3,2024-01-05\n")
    bank.mapping(accounts(file="{day:%Y%m%d}/accounts.csv", mode="full"))
    bank.run(day(1))
    assert bank.rows("account", "account_id") == ["A1", "A2"]
    bank.run(day(2))
    assert bank.rows("account", "account_id") == ["A2", "A3"]
    with pytest.raises(BadInput, match="accounts 20250103/accounts.csv: missing"):
        bank.run(day(3))


@pytest.mark.requirement("A7")
def test_an_increment_replaces_by_key_and_deletes(bank: Delivery) -> None:
    bank.file("20250101/accounts.csv", "account_id,opened_on,op\nA1,2024-01-05,I\nA2,2024-01-05,I\n")
    bank.file("20250102/accounts.csv", "account_id,opened_on,op\nA2,2024-01-06,U\nA3,2024-01-07,I\n")
    bank.file("20250103/accounts.csv", "account_id,opened_on,op\nA1,,D\n")
    bank.mapping(accounts(file="{day:%Y%m%d}/accounts.csv", mode="increment", deleted_when="op = 'D'"))
    bank.run(day(3))
    assert bank.rows("account", "account_id", "opened_on") == [("A2", date(2024, 1, 6)), ("A3", date(2024, 1, 7))]
    assert bank.bad() == []
    assert sum(c[1] for c in bank.counts().values()) == 5


def test_an_increment_with_versions_closes_the_version_before(bank: Delivery) -> None:
    bank.file("20250101/party.csv", "no,name\nP1,甲\nP2,乙\n")
    bank.file("20250102/party.csv", "no,name\n")
    bank.file("20250103/party.csv", "no,name\nP1,甲甲\n")
    bank.mapping(parties())
    bank.run(day(3))
    assert bank.rows("source_party", "source_key", "name", "valid_from_on", "valid_to_on") == [
        ("P1", "甲", day(1), day(2)), ("P1", "甲甲", day(3), None), ("P2", "乙", day(1), None),
    ]  # fmt: skip


def test_an_increment_follows_the_last_full_file(bank: Delivery) -> None:
    bank.file("base/20250102.csv", "account_id,opened_on\nA1,2024-01-05\n")
    for n, key in ((1, "A8"), (2, "A9"), (3, "A2")):
        bank.file(f"2025010{n}/accounts.csv", f"account_id,opened_on\n{key},2024-01-05\n")
    base = accounts(name="base", file="base/{day:%Y%m%d}.csv", mode="full", expected="as_delivered")
    bank.mapping(base, accounts(file="{day:%Y%m%d}/accounts.csv", mode="increment", follows="base"))
    bank.run(day(3))
    assert bank.rows("account", "account_id") == ["A1", "A2"]


@pytest.mark.requirement("A7")
def test_a_zipper_closes_and_opens_versions(bank: Delivery) -> None:
    bank.file(
        "20250101/rate.csv",
        "class,rate,begin,end\ndemand,0.01,2025-01-01,9999-12-31\nterm,0.02,2025-01-01,9999-12-31\n",
    )
    bank.file(
        "20250102/rate.csv",
        "class,rate,begin,end\ndemand,0.01,2025-01-01,2025-01-01\ndemand,0.015,2025-01-02,9999-12-31\n",
    )
    bank.file(
        "20250103/rate.csv", "class,rate,begin,end\nterm,0.03,2025-01-03,9999-12-31\n"
    )  # the old one is not sent again
    bank.mapping(rates())
    bank.run(day(3))
    assert bank.rows("ftp_rate", "product_class", "annual_rate", "valid_from_on", "valid_to_on") == [
        ("demand", 0.01, day(1), day(1)), ("demand", 0.015, day(2), None),
        ("term", 0.02, day(1), day(2)), ("term", 0.03, day(3), None),
    ]  # fmt: skip


def _movement(key: str, on: str = "2025-01-02") -> str:
    return f"txn_id,account_id,on,direction,amount\n{key},A1,{on},C,1\n"


def daily(**changes: object) -> dict[str, object]:
    columns = {**MOVEMENT_COLUMNS, "recorded_at": {"day_end": True}}
    return movements(file="{day:%Y%m%d}/movements.csv", mode="append", columns=columns, **changes)


@pytest.mark.requirement("A7")
def test_files_of_later_days_are_not_read_and_a_late_one_enters_when_it_comes(bank: Delivery) -> None:
    bank.file("accounts.csv", "account_id,opened_on\nA1,2024-01-05\n")
    bank.file("20250101/movements.csv", _movement("T1"))
    bank.file("20250103/movements.csv", _movement("T3"))
    bank.mapping(accounts(), daily())
    with pytest.raises(BadInput, match="20250102/movements.csv: missing"):
        bank.run(day(3))
    bank.mapping(accounts(), daily(expected="as_delivered"))
    bank.run(day(2))
    assert bank.rows("transaction", "txn_id") == ["T1"]
    bank.run(day(3))
    assert bank.rows("transaction", "txn_id") == ["T1", "T3"]
    bank.file("20250102/movements.csv", _movement("T2"))
    bank.run(day(3))
    assert bank.rows("transaction", "txn_id", "recorded_at")[1][0] == "T2"
    assert str(bank.rows("transaction", "recorded_at")[1]) == "2025-01-02 15:59:59"


def test_keys_are_checked_across_batches_and_the_first_batch_keeps_them(bank: Delivery) -> None:
    bank.file("accounts.csv", "account_id,opened_on\nA1,2024-01-05\n")
    bank.file("20250131/movements.csv", _movement("T1") + "T2,A1,2025-01-31,C,2\n")
    bank.file("20250201/movements.csv", _movement("T3") + "T2,A1,2025-02-01,C,9\nT3,A1,2025-02-01,C,9\n")
    bank.mapping(accounts(), daily(expected="as_delivered"))
    bank.run(date(2025, 2, 1))
    assert bank.rows("transaction", "txn_id", "amount") == [("T1", Decimal(1)), ("T2", Decimal(2)), ("T3", Decimal(1))]
    assert bank.bad() == [
        ("20250201/movements.csv", 3, "duplicate_key", "txn_id"), ("20250201/movements.csv", 4, "duplicate_key", "txn_id"),
    ]  # fmt: skip


def test_a_night_on_which_nothing_came_loads_nothing(bank: Delivery) -> None:
    bank.file("accounts.csv", "account_id,opened_on\nA1,2024-01-05\n")
    bank.file("20250101/movements.csv", _movement("T1"))
    bank.file("20250201/movements.csv", _movement("T2"))
    bank.mapping(accounts(), daily(expected="as_delivered"))
    bank.run(date(2025, 2, 1))
    assert {s.state for s in bank.run(date(2025, 2, 2)).steps} == {StepState.REUSED}
    bank.file("20250202/movements.csv", _movement("T3"))
    states = {s.key: s.state for s in bank.run(date(2025, 2, 2)).steps}
    assert states == {
        "load:account": StepState.REUSED, "load:transaction.movements.2025-01": StepState.REUSED,
        "load:transaction.movements.2025-02": StepState.RAN,
    }  # fmt: skip
    assert bank.rows("transaction", "txn_id") == ["T1", "T2", "T3"]


def test_a_changed_file_is_loaded_again_and_its_old_rows_go(bank: Delivery) -> None:
    bank.file("accounts.csv", "account_id,opened_on\nA1,2024-01-05\n")
    bank.file("20250101/movements.csv", _movement("T1"))
    bank.mapping(accounts(), daily(expected="as_delivered"))
    bank.run(day(1))
    bank.file("20250101/movements.csv", _movement("T9"))
    bank.run(day(1))
    assert bank.rows("transaction", "txn_id") == ["T9"]


def test_a_row_that_referred_to_nothing_enters_when_what_it_refers_to_comes(bank: Delivery) -> None:
    bank.file("accounts.csv", "account_id,opened_on\nA2,2024-01-05\n")
    bank.file("movements.csv", _movement("T1"))
    bank.mapping(accounts(), movements())
    bank.run(day(1))
    assert bank.rows("transaction") == []
    assert bank.bad() == [("movements.csv", 2, "broken_reference", "account_id")]
    bank.file("accounts.csv", "account_id,opened_on\nA1,2024-01-05\nA2,2024-01-05\n")
    bank.run(day(1))
    assert bank.rows("transaction", "txn_id") == ["T1"]
    assert bank.bad() == []


def test_a_pattern_may_match_several_files_of_a_day(bank: Delivery) -> None:
    bank.file("20250101/accounts_1.csv", "account_id,opened_on\nA1,2024-01-05\n")
    bank.file("20250101/accounts_2.csv", "opened_on,account_id,more\n2024-01-05,A2,x\n")
    bank.mapping(accounts(file="{day:%Y%m%d}/accounts_*.csv", mode="full"))
    bank.run(day(1))
    assert bank.rows("account", "account_id") == ["A1", "A2"]
    assert sorted(bank.counts()) == ["20250101/accounts_1.csv", "20250101/accounts_2.csv"]


def test_daily_balances_follow_from_running_ones(bank: Delivery) -> None:
    bank.file("accounts.csv", "account_id,opened_on\nA1,2024-01-05\n")
    rows = "T1,A1,2025-01-02,C,10,10\nT2,A1,2025-01-02,C,5,15\nT3,A1,2025-01-05,D,4,11\n"
    bank.file("movements.csv", f"txn_id,account_id,on,direction,amount,balance\n{rows}")
    columns = {**MOVEMENT_COLUMNS, "balance_after_amount": "balance"}
    bank.mapping(accounts(), movements(columns=columns), derive=["balance_daily"])
    bank.run()
    assert bank.rows("balance_daily", "on", "until_on", "balance_amount") == [
        (day(2), day(4), Decimal(15)), (day(5), None, Decimal(11)),
    ]  # fmt: skip


def test_a_renamed_entry_leaves_no_old_rows_behind(bank: Delivery) -> None:
    bank.file("accounts.csv", "account_id,opened_on\nA1,2024-01-05\n")
    bank.file("20250101/movements.csv", _movement("T1"))
    bank.mapping(accounts(), daily(expected="as_delivered"))
    bank.run(day(1))
    bank.mapping(accounts(), daily(expected="as_delivered", name="moves"))
    bank.run(day(1))
    assert bank.rows("transaction", "txn_id") == ["T1"]
    assert len(bank.counts()) == 2

"""Features that look at groups twice: the day that moved most, the channel answered most, pay days, months of acquiring."""

from datetime import date
from typing import Any

import pytest

from tests.unit.profile.bank import EARLY, account, bank, link, person, profile, txn
from zhike.kernel.definitions import Definition
from zhike.kernel.errors import BadInput
from zhike.profile.features import parse_features

pytestmark = pytest.mark.requirement("C1")
CUSTOMERS = {"customer": [person(1, party_kind="company"), person(2)], "identity_link": [link(1), link(2)]}


def test_the_counterparty_is_that_of_the_largest_day_and_not_of_the_week():
    moves = [
        txn("a", date(2025, 6, 24), "in", 400, counterparty_kind="cash"),
        txn("a", date(2025, 6, 25), "in", 400, counterparty_kind="cash"),
        txn("a", date(2025, 6, 28), "in", 250, counterparty_kind="other_bank_other"),
        txn("a", date(2025, 6, 28), "in", 150, counterparty_kind="broker_self"),
        txn("a", date(2025, 6, 28), "in", 150, counterparty_kind="other_bank_other"),
        txn("a", date(2025, 6, 28), "in", 999, counterparty_kind="own_bank_self"),  # not external
        txn("a", date(2025, 6, 23), "in", 5000, counterparty_kind="wallet_self"),  # the eighth day
        txn("a", date(2025, 6, 26), "out", 1, counterparty_kind="cash"),
    ]
    names = [f"largest_external_{way}_7d_counterparty" for way in ("in", "out")]
    rows = profile(bank(CUSTOMERS, account("a", 1), {"transaction": moves}), *names)
    assert [rows["c1"][n] for n in names] == ["other_bank_other", "cash"]
    assert rows["c2"][names[0]] is None


def test_equal_days_give_the_earliest_and_equal_kinds_the_first_listed():
    moves = [
        txn("a", date(2025, 6, 25), "in", 200, counterparty_kind="cash"),
        txn("a", date(2025, 6, 25), "in", 200, counterparty_kind="broker_self"),
        txn("a", date(2025, 6, 26), "in", 400, counterparty_kind="other_bank_self"),
    ]
    names = ("largest_external_in_7d_on", "largest_external_in_7d_counterparty")
    row = profile(bank(CUSTOMERS, account("a", 1), {"transaction": moves}), *names)["c1"]
    assert [row[n] for n in names] == [date(2025, 6, 25), "broker_self"]


def contact(number: int, channel: str, answer: str | None, on: date = date(2025, 5, 1)) -> dict[str, Any]:
    return {"contact_id": f"{channel}{number}", "source": "core", "source_key": "k1", "channel": channel, "purpose": "marketing",
            "on": on, "answer": answer, "recorded_at": EARLY}  # fmt: skip


def test_the_next_channel_is_the_single_best_answered_one_outside_wechat():
    sent = [contact(i, "sms", "positive" if i == 0 else "none") for i in range(5)]  # 1 of 5
    sent += [contact(i, "call_centre", "positive" if i < 2 else None) for i in range(6)]  # 2 of 6: the best
    sent += [contact(i, "wecom", "positive") for i in range(3)]
    sent += [contact(9, "email", "positive", date(2025, 1, 1))]  # 181 days ago
    rows = profile(bank(CUSTOMERS, {"contact_history": sent}), "next_channel_answer_rate")
    assert rows["c1"]["next_channel_answer_rate"] == 0.333333
    assert rows["c2"]["next_channel_answer_rate"] is None


def paid(number: int, on: date, **more: Any) -> dict[str, Any]:
    row = {"counterparty_kind": "other_bank_other", "is_counterparty_person": True, "counterparty_key": f"p{number}"}
    return txn("a", on, "out", 1000 + number, **{**row, **more})


def test_a_payroll_month_has_twenty_different_payees_around_one_pay_day():
    may = [paid(i, date(2025, 5, 7 if i % 2 else 13)) for i in range(20)]  # 10 May − 3 and + 3
    april = [paid(i, date(2025, 4, 2 + i % 6)) for i in range(19)] + [paid(0, date(2025, 4, 8))]  # 19 people, one twice
    march = [paid(i, date(2025, 3, 19 + i % 3)) for i in range(30)]  # between the windows of the 15th and the 25th
    june = [paid(i, date(2025, 6, 10)) for i in range(30)]  # not complete yet
    more = [paid(50 + i, date(2025, 4, 5), is_counterparty_person=False) for i in range(5)]
    tables = bank(CUSTOMERS, account("a", 1), {"transaction": may + april + march + june + more})
    rows = profile(tables, "n_payee_months_3m")
    assert [rows[c]["n_payee_months_3m"] for c in ("c1", "c2")] == [1, 0]


def test_payees_whose_account_is_not_known_count_by_payment():
    unknown = {"counterparty_key": None, "is_counterparty_person": None}
    moves = [paid(i, date(2025, month, 25), **unknown) for month in (4, 5) for i in range(20)]
    rows = profile(bank(CUSTOMERS, account("a", 1), {"transaction": moves}), "n_payee_months_3m")
    assert rows["c1"]["n_payee_months_3m"] == 2


def test_an_acquiring_month_needs_both_the_count_and_the_money_over_all_own_shops():
    def settled(shop: str, on: date, n: int, amount: float) -> dict[str, Any]:
        return {"merchant_id": shop, "on": on, "n_transactions": n, "gross_amount": amount, "recorded_at": EARLY}

    shops = [
        {"merchant_id": m, "source": "core", "source_key": "k1", "opened_on": date(2024, 1, 1)} for m in ("m1", "m2")
    ]
    rows = profile(
        bank(
            CUSTOMERS,
            {
                "acquiring_merchant": shops,
                "acquiring_settlement": [
                    settled("m1", date(2025, 5, 31), 20, 5000), settled("m2", date(2025, 5, 1), 10, 5000),  # 30 and 10,000
                    settled("m1", date(2025, 4, 10), 29, 90000),  # too few
                    settled("m1", date(2025, 3, 10), 500, 9999.99),  # too little
                    settled("m1", date(2025, 6, 1), 500, 90000), settled("m1", date(2025, 2, 28), 500, 90000),
                ],
            },
        ),
        "n_acquiring_months_3m", "n_acquiring_months_6m",
    )  # fmt: skip
    assert (rows["c1"]["n_acquiring_months_3m"], rows["c1"]["n_acquiring_months_6m"]) == (1, 4)
    assert (rows["c2"]["n_acquiring_months_3m"], rows["c2"]["n_acquiring_months_6m"]) == (0, 0)


def test_a_recipe_that_lacks_what_it_needs_is_refused():
    body = {"zh": "甲", "en": "A", "meaning_zh": "甲", "meaning_en": "A", "value": "integer", "base": {"definition": "pay_day_months", "kinds": ["payroll"]}}  # fmt: skip
    with pytest.raises(BadInput, match="pay_day_months takes counterparties"):
        parse_features([Definition("feature", "x", body, "features/x.yaml", 1, "h")])

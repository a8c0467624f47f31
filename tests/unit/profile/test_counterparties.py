"""Who is on the other side, how regularly, and which payments come again and again: counted by hand, and in any order of rows."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from math import sqrt

import pytest

from tests.unit.profile.bank import AS_OF, account, bank, link, person, profile, txn

pytestmark = pytest.mark.requirement("C2")
FIRMS = {"customer": [person(1, party_kind="company"), person(2)], "identity_link": [link(1), link(2)]}


def receipt(ago, amount, payer, **more):
    return txn(
        "a",
        AS_OF - timedelta(days=ago),
        "in",
        amount,
        **{"txn_kind": "settlement", "counterparty_key": payer, "counterparty_kind": "other_bank_other", **more},
    )


RECEIPTS = [
    receipt(0, 300, "p1"), receipt(100, 300, "p1"), receipt(29, 200, "p2"), receipt(179, 200, "p3"),
    receipt(180, 999, "p9"),  # too early
    receipt(5, 999, None), receipt(5, 999, "self", counterparty_kind="other_bank_self"), receipt(5, 999, "sister", is_within_group=True),
    receipt(5, 999, "p1", txn_kind="interest"),
]  # fmt: skip
NAMES = ("n_payers_180d", "top_payer_share_rate", "payer_concentration", "n_new_payers_30d")


def test_the_shares_of_payers_and_how_concentrated_they_are():
    rows = profile(bank(FIRMS, account("a", 1), {"transaction": RECEIPTS}), *NAMES)
    assert [rows["c1"][n] for n in NAMES] == [3, 0.6, 0.44, 1]  # 0.6² + 0.2² + 0.2²; p2 was first seen 29 days ago
    assert [rows["c2"][n] for n in NAMES] == [0, None, None, 0]


def test_no_order_of_rows_shows_in_the_figures():
    moves = [receipt(i % 150, round(7.77 + i * 0.13, 2), f"p{i % 17}") for i in range(300)]
    found = []
    for seed in range(3):
        random.Random(seed).shuffle(moves)
        found.append(
            profile(bank(FIRMS, account("a", 1), {"transaction": moves}), *NAMES, "receipt_regularity_rate")["c1"]
        )
    assert found[0] == found[1] == found[2]


def test_the_rhythm_of_receipts_is_told_from_the_days_between():
    names = ("receipt_gap_days", "receipt_gap_deviation_days", "receipt_regularity_rate")
    moves = [receipt(a, 10 + i, "p") for i, a in enumerate((0, 10, 10, 20, 40))]  # four days: gaps of 10, 10, 20
    row = profile(bank(FIRMS, account("a", 1), {"transaction": moves}), *names)["c1"]
    mean, swing = 40 / 3, sqrt((100 + 100 + 400) / 3 - (40 / 3) ** 2)
    assert row == {
        **row,
        names[0]: round(mean, 6),
        names[1]: round(swing, 6),
        names[2]: round(1 / (1 + round(swing, 6) / round(mean, 6)), 6),
    }
    few = profile(bank(FIRMS, account("a", 1), {"transaction": moves[:4]}), *names)["c1"]
    assert [few[n] for n in names] == [None, None, None]  # three days: no rhythm can be told


def bill(month, amount, **more):
    return txn(
        "a",
        date(2025, month, 12),
        "out",
        amount,
        **{"txn_kind": "direct_debit", "merchant_category": "utilities", **more},
    )


def test_a_bill_is_paid_in_three_of_six_months_and_stays_about_the_same():
    names = ("n_recurring_bills", "recurring_bills_month_amount")
    power = [bill(m, 100 + m) for m in (1, 3, 5)]  # 101, 103, 105
    rent = [
        bill(m, 2000, txn_kind="transfer_out", counterparty_key="landlord", merchant_category=None) for m in range(1, 6)
    ]
    swings = [bill(m, 10 * m, merchant_category="grocery") for m in range(1, 6)]
    seldom = [bill(m, 50, merchant_category="travel") for m in (4, 5)]
    often = [bill(5, 30 + i / 100, merchant_category="dining") for i in range(9)] + [
        bill(m, 30, merchant_category="dining") for m in (3, 4)
    ]
    june = [
        bill(6, 70, merchant_category="fuel"),
        bill(4, 70, merchant_category="fuel"),
        bill(5, 70, merchant_category="fuel"),
    ]  # June is not over
    rows = profile(bank(FIRMS, account("a", 1), {"transaction": power + rent + swings + seldom + often + june}), *names)
    assert [rows["c1"][n] for n in names] == [2, Decimal("2103.00")]
    assert [rows["c2"][n] for n in names] == [0, Decimal("0.00")]

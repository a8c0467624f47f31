"""Accounts and who stands to them; cards, loans, facilities, plans, collateral: what customers have, besides daily values."""

from __future__ import annotations

import numpy as np

from zhike.simulator.arrays import Bits, Columns, Flags, Ints, pa
from zhike.simulator.catalogue import DEPOSIT_PRODUCTS, LOAN_PRODUCTS, position_of, products
from zhike.simulator.files.terms import (
    NO_DAY,
    FileSpec,
    amount,
    code,
    day,
    flag,
    integer,
    number,
    plain,
    text,
)
from zhike.simulator.identifiers import numbered
from zhike.simulator.ledger import NOT_OPEN
from zhike.simulator.organisation import MAX_SUB_BRANCHES, sub_branch_id
from zhike.simulator.population import PERSON
from zhike.simulator.randomness import draw_rows, lognormal, part
from zhike.simulator.records.accounts_of import (
    DEPOSIT_SLOTS,
    HOLDING_SLOTS,
    LOAN_SLOTS,
    N_DEPOSITS,
    N_HOLDINGS,
    SLOT_POSITION,
    SLOTS,
    Keys,
)
from zhike.simulator.records.daily import loan_numbers
from zhike.simulator.records.keys import second_core_keys, source_keys
from zhike.simulator.state import ChunkState
from zhike.simulator.terms import BankPlan

PRODUCT_IDS = tuple(p.product_id for p in products())
ACCOUNT_KINDS = (
    "demand",
    "term",
    "wealth",
    "fund",
    "insurance",
    "loan",
    "card",
    "settlement_basic",
    "settlement_general",
    "other",
)
KIND_OF_SLOT = {
    10: 0,
    50: 7,
    51: 8,
    11: 1,
    12: 1,
    13: 1,
    14: 1,
    20: 2,
    21: 3,
    22: 4,
    23: 2,
    24: 9,
    25: 9,
    26: 9,
    30: 5,
    31: 5,
    32: 5,
    33: 5,
    34: 5,
    40: 6,
}
PRODUCT_OF_SLOT = {10: "DD0001", 50: "DD0002", 51: "DD0002", 20: "WM0030", 21: "FD0001", 22: "IN0005", 23: "SB0003", 24: "GD0001", 25: "TR0001",
                   26: "PN0001", 40: "CC0001", **dict(zip((11, 12, 13, 14), DEPOSIT_PRODUCTS, strict=True)),
                   **dict(zip((30, 31, 32, 33, 34), LOAN_PRODUCTS, strict=True))}  # fmt: skip
STATUSES = ("normal", "dormant", "frozen", "closed")
CREDIT_CLASSES = ("mortgage", "consumer_loan", "business_loan", "car_loan", "working_capital", "credit_card")
FIVE = ("normal", "special_mention", "substandard", "doubtful", "loss")
DUPLICATED_SLOT = 20  # the wealth account of a customer entered twice hangs on the second number

ACCOUNTS = FileSpec(
    "core_accounts", "CORE_ACCT", "core", "account", mode="increment", is_daily=True, fixed={"recorded_at": {"day_end": "opened_on"}},
    columns=(
        text("ACCT_NO", "account_id"), plain("PROD_CD", "product_id", PRODUCT_IDS), text("ORG_NO", "org_id"), code("ACCT_TYPE", "account_kind", ACCOUNT_KINDS),
        plain("CCY", "currency", ("CNY",)), day("OPEN_DT", "opened_on"), day("CLOSE_DT", "closed_on"), code("ACCT_ST", "status", STATUSES),
    ),
)  # fmt: skip
OWNERS = FileSpec(
    "core_account_owners", "CORE_ACCT_CUST", "core", "account_party", mode="increment", is_daily=True,
    columns=(
        text("ACCT_NO", "account_id"), text("CUST_NO", "source_key"),
        code("REL_CD", "role", {"1": "owner", "2": "joint_owner", "3": "disponent", "4": "guardian"}), number("SHARE", "share_rate"),
    ),
)  # fmt: skip
CARD_OWNERS = FileSpec(
    "card_account_owners", "CARD_ACCT_CUST", "card", "account_party", mode="increment",
    columns=(text("ACCT_NO", "account_id"), text("CARD_CUST_ID", "source_key"), code("REL_CD", "role", {"1": "owner"})),
)  # fmt: skip
CARDS = FileSpec(
    "card_cards", "CARD_CARD", "card", "card", mode="increment", fixed={"recorded_at": {"day_end": "issued_on"}},
    columns=(text("CARD_ID", "card_id"), text("ACCT_NO", "account_id"), plain("CARD_KIND", "card_kind", ("credit", "debit")), day("ISSUE_DT", "issued_on"), day("ACT_DT", "activated_on"), day("CANCEL_DT", "closed_on"),
             day("LAST_TXN_DT", "last_used_on"), amount("OWED_AMT", "owed_amount")),
)  # fmt: skip
BILLS = FileSpec(
    "card_bills", "CARD_BILL", "card", "card_bill", mode="append",
    columns=(text("CARD_ID", "card_id"), day("BILL_DT", "billed_on"), day("DUE_DT", "due_on"), amount("BILL_AMT", "bill_amount"), amount("PAID_AMT", "paid_amount")),
)  # fmt: skip
INSTALMENTS = FileSpec(
    "card_instalments", "CARD_INST", "card", "instalment", mode="append",
    columns=(text("INST_ID", "instalment_id"), text("CARD_ID", "card_id"), amount("PRIN", "principal_amount"), number("APR", "annual_cost_rate"), integer("PERIODS", "n_periods"), day("BGN_DT", "started_on")),
)  # fmt: skip
FACILITIES = FileSpec(
    "credit_facilities", "LOAN_LIMIT", "core", "credit_facility", mode="increment", fixed={"recorded_at": {"day_end": "approved_on"}},
    columns=(
        text("LMT_NO", "facility_id"), text("CUST_NO", "source_key"), plain("PROD_CLS", "product_class", CREDIT_CLASSES), amount("LMT_AMT", "limit_amount"),
        flag("REVOLVE", "is_revolving"), day("APPR_DT", "approved_on"), day("EXP_DT", "expires_on"), code("LMT_ST", "status", ("valid", "frozen", "cancelled", "expired")),
    ),
)  # fmt: skip
LOANS = FileSpec(
    "loan_contracts", "LOAN_DUE", "core", "loan", mode="increment", fixed={"recorded_at": {"day_end": "drawn_on"}},
    columns=(
        text("LOAN_NO", "loan_id"), text("LMT_NO", "facility_id"), text("ACCT_NO", "account_id"), plain("PROD_CLS", "product_class", CREDIT_CLASSES),
        amount("LOAN_AMT", "principal_amount"), number("RATE", "annual_rate"), integer("TERM_M", "term_months"), amount("INST_AMT", "instalment_amount"),
        day("PUT_DT", "drawn_on"), day("DUE_DT", "due_on"), day("SETTLE_DT", "settled_on"), code("CLASS5", "five_class", FIVE),
        integer("OVD_DAYS", "arrears_days"), integer("OVD_DAYS_24M", "arrears_days_24m"),
    ),
)  # fmt: skip
COLLATERAL = FileSpec(
    "loan_collateral", "LOAN_COLL", "core", "collateral", mode="increment",
    columns=(text("COLL_NO", "collateral_id"), text("LMT_NO", "facility_id"), plain("COLL_TYPE", "collateral_kind", ("housing", "commercial_property", "equipment", "guarantee")), amount("EVAL_AMT", "value_amount"), day("EVAL_DT", "valued_on")),
)  # fmt: skip
SPECS = (ACCOUNTS, OWNERS, CARD_OWNERS, CARDS, BILLS, INSTALMENTS, FACILITIES, LOANS, COLLATERAL)


def opened_accounts(state: ChunkState, after: int) -> tuple[Ints, Ints, Ints]:
    """Return (customer, slot, opened on) of the money accounts first used after day ``after``, by customer and slot."""
    n, people = state.size, state.people
    first = np.full((n, len(SLOTS)), 2**30, np.int32)
    opened = np.where(state.cash.opened == NOT_OPEN, 2**30, np.minimum(people.joined, state.cash.opened))
    first[np.arange(n), SLOT_POSITION[people.cash_slot]] = opened
    for book, width, slots in (
        (state.deposits, N_DEPOSITS, DEPOSIT_SLOTS),
        (state.holdings, N_HOLDINGS, HOLDING_SLOTS),
    ):
        cells = np.flatnonzero(book.opened > np.int32(after) if after > 0 else book.opened != NOT_OPEN)
        np.minimum.at(first, (cells // width, SLOT_POSITION[slots[cells % width]]), book.opened[cells])
    if after > 0:  # a wealth account may have been opened earlier by another product
        earlier = np.flatnonzero((state.holdings.opened != NOT_OPEN) & (state.holdings.opened <= after))
        first[earlier // N_HOLDINGS, SLOT_POSITION[HOLDING_SLOTS[earlier % N_HOLDINGS]]] = 2**30
    loans = np.flatnonzero(state.loans.opened != NOT_OPEN)
    first[loans, SLOT_POSITION[LOAN_SLOTS[people.loan[loans]]]] = people.loan_drawn[loans]
    cards = np.flatnonzero(people.has_card)
    first[cards, SLOT_POSITION[40]] = people.joined[cards]
    who, position = np.nonzero((first > after) & (first < 2**30))
    return who, np.array(SLOTS)[position], first[who, position]


def accounts(state: ChunkState, keys: Keys, twice: Ints, *, after: int) -> dict[str, Columns]:
    """Return accounts opened after a day, with their owners; the card system names its own."""
    who, slot, opened = opened_accounts(state, after)
    people = state.people
    orgs = pa.array([sub_branch_id(i) for i in range(MAX_SUB_BRANCHES)])
    kind_of, product_of = np.full(100, -1), np.full(100, -1)
    for s, k in KIND_OF_SLOT.items():
        kind_of[s], product_of[s] = k, position_of(PRODUCT_OF_SLOT[s])
    numbers = keys.account(who, slot)
    status = np.where(
        (people.died[who] < state.day) | ((people.payments_per_day[who] < 0.004) & (people.number[who] % 5 == 0)), 1, 0
    )
    owned = slot != 40
    by_second = np.isin(who, twice) & (slot == DUPLICATED_SLOT)
    owner_keys = source_keys("core", people.number[who[owned]]).to_numpy(zero_copy_only=False)
    owner_keys[by_second[owned]] = second_core_keys(people.number[who[owned & by_second]]).to_numpy(
        zero_copy_only=False
    )
    joint = np.flatnonzero((slot == 10) & (people.is_married_to[who] >= 0) & (people.number[who] % 9 == 0))
    owner_rows = np.concatenate([np.flatnonzero(owned), joint])
    names = np.concatenate(
        [
            owner_keys,
            source_keys("core", people.number[people.is_married_to[who[joint]]]).to_numpy(zero_copy_only=False),
        ]
    )
    is_joint = np.arange(len(owner_rows)) >= int(owned.sum())
    has_joint = np.zeros(len(who), np.bool_)
    has_joint[joint] = True
    files = {
        ACCOUNTS.name: {
            "ACCT_NO": numbers, "PROD_CD": product_of[slot], "ORG_NO": pa.DictionaryArray.from_arrays(pa.array(people.org[who].astype(np.int16)), orgs), "ACCT_TYPE": kind_of[slot],
            "CCY": np.zeros(len(who), np.int64), "OPEN_DT": opened, "CLOSE_DT": np.full(len(who), NO_DAY), "ACCT_ST": status,
        },
        OWNERS.name: {
            "ACCT_NO": numbers.take(pa.array(owner_rows)), "CUST_NO": pa.array(names, pa.string()), "REL_CD": is_joint.astype(np.int64),
            "SHARE": np.where(has_joint[owner_rows], 0.5, 1.0),
        },
    }  # fmt: skip
    if after < int(people.joined.min()):
        carded = np.flatnonzero(slot == 40)
        files[CARD_OWNERS.name] = {
            "ACCT_NO": numbers.take(pa.array(carded)), "CARD_CUST_ID": source_keys("card", people.number[who[carded]]), "REL_CD": np.zeros(len(carded), np.int64),
        }  # fmt: skip
    return files


def cards(plan: BankPlan, state: ChunkState, keys: Keys, first: int) -> dict[str, Columns]:
    """Return cards with monthly bills and a few instalment plans; some were never activated, some sleep."""
    people = state.people
    who = np.flatnonzero(people.has_card)
    bits = draw_rows(plan.seed, "cards", state.chunk, n_rows=4, size=state.size)
    issued = np.minimum(people.joined[who] + part(bits[0][who], 0, 700), state.day)
    never = part(bits[0][who], 16, 100) < 9
    card_ids = numbered("CD", people.number[who], 10)
    days = np.arange(first, state.day + 1)
    billing = days[
        np.array([d.astype("datetime64[D]").item().day == 7 for d in days.astype("datetime64[D]")], np.bool_)
    ]
    row, bill = np.repeat(np.arange(len(who)), len(billing)), np.tile(billing, len(who))
    sleeps = (part(bits[1][who], 0, 100) < 12)[row]
    fine = (bill > issued[row] + 30) & ~never[row] & ~sleeps
    row, bill = row[fine], bill[fine]
    level = people.monthly_income_cents[who[row]] // 5
    owed = np.rint(level * lognormal(bits[1][who[row]] ^ bits[2][(row + bill) % state.size], 0.6)).astype(np.int64)
    paid = np.where(people.is_late_payer[who[row]] & (bill % 2 == 0), owed // 10, owed)
    large = np.flatnonzero((owed > 400_000) & ((row + bill) % 9 == 0))
    activated = np.minimum(issued + 3 + part(bits[0][who], 32, 20), state.day)
    last_used, owes = _card_use(state.day, activated, bits[3][who], is_asleep=part(bits[1][who], 0, 100) < 12)
    return {
        CARDS.name: {
            "CARD_ID": card_ids, "ACCT_NO": keys.account(who, 40), "CARD_KIND": np.zeros(len(who), np.int64), "ISSUE_DT": issued,
            "ACT_DT": np.where(never, NO_DAY, activated), "CANCEL_DT": np.full(len(who), NO_DAY),
            "LAST_TXN_DT": np.where(never, NO_DAY, last_used), "OWED_AMT": np.where(never | ~owes, 0, people.monthly_income_cents[who] // 9),
        },
        BILLS.name: {"CARD_ID": card_ids.take(pa.array(row)), "BILL_DT": bill, "DUE_DT": bill + 20, "BILL_AMT": owed, "PAID_AMT": paid},
        INSTALMENTS.name: {
            "INST_ID": numbered("FQ", people.number[who[row[large]]] * 100_000 + bill[large], 15), "CARD_ID": card_ids.take(pa.array(row[large])),
            "PRIN": owed[large] // 100_000 * 100_000, "APR": np.full(len(large), 0.1325), "PERIODS": np.full(len(large), 12), "BGN_DT": bill[large] + 2,
        },
    }  # fmt: skip


def _card_use(today: int, activated: Ints, bits: Bits, *, is_asleep: Flags) -> tuple[Ints, Flags]:
    """Return the last use of each activated card, and whether anything is owed on it; cards asleep lie idle for up to three years."""
    ago = np.where(is_asleep, 150 + part(bits, 0, 900), part(bits, 0, 40))
    return np.maximum(activated, today - ago), np.where(is_asleep, part(bits, 16, 100) < 15, part(bits, 16, 100) < 85)


def lending(plan: BankPlan, state: ChunkState, keys: Keys) -> dict[str, Columns]:
    """Return facilities (drawn, and approved but not drawn), loans and collateral."""
    people, day_now = state.people, state.day
    bits = draw_rows(plan.seed, "lending", state.chunk, n_rows=2, size=state.size)
    drawn = np.flatnonzero(state.loans.opened != NOT_OPEN)
    undrawn = np.flatnonzero(
        (people.loan < 0)
        & (part(bits[0], 0, 1000) < 35)
        & (people.joined < day_now - 200)
        & ((people.kind != PERSON) | (day_now - people.born > 8_030))
    )
    who = np.concatenate([drawn, undrawn])
    is_drawn = np.arange(len(who)) < len(drawn)
    loan = np.where(is_drawn, people.loan[who], np.array([1, 2, 4])[people.kind[who]])
    approved = np.where(is_drawn, people.loan_drawn[who] - 20, day_now - 5 - part(bits[0][who], 16, 200))
    limit = np.where(
        is_drawn,
        people.loan_principal_cents[who] * 6 // 5,
        people.monthly_income_cents[who] * np.array([8, 40, 200])[people.kind[who]],
    )
    months = people.loan_months[drawn]
    due = people.loan_drawn[drawn] + months * 61 // 2
    late = np.where(people.is_late_payer[drawn], 15 + part(bits[1][drawn], 0, 90), 0)
    owed = state.loans.value[drawn]
    rates = np.array([0.0345, 0.048, 0.042, 0.045, 0.0385])
    secured = np.flatnonzero(np.isin(loan, (0, 2, 4)) & is_drawn)
    monthly = people.loan_principal_cents[drawn] // np.maximum(months, 1)
    return {
        FACILITIES.name: {
            "LMT_NO": numbered("ED", people.number[who], 10), "CUST_NO": keys.customer(who), "PROD_CLS": loan, "LMT_AMT": limit // 100_000 * 100_000 + 100_000,
            "REVOLVE": np.where(loan == 0, 1, 0), "APPR_DT": approved, "EXP_DT": np.where(is_drawn & (loan != 4), approved + 3_650, approved + 365 + 60),
            "LMT_ST": np.where(part(bits[1][who], 16, 100) < 3, 1, 0),
        },
        LOANS.name: {
            "LOAN_NO": loan_numbers(state, drawn), "LMT_NO": numbered("ED", people.number[drawn], 10), "ACCT_NO": keys.account(drawn, LOAN_SLOTS[people.loan[drawn]]),
            "PROD_CLS": people.loan[drawn], "LOAN_AMT": people.loan_principal_cents[drawn], "RATE": rates[people.loan[drawn]], "TERM_M": months,
            "INST_AMT": monthly, "PUT_DT": people.loan_drawn[drawn], "DUE_DT": due, "SETTLE_DT": np.where(owed == 0, day_now, NO_DAY),
            "CLASS5": np.where(late > 60, 2, np.where(late > 0, 1, 0)), "OVD_DAYS": np.where(owed == 0, 0, late), "OVD_DAYS_24M": late,
        },
        COLLATERAL.name: {
            "COLL_NO": numbered("YP", people.number[who[secured]], 10), "LMT_NO": numbered("ED", people.number[who[secured]], 10),
            "COLL_TYPE": np.where(loan[secured] == 0, 0, 1 + part(bits[1][who[secured]], 32, 3)), "EVAL_AMT": limit[secured] * 3 // 2, "EVAL_DT": approved[secured] - 15,
        },
    }  # fmt: skip


def plan_ahead(state: ChunkState, until: int) -> Columns:
    """Return instalments still to come, monthly on the 20th, for the next year."""
    people = state.people
    who = np.flatnonzero(state.loans.value > 0)
    days = np.arange(state.day + 1, until + 1).astype("datetime64[D]")
    due_days = np.array([int(d.astype(np.int64)) for d in days if d.item().day == 20], np.int64)
    part_cents = -(-people.loan_principal_cents[who] // people.loan_months[who])
    row, nth = np.repeat(np.arange(len(who)), len(due_days)), np.tile(np.arange(len(due_days)), len(who))
    owed = state.loans.value[who[row]] - part_cents[row] * nth
    keep = owed > 0
    row, nth, owed = row[keep], nth[keep], owed[keep]
    interest = owed * np.array([345, 480, 420, 450, 385])[people.loan[who[row]]] // 120_000
    return {
        "LOAN_NO": loan_numbers(state, who[row]), "DUE_DT": due_days[nth], "PRIN_DUE": np.minimum(part_cents[row], owed), "INT_DUE": interest,
        "PAID_DT": np.full(len(row), NO_DAY),
    }  # fmt: skip


__all__ = ["ACCOUNTS", "OWNERS", "SPECS", "accounts", "cards", "lending", "plan_ahead"]

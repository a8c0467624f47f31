"""Small samples of what else banks have: applications, registry queries, statements, taxes, projects, merchants,
benefits, lists of other systems, contacts made by other senders.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zhike.simulator.arrays import Columns, Ints
from zhike.simulator.behaviour import CHANNELS as TOUCHPOINTS
from zhike.simulator.contacting import ANSWERS
from zhike.simulator.everyday import monthly_debit_cents, monthly_premium_cents
from zhike.simulator.files.terms import NO_DAY, FileSpec, amount, code, day, integer, moment, plain, text
from zhike.simulator.identifiers import numbered, to_date
from zhike.simulator.organisation import staff_number
from zhike.simulator.population import COMPANY, PERSON, SOLE_TRADER, People
from zhike.simulator.randomness import choose, draw_rows, lognormal, mixed, part, part_uniform, threshold
from zhike.simulator.records.accounts_of import Keys
from zhike.simulator.records.bank import BENEFITS
from zhike.simulator.records.holdings import CREDIT_CLASSES
from zhike.simulator.state import ChunkState
from zhike.simulator.terms import BankPlan
from zhike.simulator.words import read_words

LARGE = 3  # company size
ITEMS = ("total_assets", "total_liabilities", "revenue", "net_profit", "operating_cash_flow", "receivables")
ITEM_SHARES = (1.4, 0.8, 1.0, 0.06, 0.08, 0.2)
STATUSES = ("started", "submitted", "approved", "declined", "withdrawn")
FEEDBACK = ("未接通", "接通-拒绝", "接通-考虑中", "有意向", "已预约", "已成交")
HISTORY_CHANNELS = ("sms", "app_push", "call_centre", "wecom", "rm", "email")

APPLICATIONS = FileSpec(
    "loan_applications", "LOAN_APPLY", "core", "loan_application", mode="increment", fixed={"recorded_at": {"day_end": "applied_on"}},
    columns=(
        text("APPLY_NO", "application_id"), text("CUST_NO", "source_key"), plain("PROD_CLS", "product_class", CREDIT_CLASSES), amount("APPLY_AMT", "requested_amount"),
        day("APPLY_DT", "applied_on"), code("APPLY_ST", "status", STATUSES), day("DECIDE_DT", "decided_on"),
    ),
)  # fmt: skip
CREDIT_RECORDS = FileSpec(
    "credit_records", "PBOC_QUERY", "core", "credit_record", mode="append", fixed={"recorded_at": {"day_end": "queried_on"}},
    columns=(text("CUST_NO", "source_key"), day("QRY_DT", "queried_on"), integer("LOAN_CNT", "n_loans"), plain("CR_GRADE", "credit_grade", ("A", "B", "C", "D"))),
)  # fmt: skip
STATEMENTS = FileSpec(
    "financial_statements", "FIN_RPT", "core", "financial_statement", mode="append",
    columns=(text("ENT_NO", "source_key"), day("PERIOD_DT", "period_end_on"), day("RPT_DT", "published_on"), plain("ITEM_CD", "item", ITEMS), amount("ITEM_VAL", "value_amount")),
)  # fmt: skip
TAXES = FileSpec(
    "tax_records", "TAX_PAID", "core", "tax_record", mode="append",
    columns=(text("ENT_NO", "source_key"), text("TAX_PERIOD", "period"), plain("TAX_CD", "tax_kind", ("vat", "income_tax")), amount("TAX_AMT", "paid_amount"), day("PAID_DT", "paid_on")),
)  # fmt: skip
PROJECTS = FileSpec(
    "projects", "PROJECT", "core", "project", mode="increment",
    columns=(
        text("PROJ_NO", "project_id"), text("ENT_NO", "source_key"), plain("SECTOR", "sector", ("energy", "transport", "manufacturing", "housing", "environment")),
        amount("FIN_AMT", "financing_amount"), integer("TERM_M", "term_months"), code("STAGE_CD", "stage", ("planned", "approved", "building", "operating", "closed")), day("REG_DT", "registered_on"),
    ),
)  # fmt: skip
MERCHANTS = FileSpec(
    "acquiring_merchants", "ACQ_MCHT", "core", "acquiring_merchant", mode="increment",
    columns=(text("MCHT_NO", "merchant_id"), text("CUST_NO", "source_key"), plain("MCC_CLASS", "merchant_category", read_words().merchants.words), day("OPEN_DT", "opened_on"), day("CLOSE_DT", "closed_on")),
)  # fmt: skip
SETTLEMENTS = FileSpec(
    "acquiring_settlements", "ACQ_SETL", "core", "acquiring_settlement", mode="append", fixed={"recorded_at": {"day_end": "on"}},
    columns=(text("MCHT_NO", "merchant_id"), day("SETL_DT", "on"), integer("TXN_CNT", "n_transactions"), amount("TXN_AMT", "gross_amount")),
)  # fmt: skip
FUNDS = FileSpec(
    "housing_fund_queries", "HSF_QUERY", "core", "housing_fund", mode="append", fixed={"recorded_at": {"day_end": "queried_on"}},
    columns=(text("CUST_NO", "source_key"), day("QRY_DT", "queried_on"), integer("PAID_M", "n_months_paid"), day("LAST_DT", "last_paid_on"), amount("BASE_AMT", "base_amount")),
)  # fmt: skip
HEAD_OFFICE = FileSpec(
    "head_office_lists", "CUST_LIST", "core", "customer_list", mode="append", fixed={"recorded_at": {"day_end": "valid_from_on"}},
    columns=(plain("LIST_CD", "list_kind", ("strategic",)), text("CUST_NO", "source_key"), day("BGN_DT", "valid_from_on"), day("END_DT", "valid_to_on")),
)  # fmt: skip
GRANTS = FileSpec(
    "benefit_grants", "BNFT_GRANT", "core", "benefit_grant", mode="append",
    columns=(text("GRANT_NO", "grant_id"), plain("BNFT_CD", "benefit_id", BENEFITS), text("CUST_NO", "source_key"), day("GRANT_DT", "granted_on"), day("EXP_DT", "expires_on")),
)  # fmt: skip
REDEEMS = FileSpec(
    "benefit_redeems", "BNFT_USE", "core", "benefit_redeem", mode="append",
    columns=(text("GRANT_NO", "grant_id"), day("USE_DT", "redeemed_on")),
)  # fmt: skip
LISTS = FileSpec(
    "delivered_lists", "LIST_ITEM", "core", "list_delivered", mode="append",
    columns=(plain("LIST_NO", "list_id", ("CARD2025Q1", "WEALTH2025Q2")), text("CUST_NO", "source_key"), text("EMP_NO", "staff_id"), day("ISSUE_DT", "issued_on"), plain("FDBK", "feedback", FEEDBACK)),
)  # fmt: skip
CONTACTS = FileSpec(
    "contact_history", "CONTACT_HIS", "core", "contact_history", mode="append", fixed={"recorded_at": {"day_end": "on"}},
    columns=(
        text("CNTC_ID", "contact_id"), text("CUST_NO", "source_key"), plain("CHNL_CD", "channel", TOUCHPOINTS), code("PURP_CD", "purpose", ("marketing", "service")),
        day("CNTC_DT", "on"), code("FDBK_CD", "answer", ANSWERS),
    ),
)  # fmt: skip
ORDERS = FileSpec(
    "standing_orders", "STAND_ORDER", "core", "standing_order", mode="increment",
    columns=(
        text("ORDER_NO", "order_id"), text("ACCT_NO", "account_id"), amount("PAY_AMT", "amount"),
        plain("PURP_CD", "purpose", ("household", "insurance", "leasing")), plain("OPP_BANK", "counterparty_bank", read_words().other_banks.words),
        moment("REG_TM", "recorded_at"),
    ),
)  # fmt: skip
SPECS = (
    ORDERS,
    APPLICATIONS,
    CREDIT_RECORDS,
    STATEMENTS,
    TAXES,
    PROJECTS,
    MERCHANTS,
    SETTLEMENTS,
    FUNDS,
    HEAD_OFFICE,
    GRANTS,
    REDEEMS,
    LISTS,
    CONTACTS,
)


def business_tables(plan: BankPlan, state: ChunkState, keys: Keys, first: int) -> dict[str, Columns]:
    """Return these tables for one chunk; ``first`` is the first day of the history."""
    bits = draw_rows(plan.seed, "business", state.chunk, n_rows=12, size=state.size)
    return (
        _orders(state, keys)
        | _credit(state, keys, bits)
        | _companies(state, keys, bits, first)
        | _listed(state, keys, bits, first)
        | _campaigns(plan, state, keys, bits, first)
    )


def _orders(state: ChunkState, keys: Keys) -> dict[str, Columns]:
    """Return standing orders: household bills and insurance premiums of persons, leasing of companies; they are what is debited monthly."""
    people, today = state.people, state.day
    debits = np.flatnonzero((people.number % 3 == 0) & (people.kind == PERSON) & (people.joined <= today))
    premiums = np.flatnonzero(people.pays_insurance & (people.joined <= today))
    leases = np.flatnonzero((people.kind == COMPANY) & (people.number % 5 == 0))
    who = np.concatenate([debits, premiums, leases])
    purpose = np.repeat(np.arange(3), (len(debits), len(premiums), len(leases)))
    paid = [
        monthly_debit_cents(people.number[debits]),
        monthly_premium_cents(people.number[premiums]),
        people.wealth_cents[leases] // 100 + 10_000,
    ]
    return {
        ORDERS.name: {
            "ORDER_NO": numbered("WT", people.number[who] * 10 + purpose, 11), "ACCT_NO": keys.account(who, state.people.cash_slot[who]), "PAY_AMT": np.concatenate(paid),
            "PURP_CD": purpose, "OPP_BANK": np.where(purpose == 2, people.number[who] % 10, -1), "REG_TM": people.joined[who].astype(np.int64) * 86_400_000_000,
        }
    }  # fmt: skip


def _credit(state: ChunkState, keys: Keys, bits: Any) -> dict[str, Columns]:
    people, today = state.people, state.day
    who = np.flatnonzero((people.wants_loan & (part(bits[0], 0, 100) < 40)) | (people.loan >= 1))
    status = choose(bits[0][who], (22.0, 12.0, 40.0, 18.0, 8.0), 16)
    applied = np.where(people.loan[who] >= 0, people.loan_drawn[who] - 25, today - part(bits[1][who], 0, 120))
    status = np.where(people.loan[who] >= 0, 2, status)
    cls = np.where(people.loan[who] >= 0, people.loan[who], np.array([1, 2, 4])[people.kind[who]])
    decided = np.where((status >= 2), np.minimum(applied + 4 + part(bits[1][who], 16, 8), today), NO_DAY)
    queried = who[status > 0]
    return {
        APPLICATIONS.name: {
            "APPLY_NO": numbered("SQ", people.number[who], 10), "CUST_NO": keys.customer(who), "PROD_CLS": cls,
            "APPLY_AMT": np.where(people.loan[who] >= 0, people.loan_principal_cents[who], people.monthly_income_cents[who] * 6) // 100_000 * 100_000 + 100_000,
            "APPLY_DT": applied, "APPLY_ST": status, "DECIDE_DT": decided,
        },
        CREDIT_RECORDS.name: {
            "CUST_NO": keys.customer(queried), "QRY_DT": np.minimum(applied[status > 0] + 1, today), "LOAN_CNT": part(bits[2][queried], 0, 4) + (people.loan[queried] >= 0),
            "CR_GRADE": choose(bits[2][queried], (40.0, 35.0, 18.0, 7.0), 16),
        },
    }  # fmt: skip


def _companies(state: ChunkState, keys: Keys, bits: Any, first: int) -> dict[str, Columns]:
    people, today = state.people, state.day
    companies = np.flatnonzero((people.kind == COMPANY) & (part(bits[3], 0, 100) < 60))
    year = to_date(today).year
    periods = [np.datetime64(f"{y}-12-31").astype(int) for y in (year - 2, year - 1)]
    who = np.repeat(companies, len(periods) * len(ITEMS))
    period = np.tile(np.repeat(np.array(periods), len(ITEMS)), len(companies))
    item = np.tile(np.arange(len(ITEMS)), len(companies) * len(periods))
    published = period + 100
    told = published <= today
    who, period, item, published = who[told], period[told], item[told], published[told]
    value = np.rint(
        people.wealth_cents[who]
        * 9
        * np.array(ITEM_SHARES)[item]
        * lognormal(bits[4][(who + item + period) % state.size], 0.3)
    ).astype(np.int64)
    months = [d for d in range(max(first, today - 200), today + 1) if to_date(d).day == 12]
    payers = np.repeat(companies, len(months))
    paid_on = np.tile(np.array(months, np.int64), len(companies))
    periods_text = numbered("", np.array([int(f"{to_date(int(d)):%Y%m}") for d in paid_on], np.int64), 6)
    building = np.flatnonzero((people.kind == COMPANY) & (part(bits[7], 0, 100) < 8))
    shops = _shops(people, bits)
    return {
        STATEMENTS.name: {"ENT_NO": keys.customer(who), "PERIOD_DT": period, "RPT_DT": published, "ITEM_CD": item, "ITEM_VAL": value},
        TAXES.name: {
            "ENT_NO": keys.customer(payers), "TAX_PERIOD": periods_text, "TAX_CD": np.zeros(len(payers), np.int64), "TAX_AMT": people.wealth_cents[payers] // 60 + 5_000,
            "PAID_DT": paid_on,
        },
        PROJECTS.name: {
            "PROJ_NO": numbered("XM", people.number[building], 8), "ENT_NO": keys.customer(building), "SECTOR": part(bits[8][building], 0, 5),
            "FIN_AMT": people.wealth_cents[building] * 20 // 1_000_000 * 1_000_000, "TERM_M": 36 + part(bits[8][building], 16, 8) * 12,
            "STAGE_CD": part(bits[8][building], 32, 4), "REG_DT": np.maximum(today - 300, people.joined[building]),
        },
        MERCHANTS.name: {
            "MCHT_NO": numbered("M", people.number[shops], 10), "CUST_NO": keys.customer(shops), "MCC_CLASS": part(bits[8][shops], 0, 2), "OPEN_DT": people.joined[shops],
            "CLOSE_DT": np.full(len(shops), NO_DAY),
        },
    }  # fmt: skip


def _listed(state: ChunkState, keys: Keys, bits: Any, first: int) -> dict[str, Columns]:
    """Return weekly settlements of the shops that take cards, authorised housing-fund queries, the head office's own list."""
    people, today = state.people, state.day
    shops = _shops(people, bits)
    weeks = np.array([d for d in range(max(first, today - 200), today + 1) if to_date(d).weekday() == 0], np.int64)
    level = np.array([1, 9, 34])[choose(bits[11][shops], (30.0, 35.0, 35.0), 32)]
    row, on = np.repeat(np.arange(len(shops)), len(weeks)), np.tile(weeks, len(shops))
    words = mixed((people.number[shops][row] * 100_000 + on).astype(np.uint64) ^ bits[11][shops][row])
    count = (level[row] * (50 + part(words, 0, 100))) // 100
    took = (count > 0) & (on > people.joined[shops][row])
    row, on, count, words = row[took], on[took], count[took], words[took]
    age = (today - people.born) // 365
    asked = np.flatnonzero((people.kind == PERSON) & (age >= 22) & (age < 58) & (part_uniform(bits[9], 48) < 0.2))
    queried = np.maximum(today - part(bits[10][asked], 48, 60), people.joined[asked])
    chosen = np.flatnonzero((people.kind == COMPANY) & (people.company_size == LARGE))
    return {
        SETTLEMENTS.name: {
            "MCHT_NO": numbered("M", people.number[shops][row], 10), "SETL_DT": on, "TXN_CNT": count, "TXN_AMT": count * (4_000 + part(words, 16, 40_000)),
        },
        FUNDS.name: {
            "CUST_NO": keys.customer(asked), "QRY_DT": queried, "PAID_M": part(bits[11][asked], 48, 60), "LAST_DT": queried - 5 - part(bits[11][asked], 16, 25),
            "BASE_AMT": people.monthly_income_cents[asked],
        },
        HEAD_OFFICE.name: {
            "LIST_CD": np.zeros(len(chosen), np.int64), "CUST_NO": keys.customer(chosen), "BGN_DT": np.maximum(people.joined[chosen], first - 100),
            "END_DT": np.full(len(chosen), NO_DAY),
        },
    }  # fmt: skip


def _shops(people: People, bits: Any) -> Ints:
    """Return the sole traders who take cards through the bank."""
    return np.flatnonzero((people.kind == SOLE_TRADER) & (part_uniform(bits[7], 16) < 0.65))


def _campaigns(plan: BankPlan, state: ChunkState, keys: Keys, bits: Any, first: int) -> dict[str, Columns]:
    """Return benefits, lists and contacts of earlier campaigns by other senders; they moved nobody."""
    people, today = state.people, state.day
    granted = np.flatnonzero((people.kind == PERSON) & (part(bits[9], 0, 100) < 4))
    on = np.maximum(today - part(bits[9][granted], 16, 100), people.joined[granted])
    used = part(bits[9][granted], 32, 100) < 45
    numbers = numbered("GR", people.number[granted], 10)
    listed = np.flatnonzero((people.kind == PERSON) & (part(bits[10], 0, 100) < 5))
    span = min(plan.n_days, 180)
    who, day_, nth = _past_contacts(plan, state, today - span + 1)
    words = draw_rows(plan.seed, "past_answers", state.chunk, n_rows=1, size=max(len(who), 1))[0][: len(who)]
    channel, answer = _channels_and_answers(people.number[who], words)
    return {
        GRANTS.name: {"GRANT_NO": numbers, "BNFT_CD": part(bits[9][granted], 0, 3), "CUST_NO": keys.customer(granted), "GRANT_DT": on, "EXP_DT": on + 90},
        REDEEMS.name: {"GRANT_NO": numbers.filter(np.asarray(used)), "USE_DT": np.minimum(on[used] + 5, today)},
        LISTS.name: {
            "LIST_NO": part(bits[10][listed], 16, 2), "CUST_NO": keys.customer(listed), "EMP_NO": numbered("", staff_number(people.org[listed], part(bits[10][listed], 32, 3)), 6),
            "ISSUE_DT": np.maximum(today - 60, people.joined[listed]), "FDBK": part(bits[11][listed], 0, len(FEEDBACK)),
        },
        CONTACTS.name: {
            "CNTC_ID": numbered("K", (people.number[who] * 100_000 + day_) * 10 + nth, 15), "CUST_NO": keys.customer(who),
            "CHNL_CD": np.array([TOUCHPOINTS.index(c) for c in HISTORY_CHANNELS])[channel],
            "PURP_CD": (part(words, 16, 100) < 25).astype(np.int64), "CNTC_DT": day_, "FDBK_CD": answer,
        },
    }  # fmt: skip


def _channels_and_answers(number: Ints, words: Any) -> tuple[Ints, Ints]:
    """Return channel and answer of past contacts; half of those who are written to often chat with their manager and answer there."""
    channel = choose(words, (40.0, 30.0, 12.0, 8.0, 6.0, 4.0), 0)
    chats = (number % 34 == 0) & (part(words, 48, 100) < 55)
    channel = np.where(chats, HISTORY_CHANNELS.index("wecom"), channel)
    answer = choose(words, (84.0, 9.0, 6.6, 0.4), 32)
    return channel, np.where(chats & (part(words, 48, 100) < 44), ANSWERS.index("positive"), answer)


def _past_contacts(plan: BankPlan, state: ChunkState, since: int) -> tuple[Ints, Ints, Ints]:
    people = state.people
    rate = np.where(people.kind == PERSON, 0.006, 0.003) * np.where(people.number % 17 == 0, 8.0, 1.0)
    limit = threshold(rate)
    found = []
    for d in range(since, state.day + 1):
        if to_date(d).weekday() == 6:
            continue
        words = draw_rows(plan.seed, "past_contacts", state.chunk, d, n_rows=1, size=state.size)[0]
        who = np.flatnonzero((words < limit) & (people.joined < d))
        found.append((who, np.full(len(who), d)))
    who = np.concatenate([f[0] for f in found])
    return who, np.concatenate([f[1] for f in found]), np.zeros(len(who), np.int64)


__all__ = ["SPECS", "business_tables"]

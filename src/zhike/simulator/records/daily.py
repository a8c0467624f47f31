"""Files that come every day: movements, balances, holdings, contracts, payroll, events, opt-outs, receipts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zhike.simulator.arrays import Ints, Texts, pa, pc
from zhike.simulator.behaviour import CHANNELS as TOUCHPOINTS
from zhike.simulator.behaviour import EVENT_KINDS, SOURCES, SUBJECTS
from zhike.simulator.browsing import BESIDE, IDENTIFIED, MOBILE, VISIT, device_keys
from zhike.simulator.catalogue import (
    BOND_FUND,
    COUNTERPARTIES,
    FIRST_STAFF,
    GOLD,
    HOLDING_PRODUCTS,
    KIND,
    N_SISTERS,
    TXN_KINDS,
    products,
    term_products,
)
from zhike.simulator.contacting import ANSWERS
from zhike.simulator.files.terms import (
    NO_DAY,
    FileSpec,
    amount,
    cents,
    code,
    day,
    flag,
    moment,
    number,
    plain,
    text,
)
from zhike.simulator.identifiers import as_text, day_digits, digits, joined, numbered
from zhike.simulator.ledger import Runs
from zhike.simulator.maturity import BROKEN, rates_bp
from zhike.simulator.money import CHANNELS
from zhike.simulator.organisation import MAX_SUB_BRANCHES, sub_branch_id
from zhike.simulator.population import PERSON
from zhike.simulator.records.accounts_of import DEPOSIT_SLOTS, HOLDING_SLOTS, LOAN_SLOTS, N_DEPOSITS, N_HOLDINGS, Keys
from zhike.simulator.records.keys import source_keys
from zhike.simulator.state import FREE, N_CONTRACTS, ChunkState
from zhike.simulator.words import read_words

RECORDED = {"recorded_at": {"day_end": "on"}}
END_KINDS = ("matured", "renewed", "broken")
PAY_PURPOSES = ("wage", "bonus", "pension")
PRODUCT_IDS = tuple(p.product_id for p in products())

TRANSACTIONS = FileSpec(
    "core_transactions", "CORE_TXN", "core", "transaction", mode="append", is_daily=True, fixed=RECORDED,
    columns=(
        text("TXN_SEQ", "txn_id"), text("ACCT_NO", "account_id"), day("TXN_DT", "on"), moment("TXN_TM", "at"),
        code("DR_CR", "direction", {"C": "in", "D": "out"}), amount("TXN_AMT", "amount"), amount("ACCT_BAL", "balance_after_amount"),
        code("TXN_CD", "txn_kind", TXN_KINDS), plain("CHNL_CD", "channel", CHANNELS), code("CUST_INIT", "is_initiated", {"1": True, "0": False}),
        code("OPP_TYPE", "counterparty_kind", COUNTERPARTIES), plain("OPP_BANK", "counterparty_bank", read_words().other_banks.words),
        plain("MCC_CLASS", "merchant_category", read_words().merchants.words), text("OPP_ACCT", "counterparty_key"),
        flag("OPP_PERSON", "is_counterparty_person"), flag("GRP_FLAG", "is_within_group"),
    ),
)  # fmt: skip
BALANCES = FileSpec(
    "core_balances", "CORE_BAL", "core", "balance_daily", mode="increment", is_daily=True, fixed=RECORDED,
    columns=(text("ACCT_NO", "account_id"), day("BGN_DT", "on"), day("END_DT", "until_on"), cents("BAL_FEN", "balance_amount")),
)  # fmt: skip
HOLDINGS = FileSpec(
    "wealth_holdings", "WMS_HOLD", "core", "holding_daily", mode="increment", is_daily=True, fixed=RECORDED,
    columns=(
        text("ACCT_NO", "account_id"), plain("PROD_CD", "product_id", HOLDING_PRODUCTS), day("BGN_DT", "on"), day("END_DT", "until_on"),
        number("QTY", "units"), amount("COST_AMT", "cost_amount"), amount("MKT_VAL", "value_amount"),
    ),
)  # fmt: skip
CONTRACTS = FileSpec(
    "core_term_contracts", "CORE_TERM", "core", "term_contract", mode="increment", is_daily=True,
    fixed={"recorded_at": {"day_end": "started_on"}},
    columns=(
        text("CONTR_NO", "contract_id"), text("ACCT_NO", "account_id"), plain("PROD_CD", "product_id", PRODUCT_IDS),
        amount("PRIN_AMT", "principal_amount"), number("INT_RATE", "annual_rate"), day("VAL_DT", "started_on"), day("MAT_DT", "matures_on"),
        code("AUTO_RENEW", "auto_renews", {"Y": True, "N": False}), day("END_DT", "ended_on"), code("END_CD", "end_kind", END_KINDS),
    ),
)  # fmt: skip
PAYROLL = FileSpec(
    "payroll_items", "PAY_ITEM", "core", "payroll_item", mode="append", is_daily=True, form="fixed", fixed=RECORDED,
    columns=(
        text("ITEM_NO", "payroll_item_id", 18), text("AGRT_NO", "agreement_id", 12), text("ACCT_NO", "account_id", 17), day("PAY_DT", "on"),
        code("PURP_CD", "purpose", PAY_PURPOSES), amount("PAY_AMT", "amount"),
    ),
)  # fmt: skip
REPAYMENTS = FileSpec(
    "loan_repayment_plan", "LOAN_PLAN", "core", "repayment_plan", mode="increment", is_daily=True, form="fixed",
    fixed={"recorded_at": {"day_end": "due_on"}},
    columns=(
        text("LOAN_NO", "loan_id", 14), day("DUE_DT", "due_on"), amount("PRIN_DUE", "principal_due_amount"),
        amount("INT_DUE", "interest_due_amount"), day("PAID_DT", "paid_on"),
    ),
)  # fmt: skip


DEVICE_COLUMNS = (text("ANON_ID", "anonymous_id"), text("PREV_ID", "previous_id"))


def _event_file(source: str, prefix: str) -> FileSpec:
    return FileSpec(
        f"{source}_events", f"{prefix}_EVT", source, "event", mode="append", is_daily=True, form="archive", fixed=RECORDED,
        columns=(
            text("EVT_ID", "event_id"), text("USER_NO", "source_key"), plain("EVT_CD", "event_kind", EVENT_KINDS),
            plain("CHNL_CD", "channel", TOUCHPOINTS), day("EVT_DT", "on"), moment("EVT_TM", "at"), plain("SUBJ_CD", "subject", SUBJECTS),
            text("SESS_ID", "session_id"), text("ORG_NO", "org_id"), number("EVT_VAL", "value"),
            *(DEVICE_COLUMNS if source == SOURCES[MOBILE] else ()),
        ),
    )  # fmt: skip


EVENT_FILES = tuple(_event_file(s, p) for s, p in zip(SOURCES, ("CORE", "CARD", "MBS", "SCRM", "CCS"), strict=True))
OPT_OUTS = FileSpec(
    "consent_changes", "CONSENT_CHG", "core", "consent_record", mode="append", is_daily=True,
    fixed={"recorded_at": {"day_end": "on"}, "purpose": {"constant": "marketing"}, "state": {"constant": "withdrawn"}},
    columns=(
        text("CUST_NO", "source_key"), plain("CHNL_CD", "channel", TOUCHPOINTS), day("CHG_DT", "on"), plain("EVID_CD", "evidence", ("reply", "call_record")),
    ),
)  # fmt: skip
RECEIPTS = FileSpec(
    "contact_receipts", "CONTACT_RCPT", "core", "contact_history", mode="append", is_daily=True,
    fixed={"recorded_at": {"day_end": "on"}, "purpose": {"constant": "marketing"}},
    columns=(
        text("CNTC_ID", "contact_id"), text("CUST_NO", "source_key"), plain("CHNL_CD", "channel", TOUCHPOINTS), day("CNTC_DT", "on"),
        code("FDBK_CD", "answer", ANSWERS),
    ),
)  # fmt: skip
SPECS = (BALANCES, HOLDINGS, CONTRACTS, TRANSACTIONS, PAYROLL, REPAYMENTS, *EVENT_FILES, OPT_OUTS, RECEIPTS)


def take_daily(
    state: ChunkState, keys: Keys, prices: Mapping[int, tuple[int, int, int]], *, is_first: bool
) -> dict[str, dict[str, Any]]:
    """Return what has gathered since the last delivery, by file, and forget it.

    ``is_first`` tells every open balance and contract, later deliveries only what changed.
    """
    files: dict[str, dict[str, Any]] = {
        TRANSACTIONS.name: _transactions(state, keys),
        BALANCES.name: _balances(state, keys, is_first=is_first),
        HOLDINGS.name: _holdings(state, keys, prices, is_first=is_first),
        CONTRACTS.name: _contracts(state, keys, is_first=is_first),
        PAYROLL.name: _payroll(state, keys),
        REPAYMENTS.name: _repayments(state),
        OPT_OUTS.name: _opt_outs(state, keys),
        RECEIPTS.name: _receipts(state, keys),
    }
    return files | _events(state, keys)


def take_large(state: ChunkState, keys: Keys, *, at_least: int) -> dict[str, dict[str, Any]]:
    """Return those of the long files of which ``at_least`` rows have gathered, and forget these rows.

    What :func:`take_daily` returns later belongs behind them: the order of rows does not depend on how often this is called.
    """
    files: dict[str, dict[str, Any]] = {}
    if state.journal.n_rows >= at_least:
        files[TRANSACTIONS.name] = _transactions(state, keys)
    if state.cash.n_closed >= at_least:
        runs = state.cash.take_closed()
        files[BALANCES.name] = _balance_rows(keys, (runs, runs.cell, state.people.cash_slot[runs.cell]))
    if state.logs.n_events >= at_least:
        files |= _events(state, keys)
    return files


def _rows(log: list[tuple[Ints, ...]], n_columns: int) -> list[Ints]:
    """Return the gathered tuples as whole columns and empty the list."""
    columns = (
        [np.concatenate(parts) for parts in zip(*log, strict=True)] if log else [np.zeros(0, np.int64)] * n_columns
    )
    log.clear()
    return columns


def _transactions(state: ChunkState, keys: Keys) -> dict[str, Any]:
    rows = state.journal.take()
    who, on, signed = rows["who"], rows["day"], rows["amount"]
    n = len(who)
    sequence = joined(keys.number.take(who, axis=0), day_digits(on), digits(rows["seq"], 3), n=n)
    local = on.astype(np.int64) * 86_400_000_000 + rows["second"] * 1_000_000
    return {
        "TXN_SEQ": as_text(sequence), "ACCT_NO": keys.account(who, rows["slot"]), "TXN_DT": on, "TXN_TM": local,
        "DR_CR": (signed < 0).astype(np.int8), "TXN_AMT": np.abs(signed), "ACCT_BAL": rows["after"], "TXN_CD": rows["kind"],
        "CHNL_CD": rows["channel"], "CUST_INIT": (1 - rows["initiated"]).astype(np.int8), "OPP_TYPE": rows["partner"], "OPP_BANK": rows["bank"],
        "MCC_CLASS": rows["merchant"],
    } | _other_side(state, rows)  # fmt: skip


def _other_side(state: ChunkState, rows: dict[str, Ints]) -> dict[str, Any]:
    """Return the account on the other side where it is told, whether a person's, and whether both are of one group."""
    people, who, other = state.people, rows["who"], rows["other"]
    told = np.flatnonzero(other)
    accounts, place = np.unique(people.number[who[told]] * 1_000 + other[told], return_inverse=True)
    index = np.zeros(len(who), np.int32)
    index[told] = place
    is_business = people.kind[who] != PERSON
    is_staff = other >= FIRST_STAFF
    person = np.where(other == 0, -1, np.where(is_business & ~is_staff, 1, 0))
    is_sister = people.in_group[who] & (other > 0) & (other <= N_SISTERS) & (rows["kind"] == KIND["settlement"])
    return {
        "OPP_ACCT": pa.DictionaryArray.from_arrays(pa.array(index, mask=other == 0), numbered("6217", accounts, 12)),
        "OPP_PERSON": person, "GRP_FLAG": np.where(is_business, np.where(is_sister, 0, 1), -1),
    }  # fmt: skip


def _balances(state: ChunkState, keys: Keys, *, is_first: bool) -> dict[str, Any]:
    cash, deposits, loans = (b.take_runs(all_open=is_first) for b in (state.cash, state.deposits, state.loans))
    return _balance_rows(
        keys,
        (cash, cash.cell, state.people.cash_slot[cash.cell]),
        (deposits, deposits.cell // N_DEPOSITS, DEPOSIT_SLOTS[deposits.cell % N_DEPOSITS]),
        (loans, loans.cell, LOAN_SLOTS[state.people.loan[loans.cell]]),
    )


def _balance_rows(keys: Keys, *parts: tuple[Runs, Ints, Ints]) -> dict[str, Any]:
    """Return rows of the balance file from runs with their customers and slots."""
    runs = [r for r, *_ in parts]
    who, slot = (np.concatenate([p[i] for p in parts]) for i in (1, 2))
    on, until, value = (np.concatenate([getattr(r, name) for r in runs]) for name in ("on", "until", "value"))
    return {"ACCT_NO": keys.account(who, slot), "BGN_DT": on, "END_DT": until, "BAL_FEN": value}


def _holdings(
    state: ChunkState, keys: Keys, prices: Mapping[int, tuple[int, int, int]], *, is_first: bool
) -> dict[str, Any]:
    runs: Runs = state.holdings.take_runs(all_open=is_first)
    who, column = runs.cell // N_HOLDINGS, runs.cell % N_HOLDINGS
    price = np.full(len(who), 1_000_000, np.int64)
    is_fund = (column >= BOND_FUND) & (column <= GOLD)
    days = np.unique(runs.on[is_fund])
    table = np.array([prices[max(int(d), min(prices))] for d in days], np.int64).reshape(-1, 3)
    price[is_fund] = table[np.searchsorted(days, runs.on[is_fund]), column[is_fund] - BOND_FUND]
    units = np.rint(runs.value * 10_000.0 / price * 100.0) / 100.0
    return {
        "ACCT_NO": keys.account(who, HOLDING_SLOTS[column]), "PROD_CD": column, "BGN_DT": runs.on, "END_DT": runs.until,
        "QTY": units, "COST_AMT": runs.cost, "MKT_VAL": runs.value,
    }  # fmt: skip


def _contracts(state: ChunkState, keys: Keys, *, is_first: bool) -> dict[str, Any]:
    contracts = state.contracts
    running = np.flatnonzero(contracts.matures < FREE)
    if not is_first:
        begun = state.logs.contracts_begun
        fresh = np.unique(np.concatenate(begun)) if begun else running[:0]
        running = fresh[contracts.matures[fresh] < FREE]
    state.logs.contracts_begun.clear()
    ended = _rows(state.logs.contracts_ended, 8)
    open_columns = (contracts.product, contracts.principal, contracts.started, contracts.matures, contracts.auto)
    places = np.concatenate([ended[0], running])
    product, principal, started, matures, auto = (
        np.concatenate([e, c[running]]) for e, c in zip(ended[1:6], open_columns, strict=True)
    )
    how = np.concatenate([ended[7], np.full(len(running), -1)])
    who, terms = places // N_CONTRACTS, term_products()
    return {
        "CONTR_NO": contract_numbers(state, places, started), "ACCT_NO": keys.account(who, terms.slot[product]),
        "PROD_CD": terms.product[product], "PRIN_AMT": principal,
        "INT_RATE": np.where(how == BROKEN, 0.0005, rates_bp(state, product, started) / 10_000.0), "VAL_DT": started, "MAT_DT": matures,
        "AUTO_RENEW": 1 - auto.astype(np.int8), "END_DT": np.concatenate([ended[6], np.full(len(running), NO_DAY)]), "END_CD": how,
    }  # fmt: skip


def contract_numbers(state: ChunkState, places: Ints, started: Ints) -> Texts:
    """Return contract numbers: customer, place and day of beginning."""
    number = state.people.number[places // N_CONTRACTS]
    pieces = (digits(number, 8), digits(places % N_CONTRACTS, 1), day_digits(started))
    return as_text(joined("HT", *pieces, n=len(places)))


def agreement_numbers(state: ChunkState, employer: Ints) -> Texts:
    """Return payroll agreement numbers of companies (positions in the chunk); missing for -1."""
    number = state.people.number[np.maximum(employer, 0)]
    return as_text(joined("DF", digits(number, 8), n=len(employer)), employer < 0)


def loan_numbers(state: ChunkState, who: Ints) -> Texts:
    """Return loan numbers of customers."""
    return numbered("JJ", state.people.number[who], 10)


def _payroll(state: ChunkState, keys: Keys) -> dict[str, Any]:
    who, on, purpose, paid, employer = _rows(state.logs.payroll, 5)
    on = on.astype(np.int32)
    item = joined(
        "D",
        keys.number.take(who, axis=0),
        day_digits(on),
        digits(purpose, 1),
        n=len(who),
    )
    return {
        "ITEM_NO": as_text(item), "AGRT_NO": agreement_numbers(state, employer), "ACCT_NO": keys.account(who, 10), "PAY_DT": on,
        "PURP_CD": purpose, "PAY_AMT": paid,
    }  # fmt: skip


def _repayments(state: ChunkState) -> dict[str, Any]:
    who, due, principal, interest = _rows(state.logs.repayments, 4)
    return {
        "LOAN_NO": loan_numbers(state, who),
        "DUE_DT": due,
        "PRIN_DUE": principal,
        "INT_DUE": interest,
        "PAID_DT": due,
    }


def _events(state: ChunkState, keys: Keys) -> dict[str, dict[str, Any]]:
    who, source, kind, channel, on, second, subject, org, value, nth, device, before, silent = _rows(
        state.logs.events, 13
    )
    state.logs.n_events = 0
    files = {}
    orgs = pa.array([sub_branch_id(i) for i in range(MAX_SUB_BRANCHES)])
    for position, spec in enumerate(EVENT_FILES):
        mine = np.flatnonzero(source == position)
        w, d, o, number = who[mine], on[mine].astype(np.int32), org[mine], nth[mine]
        ident = joined(
            digits(np.full(len(w), position + 1), 1),
            keys.number.take(w, axis=0),
            day_digits(d),
            digits(number, 1),
            n=len(w),
        )
        files[spec.name] = {
            "EVT_ID": as_text(ident), "USER_NO": source_keys(SOURCES[position], state.people.number[w]), "EVT_CD": kind[mine],
            "CHNL_CD": channel[mine], "EVT_DT": d, "EVT_TM": d.astype(np.int64) * 86_400_000_000 + second[mine] * 1_000_000,
            "SUBJ_CD": subject[mine], "SESS_ID": _sessions(keys, w, d, number),
            "ORG_NO": pa.DictionaryArray.from_arrays(pa.array(o.astype(np.int16), mask=o < 0), orgs), "EVT_VAL": value[mine].astype(np.float64),
        }  # fmt: skip
        if position == MOBILE:
            _add_devices(state, files[spec.name], w, (device[mine], before[mine], silent[mine].astype(np.bool_)))
    return files


def _sessions(keys: Keys, who: Ints, on: Ints, nth: Ints) -> Texts:
    """Return session ids: one for a login with what comes before and after it, another for a visit without login."""
    letter = np.where(nth == VISIT, ord("V"), ord("S")).astype(np.uint8)[:, None]
    in_session = np.isin(nth, (0, 1, BESIDE, IDENTIFIED, VISIT))
    return as_text(joined(letter, keys.number.take(who, axis=0), day_digits(on), n=len(who)), ~in_session)


def _add_devices(state: ChunkState, file: dict[str, Any], who: Ints, told: tuple[Ints, Ints, Ints]) -> None:
    """Add the keys of devices to a file of events, take away the users whom the touchpoint did not know, and keep them for truth."""
    device, before, silent = told
    file["USER_NO"] = pc.if_else(pa.array(silent), pa.scalar(None, pa.string()), file["USER_NO"])
    file["ANON_ID"] = as_text(device_keys(device), device < 0)
    file["PREV_ID"] = as_text(device_keys(before), before < 0)
    hidden = pa.array(np.flatnonzero(silent & (before < 0)))
    numbers = state.people.number[who[hidden.to_numpy()]]
    state.logs.anonymous.append((file["EVT_ID"].take(hidden), numbers, file["ANON_ID"].take(hidden)))


def _opt_outs(state: ChunkState, keys: Keys) -> dict[str, Any]:
    who, on, channel = _rows(state.logs.consents, 3)
    return {"CUST_NO": keys.customer(who), "CHNL_CD": channel, "CHG_DT": on, "EVID_CD": np.zeros(len(who), np.int64)}


def _receipts(state: ChunkState, keys: Keys) -> dict[str, Any]:
    rows = state.logs.receipts
    data = {
        "CNTC_ID": pa.array([r[1] for r in rows], pa.string()), "CUST_NO": keys.customer(np.array([r[0] for r in rows], np.int64)),
        "CHNL_CD": np.array([TOUCHPOINTS.index(str(r[2])) for r in rows], np.int64), "CNTC_DT": np.array([r[3] for r in rows], np.int32),
        "FDBK_CD": np.array([r[4] for r in rows], np.int64),
    }  # fmt: skip
    rows.clear()
    return data


__all__ = [
    "EVENT_FILES",
    "SPECS",
    "agreement_numbers",
    "contract_numbers",
    "loan_numbers",
    "take_daily",
    "take_large",
]

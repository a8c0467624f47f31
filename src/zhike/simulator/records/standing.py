"""How customers stand to the bank and to each other: relations, consent, controls, risk tests, managers, services signed."""

from __future__ import annotations

from typing import Any

import numpy as np

from zhike.simulator.arrays import Columns, Ints
from zhike.simulator.files.terms import NO_DAY, FileSpec, amount, code, day, number, plain, text
from zhike.simulator.identifiers import day_number, numbered
from zhike.simulator.money import DayBook
from zhike.simulator.organisation import staff, staff_number
from zhike.simulator.population import COMPANY, PERSON
from zhike.simulator.randomness import choose, draw_rows, part, part_uniform
from zhike.simulator.records import relations
from zhike.simulator.records.accounts_of import Keys
from zhike.simulator.records.daily import agreement_numbers
from zhike.simulator.records.keys import source_keys
from zhike.simulator.state import ChunkState
from zhike.simulator.terms import BankPlan

FLAGS = ("do_not_contact", "complaint_open", "complaint_closed", "judicial_freeze", "fraud_control", "aml_high_risk", "sanctioned",
         "litigation", "account_inactive", "credit_watch", "legal_dispute", "related_party")  # fmt: skip
APPROVALS = ("pending", "approved", "rejected")
PENDING, APPROVED = 0, 1
FLAG_SHARES = (60, 25, 50, 12, 6, 10, 2, 8, 90, 20, 6, 15)  # of ten thousand customers
SERVICES = ("mobile_bank", "online_bank", "quick_pay", "direct_debit", "payroll", "acquiring", "third_party_custody", "sms_notice",
            "auto_transfer", "cash_management", "pension_account", "official_account", "mini_program")  # fmt: skip
CONSENT_CHANNELS = ("sms", "call_centre", "app_push", "wecom", "email", "voice_bot", "rm", "*")
WITHDRAWN_RATES = (0.10, 0.14, 0.06, 0.03, 0.08, 0.2, 0.02, 0.015)

WECOM_LINKS = FileSpec(
    "wecom_contacts", "SCRM_REL", "wecom", "wecom_contact", mode="increment", fixed={"recorded_at": {"day_end": "added_on"}},
    columns=(text("EXT_USERID", "source_key"), text("EMP_NO", "staff_id"), day("ADD_DT", "added_on"), day("DEL_DT", "deleted_on")),
)  # fmt: skip
MANAGERS = FileSpec(
    "manager_assignments", "CUST_MGR", "core", "manager_assignment", mode="zipper",
    columns=(
        text("CUST_NO", "source_key"), text("EMP_NO", "staff_id"), code("MGR_ROLE", "role", ("lead", "share", "pool")), number("SHARE", "share_rate"),
        code("APPR_ST", "approval", APPROVALS), day("APPR_DT", "approved_on"), day("BGN_DT", "valid_from_on"), day("END_DT", "valid_to_on"),
    ),
)  # fmt: skip
CONSENTS = FileSpec(
    "consent_records", "CONSENT", "core", "consent_record", mode="append", fixed={"recorded_at": {"day_end": "on"}},
    columns=(
        text("CUST_NO", "source_key"), plain("CHNL_CD", "channel", CONSENT_CHANNELS), code("PURP_CD", "purpose", ("marketing", "service", "profiling")),
        code("CONSENT_ST", "state", {"1": "granted", "0": "withdrawn"}), day("CONSENT_DT", "on"), plain("EVID_CD", "evidence", ("account_opening", "app", "call_record")),
    ),
)  # fmt: skip
CONTROLS = FileSpec(
    "control_flags", "CTRL_FLAG", "core", "control_flag", mode="increment", fixed={"recorded_at": {"day_end": "valid_from_on"}},
    columns=(text("CUST_NO", "source_key"), code("FLAG_CD", "flag", FLAGS), day("BGN_DT", "valid_from_on"), day("END_DT", "valid_to_on")),
)  # fmt: skip
RISK_TESTS = FileSpec(
    "risk_tests", "RISK_EVAL", "core", "risk_assessment", mode="append", fixed={"recorded_at": {"day_end": "assessed_on"}},
    columns=(
        text("CUST_NO", "source_key"), code("RISK_LVL", "risk_grade", ("C1", "C2", "C3", "C4", "C5")), day("EVAL_DT", "assessed_on"), day("EXP_DT", "expires_on"),
        plain("CHNL_CD", "channel", ("app", "branch")), plain("PAPER_VER", "questionnaire", ("Q2024", "Q2025")),
    ),
)  # fmt: skip
SIGNINGS = FileSpec(
    "service_signings", "SIGN_INFO", "core", "signing", mode="increment", fixed={"recorded_at": {"day_end": "signed_on"}},
    columns=(text("CUST_NO", "source_key"), code("SIGN_CD", "service", SERVICES), day("SIGN_DT", "signed_on"), day("END_DT", "ended_on")),
)  # fmt: skip
AGREEMENTS = FileSpec(
    "payroll_agreements", "PAY_AGRT", "core", "payroll_agreement", mode="increment", fixed={"recorded_at": {"day_end": "signed_on"}},
    columns=(text("AGRT_NO", "agreement_id"), text("ENT_NO", "company_key"), day("SIGN_DT", "signed_on"), day("END_DT", "ended_on")),
)  # fmt: skip
WHITELIST = FileSpec(
    "risk_whitelist", "WHITE_LIST", "core", "whitelist", mode="append", fixed={"recorded_at": {"day_end": "issued_on"}},
    columns=(plain("LIST_NO", "list_id", ("PRELOAN",)), text("CUST_NO", "source_key"), amount("LMT_AMT", "limit_amount"), day("ISSUE_DT", "issued_on"), day("VALID_DT", "valid_to_on")),
)  # fmt: skip
SPECS = (
    *relations.SPECS,
    WECOM_LINKS,
    MANAGERS,
    CONSENTS,
    CONTROLS,
    RISK_TESTS,
    SIGNINGS,
    AGREEMENTS,
    WHITELIST,
)


def standing_tables(plan: BankPlan, state: ChunkState, keys: Keys, known_in: Any) -> dict[str, Columns]:
    """Return these tables for one chunk, as they stand at the end of the history."""
    bits = draw_rows(plan.seed, "standing", state.chunk, n_rows=30, size=state.size)
    return (
        relations.relation_tables(plan, state, keys, bits) | _managers(plan, state, keys, bits, known_in) | _consents(plan, state, keys, bits)
        | _controls(plan, state, keys, bits) | _risk_tests(state, keys, bits) | _services(plan, state, keys, bits, known_in)
    )  # fmt: skip


def _managers(plan: BankPlan, state: ChunkState, keys: Keys, bits: Any, known_in: Any) -> dict[str, Columns]:
    """Return who looks after whom: value customers have a manager, companies a company manager, the rest a pool; a few were handed over, or are to be."""
    people, n = state.people, state.size
    rich = DayBook(state, state.day).own_money(np.arange(n)) >= 5_000_000
    business = people.kind != PERSON
    seat = np.where(business, 3, np.where(rich, part(bits[13], 0, 3), 4))
    number_ = staff_number(people.org, seat)
    handed = np.flatnonzero(rich & ~business & (part(bits[13], 16, 100) < 6))
    cut = state.day - part(bits[13][handed], 32, 120)
    handed, cut = handed[people.joined[handed] < cut], cut[people.joined[handed] < cut]
    before = staff_number(people.org[handed], (seat[handed] + 1) % 3)
    begun = people.joined.astype(np.int64).copy()
    begun[handed] = cut
    # a few are asked for by another manager; of every second the core has ended the former lead already
    asked = np.flatnonzero(rich & ~business & (part(bits[13], 16, 100) >= 98) & (people.joined < state.day - 10))
    ended = np.full(n, NO_DAY, np.int64)
    ended[asked[::2]] = state.day - 6
    who = np.concatenate([np.arange(n), handed, asked])
    begins = np.concatenate([begun, people.joined[handed], np.full(len(asked), state.day - 5)])
    ends = np.concatenate([ended, cut - 1, np.full(len(asked), NO_DAY)])
    seats = np.concatenate([number_, before, staff_number(people.org[asked], (seat[asked] + 1) % 3)])
    approval = np.full(len(who), -1)
    approval[handed] = APPROVED  # some of them days after the core had ended the former lead
    approval[n + len(handed) :] = PENDING
    approved = np.full(len(who), NO_DAY, np.int64)
    approved[handed] = np.minimum(cut + part(bits[13][handed], 48, 8) - 4, state.day)
    everyone = staff(plan)
    gone = set(everyone.number[everyone.left > 0].tolist())
    friends = np.flatnonzero(known_in[3])
    added = np.minimum(people.joined[friends] + part(bits[14][friends], 0, 500), state.day)
    deleted = np.where(part(bits[14][friends], 16, 100) < 8, np.minimum(added + 30, state.day), NO_DAY)
    linked = np.where(business[friends], 3, part(bits[14][friends], 32, 3))
    return {
        MANAGERS.name: {
            "CUST_NO": keys.customer(who), "EMP_NO": numbered("", seats, 6), "MGR_ROLE": np.where((rich | business)[who], 0, 2), "SHARE": np.ones(len(who)),
            "APPR_ST": approval, "APPR_DT": approved, "BGN_DT": begins, "END_DT": ends,
        },
        WECOM_LINKS.name: {
            "EXT_USERID": source_keys("wecom", people.number[friends]), "EMP_NO": numbered("", staff_number(people.org[friends], linked), 6),
            "ADD_DT": added, "DEL_DT": np.where(np.isin(staff_number(people.org[friends], linked), list(gone)), np.minimum(added + 60, state.day), deleted),
        },
    }  # fmt: skip


def _consents(plan: BankPlan, state: ChunkState, keys: Keys, bits: Any) -> dict[str, Columns]:
    """Return consent as the file appends it: granted at opening by most, withdrawn later by some, service for all, profiling by many."""
    people, n = state.people, state.size
    everyone = np.arange(n)
    rows: list[tuple[Ints, int, int, int, Ints]] = []
    age = part_uniform(bits[15], 0)
    for position, (channel, rate) in enumerate(zip(CONSENT_CHANNELS, WITHDRAWN_RATES, strict=True)):
        w = bits[16 + position % 6] >> np.uint64(position)
        if channel == "*":
            rows.append((everyone, position, 1, 0, people.joined))
            rows.append((everyone[age < 0.93], position, 2, 0, people.joined[age < 0.93]))
            gone = np.flatnonzero(part_uniform(w, 0) < rate)
            rows.append(
                (gone, position, 0, 1, np.minimum(people.joined[gone] + 40 + part(w[gone], 16, 400), state.day))
            )
            continue
        granted = np.flatnonzero(part_uniform(w, 0) < 0.86)
        left = granted[part_uniform(w[granted], 16) < rate]
        rows.append((granted, position, 0, 0, people.joined[granted]))
        rows.append((left, position, 0, 1, np.minimum(people.joined[left] + 10 + part(w[left], 32, 900), state.day)))
    who = np.concatenate([r[0] for r in rows])
    counts = [len(r[0]) for r in rows]
    state_ = np.repeat([r[3] for r in rows], counts)
    on = np.concatenate([r[4] for r in rows]).astype(np.int64)
    first = day_number(plan.first_day)
    on = np.where((state_ == 1) & (on == state.day), state.day - who % min(plan.n_days - 2, 200), on)
    on = np.where(state_ == 1, np.maximum(on, people.joined[who] + 1), on)
    kept = on <= state.day  # who joined today has withdrawn nothing yet
    through, purpose = np.repeat([r[1] for r in rows], counts)[kept], np.repeat([r[2] for r in rows], counts)[kept]
    who, state_, on = who[kept], state_[kept], on[kept]
    return {
        CONSENTS.name: {
            "CUST_NO": keys.customer(who), "CHNL_CD": through, "PURP_CD": purpose, "CONSENT_ST": state_, "CONSENT_DT": on, "EVID_CD": np.where(state_ == 0, 0, np.where(on < first, 1, 2)),
        }
    }  # fmt: skip


def _controls(plan: BankPlan, state: ChunkState, keys: Keys, bits: Any) -> dict[str, Columns]:
    people = state.people
    logs: tuple[list[Ints], list[Ints], list[Ints], list[Ints]] = ([], [], [], [])
    who, kind, begin, end = logs
    for position, (name, share) in enumerate(zip(FLAGS, FLAG_SHARES, strict=True)):
        w = bits[22] ^ (bits[23] >> np.uint64(position + 1))
        flagged = np.flatnonzero(part_uniform(w, 0) * 10_000 < share)
        since = np.maximum(
            state.day - part(w[flagged], 16, 25 if "complaint" in name else plan.n_days), people.joined[flagged]
        )
        ends = np.where(
            (part(w[flagged], 32, 100) < 30) & (name != "complaint_open"),
            np.minimum(since + 60, state.day + 30),
            int(NO_DAY),
        )
        ends = np.where(name == "complaint_closed", since, ends)
        for log, values in ((who, flagged), (kind, np.full(len(flagged), position)), (begin, since), (end, ends)):
            log.append(values)
    w = np.concatenate(who)
    return {
        CONTROLS.name: {
            "CUST_NO": keys.customer(w),
            "FLAG_CD": np.concatenate(kind),
            "BGN_DT": np.concatenate(begin),
            "END_DT": np.concatenate(end),
        }
    }


def _risk_tests(state: ChunkState, keys: Keys, bits: Any) -> dict[str, Columns]:
    people = state.people
    adult = (people.kind == PERSON) & (state.day - people.born > 18 * 365)
    investor = people.has_fund | people.has_cash_wealth | (people.n_contracts > 0)
    tested = np.flatnonzero(adult & (part(bits[24], 0, 100) < np.where(investor, 82, 22)))
    appetite = (
        part_uniform(bits[25][tested], 0)
        + 0.1 * people.rate_sense[tested]
        - 0.004 * ((state.day - people.born[tested]) // 365 - 40)
    )
    grade = np.select([appetite < 0.14, appetite < 0.45, appetite < 0.78, appetite < 0.95], [0, 1, 2, 3], 4)
    on = np.maximum(state.day - part(bits[25][tested], 16, 480), people.joined[tested])
    return {
        RISK_TESTS.name: {
            "CUST_NO": keys.customer(tested), "RISK_LVL": grade, "EVAL_DT": on, "EXP_DT": on + 365, "CHNL_CD": (people.digital[tested] < 0.35).astype(np.int64),
            "PAPER_VER": (on > state.day - 180).astype(np.int64),
        }
    }  # fmt: skip


def _services(plan: BankPlan, state: ChunkState, keys: Keys, bits: Any, known_in: Any) -> dict[str, Columns]:
    people = state.people
    share = part_uniform(bits[26], 0)
    person, business = people.kind == PERSON, people.kind != PERSON
    chosen = {
        "mobile_bank": known_in[2], "online_bank": business | (person & (share < 0.2)), "quick_pay": person & (part_uniform(bits[26], 16) < 0.3 + 0.6 * people.digital),
        "direct_debit": person & (people.number % 3 == 0), "payroll": people.employer >= 0, "acquiring": (people.kind == 1) & (share < 0.6),
        "third_party_custody": person & (people.rate_sense > 1.2), "sms_notice": people.number % 7 == 0, "auto_transfer": person & (share > 0.94),
        "cash_management": (people.kind == COMPANY) & (share < 0.25), "pension_account": person & (share > 0.9) & (people.employer >= 0),
        "official_account": person & (part_uniform(bits[26], 32) < 0.25), "mini_program": person & (part_uniform(bits[27], 0) < 0.3 * (0.4 + people.digital)),
    }  # fmt: skip
    who = np.concatenate([np.flatnonzero(v) for v in chosen.values()])
    service = np.concatenate([np.full(int(v.sum()), SERVICES.index(k)) for k, v in chosen.items()])
    signed = np.minimum(people.joined[who] + part(bits[28][who], 0, 60), state.day)
    ended = np.where((part(bits[28][who], 16, 100) < 3) & (service > 1), np.minimum(signed + 200, state.day), NO_DAY)
    lapsed = (service == SERVICES.index("payroll")) & (people.payroll_to[who] <= state.day)
    ended = np.where(lapsed, people.payroll_to[who], ended)
    payers = np.unique(people.employer[people.employer >= 0])
    listed = np.flatnonzero(person & (people.employer >= 0) & (share < 0.3) & (state.day - people.born < 55 * 365))
    issued = state.day - part(bits[29][listed], 0, 60)
    picks = choose(bits[29][listed], (30.0, 40.0, 20.0, 10.0), 16)
    return {
        SIGNINGS.name: {"CUST_NO": keys.customer(who), "SIGN_CD": service, "SIGN_DT": signed, "END_DT": ended},
        AGREEMENTS.name: {
            "AGRT_NO": agreement_numbers(state, payers), "ENT_NO": keys.customer(payers), "SIGN_DT": people.joined[payers], "END_DT": np.full(len(payers), NO_DAY),
        },
        WHITELIST.name: {
            "LIST_NO": np.zeros(len(listed), np.int64), "CUST_NO": keys.customer(listed), "LMT_AMT": np.array([3_000_000, 8_000_000, 15_000_000, 30_000_000])[picks],
            "ISSUE_DT": issued, "VALID_DT": issued + 30,
        },
    }  # fmt: skip


__all__ = ["SPECS", "standing_tables"]

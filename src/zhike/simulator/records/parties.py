"""Who the sources think they know: each with its own key, its own subset of facts and its own slips of the pen."""

from __future__ import annotations

from typing import Any

import numpy as np

from zhike.simulator.arrays import Bits, Columns, Flags, Ints, Texts, pa, pc
from zhike.simulator.behaviour import SOURCES
from zhike.simulator.companies import company_names, draw_companies
from zhike.simulator.files.terms import (
    NO_AMOUNT,
    NO_DAY,
    FileSpec,
    amount,
    code,
    day,
    day_text,
    flag,
    integer,
    plain,
    text,
)
from zhike.simulator.identifiers import as_text, credit_codes, mobiles, numbered, resident_ids
from zhike.simulator.population import COMPANY, NEVER, PERSON, SOLE_TRADER, People
from zhike.simulator.randomness import choose, draw_rows, part, uniform
from zhike.simulator.records.keys import second_core_keys, source_keys
from zhike.simulator.terms import BankPlan
from zhike.simulator.words import read_words, take_words
from zhike.simulator.writing import written_name, written_tax_id

KINDS = ("person", "sole_trader", "company")
SIZES = ("micro", "small", "medium", "large", "institution")
MARITAL = ("single", "married", "divorced", "widowed")
CERTIFICATES = ("高新", "专精特新", "科技型中小")
OLD_TAX_ID_LENGTH, OTHER_DOCUMENT = 15, 3  # position of `other` among the document types of the core
RECORDED = {"recorded_at": {"day_end": "valid_from_on"}}
PERSON_KIND = {"party_kind": {"constant": "person"}}
DUPLICATE_RATE, MISSING_ID_RATE, TYPO_RATE = 0.012, 0.02, 0.02
COMPANY_DUPLICATE_RATE, SECOND_WITHOUT_NUMBER, SECOND_UNDER_FORMER_NAME = 0.04, 25, 30  # the last two of a hundred
MOVED_PHONE_RATE, SHARED_PHONE_RATE = 0.06, 0.02

CORE = FileSpec(
    "core_customers", "CORE_CUST", "core", "source_party", mode="zipper", fixed=RECORDED,
    columns=(
        text("CUST_NO", "source_key"), code("CUST_TYPE", "party_kind", {"1": "person", "2": "sole_trader", "3": "company"}), text("CUST_NM", "name"),
        code("ID_TYPE", "id_type", {"101": "resident_id", "102": "passport", "201": "uscc", "199": "other"}), text("ID_NO", "id_number"),
        day("ID_EXP_DT", "id_expires_on"), text("MOBILE_NO", "mobile"), text("EMAIL", "email"), text("ADDR", "address"),
        code("SEX", "sex", {"1": "male", "2": "female"}), day_text("BIRTH_DT", "birth_on"), code("MARRY_ST", "marital_status", MARITAL),
        integer("CHILD_CNT", "n_children"), plain("EDU", "education", read_words().education.words),
        plain("OCCU", "occupation", read_words().occupations.words), flag("STU_FLAG", "is_student"), flag("EMP_FLAG", "is_staff"),
        amount("YR_INCOME", "annual_income_amount"), text("DIST_CD", "district"), plain("INDU_CD", "industry", read_words().industries.words),
        code("ENT_SIZE", "company_size", SIZES), integer("EMP_CNT", "n_employees"), amount("YR_REVENUE", "annual_revenue_amount"),
        day("FOUND_DT", "founded_on"), plain("TAX_GRADE", "tax_grade", ("A", "B", "M", "C", "D")), plain("CERT_NM", "certificate", CERTIFICATES),
        flag("COURT_FLAG", "has_court_record"), day("OPEN_DT", "registered_on"), day("DEATH_DT", "deceased_on"),
        day("BGN_DT", "valid_from_on"), day("END_DT", "valid_to_on"),
    ),
)  # fmt: skip
CARD = FileSpec(
    "card_customers", "CARD_CUST", "card", "source_party", mode="increment", fixed=RECORDED | PERSON_KIND,
    columns=(
        text("CARD_CUST_ID", "source_key"), text("EMBOSS_NM", "name"), code("ID_TYPE", "id_type", {"A": "resident_id", "B": "passport"}),
        text("ID_NO", "id_number"), text("MOBILE", "mobile"), text("BILL_ADDR", "address"), code("SEX", "sex", {"M": "male", "F": "female"}),
        day_text("BIRTH_DT", "birth_on"), amount("INCOME_YR", "annual_income_amount"), day("APPLY_DT", "registered_on"), day("EFF_DT", "valid_from_on"),
    ),
)  # fmt: skip
MOBILE = FileSpec(
    "mobile_users", "MBS_USER", "mobile", "source_party", mode="increment", fixed=RECORDED | PERSON_KIND,
    columns=(
        text("USER_ID", "source_key"), text("REAL_NAME", "name"), code("ID_TYPE", "id_type", {"1": "resident_id"}), text("CERT_NO", "id_number"),
        text("PHONE", "mobile"), text("MAIL", "email"), text("UNION_ID", "wechat_unionid"), text("DEV_ID", "device_id"),
        day("REG_DT", "registered_on"), day("UPD_DT", "valid_from_on"),
    ),
)  # fmt: skip
WECOM = FileSpec(
    "wecom_externals", "SCRM_EXT", "wecom", "source_party", mode="increment", fixed=RECORDED | PERSON_KIND,
    columns=(
        text("EXT_USERID", "source_key"), text("NICK_NM", "name"), text("REMARK_PHONE", "mobile"), text("UNIONID", "wechat_unionid"),
        code("GENDER", "sex", {"1": "male", "2": "female"}), day("ADD_DT", "registered_on"), day("EFF_DT", "valid_from_on"),
    ),
)  # fmt: skip
CALLS = FileSpec(
    "call_centre_callers", "CCS_CALLER", "call_centre", "source_party", mode="increment", fixed=RECORDED, form="csv",
    columns=(text("CALLER_ID", "source_key"), code("CALLER_TP", "party_kind", {"P": "person", "E": "company"}), text("CALLER_NM", "name"), text("CALL_NO", "mobile"), day("FIRST_DT", "registered_on"), day("EFF_DT", "valid_from_on")),
)  # fmt: skip
SPECS = (CORE, CARD, MOBILE, WECOM, CALLS)


class Identity:
    """Names, documents and numbers of a chunk as they truly are; sources write them down with slips."""

    def __init__(self, plan: BankPlan, people: People, chunk: int) -> None:
        n = people.size
        self.people = people
        self.bits = draw_rows(plan.seed, "identity", chunk, n_rows=24, size=n)
        self.districts = np.array([int(d) for d in read_words().districts])[
            choose(self.bits[0], (14, 14, 13, 12, 12, 10, 8, 7, 4, 3, 3))
        ]
        self.companies = draw_companies(plan, people, chunk, self.districts)
        self.names = _names(people, self.bits, company_names(self.companies, n))
        serial = (people.number * 2 + people.is_male) % 1_000
        resident = as_text(resident_ids(self.districts, people.born, serial))
        company = as_text(credit_codes("91", self.districts, people.number))
        shop = as_text(credit_codes("92", self.districts, people.number))
        self.documents = pc.choose(pa.array(people.kind), resident, shop, company)
        self.phones = _phones(people, self.bits)
        self.old_phones = as_text(mobiles(self.bits[9]))
        self.unions = numbered("oU", (people.number * 7_919 + 13) % 10**9, 10)
        self.devices = numbered("DV", (people.number * 104_729 + 7) % 10**10, 10)
        self.is_twice = entered_twice(plan, people, chunk)


def entered_twice(plan: BankPlan, people: People, chunk: int) -> Ints:
    """Return the persons and companies whom the core holds under two numbers."""
    bits = draw_rows(plan.seed, "twice", chunk, n_rows=1, size=people.size)[0]
    rate = np.where(
        people.kind == PERSON, DUPLICATE_RATE, np.where(people.kind == COMPANY, COMPANY_DUPLICATE_RATE, 0.0)
    )
    return np.flatnonzero(uniform(bits) < rate)


def _names(people: People, bits: Bits, companies: list[str]) -> Texts:
    """Return names: surname with one or two characters; shops and companies by owner, word and trade."""
    words = read_words()
    surname = words.surnames.take(words.surnames.draw(bits[1]))
    two = part(bits[2], 0, 100) < 78
    given = []
    for row in (3, 4):
        male, female = words.given_male.draw(bits[row], 32), words.given_female.draw(bits[row], 32)
        given.append(pc.if_else(pa.array(people.is_male), words.given_male.take(male), words.given_female.take(female)))
    second = pc.if_else(pa.array(two), given[1], "")
    person = pc.binary_join_element_wise(surname, given[0], second, "")
    cities = pa.array([d[:2] for d in words.districts.values()]).take(pa.array(part(bits[5], 0, 10)))
    owner = person.take(pa.array(np.maximum(people.owner, 0)))
    shop_tail = take_words(words.shop_tails, part(bits[6], 0, len(words.shop_tails)))
    shop = pc.binary_join_element_wise(cities, owner, shop_tail, "")
    return pc.choose(pa.array(people.kind), person, shop, pa.array(companies, pa.string()))


def _phones(people: People, bits: Bits) -> Texts:
    """Return current numbers; shops share their owner's, some couples share one."""
    own = mobiles(bits[7])
    sharing = np.flatnonzero(
        (people.is_married_to >= 0)
        & (uniform(bits[8]) < SHARED_PHONE_RATE * 5)
        & (people.is_married_to < np.arange(people.size))
    )
    own[sharing] = own[people.is_married_to[sharing]]
    owned = np.flatnonzero((people.kind == SOLE_TRADER) & (people.owner >= 0))
    own[owned] = own[people.owner[owned]]
    return as_text(own)


def core_customers(identity: Identity) -> Columns:
    """Return the core's customers: one row per version (a changed phone makes two), then those entered twice."""
    people, bits = identity.people, identity.bits
    n, person = people.size, identity.people.kind == PERSON
    moved = np.flatnonzero((uniform(bits[11]) < MOVED_PHONE_RATE) & (people.joined < people.born + 36_500))
    change = people.joined + 30 + part(bits[12], 0, 65_536) * 200 // 65_536
    today = int(people.joined.max())
    moved = moved[change[moved] < today]
    order = np.concatenate([np.arange(n), moved, identity.is_twice])
    is_old = np.arange(len(order)) >= n
    is_twice = np.arange(len(order)) >= n + len(moved)
    from_on, to_on = people.joined.astype(np.int64).copy(), np.full(len(order), NO_DAY, np.int64)
    from_on[moved] = change[moved]
    valid_from = np.concatenate(
        [from_on, people.joined[moved], np.minimum(people.joined[identity.is_twice] + 200, today)]
    )
    to_on[is_old & ~is_twice] = change[moved] - 1
    keys = pa.concat_arrays(
        [
            source_keys("core", people.number[order[: -len(identity.is_twice) or None]]),
            second_core_keys(people.number[identity.is_twice]),
        ]
    )
    phones = pc.if_else(
        pa.array(is_old & ~is_twice), identity.old_phones.take(pa.array(order)), identity.phones.take(pa.array(order))
    )
    no_id = (uniform(bits[13]) < MISSING_ID_RATE)[order] & ~is_twice
    data = _described(identity)
    data |= {"ID_NO": identity.documents, "CUST_NM": identity.names}
    rows = {name: _take(values, order) for name, values in data.items()}
    rows["ID_NO"] = pc.if_else(pa.array(no_id), pa.scalar(None, pa.string()), rows["ID_NO"])
    rows["CUST_NM"] = pc.if_else(
        pa.array(is_twice & (part(bits[14], 0, 3)[order] == 0)),
        pc.binary_join_element_wise(rows["CUST_NM"], pa.scalar(" "), ""),
        rows["CUST_NM"],
    )
    rows |= _entered_again(identity, order, is_twice, rows)
    company = ~person[order]
    return rows | {
        "CUST_NO": keys, "MOBILE_NO": pc.if_else(pa.array(company & (people.kind[order] == COMPANY)), pa.scalar(None, pa.string()), phones),
        "BGN_DT": valid_from, "END_DT": to_on,
    }  # fmt: skip


def _entered_again(identity: Identity, order: Ints, is_twice: Flags, rows: Columns) -> Columns:
    """Return names and numbers with those of companies entered a second time as a second clerk wrote them."""
    again = np.flatnonzero(is_twice & (identity.people.kind[order] == COMPANY))
    names, numbers = rows["CUST_NM"].to_pylist(), rows["ID_NO"].to_pylist()
    kind = rows["ID_TYPE"].copy()
    for row in again.tolist():
        at = int(identity.companies.of_customer[order[row]])
        word = int(identity.bits[12][order[row]])
        company = identity.companies.all[at]
        names[row] = written_name(company, word // 100, is_former=word % 100 < SECOND_UNDER_FORMER_NAME)
        is_without = word // 10_007 % 100 < SECOND_WITHOUT_NUMBER
        numbers[row] = None if is_without else written_tax_id(identity.companies.tax_ids[at], word // 1_000_003)
        if numbers[row] is not None and len(numbers[row]) == OLD_TAX_ID_LENGTH:
            kind[row] = OTHER_DOCUMENT
    return {"CUST_NM": pa.array(names, pa.string()), "ID_NO": pa.array(numbers, pa.string()), "ID_TYPE": kind}


def _take(values: Any, order: Ints) -> Any:
    return values.take(pa.array(order)) if isinstance(values, pa.Array) else values[order]


def _described(identity: Identity) -> Columns:
    """Return what the core writes about each customer, besides keys, names and numbers."""
    people, bits, words = identity.people, identity.bits, read_words()
    person = people.kind == PERSON
    last = int(people.joined.max())
    age = (last - people.born) // 365
    married = (people.is_married_to >= 0) | ((age > 30) & (part(bits[15], 0, 100) < 60))
    marital = np.where(
        part(bits[15], 16, 100) < 25,
        -1,
        np.where(married, 1, np.where((age > 35) & (part(bits[15], 32, 100) < 25), 2, 0)),
    )
    children = np.where((marital == 1) & (age < 60), part(bits[16], 0, 3), NO_AMOUNT)
    expires = last - 40 + part(bits[16], 16, 65_536) * 5_000 // 65_536
    street = pc.binary_join_element_wise(
        pa.array(list(words.districts.values())).take(pa.array(np.searchsorted(np.sort([int(d) for d in words.districts]), identity.districts))),
        take_words(words.streets, part(bits[17], 0, len(words.streets))), numbered("", part(bits[17], 16, 900) + 100, 3), pa.scalar("号"), "",
    )  # fmt: skip
    revenue = np.rint(people.wealth_cents * (4.0 + 12.0 * uniform(bits[18]))).astype(np.int64) // 1_000_000 * 1_000_000
    occupation = np.where(people.is_student, words.occupations.words.index("student"), words.occupations.draw(bits[19]))
    occupation = np.where(people.is_pensioner, words.occupations.words.index("retired"), occupation)
    founded = people.joined - 30 - part(bits[20], 0, 65_536) * 4_000 // 65_536
    email = pc.binary_join_element_wise(numbered("c", people.number * 17 % 10**8, 8), pa.scalar("@example.com"), "")
    return {
        "CUST_TYPE": people.kind, "ID_TYPE": np.where(person, 0, 2), "ID_EXP_DT": np.where(person, expires, NO_DAY),
        "EMAIL": pc.if_else(pa.array(part(bits[21], 0, 100) < 22), email, pa.scalar(None, pa.string())),
        "ADDR": pc.if_else(pa.array(part(bits[21], 16, 100) < 85), street, pa.scalar(None, pa.string())),
        "SEX": np.where(person, np.where(people.is_male, 0, 1), -1), "BIRTH_DT": np.where(person, people.born, NO_DAY),
        "MARRY_ST": np.where(person, marital, -1), "CHILD_CNT": np.where(person, children, NO_AMOUNT),
        "EDU": np.where(person & (part(bits[21], 32, 100) < 80), words.education.draw(bits[22]), -1),
        "OCCU": np.where(person & (part(bits[22], 0, 100) < 88), occupation, -1),
        "STU_FLAG": np.where(person, 1 - people.is_student, -1), "EMP_FLAG": np.where(person, 1 - people.is_staff, -1),
        "YR_INCOME": np.where(person & (part(bits[22], 16, 100) < 60), people.monthly_income_cents * 12 // 100_000 * 100_000, NO_AMOUNT),
        "DIST_CD": numbered("", identity.districts, 6), "INDU_CD": people.industry, "ENT_SIZE": people.company_size,
        "EMP_CNT": np.where(person, NO_AMOUNT, people.n_employees), "YR_REVENUE": np.where(person, NO_AMOUNT, revenue),
        "FOUND_DT": np.where(person, NO_DAY, founded), "TAX_GRADE": np.where(person | (part(bits[23], 0, 100) < 30), -1, choose(bits[23], (20, 50, 20, 8, 2), 16)),
        "CERT_NM": np.where((people.kind == COMPANY) & (part(bits[23], 32, 100) < 14), part(bits[20], 16, 3), -1),
        "COURT_FLAG": np.where(person, -1, 1 - (part(bits[20], 32, 100) < 3)), "OPEN_DT": people.joined,
        "DEATH_DT": np.where(people.died < NEVER, people.died, NO_DAY),
    }  # fmt: skip


def other_sources(identity: Identity, known_in: Flags) -> dict[str, Columns]:
    """Return the records of card, mobile, WeCom and call centre, each with its own gaps, typing slips and formats."""
    people, bits = identity.people, identity.bits
    files: dict[str, Columns] = {}
    for spec in SPECS[1:]:
        position = SOURCES.index(spec.source)
        who = np.flatnonzero(known_in[position])
        w, take = bits[11 + position][who], pa.array(who)
        since = np.maximum(people.joined[who], people.joined[who] + part(w, 0, 65_536) * 300 // 65_536)
        since = np.minimum(since, int(people.joined.max()))
        name = _misspelt(identity.names.take(take), part(w, 16, 1_000) < 1_000 * TYPO_RATE)
        phone = pc.if_else(
            pa.array(part(w, 32, 1_000) < 50), identity.old_phones.take(take), identity.phones.take(take)
        )
        no_id = pa.array(part(w, 32, 100) >= 97)
        document = pc.if_else(no_id, pa.scalar(None, pa.string()), identity.documents.take(take))
        kept = np.ones(len(who), np.bool_)
        everything: Columns = {
            "key": source_keys(spec.source, people.number[who]), "name": name, "phone": phone, "document": document, "since": since,
            "sex": np.where(people.is_male[who], 0, 1), "born": people.born[who], "income": people.monthly_income_cents[who] * 12,
            "union": pc.if_else(pa.array(part(w, 16, 100) < 70), identity.unions.take(take), pa.scalar(None, pa.string())),
            "device": identity.devices.take(take), "kept": kept, "odd": part(w, 0, 100), "n": len(who), "is_company": people.kind[who] == COMPANY,
        }  # fmt: skip
        files[spec.name] = _AS[spec.name](everything)
    return files


def _misspelt(names: Texts, wrong: Flags) -> Texts:
    """Replace the last character of some names by one that sounds alike."""
    slipped = pc.binary_join_element_wise(pc.utf8_slice_codeunits(names, 0, -1), pa.scalar("佳"), "")
    return pc.if_else(pa.array(wrong), slipped, names)


def _spaced(phones: Texts) -> Texts:
    """Write numbers as people do: 138 0000 0000 with the country code."""
    return pc.binary_join_element_wise(
        pa.scalar("+86"),
        pc.utf8_slice_codeunits(phones, 0, 3),
        pc.utf8_slice_codeunits(phones, 3, 7),
        pc.utf8_slice_codeunits(phones, 7, 11),
        " ",
    )


def _none(n: int) -> Texts:
    return pa.nulls(n, pa.string())


def _as_card(e: Columns) -> Columns:
    return {
        "CARD_CUST_ID": e["key"], "EMBOSS_NM": e["name"], "ID_TYPE": np.zeros(e["n"], np.int64), "ID_NO": e["document"], "MOBILE": e["phone"],
        "BILL_ADDR": _none(e["n"]), "SEX": e["sex"], "BIRTH_DT": e["born"], "INCOME_YR": e["income"], "APPLY_DT": e["since"], "EFF_DT": e["since"],
    }  # fmt: skip


def _as_mobile(e: Columns) -> Columns:
    odd = pa.array(e["odd"] < 15)
    no_document = pa.array(e["odd"] > 88)
    return {
        "USER_ID": e["key"], "REAL_NAME": e["name"], "ID_TYPE": np.zeros(e["n"], np.int64),
        "CERT_NO": pc.if_else(no_document, pa.scalar(None, pa.string()), pc.if_else(odd, pc.utf8_lower(e["document"]), e["document"])),
        "PHONE": pc.if_else(odd, _spaced(e["phone"]), e["phone"]), "MAIL": _none(e["n"]), "UNION_ID": e["union"], "DEV_ID": e["device"],
        "REG_DT": e["since"], "UPD_DT": e["since"],
    }  # fmt: skip


def _as_wecom(e: Columns) -> Columns:
    nick = pc.if_else(
        pa.array(e["odd"] < 40),
        pc.binary_join_element_wise(pc.utf8_slice_codeunits(e["name"], 0, 1), pa.scalar("先生女士"), ""),
        e["name"],
    )
    return {
        "EXT_USERID": e["key"], "NICK_NM": nick, "REMARK_PHONE": pc.if_else(pa.array(e["odd"] % 10 < 5), e["phone"], pa.scalar(None, pa.string())),
        "UNIONID": e["union"], "GENDER": np.where(e["odd"] % 7 == 0, -1, e["sex"]), "ADD_DT": e["since"], "EFF_DT": e["since"],
    }  # fmt: skip


def _as_caller(e: Columns) -> Columns:
    return {
        "CALLER_ID": e["key"],
        "CALLER_TP": e["is_company"].astype(np.int64),
        "CALLER_NM": e["name"],
        "CALL_NO": _spaced(e["phone"]),
        "FIRST_DT": e["since"],
        "EFF_DT": e["since"],
    }


_AS = {CARD.name: _as_card, MOBILE.name: _as_mobile, WECOM.name: _as_wecom, CALLS.name: _as_caller}

__all__ = [
    "CALLS",
    "CARD",
    "CORE",
    "MOBILE",
    "SPECS",
    "WECOM",
    "Identity",
    "core_customers",
    "entered_twice",
    "other_sources",
]

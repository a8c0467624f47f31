"""Where companies are named by others: invoices that customers let the bank see, and notes of calls and visits.

An invoice names both sides as its issuer typed them; the bank knows its own number of the side that handed the invoice in, and of
some others. Most of the other sides do not bank here. What is meant by each name is kept in truth.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zhike.simulator.arrays import ArrowTable, Columns, Ints, Texts, pa
from zhike.simulator.behaviour import CHANNELS as TOUCHPOINTS
from zhike.simulator.companies import Companies, company_words
from zhike.simulator.files.terms import FileSpec, amount, day, plain, text
from zhike.simulator.identifiers import numbered
from zhike.simulator.population import COMPANY, PERSON
from zhike.simulator.randomness import draw_rows, part, part_uniform
from zhike.simulator.records.keys import source_keys
from zhike.simulator.state import ChunkState
from zhike.simulator.terms import BankPlan
from zhike.simulator.words import read_words
from zhike.simulator.writing import (
    SAID_TO_INSIDERS,
    SAID_TO_OTHERS,
    SAID_TO_STRANGERS,
    said_name,
    written_name,
    written_tax_id,
)

N_SALES, N_PURCHASES, N_OUTSIDE_SALES = (
    4,
    3,
    2,
)  # invoices of a company: to other customers, from outsiders, to outsiders
N_PARTNERS = 5  # outsiders a company trades with
KEY_KNOWN, BUYER_KEY_KNOWN, PHONE_SHOWN = (
    50,
    75,
    40,
)  # per hundred: of another customer's side, of a buyer, of a telephone
EMPLOYEES_CALLED, OWNERS_CALLED, COMPANIES_CALLED, TALKS_OF_TRADE, STRANGERS_NAMED, NOBODY_NAMED = (
    100,
    300,
    750,
    750,
    8,
    30,
)  # per thousand
INVOICES = FileSpec(
    "invoices", "INVOICE", "core", "invoice", mode="append", fixed={"recorded_at": {"day_end": "issued_on"}},
    columns=(
        text("INV_NO", "invoice_id"), text("SELLER_NO", "seller_key"), text("SELLER_NM", "seller_name", 120), text("SELLER_TAX", "seller_tax_id"),
        text("SELLER_TEL", "seller_phone"), text("BUYER_NO", "buyer_key"), text("BUYER_NM", "buyer_name", 120), text("BUYER_TAX", "buyer_tax_id"),
        text("BUYER_TEL", "buyer_phone"), day("INV_DT", "issued_on"), amount("TOTAL_AMT", "total_amount"),
    ),
)  # fmt: skip
CALL_NOTES = FileSpec(
    "call_notes", "CRM_NOTE", "core", "text", mode="append",
    fixed={"recorded_at": {"day_end": "on"}, "text_kind": {"constant": "call_note"}, "language": {"constant": "zh"}},
    columns=(
        text("NOTE_NO", "text_id"), text("CUST_NO", "source_key"), plain("CHNL_CD", "channel", TOUCHPOINTS), day("NOTE_DT", "on"),
        text("CONTENT", "body", 400),
    ),
)  # fmt: skip
SPECS = (INVOICES, CALL_NOTES)


@dataclass(slots=True)
class _Truth:
    """Which company each mention means, row by row."""

    document: list[str] = field(default_factory=list)
    document_id: list[str] = field(default_factory=list)
    side: list[str] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    style: list[str] = field(default_factory=list)
    party: list[int] = field(default_factory=list)

    def add(self, place: tuple[str, str, str, int], written: str, style: str, party: int) -> None:
        """Add one mention; ``place`` is document, its number, side of an invoice, start in a text (-1 = none)."""
        self.document.append(place[0])
        self.document_id.append(place[1])
        self.side.append(place[2])
        self.start.append(place[3])
        self.written.append(written)
        self.style.append(style)
        self.party.append(party)

    def table(self) -> ArrowTable:
        return pa.table({
            "document": pa.array(self.document, pa.string()), "document_id": pa.array(self.document_id, pa.string()), "side": pa.array(self.side, pa.string()),
            "start": pa.array(self.start, pa.int64()), "written": pa.array(self.written, pa.string()), "style": pa.array(self.style, pa.string()),
            "true_party": pa.array(self.party, pa.int64()),
        })  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mentions:
    """Rows of the two files, and what each name in them means."""

    files: dict[str, Columns]
    truth: dict[str, ArrowTable]


def draw_mentions(plan: BankPlan, state: ChunkState, companies: Companies) -> Mentions:
    """Return invoices and call notes of one chunk, as they stand at the end of the history."""
    truth = _Truth()
    trade = _draw_trade(plan, state, companies)
    files = {
        INVOICES.name: _invoices(plan, state, companies, trade, truth),
        CALL_NOTES.name: _notes(plan, state, companies, trade, truth),
    }
    return Mentions(files, {"company_mention": truth.table(), "registered_company": _registered(companies)})


def _registered(companies: Companies) -> ArrowTable:
    head = [companies.all[h].party if h >= 0 else -1 for h in companies.head.tolist()]
    return pa.table({
        "true_party": pa.array([c.party for c in companies.all], pa.int64()), "name": pa.array([c.name for c in companies.all], pa.string()),
        "former_name": pa.array([c.former or None for c in companies.all], pa.string()), "tax_id": pa.array(companies.tax_ids, pa.string()),
        "is_customer": companies.customer >= 0, "head_party": pa.array(head, pa.int64()),
    })  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Trade:
    """Sales, one per row: seller and buyer by position among the companies, day, cents, number; ``nth`` counts a customer's invoices."""

    seller: Ints
    buyer: Ints
    handed_in_by: Ints  # position in the chunk of the customer whose invoice it is
    nth: Ints
    issued: Ints
    cents: Ints


def _draw_trade(plan: BankPlan, state: ChunkState, companies: Companies) -> _Trade:
    """Return who sold to whom: among customers, from outsiders to customers, and to outsiders."""
    people, today = state.people, state.day
    bits = draw_rows(plan.seed, "business", state.chunk, n_rows=12, size=state.size)
    traders = np.flatnonzero((people.kind == COMPANY) & (part(bits[3], 0, 100) < 60))
    n = len(traders)
    sellers, nth = np.repeat(traders, N_SALES), np.tile(np.arange(N_SALES), n)
    row = (sellers + nth) % state.size
    buyers = traders[part(bits[6][row], 0, 65_536) * max(n, 1) // 65_536] if n else sellers
    issued = np.maximum(today - part(bits[5][row], 0, 200), people.joined[sellers])
    n_others = len(companies.all) - companies.n_customers
    each = N_PURCHASES + N_OUTSIDE_SALES
    insiders, deal = np.repeat(traders, each), np.tile(np.arange(each), n)
    w = draw_rows(plan.seed, "outside_trade", state.chunk, n_rows=2, size=max(n * each, 1))[:, : n * each]
    liking = draw_rows(plan.seed, "partners", state.chunk, n_rows=1, size=max(n * N_PARTNERS, 1))[0]
    choice = part_uniform(liking[np.repeat(np.arange(n), each) * N_PARTNERS + part(w[0], 0, N_PARTNERS)], 16)
    partner = companies.n_customers + (choice * choice * n_others).astype(np.int64)  # some trade with many
    own = companies.of_customer[insiders]
    is_purchase = deal < N_PURCHASES
    when = np.maximum(today - part(w[0], 32, 200), people.joined[insiders])
    return _Trade(
        np.concatenate([companies.of_customer[sellers], np.where(is_purchase, partner, own)]),
        np.concatenate([companies.of_customer[buyers], np.where(is_purchase, own, partner)]),
        np.concatenate([sellers, insiders]), np.concatenate([nth, N_SALES + deal]), np.concatenate([issued, when]),
        np.concatenate([people.wealth_cents[sellers] // 30 + 100_000, people.wealth_cents[insiders] // 40 + 50_000 + part(w[1], 0, 60_000) * 10]),
    )  # fmt: skip


def _invoices(plan: BankPlan, state: ChunkState, companies: Companies, trade: _Trade, truth: _Truth) -> Columns:
    people, n = state.people, len(trade.seller)
    words = draw_rows(plan.seed, "invoice_sides", state.chunk, n_rows=6, size=max(n, 1))[:, :n]
    numbers = numbered("FP", people.number[trade.handed_in_by] * 10 + trade.nth, 12)
    ids = numbers.to_pylist()
    columns: Columns = {"INV_NO": numbers, "INV_DT": trade.issued, "TOTAL_AMT": trade.cents}
    for position, (code, side, ends) in enumerate(
        (("SELLER", "seller", trade.seller), ("BUYER", "buyer", trade.buyer))
    ):
        customer = companies.customer[ends]
        is_own = customer == trade.handed_in_by
        share = np.where(is_own, 100 if side == "seller" else BUYER_KEY_KNOWN, KEY_KNOWN)
        has_key = (customer >= 0) & (part(words[position], 0, 100) < share)
        names, numbers_written, phones = [], [], []
        looks = (ends.tolist(), trade.issued.tolist(), words[2 + position].tolist(), words[4 + position].tolist(), ids)
        for at, on, name_word, tax_word, invoice in zip(*looks, strict=True):
            company = companies.all[at]
            name = written_name(company, name_word, is_former=on < companies.renamed_on[at])
            names.append(name)
            numbers_written.append(written_tax_id(companies.tax_ids[at], tax_word))
            phones.append(companies.phones[at] if tax_word // 10**9 % 100 < PHONE_SHOWN else None)
            truth.add(("invoice", invoice, side, -1), name, "written", company.party)
        columns |= {
            f"{code}_NO": _keys(people.number, np.where(has_key, customer, -1)), f"{code}_NM": pa.array(names, pa.string()),
            f"{code}_TAX": pa.array(numbers_written, pa.string()), f"{code}_TEL": pa.array(phones, pa.string()),
        }  # fmt: skip
    return {c.name: columns[c.name] for c in INVOICES.columns}


def _keys(number: Ints, who: Ints) -> Texts:
    """Return core numbers of positions in the chunk, missing where they are negative."""
    keys = source_keys("core", number[np.maximum(who, 0)])
    return pa.array(keys.to_pylist(), pa.string(), mask=who < 0)


def _notes(plan: BankPlan, state: ChunkState, companies: Companies, trade: _Trade, truth: _Truth) -> Columns:
    """Return what was noted of calls and visits: about the caller's employer or firm, its partners, strangers, or nobody."""
    people = state.people
    told = _who_speaks(plan, state, companies, trade)
    words = draw_rows(plan.seed, "note_words", state.chunk, n_rows=4, size=max(len(told), 1))
    ids, bodies = [], []
    for row, (_, kind, mine, other) in enumerate(told):
        text_id = f"TX{state.chunk:05d}{row:06d}"
        body, named = _sentence(companies, (kind, mine, other), [int(w) for w in words[:, row]])
        ids.append(text_id)
        bodies.append(body)
        for start, written, style, at in named:
            truth.add(("call_note", text_id, "", start), written, style, companies.all[at].party)
    n = len(told)
    authors = np.array([t[0] for t in told], np.int64)
    on = np.maximum(state.day - part(words[0][:n], 0, 150), people.joined[authors] if n else 0)
    return {
        "NOTE_NO": pa.array(ids, pa.string()), "CUST_NO": _keys(people.number, authors),
        "CHNL_CD": np.array([TOUCHPOINTS.index("rm" if k in ("company", "trade", "owner") else "call_centre") for _, k, _, _ in told], np.int64),
        "NOTE_DT": on, "CONTENT": pa.array(bodies, pa.string()),
    }  # fmt: skip


def _who_speaks(
    plan: BankPlan, state: ChunkState, companies: Companies, trade: _Trade
) -> list[tuple[int, str, int, int]]:
    """Return (author's position in the chunk, kind of note, own company, other company) of each note; companies by position, -1 none."""
    people = state.people
    bits = draw_rows(plan.seed, "note_authors", state.chunk, n_rows=4, size=state.size)
    lot = [part(row, 0, 1_000) for row in bits]
    found: list[tuple[int, str, int, int]] = []
    employed = np.flatnonzero((people.employer >= 0) & (people.payroll_to > state.day) & (lot[0] < EMPLOYEES_CALLED))
    found += [(w, "employee", int(companies.of_customer[people.employer[w]]), -1) for w in employed.tolist()]
    own = np.flatnonzero(people.kind == COMPANY)
    called = own[lot[1][own] < OWNERS_CALLED]
    found += [(int(people.owner[w]), "owner", int(companies.of_customer[w]), -1) for w in called.tolist()]
    found += [(w, "company", int(companies.of_customer[w]), -1) for w in own[lot[0][own] < COMPANIES_CALLED].tolist()]
    partners: dict[int, list[int]] = {}
    for seller, buyer in zip(trade.seller.tolist(), trade.buyer.tolist(), strict=True):
        if seller != buyer:
            partners.setdefault(seller, []).append(buyer)
            partners.setdefault(buyer, []).append(seller)
    for w in own[lot[2][own] < TALKS_OF_TRADE].tolist():
        mine = int(companies.of_customer[w])
        if known := partners.get(mine):
            found.append((w, "trade", mine, known[int(part(bits[3][w : w + 1], 16, len(known))[0])]))
    everyone = np.flatnonzero(people.kind == PERSON)
    n_all = len(companies.all)
    strangers = everyone[lot[2][everyone] < STRANGERS_NAMED] if n_all else everyone[:0]
    found += [(w, "stranger", -1, int(part(bits[3][w : w + 1], 0, n_all)[0])) for w in strangers.tolist()]
    return found + [(w, "nobody", -1, -1) for w in everyone[lot[3][everyone] < NOBODY_NAMED].tolist()]


def _sentence(
    companies: Companies, what: tuple[str, int, int], numbers: list[int]
) -> tuple[str, list[tuple[int, str, str, int]]]:
    """Return a note and the names in it: (start, as written, style, company by position)."""
    kind, mine, other = what
    words, surnames = company_words(), read_words().surnames.words
    options = words.notes[kind]
    template = options[numbers[1] // 1_000_003 % len(options)]
    who = surnames[numbers[1] % len(surnames)] + words.titles[numbers[1] // 101 % len(words.titles)]
    shares = {"me": SAID_TO_INSIDERS, "other": SAID_TO_STRANGERS if kind == "stranger" else SAID_TO_OTHERS}
    body, named = "", []
    for piece in template.replace("{who}", who).split("{"):
        slot, closed, rest = piece.partition("}")
        if not closed:
            body += piece
            continue
        at = mine if slot == "me" else other
        said = said_name(companies.all[at], numbers[2 if slot == "me" else 3], shares[slot])
        named.append((len(body), said.text, said.style, at))
        body += said.text + rest
    return body, named


__all__ = ["CALL_NOTES", "INVOICES", "SPECS", "Mentions", "draw_mentions"]

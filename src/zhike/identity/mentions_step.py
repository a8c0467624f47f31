"""One run over mentions: read sides of invoices and call notes, link them to customers and outside companies, write both tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.identity.mentions import CALL_NOTE, INVOICE_SIDE, SIDES, call_notes, invoice_sides, side_id, tax_number
from zhike.identity.mentions_known import Described, KnownCompanies
from zhike.identity.mentions_link import NOTHING, Bar, NoteLinker, NoteName, Outcome, Side, SideLinker, outside_by_name
from zhike.identity.mentions_rows import Before, Mention, Row, mention_rows
from zhike.identity.mentions_tables import COMPANY_MENTION, OUTSIDE_COMPANY
from zhike.identity.mentions_text import NameFinder
from zhike.identity.relation_terms import RelationSettings
from zhike.identity.relations import declared_relations
from zhike.identity.relations_inferred import employers
from zhike.identity.standard.companies import CompanyName, CompanyNames
from zhike.identity.standard.own_places import address_places, learned_places
from zhike.identity.standardise import versions_as_of
from zhike.identity.terms import Action, AsOf, IdentitySettings, MentionState, Override
from zhike.kernel.hashing import fingerprint
from zhike.warehouse import Engine, Input, Output, Step, StepContext
from zhike.warehouse.conform import rows_table

VERSION = 1  # raise when the same mentions would be linked otherwise
TIES = (
    "employee_of",
    "legal_representative_of",
    "controller_of",
    "shareholder_of",
    "contact_of",
    "disponent_of",
    "beneficial_owner_of",
)
READ = (
    "invoice", "text", "source_party", "identity_link", "party_relation", "company_contact", "customer", "customer_account", "payroll_item",
    "payroll_agreement",
)  # fmt: skip
MENTION = "mention"  # the source of a mention's record key in officers' decisions
KEPT = ("company_mention", "outside_company")
DISTRICT_DIGITS = 6


def mention_step(settings: IdentitySettings, overrides: Sequence[Override], key: bytes) -> Step:
    """Return the step that links mentions of companies.

    Parameters
    ----------
    overrides : officers' decisions; one that names a mention, as ``RecordKey("mention", mention_id)``, and a record says that the
        mention means the record's customer, or does not.
    """
    mine = tuple(o for o in overrides if MENTION in (o.left.source, o.right.source))
    return Step(
        "identity:mentions", writes=tuple(map(Output, KEPT)), reads=(*map(Input, READ), *(Input(t, lag=1) for t in KEPT)),
        work=_Mentions(settings, mine, key),
        material=(VERSION, fingerprint(asdict(settings)), fingerprint([asdict(o) for o in mine]), fingerprint(key.hex())),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Mentions:
    settings: IdentitySettings
    overrides: tuple[Override, ...]
    key: bytes

    def __call__(self, context: StepContext) -> Mapping[str, Any]:
        tables = {t: context.tables[t] for t in READ}
        run = _Run(context.engine.in_process, tables, self.settings, self.settings.as_of(context.as_of))
        mentions = run.link(self.overrides)
        before = context.previous
        outside = context.engine.fetch(before["outside_company"]).to_pylist()
        held = before["company_mention"]
        outside_of = context.engine.fetch(
            held.filter(held.outside_id.notnull()).select("mention_id", "outside_id")
        ).to_pylist()
        last = Before(outside, {r["mention_id"]: r["outside_id"] for r in outside_of})
        rows, companies = mention_rows(run.known, mentions, last, as_of=context.as_of, key=self.key)
        context.write("company_mention", rows_table(COMPANY_MENTION, rows))
        context.write("outside_company", rows_table(OUTSIDE_COMPANY, companies))
        return _metrics(mentions, companies)


def _metrics(mentions: Sequence[Mention], companies: Sequence[Row]) -> dict[str, Any]:
    linked = [m.outcome for m in mentions if m.outcome.company >= 0]
    return {
        "n_mentions": len(mentions), "states": dict(Counter(m.outcome.state.value for m in mentions)),
        "linked_by": dict(sorted(Counter(o.linked_by for o in linked).items())),
        "estimated_precision": round(sum(o.probability for o in linked) / len(linked), 6) if linked else None,
        "n_outside_companies": sum(r["ended_on"] is None for r in companies),
        "n_became_customers": sum(r["ended_because"] == "became_customer" for r in companies),
    }  # fmt: skip


class _Run:
    """The tables of one run, read once, and the companies as they become known."""

    def __init__(self, engine: Engine, tables: Mapping[str, ir.Table], settings: IdentitySettings, as_of: AsOf) -> None:
        self._engine = engine
        self._tables = tables
        self._as_of = as_of
        parties = tables["source_party"].filter(tables["source_party"].recorded_at <= as_of.known_by)
        self._places = learned_places(engine.fetch(address_places(parties)).to_pylist()) | dict(settings.own_places)
        self._names = CompanyNames(self._places)
        self._parsed: dict[str, CompanyName] = {}
        self._bar = Bar(settings.mention_link_from, settings.mention_review_from)
        self.known = KnownCompanies()
        self._customers: dict[str, int] = {}
        self._decided: dict[str, int] = {}
        self._denied: dict[str, frozenset[int]] = defaultdict(frozenset)

    def link(self, overrides: Sequence[Override] = ()) -> list[Mention]:
        """Return every mention with what it means."""
        self._know_customers()
        self._hear(overrides)
        rows = self._engine.fetch(self._sides()).to_pylist()
        sides = [
            Side(
                r["mention_id"], self._described(r, "tax_id"), r["customer_id"] or "", r["n_documents"],
                decided=self._decided.get(r["mention_id"], -1), denied=self._denied[r["mention_id"]],
            )
            for r in rows
        ]  # fmt: skip
        outcomes = SideLinker(self.known, self._bar, self._customers).link_sides(sides)
        mentions = [
            Mention(
                r["mention_id"],
                r | {"kind": INVOICE_SIDE},
                s.said.name,
                s.said.uscc,
                outcomes.get(r["mention_id"], NOTHING),
            )
            for r, s in zip(rows, sides, strict=True)
        ]
        return mentions + self._link_notes(outcomes)

    def _hear(self, overrides: Sequence[Override]) -> None:
        """Take in which customers officers said that mentions mean, or do not mean."""
        if not overrides:
            return
        homes = self._tables["identity_link"].select("source", "source_key", "customer_id")
        pairs = [(o, *((o.left, o.right) if o.left.source == MENTION else (o.right, o.left))) for o in overrides]
        wanted = homes.filter(homes.source_key.isin(sorted({record.source_key for _, _, record in pairs})))
        of_record = {(r["source"], r["source_key"]): r["customer_id"] for r in self._engine.fetch(wanted).to_pylist()}
        for override, mention, record in sorted(pairs, key=lambda p: p[0].override_id):
            at = self._customers.get(of_record.get((record.source, record.source_key), ""), -1)
            if at >= 0 and override.action is Action.MERGE:
                self._decided[mention.source_key] = at
            elif at >= 0:
                self._denied[mention.source_key] |= {at}

    def _parse(self, written: str | None) -> CompanyName | None:
        if not written:
            return None
        if written not in self._parsed:
            self._parsed[written] = self._names.parse(written)
        return self._parsed[written]

    def _described(self, row: Row, number: str) -> Described:
        """Return what a row says of a company; its taxpayer number stands in the column ``number``."""
        name = self._parse(row["name"])
        former = self._parse(name.former) if name is not None and name.former else None
        return Described(name, *tax_number(row[number]), row.get("phone") or "", former)

    def _know_customers(self) -> None:
        """Enter customers that are companies or sole traders, with every name and number that any version of a record has."""
        versions = versions_as_of(self._tables["source_party"], self._as_of)
        versions = versions.filter(versions.party_kind != "person")
        links = self._tables["identity_link"].select("source", "source_key", "customer_id")
        facts = (
            versions.inner_join(links, ["source", "source_key"])
            .select("customer_id", "name", "id_number", "district")
            .distinct()
        )
        ordered = facts.order_by("customer_id", "name", "id_number", "district")
        for row in self._engine.fetch(ordered).to_pylist():
            at = self._customers.get(row["customer_id"])
            if at is None:
                at = self._customers[row["customer_id"]] = self.known.add(row["customer_id"])
            district = row["district"] or ""
            is_code = len(district) == DISTRICT_DIGITS and district.isdigit()
            self.known.learn(at, self._described(row, "id_number"), region=district if is_code else "")

    def _sides(self) -> ir.Table:
        """Return the distinct sides of invoices with ids, numbers, and the customer of the source's own key."""
        sides = invoice_sides(self._tables["invoice"], self._as_of)
        links = self._tables["identity_link"].select("source", "source_key", "customer_id")
        held = sides.left_join(links, ["source", "source_key"]).drop("source_right", "source_key_right")
        return held.mutate(mention_id=side_id(held.source, held.source_key, held.name, held.tax_id))

    def _link_notes(self, sides: Mapping[str, Outcome]) -> list[Mention]:
        notes = self._engine.fetch(
            call_notes(self._tables["text"], self._as_of).order_by("source", "text_id")
        ).to_pylist()
        if not notes:
            return []
        finder = NameFinder(self.known.by_core, {n.trade for c in self.known.all for n in c.names}, self._places)
        ties = self._ties()
        found = [(note, name) for note in notes for name in finder.find(note["body"])]
        related = {
            (n["source"], n["source_key"]): ties.get((n["source"], n["source_key"]), frozenset()) for n, _ in found
        }
        partners = self._partners(sides, {at for mine in related.values() for at in mine})
        names, rows = [], []
        for note, name in found:
            own = related[(note["source"], note["source_key"])]
            mention_id = fingerprint(CALL_NOTE, note["source"], note["text_id"], name.start)
            trading = {p for at in own for p in partners.get(at, ())} - own
            said, officer = Described(self._parse(name.written)), self._decided.get(mention_id, -1)
            words = (name.is_of_others, name.is_guess)
            names.append(NoteName(mention_id, said, own, trading, *words, officer, self._denied[mention_id]))
            rows.append({
                "mention_id": mention_id, "kind": CALL_NOTE, "source": note["source"], "source_key": note["source_key"], "text_id": note["text_id"],
                "start": name.start, "name": name.written, "n_documents": 1, "first_on": note["on"], "last_on": note["on"],
            })  # fmt: skip
        outcomes = NoteLinker(self.known, self._bar).link(names)
        outcomes |= outside_by_name(
            self.known, [(n.mention_id, n.said) for n in names if outcomes[n.mention_id].company < 0], outcomes
        )
        is_kept = [not n.is_guess or outcomes[n.mention_id].state is not MentionState.UNLINKED for n in names]
        return [
            Mention(r["mention_id"], r, n.said.name, "", outcomes[r["mention_id"]])
            for r, n, keep in zip(rows, names, is_kept, strict=True)
            if keep
        ]

    def _ties(self) -> dict[tuple[str, str], frozenset[int]]:
        """Return (source, key) of a caller → the company that calls, or those that a person works for, owns or speaks for."""
        tables, links = self._tables, self._tables["identity_link"].select("source", "source_key", "customer_id")
        said = declared_relations(
            tables["party_relation"], tables["company_contact"], tables["identity_link"], as_of=self._as_of
        )
        once = RelationSettings(
            employer_least_months=1
        )  # one wage makes no employee, but a company that may be spoken of
        seen = employers(tables, as_of=self._as_of, settings=once)
        ends = [t.select("kind", caller_id=t.from_customer_id, company_id=t.to_customer_id) for t in (said, seen)]
        tied = ibis.union(*ends).filter(lambda t: t.kind.isin(TIES)).select("caller_id", "company_id").distinct()
        callers = tables["text"].select("source", "source_key").distinct().inner_join(links, ["source", "source_key"])
        callers = callers.select("source", "source_key", caller_id=callers.customer_id)
        of_caller = callers.inner_join(tied, "caller_id").select("source", "source_key", "company_id")
        own = callers.select("source", "source_key", company_id="caller_id")
        found = self._companies_of(of_caller)
        return found | self._companies_of(
            own
        )  # a company that calls speaks of itself before it speaks of those it holds

    def _companies_of(self, callers: ir.Table) -> dict[tuple[str, str], frozenset[int]]:
        found: dict[tuple[str, str], set[int]] = defaultdict(set)
        for row in self._engine.fetch(callers.distinct()).to_pylist():
            if row["company_id"] in self._customers:
                found[(row["source"], row["source_key"])].add(self._customers[row["company_id"]])
        return {key: frozenset(companies) for key, companies in found.items()}

    def _partners(self, sides: Mapping[str, Outcome], wanted: set[int]) -> dict[int, set[int]]:
        """Return company → companies that it exchanged invoices with, for the companies ``wanted``."""
        mine = [{"mention_id": m, "company": o.company} for m, o in sides.items() if o.company in wanted]
        if not mine:
            return {}
        invoice = self._tables["invoice"]
        known = invoice.filter((invoice.issued_on <= self._as_of.on) & (invoice.recorded_at <= self._as_of.known_by))
        ids = {
            f"{s}_id": side_id(known.source, known[f"{s}_key"], known[f"{s}_name"], known[f"{s}_tax_id"]) for s in SIDES
        }
        pairs = known.select(**ids).distinct()
        ours = ibis.memtable(mine)
        found: dict[int, set[int]] = defaultdict(set)
        for here, there in (SIDES, SIDES[::-1]):
            joined = pairs.inner_join(ours, pairs[f"{here}_id"] == ours.mention_id).select(
                "company", other=pairs[f"{there}_id"]
            )
            for row in self._engine.fetch(joined.distinct()).to_pylist():
                other = sides.get(row["other"], NOTHING).company
                if other >= 0 and other != row["company"]:
                    found[row["company"]].add(other)
        return found


__all__ = ["mention_step"]

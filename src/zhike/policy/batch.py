"""Gates as columns: for every customer and every channel, purpose and product line asked, which gate refuses first.

The same compiled gates as for one customer (``gates.Gate``), evaluated over one table of customers. A refusal is the place
of its gate in the order of all gates, so that the first of the customer's and the recipient's refusals is the smaller.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from zhike.kernel.terms import Channel, Purpose
from zhike.policy.consent import consent_column, consent_columns
from zhike.policy.gates import CONTROL_FIELDS, REVIEWS, Gate, code_literal, has_legal_basis, substitute
from zhike.policy.terms import Combination, ConsentState, ProductLine, Subject
from zhike.rules.batch import bind
from zhike.rules.scope import RuleScope
from zhike.rules.terms import Expression, Field, Literal
from zhike.warehouse.contracts import Kind

NOBODY = -1  # no natural person is authorised to receive
NO_BASIS = -2  # no rule in force gives this purpose a legal basis
PASSES = 9999


@dataclass(frozen=True, slots=True)
class GateTables:
    """The tables that gates are asked over."""

    profile: ir.Table
    customer_control: ir.Table
    consent: ir.Table


def gate_subjects(
    tables: GateTables, fields: Collection[str], combinations: Sequence[Combination], *, as_of: date
) -> ir.Table:
    """Return one row per customer with the facts that gates and offers ask for, its recipient, and its own consent states.

    Parameters
    ----------
    fields : names of profile columns and control flags; others (what a request says) are passed over.

    Returns
    -------
    customer_id, party_kind, recipient_id, the fields, and ``consent__<channel>__<purpose>`` columns, never missing.
    """
    control = tables.customer_control
    flags = sorted(set(fields) & CONTROL_FIELDS.keys())
    wanted = [c for c in tables.profile.columns if c == "party_kind" or (c in fields and c not in flags)]
    pairs = sorted({(c.channel, p) for c in combinations for p in (c.purpose, Purpose.PROFILING)})
    consent = consent_columns(tables.consent, pairs, as_of=as_of).rename(_consent_id="recipient_id")
    people = tables.profile.select("customer_id", *(w for w in wanted if w != "customer_id"))
    held = control.select("recipient_id", *flags, _control_id="customer_id")
    joined = people.left_join(held, people.customer_id == held["_control_id"])
    joined = joined.left_join(consent, joined.customer_id == consent["_consent_id"])
    states = {
        consent_column(c, p): joined[consent_column(c, p)].fill_null(ConsentState.UNKNOWN.value) for c, p in pairs
    }
    return joined.mutate(**states).drop("_control_id", "_consent_id")


def _bound_values(combination: Combination) -> Mapping[str, Expression]:
    return {
        "channel": code_literal(combination.channel.value),
        "purpose": code_literal(combination.purpose.value),
        "product_line": code_literal(combination.product_line.value),
        "consent_state": Field(consent_column(combination.channel, combination.purpose), Kind.CODE),
        "profiling_consent_state": Field(consent_column(combination.channel, Purpose.PROFILING), Kind.CODE),
    }


def _applies(table: ir.Table, gate: Gate) -> ir.BooleanValue:
    kinds = gate.definition.party_kinds
    if not kinds:
        return ibis.literal(value=True)
    return table.party_kind.isin([k.value for k in kinds]) | table.party_kind.isnull()


def _refusal_flags(
    table: ir.Table, kept: Sequence[tuple[int, Gate]], combinations: Sequence[Combination], *, as_of: date
) -> tuple[ir.Table, Mapping[tuple[int, str], str]]:
    """Return the table with one column per distinct question, and (gate's place, combination) → its column."""
    scope = RuleScope(as_of)
    columns: dict[str, ir.BooleanValue] = {}
    names: dict[tuple[int, str], str] = {}
    for place, gate in kept:
        for combination in combinations:
            if not gate.concerns(combination):
                continue
            rule = substitute(gate.rule, _bound_values(combination))
            name = f"refuses_{place}" if rule == gate.rule else f"refuses_{place}__{combination.column}"
            if name not in columns:
                columns[name] = _applies(table, gate) & ~bind(table, [rule], scope).flag(rule)
            names[(place, combination.column)] = name
    return table.mutate(**columns), names


def _first(
    table: ir.Table, names: Mapping[tuple[int, str], str], places: Sequence[int], combination: Combination
) -> ir.Value:
    asked = [(table[names[(p, combination.column)]], p) for p in places if (p, combination.column) in names]
    return ibis.cases(*asked, else_=PASSES).cast("int16") if asked else ibis.literal(PASSES, type="int16")


def fields_of(gates: Sequence[Gate]) -> frozenset[str]:
    """Return every name that gates use."""
    return frozenset().union(*(g.uses for g in gates))


def concerned(tables: GateTables, only: ir.Table) -> ir.Table:
    """Return customer_id of the customers asked for and of those who receive for them."""
    asked = tables.customer_control.semi_join(only, "customer_id")
    return asked.select("customer_id").union(asked.select(customer_id="recipient_id"), distinct=True)


def refusal_columns(
    subjects: ir.Table, gates: Sequence[Gate], combinations: Sequence[Combination], *, as_of: date
) -> ir.Table:
    """Return for each customer which gate refuses first, per combination.

    Parameters
    ----------
    subjects : see :func:`gate_subjects`; must hold the recipients as well as the customers.
    gates : those in force on ``as_of``, in their order; gates that speak of the product are not asked here.
    combinations : what is asked.

    Returns
    -------
    customer_id, recipient_id, and per combination a column ``Combination.column``: the gate's place in ``gates``, or
    ``NOBODY``, ``NO_BASIS`` or ``PASSES``.
    """
    kept = [(place, gate) for place, gate in enumerate(gates) if not gate.needs_offer]
    flagged, names = _refusal_flags(subjects, kept, combinations, as_of=as_of)
    places = {s: [place for place, g in kept if g.definition.subject is s] for s in Subject}
    customers = flagged.select(
        "customer_id",
        "recipient_id",
        **{f"c__{c.column}": _first(flagged, names, places[Subject.CUSTOMER], c) for c in combinations},
    )
    recipients = flagged.select(
        _recipient_id="customer_id",
        **{f"r__{c.column}": _first(flagged, names, places[Subject.RECIPIENT], c) for c in combinations},
    )
    joined = customers.left_join(recipients, customers.recipient_id == recipients["_recipient_id"])
    outcomes = {c.column: _outcome(joined, [g for _, g in kept], c) for c in combinations}
    return joined.select("customer_id", "recipient_id", **outcomes)


def _outcome(joined: ir.Table, gates: Sequence[Gate], combination: Combination) -> ir.Value:
    if not has_legal_basis(gates, combination):
        return ibis.literal(NO_BASIS, type="int16")
    first = ibis.least(joined[f"c__{combination.column}"], joined[f"r__{combination.column}"])
    return joined["_recipient_id"].isnull().ifelse(ibis.literal(NOBODY, type="int16"), first)


def offer_refusal(table: ir.Table, gates: Sequence[Gate], *, purpose: Purpose, as_of: date) -> ir.Value:
    """Return a column: the place in ``gates`` of the first gate about the product that refuses, else ``PASSES``.

    Parameters
    ----------
    table : one row per customer and offer, with party_kind, product_line, product_class, product_risk_level and every
        field that the gates about products use.
    gates : those in force, in their order; those that do not speak of the product are passed over.
    """
    scope = RuleScope(as_of)
    reviews = {f"has_review_{r}": Literal(value=False, kind=Kind.FLAG) for r in REVIEWS}
    asked = []
    for place, gate in enumerate(gates):
        if not gate.needs_offer or purpose not in gate.definition.purposes:
            continue
        rule = substitute(gate.rule, reviews)
        refuses = _applies(table, gate) & ~bind(table, [rule], scope).flag(rule)
        if gate.definition.product_lines:
            refuses &= table.product_line.isin([p.value for p in gate.definition.product_lines])
        asked.append((refuses, place))
    return ibis.cases(*asked, else_=PASSES).cast("int16") if asked else ibis.literal(PASSES, type="int16")


def combinations_of(
    channels: Sequence[Channel], topics: Sequence[tuple[Purpose, ProductLine]]
) -> tuple[Combination, ...]:
    """Return every channel with every (purpose, product line)."""
    return tuple(Combination(channel, purpose, line) for purpose, line in topics for channel in channels)


__all__ = [
    "NOBODY", "NO_BASIS", "PASSES", "GateTables", "combinations_of", "concerned", "fields_of", "gate_subjects", "offer_refusal", "refusal_columns",
]  # fmt: skip

"""The steps of relations: between customers with the structure of groups, succession of units, managers and units of customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.identity.assignments import assignments, branches
from zhike.identity.graph import KINDS, Structure, company_structure
from zhike.identity.organisation import succession
from zhike.identity.relation_tables import ORG_SUCCESSION
from zhike.identity.relation_terms import RelationSettings, Tables
from zhike.identity.relations import COLUMNS, declared_relations
from zhike.identity.relations_inferred import employers, represented_together, shared_households, suppliers
from zhike.identity.terms import AsOf
from zhike.kernel.hashing import fingerprint
from zhike.warehouse import Engine, Input, Output, Step, StepContext
from zhike.warehouse.conform import rows_table
from zhike.warehouse.fields import end_of_day

VERSION = 1  # raise when the same tables would give other rows: unchanged steps are then done anew
_RELATED = (
    "party_relation", "company_contact", "identity_link", "account", "customer_account", "customer", "payroll_item", "payroll_agreement", "invoice",
    "company_mention",
)  # fmt: skip
_ASSIGNED = ("manager_assignment", "staff", "identity_link", "org_succession")
_BRANCHES = (
    "party_branch",
    "identity_link",
    "account",
    "customer_account",
    "customer",
    "customer_assignment",
    "org_succession",
)
EPOCH = date(1970, 1, 1)


def relation_steps(settings: RelationSettings, *, timezone: str) -> list[Step]:
    """Return the steps that write relations, groups, beneficial owners, succession of units, assignments and units of customers.

    Parameters
    ----------
    timezone : of the business day (IANA name): what is recorded after its end is not read.
    """
    material = (VERSION, timezone, fingerprint(asdict(settings)))
    return [
        Step(
            "identity:relations",
            writes=(Output("customer_relation"), Output("company_group"), Output("beneficial_owner")),
            reads=tuple(map(Input, _RELATED)), work=_Relations(settings, timezone), material=material,
        ),
        Step(
            "identity:organisation", writes=(Output("org_succession"),), reads=(Input("org_unit"),), work=_organisation, material=(VERSION,),
        ),
        Step(
            "identity:assignments", writes=(Output("customer_assignment"),), reads=tuple(map(Input, _ASSIGNED)), work=_assignments,
            material=(VERSION,),
        ),
        Step(
            "identity:branches", writes=(Output("customer_branch"),), reads=tuple(map(Input, _BRANCHES)), work=_Branches(timezone),
            material=(VERSION, timezone),
        ),
    ]  # fmt: skip


def _as_of(day: date, timezone: str) -> AsOf:
    return AsOf(day, end_of_day(day, timezone))


@dataclass(frozen=True, slots=True)
class _Relations:
    settings: RelationSettings
    timezone: str

    def __call__(self, context: StepContext) -> Mapping[str, Any]:
        as_of, tables, customer = _as_of(context.as_of, self.timezone), context.tables, context.tables["customer"]
        said = declared_relations(
            tables["party_relation"], tables["company_contact"], tables["identity_link"], as_of=as_of
        )
        with _kept(context.engine.in_process, "identity_declared", said) as declared:
            structure = company_structure(
                context.engine.fetch(_ownership(declared, customer)), self.settings.graph, today=(as_of.on - EPOCH).days
            )
            groups, owners = _group_rows(structure, customer), _owner_rows(structure, customer)
            found = [
                declared, self._inferred(tables, declared, as_of), _group_relations(groups), _owner_relations(owners),
            ]  # fmt: skip
            n_relations = context.write("customer_relation", ibis.union(*(f.select(*COLUMNS) for f in found)))
            context.write("company_group", groups)
            context.write("beneficial_owner", owners)
        return {"n_customer_relations": n_relations, **structure.metrics}

    def _inferred(self, tables: Tables, declared: ir.Table, as_of: AsOf) -> ir.Table:
        settings, customer = self.settings, tables["customer"]
        return ibis.union(
            shared_households(tables["account"], tables["customer_account"], customer, as_of=as_of, settings=settings),
            employers(tables, as_of=as_of, settings=settings),
            suppliers(tables, as_of=as_of, settings=settings),
            represented_together(declared, customer, settings=settings),
        )


@contextmanager
def _kept(engine: Engine, name: str, expression: ir.Table) -> Iterator[ir.Table]:
    """Keep an expression's rows in the engine while they are needed."""
    try:
        yield engine.connection.create_table(name, expression, temp=True, overwrite=True)
    finally:
        engine.connection.drop_table(name, force=True)


# ---- groups and owners -----------------------------------------------------------------------------------------------


def _ownership(declared: ir.Table, customer: ir.Table) -> ir.Table:
    """Return the edges that make groups, by customer number, those that have ended too."""
    edges = declared.filter(declared.kind.isin(KINDS))
    sides = {
        side: customer.select(
            **{f"{side}_customer_id": customer.customer_id, f"{side}_no": customer.customer_no, f"is_{side}_company": customer.party_kind == "company"}
        )
        for side in ("from", "to")
    }  # fmt: skip
    joined = edges.inner_join(sides["from"], "from_customer_id").inner_join(sides["to"], "to_customer_id")
    return joined.select(
        "from_no", "to_no", "is_from_company", "is_to_company", "kind", "share_rate", "valid_from_on", "valid_to_on", "is_dated"
    )  # fmt: skip


def _named(rows: pa.Table, customer: ir.Table, **columns: str) -> ir.Table:
    """Return rows with customer ids in place of numbers: ``columns`` says which id comes from which number."""
    named = ibis.memtable(rows)
    for name, number in columns.items():
        ids = customer.select(**{f"{name}_no": customer.customer_no, name: customer.customer_id})
        named = named.left_join(ids, named[number] == ids[f"{name}_no"]).drop(f"{name}_no")
    return named


def _group_rows(structure: Structure, customer: ir.Table) -> ir.Table:
    return _named(structure.groups, customer, customer_id="customer_no", group_id="head_no", parent_id="parent_no")


def _owner_rows(structure: Structure, customer: ir.Table) -> ir.Table:
    return _named(structure.owners, customer, company_id="company_no", person_id="person_no", through_id="through_no")


def _of_ownership(rows: ir.Table, kind: str) -> ir.Table:
    return rows.mutate(
        kind=ibis.literal(kind), is_declared=ibis.literal(value=False), valid_from_on=rows.since_on, valid_to_on=ibis.null("date"),
        origin=ibis.literal("ownership"), n_facts=ibis.null("int64"), last_fact_on=ibis.null("date"),
    )  # fmt: skip


def _group_relations(groups: ir.Table) -> ir.Table:
    members = groups.filter(groups.customer_id != groups.group_id)
    named = members.rename(from_customer_id="customer_id", to_customer_id="group_id")
    return _of_ownership(named.mutate(share_rate=ibis.null("float64")), "group_member_of")


def _owner_relations(owners: ir.Table) -> ir.Table:
    return _of_ownership(
        owners.rename(from_customer_id="person_id", to_customer_id="company_id"), "beneficial_owner_of"
    )


# ---- managers and units ----------------------------------------------------------------------------------------------


def _organisation(context: StepContext) -> Mapping[str, Any]:
    rows, metrics = succession(context.engine.fetch(context.tables["org_unit"]).to_pylist(), context.as_of)
    context.write("org_succession", rows_table(ORG_SUCCESSION, rows))
    return metrics


def _assignments(context: StepContext) -> Mapping[str, Any]:
    rows = assignments(context.tables, as_of=context.as_of)
    return {"n_assignments": context.write("customer_assignment", rows)}


@dataclass(frozen=True, slots=True)
class _Branches:
    timezone: str

    def __call__(self, context: StepContext) -> Mapping[str, Any]:
        rows = branches(context.tables, as_of=_as_of(context.as_of, self.timezone))
        return {"n_customers": context.write("customer_branch", rows)}


__all__ = ["relation_steps"]

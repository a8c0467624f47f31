"""Control flags that hold for a customer on a day, and the natural person who receives contacts for it. Table expressions.

Flags come per record of a source; a customer has a flag when any of its records has it. Persons and sole traders receive
for themselves; for a company it is an authorised contact person, else the legal representative, else the controller.
"""

from __future__ import annotations

from datetime import date, datetime

import ibis
import ibis.expr.types as ir

from zhike.policy.tables import FLAGS

CONTACT_ROLES = ("owner", "finance", "operator", "legal_representative")
RELATION_ROLES = {"legal_representative_of": "legal_representative", "controller_of": "controller"}
ROLE_ORDER = ("owner", "finance", "operator", "legal_representative", "controller")


def flags_by_customer(control_flag: ir.Table, identity_link: ir.Table, *, as_of: date, day_end: datetime) -> ir.Table:
    """Return customer_id with one flag column per control flag in force on ``as_of``, and ``complaint_closed_on``.

    Parameters
    ----------
    day_end : end of the business day (UTC); flags recorded later are not read.
    """
    day = ibis.literal(as_of)
    known = control_flag.filter(
        (control_flag.recorded_at < ibis.literal(day_end.replace(tzinfo=None))) & (control_flag.valid_from_on <= day)
    )
    linked = known.inner_join(identity_link.select("source", "source_key", "customer_id"), ["source", "source_key"])
    holds = linked.valid_to_on.isnull() | (linked.valid_to_on >= day)
    flags = {f"has_{f}": (holds & (linked.flag == f)).any() for f in FLAGS}
    closed_on = linked.valid_from_on.max(where=linked.flag == "complaint_closed")
    return linked.group_by("customer_id").aggregate(**flags, complaint_closed_on=closed_on)


def _authorised_contacts(company_contact: ir.Table, identity_link: ir.Table, *, as_of: date) -> ir.Table:
    day = ibis.literal(as_of)
    company = identity_link.select("source", company_key="source_key", customer_id="customer_id")
    person = identity_link.select("source", contact_key="source_key", recipient_id="customer_id")
    allowed = company_contact.filter(
        company_contact.is_authorised
        & company_contact.role.isin(CONTACT_ROLES)
        & (company_contact.valid_from_on.isnull() | (company_contact.valid_from_on <= day))
        & (company_contact.valid_to_on.isnull() | (company_contact.valid_to_on >= day))
    )
    joined = allowed.inner_join(company, ["source", "company_key"]).inner_join(person, ["source", "contact_key"])
    return joined.select("customer_id", "recipient_id", "role")


def _related_persons(customer_relation: ir.Table, *, as_of: date) -> ir.Table:
    day = ibis.literal(as_of)
    holds = (
        customer_relation.kind.isin(list(RELATION_ROLES))
        & customer_relation.is_declared  # nobody receives for a company because something was inferred
        & (customer_relation.valid_from_on.isnull() | (customer_relation.valid_from_on <= day))
        & (customer_relation.valid_to_on.isnull() | (customer_relation.valid_to_on >= day))
    )
    related = customer_relation.filter(holds)
    role = related.kind.cases(*RELATION_ROLES.items(), else_="controller")
    return related.select(customer_id="to_customer_id", recipient_id="from_customer_id", role=role)


def company_recipients(
    customer: ir.Table, company_contact: ir.Table, identity_link: ir.Table, customer_relation: ir.Table, *, as_of: date
) -> ir.Table:
    """Return customer_id, recipient_id, recipient_role: for each company the one natural person who receives for it.

    The order is owner, finance, operator, legal representative, controller; ties by id. Companies without any are left out.
    """
    companies = customer.filter(customer.party_kind == "company").select("customer_id")
    persons = customer.filter(customer.party_kind != "company").select(recipient_id="customer_id")
    contacts = _authorised_contacts(company_contact, identity_link, as_of=as_of)
    found = contacts.union(_related_persons(customer_relation, as_of=as_of))
    usable = found.semi_join(companies, "customer_id").semi_join(persons, "recipient_id")
    place = usable.role.cases(*((role, i) for i, role in enumerate(ROLE_ORDER)), else_=len(ROLE_ORDER))
    first = ibis.row_number().over(group_by=usable.customer_id, order_by=[place, usable.recipient_id]) == 0
    return usable.filter(first).select("customer_id", "recipient_id", recipient_role="role")


def customer_control(
    customer: ir.Table, control_flag: ir.Table, identity_link: ir.Table, recipients: ir.Table,
    *, as_of: date, day_end: datetime,
) -> ir.Table:  # fmt: skip
    """Return one row for every customer: flags in force, the latest closed complaint, and who receives for it."""
    flags = flags_by_customer(control_flag, identity_link, as_of=as_of, day_end=day_end)
    everyone = customer.select("customer_id", "party_kind")
    joined = everyone.left_join(flags, "customer_id").drop("customer_id_right")
    joined = joined.left_join(recipients, "customer_id").drop("customer_id_right")
    is_company = joined.party_kind == "company"
    return joined.select(
        "customer_id",
        **{f"has_{f}": joined[f"has_{f}"].fill_null(ibis.literal(value=False)) for f in FLAGS},
        complaint_closed_on=joined.complaint_closed_on,
        recipient_id=is_company.ifelse(joined.recipient_id, joined.customer_id),
        recipient_role=is_company.ifelse(joined.recipient_role, "self"),
    )


__all__ = ["company_recipients", "customer_control", "flags_by_customer"]

"""Relations that zhike infers from what customers do: each with the number of facts it rests on and the day of the latest.

Inferred and declared relations stand side by side and never replace one another. Only what is precise is inferred: an address and a
surname do not make a household (a staircase, a dormitory, a village of one name), two wages of one company make an employee.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from zhike.identity.mentions import invoice_parties
from zhike.identity.relation_terms import WAGE_PURPOSES, RelationSettings, Tables
from zhike.identity.relations import COLUMNS, OWNER_ROLES
from zhike.identity.terms import AsOf

HOUSEHOLD_ROLES = (*OWNER_ROLES, "disponent")


def shared_households(
    accounts: ir.Table, customer_account: ir.Table, customer: ir.Table, *, as_of: AsOf, settings: RelationSettings
) -> ir.Table:
    """Return household_of (both directions) of persons who own or dispose of one account.

    Accounts of companies make no household, nor do accounts with a sole trader's staff: two of the roles must be persons
    and no company may have a role. It holds from the day the first such account was opened until the last is closed.
    """
    kinds = customer.select("customer_id", "party_kind")
    opened = accounts.filter((accounts.opened_on <= as_of.on) & (accounts.recorded_at <= as_of.known_by)).select(
        "account_id", "opened_on", "closed_on"
    )
    holders = (
        customer_account.filter(customer_account.role.isin(HOUSEHOLD_ROLES))
        .select("customer_id", "account_id")
        .distinct()
    )
    holders = holders.inner_join(kinds, "customer_id").inner_join(opened, "account_id")
    per_account = holders.group_by("account_id").aggregate(
        n_holders=holders.count(), n_others=(holders.party_kind != "person").ifelse(1, 0).sum()
    )
    shared = per_account.filter(
        (per_account.n_holders >= 2)
        & (per_account.n_holders <= settings.most_in_household)
        & (per_account.n_others == 0)
    )
    inside = holders.semi_join(shared, "account_id").select("customer_id", "account_id", "opened_on", "closed_on")
    other = inside.select(to_customer_id="customer_id", account_id="account_id")
    pairs = inside.inner_join(other, "account_id")
    pairs = pairs.filter(pairs.customer_id != pairs.to_customer_id)
    found = pairs.group_by(from_customer_id=pairs.customer_id, to_customer_id=pairs.to_customer_id).aggregate(
        valid_from_on=pairs.opened_on.min(),
        last_fact_on=pairs.opened_on.max(),
        n_facts=pairs.account_id.nunique().cast("int64"),
        closed_on=pairs.closed_on.max(),
        is_open=(pairs.closed_on.isnull() | (pairs.closed_on > as_of.on)).ifelse(1, 0).max(),
    )
    ended = (found.is_open == 1).ifelse(ibis.null("date"), found.closed_on)
    return _inferred(found.mutate(valid_to_on=ended), "household_of", "shared_account")


def employers(tables: Tables, *, as_of: AsOf, settings: RelationSettings) -> ir.Table:
    """Return employee_of from wages that a company paid into an account that one person alone owns.

    ``n_facts`` is a number of months with wages. It holds from the first pay day to the last, and on while the last is not longer
    ago than ``employer_gap_days``. Pensions and reimbursements are no wages; an account of two owners does not say who earned them.

    Parameters
    ----------
    tables : payroll_item, payroll_agreement, identity_link, customer_account, customer.
    """
    items = tables["payroll_item"]
    paid = items.filter(
        items.purpose.isin(WAGE_PURPOSES)
        & items.agreement_id.notnull()
        & (items.amount > 0)
        & (items.on <= as_of.on)
        & (items.recorded_at <= as_of.known_by)
    )
    into = paid.group_by("agreement_id", "account_id").aggregate(
        n_months=paid.on.truncate("M").nunique().cast("int64"), first_on=paid.on.min(), last_on=paid.on.max()
    )
    kinds = tables["customer"].select("customer_id", "party_kind")
    payers = _payers(tables["payroll_agreement"], tables["identity_link"], kinds)
    wages = into.inner_join(payers, "agreement_id").inner_join(
        _sole_owners(tables["customer_account"], kinds), "account_id"
    )
    found = wages.group_by("from_customer_id", "to_customer_id").aggregate(
        n_facts=wages.n_months.max(), valid_from_on=wages.first_on.min(), last_fact_on=wages.last_on.max()
    )
    found = found.filter(found.n_facts >= settings.employer_least_months)
    return _inferred(_ended(found, as_of, settings.employer_gap_days), "employee_of", "wages")


def _payers(agreements: ir.Table, links: ir.Table, kinds: ir.Table) -> ir.Table:
    """Return agreement_id with the company or sole trader that pays under it."""
    company = links.select("source", company_key="source_key", to_customer_id="customer_id")
    payers = agreements.select("agreement_id", "source", "company_key").inner_join(company, ["source", "company_key"])
    payers = payers.inner_join(kinds, payers.to_customer_id == kinds.customer_id)
    return payers.filter(payers.party_kind != "person").select("agreement_id", "to_customer_id")


def _sole_owners(customer_account: ir.Table, kinds: ir.Table) -> ir.Table:
    """Return account_id with its owner, where that is one person."""
    owned = customer_account.filter(customer_account.role.isin(OWNER_ROLES))
    owners = owned.group_by("account_id").aggregate(
        from_customer_id=owned.customer_id.min(), n_owners=owned.customer_id.nunique()
    )
    alone = owners.filter(owners.n_owners == 1)
    alone = alone.inner_join(kinds, alone.from_customer_id == kinds.customer_id)
    return alone.filter(alone.party_kind == "person").select("account_id", "from_customer_id")


def suppliers(tables: Tables, *, as_of: AsOf, settings: RelationSettings) -> ir.Table:
    """Return supplier_of between businesses: the seller of enough invoices to the buyer.

    ``n_facts`` is the number of invoices; credit notes (totals not above zero) are none. It holds from the first to the last, and on
    while the last is not longer ago than ``supplier_gap_days``.

    Parameters
    ----------
    tables : invoice, identity_link, customer, company_mention: who a side without the source's own key was found to be.
    """
    invoices = tables["invoice"]
    known = invoices.filter(
        (invoices.total_amount > 0) & (invoices.issued_on <= as_of.on) & (invoices.recorded_at <= as_of.known_by)
    )
    customer, links = tables["customer"], tables["identity_link"]
    businesses = customer.filter(customer.party_kind != "person").select("customer_id")
    seller = links.select("source", seller_key="source_key", seller_by_key="customer_id")
    buyer = links.select("source", buyer_key="source_key", buyer_by_key="customer_id")
    sides = known.left_join(invoice_parties(known, tables["company_mention"]), "invoice_id").drop("invoice_id_right")
    for name, side in (("seller", seller), ("buyer", buyer)):
        keys = ["source", f"{name}_key"]
        sides = sides.left_join(side, keys).drop("source_right", f"{name}_key_right")
    ends = sides.mutate(
        from_customer_id=ibis.coalesce(sides.seller_by_key, sides.seller_customer_id),
        to_customer_id=ibis.coalesce(sides.buyer_by_key, sides.buyer_customer_id),
    )
    ends = ends.filter(ends.from_customer_id != ends.to_customer_id)
    sold = ends.semi_join(businesses.select(from_customer_id="customer_id"), "from_customer_id")
    sold = sold.semi_join(businesses.select(to_customer_id="customer_id"), "to_customer_id")
    found = sold.group_by("from_customer_id", "to_customer_id").aggregate(
        n_facts=sold.invoice_id.nunique().cast("int64"), valid_from_on=sold.issued_on.min(), last_fact_on=sold.issued_on.max()
    )  # fmt: skip
    found = found.filter(found.n_facts >= settings.supplier_least_invoices)
    return _inferred(_ended(found, as_of, settings.supplier_gap_days), "supplier_of", "invoices")


def represented_together(declared: ir.Table, customer: ir.Table, *, settings: RelationSettings) -> ir.Table:
    """Return group_member_of (both directions) of companies that declare one legal representative, for as long as both do.

    Of several times in which they did, the latest counts. Who represents more than ``representative_most_companies`` companies is
    an agent, and ties nothing together.
    """
    companies = customer.filter(customer.party_kind == "company").select("customer_id")
    kind = declared.filter(declared.kind == "legal_representative_of")
    by_whom = kind.semi_join(companies, kind.to_customer_id == companies.customer_id).select(
        person_id="from_customer_id", company_id="to_customer_id", from_on="valid_from_on", to_on="valid_to_on", is_dated="is_dated"
    )  # fmt: skip
    n_companies = by_whom.group_by("person_id").aggregate(n=by_whom.company_id.nunique())
    usual = n_companies.filter((n_companies.n > 1) & (n_companies.n <= settings.representative_most_companies))
    mine = by_whom.semi_join(usual, "person_id")
    other = mine.select(
        "person_id", other_id="company_id", other_from_on="from_on", other_to_on="to_on", is_other_dated="is_dated"
    )
    pairs = mine.inner_join(other, "person_id")
    pairs = pairs.filter(pairs.company_id != pairs.other_id).mutate(
        begins_on=ibis.greatest(pairs.from_on, pairs.other_from_on), ends_on=ibis.least(pairs.to_on, pairs.other_to_on)
    )
    together = pairs.filter(pairs.ends_on.isnull() | (pairs.ends_on >= pairs.begins_on))
    latest = [together.ends_on.isnull().desc(), together.ends_on.desc(), together.begins_on, together.person_id]
    nth = ibis.row_number().over(group_by=["company_id", "other_id"], order_by=latest)
    found = together.mutate(nth=nth).filter(lambda t: t.nth == 0)
    return _inferred(
        found.select(
            from_customer_id="company_id", to_customer_id="other_id", valid_from_on="begins_on", valid_to_on="ends_on",
            is_dated=found.is_dated & found.is_other_dated, n_facts=ibis.null("int64"), last_fact_on=ibis.null("date"),
        ),
        "group_member_of", "same_representative",
    )  # fmt: skip


def _ended(found: ir.Table, as_of: AsOf, gap_days: int) -> ir.Table:
    """End what has shown no fact for ``gap_days`` on the day of its last one."""
    age = ibis.literal(as_of.on).delta(found.last_fact_on, unit="day")
    return found.mutate(valid_to_on=(age > gap_days).ifelse(found.last_fact_on, ibis.null("date")))


def _inferred(found: ir.Table, kind: str, origin: str) -> ir.Table:
    fixed = {
        "kind": ibis.literal(kind), "origin": ibis.literal(origin), "is_declared": ibis.literal(value=False), "share_rate": ibis.null("float64"),
    }  # fmt: skip
    dated = found if "is_dated" in found.columns else found.mutate(is_dated=ibis.literal(value=True))
    return dated.mutate(**fixed).select(*COLUMNS)


__all__ = ["employers", "represented_together", "shared_households", "suppliers"]

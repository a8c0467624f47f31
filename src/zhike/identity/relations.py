"""Relations between customers, and of customers to accounts: what sources say of their own keys, said of customers.

Undated tables give relations, never features: a household seen in a shared account holds from the day the account was
opened. A relation of a customer to itself (both keys were the same person) is dropped.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from zhike.identity.terms import AsOf

OWNER_ROLES = ("owner", "joint_owner")
HOUSEHOLD_ROLES = (*OWNER_ROLES, "disponent")
MOST_IN_HOUSEHOLD = 6  # an account with more holders is a club or a cash box
CONTACT_ROLES = {"legal_representative": "legal_representative_of", "owner": "controller_of"}


def customer_accounts(account_party: ir.Table, links: ir.Table) -> ir.Table:
    """Return [customer_id, account_id, role] with the share of the balance.

    An owner's written share counts; where none is written, what the others leave is divided equally among those owners.
    The shares of an account's owners are scaled to add up to 1; other roles hold no share.
    """
    linked = account_party.inner_join(links.select("source", "source_key", "customer_id"), ["source", "source_key"])
    roles = linked.group_by("customer_id", "account_id", "role").aggregate(written=linked.share_rate.sum())
    is_owner = roles.role.isin(OWNER_ROLES)
    of_account = ibis.window(group_by="account_id")
    n_unwritten = (is_owner & roles.written.isnull()).ifelse(1, 0).sum().over(of_account)
    sum_written = is_owner.ifelse(roles.written.fill_null(0.0), 0.0).sum().over(of_account)
    left_over = ibis.greatest(1.0 - sum_written, 0.0) / n_unwritten.cast("float64").nullif(0)
    raw = is_owner.ifelse(ibis.coalesce(roles.written, left_over), 0.0)
    shares = roles.mutate(raw=raw, n_owners=is_owner.ifelse(1, 0).sum().over(of_account), is_owner=is_owner)
    total = shares.raw.sum().over(of_account)
    equal = shares.is_owner.ifelse(1.0, 0.0) / shares.n_owners.cast("float64").nullif(0)
    share = ibis.coalesce(shares.raw / total.nullif(0.0), equal, 0.0)
    return shares.mutate(share_rate=share).select("customer_id", "account_id", "role", "share_rate")


def customer_relations(
    party_relation: ir.Table, company_contact: ir.Table, links: ir.Table, households: ir.Table, *, as_of: AsOf
) -> ir.Table:
    """Return one row per pair of customers and kind of relation, as known at the end of ``as_of``.

    The version that holds latest survives; ``households`` comes from :func:`shared_households`.
    """
    written = party_relation.filter(
        (party_relation.valid_from_on <= as_of.on) & (party_relation.recorded_at <= as_of.known_by)
    )
    relations = written.select(
        "source",
        "from_key",
        "to_key",
        "kind",
        "share_rate",
        "valid_from_on",
        "valid_to_on",
        origin=ibis.literal("party_relation"),
    )
    kind = ibis.cases(*((company_contact.role == r, k) for r, k in CONTACT_ROLES.items()), else_="contact_of")
    contacts = company_contact.select(
        "source", from_key=company_contact.contact_key, to_key=company_contact.company_key, kind=kind,
        share_rate=ibis.null("float64"), valid_from_on=ibis.null("date"), valid_to_on=ibis.null("date"),
        origin=ibis.literal("company_contact"),
    )  # fmt: skip
    linked = _between_customers(relations.union(contacts), links).union(households)
    newest = [
        linked.valid_from_on.desc(), linked.valid_to_on.isnull().desc(), linked.valid_to_on.desc(), linked.origin.desc(),
        linked.share_rate.desc(),
    ]  # fmt: skip
    pair = ["from_customer_id", "to_customer_id", "kind"]
    ranked = linked.mutate(version_rank=ibis.row_number().over(group_by=pair, order_by=newest))
    return ranked.filter(ranked.version_rank == 0).drop("version_rank")


def _between_customers(relations: ir.Table, links: ir.Table) -> ir.Table:
    """Replace source keys by customers on both sides; drop relations of a customer to itself."""
    ends = {
        side: links.select("source", from_customer_id="customer_id", from_key="source_key")
        if side == "from"
        else links.select("source", to_customer_id="customer_id", to_key="source_key")
        for side in ("from", "to")
    }
    joined = relations.inner_join(ends["from"], ["source", "from_key"])
    joined = joined.inner_join(ends["to"], ["source", "to_key"])
    columns = ("from_customer_id", "to_customer_id", "kind", "share_rate", "valid_from_on", "valid_to_on", "origin")
    return joined.filter(joined.from_customer_id != joined.to_customer_id).select(*columns)


def shared_households(accounts: ir.Table, customer_account: ir.Table, customer: ir.Table, *, as_of: AsOf) -> ir.Table:
    """Return household_of relations (both directions) of persons who own or dispose of one account.

    Accounts of companies make no household, nor do accounts with a sole trader's staff: two of the roles must be persons
    and no company may have a role.
    """
    kinds = customer.select("customer_id", "party_kind")
    opened = accounts.filter((accounts.opened_on <= as_of.on) & (accounts.recorded_at <= as_of.known_by)).select(
        "account_id", "opened_on"
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
        (per_account.n_holders >= 2) & (per_account.n_holders <= MOST_IN_HOUSEHOLD) & (per_account.n_others == 0)
    )
    inside = holders.inner_join(shared.select("account_id"), "account_id").select(
        "customer_id", "account_id", "opened_on"
    )
    other = inside.select(to_customer_id="customer_id", account_id="account_id")
    pairs = inside.inner_join(other, "account_id")
    pairs = pairs.filter(pairs.customer_id != pairs.to_customer_id)
    dated = pairs.group_by(from_customer_id=pairs.customer_id, to_customer_id=pairs.to_customer_id).aggregate(
        valid_from_on=pairs.opened_on.min()
    )
    return dated.select(
        "from_customer_id", "to_customer_id", kind=ibis.literal("household_of"), share_rate=ibis.null("float64"),
        valid_from_on=dated.valid_from_on, valid_to_on=ibis.null("date"), origin=ibis.literal("shared_account"),
    )  # fmt: skip


__all__ = ["customer_accounts", "customer_relations", "shared_households"]

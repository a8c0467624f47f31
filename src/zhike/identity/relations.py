"""Relations between customers, and of customers to accounts, as sources declare them: what they say of keys, said of customers.

A relation of a customer to itself (both keys were the same person) is dropped. What zhike infers is in ``relations_inferred``.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from zhike.identity.relation_terms import day_before
from zhike.identity.terms import AsOf

OWNER_ROLES = ("owner", "joint_owner")
CONTACT_ROLES = {"legal_representative": "legal_representative_of", "owner": "controller_of"}
PAIR = ("from_customer_id", "to_customer_id", "kind")
COLUMNS = (
    *PAIR, "is_declared", "share_rate", "valid_from_on", "valid_to_on", "is_dated", "origin", "n_facts", "last_fact_on",
)  # fmt: skip


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


def declared_relations(
    party_relation: ir.Table, company_contact: ir.Table, links: ir.Table, *, as_of: AsOf
) -> ir.Table:
    """Return what sources have declared by the end of ``as_of``: per pair and kind one row per interval, none overlapping.

    A statement that begins later replaces an earlier one from its first day on; of two that begin on one day, that of the source
    trusted more holds. A statement without dates is known to hold on ``as_of`` and no more: it begins on that day, with
    ``is_dated`` false, and is left out where a dated one of the same pair and kind holds anyway.
    """
    known = (party_relation.valid_from_on <= as_of.on) & (party_relation.recorded_at <= as_of.known_by)
    written = party_relation.filter(known).select(
        "source", "from_key", "to_key", "kind", "share_rate", "valid_from_on", "valid_to_on",
        is_dated=ibis.literal(value=True), origin=ibis.literal("party_relation"),
    )  # fmt: skip
    linked = _between_customers(written.union(_contacts(company_contact, as_of)), links)
    linked = linked.filter(linked.valid_to_on.isnull() | (linked.valid_to_on >= linked.valid_from_on))
    return in_turn(linked.filter(linked.is_dated | ~_is_said_with_dates(linked, as_of)), is_declared=True)


def _contacts(company_contact: ir.Table, as_of: AsOf) -> ir.Table:
    """Return contact persons of companies as relations of keys."""
    begun = company_contact.filter(company_contact.valid_from_on.isnull() | (company_contact.valid_from_on <= as_of.on))
    kind = ibis.cases(*((begun.role == r, k) for r, k in CONTACT_ROLES.items()), else_="contact_of")
    return begun.select(
        "source", from_key=begun.contact_key, to_key=begun.company_key, kind=kind, share_rate=ibis.null("float64"),
        valid_from_on=begun.valid_from_on.fill_null(ibis.literal(as_of.on)), valid_to_on=begun.valid_to_on,
        is_dated=begun.valid_from_on.notnull(), origin=ibis.literal("company_contact"),
    )  # fmt: skip


def _between_customers(relations: ir.Table, links: ir.Table) -> ir.Table:
    """Replace source keys by customers on both sides; drop relations of a customer to itself."""
    ends = {
        side: links.select("source", **{f"{side}_customer_id": links.customer_id, f"{side}_key": links.source_key})
        for side in ("from", "to")
    }
    place = links.select("source", "source_place").distinct()
    joined = relations.inner_join(ends["from"], ["source", "from_key"])
    joined = joined.inner_join(ends["to"], ["source", "to_key"]).inner_join(place, "source")
    no_facts = {"n_facts": ibis.null("int64"), "last_fact_on": ibis.null("date")}
    return joined.filter(joined.from_customer_id != joined.to_customer_id).select(
        *PAIR, "share_rate", "valid_from_on", "valid_to_on", "is_dated", "origin", "source_place", **no_facts
    )


def _is_said_with_dates(linked: ir.Table, as_of: AsOf) -> ir.BooleanValue:
    """Return whether a dated statement of the same pair and kind holds on the day."""
    day = ibis.literal(as_of.on)
    holds = linked.is_dated & (linked.valid_to_on.isnull() | (linked.valid_to_on >= day))
    return holds.ifelse(1, 0).max().over(ibis.window(group_by=list(PAIR))) == 1


def in_turn(statements: ir.Table, *, is_declared: bool) -> ir.Table:
    """Return statements so that those of one pair and kind follow one another in time.

    Parameters
    ----------
    statements : the columns of ``customer_relation`` but ``is_declared``, and ``source_place`` (0 = trusted most).
    """
    first = [
        statements.source_place, statements.valid_to_on.isnull().desc(), statements.valid_to_on.desc(), statements.origin.desc(),
        statements.share_rate.desc(),
    ]  # fmt: skip
    of_day = ibis.row_number().over(group_by=[*PAIR, "valid_from_on"], order_by=first)
    ranked = statements.mutate(place_of_day=of_day)
    single = ranked.filter(ranked.place_of_day == 0)
    after = single.mutate(next_on=single.valid_from_on.lead().over(group_by=list(PAIR), order_by=single.valid_from_on))
    eve = day_before(after.next_on)
    is_cut = after.next_on.notnull() & (after.valid_to_on.isnull() | (after.valid_to_on > eve))
    last = is_cut.ifelse(eve, after.valid_to_on)
    return after.mutate(valid_to_on=last, is_declared=ibis.literal(is_declared)).select(*COLUMNS)


__all__ = ["COLUMNS", "PAIR", "customer_accounts", "declared_relations", "in_turn"]

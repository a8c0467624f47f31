"""Who looks after a customer as of a day, and the four units it belongs to: what sources say of keys, said of customers.

Records of one customer may name different leads. At most one leads on a day: what the source trusted most says; within one source,
what began last. The other claim is not lost silently: the days are marked as contested.
"""

from __future__ import annotations

from datetime import date
from functools import reduce

import ibis
import ibis.expr.types as ir

from zhike.identity.relation_terms import Tables, day_after, day_before
from zhike.identity.relations import OWNER_ROLES
from zhike.identity.terms import AsOf
from zhike.sources.tables.organisation import BRANCH_ROLES

LEAD, POOL = "lead", "pool"


def _flag(condition: ir.Value) -> ir.Value:
    return condition.ifelse(1, 0)


# ---- managers --------------------------------------------------------------------------------------------------------


def assignments(tables: Tables, *, as_of: date) -> ir.Table:
    """Return ``customer_assignment``: all that has begun by ``as_of``, with at most one lead a day.

    A transfer moves the customer on the day of its approval, a pending or rejected one not at all; where the source has already
    ended the former lead for it, the former goes on until then. Nobody looks after customers beyond the last day in post.

    Parameters
    ----------
    tables : manager_assignment, staff, identity_link, org_succession.
    """
    stated = _stated(tables, as_of)
    lasting = stated.filter(stated.to_on.isnull() | (stated.to_on >= stated.from_on))
    found = _one_lead(lasting.filter(lasting.role == LEAD)).union(_others(lasting.filter(lasting.role != LEAD)))
    staff, units = tables["staff"], tables["org_succession"]
    unit = units.select(unit_id="org_id", successor_id="successor_id")
    posts = staff.left_join(unit, staff.org_id == unit.unit_id)
    posts = posts.select(post_id="staff_id", org_id=ibis.coalesce(posts.successor_id, posts.org_id))
    joined = found.left_join(posts, found.staff_id == posts.post_id)
    return joined.select(
        "customer_id", "role", "staff_id", "org_id", "share_rate", valid_from_on="from_on", valid_to_on="to_on",
        is_contested="is_contested", awaits_transfer="awaits_transfer",
    )  # fmt: skip


def _stated(tables: Tables, as_of: date) -> ir.Table:
    """Return what sources say of customers and counts: from when to when, corrected for approvals and for who has left."""
    links, staff, rows = tables["identity_link"], tables["staff"], tables["manager_assignment"]
    begun = rows.filter(rows.valid_from_on <= as_of)
    linked = begun.inner_join(
        links.select("source", "source_key", "customer_id", "source_place"), ["source", "source_key"]
    )
    is_approved = linked.approval.isnull() | (
        (linked.approval == "approved") & (linked.approved_on.isnull() | (linked.approved_on <= as_of))
    )
    stated = linked.mutate(
        is_counted=is_approved,
        is_pending=~is_approved & (linked.approval != "rejected"),
        from_on=ibis.greatest(linked.valid_from_on, ibis.coalesce(linked.approved_on, linked.valid_from_on)),
    )
    stated = _carried_on(stated)
    left = staff.filter(staff.left_on.notnull()).select(gone_id="staff_id", last_on=day_before(staff.left_on))
    joined = stated.filter(stated.is_counted).left_join(left, stated.staff_id == left.gone_id)
    return joined.select(
        "customer_id", "role", "staff_id", "share_rate", "source_place", "from_on", "awaits_transfer",
        to_on=ibis.least(joined.goes_to_on, joined.last_on),
    )  # fmt: skip


def _carried_on(stated: ir.Table) -> ir.Table:
    """Add ``goes_to_on``, the last day, and ``awaits_transfer``: who was ended for a transfer goes on until it counts."""
    asked = stated.filter(stated.approval.notnull() & (stated.role == LEAD))
    transfers = asked.group_by(t_customer_id=asked.customer_id, t_from_on=asked.valid_from_on).aggregate(
        counts_on=asked.from_on.min(where=asked.is_counted), n_pending=_flag(asked.is_pending).max()
    )
    joined = stated.mutate(next_on=day_after(stated.valid_to_on))
    joined = joined.left_join(
        transfers, [joined.customer_id == transfers.t_customer_id, joined.next_on == transfers.t_from_on]
    )
    is_carried = (joined.role == LEAD) & joined.t_from_on.notnull()
    goes_to = is_carried.ifelse(day_before(joined.counts_on), joined.valid_to_on)
    awaits = (is_carried & joined.counts_on.isnull() & (joined.n_pending == 1)).fill_null(ibis.literal(value=False))
    return joined.mutate(goes_to_on=goes_to, awaits_transfer=awaits)


def _one_lead(leads: ir.Table) -> ir.Table:
    """Return leads such that of one customer no two overlap."""
    counted = leads.mutate(n_leads=leads.count().over(ibis.window(group_by="customer_id")))
    single = counted.filter(counted.n_leads == 1)
    several = _swept(counted.filter(counted.n_leads > 1))
    columns = ("customer_id", "role", "staff_id", "share_rate", "from_on", "to_on", "is_contested", "awaits_transfer")
    return single.mutate(is_contested=ibis.literal(value=False)).select(*columns).union(several.select(*columns))


def _swept(leads: ir.Table) -> ir.Table:
    """Cut time at every beginning and end of a customer's leads, choose one for each piece, join pieces of one lead."""
    ends = leads.filter(leads.to_on.notnull())
    starts = leads.select("customer_id", on="from_on").union(ends.select("customer_id", on=day_after(ends.to_on)))
    starts = starts.distinct()
    in_time = ibis.window(group_by="customer_id", order_by=starts.on)
    pieces = starts.mutate(last_on=day_before(starts.on.lead().over(in_time)))
    mine = leads.rename(lead_customer_id="customer_id")
    covered = pieces.inner_join(mine, pieces.customer_id == mine.lead_customer_id)
    covered = covered.filter((covered.from_on <= covered.on) & (covered.to_on.isnull() | (covered.to_on >= covered.on)))
    piece = ["customer_id", "on"]
    nth = ibis.row_number().over(
        group_by=piece, order_by=[covered.source_place, covered.from_on.desc(), covered.staff_id]
    )
    of_piece = ibis.window(group_by=piece)
    is_contested = covered.staff_id.min().over(of_piece) != covered.staff_id.max().over(of_piece)
    ranked = covered.mutate(nth=nth, is_contested=is_contested)
    best = ranked.filter(ranked.nth == 0)
    order = ibis.window(group_by="customer_id", order_by=best.on)
    known_share = best.share_rate.fill_null(-1.0)
    goes_on = (
        (best.staff_id.lag().over(order) == best.staff_id)
        & (known_share.lag().over(order) == known_share)
        & (day_after(best.last_on.lag().over(order)) == best.on)
    ).fill_null(ibis.literal(value=False))
    marked = best.mutate(begins=_flag(~goes_on))
    runs = marked.mutate(
        run=marked.begins.sum().over(ibis.cumulative_window(group_by="customer_id", order_by=marked.on))
    )
    joined = runs.group_by("customer_id", "role", "staff_id", "share_rate", "run").aggregate(
        from_on=runs.on.min(),
        last_on=runs.last_on.max(),
        is_open=_flag(runs.last_on.isnull()).max(),
        contested=_flag(runs.is_contested).max(),
        awaits=_flag(runs.awaits_transfer).max(),
    )
    return joined.mutate(
        to_on=(joined.is_open == 1).ifelse(ibis.null("date"), joined.last_on),
        is_contested=joined.contested == 1,
        awaits_transfer=joined.awaits == 1,
    )


def _others(rows: ir.Table) -> ir.Table:
    """Return shares and pools: of two records that say the same since the same day, the longer counts."""
    found = rows.group_by("customer_id", "role", "staff_id", "from_on").aggregate(
        share_rate=rows.share_rate.max(), last_on=rows.to_on.max(), is_open=_flag(rows.to_on.isnull()).max()
    )
    return found.select(
        "customer_id", "role", "staff_id", "share_rate", "from_on",
        to_on=(found.is_open == 1).ifelse(ibis.null("date"), found.last_on), is_contested=ibis.literal(value=False),
        awaits_transfer=ibis.literal(value=False),
    )  # fmt: skip


# ---- units -----------------------------------------------------------------------------------------------------------


def branches(tables: Tables, *, as_of: AsOf) -> ir.Table:
    """Return ``customer_branch``: for every customer the four units, as recorded and as they answer today.

    What a source declares counts. Otherwise: opening = the unit of the first own account; managing = the unit of the lead, else of
    the pool, else opening; marketing = opening; assessed = managing.

    Parameters
    ----------
    tables : party_branch, identity_link, account, customer_account, customer, customer_assignment, org_succession.
    """
    sides = (_declared_units(tables, as_of.on), _first_unit(tables, as_of), _manager_unit(tables, as_of.on))
    joined = reduce(_beside, sides, tables["customer"].select("customer_id"))
    first, lead = (joined.first_org_id, "first_account"), (joined.manager_org_id, joined.manager_role)
    declared = {role: (joined[f"declared_{role}"], "declared") for role in BRANCH_ROLES}
    opening, managing = (declared["opening"], first), (declared["managing"], lead)
    from_opening = tuple((org, "opening") for org, _ in opening)
    choices = {
        "opening": opening,
        "managing": (*managing, *from_opening),
        "marketing": (declared["marketing"], *from_opening),
        "assessed": (declared["assessed"], *((org, "managing") for org, _ in (*managing, *from_opening))),
    }
    units: dict[str, ir.Value] = {}
    for role, options in choices.items():
        units[f"{role}_org_id"] = ibis.coalesce(*(org for org, _ in options))
        units[f"{role}_basis"] = ibis.cases(
            *((org.notnull(), basis) for org, basis in options), else_=ibis.null("string")
        )
    return _with_scopes(joined.select("customer_id", **units), tables["org_succession"])


def _beside(table: ir.Table, side: ir.Table) -> ir.Table:
    """Left-join one row per customer; ``side`` names its key ``_key``."""
    return table.left_join(side, table.customer_id == side["_key"]).drop("_key")


def _declared_units(tables: Tables, day: date) -> ir.Table:
    """Return what sources declare on the day; of several, the most trusted source's, then the latest."""
    rows, links = tables["party_branch"], tables["identity_link"]
    held = rows.filter((rows.valid_from_on <= day) & (rows.valid_to_on.isnull() | (rows.valid_to_on >= day)))
    linked = held.inner_join(
        links.select("source", "source_key", "customer_id", "source_place"), ["source", "source_key"]
    )
    order = [linked.source_place, linked.valid_from_on.desc(), linked.org_id]
    nth = ibis.row_number().over(group_by=["customer_id", "branch_role"], order_by=order)
    best = linked.mutate(nth=nth).filter(lambda t: t.nth == 0)
    chosen = {f"declared_{role}": best.org_id.max(where=best.branch_role == role) for role in BRANCH_ROLES}
    return best.group_by(_key=best.customer_id).aggregate(**chosen)


def _first_unit(tables: Tables, as_of: AsOf) -> ir.Table:
    """Return the unit of the account that a customer has owned longest."""
    accounts, roles = tables["account"], tables["customer_account"]
    opened = accounts.filter(
        (accounts.opened_on <= as_of.on) & (accounts.recorded_at <= as_of.known_by) & accounts.org_id.notnull()
    )
    owned = roles.filter(roles.role.isin(OWNER_ROLES)).select("customer_id", "account_id").distinct()
    joined = owned.inner_join(opened.select("account_id", "opened_on", first_org_id="org_id"), "account_id")
    nth = ibis.row_number().over(group_by="customer_id", order_by=[joined.opened_on, joined.account_id])
    first = joined.mutate(nth=nth).filter(lambda t: t.nth == 0)
    return first.select(_key="customer_id", first_org_id="first_org_id")


def _manager_unit(tables: Tables, day: date) -> ir.Table:
    """Return the unit of the lead of the day, else of the pool."""
    rows = tables["customer_assignment"]
    held = rows.filter(
        (rows.valid_from_on <= day)
        & (rows.valid_to_on.isnull() | (rows.valid_to_on >= day))
        & rows.role.isin((LEAD, POOL))
        & rows.org_id.notnull()
    )
    order = [_flag(held.role != LEAD), held.valid_from_on.desc(), held.staff_id]
    nth = ibis.row_number().over(group_by="customer_id", order_by=order)
    first = held.mutate(nth=nth).filter(lambda t: t.nth == 0)
    return first.select(_key="customer_id", manager_org_id="org_id", manager_role="role")


def _with_scopes(units: ir.Table, succession: ir.Table) -> ir.Table:
    """Add for each unit the one that answers for it; a unit that the organisation does not know answers for itself."""
    table = units
    for role in BRANCH_ROLES:
        side = succession.select(_unit="org_id", _successor="successor_id")
        joined = table.left_join(side, table[f"{role}_org_id"] == side["_unit"])
        scope = ibis.coalesce(joined["_successor"], joined[f"{role}_org_id"])
        table = joined.mutate(**{f"{role}_scope_id": scope}).drop("_unit", "_successor")
    return table


__all__ = ["assignments", "branches"]

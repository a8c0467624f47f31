"""How a segment does: what its members hold, how well that fits them, whether they stay, and where products are missing.

* coverage 覆盖率: members over the customers it is for.
* penetration 渗透率: share of members who hold a product class, beside the share of everybody it is for.
* match 匹配度: of the product classes that are usual in a customer's value tier (held by at least ``USUAL_RATE`` of that tier), the
  share that the customer holds; the mean over members. 1 = members hold all that is usual for their tiers.
* stickiness 黏性: members of the day ``n`` days ago who still are; and the median of active days.
* retention 留存: of those who entered in a month, the share who are members 0, 1, 2 … months later, by the channel on which the
  customer was first seen. Members of the first run are no cohort: nobody knows when they entered.
* gaps 产品缺口: classes in which members are surely behind the best comparable segment (interval without zero), in customers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.segments.tracking.alerts import add_months
from zhike.segments.tracking.migration import first_known_day, held_on
from zhike.statistics import Proportion, newcombe_difference, wilson_interval
from zhike.statistics.intervals import Interval

USUAL_RATE = 0.5
GAP_LEAST_MEMBERS = 30
MOST_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Penetration:
    """One product class among members and among everybody."""

    product_class: str
    n_members: int
    interval: Interval
    base_share_rate: float

    @property
    def tgi(self) -> float | None:
        """100 × share / share among everybody."""
        return 100 * self.interval.estimate / self.base_share_rate if self.base_share_rate else None


@dataclass(frozen=True, slots=True)
class Gap:
    """A product class in which members are behind a comparable segment: ``n_customers`` = difference × members."""

    product_class: str
    share_rate: float
    peer: str
    peer_share_rate: float
    difference: Interval
    n_customers: int


@dataclass(frozen=True, slots=True)
class CohortCell:
    """Of ``n_entered`` customers who entered in a month (by channel, "" = all), ``n_held`` are members ``months`` later."""

    entered_month: date
    channel: str
    months: int
    n_entered: int
    n_held: int

    @property
    def retention_rate(self) -> float:
        """Still, or again, a member."""
        return self.n_held / self.n_entered


def holdings(accounts: ir.Table, owners: ir.Table, products: ir.Table, as_of: date) -> ir.Table:
    """Return customer_id and product_class of what each customer owns on the day, once per class."""
    day = ibis.literal(as_of)
    open_now = accounts.filter((accounts.opened_on <= day) & (accounts.closed_on.isnull() | (accounts.closed_on > day)))
    owned = owners.filter(owners.role == "owner").select("customer_id", owned_id="account_id")
    rows = owned.inner_join(open_now, owned.owned_id == open_now.account_id)
    classed = products.select(classed_id="product_id", product_class="product_class")
    rows = rows.inner_join(classed, rows.product_id == classed.classed_id)
    return rows.filter(rows.product_class.notnull()).select("customer_id", "product_class").distinct()


def class_counts(members: ir.Table, held: ir.Table) -> dict[str, int]:
    """Return product class → members who hold it."""
    rows = held.semi_join(members, "customer_id")
    counted = rows.group_by("product_class").aggregate(n=rows.count().cast("int64"))
    return {r["product_class"]: r["n"] for r in counted.to_pyarrow().to_pylist()}


def find_penetration(
    counts: Mapping[str, int], n_members: int, base_counts: Mapping[str, int], n_base: int
) -> tuple[Penetration, ...]:
    """Return the share of each product class among members, beside that of everybody; the largest first."""
    if not n_members or not n_base:
        return ()
    found = [
        Penetration(c, counts.get(c, 0), wilson_interval(Proportion(n_members, counts.get(c, 0))), n / n_base)
        for c, n in base_counts.items()
    ]
    return tuple(sorted(found, key=lambda p: (-p.interval.estimate, p.product_class)))


def find_gaps(
    counts: Mapping[str, int], n_members: int, peers: Mapping[str, tuple[int, Mapping[str, int]]]
) -> tuple[Gap, ...]:
    """Return, per product class, how far members are behind the best peer, largest gap in customers first.

    Parameters
    ----------
    peers : comparable segments → members and their counts; those with fewer than ``GAP_LEAST_MEMBERS`` are left out.
    """
    found = []
    able = {k: v for k, v in peers.items() if v[0] >= GAP_LEAST_MEMBERS}
    classes = sorted({c for _, held in able.values() for c in held})
    for product_class in classes if n_members >= GAP_LEAST_MEMBERS else ():
        peer = max(able, key=lambda k: (able[k][1].get(product_class, 0) / able[k][0], k))
        n_peer, held = able[peer]
        best, own = Proportion(n_peer, held.get(product_class, 0)), Proportion(n_members, counts.get(product_class, 0))
        difference = newcombe_difference(best, own).interval
        if difference.low <= 0:
            continue
        found.append(Gap(product_class, own.rate, peer, best.rate, difference, round(difference.estimate * n_members)))
    return tuple(sorted(found, key=lambda g: (-g.n_customers, g.product_class)))


def usual_classes(tiers: ir.Table, held: ir.Table) -> dict[str, tuple[str, ...]]:
    """Return tier → product classes that at least ``USUAL_RATE`` of its customers hold.

    Parameters
    ----------
    tiers : customer_id and bucket.
    """
    sizes = {r["bucket"]: r["n"] for r in _count_by(tiers, "bucket")}
    both = tiers.select("bucket", tier_id="customer_id").inner_join(held, [("tier_id", "customer_id")])
    counted = both.group_by("bucket", "product_class").aggregate(n=both.count().cast("int64"))
    found: dict[str, list[str]] = {tier: [] for tier in sizes}
    for row in counted.order_by("bucket", "product_class").to_pyarrow().to_pylist():
        if row["n"] >= USUAL_RATE * sizes[row["bucket"]]:
            found[row["bucket"]].append(row["product_class"])
    return {tier: tuple(classes) for tier, classes in found.items()}


def _count_by(rows: ir.Table, by: str) -> list[dict[str, Any]]:
    counted: list[dict[str, Any]] = rows.group_by(by).aggregate(n=rows.count().cast("int64")).to_pyarrow().to_pylist()
    return counted


def find_match(members: ir.Table, tiers: ir.Table, held: ir.Table) -> float | None:
    """Return the mean share of what is usual in their tiers that members hold; None where no tier has anything usual."""
    usual = usual_classes(tiers, held)
    wanted = [{"bucket": t, "wanted": c, "n_wanted": len(classes)} for t, classes in usual.items() for c in classes]
    if not wanted:
        return None
    expected = ibis.memtable(wanted, schema={"bucket": "string", "wanted": "string", "n_wanted": "int64"})
    own = tiers.semi_join(members, "customer_id").inner_join(expected, "bucket")
    has = held.select(holder="customer_id", held_class="product_class")
    rows = own.left_join(has, [("customer_id", "holder"), ("wanted", "held_class")])
    each = rows.group_by("customer_id").aggregate(rate=rows.holder.notnull().cast("float64").mean())
    found: float | None = each.aggregate(rate=each.rate.mean()).to_pyarrow().to_pylist()[0]["rate"]
    return found


def find_stay_rates(members: ir.Table, as_of: date, days: Sequence[int] = (30, 90)) -> dict[int, float | None]:
    """Return days → share of the members of that many days ago who are members now; None before the first run or of nobody."""
    known = first_known_day(members)
    found: dict[int, float | None] = {}
    now = held_on(members, as_of).select("customer_id")
    for n in days:
        then = as_of - timedelta(days=n)
        if known is None or then < known:
            found[n] = None
            continue
        before = held_on(members, then).select("customer_id")
        n_before = int(before.count().to_pyarrow().as_py())
        n_still = int(before.semi_join(now, "customer_id").count().to_pyarrow().as_py())
        found[n] = n_still / n_before if n_before else None
    return found


def find_cohorts(
    members: ir.Table, as_of: date, first_channels: ir.Table | None = None, *, most_months: int = MOST_MONTHS
) -> tuple[CohortCell, ...]:
    """Return retention by month of first entering and months since, of all and by the channel of first contact.

    Cohorts of the last ``most_months`` and the month before are followed. A cell is told only when the whole cohort has had the time: the last day of its month plus ``months`` is not after ``as_of``.

    Parameters
    ----------
    members : intervals of one segment. first_channels : customer_id and channel of first contact.
    """
    known = first_known_day(members)
    if known is None:
        return ()
    earliest = add_months(as_of.replace(day=1), -most_months - 1)
    entered_on = members.group_by("customer_id").aggregate(entered=members.from_on.min())
    lately = entered_on.filter((entered_on.entered > known) & (entered_on.entered >= earliest))
    rows = members.semi_join(lately, "customer_id")
    intervals = rows.select("customer_id", "from_on", "to_on").to_pyarrow().to_pylist()
    channels: dict[str, str] = {}
    if first_channels is not None:
        channels = {r["customer_id"]: r["channel"] for r in first_channels.to_pyarrow().to_pylist()}
    spans: dict[str, list[tuple[date, date | None]]] = defaultdict(list)
    for row in intervals:
        spans[row["customer_id"]].append((row["from_on"], row["to_on"]))
    counts: dict[tuple[date, str, int], list[int]] = defaultdict(lambda: [0, 0])
    for customer, held in spans.items():
        entered = min(start for start, _ in held)
        month = entered.replace(day=1)
        for n in range(most_months + 1):
            if add_months(add_months(month, 1) - timedelta(days=1), n) > as_of:
                break
            then = add_months(entered, n)
            is_held = any(start <= then and (end is None or end >= then) for start, end in held)
            for channel in ("", *([channels[customer]] if customer in channels else [])):
                cell = counts[(month, channel, n)]
                cell[0] += 1
                cell[1] += is_held
    return tuple(CohortCell(m, c, n, total, kept) for (m, c, n), (total, kept) in sorted(counts.items()))


__all__ = [
    "USUAL_RATE",
    "CohortCell",
    "Gap",
    "Penetration",
    "class_counts",
    "find_cohorts",
    "find_gaps",
    "find_match",
    "find_penetration",
    "find_stay_rates",
    "holdings",
    "usual_classes",
]

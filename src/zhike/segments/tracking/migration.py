"""Who moved between the buckets of a segment from one day to another: in customers and in money, from the intervals of its members.

``segment_member`` holds intervals, so any day back to the segment's first run can be asked for; between two runs what the earlier run
found holds. Who was no member, or no customer yet, stands «outside» (``OUTSIDE``). Rows add up to the sizes on the first day, columns to
the sizes on the last, and all of it to everybody who was inside on either day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.kernel.money import to_amount
from zhike.rules import holding_on
from zhike.statistics.stability import code_stability_index

OUTSIDE = "~"
MONEYS = ("amount_from", "amount_to")
COLUMNS = {"bucket_from": "string", "bucket_to": "string", **dict.fromkeys(MONEYS, "decimal(18, 2)")}
INSIDE = ""  # the one bucket of a segment that has none


@dataclass(frozen=True, slots=True)
class Flow:
    """Customers that went from one bucket to another. Money is their AUM on the two days, None where it is not known."""

    bucket_from: str
    bucket_to: str
    n_customers: int
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Net:
    """One bucket: its size on both days, who came and went, and the same in money (of the last day, of the first day)."""

    bucket: str
    n_from: int
    n_to: int
    n_came: int
    n_went: int
    amount_came: Decimal | None
    amount_went: Decimal | None

    @property
    def n_net(self) -> int:
        """Came less went: the change of its size."""
        return self.n_came - self.n_went


@dataclass(frozen=True, slots=True)
class Migration:
    """All flows of one segment between two days; ``is_redefined`` when its definition was another on the first day."""

    segment: str
    from_on: date
    to_on: date
    flows: tuple[Flow, ...]
    is_redefined: bool = False
    money_missing: tuple[date, ...] = ()

    @property
    def buckets(self) -> tuple[str, ...]:
        """Every bucket that is named, outside last."""
        found = dict.fromkeys(b for f in self.flows for b in (f.bucket_from, f.bucket_to) if b != OUTSIDE)
        return (*found, OUTSIDE)

    def n(self, bucket_from: str, bucket_to: str) -> int:
        """Return the customers of one cell."""
        return sum(f.n_customers for f in self.flows if (f.bucket_from, f.bucket_to) == (bucket_from, bucket_to))

    def sizes(self, *, at_end: bool) -> dict[str, int]:
        """Return the size of each bucket on the first or on the last day, without those outside."""
        found: dict[str, int] = dict.fromkeys((b for b in self.buckets if b != OUTSIDE), 0)
        for flow in self.flows:
            bucket = flow.bucket_to if at_end else flow.bucket_from
            if bucket != OUTSIDE:
                found[bucket] += flow.n_customers
        return found

    def nets(self) -> tuple[Net, ...]:
        """Return each bucket's net flow; those of all buckets and outside together cancel out."""
        before, after = self.sizes(at_end=False), self.sizes(at_end=True)
        found = []
        for bucket in (b for b in self.buckets if b != OUTSIDE):
            came = [f for f in self.flows if f.bucket_to == bucket != f.bucket_from]
            went = [f for f in self.flows if f.bucket_from == bucket != f.bucket_to]
            found.append(
                Net(
                    bucket, before[bucket], after[bucket], sum(f.n_customers for f in came), sum(f.n_customers for f in went),
                    _total(f.amount_to for f in came), _total(f.amount_from for f in went),
                )
            )  # fmt: skip
        return tuple(found)

    @property
    def stay_rate(self) -> float | None:
        """Share of the first day's members who are in the same bucket on the last day; None where there were none."""
        inside = [f for f in self.flows if f.bucket_from != OUTSIDE]
        n = sum(f.n_customers for f in inside)
        return sum(f.n_customers for f in inside if f.bucket_from == f.bucket_to) / n if n else None

    @property
    def shift_psi(self) -> float:
        """Population stability index between the sizes of the buckets on the two days; NotEstimable when a day has nobody."""
        return code_stability_index(self.sizes(at_end=False), self.sizes(at_end=True))


def _total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = list(amounts)
    return None if any(a is None for a in known) else sum((a for a in known if a is not None), Decimal(0))


def first_known_day(members: ir.Table) -> date | None:
    """Return the first day of which the intervals of a segment speak; None when it never had a member."""
    found: date | None = members.from_on.min().to_pyarrow().as_py()
    return found


def held_on(members: ir.Table, day: date) -> ir.Table:
    """Return customer_id, bucket ("" for a segment without) and definition_hash of the members on a day, once per customer."""
    held = holding_on(members, day)
    return held.group_by("customer_id").aggregate(
        bucket=held.bucket.fill_null(INSIDE).min(), definition_hash=held.definition_hash.min()
    )


def _part(rows: ir.Table) -> ir.Table:
    """Return rows with all of ``COLUMNS``, those that they lack missing: so that all sides are stacked, not joined."""
    columns = {name: rows[name] if name in rows.columns else ibis.null(kind) for name, kind in COLUMNS.items()}
    return rows.select("customer_id", **{name: columns[name].cast(COLUMNS[name]) for name in COLUMNS})


def _covers(members: ir.Table, day: date) -> ir.BooleanValue:
    return (members.from_on <= ibis.literal(day)) & (members.to_on.isnull() | (members.to_on >= ibis.literal(day)))


def _each(members: ir.Table, from_on: date, to_on: date) -> ir.Table:
    """Return customer_id, bucket_from, bucket_to (missing = outside) of who was inside on either day.

    Most customers have one interval over both days; only the others are looked at customer by customer.
    """
    rows = members.mutate(
        bucket=members.bucket.fill_null(INSIDE), on_first=_covers(members, from_on), on_last=_covers(members, to_on)
    )
    stays = rows.filter(rows.on_first & rows.on_last).select("customer_id", bucket_from="bucket", bucket_to="bucket")
    moving = rows.filter(rows.on_first ^ rows.on_last)
    nowhere = ibis.null("string")
    moved = moving.group_by("customer_id").aggregate(
        bucket_from=ibis.ifelse(moving.on_first, moving.bucket, nowhere).max(), bucket_to=ibis.ifelse(moving.on_last, moving.bucket, nowhere).max()
    )  # fmt: skip
    return stays.union(moved)


def count_flows(
    members: ir.Table, from_on: date, to_on: date, *, money: tuple[ir.Table | None, ir.Table | None] = (None, None)
) -> ir.Table:
    """Return bucket_from, bucket_to, n_customers, amount_from, amount_to: one row per pair of buckets that occurs.

    Parameters
    ----------
    members : intervals of one segment.
    money : customer_id and amount on the first and on the last day, None where there is none.
    """
    each = _part(_each(members, from_on, to_on))
    known = [(name, m) for name, m in zip(MONEYS, money, strict=True) if m is not None]
    if known:
        stacked = ibis.union(each, *(_part(m.select("customer_id", **{name: "amount"})) for name, m in known))
        each = stacked.group_by("customer_id").aggregate(**{name: stacked[name].max() for name in COLUMNS})
    inside = each.filter(each.bucket_from.notnull() | each.bucket_to.notnull())
    rows = inside.select(
        bucket_from=inside.bucket_from.fill_null(OUTSIDE), bucket_to=inside.bucket_to.fill_null(OUTSIDE),
        **{name: inside[name].fill_null(Decimal("0.00")) for name in MONEYS},
    )  # fmt: skip
    return rows.group_by("bucket_from", "bucket_to").aggregate(
        n_customers=rows.count().cast("int64"), amount_from=rows.amount_from.sum(), amount_to=rows.amount_to.sum()
    )


def find_migration(
    segment: str, members: ir.Table, from_on: date, to_on: date, *,
    money: tuple[ir.Table | None, ir.Table | None] = (None, None), order: Sequence[str] = (),
) -> Migration:  # fmt: skip
    """Return the migration of a segment between two days.

    Parameters
    ----------
    order : the buckets as the definition has them.

    Raises
    ------
    BadInput : the first day is not before the last. NotEstimable : the segment had no run yet on the first day.
    """
    if from_on >= to_on:
        raise BadInput(
            "migration.days_reversed", zh=f"期初 {from_on} 应早于期末 {to_on}", en=f"{from_on} is not before {to_on}",
            todo_zh="--from 写较早的一天", todo_en="give the earlier day to --from",
        )  # fmt: skip
    known = first_known_day(members)
    if known is None or from_on < known:
        raise NotEstimable(
            "migration.no_history", zh=f"客群 {segment} 的成员自 {known or '未有成员'} 起才有记录，早于此的 {from_on} 不可知",
            en=f"the members of {segment} are known from {known or 'no day'} on; nothing is known of {from_on}",
            todo_zh="取其后的一天；更早的历史须按日补跑 zhike run --as-of", todo_en="take a later day; an earlier history takes runs of those days, oldest first",
            facts={"first_known_on": str(known)},
        )  # fmt: skip
    rows = count_flows(members, from_on, to_on, money=money).to_pyarrow().to_pylist()
    place = {b: i for i, b in enumerate((*order, INSIDE))} | {OUTSIDE: 10_000}
    rows.sort(key=lambda r: (place.get(r["bucket_from"], 9_999), place.get(r["bucket_to"], 9_999), str(r)))
    flows = tuple(
        Flow(
            r["bucket_from"], r["bucket_to"], r["n_customers"],
            to_amount(r["amount_from"]) if money[0] is not None else None, to_amount(r["amount_to"]) if money[1] is not None else None,
        )
        for r in rows
    )  # fmt: skip
    missing = tuple(d for d, m in zip((from_on, to_on), money, strict=True) if m is None)
    return Migration(segment, from_on, to_on, flows, _is_redefined(members, from_on, to_on), missing)


def _is_redefined(members: ir.Table, from_on: date, to_on: date) -> bool:
    """Whether members who have left since the first day were members by another definition than those of the last day.

    An interval that goes on carries the definition that last confirmed it, so this is seen from those who are gone only.
    """
    then = holding_on(members, from_on).select(h="definition_hash")
    now = holding_on(members, to_on).select(h="definition_hash")
    hashes = then.union(now).aggregate(n=lambda t: t.h.nunique().cast("int64")).to_pyarrow().to_pylist()
    return bool(hashes[0]["n"] > 1)


def periods(as_of: date, last_run: date) -> tuple[tuple[date, date], ...]:
    """Return the periods that every run looks at: since the last run, and the last complete month, from the end of the one before.

    A month that began after the last run is left out: nobody looked at its first day.
    """
    last_of_month = as_of if (as_of + timedelta(days=1)).day == 1 else as_of.replace(day=1) - timedelta(days=1)
    month = (last_of_month.replace(day=1) - timedelta(days=1), last_of_month)
    return ((last_run, as_of), *((month,) if month[0] <= last_run else ()))


__all__ = [
    "INSIDE",
    "OUTSIDE",
    "Flow",
    "Migration",
    "Net",
    "count_flows",
    "find_migration",
    "first_known_day",
    "held_on",
    "periods",
]

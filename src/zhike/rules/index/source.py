"""Where an audience index reads: the tables that rules look into, each with the dense ``customer_no`` of the profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhike.rules.batch import bind
from zhike.rules.scope import RuleScope, holding_on
from zhike.rules.terms import Condition, Related
from zhike.rules.vocabulary import EVENT_FIELDS
from zhike.warehouse import QueryEngine

NUMBER = "customer_no"
EVENT_COLUMNS = (NUMBER, "event_kind", "on", "at", *EVENT_FIELDS)


@dataclass(frozen=True)
class TableSource:
    """The tables of one run behind an engine.

    ``profile`` : one row per customer: customer_id, customer_no and the fields. ``scope`` : what stands beside it, as the batch
    evaluator takes it; a table that no rule asks for may be left out.
    """

    engine: QueryEngine
    profile: ir.Table
    scope: RuleScope

    @cached_property
    def numbers(self) -> npt.NDArray[np.int64]:
        """The customers, ascending: slot i is the customer with the i-th number."""
        found = self.engine.fetch(self.profile.select(NUMBER).order_by(NUMBER))
        return found[NUMBER].to_numpy().astype(np.int64)

    def field(self, name: str) -> pa.Array[Any]:
        """Return the values of a field, customer by customer; amounts as cents."""
        rows = self.profile.select(place=NUMBER, value=_plain(self.profile[name]))
        return self.engine.fetch(rows.order_by("place"))["value"].combine_chunks()

    def tag(self, tag: str) -> pa.Table:
        """Return [customer_no, text, number, amount, day, since] of who has a tag on the day."""
        rows = _given(self.scope.tag_value, "tag_value")
        held = self._numbered(holding_on(rows.filter(rows.tag == tag), self.scope.as_of))
        parts = {
            "text": "value_text",
            "number": "value_number",
            "amount": "value_amount",
            "day": "value_on",
            "since": "from_on",
        }
        return self._fetch(held.select(NUMBER, **{p: _plain(held[c]) for p, c in parts.items()}))

    def segment(self, segment: str) -> pa.Table:
        """Return [customer_no, bucket, since] of the members on the day."""
        rows = _given(self.scope.segment_member, "segment_member")
        held = self._numbered(holding_on(rows.filter(rows.segment == segment), self.scope.as_of))
        return self._fetch(held.select(NUMBER, "bucket", since="from_on"))

    def score(self, model: str) -> pa.Table:
        """Return [customer_no, score, decile]."""
        rows = _given(self.scope.score_value, "score_value")
        return self._fetch(self._numbered(rows.filter(rows.model == model)).select(NUMBER, "score", "decile"))

    def on_list(self, name: str) -> pa.Table:
        """Return [customer_no, since] of who is on a list on the day."""
        rows = _given(self.scope.customer_list, "customer_list")
        held = self._numbered(holding_on(rows.filter(rows.list == name), self.scope.as_of))
        return self._fetch(held.group_by(NUMBER).aggregate(since=held.from_on.max()))

    def contactable(self, purpose: str) -> pa.Table:
        """Return [customer_no, channel, product_line] that policy allows for a purpose."""
        rows = _given(self.scope.contactability, "contactability")
        allowed = self._numbered(rows.filter(rows.is_allowed & (rows.purpose == purpose)))
        return self._fetch(allowed.select(NUMBER, "channel", "product_line"))

    def events(self, kind: str) -> pa.Table:
        """Return the events of a kind up to the day, by customer and time."""
        rows = _given(self.scope.event, "event")
        mine = rows.filter((rows.event_kind == kind) & (rows.on <= ibis.literal(self.scope.as_of)))
        return self.engine.fetch(_event_rows(self._numbered(mine)).order_by(NUMBER, "at", "on"))

    def relations(self, leaf: Related) -> pa.Table:
        """Return [key_id, key_no, other_id, other_no] of the relations that a leaf reads; a number is missing of whom the profile has not."""
        rows = _given(self.scope.customer_relation, "customer_relation")
        asked = rows.filter(rows.kind.isin(leaf.relations))
        if leaf.is_declared is not None:
            asked = asked.filter(asked.is_declared == leaf.is_declared)
        held = holding_on(asked, self.scope.as_of, first="valid_from_on", last="valid_to_on")
        known = self.profile.select("customer_id", NUMBER)
        for side in ("from", "to"):
            ends = known.select(**{f"{side}_customer_id": known.customer_id, f"{side}_no": known[NUMBER]})
            held = held.left_join(ends, f"{side}_customer_id").drop(f"{side}_customer_id_right")
        sides = [("to", "from") if way else ("from", "to") for way in leaf.ways]
        parts = [
            held.select(key_id=f"{a}_customer_id", key_no=f"{a}_no", other_id=f"{b}_customer_id", other_no=f"{b}_no")
            for a, b in sides
        ]
        return self.engine.fetch(parts[0] if len(parts) == 1 else parts[0].union(parts[1]))

    def matching(self, rule: Condition) -> npt.NDArray[np.int64]:
        """Return the numbers of who matches, by the batch evaluator."""
        bound = bind(
            self.profile,
            [rule],
            replace(self.scope, subjects=self.scope.subjects if self.scope.subjects is not None else self.profile),
        )
        found = self.engine.fetch(bound.table.filter(bound.flag(rule)).select(NUMBER))
        return found[NUMBER].to_numpy().astype(np.int64)

    def on(self, day: date) -> TableSource:
        """Return the same tables looked at on another day."""
        return self if day == self.scope.as_of else replace(self, scope=replace(self.scope, as_of=day))

    def with_events(self, events: pa.Table | None) -> TableSource:
        """Return the tables with further events, by ``customer_no``."""
        if events is None:
            return self
        known = _given(self.scope.event, "event")
        fresh = _event_rows(ibis.memtable(events)).inner_join(self.profile.select("customer_id", NUMBER), NUMBER)
        columns = [c for c in known.columns if c in fresh.columns]
        schema = known.select(*columns).schema()
        both = known.select(*columns).union(fresh.select(**{c: fresh[c].cast(schema[c]) for c in columns}))
        return replace(self, scope=replace(self.scope, event=both))

    def _numbered(self, rows: ir.Table) -> ir.Table:
        """Return rows with the customer's number, where they do not carry it."""
        if NUMBER in rows.columns:
            return rows
        known = self.profile.select("customer_id", NUMBER)
        return rows.inner_join(known, "customer_id")

    def _fetch(self, rows: ir.Table) -> pa.Table:
        return self.engine.fetch(rows.order_by(NUMBER))


def _event_rows(events: ir.Table) -> ir.Table:
    missing = {n: ibis.null("float64" if n == "value" else "string") for n in EVENT_COLUMNS if n not in events.columns}
    return events.mutate(**missing).select(*EVENT_COLUMNS)


def _plain(column: Any) -> Any:
    """Return a column as an index keeps it: amounts as whole cents."""
    return (column * 100).cast("int64") if column.type().is_decimal() else column


def _given(table: ir.Table | None, name: str) -> ir.Table:
    if table is None:
        raise ValueError(f"a rule needs scope.{name}")
    return table


__all__ = ["EVENT_COLUMNS", "NUMBER", "TableSource"]

"""One step per tag: it reads only what its rules name, so that tags of tags come after them and unchanged ones are skipped."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.identity.anonymous import EVENT_READS, attributed_events, event_links
from zhike.kernel.clock import moment_on
from zhike.profile.keeping import keeping
from zhike.profile.observation import BUSINESS_TIMEZONE
from zhike.profile.tags import Tag
from zhike.profile.tags_health import health_table, measure_health
from zhike.profile.tags_upkeep import keep_intervals
from zhike.profile.tags_values import current_values, manual_values
from zhike.rules import RuleScope, UsedNames, customer_events, listed_customers
from zhike.warehouse import Catalog, Family, Input, Output, Step, StepContext, merged, write_together

Keep = Callable[[ir.Table], ir.Table]
SOMETHING = frozenset({"*"})
ANYTHING = UsedNames(
    tags=SOMETHING, segments=SOMETHING, models=SOMETHING, events=SOMETHING, relations=SOMETHING, lists=SOMETHING, contactability=True
)  # fmt: skip


def reads_of_rules(names: UsedNames) -> tuple[Input, ...]:
    """Return what a step reads whose rules use these names: the profile, and beside it only what they name."""
    reads = [Input("profile")]
    reads += [Input("tag_value", tag) for tag in sorted(names.tags)]
    reads += [Input("segment_member", segment) for segment in sorted(names.segments)]
    reads += [Input("score_value", model) for model in sorted(names.models)]
    if names.events:
        reads += [Input(name) for name in EVENT_READS]
    if names.relations:
        reads.append(Input("customer_relation"))
    if names.contactability:
        reads.append(Input("contactability"))
    if names.lists:
        reads += [Input("customer_list"), Input("list_entry"), Input("identity_link")]
    return tuple(reads)


def scope_of(tables: Catalog, names: UsedNames | None, as_of: date, *, timezone: str = BUSINESS_TIMEZONE) -> RuleScope:
    """Return the scope of rules over the tables of a catalog: those that ``names`` needs, and no other; None = whatever rules may need.

    ``timezone`` is of the business day (IANA name): events recorded after its end, and whose they are when that was learned
    later, are not read.
    """
    asked = ANYTHING if names is None else names
    day_end = moment_on(as_of + timedelta(days=1), timezone).replace(tzinfo=None)
    return RuleScope(
        as_of=as_of,
        subjects=tables["profile"],
        tag_value=tables["tag_value"] if asked.tags else None,
        segment_member=tables["segment_member"] if asked.segments else None,
        score_value=tables["score_value"] if asked.models else None,
        event=events_of_customers(tables, known_by=day_end) if asked.events else None,
        customer_relation=tables["customer_relation"] if asked.relations else None,
        contactability=tables["contactability"] if asked.contactability else None,
        customer_list=lists_of_customers(tables, known_by=day_end) if asked.lists else None,
    )


def lists_of_customers(tables: Catalog, *, known_by: datetime) -> ir.Table:
    """Return whom the bank's lists name, as far as that was recorded by a moment."""
    return listed_customers(
        tables["customer_list"], tables["identity_link"], tables["list_entry"], recorded_by=known_by
    )


def events_of_customers(tables: Catalog, *, known_by: datetime) -> ir.Table:
    """Return events with their ``customer_id``, also those made before a login told whose they are."""
    events = attributed_events(tables["event"], tables["event_party"], known_by=known_by)
    return customer_events(events, event_links(tables["identity_link"], tables["party_alias"], known_by=known_by))


@dataclass(frozen=True, slots=True)
class _Tagging:
    """The work of the steps of tags: all that are due are computed from one scan of the profile."""

    tags: Mapping[str, Tag]
    timezone: str

    def __call__(self, contexts: Sequence[StepContext]) -> list[Mapping[str, Any]]:
        tags = [self.tags[c.step.key] for c in contexts]
        as_of, engine = contexts[0].as_of, contexts[0].engine
        tables, before = merged([c.tables for c in contexts]), merged([c.previous for c in contexts])
        previous = before["tag_value"] if before.partitions("tag_value") else None
        with keeping(engine) as keep:
            intervals = keep_intervals(keep(self._current(tags, tables, as_of, keep)), previous, as_of)
            return [{"n_intervals": n} for n in write_together(contexts, "tag_value", intervals, by="tag")]

    def _current(self, tags: Sequence[Tag], tables: Catalog, as_of: date, keep: Keep) -> ir.Table:
        ruled = [t for t in tags if t.definition.kind != "manual"]
        given = [t for t in tags if t.definition.kind == "manual"]
        found = []
        if ruled:
            scope = scope_of(tables, reduce(operator.or_, (t.names() for t in ruled)), as_of, timezone=self.timezone)
            found.append(current_values(ruled, tables["profile"], scope, keep=keep))
        if given:
            found.append(manual_values(given, tables["profile"], tables["tag_override"], as_of))
        return found[0] if len(found) == 1 else ibis.union(*found)


def tag_step(tag: Tag, *, timezone: str = BUSINESS_TIMEZONE) -> Step:
    """Return the step that writes the intervals of one tag; ``timezone`` (IANA name) is of the business day."""
    return _tag_steps({tag.key: tag}, timezone)[0]


def _tag_steps(tags: Mapping[str, Tag], timezone: str) -> list[Step]:
    family = Family("tag", _Tagging({f"tag:{key}": tag for key, tag in tags.items()}, timezone))
    return [_member(tags[key], family, timezone) for key in sorted(tags)]


def _member(tag: Tag, family: Family, timezone: str) -> Step:
    given = (Input("tag_override"),) if tag.definition.kind == "manual" else ()
    return Step(
        key=f"tag:{tag.key}",
        writes=(Output("tag_value", tag.key),),
        reads=(*reads_of_rules(tag.names()), *given, Input("tag_value", tag.key, lag=1)),
        work=family.alone,
        definition=tag.hash,
        material=(timezone,),
        family=family,
        is_portable=True,
    )


def tag_health_step(tags: Mapping[str, Tag]) -> Step:
    """Return the step that measures all tags when they are written; it reports how many customers hold each."""

    def work(context: StepContext) -> Mapping[str, Any]:
        tables, before = context.tables, context.previous["tag_health"]
        rows = measure_health(tags, tables["tag_value"], tables["profile"], before, context.as_of) if tags else []
        context.write("tag_health", health_table(rows))
        return {row["tag"]: row["n_tagged"] for row in rows}

    return Step(
        key="tag_health",
        writes=(Output("tag_health"),),
        reads=(Input("profile"), *(Input("tag_value", key) for key in sorted(tags)), Input("tag_health", lag=1)),
        work=work,
        material=tuple((key, sorted(k.value for k in tags[key].definition.subjects)) for key in sorted(tags)),
        is_portable=True,
    )


def tag_steps(tags: Mapping[str, Tag], *, timezone: str = BUSINESS_TIMEZONE) -> list[Step]:
    """Return one step per tag and the one that measures them; the run orders them by what they read."""
    return [*_tag_steps(tags, timezone), tag_health_step(tags)]


__all__ = ["reads_of_rules", "scope_of", "tag_health_step", "tag_step", "tag_steps"]

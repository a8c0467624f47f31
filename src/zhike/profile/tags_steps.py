"""One step per tag: it reads only what its rules name, so that tags of tags come after them and unchanged ones are skipped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir

from zhike.kernel.clock import moment_on
from zhike.profile.observation import BUSINESS_TIMEZONE
from zhike.profile.tags import Tag
from zhike.profile.tags_health import health_table, measure_health
from zhike.profile.tags_upkeep import keep_intervals
from zhike.profile.tags_values import current_values, manual_values
from zhike.rules import RuleScope, UsedNames, customer_events
from zhike.warehouse import Catalog, Input, Output, Step, StepContext


def reads_of_rules(names: UsedNames) -> tuple[Input, ...]:
    """Return what a step reads whose rules use these names: the profile, and beside it only what they name."""
    reads = [Input("profile")]
    reads += [Input("tag_value", tag) for tag in sorted(names.tags)]
    reads += [Input("segment_member", segment) for segment in sorted(names.segments)]
    reads += [Input("score_value", model) for model in sorted(names.models)]
    if names.events:
        reads += [Input("event"), Input("identity_link")]
    if names.relations:
        reads.append(Input("customer_relation"))
    if names.contactability:
        reads.append(Input("contactability"))
    return tuple(reads)


def scope_of(tables: Catalog, names: UsedNames, as_of: date, *, timezone: str = BUSINESS_TIMEZONE) -> RuleScope:
    """Return the scope of rules over the tables of a catalog: those that ``names`` needs, and no other.

    ``timezone`` is of the business day (IANA name): events recorded after its end are not read.
    """
    day_end = moment_on(as_of + timedelta(days=1), timezone).replace(tzinfo=None)
    return RuleScope(
        as_of=as_of,
        subjects=tables["profile"],
        tag_value=tables["tag_value"] if names.tags else None,
        segment_member=tables["segment_member"] if names.segments else None,
        score_value=tables["score_value"] if names.models else None,
        event=customer_events(tables["event"], tables["identity_link"], recorded_by=day_end) if names.events else None,
        customer_relation=tables["customer_relation"] if names.relations else None,
        contactability=tables["contactability"] if names.contactability else None,
    )


def _current(tag: Tag, names: UsedNames, context: StepContext, timezone: str) -> ir.Table:
    profile = context.tables["profile"]
    if tag.definition.kind == "manual":
        return manual_values(tag, profile, context.tables["tag_override"], context.as_of)
    return current_values(tag, profile, scope_of(context.tables, names, context.as_of, timezone=timezone))


def tag_step(tag: Tag, *, timezone: str = BUSINESS_TIMEZONE) -> Step:
    """Return the step that writes the intervals of one tag; ``timezone`` (IANA name) is of the business day."""
    names = tag.names()
    given = (Input("tag_override"),) if tag.definition.kind == "manual" else ()

    def work(context: StepContext) -> Mapping[str, Any]:
        is_known = tag.key in context.previous.partitions("tag_value")
        previous = context.previous.part("tag_value", tag.key) if is_known else None
        intervals = keep_intervals(tag, _current(tag, names, context, timezone), previous, context.as_of)
        return {"n_intervals": context.write("tag_value", intervals, partition=tag.key)}

    return Step(
        key=f"tag:{tag.key}",
        writes=(Output("tag_value", tag.key),),
        reads=(*reads_of_rules(names), *given, Input("tag_value", tag.key, lag=1)),
        work=work,
        definition=tag.hash,
        material=(timezone,),
    )


def tag_health_step(tags: Mapping[str, Tag]) -> Step:
    """Return the step that measures all tags when they are written; it reports how many customers hold each."""

    def work(context: StepContext) -> Mapping[str, Any]:
        tables, before = context.tables, context.previous["tag_health"]
        rows = measure_health(tags, tables["tag_value"], tables["profile"], before, context.as_of)
        context.write("tag_health", health_table(rows))
        return {row["tag"]: row["n_tagged"] for row in rows}

    return Step(
        key="tag_health",
        writes=(Output("tag_health"),),
        reads=(Input("profile"), *(Input("tag_value", key) for key in sorted(tags)), Input("tag_health", lag=1)),
        work=work,
        material=tuple((key, sorted(k.value for k in tags[key].definition.subjects)) for key in sorted(tags)),
    )


def tag_steps(tags: Mapping[str, Tag], *, timezone: str = BUSINESS_TIMEZONE) -> list[Step]:
    """Return one step per tag and the one that measures them; the run orders them by what they read."""
    return [*(tag_step(tags[key], timezone=timezone) for key in sorted(tags)), tag_health_step(tags)]


__all__ = ["reads_of_rules", "scope_of", "tag_health_step", "tag_step", "tag_steps"]

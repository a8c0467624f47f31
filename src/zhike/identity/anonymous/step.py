"""The step that says whose events are: anonymous ones by their device, and user keys that were renumbered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.identity.anonymous import rule
from zhike.identity.anonymous.continuing import find_continued, party_aliases, placeholders
from zhike.identity.anonymous.reading import event_links
from zhike.identity.anonymous.terms import WHO_KINDS, AnonymousSettings, How, Left
from zhike.identity.anonymous.visits import corrected, gather_visits, on_lines, people, sightings
from zhike.kernel.hashing import fingerprint
from zhike.warehouse import Input, Output, QueryEngine, Step, StepContext
from zhike.warehouse.fields import end_of_day

VERSION = 1  # raise when the same events would be given otherwise
READ = (
    "event_id", "source", "source_key", "anonymous_id", "previous_id", "event_kind", "on", "at", "session_id", "recorded_at",
)  # fmt: skip


def events_step(settings: AnonymousSettings, *, timezone: str) -> Step:
    """Return the step that writes ``event_party`` and ``party_alias``; ``timezone`` (IANA) says when a business day ends."""
    return Step(
        "identity:events",
        writes=(Output("event_party"), Output("party_alias")),
        reads=(Input("event"), Input("identity_link")),
        work=_Events(settings, timezone),
        material=(VERSION, fingerprint(asdict(settings)), timezone),
    )


@dataclass(frozen=True, slots=True)
class _Events:
    settings: AnonymousSettings
    timezone: str

    def __call__(self, context: StepContext) -> Mapping[str, Any]:
        events, links = context.tables["event"], context.tables["identity_link"]
        known_by = end_of_day(context.as_of, self.timezone)
        with given_events(context.engine, events, links, known_by=known_by, settings=self.settings) as found:
            context.write("event_party", found.rows)
            context.write("party_alias", found.aliases)
            return count_events(context.engine, events, links, found, known_by=known_by)


@dataclass(frozen=True, slots=True)
class Given:
    """Rows of ``event_party`` (a table of the engine) and of ``party_alias``; aliases and identifications that did not count."""

    rows: ir.Table
    aliases: pa.Table
    n_aliases_ignored: int
    n_corrected: int


@contextmanager
def given_events(
    engine: QueryEngine, events: ir.Table, links: ir.Table, *, known_by: datetime, settings: AnonymousSettings
) -> Iterator[Given]:
    """Say whose the events without a user are, as known at a moment; the rows stay in the engine while they are needed.

    Parameters
    ----------
    events : ``event``; rows recorded after ``known_by`` (UTC without zone) are not read.
    links : ``identity_link``: two users who are one customer are one person.
    """
    known = events.filter(events.recorded_at <= ibis.literal(known_by)).select(*READ)
    continued = find_continued(engine, known, most_aliases=settings.most_aliases)
    aliases = party_aliases(engine, known, links, continued.users)
    lost = corrected(engine, known)
    with ExitStack() as kept:

        def keep(name: str, rows: ir.Table) -> ir.Table:
            return kept.enter_context(engine.temporary(name, rows))

        seen = keep("event_seen", gather_visits(sightings(known, lost)))
        silent = rule.anonymous_events(known)
        bad = placeholders(engine, seen.select(key="anonymous_id").union(silent.select(key="anonymous_id")))
        seen = seen.filter(~seen.anonymous_id.isin(bad)) if bad else seen
        visits = keep("event_visits", on_lines(people(seen, links, aliases), continued.devices))
        owned = keep("event_silent", rule.with_owner(silent, rule.session_owners(visits, silent)))
        queue = rule.waiting(owned, continued.devices)
        placed = keep("event_visits_placed", rule.placed_visits(visits.semi_join(queue, rule.LINE)))
        given = rule.given_by_device(rule.placed_events(queue, placed), placed, settings, placeholders=bad)
        rows = rule.given_by_session(owned).union(given, rule.without_key(owned))
        rows = keep("event_given", rows.union(rule.not_counted(lost)) if lost.num_rows else rows)
        yield Given(rows, aliases, continued.n_ignored, lost.num_rows)


def count_events(
    engine: QueryEngine, events: ir.Table, links: ir.Table, found: Given, *, known_by: datetime
) -> dict[str, Any]:
    """Return how many events are whose, and why the others are nobody's; events that only say who somebody is do not count.

    ``n_direct`` carry their own user, of whom ``n_users_unknown`` events are of users whom no record carries; the latter count too
    when they were made anonymously. ``attributed_rate`` is the share of anonymous events that have become somebody's.
    """
    known = events.filter((events.recorded_at <= ibis.literal(known_by)) & ~events.event_kind.isin(WHO_KINDS))
    own = known.filter(known.source_key.notnull()).group_by("source", "source_key").aggregate(n=lambda t: t.count())
    later = found.rows.filter(found.rows.source_key.notnull()).group_by("source", "source_key")
    users = own.mutate(is_own=ibis.literal(1)).union(
        later.aggregate(n=lambda t: t.count()).mutate(is_own=ibis.literal(0))
    )
    carried = event_links(links, ibis.memtable(found.aliases)).select(k_source="source", k_key="source_key")
    users = users.left_join(carried, [users.source == carried.k_source, users.source_key == carried.k_key])
    sums = engine.fetch(
        users.aggregate(
            n_direct=(users.n * users.is_own).sum().cast("int64"),
            n_users_unknown=ibis.ifelse(users.k_key.isnull(), users.n, 0).sum().cast("int64"),
        )
    ).to_pylist()[0]
    rows = found.rows
    counted = rows.filter((rows.left_because != Left.CORRECTED.value) | rows.left_because.isnull())
    counted = engine.fetch(
        counted.group_by("how", "left_because").aggregate(n=lambda t: t.count().cast("int64"))
    ).to_pylist()
    by_how = {h.value: 0 for h in How if h is not How.DIRECT} | {r["how"]: r["n"] for r in counted if r["how"]}
    left = {w.value: 0 for w in Left if w is not Left.CORRECTED} | {
        r["left_because"]: r["n"] for r in counted if r["left_because"]
    }
    n_given, n_left = sum(by_how.values()), sum(left.values())
    return {
        "n_direct": sums["n_direct"] or 0, "n_attributed": n_given, "n_unattributed": n_left,
        "attributed_rate": round(n_given / (n_given + n_left), 4) if n_given + n_left else None,
        "attributed_by": by_how, "unattributed_because": left, "n_users_unknown": sums["n_users_unknown"] or 0,
        "n_aliases_ignored": found.n_aliases_ignored, "n_identifications_corrected": found.n_corrected,
    }  # fmt: skip


__all__ = ["Given", "count_events", "events_step", "given_events"]

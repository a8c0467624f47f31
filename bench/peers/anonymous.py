"""Whose the events without a user are, in SQL written by hand for DuckDB alone: ASOF join to the next visit, and who else was near.

The rule is that of ``docs/concepts/identity.md`` with its default days; it knows aliases of one step, which is what the bench draws.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

STEPS = (
    """CREATE TEMP TABLE known AS FROM event WHERE recorded_at <= TIMESTAMP '{known_by}'""",
    """CREATE TEMP TABLE line AS
       SELECT source, anonymous_id, min(previous_id) AS line, min(recorded_at) AS joined_at FROM known WHERE event_kind = 'alias' GROUP BY ALL
       UNION ALL
       SELECT source, previous_id, previous_id, min(recorded_at) FROM known WHERE event_kind = 'alias' GROUP BY ALL""",
    """CREATE TEMP TABLE visit AS
       WITH gathered AS (
           SELECT source, anonymous_id, session_id, "on", source_key, min({{'at': "at", 'event_id': event_id, 'recorded_at': recorded_at}}) AS first
           FROM known WHERE source_key IS NOT NULL AND anonymous_id IS NOT NULL
           GROUP BY source, anonymous_id, session_id, CASE WHEN session_id IS NULL THEN event_id END, "on", source_key)
       SELECT g.source, g.anonymous_id, session_id, "on", g.source_key, first.at AS first_at, first.event_id AS evidence_id,
              first.recorded_at AS seen_at, coalesce(k.customer_id, 'key:' || g.source_key) AS person,
              coalesce(l.line, g.anonymous_id) AS line, l.joined_at
       FROM gathered g LEFT JOIN identity_link k ON k.source = g.source AND k.source_key = g.source_key
            LEFT JOIN line l ON l.source = g.source AND l.anonymous_id = g.anonymous_id
       WHERE length(replace(replace(g.anonymous_id, '-', ''), ':', '')) >= 6 AND rtrim(replace(g.anonymous_id, '-', ''), left(g.anonymous_id, 1)) <> ''
             AND upper(g.anonymous_id) NOT IN ('UNKNOWN', 'NULL', 'NONE', 'DEFAULT')""",
    """CREATE TEMP TABLE silent AS
       SELECT e.event_id, e.source, e."on", e."at", e.anonymous_id, e.session_id, e.recorded_at, coalesce(l.line, e.anonymous_id) AS line, l.joined_at
       FROM known e LEFT JOIN line l ON l.source = e.source AND l.anonymous_id = e.anonymous_id
       WHERE source_key IS NULL AND event_kind NOT IN ('identify', 'alias')""",
    """CREATE TEMP TABLE by_session AS
       WITH alone AS (
           SELECT source, anonymous_id, session_id, "on", min({{'a': first_at, 'k': source_key, 'e': evidence_id, 's': seen_at}}) AS v
           FROM visit WHERE session_id IS NOT NULL GROUP BY ALL HAVING count(DISTINCT person) = 1)
       SELECT s.event_id, s.source, s."on", v.k AS source_key, CASE WHEN s."at" > v.a THEN 'after_login' ELSE 'before_login' END AS how,
              v.e AS evidence_id, greatest(s.recorded_at, v.s) AS known_at, NULL::VARCHAR AS left_because
       FROM silent s JOIN alone USING (source, anonymous_id, session_id, "on")""",
    """CREATE TEMP TABLE shared AS SELECT source, line FROM visit GROUP BY ALL HAVING count(DISTINCT person) > 1""",
    """CREATE TEMP TABLE one_visit AS SELECT * FROM visit QUALIFY row_number() OVER (PARTITION BY source, line, first_at ORDER BY evidence_id) = 1""",
    """CREATE TEMP TABLE coming AS
       SELECT s.*, v.person, v.source_key, v.evidence_id, v.seen_at, v.first_at, v.anonymous_id AS device, v.joined_at AS v_joined_at
       FROM (FROM silent ANTI JOIN by_session USING (event_id)) s
            ASOF LEFT JOIN one_visit v ON s.source = v.source AND s.line = v.line AND s."at" <= v.first_at""",
    """CREATE TEMP TABLE crowded AS
       SELECT DISTINCT c.event_id FROM coming c SEMI JOIN shared USING (source, line) JOIN visit o ON o.source = c.source AND o.line = c.line
       WHERE o.person <> c.person AND o.first_at BETWEEN c."at" - INTERVAL 30 DAY AND greatest(c."at" + INTERVAL 30 DAY, c.first_at)""",
    """CREATE TEMP TABLE given AS
       SELECT c.*, coalesce(c.first_at - c."at" <= INTERVAL 30 DAY, FALSE) AS is_near, x.event_id IS NOT NULL AS is_crowded
       FROM coming c LEFT JOIN crowded x ON x.event_id = c.event_id""",
)
RESULT = """
    FROM by_session UNION ALL
    SELECT event_id, source, "on", CASE WHEN is_near AND NOT is_crowded THEN source_key END,
           CASE WHEN is_near AND NOT is_crowded THEN CASE WHEN device <> anonymous_id THEN 'alias' ELSE 'before_login' END END,
           CASE WHEN is_near AND NOT is_crowded THEN evidence_id END,
           CASE WHEN is_near AND NOT is_crowded
                THEN CASE WHEN device <> anonymous_id THEN greatest(recorded_at, seen_at, joined_at, v_joined_at) ELSE greatest(recorded_at, seen_at) END END,
           CASE WHEN anonymous_id IS NULL THEN 'no_key' WHEN is_near AND is_crowded THEN 'several_people' WHEN is_near THEN NULL
                WHEN upper(anonymous_id) IN ('UNKNOWN', 'NULL', 'NONE', 'DEFAULT') OR rtrim(replace(anonymous_id, '-', ''), left(anonymous_id, 1)) = ''
                THEN 'placeholder' ELSE 'nobody_identified' END
    FROM given"""


def give_events(folder: Path, target: Path, known_by: str, *, threads: int = 2, memory: str = "3GB") -> None:
    """Write ``event_party`` for the events and links that lie in a folder."""
    target.mkdir(parents=True, exist_ok=True)
    spill = {"threads": threads, "memory_limit": memory, "temp_directory": str(target / "spill")}
    con = duckdb.connect(":memory:", config=spill)
    for table in ("event", "identity_link"):
        con.execute(f"CREATE VIEW {table} AS FROM read_parquet('{folder}/{table}.parquet')")
    for step in STEPS:
        con.execute(step.format(known_by=known_by))
    con.execute(f"COPY ({RESULT}) TO '{target}/event_party.parquet' (COMPRESSION zstd)")


__all__ = ["give_events"]

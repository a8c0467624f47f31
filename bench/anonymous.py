"""Whose ten million events are, beside hand-written DuckDB SQL that does the same and writes the same Parquet.

The events are drawn: four in a session, three of ten sessions without a login, one anonymous event before each login, some after; a tenth of
the devices is used by two people, a twentieth of the keys is renewed with an alias, some keys are placeholders. Equality of
every row is proven before anything is timed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import date, datetime
from pathlib import Path

import duckdb

from bank import default_folder
from equality import compare_tables, require_equal
from measuring import compare, report

AS_OF, KNOWN_BY = date(2025, 6, 29), datetime(2025, 6, 29, 15, 59, 59, 999999)
EVENTS = """
    WITH session AS (
        SELECT range AS s, (hash(range * 7 + 1) % {devices})::BIGINT AS device, (hash(range * 13 + 5) % 180)::INT AS day,
               (hash(range * 3 + 2) % 50000)::INT AS second, hash(range * 19) % 10 < 7 AS logs_in, hash(range * 17) AS dice
        FROM range({sessions})),
    placed AS (SELECT *, CASE WHEN hash(device * 11) % 10 = 0 AND dice % 2 = 0 THEN device + {devices} ELSE device END AS person FROM session),
    happened AS (SELECT placed.*, k, logs_in AND k >= 1 AND NOT (k = 3 AND dice % 7 = 0) AS is_known FROM placed, (SELECT range AS k FROM range(4)))
    SELECT 'e' || lpad((s * 4 + k)::VARCHAR, 12, '0') AS event_id, 'mobile' AS source,
           CASE WHEN is_known THEN 'u' || lpad(person::VARCHAR, 10, '0') END AS source_key,
           CASE WHEN dice % 97 = 0 THEN NULL WHEN dice % 89 = 0 THEN '00000000-0000-0000-0000-000000000000'
                WHEN day >= 59 AND hash(device * 29) % 20 = 0 THEN 'x' || lower(hex(hash(device))) || '-' || lpad(device::VARCHAR, 12, '0')
                ELSE lower(hex(hash(device))) || '-' || lpad(device::VARCHAR, 12, '0') END AS anonymous_id,
           NULL::VARCHAR AS previous_id,
           CASE WHEN NOT is_known THEN 'page_view' WHEN k = 1 THEN 'app_login' ELSE 'wealth_page_view' END AS event_kind, 'app' AS channel,
           DATE '2025-01-01' + day AS "on", TIMESTAMP '2025-01-01' + to_days(day) + to_seconds(second + k * 40) AS "at", 'fund' AS subject,
           CASE WHEN dice % 5 > 0 THEN 's' || s END AS session_id, NULL::VARCHAR AS org_id, 1.0::DOUBLE AS "value",
           TIMESTAMP '2025-01-01' + to_days(day) + to_seconds(57599) AS recorded_at
    FROM happened
    UNION ALL
    SELECT 'a' || device, 'mobile', NULL, 'x' || lower(hex(hash(device))) || '-' || lpad(device::VARCHAR, 12, '0'),
           lower(hex(hash(device))) || '-' || lpad(device::VARCHAR, 12, '0'),
           'alias', 'app', DATE '2025-03-01', TIMESTAMP '2025-03-01 01:00:00', NULL, NULL, NULL, NULL, TIMESTAMP '2025-03-01 15:59:59'
    FROM (SELECT range AS device FROM range({devices})) WHERE hash(device * 29) % 20 = 0"""
LINKS = """
    SELECT 'mobile' AS source, 'u' || lpad(range::VARCHAR, 10, '0') AS source_key, md5(range::VARCHAR) AS customer_id, range + 1 AS customer_no
    FROM range({devices} * 2) WHERE hash(range * 31) % 50 > 0"""


def draw(n_events: int, folder: Path) -> Path:
    """Return the folder with drawn events and links, drawing them when they are not there."""
    target = folder / f"anonymous-{n_events}"
    if not target.is_dir():
        working = target.with_suffix(".working")
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir(parents=True)
        con, sizes = duckdb.connect(), {"sessions": n_events // 4, "devices": max(n_events // 15, 1)}
        for name, text in (("event", EVENTS), ("identity_link", LINKS)):
            con.execute(f"COPY ({text.format(**sizes)}) TO '{working}/{name}.parquet' (COMPRESSION zstd)")
        working.rename(target)
    return target


def give_ours(given: Path, target: Path) -> None:
    """Write what our step writes."""
    from zhike.identity.anonymous import AnonymousSettings
    from zhike.identity.anonymous.step import count_events, given_events
    from zhike.identity.anonymous.tables import EVENT_PARTY
    from zhike.identity.tables import IDENTITY_LINK
    from zhike.sources.tables.engagement import EVENT
    from zhike.warehouse import open_engine
    from zhike.warehouse.conform import conform

    engine = open_engine(threads=2, memory="3GB")
    events, links = (
        engine.read([given / f"{name}.parquet"], contract)
        for name, contract in (("event", EVENT), ("identity_link", IDENTITY_LINK))
    )
    with given_events(engine, events, links, known_by=KNOWN_BY, settings=AnonymousSettings()) as found:
        engine.write(conform(found.rows, EVENT_PARTY), target / "event_party.parquet")
        count_events(engine, events, links, found, known_by=KNOWN_BY)
    engine.close()


def work(side: str, given: Path, target: Path) -> None:
    """Do the work of one side."""
    shutil.rmtree(target, ignore_errors=True)
    if side == "ours":
        give_ours(given, target)
    else:
        from peers.anonymous import give_events

        give_events(given, target, KNOWN_BY.isoformat(" "))


def main() -> None:
    """Prove equality and measure, or do one side's work in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=default_folder())
    parser.add_argument("--check", action="store_true", help="prove equality only")
    parser.add_argument("--work", choices=("ours", "peer"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    given = draw(options.events, options.folder)
    targets = {side: options.folder / f"anonymous-{side}-{options.events}" for side in ("ours", "peer")}
    if options.work:
        work(options.work, given, targets[options.work])
        return
    again = [sys.executable, __file__, *sys.argv[1:], "--work"]
    try:
        for side, target in targets.items():
            work(side, given, target)
        files = [[targets[side] / "event_party.parquet"] for side in ("ours", "peer")]
        rows = require_equal([compare_tables(duckdb.connect(), "event_party", *files, key=("event_id",))])
        counted = duckdb.execute(
            f"SELECT coalesce(how, left_because), count(*) FROM '{files[0][0]}' GROUP BY 1 ORDER BY 1"
        ).fetchall()
        facts = {"events": options.events, "equal_rows": rows, "given": dict(counted)}
        if options.check:
            report(**facts)
            return
        result = compare("anonymous", [*again, "ours"], [*again, "peer"], repeats=options.repeats, warm_up=False)
        report(result, **facts, cpu_ratio=round(result.ours.cpu_seconds / result.peer.cpu_seconds, 3))
    finally:
        for target in targets.values():
            shutil.rmtree(target, ignore_errors=True)


if __name__ == "__main__":
    main()

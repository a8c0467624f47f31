"""The features peer: profile, tags, segments, their changes and health as hand-written DuckDB SQL, written as the same Parquet."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from peers.features_profile import Days, statements, whole_profile
from peers.features_rules import SEGMENTS, TAGS, SegmentSql, TagSql

HISTORY_DAYS = 1100
NO_CHANGE = """SELECT NULL::VARCHAR AS segment, NULL::VARCHAR AS customer_id, NULL::DATE AS changed_on, NULL::VARCHAR AS change,
    NULL::VARCHAR AS bucket_from, NULL::VARCHAR AS bucket_to WHERE FALSE"""


@dataclass(frozen=True)
class Given:
    """What the peer is handed: the day, Parquet files by table, the last run's by table and key, hashes of definitions by key."""

    as_of: date
    tables: Mapping[str, Sequence[str]]
    before: Mapping[str, Mapping[str, str]]
    hashes: Mapping[str, str]

    @staticmethod
    def read(path: Path) -> Given:
        """Read it from the JSON file that the bench writes."""
        body = json.loads(path.read_text(encoding="utf-8"))
        return Given(date.fromisoformat(body["as_of"]), body["tables"], body["before"], body["hashes"])


class Night:
    """One night of the peer."""

    def __init__(self, given: Given, out: Path, *, threads: int = 2, memory: str = "3GB") -> None:
        self.given, self.out, self.days = given, out, Days(given.as_of)
        out.mkdir(parents=True)
        spill = {"threads": threads, "memory_limit": memory, "temp_directory": str(out / "spill")}
        self.con = duckdb.connect(":memory:", config=spill)
        for table, paths in given.tables.items():
            listed = ", ".join(f"'{p}'" for p in paths)
            self.con.execute(f'CREATE VIEW "{table}" AS FROM read_parquet([{listed}], union_by_name=true)')

    def run(self) -> None:
        """Make everything."""
        self.make_profile()
        for tag in TAGS:
            self.make_tag(tag)
        self.make_tag_health()
        for segment in SEGMENTS:
            self.make_segment(segment)
        self.con.close()

    def save(self, sql: str, *place: str) -> None:
        """Write a query to its file."""
        target = self.out.joinpath(*place).with_suffix(".parquet")
        target.parent.mkdir(parents=True, exist_ok=True)
        self.con.execute(f"COPY ({sql}) TO '{target}' (COMPRESSION zstd)")

    def make_profile(self) -> None:
        """Write the profile and go on with what was written."""
        first = self.con.execute(
            'SELECT least((SELECT min("on") FROM balance_daily), (SELECT min("on") FROM holding_daily))'
        ).fetchone()[0]
        for sql in statements(self.days, first):
            self.con.execute(sql)
        self.save(whole_profile(self.days), "profile")
        for (name,) in self.con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall():
            self.con.execute(f'DROP TABLE "{name}"')
        self.con.execute(f"CREATE VIEW profile AS FROM '{self.out}/profile.parquet'")
        self.con.execute("CREATE TEMP TABLE kinds AS SELECT party_kind, count(*) AS n FROM profile GROUP BY 1")

    def subjects(self, reads: Sequence[str], kinds: Sequence[str]) -> str:
        """The customers that a tag or segment is for, with the tags that its rules look at."""
        joins = "".join(
            f" LEFT JOIN (SELECT customer_id, value_text AS {t}_text, from_on AS {t}_from FROM '{self.out}/tag_value/{t}.parquet' "
            f"WHERE to_on IS NULL) USING (customer_id)"
            for t in reads
        )
        wanted = "" if len(kinds) == 3 else f" WHERE party_kind IN ({', '.join(repr(k) for k in kinds)})"
        return f"(FROM profile{wanted}){joins}"

    # ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    def make_tag(self, tag: TagSql) -> None:
        """Write the intervals of a tag: who has it now, laid over who had it at the last run."""
        d, mark = self.days, self.given.hashes[tag.key]
        today = d.ago(0)
        now = f"""SELECT customer_id, ({tag.text})::VARCHAR AS value_text, round(({tag.number})::DOUBLE, 6) AS value_number,
                         ({tag.amount})::DECIMAL(18,2) AS value_amount, ({tag.day})::DATE AS value_on, coalesce({tag.holds}, FALSE) AS holds,
                         ({tag.ended}) AS ended
                  FROM {self.subjects(tag.reads, tag.subjects)}""".replace("{today}", today)
        met = today if tag.lives_days else "NULL::DATE"
        before = self.given.before.get("tag_value", {}).get(tag.key)
        if before is None:
            self.save(
                f"""SELECT customer_id, '{tag.key}' AS tag, value_text, value_number, value_amount, value_on, {today} AS from_on,
                           NULL::DATE AS to_on, {met} AS met_on, '{mark}' AS definition_hash FROM ({now}) WHERE holds AND NOT ended""",
                "tag_value", tag.key,
            )  # fmt: skip
            return
        same = " AND ".join(["b.customer_id IS NOT NULL", *(f"n.{t} IS NOT DISTINCT FROM b.{t}" for t in tag.tracked)])
        lives = f"b.met_on > {d.ago(tag.lives_days)} AND NOT n.ended AND NOT n.holds" if tag.lives_days else "FALSE"
        self.con.execute(
            f"""CREATE OR REPLACE TEMP TABLE today AS
                WITH b AS (FROM '{before}' WHERE to_on IS NULL)
                SELECT n.*, n.holds AND NOT n.ended AS has, coalesce({lives}, FALSE) AS lives, {same} AS same, b.value_text AS b_text,
                       b.value_number AS b_number, b.value_amount AS b_amount, b.value_on AS b_on, b.from_on AS b_from, b.met_on AS b_met
                FROM ({now}) n LEFT JOIN b USING (customer_id)"""
        )
        self.save(
            f"""SELECT customer_id, '{tag.key}' AS tag, CASE WHEN has THEN value_text ELSE b_text END AS value_text,
                       CASE WHEN has THEN value_number ELSE b_number END AS value_number,
                       CASE WHEN has THEN value_amount ELSE b_amount END AS value_amount, CASE WHEN has THEN value_on ELSE b_on END AS value_on,
                       CASE WHEN lives OR same THEN b_from ELSE {today} END AS from_on, NULL::DATE AS to_on,
                       CASE WHEN has THEN {met} ELSE b_met END AS met_on, '{mark}' AS definition_hash
                FROM today WHERE has OR lives
                UNION ALL
                SELECT customer_id, tag, value_text, value_number, value_amount, value_on, from_on, {d.ago(1)}, met_on, definition_hash
                FROM '{before}' WHERE to_on IS NULL AND customer_id NOT IN (SELECT customer_id FROM today WHERE lives OR (has AND same))
                UNION ALL
                SELECT customer_id, tag, value_text, value_number, value_amount, value_on, from_on, to_on, met_on, definition_hash
                FROM '{before}' WHERE to_on >= {d.ago(HISTORY_DAYS)}""",
            "tag_value", tag.key,
        )  # fmt: skip

    def make_tag_health(self) -> None:
        """Measure all tags: coverage, spread of values, who gained and lost them, how far the spread has shifted."""
        today, yesterday = self.days.ago(0), self.days.ago(1)
        subjects = ", ".join(f"('{t.key}', [{', '.join(repr(k) for k in t.subjects)}])" for t in TAGS)
        before = self.given.before.get("tag_health", {}).get("")
        old = (
            f"FROM '{before}'"
            if before
            else "SELECT NULL::VARCHAR AS tag, 0 AS n_subjects, 0 AS n_tagged, NULL::VARCHAR AS value_shares WHERE FALSE"
        )
        self.con.execute(
            f"""CREATE OR REPLACE TEMP TABLE measured AS
                WITH value AS (FROM '{self.out}/tag_value/*.parquet'),
                per_value AS (
                    SELECT tag, coalesce(value_text, '') AS v, count(CASE WHEN to_on IS NULL THEN 1 END) AS n,
                           count(CASE WHEN to_on IS NULL AND from_on = {today} THEN 1 END) AS n_new,
                           count(CASE WHEN to_on = {yesterday} THEN 1 END) AS n_gone, max(CASE WHEN to_on IS NULL THEN from_on END) AS last_on
                    FROM value GROUP BY ALL),
                changed AS (
                    SELECT tag, count(*) AS n FROM (SELECT tag, customer_id FROM value WHERE to_on = {yesterday}) g
                    SEMI JOIN (SELECT tag, customer_id FROM value WHERE from_on = {today}) USING (tag, customer_id) GROUP BY tag),
                summed AS (
                    SELECT tag, sum(n) AS n_tagged, count(CASE WHEN n > 0 AND v <> '' THEN 1 END) AS n_values, count(CASE WHEN n > 0 THEN 1 END) AS n_classes,
                           sum(n_new) AS n_new, sum(n_gone) AS n_gone, max(last_on) AS last_on
                    FROM per_value GROUP BY tag),
                share AS (
                    SELECT tag, v, round(n / n_tagged, 6) AS rate FROM per_value JOIN summed USING (tag)
                    WHERE n > 0 AND n_classes <= 50 AND n_values > 0),
                shares AS (
                    SELECT tag, '{{' || string_agg('"' || v || '": ' || rate, ', ' ORDER BY v) || '}}' AS value_shares, max(rate) AS top FROM share GROUP BY tag)
                SELECT tag, (SELECT sum(n) FROM kinds WHERE list_contains(s.kinds, party_kind))::BIGINT AS n_subjects,
                       coalesce(n_tagged, 0)::BIGINT AS n_tagged, coalesce(n_values, 0)::BIGINT AS n_values,
                       (coalesce(n_new, 0) - coalesce(changed.n, 0))::BIGINT AS n_gained, (coalesce(n_gone, 0) - coalesce(changed.n, 0))::BIGINT AS n_lost,
                       coalesce(changed.n, 0)::BIGINT AS n_changed, top AS top_value_share_rate, last_on AS last_change_on, value_shares
                FROM (VALUES {subjects}) s(tag, kinds) LEFT JOIN summed USING (tag) LEFT JOIN changed USING (tag) LEFT JOIN shares USING (tag)"""
        )
        self.save(
            f"""WITH old AS ({old}),
                sides AS (
                    SELECT 'now' AS side, tag, n_subjects, n_tagged, value_shares FROM measured
                    UNION ALL SELECT 'old', tag, n_subjects, n_tagged, value_shares FROM old),
                spread AS (
                    SELECT side, tag, n_subjects, unnest(map_keys(m)) AS v, unnest(map_values(m)) * n_tagged AS n
                    FROM (SELECT *, coalesce(json_transform(value_shares, '"MAP(VARCHAR, DOUBLE)"'), MAP {{'': 1.0::DOUBLE}}) AS m FROM sides)
                    UNION ALL SELECT side, tag, n_subjects, NULL, NULL FROM sides),
                bins AS (
                    SELECT side, tag, v, coalesce(n, n_subjects - sum(n) OVER (PARTITION BY side, tag)) AS n, n_subjects FROM spread),
                paired AS (
                    SELECT coalesce(a.tag, b.tag) AS tag, coalesce(a.n, 0) AS n, coalesce(b.n, 0) AS n_old, na.n_subjects AS total, nb.n_subjects AS total_old
                    FROM (FROM bins WHERE side = 'now') a FULL JOIN (FROM bins WHERE side = 'old') b
                      ON a.tag = b.tag AND a.v IS NOT DISTINCT FROM b.v
                    JOIN measured na ON na.tag = coalesce(a.tag, b.tag) JOIN old nb ON nb.tag = coalesce(a.tag, b.tag)),
                psi AS (
                    SELECT tag, sum((c - r) * ln(c / r)) AS psi
                    FROM (SELECT tag, greatest(n / total, 0.0001) AS c, greatest(n_old / total_old, 0.0001) AS r FROM paired
                          WHERE NOT (n = 0 AND n_old = 0) AND total > 0 AND total_old > 0)
                    GROUP BY tag)
                SELECT tag, {today} AS measured_on, n_subjects, n_tagged, round(n_tagged / nullif(n_subjects, 0), 6) AS coverage_rate, n_values, n_gained,
                       n_lost, n_changed, top_value_share_rate, last_change_on, value_shares, round(psi, 6) AS shift_psi
                FROM measured LEFT JOIN psi USING (tag)""",
            "tag_health",
        )  # fmt: skip

    # ── segments ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def make_segment(self, segment: SegmentSql) -> None:
        """Write the intervals of a segment, who entered, left or moved, and how it stands."""
        key, mark, today = segment.key, self.given.hashes[segment.key], self.days.ago(0)
        before = self.given.before.get("segment_member", {}).get(key)
        self.con.execute(
            f"""CREATE OR REPLACE TEMP TABLE member AS SELECT customer_id, bucket FROM
                (SELECT *, ({segment.bucket})::VARCHAR AS bucket FROM {self.subjects(segment.reads, segment.subjects)}) WHERE {segment.belongs}"""
        )
        if before is None:
            self.save(
                f"SELECT '{key}' AS segment, customer_id, bucket, {today} AS from_on, NULL::DATE AS to_on, '{mark}' AS definition_hash FROM member",
                "segment_member", key,
            )  # fmt: skip
            self.save(NO_CHANGE, "segment_change", key)
        else:
            self.con.execute(
                f"""CREATE OR REPLACE TEMP TABLE met AS
                    SELECT coalesce(n.customer_id, b.customer_id) AS customer_id, n.bucket, b.bucket AS b_bucket, b.from_on AS b_from,
                           b.definition_hash AS b_hash, n.customer_id IS NOT NULL AS is_in, b.customer_id IS NOT NULL AS was_in,
                           is_in AND was_in AND n.bucket IS NOT DISTINCT FROM b.bucket AS stays
                    FROM member n FULL JOIN (FROM '{before}' WHERE to_on IS NULL) b USING (customer_id)"""
            )
            self.save(
                f"""SELECT '{key}' AS segment, customer_id, bucket, CASE WHEN stays THEN b_from ELSE {today} END AS from_on, NULL::DATE AS to_on,
                           '{mark}' AS definition_hash FROM met WHERE is_in
                    UNION ALL SELECT '{key}', customer_id, b_bucket, b_from, {self.days.ago(1)}, b_hash FROM met WHERE was_in AND NOT stays
                    UNION ALL SELECT segment, customer_id, bucket, from_on, to_on, definition_hash FROM '{before}'
                    WHERE to_on >= {self.days.ago(HISTORY_DAYS)}""",
                "segment_member", key,
            )  # fmt: skip
            self.save(
                f"""SELECT '{key}' AS segment, customer_id, {today} AS changed_on,
                           CASE WHEN NOT was_in THEN 'entered' WHEN NOT is_in THEN 'left' ELSE 'moved' END AS change, b_bucket AS bucket_from,
                           bucket AS bucket_to FROM met WHERE NOT stays""",
                "segment_change", key,
            )  # fmt: skip
        self.make_segment_health(segment, is_first=before is None)

    def make_segment_health(self, segment: SegmentSql, *, is_first: bool) -> None:
        """Write one row on how a segment stands."""
        key = segment.key
        kinds = ", ".join(repr(k) for k in segment.subjects)
        sizes = """(SELECT '{' || coalesce(string_agg('"' || bucket || '": ' || n, ', ' ORDER BY bucket), '') || '}'
                    FROM (SELECT bucket, count(*) AS n FROM member GROUP BY bucket))"""

        def of(change: str) -> str:
            return "max(NULL::BIGINT)" if is_first else f"count(CASE WHEN change = '{change}' THEN 1 END)"

        self.save(
            f"""SELECT segment, measured_on, n_subjects, n_members, round(n_members / nullif(n_subjects, 0), 6) AS coverage_rate, n_entered, n_left, n_moved,
                       round((n_members - n_entered) / nullif(n_members - n_entered + n_left, 0), 6) AS stay_rate, bucket_sizes
                FROM (SELECT '{key}' AS segment, {self.days.ago(0)} AS measured_on,
                             coalesce((SELECT sum(n) FROM kinds WHERE party_kind IN ({kinds})), 0)::BIGINT AS n_subjects,
                             (SELECT count(*) FROM member) AS n_members, {of('entered')} AS n_entered, {of('left')} AS n_left, {of('moved')} AS n_moved,
                             {sizes if segment.has_buckets else 'NULL::VARCHAR'} AS bucket_sizes
                      FROM '{self.out}/segment_change/{key}.parquet')""",
            "segment_health", key,
        )  # fmt: skip


def main() -> None:
    """Make one night in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("given", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    Night(Given.read(options.given), options.out).run()


if __name__ == "__main__":
    main()

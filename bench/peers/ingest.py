"""The ingest peer: hand-written DuckDB SQL that types, checks and writes the simulated bank's files as zstd Parquet.

Each table is scanned three times, each time only for the columns that are needed: for rows that break a rule or refer to
nothing, for keys that come twice, and to write what is good. The few bad rows are then read once more for the quarantine.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import duckdb

from peers.ingest_tables import SHAPE, TABLES, Check, Feed, Reference, Table

MACROS = """
CREATE MACRO clean(t) AS nullif(trim(t), '');
CREATE MACRO ratio(x) AS CASE WHEN isfinite(x::DOUBLE) THEN round(x::DOUBLE, 6) END;
CREATE MACRO to_utc(moment) AS CASE WHEN moment >= TIMESTAMP '1992-01-01' THEN moment - INTERVAL 8 HOUR
                                    ELSE timezone('UTC', timezone('Asia/Shanghai', moment)) END;
CREATE MACRO day_end(day) AS to_utc(day::TIMESTAMP + INTERVAL 86399 SECOND);
CREATE MACRO eight_digits(t) AS CASE WHEN strlen(t) = 8 THEN try_strptime(t, '%Y%m%d')::DATE END;
CREATE MACRO as_plain(t) AS left(regexp_replace(t, '[0-9]{11,}', '###', 'g'), 40);
CREATE MACRO as_shape(t) AS left(regexp_replace(regexp_replace(regexp_replace(t, '[0-9]', '#', 'g'), '[A-Za-z]', 'x', 'g'),
                                 '[^#x\\s./:+_*-]', '※', 'g'), 40);
"""


@dataclass(frozen=True)
class File:
    """One delivered file: its place in the order of loading, and the feed that it belongs to."""

    number: int
    path: Path
    label: str
    day: str
    feed: Feed

    @property
    def rows(self) -> str:
        """The typed rows of the file with their place in it."""
        return (
            f"SELECT {self.feed.select}, {self.number} AS file_no, file_row_number AS row_no "
            f"FROM read_parquet('{self.path}', file_row_number=true)"
        )


def quoted(names: tuple[str, ...]) -> str:
    """Return names as identifiers."""
    return ", ".join(f'"{n}"' for n in names)


def files_of(table: Table, data: Path) -> list[File]:
    """Return the files of a table: by day, and within a day as the feeds are listed; growing tables feed by feed."""
    found = []
    for place, feed in enumerate(table.feeds):
        for path in sorted(data.glob(f"*/{feed.name}.parquet")):
            folder = path.parent.name
            day = "*" if folder == "static" else f"{folder[:4]}-{folder[4:6]}-{folder[6:]}"
            order = (place, folder) if table.name in ("event", "transaction") else (folder, place)
            found.append((order, path, f"{folder}/{path.name}", day, feed))
    found.sort(key=lambda f: str(f[0]))
    return [File(i, path, label, day, feed) for i, (_, path, label, day, feed) in enumerate(found)]


class Loading:
    """The load of one table into ``out``."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: Table, data: Path, out: Path) -> None:
        self.con, self.table, self.out = con, table, out
        self.files = files_of(table, data)
        self.key = quoted(table.key)
        self.group = f"{self.key}, file_no" if table.replaces else self.key

    def union(self, names: str, files: list[File] | None = None) -> str:
        """Return SQL for some columns of the typed rows."""
        return " UNION ALL BY NAME ".join(f"SELECT {names} FROM ({f.rows})" for f in (files or self.files))

    def load(self) -> None:
        """Find what is bad, write what is good, tell what was bad."""
        self.find_wrong()
        self.find_doubles()
        self.write_good()
        self.write_told()

    def find_wrong(self) -> None:
        """Note each row that breaks a rule of its own, or else refers to nothing: one scan."""
        known, refers = "", []
        for i, reference in enumerate(self.table.references):
            target = ", ".join(f'"{t}" AS k{j}' for j, t in enumerate(reference.target))
            on = " AND ".join(f'r."{c}" = t{i}.k{j}' for j, c in enumerate(reference.columns))
            known += f" LEFT JOIN (SELECT DISTINCT {target} FROM '{self.out}/{reference.table}.parquet') t{i} ON {on}"
            present = " AND ".join(f'r."{c}" IS NOT NULL' for c in reference.columns)
            refers.append(f"({present} AND t{i}.k0 IS NULL) AS refers_{i}")
        parts = []
        for file in self.files:
            wrong = " OR ".join(f"coalesce({c.condition}, FALSE)" for c in file.feed.checks) or "FALSE"
            columns = quoted(tuple({c: None for r in self.table.references for c in r.columns}))
            parts.append(
                f"SELECT {columns}{', ' if columns else ''}file_no, row_no, ({wrong}) AS wrong FROM ({file.rows})"
            )
        any_broken = "".join(f" OR refers_{i}" for i in range(len(refers)))
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE bad AS SELECT * FROM "
            f"(SELECT file_no, row_no, wrong, FALSE AS double{''.join(', ' + r for r in refers)} "
            f"FROM ({' UNION ALL '.join(parts)}) r{known}) WHERE wrong{any_broken}"
        )

    def find_doubles(self) -> None:
        """Note each sound row whose key came before."""
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE twice AS SELECT h FROM (SELECT hash({self.group}) AS h "
            f"FROM ({self.union(f'{self.key}, file_no')})) GROUP BY h HAVING count(*) > 1"
        )
        if not self.con.execute("SELECT count(*) FROM twice").fetchone()[0]:
            return
        more = "".join(", FALSE" for _ in self.table.references)
        self.con.execute(
            f"INSERT INTO bad SELECT file_no, row_no, FALSE, TRUE{more} FROM ({self.union(f'{self.key}, file_no, row_no')}) "
            f"WHERE hash({self.group}) IN (SELECT h FROM twice) AND (file_no, row_no) NOT IN (SELECT (file_no, row_no) FROM bad) "
            f"QUALIFY row_number() OVER (PARTITION BY {self.group} ORDER BY file_no, row_no) > 1"
        )

    def write_good(self) -> None:
        """Write the good rows: of rows that replace one another the last; versions closed by the next."""
        n_bad = self.con.execute("SELECT count(*) FROM bad").fetchone()[0]
        good = self.union("*")
        if n_bad:
            good = f"SELECT * FROM ({good}) ANTI JOIN bad USING (file_no, row_no)"
        first_day = min(f.day for f in self.files)
        later = [f for f in self.files if f.day > first_day]
        if self.table.replaces and later:
            newer = self.union(f"{self.key}, file_no, row_no", later)
            self.con.execute(
                f"CREATE OR REPLACE TEMP TABLE newer AS SELECT {self.key}, max(file_no) AS last_no "
                f"FROM ({newer}) ANTI JOIN bad USING (file_no, row_no) GROUP BY ALL"
            )
            if self.con.execute("SELECT count(*) FROM newer").fetchone()[0]:
                same = " AND ".join(f'g."{k}" = n."{k}"' for k in self.table.key)
                good = f"SELECT * FROM ({good}) g ANTI JOIN newer n ON {same} AND n.last_no > g.file_no"
        columns = self.columns()
        if self.table.closes:
            following = (
                f"lead(valid_from_on) OVER (PARTITION BY {quoted(self.table.closes)} ORDER BY valid_from_on) AS next_on"
            )
            closed = "least(nullif(valid_to_on, DATE '9999-12-31'), next_on - 1) AS valid_to_on"
            good = f"SELECT * REPLACE ({closed}) FROM (SELECT *, {following} FROM ({good}))"
        self.con.execute(
            f"COPY (SELECT {columns} FROM ({good})) TO '{self.out}/{self.table.name}.parquet' (COMPRESSION zstd)"
        )

    def columns(self) -> str:
        """Return the columns that are written; those that no file has are empty."""
        have = {r[0] for r in self.con.execute(f"DESCRIBE {self.union('*')}").fetchall()}
        names = [n.strip() for n in self.table.columns.split(",")]
        empty = {"valid_to_on": "DATE", "is_student": "BOOLEAN", "share_rate": "DOUBLE"}
        return ", ".join(n if n.strip('"') in have else f"NULL::{empty.get(n, 'VARCHAR')} AS {n}" for n in names)

    def write_told(self) -> None:
        """Add the quarantine rows and the counts of the files; only the bad rows of a file are taken out of it."""
        for file in self.files:
            n_bad = self.con.execute(f"SELECT count(*) FROM bad WHERE file_no = {file.number}").fetchone()[0]
            self.con.execute(
                f"INSERT INTO load_count SELECT '{self.table.name}', '{file.day}', '{file.label}', num_rows, num_rows - {n_bad}, {n_bad}, 0 "
                f"FROM parquet_file_metadata('{file.path}')"
            )
            if n_bad:
                self.tell(file)

    def tell(self, file: File) -> None:
        """Add the quarantine rows of one file."""
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE picked AS SELECT * FROM read_parquet('{file.path}', file_row_number=true) "
            f"WHERE file_row_number IN (SELECT row_no FROM bad WHERE file_no = {file.number})"
        )
        raw = [r[0] for r in self.con.execute("DESCRIBE picked").fetchall() if r[0] != "file_row_number"]
        sealed = ", ".join(f"'{c}': \"{c}\"" for c in raw)
        rows = (
            f"SELECT * FROM (SELECT *, to_json({{{sealed}}})::VARCHAR AS row_sealed, file_row_number AS row_no, {file.feed.select} "
            f"FROM picked) JOIN (FROM bad WHERE file_no = {file.number}) USING (row_no)"
        )
        told = [self.told(file, rows, *fault) for fault in self.faults(file.feed)]
        self.con.execute(f"INSERT INTO quarantine {' UNION ALL '.join(told)}")

    def faults(self, feed: Feed) -> list[tuple[str, str, str, str]]:
        """Return (rule, column, condition, value shown) of everything that may be told of a row."""
        found = [(c.rule, c.column, f"wrong AND ({c.condition})", shown(c)) for c in feed.checks]
        key = " || ', ' || ".join(
            masked(f'"{k}"::VARCHAR', m) for k, m in zip(self.table.key, self.table.key_masks, strict=True)
        )
        found.append(("duplicate_key", ", ".join(self.table.key), "double", key))
        for i, r in enumerate(self.table.references):
            found.append(("broken_reference", ", ".join(r.columns), f"NOT wrong AND refers_{i}", referred(r)))
        return found

    def told(self, file: File, rows: str, rule: str, column: str, condition: str, value: str) -> str:
        """Return SQL for the quarantine rows of one fault of one file."""
        return (
            f"SELECT '{self.table.name}', '{file.day}', '{file.label}', row_no + 1, '{rule}', '{column}', {value}, row_sealed "
            f"FROM ({rows}) WHERE {condition}"
        )


def masked(value: str, mask: str) -> str:
    """Return SQL that shows a value without telling whose it is."""
    return f"as_shape({value})" if mask == SHAPE else f"as_plain({value})"


def shown(check: Check) -> str:
    """Return SQL for the value of a check."""
    return masked(f"({check.shown})::VARCHAR", check.mask)


def referred(reference: Reference) -> str:
    """Return SQL for the values of a reference."""
    pairs = zip(reference.columns, reference.masks, strict=True)
    return " || ', ' || ".join(masked(f'"{c}"::VARCHAR', m) for c, m in pairs)


def ingest(data: Path, out: Path, *, threads: int = 2, memory: str = "3GB") -> None:
    """Load all tables of ``data`` into ``out``."""
    out.mkdir(parents=True)
    con = duckdb.connect(
        ":memory:", config={"threads": threads, "memory_limit": memory, "temp_directory": str(out / "spill")}
    )
    con.execute(MACROS)
    con.execute(
        "CREATE TABLE quarantine (table_name VARCHAR, batch VARCHAR, file VARCHAR, row_number BIGINT, rule VARCHAR, "
        "column_name VARCHAR, value_masked VARCHAR, row_sealed VARCHAR)"
    )
    con.execute(
        "CREATE TABLE load_count (table_name VARCHAR, batch VARCHAR, file VARCHAR, n_read BIGINT, n_loaded BIGINT, "
        "n_quarantined BIGINT, n_skipped BIGINT)"
    )
    for table in TABLES:
        Loading(con, table, data, out).load()
    for name in ("quarantine", "load_count"):
        con.execute(f"COPY {name} TO '{out}/{name}.parquet' (COMPRESSION zstd)")
    con.close()


def main() -> None:
    """Load a bank's data folder in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    ingest(options.data, options.out)


if __name__ == "__main__":
    main()
